//! Tasks of connectors that run without a JVM: [`TaskHost`] starts them, [`TaskHandle`] pauses and stops them, and what
//! becomes of them is told by [`TaskReport`]s.
//!
//! A task's life is that of Connect's `WorkerTask`: it says RUNNING or PAUSED once it has started, FAILED with the cause
//! when it cannot go on, and ends in good order when it is asked to, its offsets committed.

mod active_topics;
mod clients;
mod converters;
mod host;
mod offset_store;
mod offset_writer;
mod outage;
mod settings;
mod sink;
mod source;
mod source_offsets;
mod task;
mod tolerance;

use std::sync::Arc;

use indexmap::IndexMap;

pub use active_topics::ActiveTopics;
pub(in crate::io) use clients::{consumer_group, override_errors};
pub(in crate::io) use converters::converter_errors;
pub use host::{HostError, TaskHost};
pub use source_offsets::SourceOffset;
pub use task::TaskHandle;

/// What a task is started with.
#[derive(Debug, Clone)]
pub struct TaskSpec {
    pub connector: String,
    pub task: u32,
    pub connector_config: Arc<IndexMap<String, String>>,
    pub task_config: IndexMap<String, String>,
    /// Whether it begins PAUSED.
    pub paused: bool,
    /// The group's generation in which it was assigned.
    pub generation: i32,
}

/// News of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskReport {
    pub connector: String,
    pub task: u32,
    /// Which start of the task it is about, see [`TaskHandle::incarnation`].
    pub incarnation: u64,
    pub state: TaskState,
}

/// What a task says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    Running,
    Paused,
    /// It has ended, because of this.
    Failed {
        trace: String,
    },
    /// It has ended in good order, its offsets committed.
    Stopped,
}
