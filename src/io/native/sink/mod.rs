//! A sink task: fetches, converts, puts, and commits what was put (`WorkerSinkTask`).

mod commit;
mod dead_letters;
mod put;

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use regex::Regex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::active_topics::Tracker;
use super::clients::{self, Client};
use super::converters::Converters;
use super::outage::PAUSE;
use super::task::{Context, TaskError, Wanted, apart, patiently};
use super::tolerance::Tolerance;
use crate::connectors::FileStreamSink;
use crate::io::kafka::consumer::{
    Assigned, Consumer, ConsumerEvent, ConsumerSettings, Fetched, Subscription, Want,
};
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::groups::TopicPartition;
use crate::model::properties::Properties;
use crate::protocol::errors;
use commit::{Draining, committed};
use dead_letters::DeadLetters;
use put::{Put, Putter};

/// Runs the task until it is to stop.
pub(super) async fn run(context: &mut Context) -> Result<(), TaskError> {
    let Some(mut task) = SinkTask::start(context).await? else {
        return Ok(());
    };
    let outcome = task.drive(context).await;
    // What was put is committed after a failure too.
    let closed = task.close().await;
    outcome.and(closed)
}

/// What putting gives back: the putter itself, and how far it came.
type Putting = JoinHandle<(Putter, Put, Result<(), TaskError>)>;

type Offsets = BTreeMap<TopicPartition, i64>;

struct SinkTask {
    consumer: Option<Consumer>,
    /// Away while it puts.
    putter: Option<Putter>,
    putting: Option<Putting>,
    /// After what was put, by partition that is assigned.
    positions: Offsets,
    committed: Offsets,
    /// What is committed when the dead letters of the records before it are in their topic.
    draining: Option<Draining>,
    committing: Option<JoinHandle<Result<Offsets, KafkaError>>>,
    next_commit: Instant,
    /// The time to commit came while it could not be done.
    commit_is_due: bool,
    flush_interval: Duration,
    flush_timeout: Duration,
    /// What dead letters may take while the task ends: half of the time, for the commit comes after them.
    last_drain: Duration,
    dead_letters: Option<DeadLetters>,
    tracker: Tracker,
    /// Fetching is to begin again, after a pause.
    fetch_at: Option<Instant>,
    is_fetching: bool,
}

impl SinkTask {
    /// Makes the task ready; `None`: it was told to stop before it was.
    async fn start(context: &Context) -> Result<Option<Self>, TaskError> {
        let (spec, host) = (&context.spec, &context.host);
        let settings = &host.settings;
        let config = &context.connector_config;
        let client = |client| {
            clients::properties(client, settings, config, &spec.connector, Some(spec.task))
        };
        let mut properties = client(Client::Consumer)?;
        let group = clients::consumer_group(&settings.worker, config, &spec.connector);
        properties.insert("group.id".to_owned(), group);
        let subscription = subscription(&context.task_config)?;
        let consumer_settings = ConsumerSettings::from_properties(&properties, subscription)?;
        let converters = Converters::of(&settings.worker, config)?;
        let tolerance = Tolerance::of(config);
        let dead_letters = match DeadLetters::topic_of(config) {
            Some(topic) => {
                let admin = client(Client::DeadLetterAdmin)?;
                let producer = client(Client::DeadLetterProducer)?;
                match queue(context, topic, &admin, &producer).await? {
                    Some(letters) => Some(letters),
                    None => return Ok(None),
                }
            }
            None => None,
        };
        let task_config = context.task_config.clone();
        // A named pipe that nobody reads keeps whoever opens it waiting.
        let sink = apart(context, move || FileStreamSink::open(&task_config)).await?;
        let cluster = clients::cluster_of(context, &properties).await?;
        let (Some(sink), Some(cluster)) = (sink, cluster) else {
            return Ok(None);
        };
        let letters = dead_letters.as_ref().map(DeadLetters::writes_context);
        Ok(Some(Self {
            consumer: Some(Consumer::start(&cluster, consumer_settings)),
            putter: Some(Putter {
                sink,
                converters,
                tolerance,
                letters,
                connector: spec.connector.clone(),
                task: spec.task,
            }),
            putting: None,
            positions: Offsets::new(),
            committed: Offsets::new(),
            draining: None,
            committing: None,
            next_commit: Instant::now() + settings.flush_interval,
            commit_is_due: false,
            flush_interval: settings.flush_interval,
            flush_timeout: settings.flush_timeout,
            last_drain: settings.graceful.min(settings.flush_timeout) / 2,
            dead_letters,
            tracker: host.tracker(spec),
            fetch_at: None,
            is_fetching: false,
        }))
    }

