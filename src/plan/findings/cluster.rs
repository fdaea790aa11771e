//! Whose the cluster is, whether the old worker is stopped, and what the brokers allow.

use super::{Evidence, Findings, GROUP_IN_USE, STANDALONE, some_of};
use crate::model::secrets;
use crate::model::shell::quoted;
use crate::model::worker_config::{AdvertisedListener, Isolation, StorageRole};
use crate::plan::{ConnectorKind, Observed, Ownership, Stopped, ownership};

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    standalone_at_work(evidence, findings);
    foreign_cluster(evidence, findings);
    nobody_registers(evidence, findings);
    group_of_another_protocol(evidence, findings);
    other_kafka(evidence, findings);
    permissions(evidence, findings);
    old_names(evidence, findings);
    aborted_configurations(evidence, findings);
}

/// Of its own, so that who accepts one danger does not accept the other: a connector may have positions of aborted transactions too.
const ABORTED: &str = "aborted-configuration";

/// What an aborted transaction registered is gone when the log cleaner has been there.
fn aborted_configurations(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let Some(observed) = evidence.observed else {
        return;
    };
    let topic = evidence.storage.config.name.as_str();
    let read = observed.isolations.of_storage(StorageRole::Config);
    for name in &observed.unsettled_connectors {
        let message = format!(
            "topic {topic}: connector {name} is another for workers of the other isolation level (these read with {}): a transaction that wrote it was aborted or is open",
            read.text()
        );
        // Also of one that seems to have moved already: it is that record which says so.
        let is_in_plan = evidence.moving.iter().any(|m| m.name == *name);
        if is_in_plan && read == Isolation::ReadUncommitted {
            let remedy = format!(
                "a fresh topic: --config-topic NAME; or --accept {ABORTED}:{name}, and register it again before the log cleaner has been there"
            );
            findings.block(ABORTED, name.as_str(), message, remedy);
        } else {
            let remedy = "give every worker of the group the same exactly.once.source.support";
            findings.warn(ABORTED, name.as_str(), message, remedy);
        }
    }
}

/// `--delete-old` deletes what a rename leaves behind, not what a connector of the target cluster lives on.
fn old_names(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    if !evidence.choices.delete_old {
        return;
    }
    for connector in evidence.moving {
        if ownership::is_old_name_alive(connector, evidence.moving, evidence.observed) {
            let old = &connector.old_name;
            findings.warn(
                "old-name-in-use",
                old.clone(),
                format!("the target cluster has a connector {old} of its own: what it has under that name is not deleted"),
                "delete that connector first, then run the same command again",
            );
        }
    }
}

fn standalone_at_work(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    if evidence.to_move().next().is_none()
        || evidence.observed.is_none() && evidence.judgement.at_work.is_empty()
    {
        return;
    }
    for at_work in &evidence.judgement.at_work {
        findings.block(
            "P20",
            STANDALONE,
            format!("the standalone deployment is still at work: {at_work}; together with distributed workers it would deliver twice"),
            "stop its process with SIGTERM (kill PID), so that it flushes its offsets, and run this again; where its offsets file goes with it, first connectctl capture --source-url URL --out DIR --stop",
        );
    }
    if let (Stopped::Unknown(why), true) = (
        &evidence.judgement.stopped,
        evidence.judgement.at_work.is_empty(),
    ) {
        let remedy = match evidence.judgement.wait_s {
            Some(seconds) => format!("wait {seconds} s, then run this again: if it was just stopped, it is proven then; or add --source-stopped, if you know that it is stopped"),
            None => "stop it and add --source-stopped, or let --source-url URL show that every connector is STOPPED".to_owned(),
        };
        findings.block(
            "P8",
            STANDALONE,
            format!("it is not known that the standalone worker is stopped: {why}; a running worker's offsets file is stale by up to a flush interval"),
            remedy,
        );
    }
}

fn foreign_cluster(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let Ownership::Foreign(shown) = evidence.ownership else {
        return;
    };
    let group = &evidence.converted.group_id;
    let message = format!(
        "the Connect cluster of group {group} is somebody else's: {}",
        shown_first(shown)
    );
    if evidence.choices.adopt {
        findings.warn(
            "P19",
            group.clone(),
            message,
            "--adopt: the plan goes on all the same",
        );
    } else if may_be_ours(evidence, shown) {
        findings.block(
            "P19",
            group.clone(),
            format!(
                "workers run in the Connect group {group}, and nothing is registered yet: {}",
                shown_first(shown)
            ),
            format!(
                "if they run with this plan's topics, {}; if they are somebody else's, choose another --group-id",
                by_rest(evidence)
            ),
        );
    } else {
        findings.block(
            "P19",
            group.clone(),
            message,
            "choose another --group-id (and topics), or add --adopt if this cluster is to have the connectors",
        );
    }
}

/// Nothing but members, and the storage topics are there: most likely the workers were started as an earlier run said.
fn may_be_ours(evidence: &Evidence<'_>, shown: &[String]) -> bool {
    let topic = &evidence.storage.config.name;
    is_idle(shown, evidence.observed)
        && evidence
            .observed
            .is_some_and(|o| o.topics.contains_key(topic))
}

/// Workers run that have nothing to run: most likely they were started for this plan too early.
fn is_idle(shown: &[String], observed: Option<&Observed>) -> bool {
    // Nothing but the members shows that somebody else is at home.
    shown.len() == 1 && observed.is_some_and(|o| o.is_in_use() && o.stored_connectors.is_empty())
}

