//! The member machine and the group client as one: a worker in its group that is told what happened in a few words.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::io::kafka::error::{KafkaError, KafkaErrorKind};
use crate::io::kafka::group::{GroupClient, Join, Sync};
use crate::model::storage_records::ConfigState;
use crate::protocol::connect_group::{Assignment, Work};
use crate::protocol::errors::{self, ErrorCode};
use crate::worker::assignor::{Assignor, Configured, Round};
use crate::worker::member::{
    self, Action, Event, JoinGroup, JoinReply, Member, MemberError, Reply, RequestFailure,
    RequestId, SyncGroup, SyncReply,
};
use crate::worker::{Millis, Trouble};

const PROTOCOL_TYPE: &str = "connect";

/// What a member has to tell.
#[derive(Debug)]
pub(in crate::io) enum News {
    /// A round is over: [`Event::Poll`] is expected when it has been dealt with.
    Assigned {
        membership: member::Membership,
        /// When the request was sent by whose answer the session holds.
        sent: Millis,
    },
    /// This work must end; what the member wants done after it waits for [`Membership::go_on`].
    Revoked(Work),
    /// The generation that was asked about stands, with this worker as its leader.
    Confirmed {
        sent: Millis,
    },
    /// It is over.
    Unconfirmed,
    /// Others are in the group; this worker is out of it, or whether it is is not known.
    OtherMembers {
        others: Vec<String>,
        left: Result<(), Trouble>,
    },
    Failed(Trouble),
    Left(Result<(), Trouble>),
}

/// One worker's place in its group.
#[derive(Debug)]
pub(in crate::io) struct Membership {
    member: Member,
    client: GroupClient,
    url: String,
    /// `None`: as leader it gives nobody anything to do.
    assignor: Option<Assignor>,
    /// The configuration as far as it was read, and as it was at the last join.
    config: Arc<ConfigState>,
    joined_with: Arc<ConfigState>,
    /// What everybody has by the last round that this worker led, by the URL of the worker.
    owners: BTreeMap<String, Work>,
    started: Instant,
    requests: JoinSet<Done>,
    news: VecDeque<News>,
    /// What is to be done after revoked work has ended; `None` when nothing is waited for.
    held: Option<VecDeque<Action>>,
    /// Since when a confirmation is waited for, and of which generation.
    confirming: Option<(Millis, i32)>,
    /// Requests to leave without an answer.
    leaving: usize,
    /// Who made us leave, until the request to leave is answered.
    others: Option<Vec<String>>,
    failures: Failures,
    /// Why the last request to leave came to nothing.
    not_left: Option<Trouble>,
}

/// Why this member is not where it wants to be.
#[derive(Debug, Default)]
struct Failures {
    /// Why the coordinator is not found, or does not answer.
    way: Option<Trouble>,
    /// With which error it answered. That it is found says nothing against that: it is looked for anew after such an answer.
    answer: Option<Trouble>,
}

impl Failures {
    fn found(&mut self, outcome: Option<Trouble>) {
        self.way = outcome;
    }

    fn unanswered(&mut self, why: Trouble) {
        self.way = Some(why);
    }

    fn answered(&mut self, error: Option<Trouble>) {
        self.way = None;
        self.answer = error;
    }
}

/// What came of a request.
#[derive(Debug)]
enum Done {
    /// The coordinator was looked for; an error is one that a broker answered with.
    Found(Event, Option<Trouble>),
    /// It answered, and what it answered with is this error.
    Answered(Event, Option<Trouble>),
    Failed(RequestId, KafkaError),
    Left(Result<(), KafkaError>),
}

impl Membership {
    pub(in crate::io) fn new(
        member: Member,
        client: GroupClient,
        url: &str,
        assignor: Option<Assignor>,
        started: Instant,
    ) -> Self {
        Self {
            member,
            client,
            url: url.to_owned(),
            assignor,
            config: Arc::default(),
            joined_with: Arc::default(),
            owners: BTreeMap::new(),
            started,
            requests: JoinSet::new(),
            news: VecDeque::new(),
            held: None,
            confirming: None,
            leaving: 0,
            others: None,
            failures: Failures::default(),
            not_left: None,
        }
    }

