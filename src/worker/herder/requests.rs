//! What users and other workers ask for, and the records that carry it out.

use std::collections::VecDeque;

use crate::model::connector_config::TargetState;
use crate::model::storage_records::{
    commit_record, connector_key, connector_record, restart_record, target_state_key,
    target_state_record, task_record, zero_task_commit_record,
};
use crate::protocol::connect_group::{CONNECTOR_TASK, Work};
use crate::worker::Millis;

use super::{
    Action, Herder, Phase, Record, Request, RequestError, RequestId, Round, TaskConfigs,
    WriteFailure,
};

/// How long what was written may take to come back (`KafkaConfigBackingStore`'s budget).
const READ_BACK: Millis = 30_000;

/// Most bytes of one batch: well under what a broker takes by default.
const BATCH: usize = 512 << 10;

/// For what records are written.
#[derive(Debug)]
pub(super) enum Purpose {
    Request(RequestId, Request),
    /// New tasks of a connector that this worker owns.
    Tasks(String),
    SessionKey,
}

/// Records that are being written.
#[derive(Debug)]
pub(super) struct Writing {
    purpose: Purpose,
    /// The generation in which this worker leads; `None` for what every worker may write.
    generation: Option<i32>,
    /// Batches, each to be acknowledged before the next.
    rest: VecDeque<Vec<Record>>,
}

impl Writing {
    pub(super) fn of_tasks(
        purpose: Purpose,
        generation: Option<i32>,
        connector: &str,
        configs: &TaskConfigs,
    ) -> Self {
        Self {
            purpose,
            generation,
            rest: batches(task_records(connector, configs)),
        }
    }

    /// Returns the request that waits for the end.
    pub(super) fn request(self) -> Option<RequestId> {
        match self.purpose {
            Purpose::Request(request, _) => Some(request),
            Purpose::Tasks(_) | Purpose::SessionKey => None,
        }
    }
}

impl Herder {
    /// Checks a request and carries it out, or begins to.
    pub(super) fn begin(&mut self, request: RequestId, what: Request, actions: &mut Vec<Action>) {
        let generation = match self.check(&what) {
            Ok(generation) => generation,
            Err(error) => return actions.push(Action::Reply(request, Err(error))),
        };
        let one = |connector: &str, task| -> Work { [(connector, task)].into_iter().collect() };
        match &what {
            Request::RestartConnector { connector } => {
                self.restart(&one(connector, CONNECTOR_TASK), false, actions);
                actions.push(Action::Reply(request, Ok(())));
            }
            Request::RestartTask { connector, task } => {
                self.restart(&one(connector, *task), false, actions);
                actions.push(Action::Reply(request, Ok(())));
            }
            _ => self.write(Writing {
                rest: batches(records(&what)),
                purpose: Purpose::Request(request, what),
                generation,
            }),
        }
    }

    /// Returns the generation to be confirmed before each write.
    fn check(&self, what: &Request) -> Result<Option<i32>, RequestError> {
        let name = what.connector();
        let connector = name.to_owned();
        let state = self.config.connectors.get(name);
        let is_put = matches!(what, Request::Put { .. });
        let is_for_leader = is_for_leader(what);
        // Who is to be asked is told before what is wrong: another worker may have read further.
        let membership = self.membership.as_ref();
        if is_for_leader && membership.is_none_or(|m| !m.is_leader) {
            let leader_url = membership.map(|m| m.assignment.leader_url.clone());
            let leader_url = leader_url.unwrap_or_default();
            return Err(RequestError::NotLeader { leader_url });
        }
        let Some(state) = state else {
            return if is_put {
                Ok(self.leading(is_for_leader))
            } else {
                Err(RequestError::NotFound { connector })
            };
        };
        match what {
            Request::Put { replace: false, .. } => Err(RequestError::AlreadyExists { connector }),
            Request::PutTasks { configs, .. }
                if state.target == TargetState::Stopped && !configs.is_empty() =>
            {
                Err(RequestError::TargetStopped { connector })
            }
            Request::RestartConnector { .. } => self.check_owner(connector, None),
            Request::RestartTask { task, .. } => {
                if state.inconsistent || !(0..state.task_count.unwrap_or(0)).contains(task) {
                    let task = *task;
                    return Err(RequestError::NoSuchTask { connector, task });
                }
                self.check_owner(connector, Some(*task))
            }
            _ => Ok(self.leading(is_for_leader)),
        }
    }

    fn check_owner(
        &self,
        connector: String,
        task: Option<i32>,
    ) -> Result<Option<i32>, RequestError> {
        if self
            .running
            .contains(&connector, task.unwrap_or(CONNECTOR_TASK))
        {
            return Ok(None);
        }
        match self.membership.as_ref().filter(|m| !m.is_leader) {
            // The leader knows who has it.
            Some(m) => Err(RequestError::NotLeader {
                leader_url: m.assignment.leader_url.clone(),
            }),
            None => Err(RequestError::NotOwner { connector, task }),
        }
    }

    fn leading(&self, is_for_leader: bool) -> Option<i32> {
        let membership = self.membership.as_ref().filter(|_| is_for_leader);
        membership.map(|m| m.generation)
    }