/// An embedded worker joins only a group that nobody is in. What is then left undone must not look done.
fn nobody_registers(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let choices = evidence.choices;
    if let Ownership::Foreign(shown) = evidence.ownership
        && !choices.adopt
        && !is_idle(shown, evidence.observed)
    {
        // P19 stops that plan, and these workers are nobody to ask.
        return;
    }
    let unfinished = ownership::unfinished(evidence.moving, choices, evidence.observed);
    if unfinished.is_empty() {
        return;
    }
    let group = &evidence.converted.group_id;
    findings.block(
        GROUP_IN_USE,
        group.clone(),
        format!(
            "the Connect group {group} is in use, so no embedded worker joins it to finish what is missing: {}",
            some_of(unfinished.iter().map(String::as_str))
        ),
        by_rest(evidence),
    );
}

/// Says how the workers that run are made to register.
fn by_rest(evidence: &Evidence<'_>) -> String {
    let group = evidence.observed.and_then(|o| o.connect_group.as_ref());
    match group.and_then(|group| group.urls.first()) {
        Some(url) => format!("let the workers that run do it: --url {url}"),
        None => format!(
            "let a worker that runs do it: --url {}; a member that another run of this command left is gone when its session has ended: then run the same command again",
            AdvertisedListener::any_url(evidence.worker())
        ),
    }
}

fn shown_first(shown: &[String]) -> String {
    const SHOWN: usize = 3;
    match shown.len() {
        0..=SHOWN => shown.join("; "),
        n => format!("{}; and {} more", shown[..SHOWN].join("; "), n - SHOWN),
    }
}

fn group_of_another_protocol(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let group = &evidence.converted.group_id;
    let protocol = evidence.observed.and_then(|o| o.groups.get(group));
    if let Some(protocol) = protocol.filter(|p| !p.is_empty() && *p != "connect") {
        findings.block(
                "P18",
                group.clone(),
                format!("group {group} exists on the cluster and its protocol is {protocol}, not connect: a worker that joins it dies (InconsistentGroupProtocol)"),
                "choose another --group-id",
            );
    }
    for connector in evidence.moving {
        let unseen = connector.unseen_group.as_ref().map(|unseen| &unseen.new.id);
        // Connect compares the names alone, whichever Kafka cluster the sink's group is in.
        if connector.group.as_ref().or(unseen) == Some(group) {
            findings.block(
                "P18",
                connector.name.clone(),
                format!("the consumer group of sink {} is {group}, the same as the worker's group: Connect refuses the connector", connector.name),
                "choose another --group-id",
            );
        }
    }
}

fn other_kafka(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let Some(observed) = evidence.observed else {
        return;
    };
    let told = evidence
        .deployment
        .running
        .as_ref()
        .and_then(|r| r.kafka_cluster_id.as_ref());
    let source = observed.source_cluster_id.as_ref().or(told);
    let (Some(source), Some(target)) = (source, observed.cluster_id.as_ref()) else {
        return;
    };
    if source == target {
        return;
    }
    let differ =
        format!("the standalone worker uses Kafka cluster {source}, the target is {target}");
    for (_, connector) in evidence.to_move() {
        if connector.kind == ConnectorKind::Sink {
            findings.block(
                "P58",
                connector.name.clone(),
                format!("{differ}: the committed offsets of sink {} stay behind, it would start over", connector.name),
                "use the same Kafka cluster, or copy the group's offsets yourself if the topics are byte-identical mirrors, then --accept P58",
            );
        }
    }
    if evidence.to_move().any(|(_, m)| m.is_source()) {
        findings.warn(
            "P40",
            "source topics",
            format!("{differ}: topics that the sources write to may be created there with other partition counts"),
            "create them first, or set topic.creation.default.* in the connectors",
        );
    }
}

fn permissions(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    if !crate::plan::security::is_secured(evidence.worker()) {
        return;
    }
    let topics: Vec<&str> = evidence.storage.iter().map(|t| t.name.as_str()).collect();
    let brokers = evidence.worker().get("bootstrap.servers");
    let brokers = brokers.map_or("HOST:PORT", String::as_str);
    let grant = |operations: &[&str], on: String| {
        let operations: Vec<_> = operations
            .iter()
            .map(|o| format!("--operation {o}"))
            .collect();
        format!(
            "kafka-acls.sh --bootstrap-server {} --command-config ADMIN.properties --add --allow-principal User:NAME {} {on}",
            quoted(&secrets::shown("bootstrap.servers", brokers)),
            operations.join(" ")
        )
    };
    let group = format!("--group {}", quoted(&evidence.converted.group_id));
    let topics: Vec<_> = topics
        .iter()
        .map(|t| format!("--topic {}", quoted(t)))
        .collect();
    findings.warn(
        "P14",
        evidence.converted.group_id.clone(),
        "the worker's principal needs permissions that standalone did not: Read and Describe on the worker's group; Create, Read, Write, Describe and DescribeConfigs on the storage topics",
        format!(
            "an administrator types, with the worker's principal for User:NAME:\n{}\n{}",
            grant(&["Read", "Describe"], group),
            grant(
                &["Create", "Read", "Write", "Describe", "DescribeConfigs"],
                topics.join(" ")
            )
        ),
    );
}
