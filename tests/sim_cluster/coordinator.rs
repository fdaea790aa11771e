//! The broker's half of the classic group protocol (`ClassicGroup`, `GroupMetadataManager`), without authorization and static
//! members, and with a simpler reply to requests that no worker sends.

use std::collections::BTreeMap;

use bytes::Bytes;
use connectctl::protocol::errors;
use connectctl::worker::member::{JoinGroup, JoinReply, Reply, RequestId, SyncGroup, SyncReply};
use indexmap::IndexMap;

/// Where an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) worker: usize,
    /// Which of the worker's lives, and which connection of that life: no two in a world are alike.
    pub(super) life: u64,
    pub(super) connection: u64,
    pub(super) request: RequestId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupState {
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
}

#[derive(Debug, Clone)]
struct GroupMember {
    protocols: Vec<(&'static str, Bytes)>,
    session_timeout: u64,
    rebalance_timeout: u64,
    /// Without heartbeat.
    alive_until: u64,
    joining: Option<Ticket>,
    syncing: Option<Ticket>,
    has_synced: bool,
    assignment: Bytes,
}

/// A group with its clock given.
#[derive(Debug, Clone)]
pub(super) struct Coordinator {
    pub(super) state: GroupState,
    pub(super) generation: i32,
    members: IndexMap<String, GroupMember>,
    /// Ids that were given out and have not come back, with their ends.
    pending: BTreeMap<String, u64>,
    leader: String,
    protocol: &'static str,
    /// When a round goes on without those who have not joined, or not synced.
    round_ends: u64,
    /// `group.initial.rebalance.delay.ms` for a group that was empty.
    not_before: u64,
    initial_delay: u64,
    ids: u64,
    answers: Vec<(Ticket, Reply)>,
    /// Workers, with their lives, that took part in the last round.
    pub(super) participants: Vec<(usize, u64)>,
    persisted: Option<Box<Coordinator>>,
}

impl Coordinator {
    pub(super) fn new(initial_delay: u64) -> Self {
        Self {
            state: GroupState::Empty,
            generation: 0,
            members: IndexMap::new(),
            pending: BTreeMap::new(),
            leader: String::new(),
            protocol: "",
            round_ends: 0,
            not_before: 0,
            initial_delay,
            ids: 0,
            answers: Vec::new(),
            participants: Vec::new(),
            persisted: None,
        }
    }

    pub(super) fn answers(&mut self) -> Vec<(Ticket, Reply)> {
        std::mem::take(&mut self.answers)
    }

    pub(super) fn join(&mut self, now: u64, ticket: Ticket, join: JoinGroup) {
        let id = join.member_id.clone();
        if id.is_empty() {
            self.ids += 1;
            let id = format!("connect-{}-{}", ticket.worker, self.ids);
            let session_timeout = millis(join.session_timeout_ms);
            self.pending.insert(id.clone(), now + session_timeout);
            return self.refuse_join(ticket, errors::MEMBER_ID_REQUIRED, id);
        }
        if self.pending.remove(&id).is_some() {
            let member = GroupMember {
                protocols: join.protocols,
                session_timeout: millis(join.session_timeout_ms),
                rebalance_timeout: millis(join.rebalance_timeout_ms),
                alive_until: 0,
                joining: Some(ticket),
                syncing: None,
                has_synced: false,
                assignment: Bytes::new(),
            };
            if self.members.is_empty() {
                self.leader.clone_from(&id);
            }
            self.members.insert(id, member);
            return self.rebalance(now);
        }
        let is_leader = id == self.leader;
        let Some(member) = self.members.get_mut(&id) else {
            return self.refuse_join(ticket, errors::UNKNOWN_MEMBER_ID, id);
        };
        let is_unchanged = member.protocols == join.protocols;
        let repeats = match self.state {
            GroupState::CompletingRebalance => is_unchanged,
            GroupState::Stable => is_unchanged && !is_leader,
            GroupState::Empty | GroupState::PreparingRebalance => false,
        };
        if repeats {
            member.alive_until = now + member.session_timeout;
            return self.answer_join(&id, ticket);
        }
        member.protocols = join.protocols;
        member.joining = Some(ticket);
        self.rebalance(now);
    }

    pub(super) fn sync(&mut self, now: u64, ticket: Ticket, sync: SyncGroup) {
        let Some(member) = self.members.get_mut(&sync.member_id) else {
            return self.refuse_sync(ticket, errors::UNKNOWN_MEMBER_ID);
        };
        if sync.generation != self.generation {
            return self.refuse_sync(ticket, errors::ILLEGAL_GENERATION);
        }
        match self.state {
            GroupState::Empty => self.refuse_sync(ticket, errors::UNKNOWN_MEMBER_ID),
            GroupState::PreparingRebalance => {
                self.refuse_sync(ticket, errors::REBALANCE_IN_PROGRESS);
            }
            GroupState::Stable => {
                member.alive_until = now + member.session_timeout;
                let assignment = member.assignment.clone();
                self.answer_sync(ticket, assignment);
            }
            GroupState::CompletingRebalance => {
                member.syncing = Some(ticket);
                member.has_synced = true;
                if sync.member_id == self.leader {
                    self.stabilize(now, &sync.assignments.into_iter().collect());
                }
            }
        }
    }

