//! What goes into the herder and what comes out of it.

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;

use crate::model::connector_config::TargetState;
use crate::model::storage_records::{ConfigChange, ConfigState, ConnectorState};
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
    /// Milliseconds since the epoch at time 0.
    pub epoch: i64,
    /// `inter.worker.key.ttl.ms`: how old a session key may get; 0: any age.
    pub key_ttl: Millis,
    /// `inter.worker.key.generation.algorithm`, with the size of its keys in bytes.
    pub key_algorithm: (String, usize),
}

impl Default for HerderSettings {
    /// Returns the defaults of a 4.3.1 worker that began in 1970.
    fn default() -> Self {
        Self {
            sync_timeout: 3_000,
            unsync_backoff: 300_000,
            max_delay: 300_000,
            epoch: 0,
            key_ttl: 3_600_000,
            key_algorithm: ("HmacSHA256".to_owned(), 32),
        }
    }
}

/// Names a request to the herder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The configurations of a connector's tasks, by task number.
pub type TaskConfigs = Vec<IndexMap<String, String>>;

/// What a herder is told.
#[derive(Debug, Clone)]
pub enum Event {
    /// The storage topics have been read to their ends for the first time.
    Started(Arc<ConfigState>),
    /// From the member, [`member::Action::Assigned`].
    Assigned(Membership),
    /// From the member, [`member::Action::Revoke`]: what it wants done after that waits until nothing is
    /// [`stopping`](super::Herder::is_stopping).
    Revoked(Work),
    /// News of the config log, with the snapshot after them. Those that come during [`Action::ReadToEnd`] are news too.
    Config(Vec<ConfigChange>, Arc<ConfigState>),
    /// [`Action::ReadToEnd`] came to the end.
    Read(Arc<ConfigState>),
    /// It did not in time.
    Unread,
    Request(RequestId, Request),
    /// What came of [`Action::Write`] or [`Action::WriteSessionKey`].
    Written(Result<(), WriteFailure>),
    /// What came of [`Action::StartConnector`]; an error is the trace of a failure.
    Connector {
        connector: String,
        outcome: Result<(), String>,
    },
    /// What came of [`Action::MakeTaskConfigs`].
    TaskConfigs {
        connector: String,
        outcome: Result<TaskConfigs, String>,
    },
    /// What came of [`Action::ForwardTasks`].
    Forwarded {
        connector: String,
        number: u64,
        outcome: Result<(), String>,
    },
    /// A task that this worker started has another state.
    Task {
        connector: String,
        task: i32,
        state: TaskState,
    },
    /// What came of [`Action::StopTasks`]: these have ended, or were given up.
    Ended(Work),
    /// [`Herder::deadline`](super::Herder::deadline) has come.
    Timeout,
    /// The worker ends.
    Stop,
}

/// What a task says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    Running,
    Paused,
    Failed {
        trace: String,
    },
    /// It was told to stop and has.
    Stopped,
}

/// What a user, or another worker, asks for.
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
    /// The owner of a connector hands in the configurations of its tasks.
    PutTasks {
        connector: String,
        configs: TaskConfigs,
    },
    /// The connector by itself.
    RestartConnector {
        connector: String,
    },
    RestartTask {
        connector: String,
        task: i32,
    },
    /// The connector and its tasks, wherever they are (KIP-745).
    Restart {
        connector: String,
        include_tasks: bool,
        only_failed: bool,
    },
}

impl Request {
    pub(super) fn connector(&self) -> &str {
        match self {
            Self::Put { connector, .. }
            | Self::Delete { connector }
            | Self::SetTarget { connector, .. }
            | Self::PutTasks { connector, .. }
            | Self::RestartConnector { connector }
            | Self::RestartTask { connector, .. }
            | Self::Restart { connector, .. } => connector,
        }
    }
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is for the leader, who answers at this URL; empty when none is known.
    #[error("only the leader, at {leader_url}, can do this")]
    NotLeader { leader_url: String },
    /// It is for the worker that has the connector, or this task of it; the leader knows which that is.
    #[error("another worker has connector {connector}")]
    NotOwner {
        connector: String,
        task: Option<i32>,
    },
    #[error("there is no connector {connector}")]
    NotFound { connector: String },
    #[error("connector {connector} has no task {task}")]
    NoSuchTask { connector: String, task: i32 },
    #[error("there is a connector {connector}")]
    AlreadyExists { connector: String },
    #[error("connector {connector} is stopped and takes no tasks")]
    TargetStopped { connector: String },
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
    /// Write these records to the config topic as one batch and have it acknowledged: [`Event::Written`].
    ///
    /// With a generation, only right after the coordinator has confirmed that the member still leads it.
    Write {
        generation: Option<i32>,
        records: Vec<Record>,
    },
    /// Likewise the record of a new session key of this algorithm and size, created at this time.
    WriteSessionKey {
        generation: i32,
        algorithm: String,
        /// Bytes.
        size: usize,
        /// Milliseconds since the epoch.
        created: i64,
    },
    Reply(RequestId, Result<(), RequestError>),
    /// Publish a status.
    Status(WorkStatus),
    /// Delete the statuses of connectors and tasks that are not configured.
    PruneStatuses(Arc<ConfigState>),
    /// Look whether the connector can run: [`Event::Connector`].
    StartConnector {
        connector: String,
        state: Arc<ConnectorState>,
    },
    /// Ask the connector for its tasks: [`Event::TaskConfigs`].
    MakeTaskConfigs {
        connector: String,
        state: Arc<ConnectorState>,
    },
    /// Hand them to the leader at this URL: [`Event::Forwarded`].
    ForwardTasks {
        connector: String,
        /// Comes back with the answer: the tasks may have been asked for again meanwhile.
        number: u64,
        leader_url: String,
        configs: TaskConfigs,
    },
    /// Start a task: [`Event::Task`] follows whenever its state changes.
    StartTask {
        connector: String,
        task: i32,
        state: Arc<ConnectorState>,
        generation: i32,
    },
    PauseTasks(Work),
    ResumeTasks(Work),
    /// Stop these tasks together within `task.shutdown.graceful.timeout.ms`: [`Event::Ended`].
    StopTasks(Work),
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

/// The states that a worker publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkState {
    Running,
    Paused,
    Stopped,
    Restarting,
    /// Only when the last known status is none, of this worker, or of no later generation.
    Failed {
        trace: String,
    },
    /// Likewise.
    Unassigned,
}
