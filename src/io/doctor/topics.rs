//! The three storage topics: there and right, readable, writable.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::io::embedded::{ConfigStore, Statuses, read_offsets};
use crate::io::kafka::TopicPermissions;
use crate::io::kafka::acl::{Acl, Pattern};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::seeder::SeedRecord;
use crate::io::kafka::writer::Writer;
use crate::io::storage_topics::{self, Existing, FOR_WORKERS, Found, Refusal};
use crate::model::storage_records::{ConfigState, target_state_key};
use crate::model::worker_config::{Isolation, Isolations, StorageRole, StorageTopic};
use crate::plan::storage_topics::{TopicFault, judge, remedy};
use crate::protocol::partitioner;

use super::finding::{Finding, Remedy};

/// The connector that probe records are about. There is none of this name.
///
/// What is written are tombstones: of a target state, an offset and a status. A worker that reads one removes what it
/// does not have, without a word in its log, and tells nobody (`KafkaConfigBackingStore.processTargetStateRecord`,
/// `KafkaOffsetBackingStore`, `KafkaStatusBackingStore.readConnectorStatus`). A key that it does not know would be an error in its
/// log, at every start. Compaction removes them; there is never more than one of each.
pub const PROBE: &str = "connectctl-doctor";

/// Looks at the topics; one finding for each, in their order.
pub(super) async fn look(cluster: &Cluster, topics: &[StorageTopic]) -> Vec<Finding> {
    let looked = async {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        let found = storage_topics::look(cluster, &names).await?;
        let missing: Vec<StorageTopic> = topics
            .iter()
            .filter(|topic| matches!(found.get(&topic.name), Some(Found::Missing)))
            .cloned()
            .collect();
        let refused = storage_topics::refusals(cluster, &missing).await?;
        Ok::<_, KafkaError>((found, refused))
    };
    match looked.await {
        Ok((found, refused)) => topics
            .iter()
            .map(|topic| match found.get(&topic.name) {
                Some(Found::Exists(existing)) => existing_topic(topic, existing),
                Some(Found::Hidden(error)) => hidden(topic, error),
                Some(Found::Missing) | None => missing_topic(topic, refused.get(&topic.name)),
            })
            .collect(),
        Err(error) => topics.iter().map(|_| Finding::failed(&error)).collect(),
    }
}

fn hidden(topic: &StorageTopic, error: &BrokerError) -> Finding {
    let finding = Finding::broken(error.to_string());
    let on = |operation: &&'static str| Acl {
        operation,
        on: Pattern::Topic(topic.name.clone()),
    };
    // Whether it exists is not known, and therefore not what else is lacking.
    match (&error.caller, error.lacking()) {
        (Some(caller), Some(acl)) => {
            let all: Vec<Acl> = FOR_WORKERS.iter().map(on).collect();
            finding.grant(caller, &[acl], &all)
        }
        _ => finding.hint(error.hint()),
    }
}

fn missing_topic(topic: &StorageTopic, refused: Option<&Refusal>) -> Finding {
    let name = &topic.name;
    let Some(refusal) = refused else {
        return Finding::kept(format!(
            "{name} is not there yet; a worker may create it when it starts"
        ))
        .remedy(Remedy::CreateTopics);
    };
    let detail = format!("{name} is not there and cannot be created: {refusal}");
    let finding = Finding::broken(detail);
    let lacking = refusal
        .broker()
        .and_then(|answer| Some((answer.caller.as_ref()?, answer.lacking()?)));
    match lacking {
        Some((caller, acl)) => finding
            .grant(
                caller,
                std::slice::from_ref(&acl),
                std::slice::from_ref(&acl),
            )
            .remedy(Remedy::CreateTopics),
        None => finding.hint(Some(refusal.hint())),
    }
}

