//! What the tasks of one worker share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::offset_writer::OffsetWriter;
use super::settings::WorkerSettings;
use super::source_offsets::{SourceOffset, SourceOffsets};
use super::task::{self, TaskHandle};
use super::{TaskReport, TaskSpec};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::settings::SettingsError;
use crate::model::properties::Properties;

/// Starts tasks. Clones share everything.
#[derive(Debug, Clone)]
pub struct TaskHost(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: WorkerSettings,
    pub(super) offsets: SourceOffsets,
    pub(super) offset_writer: OffsetWriter,
    incarnations: AtomicU64,
}

/// Why no task can be started.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

impl HostError {
    /// Returns what to do next, as a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(error) => error.hint(),
            Self::Kafka(error) => error.hint(),
        }
    }
}

impl TaskHost {
    /// Takes what tasks need from the worker file and reads the offset topic, which must exist, to its end.
    ///
    /// # Errors
    /// A setting cannot be used, or the topic cannot be read.
    pub async fn start(cluster: &Cluster, worker: &Properties) -> Result<Self, HostError> {
        let settings = WorkerSettings::read(worker)?;
        let offsets =
            SourceOffsets::start(cluster, &settings.offset_topic, settings.isolation).await?;
        Ok(Self(Arc::new(Shared {
            offset_writer: OffsetWriter::start(cluster, &settings.offset_topic),
            settings,
            offsets,
            incarnations: AtomicU64::new(0),
        })))
    }

    /// Starts a task; what becomes of it is told to `events`.
    pub fn spawn(&self, spec: TaskSpec, events: mpsc::UnboundedSender<TaskReport>) -> TaskHandle {
        let incarnation = self.0.incarnations.fetch_add(1, Ordering::Relaxed);
        task::spawn(Arc::clone(&self.0), spec, incarnation, events)
    }

    /// Returns the positions of a source connector by partition, after reading the offset topic to its end.
    pub async fn offsets(&self, connector: &str) -> Result<Vec<SourceOffset>, KafkaError> {
        self.0.offsets.of_connector(connector).await
    }
}
