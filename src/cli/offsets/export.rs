//! `connectctl offsets export`: the way back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::store::{self, ClusterStore};
use crate::cli::args::{Connection, Global, ReportFormat, rename};
use crate::cli::connect::{file_failed, kafka_failed, store_failed, with_hint};
use crate::cli::error::{CliError, Kind, Outcome};
use crate::cli::output::Ui;
use crate::cli::table::printable;
use crate::cli::{accept, listing, runtime};
use crate::io::files::{self, Written};
use crate::io::kafka::cluster::Cluster;
use crate::io::{observe, offset_store, providers};
use crate::model::offset_file;
use crate::plan::offset_export::{self, Circumstances, ExportChoices, ExportPlan};
use crate::plan::offset_seed::undecided;
use crate::plan::render::count;
use crate::plan::{Rename, StoredConnector};

/// Write the positions of the offset topic to a file that a standalone worker can start from
///
/// The way back from distributed to standalone: stop the connectors or the workers, export, point
/// offset.storage.file.filename at the file. Keys and values are the topic's bytes. Reset offsets are left out; sinks need
/// nothing, their consumer groups stay. A different file at that place is kept as NAME.bak-<timestamp>.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Export {
    /// File to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Only this connector; repeat it for more
    #[arg(long, value_name = "NAME")]
    connector: Vec<String>,
    /// Write the positions of a connector under another name
    #[arg(long, value_name = "NAME=OTHER", value_parser = rename)]
    rename: Vec<Rename>,
    /// Accept a blocking finding by its id: P20, although a connector is at work; P11, of a key in two partitions the record
    /// where its next one goes; P42, of a connector whose own offset topic is not read, the copies in that of the workers;
    /// aborted-records, what an aborted transaction wrote
    #[arg(long, value_name = "ID", value_parser = accept::accepted)]
    accept: Vec<String>,
    /// Make the same checks and write nothing; exit code 3 when there is something to write
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    output: ReportFormat,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  The file that offset.storage.file.filename of the standalone worker names:
    connectctl offsets export --worker-config distributed/distributed.properties --to connect.offsets";

/// What became of the file.
enum Outfile {
    NotWritten,
    Unchanged,
    Written { kept: Option<PathBuf> },
}

pub(super) fn run(ui: &Ui, global: &Global, export: &Export) -> Result<Outcome, CliError> {
    let (topic, plan) = runtime::run(decide(global, export))?;
    if let Some(refused) = store::refused(plan.blocked()) {
        return Err(refused);
    }
    store::say(ui, &plan.findings);
    if plan.entries.is_empty() {
        let error = anyhow!("topic {topic} holds no position: nothing was written");
        return Err(CliError::new(Kind::Failed, error).hint(
            "sinks need no file; connectctl offsets show --worker-config FILE shows what is there",
        ));
    }
    let mut bytes = Vec::new();
    offset_file::write(&plan.entries, &mut bytes)?;
    let outfile = write(export, &bytes)?;
    report(ui, export, &topic, &plan, &outfile)?;
    Ok(match outfile {
        Outfile::NotWritten => Outcome::Pending,
        Outfile::Unchanged | Outfile::Written { .. } => Outcome::Done,
    })
}

async fn decide(global: &Global, export: &Export) -> Result<(String, ExportPlan), CliError> {
    let store = ClusterStore::open(&export.connection, global.timeout).await?;
    let mut topic = store.offset_topic().await?;
    store::forget_probe(&mut topic);
    let connectors = store.connectors().await?;
    let mut beside = Circumstances::default();
    let stores = store.source_stores(connectors.values());
    let workers = store.wanted().name.as_str();
    let is_asked = |name: &String| export.connector.is_empty() || export.connector.contains(name);
    for (name, connector) in connectors.iter().filter(|(name, _)| is_asked(name)) {
        let Some(own) = connector.own_store(&stores, workers) else {
            continue;
        };
        if own.place.is_readable() {
            let read = store.own_offset_topic(&own, connector).await?;
            topic.replace(&read, name);
            let open = undecided(&read).map(|open| (name.clone(), open));
            beside.open.extend(open);
        }
        beside.own.insert(name.clone(), own);
    }
    beside.at_work = at_work(&store, connectors).await?;
    let choices = ExportChoices {
        only: export.connector.clone(),
        renames: export.rename.clone(),
        accept: accept::each(&export.accept).map(str::to_owned).collect(),
    };
    let plan = offset_export::make(&topic, &choices, &beside).map_err(super::plan_failed)?;
    Ok((topic.name, plan))
}

