//! A member of a consumer group of the classic protocol, and what it fetches: the consumer of a sink task.
//!
//! The group is shared with consumers on a JVM: type `consumer`, assignor `range`, everything revoked before a rebalance as
//! `ConsumerCoordinator` does it with an assignor that knows only the eager protocol.

mod assignment;
mod leader;
mod membership;
mod polls;
mod reading;
mod reset;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::fetcher::Chunk;
use crate::io::kafka::groups::{Committer, TopicPartition};
use crate::protocol::errors;
use crate::protocol::record_batch::{self, Decoded, Record, RecordBatchError};
use membership::Membership;
use polls::Polls;
pub use polls::Want;
use reading::Reading;
pub use reset::{NoPosition, Reset};
pub use settings::{ConsumerSettings, FetchLimits, Subscription};

/// What happens to a consumer.
#[derive(Debug)]
pub enum ConsumerEvent {
    /// These partitions are read from now on, by this member of this generation.
    Assigned(Assigned),
    /// Everything is given back: what was read is to be committed before the answer is sent.
    Revoke(oneshot::Sender<()>),
    /// Others have the partitions already: nothing can be committed any more.
    Lost,
    Records(Fetched),
    /// A partition without a position begins here.
    Placed(TopicPartition, i64),
    /// A partition has no position, and none can be given to it.
    NoPosition(NoPosition),
    /// Reading cannot go on.
    Failed(KafkaError),
}

impl From<NoPosition> for ConsumerEvent {
    fn from(reason: NoPosition) -> Self {
        Self::NoPosition(reason)
    }
}

impl From<KafkaError> for ConsumerEvent {
    fn from(error: KafkaError) -> Self {
        Self::Failed(error)
    }
}

/// Where reading begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions {
    pub known: BTreeMap<TopicPartition, i64>,
    /// Partitions that are looked after while the others are read.
    pub unknown: BTreeSet<TopicPartition>,
}

impl Positions {
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }
}

/// An assignment and the right to commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    pub generation: i32,
    pub member_id: String,
    pub partitions: Vec<TopicPartition>,
}

/// Record data of one partition, still encoded.
#[derive(Debug)]
pub struct Fetched {
    pub topic: Arc<str>,
    pub partition: i32,
    chunk: Chunk,
}

impl Fetched {
    /// Makes what a broker would have sent.
    #[cfg(test)]
    pub fn of(topic: &str, data: bytes::Bytes) -> Self {
        let chunk = Chunk {
            partition: 0,
            from: 0,
            end: i64::MAX,
            data,
            aborted: Vec::new(),
        };
        Self {
            topic: topic.into(),
            partition: 0,
            chunk,
        }
    }

    /// Gives the records to `on_record`, in order; returns where to go on.
    pub fn decode(self, on_record: impl FnMut(Record)) -> Result<Decoded, RecordBatchError> {
        let chunk = self.chunk;
        record_batch::decode(chunk.data, chunk.from, &chunk.aborted, on_record)
    }
}

/// One member of a group. Dropping it is dying: the group waits for its session to end.
#[derive(Debug)]
pub struct Consumer {
    cluster: Cluster,
    group: String,
    settings: Arc<ConsumerSettings>,
    membership: mpsc::Receiver<ConsumerEvent>,
    polls: Polls,
    leave: Option<oneshot::Sender<()>>,
    member: JoinSet<()>,
    assigned: Option<Assigned>,
    reading: Option<Reading>,
}

