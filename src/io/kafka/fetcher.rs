//! Record data of partitions, fetched from their leaders side by side, wherever the leaders move.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::{Cluster, TopicDescription, topic_name};
use crate::io::kafka::connection::Connection;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::log::Isolation;
use crate::io::kafka::offsets::{OffsetSpec, is_news};
use crate::protocol::errors;
use crate::protocol::record_batch::{AbortedTransaction, Batches};

/// Bytes of one answer, and of one partition in it; a larger batch comes alone.
const ANSWER_BYTES: i32 = 8 << 20;
const PARTITION_BYTES: i32 = 2 << 20;

/// How long a broker waits for data; there is data up to the end we read to, unless it was compacted away.
const MAX_WAIT_MS: i32 = 100;

/// How long a broker waits for news, as `fetch.max.wait.ms` of Java's consumer.
const FOLLOW_WAIT_MS: i32 = 500;

/// The end of a partition that is followed.
const NEVER: i64 = i64::MAX;

/// Answers without data after which a leader that has everything up to the end has nothing more for us.
const EMPTY_ANSWERS: u32 = 2;

/// The last version in which a topic is named by its name, not by its id.
const BY_NAME: i16 = 12;

/// What is left to read of one partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    partition: i32,
    position: i64,
    end: i64,
    /// Answers in a row by which the leader had nothing from `position` on.
    empty: u32,
    kind: SpanKind,
}

/// For whom a span is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SpanKind {
    /// Who reads records, and nothing else.
    Records,
    /// Who wants to have read the whole log: it is told when reading is known to succeed, though there be no records, and a
    /// log that is shorter than it was is read again from its start.
    Log { is_told: bool },
}

impl Span {
    pub(super) fn new(partition: i32, start: i64, end: i64) -> Self {
        Self {
            partition,
            position: start,
            end,
            empty: 0,
            kind: SpanKind::Records,
        }
    }

    /// What comes after `start`, for ever.
    pub(super) fn followed(partition: i32, start: i64) -> Self {
        Self::new(partition, start, NEVER)
    }

    /// Likewise, of a log that is to be known as a whole.
    pub(super) fn of_log(partition: i32, start: i64) -> Self {
        Self {
            kind: SpanKind::Log { is_told: false },
            ..Self::followed(partition, start)
        }
    }

    fn is_told(self) -> Self {
        match self.kind {
            SpanKind::Records => self,
            SpanKind::Log { .. } => Self {
                kind: SpanKind::Log { is_told: true },
                ..self
            },
        }
    }

    fn is_read(&self) -> bool {
        self.position >= self.end
    }
}

/// Fetched data of one partition, to be decoded.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) partition: i32,
    /// Records before this offset were had already.
    pub(super) from: i64,
    /// Records from this offset on are not wanted.
    pub(super) end: i64,
    pub(super) data: Bytes,
    pub(super) aborted: Vec<AbortedTransaction>,
}

/// Fetches a topic for one reader.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    cluster: Cluster,
    topic: Arc<str>,
    isolation: Isolation,
    chunks: mpsc::Sender<Chunk>,
}

/// What one leader could not or need not deliver.
struct Left {
    spans: Vec<Span>,
    /// Why, when `spans` is not empty.
    error: Option<KafkaError>,
    progressed: bool,
}

impl Fetcher {
    pub(super) fn new(
        cluster: Cluster,
        topic: &str,
        isolation: Isolation,
        chunks: mpsc::Sender<Chunk>,
    ) -> Self {
        Self {
            cluster,
            topic: topic.into(),
            isolation,
            chunks,
        }
    }

