//! The three storage topics as a worker reads them: to the end, on from there, and folded.

use crate::io::ignored;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::log::{Follower, Isolation, LogReader, Record};
use crate::io::native::ActiveTopics;
use crate::model::offset_key::OffsetKey;
use crate::model::storage_records::{ConfigChange, ConfigState, Status, StatusRecord};
use crate::worker::config_log::{ConfigLog, IgnoredRecord};
use crate::worker::fencing::{Fencing, Place};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The config topic.
#[derive(Debug)]
pub(in crate::io) struct ConfigStore {
    log: LogReader,
    configs: ConfigLog,
    fencing: Fencing,
}

impl ConfigStore {
    pub(in crate::io) fn new(cluster: &Cluster, topic: &str, isolation: Isolation) -> Self {
        Self {
            log: LogReader::new(cluster, topic, isolation),
            configs: ConfigLog::new(topic),
            fencing: Fencing::default(),
        }
    }

    pub(in crate::io) fn state(&self) -> &ConfigState {
        self.configs.state()
    }

    pub(in crate::io) fn snapshot(&self) -> Arc<ConfigState> {
        self.configs.snapshot()
    }

    /// Goes on reading; what comes from now on is news.
    pub(in crate::io) fn follow(mut self) -> FollowedConfigs {
        self.configs.start();
        self.fencing.start();
        FollowedConfigs {
            log: self.log.follow(),
            configs: self.configs,
            fencing: self.fencing,
        }
    }

    /// Reads to the end and returns how many records came.
    pub(in crate::io) async fn catch_up(&mut self) -> Result<u64, KafkaError> {
        let (configs, fencing) = (&mut self.configs, &mut self.fencing);
        let read = self.log.read_to_end(|_, record| {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            fencing.read(place(&record), key, value);
            if let Err(record) = configs.read(record.offset, key, value) {
                tell(&record);
            }
        });
        Ok(read.await?.records())
    }
}

/// The config topic, read as it is written.
#[derive(Debug)]
pub(in crate::io) struct FollowedConfigs {
    log: Follower,
    configs: ConfigLog,
    fencing: Fencing,
}

impl FollowedConfigs {
    /// Waits for records and returns what they changed. Nothing is lost when the future is dropped.
    pub(in crate::io) async fn next(&mut self) -> Result<Vec<ConfigChange>, KafkaError> {
        let (configs, mut changes) = (&mut self.configs, Vec::new());
        let fencing = &mut self.fencing;
        let read = self.log.next(|_, record| {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            fencing.read(place(&record), key, value);
            match configs.read(record.offset, key, value) {
                Ok(change) => changes.push(change),
                Err(record) => tell(&record),
            }
        });
        read.await?;
        Ok(changes)
    }

    pub(in crate::io) fn snapshot(&self) -> Arc<ConfigState> {
        self.configs.snapshot()
    }

    /// Returns what the topic says of sources that are fenced.
    pub(in crate::io) fn fencing(&self) -> &Fencing {
        &self.fencing
    }

    /// Returns the offset before which everything has been read.
    pub(in crate::io) fn position(&self) -> i64 {
        self.log.position(0)
    }

    /// Reads on after a failure.
    pub(in crate::io) fn resume(&mut self) {
        self.log.resume();
    }

    /// Returns whether it is known of every partition that it can be read.
    pub(in crate::io) fn hears_all(&self) -> bool {
        self.log.hears_all()
    }
}

fn place(record: &Record) -> Place {
    Place {
        offset: record.offset,
        timestamp: record.timestamp,
    }
}

fn tell(record: &IgnoredRecord) {
    let why = format!("key {:?}: {}", record.key, record.reason);
    ignored::tell(&record.topic, record.partition, record.offset, &why);
}

/// Reads the offset topic to its end and returns how many records came. Nothing of it is kept: a topic may have millions.
///
/// What is no key of a connector is told, as a worker tells it.
pub(in crate::io) async fn read_offsets(
    cluster: &Cluster,
    topic: &str,
    isolation: Isolation,
    mut take: impl FnMut(i32, &Record),
) -> Result<u64, KafkaError> {
    let mut log = LogReader::new(cluster, topic, isolation);
    let read = log.read_to_end(|partition, record| {
        let ignored = match &record.key {
            None => Some("it has no key".to_owned()),
            Some(key) => OffsetKey::parse(key).err().map(|error| error.to_string()),
        };
        if let Some(why) = ignored {
            ignored::tell(topic, partition, record.offset, &why);
        }
        take(partition, &record);
    });
    Ok(read.await?.records())
}

