//! The finished plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::model::connector_config::TargetState;
use crate::model::worker_config::{StorageRole, StorageTopic, Unseen};
use crate::plan::{Class, Finding, PartitionPosition};

/// What `migrate` will do, complete before anything is touched.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Files of the output folder, `distributed.properties` first.
    pub files: Vec<FileChange>,
    /// Why each line of `distributed.properties` changed.
    pub reasons: Vec<Reason>,
    /// The generated worker file as a map.
    pub worker: crate::model::properties::Properties,
    pub group_id: String,
    /// Config, offset, status: in this order.
    pub topics: [TopicPlan; 3],
    pub connectors: Vec<ConnectorPlan>,
    /// Records to produce to the offset topic.
    pub seed: Vec<SeedRecord>,
    pub findings: Vec<Finding>,
    pub stopped: Stopped,
    pub ownership: Ownership,
    pub offsets: OffsetsSummary,
    /// Committed positions of renamed sinks that follow the new name.
    pub group_copies: Vec<GroupCopy>,
    /// Tombstones of the positions under old names (`--delete-old`), after the verification.
    pub delete_offsets: Vec<SeedRecord>,
    /// Old consumer groups of renamed sinks to delete (`--delete-old`), after the verification.
    pub delete_groups: Vec<String>,
    /// Every offset that a worker must find for connectors that have not moved yet, seeded ones included.
    pub positions: Arc<Vec<SeedRecord>>,
    /// Connect cluster to register on (`--url`); empty: none.
    pub register_on: Vec<String>,
    pub registrar: Registrar,
    /// Whether a worker in this process runs the connectors before they get their final states (`--verify run`).
    pub runs: bool,
    /// The target cluster; `None` offline.
    pub cluster: Option<ClusterSummary>,
}

impl Plan {
    /// Returns the findings that stop this plan.
    pub fn blocked(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|f| f.class == Class::Block && !f.accepted)
    }

    /// Returns the connectors whose keys may stay where no worker writes them: a user has accepted P11 or P13.
    pub fn in_any_place(&self) -> BTreeSet<String> {
        let accepted = self
            .findings
            .iter()
            .filter(|finding| finding.accepted && matches!(finding.id.as_str(), "P11" | "P13"));
        accepted.map(|finding| finding.subject.clone()).collect()
    }

    /// Returns the consumer groups that an observation must look at: of every sink, before and after a rename.
    pub fn sink_groups(&self) -> BTreeSet<&str> {
        self.connectors
            .iter()
            .flat_map(|c| [&c.old_group, &c.group])
            .filter_map(|group| group.as_deref())
            .collect()
    }

    /// Says of the sinks to move whose groups cannot be looked at why that is; empty: every group can.
    pub fn unseen_groups(&self) -> Vec<String> {
        let moving = self.connectors.iter().filter(|c| !c.already_moved);
        let unseen = moving.filter_map(|c| Some((c.name.as_str(), c.unseen_group?)));
        unseen
            .map(|(name, why)| format!("the group of {name} was not looked at: {why}"))
            .collect()
    }

    /// Says of every file whether the output folder has it already; `existing` gives a file's bytes by relative path.
    pub fn compare_files(&mut self, existing: impl Fn(&Path) -> Option<Vec<u8>>) {
        for file in &mut self.files {
            file.state = match existing(&file.path) {
                None => FileState::Missing,
                Some(bytes) if bytes == file.after => FileState::Same,
                Some(_) => FileState::Different,
            };
        }
    }

    /// Returns the storage topic of a role.
    pub fn topic(&self, role: StorageRole) -> &TopicPlan {
        let [config, offset, status] = &self.topics;
        match role {
            StorageRole::Config => config,
            StorageRole::Offset => offset,
            StorageRole::Status => status,
        }
    }

    /// Returns what is left to do, in the order in which it is done; empty: nothing.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = self
            .files
            .iter()
            .filter(|file| file.state != FileState::Same)
            .map(|file| Step::WriteFile(file.path.clone()))
            .collect();
        if self.cluster.is_none() {
            return steps;
        }
        let missing = self
            .topics
            .iter()
            .filter(|topic| topic.state == TopicState::Missing);
        steps.extend(missing.map(|topic| Step::CreateTopic(topic.wanted.name.clone())));
        if !self.seed.is_empty() {
            steps.push(Step::Seed(self.seed.len()));
        }
        let copies = self.group_copies.iter();
        steps.extend(copies.map(|copy| Step::CopyGroup {
            from: copy.from.clone(),
            to: copy.to.clone(),
        }));
        if self.is_verified_by_control() {
            steps.push(Step::Control(self.group_id.clone()));
        }
        steps.extend(self.registration_steps());
        if !self.delete_offsets.is_empty() {
            steps.push(Step::DeleteOffsets(self.delete_offsets.len()));
        }
        steps.extend(self.delete_groups.iter().cloned().map(Step::DeleteGroup));
        steps
    }

    /// Returns whether an embedded worker has something to register or a state to set.
    pub fn is_verified_by_control(&self) -> bool {
        self.registrar == Registrar::Control && self.registration_steps().next().is_some()
    }

    /// Returns whether something is deleted once everything is verified.
    pub fn deletes(&self) -> bool {
        !self.delete_offsets.is_empty() || !self.delete_groups.is_empty()
    }

    fn registration_steps(&self) -> impl Iterator<Item = Step> {
        let (mut register, mut states) = (Vec::new(), Vec::new());
        for connector in self.connectors.iter().filter(|c| !c.already_moved) {
            let name = connector.name.clone();
            match connector.registration {
                Registration::NotPlanned => continue,
                Registration::Create => register.push(Step::Register(name.clone())),
                Registration::Update => register.push(Step::Update(name.clone())),
                Registration::Present => {}
            }
            if connector.final_state != TargetState::Stopped {
                states.push(Step::SetState(name, connector.final_state));
            }
        }
        let is_something = !register.is_empty() || !states.is_empty();
        let run = (self.runs && is_something).then(|| Step::Run(self.group_id.clone()));
        register.into_iter().chain(run).chain(states)
    }
}