    /// Fetches all spans to their ends.
    pub(super) async fn run(self, mut spans: Vec<Span>) -> Result<(), KafkaError> {
        let mut retry = self.cluster.retry();
        let mut first_id = None;
        while !spans.is_empty() {
            let topic = match self.cluster.topic(&self.topic).await {
                Ok(topic) => topic,
                // Who follows a topic was told of it by somebody: whoever does not know it lags behind, for a while.
                Err(error) if is_followed(spans.first()) && is_news(&error) => {
                    retry.pause(error).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (left, error, progressed) = self.round(&topic, spans, &mut first_id).await?;
            spans = left;
            if progressed {
                retry = self.cluster.retry();
            }
            match error {
                // The topic exists: a broker that does not know it has not heard of it yet.
                Some(error) if is_news(&error) => retry.pause(error).await?,
                Some(error) => retry.pause_if_transient(error).await?,
                None => {}
            }
        }
        Ok(())
    }

    /// Fetches from each leader as far as it goes.
    async fn round(
        &self,
        topic: &TopicDescription,
        spans: Vec<Span>,
        first_id: &mut Option<Uuid>,
    ) -> Result<(Vec<Span>, Option<KafkaError>, bool), KafkaError> {
        // A topic of the same name, deleted and created again, has nothing to do with what was read so far.
        if first_id.is_some() && *first_id != topic.id {
            let resource = Resource::topic(&self.topic);
            return Err(BrokerError::new("Fetch", resource, errors::UNKNOWN_TOPIC_ID).into());
        }
        *first_id = topic.id;
        let mut by_leader: BTreeMap<i32, Vec<Span>> = BTreeMap::new();
        for span in spans {
            let state = topic.partitions.get(&span.partition);
            let leader = state.and_then(|state| state.leader).unwrap_or(-1);
            by_leader.entry(leader).or_default().push(span);
        }
        let mut leaders = JoinSet::new();
        let over = Arc::new(AtomicBool::new(false));
        for (leader, spans) in by_leader {
            let over = Arc::clone(&over);
            leaders.spawn(self.clone().fetch_from(leader, topic.id, spans, over));
        }
        let (mut left, mut reason, mut progressed) = (Vec::new(), None, false);
        while let Some(finished) = leaders.join_next().await {
            let from_leader =
                finished.map_err(|failed| KafkaError::protocol("the cluster", failed))?;
            left.extend(from_leader.spans);
            reason = worse(reason, from_leader.error);
            progressed |= from_leader.progressed;
        }
        Ok((left, reason, progressed))
    }

    /// Fetches from one leader until its spans are read or it fails, or until `over` where there is no end.
    async fn fetch_from(
        self,
        leader: i32,
        topic: Option<Uuid>,
        spans: Vec<Span>,
        over: Arc<AtomicBool>,
    ) -> Left {
        let mut session = Session {
            over,
            progressed: false,
            open: spans,
            moved: Vec::new(),
            error: None,
            standstill: self.cluster.retry().deadline(),
        };
        let failed = self.fetch_all(leader, topic, &mut session).await.err();
        session.over.store(true, Ordering::Relaxed);
        session.moved.append(&mut session.open);
        Left {
            spans: session.moved,
            error: worse(session.error, failed),
            progressed: session.progressed,
        }
    }

    async fn fetch_all(
        &self,
        leader: i32,
        topic: Option<Uuid>,
        session: &mut Session,
    ) -> Result<(), KafkaError> {
        let deadline = self.cluster.retry().deadline();
        let connection = self.cluster.broker(leader, deadline).await?;
        let at_most = if topic.is_some() { i16::MAX } else { BY_NAME };
        let version = connection.version::<FetchRequest>(at_most)?;
        while !session.open.is_empty() {
            let deadline = self.cluster.retry().deadline();
            let request = self.request(version, topic, &session.open);
            let response = connection.request(&request, version, deadline).await?;
            self.take(&connection, response, session).await?;
            if is_followed(session.open.first()) {
                session.advanced(self.cluster.retry().deadline());
                // There is no end after which partitions that moved would get their turn.
                if !session.moved.is_empty() || session.over.load(Ordering::Relaxed) {
                    return Ok(());
                }
            }
            // The first partition of a request is the one that gets a whole batch however large: everyone's turn.
            if session.open.len() > 1 {
                session.open.rotate_left(1);
            }
            session.check_standstill(&self.topic, &connection)?;
        }
        Ok(())
    }

    fn request(&self, version: i16, id: Option<Uuid>, spans: &[Span]) -> FetchRequest {
        let partitions = spans.iter().map(|span| {
            FetchPartition::default()
                .with_partition(span.partition)
                .with_fetch_offset(span.position)
                .with_partition_max_bytes(PARTITION_BYTES)
        });
        let topic = FetchTopic::default().with_partitions(partitions.collect());
        let topic = match id {
            Some(id) if version > BY_NAME => topic.with_topic_id(id),
            _ => topic.with_topic(topic_name(&*self.topic)),
        };
        let wait = if is_followed(spans.first()) {
            FOLLOW_WAIT_MS
        } else {
            MAX_WAIT_MS
        };
        FetchRequest::default()
            .with_max_wait_ms(wait)
            .with_min_bytes(1)
            .with_max_bytes(ANSWER_BYTES)
            .with_isolation_level(i8::from(self.isolation == Isolation::ReadCommitted))
            .with_topics(vec![topic])
    }

    /// Passes on what came and moves the positions.
    async fn take(
        &self,
        connection: &Connection,
        response: FetchResponse,
        session: &mut Session,
    ) -> Result<(), KafkaError> {
        if response.error_code != errors::NONE {
            let resource = Resource::topic(&self.topic);
            return Err(BrokerError::new("Fetch", resource, response.error_code).into());
        }
        let partitions: Vec<PartitionData> = response
            .responses
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .collect();
        let nothing = |data: &PartitionData| data.records.as_ref().is_none_or(Bytes::is_empty);
        let all_empty = partitions.iter().all(nothing);
        for data in partitions {
            let at = session
                .open
                .iter()
                .position(|s| s.partition == data.partition_index);
            let Some(at) = at else {
                return Err(KafkaError::protocol(
                    connection.address(),
                    format_args!("partition {} was not asked for", data.partition_index),
                ));
            };
            let before = session.open[at];
            match self.advance(before, data, all_empty).await {
                Ok(span) => {
                    session.open[at] = span;
                    if span.position > before.position {
                        session.advanced(self.cluster.retry().deadline());
                    }
                }
                Err(error) => {
                    session.error = worse(session.error.take(), Some(error));
                    session.moved.push(session.open.swap_remove(at));
                }
            }
        }
        session.open.retain(|span| !span.is_read());
        Ok(())
    }

    /// Passes on the data of one partition and returns what is left of it.
    async fn advance(
        &self,
        span: Span,
        data: PartitionData,
        all_empty: bool,
    ) -> Result<Span, KafkaError> {
        if data.error_code == errors::OFFSET_OUT_OF_RANGE {
            return self.after_deletion(span).await;
        }
        if data.error_code != errors::NONE {
            let resource = Resource::partition(&self.topic, span.partition);
            return Err(BrokerError::new("Fetch", resource, data.error_code).into());
        }
        let available = match self.isolation {
            Isolation::ReadUncommitted => data.high_watermark,
            Isolation::ReadCommitted => data.last_stable_offset,
        };
        let records = data.records.unwrap_or_default();
        if records.is_empty() && span.kind != (SpanKind::Log { is_told: false }) {
            return Ok(after_nothing(span, all_empty && available >= span.end));
        }
        let mut next = span.position;
        for batch in Batches::new(records.clone()) {
            let batch = batch.map_err(|source| KafkaError::Records {
                topic: self.topic.to_string(),
                partition: span.partition,
                source,
            })?;
            next = next.max(batch.next_offset());
        }
        let aborted = data.aborted_transactions.unwrap_or_default();
        let chunk = Chunk {
            partition: span.partition,
            from: span.position,
            end: span.end,
            data: records,
            aborted: aborted
                .into_iter()
                .map(|transaction| AbortedTransaction {
                    producer_id: transaction.producer_id.0,
                    first_offset: transaction.first_offset,
                })
                .collect(),
        };
        // The reader is gone only when it does not want the rest.
        let _ = self.chunks.send(chunk).await;
        Ok(Span {
            position: next,
            empty: 0,
            ..span.is_told()
        })
    }

    /// Goes on at the new start of a partition whose oldest records were deleted while we read.
    async fn after_deletion(&self, span: Span) -> Result<Span, KafkaError> {
        let starts = self
            .cluster
            .offsets(&self.topic, OffsetSpec::Earliest)
            .await?;
        let resource = Resource::partition(&self.topic, span.partition);
        match starts.get(&span.partition) {
            Some(start) if *start > span.position => Ok(Span {
                position: *start,
                ..span
            }),
            Some(start) if *start < span.position && span.kind != SpanKind::Records => {
                tracing::warn!(
                    topic = &*self.topic,
                    partition = span.partition,
                    position = span.position,
                    start,
                    "records were lost: the topic is read again from its start"
                );
                Ok(Span {
                    position: *start,
                    ..span
                })
            }
            // The log ends before the end it had: records were lost with their leader.
            _ => Err(BrokerError::new("Fetch", resource, errors::OFFSET_OUT_OF_RANGE).into()),
        }
    }
}

/// Spans of one reader are all followed, or none is.
fn is_followed(span: Option<&Span>) -> bool {
    span.is_some_and(|span| span.end == NEVER)
}

/// Counts an answer without data; after enough of them the rest of the partition is a gap.
fn after_nothing(span: Span, leader_has_all: bool) -> Span {
    let empty = if leader_has_all { span.empty + 1 } else { 0 };
    if empty < EMPTY_ANSWERS {
        return Span { empty, ..span };
    }
    Span {
        position: span.end,
        ..span
    }
}

/// One leader's share of the topic, while it is being fetched.
struct Session {
    /// The round is over: a leader could not deliver.
    over: Arc<AtomicBool>,
    open: Vec<Span>,
    /// Spans that this leader refused.
    moved: Vec<Span>,
    error: Option<KafkaError>,
    progressed: bool,
    /// When to stop waiting for data that does not come.
    standstill: Instant,
}

impl Session {
    fn advanced(&mut self, deadline: Instant) {
        self.progressed = true;
        self.standstill = deadline;
    }

    fn check_standstill(&self, topic: &str, connection: &Connection) -> Result<(), KafkaError> {
        match self.open.first() {
            Some(span) if Instant::now() >= self.standstill => Err(KafkaError::Stalled {
                address: connection.address().to_owned(),
                partition: format!("{topic}-{}", span.partition),
                position: span.position,
                end: span.end,
            }),
            _ => Ok(()),
        }
    }
}

/// Keeps the error that will not pass, if one is.
fn worse(one: Option<KafkaError>, other: Option<KafkaError>) -> Option<KafkaError> {
    match (one, other) {
        (Some(one), Some(other)) if one.is_retriable() || is_news(&one) => Some(other),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_at_the_end_is_believed_only_when_the_leader_has_everything() {
        let span = Span::new(0, 5, 9);
        let behind = after_nothing(span, false);
        assert!(!behind.is_read());
        let once = after_nothing(behind, true);
        assert!(!once.is_read());
        assert!(!after_nothing(once, false).is_read());
        assert!(after_nothing(once, true).is_read());
    }

    #[test]
    fn an_error_that_will_not_pass_is_reported_before_one_that_may() {
        let passing = || KafkaError::from(BrokerError::new("Fetch", "p", errors::NOT_CONTROLLER));
        let lasting = || {
            let code = errors::TOPIC_AUTHORIZATION_FAILED;
            KafkaError::from(BrokerError::new("Fetch", "p", code))
        };
        for (one, other) in [(passing(), lasting()), (lasting(), passing())] {
            assert!(worse(Some(one), Some(other)).is_some_and(|e| e.is_authorization()));
        }
        assert!(worse(None, None).is_none());
    }
}