    /// Writes the first batch at the end of this step: one thing is written at a time.
    pub(super) fn write(&mut self, writing: Writing) {
        self.phase = Phase::Writing(writing);
        self.is_write_due = true;
    }

    pub(super) fn write_next(&mut self, actions: &mut Vec<Action>) {
        self.is_write_due = false;
        let Phase::Writing(writing) = &mut self.phase else {
            return;
        };
        let generation = writing.generation;
        if let Some(records) = writing.rest.pop_front() {
            actions.push(Action::Write {
                generation,
                records,
            });
        } else {
            let timeout = READ_BACK;
            actions.push(Action::ReadToEnd { timeout });
        }
    }

    pub(super) fn written(
        &mut self,
        now: Millis,
        result: Result<(), WriteFailure>,
        actions: &mut Vec<Action>,
    ) {
        let Phase::Writing(writing) = &self.phase else {
            return;
        };
        match result {
            Ok(()) if self.leads_still(writing) => self.write_next(actions),
            Ok(()) | Err(WriteFailure::Fenced) => self.fenced(now),
            Err(WriteFailure::Failed(reason)) => {
                let error = RequestError::NotWritten { reason };
                self.conclude_writing(now, Err(error), actions);
            }
        }
    }

    /// Begins again in the generation to come, in which this worker may lead or not.
    fn fenced(&mut self, now: Millis) {
        let Phase::Writing(writing) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            return;
        };
        if writing.generation == Some(self.generation()) {
            self.round = Round::Void;
        }
        match writing.purpose {
            Purpose::Request(request, what) => self.requests.push_front((request, what)),
            Purpose::Tasks(connector) => self.reconfigured(now, &connector, false),
            Purpose::SessionKey => {}
        }
    }

    /// Tells whoever wanted the records how it went.
    pub(super) fn conclude_writing(
        &mut self,
        now: Millis,
        outcome: Result<(), RequestError>,
        actions: &mut Vec<Action>,
    ) {
        let Phase::Writing(writing) = std::mem::replace(&mut self.phase, Phase::Idle) else {
            return;
        };
        match writing.purpose {
            Purpose::Request(request, _) => actions.push(Action::Reply(request, outcome)),
            Purpose::Tasks(connector) => self.reconfigured(now, &connector, outcome.is_ok()),
            Purpose::SessionKey => self.session_key_written(now, outcome.is_ok()),
        }
    }

    /// After the last record it does not matter.
    fn leads_still(&self, writing: &Writing) -> bool {
        let present = self.membership.as_ref().filter(|m| m.is_leader);
        let present = present.map(|m| m.generation);
        writing.rest.is_empty() || writing.generation.is_none() || writing.generation == present
    }

    pub(super) fn session_key_writing(&mut self, generation: i32) {
        self.phase = Phase::Writing(Writing {
            purpose: Purpose::SessionKey,
            generation: Some(generation),
            rest: VecDeque::new(),
        });
    }
}

/// Everybody pauses and resumes; a leader stops, for that takes task configurations. Restarts are the owner's.
fn is_for_leader(what: &Request) -> bool {
    match what {
        Request::SetTarget { target, .. } => *target == TargetState::Stopped,
        Request::Put { .. }
        | Request::Delete { .. }
        | Request::PutTasks { .. }
        | Request::Restart { .. } => true,
        Request::RestartConnector { .. } | Request::RestartTask { .. } => false,
    }
}

/// Returns the records of a request in their order: half of them leave nothing that runs.
fn records(what: &Request) -> Vec<Record> {
    match what {
        Request::Put {
            connector,
            config,
            initial,
            ..
        } => {
            let initial = initial.map(|state| some(target_state_record(connector, state)));
            let config = some(connector_record(connector, config));
            initial.into_iter().chain([config]).collect()
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
        Request::PutTasks { connector, configs } => task_records(connector, configs),
        Request::Restart {
            connector,
            include_tasks,
            only_failed,
        } => vec![some(restart_record(
            connector,
            *include_tasks,
            *only_failed,
        ))],
        // These are no records.
        Request::RestartConnector { .. } | Request::RestartTask { .. } => Vec::new(),
    }
}

/// Returns the tasks and then their commit.
fn task_records(connector: &str, configs: &TaskConfigs) -> Vec<Record> {
    let tasks = (0..).zip(configs);
    let tasks = tasks.map(|(task, config)| some(task_record(connector, task, config)));
    let commit = some(commit_record(connector, configs.len()));
    tasks.chain([commit]).collect()
}

fn some((key, value): (bytes::Bytes, bytes::Bytes)) -> Record {
    Record {
        key,
        value: Some(value),
    }
}

/// Puts records into batches that a broker takes.
fn batches(records: Vec<Record>) -> VecDeque<Vec<Record>> {
    let mut batches = VecDeque::new();
    let mut size = 0;
    for record in records {
        let bytes = record.key.len() + record.value.as_ref().map_or(0, bytes::Bytes::len);
        size += bytes;
        match batches.back_mut() {
            Some(batch) if size <= BATCH => Vec::push(batch, record),
            _ => {
                size = bytes;
                batches.push_back(vec![record]);
            }
        }
    }
    batches
}
