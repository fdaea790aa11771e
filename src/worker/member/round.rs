//! One round: join-prepare, JoinGroup, the assignor if this member leads, SyncGroup, join-complete.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::protocol::connect_group::{
    Assignment, ConnectGroupError, ConnectProtocol, Subscription,
};
use crate::protocol::errors;
use crate::worker::Millis;
use crate::worker::assignor::Round;

use super::{
    Action, Identity, JoinGroup, JoinReply, Member, MemberError, Membership, OtherMembers, Request,
    State, SyncGroup, SyncReply,
};

const PROTOCOL_TYPE: &str = "connect";

/// For delays on the way, on top of the time that the broker may hold a JoinGroup.
const JOIN_LAPSE: Millis = 5_000;

impl Member {
    /// Starts a round, or its next attempt, when one is needed and possible.
    pub(super) fn keep_joined(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.rejoin_at.is_some_and(|at| now >= at) {
            self.rejoin_at = None;
            self.rejoin = true;
        }
        let due = match self.state {
            State::Due(at) => now >= at,
            _ => self.joins(),
        };
        if due && self.ready && self.coordinator.is_known() {
            self.prepare(actions);
            self.join(now, actions);
        }
    }

    /// A round is needed and none goes on.
    pub(super) fn joins(&self) -> bool {
        matches!(self.state, State::Unjoined | State::Stable) && self.needs_round()
    }

    pub(super) fn needs_round(&self) -> bool {
        self.rejoin || self.assignment.as_ref().is_none_or(Assignment::failed)
    }

    pub(super) fn round_deadline(&self) -> Option<Millis> {
        match self.state {
            State::Due(at) if self.ready && self.coordinator.is_known() => Some(at),
            State::Stopped => None,
            _ => self.rejoin_at,
        }
    }

    /// Under the eager protocol everything stops before the group is told; what was owned is still told.
    fn prepare(&mut self, actions: &mut Vec<Action>) {
        if self.prepared {
            return;
        }
        self.prepared = true;
        if self.protocol == ConnectProtocol::Eager
            && let Some(owned) = self.assignment.as_ref().filter(|a| !a.failed())
        {
            actions.push(Action::Revoke(owned.assigned.clone()));
        }
    }

    fn join(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let protocols = match self.metadata() {
            Ok(protocols) => protocols,
            Err(source) => {
                let what = "metadata";
                return self.fail(MemberError::Unwritable { what, source }, actions);
            }
        };
        self.state = State::Joining;
        self.rejoin = false;
        self.rejoin_at = None;
        let request = self.send(now, Request::JoinGroup);
        let settings = &self.settings;
        let timeout = settings.rebalance_timeout.saturating_add(JOIN_LAPSE);
        actions.push(Action::JoinGroup(JoinGroup {
            request,
            member_id: self.identity.member_id.clone(),
            protocols,
            session_timeout_ms: wire_millis(settings.session_timeout),
            rebalance_timeout_ms: wire_millis(settings.rebalance_timeout),
            reason: self.reason.clone(),
            timeout: timeout.max(settings.request_timeout),
        }));
    }

    fn metadata(&self) -> Result<Vec<(&'static str, Bytes)>, ConnectGroupError> {
        let mut subscription = Subscription {
            version: 0,
            url: self.settings.url.clone(),
            config_offset: self.config_offset,
            allocation: self.assignment.clone(),
        };
        let offered = self.settings.protocol.offered().iter();
        offered
            .map(|protocol| {
                subscription.version = protocol.version();
                Ok((protocol.name(), subscription.encode()?))
            })
            .collect()
    }

    /// The next attempt is the same round's, and follows at once.
    pub(super) fn try_again(&mut self, now: Millis, exception: &str) {
        self.rejoin = true;
        self.reason = format!("rebalance failed due to {exception}");
        if self.state != State::Unjoined {
            self.state = State::Due(now);
        }
    }

