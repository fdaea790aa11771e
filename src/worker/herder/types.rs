//! What goes into the herder and what comes out of it.

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;

use crate::model::connector_config::TargetState;
use crate::model::storage_records::{ConfigChange, ConfigState};
use crate::protocol::connect_group::Work;
use crate::worker::Millis;
use crate::worker::member::{self, Membership};

/// What a herder takes from the worker's configuration.
#[derive(Debug, Clone)]
pub struct HerderSettings {
    /// `worker.sync.timeout.ms`: how long a read to the end of the config topic may take.
    pub sync_timeout: Millis,
    /// `worker.unsync.backoff.ms`: the pause after a read that took longer, under the eager protocol.
    pub unsync_backoff: Millis,
    /// `scheduled.rebalance.max.delay.ms`: sets that pause under the others.
    pub max_delay: Millis,
    pub conduct: Conduct,
}

impl HerderSettings {
    /// Returns the defaults of a 4.3.1 worker.
    pub fn new(conduct: Conduct) -> Self {
        Self {
            sync_timeout: 3_000,
            unsync_backoff: 300_000,
            max_delay: 300_000,
            conduct,
        }
    }
}

/// What a worker without connector code does with what it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// It says nothing of it.
    Hold,
    /// It is honest about it, for a leader may give it anything: connectors that are to be STOPPED are, and what would have to
    /// run has FAILED.
    Serve,
}

/// Names a request to the herder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What a herder is told.
#[derive(Debug, Clone)]
pub enum Event {
    /// The storage topics have been read to their ends for the first time.
    Started(Arc<ConfigState>),
    /// From the member, [`member::Action::Assigned`].
    Assigned(Membership),
    /// From the member, [`member::Action::Revoke`].
    Revoked(Work),
    /// News of the config log, with the snapshot after them. Those that come during [`Action::ReadToEnd`] are news too.
    Config(Vec<ConfigChange>, Arc<ConfigState>),
    /// [`Action::ReadToEnd`] came to the end.
    Read(Arc<ConfigState>),
    /// It did not in time.
    Unread,
    Request(RequestId, Request),
    /// What came of [`Action::Write`].
    Written(Result<(), WriteFailure>),
    /// [`Herder::deadline`](super::Herder::deadline) has come.
    Timeout,
    /// The worker ends.
    Stop,
}

/// What a user asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Creates a connector, or with `replace` changes its configuration.
    Put {
        connector: String,
        config: IndexMap<String, String>,
        /// The state that it is to have from its first moment.
        initial: Option<TargetState>,
        replace: bool,
    },
    Delete {
        connector: String,
    },
    SetTarget {
        connector: String,
        target: TargetState,
    },
}

impl Request {
    pub(super) fn connector(&self) -> &str {
        match self {
            Self::Put { connector, .. }
            | Self::Delete { connector }
            | Self::SetTarget { connector, .. } => connector,
        }
    }
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is for the leader, who answers at this URL.
    #[error("only the leader, at {leader_url}, can do this")]
    NotLeader { leader_url: String },
    #[error("there is no connector {connector}")]
    NotFound { connector: String },
    #[error("there is a connector {connector}")]
    AlreadyExists { connector: String },
    /// The generation in which this worker leads is over; part of the request may have been written.
    #[error("this worker lost generation {generation} in which it led the group")]
    Fenced { generation: i32 },
    /// Part of the request may have been written.
    #[error("the config topic could not be written: {reason}")]
    NotWritten { reason: String },
    /// It was written, but not seen in the topic in time.
    #[error("what was written did not come back from the config topic in time")]
    NotReadBack,
    #[error("the worker is being stopped")]
    Stopping,
}

/// Why records were not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteFailure {
    /// The generation was not confirmed.
    Fenced,
    Failed(String),
}

/// A record for the config topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: Bytes,
    /// `None` deletes.
    pub value: Option<Bytes>,
}

/// What a herder wants done, in this order.
#[derive(Debug, Clone)]
pub enum Action {
    /// Tell the member.
    Member(member::Event),
    /// Read the config topic to its present end within this time: [`Event::Read`] or [`Event::Unread`].
    ReadToEnd {
        timeout: Millis,
    },
    /// Write one record to the config topic and have it acknowledged: [`Event::Written`].
    ///
    /// With a generation, only right after the coordinator has confirmed that the member still leads it.
    Write {
        generation: Option<i32>,
        record: Record,
    },
    Reply(RequestId, Result<(), RequestError>),
    /// Publish a status.
    Status(WorkStatus),
    /// Delete the statuses of connectors and tasks that are not configured.
    PruneStatuses(Arc<ConfigState>),
}

/// The status of a connector or a task that this worker owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkStatus {
    pub connector: String,
    /// `None` for the connector itself.
    pub task: Option<i32>,
    pub state: WorkState,
    /// The group's generation.
    pub generation: i32,
}

/// The states of work that does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkState {
    Stopped,
    /// Only when the last known status is none, of this worker, or of no later generation.
    Failed {
        trace: &'static str,
    },
    /// Likewise.
    Unassigned,
}
