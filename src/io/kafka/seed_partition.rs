//! The records of one partition, written in batches that the broker takes, one after the other.

use std::sync::Arc;
use std::time::Duration;

use rskafka::chrono::{DateTime, Utc};
use rskafka::client::Client;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::record::Record;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::io::kafka::acl::{Caller, Resource};
use crate::io::kafka::error::BrokerError;
use crate::io::kafka::seeder::{SeedError, SeedRecord};
use crate::protocol::errors::{self, ErrorCode};

/// Below the broker's default `message.max.bytes` of 1,048,588 with room for the batch header.
const BATCH_BYTES: usize = 900_000;

/// What a record takes beside key and value at most: lengths, deltas, attributes.
const RECORD_OVERHEAD: usize = 32;

/// Pause before a batch is sent again that the broker could not take for the moment.
const PAUSE: Duration = Duration::from_millis(200);

/// One acknowledged batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ack {
    pub(super) partition: i32,
    pub(super) records: usize,
    pub(super) first_offset: i64,
    pub(super) last_offset: i64,
}

/// What one partition is to get.
#[derive(Debug)]
pub(super) struct PartitionSeed {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) records: Vec<SeedRecord>,
    /// How long any one batch may take.
    pub(super) timeout: Duration,
    pub(super) caller: Arc<Caller>,
}

