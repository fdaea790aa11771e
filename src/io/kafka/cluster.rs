//! A cluster: found by its bootstrap servers, kept in view by Metadata, spoken to at the right broker.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::io::kafka::acl::{Caller, Resource};
use crate::io::kafka::connection::Connection;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::retry::Retry;
use crate::io::kafka::settings::ClientSettings;
use crate::plan::Broker;
use crate::protocol::errors;

/// How long one bootstrap server is tried alone before the next is tried beside it.
const HEAD_START: Duration = Duration::from_millis(500);

/// A client of one Kafka cluster; clones share connections.
#[derive(Debug, Clone)]
pub struct Cluster(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: ClientSettings,
    caller: Arc<Caller>,
    view: Mutex<View>,
    /// Open connections by `host:port`.
    connections: Mutex<HashMap<String, Arc<Connection>>>,
}

/// What Metadata does with a topic that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Stay,
    /// A broker with `auto.create.topics.enable` creates it, as for Java's producer.
    MayBeCreated,
}

/// What the last Metadata said about the cluster.
#[derive(Debug, Clone, Default)]
struct View {
    cluster_id: Option<String>,
    controller: Option<i32>,
    brokers: BTreeMap<i32, Broker>,
}

/// The cluster as its brokers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterDescription {
    pub cluster_id: Option<String>,
    /// The active controller; in KRaft mode the broker that forwards to it.
    pub controller: Option<i32>,
    pub brokers: Vec<Broker>,
}

/// A topic as Metadata describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Absent on brokers before 2.8.
    pub id: Option<Uuid>,
    /// Made by Kafka itself, `__consumer_offsets`.
    pub internal: bool,
    pub partitions: BTreeMap<i32, PartitionDescription>,
    /// Why the topic cannot be described: unknown, not authorized, …
    pub error: Option<BrokerError>,
}

/// One partition of a topic, replicas by broker id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDescription {
    /// `None` while no replica leads.
    pub leader: Option<i32>,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

impl TopicDescription {
    /// Returns the number of partitions.
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }

    /// Returns the smallest number of replicas of any partition, 0 without partitions.
    pub fn replication_factor(&self) -> usize {
        self.partitions
            .values()
            .map(|partition| partition.replicas.len())
            .min()
            .unwrap_or(0)
    }
}

impl Cluster {
    /// Connects to the first bootstrap server that answers and logs in; later operations may take `settings.timeout` each.
    pub async fn connect(settings: ClientSettings) -> Result<Self, KafkaError> {
        let cluster = Self::unconnected(settings);
        cluster.reach().await?;
        Ok(cluster)
    }

    /// Asks once whether anybody answers.
    pub(in crate::io) async fn reach(&self) -> Result<(), KafkaError> {
        let deadline = self.retry().deadline();
        self.metadata(Some(Vec::new()), deadline).await.map(drop)
    }

    /// Connects when it is first asked something.
    pub(in crate::io) fn unconnected(settings: ClientSettings) -> Self {
        Self(Arc::new(Shared {
            caller: Arc::new(settings.caller()),
            settings,
            view: Mutex::default(),
            connections: Mutex::default(),
        }))
    }

    pub fn settings(&self) -> &ClientSettings {
        &self.0.settings
    }

    /// Asks for the cluster's id, controller and brokers.
    pub async fn describe(&self) -> Result<ClusterDescription, KafkaError> {
        let mut retry = self.retry();
        loop {
            match self.metadata(Some(Vec::new()), retry.deadline()).await {
                Ok(_) => break,
                Err(error) => retry.pause_if_transient(error).await?,
            }
        }
        let view = self.view().clone();
        Ok(ClusterDescription {
            cluster_id: view.cluster_id,
            controller: view.controller,
            brokers: view.brokers.into_values().collect(),
        })
    }

    /// Describes the named topics, or all; a topic that cannot be described says why in `error`.
    pub async fn topics(
        &self,
        names: Option<&[String]>,
    ) -> Result<BTreeMap<String, TopicDescription>, KafkaError> {
        let mut retry = self.retry();
        loop {
            let names = names.map(<[String]>::to_vec);
            let error = match self.metadata(names, retry.deadline()).await {
                Ok(response) => {
                    let mut topics = described(response);
                    for topic in topics.values_mut() {
                        topic.error = topic.error.take().map(|e| e.by(&self.0.caller));
                    }
                    match topics.values().find_map(passing_error) {
                        None => return Ok(topics),
                        // A leader election that outlasts the deadline is part of the description.
                        Some(error) => match retry.pause_if_transient(error.into()).await {
                            Ok(()) => continue,
                            Err(_) => return Ok(topics),
                        },
                    }
                }
                Err(error) => error,
            };
            retry.pause_if_transient(error).await?;
        }
    }

