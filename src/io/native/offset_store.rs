//! Where a source keeps its positions: in the workers' topic, or in a topic of its own and then in the workers' as well
//! (`ConnectorOffsetBackingStore`, KIP-618).
//!
//! Of the two the connector's own is the only one that is asked: that it has nothing goes over what the workers' topic has.
//! [`crate::plan::OwnOffsets`] says why.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::clients::{self, Client};
use super::host::Shared;
use super::offset_writer::{Entry, OffsetWriter};
use super::settings::WorkerSettings;
use super::source_offsets::SourceOffsets;
use super::task::{Context, TaskError, apart, patiently};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::producer::{ProduceError, ProducerSettings};
use crate::io::storage_topics::{self, Outcome};
use crate::model::properties::Properties;
use crate::model::worker_config::{Isolation, OWN_TOPIC, StorageRole, StorageTopic};
use crate::plan::storage_topics::TopicFault;

/// The offsets of one task's connector.
#[derive(Debug)]
pub(super) struct OffsetStore {
    host: Arc<Shared>,
    own: Option<Own>,
    /// The last write to the workers' topic, which follows the one to the connector's own.
    following: JoinSet<()>,
}

#[derive(Debug)]
struct Own {
    offsets: SourceOffsets,
    writer: OffsetWriter,
    is_workers: bool,
}

/// An offset topic that a connector names, and the connector's own clients by which it is reached.
#[derive(Debug)]
pub(super) struct OwnTopic {
    topic: StorageTopic,
    producer: Cluster,
    writing: ProducerSettings,
    consumer: Cluster,
    admin: Cluster,
    isolation: Isolation,
    /// It is that of the workers, so that one write is enough.
    is_workers: bool,
}

impl OwnTopic {
    /// Returns the topic that the connector names; nothing is connected yet. `task`: whose clients they are. It reads key
    /// stores, and may wait for their disk.
    pub(super) fn of(
        settings: &WorkerSettings,
        config: &IndexMap<String, String>,
        connector: &str,
        task: Option<u32>,
    ) -> Result<Option<Self>, TaskError> {
        let name = config.get(OWN_TOPIC).map_or("", |name| name.trim());
        if name.is_empty() {
            return Ok(None);
        }
        let client = |client| clients::properties(client, settings, config, connector, task);
        let producer = client(Client::Producer)?;
        let mut topic = StorageTopic::from_properties(StorageRole::Offset, &settings.worker)?;
        let is_workers = topic.name == name && servers(&producer) == servers(&settings.worker);
        name.clone_into(&mut topic.name);
        Ok(Some(Self {
            topic,
            producer: clients::cluster(&producer, settings)?,
            writing: ProducerSettings::from_properties(&producer)?,
            consumer: clients::cluster(&client(Client::Consumer)?, settings)?,
            admin: clients::cluster(&client(Client::Admin)?, settings)?,
            isolation: settings.isolations.of_own_topic(config),
            is_workers,
        }))
    }

    /// Makes the topic where it is missing, as the worker makes its own; returns why it cannot be used.
    async fn ensure(&self) -> Result<Option<String>, KafkaError> {
        let topics = std::slice::from_ref(&self.topic);
        let ensured = storage_topics::ensure(&self.admin, topics, false).await?;
        Ok(ensured
            .into_iter()
            .find_map(|ensured| match ensured.outcome {
                Outcome::Refused(refusal) => {
                    Some(format!("it cannot be made: {refusal}; {}", refusal.hint()))
                }
                Outcome::Missing => Some("it is missing and was not made".to_owned()),
                Outcome::Created(judgement) | Outcome::Existed(judgement) => {
                    let faults = judgement.faults.iter();
                    let fatal =
                        |fault: &&TopicFault| matches!(fault, TopicFault::CleanupPolicy { .. });
                    faults.filter(fatal).map(ToString::to_string).next()
                }
            }))
    }

    /// Reads the topic, which exists.
    async fn read(&self) -> Result<SourceOffsets, KafkaError> {
        SourceOffsets::start(&self.consumer, &self.topic.name, self.isolation).await
    }

    /// Reads the topic; `None`: there is none.
    pub(super) async fn look(&self) -> Result<Option<SourceOffsets>, KafkaError> {
        let names = std::slice::from_ref(&self.topic.name);
        let found = storage_topics::look(&self.consumer, names).await?;
        if matches!(
            found.get(&self.topic.name),
            Some(storage_topics::Found::Missing)
        ) {
            return Ok(None);
        }
        Ok(Some(self.read().await?))
    }

    pub(super) fn is_workers(&self) -> bool {
        self.is_workers
    }

    fn writer(&self) -> OffsetWriter {
        OffsetWriter::start(&self.producer, &self.topic.name, self.writing.clone())
    }
}