    /// Moves records until the task is to stop or something fails.
    async fn drive(&mut self, context: &mut Context) -> Result<(), TaskError> {
        let mut said = None;
        loop {
            let wanted = *context.wanted.borrow_and_update();
            if wanted == Wanted::Stopped {
                return Ok(());
            }
            if said != Some(wanted) {
                self.change(wanted).await?;
                context.report(wanted.state());
                said = Some(wanted);
            }
            self.go_on_committing().await?;
            let is_running = wanted == Wanted::Running;
            self.fetch(is_running);
            let want = self.want(is_running);
            let drained_by = self.draining.as_ref().map(|draining| draining.deadline);
            let Some(consumer) = self.consumer.as_mut() else {
                return Ok(());
            };
            let again = self.fetch_at;
            tokio::select! {
                changed = context.wanted.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                event = consumer.next(want) => self.happened(event, context).await?,
                put = ended(&mut self.putting), if self.putting.is_some() => self.put(put)?,
                () = tokio::time::sleep_until(self.next_commit) => self.begin_commit().await?,
                outcome = committed(&mut self.committing) => self.take_commit(outcome),
                () = dead_letters::next(&mut self.dead_letters) => {}
                () = tokio::time::sleep_until(drained_by.unwrap_or(self.next_commit)), if drained_by.is_some() => {}
                () = tokio::time::sleep_until(again.unwrap_or(self.next_commit)), if again.is_some() => {}
            }
        }
    }

    /// Stands still or goes on.
    async fn change(&mut self, wanted: Wanted) -> Result<(), TaskError> {
        if wanted == Wanted::Paused {
            self.stop_fetching();
            self.finish_putting().await?;
            self.begin_commit().await?;
        }
        Ok(())
    }

    /// Begins to fetch when there is something to fetch and it is time.
    fn fetch(&mut self, is_running: bool) {
        let is_due = self.fetch_at.is_none_or(|at| at <= Instant::now());
        if !is_running || self.is_fetching || self.putting.is_some() || !is_due {
            return;
        }
        self.fetch_at = None;
        if let Some(consumer) = &mut self.consumer
            && !self.positions.is_empty()
        {
            consumer.fetch(&self.positions);
            self.is_fetching = true;
        }
    }

    fn stop_fetching(&mut self) {
        self.is_fetching = false;
        if let Some(consumer) = &mut self.consumer {
            consumer.stop_fetching();
        }
    }

    /// Returns what the task has the consumer for at this moment.
    fn want(&self, is_running: bool) -> Want {
        if self.putting.is_some() {
            return Want::Busy;
        }
        let has_room = self.dead_letters.as_ref().is_none_or(DeadLetters::has_room);
        // What is put now would add letters to those that a commit waits for.
        if is_running && has_room && self.draining.is_none() {
            Want::Records
        } else {
            Want::Events
        }
    }

    async fn happened(&mut self, event: ConsumerEvent, context: &Context) -> Result<(), TaskError> {
        match event {
            ConsumerEvent::Records(fetched) => self.begin_put(fetched),
            ConsumerEvent::Assigned(assigned) => self.assigned(assigned, context).await?,
            ConsumerEvent::Revoke(done) => {
                self.stop_fetching();
                self.finish_putting().await?;
                self.commit_now(Instant::now() + self.flush_timeout).await?;
                self.give_up();
                // The membership goes with the consumer.
                let _ = done.send(());
            }
            ConsumerEvent::Lost => {
                self.stop_fetching();
                self.finish_putting().await?;
                self.give_up();
            }
            ConsumerEvent::Failed(error) => self.failed(error).await?,
        }
        Ok(())
    }

    /// Forgets what is not this task's any more.
    fn give_up(&mut self) {
        self.positions.clear();
        self.committed.clear();
        self.draining = None;
    }

    async fn assigned(&mut self, assigned: Assigned, context: &Context) -> Result<(), TaskError> {
        let Some(consumer) = &self.consumer else {
            return Ok(());
        };
        let positions = patiently(context, || consumer.positions(&assigned.partitions)).await?;
        let Some(positions) = positions else {
            return Ok(());
        };
        self.stop_fetching();
        self.committed.clone_from(&positions);
        self.positions = positions;
        Ok(())
    }

