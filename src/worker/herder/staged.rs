//! News of the config log that wait until the herder has time for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::storage_records::{ConfigChange, ConfigState};
use crate::protocol::connect_group::{ConnectProtocol, Work};
use crate::worker::{Millis, member};

use super::{Action, Herder, Round};

/// What has changed since the herder's own snapshot was taken.
#[derive(Debug, Default)]
pub(super) struct Staged {
    /// The snapshot after the changes.
    pub(super) config: Arc<ConfigState>,
    /// Work has come or gone.
    needs_round: bool,
    /// Connectors with another configuration.
    configs: BTreeSet<String>,
    /// Connectors with another target state.
    targets: BTreeSet<String>,
    /// Connectors with other tasks.
    tasks: BTreeSet<String>,
    /// Connectors that are to be restarted.
    restarts: BTreeMap<String, Restart>,
    /// Connectors whose tasks were stopped and start again if they are still owned after the round.
    renewed: BTreeSet<String>,
}

/// Ordered by how much is restarted (`RestartRequest`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Restart {
    not_only_failed: bool,
    include_tasks: bool,
}

impl Staged {
    /// Takes news in. Whether a connector is new is a question to the herder's own snapshot.
    pub(super) fn take(
        &mut self,
        changes: Vec<ConfigChange>,
        config: Arc<ConfigState>,
        known: &ConfigState,
    ) {
        self.config = config;
        for change in changes {
            match change {
                ConfigChange::Connector { connector } => {
                    self.needs_round |= !known.connectors.contains_key(&connector);
                    // One that was deleted and made again in between is new, and its owner has the old one.
                    self.configs.insert(connector);
                }
                ConfigChange::Removed { connector } => {
                    if known.connectors.contains_key(&connector) {
                        self.needs_round = true;
                    } else {
                        self.configs.insert(connector);
                    }
                }
                ConfigChange::TargetState { connector } => {
                    self.targets.insert(connector);
                }
                ConfigChange::Tasks { connector, tasks } => {
                    self.needs_round = true;
                    if !tasks.is_empty() {
                        self.tasks.insert(connector);
                    }
                }
                ConfigChange::Restart {
                    connector,
                    include_tasks,
                    only_failed,
                } => {
                    let restart = Restart {
                        not_only_failed: !only_failed,
                        include_tasks,
                    };
                    let known = self.restarts.entry(connector).or_insert(restart);
                    *known = restart.max(*known);
                }
                // The key is looked up when it is needed; levels of loggers are Java's.
                ConfigChange::None
                | ConfigChange::SessionKey
                | ConfigChange::LoggerLevel { .. } => {}
            }
        }
    }

    fn is_empty(&self) -> bool {
        let nothing = self.configs.is_empty() && self.targets.is_empty() && self.tasks.is_empty();
        nothing && !self.needs_round
    }

    /// Forgets that tasks ran which were stopped for new configurations.
    pub(super) fn renew_tasks(&mut self, running: &mut Work) {
        let renewed = std::mem::take(&mut self.renewed);
        let tasks = running.tasks().filter(|(name, _)| renewed.contains(*name));
        let tasks: Work = tasks.collect();
        *running = running.difference(&tasks);
    }
}

impl Herder {
    /// Acts on the news.
    pub(super) fn apply_staged(&mut self, now: Millis, actions: &mut Vec<Action>) {
        self.apply_restarts(actions);
        if self.staged.is_empty() {
            return;
        }
        self.config = Arc::clone(&self.staged.config);
        let configs = std::mem::take(&mut self.staged.configs);
        let targets = std::mem::take(&mut self.staged.targets);
        let tasks = std::mem::take(&mut self.staged.tasks);
        if std::mem::take(&mut self.staged.needs_round) {
            actions.push(Action::Member(member::Event::Rejoin));
            // Whoever leads the round to come carries out what is asked for from now on.
            self.round = Round::Void;
            if self.protocol() == Some(ConnectProtocol::Eager) {
                // The round stops and starts everything.
                return;
            }
        }
        for connector in &self.owned(configs) {
            self.stop_connector(connector, actions);
            self.start_connector(connector, actions);
        }
        for connector in targets {
            self.set_target(now, &connector, actions);
        }
        self.stop_unconfigured(&tasks, actions);
        self.staged.renewed.extend(tasks);
    }

    fn apply_restarts(&mut self, actions: &mut Vec<Action>) {
        for (connector, restart) in std::mem::take(&mut self.staged.restarts) {
            let only_failed = !restart.not_only_failed;
            let work = self.restarted(&connector, restart.include_tasks, only_failed);
            if !work.is_empty() {
                self.restart(&work, true, actions);
            }
        }
    }

    /// Returns the config log as far as it was read.
    pub(super) fn staged_config(&self) -> &ConfigState {
        &self.staged.config
    }
}