    /// Takes how far the config topic was read.
    pub(in crate::io) fn read(&mut self, config: Arc<ConfigState>) {
        self.step(Event::ConfigOffset(config.offset));
        self.config = config;
    }

    /// Tells the member what the herder wants.
    pub(in crate::io) fn tell(&mut self, event: Event) {
        self.step(event);
    }

    /// Goes on after revoked work has ended.
    pub(in crate::io) fn go_on(&mut self) {
        for action in self.held.take().unwrap_or_default() {
            self.carry_out(action);
        }
    }

    /// Returns the URL of the worker that has this work, as far as a leader knows.
    pub(in crate::io) fn owner(&self, connector: &str, task: i32) -> Option<&str> {
        let mut owners = self.owners.iter();
        let owner = owners.find(|(_, work)| work.contains(connector, task))?;
        Some(owner.0)
    }

    /// Sends a heartbeat now; [`News::Confirmed`] follows when it is answered with this generation, or
    /// [`News::Unconfirmed`] when that is over.
    pub(in crate::io) fn confirm(&mut self, generation: i32) {
        self.confirming = Some((self.now(), generation));
        self.step(Event::HeartbeatNow);
    }

    /// Returns why nothing is heard of the coordinator, or why it does not take the member, where that is known.
    pub(in crate::io) fn last_failure(&self) -> Option<&Trouble> {
        let Failures { way, answer } = &self.failures;
        way.as_ref().or(answer.as_ref())
    }

    /// Returns whether the worker is in its group and no round goes on.
    pub(in crate::io) fn is_in_step(&self) -> bool {
        self.member.is_in_step()
    }

    pub(in crate::io) fn generation(&self) -> i32 {
        self.member.generation()
    }

    /// Leaves; [`News::Left`] follows when the coordinator has answered.
    pub(in crate::io) fn leave(&mut self, reason: &str) {
        let member_id = self.member.member_id().to_owned();
        if self.member.is_rebalancing() {
            // A join that the broker holds back would hold the request to leave back too.
            self.client.forget();
        }
        self.step(Event::Leave {
            reason: reason.to_owned(),
        });
        if self.leaving > 0 {
            return;
        }
        if member_id.is_empty() {
            self.news.push_back(News::Left(Ok(())));
        } else {
            self.send_leave(member_id, reason.to_owned());
        }
    }

