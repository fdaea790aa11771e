//! A producer: records are encoded into the batches that are sent, batches go to the leaders of their partitions in order,
//! and every record is told of once, acknowledged or lost.
//!
//! Idempotent unless it is told otherwise (KIP-98): a batch that is sent again is not written twice, and order holds with
//! several batches on the way. Nothing here waits for one record; [`Producer::next`] does everything that takes time.

mod identity;
mod outbox;
mod requests;
mod settings;
mod topic;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use kafka_protocol::messages::MetadataResponse;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::connection::Connection;
use crate::io::kafka::error::KafkaError;
use crate::protocol::errors;
use crate::protocol::record_batch::{BatchBuilder, NewRecord};
use identity::Identity;
use outbox::{Answer, Told};
use requests::{Event, Outgoing, SentBatch};
pub use settings::ProducerSettings;
use topic::Topic;

/// A topic of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicHandle(usize);

/// What became of records, by the tickets that they were given in with.
#[derive(Debug)]
pub enum Delivery {
    Acknowledged {
        topic: TopicHandle,
        tickets: Vec<Range<u64>>,
    },
    /// They are not in the topic, or nobody knows.
    Lost {
        topic: TopicHandle,
        tickets: Vec<Range<u64>>,
        error: ProduceError,
    },
}

/// Why a record cannot be written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProduceError {
    #[error(
        "The message is {size} bytes when serialized which is larger than {limit}, which is the value of the \
         max.request.size configuration."
    )]
    TooLarge { size: usize, limit: usize },
    #[error("could not be written to {topic}: {source}")]
    Kafka {
        topic: String,
        source: Box<KafkaError>,
    },
    #[error("was not written to {topic}-{partition} within delivery.timeout.ms{}", because(last.as_deref()))]
    Expired {
        topic: String,
        partition: usize,
        last: Option<Box<KafkaError>>,
    },
    #[error("could not be compressed: {0}")]
    Compression(Arc<std::io::Error>),
    /// The producer itself may not write or cannot: what failed will fail for every record.
    #[error("cannot be written to {topic}, and no other can: {source}")]
    Fatal {
        topic: String,
        source: Box<KafkaError>,
    },
}

impl ProduceError {
    /// Returns why a record was lost: what a broker says of a partition is about the record, all else is about the producer
    /// (`TransactionManager.maybeTransitionToErrorState`).
    fn of(topic: String, error: KafkaError) -> Self {
        let of_record = error.broker().is_some_and(|answer| {
            !answer.is(errors::CLUSTER_AUTHORIZATION_FAILED)
                && !answer.is(errors::UNSUPPORTED_VERSION)
        });
        let source = Box::new(error);
        if of_record {
            Self::Kafka { topic, source }
        } else {
            Self::Fatal { topic, source }
        }
    }

    /// True when leaving this record out would leave all others out as well.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal { .. })
    }
}

fn because(last: Option<&KafkaError>) -> String {
    last.map(|error| format!(": {error}")).unwrap_or_default()
}

/// Writes records to topics of one cluster.
#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    settings: Arc<ProducerSettings>,
    identity: Identity,
    topics: Vec<Topic>,
    by_name: HashMap<String, TopicHandle>,
    brokers: BTreeMap<i32, Broker>,
    metadata: Metadata,
    work: JoinSet<Event>,
    deliveries: VecDeque<Delivery>,
    /// Bytes of records that are not told of yet.
    buffered: usize,
    /// Batches do not wait to be filled.
    hurried: bool,
}

/// The way to one broker.
#[derive(Debug, Default)]
struct Broker {
    connection: Option<Arc<Connection>>,
    connecting: bool,
    /// Requests without an answer.
    in_flight: usize,
    /// After a failure, when to try again.
    rest_until: Option<Instant>,
}

/// What is known of the topics' leaders.
#[derive(Debug, Default)]
struct Metadata {
    asking: bool,
    /// Somebody needs news.
    wanted: bool,
    rest_until: Option<Instant>,
    /// When what is known is too old.
    stale_at: Option<Instant>,
}

impl Producer {
    /// Does not connect yet.
    pub fn new(cluster: &Cluster, settings: ProducerSettings) -> Self {
        Self {
            // What it sends must not wait behind what others ask.
            cluster: cluster.apart(),
            identity: Identity::new(settings.is_idempotent),
            settings: Arc::new(settings),
            topics: Vec::new(),
            by_name: HashMap::new(),
            brokers: BTreeMap::new(),
            metadata: Metadata::default(),
            work: JoinSet::new(),
            deliveries: VecDeque::new(),
            buffered: 0,
            hurried: false,
        }
    }

