//! What can be mended in a storage topic that exists, and what to do about the rest.

use crate::model::worker_config::StorageTopic;
use crate::plan::ObservedTopic;

use super::{
    CLEANUP_POLICY, MIN_INSYNC_REPLICAS, TopicFault, attainable_min_insync_replicas, deletes,
};

/// A setting that `repair` changes, with what the operator must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    pub key: String,
    pub value: String,
    pub warning: Option<String>,
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
