//! Which broker a consumer reads each partition from: found, given up when it moves or fails, and found again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::ConsumerEvent;
use super::leader::{Leader, Returned, Span, Why};
use super::reset::{self, NoPosition, Reset};
use super::settings::{ConsumerSettings, Subscription};
use crate::io::kafka::cluster::{Cluster, TopicDescription, described};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::groups::TopicPartition;
use crate::protocol::errors;

/// Events that may wait to be taken; with the limits of a fetch this bounds the memory in use.
const WAITING_EVENTS: usize = 2;

/// Time between two warnings about what does not pass.
const SILENCE: Duration = Duration::from_secs(30);

/// Partitions, each with where to go on; `None`: where `auto.offset.reset` says.
pub(super) type Begin = BTreeMap<TopicPartition, Option<i64>>;

/// Reading from one set of positions on. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Reading {
    events: mpsc::Receiver<ConsumerEvent>,
    /// Aborted when this is dropped.
    _placing: JoinSet<()>,
}

impl Reading {
    pub(super) fn start(cluster: &Cluster, settings: &Arc<ConsumerSettings>, begin: Begin) -> Self {
        let (events, told) = mpsc::channel(WAITING_EVENTS);
        let (back, returned) = mpsc::unbounded_channel();
        let placing = Placing {
            cluster: cluster.clone(),
            settings: Arc::clone(settings),
            events: events.clone(),
            waiting: begin,
            due: Instant::now(),
            pause: settings.retry_backoff,
            resetting: JoinSet::new(),
            leaders: BTreeMap::new(),
            reading: JoinSet::new(),
            back,
            returned,
            missing: BTreeMap::new(),
            warned: None,
        };
        let mut running = JoinSet::new();
        running.spawn(async move {
            let end = placing.run().await;
            // The receiver goes with this task.
            let _ = events.send(end).await;
        });
        Self {
            events: told,
            _placing: running,
        }
    }

    /// Waits for what comes next. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> ConsumerEvent {
        let event = self.events.recv().await;
        let ended = || KafkaError::protocol("the cluster", "reading has ended");
        event.unwrap_or_else(|| ConsumerEvent::Failed(ended()))
    }
}

/// Where partitions of a topic are to be begun.
struct Begun {
    topic: String,
    partitions: BTreeSet<i32>,
    found: Result<BTreeMap<i32, i64>, KafkaError>,
}

struct Placing {
    cluster: Cluster,
    settings: Arc<ConsumerSettings>,
    events: mpsc::Sender<ConsumerEvent>,
    /// Partitions that nobody reads.
    waiting: Begin,
    /// When they are looked after.
    due: Instant,
    pause: Duration,
    resetting: JoinSet<Begun>,
    leaders: BTreeMap<i32, mpsc::UnboundedSender<Vec<Span>>>,
    /// Aborted when this is dropped.
    reading: JoinSet<()>,
    back: mpsc::UnboundedSender<Returned>,
    returned: mpsc::UnboundedReceiver<Returned>,
    /// Topics that the cluster does not know, and since when.
    missing: BTreeMap<String, Instant>,
    warned: Option<Instant>,
}

