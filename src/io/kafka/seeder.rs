//! Offset records written to a topic: raw bytes, each to the partition Java's producer would choose, every ack counted.
//!
//! rskafka writes, our own reader reads back: no defect of one codec can hide behind itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rskafka::BackoffConfig;
use rskafka::client::{Client, ClientBuilder};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::seed_partition::{Ack, PartitionSeed};
use crate::io::kafka::settings::ClientSettings;
use crate::protocol::partitioner::partition_of;

/// Partitions written to at the same time.
const IN_FLIGHT: usize = 8;

/// One record to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedRecord {
    pub key: Bytes,
    /// `None`: a tombstone.
    pub value: Option<Bytes>,
}

/// What was written, acknowledged by all in-sync replicas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeedSummary {
    pub partitions: BTreeMap<i32, PartitionSeeded>,
}

/// What was written to one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionSeeded {
    pub records: usize,
    pub first_offset: i64,
    pub last_offset: i64,
}

impl SeedSummary {
    /// Returns the number of records acknowledged.
    pub fn records(&self) -> usize {
        self.partitions.values().map(|p| p.records).sum()
    }
}

/// Why seeding stopped; what was acknowledged until then stays in the topic.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("{0}")]
    Kafka(#[from] KafkaError),
    #[error("{topic} has {found} partitions, not {expected}")]
    Partitions {
        topic: String,
        expected: i32,
        found: usize,
    },
    #[error(
        "writing to {topic}-{partition} failed: {reason} ({acknowledged} of {wanted} records of the partition are written)"
    )]
    Partition {
        topic: String,
        partition: i32,
        acknowledged: usize,
        wanted: usize,
        reason: String,
        /// Set when a broker's answer is the reason.
        answer: Option<Box<BrokerError>>,
    },
    #[error(
        "records cannot be written over TLS to {address}: the library that writes them takes no IPv6 address there"
    )]
    Ipv6OverTls { address: String },
    #[error("{topic}-{partition} acknowledged {acknowledged} of {wanted} records")]
    Acknowledged {
        topic: String,
        partition: i32,
        acknowledged: usize,
        wanted: usize,
    },
    #[error("writing was interrupted: {reason}")]
    Interrupted { reason: String },
}

impl SeedError {
    /// Returns what to do next, as a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kafka(error) => error.hint(),
            Self::Partitions { .. } => Some(
                "Keys go to partitions by their number: give the topic its final number first."
                    .to_owned(),
            ),
            Self::Partition { answer, .. } => answer.as_ref()?.hint(),
            Self::Ipv6OverTls { .. } => Some(
                "Set advertised.listeners of the brokers, and bootstrap.servers, to host names."
                    .to_owned(),
            ),
            Self::Acknowledged { .. } | Self::Interrupted { .. } => Some(
                "Run the command again: records that are there already are not written twice."
                    .to_owned(),
            ),
        }
    }
}

/// Writes records to a topic of `partitions` partitions, with acks=all, keeping their order within a partition.
///
/// `on_progress` is told how many records are acknowledged so far. A record may be there twice when an acknowledgement was
/// lost on the way; the last one of a key counts, and it is the same.
pub async fn seed(
    settings: &ClientSettings,
    topic: &str,
    partitions: i32,
    records: &[SeedRecord],
    on_progress: impl Fn(usize),
) -> Result<SeedSummary, SeedError> {
    // Our own client tells a wrong password from a closed port at once; rskafka would go on trying.
    let cluster = Cluster::connect(settings.clone()).await?;
    let found = cluster.topic(topic).await?.partitions.len();
    if usize::try_from(partitions) != Ok(found) {
        return Err(SeedError::Partitions {
            topic: topic.to_owned(),
            expected: partitions,
            found,
        });
    }
    if records.is_empty() {
        return Ok(SeedSummary::default());
    }
    refuse_ipv6_over_tls(settings, &cluster).await?;
    let client = Arc::new(client(settings).await?);
    let turns = Arc::new(Semaphore::new(IN_FLIGHT));
    let (acks, mut acknowledged) = mpsc::channel(IN_FLIGHT * 4);
    let mut writing = JoinSet::new();
    let mut wanted = BTreeMap::new();
    for (partition, records) in by_partition(records, partitions) {
        wanted.insert(partition, records.len());
        let seed = PartitionSeed {
            topic: topic.to_owned(),
            partition,
            records,
            timeout: settings.timeout,
            caller: cluster.caller(),
        };
        writing.spawn(seed.write(Arc::clone(&client), Arc::clone(&turns), acks.clone()));
    }
    drop(acks);
    let summary = count(&mut acknowledged, on_progress).await;
    while let Some(finished) = writing.join_next().await {
        finished.map_err(|failed| SeedError::Interrupted {
            reason: failed.to_string(),
        })??;
    }
    check(topic, &wanted, summary)
}

