//! The storage topics on a cluster: look at them, create what is missing, mend what can be mended.
//!
//! Desired minus observed: every function may be called again at any time, also by two programs at once.

use std::collections::BTreeMap;

use tokio::time::{Duration, Instant};

use crate::io::kafka::admin_configs::{ConfigEntry, ConfigSource};
use crate::io::kafka::admin_topics::NewTopic;
use crate::io::kafka::cluster::{Cluster, TopicDescription};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::model::worker_config::{StorageRole, StorageTopic};
use crate::plan::ObservedTopic;
use crate::plan::storage_topics::{self, Judgement, Repair, TopicFault, judge};
use crate::protocol::errors;

/// What the cluster has under a topic's name.
#[derive(Debug, Clone)]
pub enum Found {
    Missing,
    /// The principal may not look at it.
    Hidden(BrokerError),
    Exists(Box<Existing>),
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
            has_records: false,
        }
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

/// What became of one storage topic.
#[derive(Debug, Clone)]
pub struct Ensured {
    pub topic: StorageTopic,
    pub outcome: Outcome,
}

#[derive(Debug, Clone)]
pub enum Outcome {
    /// Made by this call, and seen on the cluster since.
    Created(Judgement),
    /// It was there, or somebody else made it in the meantime.
    Existed(Judgement),
    /// Not made: only asked whether it could be, or another topic was refused.
    Missing,
    Refused(Refusal),
}

/// Why a topic cannot be created or looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "replication factor {replication_factor} needs {replication_factor} brokers, the cluster has {brokers}"
    )]
    TooFewBrokers {
        replication_factor: i16,
        brokers: usize,
    },
    #[error(
        "min.insync.replicas is {min_insync_replicas} with replication factor {replication_factor}: nothing could be written to it"
    )]
    Unwritable {
        min_insync_replicas: i64,
        replication_factor: i16,
    },
    #[error("the config topic must have exactly 1 partition")]
    ConfigPartitions,
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error("the broker created it, but it did not appear within {0:?}")]
    NotSeen(Duration),
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

/// Creates the topics that are missing and says of each what it is now.
///
/// Nothing is created when any of them would be refused, or with `dry_run`; the same checks are made. A topic that
/// somebody else creates at the same moment is looked at and reported as one that existed.
pub async fn ensure(
    cluster: &Cluster,
    topics: &[StorageTopic],
    dry_run: bool,
) -> Result<Vec<Ensured>, KafkaError> {
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let found = look(cluster, &names).await?;
    let missing: Vec<&StorageTopic> = topics
        .iter()
        .filter(|topic| matches!(found.get(&topic.name), Some(Found::Missing)))
        .collect();
    let mut refused = refusals(cluster, &missing).await?;
    let mut created = BTreeMap::new();
    let blocked = !refused.is_empty() || found.values().any(|f| matches!(f, Found::Hidden(_)));
    if !dry_run && !blocked && !missing.is_empty() {
        created = create(cluster, &missing).await?;
    }
    let ensured = topics.iter().map(|topic| {
        let outcome = match (&found[&topic.name], created.remove(&topic.name)) {
            (_, Some(outcome)) => outcome,
            (Found::Exists(existing), None) => Outcome::Existed(judge(topic, &existing.observed())),
            (Found::Hidden(error), None) => Outcome::Refused(error.clone().into()),
            (Found::Missing, None) => refused
                .remove(&topic.name)
                .map_or(Outcome::Missing, Outcome::Refused),
        };
        Ensured {
            topic: topic.clone(),
            outcome,
        }
    });
    Ok(ensured.collect())
}

/// A change to an existing topic that does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRepair {
    pub topic: String,
    pub changes: Vec<Repair>,
}

/// Returns what can be mended in an existing topic, and the faults that cannot.
pub fn repairs(topic: &StorageTopic, existing: &Existing) -> (TopicRepair, Vec<TopicFault>) {
    let observed = existing.observed();
    let mut changes = Vec::new();
    let mut left = Vec::new();
    for fault in judge(topic, &observed).faults {
        match storage_topics::repair(topic, &observed, &fault) {
            Some(change) => changes.push(change),
            None => left.push(fault),
        }
    }
    let topic = topic.name.clone();
    (TopicRepair { topic, changes }, left)
}

