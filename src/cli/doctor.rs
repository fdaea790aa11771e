//! `connectctl doctor`: can this principal, from here, be a Connect worker?

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::args::{Connection, Global, ReportFormat};
use super::connect::{PropertiesFile, with_hint};
use super::error::{CliError, Kind, Outcome};
use super::output::Ui;
use super::{listing, runtime, topics};
use crate::io::doctor::{self, Check, Patient, Remedy, Verdict};
use crate::io::kafka::settings::ClientSettings;
use crate::io::providers;
use crate::model::shell::{quoted, quoted_path};
use crate::model::worker_config::effective_value;

/// Tell whether this principal, from here, can be a Connect worker
///
/// Everything that a worker needs of its Kafka cluster is asked as a worker asks it: login, brokers, storage topics, the Connect
/// group, a round of its protocol, the clients of its connectors. What is missing is named, with the command that grants it.
///
/// Nobody joins the real group, and no connector, offset or configuration is written. A round is led in a scratch group called
/// GROUP-connectctl-doctor-RANDOM. A tombstone under a key of the doctor's own is written into each storage topic, which workers
/// read without a word; --no-write only asks whether that is allowed.
///
/// Exit code 0 when nothing is broken, 4 when something is, and 1 when the file is not one to begin with.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Doctor {
    #[command(flatten)]
    connection: Connection,
    /// Write no probe records
    #[arg(long)]
    no_write: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    output: ReportFormat,
}

const EXAMPLES: &str = "\
Examples:
  On the host of a worker, or in its pod, before it is started:
    connectctl doctor --worker-config distributed/distributed.properties
  As another principal:
    connectctl doctor --worker-config distributed/distributed.properties --command-config other.properties";

pub(super) fn run(ui: &Ui, global: &Global, args: &Doctor) -> Result<Outcome, CliError> {
    let patient = args.patient(ui, global)?;
    let checks = runtime::run(async {
        // What stdout does with a line is known at the end.
        let mut said = Ok(());
        let checks = doctor::examine(&patient, |check| {
            if args.output == ReportFormat::Text && said.is_ok() {
                said = ui.data(&args.lines(check));
            }
        })
        .await;
        said.map(|()| checks)
    })?;
    let broken = checks
        .iter()
        .filter(|check| check.finding.verdict == Verdict::Broken)
        .count();
    let grants = doctor::grants(&checks);
    match args.output {
        ReportFormat::Text => ui.data(&together(&checks, &grants))?,
        ReportFormat::Json => {
            let document = args.document(&patient, &checks, grants, broken == 0);
            ui.data(&listing::json(&document)?)?;
        }
    }
    if broken == 0 {
        ui.note("healthy: nothing that a worker needs is broken");
        return Ok(Outcome::Done);
    }
    let error = anyhow::anyhow!(
        "no Connect worker can do its work as this principal, from here: {broken} of {} checks broken",
        checks.len()
    );
    Err(CliError::new(Kind::Unverified, error))
}

/// The document of `-o json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    /// Version of its keys.
    doctor: u32,
    healthy: bool,
    group: &'a str,
    bootstrap: &'a [String],
    /// Null where only the brokers know it.
    principal: Option<String>,
    checks: Vec<Entry>,
    /// Commands that grant all that is lacking.
    grants: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Entry {
    check: String,
    verdict: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lacking: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next: Vec<Next>,
}

/// What to do next.
#[derive(Debug, Serialize)]
struct Next {
    why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
}

impl Doctor {
    /// Reads the files; nothing is asked yet.
    fn patient(&self, ui: &Ui, global: &Global) -> Result<Patient, CliError> {
        let topics = topics::wanted(ui, &self.connection)?;
        let Some(path) = &self.connection.worker_config else {
            let error = anyhow::anyhow!("no worker file is named");
            return Err(CliError::new(Kind::Usage, error).hint("give --worker-config FILE"));
        };
        let file = PropertiesFile::read(path)?;
        Ok(Patient {
            group: group(&file)?,
            settings: self.connection.settings(global.timeout)?,
            is_own_login: self.connection.command_config.is_none(),
            worker: file.properties,
            topics,
            writes: !self.no_write,
        })
    }

    /// Returns what is printed of a check: what was found, and below it what to do.
    fn lines(&self, check: &Check) -> String {
        let finding = &check.finding;
        let verdict = match finding.verdict {
            Verdict::Kept => "kept",
            Verdict::Broken => "BROKEN",
            Verdict::NotKnown => "not known",
        };
        let mut text = format!("{}: {verdict}", check.need);
        if let Some(ms) = millis(check) {
            let _infallible = write!(text, " in {ms} ms");
        }
        let _infallible = writeln!(text, " ({})", finding.detail);
        for next in finding.remedies.iter().flat_map(|r| self.next(r)) {
            let _infallible = match next.command {
                Some(command) => writeln!(text, "  {}: {command}", next.why),
                None => writeln!(text, "  {}", next.why),
            };
        }
        text
    }

