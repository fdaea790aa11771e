//! Storage topics: what exists and is wrong, what cannot be made.

use super::{Evidence, Findings, some_of};
use crate::model::worker_config::StorageTopic;
use crate::plan::storage_topics::{self, TopicFault};
use crate::plan::{Observed, TopicRefusal, TopicState, naming};

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let Some(observed) = evidence.observed else {
        return;
    };
    for topic in evidence.storage.iter() {
        existing(topic, observed, findings);
        hidden(topic, observed, findings);
    }
    for topic in evidence.topics {
        if topic.state == TopicState::Missing {
            missing(evidence, &topic.wanted, observed, findings);
        }
    }
    leftovers(evidence, observed, findings);
}

fn existing(topic: &StorageTopic, observed: &Observed, findings: &mut Findings<'_>) {
    let Some(existing) = observed.topics.get(&topic.name) else {
        return;
    };
    let name = &topic.name;
    let judgement = storage_topics::judge(topic, existing);
    for outage in judgement.outages.iter().filter(|o| o.is_serious()) {
        findings.block(
            "topic-unavailable",
            name,
            format!("topic {name} has {outage}"),
            "start the brokers that are missing, then run the same command again",
        );
    }
    if !judgement.settings_known {
        findings.warn(
            "topic-settings-hidden",
            name,
            format!(
                "the settings of topic {name} may not be read: whether it is compacted is not known"
            ),
            "connectctl topics check says which permission is missing",
        );
    }
    for fault in judgement.faults {
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

fn hidden(topic: &StorageTopic, observed: &Observed, findings: &mut Findings<'_>) {
    let Some(refusal) = observed.hidden_topics.get(&topic.name) else {
        return;
    };
    let remedy = refusal.remedy.clone();
    findings.block(
        "P6",
        topic.name.clone(),
        format!(
            "this principal may not look at topic {}, so it may exist or not: {}",
            topic.name, refusal.reason
        ),
        remedy.unwrap_or_else(|| "let an administrator allow it".to_owned()),
    );
}

fn missing(
    evidence: &Evidence<'_>,
    topic: &StorageTopic,
    observed: &Observed,
    findings: &mut Findings<'_>,
) {
    colliding(topic, observed, findings);
    if let Some(refusal) = observed.create_refused.get(&topic.name) {
        refused(topic, refusal, observed, findings);
    }
    let (name, factor) = (&topic.name, topic.replication_factor);
    if let Some(brokers) = evidence.brokers()
        && usize::try_from(factor).is_ok_and(|factor| factor > brokers)
    {
        findings.block(
            "P3",
            name.clone(),
            format!("topic {name} is to have {factor} replicas and the cluster has {brokers} broker(s): a worker would retry for a minute and die"),
            "--replication-factor auto",
        );
    }
}

fn colliding(topic: &StorageTopic, observed: &Observed, findings: &mut Findings<'_>) {
    let (role, name) = (topic.role, &topic.name);
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
}

fn refused(
    topic: &StorageTopic,
    refusal: &TopicRefusal,
    observed: &Observed,
    findings: &mut Findings<'_>,
) {
    let (name, reason) = (&topic.name, &refusal.reason);
    let remedy = refusal.remedy.clone();
    if !refusal.is_permission {
        findings.block(
            "topic-refused",
            name.clone(),
            format!("topic {name} does not exist and would not be created: {reason}"),
            remedy.unwrap_or_else(|| "correct the worker file".to_owned()),
        );
        return;
    }
    let automatic = observed.broker_settings.get("auto.create.topics.enable");
    let automatic = if automatic.is_some_and(|v| v == "true") {
        "; a worker would then get a topic that the broker makes by itself, with a delete policy"
    } else {
        ""
    };
    let by_an_administrator =
        "let an administrator run: connectctl topics create --worker-config distributed.properties";
    findings.block(
        "P6",
        name.clone(),
        format!(
            "topic {name} does not exist and this principal may not create it: {reason}{automatic}"
        ),
        remedy.map_or_else(
            || by_an_administrator.to_owned(),
            |remedy| format!("{remedy}; or {by_an_administrator}"),
        ),
    );
}

/// Records without a live connector are from an earlier life of the topic: workers skip them.
fn leftovers(evidence: &Evidence<'_>, observed: &Observed, findings: &mut Findings<'_>) {
    let name = &evidence.storage.config.name;
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
