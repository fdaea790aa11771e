//! Membership of a worker in its Connect group: the classic group protocol (KIP-62, KIP-415, KIP-507), as
//! `AbstractCoordinator` and `WorkerCoordinator` of 4.3.1 speak it.
//!
//! [`Member::step`] takes an [`Event`] and says what to do, in order, as a list of [`Action`]s: requests for the broker, work
//! to stop, an assignment for the herder. [`Member::deadline`] tells when it wants [`Event::Timeout`]. A herder that is
//! ready says [`Event::Poll`], at the start and after every [`Action::Assigned`].
//!
//! What it does by itself: finds the coordinator again, joins again when the group or the assignment asks for it (after a
//! revocation, after the leader's delay, after an error), sends heartbeats, merges the leader's differences into what it
//! owns. What it leaves to the herder: to compare config offsets, and to leave when the config log can not be read.

mod answers;
mod coordinator;
mod error;
mod heartbeat;
mod round;
#[cfg(test)]
mod tests;
mod types;

pub use error::MemberError;
pub use types::{
    Action, Event, JoinGroup, JoinReply, MemberSettings, Membership, OtherMembers, Reply,
    RequestFailure, RequestId, SyncGroup, SyncReply,
};

use std::collections::BTreeMap;

use crate::protocol::connect_group::{Assignment, ConnectProtocol};
use crate::worker::Millis;

use coordinator::Coordinator;
use heartbeat::{Heartbeat, Jitter};

/// Where a member is between two rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberState {
    /// In no generation.
    Unjoined,
    /// Has sent JoinGroup, or will when a pause is over or the coordinator known.
    Preparing,
    /// Knows its generation and waits for the assignment.
    Completing,
    /// Has its assignment.
    Stable,
    /// Does nothing any more: [`Action::Fail`] or [`Action::NotAlone`] was its last word.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unjoined,
    /// Joins when the time has come.
    Due(Millis),
    /// Has sent JoinGroup.
    Joining,
    /// Leads, and the assignor is at work.
    Assigning,
    /// Has sent SyncGroup.
    Syncing,
    Stable,
    Stopped,
}

/// Kafka's `Generation`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    generation: i32,
    member_id: String,
    protocol: Option<ConnectProtocol>,
}

impl Identity {
    fn none() -> Self {
        Self {
            generation: -1,
            member_id: String::new(),
            protocol: None,
        }
    }
}

/// A request without response yet.
#[derive(Debug)]
struct Sent {
    what: Request,
    /// Who the member was then.
    identity: Identity,
    at: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    FindCoordinator,
    JoinGroup,
    SyncGroup,
    Heartbeat,
}

/// One worker's membership in its group.
#[derive(Debug)]
pub struct Member {
    settings: MemberSettings,
    state: State,
    identity: Identity,
    coordinator: Coordinator,
    heartbeat: Heartbeat,
    jitter: Jitter,
    sent: BTreeMap<RequestId, Sent>,
    requests: u64,
    config_offset: i64,
    /// Everything owned, in the frame of the last answer.
    assignment: Option<Assignment>,
    /// Of the last completed round; before any, the best that is offered.
    protocol: ConnectProtocol,
    last_generation: i32,
    /// Another round is needed.
    rejoin: bool,
    /// The leader's delay ends.
    rejoin_at: Option<Millis>,
    /// What the next JoinGroup says of the round that failed.
    reason: String,
    /// Join-prepare has been done for the round that is going on.
    prepared: bool,
    /// The herder waits for rounds.
    ready: bool,
    confirmed: Option<Millis>,
}

impl Member {
    /// Returns a member that has not joined and does nothing before [`Event::Poll`].
    ///
    /// # Errors
    /// [`MemberError::Interval`] when the session could not survive between two heartbeats.
    pub fn new(settings: MemberSettings) -> Result<Self, MemberError> {
        if settings.heartbeat_interval >= settings.session_timeout {
            return Err(MemberError::Interval {
                heartbeat_interval: settings.heartbeat_interval,
                session_timeout: settings.session_timeout,
            });
        }
        Ok(Self {
            state: State::Unjoined,
            identity: Identity::none(),
            coordinator: Coordinator::unknown(0),
            heartbeat: Heartbeat::default(),
            jitter: Jitter::new(settings.jitter_seed),
            sent: BTreeMap::new(),
            requests: 0,
            config_offset: -1,
            assignment: None,
            protocol: settings.protocol,
            last_generation: -1,
            rejoin: true,
            rejoin_at: None,
            reason: String::new(),
            prepared: false,
            ready: false,
            confirmed: None,
            settings,
        })
    }

    /// Takes what happened and returns what to do, in order.
    pub fn step(&mut self, now: Millis, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.state != State::Stopped {
            self.take(now, event, &mut actions);
            self.keep_alive(now, &mut actions);
            self.keep_coordinator(now, &mut actions);
            self.keep_joined(now, &mut actions);
        }
        actions
    }

    /// Returns when [`Event::Timeout`] is due; `None` when only an event can change anything.
    pub fn deadline(&self) -> Option<Millis> {
        let alive = self.is_alive() && self.coordinator.is_known();
        let timers = [
            alive.then_some(self.heartbeat.due),
            alive.then_some(self.heartbeat.session_until),
            (alive && !self.ready).then_some(self.heartbeat.busy_until),
            self.coordinator_deadline(),
            self.revocation_deadline(),
            self.round_deadline(),
        ];
        timers.into_iter().flatten().min()
    }

