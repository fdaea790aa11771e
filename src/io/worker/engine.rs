//! The loop of a running worker: whatever happens is told to the herder, and what the herder says is carried out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::active_topics::found;
use super::ending::Ending;
use super::exactly_once::FencedOff;
use super::illness::{Backoff, Illness};
use super::last_words::LastWords;
use super::plugin_calls::{Called, PluginCalls};
use super::registrar::{Registered, Registrar};
use super::rest::{Answer, Ask, Shares};
use super::settings::Settings;
use super::status_writer::StatusWriter;
use super::{Registration, WorkerError, millis};
use crate::io::embedded::rest_server;
use crate::io::embedded::{FollowedConfigs, FollowedStatuses, Health, Membership, News};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::writer::Writer;
use crate::io::native::{self, TaskHandle, TaskHost, TaskReport};
use crate::model::storage_records::StatusRecord;
use crate::protocol::connect_group::{ConnectProtocol, Work};
use crate::worker::herder::{
    Event, Herder, Record, Request, RequestError, RequestId, TaskState, WriteFailure,
};
use crate::worker::{Millis, member};

/// What an engine is made of.
pub(super) struct Parts {
    pub(super) herder: Herder,
    pub(super) membership: Membership,
    pub(super) configs: FollowedConfigs,
    pub(super) statuses: FollowedStatuses,
    pub(super) status_writer: Arc<StatusWriter>,
    pub(super) config_writer: Arc<Writer>,
    /// `session.timeout.ms`: a leader's write ends while the session that was confirmed for it cannot expire.
    pub(super) session: Duration,
    pub(super) cluster: Cluster,
    pub(super) host: TaskHost,
    pub(super) shares: Arc<Shares>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) settings: Settings,
    pub(super) config_topic: String,
    pub(super) status_topic: String,
    pub(super) worker_id: String,
    pub(super) connectors: Vec<Registration>,
    /// Pauses before a topic that could not be read is tried again.
    pub(super) backoff: Backoff,
    pub(super) started: Instant,
}

/// A task by connector and number.
pub(super) type TaskKey = (String, i32);

pub(super) struct Engine {
    pub(super) parts: Parts,
    pub(super) events: VecDeque<Event>,
    pub(super) work: JoinSet<Done>,
    pub(super) plugin_calls: PluginCalls,
    pub(super) tasks: BTreeMap<TaskKey, TaskHandle>,
    /// Tasks that were told to stop, by their incarnations.
    pub(super) stopping: BTreeMap<TaskKey, u64>,
    pub(super) reports: mpsc::UnboundedSender<TaskReport>,
    reported: mpsc::UnboundedReceiver<TaskReport>,
    /// Topics that tasks have found out to use.
    pub(super) found_topics: Option<mpsc::UnboundedReceiver<StatusRecord>>,
    /// Who waits for an answer.
    waiting: HashMap<RequestId, oneshot::Sender<Answer>>,
    requests: u64,
    /// Records that wait for the confirmation of the generation.
    pub(super) unconfirmed: Option<Vec<Record>>,
    pub(super) reading: Option<Reading>,
    pub(super) last_words: LastWords,
    pub(super) fenced_off: FencedOff,
    /// Work was revoked, and the member waits for its end.
    is_revoking: bool,
    /// Topics that can not be read.
    pub(super) trouble: BTreeMap<Topic, Illness>,
    /// What is shown.
    pub(super) health: Health,
    pub(super) registrar: Registrar,
    /// The end, once it has begun.
    pub(super) ending: Option<Ending>,
}

/// A reading of the config topic to its end.
#[derive(Debug)]
pub(super) struct Reading {
    /// Where the end is, once it is known.
    pub(super) end: Option<i64>,
    pub(super) until: Instant,
    pub(super) number: u64,
}

