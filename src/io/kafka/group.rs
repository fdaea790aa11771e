//! Membership of a classic group: JoinGroup, SyncGroup, Heartbeat and LeaveGroup, one request and one answer at a time.
//!
//! Nothing is decided here. A broker's error code is part of the answer, because what it means depends on the state of the
//! member; only the way to the coordinator is looked after: found, kept, forgotten when it moved or broke, found again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    SyncGroupRequest,
};
use kafka_protocol::protocol::{Request, StrBytes};
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::connection::Connection;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::protocol::errors::{self, ErrorCode};

/// What a broker may take beyond the rebalance timeout to answer JoinGroup, as `ConsumerNetworkClient` allows it.
const JOIN_GRACE: Duration = Duration::from_secs(5);

/// From this version on (KIP-800) JoinGroup says why.
const JOIN_REASON: i16 = 8;
/// From this version on SyncGroup repeats protocol type and name, and the broker compares them.
const SYNC_PROTOCOL: i16 = 5;
/// From this version on LeaveGroup takes a list of members, and from the next on a reason.
const LEAVE_MEMBERS: i16 = 3;
const LEAVE_REASON: i16 = 5;

/// One member's way to the coordinator of its group. Clones share the connection.
///
/// The connection is the member's own: a broker holds JoinGroup back until everyone has joined, and with it whatever else
/// was sent on the same socket.
#[derive(Debug, Clone)]
pub struct GroupClient {
    cluster: Cluster,
    group: String,
    coordinator: Arc<Mutex<Option<Arc<Connection>>>>,
}

/// What JoinGroup asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Empty at first; the broker then answers MEMBER_ID_REQUIRED with one.
    pub member_id: String,
    pub session_timeout: Duration,
    /// How long the broker waits for all members to come back.
    pub rebalance_timeout: Duration,
    /// `connect`, `consumer`, …
    pub protocol_type: String,
    /// Names and metadata, the preferred one first.
    pub protocols: Vec<(String, Bytes)>,
    /// Why, for the broker's log; empty: no reason.
    pub reason: String,
}

/// What JoinGroup was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinAnswer {
    pub code: ErrorCode,
    /// -1 when the join failed.
    pub generation: i32,
    /// `None` from brokers before 2.5.
    pub protocol_type: Option<String>,
    /// The one that all members share.
    pub protocol: Option<String>,
    /// Member id of the leader.
    pub leader: String,
    /// Ours; given with MEMBER_ID_REQUIRED too.
    pub member_id: String,
    /// Member ids and metadata; only the leader is told.
    pub members: Vec<(String, Bytes)>,
    /// KIP-814: the leader need not assign, because it came back as a static member.
    pub skip_assignment: bool,
}

/// What SyncGroup asks for; only the leader sends assignments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sync {
    pub generation: i32,
    pub member_id: String,
    pub protocol_type: String,
    pub protocol: String,
    /// Member ids and what each is given.
    pub assignments: Vec<(String, Bytes)>,
}

/// What SyncGroup was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncAnswer {
    pub code: ErrorCode,
    /// `None` from brokers before 2.5.
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub assignment: Bytes,
}

