//! The connectors of the plan: which there are, under which name, with which configuration.

use std::collections::HashMap;
use std::path::PathBuf;

use indexmap::IndexMap;

use crate::model::connector_config::{ConnectorConfig, TargetState};
use crate::model::properties::Properties;
use crate::model::worker_config::{ConsumerGroup, Followed, SinkConsumers, Unseen};
use crate::plan::kinds::kind_of;
use crate::plan::{
    Choices, ConnectorKind, Deployment, FileChange, FileState, PlanError, RunningConnector,
};

/// A connector on its way, with what only findings need to know.
#[derive(Debug)]
pub(super) struct Moving<'a> {
    pub name: String,
    pub old_name: String,
    pub kind: ConnectorKind,
    pub class: String,
    /// `name` included, as the new name.
    pub config: IndexMap<String, String>,
    /// Settings that are null in the file: Connect refuses them.
    pub nulls: Vec<String>,
    /// What the file said, when there is a file.
    pub file: Option<(&'a PathBuf, &'a ConnectorConfig)>,
    pub running: Option<&'a RunningConnector>,
    /// Settings in which the running worker and the file differ, sorted.
    pub differing: Vec<String>,
    pub final_state: TargetState,
    /// The topic, not the file, is the truth about it: see `ownership::mark_moved`.
    pub moved: bool,
    /// `--overwrite-offsets` takes that back although it is not STOPPED: nobody is in the group, and it is stopped first.
    pub redone: bool,
    /// Sink: effective consumer group before and after.
    pub old_group: Option<String>,
    pub group: Option<String>,
    /// Sink: these groups instead, where they cannot be looked at.
    pub unseen_group: Option<UnseenGroup>,
}

/// The consumer group of a sink that cannot be looked at in the target cluster, before and after.
#[derive(Debug)]
pub(super) struct UnseenGroup {
    pub why: Unseen,
    pub old: ConsumerGroup,
    pub new: ConsumerGroup,
}

impl Moving<'_> {
    /// Returns where the configuration came from, for messages.
    pub(super) fn origin(&self) -> String {
        match (self.file, self.running) {
            (Some((path, _)), _) => path.display().to_string(),
            (None, Some(_)) => "the running worker".to_owned(),
            (None, None) => "no file".to_owned(),
        }
    }

    /// Returns whether a position in the offsets file could be this connector's.
    pub(super) fn is_source(&self) -> bool {
        self.kind != ConnectorKind::Sink
    }
}

/// Returns the connectors to move, in the order of the command line, then those that only the running worker knows.
pub(super) fn moving<'a>(
    deployment: &'a Deployment,
    choices: &Choices,
) -> Result<Vec<Moving<'a>>, PlanError> {
    let running: HashMap<&str, &RunningConnector> = deployment
        .running
        .iter()
        .flat_map(|worker| &worker.connectors)
        .map(|connector| (connector.name.as_str(), connector))
        .collect();
    let mut places: HashMap<&str, String> = HashMap::new();
    let mut moving = Vec::with_capacity(deployment.connectors.len());
    for connector in &deployment.connectors {
        let name = connector.config.name.as_str();
        let place = connector.path.display().to_string();
        let file = Some((&connector.path, &connector.config));
        if let Some(first) = places.insert(name, place.clone()) {
            return Err(PlanError::DuplicateConnector {
                name: name.to_owned(),
                first,
                second: place,
            });
        }
        let known = running.get(name).copied();
        moving.push(one(&connector.config, file, known, choices));
    }
    for connector in deployment.running.iter().flat_map(|w| &w.connectors) {
        if !places.contains_key(connector.name.as_str()) {
            moving.push(one(&in_memory(connector), None, Some(connector), choices));
        }
    }
    if moving.is_empty() {
        return Err(PlanError::NoConnector);
    }
    rename(&mut moving, choices)?;
    Ok(moving)
}

/// A connector that was made over REST and lives in the worker's memory only.
fn in_memory(connector: &RunningConnector) -> ConnectorConfig {
    ConnectorConfig {
        name: connector.name.clone(),
        config: connector
            .config
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect(),
        initial_state: None,
        form: crate::model::connector_config::Form::NamedJson,
    }
}

fn one<'a>(
    config: &ConnectorConfig,
    file: Option<(&'a PathBuf, &'a ConnectorConfig)>,
    running: Option<&'a RunningConnector>,
    choices: &Choices,
) -> Moving<'a> {
    let mut nulls = Vec::new();
    let mut from_file: IndexMap<String, String> = IndexMap::with_capacity(config.config.len() + 1);
    for (key, value) in &config.config {
        match value {
            Some(value) => drop(from_file.insert(key.clone(), value.clone())),
            None => nulls.push(key.clone()),
        }
    }
    from_file.insert("name".to_owned(), config.name.clone());
    let mut differing = Vec::new();
    let effective = match running {
        Some(running) => {
            let mut effective = running.config.clone();
            effective.insert("name".to_owned(), config.name.clone());
            differing = differing_keys(&from_file, &effective);
            effective
        }
        None => from_file,
    };
    let class = effective.get("connector.class").cloned();
    let class = class.unwrap_or_default().trim().to_owned();
    Moving {
        name: config.name.clone(),
        old_name: config.name.clone(),
        kind: kind_of(&class, &effective, running.map(|r| r.kind.as_str())),
        class,
        config: effective,
        nulls,
        file,
        running,
        differing,
        final_state: final_state(config, running, choices),
        moved: false,
        redone: false,
        old_group: None,
        group: None,
        unseen_group: None,
    }
}

