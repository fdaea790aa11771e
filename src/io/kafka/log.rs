//! A whole topic read once: every partition from its earliest offset to the end it had when reading began.

use std::collections::BTreeMap;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::fetcher::{Chunk, Fetcher, Span};
use crate::io::kafka::offsets::OffsetSpec;
use crate::protocol::record_batch;
pub use crate::protocol::record_batch::Record;

/// Fetched chunks that may wait for decoding; with the fetcher's limits this bounds the memory in use.
const WAITING_CHUNKS: usize = 8;

/// Which records of transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// All, up to the high watermark.
    ReadUncommitted,
    /// Those of committed transactions only, up to the first offset of the oldest open transaction.
    ReadCommitted,
}

impl Isolation {
    fn end(self) -> OffsetSpec {
        match self {
            Self::ReadUncommitted => OffsetSpec::Latest,
            Self::ReadCommitted => OffsetSpec::LatestStable,
        }
    }
}

/// What was read, by partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSummary {
    pub partitions: BTreeMap<i32, PartitionRead>,
}

/// What was read of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionRead {
    /// First offset that was there.
    pub start: i64,
    /// Offset before which everything was read.
    pub end: i64,
    /// Records given to the caller.
    pub records: u64,
}

impl ReadSummary {
    /// Returns the number of records given to the caller.
    pub fn records(&self) -> u64 {
        self.partitions.values().map(|p| p.records).sum()
    }
}

/// Reads all partitions of a topic and gives each record with its partition to `on_record`; order holds within a partition.
///
/// Reading ends at the offsets the partitions had at the start, whatever is appended meanwhile; transaction markers, gaps
/// left by compaction and records deleted meanwhile are passed over. A leader that moves or a broker that dies is looked
/// for again until nothing has come for the settings' timeout.
///
/// A record's bytes are slices of the fetched block: who keeps few of many should copy them.
pub async fn read_to_end(
    cluster: &Cluster,
    topic: &str,
    isolation: Isolation,
    mut on_record: impl FnMut(i32, Record),
) -> Result<ReadSummary, KafkaError> {
    let ends = cluster.offsets(topic, isolation.end()).await?;
    let starts = cluster.offsets(topic, OffsetSpec::Earliest).await?;
    let mut summary = ReadSummary::default();
    let mut spans = Vec::new();
    for (partition, end) in ends {
        let start = starts.get(&partition).copied().unwrap_or(0).min(end);
        let read = PartitionRead {
            start,
            end,
            records: 0,
        };
        summary.partitions.insert(partition, read);
        if start < end {
            spans.push(Span::new(partition, start, end));
        }
    }
    let (chunks, mut fetched) = mpsc::channel(WAITING_CHUNKS);
    let fetcher = Fetcher::new(cluster.clone(), topic, isolation, chunks);
    // The set aborts the task when this future is dropped.
    let mut fetching = JoinSet::new();
    fetching.spawn(fetcher.run(spans));
    while let Some(chunk) = fetched.recv().await {
        let partition = chunk.partition;
        let records = decode(topic, chunk, &mut on_record)?;
        if let Some(read) = summary.partitions.get_mut(&partition) {
            read.records += records;
        }
    }
    match fetching.join_next().await {
        Some(Ok(outcome)) => outcome?,
        Some(Err(failed)) => return Err(KafkaError::protocol("the cluster", failed)),
        None => {}
    }
    Ok(summary)
}

/// Gives the records of a chunk to the caller and returns how many they were.
fn decode(
    topic: &str,
    chunk: Chunk,
    on_record: &mut impl FnMut(i32, Record),
) -> Result<u64, KafkaError> {
    let mut records = 0;
    let give = |record: Record| {
        if record.offset < chunk.end {
            records += 1;
            on_record(chunk.partition, record);
        }
    };
    record_batch::decode(chunk.data, chunk.from, &chunk.aborted, give).map_err(|source| {
        KafkaError::Records {
            topic: topic.to_owned(),
            partition: chunk.partition,
            source,
        }
    })?;
    Ok(records)
}
