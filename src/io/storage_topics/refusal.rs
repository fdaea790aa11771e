//! Why a storage topic cannot be created or looked at, and what to do about it.

use std::time::Duration;

use crate::io::kafka::error::BrokerError;
use crate::model::worker_config::{StorageRole, StorageTopic};
use crate::plan::TopicRefusal;

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

impl Refusal {
    /// Returns whether the principal lacks a permission.
    pub fn is_authorization(&self) -> bool {
        matches!(self, Self::Broker(error) if error.is_authorization())
    }

    /// Returns what to type next.
    pub fn hint(&self) -> String {
        match self {
            Self::TooFewBrokers { brokers, .. } => format!(
                "set config.storage.replication.factor, offset.storage.replication.factor and \
                 status.storage.replication.factor to {brokers} or less, or to -1 for the broker's default"
            ),
            Self::Unwritable { .. } => {
                "lower min.insync.replicas or raise the replication factor in the worker file"
                    .to_owned()
            }
            Self::ConfigPartitions => "remove config.storage.partitions".to_owned(),
            Self::Broker(error) => error
                .hint()
                .unwrap_or_else(|| "see the broker's own log for more".to_owned()),
            Self::NotSeen(_) => "run the same command again, with a longer --timeout".to_owned(),
        }
    }

    /// Returns the refusal as plans look at it.
    pub fn observed(&self) -> TopicRefusal {
        TopicRefusal {
            reason: self.to_string(),
            is_permission: self.is_authorization(),
            remedy: Some(self.hint()),
        }
    }
}

/// What a broker would not refuse at once, or not clearly.
pub(super) fn own_refusal(topic: &StorageTopic, brokers: usize) -> Option<Refusal> {
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
