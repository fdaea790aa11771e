//! What a worker does between the group and the config topic (`DistributedHerder`): it catches up with the configuration
//! that the leader assigned by, takes up its work, asks for a round when the configuration changes, and writes what users want.
//!
//! One thing is done at a time, as on the tick thread of the JVM's; but where that waits for tasks to end, this one is told
//! when they have. Connectors have no thread: whether one can run, and with which tasks, is a question with an answer.

mod reconfigure;
mod requests;
mod session_key;
mod staged;
mod types;
mod work;

pub use types::{
    Action, Event, HerderSettings, Record, Request, RequestError, RequestId, TaskConfigs,
    TaskState, WorkState, WorkStatus, WriteFailure,
};

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::storage_records::ConfigState;
use crate::protocol::connect_group::{ConnectProtocol, Work};
use crate::worker::Millis;
use crate::worker::member::{self, Membership};

use reconfigure::Reconfigurations;
use requests::Writing;
use staged::Staged;
use work::Running;

/// Reads that may fail before a worker gives up what it owns.
const RETRIES: u32 = 5;

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
    /// Writes to the config topic.
    Writing(Writing),
    /// Waits for what runs to end.
    Closing,
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
    /// What of it is there.
    work: Running,
    reconfigurations: Reconfigurations,
    retries: u32,
    staged: Staged,
    requests: VecDeque<(RequestId, Request)>,
    /// The first batch of [`Phase::Writing`] has not been handed out.
    is_write_due: bool,
    /// Configurations of tasks that nobody has looked at.
    made: VecDeque<(String, Result<TaskConfigs, String>)>,
    /// No session key is written before.
    key_retry: Millis,
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
            work: Running::default(),
            reconfigurations: Reconfigurations::default(),
            retries: RETRIES,
            staged: Staged::default(),
            requests: VecDeque::new(),
            is_write_due: false,
            made: VecDeque::new(),
            key_retry: 0,
        }
    }

    /// Takes what happened and returns what to do, in order.
    pub fn step(&mut self, now: Millis, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        if matches!(self.phase, Phase::Closing | Phase::Stopped)
            && !matches!(
                event,
                Event::Ended(_) | Event::Task { .. } | Event::Revoked(_)
            )
        {
            if let Event::Request(request, _) = event {
                actions.push(Action::Reply(request, Err(RequestError::Stopping)));
            }
            return actions;
        }
        self.take(now, event, &mut actions);
        self.go_on(now, &mut actions);
        actions
    }

    fn take(&mut self, now: Millis, event: Event, actions: &mut Vec<Action>) {
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
            Event::Revoked(work) => self.give_up(&work, actions),
            Event::Config(changes, config) => self.staged.take(changes, config, &self.config),
            Event::Read(config) => self.read(now, config, actions),
            Event::Unread => self.unread(now, actions),
            Event::Request(request, what) => self.requests.push_back((request, what)),
            Event::Written(result) => self.written(now, result, actions),
            Event::Connector { connector, outcome } => {
                self.connector_started(now, &connector, outcome, actions);
            }
            Event::TaskConfigs { connector, outcome } => {
                self.made.push_back((connector, outcome));
            }
            Event::Forwarded {
                connector,
                number,
                outcome,
            } => self.forwarded(now, &connector, number, outcome.is_ok()),
            Event::Task {
                connector,
                task,
                state,
            } => self.task_changed(&connector, task, state, actions),
            Event::Ended(work) => self.work.stopping = self.work.stopping.difference(&work),
            Event::Timeout => {}
            Event::Stop => self.stop(actions),
        }
    }

    /// Returns when [`Event::Timeout`] is due; `None` when only an event can change anything.
    pub fn deadline(&self) -> Option<Millis> {
        match self.phase {
            Phase::BackingOff(until) => Some(until),
            Phase::Idle if self.round == Round::Resolved && !self.is_stopping() => {
                let timers = [self.reconfigurations.deadline(), self.key_due()];
                timers.into_iter().flatten().min()
            }
            _ => None,
        }
    }

    /// Returns what this worker has taken up.
    pub fn running(&self) -> &Work {
        &self.running
    }

    /// Returns whether tasks were told to stop and have not ended.
    pub fn is_stopping(&self) -> bool {
        !self.work.stopping.is_empty()
    }

    /// Returns whether the herder has said its last word, which is to leave the group.
    pub fn has_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped)
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
        if self.is_stopping() {
            return;
        }
        match self.phase {
            Phase::Closing => return self.leave(actions),
            Phase::BackingOff(until) if now >= until => self.read_to_end(false, actions),
            Phase::Idle if self.round == Round::Open => self.resolve(actions),
            _ => {}
        }
        while self.is_free() && self.go_on_once(now, actions) {}
        if self.is_write_due {
            self.write_next(actions);
        }
    }

    /// Nothing else is going on.
    fn is_free(&self) -> bool {
        matches!(self.phase, Phase::Idle) && self.round == Round::Resolved && !self.is_stopping()
    }

    /// Does the next thing that is to be done; false when there is none.
    fn go_on_once(&mut self, now: Millis, actions: &mut Vec<Action>) -> bool {
        self.start_again(actions);
        if self.renew_session_key(now, actions) {
            return true;
        }
        if let Some((connector, outcome)) = self.made.pop_front() {
            self.task_configs(&connector, outcome, actions);
            return true;
        }
        if let Some((request, what)) = self.requests.pop_front() {
            self.begin(request, what, actions);
            return true;
        }
        self.apply_staged(now, actions);
        self.is_free() && (self.starts_again() || self.reconfigure(now, actions))
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

    fn read(&mut self, now: Millis, config: Arc<ConfigState>, actions: &mut Vec<Action>) {
        self.staged.config = Arc::clone(&config);
        self.config = config;
        if matches!(self.phase, Phase::Writing(_)) {
            return self.conclude_writing(now, Ok(()), actions);
        }
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::CatchingUp { is_member: true } => {
                self.retries = RETRIES;
                self.conclude(actions);
            }
            Phase::CatchingUp { is_member: false } => {
                self.retries = RETRIES;
                actions.push(Action::Member(member::Event::Poll));
            }
            other => self.phase = other,
        }
    }

    /// The config topic can not be read: out of the group, for it would wait for this worker, and later again.
    fn unread(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Writing(_)) {
            return self.conclude_writing(now, Err(RequestError::NotReadBack), actions);
        }
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::CatchingUp { .. } => {
                let reason = "taking too long to read the log".to_owned();
                actions.push(Action::Member(member::Event::Leave { reason }));
                self.round = Round::Void;
                let pause = self.pause(actions);
                self.phase = Phase::BackingOff(now + pause);
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
            self.staged.renew_tasks(&mut self.running);
            let new = assignment.assigned.difference(&self.running);
            // What waits to be started again is, once.
            let new = new.difference(&self.work.restarting);
            self.running = assignment.assigned.clone();
            self.round = Round::Resolved;
            self.take_up(&new, actions);
            if membership.is_leader {
                actions.push(Action::PruneStatuses(Arc::clone(&self.config)));
            }
        }
        actions.push(Action::Member(member::Event::Poll));
    }

    fn protocol(&self) -> Option<ConnectProtocol> {
        self.membership.as_ref().map(|m| m.protocol)
    }

    /// Returns the group's generation as far as it is known, -1 before any.
    fn generation(&self) -> i32 {
        self.membership.as_ref().map_or(-1, |m| m.generation)
    }

    fn stop(&mut self, actions: &mut Vec<Action>) {
        let running = self.running.clone();
        self.give_up(&running, actions);
        let phase = std::mem::replace(&mut self.phase, Phase::Closing);
        let pending = match phase {
            Phase::Writing(writing) => writing.request(),
            _ => None,
        };
        let queued = self.requests.drain(..).map(|(request, _)| request);
        for request in pending.into_iter().chain(queued) {
            actions.push(Action::Reply(request, Err(RequestError::Stopping)));
        }
    }

    /// Leaves the group last of all: others may start then what ran here.
    fn leave(&mut self, actions: &mut Vec<Action>) {
        self.phase = Phase::Stopped;
        let reason = "the worker is being stopped".to_owned();
        actions.push(Action::Member(member::Event::Leave { reason }));
    }
}
