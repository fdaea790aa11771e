//! `connectctl capture`: what a running standalone worker knows, saved before it is stopped.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};

use super::args::{Global, ReportFormat};
use super::connect::{file_failed, rest_failed, store_failed};
use super::error::{CliError, Kind, Outcome};
use super::output::Ui;
use super::rest::RestFlags;
use super::runtime;
use crate::io::{files, offset_store, standalone};
use crate::model::offset_file::{self, OffsetEntry};
use crate::model::offset_key::{OffsetKey, key_from_rest};
use crate::plan::naming::file_stems;
use crate::plan::{RunningConnector, RunningWorker};

/// Save what a running standalone worker knows: connectors, configurations, states, offsets
///
/// The way out of a pod without a volume, where stopping the process deletes the offsets file. The safe order: stop the
/// connectors over REST (PUT /connectors/NAME/stop), capture, then stop the process. What is saved is what `migrate`
/// takes: `connectctl migrate WORKER.properties DIR/connectors/*.json --offsets DIR/connect.offsets`.
#[derive(Debug, Clone, Args)]
pub struct Capture {
    /// REST URL of the running standalone worker
    #[arg(long, value_name = "URL")]
    pub source_url: String,
    /// Folder to save to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The worker's offsets file, where it can be reached: its bytes are exact, those from REST may not be knowable
    #[arg(long, value_name = "FILE")]
    pub offsets: Option<PathBuf>,
    /// Read and check everything, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Format of the report on stdout
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    pub output: ReportFormat,
    #[command(flatten)]
    pub rest: RestFlags,
}

/// What was captured, and what could not be.
struct Captured {
    worker: RunningWorker,
    /// Bytes of the offsets file to write; `None`: no source connector has any.
    offsets: Option<Vec<u8>>,
    /// `file` or `rest`.
    offsets_from: &'static str,
    entries: usize,
    /// One sentence per thing that is not exact or not there.
    gaps: Vec<String>,
}

pub(super) fn run(ui: &Ui, global: &Global, args: &Capture) -> Result<Outcome, CliError> {
    let captured = runtime::run(capture(global, args))?;
    let files = to_write(&captured)?;
    if !args.dry_run {
        for (path, bytes) in &files {
            files::replace(&args.out.join(path), bytes, true).map_err(file_failed)?;
        }
    }
    say(ui, args, &captured, &files)?;
    if captured.gaps.is_empty() {
        return Ok(if args.dry_run {
            Outcome::Pending
        } else {
            Outcome::Done
        });
    }
    let error = anyhow!("captured, but not everything: see above");
    Err(CliError::new(Kind::Unverified, error).hint(
        "give the worker's offsets file itself with --offsets FILE, before the process is stopped",
    ))
}

async fn capture(global: &Global, args: &Capture) -> Result<Captured, CliError> {
    let url = std::slice::from_ref(&args.source_url);
    let rest = args.rest.client(url, None, global.timeout)?;
    let worker = standalone::inventory(&rest).await.map_err(rest_failed)?;
    match &args.offsets {
        Some(path) => from_file(worker, path),
        None => from_rest(worker),
    }
}

fn from_file(worker: RunningWorker, path: &Path) -> Result<Captured, CliError> {
    let file = files::read(path, files::LARGEST_OFFSETS).map_err(file_failed)?;
    let map = offset_store::parse(&file).map_err(|error| {
        store_failed(error)
            .hint("the worker may be writing it: try again, or leave --offsets away to take what REST shows")
    })?;
    let gaps = behind_rest(&worker, &map.entries);
    Ok(Captured {
        offsets_from: "file",
        entries: map.entries.len(),
        offsets: Some(file.bytes.to_vec()),
        worker,
        gaps,
    })
}

/// A file that lags behind REST was read before the last flush; stopping the connectors flushes.
fn behind_rest(worker: &RunningWorker, entries: &[OffsetEntry]) -> Vec<String> {
    let in_file = |name: &str, partition: &Value, offset: &Value| {
        entries.iter().any(|entry| {
            let key = entry
                .key
                .as_ref()
                .and_then(|key| OffsetKey::parse(key).ok());
            let Some(key) = key.filter(|key| key.connector() == name) else {
                return false;
            };
            let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
            json(key.partition()).as_ref() == Some(partition)
                && entry.value.as_deref().and_then(json).as_ref() == Some(offset)
        })
    };
    sources(worker)
        .flat_map(|c| c.offsets.iter().flatten().map(move |pair| (c, pair)))
        .filter(|(c, (partition, offset))| !offset.is_null() && !in_file(&c.name, partition, offset))
        .map(|(c, (partition, offset))| {
            format!("{}: REST shows {offset} for {partition}, and the file does not: it is flushed when the connector is stopped", c.name)
        })
        .collect()
}