/// What came of work beside the loop.
pub(super) enum Done {
    Event(Event),
    /// What a connector's code says.
    Called(Called),
    /// The present end of the config topic, for the reading of this number.
    End(u64, Result<i64, KafkaError>),
    /// These tasks have ended or were given up.
    Ended(Work),
    /// This topic is to be tried again.
    Rested(Topic),
    /// What came of an attempt to register connectors of files.
    Registered(Vec<Registered>),
}

/// A topic that is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Config,
    Status,
}

/// What woke the loop.
enum Woken {
    News(News),
    Configs(Result<Vec<crate::model::storage_records::ConfigChange>, KafkaError>),
    Statuses(Result<Vec<StatusRecord>, KafkaError>),
    Done(Done),
    Report(TaskReport),
    Topic(StatusRecord),
    Ask(Ask),
    Timer,
    Stop,
    /// Work beside the loop has panicked.
    Crashed(String),
}

impl Engine {
    pub(super) fn new(mut parts: Parts) -> Self {
        let (reports, reported) = mpsc::unbounded_channel();
        let connectors = std::mem::take(&mut parts.connectors);
        Self {
            registrar: Registrar::new(connectors, Instant::now()),
            found_topics: parts.host.topics().records(),
            parts,
            events: VecDeque::new(),
            work: JoinSet::new(),
            plugin_calls: PluginCalls::default(),
            tasks: BTreeMap::new(),
            stopping: BTreeMap::new(),
            reports,
            reported,
            waiting: HashMap::new(),
            requests: 0,
            unconfirmed: None,
            reading: None,
            last_words: LastWords::default(),
            fenced_off: FencedOff::default(),
            is_revoking: false,
            trouble: BTreeMap::new(),
            health: Health::default(),
            ending: None,
        }
    }

