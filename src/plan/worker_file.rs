//! `distributed.properties`, as an edit of the standalone worker file.
//!
//! Every line that need not change stays as it is, byte for byte. Every change has its reason.

use crate::model::properties::{Document, Properties};
use crate::model::worker_config::{self, StorageRole};
use crate::plan::{Choices, Deployment, Observed, PlanError, Reason, ReplicationFactor};
use crate::plan::{inert, naming, security};

/// The key that makes a worker standalone; its line is where the new lines go.
pub(super) const OFFSETS_FILE: &str = worker_config::OFFSET_STORAGE_FILE_FILENAME;

/// Storage topics in the order in which they are written.
pub(super) const ROLES: [&str; 3] = ["config", "offset", "status"];

/// Connect's default replication factor of a storage topic (`TopicAdmin`, DistributedConfig).
const DEFAULT_REPLICATION: usize = 3;

/// The converted worker file.
#[derive(Debug)]
pub(super) struct Converted {
    pub document: Document,
    pub properties: Properties,
    pub group_id: String,
    pub reasons: Vec<Reason>,
}

/// Converts the standalone worker file. `connectors` are the names after `--rename`.
pub(super) fn convert(
    deployment: &Deployment,
    choices: &Choices,
    observed: Option<&Observed>,
    connectors: &[&str],
) -> Result<Converted, PlanError> {
    let source = deployment.worker.properties();
    check(deployment, choices, &source)?;
    let group_id = group_id(choices, &source, connectors)?;
    let mut edit = Edit::of(deployment);
    for removal in inert::removals(&source, observed) {
        edit.remove(removal);
    }
    identity(&mut edit, choices, &source, &group_id)?;
    replication(&mut edit, choices, observed.map(|o| o.brokers.len()))?;
    for (key, value) in security::missing_top_level(&source).unwrap_or_default() {
        let why = "distributed membership and storage topics use top-level security; copied from the identical prefixed settings".to_owned();
        edit.want(&key, &value, why, Some("P15"));
    }
    let decided =
        |key: &str| key == "group.id" || ROLES.iter().any(|r| key == format!("{r}.storage.topic"));
    for (key, value) in choices.set.iter().filter(|(key, _)| !decided(key)) {
        edit.want(key, value, "--set".to_owned(), None);
    }
    Ok(edit.finish(group_id))
}

fn check(deployment: &Deployment, choices: &Choices, source: &Properties) -> Result<(), PlanError> {
    let worker = &deployment.worker;
    let blank = |key: &str| source.get(key).is_none_or(|v| v.trim().is_empty());
    if let Some(key) = worker_config::distributed_by(source) {
        let line = worker.document.line_of(&key).unwrap_or_default();
        let path = worker.path.clone();
        return Err(PlanError::AlreadyDistributed { path, key, line });
    }
    if blank("bootstrap.servers") && !choices.set.contains_key("bootstrap.servers") {
        let path = worker.path.clone();
        return Err(PlanError::NoBootstrapServers { path });
    }
    if choices.set.contains_key(OFFSETS_FILE) {
        return Err(PlanError::SetRefused {
            key: OFFSETS_FILE.to_owned(),
            why: "a distributed worker would send it to the broker as a topic setting and die (P1)",
        });
    }
    Ok(())
}

/// The flag, `--set`, the standalone file's own (inert there, so it was meant for this), the only connector's name.
fn group_id(
    choices: &Choices,
    source: &Properties,
    connectors: &[&str],
) -> Result<String, PlanError> {
    let given = choices
        .group_id
        .as_ref()
        .or_else(|| choices.set.get("group.id"))
        .or_else(|| source.get("group.id"));
    match (given, connectors) {
        (Some(given), _) if given.trim().is_empty() => Err(PlanError::BlankGroupId),
        (Some(given), _) => Ok(given.trim().to_owned()),
        (None, [only]) if !only.trim().is_empty() => Ok(only.trim().to_owned()),
        (None, _) => Err(PlanError::GroupIdNeeded {
            connectors: connectors.len(),
        }),
    }
}

fn identity(
    edit: &mut Edit,
    choices: &Choices,
    source: &Properties,
    group_id: &str,
) -> Result<(), PlanError> {
    let why = "the identity of the distributed cluster".to_owned();
    edit.want("group.id", group_id, why, Some("P2"));
    let chosen = [
        &choices.config_topic,
        &choices.offset_topic,
        &choices.status_topic,
    ];
    let names = StorageRole::ALL
        .into_iter()
        .zip(chosen)
        .map(|(role, chosen)| {
            let key = role.key("topic");
            let given = chosen
                .as_ref()
                .or_else(|| choices.set.get(&key))
                .or_else(|| source.get(&key).filter(|name| !name.trim().is_empty()));
            let name = match given {
                Some(name) => name.trim().to_owned(),
                None => naming::storage_topic(group_id, &role.to_string()),
            };
            (role, name)
        });
    let names: Vec<(StorageRole, String)> = names.collect();
    naming::check_storage_topics(names.iter().map(|(role, name)| (*role, name.as_str())))?;
    for (role, name) in names {
        edit.want(
            &role.key("topic"),
            &name,
            purpose(role).to_owned(),
            Some("P2"),
        );
    }
    Ok(())
}

