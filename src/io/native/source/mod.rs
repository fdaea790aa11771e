//! A source task: polls, converts, produces, and commits how far everything has arrived (`WorkerSourceTask`).

mod commits;
mod submitted;
mod topic_creation;

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::active_topics::Tracker;
use super::clients::{self, Client};
use super::converters::Converters;
use super::task::{Context, TaskError, Wanted};
use super::tolerance::{Stage, Tolerance};
use crate::connect::{Schema, Text, Type, Value};
use crate::connectors::{FileStreamSource, Lines, Polled, SourceError};
use crate::io::kafka::producer::{Delivery, ProduceError, Producer, ProducerSettings, TopicHandle};
use crate::protocol::record_batch::NewRecord;
use commits::Commits;
use submitted::Submitted;
use topic_creation::{Creating, TopicCreation};

/// Pauses between polls that bring nothing: short after something came, up to the second that the Java task waits.
const FIRST_IDLE: Duration = Duration::from_millis(50);
const LONGEST_IDLE: Duration = Duration::from_secs(1);

/// Runs the task until it is to stop.
pub(super) async fn run(context: &mut Context) -> Result<(), TaskError> {
    let Some(mut task) = SourceTask::start(context).await? else {
        return Ok(());
    };
    let outcome = task.drive(context).await;
    // What has arrived is committed after a failure too.
    task.commit_finally(context).await;
    outcome
}

/// What a poll gives back: the source itself, and what it found.
type Poll = JoinHandle<(FileStreamSource, Result<Polled, SourceError>)>;

struct SourceTask {
    /// Away while it polls.
    source: Option<FileStreamSource>,
    polling: Option<Poll>,
    /// Polled, and not given to the producer yet from this line on.
    pending: Option<Pending>,
    idle: Duration,
    next_poll: Instant,
    producer: Producer,
    topic: TopicHandle,
    topic_name: String,
    tracker: Tracker,
    /// The topic is created before the first record is sent; `None`: it has been, or somebody else sees to it.
    creation: Option<Creating>,
    converters: Converters,
    tolerance: Tolerance,
    schema: Schema,
    submitted: Submitted,
    commits: Commits,
}

struct Pending {
    lines: Lines,
    next: usize,
    first_ticket: u64,
    timestamp: i64,
}

