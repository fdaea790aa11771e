//! The standalone deployment as it was read: worker file, connector files, offsets, and the running worker if asked.

use std::path::PathBuf;

use crate::model::connector_config::{ConnectorConfig, TargetState};
use crate::model::offset_file::OffsetEntry;
use crate::model::properties::{Document, Properties};
use crate::model::worker_config::Followed;

/// Everything that was read about the deployment that is to be moved.
#[derive(Debug, Clone)]
pub struct Deployment {
    pub worker: WorkerFile,
    /// In the order of the command line, then those that only the running worker knows.
    pub connectors: Vec<Connector>,
    pub offsets: OffsetsInput,
    /// Why the offsets file is not the one that the standalone worker writes, as far as can be told: its age then shows nothing of
    /// the worker. `None`: it is that one.
    pub copied: Option<String>,
    /// What the running standalone workers said over REST (`--source-url`).
    pub running: Option<RunningWorker>,
    /// What references stand for that decide about the consumers of the sinks, where they could be followed.
    pub followed: Followed,
}

#[derive(Debug, Clone)]
pub struct WorkerFile {
    pub path: PathBuf,
    /// Lower-case hex SHA-256 of the file.
    pub sha256: String,
    pub document: Document,
}

impl WorkerFile {
    /// Returns the settings as the worker sees them.
    pub fn properties(&self) -> Properties {
        self.document.to_map()
    }
}

/// One connector file. The plan adds the connectors that only the running worker knows: made over REST, gone when it stops.
///
/// The configuration is the file's; the plan lets the running configuration win and reports the difference (P22).
#[derive(Debug, Clone)]
pub struct Connector {
    pub config: ConnectorConfig,
    /// Absolute.
    pub path: PathBuf,
    /// Secrets of config providers that the file names stay references; this is the raw configuration.
    pub sha256: Option<String>,
}

/// The offsets of the standalone worker.
#[derive(Debug, Clone)]
pub enum OffsetsInput {
    /// `--no-offsets`: positions are given up on purpose.
    Declined,
    /// The file that the worker names does not exist.
    Missing(PathBuf),
    File(OffsetsFile),
    /// Not a complete map. Nobody misses it while every connector to move is a sink.
    Damaged(DamagedOffsets),
}

/// An offsets file that the JVM would silently take for empty.
#[derive(Debug, Clone)]
pub struct DamagedOffsets {
    /// Absolute.
    pub path: PathBuf,
    pub sha256: String,
    /// Bytes.
    pub length: u64,
    /// Milliseconds since the last modification, at reading.
    pub age_ms: Option<u64>,
    /// What is wrong with it, and at which byte.
    pub why: String,
    /// What to do about it.
    pub remedy: String,
}

/// A strictly parsed offsets file. An empty (0-byte) file has no entries and length 0.
#[derive(Debug, Clone)]
pub struct OffsetsFile {
    /// Absolute.
    pub path: PathBuf,
    pub sha256: String,
    /// Bytes.
    pub length: u64,
    /// Milliseconds since the last modification, at reading.
    pub age_ms: Option<u64>,
    /// Bytes after the serialised map, which the JVM ignores.
    pub trailing: u64,
    pub entries: Vec<OffsetEntry>,
}

/// What a running standalone worker said over REST.
#[derive(Debug, Clone)]
pub struct RunningWorker {
    pub url: String,
    pub version: String,
    pub kafka_cluster_id: Option<String>,
    pub connectors: Vec<RunningConnector>,
}

#[derive(Debug, Clone)]
pub struct RunningConnector {
    pub name: String,
    pub config: indexmap::IndexMap<String, String>,
    /// `source`, `sink` or `unknown`, as REST says.
    pub kind: String,
    /// RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED.
    pub state: String,
    pub target: Option<TargetState>,
    /// States of the tasks; empty when the connector is stopped.
    pub tasks: Vec<String>,
    /// `GET /connectors/X/offsets` (3.5+): partition and offset as JSON; `None` where the route is absent.
    pub offsets: Option<Vec<(serde_json::Value, serde_json::Value)>>,
}
