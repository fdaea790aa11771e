//! What the storage topics say: connectors, task states, and the offset that holds for every key.

use std::collections::BTreeMap;

use crate::io::embedded::{ConfigStore, Statuses};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::offset_store::{read_own, read_topic};
use crate::model::worker_config::StorageRole;
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
    if let Some(topic) = config {
        observed.stored_connectors = connectors(cluster, topic).await?;
    }
    if let Some(topic) = offset {
        // A topic that is deleted while this looks holds nothing.
        let read = read_topic(cluster, topic).await?.unwrap_or_default();
        observed.stored_offsets = read.stored;
        observed.undecided_offsets = read.undecided;
    }
    if let Some(topic) = status {
        count_tasks(cluster, topic, &mut observed.stored_connectors).await?;
    }
    let workers = draft.topic(StorageRole::Offset).wanted.name.as_str();
    let connectors = draft.connectors.iter();
    let connectors = connectors.map(|c| (c.name.as_str(), &c.config));
    observed.own_offsets = read_own(cluster, workers, connectors).await?;
    Ok(())
}

/// Returns the connectors of a config topic, with what the status topic says of their tasks; a topic that does not exist
/// holds nothing.
pub async fn registered_connectors(
    cluster: &Cluster,
    config_topic: &str,
    status_topic: &str,
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
    let mut found = connectors(cluster, config_topic).await?;
    if exists(status_topic) {
        count_tasks(cluster, status_topic, &mut found).await?;
    }
    Ok(found)
}

/// Counts the tasks whose last status is RUNNING.
async fn count_tasks(
    cluster: &Cluster,
    status_topic: &str,
    connectors: &mut BTreeMap<String, StoredConnector>,
) -> Result<(), KafkaError> {
    let (statuses, _) = Statuses::read(cluster, status_topic).await?;
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
) -> Result<BTreeMap<String, StoredConnector>, KafkaError> {
    let mut configs = ConfigStore::new(cluster, topic);
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
