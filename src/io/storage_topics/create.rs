//! Missing storage topics, made with what the worker file says, and what becomes of each.

use std::collections::BTreeMap;

use crate::io::kafka::admin_topics::NewTopic;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::model::worker_config::StorageTopic;
use crate::plan::storage_topics::{Judgement, judge};
use crate::protocol::errors;

use super::look::{Existing, Found, look, wait_for};
use super::refusal::{Refusal, own_refusal, refusal_of};

/// What became of one storage topic.
#[derive(Debug, Clone)]
pub struct Ensured {
    pub topic: StorageTopic,
    pub outcome: Outcome,
}

#[derive(Debug, Clone)]
pub enum Outcome {
    /// Made by this call, and seen on the cluster since.
    Created(Judgement),
    /// It was there, or somebody else made it in the meantime.
    Existed(Judgement),
    /// Not made: only asked whether it could be, or another topic was refused.
    Missing,
    Refused(Refusal),
}

/// Creates the topics that are missing and says of each what it is now.
///
/// Nothing is created when any of them would be refused, or with `dry_run`; the same checks are made. A topic that
/// somebody else creates at the same moment is looked at and reported as one that existed.
pub async fn ensure(
    cluster: &Cluster,
    topics: &[StorageTopic],
    dry_run: bool,
) -> Result<Vec<Ensured>, KafkaError> {
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let found = look(cluster, &names).await?;
    let missing: Vec<StorageTopic> = topics
        .iter()
        .filter(|topic| matches!(found.get(&topic.name), Some(Found::Missing)))
        .cloned()
        .collect();
    let mut refused = refusals(cluster, &missing).await?;
    let mut created = BTreeMap::new();
    let blocked = !refused.is_empty() || found.values().any(|f| matches!(f, Found::Hidden(_)));
    if !dry_run && !blocked && !missing.is_empty() {
        created = create(cluster, &missing).await?;
    }
    let ensured = topics.iter().map(|topic| {
        let outcome = match (&found[&topic.name], created.remove(&topic.name)) {
            (_, Some(outcome)) => outcome,
            (Found::Exists(existing), None) => Outcome::Existed(judge(topic, &existing.observed())),
            (Found::Hidden(error), None) => Outcome::Refused(error.clone().into()),
            (Found::Missing, None) => refused
                .remove(&topic.name)
                .map_or(Outcome::Missing, Outcome::Refused),
        };
        Ensured {
            topic: topic.clone(),
            outcome,
        }
    });
    Ok(ensured.collect())
}

/// Returns what stands against creating each of these topics; the broker is asked without creating.
pub async fn refusals(
    cluster: &Cluster,
    missing: &[StorageTopic],
) -> Result<BTreeMap<String, Refusal>, KafkaError> {
    if missing.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut refused: BTreeMap<String, Refusal> = missing
        .iter()
        .filter_map(|topic| Some((topic.name.clone(), own_refusal(topic)?)))
        .collect();
    let askable: Vec<&StorageTopic> = missing
        .iter()
        .filter(|topic| !refused.contains_key(&topic.name))
        .collect();
    if askable.is_empty() {
        return Ok(refused);
    }
    let asked: Vec<NewTopic> = askable.iter().copied().map(new_topic).collect();
    let mut answers = cluster.create_topics(&asked, true).await?;
    let brokers = cluster.describe().await?.brokers.len();
    for topic in askable {
        match answers.remove(&topic.name) {
            Some(Err(error)) if !error.is(errors::TOPIC_ALREADY_EXISTS) => {
                let refusal = refusal_of(topic, error, brokers);
                refused.insert(topic.name.clone(), refusal);
            }
            Some(Ok(()) | Err(_)) | None => {}
        }
    }
    Ok(refused)
}

async fn create(
    cluster: &Cluster,
    missing: &[StorageTopic],
) -> Result<BTreeMap<String, Outcome>, KafkaError> {
    let wanted: Vec<NewTopic> = missing.iter().map(new_topic).collect();
    let answers = cluster.create_topics(&wanted, false).await?;
    let there: Vec<String> = answers
        .iter()
        .filter(|(_, answer)| answer.as_ref().err().is_none_or(may_be_there))
        .map(|(name, _)| name.clone())
        .collect();
    let seen = wait_for(cluster, &there, has_leaders).await?;
    let mut outcomes = BTreeMap::new();
    for topic in missing {
        let judged = |existing: &Existing| judge(topic, &existing.observed());
        let refused = answers
            .get(&topic.name)
            .and_then(|answer| answer.as_ref().err());
        let outcome = match (refused, seen.get(&topic.name)) {
            (Some(error), Some(existing)) if error.is(errors::TOPIC_ALREADY_EXISTS) => {
                Outcome::Existed(judged(existing))
            }
            // Also when the broker ran out of time and the topic came nevertheless.
            (_, Some(existing)) => Outcome::Created(judged(existing)),
            (Some(error), None) if !may_be_there(error) => Outcome::Refused(error.clone().into()),
            (_, None) => Outcome::Refused(Refusal::NotSeen(cluster.settings().timeout)),
        };
        outcomes.insert(topic.name.clone(), outcome);
    }
    Ok(outcomes)
}

/// Errors after which the topic exists, or may come to exist.
fn may_be_there(error: &BrokerError) -> bool {
    error.is(errors::TOPIC_ALREADY_EXISTS) || error.is(errors::REQUEST_TIMED_OUT)
}

fn has_leaders(existing: &Existing) -> bool {
    let partitions = &existing.description.partitions;
    !partitions.is_empty() && partitions.values().all(|p| p.leader.is_some())
}

fn new_topic(topic: &StorageTopic) -> NewTopic {
    NewTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.configs.clone(),
    }
}
