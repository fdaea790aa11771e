//! A whole topic read: every partition from its earliest offset to the end it had when reading began, and on from there.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::fetcher::{Chunk, Fetcher, Span};
use crate::io::kafka::offsets::OffsetSpec;
pub use crate::model::worker_config::Isolation;
use crate::protocol::errors;
use crate::protocol::record_batch;
pub use crate::protocol::record_batch::Record;

/// Fetched chunks that may wait for decoding; with the fetcher's limits this bounds the memory in use.
const WAITING_CHUNKS: usize = 8;

/// Returns where reading ends.
fn end(isolation: Isolation) -> OffsetSpec {
    match isolation {
        Isolation::ReadUncommitted => OffsetSpec::Latest,
        Isolation::ReadCommitted => OffsetSpec::LatestStable,
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

/// Reads all partitions of a topic and gives each record with its partition to `on_record`; see [`LogReader::read_to_end`].
pub async fn read_to_end(
    cluster: &Cluster,
    topic: &str,
    isolation: Isolation,
    on_record: impl FnMut(i32, Record),
) -> Result<ReadSummary, KafkaError> {
    LogReader::new(cluster, topic, isolation)
        .read_to_end(on_record)
        .await
}

/// A topic read from its start to its end, and on from there as often as asked: `KafkaBasedLog` of Connect.
///
/// A record's bytes are slices of the fetched block: who keeps few of many should copy them.
#[derive(Debug)]
pub struct LogReader {
    cluster: Cluster,
    topic: String,
    isolation: Isolation,
    /// Offset of what comes next, by partition; empty before the first reading.
    positions: BTreeMap<i32, i64>,
}

impl LogReader {
    pub fn new(cluster: &Cluster, topic: &str, isolation: Isolation) -> Self {
        Self {
            cluster: cluster.clone(),
            topic: topic.to_owned(),
            isolation,
            positions: BTreeMap::new(),
        }
    }

    /// Reads what was not read yet, up to the offsets that the partitions have now, whatever is appended meanwhile.
    ///
    /// Order holds within a partition. Transaction markers, gaps left by compaction and records deleted meanwhile are passed
    /// over. A leader that moves or a broker that dies is looked for again until nothing has come for the settings' timeout.
    pub async fn read_to_end(
        &mut self,
        mut on_record: impl FnMut(i32, Record),
    ) -> Result<ReadSummary, KafkaError> {
        let summary = self.ahead().await?;
        let wants_aborted = false;
        let give = |partition, record, _| on_record(partition, record);
        self.read(summary, wants_aborted, give).await
    }

    /// As [`Self::read_to_end`] at both isolation levels, and says of every record whether both take it: of an aborted one, and
    /// of one behind the start of an open transaction, `false`.
    ///
    /// Returns the partitions with an open transaction.
    pub async fn read_all_to_end(
        &mut self,
        mut on_record: impl FnMut(i32, Record, bool),
    ) -> Result<Vec<i32>, KafkaError> {
        // Asked first, so that what is written meanwhile is not taken for the record of an open transaction.
        let ends = self
            .cluster
            .offsets(&self.topic, OffsetSpec::Latest)
            .await?;
        self.isolation = Isolation::ReadCommitted;
        let summary = self.ahead().await?;
        let give = |partition, record, is_aborted: bool| on_record(partition, record, !is_aborted);
        self.read(summary, true, give).await?;
        let open = ends.into_iter().filter_map(|(partition, end)| {
            let start = self.positions.get(&partition).copied().unwrap_or(end);
            let records = 0;
            (start < end).then_some((
                partition,
                PartitionRead {
                    start,
                    end,
                    records,
                },
            ))
        });
        let summary = ReadSummary {
            partitions: open.collect(),
        };
        let open = summary.partitions.keys().copied().collect();
        self.isolation = Isolation::ReadUncommitted;
        let give = |partition, record, _| on_record(partition, record, false);
        self.read(summary, false, give).await?;
        Ok(open)
    }

    /// Reads what the summary says and counts the records in it.
    async fn read(
        &mut self,
        mut summary: ReadSummary,
        wants_aborted: bool,
        mut on_record: impl FnMut(i32, Record, bool),
    ) -> Result<ReadSummary, KafkaError> {
        let unread = |(partition, read): (&i32, &PartitionRead)| {
            (read.start < read.end).then(|| Span::new(*partition, read.start, read.end))
        };
        let spans: Vec<Span> = summary.partitions.iter().filter_map(unread).collect();
        if !spans.is_empty() {
            let mut reading = Reading::start(self, self.cluster.clone(), spans);
            while let Some(chunk) = reading.next().await? {
                let partition = chunk.partition;
                let mut records = 0;
                let position = self.positions.entry(partition).or_default();
                decode(&self.topic, chunk, wants_aborted, |record, is_aborted| {
                    records += 1;
                    *position = record.offset + 1;
                    on_record(partition, record, is_aborted);
                })?;
                if let Some(read) = summary.partitions.get_mut(&partition) {
                    read.records += records;
                }
            }
        }
        for (partition, read) in &summary.partitions {
            self.positions.insert(*partition, read.end);
        }
        Ok(summary)
    }

    /// Goes on reading whatever is appended, over connections of its own.
    pub fn follow(self) -> Follower {
        let reading = Reading::following(&self);
        let unheard = self.positions.keys().copied().collect();
        Follower {
            log: self,
            reading,
            unheard,
        }
    }

    /// Returns how many records there are to read at most: of a compacted topic, many of them are gone.
    pub async fn unread(&self) -> Result<u64, KafkaError> {
        let ahead = self.ahead().await?;
        let offsets = ahead.partitions.values();
        Ok(offsets.map(|read| read.end.abs_diff(read.start)).sum())
    }

    /// Asks where reading starts and ends.
    async fn ahead(&self) -> Result<ReadSummary, KafkaError> {
        let ends = self.cluster.offsets(&self.topic, end(self.isolation));
        let ends = ends.await?;
        let is_known = |partition: &i32| self.positions.contains_key(partition);
        let starts = if ends.keys().all(is_known) {
            self.positions.clone()
        } else {
            let starts = self.cluster.offsets(&self.topic, OffsetSpec::Earliest);
            let mut starts = starts.await?;
            starts.extend(&self.positions);
            starts
        };
        let mut summary = ReadSummary::default();
        for (partition, end) in ends {
            let start = starts.get(&partition).copied().unwrap_or(0);
            if is_known(&partition) && start > end {
                // The log is shorter than it was: records were lost with their leader, or the topic is another.
                let resource = Resource::partition(&self.topic, partition);
                let code = errors::OFFSET_OUT_OF_RANGE;
                return Err(BrokerError::new("ListOffsets", resource, code).into());
            }
            let read = PartitionRead {
                start: start.min(end),
                end,
                records: 0,
            };
            summary.partitions.insert(partition, read);
        }
        Ok(summary)
    }
}

/// A topic that is read as it is written. Dropping it ends the reading.
#[derive(Debug)]
pub struct Follower {
    log: LogReader,
    reading: Reading,
    /// Partitions of which nothing came since reading began.
    unheard: BTreeSet<i32>,
}

impl Follower {
    /// Waits until something was appended and gives it to `on_record`; it may be a transaction's marker, which is no record, and
    /// at first it may be that a partition has nothing new.
    ///
    /// Nothing is lost when the future is dropped. Fails when a partition cannot be read for the settings' timeout. A log that
    /// is shorter than it was is read again from its start, as `KafkaBasedLog` does it.
    pub async fn next(&mut self, mut on_record: impl FnMut(i32, Record)) -> Result<(), KafkaError> {
        let Some(chunk) = self.reading.next().await? else {
            return Err(KafkaError::protocol("the cluster", "reading has ended"));
        };
        let partition = chunk.partition;
        let wants_aborted = false;
        let next = decode(&self.log.topic, chunk, wants_aborted, |record, _| {
            on_record(partition, record);
        })?;
        self.log.positions.insert(partition, next);
        self.unheard.remove(&partition);
        Ok(())
    }

    /// Returns the offset before which everything of a partition has been given out, markers included.
    pub fn position(&self, partition: i32) -> i64 {
        self.log.positions.get(&partition).copied().unwrap_or(0)
    }

    /// Begins again where it is, after a failure.
    pub fn resume(&mut self) {
        self.reading = Reading::following(&self.log);
        self.unheard = self.log.positions.keys().copied().collect();
    }

    /// Returns whether every partition was read since reading began, if there was something new in it or not.
    pub fn hears_all(&self) -> bool {
        self.unheard.is_empty()
    }
}

/// Fetching that goes on beside its reader.
#[derive(Debug)]
struct Reading {
    fetched: mpsc::Receiver<Chunk>,
    /// The set aborts the task when this is dropped.
    fetching: JoinSet<Result<(), KafkaError>>,
}

impl Reading {
    /// Reads on from the log's positions, for ever.
    fn following(log: &LogReader) -> Self {
        let spans = log.positions.iter();
        let spans = spans.map(|(partition, start)| Span::of_log(*partition, *start));
        Self::start(log, log.cluster.apart(), spans.collect())
    }

    fn start(log: &LogReader, cluster: Cluster, spans: Vec<Span>) -> Self {
        let (chunks, fetched) = mpsc::channel(WAITING_CHUNKS);
        let fetcher = Fetcher::new(cluster, &log.topic, log.isolation, chunks);
        let mut fetching = JoinSet::new();
        fetching.spawn(fetcher.run(spans));
        Self { fetched, fetching }
    }

    /// Returns the next chunk, `None` after the last.
    async fn next(&mut self) -> Result<Option<Chunk>, KafkaError> {
        if let Some(chunk) = self.fetched.recv().await {
            return Ok(Some(chunk));
        }
        match self.fetching.join_next().await {
            Some(Ok(outcome)) => outcome.map(|()| None),
            Some(Err(failed)) => Err(KafkaError::protocol("the cluster", failed)),
            None => Ok(None),
        }
    }
}

/// Gives the records of a chunk to the caller and returns the offset after them.
fn decode(
    topic: &str,
    chunk: Chunk,
    wants_aborted: bool,
    mut on_record: impl FnMut(Record, bool),
) -> Result<i64, KafkaError> {
    let give = |record: Record, is_aborted: bool| {
        if record.offset < chunk.end {
            on_record(record, is_aborted);
        }
    };
    let (data, aborted) = (chunk.data, &chunk.aborted);
    let decoded = record_batch::decode_all(data, chunk.from, aborted, wants_aborted, give);
    let next = decoded.map(|decoded| decoded.next_offset);
    next.map_err(|source| KafkaError::Records {
        topic: topic.to_owned(),
        partition: chunk.partition,
        source,
    })
}
