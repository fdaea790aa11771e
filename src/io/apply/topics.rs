//! The three storage topics: created with the plan's settings, then looked at, whoever created them.

use std::collections::BTreeMap;

use crate::io::kafka::admin_topics::NewTopic;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::plan::{Plan, Step, TopicPlan, TopicState};
use crate::protocol::errors;

use super::{ApplyError, Journal, Target};

pub(super) async fn create(
    plan: &Plan,
    target: Target<'_>,
    journal: &Journal,
) -> Result<(), ApplyError> {
    for topic in plan
        .topics
        .iter()
        .filter(|t| t.state == TopicState::Missing)
    {
        journal.begin(Step::CreateTopic(topic.name.clone()), None);
        let created = create_one(target.cluster, topic).await?;
        verify(target.cluster, topic).await?;
        journal.end(if created {
            "created"
        } else {
            "created by someone else meanwhile, and right"
        });
    }
    Ok(())
}

async fn create_one(cluster: &Cluster, topic: &TopicPlan) -> Result<bool, ApplyError> {
    let wanted = NewTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic.configs.clone(),
    };
    let mut answers = cluster.create_topics(&[wanted], false).await?;
    match answers.remove(&topic.name) {
        Some(Err(error)) if error.is(errors::TOPIC_ALREADY_EXISTS) => Ok(false),
        Some(Err(error)) => Err(KafkaError::from(error).into()),
        Some(Ok(())) | None => Ok(true),
    }
}

/// Compares what exists with what was asked for; a created topic takes a moment to be described everywhere.
async fn verify(cluster: &Cluster, topic: &TopicPlan) -> Result<(), ApplyError> {
    let names = [topic.name.clone()];
    let deadline = tokio::time::Instant::now() + cluster.settings().timeout;
    loop {
        let described = cluster.topics(Some(&names)).await?;
        let there = described
            .get(&topic.name)
            .filter(|found| found.error.is_none() && !found.partitions.is_empty());
        if let Some(found) = there {
            let mut wrong = Vec::new();
            let partitions = i32::try_from(found.partitions.len()).unwrap_or(i32::MAX);
            if topic.partitions > 0 && partitions != topic.partitions {
                wrong.push(format!("{partitions} partitions, not {}", topic.partitions));
            }
            wrong.extend(wrong_settings(cluster, topic).await?);
            return if wrong.is_empty() {
                Ok(())
            } else {
                Err(ApplyError::TopicWrong {
                    topic: topic.name.clone(),
                    wrong,
                })
            };
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(ApplyError::TopicGone {
                topic: topic.name.clone(),
            });
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// A principal that may not describe settings cannot check them; the worker would not either.
async fn wrong_settings(cluster: &Cluster, topic: &TopicPlan) -> Result<Vec<String>, KafkaError> {
    let mut answers = cluster
        .topic_configs(std::slice::from_ref(&topic.name))
        .await?;
    let found: BTreeMap<String, String> = match answers.remove(&topic.name) {
        Some(Ok(entries)) => entries
            .into_iter()
            .filter_map(|(key, entry)| Some((key, entry.value?)))
            .collect(),
        Some(Err(refused)) if refused.is_authorization() => return Ok(Vec::new()),
        Some(Err(error)) => return Err(error.into()),
        None => return Ok(Vec::new()),
    };
    Ok(topic
        .configs
        .iter()
        .filter(|(key, wanted)| found.get(*key).is_some_and(|value| value != *wanted))
        .map(|(key, wanted)| format!("{key} is {}, not {wanted}", found[key]))
        .collect())
}