    fn document<'a>(
        &self,
        patient: &'a Patient,
        checks: &[Check],
        grants: Vec<String>,
        healthy: bool,
    ) -> Document<'a> {
        let ClientSettings { bootstrap, .. } = &patient.settings;
        let entry = |check: &Check| {
            let mut lacking: Vec<String> = Vec::new();
            for remedy in &check.finding.remedies {
                if let Remedy::Grant { lacking: acls, .. } = remedy {
                    let named = acls.iter().map(ToString::to_string);
                    lacking.extend(
                        named
                            .filter(|acl| !lacking.contains(acl))
                            .collect::<Vec<_>>(),
                    );
                }
            }
            Entry {
                check: check.need.to_string(),
                verdict: match check.finding.verdict {
                    Verdict::Kept => "kept",
                    Verdict::Broken => "broken",
                    Verdict::NotKnown => "not-known",
                },
                detail: check.finding.detail.clone(),
                ms: millis(check),
                lacking,
                next: check
                    .finding
                    .remedies
                    .iter()
                    .flat_map(|r| self.next(r))
                    .collect(),
            }
        };
        Document {
            doctor: 1,
            healthy,
            group: &patient.group,
            bootstrap,
            principal: patient.settings.caller().principal,
            checks: checks.iter().map(entry).collect(),
            grants,
        }
    }

    fn next(&self, remedy: &Remedy) -> Vec<Next> {
        let next = |why: &str, command: Option<String>| Next {
            why: why.to_owned(),
            command,
        };
        match remedy {
            Remedy::Grant {
                caller,
                lacking,
                wanted,
            } => {
                let lacking: Vec<_> = lacking.iter().map(ToString::to_string).collect();
                let lacking = lacking.join(", ");
                let why = format!("{} lacks {lacking}; an administrator types", caller.name());
                let commands = caller.grants(wanted).into_iter();
                commands.map(|command| next(&why, Some(command))).collect()
            }
            Remedy::CreateTopics => {
                vec![next("to make it now", Some(self.topics_command("create")))]
            }
            Remedy::RepairTopics => vec![next("to mend it", Some(self.topics_command("repair")))],
            Remedy::Hint(why) => vec![next(why, None)],
        }
    }

    fn topics_command(&self, verb: &str) -> String {
        let mut command = format!("connectctl topics {verb}");
        let Connection {
            worker_config,
            bootstrap_server,
            command_config,
        } = &self.connection;
        if let Some(path) = worker_config {
            let _infallible = write!(command, " --worker-config {}", quoted_path(path));
        }
        if let Some(servers) = bootstrap_server {
            let _infallible = write!(command, " --bootstrap-server {}", quoted(servers));
        }
        if let Some(path) = command_config {
            let _infallible = write!(command, " --command-config {}", quoted_path(path));
        }
        command
    }
}

/// Returns the commands that grant all that is lacking, where they are fewer than those of the single checks.
fn together(checks: &[Check], grants: &[String]) -> String {
    let remedies = checks.iter().flat_map(|check| &check.finding.remedies);
    let single = remedies.filter(|remedy| matches!(remedy, Remedy::Grant { .. }));
    if grants.len() >= single.count() {
        return String::new();
    }
    let commands = grants.iter().map(|command| format!("  {command}\n"));
    format!(
        "Everything that is lacking is granted by:\n{}",
        commands.collect::<String>()
    )
}

fn group(file: &PropertiesFile) -> Result<String, CliError> {
    const KEY: &str = "group.id";
    let resolved = providers::resolve_where(&file.properties, |key| key == KEY).map_err(|e| {
        let hint = e.hint();
        with_hint(file.failed(e), hint)
    })?;
    let group = resolved.get(KEY).map(|value| effective_value(KEY, value));
    if let Some(group) = group.filter(|group| !group.is_empty()) {
        return Ok(group.to_owned());
    }
    let error = anyhow::anyhow!("{}: {KEY} is not set", file.path.display());
    Err(CliError::new(Kind::Failed, error)
        .hint("set group.id in the worker file: it names the Connect cluster"))
}

fn millis(check: &Check) -> Option<u64> {
    let took = check.took?.as_millis();
    Some(u64::try_from(took).unwrap_or(u64::MAX))
}