impl Placing {
    /// Looks after the partitions; returns what will not pass.
    async fn run(mut self) -> ConsumerEvent {
        loop {
            let done = tokio::select! {
                Some(returned) = self.returned.recv() => self.take_back(returned),
                Some(begun) = self.resetting.join_next() => match begun {
                    Ok(begun) => self.begun(begun).await,
                    Err(failed) => Err(KafkaError::protocol("the cluster", failed).into()),
                },
                () = sleep_until(self.due), if !self.waiting.is_empty() => self.place().await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Takes a partition back from a broker that does not deliver it.
    fn take_back(&mut self, returned: Returned) -> Result<(), ConsumerEvent> {
        let Returned { span, why } = returned;
        let at = (span.topic.to_string(), span.partition);
        if span.is_read {
            self.pause = self.settings.retry_backoff;
        }
        if self.waiting.is_empty() {
            self.due = Instant::now() + self.pause;
        }
        let position = match why {
            Why::OutOfRange if self.settings.reset == Reset::None => {
                let position = span.position;
                return Err(NoPosition::OutOfRange { at, position }.into());
            }
            Why::OutOfRange => {
                let (topic, partition, position) = (&at.0, at.1, span.position);
                tracing::warn!(
                    topic,
                    partition,
                    position,
                    "the position is not in the log; reading begins where auto.offset.reset says"
                );
                self.due = Instant::now();
                None
            }
            Why::Failed(error) if passes(&error) => {
                self.warn(&error);
                Some(span.position)
            }
            Why::Failed(error) => return Err(error.into()),
        };
        self.waiting.insert(at, position);
        Ok(())
    }

    /// Gives the partitions that wait to their leaders, as far as those are known.
    async fn place(&mut self) -> Result<(), ConsumerEvent> {
        while self.reading.try_join_next().is_some() {}
        self.due = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(self.settings.retry_backoff_max);
        self.check_policy()?;
        let names: BTreeSet<&String> = self.waiting.keys().map(|(topic, _)| topic).collect();
        let names = names.into_iter().cloned().collect();
        let Some(topics) = self.describe(names).await? else {
            return Ok(());
        };
        let mut spans: BTreeMap<i32, Vec<Span>> = BTreeMap::new();
        let mut resets: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
        for ((topic, partition), position) in std::mem::take(&mut self.waiting) {
            let described = topics.get(&topic);
            let leader = described
                .and_then(|topic| topic.partitions.get(&partition))
                .and_then(|partition| partition.leader);
            match (leader, position) {
                (Some(leader), Some(position)) => spans.entry(leader).or_default().push(Span {
                    topic: topic.into(),
                    id: described.and_then(|topic| topic.id),
                    partition,
                    position,
                    is_read: false,
                }),
                (Some(_), None) => _ = resets.entry(topic).or_default().insert(partition),
                (None, position) => _ = self.waiting.insert((topic, partition), position),
            }
        }
        for (leader, spans) in spans {
            self.give(leader, spans);
        }
        for (topic, partitions) in resets {
            self.reset(topic, partitions);
        }
        self.look_after_missing(&topics).await
    }

    /// Without a policy a partition without a position is an error.
    fn check_policy(&self) -> Result<(), ConsumerEvent> {
        let without = |(at, position): (&TopicPartition, &Option<i64>)| {
            position.is_none().then(|| at.clone())
        };
        let partitions: Vec<_> = self.waiting.iter().filter_map(without).collect();
        if self.settings.reset == Reset::None && !partitions.is_empty() {
            return Err(NoPosition::Undefined { partitions }.into());
        }
        Ok(())
    }

    /// Describes topics; `None`: nobody answers now.
    async fn describe(
        &mut self,
        names: Vec<String>,
    ) -> Result<Option<BTreeMap<String, TopicDescription>>, ConsumerEvent> {
        let deadline = self.cluster.retry().deadline();
        let topics = match self.cluster.metadata(Some(names), deadline).await {
            Ok(answer) => described(answer),
            Err(error) if passes(&error) => {
                self.warn(&error);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        for error in topics.values().filter_map(|topic| topic.error.clone()) {
            let error = KafkaError::from(error.by(&self.cluster.caller()));
            if !passes(&error) {
                return Err(error.into());
            }
            self.warn(&error);
        }
        Ok(Some(topics))
    }

    fn give(&mut self, leader: i32, spans: Vec<Span>) {
        // A task that has failed takes nothing any more.
        let unsent = match self.leaders.get(&leader) {
            Some(inbox) => inbox.send(spans).err().map(|unsent| unsent.0),
            None => Some(spans),
        };
        let Some(open) = unsent else { return };
        let (inbox, arriving) = mpsc::unbounded_channel();
        let reading = Leader {
            id: leader,
            cluster: self.cluster.clone(),
            settings: Arc::clone(&self.settings),
            arriving,
            events: self.events.clone(),
            back: self.back.clone(),
            open,
        };
        self.reading.spawn(reading.run());
        self.leaders.insert(leader, inbox);
    }

    fn reset(&mut self, topic: String, partitions: BTreeSet<i32>) {
        let (cluster, settings) = (self.cluster.clone(), Arc::clone(&self.settings));
        self.resetting.spawn(async move {
            let found = reset::begin(&cluster, &settings, &topic, &partitions).await;
            Begun {
                topic,
                partitions,
                found,
            }
        });
    }

    /// Tells where partitions begin, and has them read from there.
    async fn begun(&mut self, begun: Begun) -> Result<(), ConsumerEvent> {
        let found = match begun.found {
            Ok(found) => {
                self.due = Instant::now();
                found
            }
            Err(error) if passes(&error) => {
                self.warn(&error);
                BTreeMap::new()
            }
            Err(error) => return Err(error.into()),
        };
        for partition in begun.partitions {
            let at = (begun.topic.clone(), partition);
            let position = found.get(&partition).copied();
            if let Some(position) = position {
                // The receiver goes with this task.
                let event = ConsumerEvent::Placed(at.clone(), position);
                let _ = self.events.send(event).await;
            }
            self.waiting.insert(at, position);
        }
        Ok(())
    }

    /// Fails when nothing is left of a list of topics and nothing has been for a while.
    async fn look_after_missing(
        &mut self,
        topics: &BTreeMap<String, TopicDescription>,
    ) -> Result<(), ConsumerEvent> {
        let is_gone = |name: &String| topics.get(name).is_some_and(is_unknown);
        self.missing.retain(|name, _| is_gone(name));
        for name in topics.keys().filter(|name| is_gone(name)) {
            self.missing
                .entry(name.clone())
                .or_insert_with(Instant::now);
        }
        let Subscription::Topics(all) = &self.settings.subscription else {
            return Ok(());
        };
        let patience = self.cluster.settings().timeout;
        let is_over = |since: &Instant| since.elapsed() >= patience;
        let Some(name) = self.missing.keys().next().cloned() else {
            return Ok(());
        };
        if !self.missing.values().any(is_over) {
            return Ok(());
        }
        let all = all.clone();
        let left = self.describe(all).await?;
        if left.is_some_and(|left| left.values().all(is_unknown)) {
            let code = errors::UNKNOWN_TOPIC_OR_PARTITION;
            let resource = crate::io::kafka::acl::Resource::topic(&name);
            let error = BrokerError::new("Metadata", resource, code);
            return Err(KafkaError::from(error).into());
        }
        Ok(())
    }

    /// Tells of what passes, and not at every attempt.
    fn warn(&mut self, error: &KafkaError) {
        if self.warned.is_some_and(|at| at.elapsed() < SILENCE) {
            tracing::debug!(%error, "reading is tried again");
            return;
        }
        self.warned = Some(Instant::now());
        let group = &self.settings.group;
        tracing::warn!(%error, group, "reading is tried again");
    }
}

fn is_unknown(topic: &TopicDescription) -> bool {
    let error = topic.error.as_ref();
    error.is_some_and(|error| error.is(errors::UNKNOWN_TOPIC_OR_PARTITION))
}

/// True for what Java's consumer waits out: what the error code calls retriable, and a broker that does not know what is the
/// matter; damaged records stay damaged.
fn passes(error: &KafkaError) -> bool {
    let code = error.broker().map(|answer| answer.code.code);
    match code {
        Some(errors::UNKNOWN_SERVER_ERROR) => true,
        Some(errors::CORRUPT_MESSAGE) => false,
        _ => error.passes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_java_s_consumer_waits_out_passes() {
        let answer = |code| KafkaError::from(BrokerError::new("Fetch", "t-0", code));
        for code in [
            errors::NOT_LEADER_OR_FOLLOWER,
            errors::UNKNOWN_TOPIC_OR_PARTITION,
            errors::UNKNOWN_TOPIC_ID,
            errors::UNKNOWN_SERVER_ERROR,
        ] {
            assert!(passes(&answer(code)), "{code}");
        }
        for code in [errors::CORRUPT_MESSAGE, errors::TOPIC_AUTHORIZATION_FAILED] {
            assert!(!passes(&answer(code)), "{code}");
        }
    }
}