    fn stabilize(&mut self, now: u64, assignments: &BTreeMap<String, Bytes>) {
        self.state = GroupState::Stable;
        let mut waiting = Vec::new();
        for (id, member) in &mut self.members {
            member.assignment = assignments.get(id).cloned().unwrap_or_default();
            if let Some(ticket) = member.syncing.take() {
                member.alive_until = now + member.session_timeout;
                waiting.push((ticket, member.assignment.clone()));
            }
        }
        self.persist();
        for (ticket, assignment) in waiting {
            self.answer_sync(ticket, assignment);
        }
    }

    pub(super) fn heartbeat(&mut self, now: u64, ticket: Ticket, id: &str, generation: i32) {
        let error = match self.members.get_mut(id) {
            None => errors::UNKNOWN_MEMBER_ID,
            Some(_) if generation != self.generation => errors::ILLEGAL_GENERATION,
            Some(member) => {
                member.alive_until = now + member.session_timeout;
                if self.state == GroupState::PreparingRebalance {
                    errors::REBALANCE_IN_PROGRESS
                } else {
                    errors::NONE
                }
            }
        };
        self.answers.push((ticket, Reply::Heartbeat { error }));
    }

    pub(super) fn leave(&mut self, now: u64, id: &str) {
        if self.pending.remove(id).is_some() {
            self.complete_if_all_joined(now);
        } else {
            self.remove(now, id);
        }
    }

    /// Does what is due.
    pub(super) fn timeout(&mut self, now: u64) {
        let pending = self.pending.len();
        self.pending.retain(|_, until| now < *until);
        if self.pending.len() < pending {
            self.complete_if_all_joined(now);
        }
        let expired: Vec<_> = self
            .members
            .iter()
            .filter(|(_, m)| m.joining.is_none() && m.syncing.is_none() && now >= m.alive_until)
            .map(|(id, _)| id.clone())
            .collect();
        for id in expired {
            self.remove(now, &id);
        }
        match self.state {
            GroupState::PreparingRebalance if now >= self.round_ends => self.complete(now),
            GroupState::PreparingRebalance => self.complete_if_all_joined(now),
            GroupState::CompletingRebalance if now >= self.round_ends => {
                let late: Vec<_> = self
                    .members
                    .iter()
                    .filter(|(_, m)| !m.has_synced)
                    .map(|(id, _)| id.clone())
                    .collect();
                for id in late {
                    self.remove(now, &id);
                }
            }
            _ => {}
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        let sessions = self
            .members
            .values()
            .filter(|m| m.joining.is_none() && m.syncing.is_none())
            .map(|m| m.alive_until);
        let round = match self.state {
            GroupState::PreparingRebalance => [
                Some(self.round_ends),
                Some(self.not_before).filter(|_| self.all_joined()),
            ],
            GroupState::CompletingRebalance => [Some(self.round_ends), None],
            _ => [None, None],
        };
        let pending = self.pending.values().copied();
        sessions
            .chain(pending)
            .chain(round.into_iter().flatten())
            .min()
    }

    /// Another broker takes over: it knows what was last written to the offsets topic, and grants everybody a new session.
    pub(super) fn fail_over(&mut self, now: u64) {
        let ids = self.ids;
        let mut next = match self.persisted.take() {
            Some(persisted) => *persisted,
            None => Self::new(self.initial_delay),
        };
        next.ids = ids;
        for member in next.members.values_mut() {
            member.alive_until = now + member.session_timeout;
        }
        *self = next;
        self.persist();
    }

    fn persist(&mut self) {
        self.persisted = None;
        let mut written = self.clone();
        written.answers.clear();
        written.pending.clear();
        self.persisted = Some(Box::new(written));
    }

    fn remove(&mut self, now: u64, id: &str) {
        let Some(member) = self.members.shift_remove(id) else {
            return;
        };
        if let Some(ticket) = member.joining {
            self.refuse_join(ticket, errors::UNKNOWN_MEMBER_ID, id.to_owned());
        }
        if let Some(ticket) = member.syncing {
            self.refuse_sync(ticket, errors::UNKNOWN_MEMBER_ID);
        }
        self.choose_leader();
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.rebalance(now),
            GroupState::PreparingRebalance => self.complete_if_all_joined(now),
            GroupState::Empty => {}
        }
    }

