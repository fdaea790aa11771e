//! One record of the config topic.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use indexmap::IndexMap;

use super::{connector_and_task, fields, integer, string};
use crate::model::connector_config::TargetState;
use crate::model::raw_json::{JsonError, RawValue, first_value, push_string};

const TARGET_STATE: &str = "target-state-";
const CONNECTOR: &str = "connector-";
const TASK: &str = "task-";
const COMMIT: &str = "commit-";
const RESTART: &str = "restart-connector-";
const FENCING: &str = "tasks-fencing-";
const SESSION_KEY: &str = "session-key";
const LOGGER: &str = "logger-cluster-";

/// `java.util.Base64.getDecoder()`: padding may be missing.
const JAVA_BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns the key of the record that holds a connector's configuration.
pub fn connector_key(connector: &str) -> Bytes {
    format!("{CONNECTOR}{connector}").into()
}

/// Returns the key of the record that holds a connector's target state.
pub fn target_state_key(connector: &str) -> Bytes {
    format!("{TARGET_STATE}{connector}").into()
}

/// Returns key and value of the record that creates a connector or replaces its configuration.
///
/// All values are JSON strings: a worker stores others and then fails to start the connector.
pub fn connector_record(connector: &str, config: &IndexMap<String, String>) -> (Bytes, Bytes) {
    (connector_key(connector), properties_value(config))
}

/// Returns key and value of the record that holds a task's configuration until a commit.
pub fn task_record(
    connector: &str,
    task: i32,
    config: &IndexMap<String, String>,
) -> (Bytes, Bytes) {
    let key = format!("{TASK}{connector}-{task}");
    (key.into(), properties_value(config))
}

fn properties_value(config: &IndexMap<String, String>) -> Bytes {
    let mut value = br#"{"properties":{"#.to_vec();
    for (position, (name, setting)) in config.iter().enumerate() {
        if position > 0 {
            value.push(b',');
        }
        push_string(name, &mut value);
        value.push(b':');
        push_string(setting, &mut value);
    }
    value.extend_from_slice(b"}}");
    value.into()
}