    /// Reads on after a failure that passes.
    async fn failed(&mut self, error: KafkaError) -> Result<(), TaskError> {
        self.is_fetching = false;
        let is_out_of_range = error
            .broker()
            .is_some_and(|answer| answer.is(errors::OFFSET_OUT_OF_RANGE));
        let error = if is_out_of_range {
            match self.reset(error).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            }
        } else {
            error
        };
        if !error.is_outage() {
            return Err(error.into());
        }
        tracing::warn!(%error, "reading is tried again");
        self.fetch_at = Some(Instant::now() + PAUSE);
        Ok(())
    }

    /// Goes where `auto.offset.reset` says with partitions that end before their position.
    async fn reset(&mut self, error: KafkaError) -> Result<(), KafkaError> {
        let Some(consumer) = &self.consumer else {
            return Ok(());
        };
        let mut moved = false;
        let partitions: Vec<TopicPartition> = self.positions.keys().cloned().collect();
        let mut topics: Vec<&str> = partitions.iter().map(|(topic, _)| &**topic).collect();
        topics.dedup();
        for topic in topics {
            let latest = crate::io::kafka::offsets::OffsetSpec::Latest;
            let ends = consumer.cluster().offsets(topic, latest).await?;
            for (partition, end) in ends {
                let at = (topic.to_owned(), partition);
                if self
                    .positions
                    .get(&at)
                    .is_some_and(|position| *position > end)
                {
                    let begin = consumer.reset(std::slice::from_ref(&at)).await?;
                    tracing::warn!(
                        topic,
                        partition,
                        end,
                        "the log ends before the position; reading begins anew"
                    );
                    moved = true;
                    self.positions.extend(begin);
                }
            }
        }
        if moved { Ok(()) } else { Err(error) }
    }

    fn begin_put(&mut self, fetched: Fetched) {
        if let Some(mut putter) = self.putter.take() {
            // A disk may keep its writer waiting.
            self.putting = Some(tokio::task::spawn_blocking(move || {
                let (put, outcome) = putter.put(fetched);
                (putter, put, outcome)
            }));
        }
    }

    fn put(
        &mut self,
        ended: Option<(Putter, Put, Result<(), TaskError>)>,
    ) -> Result<(), TaskError> {
        self.putting = None;
        let (putter, put, outcome) = ended.ok_or(TaskError::Panicked)?;
        self.putter = Some(putter);
        if put.is_used {
            self.tracker.note(&put.topic);
        }
        if let Some(letters) = &mut self.dead_letters {
            letters.add(put.letters);
        }
        // Of a partition that was taken away meanwhile nothing is committed.
        if let Some(next_offset) = put.next_offset
            && let Some(position) = self
                .positions
                .get_mut(&(put.topic.to_string(), put.partition))
        {
            *position = next_offset;
        }
        outcome
    }

    async fn finish_putting(&mut self) -> Result<(), TaskError> {
        if self.putting.is_none() {
            return Ok(());
        }
        let outcome = ended(&mut self.putting).await;
        self.put(outcome)
    }

    /// Commits what was put and leaves the group.
    async fn close(&mut self) -> Result<(), TaskError> {
        self.stop_fetching();
        let put = self.finish_putting().await;
        let deadline = Instant::now() + self.last_drain;
        let committed = self.commit_now(deadline).await;
        if let Some(letters) = &mut self.dead_letters {
            // The record that fails the task has its letter too, and no offset.
            letters.drain(deadline).await;
        }
        if let Some(consumer) = self.consumer.take() {
            consumer.leave().await;
        }
        put.and(committed)
    }
}

/// Returns the queue for records that cannot be converted, whose topic is made where it is missing; `None`: the task was
/// told to stop meanwhile.
async fn queue(
    context: &Context,
    topic: String,
    admin: &Properties,
    producer: &Properties,
) -> Result<Option<DeadLetters>, TaskError> {
    let config = &context.connector_config;
    let admin = clients::cluster_of(context, admin).await?;
    let cluster = clients::cluster_of(context, producer).await?;
    let (Some(admin), Some(cluster)) = (admin, cluster) else {
        return Ok(None);
    };
    let letters = DeadLetters::new(topic, config, &cluster, producer)?;
    let new = dead_letters::new_topic(letters.topic(), config)?;
    let created = patiently(context, || admin.create_if_missing(&new)).await?;
    Ok(created.map(|()| letters))
}

/// Waits for the end of putting; `None`: it panicked.
async fn ended(putting: &mut Option<Putting>) -> Option<(Putter, Put, Result<(), TaskError>)> {
    match putting {
        Some(putting) => putting.await.ok(),
        None => std::future::pending().await,
    }
}

/// Returns what the task reads.
fn subscription(config: &IndexMap<String, String>) -> Result<Subscription, TaskError> {
    let text = |key: &str| {
        config
            .get(key)
            .map(|value| value.trim())
            .unwrap_or_default()
    };
    if !text("topics").is_empty() {
        let topics = text("topics").split(',').map(str::trim);
        let topics = topics.filter(|topic| !topic.is_empty()).map(str::to_owned);
        return Ok(Subscription::Topics(topics.collect()));
    }
    let pattern = text("topics.regex");
    match Regex::new(&format!("^(?:{pattern})$")) {
        Ok(compiled) if !pattern.is_empty() => Ok(Subscription::Pattern(compiled)),
        _ => Err(TaskError::Topics),
    }
}
