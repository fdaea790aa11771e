//! A distributed worker that runs connectors, in this process and without a JVM.
//!
//! The machines decide ([`crate::worker`]); this is their sockets and their clock, as one `select!`: the group, the config and
//! status topics, the tasks, and the REST API. The start is the JVM's: storage topics made, offset, status and config topics
//! read to their ends, the group joined.

mod active_topics;
mod carry_out;
mod ending;
mod engine;
mod exactly_once;
mod illness;
mod last_words;
mod plugin_calls;
mod plugins;
mod registrar;
mod rest;
mod settings;
mod sink_offsets;
mod status_writer;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use indexmap::IndexMap;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::io::embedded;
use crate::io::embedded::rest_server::{self, Shared};
use crate::io::embedded::{ConfigStore, Membership, Statuses};
use crate::io::isolation::isolations;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::{KafkaError, KafkaErrorKind};
use crate::io::kafka::group::GroupClient;
use crate::io::kafka::settings::{ClientSettings, SettingsError};
use crate::io::kafka::writer::Writer;
use crate::io::native::{HostError, TaskHost};
use crate::io::storage_topics::{self, FOR_WORKERS, Outcome, Refusal, remedy};
use crate::io::{connect_rest, rest_tls};
use crate::model::connector_config::TargetState;
use crate::model::properties::Properties;
use crate::model::worker_config::{StorageRole, StorageTopic, StorageTopics};
use crate::plan::storage_topics::TopicFault;
use crate::worker::Trouble;
use crate::worker::assignor::Assignor;
use crate::worker::herder::Herder;
use crate::worker::member::{Member, MemberError, OtherMembers};

use engine::Engine;
use illness::Backoff;
pub use plugins::PluginError;
use plugins::Plugins;
use rest::Shares;
use settings::Settings;
use sink_offsets::SinkOffsets;
use status_writer::StatusWriter;

/// Requests that may wait for the herder.
const WAITING_REQUESTS: usize = 64;

/// Pause before Kafka is asked again at the start.
const PAUSE: Duration = Duration::from_secs(1);

/// What a worker is started with.
#[derive(Debug, Clone)]
pub struct Job {
    /// The worker file.
    pub worker: Properties,
    pub topics: StorageTopics,
    /// Connectors that are registered if they are missing.
    pub connectors: Vec<Registration>,
}

/// A connector to be registered.
#[derive(Debug, Clone)]
pub struct Registration {
    pub connector: String,
    pub config: IndexMap<String, String>,
    pub initial: Option<TargetState>,
}

/// Why a worker does not start, or ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("no worker starts with this file: {0}")]
    Member(#[from] MemberError),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: String,
        source: std::io::Error,
    },
    #[error("storage topic {topic}: {reason}")]
    Topic {
        topic: String,
        reason: String,
        hint: String,
    },
    #[error("connector {connector}: {source}")]
    Connector {
        connector: String,
        source: PluginError,
    },
    /// The group can not go on with this worker.
    #[error("group {group}: {reason}")]
    Group { group: String, reason: Trouble },
    #[error("no HTTP client: {0}")]
    Http(String),
    #[error("the worker ended by a mistake in its code: {0}")]
    Crashed(String),
}

impl WorkerError {
    /// True when brokers are where they should be and do not answer; a name that nobody knows is a mistake at the start.
    fn is_of_absent_kafka(&self) -> bool {
        let (Self::Kafka(error) | Self::Host(HostError::Kafka(error))) = self else {
            return false;
        };
        error.is_outage() && error.kind() != KafkaErrorKind::UnknownHost
    }

    /// Returns what to do next, as a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(error) => error.hint(),
            Self::Kafka(error) => {
                error.hint_with("a larger request.timeout.ms in the worker file waits longer")
            }
            Self::Host(error) => error.hint(),
            Self::Topic { hint, .. } => Some(hint.clone()),
            Self::Listen { .. } => {
                Some("Give another port with listeners in the worker file.".to_owned())
            }
            Self::Member(error) => error.hint(),
            Self::Group { reason, .. } => reason.hint.clone(),
            Self::Crashed(_) => Some("Please report it, with what the log says before.".to_owned()),
            Self::Connector { .. } | Self::Http(_) => None,
        }
    }
}

/// Returns why no worker of this process would run these connectors with this file, without asking anybody.
///
/// # Errors
/// The first setting or connector that stands against it. A connector that reads standard input or writes standard output is
/// one: both belong to the command.
pub fn check<'a>(
    worker: &Properties,
    connectors: impl Iterator<Item = (&'a str, &'a IndexMap<String, String>)>,
) -> Result<(), WorkerError> {
    let worker = settings::resolved(worker)?;
    settings::refuse_exactly_once(&worker)?;
    let plugins = Plugins::new(&worker);
    for (connector, config) in connectors {
        let failed = |source| WorkerError::Connector {
            connector: connector.to_owned(),
            source,
        };
        plugins.check(config).map_err(failed)?;
        if config.get("file").is_none_or(|file| file.trim().is_empty()) {
            return Err(failed(PluginError::Console));
        }
    }
    Ok(())
}

