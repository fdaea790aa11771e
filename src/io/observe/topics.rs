//! The storage topics: what exists, and whether the missing ones may be created.

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::offsets::OffsetSpec;
use crate::io::storage_topics::{self, Found, Refusal};
use crate::model::worker_config::StorageTopic;
use crate::plan::{Observed, ObservedTopic, Plan};

pub(super) async fn observe(
    cluster: &Cluster,
    draft: &Plan,
    observed: &mut Observed,
) -> Result<(), KafkaError> {
    let names: Vec<String> = draft.topics.iter().map(|t| t.wanted.name.clone()).collect();
    let mut found = storage_topics::look(cluster, &names).await?;
    let mut missing = Vec::new();
    for topic in &draft.topics {
        let wanted = &topic.wanted;
        match found.remove(&wanted.name) {
            Some(Found::Exists(existing)) => {
                let existing = ObservedTopic {
                    has_records: has_records(cluster, &wanted.name).await?,
                    ..existing.observed()
                };
                observed.topics.insert(wanted.name.clone(), existing);
            }
            Some(Found::Hidden(error)) => {
                let refusal = Refusal::from(error).observed();
                observed.hidden_topics.insert(wanted.name.clone(), refusal);
            }
            Some(Found::Missing) | None => missing.push(fitting(wanted, observed.brokers.len())),
        }
    }
    observed.create_refused = storage_topics::refusals(cluster, &missing)
        .await?
        .into_iter()
        .map(|(name, refusal)| (name, refusal.observed()))
        .collect();
    Ok(())
}

/// The draft does not know the cluster: the plan itself fits the replicas to the brokers, or blocks (P3).
fn fitting(topic: &StorageTopic, brokers: usize) -> StorageTopic {
    let most = i16::try_from(brokers).unwrap_or(i16::MAX);
    StorageTopic {
        replication_factor: topic.replication_factor.min(most),
        ..topic.clone()
    }
}

async fn has_records(cluster: &Cluster, topic: &str) -> Result<bool, KafkaError> {
    let earliest = cluster.offsets(topic, OffsetSpec::Earliest).await?;
    let latest = cluster.offsets(topic, OffsetSpec::Latest).await?;
    Ok(latest
        .iter()
        .any(|(partition, end)| earliest.get(partition).is_none_or(|start| end > start)))
}