/// One step of a plan. `Display` is the line that a reader sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Relative to the output folder.
    WriteFile(PathBuf),
    CreateTopic(String),
    /// Number of records for the offset topic; read back afterwards.
    Seed(usize),
    CopyGroup {
        from: String,
        to: String,
    },
    /// Join the Connect group as an embedded worker, check what a worker finds, leave.
    Control(String),
    /// As STOPPED, so that nothing runs before its offsets are compared.
    Register(String),
    /// Stopped, then given the plan's configuration.
    Update(String),
    /// Run the connectors in this process, in this Connect group.
    Run(String),
    SetState(String, TargetState),
    /// Number of records under old names.
    DeleteOffsets(usize),
    DeleteGroup(String),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WriteFile(path) => write!(f, "write {}", path.display()),
            Self::CreateTopic(name) => write!(f, "create topic {name}"),
            Self::Seed(1) => write!(f, "seed 1 offset and read it back"),
            Self::Seed(records) => write!(f, "seed {records} offsets and read them back"),
            Self::CopyGroup { from, to } => {
                write!(f, "copy the committed offsets of group {from} to {to}")
            }
            Self::Control(group) => write!(
                f,
                "join group {group} as an embedded worker that runs nothing, check what a worker finds, leave"
            ),
            Self::Register(name) => write!(f, "register connector {name} as STOPPED"),
            Self::Update(name) => write!(f, "stop connector {name} and update its configuration"),
            Self::Run(group) => write!(
                f,
                "join group {group} as a worker that RESUMES the connectors in this process: for a moment they move data from here"
            ),
            Self::SetState(name, TargetState::Started) => write!(f, "resume connector {name}"),
            Self::SetState(name, TargetState::Paused) => write!(f, "pause connector {name}"),
            Self::SetState(name, TargetState::Stopped) => write!(f, "stop connector {name}"),
            Self::DeleteOffsets(records) => write!(
                f,
                "delete {records} offset{} of old names, once all is verified",
                if *records == 1 { "" } else { "s" }
            ),
            Self::DeleteGroup(name) => write!(f, "delete group {name}, once all is verified"),
        }
    }
}

#[derive(Debug, Clone)]
pub struct FileChange {
    /// Relative to the output folder.
    pub path: PathBuf,
    /// What the diff is shown against: the standalone file, or nothing for a new file.
    pub before: Option<Vec<u8>>,
    pub after: Vec<u8>,
    /// Holds credentials: written with mode 0600.
    pub secret: bool,
    pub state: FileState,
}

/// What the output folder has at a file's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// Not looked at: [`Plan::compare_files`] was not called.
    Unknown,
    Missing,
    Same,
    Different,
}

