//! `connectctl offsets seed`: look → show → ask → look again → write → read back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};

use super::store::{self, ClusterStore};
use crate::cli::args::{Connection, Global, ReportFormat, rename};
use crate::cli::connect::{kafka_failed, store_failed};
use crate::cli::error::{CliError, Kind, Outcome};
use crate::cli::output::Ui;
use crate::cli::{consent, listing, progress, runtime};
use crate::io::apply::Journal;
use crate::io::consent::{Approved, Consent};
use crate::io::offset_store::{self, Reading, Seeding, WatchedFile, Written, read_own};
use crate::io::storage_topics::{self, Found};
use crate::plan::offset_seed::{self, SeedChoices, SeedPlan, SeedTarget};
use crate::plan::storage_topics::{TopicFault, judge};
use crate::plan::{OffsetsFile, OwnOffsets, Rename, Step, Stopped, render};

/// Copy the positions of a standalone worker's file into the offset topic, byte for byte
///
/// What `migrate` does with offsets, alone. Each key goes to the partition where a worker looks for it, and is read back.
/// What the topic holds already is not written again. A position that differs there is replaced only with
/// --overwrite-offsets, and nothing is written under a connector that is neither absent nor STOPPED.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Seed {
    /// Offsets file of the standalone worker (offset.storage.file.filename)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only this connector of the file; repeat it for more
    #[arg(long, value_name = "NAME")]
    connector: Vec<String>,
    /// Give the positions of a connector to another name
    #[arg(long, value_name = "OLD=NEW", value_parser = rename)]
    rename: Vec<Rename>,
    /// Replace offsets that the topic has for a connector that is absent or stopped
    #[arg(long)]
    overwrite_offsets: bool,
    /// Say that the standalone worker is stopped, where the age of the file does not show it
    #[arg(long)]
    source_stopped: bool,
    /// Where replaced offsets are saved
    #[arg(long, value_name = "DIR", default_value = "backup")]
    backup: PathBuf,
    /// Show what would be written and write nothing; exit code 3 when there is something to do
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Format of the report on stdout
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    output: ReportFormat,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  See what would be written, then write it:
    connectctl offsets seed connect.offsets --worker-config distributed/distributed.properties --dry-run
    connectctl offsets seed connect.offsets --worker-config distributed/distributed.properties --source-stopped";

/// How often the plan may change under the user's yes before the run gives up.
const ROUNDS: usize = 3;

/// One look at the file and the cluster, and what follows.
struct Look {
    file: OffsetsFile,
    target: SeedTarget,
    plan: SeedPlan,
}

pub(super) fn run(ui: &Ui, global: &Global, args: &Seed) -> Result<Outcome, CliError> {
    // A damaged file is told before a cluster is asked for.
    offset_store::read_file(&args.file).map_err(store_failed)?;
    let (watcher, bars) = progress::watcher(ui);
    let journal = Journal::new(watcher);
    let outcome = runtime::run(flow(ui, global, args, &journal));
    bars.clear();
    outcome.map_err(|error| match (error.kind, journal.entries().is_empty()) {
        (Kind::Interrupted, true) => CliError {
            error: anyhow!("interrupted: nothing was written"),
            ..error
        },
        (Kind::Interrupted, false) => CliError {
            error: anyhow!("interrupted while offsets were written: some are in the topic"),
            ..error
        },
        _ => error,
    })
}

async fn flow(
    ui: &Ui,
    global: &Global,
    args: &Seed,
    journal: &Journal,
) -> Result<Outcome, CliError> {
    let store = ClusterStore::open(&args.connection, global.timeout).await?;
    let mut seen = look(&store, args).await?;
    for _ in 0..ROUNDS {
        show(ui, args, &seen.plan)?;
        if let Some(refused) = store::refused(seen.plan.blocked()) {
            return Err(refused);
        }
        if seen.plan.records.is_empty() {
            report(ui, args, &seen, "nothing-to-do", None)?;
            return Ok(Outcome::Done);
        }
        if args.dry_run {
            report(ui, args, &seen, "dry-run", None)?;
            ui.note("dry run: nothing was written");
            return Ok(Outcome::Pending);
        }
        let consent = consent::ask(ui, args.yes).await?;
        let again = look(&store, args).await?;
        if again.target == seen.target && again.file.sha256 == seen.file.sha256 {
            return carry_out(ui, args, &store, again, consent, journal).await;
        }
        ui.warning("the file or the cluster has changed since. This is the plan now:");
        seen = again;
    }
    let error = anyhow!("what the plan rests on keeps changing: nothing was written");
    Err(CliError::new(Kind::Refused, error)
        .hint("is a worker still running? Stop it, then run the same command again"))
}

async fn look(store: &ClusterStore, args: &Seed) -> Result<Look, CliError> {
    let file = offset_store::read_file(&args.file).map_err(store_failed)?;
    let choices = SeedChoices {
        only: args.connector.clone(),
        renames: args.rename.clone(),
        overwrite_offsets: args.overwrite_offsets,
        source_stopped: args.source_stopped,
    };
    let connectors = store.connectors().await?;
    let source_stores = store.source_stores(connectors.values());
    let mut target = SeedTarget {
        topic: store.offset_topic().await?,
        faults: faults(store).await?,
        connectors,
        source_stores,
        own_offsets: BTreeMap::new(),
    };
    target.own_offsets = own_offsets(store, &file, &choices, &target).await?;
    let plan = offset_seed::make(&file, &choices, &target).map_err(super::plan_failed)?;
    Ok(Look { file, target, plan })
}

