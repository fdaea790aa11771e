//! What the storage topics say: connectors, task states, and the offset that holds for every key.

use std::collections::BTreeMap;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::log::{self, Isolation};
use crate::io::offset_store::{read_own, read_topic};
use crate::model::storage_records::StatusRecord;
use crate::model::worker_config::StorageRole;
use crate::plan::{Observed, Plan, StoredConnector};
use crate::protocol::errors;
use crate::worker::config_log::ConfigLog;

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
        let read = read_topic(cluster, topic).await?;
        observed.stored_offsets = read.map(|topic| topic.stored).unwrap_or_default();
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

async fn count_tasks(
    cluster: &Cluster,
    status_topic: &str,
    connectors: &mut BTreeMap<String, StoredConnector>,
) -> Result<(), KafkaError> {
    let running = running_tasks(cluster, status_topic).await?;
    for (name, connector) in connectors {
        connector.running_tasks = running.get(name).copied().unwrap_or(0);
    }
    Ok(())
}

async fn connectors(
    cluster: &Cluster,
    topic: &str,
) -> Result<BTreeMap<String, StoredConnector>, KafkaError> {
    let mut configs = ConfigLog::new(topic);
    log::read_to_end(cluster, topic, Isolation::ReadCommitted, |_, record| {
        let read = configs.read(
            record.offset,
            record.key.as_deref(),
            record.value.as_deref(),
        );
        if let Err(ignored) = read {
            tracing::warn!("{ignored}");
        }
    })
    .await?;
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

/// Returns the number of tasks per connector whose last status is RUNNING.
async fn running_tasks(
    cluster: &Cluster,
    topic: &str,
) -> Result<BTreeMap<String, usize>, KafkaError> {
    let mut states = BTreeMap::new();
    log::read_to_end(cluster, topic, Isolation::ReadCommitted, |_, record| {
        let Some(key) = &record.key else { return };
        let parsed = StatusRecord::parse(key, record.value.as_deref());
        if let Ok(StatusRecord::Task {
            connector,
            task,
            status,
        }) = parsed
        {
            states.insert((connector, task), status.map(|status| status.state));
        }
    })
    .await?;
    let mut running = BTreeMap::new();
    for ((connector, _), state) in states {
        if state.as_deref() == Some("RUNNING") {
            *running.entry(connector).or_insert(0) += 1;
        }
    }
    Ok(running)
}
