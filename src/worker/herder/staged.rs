//! News of the config log that wait until the herder has time for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::storage_records::{ConfigChange, ConfigState};
use crate::protocol::connect_group::{CONNECTOR_TASK, ConnectProtocol, Work};
use crate::worker::member;

use super::{Action, Herder};

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
    /// Connectors whose tasks were stopped and start again if they are still owned after the round.
    restarts: BTreeSet<String>,
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
                    if known.connectors.contains_key(&connector) {
                        self.configs.insert(connector);
                    } else {
                        self.needs_round = true;
                    }
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
                // Nothing runs that could be restarted or that signs requests or logs.
                ConfigChange::None
                | ConfigChange::Restart { .. }
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
    pub(super) fn restart_tasks(&mut self, running: &mut Work) {
        let restarts = std::mem::take(&mut self.restarts);
        let tasks = running.tasks().filter(|(name, _)| restarts.contains(*name));
        let tasks: Work = tasks.collect();
        *running = running.difference(&tasks);
    }
}

impl Herder {
    /// Acts on the news.
    pub(super) fn apply_staged(&mut self, actions: &mut Vec<Action>) {
        if self.staged.is_empty() {
            return;
        }
        self.config = Arc::clone(&self.staged.config);
        let configs = std::mem::take(&mut self.staged.configs);
        let targets = std::mem::take(&mut self.staged.targets);
        let tasks = std::mem::take(&mut self.staged.tasks);
        if std::mem::take(&mut self.staged.needs_round) {
            actions.push(Action::Member(member::Event::Rejoin));
            if self.protocol() == Some(ConnectProtocol::Eager) {
                // The round stops and starts everything.
                return;
            }
        }
        for connector in &self.owned(configs) {
            self.stop_connector(connector, actions);
            self.start_connector(connector, actions);
        }
        for connector in &self.owned(targets) {
            self.start_connector(connector, actions);
        }
        self.staged.restarts.extend(tasks);
    }

    fn owned(&self, mut connectors: BTreeSet<String>) -> BTreeSet<String> {
        connectors.retain(|name| self.running.contains(name, CONNECTOR_TASK));
        connectors
    }

    /// A deleted connector does not start again; the next round takes it away.
    fn start_connector(&mut self, connector: &str, actions: &mut Vec<Action>) {
        if self.config.connectors.contains_key(connector) {
            self.take_up(
                &[(connector, CONNECTOR_TASK)].into_iter().collect(),
                actions,
            );
        }
    }
}