fn differing_keys(a: &IndexMap<String, String>, b: &IndexMap<String, String>) -> Vec<String> {
    let mut keys: Vec<String> = a
        .keys()
        .chain(b.keys())
        .filter(|key| a.get(*key) != b.get(*key))
        .cloned()
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

/// What the user asks for; otherwise PAUSED stays paused. STOPPED is how a deployment is brought to rest before it
/// moves, so it says nothing about what the user wants afterwards.
fn final_state(
    config: &ConnectorConfig,
    running: Option<&RunningConnector>,
    choices: &Choices,
) -> TargetState {
    if choices.initial_state != TargetState::Started {
        return choices.initial_state;
    }
    match running {
        Some(r) if r.target == Some(TargetState::Paused) || r.state == "PAUSED" => {
            TargetState::Paused
        }
        // The state that a file gives, such as one that `capture` wrote, is older than the stop.
        Some(r) if r.state == "STOPPED" => config.initial_state.unwrap_or(TargetState::Started),
        Some(_) => TargetState::Started,
        None => config.initial_state.unwrap_or(TargetState::Started),
    }
}

fn rename(moving: &mut [Moving<'_>], choices: &Choices) -> Result<(), PlanError> {
    for rename in &choices.renames {
        let refused = |why| PlanError::RenameRefused {
            old: rename.old.clone(),
            new: rename.new.clone(),
            why,
        };
        if rename.new.trim().is_empty() {
            return Err(refused("the new name is blank"));
        }
        if choices
            .renames
            .iter()
            .filter(|r| r.old == rename.old)
            .count()
            > 1
        {
            return Err(refused("the connector is renamed twice"));
        }
        let Some(connector) = moving.iter_mut().find(|m| m.old_name == rename.old) else {
            return Err(PlanError::RenameOfNobody {
                old: rename.old.clone(),
                new: rename.new.clone(),
            });
        };
        connector.name.clone_from(&rename.new);
        let name = connector.name.clone();
        connector.config.insert("name".to_owned(), name);
    }
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for connector in moving.iter() {
        if let Some(other) = seen.insert(&connector.name, &connector.old_name) {
            let renamed = if connector.name == connector.old_name {
                other
            } else {
                &connector.old_name
            };
            return Err(PlanError::RenameRefused {
                old: renamed.to_owned(),
                new: connector.name.clone(),
                why: "another connector has that name",
            });
        }
    }
    Ok(())
}

/// Fills in the consumer groups of the sinks, before and after.
pub(super) fn find_groups(
    moving: &mut [Moving<'_>],
    followed: &Followed,
    source: &Properties,
    worker: &Properties,
) {
    let before = SinkConsumers::of(source, followed).seen_from(worker);
    let after = SinkConsumers::of(worker, followed);
    for connector in moving.iter_mut().filter(|m| !m.is_source()) {
        let old = before.group(&connector.old_name, &connector.config);
        let new = after.group(&connector.name, &connector.config);
        if let Some(why) = old.unseen.or(new.unseen) {
            connector.unseen_group = Some(UnseenGroup { why, old, new });
        } else {
            connector.old_group = Some(old.id);
            connector.group = Some(new.id);
        }
    }
}

/// Refuses to rename a sink whose group has its name where its committed offsets cannot follow: it would deliver everything again.
pub(super) fn refuse_lost_groups(moving: &[Moving<'_>]) -> Result<(), PlanError> {
    let left = moving.iter().filter(|m| !m.moved && m.name != m.old_name);
    let mut left = left.filter_map(|m| Some((m, m.unseen_group.as_ref()?)));
    match left.find(|(_, group)| group.old.id != group.new.id) {
        None => Ok(()),
        Some((connector, group)) => Err(PlanError::RenameOfUnseenGroup {
            old: connector.old_name.clone(),
            new: connector.name.clone(),
            group: group.old.id.clone(),
            why: group.why,
        }),
    }
}

/// Returns the body of `POST /connectors`: every value a string, `name` not repeated inside `config`.
pub(super) fn json_file(connector: &Moving<'_>, stem: &str, secret: bool) -> FileChange {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        name: &'a str,
        config: IndexMap<&'a str, &'a str>,
    }
    let body = Body {
        name: &connector.name,
        config: connector
            .config
            .iter()
            .filter(|(key, _)| *key != "name")
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect(),
    };
    let mut after = serde_json::to_vec_pretty(&body).expect("maps of strings are always JSON");
    after.push(b'\n');
    FileChange {
        path: PathBuf::from("connectors").join(format!("{stem}.json")),
        before: None,
        after,
        secret,
        state: FileState::Unknown,
    }
}
