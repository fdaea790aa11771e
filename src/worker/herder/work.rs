//! What this worker owns: its connectors and tasks as they are started, paused, stopped and started again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::connector_config::TargetState;
use crate::model::storage_records::ConnectorState;
use crate::protocol::connect_group::{CONNECTOR_TASK, Work};
use crate::worker::Millis;

use super::{Action, Herder, TaskState, WorkState, WorkStatus};

/// A connector that this worker owns (`WorkerConnector`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instance {
    /// It is not known yet whether it can run.
    Starting,
    Started,
    Paused,
    Stopped,
    Failed,
}

/// A task that this worker owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskRun {
    Live,
    Failed,
}

/// What of the owned work is there.
#[derive(Debug, Default)]
pub(super) struct Running {
    pub(super) connectors: BTreeMap<String, Instance>,
    tasks: BTreeMap<(String, i32), TaskRun>,
    /// Tasks that were told to stop and have not yet.
    pub(super) stopping: Work,
    /// What starts again when they have.
    pub(super) restarting: Work,
    /// Whose restart a user asked for: it is published.
    announced: Work,
}

impl Herder {
    /// Starts work that this worker owns.
    pub(super) fn take_up(&mut self, work: &Work, actions: &mut Vec<Action>) {
        for (connector, task) in work.iter() {
            if task == CONNECTOR_TASK {
                self.start_connector(connector, actions);
            } else {
                self.start_task(connector, task, actions);
            }
        }
    }

    /// A deleted connector does not start; the next round takes it away.
    pub(super) fn start_connector(&mut self, connector: &str, actions: &mut Vec<Action>) {
        if let Some(state) = self.config.connectors.get(connector) {
            let name = connector.to_owned();
            self.work
                .connectors
                .insert(name.clone(), Instance::Starting);
            actions.push(Action::StartConnector {
                connector: name,
                state: state.clone(),
            });
        }
    }

    fn start_task(&mut self, connector: &str, task: i32, actions: &mut Vec<Action>) {
        let state = self.config.connectors.get(connector);
        if let Some(state) = state.filter(|state| is_configured(state, task)) {
            let key = (connector.to_owned(), task);
            self.work.tasks.insert(key, TaskRun::Live);
            actions.push(Action::StartTask {
                connector: connector.to_owned(),
                task,
                state: state.clone(),
                generation: self.generation(),
            });
        }
    }

    /// Takes the answer to a start.
    pub(super) fn connector_started(
        &mut self,
        now: Millis,
        connector: &str,
        outcome: Result<(), String>,
        actions: &mut Vec<Action>,
    ) {
        if self.work.connectors.get(connector) != Some(&Instance::Starting) {
            return;
        }
        match outcome {
            Ok(()) => self.enter_target(now, connector, actions),
            Err(trace) => self.connector_failed(connector, trace, actions),
        }
    }

    pub(super) fn connector_failed(
        &mut self,
        connector: &str,
        trace: String,
        actions: &mut Vec<Action>,
    ) {
        let name = connector.to_owned();
        self.work.connectors.insert(name, Instance::Failed);
        let failed = WorkState::Failed { trace };
        self.tell(connector, CONNECTOR_TASK, failed, actions);
    }

    /// Brings an owned connector and its owned tasks into the target state (`Worker.setTargetState`).
    pub(super) fn set_target(&mut self, now: Millis, connector: &str, actions: &mut Vec<Action>) {
        let Some(state) = self.config.connectors.get(connector) else {
            return;
        };
        let target = state.target;
        let live = self.live_tasks(|name| name == connector);
        if !live.is_empty() {
            match target {
                TargetState::Started => actions.push(Action::ResumeTasks(live)),
                TargetState::Paused => actions.push(Action::PauseTasks(live)),
                // Their end is the commit of no tasks.
                TargetState::Stopped => {}
            }
        }
        let instance = self.work.connectors.get(connector).copied();
        match instance {
            // What has failed needs a restart, but is not kept from being stopped.
            Some(Instance::Failed) if target != TargetState::Stopped => {}
            // The answer to the start is told the target.
            None | Some(Instance::Starting) => {}
            // It may have been stopped meanwhile, which took its tasks.
            Some(Instance::Started) if target == TargetState::Started => {
                self.reconfigure_at(connector, now);
            }
            // It starts as it did the first time, and may fail: it may have failed before it was stopped.
            Some(_) if target == TargetState::Started => self.start_connector(connector, actions),
            Some(_) => self.enter_target(now, connector, actions),
        }
    }

