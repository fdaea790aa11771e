//! Why a storage topic cannot be created or looked at, and what to do about it.

use std::time::Duration;

use crate::io::kafka::error::BrokerError;
use crate::model::worker_config::{StorageRole, StorageTopic};
use crate::plan::TopicRefusal;
use crate::protocol::errors;

/// Why a topic cannot be created or looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "replication factor {replication_factor} needs {replication_factor} brokers, the cluster has {brokers}"
    )]
    TooFewBrokers {
        role: StorageRole,
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

impl Refusal {
    /// Returns the broker's answer, when that is the refusal.
    pub fn broker(&self) -> Option<&BrokerError> {
        match self {
            Self::Broker(error) => Some(error),
            _ => None,
        }
    }

    /// Returns what to type next.
    pub fn hint(&self) -> String {
        match self {
            Self::TooFewBrokers { role, brokers, .. } => {
                let most = match brokers {
                    1 => "1".to_owned(),
                    most => format!("1 to {most}"),
                };
                format!(
                    "set {role}.storage.replication.factor to {most}, or to -1 for the broker's default"
                )
            }
            Self::Unwritable { .. } => {
                "lower min.insync.replicas or raise the replication factor in the worker file"
                    .to_owned()
            }
            Self::ConfigPartitions => "remove config.storage.partitions".to_owned(),
            Self::Broker(error) if is_collision(error) => {
                "to Kafka '.' and '_' are the same in a topic name: name another topic in the worker file".to_owned()
            }
            Self::Broker(error) => remedy([error], FOR_WORKERS)
                .or_else(|| error.hint())
                .unwrap_or_else(|| "see the broker's own log for more".to_owned()),
            Self::NotSeen(_) => "run the same command again, with a longer --timeout".to_owned(),
        }
    }

    /// Returns the refusal as plans look at it.
    pub fn observed(&self) -> TopicRefusal {
        TopicRefusal {
            reason: self.to_string(),
            is_permission: self.broker().is_some_and(BrokerError::is_authorization),
            remedy: Some(self.hint()),
        }
    }
}

/// What creating the storage topics, looking at them and working with them takes.
pub const FOR_WORKERS: &[&str] = &["Create", "Describe", "DescribeConfigs", "Read", "Write"];

/// What looking at topics takes.
pub const FOR_LOOKING: &[&str] = &["Describe", "DescribeConfigs"];

/// Returns what an administrator types so that none of these answers comes again; `None` where none lacks a permission.
///
/// One command for all: `also` are operations that are needed next.
pub fn remedy<'a>(
    answers: impl IntoIterator<Item = &'a BrokerError>,
    also: &[&'static str],
) -> Option<String> {
    let answers: Vec<&BrokerError> = answers.into_iter().collect();
    let caller = answers.iter().find_map(|answer| answer.caller.as_ref())?;
    let mut operations = Vec::new();
    let mut patterns = Vec::new();
    let mut lacking = Vec::new();
    for acl in answers.iter().filter_map(|answer| answer.lacking()) {
        lacking.push(acl.to_string());
        add(&mut operations, acl.operation);
        add(&mut patterns, acl.on);
    }
    if lacking.is_empty() {
        return None;
    }
    for operation in also {
        add(&mut operations, *operation);
    }
    Some(format!(
        "{} lacks {}; an administrator types: {}",
        caller.name(),
        lacking.join(", "),
        caller.grant(&operations, &patterns)
    ))
}

/// `Topic.hasCollisionChars`: the broker answers as it does to an illegal name, and says so in words only.
fn is_collision(error: &BrokerError) -> bool {
    error.is(errors::INVALID_TOPIC_EXCEPTION)
        && error
            .message
            .as_ref()
            .is_some_and(|words| words.contains("collide"))
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// What a broker would not refuse, though no worker could use the topic.
pub(super) fn own_refusal(topic: &StorageTopic) -> Option<Refusal> {
    let replication_factor = topic.replication_factor;
    if topic.role == StorageRole::Config && topic.partitions != 1 {
        return Some(Refusal::ConfigPartitions);
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

/// Says in terms of the worker file what a broker's answer to the creation of a topic means.
pub(super) fn refusal_of(topic: &StorageTopic, error: BrokerError, brokers: usize) -> Refusal {
    let replication_factor = topic.replication_factor;
    let is_too_many = usize::try_from(replication_factor).is_ok_and(|wanted| wanted > brokers);
    if error.is(errors::INVALID_REPLICATION_FACTOR) && is_too_many {
        return Refusal::TooFewBrokers {
            role: topic.role,
            replication_factor,
            brokers,
        };
    }
    error.into()
}
