//! What must change, as a finished value: `Deployment` + `Choices` + `Observed` → `Plan`.
//!
//! Nothing here touches a file or a socket. A refusal is a result, not an error: a [`Plan`] carries its findings,
//! and [`Plan::blocked`] says which of them stop it.

mod choices;
mod connectors;
mod deployment;
mod desired;
pub mod diff;
mod error;
mod finding;
pub mod findings;
mod inert;
pub mod kinds;
pub mod naming;
mod observed;
pub mod offset_check;
pub mod offset_diff;
pub mod offset_export;
pub mod offset_fold;
pub mod offset_rows;
pub mod offset_seed;
pub mod offset_truth;
mod own_topic;
mod ownership;
mod positions;
mod read_back;
pub mod render;
pub mod rest_offsets;
mod security;
mod seed;
mod steps;
mod stopped;
pub mod storage_topics;
mod topic_settings;
mod topics;
mod worker_file;

pub use choices::{Choices, Rename, ReplicationFactor, Verification};
pub use deployment::{
    Connector, DamagedOffsets, Deployment, OffsetsFile, OffsetsInput, RunningConnector,
    RunningWorker, WorkerFile,
};
pub use desired::make;
pub use error::PlanError;
pub use finding::{Class, Finding};
pub use observed::{
    Broker, ConnectGroup, Elsewhere, Observed, ObservedTopic, Otherwise, PartitionPosition,
    SinkGroup, StoredConnector, StoredOffset, StoredOffsets, TopicRefusal,
};
pub use own_topic::{Held, OwnOffsets, unfound, unseen};
pub use ownership::is_same_config;
pub use read_back::{ReadBack, read_back, standalone_at_work};
pub use steps::{
    ClusterSummary, ConnectorKind, ConnectorPlan, FileChange, FileState, GroupCopy, OffsetsSummary,
    Ownership, Plan, Reason, Registrar, Registration, SeedRecord, Step, Stopped, TopicPlan,
    TopicState,
};

#[cfg(test)]
pub(crate) mod tests;
