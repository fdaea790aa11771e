//! The finished plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;

use crate::model::connector_config::TargetState;
use crate::plan::{Class, Finding, PartitionPosition};

/// What `migrate` will do, complete before anything is touched.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Files of the output folder, `distributed.properties` first.
    pub files: Vec<FileChange>,
    /// Why each line of `distributed.properties` changed.
    pub reasons: Vec<Reason>,
    /// The generated worker file as a map.
    pub worker: crate::model::properties::Properties,
    pub group_id: String,
    /// Config, offset, status: in this order.
    pub topics: Vec<TopicPlan>,
    pub connectors: Vec<ConnectorPlan>,
    /// Records to produce to the offset topic.
    pub seed: Vec<SeedRecord>,
    pub findings: Vec<Finding>,
    pub stopped: Stopped,
    pub ownership: Ownership,
}

impl Plan {
    /// Returns the findings that stop this plan.
    pub fn blocked(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|f| f.class == Class::Block && !f.accepted)
    }
}

#[derive(Debug, Clone)]
pub struct FileChange {
    /// Relative to the output folder.
    pub path: PathBuf,
    /// What the diff is shown against: the standalone file, or nothing for a new file.
    pub before: Option<Vec<u8>>,
    pub after: Vec<u8>,
    /// Holds credentials: written with mode 0600.
    pub secret: bool,
}

/// Why a setting was added, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    pub key: String,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TopicPlan {
    /// `config`, `offset` or `status`.
    pub role: String,
    pub name: String,
    /// -1: the broker's default.
    pub partitions: i32,
    /// -1: the broker's default.
    pub replication_factor: i16,
    pub configs: BTreeMap<String, String>,
    pub state: TopicState,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TopicState {
    /// `--offline`: not looked at.
    Unknown,
    Missing,
    Right,
    /// Exists and is wrong: what is wrong, one sentence each.
    Wrong(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorKind {
    Source,
    Sink,
    /// Not recognised: treated as a source.
    Unknown,
}

#[derive(Debug, Clone)]
pub struct ConnectorPlan {
    pub name: String,
    /// The name before `--rename`.
    pub old_name: String,
    pub kind: ConnectorKind,
    pub class: String,
    /// All values strings; `name` included.
    pub config: indexmap::IndexMap<String, String>,
    /// Source: number of entries of the offsets file that belong to it.
    pub entries: usize,
    /// Source: number of records that must be produced (missing or different in the topic).
    pub to_seed: usize,
    /// Sink: effective consumer group.
    pub group: Option<String>,
    /// Sink: committed offset and end per partition, `topic-partition` sorted.
    pub positions: BTreeMap<(String, i32), PartitionPosition>,
    /// Already in the config topic, equal, and has left STOPPED: the topic is the truth, nothing to do.
    pub already_moved: bool,
    pub final_state: TargetState,
    /// Why it cannot move as it is; empty: it can.
    pub cannot_move: Vec<String>,
}

/// One record of the offset topic: the file's bytes, unchanged, at the partition Java computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedRecord {
    pub connector: String,
    pub key: Bytes,
    pub value: Option<Bytes>,
    /// Set when the topic's partition count is known, at planning or after creation.
    pub partition: Option<i32>,
}

/// Whether the standalone worker is known to be stopped.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stopped {
    /// How it was proven.
    Proven(String),
    /// `--source-stopped`.
    Asserted,
    /// Why it is not known.
    Unknown(String),
}

/// Whose the target's config topic is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ownership {
    /// `--offline`.
    Unknown,
    /// No connector in it, or no topic.
    Fresh,
    /// Only connectors of this plan with equal configurations.
    Ours,
    /// Someone else's: what shows it.
    Foreign(Vec<String>),
}