    fn choose_leader(&mut self) {
        if !self.members.contains_key(&self.leader) {
            self.leader = self.members.keys().next().cloned().unwrap_or_default();
        }
    }

    /// Starts a round, or looks whether the one that runs is complete.
    fn rebalance(&mut self, now: u64) {
        if self.state != GroupState::PreparingRebalance {
            let waiting: Vec<_> = self
                .members
                .values_mut()
                .filter_map(|m| m.syncing.take())
                .collect();
            for ticket in waiting {
                self.refuse_sync(ticket, errors::REBALANCE_IN_PROGRESS);
            }
            let was_empty = self.state == GroupState::Empty;
            self.not_before = now + if was_empty { self.initial_delay } else { 0 };
            self.round_ends = now + self.longest_round();
            self.state = GroupState::PreparingRebalance;
        }
        self.complete_if_all_joined(now);
    }

    fn longest_round(&self) -> u64 {
        self.members
            .values()
            .map(|m| m.rebalance_timeout)
            .max()
            .unwrap_or(0)
    }

    fn all_joined(&self) -> bool {
        self.pending.is_empty() && self.members.values().all(|m| m.joining.is_some())
    }

    fn complete_if_all_joined(&mut self, now: u64) {
        let is_preparing = self.state == GroupState::PreparingRebalance;
        if is_preparing && self.all_joined() && now >= self.not_before {
            self.complete(now);
        }
    }

    fn complete(&mut self, now: u64) {
        self.members.retain(|_, member| member.joining.is_some());
        self.generation += 1;
        self.choose_leader();
        self.participants.clear();
        if self.members.is_empty() {
            self.state = GroupState::Empty;
            return self.persist();
        }
        self.state = GroupState::CompletingRebalance;
        self.protocol = self.common_protocol();
        self.round_ends = now + self.longest_round();
        let mut joined = Vec::new();
        for (id, member) in &mut self.members {
            member.alive_until = now + member.session_timeout;
            member.has_synced = false;
            member.assignment = Bytes::new();
            joined.extend(member.joining.take().map(|ticket| (id.clone(), ticket)));
        }
        for (id, ticket) in joined {
            self.participants.push((ticket.worker, ticket.life));
            self.answer_join(&id, ticket);
        }
    }

    /// The name that all have and most would like best.
    fn common_protocol(&self) -> &'static str {
        let members = || self.members.values();
        let is_common = |name: &str| members().all(|m| m.protocols.iter().any(|(n, _)| *n == name));
        let mut votes = IndexMap::new();
        for member in members() {
            let best = member.protocols.iter().find(|(name, _)| is_common(name));
            *votes.entry(best.map_or("", |(name, _)| *name)).or_insert(0) += 1;
        }
        let most = votes.into_iter().max_by_key(|(_, count)| *count);
        most.map_or("", |(name, _)| name)
    }

    fn answer_join(&mut self, id: &str, ticket: Ticket) {
        let is_leader = id == self.leader;
        let members = self.members.iter().filter(|_| is_leader);
        let metadata = |member: &GroupMember| {
            let mut offered = member.protocols.iter();
            let chosen = offered.find(|(name, _)| *name == self.protocol);
            chosen.map(|(_, bytes)| bytes.clone()).unwrap_or_default()
        };
        let reply = JoinReply {
            generation: self.generation,
            protocol_type: Some("connect".to_owned()),
            protocol_name: Some(self.protocol.to_owned()),
            leader: self.leader.clone(),
            member_id: id.to_owned(),
            members: members.map(|(id, m)| (id.clone(), metadata(m))).collect(),
            ..JoinReply::default()
        };
        self.answers.push((ticket, Reply::JoinGroup(reply)));
    }

    fn refuse_join(&mut self, ticket: Ticket, error: i16, member_id: String) {
        let reply = JoinReply {
            error,
            generation: -1,
            member_id,
            ..JoinReply::default()
        };
        self.answers.push((ticket, Reply::JoinGroup(reply)));
    }

    fn answer_sync(&mut self, ticket: Ticket, assignment: Bytes) {
        let reply = SyncReply {
            error: errors::NONE,
            protocol_type: Some("connect".to_owned()),
            protocol_name: Some(self.protocol.to_owned()),
            assignment,
        };
        self.answers.push((ticket, Reply::SyncGroup(reply)));
    }

    fn refuse_sync(&mut self, ticket: Ticket, error: i16) {
        let reply = SyncReply {
            error,
            ..SyncReply::default()
        };
        self.answers.push((ticket, Reply::SyncGroup(reply)));
    }
}

fn millis(value: i32) -> u64 {
    u64::try_from(value).expect("workers send no negative timeouts")
}
