//! Whether a storage topic that exists is the one a distributed worker needs, and what can be mended without harm.
//!
//! The hard rules are those of `TopicAdmin.verifyTopicCleanupPolicyOnlyCompact` and of
//! `KafkaConfigBackingStore` (exactly one partition); everything else that differs from the worker file is
//! reported as a difference, because a worker neither compares nor changes it on a topic that exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::model::worker_config::{StorageRole, StorageTopic};
use crate::plan::{ObservedTopic, TopicState};

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

/// A setting that `repair` changes, with what the operator must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    pub key: String,
    pub value: String,
    pub warning: Option<String>,
}

/// A setting in which the topic differs from the worker file without being wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDifference {
    /// `partitions`, `replication factor`, or the name of a topic setting.
    pub what: String,
    pub found: String,
    pub wanted: String,
}

/// What the comparison of one existing topic with the worker file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    pub faults: Vec<TopicFault>,
    pub differences: Vec<TopicDifference>,
    /// False when the topic's settings could not be read, so that nothing is known about them.
    pub settings_known: bool,
}

impl Judgement {
    /// Returns the judgement as the plan carries it.
    pub fn state(&self) -> TopicState {
        if self.faults.is_empty() {
            TopicState::Right
        } else {
            TopicState::Wrong(self.faults.iter().map(ToString::to_string).collect())
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
    judgement
}

/// Returns what mends the fault without harm, or `None` where only a new topic helps.
///
/// `min.insync.replicas` is never set above the replication factor. Partitions are never changed: the partition of
/// every key that exists would move.
pub fn repair(
    desired: &StorageTopic,
    observed: &ObservedTopic,
    fault: &TopicFault,
) -> Option<Repair> {
    match fault {
        TopicFault::CleanupPolicy { found } => Some(Repair {
            key: CLEANUP_POLICY.to_owned(),
            value: "compact".to_owned(),
            warning: deletes(found).then(|| {
                format!(
                    "topic {} was kept with cleanup.policy={found}: records may already be gone, and changing the \
                     policy does not bring them back",
                    desired.name
                )
            }),
        }),
        TopicFault::Unwritable { .. } | TopicFault::MinInsyncReplicas { .. } => Some(Repair {
            key: MIN_INSYNC_REPLICAS.to_owned(),
            value: attainable_min_insync_replicas(desired, observed).to_string(),
            warning: None,
        }),
        TopicFault::ConfigPartitions { .. } => None,
    }
}

/// Returns what to do about a fault that cannot be repaired in place.
pub fn remedy(desired: &StorageTopic, fault: &TopicFault) -> String {
    match fault {
        TopicFault::ConfigPartitions { .. } => format!(
            "partitions cannot be taken away: name a new topic with {}, or delete {} if no worker uses it",
            desired.role.key("topic"),
            desired.name
        ),
        TopicFault::CleanupPolicy { .. }
        | TopicFault::Unwritable { .. }
        | TopicFault::MinInsyncReplicas { .. } => "connectctl topics repair changes it".to_owned(),
    }
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

impl fmt::Display for TopicFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CleanupPolicy { found } => {
                write!(
                    f,
                    "cleanup.policy is {found}, a worker accepts only compact"
                )
            }
            Self::ConfigPartitions { found } => {
                write!(
                    f,
                    "the config topic has {found} partitions, a worker accepts only 1"
                )
            }
            Self::Unwritable {
                min_insync_replicas,
                replication_factor,
            } => write!(
                f,
                "min.insync.replicas is {min_insync_replicas} with replication factor {replication_factor}: nothing can \
                 be written to it"
            ),
            Self::MinInsyncReplicas { found, wanted } => write!(
                f,
                "min.insync.replicas is {found}, the worker file asks for {wanted}"
            ),
        }
    }
}