/// The status topic: the last status of every connector and task, and the topics that connectors use.
#[derive(Debug, Default, Clone)]
pub(in crate::io) struct Statuses {
    pub(in crate::io) connectors: BTreeMap<String, Status>,
    pub(in crate::io) tasks: BTreeMap<(String, i32), Status>,
    /// Names of topics by connector.
    pub(in crate::io) topics: BTreeMap<String, BTreeSet<String>>,
}

impl Statuses {
    /// Reads the topic and returns it with the number of its records.
    pub(in crate::io) async fn read(
        cluster: &Cluster,
        topic: &str,
        isolation: Isolation,
    ) -> Result<(Self, u64), KafkaError> {
        let (statuses, records, _) = Self::open(cluster, topic, isolation).await?;
        Ok((statuses, records))
    }

    /// Reads the topic and goes on reading it.
    pub(in crate::io) async fn follow(
        cluster: &Cluster,
        topic: &str,
        isolation: Isolation,
    ) -> Result<(Self, FollowedStatuses), KafkaError> {
        let (statuses, _, log) = Self::open(cluster, topic, isolation).await?;
        let topic = topic.to_owned();
        let log = log.follow();
        Ok((statuses, FollowedStatuses { topic, log }))
    }

    async fn open(
        cluster: &Cluster,
        topic: &str,
        isolation: Isolation,
    ) -> Result<(Self, u64, LogReader), KafkaError> {
        let mut statuses = Self::default();
        let mut log = LogReader::new(cluster, topic, isolation);
        let read = log.read_to_end(|partition, record| {
            if let Some(status) = parsed(topic, partition, &record) {
                statuses.apply(status);
            }
        });
        let records = read.await?.records();
        Ok((statuses, records, log))
    }

    /// Tells those that track topics what is known.
    pub(in crate::io) fn tell(&self, tracked: &ActiveTopics) {
        for (connector, topics) in &self.topics {
            for topic in topics {
                tracked.know(connector, topic);
            }
        }
    }

    pub(in crate::io) fn apply(&mut self, record: StatusRecord) {
        match record {
            StatusRecord::Connector {
                connector,
                status: Some(status),
            } => _ = self.connectors.insert(connector, status),
            StatusRecord::Connector { connector, .. } => _ = self.connectors.remove(&connector),
            StatusRecord::Task {
                connector,
                task,
                status: Some(status),
            } => {
                let known = self.tasks.get(&(connector.clone(), task));
                // Its last word came after the first of another worker that has the task now.
                let is_late = status.state == "UNASSIGNED"
                    && known.is_some_and(|known| {
                        known.state == "RUNNING" && known.generation >= status.generation
                    });
                if !is_late {
                    self.tasks.insert((connector, task), status);
                }
            }
            StatusRecord::Task {
                connector, task, ..
            } => _ = self.tasks.remove(&(connector, task)),
            StatusRecord::Topic {
                topic,
                connector,
                discovery: Some(_),
            } => _ = self.topics.entry(connector).or_default().insert(topic),
            StatusRecord::Topic {
                topic, connector, ..
            } => {
                if let Some(topics) = self.topics.get_mut(&connector) {
                    topics.remove(&topic);
                }
            }
        }
    }
}

/// The status topic, read as it is written.
#[derive(Debug)]
pub(in crate::io) struct FollowedStatuses {
    topic: String,
    log: Follower,
}

impl FollowedStatuses {
    /// Waits for records. Nothing is lost when the future is dropped.
    pub(in crate::io) async fn next(&mut self) -> Result<Vec<StatusRecord>, KafkaError> {
        let (topic, mut records) = (&self.topic, Vec::new());
        let read = self.log.next(|partition, record| {
            records.extend(parsed(topic, partition, &record));
        });
        read.await?;
        Ok(records)
    }

    /// Reads on after a failure.
    pub(in crate::io) fn resume(&mut self) {
        self.log.resume();
    }

    /// Returns whether it is known of every partition that it can be read.
    pub(in crate::io) fn hears_all(&self) -> bool {
        self.log.hears_all()
    }
}

fn parsed(topic: &str, partition: i32, record: &Record) -> Option<StatusRecord> {
    let key = record.key.as_deref().unwrap_or_default();
    match StatusRecord::parse(key, record.value.as_deref()) {
        Ok(status) => Some(status),
        Err(reason) => {
            ignored::tell(topic, partition, record.offset, &reason);
            None
        }
    }
}