    /// Waits for the next thing to tell. Nothing is lost when the future is dropped.
    pub(in crate::io) async fn next(&mut self) -> News {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            let due = self.member.deadline();
            let due = due.map(|due| self.started + Duration::from_millis(due));
            tokio::select! {
                Some(done) = self.requests.join_next() => self.take(done),
                () = sleep_until(due), if due.is_some() => self.step(Event::Timeout),
                else => std::future::pending::<()>().await,
            }
        }
    }

    /// Waits until a request to leave that is under way has been answered.
    ///
    /// # Errors
    /// Whether the group has been left is not known.
    pub(in crate::io) async fn close(mut self) -> Result<(), Trouble> {
        while self.leaving > 0 {
            match self.requests.join_next().await {
                Some(Ok(Done::Left(left))) => {
                    self.leaving -= 1;
                    self.not_left = left.err().map(|error| trouble(&error));
                }
                Some(_) => {}
                None => return Err("the request to leave came to nothing".into()),
            }
        }
        self.not_left.map_or(Ok(()), Err)
    }

    fn take(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Found(event, failure)) => {
                self.failures.found(failure);
                self.step(event);
            }
            Ok(Done::Answered(event, error)) => {
                self.failures.answered(error);
                self.step(event);
            }
            Ok(Done::Failed(request, error)) => {
                let event = self.failed(request, &error);
                self.failures.unanswered(trouble(&error));
                self.step(event);
            }
            Ok(Done::Left(left)) => {
                self.leaving -= 1;
                let left = left.map_err(|error| trouble(&error));
                self.not_left = left.clone().err();
                self.news.push_back(match self.others.take() {
                    Some(others) => News::OtherMembers { others, left },
                    None => News::Left(left),
                });
            }
            Err(failed) => self.news.push_back(News::Failed(failed.to_string().into())),
        }
    }

    fn step(&mut self, event: Event) {
        let now = self.now();
        let actions = self.member.step(now, event);
        for action in actions {
            self.carry_out(action);
        }
        let Some((since, generation)) = self.confirming else {
            return;
        };
        let sent = self.member.confirmed().filter(|sent| *sent >= since);
        if self.member.generation() != generation {
            self.confirming = None;
            self.news.push_back(News::Unconfirmed);
        } else if let Some(sent) = sent
            && self.member.is_leader()
            && !self.member.is_rebalancing()
        {
            self.confirming = None;
            self.news.push_back(News::Confirmed { sent });
        }
    }

    fn carry_out(&mut self, action: Action) {
        let is_urgent = matches!(
            action,
            Action::Heartbeat { .. } | Action::FindCoordinator { .. } | Action::Disconnect
        );
        if let Some(held) = self.held.as_mut().filter(|_| !is_urgent) {
            return held.push_back(action);
        }
        match action {
            Action::FindCoordinator { request } => self.find(request),
            Action::Disconnect => self.client.forget(),
            Action::JoinGroup(join) => self.send_join(join),
            Action::Assign(round) => self.assign(&round),
            Action::SyncGroup(sync) => self.send_sync(sync),
            Action::Heartbeat {
                request,
                generation,
                member_id,
            } => self.send_heartbeat(request, generation, member_id),
            Action::LeaveGroup {
                member_id, reason, ..
            } => self.send_leave(member_id, reason),
            Action::Revoke(work) => {
                self.held = Some(VecDeque::new());
                self.news.push_back(News::Revoked(work));
            }
            Action::Assigned(membership) => self.news.push_back(News::Assigned {
                membership,
                sent: self.member.confirmed().unwrap_or_default(),
            }),
            Action::NotAlone { others, .. } if self.leaving > 0 => self.others = Some(others),
            Action::NotAlone { others, .. } => self.news.push_back(News::OtherMembers {
                others,
                left: Err("there was no coordinator to tell".into()),
            }),
            Action::Fail(error) => self.fail(&error),
        }
    }

    fn find(&mut self, request: RequestId) {
        let client = self.client.clone();
        self.requests.spawn(async move {
            let found = client.find().await;
            let (code, failure) = match &found {
                Ok(()) => (errors::NONE, None),
                Err(error) => match error.broker() {
                    Some(answer) => (answer.code.code, Some(trouble(error))),
                    None => return Done::Failed(request, error.clone()),
                },
            };
            let reply = Reply::Coordinator { error: code };
            Done::Found(answered(request, reply), failure)
        });
    }

    fn send_join(&mut self, join: JoinGroup) {
        self.joined_with = Arc::clone(&self.config);
        let client = self.client.clone();
        let millis = |ms| Duration::from_millis(u64::try_from(ms).unwrap_or_default());
        let protocols = join.protocols.into_iter();
        let asked = Join {
            member_id: join.member_id,
            session_timeout: millis(join.session_timeout_ms),
            rebalance_timeout: millis(join.rebalance_timeout_ms),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: protocols
                .map(|(name, data)| (name.to_owned(), data))
                .collect(),
            reason: join.reason,
        };
        self.requests.spawn(async move {
            match client.join(&asked).await {
                Ok(answer) => {
                    let error = refusal(&client, "JoinGroup", answer.code);
                    let reply = JoinReply {
                        error: answer.code.code,
                        generation: answer.generation,
                        protocol_type: answer.protocol_type,
                        protocol_name: answer.protocol,
                        leader: answer.leader,
                        skip_assignment: answer.skip_assignment,
                        member_id: answer.member_id,
                        members: answer.members,
                    };
                    Done::Answered(answered(join.request, Reply::JoinGroup(reply)), error)
                }
                Err(error) => Done::Failed(join.request, error),
            }
        });
    }

    fn assign(&mut self, round: &Round) {
        let now = self.now();
        let assignments = match &mut self.assignor {
            None => self.nothing(round),
            Some(assignor) => {
                let joined_with = Configured::from(&*self.joined_with);
                let fresh = Configured::from(&*self.config);
                match assignor.assign(now, round, &joined_with, &fresh) {
                    Ok(assigned) => {
                        self.owners = owners(round, &assigned.owned);
                        assigned.assignments
                    }
                    Err(error) => {
                        return self.news.push_back(News::Failed(error.to_string().into()));
                    }
                }
            }
        };
        self.step(Event::Assigned {
            generation: round.generation,
            assignments,
        });
    }

    /// Gives nothing to anybody: whoever else might be in the round is about to see us go.
    fn nothing(&self, round: &Round) -> BTreeMap<String, Assignment> {
        let assignment = Assignment {
            version: round.protocol.version(),
            error: Assignment::OK,
            leader: round.leader.clone(),
            leader_url: self.url.clone(),
            config_offset: self.config.offset,
            assigned: Work::default(),
            revoked: Work::default(),
            delay_ms: 0,
        };
        let members = round.members.iter();
        members
            .map(|(member, _)| (member.clone(), assignment.clone()))
            .collect()
    }

    fn send_sync(&mut self, sync: SyncGroup) {
        let client = self.client.clone();
        let asked = Sync {
            generation: sync.generation,
            member_id: sync.member_id,
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocol: sync.protocol.name().to_owned(),
            assignments: sync.assignments,
        };
        self.requests.spawn(async move {
            match client.sync(&asked).await {
                Ok(answer) => {
                    let error = refusal(&client, "SyncGroup", answer.code);
                    let reply = SyncReply {
                        error: answer.code.code,
                        protocol_type: answer.protocol_type,
                        protocol_name: answer.protocol,
                        assignment: answer.assignment,
                    };
                    Done::Answered(answered(sync.request, Reply::SyncGroup(reply)), error)
                }
                Err(error) => Done::Failed(sync.request, error),
            }
        });
    }

    fn send_heartbeat(&mut self, request: RequestId, generation: i32, member_id: String) {
        let client = self.client.clone();
        self.requests.spawn(async move {
            match client.heartbeat(generation, &member_id).await {
                Ok(code) => {
                    let error = refusal(&client, "Heartbeat", code);
                    let answer = Reply::Heartbeat { error: code.code };
                    Done::Answered(answered(request, answer), error)
                }
                Err(error) => Done::Failed(request, error),
            }
        });
    }

    fn send_leave(&mut self, member_id: String, reason: String) {
        self.leaving += 1;
        let client = self.client.clone();
        self.requests
            .spawn(async move { Done::Left(client.leave_surely(&member_id, &reason).await) });
    }

    /// A worker waits for what passes, however long; who proves something is watched by a person, who can correct a name.
    fn failed(&self, request: RequestId, error: &KafkaError) -> Event {
        tracing::debug!(%error, "a request of the group membership failed");
        let is_unknown = error.kind() == KafkaErrorKind::UnknownHost && !error.is_retriable();
        let is_waited_for = error.passes() && !(is_unknown && self.assignor.is_none());
        let failure = if is_waited_for {
            RequestFailure::Lost
        } else {
            RequestFailure::Refused(trouble(error))
        };
        Event::Failed { request, failure }
    }

    fn fail(&mut self, error: &MemberError) {
        let hint = match error {
            MemberError::Refused { request, error } => self.client.failed(request, *error).hint(),
            error => error.hint(),
        };
        let what = error.to_string();
        self.news.push_back(News::Failed(Trouble { what, hint }));
    }

    fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn owners(round: &Round, owned: &BTreeMap<String, Work>) -> BTreeMap<String, Work> {
    let members = round.members.iter().filter_map(|(member, subscription)| {
        let work = owned.get(member)?.clone();
        Some((subscription.url.clone(), work))
    });
    members.collect()
}

/// Keeps of an error what it says and what to do about it.
pub(in crate::io) fn trouble(error: &KafkaError) -> Trouble {
    Trouble {
        what: error.to_string(),
        hint: error.hint(),
    }
}

/// Returns the error of an answer; that a member gets its id, or that a round has begun, is none.
fn refusal(client: &GroupClient, operation: &'static str, code: ErrorCode) -> Option<Trouble> {
    let is_step = matches!(
        (operation, code.code),
        ("JoinGroup", errors::MEMBER_ID_REQUIRED) | ("Heartbeat", errors::REBALANCE_IN_PROGRESS)
    );
    let is_error = code.is_error() && !is_step;
    is_error.then(|| trouble(&client.failed(operation, code).into()))
}

fn answered(request: RequestId, reply: Reply) -> Event {
    Event::Answered { request, reply }
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due).await;
    }
}

#[cfg(test)]
mod tests;
