//! A source task: polls, converts, produces, and commits how far everything has arrived (`WorkerSourceTask`).

mod submitted;
mod topic_creation;

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::clients::{self, Client};
use super::converters::Converters;
use super::task::{Context, TaskError, Wanted, patiently};
use super::tolerance::{Stage, Tolerance};
use crate::connect::{Schema, Text, Type, Value};
use crate::connectors::{FileStreamSource, Lines, Polled, SourceError};
use crate::io::kafka::producer::{Delivery, ProduceError, Producer, ProducerSettings, TopicHandle};
use crate::model::raw_json::push_string;
use crate::protocol::record_batch::NewRecord;
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

/// Commits of the position.
struct Commits {
    /// `["connector",{partition}]`.
    key: Bytes,
    has_positions: bool,
    next: Instant,
    committed: Option<u64>,
    running: Option<Commit>,
}

struct Commit {
    position: Option<u64>,
    told: oneshot::Receiver<Result<(), ProduceError>>,
    deadline: Instant,
}

impl SourceTask {
    /// Makes the task ready; `None`: it was told to stop before it was.
    async fn start(context: &Context) -> Result<Option<Self>, TaskError> {
        let (spec, host) = (&context.spec, &context.host);
        let settings = &host.settings;
        let client = |client| {
            let config = &context.connector_config;
            clients::properties(client, settings, config, &spec.connector, spec.task)
        };
        let properties = client(Client::Producer)?;
        let producer_settings = ProducerSettings::from_properties(&properties)?;
        let cluster = clients::cluster(&properties, settings)?;
        let mut producer = Producer::new(&cluster, producer_settings);
        let mut source = FileStreamSource::new(&context.task_config)?;
        let topic_name = source.topic().to_owned();
        let creation = TopicCreation::of(&context.connector_config, &topic_name)?
            .filter(|_| settings.creates_topics);
        let creation = match creation {
            Some(creation) => {
                let admin = clients::cluster(&client(Client::Admin)?, settings)?;
                Some(Creating::new(creation, admin, context))
            }
            None => None,
        };
        let key = offset_key(&spec.connector, &source.partition_json());
        if source.has_positions() {
            let Some(stored) = patiently(context, || host.offsets.value(&key)).await? else {
                return Ok(None);
            };
            source.seek(stored_position(stored.as_deref())?);
        }
        let now = Instant::now();
        Ok(Some(Self {
            commits: Commits {
                key,
                has_positions: source.has_positions(),
                next: now + settings.flush_interval,
                committed: None,
                running: None,
            },
            source: Some(source),
            polling: None,
            pending: None,
            idle: FIRST_IDLE,
            next_poll: now,
            topic: producer.topic(&topic_name),
            topic_name,
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
                () = tokio::time::sleep_until(self.commits.next) => self.begin_commit(context),
                outcome = told(&mut self.commits.running) => self.committed(outcome),
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
            Some(Delivery::Acknowledged { tickets, .. }) => self.submitted.settle(&tickets),
            Some(Delivery::Lost { tickets, error, .. }) => {
                if !self.tolerance.all {
                    return Err(TaskError::Produce(error));
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

    /// Writes the position, unless it is written or being written.
    fn begin_commit(&mut self, context: &Context) {
        let settings = &context.host.settings;
        let now = Instant::now();
        self.commits.next = now + settings.flush_interval;
        if self.commits.running.is_some() {
            return;
        }
        self.commits.running = self.commit(context, now + settings.flush_timeout);
    }

    fn commit(&self, context: &Context, deadline: Instant) -> Option<Commit> {
        let position = self.submitted.committable();
        if position.is_none() || position == self.commits.committed {
            return None;
        }
        let shown = position.filter(|_| self.commits.has_positions);
        let shown = shown.map_or_else(|| "null".to_owned(), |position| position.to_string());
        let value = Bytes::from(format!("{{\"position\":{shown}}}"));
        let entry = (self.commits.key.clone(), Some(value));
        Some(Commit {
            position,
            told: context.host.offset_writer.write(vec![entry]),
            deadline,
        })
    }

    fn committed(&mut self, outcome: Result<(), String>) {
        let Some(commit) = self.commits.running.take() else {
            return;
        };
        match outcome {
            Ok(()) => self.commits.committed = commit.position,
            Err(reason) => tracing::error!(
                topic = self.topic_name,
                reason,
                "offsets could not be committed; they will be with the next flush"
            ),
        }
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
                Ok(Some(Delivery::Acknowledged { tickets, .. })) => {
                    self.submitted.settle(&tickets);
                }
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
        if self.commits.running.is_some() {
            let outcome = told(&mut self.commits.running).await;
            self.committed(outcome);
        }
        let commit = self.commit(context, Instant::now() + timeout);
        if commit.is_some() {
            self.commits.running = commit;
            let outcome = told(&mut self.commits.running).await;
            self.committed(outcome);
        }
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

/// Waits until a commit is acknowledged, has failed or is given up.
async fn told(commit: &mut Option<Commit>) -> Result<(), String> {
    let Some(commit) = commit else {
        return std::future::pending().await;
    };
    match tokio::time::timeout_at(commit.deadline, &mut commit.told).await {
        Err(_) => Err("not acknowledged within offset.flush.timeout.ms".to_owned()),
        Ok(Err(_)) => Err("the writer of the offset topic has ended".to_owned()),
        Ok(Ok(outcome)) => outcome.map_err(|error| error.to_string()),
    }
}

/// Returns the key under which a worker keeps a position.
fn offset_key(connector: &str, partition: &[u8]) -> Bytes {
    let mut key = b"[".to_vec();
    push_string(connector, &mut key);
    key.push(b',');
    key.extend_from_slice(partition);
    key.push(b']');
    key.into()
}

/// Reads what `FileStreamSourceTask` reads from a stored offset: an integer, or nothing for the beginning.
fn stored_position(stored: Option<&[u8]>) -> Result<u64, TaskError> {
    let Some(stored) = stored else {
        return Ok(0);
    };
    let wrong = || TaskError::StoredOffset {
        stored: String::from_utf8_lossy(stored).into_owned(),
    };
    let offset: serde_json::Value = serde_json::from_slice(stored).map_err(|_| wrong())?;
    match offset.get("position") {
        None | Some(serde_json::Value::Null) if offset.is_object() => Ok(0),
        // As in Java, a negative one skips nothing.
        Some(position) => match position.as_i64() {
            Some(position) => Ok(u64::try_from(position).unwrap_or(0)),
            None => Err(wrong()),
        },
        None => Err(wrong()),
    }
}

fn now_millis() -> i64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_position_is_an_integer_or_the_beginning() {
        let read = |stored: &str| stored_position(Some(stored.as_bytes())).ok();
        assert_eq!(read(r#"{"position":27}"#), Some(27));
        assert_eq!(read(r#"{"position":-1}"#), Some(0));
        assert_eq!(read(r#"{"position":null}"#), Some(0));
        assert_eq!(read("{}"), Some(0));
        for wrong in [r#"{"position":"27"}"#, r#"{"position":1.5}"#, "7", "{"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(stored_position(None).ok(), Some(0));
    }

    #[test]
    fn a_position_is_kept_under_the_key_of_the_jvm() {
        let key = offset_key("a \"b\"", br#"{"filename":"/in"}"#);
        assert_eq!(&key[..], br#"["a \"b\"",{"filename":"/in"}]"#);
    }
}
