//! `report.json` and the summary on the terminal.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::PoisonError;

use serde::Serialize;
use serde_json::Value;

use super::Session;
use super::look::Look;
use super::next::Next;
use super::read::ReadFile;
use super::verdict::{Promise, unfinished};
use crate::cli::connect::file_failed;
use crate::cli::error::CliError;
use crate::io::apply::{Applied, Entry};
use crate::io::files;
use crate::plan::render::push_line;
use crate::plan::{Plan, Step, render};

/// Name of the report in the output folder.
pub(super) const FILE: &str = "report.json";

/// Everything that a run leaves behind about itself. Without secrets.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Version of this document's keys.
    #[serde(rename = "report")]
    format: u32,
    connectctl: &'static str,
    started: String,
    finished: String,
    /// `done`, `nothing-to-do`, `failed`, `unverified`, `interrupted`.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    inputs: Vec<ReadFile>,
    plan: Value,
    steps: Vec<Entry>,
    promises: Vec<Promise>,
    /// `performed`, `cut short` or `not performed`.
    embedded_worker: &'static str,
    next: Vec<Next>,
}

/// What a report says of a run that is still under way, in case it is cut short.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    inputs: Vec<ReadFile>,
    plan: Value,
    promises: Vec<Promise>,
    /// How the embedded worker's step is called in the journal.
    control: String,
    /// Ctrl-C ended the embedded worker's run.
    cut_short: bool,
}

impl Draft {
    pub(super) fn new(look: &Look) -> Self {
        Self {
            inputs: look.inputs.files.clone(),
            plan: render::json(&look.plan),
            promises: unfinished(&look.plan, &Applied::default()),
            control: Step::Control(look.plan.group_id.clone()).to_string(),
            cut_short: false,
        }
    }

    /// Takes what the workers of this process came to, in case the run is cut short after it.
    pub(super) fn with_ran(self, plan: &Plan, ran: &Applied) -> Self {
        Self {
            promises: unfinished(plan, ran),
            cut_short: ran.control.as_ref().is_some_and(|c| c.interrupted),
            ..self
        }
    }

    pub(super) fn with_promises(self, promises: Vec<Promise>) -> Self {
        Self { promises, ..self }
    }

    fn embedded_worker(&self, steps: &[Entry]) -> &'static str {
        let is_under_way = |step: &Entry| {
            step.step == self.control && step.finished.is_none() && step.error.is_none()
        };
        if self.cut_short || steps.iter().any(is_under_way) {
            "cut short"
        } else if self.promises.iter().any(|promise| promise.ms.is_some()) {
            "performed"
        } else {
            "not performed"
        }
    }
}

impl Report {
    pub(super) fn new(
        session: &Session<'_>,
        draft: Draft,
        outcome: &'static str,
        error: Option<String>,
        next: Vec<Next>,
    ) -> Self {
        let steps = session.journal.entries();
        let embedded_worker = draft.embedded_worker(&steps);
        Self {
            format: 1,
            connectctl: env!("CARGO_PKG_VERSION"),
            started: session.started.clone(),
            finished: now(),
            outcome,
            error,
            inputs: draft.inputs,
            plan: draft.plan,
            embedded_worker,
            steps,
            promises: draft.promises,
            next,
        }
    }

    /// Returns the document of `-o json` and of the file.
    pub(super) fn json(&self) -> Result<String, CliError> {
        let mut text = serde_json::to_string_pretty(self).map_err(anyhow::Error::from)?;
        text.push('\n');
        Ok(text)
    }

