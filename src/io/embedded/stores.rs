//! The three storage topics as a worker reads them: to the end, on from there, and folded.

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::log::{Isolation, LogReader};
use crate::io::kafka::offsets::OffsetSpec;
use crate::model::storage_records::{ConfigState, Status, StatusRecord, StorageRecordError};
use crate::plan::StoredOffsets;
use crate::plan::offset_fold::OffsetFold;
use crate::worker::config_log::ConfigLog;
use std::collections::BTreeMap;

/// A worker reads records of open transactions only when its exactly-once support is off; what is committed holds either way.
const ISOLATION: Isolation = Isolation::ReadCommitted;

/// The config topic.
#[derive(Debug)]
pub(in crate::io) struct ConfigStore {
    log: LogReader,
    configs: ConfigLog,
}

impl ConfigStore {
    pub(in crate::io) fn new(cluster: &Cluster, topic: &str) -> Self {
        Self {
            log: LogReader::new(cluster, topic, ISOLATION),
            configs: ConfigLog::new(topic),
        }
    }

    pub(in crate::io) fn state(&self) -> &ConfigState {
        self.configs.state()
    }

    /// Reads to the end and returns how many records came.
    pub(in crate::io) async fn catch_up(&mut self) -> Result<u64, KafkaError> {
        let configs = &mut self.configs;
        let read = self.log.read_to_end(|_, record| {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            if let Err(ignored) = configs.read(record.offset, key, value) {
                tracing::warn!("{ignored}");
            }
        });
        Ok(read.await?.records())
    }
}

/// The offset topic.
#[derive(Debug)]
pub(in crate::io) struct OffsetStore {
    topic: String,
    log: LogReader,
    fold: OffsetFold,
    partitions: i32,
}

impl OffsetStore {
    pub(in crate::io) async fn open(cluster: &Cluster, topic: &str) -> Result<Self, KafkaError> {
        let partitions = cluster.offsets(topic, OffsetSpec::Latest).await?.len();
        let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
        Ok(Self {
            topic: topic.to_owned(),
            log: LogReader::new(cluster, topic, ISOLATION),
            fold: OffsetFold::new(partitions),
            partitions,
        })
    }

    /// Reads to the end and returns how many records came.
    pub(in crate::io) async fn catch_up(&mut self) -> Result<u64, KafkaError> {
        let (fold, topic) = (&mut self.fold, &self.topic);
        let read = self.log.read_to_end(|partition, record| {
            if record.key.is_none() {
                let offset = record.offset;
                tracing::warn!(
                    topic,
                    partition,
                    offset,
                    "a record without a key is ignored"
                );
            }
            let (key, value) = (record.key, record.value);
            fold.record(partition, record.offset, record.timestamp, key, value);
        });
        Ok(read.await?.records())
    }

    pub(super) fn partitions(&self) -> i32 {
        self.partitions
    }

    /// Returns what a worker finds under every key.
    pub(super) fn finish(self) -> StoredOffsets {
        self.fold.finish()
    }
}

/// The status topic: the last status of every connector and task.
#[derive(Debug, Default, Clone)]
pub(in crate::io) struct Statuses {
    pub(super) connectors: BTreeMap<String, Status>,
    pub(super) tasks: BTreeMap<(String, i32), Status>,
}

impl Statuses {
    /// Reads the topic and returns it with the number of its records.
    pub(in crate::io) async fn read(
        cluster: &Cluster,
        topic: &str,
    ) -> Result<(Self, u64), KafkaError> {
        let mut statuses = Self::default();
        let mut log = LogReader::new(cluster, topic, ISOLATION);
        let read = log.read_to_end(|partition, record| {
            let key = record.key.as_deref().unwrap_or_default();
            if let Err(reason) = statuses.apply(key, record.value.as_deref()) {
                let offset = record.offset;
                tracing::warn!(topic, partition, offset, %reason, "a record of the status topic is ignored");
            }
        });
        let records = read.await?.records();
        Ok((statuses, records))
    }

    fn apply(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StorageRecordError> {
        match StatusRecord::parse(key, value)? {
            StatusRecord::Connector {
                connector,
                status: Some(status),
            } => _ = self.connectors.insert(connector, status),
            StatusRecord::Connector { connector, .. } => _ = self.connectors.remove(&connector),
            StatusRecord::Task {
                connector,
                task,
                status: Some(status),
            } => _ = self.tasks.insert((connector, task), status),
            StatusRecord::Task {
                connector, task, ..
            } => _ = self.tasks.remove(&(connector, task)),
            StatusRecord::Topic { .. } => {}
        }
        Ok(())
    }
}