/// Reads what the connectors to seed keep in offset topics of their own.
async fn own_offsets(
    store: &ClusterStore,
    file: &OffsetsFile,
    choices: &SeedChoices,
    target: &SeedTarget,
) -> Result<BTreeMap<String, OwnOffsets>, CliError> {
    let (stores, workers) = (&target.source_stores, target.topic.name.as_str());
    let connectors = target.connectors.iter();
    let with_own = connectors.filter(|(_, c)| c.own_store(stores, workers).is_some());
    let mut with_own: Vec<_> = with_own.map(|(name, c)| (name, c.settings())).collect();
    // A file may be long, and few connectors have a topic of their own.
    if with_own.is_empty() {
        return Ok(BTreeMap::new());
    }
    let wanted = offset_seed::names(file, choices).map_err(super::plan_failed)?;
    with_own.retain(|(name, _)| wanted.contains(name));
    let reading = Reading {
        workers,
        isolations: store.isolations(),
        stores,
    };
    let connectors = with_own.iter();
    let connectors = connectors.map(|(name, settings)| (name.as_str(), settings));
    read_own(&store.cluster, reading, connectors)
        .await
        .map_err(kafka_failed)
}

/// What would lose the offsets again, or keep them from being written.
async fn faults(store: &ClusterStore) -> Result<Vec<String>, CliError> {
    let wanted = store.wanted();
    let names = [wanted.name.clone()];
    let found = storage_topics::look(&store.cluster, &names)
        .await
        .map_err(kafka_failed)?;
    let Some(Found::Exists(existing)) = found.get(&wanted.name) else {
        return Ok(Vec::new());
    };
    let faults = judge(wanted, &existing.observed()).faults.into_iter();
    Ok(faults
        .filter(|fault| !matches!(fault, TopicFault::MinInsyncReplicas { .. }))
        .map(|fault| fault.to_string())
        .collect())
}

/// The plan is data, where it is not a step on the way to a JSON report.
fn show(ui: &Ui, args: &Seed, plan: &SeedPlan) -> Result<(), CliError> {
    match args.output {
        ReportFormat::Text => ui.data(&render::seed(plan, ui.width())),
        ReportFormat::Json => {
            if ui.can_ask() && !args.yes {
                ui.note(&render::seed(plan, ui.note_width()));
            }
            Ok(())
        }
    }
}

async fn carry_out(
    ui: &Ui,
    args: &Seed,
    store: &ClusterStore,
    seen: Look,
    consent: Consent,
    journal: &Journal,
) -> Result<Outcome, CliError> {
    let Look { file, target, plan } = seen;
    let approved = Approved::new(plan, consent)
        .ok_or_else(|| CliError::new(Kind::Refused, anyhow!("a finding stops the plan")))?;
    let records = &approved.plan().records;
    let watched = WatchedFile {
        path: file.path.clone(),
        sha256: file.sha256.clone(),
    };
    let seeding = Seeding {
        cluster: &store.cluster,
        topic: &target.topic.name,
        isolation: target.topic.isolation,
        in_any_place: &BTreeSet::new(),
        records,
        stored: &target.topic.stored,
        backup: &args.backup,
        file: Some(&watched),
    };
    journal.begin(Step::Seed(records.len()), Some(records.len()));
    let written = offset_store::write(&seeding, |done| journal.advance(done))
        .await
        .map_err(|error| {
            store_failed(error).hint("run the same command again: it does only what is missing")
        })?;
    journal.end(format!("{} written and read back", written.records));
    let seen = Look {
        file,
        target,
        plan: approved.into_plan(),
    };
    report(ui, args, &seen, "done", Some(&written))?;
    Ok(Outcome::Done)
}

fn report(
    ui: &Ui,
    args: &Seed,
    seen: &Look,
    outcome: &str,
    written: Option<&Written>,
) -> Result<(), CliError> {
    let backup = written.and_then(|written| written.backup.as_ref());
    if args.output == ReportFormat::Json {
        return ui.data(&listing::json(&document(seen, outcome, written))?);
    }
    if let Some(backup) = backup {
        ui.note(&format!(
            "the offsets that were replaced are saved in {}",
            backup.display()
        ));
    }
    Ok(())
}

fn document(seen: &Look, outcome: &str, written: Option<&Written>) -> Value {
    let plan = &seen.plan;
    let (stopped, why) = match &plan.stopped {
        Stopped::Proven(how) => ("proven", Some(how)),
        Stopped::Asserted => ("asserted", None),
        Stopped::Unknown(why) => ("unknown", Some(why)),
    };
    json!({
        "outcome": outcome,
        "file": seen.file.path,
        "sha256": seen.file.sha256,
        "topic": plan.topic,
        "partitions": plan.partitions,
        "standalone_stopped": stopped,
        "standalone_stopped_why": why,
        "connectors": plan.connectors,
        "to_write": plan.records.len(),
        "written": written.map_or(0, |written| written.records),
        "backup": written.and_then(|written| written.backup.as_ref()),
        "findings": plan.findings,
    })
}
