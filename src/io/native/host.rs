//! What the tasks of one worker share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::active_topics::{ActiveTopics, Tracker};
use super::offset_store::OwnTopic;
use super::offset_writer::OffsetWriter;
use super::settings::WorkerSettings;
use super::source_offsets::{self, SourceOffset, SourceOffsets};
use super::task::{self, TaskHandle};
use super::{TaskReport, TaskSpec};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::producer::ProducerSettings;
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
    topics: Arc<ActiveTopics>,
    incarnations: AtomicU64,
}

/// Why no task can be started.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The clients of a connector cannot be configured.
    #[error("{0}")]
    Connector(String),
}

impl HostError {
    /// Returns what to do next, as a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(error) => error.hint(),
            Self::Kafka(error) => error.hint(),
            Self::Connector(_) => None,
        }
    }
}

impl Shared {
    /// Returns the means by which a task tells of the topics that it uses.
    pub(super) fn tracker(&self, spec: &TaskSpec) -> Tracker {
        Tracker {
            topics: Arc::clone(&self.topics),
            connector: spec.connector.clone(),
            task: spec.task,
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
            offset_writer: OffsetWriter::start(
                cluster,
                &settings.offset_topic,
                ProducerSettings::default(),
            ),
            topics: Arc::new(ActiveTopics::new(settings.tracks_topics)),
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

    /// Returns the topics that connectors use.
    pub fn topics(&self) -> &ActiveTopics {
        &self.0.topics
    }

    /// Returns the positions of a source connector by partition, as they are now in the workers' topic and in the one that
    /// the connector may have of its own.
    ///
    /// A partition that only the workers' topic knows then has no position, `null`: its task would not find one.
    ///
    /// # Errors
    /// The connector's clients cannot be configured, or a topic cannot be read.
    pub async fn offsets(
        &self,
        connector: &str,
        config: &IndexMap<String, String>,
    ) -> Result<Vec<SourceOffset>, HostError> {
        let (host, name, config) = (Arc::clone(&self.0), connector.to_owned(), config.clone());
        // It may wait for the disk of a key store.
        let own = move || OwnTopic::of(&host.settings, &config, &name, None);
        let own = tokio::task::spawn_blocking(own).await;
        let own = own.map_err(|error| HostError::Connector(error.to_string()))?;
        let own = own.map_err(|error| HostError::Connector(error.to_string()))?;
        let workers = match &own {
            Some(own) if own.is_workers() => Vec::new(),
            _ => self.0.offsets.of_connector(connector).await?,
        };
        let Some(own) = own else {
            return Ok(workers);
        };
        let held = match own.look().await? {
            Some(held) => held.of_connector(connector).await?,
            None => Vec::new(),
        };
        Ok(source_offsets::shadowed(workers, held))
    }
}
