//! The verdict of every connector, or of 10,000 in a few lines.

use crate::model::connector_config::TargetState;
use crate::plan::{ConnectorKind, ConnectorPlan, Plan};

use super::{BLOCK, Page, count, visible};

/// Connectors that are listed one by one; of more, only those that need attention are.
const SHOWN: usize = 20;

/// Of many connectors, those that cannot move and are told why; their findings say it again, with the remedy.
const STUCK: usize = 5;

pub(super) fn show(plan: &Plan, page: &mut Page) {
    page.heading(&format!("Connectors ({})", plan.connectors.len()));
    if plan.connectors.len() <= SHOWN {
        for connector in &plan.connectors {
            one(connector, plan, page);
        }
        return;
    }
    totals(plan, page);
    let stuck = || plan.connectors.iter().filter(|c| !c.cannot_move.is_empty());
    for connector in stuck().take(STUCK) {
        one(connector, plan, page);
    }
    let more = stuck().count().saturating_sub(STUCK);
    if more > 0 {
        page.line(format_args!(
            "  and {} cannot move as they are",
            count(more, "more connector")
        ));
    }
}

fn totals(plan: &Plan, page: &mut Page) {
    let all = || plan.connectors.iter();
    let entries: usize = all().map(|c| c.entries).sum();
    let to_seed: usize = all().map(|c| c.to_seed).sum();
    let of = |kind| all().filter(move |c| c.kind == kind).count();
    let unknown = match of(ConnectorKind::Unknown) {
        0 => String::new(),
        unknown => format!(", {unknown} of unknown kind, taken for sources"),
    };
    page.line(format_args!(
        "  {}, {}{unknown}; {} in the offsets file, {to_seed} to seed",
        count(of(ConnectorKind::Source), "source"),
        count(of(ConnectorKind::Sink), "sink"),
        count(entries, "entry"),
    ));
    let moved = all().filter(|c| c.already_moved).count();
    if moved > 0 {
        page.line(format_args!(
            "  {} already moved",
            count(moved, "connector")
        ));
    }
}

fn one(connector: &ConnectorPlan, plan: &Plan, page: &mut Page) {
    let name = visible(&connector.name);
    let renamed = if connector.name == connector.old_name {
        String::new()
    } else {
        format!(" (was {})", visible(&connector.old_name))
    };
    let verdict = verdict(connector, plan);
    page.line(format_args!("  {name}{renamed}: {verdict}"));
    for why in &connector.cannot_move {
        page.line(format_args!(
            "    {BLOCK}cannot move as it is{BLOCK:#}: {}",
            visible(why)
        ));
    }
}

fn verdict(connector: &ConnectorPlan, plan: &Plan) -> String {
    if connector.already_moved {
        return "already moved: it has run in the distributed cluster, whose topic is the truth"
            .to_owned();
    }
    let state = match connector.final_state {
        TargetState::Started => "",
        TargetState::Paused => "; ends paused",
        TargetState::Stopped => "; ends stopped",
    };
    let what = match connector.kind {
        ConnectorKind::Sink => sink(connector, plan),
        kind => {
            let kind = match kind {
                ConnectorKind::Unknown => "not recognised, taken for a source",
                _ => "source",
            };
            format!(
                "{kind}, {} in the offsets file, {} to seed",
                count(connector.entries, "entry"),
                connector.to_seed
            )
        }
    };
    format!("{what}{state}")
}

fn sink(connector: &ConnectorPlan, plan: &Plan) -> String {
    if let Some(why) = connector.unseen_group {
        return format!("sink, its group is not looked at: {why}; nothing to copy");
    }
    let group = visible(connector.group.as_deref().unwrap_or_default());
    if plan.cluster.is_none() {
        return format!("sink, group {group}, not looked at; nothing to copy");
    }
    if connector.positions.is_empty() {
        return format!("sink, group {group}, no committed offsets");
    }
    let lag: i64 = connector
        .positions
        .values()
        .map(|p| p.end.saturating_sub(p.committed).max(0))
        .sum();
    let copied = connector.old_group == connector.group;
    let copied = if copied {
        "nothing to copy"
    } else {
        "copied to the new group"
    };
    format!(
        "sink, group {group}, committed on {}, lag {lag}; {copied}",
        count(connector.positions.len(), "partition")
    )
}
