//! What the user chose on the command line, converted once from flags into meaning.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::model::connector_config::TargetState;
use crate::model::properties::Properties;

/// Every choice that changes a plan.
#[derive(Debug, Clone)]
pub struct Choices {
    pub group_id: Option<String>,
    pub config_topic: Option<String>,
    pub offset_topic: Option<String>,
    pub status_topic: Option<String>,
    pub replication_factor: ReplicationFactor,
    /// `--set KEY=VALUE` on the generated worker file.
    pub set: Properties,
    pub renames: Vec<Rename>,
    /// `--delete-old`: tombstone the old keys of a renamed connector.
    pub delete_old: bool,
    /// Ids of blocking findings that the user accepts.
    pub accept: BTreeSet<String>,
    pub adopt: bool,
    pub overwrite_offsets: bool,
    pub no_offsets: bool,
    /// `--source-stopped`: the user asserts that the standalone worker is stopped.
    pub source_stopped: bool,
    /// `--offline`: files only, no cluster.
    pub offline: bool,
    pub initial_state: TargetState,
    /// Connect cluster to register on (`--url`); empty: none.
    pub register_on: Vec<String>,
    pub verify: Verification,
    /// Output folder.
    pub out: PathBuf,
}

/// `--verify none|control|run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// What was written is read back.
    None,
    /// An embedded worker registers the connectors as STOPPED and checks what a worker finds.
    Control,
    /// Likewise, and afterwards a worker in this process runs the connectors for a moment.
    Run,
}

impl Verification {
    /// True when an embedded worker has something to do.
    pub(super) fn has_worker(self) -> bool {
        self != Self::None
    }
}

/// `--replication-factor auto|-1|N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicationFactor {
    /// min(3, brokers).
    Auto,
    /// -1: the broker's default.
    BrokerDefault,
    Fixed(i16),
}

/// `--rename OLD=NEW`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    pub old: String,
    pub new: String,
}
