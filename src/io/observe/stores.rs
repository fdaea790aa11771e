//! What the storage topics say: connectors, task states, and the offset that holds for every key.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::log::{self, Isolation};
use crate::model::storage_records::StatusRecord;
use crate::plan::offset_fold::OffsetFold;
use crate::plan::{Observed, Plan, StoredConnector, StoredOffset};
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
        observed.stored_offsets = latest_offsets(cluster, topic).await?;
    }
    if let Some(topic) = status {
        let running = running_tasks(cluster, topic).await?;
        for (name, connector) in &mut observed.stored_connectors {
            connector.running_tasks = running.get(name).copied().unwrap_or(0);
        }
    }
    Ok(())
}

/// Returns the offset that holds for every key of an offset topic.
pub async fn latest_offsets(
    cluster: &Cluster,
    topic: &str,
) -> Result<BTreeMap<Bytes, StoredOffset>, KafkaError> {
    let partitions = cluster
        .offsets(topic, crate::io::kafka::offsets::OffsetSpec::Latest)
        .await?
        .len();
    let mut fold = OffsetFold::new(i32::try_from(partitions).unwrap_or(i32::MAX));
    // A worker reads committed records only when exactly-once support is on; what is committed is the truth either way.
    log::read_to_end(
        cluster,
        topic,
        Isolation::ReadCommitted,
        |partition, record| {
            fold.record(
                partition,
                record.offset,
                record.timestamp,
                record.key,
                record.value,
            );
        },
    )
    .await?;
    Ok(fold.finish())
}

/// Returns the names of the connectors in a config topic.
pub async fn stored_connector_names(
    cluster: &Cluster,
    topic: &str,
) -> Result<Vec<String>, KafkaError> {
    Ok(connectors(cluster, topic).await?.into_keys().collect())
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
