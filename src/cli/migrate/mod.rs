//! `connectctl migrate`: read → plan → show → ask → look again → apply → verify.

mod args;
mod changes;
mod flow;
mod look;
mod next;
mod read;
mod report;
mod verdict;

pub(in crate::cli) use read::connector as read_connector;

use std::sync::Mutex;

use super::args::Global;
use super::error::{CliError, Kind, Outcome};
use super::output::Ui;
use super::progress;
use super::runtime;
use crate::io::apply::Journal;
use crate::io::interrupt::Interrupt;

pub(super) use args::Migrate;

/// What one run of `migrate` shares.
#[derive(Debug)]
struct Session<'a> {
    ui: &'a Ui,
    global: &'a Global,
    args: &'a Migrate,
    journal: &'a Journal,
    /// Ctrl-C, for work that must first put something in order.
    interrupt: Interrupt,
    /// RFC 3339, UTC.
    started: String,
    /// The plan under way, for the report of a run that is cut short.
    applying: Mutex<Option<report::Draft>>,
}

pub(super) fn run(ui: &Ui, global: &Global, args: &Migrate) -> Result<Outcome, CliError> {
    let (watcher, bars) = progress::watcher(ui);
    let journal = Journal::new(watcher);
    let session = Session {
        ui,
        global,
        args,
        journal: &journal,
        interrupt: Interrupt::default(),
        started: report::now(),
        applying: Mutex::new(None),
    };
    let outcome = runtime::run_told(&session.interrupt, flow::run(&session));
    bars.clear();
    match outcome {
        Err(error) if error.kind == Kind::Interrupted => Err(interrupted(&session, error)),
        outcome => outcome,
    }
}

/// Says what was done before Ctrl-C; the plan of the next run is what is missing.
fn interrupted(session: &Session<'_>, error: CliError) -> CliError {
    let entries = session.journal.entries();
    if entries.is_empty() {
        return CliError {
            error: anyhow::anyhow!("interrupted: nothing was changed"),
            ..error
        };
    }
    for entry in &entries {
        let state = entry.result.as_deref().unwrap_or("begun, not finished");
        session.ui.note(&format!("  {}: {state}", entry.step));
    }
    report::save_unfinished(session, "interrupted", "Ctrl-C");
    let done = session.journal.done();
    CliError {
        error: anyhow::anyhow!(
            "interrupted after {done} of the steps above; nothing is half-written"
        ),
        ..error
    }
}