impl GroupClient {
    /// Does not connect yet.
    pub fn new(cluster: &Cluster, group: &str) -> Self {
        Self {
            cluster: cluster.clone(),
            group: group.to_owned(),
            coordinator: Arc::default(),
        }
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    /// Finds the coordinator and connects to it, unless that stands.
    pub async fn find(&self) -> Result<(), KafkaError> {
        self.connection(self.soon()).await.map(drop)
    }

    /// Forgets the coordinator; the next request looks for it again.
    pub fn forget(&self) {
        *self.lock() = None;
    }

    /// Joins, and waits as long as the broker may wait for the other members.
    ///
    /// Dropping the future gives the connection up: the broker would hold back everything sent after the join.
    pub async fn join(&self, join: &Join) -> Result<JoinAnswer, KafkaError> {
        let patience = (join.rebalance_timeout + JOIN_GRACE).max(self.timeout());
        let connection = self.connection(self.soon()).await?;
        let version = connection.version::<JoinGroupRequest>(i16::MAX)?;
        let request = self.join_request(join, version);
        let pending = Pending(Some(self));
        let deadline = Instant::now() + patience;
        let answer = self.ask(&connection, &request, version, deadline).await;
        pending.end();
        let answer = joined(answer?);
        self.mind(answer.code);
        Ok(answer)
    }

    /// Hands in assignments as the leader, or nothing as a follower, and waits for our own.
    pub async fn sync(&self, sync: &Sync) -> Result<SyncAnswer, KafkaError> {
        let deadline = self.soon();
        let connection = self.connection(deadline).await?;
        let version = connection.version::<SyncGroupRequest>(i16::MAX)?;
        let request = self.sync_request(sync, version);
        let answer = self.ask(&connection, &request, version, deadline).await?;
        let answer = SyncAnswer {
            code: ErrorCode::of(answer.error_code),
            protocol_type: text(answer.protocol_type),
            protocol: text(answer.protocol_name),
            assignment: answer.assignment,
        };
        self.mind(answer.code);
        Ok(answer)
    }

    /// Says that the member is alive; the answer's code says whether it is still a member of this generation.
    pub async fn heartbeat(
        &self,
        generation: i32,
        member_id: &str,
    ) -> Result<ErrorCode, KafkaError> {
        let deadline = self.soon();
        let connection = self.connection(deadline).await?;
        let version = connection.version::<HeartbeatRequest>(i16::MAX)?;
        let request = HeartbeatRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(generation)
            .with_member_id(member_id.to_owned().into());
        let answer = self.ask(&connection, &request, version, deadline).await?;
        let code = ErrorCode::of(answer.error_code);
        self.mind(code);
        Ok(code)
    }

    /// Leaves the group. UNKNOWN_MEMBER_ID means that the member is gone already.
    pub async fn leave(&self, member_id: &str, reason: &str) -> Result<ErrorCode, KafkaError> {
        let deadline = self.soon();
        let connection = self.connection(deadline).await?;
        let version = connection.version::<LeaveGroupRequest>(i16::MAX)?;
        let request = self.leave_request(member_id, reason, version);
        let answer = self.ask(&connection, &request, version, deadline).await?;
        let member = answer.members.first().map(|member| member.error_code);
        let code = match answer.error_code {
            errors::NONE => member.unwrap_or(errors::NONE),
            code => code,
        };
        self.mind(ErrorCode::of(code));
        Ok(ErrorCode::of(code))
    }

    /// Leaves the group for good: tries again until the coordinator says that the member is gone, within the timeout.
    pub async fn leave_surely(&self, member_id: &str, reason: &str) -> Result<(), KafkaError> {
        let mut retry = self.cluster.retry();
        loop {
            let error = match self.leave(member_id, reason).await {
                Ok(code) if !code.is_error() || code.code == errors::UNKNOWN_MEMBER_ID => {
                    return Ok(());
                }
                Ok(code) => self.failed("LeaveGroup", code).into(),
                Err(error) => error,
            };
            retry.pause_if_transient(error).await?;
        }
    }

    /// Returns an answer's code as an error, for callers to whom it is one.
    pub fn failed(&self, operation: &'static str, code: ErrorCode) -> BrokerError {
        BrokerError::new(operation, Resource::group(&self.group), code.code)
            .by(&self.cluster.caller())
    }

    async fn ask<R: Request>(
        &self,
        connection: &Arc<Connection>,
        request: &R,
        version: i16,
        deadline: Instant,
    ) -> Result<R::Response, KafkaError> {
        let answer = connection.request(request, version, deadline).await;
        if answer.is_err() {
            self.forget();
        }
        answer
    }

    /// Forgets a coordinator that says that it is none.
    fn mind(&self, code: ErrorCode) {
        if matches!(
            code.code,
            errors::NOT_COORDINATOR | errors::COORDINATOR_NOT_AVAILABLE
        ) {
            self.forget();
        }
    }

    async fn connection(&self, deadline: Instant) -> Result<Arc<Connection>, KafkaError> {
        let known = self.lock().clone().filter(|known| !known.is_broken());
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.cluster.find_coordinator(&self.group, deadline).await?;
        let opened = Arc::new(found.open(&self.cluster, deadline).await?);
        *self.lock() = Some(Arc::clone(&opened));
        Ok(opened)
    }

    fn join_request(&self, join: &Join, version: i16) -> JoinGroupRequest {
        let protocols = join.protocols.iter().map(|(name, metadata)| {
            JoinGroupRequestProtocol::default()
                .with_name(name.clone().into())
                .with_metadata(metadata.clone())
        });
        let request = JoinGroupRequest::default()
            .with_group_id(self.group_id())
            .with_session_timeout_ms(millis(join.session_timeout))
            .with_rebalance_timeout_ms(millis(join.rebalance_timeout))
            .with_member_id(join.member_id.clone().into())
            .with_protocol_type(join.protocol_type.clone().into())
            .with_protocols(protocols.collect());
        if version < JOIN_REASON {
            return request;
        }
        request.with_reason(Some(join.reason.clone().into()))
    }

    fn sync_request(&self, sync: &Sync, version: i16) -> SyncGroupRequest {
        let assignments = sync.assignments.iter().map(|(member, assignment)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(member.clone().into())
                .with_assignment(assignment.clone())
        });
        let request = SyncGroupRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(sync.generation)
            .with_member_id(sync.member_id.clone().into())
            .with_assignments(assignments.collect());
        if version < SYNC_PROTOCOL {
            return request;
        }
        request
            .with_protocol_type(Some(sync.protocol_type.clone().into()))
            .with_protocol_name(Some(sync.protocol.clone().into()))
    }

    fn leave_request(&self, member_id: &str, reason: &str, version: i16) -> LeaveGroupRequest {
        let request = LeaveGroupRequest::default().with_group_id(self.group_id());
        let member_id = StrBytes::from_string(member_id.to_owned());
        if version < LEAVE_MEMBERS {
            return request.with_member_id(member_id);
        }
        let member = MemberIdentity::default().with_member_id(member_id);
        let member = if version < LEAVE_REASON {
            member
        } else {
            member.with_reason(Some(StrBytes::from_string(reason.to_owned())))
        };
        request.with_members(vec![member])
    }

    fn group_id(&self) -> GroupId {
        GroupId(StrBytes::from_string(self.group.clone()))
    }

    fn timeout(&self) -> Duration {
        self.cluster.settings().timeout
    }

    fn soon(&self) -> Instant {
        Instant::now() + self.timeout()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.coordinator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A join that is under way; dropped before its end it takes the connection with it.
struct Pending<'a>(Option<&'a GroupClient>);

impl Pending<'_> {
    fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(client) = self.0 {
            client.forget();
        }
    }
}

fn joined(answer: JoinGroupResponse) -> JoinAnswer {
    let members = answer.members.into_iter();
    JoinAnswer {
        code: ErrorCode::of(answer.error_code),
        generation: answer.generation_id,
        protocol_type: text(answer.protocol_type),
        protocol: text(answer.protocol_name),
        leader: answer.leader.to_string(),
        member_id: answer.member_id.to_string(),
        members: members
            .map(|member| (member.member_id.to_string(), member.metadata))
            .collect(),
        skip_assignment: answer.skip_assignment,
    }
}

fn text(text: Option<StrBytes>) -> Option<String> {
    text.map(|text| text.to_string())
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
