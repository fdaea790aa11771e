//! The folder that `capture` fills, and what an earlier capture left there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::take::Captured;
use crate::cli::connect::file_failed;
use crate::cli::error::CliError;
use crate::io::files::{self, LARGEST_OFFSETS};
use crate::plan::naming::file_stems;
use crate::plan::{RunningConnector, RunningWorker};

/// What says that the folder is a complete capture.
pub(in crate::cli) const INVENTORY: &str = "inventory.json";
const OFFSETS: &str = "connect.offsets";

/// What an earlier capture into the same folder knew, and this one would not.
#[derive(Debug, Clone, Default)]
pub(super) struct Earlier {
    /// Connectors that were PAUSED when last seen before they were stopped, and when (RFC 3339, UTC).
    pub(super) paused: BTreeMap<String, String>,
    /// Files relative to the folder that it wrote.
    files: Vec<PathBuf>,
    inventory: Option<Value>,
}

/// Reads `inventory.json`. One that is absent or not ours is as none: nothing depends on it but what a stop made forget.
pub(super) fn earlier(out: &Path) -> Earlier {
    let found = files::read(&out.join(INVENTORY), LARGEST_OFFSETS).ok();
    let Some(inventory) = found.and_then(|f| serde_json::from_slice::<Value>(&f.bytes).ok()) else {
        return Earlier::default();
    };
    let connectors = || inventory["connectors"].as_array().into_iter().flatten();
    let name = |c: &Value| c["name"].as_str().map(str::to_owned);
    let paused = connectors()
        .filter_map(|c| Some((name(c)?, c["paused"].as_str()?.to_owned())))
        .collect();
    let names: Vec<_> = connectors().filter_map(name).collect();
    let stems = file_stems(names.iter().map(String::as_str));
    let mut files: Vec<_> = stems.values().map(|stem| connector_file(stem)).collect();
    files.push(PathBuf::from(OFFSETS));
    Earlier {
        paused,
        files,
        inventory: Some(inventory),
    }
}

impl Earlier {
    /// Takes in what the worker says now: a stop makes it forget a pause, everything else counts.
    pub(super) fn note(&mut self, worker: &RunningWorker) {
        let now = now();
        for connector in &worker.connectors {
            match connector.state.as_str() {
                "STOPPED" => {}
                "PAUSED" => drop(self.paused.insert(connector.name.clone(), now.clone())),
                _ => drop(self.paused.remove(&connector.name)),
            }
        }
    }
}

/// What is to be written.
#[derive(Debug)]
pub(super) struct Folder {
    out: PathBuf,
    /// Relative to the folder; `inventory.json`, which says that the rest is complete, is the last.
    pub(super) files: Vec<(PathBuf, Vec<u8>)>,
    /// Files of an earlier capture that this one does not have.
    outdated: Vec<PathBuf>,
}

impl Folder {
    /// Returns one JSON per connector, `connect.offsets` where there are any, and `inventory.json`.
    pub(super) fn of(out: &Path, captured: &Captured) -> Result<Self, CliError> {
        let worker = &captured.worker;
        let stems = file_stems(worker.connectors.iter().map(|c| c.name.as_str()));
        let mut files = Vec::with_capacity(worker.connectors.len() + 2);
        for connector in &worker.connectors {
            let mut body = json!({ "name": connector.name, "config": connector.config });
            // A pause is meant; a stop is the first step of this very way out.
            if captured.earlier.paused.contains_key(&connector.name) {
                body["initial_state"] = Value::from("PAUSED");
            }
            let path = connector_file(&stems[connector.name.as_str()]);
            files.push((path, pretty(&body)?));
        }
        if let Some(offsets) = &captured.offsets {
            files.push((PathBuf::from(OFFSETS), offsets.clone()));
        }
        files.push((PathBuf::from(INVENTORY), inventory(captured)?));
        let is_kept = |path: &PathBuf| files.iter().any(|(kept, _)| kept == path);
        let outdated = captured.earlier.files.iter();
        let outdated = outdated
            .filter(|path| !is_kept(path) && out.join(path).exists())
            .cloned()
            .collect();
        Ok(Self {
            out: out.to_path_buf(),
            files,
            outdated,
        })
    }

    /// Writes everything, and returns the files of an earlier capture that were set aside.
    pub(super) fn write(&self) -> Result<Vec<PathBuf>, CliError> {
        for (path, bytes) in &self.files {
            files::replace(&self.out.join(path), bytes, true).map_err(file_failed)?;
        }
        let outdated = self.outdated.iter().map(|path| self.out.join(path));
        outdated
            .map(|path| files::set_aside(&path, true).map_err(file_failed))
            .collect()
    }

    pub(super) fn path(&self, file: &Path) -> PathBuf {
        self.out.join(file)
    }

    /// Returns the offsets file, when one is written.
    pub(super) fn offsets(&self) -> Option<PathBuf> {
        let found = self
            .files
            .iter()
            .find(|(path, _)| path == Path::new(OFFSETS));
        found.map(|(path, _)| self.path(path))
    }
}

/// Writes the inventory alone, before connectors are stopped: a stop makes the worker forget who was paused.
pub(super) fn write_states(out: &Path, captured: &Captured) -> Result<(), CliError> {
    files::replace(&out.join(INVENTORY), &inventory(captured)?, true).map_err(file_failed)?;
    Ok(())
}

fn connector_file(stem: &str) -> PathBuf {
    PathBuf::from(format!("connectors/{stem}.json"))
}

/// Returns the inventory; the earlier one, byte for byte, when nothing but the time would differ.
fn inventory(captured: &Captured) -> Result<Vec<u8>, CliError> {
    let worker = &captured.worker;
    let connectors = worker.connectors.iter();
    let connectors: Vec<_> = connectors
        .map(|c| entry(c, captured.earlier.paused.get(&c.name)))
        .collect();
    let mut inventory = json!({
        "inventory": 1,
        "url": worker.url,
        "version": worker.version,
        "kafka_cluster_id": worker.kafka_cluster_id,
        "captured": now(),
        "offsets_from": captured.offsets_from,
        "gaps": captured.gaps,
        "connectors": connectors,
    });
    if let Some(earlier) = &captured.earlier.inventory {
        let now = std::mem::replace(&mut inventory["captured"], earlier["captured"].clone());
        if inventory != *earlier {
            inventory["captured"] = now;
        }
    }
    pretty(&inventory)
}

fn entry(connector: &RunningConnector, paused: Option<&String>) -> Value {
    let offsets = connector.offsets.as_ref().map(|offsets| {
        let pair = |(partition, offset): &(Value, Value)| json!({ "partition": partition, "offset": offset });
        offsets.iter().map(pair).collect::<Vec<_>>()
    });
    json!({
        "name": connector.name,
        "type": connector.kind,
        "state": connector.state,
        "paused": paused,
        "tasks": connector.tasks,
        "config": connector.config,
        "offsets": offsets,
    })
}

fn pretty(value: &Value) -> Result<Vec<u8>, CliError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(anyhow::Error::from)?;
    text.push(b'\n');
    Ok(text)
}

fn now() -> String {
    let now = jiff::Timestamp::now();
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
