//! What the storage topics say: connectors, task states, and the offset that holds for every key.

use std::collections::{BTreeMap, BTreeSet};

use crate::io::embedded::{ConfigStore, Statuses};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::offset_store::{Reading, read_own, read_topic};
use crate::model::worker_config::{Isolation, Isolations, StorageRole};
use crate::plan::{Observed, Plan, StoredConnector};
use crate::protocol::errors;

pub(super) async fn observe(
    cluster: &Cluster,
    draft: &Plan,
    observed: &mut Observed,
) -> Result<(), KafkaError> {
    let [config, offset, status] = draft.topics.each_ref().map(|topic| {
        let name = topic.wanted.name.as_str();
        observed.topics.contains_key(name).then_some(name)
    });
    let isolations = observed.isolations;
    if let Some(topic) = config {
        let isolation = isolations.of_storage(StorageRole::Config);
        observed.stored_connectors = connectors(cluster, topic, isolation).await?;
        let otherwise = connectors(cluster, topic, isolation.other()).await?;
        observed.unsettled_connectors = differing(&observed.stored_connectors, &otherwise);
    }
    if let Some(topic) = offset {
        // A topic that is deleted while this looks holds nothing.
        let read = read_topic(cluster, topic, isolations.of_storage(StorageRole::Offset));
        let read = read.await?.unwrap_or_default();
        observed.stored_offsets = read.stored;
        observed.undecided_offsets = read.undecided;
    }
    if let Some(topic) = status {
        let isolation = isolations.of_storage(StorageRole::Status);
        count_tasks(cluster, topic, isolation, &mut observed.stored_connectors).await?;
    }
    let workers = draft.topic(StorageRole::Offset).wanted.name.as_str();
    let connectors = draft.connectors.iter();
    let connectors = connectors.map(|c| (c.name.as_str(), &c.config));
    let reading = Reading {
        workers,
        isolations,
        stores: &observed.source_stores,
    };
    observed.own_offsets = read_own(cluster, reading, connectors).await?;
    Ok(())
}

/// Returns the names under which the two have something else, or only one of them anything.
fn differing(
    one: &BTreeMap<String, StoredConnector>,
    other: &BTreeMap<String, StoredConnector>,
) -> BTreeSet<String> {
    let names = one.keys().chain(other.keys());
    let names = names.filter(|name| one.get(*name) != other.get(*name));
    names.cloned().collect()
}

/// Returns the connectors of a config topic, with what the status topic says of their tasks; a topic that does not exist
/// holds nothing.
pub async fn registered_connectors(
    cluster: &Cluster,
    config_topic: &str,
    status_topic: &str,
    isolations: Isolations,
) -> Result<BTreeMap<String, StoredConnector>, KafkaError> {
    let names = [config_topic.to_owned(), status_topic.to_owned()];
    let described = cluster.topics(Some(&names)).await?;
    let exists = |name: &str| {
        described.get(name).is_some_and(|topic| {
            let error = topic.error.as_ref();
            !error.is_some_and(|error| error.is(errors::UNKNOWN_TOPIC_OR_PARTITION))
        })
    };
    if !exists(config_topic) {
        return Ok(BTreeMap::new());
    }
    let isolation = isolations.of_storage(StorageRole::Config);
    let mut found = connectors(cluster, config_topic, isolation).await?;
    if exists(status_topic) {
        let isolation = isolations.of_storage(StorageRole::Status);
        count_tasks(cluster, status_topic, isolation, &mut found).await?;
    }
    Ok(found)
}

/// Counts the tasks whose last status is RUNNING.
async fn count_tasks(
    cluster: &Cluster,
    status_topic: &str,
    isolation: Isolation,
    connectors: &mut BTreeMap<String, StoredConnector>,
) -> Result<(), KafkaError> {
    let (statuses, _) = Statuses::read(cluster, status_topic, isolation).await?;
    for connector in connectors.values_mut() {
        connector.running_tasks = 0;
    }
    for ((connector, _), status) in &statuses.tasks {
        if status.state == "RUNNING"
            && let Some(connector) = connectors.get_mut(connector)
        {
            connector.running_tasks += 1;
        }
    }
    Ok(())
}

async fn connectors(
    cluster: &Cluster,
    topic: &str,
    isolation: Isolation,
) -> Result<BTreeMap<String, StoredConnector>, KafkaError> {
    let mut configs = ConfigStore::new(cluster, topic, isolation);
    configs.catch_up().await?;
    let connectors = configs.state().connectors.iter();
    Ok(connectors
        .map(|(name, connector)| {
            let stored = StoredConnector {
                config: connector.properties.settings.clone(),
                target: connector.target,
                has_run: connector.has_run,
                may_have_run: connector.may_have_run,
                running_tasks: 0,
            };
            (name.clone(), stored)
        })
        .collect())
}
