//! The config topic folded into connectors, as a worker folds it.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use super::{ConfigRecord, ConnectorProperties, SessionKey, StorageRecordError};
use crate::model::connector_config::TargetState;

/// What the records of the config topic, applied in order, add up to.
///
/// The rules are those of `KafkaConfigBackingStore`: task configurations wait for a commit, and a commit whose tasks are
/// not all there (compaction may have removed some) makes the connector inconsistent. A clone copies a pointer and a name for
/// each connector, not its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigState {
    /// Offset after the last record whose value is JSON; -1 before any. Workers must agree on it to start work.
    pub offset: i64,
    /// By name; those that exist.
    pub connectors: BTreeMap<String, Arc<ConnectorState>>,
    /// The last one in the topic.
    pub session_key: Option<SessionKey>,
    /// What is known of names whether a connector of that name exists or not.
    names: BTreeMap<String, NameState>,
}

/// One connector of the config topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorState {
    pub properties: ConnectorProperties,
    pub target: TargetState,
    /// True when a record shows that it has been anything but STOPPED since it got its configuration.
    ///
    /// Shown by a target state other than STOPPED, by none at all (that is STARTED), and by task configurations or fencing
    /// records after the configuration. A commit of no tasks is not: stopping a connector writes one. A new configuration
    /// for a STOPPED connector begins a new count, as it does after compaction, which leaves only the last one.
    pub has_run: bool,
    /// True when task records of this name precede the connector's record: it ran and was reconfigured while STOPPED, or an
    /// earlier connector of this name was deleted and compaction removed the trace of that.
    pub may_have_run: bool,
    /// Of the last commit; `None` before the first.
    pub task_count: Option<i32>,
    /// Committed task configurations by task number.
    pub tasks: BTreeMap<i32, ConnectorProperties>,
    /// The last commit came after the present configuration, or after an equal one.
    pub is_applied: bool,
    /// The last commit's tasks were not all there. A worker writes them again by itself.
    pub inconsistent: bool,
}

/// What a record did to the state, as far as a worker that runs acts on it (`ConfigBackingStore.UpdateListener`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// Nothing yet, or nothing that was not so before.
    None,
    /// A connector is there, with the same configuration as before or another.
    Connector { connector: String },
    /// There is no such connector any more.
    Removed { connector: String },
    /// An existing connector has another target state.
    TargetState { connector: String },
    /// A commit: these tasks, which may be none, have new configurations.
    Tasks { connector: String, tasks: Vec<i32> },
    /// Somebody asked for a restart.
    Restart {
        connector: String,
        include_tasks: bool,
        only_failed: bool,
    },
    /// There is a new [`ConfigState::session_key`].
    SessionKey,
    /// A logger has another level, given in any case.
    LoggerLevel { logger: String, level: String },
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct NameState {
    target: Option<TargetState>,
    /// Task configurations that wait for a commit; `None` until there was one since the name was last deleted.
    deferred: Option<BTreeMap<i32, ConnectorProperties>>,
    /// A task, a commit of tasks, or a fencing record of this name came since it was last deleted.
    has_task_records: bool,
    // What follows outlives the connector, as in `KafkaConfigBackingStore`.
    /// Only a complete commit clears it.
    inconsistent: bool,
    /// How many producers the last fencing record counts.
    fencing_count: Option<i32>,
    pending_fencing: bool,
    task_generation: Option<u32>,
}

impl Default for ConfigState {
    fn default() -> Self {
        Self {
            offset: -1,
            connectors: BTreeMap::new(),
            session_key: None,
            names: BTreeMap::new(),
        }
    }
}

