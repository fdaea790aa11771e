//! Settings of existing storage topics, changed where that does no harm.

use std::collections::BTreeMap;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::model::worker_config::StorageTopic;
use crate::plan::storage_topics::{self, Repair, TopicFault, judge};

use super::look::{Existing, wait_for};

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
