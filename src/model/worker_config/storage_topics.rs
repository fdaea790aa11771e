//! The three topics in which a distributed worker keeps its state, as it would create them.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use super::super::properties::Properties;
use super::trimmed;

/// What a storage topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageRole {
    Config,
    Offset,
    Status,
}

impl StorageRole {
    pub const ALL: [Self; 3] = [Self::Config, Self::Offset, Self::Status];

    /// Returns the name of a setting of this topic: `offset.storage.<suffix>`.
    pub fn key(self, suffix: &str) -> String {
        format!("{self}.storage.{suffix}")
    }
}

impl fmt::Display for StorageRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config",
            Self::Offset => "offset",
            Self::Status => "status",
        })
    }
}

/// One storage topic as a worker would create it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageTopic {
    pub role: StorageRole,
    pub name: String,
    /// -1 for the broker's default.
    pub partitions: i32,
    /// -1 for the broker's default.
    pub replication_factor: i16,
    /// Topic configs that the worker would send: its pass-through settings, and `cleanup.policy=compact`.
    pub configs: BTreeMap<String, String>,
    /// Settings of the file that are left out: those that a worker ignores with a warning, and the offsets file of a
    /// standalone worker. Key and value.
    pub ignored: Vec<(String, String)>,
}

/// The three storage topics of a distributed worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageTopics {
    pub config: StorageTopic,
    pub offset: StorageTopic,
    pub status: StorageTopic,
}

/// Why a worker would not start with these settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WorkerConfigError {
    /// `ConfigException: Missing required configuration "…" which has no default value.`
    #[error("missing required configuration \"{key}\" which has no default value")]
    Missing { key: String },
    #[error("the value of {key} is blank")]
    Blank { key: String },
    #[error("invalid value {value} for configuration {key}: not a number of type {kind}")]
    NotANumber {
        key: String,
        value: String,
        /// `INT` (32 bits) or `SHORT` (16 bits).
        kind: &'static str,
    },
    #[error(
        "invalid value {value} for configuration {key}: must be positive, or -1 to use the broker's default"
    )]
    OutOfRange { key: String, value: i32 },
}

impl WorkerConfigError {
    /// Returns the setting that is wrong.
    pub fn key(&self) -> &str {
        match self {
            Self::Missing { key }
            | Self::Blank { key }
            | Self::NotANumber { key, .. }
            | Self::OutOfRange { key, .. } => key,
        }
    }
}