impl OffsetStore {
    /// Makes the store ready, with a topic of the connector's own when it names one; `None`: the task was told to stop
    /// before it was.
    pub(super) async fn start(context: &Context) -> Result<Option<Self>, TaskError> {
        let Some(named) = own_topic(context).await? else {
            return Ok(None);
        };
        let own = match named {
            None => None,
            Some(topic) => {
                match patiently(context, || topic.ensure()).await? {
                    None => return Ok(None),
                    Some(None) => {}
                    Some(Some(reason)) => {
                        let topic = topic.topic.name;
                        return Err(TaskError::OffsetTopic { topic, reason });
                    }
                }
                let Some(offsets) = patiently(context, || topic.read()).await? else {
                    return Ok(None);
                };
                Some(Own {
                    offsets,
                    // Not before the topic is there: a producer's first look at a topic may create it, as the broker likes.
                    writer: topic.writer(),
                    is_workers: topic.is_workers,
                })
            }
        };
        Ok(Some(Self {
            host: Arc::clone(&context.host),
            own,
            following: JoinSet::new(),
        }))
    }

    /// Returns the value of a key, byte for byte, as it is now.
    pub(super) async fn value(&self, key: &[u8]) -> Result<Option<bytes::Bytes>, KafkaError> {
        let own = self.own.as_ref().map(|own| &own.offsets);
        own.unwrap_or(&self.host.offsets).value(key).await
    }

    /// Writes a position; the receiver is told when it is there.
    ///
    /// What comes of the second write, to the workers' topic, is logged and no more: it is not read as long as the connector
    /// has a topic of its own.
    pub(super) fn write(&mut self, entry: Entry) -> oneshot::Receiver<Result<(), ProduceError>> {
        let Some(own) = &self.own else {
            return self.host.offset_writer.write(vec![entry]);
        };
        let first = own.writer.write(vec![entry.clone()]);
        if own.is_workers {
            return first;
        }
        // What may still wait there is older than this.
        self.following.abort_all();
        let (mut done, told) = oneshot::channel();
        let host = Arc::clone(&self.host);
        self.following.spawn(async move {
            let outcome = tokio::select! {
                outcome = first => outcome,
                // It was given up, and will be written with the next one.
                () = done.closed() => return,
            };
            // Else the writer has ended, which dropping `done` tells.
            let Ok(outcome) = outcome else { return };
            let is_written = outcome.is_ok();
            // Who gave the write up does not listen.
            let _ = done.send(outcome);
            if is_written && let Ok(Err(error)) = host.offset_writer.write(vec![entry]).await {
                tracing::warn!(%error, "a position is in the connector's own offset topic only");
            }
        });
        told
    }

    /// Waits for the write to the workers' topic, but not for ever.
    pub(super) async fn settle(&mut self, until: Instant) {
        let last = async { while self.following.join_next().await.is_some() {} };
        if tokio::time::timeout_at(until, last).await.is_err() {
            tracing::warn!("the last position is in the connector's own offset topic only");
        }
    }
}

/// Returns the topic that the task's connector names; `None`: the task was told to stop meanwhile.
async fn own_topic(context: &Context) -> Result<Option<Option<OwnTopic>>, TaskError> {
    let (host, spec) = (Arc::clone(&context.host), &context.spec);
    let (connector, task) = (spec.connector.clone(), spec.task);
    let config = context.connector_config.clone();
    let read = move || OwnTopic::of(&host.settings, &config, &connector, Some(task));
    apart(context, read).await
}

/// Returns the servers of a client as a set, as `Worker.sameOffsetTopicAsWorker` compares them.
fn servers(client: &Properties) -> HashSet<&str> {
    let servers = client.get("bootstrap.servers").map_or("", String::as_str);
    servers.split(',').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Option<OwnTopic> {
        let text = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let worker = [
            ("bootstrap.servers", "a:1,b:2"),
            ("offset.storage.topic", "workers"),
            ("offset.storage.partitions", "7"),
            ("offset.storage.replication.factor", "2"),
            ("offset.storage.segment.bytes", "9"),
        ];
        let worker = worker.iter().map(text).collect();
        let settings = WorkerSettings::read(&worker).unwrap();
        let config = pairs.iter().map(text).collect();
        OwnTopic::of(&settings, &config, "c", Some(0)).unwrap()
    }

    #[test]
    fn a_topic_of_its_own_is_made_as_the_workers_make_theirs() {
        assert!(of(&[]).is_none());
        assert!(of(&[(OWN_TOPIC, " ")]).is_none());
        let own = of(&[(OWN_TOPIC, " own ")]).unwrap();
        let sizes = (own.topic.partitions, own.topic.replication_factor);
        assert_eq!((&*own.topic.name, sizes), ("own", (7, 2)));
        let configs = own.topic.configs.iter();
        let configs: Vec<_> = configs.map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(
            configs,
            [("cleanup.policy", "compact"), ("segment.bytes", "9")]
        );
        assert_eq!(own.isolation, Isolation::ReadCommitted);
        assert!(!own.is_workers);
    }

    #[test]
    fn the_workers_topic_is_written_once_unless_it_is_in_another_kafka() {
        let workers = (OWN_TOPIC, "workers");
        assert!(of(&[workers]).unwrap().is_workers);
        let servers = |value| ("producer.override.bootstrap.servers", value);
        assert!(of(&[workers, servers("b:2 , a:1")]).unwrap().is_workers);
        assert!(!of(&[workers, servers("a:1")]).unwrap().is_workers);
    }
}
