//! From a connector that runs to the configurations of its tasks in the config topic
//! (`DistributedHerder.reconfigureConnectorTasksWithRetry`).

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::model::storage_records::{ConnectorProperties, ConnectorState};
use crate::worker::Millis;

use super::requests::{Purpose, Writing};
use super::work::has_tasks;
use super::{Action, Herder, TaskConfigs};

/// Pause after the first failure; each is twice the one before.
const FIRST_PAUSE: Millis = 250;
const LONGEST_PAUSE: Millis = 60_000;

/// A connector whose tasks are to be looked at.
#[derive(Debug, Clone, Copy)]
struct Due {
    /// `None` while the leader is being asked.
    at: Option<Millis>,
    failures: u32,
    /// What the leader was handed and has not answered.
    forwarded: Option<u64>,
}

/// Connectors whose tasks are to be looked at, by name.
#[derive(Debug, Default)]
pub(super) struct Reconfigurations {
    due: BTreeMap<String, Due>,
    /// How often a leader was handed tasks.
    forwards: u64,
}

impl Reconfigurations {
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.due.values().filter_map(|due| due.at).min()
    }

    fn next(&self, now: Millis) -> Option<String> {
        let mut all = self.due.iter();
        let due = all.find(|(_, due)| due.at.is_some_and(|at| at <= now))?;
        Some(due.0.clone())
    }
}

impl Herder {
    pub(super) fn reconfigure_at(&mut self, connector: &str, at: Millis) {
        let due = Due {
            at: Some(at),
            failures: 0,
            forwarded: None,
        };
        self.reconfigurations.due.insert(connector.to_owned(), due);
    }

    pub(super) fn forget_reconfiguration(&mut self, connector: &str) {
        self.reconfigurations.due.remove(connector);
        self.made.retain(|(name, _)| name != connector);
    }

    /// Asks the next connector whose time has come for its tasks; false when there is none.
    pub(super) fn reconfigure(&mut self, now: Millis, actions: &mut Vec<Action>) -> bool {
        let Some(connector) = self.reconfigurations.next(now) else {
            return false;
        };
        let state = self.config.connectors.get(&connector);
        match state.filter(|_| self.is_started(&connector)) {
            Some(state) => {
                let state = state.clone();
                if let Some(due) = self.reconfigurations.due.get_mut(&connector) {
                    due.at = None;
                }
                actions.push(Action::MakeTaskConfigs { connector, state });
            }
            // Deleted, stopped, or not ours any more.
            None => self.forget_reconfiguration(&connector),
        }
        true
    }

    /// Writes or hands on the configurations if they differ from those of the config topic.
    pub(super) fn task_configs(
        &mut self,
        connector: &str,
        outcome: Result<TaskConfigs, String>,
        actions: &mut Vec<Action>,
    ) {
        let configs = match outcome {
            Ok(configs) => configs,
            Err(trace) => {
                self.forget_reconfiguration(connector);
                // One that was stopped, or taken away, while it was asked has not failed here.
                if self.is_started(connector) {
                    self.connector_failed(connector, trace, actions);
                }
                return;
            }
        };
        let state = self.config.connectors.get(connector);
        let state = state.filter(|_| self.is_started(connector));
        if !state.is_some_and(|state| differ(state, &configs)) {
            return self.forget_reconfiguration(connector);
        }
        let Some(membership) = &self.membership else {
            return self.forget_reconfiguration(connector);
        };
        if membership.is_leader {
            let generation = Some(membership.generation);
            let purpose = Purpose::Tasks(connector.to_owned());
            self.write(Writing::of_tasks(purpose, generation, connector, &configs));
        } else {
            let leader_url = membership.assignment.leader_url.clone();
            let forwards = &mut self.reconfigurations;
            forwards.forwards += 1;
            let number = forwards.forwards;
            if let Some(due) = forwards.due.get_mut(connector) {
                due.forwarded = Some(number);
            }
            actions.push(Action::ForwardTasks {
                connector: connector.to_owned(),
                number,
                leader_url,
                configs,
            });
        }
    }

    /// Takes the leader's answer, unless the connector is to be looked at again since: of that it says nothing.
    pub(super) fn forwarded(&mut self, now: Millis, connector: &str, number: u64, is_done: bool) {
        let due = self.reconfigurations.due.get(connector);
        if due.is_some_and(|due| due.forwarded == Some(number)) {
            self.reconfigured(now, connector, is_done);
        }
    }

    /// Is done, or tries again later.
    pub(super) fn reconfigured(&mut self, now: Millis, connector: &str, is_done: bool) {
        if is_done {
            return self.forget_reconfiguration(connector);
        }
        if let Some(due) = self.reconfigurations.due.get_mut(connector) {
            let pause = FIRST_PAUSE << due.failures.min(8);
            due.at = Some(now + pause.min(LONGEST_PAUSE));
            due.failures += 1;
            due.forwarded = None;
        }
    }
}

/// Returns whether the tasks of the config topic are others, or of an earlier configuration of the connector.
pub(super) fn differ(state: &ConnectorState, configs: &TaskConfigs) -> bool {
    let count = usize::try_from(state.task_count.unwrap_or(0)).ok();
    let stored = |(task, config): (i32, &IndexMap<String, String>)| {
        let stored = state.tasks.get(&task);
        stored.is_some_and(|stored| is_same(stored, config))
    };
    !has_tasks(state)
        || !state.is_applied
        || count != Some(configs.len())
        || !(0..).zip(configs).all(stored)
}

fn is_same(stored: &ConnectorProperties, config: &IndexMap<String, String>) -> bool {
    let settings = &stored.settings;
    let is_stored = |(key, value): (&String, &String)| {
        settings.get(key).and_then(Option::as_ref) == Some(value)
    };
    stored.not_strings.is_empty() && settings.len() == config.len() && config.iter().all(is_stored)
}
