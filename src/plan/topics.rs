//! The storage topics: what the worker file asks for, and whether the cluster has it already.

use crate::model::worker_config::{StorageTopic, StorageTopics};
use crate::plan::{Observed, TopicPlan, TopicState, storage_topics};

/// Returns config, offset and status topic, in this order.
pub(super) fn plan(topics: &StorageTopics, observed: Option<&Observed>) -> [TopicPlan; 3] {
    [&topics.config, &topics.offset, &topics.status].map(|topic| one(topic, observed))
}

fn one(topic: &StorageTopic, observed: Option<&Observed>) -> TopicPlan {
    let state = match observed {
        None => TopicState::Unknown,
        Some(observed) if observed.hidden_topics.contains_key(&topic.name) => TopicState::Hidden,
        Some(observed) => match observed.topics.get(&topic.name) {
            None => TopicState::Missing,
            Some(existing) => storage_topics::judge(topic, existing).state(),
        },
    };
    TopicPlan {
        wanted: topic.clone(),
        state,
    }
}
