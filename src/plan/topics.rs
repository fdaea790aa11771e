//! The storage topics: what the worker file asks for, and whether the cluster has it already.

use crate::model::worker_config::{StorageTopic, StorageTopics};
use crate::plan::{Observed, TopicPlan, TopicState, storage_topics};

/// Returns config, offset and status topic, in this order.
pub(super) fn plan(topics: &StorageTopics, observed: Option<&Observed>) -> Vec<TopicPlan> {
    [&topics.config, &topics.offset, &topics.status]
        .into_iter()
        .map(|topic| one(topic, observed))
        .collect()
}

fn one(topic: &StorageTopic, observed: Option<&Observed>) -> TopicPlan {
    let state = match observed.map(|o| o.topics.get(&topic.name)) {
        None => TopicState::Unknown,
        Some(None) => TopicState::Missing,
        Some(Some(existing)) => storage_topics::judge(topic, existing).state(),
    };
    TopicPlan {
        role: topic.role.to_string(),
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.configs.clone(),
        state,
    }
}
