//! The three storage topics: created with the plan's settings, then looked at, whoever created them.

use crate::io::kafka::cluster::Cluster;
use crate::io::storage_topics::{self, Ensured, Outcome};
use crate::model::worker_config::StorageTopic;
use crate::plan::storage_topics::Judgement;
use crate::plan::{Plan, Step, TopicState};

use super::{ApplyError, Journal, Target};

pub(super) async fn create(
    plan: &Plan,
    target: Target<'_>,
    journal: &Journal,
) -> Result<(), ApplyError> {
    let missing: Vec<&StorageTopic> = plan
        .topics
        .iter()
        .filter(|topic| topic.state == TopicState::Missing)
        .map(|topic| &topic.wanted)
        .collect();
    // All are asked for before the first is made: one of three is of no use.
    ensure(target.cluster, &missing, true).await?;
    for topic in missing {
        journal.begin(Step::CreateTopic(topic.name.clone()), None);
        let result = ensure(target.cluster, &[topic], false).await?;
        journal.end(result);
    }
    Ok(())
}

/// Returns what became of the last topic.
async fn ensure(
    cluster: &Cluster,
    topics: &[&StorageTopic],
    dry_run: bool,
) -> Result<&'static str, ApplyError> {
    let topics: Vec<StorageTopic> = topics.iter().copied().cloned().collect();
    let mut result = "";
    for Ensured { topic, outcome } in storage_topics::ensure(cluster, &topics, dry_run).await? {
        result = match outcome {
            Outcome::Created(judgement) => right(topic, &judgement, "created")?,
            Outcome::Existed(judgement) => right(
                topic,
                &judgement,
                "created by someone else meanwhile, and right",
            )?,
            Outcome::Missing => "missing",
            Outcome::Refused(refusal) => {
                return Err(ApplyError::TopicRefused {
                    topic: topic.name,
                    refusal,
                });
            }
        };
    }
    Ok(result)
}

fn right(
    topic: StorageTopic,
    judgement: &Judgement,
    result: &'static str,
) -> Result<&'static str, ApplyError> {
    if judgement.faults.is_empty() {
        return Ok(result);
    }
    Err(ApplyError::TopicWrong {
        topic: topic.name,
        wrong: judgement.faults.iter().map(ToString::to_string).collect(),
    })
}