    /// Returns where the member is between two rounds.
    pub fn state(&self) -> MemberState {
        match self.state {
            State::Unjoined => MemberState::Unjoined,
            State::Due(_) | State::Joining => MemberState::Preparing,
            State::Assigning | State::Syncing => MemberState::Completing,
            State::Stable => MemberState::Stable,
            State::Stopped => MemberState::Stopped,
        }
    }

    /// Returns the generation that the member is in, -1 in none.
    pub fn generation(&self) -> i32 {
        self.identity.generation
    }

    /// Returns the id that the broker gave the member, empty before.
    pub fn member_id(&self) -> &str {
        &self.identity.member_id
    }

    /// Returns the protocol of the last completed round; before any, the best that is offered.
    pub fn protocol(&self) -> ConnectProtocol {
        self.protocol
    }

    /// Returns the last answer of a leader, with everything that this worker owns; `None` when it owns nothing.
    pub fn assignment(&self) -> Option<&Assignment> {
        self.assignment.as_ref()
    }

    /// Returns whether this member is the leader of the generation that it is in, as far as it knows.
    pub fn is_leader(&self) -> bool {
        let leader = self.assignment.as_ref().map(|a| a.leader.as_str());
        self.state == State::Stable && leader == Some(self.member_id())
    }

    /// Returns whether a round is going on or needed.
    ///
    /// A leader for which this is false and [`Self::confirmed`] recent may write as leader.
    pub fn is_rebalancing(&self) -> bool {
        self.state != State::Stable || self.needs_round()
    }

    /// Returns whether the member has its place in the group: no round is needed, and there is a connection to the coordinator.
    pub fn is_in_step(&self) -> bool {
        !self.is_rebalancing() && self.coordinator.is_known()
    }

    /// Returns when the last request was sent by whose success the broker confirmed the present generation.
    pub fn confirmed(&self) -> Option<Millis> {
        self.confirmed
    }

    fn take(&mut self, now: Millis, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Poll => {
                self.heartbeat.busy_until = now + self.settings.rebalance_timeout;
                if !self.ready {
                    self.coordinator.start_over(now);
                }
                self.ready = true;
            }
            Event::Timeout => {}
            Event::ConfigOffset(offset) => self.config_offset = offset,
            Event::Rejoin => self.rejoin = true,
            Event::Leave { reason } => self.leave(reason, now, actions),
            Event::HeartbeatNow => self.heartbeat.due = now,
            Event::Assigned {
                generation,
                assignments,
            } => self.assigned(now, generation, assignments, actions),
            Event::Answered { request, reply } => self.answered(now, request, reply, actions),
            Event::Failed { request, failure } => self.failed(now, request, failure, actions),
            Event::Disconnected => self.lose_coordinator(now, actions),
        }
    }

    /// What Kafka's heartbeat thread does.
    fn keep_alive(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if !self.is_alive() || !self.coordinator.is_known() {
            return;
        }
        if now >= self.heartbeat.session_until {
            self.lose_coordinator(now, actions);
        } else if !self.ready && now >= self.heartbeat.busy_until {
            self.leave("worker poll timeout has expired.".to_owned(), now, actions);
        } else if now >= self.heartbeat.due && !(self.ready && self.joins()) {
            self.heartbeat.sent(now, &self.settings);
            let request = self.send(now, Request::Heartbeat);
            actions.push(Action::Heartbeat {
                request,
                generation: self.identity.generation,
                member_id: self.identity.member_id.clone(),
            });
        }
    }

    /// Heartbeats are sent: the member knows its generation.
    fn is_alive(&self) -> bool {
        matches!(
            self.state,
            State::Assigning | State::Syncing | State::Stable
        )
    }

    /// Leaves if it is in, and forgets who it is. What it owns it keeps, to tell the next leader.
    fn leave(&mut self, reason: String, now: Millis, actions: &mut Vec<Action>) {
        let is_in = self.state != State::Unjoined && !self.identity.member_id.is_empty();
        if is_in && self.coordinator.is_known() {
            let request = self.next_request();
            actions.push(Action::LeaveGroup {
                request,
                member_id: self.identity.member_id.clone(),
                reason,
            });
        }
        self.sent
            .retain(|_, sent| sent.what == Request::FindCoordinator);
        self.reset(true);
        self.ready = false;
        self.heartbeat.busy_until = now + self.settings.rebalance_timeout;
    }

    /// Forgets the generation, and if told so the member id, and needs a round with a join-prepare of its own.
    fn reset(&mut self, forget_id: bool) {
        self.state = State::Unjoined;
        let member_id = std::mem::take(&mut self.identity.member_id);
        self.identity = Identity::none();
        if !forget_id {
            self.identity.member_id = member_id;
        }
        self.rejoin = true;
        self.prepared = false;
        self.confirmed = None;
    }

    fn fail(&mut self, error: MemberError, actions: &mut Vec<Action>) {
        self.state = State::Stopped;
        self.sent.clear();
        actions.push(Action::Fail(error));
    }

    fn send(&mut self, now: Millis, what: Request) -> RequestId {
        let request = self.next_request();
        let sent = Sent {
            what,
            identity: self.identity.clone(),
            at: now,
        };
        self.sent.insert(request, sent);
        request
    }

    fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }
}
