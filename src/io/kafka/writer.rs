//! Records written to one partition in an order that the caller decides: each write is one batch, acknowledged by all
//! in-sync replicas before it returns, and never sent twice behind the caller's back.
//!
//! The seeder writes many records fast and may repeat them; this writer is for the config topic, where what comes before
//! what matters, and where a repeated write first needs a fresh look at the group.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use indexmap::IndexMap;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record,
    RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::{Cluster, topic_name};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::seeder::SeedRecord;
use crate::protocol::errors;

/// The last version in which a topic is named by its name, not by its id.
const BY_NAME: i16 = 12;

/// Acknowledged by all in-sync replicas.
const ALL: i16 = -1;

/// Writes to one partition of a topic.
#[derive(Debug)]
pub struct Writer {
    cluster: Cluster,
    topic: String,
    partition: i32,
    /// As far as it is known.
    leader: Mutex<Option<i32>>,
}

/// Why a write was not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The records are not in the topic.
    #[error("{0}")]
    Refused(KafkaError),
    /// The records may be in the topic or come there later: the answer is missing, or says that too few replicas have them.
    #[error("{0} (the records may have been written)")]
    Unsettled(KafkaError),
}

impl WriteError {
    pub fn kafka(&self) -> &KafkaError {
        match self {
            Self::Refused(error) | Self::Unsettled(error) => error,
        }
    }
}

impl Writer {
    pub fn new(cluster: &Cluster, topic: &str, partition: i32) -> Self {
        Self {
            cluster: cluster.clone(),
            topic: topic.to_owned(),
            partition,
            leader: Mutex::default(),
        }
    }

    /// Writes the records as one batch, which the broker takes whole or not at all, and returns the first one's offset.
    ///
    /// One attempt: whether and when to try again is the caller's decision.
    pub async fn write(&self, records: &[SeedRecord]) -> Result<i64, WriteError> {
        let deadline = Instant::now() + self.cluster.settings().timeout;
        self.write_by(records, deadline).await
    }

    /// Writes as [`Writer::write`] does, with a deadline of its own, after which nothing is sent.
    pub async fn write_by(
        &self,
        records: &[SeedRecord],
        deadline: Instant,
    ) -> Result<i64, WriteError> {
        let outcome = self.attempt(records, deadline).await;
        if outcome.is_err() {
            // It may have moved.
            self.know(None);
        }
        outcome
    }

    async fn attempt(&self, records: &[SeedRecord], deadline: Instant) -> Result<i64, WriteError> {
        let asked = Instant::now();
        let leader = tokio::time::timeout_at(deadline, self.leader());
        let leader = leader.await.map_err(|_| {
            WriteError::Refused(KafkaError::Timeout {
                address: "the cluster".to_owned(),
                what: format!("the leader of {}-{}", self.topic, self.partition),
                after: asked.elapsed(),
            })
        })?;
        let leader = leader.map_err(WriteError::Refused)?;
        let connection = self
            .cluster
            .broker(leader, deadline)
            .await
            .map_err(WriteError::Refused)?;
        let refused = |reason: &dyn std::fmt::Display| {
            WriteError::Refused(KafkaError::protocol(connection.address(), reason))
        };
        let batch = batch(records).map_err(|reason| refused(&reason))?;
        let version = connection
            .version::<ProduceRequest>(BY_NAME)
            .map_err(WriteError::Refused)?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(WriteError::Refused(KafkaError::Timeout {
                address: connection.address().to_owned(),
                what: "the moment to write".to_owned(),
                after: asked.elapsed(),
            }));
        }
        let request = self.request(batch, left);
        let answer = connection.request(&request, version, deadline).await;
        let answer = answer.map_err(WriteError::Unsettled)?;
        let partition = answer
            .responses
            .into_iter()
            .flat_map(|topic| topic.partition_responses)
            .find(|partition| partition.index == self.partition);
        match partition {
            Some(partition) => self.settled(&partition),
            None => Err(WriteError::Unsettled(KafkaError::protocol(
                connection.address(),
                "Produce was answered without the partition",
            ))),
        }
    }

    fn request(&self, batch: Bytes, timeout: Duration) -> ProduceRequest {
        let partition = PartitionProduceData::default()
            .with_index(self.partition)
            .with_records(Some(batch));
        let topic = TopicProduceData::default()
            .with_name(topic_name(&*self.topic))
            .with_partition_data(vec![partition]);
        ProduceRequest::default()
            .with_acks(ALL)
            .with_timeout_ms(i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX))
            .with_topic_data(vec![topic])
    }

    fn settled(&self, answer: &PartitionProduceResponse) -> Result<i64, WriteError> {
        if answer.error_code == errors::NONE {
            return Ok(answer.base_offset);
        }
        let resource = Resource::partition(&self.topic, self.partition);
        let error = BrokerError::new("Produce", resource, answer.error_code)
            .with_message(answer.error_message.as_deref())
            .by(&self.cluster.caller());
        let unsettled = [
            errors::REQUEST_TIMED_OUT,
            errors::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ];
        if unsettled.contains(&answer.error_code) {
            return Err(WriteError::Unsettled(error.into()));
        }
        Err(WriteError::Refused(error.into()))
    }

    async fn leader(&self) -> Result<i32, KafkaError> {
        let known = *self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = known {
            return Ok(leader);
        }
        let topic = self.cluster.topic(&self.topic).await?;
        let partition = topic.partitions.get(&self.partition);
        let leader = partition.and_then(|partition| partition.leader);
        let Some(leader) = leader else {
            let resource = Resource::partition(&self.topic, self.partition);
            return Err(
                BrokerError::new("Metadata", resource, errors::LEADER_NOT_AVAILABLE).into(),
            );
        };
        self.know(Some(leader));
        Ok(leader)
    }

    fn know(&self, leader: Option<i32>) {
        *self.leader.lock().unwrap_or_else(PoisonError::into_inner) = leader;
    }
}

fn batch(records: &[SeedRecord]) -> Result<Bytes, String> {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let timestamp = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    // The encoder puts records into one batch whose offsets and sequence numbers go up together.
    let records: Vec<Record> = (0..)
        .zip(records)
        .map(|(offset, record)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(offset),
            sequence: NO_SEQUENCE + offset,
            timestamp,
            key: Some(record.key.clone()),
            value: record.value.clone(),
            headers: IndexMap::new(),
        })
        .collect();
    let options = RecordEncodeOptions {
        version: 2,
        compression: Compression::None,
    };
    let mut data = BytesMut::new();
    RecordBatchEncoder::encode(&mut data, &records, &options).map_err(|error| error.to_string())?;
    Ok(data.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::record_batch::Batches;

    #[test]
    fn a_write_is_one_batch() {
        let record = |key: &'static str, value| SeedRecord {
            key: Bytes::from_static(key.as_bytes()),
            value,
        };
        let written = [
            record("a", Some(Bytes::from_static(b"1"))),
            record("b", None),
        ];
        let batches: Vec<_> = Batches::new(batch(&written).unwrap())
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].next_offset(), 2);
    }
}
