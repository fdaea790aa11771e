//! What is taken: the worker's own words, and its offsets from the file or from REST.

use std::path::Path;

use super::folder::Earlier;
use crate::cli::connect::{file_failed, store_failed};
use crate::cli::error::CliError;
use crate::io::{files, offset_store};
use crate::model::offset_file::{self, OffsetEntry};
use crate::model::offset_key::key_from_rest;
use crate::plan::{RunningConnector, RunningWorker, rest_offsets};

/// What was captured, and what could not be.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) worker: RunningWorker,
    pub(super) earlier: Earlier,
    /// Bytes of the offsets file to write; `None`: no source connector has any.
    pub(super) offsets: Option<Vec<u8>>,
    /// `file` or `rest`.
    pub(super) offsets_from: &'static str,
    pub(super) entries: usize,
    /// One sentence per thing that is not exact or not there.
    pub(super) gaps: Vec<String>,
}

impl Captured {
    /// Returns the connectors that are not at rest: their positions move on.
    pub(super) fn running(&self) -> Vec<&str> {
        let at_work = self.worker.connectors.iter().filter(|c| is_at_work(c));
        at_work.map(|c| c.name.as_str()).collect()
    }
}

pub(super) fn is_at_work(connector: &RunningConnector) -> bool {
    connector.state != "STOPPED" || !connector.tasks.is_empty()
}

pub(super) fn from_file(
    worker: RunningWorker,
    earlier: Earlier,
    path: &Path,
) -> Result<Captured, CliError> {
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
        earlier,
        gaps,
    })
}

/// A file that lags behind REST was read before the last flush, or is another worker's.
fn behind_rest(worker: &RunningWorker, entries: &[OffsetEntry]) -> Vec<String> {
    let sources = worker.connectors.iter().filter(|c| is_source(c));
    let unlike = rest_offsets::unlike_file(sources, entries);
    let told = unlike.iter().map(|difference| {
        format!(
            "{}: {}: is it this worker's file? It is flushed when the connector is stopped",
            difference.connector.as_deref().unwrap_or_default(),
            rest_offsets::said(difference)
        )
    });
    told.collect()
}

pub(super) fn from_rest(worker: RunningWorker, earlier: Earlier) -> Result<Captured, CliError> {
    let mut entries = Vec::new();
    let mut gaps = Vec::new();
    for connector in worker.connectors.iter().filter(|c| is_source(c)) {
        let name = &connector.name;
        let Some(offsets) = &connector.offsets else {
            gaps.push(format!(
                "{name}: this worker (Kafka {}) does not show offsets over REST, as 3.5 and later do",
                worker.version
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
        earlier,
        gaps,
    })
}

fn is_source(connector: &RunningConnector) -> bool {
    connector.kind != "sink"
}
