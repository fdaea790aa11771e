//! Why no plan can be made at all. What can be planned but must not be done is a finding instead.

use std::path::PathBuf;

use crate::model::worker_config::Unseen;
use crate::plan::naming::TopicNameError;

/// The inputs do not add up to a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("{}: the worker file is already distributed: it has {key} (line {line})", path.display())]
    AlreadyDistributed {
        path: PathBuf,
        key: String,
        line: usize,
    },
    #[error(
        "there is no connector to move: no connector file was given and no running worker named one"
    )]
    NoConnector,
    #[error("two connectors are called {name:?}: {first} and {second}")]
    DuplicateConnector {
        name: String,
        first: String,
        second: String,
    },
    #[error(
        "the group id must be chosen: there are {connectors} connectors, so no connector's name can stand for it"
    )]
    GroupIdNeeded { connectors: usize },
    #[error("the group id is blank")]
    BlankGroupId,
    #[error("{path}: bootstrap.servers is missing or blank", path = path.display())]
    NoBootstrapServers { path: PathBuf },
    #[error(transparent)]
    TopicName(#[from] TopicNameError),
    #[error("--rename {old}={new}: no connector is called {old:?}")]
    RenameOfNobody { old: String, new: String },
    #[error("--rename {old}={new}: {why}")]
    RenameRefused {
        old: String,
        new: String,
        why: &'static str,
    },
    #[error(
        "--rename {old}={new}: the sink would leave its consumer group {group}, and its committed offsets cannot follow: {why}"
    )]
    RenameOfUnseenGroup {
        old: String,
        new: String,
        group: String,
        why: Unseen,
    },
    #[error("--set {key}: {why}")]
    SetRefused { key: String, why: &'static str },
    #[error("--replication-factor {given}: must be auto, -1 or at least 1")]
    ReplicationFactor { given: i16 },
    #[error("{why}")]
    OffsetsDamaged {
        /// With the path.
        why: String,
        remedy: String,
        /// The first connector that may need it.
        connector: String,
    },
    #[error("the generated worker file is not valid")]
    Worker(#[from] crate::model::worker_config::WorkerConfigError),
}

impl PlanError {
    /// Returns what to type next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::AlreadyDistributed { .. } => {
                "give the standalone worker file; to create the storage topics of a distributed one, use: connectctl topics create --worker-config FILE".into()
            }
            Self::NoConnector => {
                "name the connector files after the worker file, as for connect-standalone.sh, or add --source-url URL".into()
            }
            Self::DuplicateConnector { .. } => {
                "give each connector file once; Connect would let the last one win".into()
            }
            Self::GroupIdNeeded { .. } => "add --group-id NAME".into(),
            Self::BlankGroupId => "give --group-id a name".into(),
            Self::NoBootstrapServers { .. } => "add bootstrap.servers=HOST:PORT to the worker file".into(),
            Self::TopicName(error) => format!("add --{}-topic NAME", error.role()),
            Self::RenameOfNobody { .. } => "use the name that the connector's file gives".into(),
            Self::RenameRefused { .. } => "choose another new name".into(),
            Self::RenameOfUnseenGroup { group, .. } => format!(
                "leave its name, or keep the group: consumer.override.group.id={group} in its configuration"
            ),
            Self::SetRefused { .. } => "leave that --set away".into(),
            Self::ReplicationFactor { .. } => "use --replication-factor auto".into(),
            Self::OffsetsDamaged { remedy, connector, .. } => format!(
                "{remedy}; if {connector} has no position there, or positions may be given up: --no-offsets"
            ),
            Self::Worker(_) => "correct the setting in the worker file, or override it with --set KEY=VALUE".into(),
        })
    }
}
