//! What a worker does between the group and the config topic (`DistributedHerder`): it catches up with the configuration
//! that the leader assigned by, takes up its work, asks for a round when the configuration changes, and writes what users want.
//!
//! This one has no connector code; see [`Conduct`]. One thing is done at a time, as on the tick thread of the JVM's.

mod requests;
mod staged;
mod types;

pub use types::{
    Action, Conduct, Event, HerderSettings, Record, Request, RequestError, RequestId, WorkState,
    WorkStatus, WriteFailure,
};

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use crate::model::connector_config::TargetState;
use crate::model::storage_records::ConfigState;
use crate::protocol::connect_group::{CONNECTOR_TASK, ConnectProtocol, Work};
use crate::worker::Millis;
use crate::worker::member::{self, Membership};

use requests::Writing;
use staged::Staged;

/// Reads that may fail before a worker gives up what it owns.
const RETRIES: u32 = 5;

/// What is said of work that this worker was given and can not do.
const NO_CODE: &str =
    "this worker has no connector code: move the connector to a worker that has its class";

/// What the herder is doing.
#[derive(Debug)]
enum Phase {
    /// Waits for the storage topics to be read.
    Starting,
    /// Waits for anything.
    Idle,
    /// Reads the config topic, as a member or out of the group.
    CatchingUp {
        is_member: bool,
    },
    /// Is out of the group, and reads again at this time.
    BackingOff(Millis),
    /// Carries out a request.
    Writing(Writing),
    Stopped,
}

/// What has become of the last assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// It has not been looked at.
    Open,
    /// Another round is needed.
    Void,
    /// Its work has been taken up.
    Resolved,
}

/// One worker's herder.
#[derive(Debug)]
pub struct Herder {
    settings: HerderSettings,
    phase: Phase,
    config: Arc<ConfigState>,
    membership: Option<Membership>,
    round: Round,
    /// What has been taken up.
    running: Work,
    /// Connectors of it that are told to be STOPPED.
    stopped: BTreeSet<String>,
    retries: u32,
    staged: Staged,
    requests: VecDeque<(RequestId, Request)>,
}

impl Herder {
    /// Returns a herder that waits for [`Event::Started`].
    pub fn new(settings: HerderSettings) -> Self {
        Self {
            settings,
            phase: Phase::Starting,
            config: Arc::default(),
            membership: None,
            round: Round::Void,
            running: Work::default(),
            stopped: BTreeSet::new(),
            retries: RETRIES,
            staged: Staged::default(),
            requests: VecDeque::new(),
        }
    }

    /// Takes what happened and returns what to do, in order.
    pub fn step(&mut self, now: Millis, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if matches!(self.phase, Phase::Stopped) {
            if let Event::Request(request, _) = event {
                actions.push(Action::Reply(request, Err(RequestError::Stopping)));
            }
            return actions;
        }
        match event {
            Event::Started(config) => {
                self.staged.config = Arc::clone(&config);
                self.config = config;
                self.phase = Phase::Idle;
                actions.push(Action::Member(member::Event::Poll));
            }
            Event::Assigned(membership) => {
                self.membership = Some(membership);
                self.round = Round::Open;
            }
            Event::Revoked(work) => self.give_up(&work, &mut actions),
            Event::Config(changes, config) => self.staged.take(changes, config, &self.config),
            Event::Read(config) => self.read(config, &mut actions),
            Event::Unread => self.unread(now, &mut actions),
            Event::Request(request, what) => self.requests.push_back((request, what)),
            Event::Written(result) => self.written(result, &mut actions),
            Event::Timeout => {}
            Event::Stop => self.stop(&mut actions),
        }
        self.go_on(now, &mut actions);
        actions
    }

    /// Returns when [`Event::Timeout`] is due; `None` when only an event can change anything.
    pub fn deadline(&self) -> Option<Millis> {
        match self.phase {
            Phase::BackingOff(until) => Some(until),
            _ => None,
        }
    }

    /// Returns what this worker has taken up.
    pub fn running(&self) -> &Work {
        &self.running
    }

    /// Returns the configuration that the herder goes by; the log may have been read further.
    pub fn config(&self) -> &Arc<ConfigState> {
        &self.config
    }

    /// Returns the last assignment, whatever became of it.
    pub fn membership(&self) -> Option<&Membership> {
        self.membership.as_ref()
    }

    /// Returns whether the work of the last assignment has been taken up.
    pub fn is_resolved(&self) -> bool {
        self.round == Round::Resolved
    }

    fn go_on(&mut self, now: Millis, actions: &mut Vec<Action>) {
        match self.phase {
            Phase::BackingOff(until) if now >= until => self.read_to_end(false, actions),
            Phase::Idle if self.round == Round::Open => self.resolve(actions),
            _ => {}
        }
        while matches!(self.phase, Phase::Idle) && self.round == Round::Resolved {
            let Some((request, what)) = self.requests.pop_front() else {
                self.apply_staged(actions);
                break;
            };
            self.begin(request, &what, actions);
        }
    }

    /// Deals with a round that is over.
    fn resolve(&mut self, actions: &mut Vec<Action>) {
        let Some(membership) = &self.membership else {
            return;
        };
        let assignment = &membership.assignment;
        let is_behind = self.config.offset < assignment.config_offset;
        if is_behind || (assignment.failed() && membership.is_leader) {
            self.read_to_end(true, actions);
        } else {
            self.conclude(actions);
        }
    }