fn existing_topic(topic: &StorageTopic, existing: &Existing) -> Finding {
    let name = &topic.name;
    let judgement = judge(topic, &existing.observed());
    let (serious, harmless): (Vec<_>, Vec<_>) =
        judgement.outages.iter().partition(|o| o.is_serious());
    let mut notes: Vec<String> = judgement
        .differences
        .iter()
        .map(ToString::to_string)
        .collect();
    notes.extend(harmless.iter().map(ToString::to_string));
    if !judgement.faults.is_empty() {
        let faults: Vec<_> = judgement.faults.iter().map(ToString::to_string).collect();
        let finding = Finding::broken(format!("{name} is wrong: {}", faults.join("; ")));
        return judgement
            .faults
            .iter()
            .fold(finding, |finding, fault| match fault {
                TopicFault::ConfigPartitions { .. } => finding.hint(Some(remedy(topic, fault))),
                TopicFault::CleanupPolicy { .. }
                | TopicFault::Unwritable { .. }
                | TopicFault::MinInsyncReplicas { .. } => finding.remedy(Remedy::RepairTopics),
            });
    }
    if !serious.is_empty() {
        let outages: Vec<_> = serious.iter().map(ToString::to_string).collect();
        return Finding::broken(format!("{name}: {}", outages.join("; ")))
            .hint(Some("Start the brokers that are missing.".to_owned()));
    }
    if let Err(error) = &existing.settings {
        let why = "a worker that may not read its settings starts without a look at cleanup.policy";
        return Finding::refused(error).softened(why);
    }
    if notes.is_empty() {
        Finding::kept(format!("{name} is right"))
    } else {
        Finding::kept(format!("{name} is right; {}", notes.join("; ")))
    }
}

/// What the principal may do with each topic.
#[derive(Debug)]
pub(super) struct Allowed {
    topics: Result<BTreeMap<String, Result<TopicPermissions, BrokerError>>, KafkaError>,
}

impl Allowed {
    pub(super) async fn ask(cluster: &Cluster, topics: &[StorageTopic]) -> Self {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        Self {
            topics: cluster.topic_permissions(&names).await,
        }
    }

    /// Returns that all topics may be written, or what is lacking.
    pub(super) fn writing(&self, cluster: &Cluster) -> Finding {
        match self.denied(cluster, "Write", |may| may.write) {
            Some(denied) => denied,
            None => Finding::kept("it is allowed; nothing was written"),
        }
    }

    /// Returns what is lacking for an operation.
    fn denied(
        &self,
        cluster: &Cluster,
        operation: &'static str,
        allowed: impl Fn(&TopicPermissions) -> bool,
    ) -> Option<Finding> {
        let topics = match &self.topics {
            Ok(topics) => topics,
            Err(error) => return Some(Finding::failed(error)),
        };
        let mut lacking = Vec::new();
        for (topic, may) in topics {
            match may {
                Ok(may) if allowed(may) => {}
                Err(error) if !error.is_authorization() => return Some(Finding::refused(error)),
                // Whoever may read or write a topic may see it.
                Ok(_) | Err(_) => lacking.push(Acl {
                    operation,
                    on: Pattern::Topic(topic.clone()),
                }),
            }
        }
        (!lacking.is_empty()).then(|| Finding::lacking(&cluster.settings().caller(), &lacking))
    }

    fn exists(&self, topic: &StorageTopic) -> bool {
        let topics = self.topics.as_ref().ok();
        let may = topics.and_then(|topics| topics.get(&topic.name));
        may.is_some_and(|may| may.as_ref().is_ok_and(|may| may.exists))
    }

    fn existing<'a>(&self, topics: &'a [StorageTopic]) -> Vec<&'a StorageTopic> {
        topics.iter().filter(|topic| self.exists(topic)).collect()
    }
}