    /// Returns the summary for a reader, prose wrapped at `width` columns: one line per promise, then what to type next.
    pub(super) fn summary(&self, width: Option<usize>) -> String {
        let mut text = format!("\nResult: {}\n", self.outcome.replace('-', " "));
        for promise in &self.promises {
            let detail = if promise.detail.is_empty() {
                String::new()
            } else {
                format!(" ({})", promise.detail)
            };
            let took = promise.ms.map(|ms| format!(" in {ms} ms"));
            let line = format!(
                "  {}: {}{}{detail}",
                promise.name,
                promise.verdict,
                took.unwrap_or_default()
            );
            push_line(&mut text, &line, width);
        }
        if !self.next.is_empty() {
            text.push_str("\nNext, in this order:\n");
        }
        for (number, next) in self.next.iter().enumerate() {
            push_line(&mut text, &format!("  {}. {}", number + 1, next.why), width);
            // A command is one line, to be copied.
            push_line(&mut text, &format!("       {}", next.command), None);
        }
        text
    }

    /// Returns what to do about the broken promises, each advice once.
    pub(super) fn hints(&self) -> Vec<String> {
        let mut hints: Vec<String> = self
            .promises
            .iter()
            .filter_map(|p| p.hint.clone())
            .collect();
        let mut told = BTreeSet::new();
        hints.retain(|hint| told.insert(hint.clone()));
        hints
    }

    /// Writes `report.json` into the output folder.
    pub(super) fn save(&self, session: &Session<'_>) -> Result<PathBuf, CliError> {
        let path = session.args.out.join(FILE);
        files::replace(&path, self.json()?.as_bytes(), true).map_err(file_failed)?;
        Ok(path)
    }
}

/// Writes the report of a run that was cut short. Its own failure must not hide why.
pub(super) fn save_unfinished(session: &Session<'_>, outcome: &'static str, error: &str) {
    let draft = session
        .applying
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let Some(draft) = draft else {
        return;
    };
    let report = Report::new(session, draft, outcome, Some(error.to_owned()), Vec::new());
    match report.save(session) {
        Ok(path) => session.ui.note(&format!("report: {}", path.display())),
        Err(failed) => session
            .ui
            .warning(&format!("no report was written: {:#}", failed.error)),
    }
}

/// Returns whether the output folder has a report of a run that ended well.
pub(super) fn is_saved(session: &Session<'_>) -> bool {
    last(session).is_some_and(|report| ended_well(&report))
}

/// Returns the connectors that the last run found handed over to this cluster and group, or handed over itself.
pub(super) fn handed_over(
    session: &Session<'_>,
    cluster_id: Option<&str>,
    group_id: &str,
) -> BTreeSet<String> {
    let Some(report) = last_into(session, cluster_id, group_id) else {
        return BTreeSet::new();
    };
    let connectors = report["plan"]["connectors"].as_array();
    let connectors = connectors.map_or(&[][..], Vec::as_slice);
    connectors
        .iter()
        .filter(|connector| ended_well(&report) || connector["already_moved"] == true)
        .filter_map(|connector| Some(connector["name"].as_str()?.to_owned()))
        .collect()
}

/// Returns the SHA-256 of the offsets file that the last run into this cluster and group read.
pub(super) fn offsets_before(
    session: &Session<'_>,
    cluster_id: Option<&str>,
    group_id: &str,
) -> Option<String> {
    let report = last_into(session, cluster_id, group_id)?;
    let mut inputs = report["inputs"].as_array()?.iter();
    let offsets = inputs.find(|input| input["role"] == "offsets")?;
    Some(offsets["sha256"].as_str()?.to_owned())
}

/// Returns the last report, if it is of a run into this cluster and group.
fn last_into(session: &Session<'_>, cluster_id: Option<&str>, group_id: &str) -> Option<Value> {
    let report = last(session)?;
    let plan = &report["plan"];
    let same_cluster = cluster_id.is_some() && plan["cluster"]["id"].as_str() == cluster_id;
    (same_cluster && plan["group_id"].as_str() == Some(group_id)).then_some(report)
}

fn ended_well(report: &Value) -> bool {
    matches!(report["outcome"].as_str(), Some("done" | "nothing-to-do"))
}

/// A report that cannot be read tells nothing: the plan is then made without it.
fn last(session: &Session<'_>) -> Option<Value> {
    let text = std::fs::read(session.args.out.join(FILE)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Returns the time as RFC 3339, UTC.
pub(super) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}
