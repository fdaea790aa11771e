//! The last lines, which stand above the question: what will happen, what starts, what is in the way.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::connector_config::TargetState;
use crate::model::secrets;
use crate::plan::findings::STANDALONE;
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
    if let Some(line) = of_standalone(plan) {
        page.line(format_args!("{line}"));
    }
    blocked(plan, page);
}

/// Says what is not known of the standalone worker, or that it runs.
fn of_standalone(plan: &Plan) -> Option<String> {
    let known = match plan.stopped {
        Stopped::Proven(_) => return None,
        Stopped::Asserted => "by your word alone (--source-stopped)",
        Stopped::Unknown(_) => "not known",
    };
    if plan.connectors.iter().all(|c| c.already_moved) {
        return None;
    }
    let is_at_work = |f: &Finding| f.id == "P20" && f.subject == STANDALONE;
    Some(if plan.findings.iter().any(is_at_work) {
        format!(
            "  {WARN}The standalone worker is at work{WARN:#} (P20): two workers at once deliver twice."
        )
    } else {
        format!(
            "  {WARN}Is the standalone worker stopped?{WARN:#} It is {known}: two workers at once deliver twice."
        )
    })
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
        Registrar::Rest => format!("at {}{}", visible(&urls.join(", ")), afterwards(plan)),
        Registrar::Control if plan.runs => {
            format!(
                "by an embedded worker, which also RUNS them in this process for a moment: they move data from here{}",
                afterwards(plan)
            )
        }
        Registrar::Control => format!("by an embedded worker{}", afterwards(plan)),
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

/// Says what connectors do once they are registered, where that is not at once.
fn afterwards(plan: &Plan) -> String {
    let moving = || plan.connectors.iter().filter(|c| !c.already_moved);
    let wait = |state| moving().filter(|c| c.final_state == state).count();
    let waiting = [
        (wait(TargetState::Stopped), "STOPPED"),
        (wait(TargetState::Paused), "PAUSED"),
    ];
    let start = wait(TargetState::Started);
    let mut said = String::new();
    if start > 0 && plan.registrar == Registrar::Control {
        said.push_str(match (plan.runs, start == moving().count()) {
            (true, true) => "; they go on once your workers are started",
            (false, true) => "; they run once your workers are started",
            (_, false) => "; those that are started run once your workers are",
        });
    }
    for (number, state) in waiting.iter().filter(|(number, _)| *number > 0) {
        let _infallible = write!(said, "; {number} stay {state} until resumed");
    }
    said
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
