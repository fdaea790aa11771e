//! A member of a consumer group of the classic protocol, and what it fetches: the consumer of a sink task.
//!
//! The group is shared with consumers on a JVM: type `consumer`, assignor `range`, everything revoked before a rebalance as
//! `ConsumerCoordinator` does it with an assignor that knows only the eager protocol.

mod assignment;
mod membership;
mod polls;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::fetcher::{Fetcher, Span};
use crate::io::kafka::groups::{Committer, TopicPartition};
use crate::io::kafka::offsets::{OffsetSpec, is_news};
use crate::protocol::errors;
use crate::protocol::record_batch::{self, Decoded, Record, RecordBatchError};
use membership::Membership;
use polls::Polls;
pub use polls::Want;
pub use settings::{ConsumerSettings, Reset, Subscription};

/// Chunks that may wait to be taken; with the fetcher's limits this bounds the memory in use.
const WAITING_CHUNKS: usize = 2;

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
    /// Reading cannot go on.
    Failed(KafkaError),
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
    chunk: crate::io::kafka::fetcher::Chunk,
}

impl Fetched {
    /// Makes what a broker would have sent.
    #[cfg(test)]
    pub fn of(topic: &str, data: bytes::Bytes) -> Self {
        let chunk = crate::io::kafka::fetcher::Chunk {
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
    fetching: Option<Fetching>,
}

/// Fetchers from one set of positions on.
#[derive(Debug)]
struct Fetching {
    fetched: mpsc::Receiver<Fetched>,
    /// Of each topic; all are aborted when this is dropped.
    fetchers: JoinSet<(Arc<str>, Result<(), KafkaError>)>,
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
            fetching: None,
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
        let fetching = (want == Want::Records).then_some(&mut self.fetching);
        let event = next_event(&mut self.membership, fetching).await;
        drop(there);
        self.noted(event)
    }

    fn noted(&mut self, event: ConsumerEvent) -> ConsumerEvent {
        match &event {
            ConsumerEvent::Assigned(assigned) => self.assigned = Some(assigned.clone()),
            ConsumerEvent::Revoke(_) | ConsumerEvent::Lost => self.fetching = None,
            ConsumerEvent::Records(_) | ConsumerEvent::Failed(_) => {}
        }
        event
    }

    /// Returns where to begin: the committed offsets, or where `auto.offset.reset` says.
    ///
    /// The group has assigned the partitions, so that they exist: a broker that does not know one lags behind, and is asked
    /// again for as long as one operation may take, as `KafkaConsumer.position` does.
    pub async fn positions(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
        let committed = self.cluster.committed_offsets(&self.group).await?;
        let mut positions = BTreeMap::new();
        let mut missing = Vec::new();
        for partition in partitions {
            match committed.get(partition) {
                Some(offset) => _ = positions.insert(partition.clone(), *offset),
                None => missing.push(partition.clone()),
            }
        }
        let mut retry = self.cluster.retry();
        let begin = loop {
            match self.reset(&missing).await {
                Err(error) if is_news(&error) => retry.pause(error).await?,
                found => break found?,
            }
        };
        positions.extend(begin);
        Ok(positions)
    }

    /// Returns where `auto.offset.reset` begins.
    pub async fn reset(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
        let mut positions = BTreeMap::new();
        let mut topics: Vec<&str> = partitions.iter().map(|(topic, _)| &**topic).collect();
        topics.dedup();
        for topic in topics {
            let which = match self.settings.reset {
                Reset::Earliest => OffsetSpec::Earliest,
                Reset::Latest => OffsetSpec::Latest,
                Reset::None => {
                    let resource = crate::io::kafka::acl::Resource::topic(topic);
                    let code = errors::OFFSET_OUT_OF_RANGE;
                    let words = "no offset is committed and auto.offset.reset is none";
                    let error = BrokerError::new("OffsetFetch", resource, code);
                    return Err(error.with_message(Some(words)).into());
                }
            };
            let offsets = self.cluster.offsets(topic, which).await?;
            for (of, partition) in partitions.iter().filter(|(of, _)| of == topic) {
                let Some(offset) = offsets.get(partition) else {
                    // A broker that lags behind has not heard of it yet; left out, it would not be read.
                    let resource = crate::io::kafka::acl::Resource::partition(of, *partition);
                    let code = errors::UNKNOWN_TOPIC_OR_PARTITION;
                    return Err(BrokerError::new("ListOffsets", resource, code).into());
                };
                positions.insert((of.clone(), *partition), *offset);
            }
        }
        Ok(positions)
    }

    /// Fetches from these positions on, and from nowhere else.
    pub fn fetch(&mut self, positions: &BTreeMap<TopicPartition, i64>) {
        self.fetching = None;
        let mut spans: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
        for ((topic, partition), position) in positions {
            let span = Span::followed(*partition, *position);
            spans.entry(topic).or_default().push(span);
        }
        if spans.is_empty() {
            return;
        }
        let (sender, fetched) = mpsc::channel(WAITING_CHUNKS);
        let mut fetchers = JoinSet::new();
        for (topic, spans) in spans {
            let topic: Arc<str> = topic.into();
            let (chunks, mut of_topic) = mpsc::channel(1);
            // A request that waits for news holds up what comes after it on a connection.
            let cluster = self.cluster.apart();
            let fetcher = Fetcher::new(cluster, &topic, self.settings.isolation, chunks);
            let sender = sender.clone();
            fetchers.spawn(async move {
                let name = Arc::clone(&topic);
                let forwarding = async {
                    while let Some(chunk) = of_topic.recv().await {
                        let fetched = Fetched {
                            topic: Arc::clone(&name),
                            partition: chunk.partition,
                            chunk,
                        };
                        // The receiver goes with the fetchers.
                        let _ = sender.send(fetched).await;
                    }
                };
                let (outcome, ()) = tokio::join!(fetcher.run(spans), forwarding);
                (topic, outcome)
            });
        }
        self.fetching = Some(Fetching { fetched, fetchers });
    }

    /// Stops fetching; what was fetched and not taken is dropped.
    pub fn stop_fetching(&mut self) {
        self.fetching = None;
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
        self.fetching = None;
        // A membership that has failed may be waiting to tell so.
        self.membership.close();
        if let Some(leave) = self.leave.take() {
            // The membership may have failed, and has left then.
            let _ = leave.send(());
        }
        while self.member.join_next().await.is_some() {}
    }
}

async fn next_event(
    membership: &mut mpsc::Receiver<ConsumerEvent>,
    fetching: Option<&mut Option<Fetching>>,
) -> ConsumerEvent {
    tokio::select! {
        biased;
        event = membership.recv() => {
            let ended = || KafkaError::protocol("the group", "the membership has ended");
            event.unwrap_or_else(|| ConsumerEvent::Failed(ended()))
        }
        event = next_read(fetching) => event,
    }
}

async fn next_read(fetching: Option<&mut Option<Fetching>>) -> ConsumerEvent {
    let Some(fetching) = fetching else {
        return std::future::pending().await;
    };
    match next_fetched(fetching.as_mut()).await {
        Ok(fetched) => ConsumerEvent::Records(fetched),
        Err(error) => {
            *fetching = None;
            ConsumerEvent::Failed(error)
        }
    }
}

async fn next_fetched(fetching: Option<&mut Fetching>) -> Result<Fetched, KafkaError> {
    let Some(fetching) = fetching else {
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            Some(fetched) = fetching.fetched.recv() => return Ok(fetched),
            ended = fetching.fetchers.join_next() => match ended {
                Some(Ok((_, Err(error)))) => return Err(error),
                Some(Ok((topic, Ok(())))) => {
                    return Err(KafkaError::protocol("the cluster", format_args!("reading {topic} has ended")));
                }
                Some(Err(failed)) => return Err(KafkaError::protocol("the cluster", failed)),
                None => std::future::pending().await,
            },
        }
    }
}
