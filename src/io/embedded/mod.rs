//! The embedded worker: in the real Connect group with the generated worker file, in this process, without a JVM.
//!
//! [`control`] carries out a [`Control`] run: the machine decides, this is its sockets and its clock. No connector and no task
//! has code here; the worker holds what it is given and starts nothing.

mod checks;
mod health;
mod membership;
mod rehearsal;
pub(in crate::io) mod rest_server;
pub(in crate::io) mod settings;
mod stores;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::io::isolation::{isolations, source_stores};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::group::GroupClient;
use crate::io::kafka::seeder::SeedRecord;
use crate::io::kafka::settings::SettingsError;
use crate::io::kafka::writer::{WriteError, Writer};
use crate::io::observe::connect_group;
use crate::model::properties::Properties;
use crate::plan;
use crate::protocol::errors;
use crate::worker::control::{
    Action, Check, Connector, Control, Event, Finding, Record, Report, WriteFailure,
};
use crate::worker::member::{self, Member, MemberError, OtherMembers};
use crate::worker::{Millis, Trouble};
use checks::Checks;
pub(in crate::io) use health::Health;
use membership::trouble;
pub(in crate::io) use membership::{Membership, News};
pub use rehearsal::{check_settings, rehearse};
use rest_server::RestServer;
pub(in crate::io) use stores::{
    ConfigStore, FollowedConfigs, FollowedStatuses, Statuses, read_offsets,
};

/// What the worker calls itself: its dead self is told from living workers by it.
pub const CLIENT_ID: &str = "connectctl-control";

/// What is said of work that ended in a panic.
const CRASHED: &str = "connectctl itself failed here; -vv tells more, please report it";

/// Pause after a write that failed.
const PAUSE: Duration = Duration::from_millis(250);

/// The storage topics by role.
#[derive(Debug, Clone)]
pub struct Topics {
    pub config: String,
    pub offset: String,
    pub status: String,
}

/// What a control run works on.
#[derive(Debug, Clone)]
pub struct Job {
    /// The generated worker file.
    pub worker: Properties,
    pub group: String,
    pub topics: Topics,
    pub cluster_id: Option<String>,
    pub connectors: Vec<Connector>,
    /// Every offset that a worker must find.
    pub positions: Arc<Vec<plan::SeedRecord>>,
    /// Some of the connectors are sources, whether there are positions or not.
    pub has_sources: bool,
    /// Connectors whose offsets may also lie where no worker writes them: that was accepted.
    pub in_any_place: BTreeSet<String>,
    /// Configurations that are replaced, as they were when that was decided.
    pub replaced: BTreeMap<String, IndexMap<String, Option<String>>>,
    /// Committed offsets of the sinks' groups, as they must be.
    pub sink_groups: BTreeMap<String, BTreeMap<(String, i32), i64>>,
    /// Why the groups of further sinks cannot be looked at.
    pub unseen_groups: Vec<String>,
}

/// Why an embedded worker could not begin; nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("no worker starts with this file: {0}")]
    Member(#[from] MemberError),
    #[error("no port of 127.0.0.1 to listen on: {0}")]
    Listen(std::io::Error),
    /// Only of [`rehearse`]: a control run tells it in its report.
    #[error("{0}")]
    Group(Trouble),
}

impl EmbeddedError {
    /// Returns what to do next, as a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kafka(error) => error.hint(),
            Self::Settings(error) => error.hint(),
            Self::Member(error) => error.hint(),
            Self::Group(trouble) => trouble.hint.clone(),
            Self::Listen(_) => None,
        }
    }
}

/// What a watcher is told while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The worker joins the group.
    Joining,
    /// So many records were acknowledged since the run began.
    Written(usize),
    Checking(Check),
    Leaving,
}