    /// Names a topic that records will go to.
    pub fn topic(&mut self, name: &str) -> TopicHandle {
        if let Some(handle) = self.by_name.get(name) {
            return *handle;
        }
        let handle = TopicHandle(self.topics.len());
        self.topics.push(Topic::new(name));
        self.by_name.insert(name.to_owned(), handle);
        self.metadata.wanted = true;
        handle
    }

    /// True when the partitions of a topic are known, so that records can be given in.
    pub fn is_known(&self, topic: TopicHandle) -> bool {
        self.topics[topic.0].is_known()
    }

    /// Returns why nothing can be written to a topic: the cluster refuses to tell its partitions, and waiting will not help.
    pub fn refusal(&self, topic: TopicHandle) -> Option<ProduceError> {
        let topic = &self.topics[topic.0];
        let trouble = topic.trouble.as_ref();
        let trouble = trouble.filter(|error| !topic.is_known() && !error.passes())?;
        Some(ProduceError::Kafka {
            topic: topic.name.clone(),
            source: Box::new(trouble.clone()),
        })
    }

    /// Asks for the topics again that nothing could be learnt of.
    pub fn look_again(&mut self) {
        self.metadata.wanted = true;
    }

    /// True while the records that were given in and not told of yet leave room for more.
    pub fn has_room(&self) -> bool {
        self.buffered < self.settings.buffer_memory
    }

    /// True when every record that was given in has been told of.
    pub fn is_idle(&self) -> bool {
        self.buffered == 0 && self.deliveries.is_empty()
    }

    /// Sends what there is without waiting for more, until everything has been told of.
    pub fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Takes a record of a known topic; `partition: None` chooses one as Java's producer does.
    ///
    /// # Errors
    /// The record is larger than a request may be.
    pub fn push(
        &mut self,
        topic: TopicHandle,
        partition: Option<usize>,
        ticket: u64,
        record: &NewRecord<'_>,
    ) -> Result<(), ProduceError> {
        let bytes = BatchBuilder::bytes_of(record);
        let size = BatchBuilder::HEADER + bytes;
        if size > self.settings.max_request_size {
            return Err(ProduceError::TooLarge {
                size,
                limit: self.settings.max_request_size,
            });
        }
        let settings = &*self.settings;
        let state = &mut self.topics[topic.0];
        let at = partition.unwrap_or_else(|| state.choose(record.key, bytes, settings));
        if let Some(outbox) = state.partitions.get_mut(at) {
            outbox.push(record, ticket, bytes, settings);
            self.buffered += bytes;
        }
        Ok(())
    }