/// Returns key and value of the record that sets a connector's target state.
///
/// Workers before 3.5 read `state` alone and know no STOPPED: they are told PAUSED.
pub fn target_state_record(connector: &str, state: TargetState) -> (Bytes, Bytes) {
    let (state, state_v2) = match state {
        TargetState::Started => ("STARTED", "STARTED"),
        TargetState::Paused => ("PAUSED", "PAUSED"),
        TargetState::Stopped => ("PAUSED", "STOPPED"),
    };
    let value = format!(r#"{{"state":"{state}","state.v2":"{state_v2}"}}"#);
    (target_state_key(connector), value.into())
}

/// Returns key and value of the record that puts so many tasks before it into effect.
pub fn commit_record(connector: &str, tasks: usize) -> (Bytes, Bytes) {
    let key = format!("{COMMIT}{connector}");
    (key.into(), format!(r#"{{"tasks":{tasks}}}"#).into())
}

/// Returns key and value of the record that leaves a connector without tasks: what a leader writes before it stops one.
pub fn zero_task_commit_record(connector: &str) -> (Bytes, Bytes) {
    commit_record(connector, 0)
}

/// Returns key and value of the record by which every worker restarts what it has of a connector.
pub fn restart_record(connector: &str, include_tasks: bool, only_failed: bool) -> (Bytes, Bytes) {
    let key = format!("{RESTART}{connector}");
    let value = format!(r#"{{"include-tasks":{include_tasks},"only-failed":{only_failed}}}"#);
    (key.into(), value.into())
}

/// Returns key and value of the record of a session key.
pub fn session_key_record(key: &SessionKey) -> (Bytes, Bytes) {
    let encoded = base64::engine::general_purpose::STANDARD.encode(&key.key);
    let mut value = format!(r#"{{"key":"{encoded}","algorithm":"#).into_bytes();
    push_string(&key.algorithm, &mut value);
    let created = format!(r#","creation-timestamp":{}}}"#, key.creation_timestamp);
    value.extend_from_slice(created.as_bytes());
    (Bytes::from_static(SESSION_KEY.as_bytes()), value.into())
}

/// What a record of the config topic says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigRecord {
    /// Creates or replaces a connector; `None` deletes it.
    Connector {
        connector: String,
        properties: Option<ConnectorProperties>,
    },
    /// `None`: back to STARTED.
    TargetState {
        connector: String,
        state: Option<TargetState>,
    },
    /// Waits for a commit.
    Task {
        connector: String,
        task: i32,
        properties: ConnectorProperties,
    },
    /// Applies the task configurations before it; an error where a count belongs matters only if there is such a connector.
    Commit {
        connector: String,
        tasks: Result<i32, StorageRecordError>,
    },
    Restart {
        connector: String,
        include_tasks: bool,
        only_failed: bool,
    },
    /// How many task producers must be fenced before the tasks start again.
    Fencing {
        connector: String,
        task_count: i32,
    },
    SessionKey(SessionKey),
    /// As the user gave it, in any case.
    LoggerLevel {
        logger: String,
        level: String,
    },
}

/// A configuration in a `connector-` or `task-` record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectorProperties {
    /// `None` where JSON says `null`; of another value the JSON text.
    pub settings: IndexMap<String, Option<String>>,
    /// Names of the settings that are neither strings nor null: no worker can start this connector.
    pub not_strings: Vec<String>,
}

/// The key that signs requests between workers.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey {
    pub key: Vec<u8>,
    pub algorithm: String,
    /// Milliseconds since the epoch.
    pub creation_timestamp: i64,
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKey")
            .field("key", &"********")
            .field("algorithm", &self.algorithm)
            .field("creation_timestamp", &self.creation_timestamp)
            .finish()
    }
}

/// Why a worker ignores a storage record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StorageRecordError {
    /// The one case in which a worker's config offset does not move on.
    #[error("the value is not JSON: {0}")]
    NotJson(#[from] JsonError),
    #[error("the key is none that a worker knows")]
    UnknownKey,
    #[error("{0}")]
    Invalid(&'static str),
}

impl ConfigRecord {
    /// Returns whether a record with this key is one of fencing, if it is any.
    pub fn is_fencing_key(key: &[u8]) -> bool {
        key.starts_with(FENCING.as_bytes())
    }

    /// Reads a record as `KafkaConfigBackingStore` does.
    ///
    /// # Errors
    /// What a worker ignores, with the reason.
    pub fn parse(key: &[u8], value: Option<&[u8]>) -> Result<Self, StorageRecordError> {
        let value = value.map(first_value).transpose()?.flatten();
        let value = value.filter(|value| *value != "null");
        let key = std::str::from_utf8(key).map_err(|_| StorageRecordError::UnknownKey)?;
        // The order matters: it is the order in which a worker compares.
        if let Some(connector) = key.strip_prefix(TARGET_STATE) {
            target_state(connector, value)
        } else if let Some(connector) = key.strip_prefix(CONNECTOR) {
            let properties = value.map(properties).transpose()?;
            let connector = connector.to_owned();
            Ok(Self::Connector {
                connector,
                properties,
            })
        } else if let Some(rest) = key.strip_prefix(TASK) {
            task(rest, value)
        } else if let Some(connector) = key.strip_prefix(COMMIT) {
            Ok(commit(connector, value))
        } else if let Some(connector) = key.strip_prefix(RESTART) {
            restart(connector, value)
        } else if let Some(connector) = key.strip_prefix(FENCING) {
            fencing(connector, value)
        } else if key == SESSION_KEY {
            session_key(value).map(Self::SessionKey)
        } else if let Some(logger) = key.strip_prefix(LOGGER) {
            logger_level(logger, value)
        } else {
            Err(StorageRecordError::UnknownKey)
        }
    }
}

type Parsed = Result<ConfigRecord, StorageRecordError>;
type Fields<'a> = IndexMap<String, RawValue<'a>>;

fn invalid<T>(why: &'static str) -> Result<T, StorageRecordError> {
    Err(StorageRecordError::Invalid(why))
}

fn object(value: Option<RawValue<'_>>) -> Result<Fields<'_>, StorageRecordError> {
    let Some(value) = value else {
        return invalid("the value is null");
    };
    if !value.starts_with('{') {
        return invalid("the value is not an object");
    }
    // The syntax has been checked: what is left is a name that Java can hold and Kafka cannot.
    fields(value).or(invalid("a field's name holds half of a surrogate pair"))
}

fn target_state(connector: &str, value: Option<RawValue<'_>>) -> Parsed {
    let connector = connector.to_owned();
    if value.is_none() {
        return Ok(ConfigRecord::TargetState {
            connector,
            state: None,
        });
    }
    let fields = object(value)?;
    let field = |name| fields.get(name).and_then(|value| string(value));
    let state = match field("state.v2").or_else(|| field("state")).as_deref() {
        Some("STARTED") => TargetState::Started,
        Some("PAUSED") => TargetState::Paused,
        Some("STOPPED") => TargetState::Stopped,
        Some(_) => return invalid("the target state is none that a worker knows"),
        None => return invalid("the target state is not a string"),
    };
    Ok(ConfigRecord::TargetState {
        connector,
        state: Some(state),
    })
}

fn properties(value: RawValue<'_>) -> Result<ConnectorProperties, StorageRecordError> {
    let object = object(Some(value))?;
    let Some(properties) = object.get("properties").filter(|p| p.starts_with('{')) else {
        return invalid("the field properties is not an object");
    };
    let mut read = ConnectorProperties::default();
    for (name, value) in self::object(Some(properties))? {
        let setting = if value == "null" {
            None
        } else if let Some(text) = string(value) {
            Some(text)
        } else if value.starts_with('"') {
            return invalid("a setting holds half of a surrogate pair");
        } else {
            read.not_strings.push(name.clone());
            Some(value.to_owned())
        };
        read.settings.insert(name, setting);
    }
    Ok(read)
}

fn task(rest_of_key: &str, value: Option<RawValue<'_>>) -> Parsed {
    let Some((connector, task)) = connector_and_task(rest_of_key) else {
        return invalid("the key does not end in a task number");
    };
    let Some(value) = value else {
        return invalid("the value is null");
    };
    Ok(ConfigRecord::Task {
        connector,
        task,
        properties: properties(value)?,
    })
}

fn commit(connector: &str, value: Option<RawValue<'_>>) -> ConfigRecord {
    ConfigRecord::Commit {
        connector: connector.to_owned(),
        tasks: object(value).and_then(|fields| number(&fields, "tasks")),
    }
}

fn fencing(connector: &str, value: Option<RawValue<'_>>) -> Parsed {
    Ok(ConfigRecord::Fencing {
        connector: connector.to_owned(),
        task_count: number(&object(value)?, "task-count")?,
    })
}

fn number(fields: &Fields<'_>, name: &str) -> Result<i32, StorageRecordError> {
    fields
        .get(name)
        .and_then(|value| integer(value))
        .and_then(|number| number.try_into().ok())
        .ok_or(StorageRecordError::Invalid("the count is not an integer"))
}

fn restart(connector: &str, value: Option<RawValue<'_>>) -> Parsed {
    let fields = object(value)?;
    let is_true = |name| fields.get(name).copied() == Some("true");
    Ok(ConfigRecord::Restart {
        connector: connector.to_owned(),
        include_tasks: is_true("include-tasks"),
        only_failed: is_true("only-failed"),
    })
}

fn session_key(value: Option<RawValue<'_>>) -> Result<SessionKey, StorageRecordError> {
    let fields = object(value)?;
    let field = |name| fields.get(name).and_then(|value| string(value));
    let Some(key) = field("key").and_then(|key| JAVA_BASE64.decode(key).ok()) else {
        return invalid("the session key is not a string in base64");
    };
    let Some(algorithm) = field("algorithm") else {
        return invalid("the algorithm of the session key is not a string");
    };
    let created = fields
        .get("creation-timestamp")
        .and_then(|value| integer(value));
    let Some(creation_timestamp) = created else {
        return invalid("the creation time of the session key is not an integer");
    };
    Ok(SessionKey {
        key,
        algorithm,
        creation_timestamp,
    })
}

fn logger_level(logger: &str, value: Option<RawValue<'_>>) -> Parsed {
    let fields = object(value)?;
    let Some(level) = fields.get("level").and_then(|value| string(value)) else {
        return invalid("the level is not a string");
    };
    Ok(ConfigRecord::LoggerLevel {
        logger: logger.to_owned(),
        level,
    })
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::{
        ConfigRecord, SessionKey, StorageRecordError, connector_record, target_state_record,
    };
    use crate::model::connector_config::TargetState;

    fn parse(key: &str, value: &str) -> Result<ConfigRecord, StorageRecordError> {
        ConfigRecord::parse(key.as_bytes(), Some(value.as_bytes()))
    }

    fn ignored(key: &str, value: &str) -> String {
        parse(key, value).unwrap_err().to_string()
    }

    #[test]
    fn a_connector_is_written_with_strings_escaped_as_java_does() {
        let config: IndexMap<String, String> = [
            ("connector.class", "FileStreamSource"),
            ("tasks.max", "1"),
            ("name", "a \"b\" 😀"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let (key, value) = connector_record("a \"b\" 😀", &config);
        assert_eq!(key, "connector-a \"b\" 😀".as_bytes());
        assert_eq!(
            std::str::from_utf8(&value).unwrap(),
            r#"{"properties":{"connector.class":"FileStreamSource","tasks.max":"1","name":"a \"b\" \uD83D\uDE00"}}"#
        );
        let ConfigRecord::Connector {
            connector,
            properties,
        } = ConfigRecord::parse(&key, Some(&value)).unwrap()
        else {
            panic!("not a connector record");
        };
        assert_eq!(connector, "a \"b\" 😀");
        let read: IndexMap<_, _> = properties.unwrap().settings;
        let settings = config.into_iter().map(|(name, value)| (name, Some(value)));
        assert_eq!(read, settings.collect::<IndexMap<_, _>>());
    }

    #[test]
    fn stopped_is_paused_for_old_workers() {
        let (key, value) = target_state_record("x", TargetState::Stopped);
        assert_eq!(key, "target-state-x");
        assert_eq!(value, r#"{"state":"PAUSED","state.v2":"STOPPED"}"#);
    }

    #[test]
    fn target_states_of_old_and_new_workers_are_read() {
        let target = |value| match parse("target-state-a-b", value) {
            Ok(ConfigRecord::TargetState { connector, state }) if connector == "a-b" => state,
            other => panic!("{other:?}"),
        };
        assert_eq!(target(r#"{"state":"PAUSED"}"#), Some(TargetState::Paused));
        assert_eq!(
            target(r#"{"state":"PAUSED","state.v2":"STOPPED"}"#),
            Some(TargetState::Stopped)
        );
        assert_eq!(
            target(r#"{"state":"STARTED","state.v2":7}"#),
            Some(TargetState::Started)
        );
        assert_eq!(target("null"), None);
        assert_eq!(target(""), None);
        assert_eq!(
            ignored("target-state-x", r#"{"state":"GONE"}"#),
            "the target state is none that a worker knows"
        );
        assert_eq!(
            ignored("target-state-x", "{}"),
            "the target state is not a string"
        );
        assert_eq!(
            ignored("target-state-x", "[]"),
            "the value is not an object"
        );
    }

    #[test]
    fn settings_that_are_not_strings_are_named() {
        let Ok(ConfigRecord::Connector {
            properties: Some(properties),
            ..
        }) = parse(
            "connector-x",
            r#"{"properties":{"a":"1","b":1.50,"c":null,"d":true,"a":"2"},"more":0} rest"#,
        )
        else {
            panic!("not a connector record");
        };
        let settings: Vec<_> = properties
            .settings
            .iter()
            .map(|(k, v)| (&k[..], v.as_deref()))
            .collect();
        assert_eq!(
            settings,
            [
                ("a", Some("2")),
                ("b", Some("1.50")),
                ("c", None),
                ("d", Some("true"))
            ]
        );
        assert_eq!(properties.not_strings, ["b", "d"]);
        assert_eq!(
            ignored("connector-x", "{}"),
            "the field properties is not an object"
        );
    }

    #[test]
    fn task_keys_are_split_as_java_splits() {
        let task = |key: &str| match parse(key, r#"{"properties":{}}"#) {
            Ok(ConfigRecord::Task {
                connector, task, ..
            }) => Some((connector, task)),
            _ => None,
        };
        assert_eq!(task("task-a-b-12"), Some(("a-b".to_owned(), 12)));
        assert_eq!(task("task--0"), Some((String::new(), 0)));
        assert_eq!(task("task-a-0-"), Some(("a".to_owned(), 0)));
        assert_eq!(task("task-a"), None);
        assert_eq!(task("task-a-x"), None);
        assert_eq!(task("task-0"), None);
    }

    #[test]
    fn the_other_kinds_are_read() {
        assert_eq!(
            parse("commit-x", r#"{"tasks":1}"#).unwrap(),
            ConfigRecord::Commit {
                connector: "x".to_owned(),
                tasks: Ok(1)
            }
        );
        let not_a_count = StorageRecordError::Invalid("the count is not an integer");
        assert_eq!(
            parse("commit-x", r#"{"tasks":1.0}"#).unwrap(),
            ConfigRecord::Commit {
                connector: "x".to_owned(),
                tasks: Err(not_a_count)
            }
        );
        assert_eq!(
            parse("tasks-fencing-x", r#"{"task-count":3}"#).unwrap(),
            ConfigRecord::Fencing {
                connector: "x".to_owned(),
                task_count: 3
            }
        );
        assert_eq!(
            parse(
                "restart-connector-x",
                r#"{"include-tasks":true,"only-failed":"true"}"#
            )
            .unwrap(),
            ConfigRecord::Restart {
                connector: "x".to_owned(),
                include_tasks: true,
                only_failed: false
            }
        );
        assert_eq!(
            parse("logger-cluster-org.apache", r#"{"level":"info"}"#).unwrap(),
            ConfigRecord::LoggerLevel {
                logger: "org.apache".to_owned(),
                level: "info".to_owned()
            }
        );
        assert_eq!(
            parse("session-key-x", "{}"),
            Err(StorageRecordError::UnknownKey)
        );
    }

    #[test]
    fn a_session_key_is_read_and_never_shown() {
        let value = r#"{"key":"zzluNBw3Kp0DlFYm7/p7oZ3Uo9R8fig7HnR5vFhgDsY=","algorithm":"HmacSHA256","creation-timestamp":1795498130473}"#;
        let Ok(ConfigRecord::SessionKey(key)) = parse("session-key", value) else {
            panic!("not a session key");
        };
        assert_eq!(
            (key.key.len(), key.creation_timestamp),
            (32, 1_795_498_130_473)
        );
        let shown = format!(
            "{:?}",
            SessionKey {
                key: vec![207, 57],
                ..key
            }
        );
        assert!(
            shown.contains("********") && !shown.contains("207"),
            "{shown}"
        );
        assert!(ignored("session-key", r#"{"key":"!"}"#).contains("base64"));
        assert!(
            ignored(
                "session-key",
                r#"{"key":"","algorithm":"a","creation-timestamp":1.5}"#
            )
            .contains("creation time")
        );
    }
}
