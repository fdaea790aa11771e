//! Whether a storage topic that exists is the one a distributed worker needs, and what can be mended without harm.
//!
//! The hard rules are those of `TopicAdmin.verifyTopicCleanupPolicyOnlyCompact` and of
//! `KafkaConfigBackingStore` (exactly one partition); everything else that differs from the worker file is
//! reported as a difference, because a worker neither compares nor changes it on a topic that exists.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::worker_config::{StorageRole, StorageTopic};
use crate::plan::{ObservedTopic, TopicState};

mod display;
mod repair;

pub use repair::{Repair, remedy, repair};

const CLEANUP_POLICY: &str = "cleanup.policy";
const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// What is wrong with a topic: a worker refuses it, loses data in it, or cannot write to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicFault {
    /// `cleanup.policy` is not exactly `compact` (P4).
    CleanupPolicy { found: String },
    /// The config topic has more than one partition (P5).
    ConfigPartitions { found: usize },
    /// `min.insync.replicas` is above the replication factor: no acks=all write succeeds.
    Unwritable {
        min_insync_replicas: i64,
        replication_factor: usize,
    },
    /// `min.insync.replicas` is lower than the worker file asks for.
    MinInsyncReplicas { found: i64, wanted: i64 },
}

/// A setting in which the topic differs from the worker file without being wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDifference {
    /// `partitions`, `replication factor`, or the name of a topic setting.
    pub what: String,
    pub found: String,
    pub wanted: String,
}

/// What brokers that are missing do to a topic; nothing in its settings is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outage {
    /// No replica leads these partitions.
    Offline { partitions: Vec<i32> },
    /// Fewer replicas of these partitions are in sync than `min.insync.replicas` asks for.
    Unwritable {
        partitions: Vec<i32>,
        min_insync_replicas: i64,
    },
    /// Some replica of these partitions is not in sync; they can be used all the same.
    UnderReplicated { partitions: Vec<i32> },
}

impl Outage {
    /// Returns whether the topic cannot be used until it passes.
    pub fn is_serious(&self) -> bool {
        !matches!(self, Self::UnderReplicated { .. })
    }

    fn partitions(&self) -> &[i32] {
        match self {
            Self::Offline { partitions }
            | Self::Unwritable { partitions, .. }
            | Self::UnderReplicated { partitions } => partitions,
        }
    }
}

/// What the comparison of one existing topic with the worker file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    pub faults: Vec<TopicFault>,
    pub differences: Vec<TopicDifference>,
    pub outages: Vec<Outage>,
    /// False when the topic's settings could not be read, so that nothing is known about them.
    pub settings_known: bool,
}

impl Judgement {
    /// Returns the judgement as the plan carries it.
    pub fn state(&self) -> TopicState {
        if !self.faults.is_empty() {
            TopicState::Wrong(self.faults.iter().map(ToString::to_string).collect())
        } else if self.settings_known {
            TopicState::Right
        } else {
            TopicState::SettingsHidden
        }
    }
}

/// Compares a topic as the worker would create it with the topic that exists.
pub fn judge(desired: &StorageTopic, observed: &ObservedTopic) -> Judgement {
    let mut judgement = Judgement {
        settings_known: !observed.configs.is_empty(),
        ..Judgement::default()
    };
    if let Some(found) = observed.configs.get(CLEANUP_POLICY)
        && !is_only_compact(found)
    {
        judgement.faults.push(TopicFault::CleanupPolicy {
            found: found.clone(),
        });
    }
    judge_partitions(desired, observed, &mut judgement);
    if desired.replication_factor > 0
        && usize::try_from(desired.replication_factor) != Ok(observed.replication_factor)
    {
        judgement.differences.push(TopicDifference {
            what: "replication factor".to_owned(),
            found: observed.replication_factor.to_string(),
            wanted: desired.replication_factor.to_string(),
        });
    }
    judge_min_insync_replicas(desired, observed, &mut judgement);
    judge_other_settings(&desired.configs, observed, &mut judgement);
    judgement.outages = outages(observed);
    judgement
}

