//! What the cluster has under the names of the storage topics.

use std::collections::BTreeMap;

use tokio::time::{Duration, Instant};

use crate::io::kafka::admin_configs::{ConfigEntry, ConfigSource};
use crate::io::kafka::cluster::{Cluster, TopicDescription};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::plan::ObservedTopic;
use crate::protocol::errors;

/// What the cluster has under a topic's name.
#[derive(Debug, Clone)]
pub enum Found {
    Missing,
    /// The principal may not look at it.
    Hidden(BrokerError),
    Exists(Box<Existing>),
}

impl Found {
    /// Returns the answer by which a broker refused to show all of it.
    pub fn refused(&self) -> Option<&BrokerError> {
        match self {
            Self::Hidden(error) => Some(error),
            Self::Exists(existing) => existing.settings.as_ref().err(),
            Self::Missing => None,
        }
    }
}

/// A topic that exists.
#[derive(Debug, Clone)]
pub struct Existing {
    pub description: TopicDescription,
    /// All settings with their sources; an error when the principal may not read them.
    pub settings: Result<BTreeMap<String, ConfigEntry>, BrokerError>,
}

impl Existing {
    /// Returns the topic as plans look at it; whether it has records is not looked at and said to be false.
    pub fn observed(&self) -> ObservedTopic {
        let settings = self.settings.as_ref().ok();
        ObservedTopic {
            partitions: self.description.partitions.len(),
            replication_factor: self.description.replication_factor(),
            configs: settings
                .into_iter()
                .flatten()
                .filter_map(|(key, entry)| Some((key.clone(), entry.value.clone()?)))
                .collect(),
            lagging: self.lagging(),
            has_records: false,
        }
    }

    /// Returns the partitions that not all replicas follow, with the number that do; 0 without a leader.
    fn lagging(&self) -> BTreeMap<i32, usize> {
        let partitions = self.description.partitions.iter();
        let in_sync = partitions.map(|(id, partition)| {
            let in_sync = partition.leader.map_or(0, |_| partition.isr.len());
            (*id, in_sync, partition.replicas.len())
        });
        in_sync
            .filter(|(_, in_sync, replicas)| in_sync < replicas)
            .map(|(id, in_sync, _)| (id, in_sync))
            .collect()
    }

    /// Returns the settings that somebody set on the topic itself.
    pub fn own_settings(&self) -> BTreeMap<String, String> {
        let settings = self.settings.as_ref().ok();
        settings
            .into_iter()
            .flatten()
            .filter(|(_, entry)| entry.source == ConfigSource::Topic)
            .filter_map(|(key, entry)| Some((key.clone(), entry.value.clone()?)))
            .collect()
    }
}

/// Looks at topics by name.
pub async fn look(
    cluster: &Cluster,
    names: &[String],
) -> Result<BTreeMap<String, Found>, KafkaError> {
    let mut described = cluster.topics(Some(names)).await?;
    let mut found = BTreeMap::new();
    let mut present = Vec::new();
    for name in names {
        match described.remove(name) {
            None => _ = found.insert(name.clone(), Found::Missing),
            Some(topic) => match &topic.error {
                None => present.push((name.clone(), topic)),
                Some(error) if error.is(errors::UNKNOWN_TOPIC_OR_PARTITION) => {
                    found.insert(name.clone(), Found::Missing);
                }
                Some(error) if error.is_authorization() => {
                    found.insert(name.clone(), Found::Hidden(error.clone()));
                }
                Some(error) => return Err(error.clone().into()),
            },
        }
    }
    let names: Vec<String> = present.iter().map(|(name, _)| name.clone()).collect();
    let mut settings = if names.is_empty() {
        BTreeMap::new()
    } else {
        cluster.topic_configs(&names).await?
    };
    for (name, description) in present {
        let existing = match settings.remove(&name) {
            // Deleted between the two questions.
            Some(Err(error)) if error.is(errors::UNKNOWN_TOPIC_OR_PARTITION) => Found::Missing,
            Some(settings) => Found::Exists(Box::new(Existing {
                description,
                settings,
            })),
            None => Found::Missing,
        };
        found.insert(name, existing);
    }
    Ok(found)
}

/// Looks until every topic exists and satisfies the condition, or the deadline; returns those that do.
pub(super) async fn wait_for(
    cluster: &Cluster,
    names: &[String],
    condition: impl Fn(&Existing) -> bool,
) -> Result<BTreeMap<String, Existing>, KafkaError> {
    let deadline = Instant::now() + cluster.settings().timeout;
    let mut pause = Duration::from_millis(50);
    loop {
        let found = if names.is_empty() {
            BTreeMap::new()
        } else {
            look(cluster, names).await?
        };
        let seen: BTreeMap<String, Existing> = found
            .into_iter()
            .filter_map(|(name, found)| match found {
                Found::Exists(existing) if condition(&existing) => Some((name, *existing)),
                Found::Exists(_) | Found::Missing | Found::Hidden(_) => None,
            })
            .collect();
        if seen.len() == names.len() || Instant::now() + pause > deadline {
            return Ok(seen);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}
