//! Sinks: whether their committed offsets stay theirs.

use std::collections::BTreeMap;

use super::{Evidence, Findings};
use crate::model::worker_config::Unseen;
use crate::plan::connectors::{Moving, UnseenGroup};
use crate::plan::{ConnectorKind, Observed, ownership};

/// Kafka's default `offsets.retention.minutes`: seven days.
const USUAL_RETENTION: u64 = 7 * 24 * 60;

pub(super) fn find(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let mut sinks = 0;
    for (_, connector) in evidence.to_move() {
        if connector.kind != ConnectorKind::Sink {
            continue;
        }
        sinks += 1;
        if let Some(group) = &connector.unseen_group {
            unseen_group(connector, group, findings);
            continue;
        }
        another_group(evidence, connector, findings);
        if let Some(observed) = evidence.observed {
            committed(connector, observed, findings);
        }
    }
    if sinks > 0 {
        retention(evidence, findings);
    }
}

/// Neither whether a standalone worker is in it nor where it stands is known of such a group, before the move and after it.
fn unseen_group(connector: &Moving<'_>, group: &UnseenGroup, findings: &mut Findings<'_>) {
    let (name, origin) = (&connector.name, connector.origin());
    let (old, new, why) = (&group.old, &group.new, group.why);
    if (&old.id, &old.servers) != (&new.id, &new.servers) && connector.old_name == *name {
        findings.block(
            "P17",
            name.clone(),
            format!("sink {name} would change its consumer group or the Kafka cluster of its consumers, and read its topics again from the beginning"),
            "leave consumer.group.id and consumer.bootstrap.servers of the worker as they are",
        );
    }
    let ways = match why {
        Unseen::Elsewhere => {
            "give its consumers the bootstrap.servers of the workers if it is the same cluster"
        }
        Unseen::Unnamed | Unseen::PerhapsElsewhere => {
            "run this where the reference can be followed"
        }
    };
    findings.block(
        "sink-group-unseen",
        name.clone(),
        format!("{origin}: the consumer group of sink {name}, {}, cannot be looked at: {why}. Neither who is in it is known nor whether it stays where it stands", new.id),
        format!("{ways}; or, once its standalone worker is certainly stopped, --accept sink-group-unseen:{name}"),
    );
}

fn another_group(evidence: &Evidence<'_>, connector: &Moving<'_>, findings: &mut Findings<'_>) {
    let (Some(old), Some(new)) = (&connector.old_group, &connector.group) else {
        return;
    };
    if old == new {
        return;
    }
    let name = &connector.name;
    if connector.old_name == *name {
        findings.block(
            "P17",
            name.clone(),
            format!("sink {name} would change its consumer group from {old} to {new} and read its topics again from the beginning"),
            "leave consumer.group.id of the worker as it is",
        );
        return;
    }
    let groups = evidence.observed.map(|o| &o.sink_groups);
    let positions = |group: &String| groups.and_then(|g| g.get(group)).map(|g| &g.positions);
    let empty = BTreeMap::new();
    let (held_old, held_new) = (
        positions(old).unwrap_or(&empty),
        positions(new).unwrap_or(&empty),
    );
    let (common, further): (Vec<_>, Vec<_>) = held_new
        .iter()
        .partition(|(at, _)| held_old.contains_key(*at));
    let differ = common
        .iter()
        .any(|(at, position)| held_old[*at].committed != position.committed);
    let overwrites = ownership::may_overwrite(connector, evidence.choices, evidence.observed);
    if differ && further.is_empty() && overwrites {
        findings.warn(
            "P57",
            name.clone(),
            format!("group {new} of the renamed sink {name} already has positions that are not those of {old}"),
            "--overwrite-offsets: they are replaced by those of the old group; the old values are saved under backup/",
        );
    } else if differ || !further.is_empty() {
        findings.block(
            "P17",
            name.clone(),
            format!("group {new} of the renamed sink {name} already has positions that are not those of {old}"),
            "choose another new name",
        );
    } else {
        let copied = match evidence.observed {
            None => "with a cluster to look at, the committed offsets are copied to the new group",
            Some(_) if held_old.is_empty() => "the old group has no committed offsets to copy",
            Some(_) => "the committed offsets are copied to the new group",
        };
        findings.fixed(
            "P17",
            name.clone(),
            format!(
                "sink {} becomes {name}, so its consumer group changes from {old} to {new}",
                connector.old_name
            ),
            copied,
        );
    }
}

fn committed(connector: &Moving<'_>, observed: &Observed, findings: &mut Findings<'_>) {
    let Some(group) = &connector.old_group else {
        return;
    };
    let none = observed
        .sink_groups
        .get(group)
        .is_none_or(|g| g.positions.is_empty());
    if none {
        findings.warn(
            "no-committed-offsets",
            connector.name.clone(),
            format!("consumer group {group} of sink {} has no committed offsets on this cluster: it starts at the beginning of its topics", connector.name),
            "nothing to do if it never ran; otherwise check the cluster, the name, and consumer.override.group.id",
        );
    }
}

fn retention(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let minutes = evidence.observed.and_then(|o| {
        o.broker_settings
            .get("offsets.retention.minutes")?
            .parse::<u64>()
            .ok()
    });
    if let Some(minutes) = minutes.filter(|m| *m < USUAL_RETENTION) {
        findings.warn(
            "P50",
            "offsets.retention.minutes",
            format!(
                "the brokers forget the committed offsets of an empty group after {minutes} minutes"
            ),
            "start the distributed workers before that",
        );
    }
}
