//! The last lines, which stand above the question: what will happen, what starts, what is in the way.

use std::collections::BTreeMap;

use crate::model::connector_config::TargetState;
use crate::model::secrets;
use crate::plan::{Class, ConnectorKind, Finding, Plan, Registrar, Step, Stopped};

use super::{BLOCK, Page, WARN, count, visible};

pub(super) fn show(plan: &Plan, page: &mut Page) {
    page.heading("In short");
    page.line(format_args!("  {}", moves(plan)));
    if plan.cluster.is_none() {
        page.line(format_args!(
            "  Writes files only: no cluster is looked at or changed (--offline)."
        ));
        return blocked(plan, page);
    }
    page.line(format_args!("  {}", starts(plan)));
    if let Stopped::Unknown(_) | Stopped::Asserted = plan.stopped
        && plan.connectors.iter().any(|c| !c.already_moved)
    {
        let known = match plan.stopped {
            Stopped::Asserted => "by your word alone (--source-stopped)",
            _ => "not known",
        };
        page.line(format_args!(
            "  {WARN}Is the standalone worker stopped?{WARN:#} It is {known}: two workers at once deliver twice."
        ));
    }
    blocked(plan, page);
}

fn moves(plan: &Plan) -> String {
    let moving = || plan.connectors.iter().filter(|c| !c.already_moved);
    let kinds = [
        (ConnectorKind::Source, "source"),
        (ConnectorKind::Sink, "sink"),
        (ConnectorKind::Unknown, "of unknown kind, taken for sources"),
    ];
    let kinds: Vec<String> = kinds
        .iter()
        .map(|(kind, noun)| (moving().filter(|c| c.kind == *kind).count(), kind, noun))
        .filter(|(number, ..)| *number > 0)
        .map(|(number, kind, noun)| match kind {
            ConnectorKind::Unknown => format!("{number} {noun}"),
            _ => count(number, noun),
        })
        .collect();
    let moved = plan.connectors.len() - moving().count();
    let moved = match moved {
        0 => String::new(),
        moved => format!("; {} already there", count(moved, "connector")),
    };
    if kinds.is_empty() {
        return format!("Moves nothing{moved}.");
    }
    let seeds: usize = plan.seed.len();
    let positions = match seeds {
        0 => String::new(),
        seeds => format!(", with {}", count(seeds, "position")),
    };
    format!(
        "Moves {} into the Connect group {}{positions}{moved}.",
        kinds.join(" and "),
        visible(&plan.group_id)
    )
}

fn is_all_there(plan: &Plan) -> bool {
    !plan.connectors.is_empty() && plan.connectors.iter().all(|c| c.already_moved)
}

fn starts(plan: &Plan) -> String {
    let urls: Vec<_> = plan
        .register_on
        .iter()
        .map(|url| secrets::redact_url(url))
        .collect();
    let at = match plan.registrar {
        Registrar::Nobody if is_all_there(plan) => {
            return "Starts nothing: all is registered.".to_owned();
        }
        Registrar::Nobody => {
            return "Starts no connector: they are registered later, with --url, once the workers run."
                .to_owned();
        }
        Registrar::Rest => format!("at {}", visible(&urls.join(", "))),
        Registrar::Control if plan.runs => {
            "by an embedded worker, which also RUNS them in this process for a moment: they move data from here; they go on \
             once your workers are started"
                .to_owned()
        }
        Registrar::Control => {
            "by an embedded worker; they run once your workers are started".to_owned()
        }
    };
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for step in plan.steps() {
        match step {
            Step::SetState(_, TargetState::Started) => *states.entry("started").or_default() += 1,
            Step::SetState(_, TargetState::Paused) => *states.entry("paused").or_default() += 1,
            Step::Register(_) | Step::Update(_) => *states.entry("registered").or_default() += 1,
            _ => {}
        }
    }
    if states.is_empty() {
        return "Starts nothing: all is registered.".to_owned();
    }
    let done: Vec<_> = states
        .iter()
        .map(|(what, number)| format!("{number} {what}"))
        .collect();
    format!("Connectors: {} {at}.", done.join(", "))
}

fn blocked(plan: &Plan, page: &mut Page) {
    let blocked: Vec<&Finding> = plan.blocked().collect();
    let warned: Vec<&Finding> = plan
        .findings
        .iter()
        .filter(|f| f.class == Class::Warn)
        .collect();
    let warnings = match warned.len() {
        0 => String::new(),
        number => format!(" {} to read: {}.", count(number, "warning"), ids(&warned)),
    };
    match blocked.len() {
        0 => page.line(format_args!("  Nothing is in the way.{warnings}")),
        number => page.line(format_args!(
            "  {BLOCK}Blocked{BLOCK:#} by {}: {}. Nothing is written until each has an answer.{warnings}",
            count(number, "finding"),
            ids(&blocked)
        )),
    }
}

/// Each id once, with how often.
fn ids(findings: &[&Finding]) -> String {
    let mut of: Vec<(&str, usize)> = Vec::new();
    for finding in findings {
        match of.iter_mut().find(|(id, _)| *id == finding.id) {
            Some((_, number)) => *number += 1,
            None => of.push((&finding.id, 1)),
        }
    }
    let shown = of.iter().map(|(id, number)| match number {
        1 => (*id).to_owned(),
        number => format!("{id} ({number})"),
    });
    shown.collect::<Vec<_>>().join(", ")
}