/// Reads the topics to their ends, as a worker does that starts; returns what is registered where that could be read.
pub(super) async fn read(
    cluster: &Cluster,
    topics: &[StorageTopic],
    isolations: Isolations,
    allowed: &Allowed,
) -> (Finding, Option<ConfigState>) {
    if let Some(denied) = allowed.denied(cluster, "Read", |may| may.read) {
        return (denied, None);
    }
    let mut state = ConfigState::new();
    let mut read = Vec::new();
    for topic in allowed.existing(topics) {
        let isolation = isolations.of_storage(topic.role);
        let records = match read_one(cluster, topic, isolation, &mut state).await {
            Ok(records) => records,
            Err(error) => return (Finding::failed(&error), None),
        };
        read.push(format!("{records} {} records", topic.role));
    }
    let detail = if read.is_empty() {
        "it is allowed; there is nothing to read yet".to_owned()
    } else {
        format!("{} read", read.join(", "))
    };
    (Finding::kept(detail), Some(state))
}

async fn read_one(
    cluster: &Cluster,
    topic: &StorageTopic,
    isolation: Isolation,
    state: &mut ConfigState,
) -> Result<u64, KafkaError> {
    match topic.role {
        StorageRole::Config => {
            let mut store = ConfigStore::new(cluster, &topic.name, isolation);
            let records = store.catch_up().await?;
            *state = store.state().clone();
            Ok(records)
        }
        StorageRole::Offset => read_offsets(cluster, &topic.name, isolation, |_, _| {}).await,
        StorageRole::Status => Ok(Statuses::read(cluster, &topic.name, isolation).await?.1),
    }
}

/// Writes a probe record into each topic.
pub(super) async fn write(
    cluster: &Cluster,
    topics: &[StorageTopic],
    allowed: &Allowed,
    state: Option<&ConfigState>,
) -> Finding {
    if let Some(denied) = allowed.denied(cluster, "Write", |may| may.write) {
        return denied;
    }
    let Some(state) = state else {
        return Finding::not_known("it is allowed; nothing is written into what cannot be read");
    };
    if state.connectors.contains_key(PROBE) {
        return Finding::not_known(format!(
            "it is allowed; a connector is called {PROBE}, so no probe was written"
        ));
    }
    let existing = allowed.existing(topics);
    if existing.is_empty() {
        return Finding::kept("it is allowed; there is nothing to write to yet");
    }
    for topic in &existing {
        if let Err(error) = write_one(cluster, topic).await {
            let finding = Finding::failed(&error);
            let detail = format!("topic {}: {}", topic.name, finding.detail);
            return Finding { detail, ..finding };
        }
    }
    let tombstones = match existing.len() {
        1 => "1 probe record".to_owned(),
        several => format!("{several} probe records"),
    };
    Finding::kept(format!("{tombstones} acknowledged"))
}

async fn write_one(cluster: &Cluster, topic: &StorageTopic) -> Result<(), KafkaError> {
    let key = probe_key(topic.role);
    let described = cluster.topic(&topic.name).await?;
    let partition = partitioner::partition_of(&key, described.partition_count());
    let record = SeedRecord { key, value: None };
    let written = Writer::new(cluster, &topic.name, partition)
        .write(&[record])
        .await;
    written.map(drop).map_err(|error| error.kafka().clone())
}

/// Keys as a worker writes them, of something that no worker has.
fn probe_key(role: StorageRole) -> Bytes {
    match role {
        StorageRole::Config => target_state_key(PROBE),
        StorageRole::Offset => Bytes::from(format!("[\"{PROBE}\",{{}}]")),
        StorageRole::Status => Bytes::from(format!("status-connector-{PROBE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::offset_key::OffsetKey;
    use crate::model::storage_records::{ConfigChange, StatusRecord};

    #[test]
    fn a_probe_changes_nothing_for_whoever_reads_it() {
        let mut state = ConfigState::new();
        let key = probe_key(StorageRole::Config);
        assert_eq!(state.apply(0, Some(&key), None), Ok(ConfigChange::None));
        assert!(state.connectors.is_empty());
        let key = OffsetKey::parse(&probe_key(StorageRole::Offset)).unwrap();
        assert_eq!(key.connector(), PROBE);
        let status = StatusRecord::parse(&probe_key(StorageRole::Status), None).unwrap();
        let removed = StatusRecord::Connector {
            connector: PROBE.to_owned(),
            status: None,
        };
        assert_eq!(status, removed);
    }
}
