//! One task's life, whatever it does.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::clients::ClientError;
use super::host::Shared;
use super::outage::outlasted;
use super::{TaskReport, TaskSpec, TaskState, sink, source};
use crate::connect::{ConverterError, Throwable};
use crate::connectors::{self, Kind, SinkError, SourceError};
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::producer::ProduceError;
use crate::io::kafka::settings::SettingsError;
use crate::io::providers::{self, ProviderError};
use crate::model::worker_config::WorkerConfigError;

/// What a task is asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Running,
    Paused,
    Stopped,
}

impl Wanted {
    pub(super) fn state(self) -> TaskState {
        match self {
            Self::Running => TaskState::Running,
            Self::Paused => TaskState::Paused,
            Self::Stopped => TaskState::Stopped,
        }
    }
}

/// A started task. Dropping it ends the task at once, as if the process had died.
#[derive(Debug)]
pub struct TaskHandle {
    incarnation: u64,
    wanted: watch::Sender<Wanted>,
    ended: watch::Receiver<bool>,
    abort: AbortHandle,
}

impl TaskHandle {
    /// Returns the number by which the reports of this start are known.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Asks the task to stand still; it says [`TaskState::Paused`] when it does.
    pub fn pause(&self) {
        self.want(Wanted::Paused);
    }

    /// Asks a paused task to go on.
    pub fn resume(&self) {
        self.want(Wanted::Running);
    }

    /// Asks the task to commit and end.
    pub fn stop(&self) {
        self.want(Wanted::Stopped);
    }

    /// Waits for the end of the task; after `within` it is abandoned, and false is returned.
    pub async fn ended(mut self, within: Duration) -> bool {
        let ended = tokio::time::timeout(within, self.ended.wait_for(|ended| *ended)).await;
        // The sender is dropped when the task has panicked or ended: there is nothing to wait for either way.
        ended.is_ok()
    }

    fn want(&self, wanted: Wanted) {
        self.wanted.send_if_modified(|now| {
            // There is no way back from the end.
            let changes = *now != Wanted::Stopped && *now != wanted;
            if changes {
                *now = wanted;
            }
            changes
        });
    }
}

impl Drop for TaskHandle {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// What a task's loop has at hand: what it is asked to be, and a way to say what it is.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) host: Arc<Shared>,
    pub(super) spec: TaskSpec,
    /// References followed; of the spec they are as they were written.
    pub(super) connector_config: IndexMap<String, String>,
    pub(super) task_config: IndexMap<String, String>,
    pub(super) wanted: watch::Receiver<Wanted>,
    reporter: Reporter,
}

impl Context {
    /// Tells what the task is.
    pub(super) fn report(&self, state: TaskState) {
        self.reporter.report(state);
    }
}

/// Tells the worker of one start of a task.
#[derive(Debug, Clone)]
struct Reporter {
    connector: String,
    task: u32,
    incarnation: u64,
    events: mpsc::UnboundedSender<TaskReport>,
}

impl Reporter {
    fn report(&self, state: TaskState) {
        let report = TaskReport {
            connector: self.connector.clone(),
            task: self.task,
            incarnation: self.incarnation,
            state,
        };
        // Nobody listens any more when the worker ends.
        let _ = self.events.send(report);
    }
}

/// Asks Kafka for what the task can not go on without until there is an answer; `None`: the task was told to stop meanwhile.
///
/// A broker that is away for hours comes back, and a task that has FAILED would not.
pub(super) async fn patiently<T, F>(
    context: &Context,
    ask: impl FnMut() -> F,
) -> Result<Option<T>, KafkaError>
where
    F: Future<Output = Result<T, KafkaError>>,
{
    let mut wanted = context.wanted.clone();
    tokio::select! {
        () = told_to_stop(&mut wanted) => Ok(None),
        answer = outlasted(&context.spec.connector, ask) => answer.map(Some),
    }
}