    fn read_to_end(&mut self, is_member: bool, actions: &mut Vec<Action>) {
        self.phase = Phase::CatchingUp { is_member };
        let timeout = self.settings.sync_timeout;
        actions.push(Action::ReadToEnd { timeout });
    }

    fn read(&mut self, config: Arc<ConfigState>, actions: &mut Vec<Action>) {
        self.staged.config = Arc::clone(&config);
        self.config = config;
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::CatchingUp { is_member: true } => {
                self.retries = RETRIES;
                self.conclude(actions);
            }
            Phase::CatchingUp { is_member: false } => {
                self.retries = RETRIES;
                actions.push(Action::Member(member::Event::Poll));
            }
            Phase::Writing(writing) => actions.push(Action::Reply(writing.request, Ok(()))),
            other => self.phase = other,
        }
    }

    /// The config topic can not be read: out of the group, for it would wait for this worker, and later again.
    fn unread(&mut self, now: Millis, actions: &mut Vec<Action>) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::CatchingUp { .. } => {
                let reason = "taking too long to read the log".to_owned();
                actions.push(Action::Member(member::Event::Leave { reason }));
                self.round = Round::Void;
                let pause = self.pause(actions);
                self.phase = Phase::BackingOff(now + pause);
            }
            Phase::Writing(writing) => {
                let error = RequestError::NotReadBack;
                actions.push(Action::Reply(writing.request, Err(error)));
            }
            other => self.phase = other,
        }
    }

    /// Returns the pause before the next read; with no retry left gives up what is owned.
    fn pause(&mut self, actions: &mut Vec<Action>) -> Millis {
        if self.protocol() == Some(ConnectProtocol::Eager) {
            return self.settings.unsync_backoff;
        }
        if self.retries > 0 {
            let pause = self.settings.max_delay / 10 / Millis::from(self.retries);
            self.retries -= 1;
            return pause;
        }
        self.retries = RETRIES;
        let running = self.running.clone();
        self.give_up(&running, actions);
        0
    }

    /// Takes up the work if the configuration is the one that it was assigned by; else wants another round.
    fn conclude(&mut self, actions: &mut Vec<Action>) {
        let Some(membership) = self.membership.clone() else {
            return;
        };
        let assignment = &membership.assignment;
        if assignment.failed() || self.config.offset != assignment.config_offset {
            // What was owned before still is.
            self.round = Round::Void;
            actions.push(Action::Member(member::Event::Rejoin));
        } else {
            self.staged.restart_tasks(&mut self.running);
            let new = assignment.assigned.difference(&self.running);
            self.running = assignment.assigned.clone();
            self.round = Round::Resolved;
            self.take_up(&new, actions);
            if membership.is_leader && self.settings.conduct == Conduct::Serve {
                actions.push(Action::PruneStatuses(Arc::clone(&self.config)));
            }
        }
        actions.push(Action::Member(member::Event::Poll));
    }

    /// Says what has become of work that would start now.
    fn take_up(&mut self, work: &Work, actions: &mut Vec<Action>) {
        for (connector, task) in work.iter() {
            let target = self.config.connectors.get(connector).map(|c| c.target);
            let is_stopped = target == Some(TargetState::Stopped);
            if task == CONNECTOR_TASK && is_stopped {
                self.stopped.insert(connector.to_owned());
                self.tell(connector, task, WorkState::Stopped, actions);
            } else {
                if task == CONNECTOR_TASK {
                    self.stopped.remove(connector);
                }
                let failed = WorkState::Failed { trace: NO_CODE };
                self.tell(connector, task, failed, actions);
            }
        }
    }

    /// Says of what does not belong to this worker any more that nobody has it. What has failed stays so.
    fn give_up(&mut self, work: &Work, actions: &mut Vec<Action>) {
        for connector in work.connectors() {
            self.stop_connector(connector, actions);
        }
        self.running = self.running.difference(work);
    }

    fn stop_connector(&mut self, connector: &str, actions: &mut Vec<Action>) {
        if self.stopped.remove(connector) {
            self.tell(connector, CONNECTOR_TASK, WorkState::Unassigned, actions);
        }
    }

    fn protocol(&self) -> Option<ConnectProtocol> {
        self.membership.as_ref().map(|m| m.protocol)
    }

    fn tell(&self, connector: &str, task: i32, state: WorkState, actions: &mut Vec<Action>) {
        if self.settings.conduct == Conduct::Serve {
            actions.push(Action::Status(WorkStatus {
                connector: connector.to_owned(),
                task: (task != CONNECTOR_TASK).then_some(task),
                state,
                generation: self.membership.as_ref().map_or(-1, |m| m.generation),
            }));
        }
    }

    /// Leaves the group last of all: others may start then what ran here.
    fn stop(&mut self, actions: &mut Vec<Action>) {
        let running = self.running.clone();
        self.give_up(&running, actions);
        let pending = match std::mem::replace(&mut self.phase, Phase::Stopped) {
            Phase::Writing(writing) => Some(writing.request),
            _ => None,
        };
        let queued = self.requests.drain(..).map(|(request, _)| request);
        for request in pending.into_iter().chain(queued) {
            actions.push(Action::Reply(request, Err(RequestError::Stopping)));
        }
        let reason = "the worker is being stopped".to_owned();
        actions.push(Action::Member(member::Event::Leave { reason }));
    }
}