fn purpose(role: StorageRole) -> &'static str {
    match role {
        StorageRole::Config => "where the connectors' configurations are kept",
        StorageRole::Offset => "where source positions are kept, instead of the file",
        StorageRole::Status => "where workers tell each other the state of connectors and tasks",
    }
}

fn replication(
    edit: &mut Edit,
    choices: &Choices,
    brokers: Option<usize>,
) -> Result<(), PlanError> {
    for role in ROLES {
        let key = format!("{role}.storage.replication.factor");
        if choices.set.contains_key(&key) {
            continue;
        }
        let present = edit.document.get(&key).map(|v| v.trim().to_owned());
        let (value, why, pitfall) = match choices.replication_factor {
            ReplicationFactor::Fixed(given) if given < 1 => {
                return Err(PlanError::ReplicationFactor { given });
            }
            ReplicationFactor::Fixed(given) => {
                (given.to_string(), "--replication-factor".to_owned(), None)
            }
            ReplicationFactor::BrokerDefault => {
                let why = "--replication-factor: the broker's default".to_owned();
                ("-1".to_owned(), why, None)
            }
            ReplicationFactor::Auto => match fitting(present.as_deref(), brokers) {
                Some((factor, why)) => (factor.to_string(), why, Some("P3")),
                None => continue,
            },
        };
        edit.want(&key, &value, why, pitfall);
    }
    Ok(())
}

/// Returns the replication factor that must be written so that the cluster can hold it; `None`: nothing need be written.
fn fitting(present: Option<&str>, brokers: Option<usize>) -> Option<(usize, String)> {
    let brokers = brokers.filter(|b| *b > 0)?;
    let wanted = match present {
        Some("-1") => return None,
        Some(text) => text.parse().unwrap_or(DEFAULT_REPLICATION),
        None => DEFAULT_REPLICATION,
    };
    let (are, s) = if brokers == 1 {
        ("is", "")
    } else {
        ("are", "s")
    };
    // Metadata names the brokers that are up; of others nothing is known.
    (wanted > brokers).then(|| {
        let why = format!(
            "{brokers}, because {brokers} broker{s} {are} up: with {wanted} replicas a worker retries for a minute and dies; if one is down, start it first, for this factor stays"
        );
        (brokers, why)
    })
}

/// The document while it is edited, and why.
struct Edit {
    document: Document,
    reasons: Vec<Reason>,
    added: Vec<(String, String)>,
}

impl Edit {
    fn of(deployment: &Deployment) -> Self {
        let document = deployment.worker.document.clone();
        let line = document.line_of(OFFSETS_FILE);
        let reasons = line
            .map(|line| Reason {
                key: OFFSETS_FILE.to_owned(),
                why: "a distributed worker keeps positions in a topic; left in, it is sent to the broker as a topic setting and start-up dies".to_owned(),
                pitfall: Some("P1"),
                line: Some(line),
            });
        Self {
            document,
            reasons: reasons.into_iter().collect(),
            added: Vec::new(),
        }
    }

    /// Makes a setting what it must be: where it stands, or among the additions.
    fn want(&mut self, key: &str, value: &str, why: String, pitfall: Option<&'static str>) {
        let line = self.document.line_of(key);
        if let Some(added) = self.added.iter_mut().find(|(k, _)| k == key) {
            value.clone_into(&mut added.1);
        } else if line.is_none() {
            self.added.push((key.to_owned(), value.to_owned()));
        } else if self.document.get(key).map(str::trim) == Some(value.trim()) {
            return;
        } else {
            self.document.set(key, value);
        }
        self.reasons.retain(|reason| reason.key != key);
        self.reasons.push(Reason {
            key: key.to_owned(),
            why,
            pitfall,
            line,
        });
    }

    fn remove(&mut self, removal: inert::Removal) {
        let line = self.document.line_of(&removal.key);
        match &removal.instead {
            Some(setting) => self
                .document
                .replace_with(&removal.key, std::slice::from_ref(setting)),
            None => {
                self.document.remove(&removal.key);
            }
        }
        self.reasons.push(Reason {
            key: removal.key,
            why: removal.why,
            pitfall: removal.pitfall,
            line,
        });
    }

    fn finish(mut self, group_id: String) -> Converted {
        self.document.replace_with(OFFSETS_FILE, &self.added);
        let properties = self.document.to_map();
        Converted {
            document: self.document,
            properties,
            group_id,
            reasons: self.reasons,
        }
    }
}
