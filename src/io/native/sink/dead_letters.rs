//! Records that could not be converted, kept in a topic of their own (`DeadLetterQueueReporter`).

use std::collections::BTreeMap;

use bytes::Bytes;
use indexmap::IndexMap;
use tokio::time::Instant;

use super::super::task::TaskError;
use super::put::Failure;
use crate::io::kafka::admin_topics::NewTopic;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::producer::{Delivery, ProduceError, Producer, ProducerSettings, TopicHandle};
use crate::model::properties::Properties;
use crate::protocol::record_batch::{NewHeader, NewRecord, Record};

const PREFIX: &str = "errors.deadletterqueue.";

/// The queue, and what is on its way there.
#[derive(Debug)]
pub(super) struct DeadLetters {
    producer: Producer,
    topic: TopicHandle,
    name: String,
    with_context: bool,
    /// Before the topic's partitions are known.
    waiting: Vec<Letter>,
}

/// A record with what is to be known about it.
#[derive(Debug)]
pub(super) struct Letter {
    timestamp: i64,
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<(Bytes, Option<Bytes>)>,
}

impl DeadLetters {
    /// Returns the topic that the options name.
    pub(super) fn topic_of(config: &IndexMap<String, String>) -> Option<String> {
        let topic = config.get(&format!("{PREFIX}topic.name"))?.trim();
        (!topic.is_empty()).then(|| topic.to_owned())
    }

    /// Does not connect yet; the topic must be made where it is missing.
    pub(super) fn new(
        topic: String,
        config: &IndexMap<String, String>,
        cluster: &Cluster,
        producer: &Properties,
    ) -> Result<Self, TaskError> {
        let mut producer = Producer::new(cluster, ProducerSettings::from_properties(producer)?);
        let with_context = config
            .get(&format!("{PREFIX}context.headers.enable"))
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        Ok(Self {
            topic: producer.topic(&topic),
            producer,
            name: topic,
            with_context,
            waiting: Vec::new(),
        })
    }

    pub(super) fn topic(&self) -> &str {
        &self.name
    }

    /// True when letters say why they are there.
    pub(super) fn writes_context(&self) -> bool {
        self.with_context
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.is_empty() && self.producer.has_room()
    }

    pub(super) fn add(&mut self, letters: Vec<Letter>) {
        self.waiting.extend(letters);
        self.push();
        if !self.waiting.is_empty() {
            // What was refused before may be allowed by now.
            self.producer.look_again();
        }
    }

    fn push(&mut self) {
        if !self.producer.is_known(self.topic) {
            return;
        }
        for letter in std::mem::take(&mut self.waiting) {
            let headers: Vec<_> = letter
                .headers
                .iter()
                .map(|(key, value)| NewHeader {
                    key,
                    value: value.as_deref(),
                })
                .collect();
            let record = NewRecord {
                timestamp: letter.timestamp,
                key: letter.key.as_deref(),
                value: letter.value.as_deref(),
                headers: &headers,
            };
            if let Err(error) = self.producer.push(self.topic, None, 0, &record) {
                self.lost(&error);
            }
        }
    }

    /// True when every letter that was added is acknowledged, or given up.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.producer.is_idle()
    }

    /// Sends what there is without waiting for more.
    pub(super) fn hurry(&mut self) {
        self.producer.hurry();
    }

    /// Waits for the acknowledgement of everything that was added, but not for ever.
    pub(super) async fn drain(&mut self, deadline: Instant) {
        self.hurry();
        while !self.is_idle() {
            if tokio::time::timeout_at(deadline, self.next())
                .await
                .is_err()
            {
                tracing::error!(
                    topic = self.name,
                    "the dead letter queue did not take its records in time"
                );
                return;
            }
        }
    }

    async fn next(&mut self) {
        self.push();
        if self.is_idle() {
            return std::future::pending().await;
        }
        let delivery = self.producer.next().await;
        self.push();
        self.give_up_refused();
        if let Some(Delivery::Lost { error, .. }) = delivery {
            self.lost(&error);
        }
    }

    /// The sink would wait for ever behind letters for a topic that the cluster does not show.
    fn give_up_refused(&mut self) {
        if let Some(error) = self.producer.refusal(self.topic)
            && !self.waiting.is_empty()
        {
            let records = self.waiting.len();
            self.waiting.clear();
            tracing::error!(topic = self.name, records, %error, "could not write to the dead letter queue");
        }
    }

    /// As on a JVM, a dead letter that cannot be written is told of and no more.
    fn lost(&self, error: &ProduceError) {
        tracing::error!(topic = self.name, %error, "could not write to the dead letter queue");
    }
}

/// Moves letters on; waits for ever when there are none.
pub(super) async fn next(letters: &mut Option<DeadLetters>) {
    match letters {
        Some(letters) => letters.next().await,
        None => std::future::pending().await,
    }
}

/// Returns the topic as it is made where it is missing.
pub(super) fn new_topic(
    topic: &str,
    config: &IndexMap<String, String>,
) -> Result<NewTopic, TaskError> {
    let key = format!("{PREFIX}topic.replication.factor");
    let factor = config.get(&key).map_or("3", |value| value.trim());
    let replication_factor = factor
        .parse()
        .map_err(|_| TaskError::TopicCreation { key })?;
    Ok(NewTopic {
        name: topic.to_owned(),
        partitions: 1,
        replication_factor,
        configs: BTreeMap::new(),
    })
}

/// Returns the letter of a record; with its context when the connector and the task are given.
pub(super) fn letter(
    topic: &str,
    partition: i32,
    record: &Record,
    failure: &Failure,
    context: Option<(&str, u32)>,
) -> Letter {
    let own = record.headers.iter();
    let mut headers: Vec<_> = own
        .map(|header| (header.key.clone(), header.value.clone()))
        .collect();
    if let Some((connector, task)) = context {
        let mut add = |name: &str, value: Option<String>| {
            let key = Bytes::from(format!("__connect.errors.{name}"));
            headers.push((key, value.map(Bytes::from)));
        };
        add("topic", Some(topic.to_owned()));
        add("partition", Some(partition.to_string()));
        add("offset", Some(record.offset.to_string()));
        add("connector.name", Some(connector.to_owned()));
        add("task.id", Some(task.to_string()));
        add("stage", Some(failure.stage.name().to_owned()));
        add("class.name", Some(failure.class.clone()));
        add(
            "exception.class.name",
            Some(failure.error.class().to_owned()),
        );
        add(
            "exception.message",
            failure.error.message().map(str::to_owned),
        );
        add("exception.stacktrace", Some(failure.error.stack_trace()));
    }
    Letter {
        timestamp: record.timestamp,
        key: record.key.clone(),
        value: record.value.clone(),
        headers,
    }
}
