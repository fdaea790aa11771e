//! What users want written to the config topic.

use std::collections::VecDeque;

use crate::model::connector_config::TargetState;
use crate::model::storage_records::{
    connector_key, connector_record, target_state_key, target_state_record, zero_task_commit_record,
};

use super::{Action, Herder, Phase, Record, Request, RequestError, RequestId, WriteFailure};

/// A request that is being carried out.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) request: RequestId,
    /// The generation in which this worker leads; `None` for what every worker may write.
    generation: Option<i32>,
    rest: VecDeque<Record>,
}

impl Herder {
    /// Checks a request and writes its first record, or answers it.
    pub(super) fn begin(&mut self, request: RequestId, what: &Request, actions: &mut Vec<Action>) {
        match self.check(what) {
            Ok(generation) => {
                let writing = Writing {
                    request,
                    generation,
                    rest: records(what),
                };
                self.write_next(writing, actions);
            }
            Err(error) => actions.push(Action::Reply(request, Err(error))),
        }
    }

    /// Returns the generation to be confirmed before each write.
    fn check(&self, what: &Request) -> Result<Option<i32>, RequestError> {
        let connector = what.connector();
        let exists = self.config.connectors.contains_key(connector);
        // A leader stops, for that takes task configurations; everybody pauses and resumes.
        let for_leader = match what {
            Request::SetTarget { target, .. } => *target == TargetState::Stopped,
            Request::Put { .. } | Request::Delete { .. } => true,
        };
        if !exists && matches!(what, Request::SetTarget { .. }) {
            let connector = connector.to_owned();
            return Err(RequestError::NotFound { connector });
        }
        let membership = self.membership.as_ref();
        if for_leader && membership.is_none_or(|m| !m.is_leader) {
            let leader_url = membership.map(|m| m.assignment.leader_url.clone());
            let leader_url = leader_url.unwrap_or_default();
            return Err(RequestError::NotLeader { leader_url });
        }
        let connector = connector.to_owned();
        match what {
            Request::Put { replace: false, .. } if exists => {
                return Err(RequestError::AlreadyExists { connector });
            }
            Request::Delete { .. } if !exists => return Err(RequestError::NotFound { connector }),
            _ => {}
        }
        Ok(membership.filter(|_| for_leader).map(|m| m.generation))
    }

    fn write_next(&mut self, mut writing: Writing, actions: &mut Vec<Action>) {
        if let Some(record) = writing.rest.pop_front() {
            let generation = writing.generation;
            actions.push(Action::Write { generation, record });
        } else {
            let timeout = self.settings.sync_timeout;
            actions.push(Action::ReadToEnd { timeout });
        }
        self.phase = Phase::Writing(writing);
    }

    pub(super) fn written(&mut self, result: Result<(), WriteFailure>, actions: &mut Vec<Action>) {
        let writing = match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Writing(writing) => writing,
            other => {
                self.phase = other;
                return;
            }
        };
        let error = match result {
            Ok(()) if self.leads_still(&writing) => return self.write_next(writing, actions),
            Ok(()) | Err(WriteFailure::Fenced) => RequestError::Fenced {
                generation: writing.generation.unwrap_or(-1),
            },
            Err(WriteFailure::Failed(reason)) => RequestError::NotWritten { reason },
        };
        actions.push(Action::Reply(writing.request, Err(error)));
    }

    /// After the last record it does not matter.
    fn leads_still(&self, writing: &Writing) -> bool {
        let present = self.membership.as_ref().filter(|m| m.is_leader);
        let present = present.map(|m| m.generation);
        writing.rest.is_empty() || writing.generation.is_none() || writing.generation == present
    }
}

/// Returns the records of a request, each to be acknowledged before the next: half of them leave nothing that runs.
fn records(what: &Request) -> VecDeque<Record> {
    let some = |(key, value)| Record {
        key,
        value: Some(value),
    };
    let records = match what {
        Request::Put {
            connector,
            config,
            initial,
            ..
        } => {
            let initial = initial.map(|state| some(target_state_record(connector, state)));
            let config = some(connector_record(connector, config));
            return initial.into_iter().chain([config]).collect();
        }
        Request::Delete { connector } => {
            let delete = |key| Record { key, value: None };
            vec![
                delete(connector_key(connector)),
                delete(target_state_key(connector)),
            ]
        }
        Request::SetTarget { connector, target } => {
            let state = some(target_state_record(connector, *target));
            match target {
                TargetState::Stopped => vec![some(zero_task_commit_record(connector)), state],
                TargetState::Started | TargetState::Paused => vec![state],
            }
        }
    };
    records.into()
}
