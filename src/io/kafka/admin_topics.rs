//! Topics created and deleted, each with its own outcome.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::{Cluster, TopicDescription, described, topic_name};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::retry::Items;
use crate::protocol::errors;

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    /// At least 1, or -1 for the broker's default.
    pub partitions: i32,
    /// At least 1, or -1 for the broker's default.
    pub replication_factor: i16,
    pub configs: BTreeMap<String, String>,
}

impl Cluster {
    /// Creates topics, or with `validate_only` asks whether they could be created; each topic has its own outcome.
    ///
    /// Returns when every created topic has leaders, so that it can be written to at once. A topic that exists is
    /// `TOPIC_ALREADY_EXISTS`, also when a first attempt that seemed to fail had created it.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<BTreeMap<String, Result<(), BrokerError>>, KafkaError> {
        let mut items = Items::of(topics.iter().map(|topic| &topic.name));
        let mut retry = self.retry();
        loop {
            let wanted: Vec<&NewTopic> = topics.iter().filter(|t| items.is_open(&t.name)).collect();
            let round = self
                .create_round(&wanted, validate_only, &mut items, retry.deadline())
                .await;
            if !items.again(round, &mut retry).await? {
                break;
            }
            self.refresh_controller(retry.deadline()).await;
        }
        let outcomes = items.finish();
        if !validate_only {
            let created = outcomes.iter().filter(|(_, outcome)| outcome.is_ok());
            self.await_leaders(created.map(|(name, _)| name.clone()).collect())
                .await?;
        }
        Ok(outcomes)
    }

    /// Creates one topic unless it is there.
    pub(in crate::io) async fn create_if_missing(
        &self,
        topic: &NewTopic,
    ) -> Result<(), KafkaError> {
        let found = self.topics(Some(std::slice::from_ref(&topic.name))).await?;
        let is_there = |found: &TopicDescription| found.error.is_none();
        if found.get(&topic.name).is_some_and(is_there) {
            return Ok(());
        }
        let created = self
            .create_topics(std::slice::from_ref(topic), false)
            .await?;
        match created.into_values().next() {
            Some(Err(error)) if !error.is(errors::TOPIC_ALREADY_EXISTS) => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn create_round(
        &self,
        topics: &[&NewTopic],
        validate_only: bool,
        items: &mut Items<()>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        if topics.is_empty() {
            return Ok(());
        }
        let connection = self.controller(deadline).await?;
        let request = CreateTopicsRequest::default()
            .with_topics(topics.iter().map(|topic| creatable(topic)).collect())
            .with_timeout_ms(millis_until(deadline))
            .with_validate_only(validate_only);
        let response = connection.call(&request, i16::MAX, deadline).await?;
        for result in response.topics {
            let name = result.name.to_string();
            let outcome = outcome(
                "CreateTopics",
                &name,
                result.error_code,
                result.error_message.as_ref(),
            );
            items.settle(&name, outcome);
        }
        Ok(())
    }

    /// Deletes topics, each with its own outcome.
    pub async fn delete_topics(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Result<(), BrokerError>>, KafkaError> {
        let mut items = Items::of(names);
        let mut retry = self.retry();
        loop {
            let round = self.delete_round(&mut items, retry.deadline()).await;
            if !items.again(round, &mut retry).await? {
                return Ok(items.finish());
            }
            self.refresh_controller(retry.deadline()).await;
        }
    }

    async fn delete_round(
        &self,
        items: &mut Items<()>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        let names = items.open();
        if names.is_empty() {
            return Ok(());
        }
        let connection = self.controller(deadline).await?;
        let version = connection.version::<DeleteTopicsRequest>(i16::MAX)?;
        let request = DeleteTopicsRequest::default().with_timeout_ms(millis_until(deadline));
        let names = names.into_iter().map(topic_name);
        // From version 6 on a topic can also be named by its id.
        let request = if version >= 6 {
            let states = names.map(|name| DeleteTopicState::default().with_name(Some(name)));
            request.with_topics(states.collect())
        } else {
            request.with_topic_names(names.collect())
        };
        let response = connection.request(&request, version, deadline).await?;
        for result in response.responses {
            if let Some(name) = result.name {
                let outcome = outcome(
                    "DeleteTopics",
                    &name,
                    result.error_code,
                    result.error_message.as_ref(),
                );
                items.settle(&name, outcome);
            }
        }
        Ok(())
    }

    /// Looks again who the controller is; a failure shows at the next attempt.
    async fn refresh_controller(&self, deadline: Instant) {
        let refreshed = self.metadata(Some(Vec::new()), deadline).await;
        if let Err(error) = refreshed {
            tracing::debug!(%error, "the controller is not known");
        }
    }

    /// Waits until every partition of the topics has a leader.
    async fn await_leaders(&self, names: Vec<String>) -> Result<(), KafkaError> {
        let mut retry = self.retry();
        let mut waiting: BTreeSet<String> = names.into_iter().collect();
        while !waiting.is_empty() {
            let names = waiting.iter().cloned().collect();
            let error = match self.metadata(Some(names), retry.deadline()).await {
                Ok(response) => {
                    for (name, topic) in described(response) {
                        if is_led(&topic) {
                            waiting.remove(&name);
                        }
                    }
                    let Some(name) = waiting.first() else { break };
                    let resource = Resource::topic(name);
                    BrokerError::new("Metadata", resource, errors::LEADER_NOT_AVAILABLE).into()
                }
                Err(error) => error,
            };
            retry.pause_if_transient(error).await?;
        }
        Ok(())
    }
}

fn is_led(topic: &TopicDescription) -> bool {
    topic.error.is_none()
        && !topic.partitions.is_empty()
        && topic.partitions.values().all(|p| p.leader.is_some())
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let configs = topic.configs.iter().map(|(name, value)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_value(Some(StrBytes::from_string(value.clone())))
    });
    CreatableTopic::default()
        .with_name(topic_name(topic.name.clone()))
        .with_num_partitions(topic.partitions)
        .with_replication_factor(topic.replication_factor)
        .with_configs(configs.collect())
}

fn outcome(
    operation: &'static str,
    topic: &str,
    code: i16,
    message: Option<&StrBytes>,
) -> Result<(), BrokerError> {
    if code == errors::NONE {
        return Ok(());
    }
    Err(BrokerError::new(operation, Resource::topic(topic), code)
        .with_message(message.map(StrBytes::as_str)))
}

/// Returns the time left as brokers take it, at least 1 ms.
pub(super) fn millis_until(deadline: Instant) -> i32 {
    let left = deadline.saturating_duration_since(Instant::now());
    i32::try_from(left.as_millis()).unwrap_or(i32::MAX).max(1)
}