impl ConfigState {
    /// Returns the state before any record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Applies the next data record of the topic's single partition. Control records are not records: leave them out.
    ///
    /// # Errors
    /// Why a worker ignores the record. Unless its value is not JSON the offset moves on all the same.
    pub fn apply(
        &mut self,
        offset: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<ConfigChange, StorageRecordError> {
        let record = ConfigRecord::parse(key.unwrap_or_default(), value);
        if !matches!(record, Err(StorageRecordError::NotJson(_))) {
            self.offset = offset.saturating_add(1);
        }
        self.apply_record(record?)
    }

    /// Returns the names of inconsistent connectors.
    pub fn inconsistent(&self) -> BTreeSet<&str> {
        self.connectors
            .iter()
            .filter(|(_, connector)| connector.inconsistent)
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// Returns how many task producers the last fencing record of a name counts; `None` without one (KIP-618).
    pub fn fencing_count(&self, connector: &str) -> Option<i32> {
        self.names.get(connector)?.fencing_count
    }

    /// Returns whether a commit follows the last fencing record of a name: its old producers must be fenced first (KIP-618).
    pub fn is_pending_fencing(&self, connector: &str) -> bool {
        let name = self.names.get(connector);
        name.is_some_and(|name| name.pending_fencing)
    }

    /// Returns how often task configurations of a name took effect after the first time, as counted by this reader.
    pub fn task_generation(&self, connector: &str) -> Option<u32> {
        self.names.get(connector)?.task_generation
    }

    fn apply_record(&mut self, record: ConfigRecord) -> Result<ConfigChange, StorageRecordError> {
        Ok(match record {
            ConfigRecord::Connector {
                connector,
                properties: Some(properties),
            } => self.register(connector, properties),
            ConfigRecord::Connector { connector, .. } => {
                self.delete(&connector);
                ConfigChange::Removed { connector }
            }
            ConfigRecord::TargetState { connector, state } => self.set_target(connector, state),
            ConfigRecord::Task {
                connector,
                task,
                properties,
            } => {
                self.note_task_record(&connector);
                let name = self.names.entry(connector).or_default();
                let deferred = name.deferred.get_or_insert_default();
                deferred.insert(task, properties);
                ConfigChange::None
            }
            ConfigRecord::Commit { connector, tasks } => return self.commit(connector, tasks),
            ConfigRecord::Fencing {
                connector,
                task_count,
            } => {
                self.note_task_record(&connector);
                let name = self.names.entry(connector).or_default();
                name.fencing_count = Some(task_count);
                name.pending_fencing = false;
                ConfigChange::None
            }
            ConfigRecord::SessionKey(key) => {
                self.session_key = Some(key);
                ConfigChange::SessionKey
            }
            ConfigRecord::Restart {
                connector,
                include_tasks,
                only_failed,
            } => ConfigChange::Restart {
                connector,
                include_tasks,
                only_failed,
            },
            ConfigRecord::LoggerLevel { logger, level } => {
                ConfigChange::LoggerLevel { logger, level }
            }
        })
    }

    fn register(&mut self, connector: String, properties: ConnectorProperties) -> ConfigChange {
        let name = self.names.entry(connector.clone()).or_default();
        let target = *name.target.get_or_insert(TargetState::Started);
        let has_run = target != TargetState::Stopped;
        match self.connectors.entry(connector.clone()) {
            Entry::Occupied(mut existing) => {
                let existing = Arc::make_mut(existing.get_mut());
                existing.is_applied &= existing.properties == properties;
                existing.properties = properties;
                existing.has_run &= has_run;
            }
            Entry::Vacant(absent) => {
                absent.insert(Arc::new(ConnectorState {
                    properties,
                    target,
                    has_run,
                    may_have_run: has_run || name.has_task_records,
                    task_count: None,
                    tasks: BTreeMap::new(),
                    is_applied: false,
                    inconsistent: name.inconsistent,
                }));
            }
        }
        ConfigChange::Connector { connector }
    }

    /// Deletes a connector. Its target state has a record of its own and stays until that is deleted.
    fn delete(&mut self, connector: &str) {
        self.connectors.remove(connector);
        if let Some(name) = self.names.get_mut(connector) {
            name.deferred = None;
            name.has_task_records = false;
        }
    }

    fn set_target(&mut self, connector: String, state: Option<TargetState>) -> ConfigChange {
        let existing = self.connectors.get_mut(&connector);
        let is_removed = state.is_none();
        let state = state.or(existing.is_some().then_some(TargetState::Started));
        let mut is_news = false;
        if let (Some(existing), Some(state)) = (existing, state) {
            let existing = Arc::make_mut(existing);
            is_news = !is_removed && existing.target != state;
            existing.target = state;
            if state != TargetState::Stopped {
                existing.has_run = true;
                existing.may_have_run = true;
            }
        }
        self.names.entry(connector.clone()).or_default().target = state;
        if is_news {
            ConfigChange::TargetState { connector }
        } else {
            ConfigChange::None
        }
    }

    fn note_task_record(&mut self, connector: &str) {
        let name = self.names.entry(connector.to_owned()).or_default();
        name.has_task_records = true;
        if let Some(existing) = self.connectors.get_mut(connector) {
            let existing = Arc::make_mut(existing);
            existing.has_run = true;
            existing.may_have_run = true;
        }
    }

    fn commit(
        &mut self,
        connector: String,
        tasks: Result<i32, StorageRecordError>,
    ) -> Result<ConfigChange, StorageRecordError> {
        if !self.connectors.contains_key(&connector) {
            // The connector was deleted, and compaction removed its records but not these.
            let name = self.names.entry(connector).or_default();
            name.deferred = None;
            name.has_task_records |= tasks.is_ok_and(|tasks| tasks > 0);
            return Ok(ConfigChange::None);
        }
        let count = tasks?;
        if count > 0 {
            self.note_task_record(&connector);
        }
        let name = self.names.entry(connector.clone()).or_default();
        let deferred = name.deferred.as_mut().map(std::mem::take);
        name.inconsistent = !is_complete(deferred.as_ref(), count);
        name.pending_fencing = true;
        let mut updated = Vec::new();
        if let Some(existing) = self.connectors.get_mut(&connector) {
            let existing = Arc::make_mut(existing);
            existing.inconsistent = name.inconsistent;
            existing.task_count = Some(count);
            if !name.inconsistent {
                existing.is_applied = true;
            }
            if let Some(deferred) = deferred.filter(|_| !name.inconsistent) {
                name.task_generation = Some(name.task_generation.map_or(0, |n| n + 1));
                updated.extend(deferred.keys());
                existing.tasks.extend(deferred);
            }
        }
        Ok(ConfigChange::Tasks {
            connector,
            tasks: updated,
        })
    }
}

/// True when tasks 0 to `count` - 1 are there; more may be, left over from a larger set.
fn is_complete(deferred: Option<&BTreeMap<i32, ConnectorProperties>>, count: i32) -> bool {
    // Ordered keys: the count of those in range tells, and costs no more than what is there, whatever the record says.
    let present = deferred.map_or(0, |deferred| deferred.range(0..count.max(0)).count());
    i32::try_from(present).is_ok_and(|present| present == count.max(0))
}

#[cfg(test)]
mod tests {
    use super::{ConfigChange, ConfigState, ConnectorState};
    use crate::model::connector_config::TargetState;
    use crate::model::storage_records::{StorageRecordError, target_state_record};

    const STOPPED: &str = r#"{"state":"PAUSED","state.v2":"STOPPED"}"#;
    const STARTED: &str = r#"{"state":"STARTED","state.v2":"STARTED"}"#;
    const CONFIG: &str = r#"{"properties":{"name":"x"}}"#;

    type Applied = Result<ConfigChange, StorageRecordError>;

    fn applied(records: &[(&str, Option<&str>)]) -> (ConfigState, Vec<Applied>) {
        let mut state = ConfigState::new();
        let mut changes = Vec::new();
        for ((key, value), offset) in records.iter().zip(0..) {
            let applied = state.apply(offset, Some(key.as_bytes()), value.map(str::as_bytes));
            changes.push(applied);
        }
        (state, changes)
    }

    fn state(records: &[(&str, Option<&str>)]) -> ConfigState {
        applied(records).0
    }

    fn connector(records: &[(&str, Option<&str>)]) -> ConnectorState {
        (*state(records).connectors["x"]).clone()
    }

    #[test]
    fn a_registration_as_stopped_has_not_run() {
        let connector = connector(&[
            ("target-state-x", Some(STOPPED)),
            ("connector-x", Some(CONFIG)),
        ]);
        assert_eq!(connector.target, TargetState::Stopped);
        assert!(!connector.has_run && !connector.may_have_run);
        assert_eq!(
            (connector.task_count, connector.inconsistent),
            (None, false)
        );
    }

    #[test]
    fn a_connector_without_target_state_is_started() {
        let connector = connector(&[("connector-x", Some(CONFIG))]);
        assert_eq!(connector.target, TargetState::Started);
        assert!(connector.has_run);
    }

    #[test]
    fn a_connector_that_was_resumed_and_stopped_again_has_run() {
        let registered = [
            ("target-state-x", Some(STOPPED)),
            ("connector-x", Some(CONFIG)),
        ];
        let resumed = [
            ("target-state-x", Some(STARTED)),
            ("target-state-x", Some(STOPPED)),
        ];
        assert!(connector(&[registered, resumed].concat()).has_run);
        // After compaction only the last target state is left, and the task record tells.
        let compacted = [
            ("connector-x", Some(CONFIG)),
            ("task-x-0", Some(CONFIG)),
            ("commit-x", Some(r#"{"tasks":0}"#)),
            ("target-state-x", Some(STOPPED)),
        ];
        assert!(connector(&[&registered[..1], &compacted[..]].concat()).has_run);
    }

    #[test]
    fn stopping_a_connector_that_never_ran_is_not_running() {
        let connector = connector(&[
            ("target-state-x", Some(STOPPED)),
            ("connector-x", Some(CONFIG)),
            ("commit-x", Some(r#"{"tasks":0}"#)),
            ("target-state-x", Some(STOPPED)),
        ]);
        assert!(!connector.has_run);
        assert_eq!(connector.task_count, Some(0));
    }

    #[test]
    fn a_new_configuration_of_a_stopped_connector_has_not_run_compacted_or_not() {
        let ran = [
            ("connector-x", Some(CONFIG)),
            ("task-x-0", Some(CONFIG)),
            ("commit-x", Some(r#"{"tasks":1}"#)),
            ("commit-x", Some(r#"{"tasks":0}"#)),
            ("target-state-x", Some(STOPPED)),
            ("connector-x", Some(CONFIG)),
        ];
        for records in [&ran[..], &ran[1..]] {
            let connector = connector(records);
            assert!(!connector.has_run && connector.may_have_run);
        }
        let resumed = [&ran[..], &[("target-state-x", Some(STARTED))]].concat();
        assert!(connector(&resumed).has_run);
    }

    #[test]
    fn task_records_before_the_registration_leave_it_open_whether_it_ran() {
        let records = [
            ("task-x-0", Some(CONFIG)),
            ("commit-x", Some(r#"{"tasks":1}"#)),
            ("target-state-x", Some(STOPPED)),
            ("connector-x", Some(CONFIG)),
        ];
        let open = connector(&records);
        assert!(!open.has_run && open.may_have_run);
        let deleted = [&records[..2], &[("connector-x", None)], &records[2..]].concat();
        assert!(!connector(&deleted).may_have_run);
    }

    #[test]
    fn a_deleted_connector_is_gone_and_its_target_state_stays_until_deleted() {
        let records = [
            ("target-state-x", Some(STOPPED)),
            ("connector-x", Some(CONFIG)),
            ("connector-x", None),
        ];
        assert!(state(&records).connectors.is_empty());
        let again = [&records[..], &records[1..2]].concat();
        assert_eq!(connector(&again).target, TargetState::Stopped);
        let cleared = [&records[..], &[("target-state-x", None)], &records[1..2]].concat();
        assert_eq!(connector(&cleared).target, TargetState::Started);
    }

    #[test]
    fn a_commit_applies_the_tasks_before_it() {
        let connector = connector(&[
            ("connector-x", Some(CONFIG)),
            ("task-x-0", Some(r#"{"properties":{"a":"1"}}"#)),
            ("task-x-1", Some(r#"{"properties":{"a":"2"}}"#)),
            ("task-x-7", Some(r#"{"properties":{"a":"8"}}"#)),
            ("commit-x", Some(r#"{"tasks":2}"#)),
        ]);
        assert_eq!(connector.task_count, Some(2));
        assert_eq!(
            connector.tasks.keys().copied().collect::<Vec<_>>(),
            [0, 1, 7]
        );
        assert!(!connector.inconsistent);
    }

    #[test]
    fn a_commit_of_missing_tasks_makes_the_connector_inconsistent() {
        let records = [
            ("connector-x", Some(CONFIG)),
            ("task-x-1", Some(CONFIG)),
            ("commit-x", Some(r#"{"tasks":2}"#)),
        ];
        let broken = connector(&records);
        assert_eq!((broken.task_count, broken.inconsistent), (Some(2), true));
        assert!(broken.tasks.is_empty());
        let healed = [
            ("task-x-0", Some(CONFIG)),
            ("commit-x", Some(r#"{"tasks":1}"#)),
        ];
        assert!(!connector(&[&records[..], &healed].concat()).inconsistent);
        let huge = [
            ("connector-x", Some(CONFIG)),
            ("commit-x", Some(r#"{"tasks":2147483647}"#)),
        ];
        assert_eq!(
            state(&huge).inconsistent().into_iter().collect::<Vec<_>>(),
            ["x"]
        );
    }

    #[test]
    fn fencing_and_task_generations_outlive_the_connector() {
        let task = [
            ("task-x-0", Some(CONFIG)),
            ("commit-x", Some(r#"{"tasks":1}"#)),
        ];
        let fence = [("tasks-fencing-x", Some(r#"{"task-count":1}"#))];
        let start = [("connector-x", Some(CONFIG))];
        let of = |records: &[&[(&'static str, Option<&'static str>)]]| {
            let state = state(&records.concat());
            let fencing = (state.fencing_count("x"), state.is_pending_fencing("x"));
            (fencing, state.task_generation("x"))
        };
        assert_eq!(of(&[&start]), ((None, false), None));
        assert_eq!(of(&[&start, &task]), ((None, true), Some(0)));
        assert_eq!(of(&[&start, &task, &fence]), ((Some(1), false), Some(0)));
        let again = [&start[..], &task, &fence, &task];
        assert_eq!(of(&again), ((Some(1), true), Some(1)));
        let deleted = [&again[..], &[&[("connector-x", None)]]].concat();
        assert_eq!(of(&deleted), ((Some(1), true), Some(1)));
        // A commit of no tasks is one of the generation, unless there never was a task.
        let none = [("commit-x", Some(r#"{"tasks":0}"#))];
        assert_eq!(of(&[&start, &none]), ((None, true), None));
        assert_eq!(of(&[&start, &task, &none]), ((None, true), Some(1)));
    }

    #[test]
    fn changes_are_told_as_a_worker_acts_on_them() {
        let (_, changes) = applied(&[
            ("target-state-x", Some(STOPPED)),
            ("connector-x", Some(CONFIG)),
            ("target-state-x", Some(STOPPED)),
            ("target-state-x", Some(STARTED)),
            ("task-x-0", Some(CONFIG)),
            ("commit-x", Some(r#"{"tasks":1}"#)),
            ("commit-x", Some(r#"{"tasks":1}"#)),
            ("target-state-x", None),
            ("connector-x", None),
            ("commit-x", Some(r#"{"tasks":1}"#)),
        ]);
        let connector = || "x".to_owned();
        let expected = [
            ConfigChange::None,
            ConfigChange::Connector {
                connector: connector(),
            },
            ConfigChange::None,
            ConfigChange::TargetState {
                connector: connector(),
            },
            ConfigChange::None,
            ConfigChange::Tasks {
                connector: connector(),
                tasks: vec![0],
            },
            ConfigChange::Tasks {
                connector: connector(),
                tasks: vec![],
            },
            ConfigChange::None,
            ConfigChange::Removed {
                connector: connector(),
            },
            ConfigChange::None,
        ];
        assert_eq!(changes, expected.map(Ok));
    }

    #[test]
    fn the_offset_passes_over_values_that_are_not_json_and_counts_unknown_keys() {
        assert_eq!(ConfigState::new().offset, -1);
        assert_eq!(state(&[("connector-x", Some("{"))]).offset, -1);
        let (state, changes) = applied(&[
            ("connector-x", Some(CONFIG)),
            ("something", Some("1")),
            ("connector-x", Some(r#"{"properties":"#)),
        ]);
        assert_eq!(state.offset, 2);
        assert_eq!(changes[1], Err(StorageRecordError::UnknownKey));
        assert!(matches!(changes[2], Err(StorageRecordError::NotJson(_))));
        assert_eq!(state.connectors.len(), 1);
    }

    #[test]
    fn what_is_written_reads_back() {
        for target in [
            TargetState::Started,
            TargetState::Paused,
            TargetState::Stopped,
        ] {
            let mut state = ConfigState::new();
            let (key, value) = target_state_record("x", target);
            state
                .apply(0, Some(&key), Some(&value))
                .expect("it is ours");
            state
                .apply(1, Some(b"connector-x"), Some(CONFIG.as_bytes()))
                .expect("it is valid");
            assert_eq!(state.connectors["x"].target, target);
        }
    }
}