    fn enter_target(&mut self, now: Millis, connector: &str, actions: &mut Vec<Action>) {
        let target = self.config.connectors.get(connector).map(|c| c.target);
        let (instance, state) = match target {
            Some(TargetState::Started) => (Instance::Started, WorkState::Running),
            Some(TargetState::Paused) => (Instance::Paused, WorkState::Paused),
            Some(TargetState::Stopped) => (Instance::Stopped, WorkState::Stopped),
            None => return,
        };
        let before = self.work.connectors.insert(connector.to_owned(), instance);
        if before == Some(instance) {
            return;
        }
        self.tell(connector, CONNECTOR_TASK, state, actions);
        if instance == Instance::Started {
            self.reconfigure_at(connector, now);
        }
    }

    /// Takes what a task says of itself.
    pub(super) fn task_changed(
        &mut self,
        connector: &str,
        task: i32,
        state: TaskState,
        actions: &mut Vec<Action>,
    ) {
        let key = (connector.to_owned(), task);
        let is_stopping = self.work.stopping.contains(connector, task);
        if !self.work.tasks.contains_key(&key) && !is_stopping {
            return;
        }
        let state = match state {
            TaskState::Running => WorkState::Running,
            TaskState::Paused => WorkState::Paused,
            // Another worker may have it already, and a restart here starts it again.
            TaskState::Failed { .. } if is_stopping => WorkState::Unassigned,
            TaskState::Failed { trace } => {
                self.work.tasks.insert(key, TaskRun::Failed);
                WorkState::Failed { trace }
            }
            TaskState::Stopped => WorkState::Unassigned,
        };
        self.tell(connector, task, state, actions);
    }

    /// Stops what does not belong to this worker any more. What has failed stays so.
    pub(super) fn give_up(&mut self, work: &Work, actions: &mut Vec<Action>) {
        for connector in work.connectors() {
            self.stop_connector(connector, actions);
        }
        self.stop_tasks(|name, task| work.contains(name, task), actions);
        self.running = self.running.difference(work);
        self.work.restarting = self.work.restarting.difference(work);
        self.work.announced = self.work.announced.difference(work);
    }

    pub(super) fn stop_connector(&mut self, connector: &str, actions: &mut Vec<Action>) {
        self.forget_reconfiguration(connector);
        match self.work.connectors.remove(connector) {
            None | Some(Instance::Failed | Instance::Starting) => {}
            Some(_) => self.tell(connector, CONNECTOR_TASK, WorkState::Unassigned, actions),
        }
    }

    /// Tells tasks to stop; those that have failed are just forgotten.
    pub(super) fn stop_tasks(
        &mut self,
        which: impl Fn(&str, i32) -> bool,
        actions: &mut Vec<Action>,
    ) {
        let mut live = Work::default();
        self.work.tasks.retain(|(connector, task), run| {
            let is_one = which(connector, *task);
            if is_one && *run == TaskRun::Live {
                live.insert_task(connector, *task);
            }
            !is_one
        });
        if !live.is_empty() {
            self.work.stopping = self.work.stopping.union(&live);
            actions.push(Action::StopTasks(live));
        }
    }