/// Registers the connectors as STOPPED, verifies what a worker would find, leaves, and writes the final states.
///
/// `interrupted` resolves when the user wants out: the group is left, and every connector stays STOPPED. What goes wrong on
/// the way is part of the report.
///
/// # Errors
/// The run could not begin.
pub async fn control(
    cluster: &Cluster,
    job: Job,
    interrupted: impl Future<Output = ()>,
    watcher: impl FnMut(Progress),
) -> Result<Report, EmbeddedError> {
    let mut settings = cluster.settings().clone();
    CLIENT_ID.clone_into(&mut settings.client_id);
    let cluster = Cluster::connect(settings).await?;
    let rest = RestServer::start().await.map_err(EmbeddedError::Listen)?;
    let url = rest.url();
    let settings = settings::membership(&job.worker, &url, OtherMembers::Leave, seed())?;
    let configs = job.connectors.iter().map(|c| &c.config);
    let read_as = (
        isolations(&job.worker)?,
        source_stores(&job.worker, configs),
    );
    let started = Instant::now();
    let client = GroupClient::new(&cluster, &job.group);
    let patience = cluster.settings().timeout;
    let run = Run {
        control: Control::new(crate::worker::control::Job {
            connectors: job.connectors.clone(),
            patience: millis(patience),
            session: settings.session_timeout,
        }),
        membership: Membership::new(Member::new(settings)?, client, &url, None, started),
        writer: Arc::new(Writer::new(&cluster, &job.topics.config, 0)),
        patience,
        group: job.group.clone(),
        checks: Checks::new(&cluster, Arc::new(job), read_as, Arc::new(rest)),
        work: JoinSet::new(),
        failed: HashMap::new(),
        fenced: None,
        events: VecDeque::from([Event::Start]),
        written: 0,
        started,
        watcher,
        cluster,
    };
    Ok(run.finish(interrupted).await)
}

/// A control run under way.
struct Run<W> {
    control: Control,
    membership: Membership,
    cluster: Cluster,
    group: String,
    writer: Arc<Writer>,
    /// How long a write may take.
    patience: Duration,
    checks: Checks,
    work: JoinSet<Event>,
    /// What to tell when a piece of work ends without an event.
    failed: HashMap<Id, Event>,
    /// The write that stands on the group's generation.
    fenced: Option<AbortHandle>,
    events: VecDeque<Event>,
    written: usize,
    started: Instant,
    watcher: W,
}

impl<W: FnMut(Progress)> Run<W> {
    async fn finish(mut self, interrupted: impl Future<Output = ()>) -> Report {
        let mut interrupted = std::pin::pin!(interrupted);
        let mut is_interrupted = false;
        loop {
            while let Some(event) = self.events.pop_front() {
                if let Event::OtherMembers { .. } | Event::GroupFailed(_) = event
                    && let Some(write) = self.fenced.take()
                {
                    // What has not been sent stays here.
                    write.abort();
                }
                let now = millis(self.started.elapsed());
                for action in self.control.step(now, event) {
                    if let Action::Finish(report) = action {
                        // What came of it has been told, and is in the report.
                        let _ = self.membership.close().await;
                        return report;
                    }
                    self.carry_out(action).await;
                }
            }
            let due = self.control.deadline();
            let due = due.map(|due| self.started + Duration::from_millis(due));
            let event = tokio::select! {
                news = self.membership.next() => match self.told(news) {
                    Some(event) => event,
                    None => continue,
                },
                Some(done) = self.work.join_next_with_id() => match self.done(done) {
                    Some(event) => event,
                    None => continue,
                },
                () = tokio::time::sleep_until(due.unwrap_or(self.started)), if due.is_some() => {
                    Event::Timeout {
                        failed: self.membership.last_failure().cloned(),
                    }
                }
                () = &mut interrupted, if !is_interrupted => {
                    is_interrupted = true;
                    Event::Interrupted
                }
            };
            self.events.push_back(event);
        }
    }

    /// Returns what came of a piece of work; `None`: it was given up.
    fn done(&mut self, done: Result<(Id, Event), JoinError>) -> Option<Event> {
        let failed = match done {
            Ok((id, event)) => {
                self.failed.remove(&id);
                return Some(event);
            }
            Err(failed) => failed,
        };
        let event = self.failed.remove(&failed.id());
        event.filter(|_| !failed.is_cancelled())
    }