    /// The next attempt is the same round's, and follows after `retry.backoff.ms`.
    pub(super) fn try_again_later(&mut self, now: Millis, exception: &str) {
        self.try_again(now, exception);
        self.state = State::Due(now + self.settings.retry_backoff);
    }

    pub(super) fn joined(&mut self, now: Millis, reply: JoinReply, actions: &mut Vec<Action>) {
        let protocol = match protocol_of(reply.protocol_type, reply.protocol_name) {
            Ok(protocol) => protocol,
            Err(error) => return self.fail(error, actions),
        };
        let is_leader = reply.leader == reply.member_id;
        self.identity = Identity {
            generation: reply.generation,
            member_id: reply.member_id,
            protocol: Some(protocol),
        };
        self.confirmed = None;
        self.heartbeat.restart(now, &self.settings);
        let others = others(&self.identity.member_id, &reply.leader, &reply.members);
        if self.settings.other_members == OtherMembers::Leave && !others.is_empty() {
            return self.part(now, reply.leader, others, actions);
        }
        if !is_leader {
            return self.sync(now, Vec::new(), actions);
        }
        if reply.skip_assignment {
            let generation = reply.generation;
            return self.fail(MemberError::SkippedAssignment { generation }, actions);
        }
        match subscriptions(reply.members) {
            Err(error) => self.fail(error, actions),
            Ok(members) => {
                self.state = State::Assigning;
                actions.push(Action::Assign(Round {
                    generation: reply.generation,
                    last_generation: self.last_generation,
                    protocol,
                    leader: reply.leader,
                    members,
                }));
            }
        }
    }

    /// Leaves a group that is not empty, before anybody waits for this member's assignment.
    fn part(
        &mut self,
        now: Millis,
        leader: String,
        others: Vec<String>,
        actions: &mut Vec<Action>,
    ) {
        let reason = "the group has other members".to_owned();
        // In the generation, though it does not sync: `leave` asks.
        self.state = State::Syncing;
        self.leave(reason, now, actions);
        self.state = State::Stopped;
        actions.push(Action::NotAlone { leader, others });
    }

    /// Takes the assignor's answer, unless the generation is over.
    pub(super) fn assigned(
        &mut self,
        now: Millis,
        generation: i32,
        assignments: BTreeMap<String, Assignment>,
        actions: &mut Vec<Action>,
    ) {
        if self.state != State::Assigning || generation != self.identity.generation {
            return;
        }
        let encoded: Result<_, ConnectGroupError> = assignments
            .into_iter()
            .map(|(member, assignment)| Ok((member, assignment.encode()?)))
            .collect();
        match encoded {
            Ok(assignments) => self.sync(now, assignments, actions),
            Err(source) => {
                let what = "assignment";
                self.fail(MemberError::Unwritable { what, source }, actions);
            }
        }
    }

    fn sync(&mut self, now: Millis, assignments: Vec<(String, Bytes)>, actions: &mut Vec<Action>) {
        let Some(protocol) = self.identity.protocol else {
            return;
        };
        self.state = State::Syncing;
        let request = self.send(now, Request::SyncGroup);
        actions.push(Action::SyncGroup(SyncGroup {
            request,
            generation: self.identity.generation,
            member_id: self.identity.member_id.clone(),
            protocol,
            assignments,
        }));
    }

    pub(super) fn synced(
        &mut self,
        now: Millis,
        sent_at: Millis,
        reply: SyncReply,
        actions: &mut Vec<Action>,
    ) {
        let Some(protocol) = self.identity.protocol else {
            return;
        };
        let name = reply.protocol_name.or(Some(protocol.name().to_owned()));
        match protocol_of(reply.protocol_type, name) {
            Err(error) => return self.fail(error, actions),
            Ok(other) if other != protocol => {
                let found = other.to_string();
                return self.fail(MemberError::Protocol { found }, actions);
            }
            Ok(_) => {}
        }
        match Assignment::decode(&reply.assignment) {
            Ok(assignment) => {
                self.confirmed = Some(sent_at);
                self.complete(now, protocol, assignment, actions);
            }
            Err(source) => {
                let generation = self.identity.generation;
                self.fail(MemberError::Assignment { generation, source }, actions);
            }
        }
    }