impl SourceTask {
    /// Makes the task ready; `None`: it was told to stop before it was.
    async fn start(context: &Context) -> Result<Option<Self>, TaskError> {
        let (spec, host) = (&context.spec, &context.host);
        let settings = &host.settings;
        let client = |client| {
            let config = &context.connector_config;
            clients::properties(client, settings, config, &spec.connector, Some(spec.task))
        };
        let properties = client(Client::Producer)?;
        let producer_settings = ProducerSettings::from_properties(&properties)?;
        let Some(cluster) = clients::cluster_of(context, &properties).await? else {
            return Ok(None);
        };
        let mut producer = Producer::new(&cluster, producer_settings);
        let mut source = FileStreamSource::new(&context.task_config)?;
        let topic_name = source.topic().to_owned();
        let creation = TopicCreation::of(&context.connector_config, &topic_name)?
            .filter(|_| settings.creates_topics);
        let creation = match creation {
            Some(creation) => {
                let admin = client(Client::Admin)?;
                let Some(admin) = clients::cluster_of(context, &admin).await? else {
                    return Ok(None);
                };
                Some(Creating::new(creation, admin, context))
            }
            None => None,
        };
        let Some(commits) = Commits::start(context, &mut source).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            commits,
            source: Some(source),
            polling: None,
            pending: None,
            idle: FIRST_IDLE,
            next_poll: Instant::now(),
            topic: producer.topic(&topic_name),
            topic_name,
            tracker: host.tracker(spec),
            producer,
            creation,
            converters: Converters::of(&settings.worker, &context.connector_config)?,
            tolerance: Tolerance::of(&context.connector_config),
            schema: Schema::required(Type::String),
            submitted: Submitted::default(),
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
                context.report(wanted.state());
                said = Some(wanted);
            }
            let is_running = wanted == Wanted::Running;
            self.push_pending()?;
            self.begin_poll(is_running);
            let idles = is_running && self.pending.is_none() && self.source.is_some();
            let moves = !self.producer.is_idle() || self.waits_for_topic();
            tokio::select! {
                changed = context.wanted.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                created = created(&mut self.creation), if self.pending.is_some() => {
                    created?;
                    self.creation = None;
                }
                delivery = self.producer.next(), if moves => self.delivered(delivery)?,
                polled = ended(&mut self.polling), if self.polling.is_some() => self.polled(polled)?,
                () = tokio::time::sleep_until(self.next_poll), if idles => {}
                () = tokio::time::sleep_until(self.commits.next) => {
                    self.commits.begin(self.submitted.committable());
                }
                outcome = self.commits.told() => self.commits.take(outcome),
            }
        }
    }

    fn waits_for_topic(&self) -> bool {
        // The producer's first look at a topic may create it.
        self.creation.is_none() && self.pending.is_some() && !self.producer.is_known(self.topic)
    }

    /// Starts the next poll when there is room for what it brings.
    fn begin_poll(&mut self, is_running: bool) {
        let is_due = Instant::now() >= self.next_poll;
        if !is_running || !is_due || self.pending.is_some() || !self.producer.has_room() {
            return;
        }
        if let Some(mut source) = self.source.take() {
            // A file on a network, or a pipe, may keep its reader waiting.
            self.polling = Some(tokio::task::spawn_blocking(move || {
                let polled = source.poll();
                (source, polled)
            }));
        }
    }

    fn polled(
        &mut self,
        polled: Option<(FileStreamSource, Result<Polled, SourceError>)>,
    ) -> Result<(), TaskError> {
        self.polling = None;
        let Some((source, polled)) = polled else {
            return Err(TaskError::Panicked);
        };
        self.source = Some(source);
        match polled? {
            Polled::Lines(lines) => {
                self.idle = FIRST_IDLE;
                self.next_poll = Instant::now();
                self.pending = Some(Pending {
                    first_ticket: self.submitted.submit(&lines),
                    lines,
                    next: 0,
                    timestamp: now_millis(),
                });
            }
            Polled::Nothing => {
                self.next_poll = Instant::now() + self.idle;
                self.idle = (self.idle * 2).min(LONGEST_IDLE);
            }
            Polled::Missing => {
                tracing::warn!(
                    topic = self.topic_name,
                    "the file of a source task does not exist; it is waited for"
                );
                self.next_poll = Instant::now() + LONGEST_IDLE;
            }
        }
        Ok(())
    }

    /// Gives the producer what was polled.
    fn push_pending(&mut self) -> Result<(), TaskError> {
        if !self.producer.is_known(self.topic) {
            return self.check_topic();
        }
        let Some(mut pending) = self.pending.take() else {
            return Ok(());
        };
        while let Some(line) = pending.lines.slice(pending.next) {
            let ticket = pending.first_ticket + pending.next as u64;
            pending.next += 1;
            self.push(&line, ticket, pending.timestamp)?;
        }
        Ok(())
    }

    /// Fails for a topic that the cluster refuses to tell of, as `KafkaProducer.send` does; any other is waited for.
    fn check_topic(&self) -> Result<(), TaskError> {
        let refusal = self.producer.refusal(self.topic);
        refusal.map_or(Ok(()), |error| Err(TaskError::Produce(error)))
    }

    fn push(&mut self, line: &Bytes, ticket: u64, timestamp: i64) -> Result<(), TaskError> {
        let value = Value::String(Text::decode_utf8(line));
        let (converters, topic) = (&self.converters, &self.topic_name);
        let key = converters.key.from_connect_data(topic, None, &Value::Null);
        let value = converters
            .value
            .from_connect_data(topic, Some(&self.schema), &value);
        let (key, value) = match (key, value) {
            (Ok(key), Ok(value)) => (key, value),
            (Err(error), _) => return self.failed(Stage::KeyConverter, &error, ticket),
            (_, Err(error)) => return self.failed(Stage::ValueConverter, &error, ticket),
        };
        let record = NewRecord {
            timestamp,
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &[],
        };
        let pushed = self.producer.push(self.topic, None, ticket, &record);
        match pushed {
            Ok(()) => Ok(()),
            Err(error) => self.lost(error, ticket),
        }
    }

    /// Leaves a record out that cannot be converted, or fails.
    fn failed(
        &mut self,
        stage: Stage,
        error: &crate::connect::Throwable,
        ticket: u64,
    ) -> Result<(), TaskError> {
        if !self.tolerance.all {
            return Err(TaskError::Convert {
                stage: stage.name(),
                error: error.clone(),
            });
        }
        if self.tolerance.log {
            tracing::error!(stage = stage.name(), %error, "a record is left out");
        }
        self.submitted
            .settle(std::slice::from_ref(&(ticket..ticket + 1)));
        Ok(())
    }

    fn lost(&mut self, error: ProduceError, ticket: u64) -> Result<(), TaskError> {
        let tickets = std::iter::once(ticket..ticket + 1).collect();
        let topic = self.topic;
        self.delivered(Some(Delivery::Lost {
            topic,
            tickets,
            error,
        }))
    }

    fn delivered(&mut self, delivery: Option<Delivery>) -> Result<(), TaskError> {
        match delivery {
            None => {}
            Some(Delivery::Acknowledged { tickets, .. }) => self.arrived(&tickets),
            Some(Delivery::Lost { tickets, error, .. }) => {
                // What is tolerated is a record that cannot be written, not a producer that can write none.
                if !self.tolerance.all || error.is_fatal() {
                    return Err(TaskError::unwritten(error));
                }
                if self.tolerance.log {
                    let stage = Stage::KafkaProduce.name();
                    tracing::error!(stage, %error, "records are left out");
                }
                self.submitted.settle(&tickets);
            }
        }
        Ok(())
    }

    fn arrived(&mut self, tickets: &[Range<u64>]) {
        self.submitted.settle(tickets);
        self.tracker.note(&self.topic_name);
    }

    /// Waits for what is on its way, and commits.
    async fn commit_finally(&mut self, context: &Context) {
        let timeout = context.host.settings.flush_timeout;
        let deadline = Instant::now() + timeout;
        self.producer.hurry();
        // Of the rest of a poll nothing was sent.
        let unsent = self.pending.take().is_some();
        while !self.submitted.is_settled() && !self.producer.is_idle() {
            match tokio::time::timeout_at(deadline, self.producer.next()).await {
                Ok(Some(Delivery::Acknowledged { tickets, .. })) => self.arrived(&tickets),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        if !self.submitted.is_settled() && !unsent {
            let records = self.submitted.on_their_way();
            tracing::warn!(
                records,
                "records were not acknowledged before the task ended"
            );
        }
        self.commits.end(self.submitted.committable()).await;
    }
}

/// Waits until the topic has been created.
async fn created(creation: &mut Option<Creating>) -> Result<(), TaskError> {
    match creation {
        Some(creating) => creating.ended().await,
        None => std::future::pending().await,
    }
}

/// Waits for the end of a poll; `None`: it panicked.
async fn ended(
    polling: &mut Option<Poll>,
) -> Option<(FileStreamSource, Result<Polled, SourceError>)> {
    match polling {
        Some(polling) => polling.await.ok(),
        None => std::future::pending().await,
    }
}

fn now_millis() -> i64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
