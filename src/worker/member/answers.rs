//! What a response, or its absence, does to the member.

use crate::protocol::errors::{self, ErrorCode};
use crate::worker::Millis;

use super::round::exception_of;
use super::{Action, Member, MemberError, Reply, Request, RequestFailure, RequestId, Sent, State};

impl Member {
    pub(super) fn answered(
        &mut self,
        now: Millis,
        request: RequestId,
        reply: Reply,
        actions: &mut Vec<Action>,
    ) {
        // An answer that nobody waits for any more changes nothing.
        let Some(sent) = self.sent.remove(&request) else {
            return;
        };
        match (sent.what, reply) {
            (Request::FindCoordinator, Reply::Coordinator { error }) => {
                self.coordinator_answered(now, error, actions);
            }
            (Request::JoinGroup, Reply::JoinGroup(reply)) if reply.error == errors::NONE => {
                self.joined(now, reply, actions);
            }
            (Request::JoinGroup, Reply::JoinGroup(reply)) => {
                self.join_refused(now, &sent, reply.error, reply.member_id, actions);
            }
            (Request::SyncGroup, Reply::SyncGroup(reply)) if reply.error == errors::NONE => {
                self.synced(now, sent.at, reply, actions);
            }
            (Request::SyncGroup, Reply::SyncGroup(reply)) => {
                self.sync_refused(now, &sent, reply.error, actions);
            }
            (Request::Heartbeat, Reply::Heartbeat { error }) => {
                self.heartbeat_answered(now, &sent, error, actions);
            }
            _ => self.fail(MemberError::WrongReply { request }, actions),
        }
    }

    pub(super) fn failed(
        &mut self,
        now: Millis,
        request: RequestId,
        failure: RequestFailure,
        actions: &mut Vec<Action>,
    ) {
        let Some(sent) = self.sent.remove(&request) else {
            return;
        };
        match failure {
            RequestFailure::Refused(trouble) => {
                self.fail(MemberError::Unreachable(trouble), actions);
            }
            RequestFailure::Lost if sent.what == Request::FindCoordinator => {
                self.coordinator_not_found(now);
            }
            RequestFailure::Lost => {
                if sent.what == Request::Heartbeat {
                    self.heartbeat.failed(now, &self.settings, &mut self.jitter);
                }
                self.lose_coordinator(now, actions);
            }
        }
    }

    fn coordinator_answered(&mut self, now: Millis, error: i16, actions: &mut Vec<Action>) {
        let code = ErrorCode::of(error);
        if !code.is_error() {
            self.coordinator_found(now);
        } else if code.retriable {
            self.coordinator_not_found(now);
        } else {
            self.refuse("FindCoordinator", error, actions);
        }
    }

    fn join_refused(
        &mut self,
        now: Millis,
        sent: &Sent,
        error: i16,
        member_id: String,
        actions: &mut Vec<Action>,
    ) {
        match error {
            errors::MEMBER_ID_REQUIRED => {
                self.identity.generation = -1;
                self.identity.protocol = None;
                self.identity.member_id = member_id;
                self.state = State::Due(now);
            }
            errors::UNKNOWN_MEMBER_ID => {
                if self.identity == sent.identity {
                    self.reset(true);
                }
                self.try_again(now, exception_of(error));
            }
            errors::REBALANCE_IN_PROGRESS => self.try_again(now, exception_of(error)),
            errors::COORDINATOR_LOAD_IN_PROGRESS => self.try_again_later(now, exception_of(error)),
            errors::COORDINATOR_NOT_AVAILABLE | errors::NOT_COORDINATOR => {
                self.try_again_later(now, exception_of(error));
                self.lose_coordinator(now, actions);
            }
            _ => self.refuse("JoinGroup", error, actions),
        }
    }

    fn sync_refused(&mut self, now: Millis, sent: &Sent, error: i16, actions: &mut Vec<Action>) {
        match error {
            errors::UNKNOWN_MEMBER_ID | errors::ILLEGAL_GENERATION => {
                if self.identity == sent.identity {
                    self.reset(error == errors::UNKNOWN_MEMBER_ID);
                }
                self.try_again(now, exception_of(error));
            }
            errors::REBALANCE_IN_PROGRESS => self.try_again(now, exception_of(error)),
            errors::COORDINATOR_NOT_AVAILABLE | errors::NOT_COORDINATOR => {
                self.try_again_later(now, exception_of(error));
                self.lose_coordinator(now, actions);
            }
            _ => self.refuse("SyncGroup", error, actions),
        }
    }

    fn heartbeat_answered(
        &mut self,
        now: Millis,
        sent: &Sent,
        error: i16,
        actions: &mut Vec<Action>,
    ) {
        let is_current = self.identity == sent.identity;
        match error {
            errors::NONE => {
                self.heartbeat.succeeded(now, &self.settings);
                if is_current {
                    self.confirmed = Some(sent.at);
                }
            }
            errors::REBALANCE_IN_PROGRESS => {
                self.heartbeat.succeeded(now, &self.settings);
                self.rejoin |= self.state == State::Stable;
            }
            errors::COORDINATOR_NOT_AVAILABLE | errors::NOT_COORDINATOR => {
                self.heartbeat_failed(now);
                self.lose_coordinator(now, actions);
            }
            errors::FENCED_INSTANCE_ID if is_current => self.refuse("Heartbeat", error, actions),
            errors::ILLEGAL_GENERATION | errors::UNKNOWN_MEMBER_ID if is_current => {
                self.heartbeat_failed(now);
                self.sent
                    .retain(|_, sent| sent.what == Request::FindCoordinator);
                self.reset(error == errors::UNKNOWN_MEMBER_ID);
            }
            // Of a generation that is over.
            errors::ILLEGAL_GENERATION | errors::UNKNOWN_MEMBER_ID | errors::FENCED_INSTANCE_ID => {
                self.heartbeat.succeeded(now, &self.settings);
            }
            // A JVM worker tries on, out of the group, with its work running.
            errors::GROUP_AUTHORIZATION_FAILED => self.refuse("Heartbeat", error, actions),
            _ => self.heartbeat_failed(now),
        }
    }

    fn heartbeat_failed(&mut self, now: Millis) {
        self.heartbeat.failed(now, &self.settings, &mut self.jitter);
    }

    fn refuse(&mut self, request: &'static str, error: i16, actions: &mut Vec<Action>) {
        let error = ErrorCode::of(error);
        self.fail(MemberError::Refused { request, error }, actions);
    }
}