/// The offsets file, for the eye: `/tmp/connect.offsets` of a workstation is not that of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct OffsetsSummary {
    /// `None`: positions were declined (`--no-offsets`) or the worker file names none.
    pub path: Option<PathBuf>,
    pub exists: bool,
    /// Not a complete map: what it had is not known.
    pub damaged: bool,
    pub sha256: Option<String>,
    /// Bytes.
    pub length: u64,
    pub age_ms: Option<u64>,
    pub entries: usize,
    /// Entries per connector name that is not in this plan.
    pub others: BTreeMap<String, usize>,
}

/// The committed positions of a renamed sink's group, for its new group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCopy {
    pub connector: String,
    pub from: String,
    pub to: String,
    /// Only what the new group does not have yet.
    pub positions: BTreeMap<(String, i32), i64>,
}

/// The target cluster in one line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClusterSummary {
    pub id: Option<String>,
    pub brokers: usize,
}

/// Why a setting was added, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    pub key: String,
    pub why: String,
    /// The pitfall of `docs/findings.md` that the change avoids.
    pub pitfall: Option<&'static str>,
    /// Line of the standalone file; `None`: the setting is new.
    pub line: Option<usize>,
}

/// A storage topic that the worker file asks for, and what the cluster has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    pub wanted: StorageTopic,
    pub state: TopicState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicState {
    /// `--offline`: not looked at.
    Unknown,
    Missing,
    /// The principal may not look at it, so it may be there or not.
    Hidden,
    /// Exists, and its settings may not be read, so it may be right or wrong.
    SettingsHidden,
    Right,
    /// Exists and is wrong: what is wrong, one sentence each.
    Wrong(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorKind {
    Source,
    Sink,
    /// Not recognised: treated as a source.
    Unknown,
}

#[derive(Debug, Clone)]
pub struct ConnectorPlan {
    pub name: String,
    /// The name before `--rename`.
    pub old_name: String,
    pub kind: ConnectorKind,
    pub class: String,
    /// All values strings; `name` included.
    pub config: indexmap::IndexMap<String, String>,
    /// Source: number of entries of the offsets file that belong to it.
    pub entries: usize,
    /// Source: number of records that must be produced (missing or different in the topic).
    pub to_seed: usize,
    /// Sink: effective consumer group of the distributed connector.
    pub group: Option<String>,
    /// Sink: effective consumer group of the standalone connector; other than `group` after `--rename`.
    pub old_group: Option<String>,
    /// Sink: why neither group can be looked at; both are `None` then.
    pub unseen_group: Option<Unseen>,
    /// Sink: committed offset and end per partition, `topic-partition` sorted.
    pub positions: BTreeMap<(String, i32), PartitionPosition>,
    /// Already in the config topic, equal, and has left STOPPED: the topic is the truth, nothing to do.
    pub already_moved: bool,
    pub final_state: TargetState,
    /// What it takes to register it.
    pub registration: Registration,
    /// Why it cannot move as it is; empty: it can.
    pub cannot_move: Vec<String>,
}

/// Who registers the connectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registrar {
    /// Nobody: `--verify none` without `--url`, `--offline`, or a Connect group in use.
    Nobody,
    /// The Connect cluster of `--url`, over REST.
    Rest,
    /// An embedded worker (`--verify control`).
    Control,
}

/// What registering a connector takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registration {
    /// Nobody registers.
    NotPlanned,
    Create,
    /// It is there with another configuration (`--adopt`).
    Update,
    /// It is there with this configuration.
    Present,
}

/// One record of the offset topic: the file's bytes, unchanged, at the partition Java computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedRecord {
    pub connector: String,
    pub key: Bytes,
    pub value: Option<Bytes>,
    /// Set when the topic's partition count is known, at planning or after creation.
    pub partition: Option<i32>,
}

/// Whether the standalone worker is known to be stopped.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stopped {
    /// How it was proven.
    Proven(String),
    /// `--source-stopped`: nothing contradicts it.
    Asserted,
    /// Why it is not known.
    Unknown(String),
}

/// Whose the target's config topic is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ownership {
    /// `--offline`.
    Unknown,
    /// No connector in it, or no topic.
    Fresh,
    /// Only connectors of this plan with equal configurations.
    Ours,
    /// Someone else's: what shows it.
    Foreign(Vec<String>),
}
