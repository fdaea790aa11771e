//! What goes into a decision and what comes out of it.

use std::collections::BTreeMap;

use crate::model::storage_records::ConfigState;
use crate::protocol::connect_group::{Assignment, ConnectProtocol, Subscription, Work};

use super::AssignorError;

/// What the leader of a round knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    pub generation: i32,
    /// Generation of the last round that this worker completed, as leader or not; -1 before any.
    pub last_generation: i32,
    pub protocol: ConnectProtocol,
    /// Member id of this worker, which leads.
    pub leader: String,
    /// By member id, in the broker's order.
    pub members: Vec<(String, Subscription)>,
}

impl Round {
    /// Returns how far the member that has read most of the config topic has read it.
    pub(super) fn highest_offset(&self) -> Result<i64, AssignorError> {
        self.leader_url()?;
        let offsets = self.members.iter().map(|(_, s)| s.config_offset);
        Ok(offsets.max().unwrap_or(-1))
    }

    fn leader_url(&self) -> Result<&str, AssignorError> {
        let mut members = self.members.iter();
        let leader = members.find(|(member, _)| *member == self.leader);
        let (_, leader) = leader.ok_or_else(|| AssignorError::LeaderNotAMember {
            leader: self.leader.clone(),
            members: self.members.iter().map(|(id, _)| id.clone()).collect(),
        })?;
        Ok(&leader.url)
    }

    /// Iterates over the members with what each runs at the time of the round; `None` is nothing.
    pub(super) fn owners(&self) -> impl Iterator<Item = (&str, Option<&Work>)> {
        self.members.iter().map(|(member, subscription)| {
            let allocation = subscription.allocation.as_ref();
            (member.as_str(), allocation.map(|a| &a.assigned))
        })
    }

    pub(super) fn answer(
        &self,
        error: i16,
        config_offset: i64,
        delay_ms: i32,
        shares: BTreeMap<String, Share>,
    ) -> Result<Assigned, AssignorError> {
        let leader_url = self.leader_url()?;
        let mut answer = Assigned::default();
        for (member, share) in shares {
            let assignment = Assignment {
                version: self.protocol.version(),
                error,
                leader: self.leader.clone(),
                leader_url: leader_url.to_owned(),
                config_offset,
                assigned: share.assigned,
                revoked: share.revoked,
                delay_ms,
            };
            answer.assignments.insert(member.clone(), assignment);
            answer.owned.insert(member, share.owned);
        }
        Ok(answer)
    }
}

/// The work that a configuration asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// See [`ConfigState::offset`].
    pub offset: i64,
    pub work: Work,
}

impl From<&ConfigState> for Configured {
    /// Takes every connector, and the tasks of those whose last commit is complete (`ClusterConfigState.tasks`).
    fn from(state: &ConfigState) -> Self {
        let mut work = Work::default();
        for (name, connector) in &state.connectors {
            work.insert_connector(name);
            if !connector.inconsistent {
                for task in 0..connector.task_count.unwrap_or(0) {
                    work.insert_task(name, task);
                }
            }
        }
        Self {
            offset: state.offset,
            work,
        }
    }
}

/// The outcome of a round, by member id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assigned {
    /// What to send to each member.
    pub assignments: BTreeMap<String, Assignment>,
    /// What each member runs afterwards: whom to ask about a connector or a task. Nothing after a mismatch.
    pub owned: BTreeMap<String, Work>,
}

/// One member's part of a decision.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) assigned: Work,
    pub(super) revoked: Work,
    pub(super) owned: Work,
}
