//! What a producer asks brokers, and the answers as events.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    InitProducerIdRequest, MetadataResponse, ProduceRequest, ProduceResponse,
};
use tokio::time::Instant;

use super::identity::ProducerId;
use super::topic::Topic;
use super::{ProducerSettings, TopicHandle};
use crate::io::kafka::acl::{Caller, Resource};
use crate::io::kafka::cluster::{Cluster, Missing, topic_name};
use crate::io::kafka::connection::{Connection, Sent};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::protocol::errors;

/// The last version in which a topic is named by its name, not by its id.
const BY_NAME: i16 = 12;

/// What came of something that took time.
#[derive(Debug)]
pub(super) enum Event {
    Metadata(Result<MetadataResponse, KafkaError>),
    Identity(Result<ProducerId, KafkaError>),
    Connected(i32, Result<Arc<Connection>, KafkaError>),
    /// From this broker, about these batches.
    Answered(i32, Vec<SentBatch>, Result<Outcomes, KafkaError>),
}

/// A batch on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentBatch {
    pub(super) topic: TopicHandle,
    pub(super) partition: usize,
    pub(super) serial: u64,
}

/// A batch that goes into a request.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) batch: SentBatch,
    pub(super) bytes: Bytes,
}

/// What became of the batches of a request, by topic and partition.
#[derive(Debug)]
pub(super) struct Outcomes {
    address: String,
    outcomes: HashMap<String, BTreeMap<usize, Result<(), KafkaError>>>,
}

impl Outcomes {
    pub(super) fn of(&self, topic: &str, partition: usize) -> Result<(), KafkaError> {
        let outcome = self.outcomes.get(topic).and_then(|of| of.get(&partition));
        outcome.cloned().unwrap_or_else(|| {
            Err(KafkaError::protocol(
                &self.address,
                format_args!("Produce was answered without {topic}-{partition}"),
            ))
        })
    }
}

pub(super) async fn metadata(cluster: Cluster, topics: Vec<String>, deadline: Instant) -> Event {
    let missing = Missing::MayBeCreated;
    Event::Metadata(cluster.metadata_and(missing, Some(topics), deadline).await)
}

pub(super) async fn connect(cluster: Cluster, broker: i32, deadline: Instant) -> Event {
    Event::Connected(broker, cluster.broker(broker, deadline).await)
}

/// Asks for a new producer id.
pub(super) async fn identity(cluster: Cluster) -> Event {
    Event::Identity(init_producer_id(&cluster).await)
}

async fn init_producer_id(cluster: &Cluster) -> Result<ProducerId, KafkaError> {
    let deadline = cluster.retry().deadline();
    let connection = cluster.any(deadline).await?;
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX);
    let answer = connection.call(&request, i16::MAX, deadline).await?;
    if answer.error_code != errors::NONE {
        let error = BrokerError::new("InitProducerId", Resource::Cluster, answer.error_code);
        return Err(error.by(&cluster.caller()).into());
    }
    Ok(ProducerId {
        id: answer.producer_id.0,
        epoch: answer.producer_epoch,
    })
}

/// Sends the batches; the answer comes later.
pub(super) fn produce(
    connection: &Connection,
    outgoing: &[Outgoing],
    settings: &ProducerSettings,
    topics: &[Topic],
) -> Result<Sent<ProduceRequest>, KafkaError> {
    let mut by_topic: BTreeMap<usize, Vec<PartitionProduceData>> = BTreeMap::new();
    for Outgoing { batch, bytes } in outgoing {
        let data = PartitionProduceData::default()
            .with_index(i32::try_from(batch.partition).unwrap_or(i32::MAX))
            .with_records(Some(bytes.clone()));
        by_topic.entry(batch.topic.0).or_default().push(data);
    }
    let data = by_topic.into_iter().map(|(topic, partitions)| {
        TopicProduceData::default()
            .with_name(topic_name(&*topics[topic].name))
            .with_partition_data(partitions)
    });
    let timeout = i32::try_from(settings.request_timeout.as_millis()).unwrap_or(i32::MAX);
    let request = ProduceRequest::default()
        .with_acks(settings.acks)
        .with_timeout_ms(timeout)
        .with_topic_data(data.collect());
    let version = connection.version::<ProduceRequest>(BY_NAME)?;
    connection.send(&request, version)
}

/// Waits for the answer.
pub(super) async fn answered(
    broker: i32,
    sent: Vec<SentBatch>,
    request: Result<Sent<ProduceRequest>, KafkaError>,
    connection: Arc<Connection>,
    caller: Arc<Caller>,
    deadline: Instant,
) -> Event {
    let answer = match request {
        Ok(request) => request.answer(deadline).await,
        Err(error) => Err(error),
    };
    let outcomes = answer.map(|answer| outcomes(connection.address(), answer, &caller));
    Event::Answered(broker, sent, outcomes)
}

fn outcomes(address: &str, answer: ProduceResponse, caller: &Arc<Caller>) -> Outcomes {
    let mut outcomes: HashMap<String, BTreeMap<usize, Result<(), KafkaError>>> = HashMap::new();
    for topic in answer.responses {
        let name = topic.name.to_string();
        let partitions = topic
            .partition_responses
            .into_iter()
            .filter_map(|partition| {
                let index = usize::try_from(partition.index).ok()?;
                let outcome = if partition.error_code == errors::NONE {
                    Ok(())
                } else {
                    let resource = Resource::partition(&name, partition.index);
                    let error = BrokerError::new("Produce", resource, partition.error_code)
                        .with_message(partition.error_message.as_deref());
                    Err(error.by(caller).into())
                };
                Some((index, outcome))
            });
        let partitions = partitions.collect();
        outcomes.insert(name, partitions);
    }
    Outcomes {
        address: address.to_owned(),
        outcomes,
    }
}