/// Does what a disk may keep waiting in a thread of its own; `None`: the task was told to stop meanwhile.
///
/// The thread goes on waiting then, which costs a thread and no more.
pub(super) async fn apart<T, E>(
    context: &Context,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<Option<T>, TaskError>
where
    T: Send + 'static,
    E: Into<TaskError> + Send + 'static,
{
    let mut wanted = context.wanted.clone();
    tokio::select! {
        () = told_to_stop(&mut wanted) => Ok(None),
        done = tokio::task::spawn_blocking(work) => match done {
            Ok(done) => done.map(Some).map_err(Into::into),
            Err(_) => Err(TaskError::Panicked),
        },
    }
}

/// Waits for work, unless the task is told to stop meanwhile: `None`. Work must bear to be dropped where it waits.
pub(super) async fn unless_stopped<T>(
    context: &Context,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut wanted = context.wanted.clone();
    tokio::select! {
        () = told_to_stop(&mut wanted) => None,
        done = work => Some(done),
    }
}

async fn told_to_stop(wanted: &mut watch::Receiver<Wanted>) {
    while *wanted.borrow_and_update() != Wanted::Stopped {
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

/// Starts the loop of a task.
pub(super) fn spawn(
    host: Arc<Shared>,
    spec: TaskSpec,
    incarnation: u64,
    events: mpsc::UnboundedSender<TaskReport>,
) -> TaskHandle {
    let first = if spec.paused {
        Wanted::Paused
    } else {
        Wanted::Running
    };
    let (wanted, asked) = watch::channel(first);
    let (ending, ended) = watch::channel(false);
    let reporter = Reporter {
        connector: spec.connector.clone(),
        task: spec.task,
        incarnation,
        events,
    };
    let mut context = Context {
        host,
        spec,
        connector_config: IndexMap::new(),
        task_config: IndexMap::new(),
        wanted: asked,
        reporter: reporter.clone(),
    };
    let running = tokio::spawn(async move {
        let outcome = caught(async move { run(&mut context).await }).await;
        reporter.report(match outcome {
            Ok(()) => TaskState::Stopped,
            Err(error) => TaskState::Failed {
                trace: trace(&error),
            },
        });
        ending.send_replace(true);
    });
    TaskHandle {
        incarnation,
        wanted,
        ended,
        abort: running.abort_handle(),
    }
}

/// Why a task cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum TaskError {
    #[error(
        "{class} is no connector of the native engine; run it on a JVM worker (connect-distributed.sh)"
    )]
    UnknownConnector { class: String },
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Converter(#[from] ConverterError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("neither topics nor topics.regex says what to read")]
    Topics,
    #[error("the stored offset {stored} has no position that is an integer")]
    StoredOffset { stored: String },
    #[error("topic {topic}, the connector's own offsets.storage.topic, cannot be used: {reason}")]
    OffsetTopic { topic: String, reason: String },
    #[error(transparent)]
    WorkerFile(#[from] WorkerConfigError),
    #[error("{key} is missing or is not what a topic can be created with")]
    TopicCreation { key: String },
    #[error("a record {0}")]
    Produce(ProduceError),
    /// What a JVM task says when its producer refuses a record.
    #[error(
        "org.apache.kafka.connect.errors.ConnectException: Unrecoverable exception from producer send callback\n\
         Caused by: org.apache.kafka.common.errors.RecordTooLargeException: {0}"
    )]
    TooLarge(ProduceError),
    #[error("tolerance exceeded in error handler: {stage}: {error}")]
    Convert {
        /// `VALUE_CONVERTER`, …
        stage: &'static str,
        error: Throwable,
    },
    #[error("the connector's code panicked")]
    Panicked,
    #[error("the task ended by a mistake in its code: {0}")]
    Crashed(String),
}

impl TaskError {
    /// A record that was not written.
    pub(super) fn unwritten(error: ProduceError) -> Self {
        match error {
            ProduceError::TooLarge { .. } => Self::TooLarge(error),
            _ => Self::Produce(error),
        }
    }
}

/// Runs a task's code so that a panic in it is the task's failure: told to nobody, the task would be RUNNING for ever.
async fn caught(
    run: impl Future<Output = Result<(), TaskError>> + Send + 'static,
) -> Result<(), TaskError> {
    // The set takes what runs in it along when the task is aborted.
    let mut running = JoinSet::new();
    running.spawn(run);
    match running.join_next().await {
        Some(Ok(outcome)) => outcome,
        Some(Err(failed)) => Err(TaskError::Crashed(failed.to_string())),
        None => Ok(()),
    }
}

async fn run(context: &mut Context) -> Result<(), TaskError> {
    let mut wanted = context.wanted.clone();
    (context.connector_config, context.task_config) = tokio::select! {
        resolved = resolved(context) => resolved?,
        () = told_to_stop(&mut wanted) => return Ok(()),
    };
    let class = context.connector_config.get("connector.class");
    let class = class.map_or("", String::as_str);
    let connector = connectors::resolve(class).ok_or_else(|| TaskError::UnknownConnector {
        class: class.to_owned(),
    })?;
    match connector.kind() {
        Kind::Source => source::run(context).await,
        Kind::Sink => sink::run(context).await,
    }
}

/// Follows the references of both configurations, in a thread where a provider's file may be on a disk that hangs.
async fn resolved(
    context: &Context,
) -> Result<(IndexMap<String, String>, IndexMap<String, String>), TaskError> {
    let (host, spec) = (Arc::clone(&context.host), context.spec.clone());
    let resolved = tokio::task::spawn_blocking(move || {
        let follow = |config| providers::resolve_connector(&host.settings.worker, config);
        Ok((follow(&spec.connector_config)?, follow(&spec.task_config)?))
    });
    resolved.await.unwrap_or(Err(TaskError::Panicked))
}

/// Returns the error and its causes, as a stack trace names them.
fn trace(error: &dyn std::error::Error) -> String {
    let mut trace = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        trace.push_str("\nCaused by: ");
        trace.push_str(&error.to_string());
        cause = error.source();
    }
    trace
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_the_failure_of_the_task() {
        let outcome = caught(async {
            let first = std::env::args().nth(1_000_000);
            assert!(first.is_some(), "there is a first");
            Ok(())
        });
        let error = outcome.await.unwrap_err().to_string();
        assert!(error.contains("there is a first"), "{error}");
        assert!(caught(async { Ok(()) }).await.is_ok());
        let error = caught(async { Err(TaskError::Topics) }).await;
        assert!(matches!(error, Err(TaskError::Topics)));
    }
}