/// Says of connectors why their positions still move: there are workers, and they are not stopped.
async fn at_work(
    store: &ClusterStore,
    connectors: BTreeMap<String, StoredConnector>,
) -> Result<BTreeMap<String, String>, CliError> {
    let properties = &store.file.properties;
    let resolved = providers::resolve_where(properties, |key| key == "group.id").map_err(|e| {
        let hint = e.hint();
        with_hint(CliError::new(Kind::Failed, e), hint)
    })?;
    let group = resolved.get("group.id").map(|id| id.trim().to_owned());
    let group = group.filter(|id| !id.is_empty());
    let workers = match group {
        Some(id) => workers(&store.cluster, &id).await?,
        None => None,
    };
    if workers == Some(0) {
        return Ok(BTreeMap::new());
    }
    let why = |connector: &StoredConnector| {
        let tasks = connector.running_tasks;
        match workers {
            Some(workers) => format!("{workers} worker(s) in the group, {tasks} running task(s)"),
            None => format!("{tasks} running task(s), say the status records"),
        }
    };
    Ok(connectors
        .into_iter()
        .filter(|(_, connector)| !connector.is_at_rest())
        .map(|(name, connector)| (name, why(&connector)))
        .collect())
}

/// Returns the number of workers in the group; `None`: this principal may not look.
async fn workers(cluster: &Cluster, group: &str) -> Result<Option<usize>, CliError> {
    match observe::connect_group(cluster, group).await {
        Ok(group) => Ok(Some(group.map_or(0, |group| group.members.len()))),
        Err(error) if error.is_authorization() => Ok(None),
        Err(error) => Err(kafka_failed(error)),
    }
}

/// Writes the file and reads it back as strictly as any other.
fn write(export: &Export, bytes: &[u8]) -> Result<Outfile, CliError> {
    if export.dry_run {
        let same = files::read(&export.to, files::LARGEST_OFFSETS).is_ok_and(|f| f.bytes == bytes);
        return Ok(if same {
            Outfile::Unchanged
        } else {
            Outfile::NotWritten
        });
    }
    let written = files::replace(&export.to, bytes, false).map_err(file_failed)?;
    offset_store::read_file(&export.to).map_err(store_failed)?;
    Ok(match written {
        Written::Unchanged => Outfile::Unchanged,
        Written::Created => Outfile::Written { kept: None },
        Written::Replaced(kept) => Outfile::Written { kept: Some(kept) },
    })
}

fn report(
    ui: &Ui,
    export: &Export,
    topic: &str,
    plan: &ExportPlan,
    outfile: &Outfile,
) -> Result<(), CliError> {
    let to = export.to.display();
    let (verb, kept) = match outfile {
        Outfile::NotWritten => ("would be written", None),
        Outfile::Unchanged => ("already has them", None),
        Outfile::Written { kept } => ("written", kept.as_ref()),
    };
    if export.output == ReportFormat::Json {
        return ui.data(&listing::json(&json!({
            "topic": topic,
            "file": export.to,
            "state": match outfile {
                Outfile::NotWritten => "not-written",
                Outfile::Unchanged => "unchanged",
                Outfile::Written { .. } => "written",
            },
            "kept": kept,
            "positions": plan.entries.len(),
            "connectors": plan.connectors,
            "findings": plan.findings,
        }))?);
    }
    let mut text = String::new();
    for connector in &plan.connectors {
        let renamed = if connector.name == connector.old_name {
            String::new()
        } else {
            format!(" (from {})", connector.old_name)
        };
        let line = format!(
            "{}{renamed}: {}",
            connector.name,
            count(connector.positions, "position")
        );
        text = text + &printable(&line) + "\n";
    }
    ui.data(&text)?;
    ui.data(&format!(
        "{to}: {} of topic {topic} {verb}\n",
        count(plan.entries.len(), "position")
    ))?;
    if let Some(kept) = kept {
        ui.note(&format!(
            "the file that was there is kept as {}",
            kept.display()
        ));
    }
    Ok(())
}