/// Applies the changes and returns whether the cluster shows them before the deadline.
pub async fn repair(cluster: &Cluster, repair: &TopicRepair) -> Result<bool, KafkaError> {
    let set: BTreeMap<String, String> = repair
        .changes
        .iter()
        .map(|change| (change.key.clone(), change.value.clone()))
        .collect();
    cluster.alter_topic_configs(&repair.topic, &set).await?;
    let name = [repair.topic.clone()];
    let seen = wait_for(cluster, &name, |existing| {
        let shown = existing.observed().configs;
        set.iter().all(|(key, value)| shown.get(key) == Some(value))
    })
    .await?;
    Ok(!seen.is_empty())
}

/// What stands against creating each of these topics; the broker is asked without creating.
async fn refusals(
    cluster: &Cluster,
    missing: &[&StorageTopic],
) -> Result<BTreeMap<String, Refusal>, KafkaError> {
    if missing.is_empty() {
        return Ok(BTreeMap::new());
    }
    let brokers = cluster.describe().await?.brokers.len();
    let mut refused: BTreeMap<String, Refusal> = missing
        .iter()
        .filter_map(|topic| Some((topic.name.clone(), own_refusal(topic, brokers)?)))
        .collect();
    let askable: Vec<NewTopic> = missing
        .iter()
        .filter(|topic| !refused.contains_key(&topic.name))
        .map(|topic| new_topic(topic))
        .collect();
    if !askable.is_empty() {
        for (name, answer) in cluster.create_topics(&askable, true).await? {
            match answer {
                Err(error) if !error.is(errors::TOPIC_ALREADY_EXISTS) => {
                    refused.insert(name, error.into());
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(refused)
}

/// What a broker would not refuse at once, or not clearly.
fn own_refusal(topic: &StorageTopic, brokers: usize) -> Option<Refusal> {
    let replication_factor = topic.replication_factor;
    if topic.role == StorageRole::Config && topic.partitions != 1 {
        return Some(Refusal::ConfigPartitions);
    }
    if usize::try_from(replication_factor).is_ok_and(|wanted| wanted > brokers) {
        return Some(Refusal::TooFewBrokers {
            replication_factor,
            brokers,
        });
    }
    let min_insync_replicas: i64 = topic
        .configs
        .get("min.insync.replicas")?
        .trim()
        .parse()
        .ok()?;
    (replication_factor > 0 && min_insync_replicas > i64::from(replication_factor)).then_some(
        Refusal::Unwritable {
            min_insync_replicas,
            replication_factor,
        },
    )
}

async fn create(
    cluster: &Cluster,
    missing: &[&StorageTopic],
) -> Result<BTreeMap<String, Outcome>, KafkaError> {
    let wanted: Vec<NewTopic> = missing.iter().map(|topic| new_topic(topic)).collect();
    let answers = cluster.create_topics(&wanted, false).await?;
    let there: Vec<String> = answers
        .iter()
        .filter(|(_, answer)| answer.as_ref().err().is_none_or(may_be_there))
        .map(|(name, _)| name.clone())
        .collect();
    let seen = wait_for(cluster, &there, has_leaders).await?;
    let mut outcomes = BTreeMap::new();
    for topic in missing {
        let judged = |existing: &Existing| judge(topic, &existing.observed());
        let refused = answers
            .get(&topic.name)
            .and_then(|answer| answer.as_ref().err());
        let outcome = match (refused, seen.get(&topic.name)) {
            (Some(error), Some(existing)) if error.is(errors::TOPIC_ALREADY_EXISTS) => {
                Outcome::Existed(judged(existing))
            }
            // Also when the broker ran out of time and the topic came nevertheless.
            (_, Some(existing)) => Outcome::Created(judged(existing)),
            (Some(error), None) if !may_be_there(error) => Outcome::Refused(error.clone().into()),
            (_, None) => Outcome::Refused(Refusal::NotSeen(cluster.settings().timeout)),
        };
        outcomes.insert(topic.name.clone(), outcome);
    }
    Ok(outcomes)
}

/// Errors after which the topic exists, or may come to exist.
fn may_be_there(error: &BrokerError) -> bool {
    error.is(errors::TOPIC_ALREADY_EXISTS) || error.is(errors::REQUEST_TIMED_OUT)
}

fn has_leaders(existing: &Existing) -> bool {
    let partitions = &existing.description.partitions;
    !partitions.is_empty() && partitions.values().all(|p| p.leader.is_some())
}

/// Looks until every topic exists and satisfies the condition, or the deadline; returns those that do.
async fn wait_for(
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

fn new_topic(topic: &StorageTopic) -> NewTopic {
    NewTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.configs.clone(),
    }
}