    fn spawn(
        &mut self,
        failed: Event,
        work: impl Future<Output = Event> + Send + 'static,
    ) -> AbortHandle {
        let handle = self.work.spawn(work);
        self.failed.insert(handle.id(), failed);
        handle
    }

    async fn carry_out(&mut self, action: Action) {
        match action {
            Action::LookAtGroup => {
                let (cluster, group) = (self.cluster.clone(), self.group.clone());
                self.spawn(Event::Group(Err(CRASHED.into())), async move {
                    let found = connect_group(&cluster, &group).await;
                    Event::Group(match found {
                        Ok(Some(group)) => Ok(group.members),
                        Ok(None) => Err("the coordinator does not tell who is in it".into()),
                        Err(error) => Err(trouble(&error)),
                    })
                });
            }
            Action::Check(check) => {
                (self.watcher)(Progress::Checking(check));
                let checks = self.checks.clone();
                let finding = Finding::Bad(CRASHED.into());
                self.spawn(Event::Checked { check, finding }, async move {
                    let finding = checks.check(check).await;
                    Event::Checked { check, finding }
                });
            }
            Action::Join => {
                (self.watcher)(Progress::Joining);
                self.membership.read(self.checks.config().await);
                self.membership.tell(member::Event::Poll);
            }
            Action::Confirm => self.membership.confirm(self.membership.generation()),
            Action::Write { records, until } => self.write(records, until),
            Action::Leave => {
                (self.watcher)(Progress::Leaving);
                self.membership.leave("the control run is over");
            }
            // The caller has taken it.
            Action::Finish(_) => {}
        }
    }

    fn told(&mut self, news: News) -> Option<Event> {
        Some(match news {
            News::Assigned { membership, sent } => {
                self.membership.tell(member::Event::Poll);
                Event::Joined {
                    generation: membership.generation,
                    sent,
                }
            }
            // Nothing ever runs here.
            News::Revoked(_) => {
                self.membership.go_on();
                return None;
            }
            News::Confirmed { sent } => Event::Confirmed { sent },
            // A new generation is told by itself.
            News::Unconfirmed => return None,
            News::OtherMembers { others, left } => Event::OtherMembers { others, left },
            News::Failed(reason) => Event::GroupFailed(reason),
            News::Left(left) => Event::Left(left),
        })
    }

    fn write(&mut self, records: Vec<Record>, until: Option<Millis>) {
        self.written += records.len();
        (self.watcher)(Progress::Written(self.written));
        let writer = Arc::clone(&self.writer);
        let until = until.map(|until| self.started + Duration::from_millis(until));
        let longest = Instant::now() + self.patience;
        let deadline = until.map_or(longest, |until| until.min(longest));
        let is_fenced = until.is_some();
        let failed = Event::WriteFailed {
            why: WriteFailure::Lasting,
            reason: CRASHED.into(),
        };
        let write = self.spawn(failed, async move {
            let records: Vec<_> = records.into_iter().map(outgoing).collect();
            match writer.write_by(&records, deadline).await {
                Ok(_) => Event::Written,
                Err(error) => {
                    tokio::time::sleep(PAUSE).await;
                    Event::WriteFailed {
                        why: failure(&error),
                        reason: Trouble {
                            what: error.to_string(),
                            hint: error.kafka().hint(),
                        },
                    }
                }
            }
        });
        self.fenced = is_fenced.then_some(write);
    }
}

fn outgoing(record: Record) -> SeedRecord {
    SeedRecord {
        key: record.key,
        value: Some(record.value),
    }
}

fn failure(error: &WriteError) -> WriteFailure {
    let error = error.kafka();
    if error
        .broker()
        .is_some_and(|b| b.is(errors::MESSAGE_TOO_LARGE))
    {
        WriteFailure::TooLarge
    } else if error.passes() {
        WriteFailure::Passing
    } else {
        WriteFailure::Lasting
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns any number.
pub(in crate::io) fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