impl Consumer {
    /// Joins the group in the background.
    pub fn start(cluster: &Cluster, settings: ConsumerSettings) -> Self {
        let settings = Arc::new(settings);
        let (events, membership) = mpsc::channel(1);
        let (leave, leaving) = oneshot::channel();
        let mut member = JoinSet::new();
        let (polls, polled) = polls::polls();
        let joining = Membership::new(cluster, Arc::clone(&settings), polled, events);
        member.spawn(joining.run(leaving));
        Self {
            cluster: cluster.clone(),
            group: settings.group.clone(),
            settings,
            membership,
            polls,
            leave: Some(leave),
            member,
            assigned: None,
            reading: None,
        }
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    /// Waits for what happens next.
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self, want: Want) -> ConsumerEvent {
        let there = self.polls.come(want);
        let reads = want == Want::Records;
        let event = tokio::select! {
            biased;
            event = self.membership.recv() => {
                let ended = || KafkaError::protocol("the group", "the membership has ended");
                event.unwrap_or_else(|| ConsumerEvent::Failed(ended()))
            }
            event = next_read(self.reading.as_mut()), if reads => event,
        };
        drop(there);
        self.noted(event)
    }

    fn noted(&mut self, event: ConsumerEvent) -> ConsumerEvent {
        match &event {
            ConsumerEvent::Assigned(assigned) => self.assigned = Some(assigned.clone()),
            ConsumerEvent::Records(_) | ConsumerEvent::Placed(..) => {}
            ConsumerEvent::Revoke(_)
            | ConsumerEvent::Lost
            | ConsumerEvent::NoPosition(_)
            | ConsumerEvent::Failed(_) => self.reading = None,
        }
        event
    }

    /// Returns where to begin: the committed offsets, or where `auto.offset.reset` says.
    ///
    /// A partition that a broker does not know, because it lags behind or the topic is gone, does not hold up the others: it is
    /// looked after while they are read.
    pub async fn positions(&self, partitions: &[TopicPartition]) -> Result<Positions, KafkaError> {
        let committed = self.cluster.committed_offsets(&self.group).await?;
        let mut positions = Positions::default();
        let mut missing: BTreeMap<&String, BTreeSet<i32>> = BTreeMap::new();
        for partition in partitions {
            match committed.get(partition) {
                Some(offset) => _ = positions.known.insert(partition.clone(), *offset),
                None => _ = missing.entry(&partition.0).or_default().insert(partition.1),
            }
        }
        for (topic, partitions) in missing {
            let found = reset::begin(&self.cluster, &self.settings, topic, &partitions).await;
            let found = match found {
                Err(error) if is_missing(&error) => BTreeMap::new(),
                found => found?,
            };
            for partition in partitions {
                let at = (topic.clone(), partition);
                match found.get(&partition) {
                    Some(offset) => _ = positions.known.insert(at, *offset),
                    None => _ = positions.unknown.insert(at),
                }
            }
        }
        Ok(positions)
    }

    /// Reads from these positions on, and nothing else.
    pub fn fetch(&mut self, positions: &Positions) {
        let known = positions.known.iter();
        let known = known.map(|(at, position)| (at.clone(), Some(*position)));
        let unknown = positions.unknown.iter().map(|at| (at.clone(), None));
        let begin: reading::Begin = known.chain(unknown).collect();
        self.reading = None;
        if !begin.is_empty() {
            self.reading = Some(Reading::start(&self.cluster, &self.settings, begin));
        }
    }

    /// Stops fetching; what was fetched and not taken is dropped.
    pub fn stop_fetching(&mut self) {
        self.reading = None;
    }

    /// Returns how to commit for the present assignment; `None`: there is none.
    pub fn committer(&self) -> Option<Committer> {
        let assigned = self.assigned.as_ref()?;
        Some(Committer {
            generation: assigned.generation,
            member_id: assigned.member_id.clone(),
        })
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Leaves the group.
    pub async fn leave(mut self) {
        self.reading = None;
        // A membership that has failed may be waiting to tell so.
        self.membership.close();
        if let Some(leave) = self.leave.take() {
            // The membership may have failed, and has left then.
            let _ = leave.send(());
        }
        while self.member.join_next().await.is_some() {}
    }
}

async fn next_read(reading: Option<&mut Reading>) -> ConsumerEvent {
    match reading {
        Some(reading) => reading.next().await,
        None => std::future::pending().await,
    }
}

fn is_missing(error: &KafkaError) -> bool {
    let answer = error.broker();
    answer.is_some_and(|answer| answer.is(errors::UNKNOWN_TOPIC_OR_PARTITION))
}