/// A worker that listens and has not joined its group yet.
#[derive(Debug)]
pub struct Worker {
    job: Job,
    settings: Settings,
    cluster: Cluster,
    shares: Arc<Shares>,
    asks: mpsc::Receiver<rest::Ask>,
    /// Ends with the worker.
    serving: tokio::task::JoinSet<()>,
    /// `host:port` of the advertised listener, by which statuses name the worker.
    id: String,
    started: Instant,
}

impl Worker {
    /// Checks what can be checked without Kafka, and listens.
    ///
    /// # Errors
    /// The worker would not run with this file or these connectors.
    pub async fn start(mut job: Job) -> Result<Self, WorkerError> {
        job.worker = settings::resolved(&job.worker)?;
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let epoch = since_epoch.map_or(0, |since| millis(since).cast_signed());
        let started = Instant::now();
        let settings = Settings::read(&job.worker, epoch)?;
        let plugins = Arc::new(Plugins::new(&job.worker));
        for registration in &job.connectors {
            plugins
                .check(&registration.config)
                .map_err(|source| WorkerError::Connector {
                    connector: registration.connector.clone(),
                    source,
                })?;
        }
        let request_timeout = embedded::settings::millis(&job.worker, "request.timeout.ms")?;
        let mut client =
            ClientSettings::from_properties(&job.worker, Duration::from_millis(request_timeout))?;
        let (listeners, worker_id) = listen(&settings).await?;
        client.client_id = settings
            .client_id
            .clone()
            .unwrap_or_else(|| format!("connect-{worker_id}"));
        let cluster = Cluster::unconnected(client);
        let shown = Shared::default();
        rest_server::update(&shown, |shown| {
            shown.is_tracking_off = !settings.tracks_topics;
        });
        let (asks, asked) = mpsc::channel(WAITING_REQUESTS);
        let http = http(&job.worker)?;
        let shares = Arc::new(Shares {
            shown,
            asks,
            http,
            verification: settings.verification.clone(),
            host: std::sync::OnceLock::new(),
            statuses: std::sync::OnceLock::new(),
            resets_topics: settings.resets_topics,
            sinks: SinkOffsets {
                cluster: cluster.clone(),
                plugins: Arc::clone(&plugins),
            },
            plugins,
        });
        Ok(Self {
            serving: rest::serve(listeners, Arc::clone(&shares)),
            job,
            settings,
            cluster,
            shares,
            asks: asked,
            id: worker_id,
            started,
        })
    }