    /// Describes one topic that must exist.
    pub(in crate::io) async fn topic(&self, name: &str) -> Result<TopicDescription, KafkaError> {
        let mut topics = self.topics(Some(&[name.to_owned()])).await?;
        match topics.remove(name) {
            Some(TopicDescription {
                error: Some(error), ..
            }) => Err(error.into()),
            Some(topic) => Ok(topic),
            None => Err(BrokerError::new(
                "Metadata",
                Resource::topic(name),
                errors::UNKNOWN_TOPIC_OR_PARTITION,
            )
            .into()),
        }
    }

    /// Starts an operation that may take the settings' timeout.
    pub(super) fn retry(&self) -> Retry {
        Retry::within(self.0.settings.timeout).of(self.caller())
    }

    /// Returns who asks, for what a broker refuses.
    pub(super) fn caller(&self) -> Arc<Caller> {
        Arc::clone(&self.0.caller)
    }

    /// Returns a connection to whichever broker can be reached.
    pub(super) async fn any(&self, deadline: Instant) -> Result<Arc<Connection>, KafkaError> {
        let open = self.open_connections().into_values().next();
        if let Some(connection) = open {
            return Ok(connection);
        }
        let mut addresses = self.0.settings.bootstrap.clone();
        for broker in self.view().brokers.values() {
            let address = address_of(broker);
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        let connection = first_to_answer(addresses, &self.0.settings, deadline).await?;
        Ok(self.keep(connection))
    }

    /// Returns a connection to the broker with this id.
    pub(super) async fn broker(
        &self,
        id: i32,
        deadline: Instant,
    ) -> Result<Arc<Connection>, KafkaError> {
        let broker = self.view().brokers.get(&id).cloned();
        let Some(broker) = broker else {
            return Err(BrokerError::new(
                "Metadata",
                Resource::Broker(id),
                errors::LEADER_NOT_AVAILABLE,
            )
            .into());
        };
        self.at(id, &address_of(&broker), deadline).await
    }

    /// Returns a connection to an address that the cluster advertises for a broker.
    pub(super) async fn at(
        &self,
        id: i32,
        address: &str,
        deadline: Instant,
    ) -> Result<Arc<Connection>, KafkaError> {
        if let Some(connection) = self.open_connections().get(address) {
            return Ok(Arc::clone(connection));
        }
        let connection = self.open(id, address, deadline).await?;
        Ok(self.keep(connection))
    }

    /// Opens a connection to an address that the cluster advertises for a broker; it is not shared.
    pub(super) async fn open(
        &self,
        id: i32,
        address: &str,
        deadline: Instant,
    ) -> Result<Connection, KafkaError> {
        let patience = Instant::now() + self.0.settings.timeout / 2;
        let opened = Connection::open(address, &self.0.settings, deadline.min(patience)).await;
        opened.map_err(|error| {
            if error.is_decisive() {
                return error;
            }
            KafkaError::Advertised {
                broker: id,
                address: address.to_owned(),
                source: Box::new(error),
            }
        })
    }

    /// Returns a client of the same cluster with connections of its own.
    ///
    /// A broker answers the requests of one connection in turn: one that waits for news holds up what comes after it.
    pub(super) fn apart(&self) -> Self {
        Self(Arc::new(Shared {
            settings: self.0.settings.clone(),
            caller: self.caller(),
            view: Mutex::new(self.view().clone()),
            connections: Mutex::default(),
        }))
    }

    /// Returns a connection to the controller, or to any broker when the controller is not known or not reachable: in KRaft
    /// mode every broker forwards; in ZooKeeper mode it answers NOT_CONTROLLER, which is retried.
    pub(super) async fn controller(
        &self,
        deadline: Instant,
    ) -> Result<Arc<Connection>, KafkaError> {
        let controller = self.view().controller;
        if let Some(id) = controller
            && let Ok(connection) = self.broker(id, deadline).await
        {
            return Ok(connection);
        }
        self.any(deadline).await
    }

    /// Returns the ids of all brokers in view.
    pub(super) fn broker_ids(&self) -> Vec<i32> {
        self.view().brokers.keys().copied().collect()
    }

    /// Asks any broker for Metadata and remembers brokers and controller; `None` asks for all topics.
    pub(super) async fn metadata(
        &self,
        names: Option<Vec<String>>,
        deadline: Instant,
    ) -> Result<MetadataResponse, KafkaError> {
        self.metadata_and(Missing::Stay, names, deadline).await
    }

    /// As [`Self::metadata`]; says what becomes of topics that do not exist.
    pub(super) async fn metadata_and(
        &self,
        missing: Missing,
        names: Option<Vec<String>>,
        deadline: Instant,
    ) -> Result<MetadataResponse, KafkaError> {
        let connection = self.any(deadline).await?;
        let topics = names.map(|names| {
            let topic = |name| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
            names.into_iter().map(topic).collect()
        });
        let request = MetadataRequest::default()
            .with_topics(topics)
            .with_allow_auto_topic_creation(missing == Missing::MayBeCreated);
        let response = connection.call(&request, i16::MAX, deadline).await?;
        self.remember(&response);
        Ok(response)
    }

    fn remember(&self, response: &MetadataResponse) {
        let brokers = response.brokers.iter().map(|broker| {
            let known = Broker {
                id: broker.node_id.0,
                host: broker.host.to_string(),
                port: broker.port,
                rack: broker.rack.as_ref().map(ToString::to_string),
            };
            (known.id, known)
        });
        *self.view() = View {
            cluster_id: response.cluster_id.as_ref().map(ToString::to_string),
            controller: Some(response.controller_id.0).filter(|id| *id >= 0),
            brokers: brokers.collect(),
        };
    }

    fn keep(&self, connection: Connection) -> Arc<Connection> {
        let connection = Arc::new(connection);
        self.connections()
            .insert(connection.address().to_owned(), Arc::clone(&connection));
        connection
    }

    fn open_connections(&self) -> HashMap<String, Arc<Connection>> {
        let mut connections = self.connections();
        connections.retain(|_, connection| !connection.is_broken());
        connections.clone()
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<String, Arc<Connection>>> {
        self.0
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.0.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to the addresses in order, each with a head start, and keeps the first that answers.
async fn first_to_answer(
    addresses: Vec<String>,
    settings: &ClientSettings,
    deadline: Instant,
) -> Result<Connection, KafkaError> {
    let mut waiting = addresses.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut failed: BTreeMap<usize, KafkaError> = BTreeMap::new();
    loop {
        if let Some((at, address)) = waiting.next() {
            let settings = settings.clone();
            running.spawn(async move {
                let opened = Connection::open_given(&address, &settings, deadline).await;
                (at, opened)
            });
        }
        let outcome = if waiting.len() == 0 {
            running.join_next().await
        } else {
            let finished = tokio::time::timeout(HEAD_START, running.join_next()).await;
            let Ok(outcome) = finished else { continue };
            outcome
        };
        match outcome {
            None if waiting.len() > 0 => {}
            None => return Err(none_answered(failed)),
            Some(Ok((_, Ok(connection)))) => return Ok(connection),
            Some(Ok((_, Err(error)))) if error.is_decisive() => return Err(error),
            Some(Ok((at, Err(error)))) => {
                failed.insert(at, error);
            }
            Some(Err(panicked)) => return Err(KafkaError::protocol("the cluster", panicked)),
        }
    }
}

fn none_answered(failed: BTreeMap<usize, KafkaError>) -> KafkaError {
    let mut attempts: Vec<KafkaError> = failed.into_values().collect();
    match (attempts.len(), attempts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            attempts.extend(last);
            KafkaError::Bootstrap { attempts }
        }
    }
}

/// Returns the first error of a topic or its partitions that a moment's patience may cure.
fn passing_error(topic: &TopicDescription) -> Option<BrokerError> {
    topic
        .error
        .clone()
        .filter(|error| error.is(errors::LEADER_NOT_AVAILABLE))
}

pub(super) fn described(response: MetadataResponse) -> BTreeMap<String, TopicDescription> {
    let topics = response.topics.into_iter().filter_map(|topic| {
        let name = topic.name.as_ref()?.to_string();
        let description = described_topic(&name, &topic);
        Some((name, description))
    });
    topics.collect()
}

fn described_topic(name: &str, topic: &MetadataResponseTopic) -> TopicDescription {
    let ids = |nodes: &[kafka_protocol::messages::BrokerId]| nodes.iter().map(|id| id.0).collect();
    let partitions = topic.partitions.iter().map(|partition| {
        let description = PartitionDescription {
            leader: Some(partition.leader_id.0).filter(|id| *id >= 0),
            replicas: ids(&partition.replica_nodes),
            isr: ids(&partition.isr_nodes),
        };
        (partition.partition_index, description)
    });
    let failed = topic.error_code != errors::NONE;
    TopicDescription {
        id: Some(topic.topic_id).filter(|id| !id.is_nil()),
        internal: topic.is_internal,
        partitions: partitions.collect(),
        error: failed
            .then(|| BrokerError::new("Metadata", Resource::topic(name), topic.error_code)),
    }
}

pub(super) fn address_of(broker: &Broker) -> String {
    if broker.host.contains(':') {
        format!("[{}]:{}", broker.host, broker.port)
    } else {
        format!("{}:{}", broker.host, broker.port)
    }
}

pub(super) fn topic_name(name: impl Into<String>) -> TopicName {
    TopicName(StrBytes::from_string(name.into()))
}