/// rskafka 0.6 cuts the host for TLS off at the first colon.
async fn refuse_ipv6_over_tls(
    settings: &ClientSettings,
    cluster: &Cluster,
) -> Result<(), SeedError> {
    if settings.security.tls.is_none() {
        return Ok(());
    }
    let brokers = cluster.describe().await?.brokers;
    let advertised = brokers
        .iter()
        .map(|b| (b.host.contains(':'), format!("[{}]:{}", b.host, b.port)));
    let given = settings
        .bootstrap
        .iter()
        .map(|a| (a.contains('['), a.clone()));
    match given.chain(advertised).find(|(is_ipv6, _)| *is_ipv6) {
        Some((_, address)) => Err(SeedError::Ipv6OverTls { address }),
        None => Ok(()),
    }
}

/// Counts the acks until all writers are done.
async fn count(acknowledged: &mut mpsc::Receiver<Ack>, on_progress: impl Fn(usize)) -> SeedSummary {
    let mut summary = SeedSummary::default();
    let mut total = 0;
    while let Some(ack) = acknowledged.recv().await {
        let last_offset = ack.last_offset;
        summary
            .partitions
            .entry(ack.partition)
            .and_modify(|seeded| {
                seeded.records += ack.records;
                seeded.last_offset = last_offset;
            })
            .or_insert(PartitionSeeded {
                records: ack.records,
                first_offset: ack.first_offset,
                last_offset,
            });
        total += ack.records;
        on_progress(total);
    }
    summary
}

/// Compares the acks with what was sent.
fn check(
    topic: &str,
    wanted: &BTreeMap<i32, usize>,
    summary: SeedSummary,
) -> Result<SeedSummary, SeedError> {
    for (partition, wanted) in wanted {
        let acknowledged = summary.partitions.get(partition).map_or(0, |p| p.records);
        if acknowledged != *wanted {
            return Err(SeedError::Acknowledged {
                topic: topic.to_owned(),
                partition: *partition,
                acknowledged,
                wanted: *wanted,
            });
        }
    }
    Ok(summary)
}

fn by_partition(records: &[SeedRecord], partitions: i32) -> BTreeMap<i32, Vec<SeedRecord>> {
    let mut split: BTreeMap<i32, Vec<SeedRecord>> = BTreeMap::new();
    for record in records {
        let partition = partition_of(&record.key, partitions);
        split.entry(partition).or_default().push(record.clone());
    }
    split
}

async fn client(settings: &ClientSettings) -> Result<Client, SeedError> {
    let bootstrap = settings.bootstrap.iter().map(|address| {
        let plain = address
            .split_once("://")
            .map_or(&**address, |(_, rest)| rest);
        plain.to_owned()
    });
    let mut builder = ClientBuilder::new(bootstrap.collect())
        .client_id(settings.client_id.as_str())
        .backoff_config(backoff(settings.timeout));
    if let Some(tls) = &settings.security.tls {
        builder = builder.tls_config(Arc::clone(tls));
    }
    if let Some(sasl) = &settings.security.sasl {
        builder = builder.sasl_config(sasl.for_rskafka());
    }
    match tokio::time::timeout(settings.timeout, builder.build()).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(SeedError::Interrupted {
            reason: error.to_string(),
        }),
        Err(_) => Err(SeedError::Kafka(KafkaError::Timeout {
            address: settings.bootstrap.join(","),
            what: "the connection".to_owned(),
            after: settings.timeout,
        })),
    }
}

/// rskafka's default never ends; half of the timeout in pauses leaves time for it to tell why it gave up.
fn backoff(timeout: Duration) -> BackoffConfig {
    BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_secs(1),
        base: 2.0,
        deadline: Some(timeout / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &'static str) -> SeedRecord {
        SeedRecord {
            key: Bytes::from_static(key.as_bytes()),
            value: Some(Bytes::from_static(b"1")),
        }
    }

    #[test]
    fn records_go_where_the_java_producer_sends_them_in_their_order() {
        let records = [record("a"), record("abc"), record("a")];
        let split = by_partition(&records, 25);
        assert_eq!(split.keys().copied().collect::<Vec<_>>(), [7, 24]);
        assert_eq!(split[&24].len(), 2);
    }

    #[test]
    fn a_missing_ack_is_an_error() {
        let seeded = PartitionSeeded {
            records: 2,
            first_offset: 0,
            last_offset: 1,
        };
        let summary = SeedSummary {
            partitions: BTreeMap::from([(0, seeded)]),
        };
        assert!(check("t", &BTreeMap::from([(0, 2)]), summary.clone()).is_ok());
        for wanted in [BTreeMap::from([(0, 3)]), BTreeMap::from([(0, 2), (1, 1)])] {
            let error = check("t", &wanted, summary.clone()).unwrap_err();
            assert!(matches!(error, SeedError::Acknowledged { .. }), "{error}");
        }
    }
}