fn from_rest(worker: RunningWorker) -> Result<Captured, CliError> {
    let mut entries = Vec::new();
    let mut gaps = Vec::new();
    for connector in sources(&worker) {
        let name = &connector.name;
        let Some(offsets) = &connector.offsets else {
            gaps.push(format!(
                "{name}: this worker does not show offsets over REST (3.5 and later do)"
            ));
            continue;
        };
        for (partition, offset) in offsets {
            if offset.is_null() {
                gaps.push(format!("{name}: {partition} has no offset over REST, which may mean that its key is not as a worker writes it"));
                continue;
            }
            match key_from_rest(name, partition) {
                Ok(key) => entries.push(OffsetEntry {
                    key: Some(key),
                    value: Some(offset.to_string().into_bytes().into()),
                }),
                Err(why) => gaps.push(format!("{name}: {partition} was left out: {why}")),
            }
        }
    }
    let mut bytes = Vec::new();
    offset_file::write(&entries, &mut bytes)?;
    Ok(Captured {
        offsets: (!entries.is_empty()).then_some(bytes),
        offsets_from: "rest",
        entries: entries.len(),
        worker,
        gaps,
    })
}

fn sources(worker: &RunningWorker) -> impl Iterator<Item = &RunningConnector> {
    worker.connectors.iter().filter(|c| c.kind != "sink")
}

/// Returns the files relative to the folder: `inventory.json`, one JSON per connector, `connect.offsets`.
fn to_write(captured: &Captured) -> Result<Vec<(PathBuf, Vec<u8>)>, CliError> {
    let worker = &captured.worker;
    let pretty = |value: &Value| {
        let mut text = serde_json::to_vec_pretty(value).map_err(anyhow::Error::from)?;
        text.push(b'\n');
        Ok::<_, CliError>(text)
    };
    let connectors: Vec<_> = worker.connectors.iter().map(inventory_entry).collect();
    let inventory = json!({
        "url": worker.url,
        "version": worker.version,
        "kafka_cluster_id": worker.kafka_cluster_id,
        "captured": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "offsets_from": captured.offsets_from,
        "gaps": captured.gaps,
        "connectors": connectors,
    });
    let mut files = vec![(PathBuf::from("inventory.json"), pretty(&inventory)?)];
    let stems = file_stems(worker.connectors.iter().map(|c| c.name.as_str()));
    for connector in &worker.connectors {
        let mut body = json!({ "name": connector.name, "config": connector.config });
        // A pause is meant; a stop is the first step of this very way out.
        if connector.state == "PAUSED" {
            body["initial_state"] = Value::from("PAUSED");
        }
        let path = format!("connectors/{}.json", stems[connector.name.as_str()]);
        files.push((PathBuf::from(path), pretty(&body)?));
    }
    if let Some(offsets) = &captured.offsets {
        files.push((PathBuf::from("connect.offsets"), offsets.clone()));
    }
    Ok(files)
}

fn inventory_entry(connector: &RunningConnector) -> Value {
    let offsets = connector.offsets.as_ref().map(|offsets| {
        let pair = |(partition, offset): &(Value, Value)| json!({ "partition": partition, "offset": offset });
        offsets.iter().map(pair).collect::<Vec<_>>()
    });
    json!({
        "name": connector.name,
        "type": connector.kind,
        "state": connector.state,
        "tasks": connector.tasks,
        "config": connector.config,
        "offsets": offsets,
    })
}

fn say(
    ui: &Ui,
    args: &Capture,
    captured: &Captured,
    files: &[(PathBuf, Vec<u8>)],
) -> Result<(), CliError> {
    let running: Vec<_> = captured
        .worker
        .connectors
        .iter()
        .filter(|c| c.state != "STOPPED" || !c.tasks.is_empty())
        .map(|c| c.name.clone())
        .collect();
    let next = format!(
        "connectctl migrate WORKER.properties {0}/connectors/*.json --offsets {0}/connect.offsets",
        args.out.display()
    );
    if args.output == ReportFormat::Json {
        let report = json!({
            "url": captured.worker.url,
            "connectors": captured.worker.connectors.len(),
            "offsets_from": captured.offsets_from,
            "entries": captured.entries,
            "files": files.iter().map(|(path, _)| args.out.join(path)).collect::<Vec<_>>(),
            "written": !args.dry_run,
            "running": running,
            "gaps": captured.gaps,
            "next": next,
        });
        return ui.data(&super::listing::json(&report)?);
    }
    let mut text = String::new();
    let verb = if args.dry_run { "would write" } else { "wrote" };
    for (path, bytes) in files {
        let _infallible = writeln!(
            text,
            "{verb} {} ({} bytes)",
            args.out.join(path).display(),
            bytes.len()
        );
    }
    let count = captured.worker.connectors.len();
    let _infallible = writeln!(
        text,
        "{count} connectors, {} offsets (from {})",
        captured.entries, captured.offsets_from
    );
    ui.data(&text)?;
    for gap in &captured.gaps {
        ui.warning(gap);
    }
    if !running.is_empty() {
        ui.warning(&format!(
            "not stopped, so their positions move on: {}; PUT {}/connectors/NAME/stop, then capture again",
            running.join(", "),
            captured.worker.url
        ));
    }
    ui.note(&format!("next, once the process is stopped: {next}"));
    Ok(())
}
