//! Settings of topics and brokers, read and changed.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::retry::Items;
use crate::protocol::errors;

/// Resource types of the protocol (`ConfigResource.Type`).
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Operation of IncrementalAlterConfigs (`AlterConfigOp.OpType`).
const SET: i8 = 0;

/// How long altered settings are waited for, and how often they are looked at.
const VISIBLE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(50);

/// One setting as DescribeConfigs tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// `None` for a sensitive setting, and for one without a value.
    pub value: Option<String>,
    pub source: ConfigSource,
    pub read_only: bool,
    pub sensitive: bool,
}

/// Where a value comes from (`DescribeConfigsResponse.ConfigSource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set on the topic itself.
    Topic,
    /// Set on the broker or for all brokers, at run time or in its properties file.
    Broker,
    /// Nobody set it.
    Default,
    /// A source this version does not know, by its number.
    Other(i8),
}

impl ConfigSource {
    fn of(code: i8) -> Self {
        match code {
            1 => Self::Topic,
            2..=4 => Self::Broker,
            5 => Self::Default,
            other => Self::Other(other),
        }
    }
}

/// The settings of one resource by name.
pub type Configs = BTreeMap<String, ConfigEntry>;

impl Cluster {
    /// Reads all settings of topics; each topic has its own outcome.
    pub async fn topic_configs(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Result<Configs, BrokerError>>, KafkaError> {
        let mut items = Items::of(names);
        let mut retry = self.retry();
        loop {
            let round = self.configs_round(&mut items, retry.deadline()).await;
            if !items.again(round, &mut retry).await? {
                return Ok(items.finish());
            }
        }
    }

    async fn configs_round(
        &self,
        items: &mut Items<Configs>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        let names = items.open();
        if names.is_empty() {
            return Ok(());
        }
        let connection = self.any(deadline).await?;
        let resources = names.into_iter().map(|name| resource(TOPIC, name));
        let request = DescribeConfigsRequest::default().with_resources(resources.collect());
        let response = connection.call(&request, i16::MAX, deadline).await?;
        for result in response.results {
            let name = result.resource_name.to_string();
            items.settle(&name, read(result, Resource::topic(&name)));
        }
        Ok(())
    }

    /// Reads all settings of one broker, asked at that broker.
    pub async fn broker_configs(&self, id: i32) -> Result<Configs, KafkaError> {
        let mut retry = self.retry();
        loop {
            match self.broker_configs_once(id, retry.deadline()).await {
                Ok(configs) => return Ok(configs),
                Err(error) => retry.pause_if_transient(error).await?,
            }
        }
    }

    async fn broker_configs_once(&self, id: i32, deadline: Instant) -> Result<Configs, KafkaError> {
        let connection = self.broker(id, deadline).await?;
        let request = DescribeConfigsRequest::default()
            .with_resources(vec![resource(BROKER, id.to_string())]);
        let response = connection.call(&request, i16::MAX, deadline).await?;
        let result = response.results.into_iter().next().ok_or_else(|| {
            KafkaError::protocol(connection.address(), "DescribeConfigs without a result")
        })?;
        Ok(read(result, Resource::Broker(id))?)
    }

    /// Sets settings of one topic and leaves its other settings alone.
    ///
    /// Returns when the broker asked shows the new values: brokers learn of them a moment after the controller accepted them.
    pub async fn alter_topic_configs(
        &self,
        topic: &str,
        set: &BTreeMap<String, String>,
    ) -> Result<(), KafkaError> {
        let mut retry = self.retry();
        loop {
            match self.alter_once(topic, set, retry.deadline()).await {
                Ok(()) => break,
                Err(error) => retry.pause_if_transient(error).await?,
            }
            self.metadata(Some(Vec::new()), retry.deadline()).await?;
        }
        self.await_configs(topic, set).await
    }

    /// Waits until the values are visible. A value that the broker writes in another way, `gzip` for ` gzip`, is never
    /// equal to ours: that is no reason to wait for long, nor to fail.
    async fn await_configs(
        &self,
        topic: &str,
        set: &BTreeMap<String, String>,
    ) -> Result<(), KafkaError> {
        let given_up = Instant::now() + VISIBLE.min(self.settings().timeout);
        let names = [topic.to_owned()];
        loop {
            let found = self.topic_configs(&names).await?;
            let configs = found.get(topic).and_then(|configs| configs.as_ref().ok());
            let visible = configs.is_none_or(|configs| {
                set.iter().all(|(name, value)| {
                    let entry = configs.get(name);
                    entry.is_some_and(|entry| entry.value.as_ref() == Some(value))
                })
            });
            if visible || Instant::now() >= given_up {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn alter_once(
        &self,
        topic: &str,
        set: &BTreeMap<String, String>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        let connection = self.controller(deadline).await?;
        let configs = set.iter().map(|(name, value)| {
            AlterableConfig::default()
                .with_name(StrBytes::from_string(name.clone()))
                .with_config_operation(SET)
                .with_value(Some(StrBytes::from_string(value.clone())))
        });
        let altered = AlterConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(StrBytes::from_string(topic.to_owned()))
            .with_configs(configs.collect());
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![altered]);
        let response = connection.call(&request, i16::MAX, deadline).await?;
        let result = response.responses.into_iter().next().ok_or_else(|| {
            KafkaError::protocol(
                connection.address(),
                "IncrementalAlterConfigs without a result",
            )
        })?;
        if result.error_code == errors::NONE {
            return Ok(());
        }
        let resource = Resource::topic(topic);
        let error = BrokerError::new("IncrementalAlterConfigs", resource, result.error_code);
        Err(error.with_message(result.error_message.as_deref()).into())
    }
}

fn resource(kind: i8, name: String) -> DescribeConfigsResource {
    DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(StrBytes::from_string(name))
        .with_configuration_keys(None)
}

fn read(result: DescribeConfigsResult, resource: Resource) -> Result<Configs, BrokerError> {
    if result.error_code != errors::NONE {
        let error = BrokerError::new("DescribeConfigs", resource, result.error_code);
        return Err(error.with_message(result.error_message.as_deref()));
    }
    Ok(result.configs.into_iter().map(entry).collect())
}

fn entry(config: DescribeConfigsResourceResult) -> (String, ConfigEntry) {
    let entry = ConfigEntry {
        value: config.value.map(|value| value.to_string()),
        source: ConfigSource::of(config.config_source),
        read_only: config.read_only,
        sensitive: config.is_sensitive,
    };
    (config.name.to_string(), entry)
}
