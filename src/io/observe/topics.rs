//! The storage topics: what exists, and whether the missing ones may be created.

use std::collections::BTreeMap;

use crate::io::kafka::admin_topics::NewTopic;
use crate::io::kafka::cluster::{Cluster, TopicDescription};
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::offsets::OffsetSpec;
use crate::plan::{ObservedTopic, Plan};

type Described = BTreeMap<String, TopicDescription>;

pub(super) async fn existing(
    cluster: &Cluster,
    draft: &Plan,
    all: &Described,
) -> Result<BTreeMap<String, ObservedTopic>, KafkaError> {
    let mut found = BTreeMap::new();
    let names: Vec<String> = draft.topics.iter().map(|t| t.name.clone()).collect();
    let present: Vec<String> = names.into_iter().filter(|n| all.contains_key(n)).collect();
    if present.is_empty() {
        return Ok(found);
    }
    let mut configs = cluster.topic_configs(&present).await?;
    for name in present {
        let description = &all[&name];
        if let Some(error) = &description.error {
            return Err(error.clone().into());
        }
        let settings = match configs.remove(&name) {
            Some(Ok(entries)) => entries
                .into_iter()
                .filter_map(|(key, entry)| Some((key, entry.value?)))
                .collect(),
            Some(Err(refused)) => {
                tracing::info!(%refused, topic = name, "topic settings are not readable");
                BTreeMap::new()
            }
            None => BTreeMap::new(),
        };
        let topic = ObservedTopic {
            partitions: description.partitions.len(),
            replication_factor: description.replication_factor(),
            configs: settings,
            has_records: has_records(cluster, &name).await?,
        };
        found.insert(name, topic);
    }
    Ok(found)
}

/// Asks the broker to create the missing topics without doing it, and returns those it would refuse for want of permission.
pub(super) async fn create_refused(
    cluster: &Cluster,
    draft: &Plan,
    all: &Described,
) -> Result<BTreeMap<String, String>, KafkaError> {
    let wanted: Vec<NewTopic> = draft
        .topics
        .iter()
        .filter(|topic| !all.contains_key(&topic.name))
        .map(|topic| NewTopic {
            name: topic.name.clone(),
            partitions: topic.partitions,
            // The draft does not know the cluster: permission does not depend on the replicas.
            replication_factor: -1,
            configs: BTreeMap::new(),
        })
        .collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answers = cluster.create_topics(&wanted, true).await?;
    Ok(answers
        .into_iter()
        .filter_map(|(name, answer)| Some((name, answer.err()?)))
        .filter(|(_, error)| error.is_authorization())
        .map(|(name, error)| (name, error.to_string()))
        .collect())
}

async fn has_records(cluster: &Cluster, topic: &str) -> Result<bool, KafkaError> {
    let earliest = cluster.offsets(topic, OffsetSpec::Earliest).await?;
    let latest = cluster.offsets(topic, OffsetSpec::Latest).await?;
    Ok(latest
        .iter()
        .any(|(partition, end)| earliest.get(partition).is_none_or(|start| end > start)))
}
