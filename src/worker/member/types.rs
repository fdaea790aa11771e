//! What goes into the member and what comes out of it.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::protocol::connect_group::{Assignment, ConnectProtocol, Work};
use crate::worker::assignor::Round;
use crate::worker::{Millis, Trouble};

use super::MemberError;

/// What a member takes from the worker's configuration.
#[derive(Debug, Clone)]
pub struct MemberSettings {
    /// Base of the worker's REST API as it advertises it, `http://host:port/`.
    pub url: String,
    /// `connect.protocol`.
    pub protocol: ConnectProtocol,
    /// `session.timeout.ms`.
    pub session_timeout: Millis,
    /// `heartbeat.interval.ms`; shorter than the session timeout.
    pub heartbeat_interval: Millis,
    /// For how long the coordinator may be away before what is owned is stopped, for others may have been given it: the
    /// worker's `heartbeat.interval.ms`, however much more often this member beats (`WorkerCoordinator.poll`).
    pub coordinator_patience: Millis,
    /// `rebalance.timeout.ms`: how long the group waits for this member in a round, and how long it may be busy between rounds.
    pub rebalance_timeout: Millis,
    /// `request.timeout.ms`.
    pub request_timeout: Millis,
    /// `retry.backoff.ms`.
    pub retry_backoff: Millis,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Millis,
    pub other_members: OtherMembers,
    /// Sets the jitter of the pauses, so that workers which lost the same broker do not come back at once.
    pub jitter_seed: u64,
}

impl MemberSettings {
    /// Returns the defaults of a 4.3.1 worker.
    pub fn new(url: impl Into<String>, jitter_seed: u64) -> Self {
        Self {
            url: url.into(),
            protocol: ConnectProtocol::Sessioned,
            session_timeout: 10_000,
            heartbeat_interval: 3_000,
            coordinator_patience: 3_000,
            rebalance_timeout: 60_000,
            request_timeout: 40_000,
            retry_backoff: 100,
            retry_backoff_max: 1_000,
            other_members: OtherMembers::Accept,
            jitter_seed,
        }
    }
}

/// What a member makes of other members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherMembers {
    /// It shares the group with them, as workers do.
    Accept,
    /// When a round shows another member it leaves before it syncs, and never comes back.
    Leave,
}

/// Names a request, so that the answer to one that no longer counts is told from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// What a member is told.
#[derive(Debug, Clone)]
pub enum Event {
    /// The herder has dealt with the last [`Action::Assigned`] and is ready for a round.
    ///
    /// Nothing is sent before the first. Rounds start only while the herder is ready, which it is until the next
    /// `Assigned`; one that stays busy for `rebalance_timeout` makes the member leave, as the group would evict it.
    Poll,
    /// [`Member::deadline`](super::Member::deadline) has come.
    Timeout,
    /// The config log has been read up to this offset. See
    /// [`ConfigState::offset`](crate::model::storage_records::ConfigState::offset).
    ConfigOffset(i64),
    /// The herder wants another round.
    Rejoin,
    /// The herder wants out. The next [`Event::Poll`] joins again as a new member.
    Leave { reason: String },
    /// The next heartbeat is due at once: [`Member::confirmed`](super::Member::confirmed) will tell its success.
    HeartbeatNow,
    /// The answer to [`Action::Assign`]: the assignments of the round by member id.
    Assigned {
        generation: i32,
        assignments: BTreeMap<String, Assignment>,
    },
    /// A response arrived.
    Answered { request: RequestId, reply: Reply },
    /// No response will come.
    Failed {
        request: RequestId,
        failure: RequestFailure,
    },
    /// The connection to the coordinator broke.
    Disconnected,
}

/// Responses, as far as a member looks at them. Errors are those of [`crate::protocol::errors`].
#[derive(Debug, Clone)]
pub enum Reply {
    /// To [`Action::FindCoordinator`]; without error when there is also a connection to the coordinator.
    Coordinator {
        error: i16,
    },
    JoinGroup(JoinReply),
    SyncGroup(SyncReply),
    Heartbeat {
        error: i16,
    },
}

#[derive(Debug, Clone, Default)]
pub struct JoinReply {
    pub error: i16,
    pub generation: i32,
    /// From version 7.
    pub protocol_type: Option<String>,
    pub protocol_name: Option<String>,
    /// Member id of the leader.
    pub leader: String,
    pub skip_assignment: bool,
    pub member_id: String,
    /// Everybody's metadata by member id; only the leader gets it.
    pub members: Vec<(String, Bytes)>,
}

#[derive(Debug, Clone, Default)]
pub struct SyncReply {
    pub error: i16,
    /// From version 5.
    pub protocol_type: Option<String>,
    pub protocol_name: Option<String>,
    pub assignment: Bytes,
}

/// Why a request has no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFailure {
    /// The connection broke, could not be made, or no response came in time. It is tried again.
    Lost,
    /// Trying again will not help: wrong password, no common version, no trust in the certificate.
    Refused(Trouble),
}

/// What a member asks for, to be done in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Ask any broker for the coordinator of the group (key type 0) and connect to it.
    FindCoordinator {
        request: RequestId,
    },
    /// Close the connection to the coordinator; what is in flight on it no longer counts.
    Disconnect,
    JoinGroup(JoinGroup),
    /// This member leads: run the assignor and answer with [`Event::Assigned`].
    Assign(Round),
    SyncGroup(SyncGroup),
    Heartbeat {
        request: RequestId,
        generation: i32,
        member_id: String,
    },
    /// Nobody waits for the response. The member has forgotten its generation and its id.
    LeaveGroup {
        request: RequestId,
        member_id: String,
        reason: String,
    },
    /// Stop this work and then go on with the next action. What does not run needs no stopping.
    Revoke(Work),
    /// A round is over.
    Assigned(Membership),
    /// A member that leaves when there are others saw some: it has left, or never was in, and does nothing any more.
    NotAlone {
        /// Member id of the round's leader.
        leader: String,
        /// The other members' ids. A follower is told the leader's alone.
        others: Vec<String>,
    },
    /// The member can not go on and does nothing any more.
    Fail(MemberError),
}

/// A request to join, with protocol type `connect` and no group instance id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinGroup {
    pub request: RequestId,
    /// Empty for a new member.
    pub member_id: String,
    /// Names with metadata, best first.
    pub protocols: Vec<(&'static str, Bytes)>,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    /// Empty in the usual case.
    pub reason: String,
    /// How long to wait for the response: longer than for others, for the broker holds it until everybody has joined.
    pub timeout: Millis,
}

/// A request for the assignment, with protocol type `connect` and no group instance id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroup {
    pub request: RequestId,
    pub generation: i32,
    pub member_id: String,
    pub protocol: ConnectProtocol,
    /// By member id; empty from a follower.
    pub assignments: Vec<(String, Bytes)>,
}

/// What a completed round made of this worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Membership {
    pub generation: i32,
    pub member_id: String,
    pub protocol: ConnectProtocol,
    pub is_leader: bool,
    /// `assigned` is everything that this worker now owns, under every protocol, and `revoked` is empty: it was stopped by an
    /// [`Action::Revoke`] before. Error, leader, offset and delay are the leader's words.
    pub assignment: Assignment,
}