    pub(super) async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let mut stop = std::pin::pin!(stop);
        let config = self.parts.configs.snapshot();
        self.parts.membership.read(Arc::clone(&config));
        self.events.push_back(Event::Started(config));
        loop {
            self.settle();
            if self.is_over() {
                return self.leave().await;
            }
            self.show_health();
            let generation = self.parts.membership.generation();
            self.parts.status_writer.is_in(generation);
            let timer = self.timer();
            let woken = tokio::select! {
                news = self.parts.membership.next() => Woken::News(news),
                changes = self.parts.configs.next(), if !self.rests(Topic::Config) => {
                    Woken::Configs(changes)
                }
                records = self.parts.statuses.next(), if !self.rests(Topic::Status) => {
                    Woken::Statuses(records)
                }
                Some(report) = self.reported.recv() => Woken::Report(report),
                Some(topic) = found(&mut self.found_topics) => Woken::Topic(topic),
                Some(done) = self.work.join_next() => match done {
                    Ok(done) => Woken::Done(done),
                    Err(failed) => Woken::Crashed(failed.to_string()),
                },
                Some(ask) = self.parts.asks.recv() => Woken::Ask(ask),
                () = tokio::time::sleep_until(timer.unwrap_or(self.parts.started)), if timer.is_some() => {
                    Woken::Timer
                }
                () = &mut stop, if self.ending.is_none() => Woken::Stop,
            };
            self.take(woken);
        }
    }

    /// Tells the herder everything that happened, until it has nothing more to say.
    fn settle(&mut self) {
        loop {
            while let Some(event) = self.events.pop_front() {
                let now = self.now();
                for action in self.parts.herder.step(now, event) {
                    self.carry_out(action);
                }
            }
            if self.is_revoking && !self.parts.herder.is_stopping() {
                self.is_revoking = false;
                self.parts.membership.go_on();
            } else if !self.register() {
                return;
            }
        }
    }

    fn take(&mut self, woken: Woken) {
        match woken {
            Woken::News(news) => self.told(news),
            Woken::Configs(Ok(changes)) => self.read(changes),
            Woken::Configs(Err(error)) => self.fell_ill(Topic::Config, &error),
            Woken::Statuses(Ok(records)) => self.read_statuses(records),
            Woken::Statuses(Err(error)) => self.fell_ill(Topic::Status, &error),
            Woken::Done(done) => self.done(done),
            Woken::Report(report) => self.report(report),
            Woken::Topic(topic) => self.parts.status_writer.send(&topic),
            Woken::Ask(Ask { request, answer }) => self.ask(request, answer),
            Woken::Timer => self.timeout(),
            Woken::Stop => {
                tracing::info!("the worker stops");
                self.end(None);
            }
            Woken::Crashed(why) => self.end(Some(WorkerError::Crashed(why))),
        }
    }

    fn told(&mut self, news: News) {
        match news {
            News::Assigned { membership, .. } => self.assigned(membership),
            News::Revoked(work) => {
                tracing::info!(%work, "revoked");
                self.is_revoking = true;
                self.reset_topics(&work);
                self.events.push_back(Event::Revoked(work));
            }
            News::Confirmed { sent } => {
                if let Some(records) = self.unconfirmed.take() {
                    let sent = self.parts.started + Duration::from_millis(sent);
                    self.write(records, sent + self.parts.session / 2);
                }
            }
            News::Unconfirmed => {
                if self.unconfirmed.take().is_some() {
                    let fenced = Err(WriteFailure::Fenced);
                    self.events.push_back(Event::Written(fenced));
                }
            }
            // Others are what a group is for; who leaves while it is out of step joins again by itself.
            News::OtherMembers { .. } | News::Left(_) => {}
            News::Failed(reason) => {
                let group = self.parts.settings.group.clone();
                self.end(Some(WorkerError::Group { group, reason }));
            }
        }
    }

    fn assigned(&mut self, membership: member::Membership) {
        let owned = &membership.assignment.assigned;
        tracing::info!(
            generation = membership.generation,
            leader = membership.is_leader,
            protocol = membership.protocol.name(),
            connectors = owned.connectors().count(),
            tasks = owned.tasks().count(),
            delay_ms = membership.assignment.delay_ms,
            "Joined group"
        );
        // The names of a thousand connectors at each round would be most of the log.
        tracing::debug!(%owned, "work of this worker");
        let is_sessioned = membership.protocol == ConnectProtocol::Sessioned;
        rest_server::update(&self.parts.shares.shown, |shown| {
            shown.is_sessioned = is_sessioned;
        });
        self.registrar.hurry(Instant::now());
        self.last_words.has(owned, membership.generation);
        self.events.push_back(Event::Assigned(membership));
    }

    fn read(&mut self, changes: Vec<crate::model::storage_records::ConfigChange>) {
        let config = self.parts.configs.snapshot();
        self.parts.membership.read(Arc::clone(&config));
        rest_server::update(&self.parts.shares.shown, |shown| {
            shown.config = Arc::clone(&config);
        });
        if !changes.is_empty() {
            self.events.push_back(Event::Config(changes, config));
        }
        self.check_reading();
        self.end_fenced_off();
        self.came(Topic::Config);
    }

    fn read_statuses(&mut self, records: Vec<StatusRecord>) {
        let topics = self.parts.host.topics();
        for record in &records {
            topics.read(record);
            if let Some(again) = self.last_words.read(record) {
                tracing::debug!("another worker's late status is corrected");
                self.parts.status_writer.send(&again);
            }
        }
        rest_server::update(&self.parts.shares.shown, |shown| {
            for record in records {
                shown.statuses.apply(record);
            }
        });
        self.came(Topic::Status);
    }

    /// Tells the herder when a reading has come to the end.
    fn check_reading(&mut self) {
        let position = self.parts.configs.position();
        let is_read = |reading: &Reading| reading.end.is_some_and(|end| position >= end);
        if self.reading.as_ref().is_some_and(is_read) {
            self.reading = None;
            let config = self.parts.configs.snapshot();
            self.events.push_back(Event::Read(config));
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Event(event) => self.events.push_back(event),
            Done::Called(called) => self.events.extend(self.plugin_calls.take(called)),
            Done::End(number, end) => {
                let reading = self.reading.as_mut();
                let Some(reading) = reading.filter(|reading| reading.number == number) else {
                    return;
                };
                match end {
                    Ok(end) => reading.end = Some(end),
                    Err(error) => {
                        tracing::warn!(%error, "the end of the config topic is not known");
                        self.reading = None;
                        self.events.push_back(Event::Unread);
                    }
                }
                self.check_reading();
            }
            Done::Rested(topic) => self.try_again(topic),
            Done::Registered(registered) => self.registrar.take(Instant::now(), registered),
            Done::Ended(work) => {
                // Their last words came before.
                while let Ok(report) = self.reported.try_recv() {
                    self.report(report);
                }
                for (connector, task) in work.tasks() {
                    self.stopping.remove(&(connector.to_owned(), task));
                }
                self.reset_topics(&work);
                self.events.push_back(Event::Ended(work));
            }
        }
    }

    /// Takes what a task says, unless it is one that was given up or started again.
    fn report(&mut self, report: TaskReport) {
        let Ok(task) = i32::try_from(report.task) else {
            return;
        };
        let key = (report.connector.clone(), task);
        let running = self.tasks.get(&key).map(TaskHandle::incarnation);
        let stopping = self.stopping.get(&key).copied();
        if ![running, stopping].contains(&Some(report.incarnation)) {
            return;
        }
        let state = match report.state {
            native::TaskState::Running => TaskState::Running,
            native::TaskState::Paused => TaskState::Paused,
            native::TaskState::Stopped => TaskState::Stopped,
            native::TaskState::Failed { trace } => {
                tracing::error!(connector = report.connector, task, %trace, "a task has failed");
                TaskState::Failed { trace }
            }
        };
        let state = self.fenced_off.means(report.incarnation, state);
        self.events.push_back(Event::Task {
            connector: report.connector,
            task,
            state,
        });
    }

    pub(super) fn ask(&mut self, request: Request, answer: oneshot::Sender<Answer>) {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.waiting.insert(id, answer);
        self.events.push_back(Event::Request(id, request));
    }

    pub(super) fn reply(&mut self, request: RequestId, outcome: Result<(), RequestError>) {
        let answer = match outcome {
            Ok(()) => Answer::Done,
            Err(RequestError::NotLeader { leader_url }) => Answer::Elsewhere(Some(leader_url)),
            Err(RequestError::NotOwner { connector, task }) => {
                let owner = self.parts.membership.owner(&connector, task.unwrap_or(-1));
                Answer::Elsewhere(owner.map(str::to_owned))
            }
            Err(error) => Answer::Failed(error),
        };
        if let Some(waiting) = self.waiting.remove(&request) {
            // Whoever asked may have gone.
            drop(waiting.send(answer));
        }
    }

    fn timer(&self) -> Option<Instant> {
        let herder = self.parts.herder.deadline();
        let herder = herder.map(|due| self.parts.started + Duration::from_millis(due));
        let reading = self.reading.as_ref().map(|reading| reading.until);
        let over = self.ending.as_ref().map(Ending::over_at);
        // Before the first round and while the worker ends there is nobody to register with.
        let is_registering = self.parts.herder.is_resolved() && over.is_none();
        let registrar = self.registrar.due().filter(|_| is_registering);
        let timers = [herder, reading, registrar, over];
        timers.into_iter().flatten().min()
    }

    fn timeout(&mut self) {
        if self
            .reading
            .as_ref()
            .is_some_and(|reading| reading.until <= Instant::now())
        {
            self.reading = None;
            self.events.push_back(Event::Unread);
        }
        self.events.push_back(Event::Timeout);
    }

    pub(super) fn now(&self) -> Millis {
        millis(self.parts.started.elapsed())
    }
}
