//! Cluster and standalone worker → [`Observed`]: the facts that a plan rests on, read the same way before and after the yes.

mod advertised;
mod groups;
mod source;
mod stores;
mod topics;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::model::worker_config::{Isolations, SourceStores};
use crate::plan::{Observed, Plan};

pub use advertised::{Advertised, advertised};
pub use groups::{Waiting, connect_group};
pub use source::{SourceWorker, Whereabouts, listener_urls};
pub use stores::registered_connectors;

/// Settings of a broker that findings need.
const BROKER_SETTINGS: &[&str] = &[
    "auto.create.topics.enable",
    "default.replication.factor",
    "group.max.session.timeout.ms",
    "group.min.session.timeout.ms",
    "message.max.bytes",
    "offsets.retention.minutes",
];

/// Looks at everything that the plan's names point to.
///
/// `draft` is the plan without a cluster: it names the storage topics, the Connect group and the sinks' groups; its workers
/// will read as `isolations` says, and their sources keep positions where the other says. `waits` is told when the look has to wait.
pub async fn observe(
    cluster: &Cluster,
    draft: &Plan,
    (isolations, source_stores): (Isolations, SourceStores),
    source: &SourceWorker,
    waits: impl Fn(&Waiting),
) -> Result<Observed, KafkaError> {
    let description = cluster.describe().await?;
    let mut observed = Observed {
        cluster_id: description.cluster_id,
        topic_names: cluster.topics(None).await?.into_keys().collect(),
        broker_settings: broker_settings(cluster, description.brokers.first().map(|b| b.id))
            .await?,
        brokers: description.brokers,
        source_cluster_id: source.cluster_id().await?,
        isolations,
        source_stores,
        ..Observed::default()
    };
    topics::observe(cluster, draft, &mut observed).await?;
    let mut found = source.whereabouts().await;
    groups::observe(cluster, draft, waits, &mut observed).await?;
    stores::observe(cluster, draft, &mut observed).await?;
    // What is registered in the target may well be seen at a worker of the target.
    let registered = &observed.stored_connectors;
    found.at_rest.retain(|name| !registered.contains_key(name));
    if let Some(name) = found.at_rest.first() {
        found
            .unclear
            .push(format!("a worker there has connector {name}, STOPPED"));
    }
    observed.source_rest_gone = found.running.is_empty() && found.unclear.is_empty();
    observed.source_answers = (!found.running.is_empty()).then_some(found.running);
    observed.source_unclear = found.unclear;
    Ok(observed)
}

/// Not being allowed to read them is no failure: findings that need them are then not decidable.
async fn broker_settings(
    cluster: &Cluster,
    broker: Option<i32>,
) -> Result<BTreeMap<String, String>, KafkaError> {
    let Some(broker) = broker else {
        return Ok(BTreeMap::new());
    };
    let settings = match cluster.broker_configs(broker).await {
        Ok(settings) => settings,
        Err(refused) if refused.is_authorization() => {
            tracing::info!(%refused, "broker settings are not readable");
            return Ok(BTreeMap::new());
        }
        Err(error) => return Err(error),
    };
    Ok(settings
        .into_iter()
        .filter(|(name, _)| BROKER_SETTINGS.contains(&name.as_str()))
        .filter_map(|(name, entry)| Some((name, entry.value?)))
        .collect())
}

/// How long a worker's REST listener may take to answer a look.
const LOOK: Duration = Duration::from_secs(3);
