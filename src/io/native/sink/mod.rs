//! A sink task: fetches, converts, puts, and commits what was put (`WorkerSinkTask`).

mod commit;
mod dead_letters;
mod leaving;
mod put;

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use regex::Regex;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::active_topics::Tracker;
use super::clients::{self, Client};
use super::converters::Converters;
use super::outage::PAUSE;
use super::task::{Context, TaskError, Wanted, apart, patiently, unless_stopped};
use super::tolerance::Tolerance;
use crate::connectors::FileStreamSink;
use crate::io::kafka::consumer::{
    Assigned, Consumer, ConsumerEvent, ConsumerSettings, Fetched, Subscription, Want,
};
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::groups::TopicPartition;
use crate::model::properties::Properties;
use crate::protocol::errors;
use commit::{Pending, committed};
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

/// Work in a thread that may wait for a disk; it gives the putter back.
type Working = JoinHandle<(Putter, Worked)>;

/// What came of it.
enum Worked {
    /// How far it came, and why no farther.
    Put(Put, Result<(), TaskError>),
    Flushed(Result<(), TaskError>),
}

type Offsets = BTreeMap<TopicPartition, i64>;

struct SinkTask {
    consumer: Option<Consumer>,
    /// Away while it is at work.
    putter: Option<Putter>,
    working: Option<Working>,
    /// After what was put, by partition that is assigned.
    positions: Offsets,
    committed: Offsets,
    /// What is committed when it is flushed and the dead letters of the records before it are in their topic.
    pending: Option<Pending>,
    committing: Option<JoinHandle<Result<Offsets, KafkaError>>>,
    next_commit: Instant,
    /// The time to commit came while it could not be done.
    commit_is_due: bool,
    flush_interval: Duration,
    flush_timeout: Duration,
    /// What the task may take to end.
    graceful: Duration,
    /// Kept until everything is committed: the membership goes on with the answer, or ends with the consumer.
    revoked: Option<oneshot::Sender<()>>,
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
            working: None,
            positions: Offsets::new(),
            committed: Offsets::new(),
            pending: None,
            committing: None,
            next_commit: Instant::now() + settings.flush_interval,
            commit_is_due: false,
            flush_interval: settings.flush_interval,
            flush_timeout: settings.flush_timeout,
            graceful: settings.graceful,
            revoked: None,
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
                if wanted == Wanted::Paused {
                    match unless_stopped(context, self.stand_still()).await {
                        Some(outcome) => outcome?,
                        None => continue,
                    }
                }
                context.report(wanted.state());
                said = Some(wanted);
            }
            self.go_on_committing();
            let is_running = wanted == Wanted::Running;
            self.fetch(is_running);
            let want = self.want(is_running);
            let drained_by = self.pending.as_ref().and_then(Pending::drained_by);
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
                worked = ended(&mut self.working), if self.working.is_some() => self.worked(worked)?,
                () = tokio::time::sleep_until(self.next_commit) => self.begin_commit(),
                outcome = committed(&mut self.committing) => self.take_commit(outcome),
                () = dead_letters::next(&mut self.dead_letters) => {}
                () = tokio::time::sleep_until(drained_by.unwrap_or(self.next_commit)), if drained_by.is_some() => {}
                () = tokio::time::sleep_until(again.unwrap_or(self.next_commit)), if again.is_some() => {}
            }
        }
    }

    /// Begins to fetch when there is something to fetch and it is time.
    fn fetch(&mut self, is_running: bool) {
        let is_due = self.fetch_at.is_none_or(|at| at <= Instant::now());
        if !is_running || self.is_fetching || self.working.is_some() || !is_due {
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
        if self.working.is_some() {
            return Want::Busy;
        }
        let has_room = self.dead_letters.as_ref().is_none_or(DeadLetters::has_room);
        // What is put now would add letters to those that a commit waits for.
        if is_running && has_room && self.pending.is_none() {
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
                self.revoked = Some(done);
                match unless_stopped(context, self.hand_over()).await {
                    Some(outcome) => outcome?,
                    // The last commit comes first.
                    None => return Ok(()),
                }
            }
            ConsumerEvent::Lost => {
                self.stop_fetching();
                // What is being put belongs to others already.
                self.give_up();
                let ended = unless_stopped(context, self.finish_work()).await;
                ended.unwrap_or(Ok(()))?;
            }
            ConsumerEvent::Failed(error) => self.failed(error).await?,
        }
        Ok(())
    }

    /// Forgets what is not this task's any more.
    fn give_up(&mut self) {
        self.positions.clear();
        self.committed.clear();
        self.pending = None;
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
            self.working = Some(tokio::task::spawn_blocking(move || {
                let (put, outcome) = putter.put(fetched);
                (putter, Worked::Put(put, outcome))
            }));
        }
    }

    fn worked(&mut self, ended: Option<(Putter, Worked)>) -> Result<(), TaskError> {
        self.working = None;
        let (putter, worked) = ended.ok_or(TaskError::Panicked)?;
        self.putter = Some(putter);
        match worked {
            Worked::Put(put, outcome) => {
                self.put(put);
                outcome
            }
            Worked::Flushed(outcome) => self.flushed(outcome),
        }
    }

    fn put(&mut self, put: Put) {
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
    }

    async fn finish_work(&mut self) -> Result<(), TaskError> {
        if self.working.is_none() {
            return Ok(());
        }
        let ended = ended(&mut self.working).await;
        self.worked(ended)
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

/// Waits for the end of work; `None`: it panicked.
async fn ended(working: &mut Option<Working>) -> Option<(Putter, Worked)> {
    match working {
        Some(working) => working.await.ok(),
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
