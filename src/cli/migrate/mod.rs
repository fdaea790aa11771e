//! `connectctl migrate`: read → plan → show → ask → look again → apply → verify.

mod args;
mod changes;
mod flow;
mod look;
mod next;
mod read;
mod report;
mod typed;
mod verdict;
mod way_back;

pub(in crate::cli) use read::connector as read_connector;

use std::sync::Mutex;

use super::args::Global;
use super::error::{CliError, Kind, Outcome};
use super::output::Ui;
use super::progress;
use super::runtime;
use crate::io::apply::{Entry, Journal};
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
    // What was finished was told when it was.
    for entry in entries.iter().filter(|entry| entry.result.is_none()) {
        session
            .ui
            .note(&format!("  {}: begun, not finished", entry.step));
    }
    report::save_unfinished(session, "interrupted", "Ctrl-C");
    CliError {
        error: anyhow::anyhow!("{}", left_behind(&entries)),
        ..error
    }
}

/// Says what is there now. A file is whole or not there; records, groups and connectors of one step come one by one.
fn left_behind(entries: &[Entry]) -> String {
    let done = entries.iter().filter(|e| e.result.is_some()).count();
    let begun = entries.iter().find(|e| e.result.is_none());
    let part = begun.map_or(String::new(), |entry| {
        format!("; a part of \"{}\" may be done", entry.step)
    });
    format!("interrupted after {done} of the steps above{part}; what is done stays")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: &str, result: Option<&str>) -> Entry {
        Entry {
            step: step.to_owned(),
            started: String::new(),
            finished: None,
            result: result.map(str::to_owned),
            error: None,
        }
    }

    #[test]
    fn a_step_that_was_begun_may_be_half_done_and_that_is_said() {
        let topic = entry("create topic t", Some("created"));
        let said = left_behind(&[topic.clone(), entry("seed 9 offsets", None)]);
        assert_eq!(
            said,
            "interrupted after 1 of the steps above; a part of \"seed 9 offsets\" may be done; what is done stays"
        );
        assert!(!left_behind(&[topic]).contains("a part"));
    }
}