fn outages(observed: &ObservedTopic) -> Vec<Outage> {
    let needed = number(&observed.configs, MIN_INSYNC_REPLICAS).unwrap_or(1);
    let (mut offline, mut unwritable, mut lagging) = (Vec::new(), Vec::new(), Vec::new());
    for (partition, in_sync) in &observed.lagging {
        let partitions = if *in_sync == 0 {
            &mut offline
        } else if i64::try_from(*in_sync).is_ok_and(|in_sync| in_sync < needed) {
            &mut unwritable
        } else {
            &mut lagging
        };
        partitions.push(*partition);
    }
    let all = [
        Outage::Offline {
            partitions: offline,
        },
        Outage::Unwritable {
            partitions: unwritable,
            min_insync_replicas: needed,
        },
        Outage::UnderReplicated {
            partitions: lagging,
        },
    ];
    all.into_iter()
        .filter(|outage| !outage.partitions().is_empty())
        .collect()
}

/// Returns whether the policy is exactly `compact`, as the worker's check reads it.
pub fn is_only_compact(policy: &str) -> bool {
    policy_set(policy) == BTreeSet::from(["compact".to_owned()])
}

fn deletes(policy: &str) -> bool {
    policy_set(policy).contains("delete")
}

fn policy_set(policy: &str) -> BTreeSet<String> {
    policy
        .split(',')
        .map(|p| p.trim().to_ascii_lowercase())
        .filter(|p| !p.is_empty())
        .collect()
}

fn judge_partitions(desired: &StorageTopic, observed: &ObservedTopic, judgement: &mut Judgement) {
    if desired.role == StorageRole::Config {
        if observed.partitions != 1 {
            judgement.faults.push(TopicFault::ConfigPartitions {
                found: observed.partitions,
            });
        }
    } else if desired.partitions > 0
        && usize::try_from(desired.partitions) != Ok(observed.partitions)
    {
        judgement.differences.push(TopicDifference {
            what: "partitions".to_owned(),
            found: observed.partitions.to_string(),
            wanted: desired.partitions.to_string(),
        });
    }
}

fn judge_min_insync_replicas(
    desired: &StorageTopic,
    observed: &ObservedTopic,
    judgement: &mut Judgement,
) {
    let Some(found) = number(&observed.configs, MIN_INSYNC_REPLICAS) else {
        return;
    };
    let attainable = attainable_min_insync_replicas(desired, observed);
    if found > replicas(observed) {
        judgement.faults.push(TopicFault::Unwritable {
            min_insync_replicas: found,
            replication_factor: observed.replication_factor,
        });
    } else if number(&desired.configs, MIN_INSYNC_REPLICAS).is_some() && found < attainable {
        judgement.faults.push(TopicFault::MinInsyncReplicas {
            found,
            wanted: attainable,
        });
    }
}

fn judge_other_settings(
    desired: &BTreeMap<String, String>,
    observed: &ObservedTopic,
    judgement: &mut Judgement,
) {
    for (key, wanted) in desired {
        if key == CLEANUP_POLICY || (key == MIN_INSYNC_REPLICAS && judgement.is_about_replicas()) {
            continue;
        }
        match observed.configs.get(key) {
            Some(found) if found != wanted => judgement.differences.push(TopicDifference {
                what: key.clone(),
                found: found.clone(),
                wanted: wanted.clone(),
            }),
            Some(_) | None => {}
        }
    }
}

impl Judgement {
    fn is_about_replicas(&self) -> bool {
        self.faults.iter().any(|fault| {
            matches!(
                fault,
                TopicFault::Unwritable { .. } | TopicFault::MinInsyncReplicas { .. }
            )
        })
    }
}

/// The value the worker file asks for, or the one that is there, but never above the replication factor.
fn attainable_min_insync_replicas(desired: &StorageTopic, observed: &ObservedTopic) -> i64 {
    number(&desired.configs, MIN_INSYNC_REPLICAS)
        .or_else(|| number(&observed.configs, MIN_INSYNC_REPLICAS))
        .unwrap_or(1)
        .clamp(1, replicas(observed).max(1))
}

fn replicas(observed: &ObservedTopic) -> i64 {
    i64::try_from(observed.replication_factor).unwrap_or(i64::MAX)
}

fn number(configs: &BTreeMap<String, String>, key: &str) -> Option<i64> {
    configs.get(key)?.trim().parse().ok()
}

#[cfg(test)]
mod tests;