    /// Stops what is not configured any more, and tasks of these connectors.
    ///
    /// The leader will revoke it; but one that dies before it does is followed by one that never knew of it.
    pub(super) fn stop_unconfigured(
        &mut self,
        renewed: &BTreeSet<String>,
        actions: &mut Vec<Action>,
    ) {
        let config = Arc::clone(&self.config);
        let owned = self.work.connectors.keys();
        let gone = owned.filter(|name| !config.connectors.contains_key(*name));
        for connector in gone.cloned().collect::<Vec<_>>() {
            self.stop_connector(&connector, actions);
        }
        let is_there = |name: &str, task| {
            let state = config.connectors.get(name);
            state.is_some_and(|state| is_configured(state, task)) && !renewed.contains(name)
        };
        self.stop_tasks(|name, task| !is_there(name, task), actions);
    }

    /// Stops connectors and tasks that are owned and starts them again when they have ended.
    pub(super) fn restart(&mut self, work: &Work, is_asked_for: bool, actions: &mut Vec<Action>) {
        for connector in work.connectors() {
            self.stop_connector(connector, actions);
        }
        self.stop_tasks(|name, task| work.contains(name, task), actions);
        self.work.restarting = self.work.restarting.union(work);
        if is_asked_for {
            self.work.announced = self.work.announced.union(work);
        }
    }

    /// Returns whether something waits to be started again.
    pub(super) fn starts_again(&self) -> bool {
        !self.work.restarting.is_empty()
    }

    /// Starts what was stopped to be started again, unless it was taken away meanwhile.
    pub(super) fn start_again(&mut self, actions: &mut Vec<Action>) {
        let work = std::mem::take(&mut self.work.restarting);
        let work = work.intersection(&self.running);
        let announced = std::mem::take(&mut self.work.announced);
        for (connector, task) in announced.intersection(&work).iter() {
            self.tell(connector, task, WorkState::Restarting, actions);
        }
        self.take_up(&work, actions);
    }

    /// Returns the owned work of a connector that a restart concerns.
    pub(super) fn restarted(
        &self,
        connector: &str,
        include_tasks: bool,
        only_failed: bool,
    ) -> Work {
        let mut work = Work::default();
        let instance = self.work.connectors.get(connector);
        if instance.is_some_and(|i| !only_failed || *i == Instance::Failed) {
            work.insert_connector(connector);
        }
        let tasks = self.work.tasks.iter().filter(|_| include_tasks);
        for ((name, task), run) in tasks.filter(|((name, _), _)| name == connector) {
            if !only_failed || *run == TaskRun::Failed {
                work.insert_task(name, *task);
            }
        }
        work
    }

    /// Returns the tasks that are there and have not failed.
    pub(super) fn live_tasks(&self, which: impl Fn(&str) -> bool) -> Work {
        let tasks = self.work.tasks.iter();
        let live = tasks.filter(|((name, _), run)| which(name) && **run == TaskRun::Live);
        live.map(|((name, task), _)| (name.as_str(), *task))
            .collect()
    }

    pub(super) fn owned(&self, mut connectors: BTreeSet<String>) -> BTreeSet<String> {
        connectors.retain(|name| self.running.contains(name, CONNECTOR_TASK));
        connectors
    }

    pub(super) fn is_started(&self, connector: &str) -> bool {
        self.work.connectors.get(connector) == Some(&Instance::Started)
    }

    pub(super) fn tell(
        &self,
        connector: &str,
        task: i32,
        state: WorkState,
        actions: &mut Vec<Action>,
    ) {
        actions.push(Action::Status(WorkStatus {
            connector: connector.to_owned(),
            task: (task != CONNECTOR_TASK).then_some(task),
            state,
            generation: self.generation(),
        }));
    }
}

fn is_configured(state: &ConnectorState, task: i32) -> bool {
    (0..state.task_count.unwrap_or(0)).contains(&task)
}

/// Returns whether every task of the last commit is there.
pub(super) fn has_tasks(state: &ConnectorState) -> bool {
    !state.inconsistent && state.task_count.is_some()
}