    /// Moves things on until something has become of records, or until `is_known` may have changed.
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            let now = Instant::now();
            self.send_what_can_be_sent(now);
            if let Some(delivery) = self.deliveries.pop_front() {
                return Some(delivery);
            }
            if self.is_idle() {
                self.hurried = false;
            }
            let due = self.next_due(now);
            tokio::select! {
                event = self.work.join_next(), if !self.work.is_empty() => {
                    if let Some(Ok(event)) = event
                        && self.take(event)
                    {
                        return None;
                    }
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                else => std::future::pending().await,
            }
        }
    }

    /// Takes what came; true when topics may have become known.
    fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Metadata(answer) => {
                self.take_metadata(answer);
                return true;
            }
            Event::Identity(answer) => {
                if let Some(error) = self.identity.take(answer, &self.settings) {
                    self.lose_everything(&error);
                }
            }
            Event::Connected(id, outcome) => {
                let backoff = self.settings.retry_backoff;
                let broker = self.brokers.entry(id).or_default();
                broker.connecting = false;
                match outcome {
                    Ok(connection) => broker.connection = Some(connection),
                    Err(error) => {
                        broker.rest_until = Some(Instant::now() + backoff);
                        self.unreachable(&error, "a broker that is to be written to");
                    }
                }
            }
            Event::Answered(id, sent, answer) => self.take_answer(id, sent, &answer),
        }
        false
    }

    fn take_metadata(&mut self, answer: Result<MetadataResponse, KafkaError>) {
        self.metadata.asking = false;
        let now = Instant::now();
        match answer {
            Ok(answer) => {
                let mut all_known = true;
                for topic in &mut self.topics {
                    let found = answer
                        .topics
                        .iter()
                        .find(|found| found.name.as_deref().is_some_and(|n| **n == *topic.name));
                    all_known &= found.is_some_and(|found| topic.learn(found));
                }
                self.metadata.stale_at = Some(now + self.settings.metadata_max_age);
                self.metadata.wanted |= !all_known;
                self.metadata.rest_until = Some(now + self.settings.retry_backoff);
            }
            Err(error) => {
                self.metadata.rest_until = Some(now + self.settings.retry_backoff);
                self.unreachable(&error, "a broker that knows the leaders of the topics");
            }
        }
    }

    /// Waits for a broker to come back; what will not pass by itself, such as a certificate that is not trusted, fails
    /// everything.
    fn unreachable(&mut self, error: &KafkaError, broker: &str) {
        if error.passes() {
            tracing::warn!(%error, "{broker} cannot be reached");
            self.metadata.wanted = true;
        } else {
            self.lose_everything(error);
        }
    }

    /// Takes the answer to a request, partition by partition.
    fn take_answer(
        &mut self,
        broker: i32,
        sent: Vec<SentBatch>,
        answer: &Result<requests::Outcomes, KafkaError>,
    ) {
        let now = Instant::now();
        if let Some(state) = self.brokers.get_mut(&broker) {
            state.in_flight = state.in_flight.saturating_sub(1);
            if answer.is_err() {
                state.connection = None;
                state.rest_until = Some(now + self.settings.retry_backoff);
            }
        }
        for batch in sent {
            let topic = &mut self.topics[batch.topic.0];
            let outcome = match answer {
                Ok(outcomes) => outcomes.of(&topic.name, batch.partition),
                Err(error) => Err(error.clone()),
            };
            let Some(outbox) = topic.partitions.get_mut(batch.partition) else {
                continue;
            };
            match outbox.answered(batch.serial, outcome, now, &self.settings) {
                Answer::Acknowledged(told) => {
                    self.buffered = self.buffered.saturating_sub(told.bytes);
                    self.deliveries.push_back(Delivery::Acknowledged {
                        topic: batch.topic,
                        tickets: told.tickets,
                    });
                }
                Answer::Again { news, renew } => {
                    self.metadata.wanted |= news;
                    if renew {
                        self.identity.renew();
                    }
                }
                Answer::Lost(told, error) => {
                    let error = ProduceError::of(topic.name.clone(), error);
                    self.lose(batch.topic, told, error);
                }
            }
        }
    }

    fn lose(&mut self, topic: TopicHandle, told: Told, error: ProduceError) {
        self.buffered = self.buffered.saturating_sub(told.bytes);
        if told.tickets.is_empty() {
            return;
        }
        self.deliveries.push_back(Delivery::Lost {
            topic,
            tickets: told.tickets,
            error,
        });
    }

    /// Gives everything up that is not on its way: what failed will fail for each of them.
    fn lose_everything(&mut self, error: &KafkaError) {
        for at in 0..self.topics.len() {
            let name = self.topics[at].name.clone();
            self.topics[at].trouble = Some(error.clone());
            let mut lost = Vec::new();
            for outbox in &mut self.topics[at].partitions {
                lost.append(&mut outbox.give_up());
            }
            for told in lost {
                let error = ProduceError::Fatal {
                    topic: name.clone(),
                    source: Box::new(error.clone()),
                };
                self.lose(TopicHandle(at), told, error);
            }
        }
    }

    fn send_what_can_be_sent(&mut self, now: Instant) {
        self.ask_for_metadata(now);
        self.expire(now);
        let has_news = self.topics.iter().any(Topic::has_something);
        if !has_news {
            return;
        }
        let all_answered = self.brokers.values().all(|broker| broker.in_flight == 0);
        let is_ready = self
            .identity
            .is_ready(all_answered, now, &self.cluster, &mut self.work);
        if self.identity.take_renewed() {
            for topic in &mut self.topics {
                for outbox in &mut topic.partitions {
                    outbox.renewed();
                }
            }
        }
        if is_ready {
            for id in self.leaders() {
                self.send_to(id, now);
            }
        }
    }

    /// Returns the brokers that lead partitions with something to send.
    fn leaders(&self) -> Vec<i32> {
        let outboxes = self.topics.iter().flat_map(|topic| &topic.partitions);
        let mut leaders: Vec<i32> = outboxes
            .filter(|outbox| outbox.has_something())
            .filter_map(|outbox| outbox.leader)
            .collect();
        leaders.sort_unstable();
        leaders.dedup();
        leaders
    }

    /// Sends requests to one broker while it may have more in flight.
    fn send_to(&mut self, id: i32, now: Instant) {
        loop {
            let most = self.settings.max_in_flight;
            let broker = self.brokers.entry(id).or_default();
            if broker.in_flight >= most || broker.rest_until.is_some_and(|until| until > now) {
                return;
            }
            broker.rest_until = None;
            let usable = broker.connection.clone().filter(|open| !open.is_broken());
            let Some(connection) = usable else {
                broker.connection = None;
                if !broker.connecting {
                    broker.connecting = true;
                    let deadline = now + self.settings.request_timeout;
                    let cluster = self.cluster.clone();
                    self.work.spawn(requests::connect(cluster, id, deadline));
                }
                return;
            };
            let outgoing = self.collect(id, now);
            if outgoing.is_empty() {
                return;
            }
            let request = requests::produce(&connection, &outgoing, &self.settings, &self.topics);
            let broker = self.brokers.entry(id).or_default();
            broker.in_flight += 1;
            let sent = outgoing.iter().map(|outgoing| outgoing.batch).collect();
            let caller = self.cluster.caller();
            let deadline = now + self.settings.request_timeout;
            self.work.spawn(requests::answered(
                id, sent, request, connection, caller, deadline,
            ));
        }
    }

    /// Takes the next batch of every partition that a broker leads, as much as fits into one request.
    fn collect(&mut self, leader: i32, now: Instant) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        let mut size = 0;
        let mut lost = Vec::new();
        for (at, topic) in self.topics.iter_mut().enumerate() {
            for (partition, outbox) in topic.partitions.iter_mut().enumerate() {
                if outbox.leader != Some(leader) || size >= self.settings.max_request_size {
                    continue;
                }
                match outbox.send(now, self.hurried, self.identity.current(), &self.settings) {
                    Ok(Some(sending)) => {
                        size += sending.bytes.len();
                        let batch = SentBatch {
                            topic: TopicHandle(at),
                            partition,
                            serial: sending.serial,
                        };
                        outgoing.push(Outgoing {
                            batch,
                            bytes: sending.bytes,
                        });
                    }
                    Ok(None) => {}
                    Err((error, told)) => lost.push((TopicHandle(at), told, Arc::new(error))),
                }
            }
        }
        for (topic, told, error) in lost {
            self.lose(topic, told, ProduceError::Compression(error));
        }
        outgoing
    }

    fn ask_for_metadata(&mut self, now: Instant) {
        let is_stale = self.metadata.stale_at.is_some_and(|at| at <= now);
        let is_wanted = self.metadata.wanted || is_stale;
        let may = self.metadata.rest_until.is_none_or(|until| until <= now);
        if self.topics.is_empty() || !is_wanted || self.metadata.asking || !may {
            return;
        }
        self.metadata.wanted = false;
        self.metadata.asking = true;
        let names = self.topics.iter().map(|topic| topic.name.clone()).collect();
        let deadline = now + self.settings.request_timeout;
        self.work
            .spawn(requests::metadata(self.cluster.clone(), names, deadline));
    }

    /// Gives up batches that could not be written within `delivery.timeout.ms`.
    fn expire(&mut self, now: Instant) {
        let Some(timeout) = self.settings.delivery_timeout else {
            return;
        };
        for at in 0..self.topics.len() {
            let mut expired = Vec::new();
            for (partition, outbox) in self.topics[at].partitions.iter_mut().enumerate() {
                let (told, unsure, last) = outbox.expired(now, timeout);
                if unsure {
                    // Nobody knows whether the next sequence number is the one that follows.
                    self.identity.renew();
                }
                expired.extend(told.into_iter().map(|told| (partition, told, last.clone())));
            }
            for (partition, told, last) in expired {
                let topic = self.topics[at].name.clone();
                let error = ProduceError::Expired {
                    topic,
                    partition,
                    last: last.map(Box::new),
                };
                self.lose(TopicHandle(at), told, error);
            }
        }
    }

    /// Returns when something is to be looked at again, whatever happens meanwhile; `now` is when everything was last looked
    /// at, so that what has become due since is not passed over.
    fn next_due(&self, now: Instant) -> Option<Instant> {
        let settings = &self.settings;
        let outboxes = self.topics.iter().flat_map(|topic| &topic.partitions);
        let outboxes = outboxes.flat_map(|outbox| {
            let expiry = settings
                .delivery_timeout
                .and_then(|timeout| outbox.expiry(timeout));
            [outbox.due(settings), expiry].into_iter().flatten()
        });
        let brokers = self.brokers.values().filter_map(|broker| broker.rest_until);
        let metadata = self.metadata.wanted && !self.metadata.asking;
        let metadata = metadata.then_some(self.metadata.rest_until).flatten();
        let is_waiting = self.buffered > 0;
        let times = outboxes
            .chain(brokers.filter(|_| is_waiting))
            .chain(metadata)
            .chain(self.identity.due().filter(|_| is_waiting))
            .chain(self.metadata.stale_at.filter(|_| !self.metadata.asking));
        times.filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests;