impl StorageTopics {
    /// Returns what a worker would create at its start (`DistributedConfig`, KIP-605).
    ///
    /// References to config providers must have been resolved.
    pub fn from_properties(properties: &Properties) -> Result<Self, WorkerConfigError> {
        let topic = |role| StorageTopic::from_properties(role, properties);
        Ok(Self {
            config: topic(StorageRole::Config)?,
            offset: topic(StorageRole::Offset)?,
            status: topic(StorageRole::Status)?,
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &StorageTopic> {
        [&self.config, &self.offset, &self.status].into_iter()
    }
}

impl StorageTopic {
    /// Returns one of the topics, as [`StorageTopics::from_properties`] does.
    pub fn from_properties(
        role: StorageRole,
        properties: &Properties,
    ) -> Result<Self, WorkerConfigError> {
        let (configs, ignored) = topic_configs(role, properties);
        Ok(Self {
            role,
            name: name(role, properties)?,
            partitions: partitions(role, properties)?,
            replication_factor: replication_factor(role, properties)?,
            configs,
            ignored,
        })
    }
}

fn name(role: StorageRole, properties: &Properties) -> Result<String, WorkerConfigError> {
    let key = role.key("topic");
    match properties.get(&key).map(|value| trimmed(value)) {
        None => Err(WorkerConfigError::Missing { key }),
        Some("") => Err(WorkerConfigError::Blank { key }),
        Some(name) => Ok(name.to_owned()),
    }
}

fn partitions(role: StorageRole, properties: &Properties) -> Result<i32, WorkerConfigError> {
    let default = match role {
        // The worker would read only the first partition.
        StorageRole::Config => return Ok(1),
        StorageRole::Offset => 25,
        StorageRole::Status => 5,
    };
    let key = role.key("partitions");
    let partitions = number(&key, "INT", properties)?.unwrap_or(default);
    positive_or_default(key, partitions)?;
    Ok(partitions)
}

fn replication_factor(
    role: StorageRole,
    properties: &Properties,
) -> Result<i16, WorkerConfigError> {
    let key = role.key("replication.factor");
    let factor = number(&key, "SHORT", properties)?.unwrap_or(3);
    positive_or_default(key, i32::from(factor))?;
    Ok(factor)
}

fn positive_or_default(key: String, value: i32) -> Result<(), WorkerConfigError> {
    if value == -1 || value > 0 {
        Ok(())
    } else {
        Err(WorkerConfigError::OutOfRange { key, value })
    }
}

/// Reads what `Integer.parseInt` and `Short.parseShort` read: an optional sign and decimal digits.
fn number<T: std::str::FromStr>(
    key: &str,
    kind: &'static str,
    properties: &Properties,
) -> Result<Option<T>, WorkerConfigError> {
    let Some(value) = properties.get(key) else {
        return Ok(None);
    };
    match trimmed(value).parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(WorkerConfigError::NotANumber {
            key: key.to_owned(),
            value: value.clone(),
            kind,
        }),
    }
}

type TopicConfigs = (BTreeMap<String, String>, Vec<(String, String)>);

/// Returns the settings that go to the broker, and those that the worker ignores with a warning.
fn topic_configs(role: StorageRole, properties: &Properties) -> TopicConfigs {
    let prefix = role.key("");
    let mut configs = BTreeMap::new();
    let mut ignored = Vec::new();
    for (key, value) in properties {
        match (role, key.strip_prefix(&prefix)) {
            (_, None | Some("" | "topic" | "replication.factor"))
            | (StorageRole::Offset | StorageRole::Status, Some("partitions")) => {}
            (_, Some("cleanup.policy" | "partitions"))
            // Of standalone workers. A distributed one that makes the topic itself would send it, and be refused.
            | (StorageRole::Offset, Some("file.filename")) => {
                ignored.push((key.clone(), value.clone()));
            }
            (_, Some(config)) => {
                configs.insert(config.to_owned(), value.clone());
            }
        }
    }
    configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
    (configs, ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [(&str, &str); 3] = [
        ("config.storage.topic", "c"),
        ("offset.storage.topic", " o "),
        ("status.storage.topic", "s"),
    ];

    fn topics(more: &[(&str, &str)]) -> Result<StorageTopics, WorkerConfigError> {
        let properties = NAMES
            .iter()
            .chain(more)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        StorageTopics::from_properties(&properties)
    }

    #[test]
    fn defaults_are_those_of_the_worker() {
        let topics = topics(&[]).expect("valid");
        let sizes: Vec<_> = topics
            .iter()
            .map(|t| (t.name.as_str(), t.partitions, t.replication_factor))
            .collect();
        assert_eq!(sizes, [("c", 1, 3), ("o", 25, 3), ("s", 5, 3)]);
        for topic in topics.iter() {
            assert_eq!(
                topic.configs,
                [("cleanup.policy".into(), "compact".into())].into()
            );
        }
    }

    #[test]
    fn numbers_of_the_file_are_taken_and_may_leave_the_choice_to_the_broker() {
        let topics = topics(&[
            ("offset.storage.partitions", " +7 "),
            ("offset.storage.replication.factor", "1"),
            ("status.storage.partitions", "-1"),
            ("status.storage.replication.factor", "-1"),
        ])
        .expect("valid");
        assert_eq!(
            (topics.offset.partitions, topics.offset.replication_factor),
            (7, 1)
        );
        assert_eq!(
            (topics.status.partitions, topics.status.replication_factor),
            (-1, -1)
        );
    }

    #[test]
    fn other_storage_settings_are_topic_configs_as_they_are_written() {
        let topics = topics(&[
            ("offset.storage.segment.bytes", " 10485760 "),
            ("offset.storage.file.filename", "/o"),
            ("offset.storage.cleanup.policy", "delete"),
            ("offset.storage.", "x"),
            ("config.storage.partitions", "9"),
            ("producer.offset.storage.x", "y"),
        ])
        .expect("valid");
        let expected = [
            ("cleanup.policy", "compact"),
            ("segment.bytes", " 10485760 "),
        ];
        assert_eq!(
            topics.offset.configs,
            expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
        );
        let ignored = [
            ("offset.storage.cleanup.policy", "delete"),
            ("offset.storage.file.filename", "/o"),
        ];
        let mut found = topics.offset.ignored.clone();
        found.sort();
        assert_eq!(found, ignored.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(topics.config.partitions, 1);
        assert_eq!(
            topics.config.ignored,
            [("config.storage.partitions".to_owned(), "9".to_owned())]
        );
    }

    fn message(more: &[(&str, &str)]) -> String {
        topics(more).expect_err("invalid").to_string()
    }

    #[test]
    fn a_number_that_is_none_is_named_with_its_key() {
        assert_eq!(
            message(&[("offset.storage.partitions", "many")]),
            "invalid value many for configuration offset.storage.partitions: not a number of type INT"
        );
        assert_eq!(
            message(&[("status.storage.replication.factor", "70000")]),
            "invalid value 70000 for configuration status.storage.replication.factor: not a number of type SHORT"
        );
    }

    #[test]
    fn a_number_that_is_too_small_is_named_with_its_key() {
        assert_eq!(
            message(&[("config.storage.replication.factor", "0")]),
            "invalid value 0 for configuration config.storage.replication.factor: \
             must be positive, or -1 to use the broker's default"
        );
    }

    #[test]
    fn a_topic_without_a_name_is_an_error() {
        assert_eq!(
            message(&[("status.storage.topic", " ")]),
            "the value of status.storage.topic is blank"
        );
        let error = StorageTopics::from_properties(&Properties::new()).expect_err("invalid");
        assert_eq!(
            error.to_string(),
            "missing required configuration \"config.storage.topic\" which has no default value"
        );
        assert_eq!(error.key(), "config.storage.topic");
    }
}