    /// Join-complete: stops what is revoked, adds what is new to what is kept, and hands it over.
    fn complete(
        &mut self,
        now: Millis,
        protocol: ConnectProtocol,
        mut new: Assignment,
        actions: &mut Vec<Action>,
    ) {
        let revoked = std::mem::take(&mut new.revoked);
        let owned = self
            .assignment
            .take()
            .map(|a| a.assigned)
            .unwrap_or_default();
        self.rejoin |= !revoked.is_empty();
        if protocol == ConnectProtocol::Eager {
            // After a join under a cooperative protocol the rest still runs: a JVM worker forgets it, and it runs on.
            let forgotten = owned.difference(&new.assigned);
            if self.protocol != ConnectProtocol::Eager && !forgotten.is_empty() {
                actions.push(Action::Revoke(forgotten));
            }
        } else {
            new.assigned = new.assigned.union(&owned.difference(&revoked));
            if !revoked.is_empty() {
                actions.push(Action::Revoke(revoked));
            }
        }
        self.state = State::Stable;
        self.protocol = protocol;
        self.last_generation = self.identity.generation;
        self.prepared = false;
        self.reason.clear();
        self.ready = false;
        self.heartbeat.busy_until = now + self.settings.rebalance_timeout;
        let delay = Millis::try_from(new.delay_ms).unwrap_or(0);
        self.rejoin_at = (delay > 0).then(|| now + delay);
        actions.push(Action::Assigned(Membership {
            generation: self.identity.generation,
            member_id: self.identity.member_id.clone(),
            protocol,
            is_leader: new.leader == self.identity.member_id,
            assignment: new.clone(),
        }));
        self.assignment = Some(new);
    }
}

/// Checks what the broker selected. Brokers older than the fields say nothing.
fn protocol_of(kind: Option<String>, name: Option<String>) -> Result<ConnectProtocol, MemberError> {
    match kind {
        Some(found) if found != PROTOCOL_TYPE => Err(MemberError::ProtocolType { found }),
        _ => {
            let found = name.unwrap_or_default();
            ConnectProtocol::from_name(&found).ok_or(MemberError::Protocol { found })
        }
    }
}

fn others(own: &str, leader: &str, members: &[(String, Bytes)]) -> Vec<String> {
    let mut others: Vec<String> = members.iter().map(|(id, _)| id.clone()).collect();
    others.push(leader.to_owned());
    others.retain(|id| id != own);
    others.dedup();
    others
}

fn subscriptions(
    members: Vec<(String, Bytes)>,
) -> Result<Vec<(String, Subscription)>, MemberError> {
    let decode = |(member, metadata): (String, Bytes)| match Subscription::decode(&metadata) {
        Ok(subscription) => Ok((member, subscription)),
        Err(source) => Err(MemberError::Subscription { member, source }),
    };
    members.into_iter().map(decode).collect()
}

fn wire_millis(millis: Millis) -> i32 {
    millis.try_into().unwrap_or(i32::MAX)
}

/// Kafka's name of the exception behind an error, as the reason of the next attempt gives it.
pub(super) fn exception_of(error: i16) -> &'static str {
    match error {
        errors::COORDINATOR_LOAD_IN_PROGRESS => "CoordinatorLoadInProgressException",
        errors::COORDINATOR_NOT_AVAILABLE => "CoordinatorNotAvailableException",
        errors::NOT_COORDINATOR => "NotCoordinatorException",
        errors::ILLEGAL_GENERATION => "IllegalGenerationException",
        errors::UNKNOWN_MEMBER_ID => "UnknownMemberIdException",
        errors::REBALANCE_IN_PROGRESS => "RebalanceInProgressException",
        _ => "KafkaException",
    }
}