impl fmt::Display for TopicDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            found,
            wanted,
        } = self;
        write!(f, "{what} is {found}, the worker file says {wanted}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desired(role: StorageRole) -> StorageTopic {
        StorageTopic {
            role,
            name: "t".to_owned(),
            partitions: 5,
            replication_factor: 3,
            configs: BTreeMap::from([(CLEANUP_POLICY.to_owned(), "compact".to_owned())]),
            ignored: Vec::new(),
        }
    }

    fn observed(
        partitions: usize,
        replication_factor: usize,
        configs: &[(&str, &str)],
    ) -> ObservedTopic {
        ObservedTopic {
            partitions,
            replication_factor,
            configs: configs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            has_records: false,
        }
    }

    #[test]
    fn a_topic_as_the_worker_would_create_it_is_right() {
        let judgement = judge(
            &desired(StorageRole::Status),
            &observed(5, 3, &[(CLEANUP_POLICY, "compact")]),
        );
        assert_eq!(judgement.state(), TopicState::Right);
        assert!(judgement.differences.is_empty());
    }

    #[test]
    fn every_policy_but_compact_alone_is_wrong_and_repaired_to_compact() {
        for policy in ["delete", "compact,delete", "delete, Compact", ""] {
            let topic = desired(StorageRole::Offset);
            let found = observed(5, 3, &[(CLEANUP_POLICY, policy)]);
            let judgement = judge(&topic, &found);
            let [fault] = judgement.faults.as_slice() else {
                panic!("{policy}: {judgement:?}");
            };
            let repair = repair(&topic, &found, fault).expect("repairable");
            assert_eq!((&*repair.key, &*repair.value), (CLEANUP_POLICY, "compact"));
            assert_eq!(
                repair.warning.is_some(),
                policy.contains("delete"),
                "{policy}"
            );
        }
        assert!(is_only_compact(" Compact ,compact"));
    }

    #[test]
    fn a_config_topic_with_three_partitions_is_wrong_and_cannot_be_repaired() {
        let topic = desired(StorageRole::Config);
        let found = observed(3, 3, &[(CLEANUP_POLICY, "compact")]);
        let judgement = judge(&topic, &found);
        assert_eq!(
            judgement.faults,
            [TopicFault::ConfigPartitions { found: 3 }]
        );
        assert_eq!(repair(&topic, &found, &judgement.faults[0]), None);
        assert!(remedy(&topic, &judgement.faults[0]).contains("config.storage.topic"));
    }

    #[test]
    fn partitions_and_replicas_of_the_offset_topic_that_differ_are_no_fault() {
        let judgement = judge(
            &desired(StorageRole::Offset),
            &observed(7, 1, &[(CLEANUP_POLICY, "compact")]),
        );
        assert_eq!(judgement.state(), TopicState::Right);
        let said: Vec<_> = judgement
            .differences
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            said,
            [
                "partitions is 7, the worker file says 5",
                "replication factor is 1, the worker file says 3"
            ]
        );
    }

    #[test]
    fn broker_defaults_are_not_compared() {
        let topic = StorageTopic {
            partitions: -1,
            replication_factor: -1,
            ..desired(StorageRole::Offset)
        };
        let judgement = judge(&topic, &observed(7, 1, &[(CLEANUP_POLICY, "compact")]));
        assert!(judgement.differences.is_empty());
    }

    #[test]
    fn min_insync_replicas_is_repaired_to_no_more_than_the_replication_factor() {
        let mut topic = desired(StorageRole::Status);
        let found = observed(
            5,
            1,
            &[(CLEANUP_POLICY, "compact"), (MIN_INSYNC_REPLICAS, "2")],
        );
        let judgement = judge(&topic, &found);
        assert_eq!(
            judgement.faults,
            [TopicFault::Unwritable {
                min_insync_replicas: 2,
                replication_factor: 1
            }]
        );
        let mend = repair(&topic, &found, &judgement.faults[0]).expect("repairable");
        assert_eq!(mend.value, "1");

        topic
            .configs
            .insert(MIN_INSYNC_REPLICAS.to_owned(), "5".to_owned());
        let found = observed(
            5,
            3,
            &[(CLEANUP_POLICY, "compact"), (MIN_INSYNC_REPLICAS, "1")],
        );
        let judgement = judge(&topic, &found);
        assert_eq!(
            judgement.faults,
            [TopicFault::MinInsyncReplicas {
                found: 1,
                wanted: 3
            }]
        );
        let mend = repair(&topic, &found, &judgement.faults[0]).expect("repairable");
        assert_eq!(mend.value, "3");
    }

    #[test]
    fn other_settings_of_the_worker_file_are_differences() {
        let mut topic = desired(StorageRole::Status);
        topic
            .configs
            .insert("segment.bytes".to_owned(), "10485760".to_owned());
        let found = observed(
            5,
            3,
            &[(CLEANUP_POLICY, "compact"), ("segment.bytes", "1073741824")],
        );
        let judgement = judge(&topic, &found);
        assert!(judgement.faults.is_empty());
        assert_eq!(
            judgement.differences[0].to_string(),
            "segment.bytes is 1073741824, the worker file says 10485760"
        );
    }

    #[test]
    fn settings_that_could_not_be_read_are_said_to_be_unknown() {
        assert!(!judge(&desired(StorageRole::Status), &observed(5, 3, &[])).settings_known);
    }
}