    /// Returns what the worker advertises, `http://host:port/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.id)
    }

    pub fn group(&self) -> &str {
        &self.settings.group
    }

    /// Waits until Kafka answers, however long that takes; returns the id of the cluster.
    ///
    /// # Errors
    /// What no patience cures: an unknown host, a refused login.
    pub async fn connect(&self) -> Result<Option<String>, WorkerError> {
        if let Err(error) = self.cluster.reach().await {
            // Said at once: what follows is patient before it says anything.
            tracing::warn!(%error, "Kafka does not answer yet");
        }
        let described = self.when_kafka_answers(async || Ok(self.cluster.describe().await?));
        let cluster_id = described.await?.cluster_id;
        rest_server::update(&self.shares.shown, |shown| {
            shown.cluster_id.clone_from(&cluster_id);
        });
        Ok(cluster_id)
    }

    /// Runs until `stop` resolves, and then ends in the order of a JVM worker: tasks, statuses, the group.
    ///
    /// # Errors
    /// The topics can not be used, or the group does not take the worker.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let mut stop = std::pin::pin!(stop);
        let url = self.url();
        let member = embedded::settings::membership(
            &self.job.worker,
            &url,
            OtherMembers::Accept,
            embedded::seed(),
        )?;
        let session = Duration::from_millis(member.session_timeout);
        let backoff = Backoff {
            first: Duration::from_millis(member.retry_backoff),
            longest: Duration::from_millis(member.retry_backoff_max),
        };
        let stores = tokio::select! {
            stores = self.when_kafka_answers(async || self.read_topics().await) => stores?,
            () = &mut stop => return Ok(()),
        };
        let client = GroupClient::new(&self.cluster, &self.settings.group);
        let assignor = Some(Assignor::new(self.settings.max_delay));
        let membership =
            Membership::new(Member::new(member)?, client, &url, assignor, self.started);
        let topics = &self.job.topics;
        let status_writer = Arc::new(StatusWriter::new(
            &self.cluster,
            &topics.status.name,
            stores.status_partitions,
        ));
        // There is one start: nobody has set it before.
        let _ = self.shares.statuses.set(Arc::clone(&status_writer));
        let engine = Engine::new(engine::Parts {
            herder: Herder::new(self.settings.herder.clone()),
            membership,
            configs: stores.configs.follow(),
            statuses: stores.statuses,
            status_writer,
            config_writer: Arc::new(Writer::new(&self.cluster, &topics.config.name, 0)),
            session,
            cluster: self.cluster.clone(),
            host: stores.host,
            shares: self.shares,
            asks: self.asks,
            settings: self.settings,
            config_topic: topics.config.name.clone(),
            status_topic: topics.status.name.clone(),
            worker_id: self.id,
            connectors: self.job.connectors,
            backoff,
            started: self.started,
        });
        let ended = Box::pin(engine.run(stop)).await;
        drop(self.serving);
        ended
    }

    /// Asks again while Kafka is away: a worker that starts before its brokers does so when they are there.
    async fn when_kafka_answers<T>(
        &self,
        ask: impl AsyncFn() -> Result<T, WorkerError>,
    ) -> Result<T, WorkerError> {
        loop {
            match ask().await {
                Err(error) if error.is_of_absent_kafka() => {
                    tracing::warn!(%error, "the worker waits for Kafka");
                    tokio::time::sleep(PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    async fn read_topics(&self) -> Result<Stores, WorkerError> {
        let topics = &self.job.topics;
        let all: Vec<StorageTopic> = topics.iter().cloned().collect();
        ensure(&self.cluster, &all).await?;
        let host = TaskHost::start(&self.cluster, &self.job.worker).await?;
        let status = &topics.status.name;
        let isolations = isolations(&self.job.worker)?;
        let read_as = isolations.of_storage(StorageRole::Status);
        let (statuses, followed) = Statuses::follow(&self.cluster, status, read_as).await?;
        let status_partitions = self.cluster.topic(status).await?.partition_count();
        let mut configs = ConfigStore::new(
            &self.cluster,
            &topics.config.name,
            isolations.of_storage(StorageRole::Config),
        );
        configs.catch_up().await?;
        statuses.tell(host.topics());
        // There is one start: nobody has set it before.
        let _ = self.shares.host.set(host.clone());
        rest_server::update(&self.shares.shown, |shown| {
            shown.statuses = statuses;
            shown.config = configs.snapshot();
        });
        Ok(Stores {
            host,
            statuses: followed,
            status_partitions,
            configs,
        })
    }
}

/// The storage topics, read to their ends.
struct Stores {
    host: TaskHost,
    statuses: embedded::FollowedStatuses,
    status_partitions: i32,
    configs: ConfigStore,
}

/// Makes the storage topics that are missing and refuses those with which no worker starts.
async fn ensure(cluster: &Cluster, topics: &[StorageTopic]) -> Result<(), WorkerError> {
    for ensured in storage_topics::ensure(cluster, topics, false).await? {
        let topic = ensured.topic.name.clone();
        match ensured.outcome {
            Outcome::Refused(refusal) => return Err(refused(topic, &refusal)),
            Outcome::Missing => {
                return Err(WorkerError::Topic {
                    topic,
                    reason: "it is missing and was not made".to_owned(),
                    hint: "connectctl topics create makes it and says why not.".to_owned(),
                });
            }
            Outcome::Created(judgement) | Outcome::Existed(judgement) => {
                // With these a JVM worker does not start either.
                let is_fatal = |fault: &&TopicFault| {
                    matches!(
                        fault,
                        TopicFault::CleanupPolicy { .. } | TopicFault::ConfigPartitions { .. }
                    )
                };
                let fatal = judgement.faults.iter().filter(is_fatal);
                let fatal: Vec<String> = fatal.map(ToString::to_string).collect();
                if !fatal.is_empty() {
                    return Err(WorkerError::Topic {
                        topic,
                        reason: fatal.join("; "),
                        hint: "connectctl topics repair mends what can be mended without harm."
                            .to_owned(),
                    });
                }
            }
        }
    }
    Ok(())
}

fn refused(topic: String, refusal: &Refusal) -> WorkerError {
    let hint = remedy(refusal.broker(), FOR_WORKERS);
    WorkerError::Topic {
        topic,
        reason: refusal.to_string(),
        hint: hint.unwrap_or_else(|| refusal.hint()),
    }
}

/// Returns the client by which this worker reaches the others.
fn http(worker: &Properties) -> Result<reqwest::Client, WorkerError> {
    let has_tls = |key: &String| key.starts_with("ssl.") || key.starts_with("listeners.https.");
    let tls = if worker.keys().any(has_tls) {
        (*rest_tls::of_worker(worker)?).clone()
    } else {
        connect_rest::system_tls(false).map_err(WorkerError::Http)?
    };
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent("kafka-connect")
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| WorkerError::Http(error.to_string()))
}

/// Listens, and returns the address by which others reach the worker, which is its name.
async fn listen(settings: &Settings) -> Result<(Vec<TcpListener>, String), WorkerError> {
    let mut listeners = Vec::new();
    let mut first = None;
    for (host, port) in &settings.listening.bind {
        let listener = TcpListener::bind((host.trim_matches(['[', ']']), *port)).await;
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|source| WorkerError::Listen {
            address: format!("{host}:{port}"),
            source,
        })?;
        first.get_or_insert(address);
        listeners.push(listener);
    }
    let Some(first) = first else {
        let source = std::io::Error::other("no listener");
        let address = String::new();
        return Err(WorkerError::Listen { address, source });
    };
    let worker_id = settings.listening.address(first).await;
    Ok((listeners, worker_id))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
