//! Why a member can not go on.

use crate::protocol::connect_group::ConnectGroupError;
use crate::protocol::errors::ErrorCode;
use crate::worker::{Millis, Trouble};

use super::RequestId;

/// Why a member can not go on, or not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// The session would expire between two heartbeats.
    #[error(
        "heartbeat.interval.ms ({heartbeat_interval}) must be less than session.timeout.ms ({session_timeout})"
    )]
    Interval {
        heartbeat_interval: Millis,
        session_timeout: Millis,
    },
    /// An error that does not pass.
    #[error("the broker answers {request} with {error}")]
    Refused {
        request: &'static str,
        error: ErrorCode,
    },
    /// No connection that could be used: login, TLS, versions.
    #[error("{0}")]
    Unreachable(Trouble),
    /// Another kind of client uses the group id.
    #[error("the group has protocol type {found}, not connect")]
    ProtocolType { found: String },
    /// The broker selected a protocol that was not offered, or another one than in the same round's join.
    #[error("the group uses the protocol {found}, this member can not")]
    Protocol { found: String },
    /// Only members with a group instance id, which Connect never has, skip it.
    #[error("the broker tells the leader of generation {generation} to skip the assignment")]
    SkippedAssignment { generation: i32 },
    #[error("the metadata of member {member} can not be read")]
    Subscription {
        member: String,
        #[source]
        source: ConnectGroupError,
    },
    #[error("the assignment of generation {generation} can not be read")]
    Assignment {
        generation: i32,
        #[source]
        source: ConnectGroupError,
    },
    /// The member's own side mixed up its requests.
    #[error("request {} was answered with the response to another kind of request", .request.0)]
    WrongReply { request: RequestId },
    /// A name or a set of work too large for the protocol.
    #[error("the member's own {what} can not be written")]
    Unwritable {
        what: &'static str,
        #[source]
        source: ConnectGroupError,
    },
}

impl MemberError {
    /// Returns what to do about it, as a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Interval { .. } => Some("Correct it with --set KEY=VALUE.".to_owned()),
            Self::Refused { error, .. } => error.advice().map(str::to_owned),
            Self::Unreachable(trouble) => trouble.hint.clone(),
            Self::ProtocolType { .. } => Some("Set another group.id.".to_owned()),
            _ => None,
        }
    }
}
