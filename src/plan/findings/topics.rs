//! Storage topics: what exists and is wrong, what cannot be made.

use super::{Evidence, Findings, some_of};
use crate::model::worker_config::StorageTopic;
use crate::plan::storage_topics::{self, TopicFault};
use crate::plan::{Observed, TopicPlan, TopicState, naming};

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let Some(observed) = evidence.observed else {
        return;
    };
    for topic in evidence.storage.iter() {
        existing(topic, observed, findings);
    }
    for topic in evidence.topics {
        if topic.state == TopicState::Missing {
            missing(evidence, topic, observed, findings);
        }
    }
    leftovers(evidence, observed, findings);
}

fn existing(topic: &StorageTopic, observed: &Observed, findings: &mut Findings<'_>) {
    let Some(existing) = observed.topics.get(&topic.name) else {
        return;
    };
    let name = &topic.name;
    for fault in storage_topics::judge(topic, existing).faults {
        let another = format!("another topic: --{}-topic NAME", topic.role);
        let repair = format!("connectctl topics repair, or {another}");
        let message = format!("topic {name} exists, but {fault}");
        match fault {
            TopicFault::CleanupPolicy { .. } => findings.block("P4", name, message, repair),
            TopicFault::ConfigPartitions { .. } => findings.block("P5", name, message, another),
            TopicFault::Unwritable { .. } => {
                findings.block("topic-unwritable", name, message, repair);
            }
            TopicFault::MinInsyncReplicas { .. } => {
                findings.warn("topic-min-insync", name, message, repair);
            }
        }
    }
}

fn missing(
    evidence: &Evidence<'_>,
    topic: &TopicPlan,
    observed: &Observed,
    findings: &mut Findings<'_>,
) {
    let (role, name) = (&topic.role, &topic.name);
    let colliding = observed
        .topic_names
        .iter()
        .filter(|other| *other != name && naming::collides(other, name));
    let colliding = some_of(colliding.map(String::as_str));
    if !colliding.is_empty() {
        findings.block(
            "topic-collision",
            name.clone(),
            format!("topic {name} collides with {colliding}: to Kafka '.' and '_' are the same in a topic name"),
            format!("another name: --{role}-topic NAME"),
        );
    }
    if let Some(reason) = observed.create_refused.get(name) {
        let automatic = observed.broker_settings.get("auto.create.topics.enable");
        let automatic = if automatic.is_some_and(|v| v == "true") {
            "; a worker would then get a topic that the broker makes by itself, with a delete policy"
        } else {
            ""
        };
        findings.block(
            "P6",
            name.clone(),
            format!("topic {name} does not exist and this principal may not create it: {reason}{automatic}"),
            "let an administrator run: connectctl topics create --worker-config distributed.properties",
        );
    }
    let Some(brokers) = evidence.brokers() else {
        return;
    };
    if usize::try_from(topic.replication_factor).is_ok_and(|factor| factor > brokers) {
        findings.block(
            "P3",
            name.clone(),
            format!(
                "topic {name} is to have {} replicas and the cluster has {brokers} broker(s): a worker would retry for a minute and die",
                topic.replication_factor
            ),
            "--replication-factor auto",
        );
    }
}

/// Records without a live connector are from an earlier life of the topic: workers skip them.
fn leftovers(evidence: &Evidence<'_>, observed: &Observed, findings: &mut Findings<'_>) {
    let config = evidence.topics.iter().find(|t| t.role == "config");
    let Some(name) = config.map(|t| &t.name) else {
        return;
    };
    let has_records = observed.topics.get(name).is_some_and(|t| t.has_records);
    if has_records && observed.stored_connectors.is_empty() {
        findings.warn(
            "P55",
            name.clone(),
            format!("the config topic {name} holds records but no connector: it was used before"),
            "workers ignore them; another --group-id gives fresh topics",
        );
    }
}