impl PartitionSeed {
    /// Writes all records when its turn comes and reports each acknowledged batch.
    pub(super) async fn write(
        self,
        client: Arc<Client>,
        turns: Arc<Semaphore>,
        acks: mpsc::Sender<Ack>,
    ) -> Result<(), SeedError> {
        let _turn = turns
            .acquire()
            .await
            .map_err(|closed| SeedError::Interrupted {
                reason: closed.to_string(),
            })?;
        let partition = self.connect(&client).await?;
        let timestamp = now();
        let mut largest = BATCH_BYTES;
        let mut done = 0;
        while done < self.records.len() {
            let batch = first_batch(&self.records[done..], largest);
            match self.produce(&partition, batch, timestamp, done).await {
                Ok(ack) => {
                    done += batch.len();
                    // The receiver is gone only when seeding was given up.
                    let _ = acks.send(ack).await;
                }
                // The topic takes less than brokers do by default.
                Err(SeedError::Partition {
                    answer: Some(answer),
                    ..
                }) if answer.is(errors::MESSAGE_TOO_LARGE) && batch.len() > 1 => {
                    largest = size_of(batch) / 2;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn connect(&self, client: &Client) -> Result<PartitionClient, SeedError> {
        let handling = UnknownTopicHandling::Retry;
        let opened = client.partition_client(self.topic.clone(), self.partition, handling);
        match tokio::time::timeout(self.timeout, opened).await {
            Ok(Ok(partition)) => Ok(partition),
            Ok(Err(error)) => Err(self.failed(&error, 0)),
            Err(_) => Err(self.late(0, "the leader was not found")),
        }
    }

    /// Writes one batch; an error that can pass is waited for until the timeout.
    async fn produce(
        &self,
        partition: &PartitionClient,
        batch: &[SeedRecord],
        timestamp: DateTime<Utc>,
        done: usize,
    ) -> Result<Ack, SeedError> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let records = batch.iter().map(|record| outgoing(record, timestamp));
            let produced = partition.produce(records.collect(), Compression::NoCompression);
            let error = match tokio::time::timeout_at(deadline, produced).await {
                Err(_) => return Err(self.late(done, "no acknowledgement came")),
                Ok(Ok(offsets)) => return self.acknowledged(batch.len(), &offsets, done),
                Ok(Err(error)) => error,
            };
            let passing = code_of(&error).is_some_and(|code| ErrorCode::of(code).retriable);
            if !passing || Instant::now() + PAUSE >= deadline {
                return Err(self.failed(&error, done));
            }
            tracing::debug!(%error, partition = self.partition, "the batch is sent again");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Checks the acknowledgement against the batch.
    fn acknowledged(&self, sent: usize, offsets: &[i64], done: usize) -> Result<Ack, SeedError> {
        match (offsets.first(), offsets.last()) {
            (Some(first), Some(last)) if offsets.len() == sent && *first >= 0 => Ok(Ack {
                partition: self.partition,
                records: sent,
                first_offset: *first,
                last_offset: *last,
            }),
            _ => Err(SeedError::Acknowledged {
                topic: self.topic.clone(),
                partition: self.partition,
                acknowledged: done + offsets.len(),
                wanted: self.records.len(),
            }),
        }
    }

    fn failed(&self, error: &Error, acknowledged: usize) -> SeedError {
        let resource = Resource::partition(&self.topic, self.partition);
        let answer =
            code_of(error).map(|code| BrokerError::new("Produce", resource, code).by(&self.caller));
        SeedError::Partition {
            topic: self.topic.clone(),
            partition: self.partition,
            acknowledged,
            wanted: self.records.len(),
            reason: answer
                .as_ref()
                .map_or_else(|| error.to_string(), |answer| answer.code.to_string()),
            answer: answer.map(Box::new),
        }
    }

    fn late(&self, acknowledged: usize, what: &str) -> SeedError {
        SeedError::Partition {
            topic: self.topic.clone(),
            partition: self.partition,
            acknowledged,
            wanted: self.records.len(),
            reason: format!("{what} within {} s", self.timeout.as_secs_f64()),
            answer: None,
        }
    }
}

/// Returns the longest prefix that fits into `largest` bytes, at least one record.
fn first_batch(records: &[SeedRecord], largest: usize) -> &[SeedRecord] {
    let mut size = 0;
    let fitting = records.iter().take_while(|record| {
        size += size_of(std::slice::from_ref(record));
        size <= largest
    });
    let count = fitting.count().clamp(1, records.len().max(1));
    records.get(..count).unwrap_or(records)
}

/// rskafka's chrono has no clock of its own.
fn now() -> DateTime<Utc> {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(since.as_millis())
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or(DateTime::UNIX_EPOCH)
}

fn size_of(records: &[SeedRecord]) -> usize {
    let sizes = records.iter().map(|record| {
        RECORD_OVERHEAD + record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len)
    });
    sizes.sum()
}

fn outgoing(record: &SeedRecord, timestamp: DateTime<Utc>) -> Record {
    Record {
        key: Some(record.key.to_vec()),
        value: record.value.as_ref().map(|value| value.to_vec()),
        headers: std::collections::BTreeMap::new(),
        timestamp,
    }
}

/// Returns the broker's answer, when that is the error. rskafka names codes as Kafka does, in camel case.
fn code_of(error: &Error) -> Option<i16> {
    let Error::ServerError { protocol_error, .. } = error else {
        return None;
    };
    if let ProtocolError::Unknown(code) = protocol_error {
        return Some(*code);
    }
    let shouted = shouted(&format!("{protocol_error:?}"));
    ErrorCode::all()
        .find(|row| row.name == shouted)
        .map(|row| row.code)
}

/// `MessageTooLarge` → `MESSAGE_TOO_LARGE`.
fn shouted(camel: &str) -> String {
    let mut name = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn records(sizes: &[usize]) -> Vec<SeedRecord> {
        let record = |size: &usize| SeedRecord {
            key: Bytes::from(vec![b'k'; *size]),
            value: None,
        };
        sizes.iter().map(record).collect()
    }

    #[test]
    fn a_batch_takes_what_fits_and_at_least_one_record() {
        let all = records(&[68, 68, 68]);
        assert_eq!(first_batch(&all, 1000).len(), 3);
        assert_eq!(first_batch(&all, 200).len(), 2);
        assert_eq!(first_batch(&all, 10).len(), 1);
        assert!(first_batch(&[], 10).is_empty());
    }

    #[test]
    fn the_broker_s_answer_is_known_by_its_code() {
        let error = |code| Error::ServerError {
            protocol_error: ProtocolError::new(code).expect("an error"),
            error_message: None,
            request: rskafka::client::error::RequestContext::Topic("t".into()),
            response: None,
            is_virtual: false,
        };
        for code in 1..=92 {
            assert_eq!(code_of(&error(code)), Some(code), "{code}");
        }
        assert_eq!(code_of(&error(999)), Some(999));
        assert_eq!(code_of(&Error::Timeout), None);
    }
}
