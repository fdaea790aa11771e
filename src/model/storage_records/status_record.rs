//! One record of the status topic.

use bytes::Bytes;

use super::{StorageRecordError, connector_and_task, fields, integer, string};
use crate::model::raw_json::{first_value, push_string};

const CONNECTOR: &str = "status-connector-";
const TASK: &str = "status-task-";
const TOPIC: &str = "status-topic-";
const TOPIC_CONNECTOR: &str = ":connector-";

/// What a record of the status topic says; `None` in place of a status: it was destroyed or reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusRecord {
    Connector {
        connector: String,
        status: Option<Status>,
    },
    Task {
        connector: String,
        task: i32,
        status: Option<Status>,
    },
    /// A connector uses a topic, or does so no longer.
    Topic {
        topic: String,
        connector: String,
        discovery: Option<Discovery>,
    },
}

/// Who found out first that a connector uses a topic, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discovery {
    pub task: i32,
    /// Milliseconds since 1970.
    pub timestamp: i64,
}

/// The status of a connector or a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// UNASSIGNED, RUNNING, PAUSED, FAILED, RESTARTING, STOPPED.
    pub state: String,
    /// The stack trace of a failure.
    pub trace: Option<String>,
    /// `host:port` of the worker's advertised listener.
    pub worker_id: String,
    /// The group generation that the worker knew.
    pub generation: i64,
    /// Of the plugin; absent before 4.1.
    pub version: Option<String>,
}

impl StatusRecord {
    /// Returns key and value of the record, in the field order of `KafkaStatusBackingStore`; without a value it is deleted.
    pub fn encode(&self) -> (Bytes, Option<Bytes>) {
        let (key, status) = match self {
            Self::Connector { connector, status } => (format!("{CONNECTOR}{connector}"), status),
            Self::Task {
                connector,
                task,
                status,
            } => (format!("{TASK}{connector}-{task}"), status),
            Self::Topic {
                topic,
                connector,
                discovery,
            } => {
                let key = format!("{TOPIC}{topic}{TOPIC_CONNECTOR}{connector}");
                let value = discovery.map(|discovery| discovery.encode(topic, connector));
                return (key.into(), value);
            }
        };
        (key.into(), status.as_ref().map(Status::encode))
    }

    /// Reads a record as `KafkaStatusBackingStore` does.
    ///
    /// # Errors
    /// What a worker ignores, with the reason.
    pub fn parse(key: &[u8], value: Option<&[u8]>) -> Result<Self, StorageRecordError> {
        let key = std::str::from_utf8(key).map_err(|_| StorageRecordError::UnknownKey)?;
        if let Some(connector) = key.strip_prefix(CONNECTOR) {
            return Ok(Self::Connector {
                connector: connector.to_owned(),
                status: status(value)?,
            });
        }
        if let Some(rest) = key.strip_prefix(TASK) {
            let (connector, task) = connector_and_task(rest).ok_or(StorageRecordError::Invalid(
                "the key does not end in a task number",
            ))?;
            let status = status(value)?;
            return Ok(Self::Task {
                connector,
                task,
                status,
            });
        }
        let names = key
            .strip_prefix(TOPIC)
            .and_then(|rest| rest.split_once(TOPIC_CONNECTOR))
            .ok_or(StorageRecordError::UnknownKey)?;
        Ok(Self::Topic {
            topic: names.0.to_owned(),
            connector: names.1.to_owned(),
            discovery: value.map(discovery).transpose()?,
        })
    }
}

impl Discovery {
    fn encode(self, topic: &str, connector: &str) -> Bytes {
        let mut json = br#"{"topic":{"name":"#.to_vec();
        push_string(topic, &mut json);
        json.extend_from_slice(br#","connector":"#);
        push_string(connector, &mut json);
        let Self { task, timestamp } = self;
        let rest = format!(r#","task":{task},"discoverTimestamp":{timestamp}}}}}"#);
        json.extend_from_slice(rest.as_bytes());
        json.into()
    }
}

fn discovery(value: &[u8]) -> Result<Discovery, StorageRecordError> {
    let invalid = StorageRecordError::Invalid;
    let value = first_value(value)?.ok_or(invalid("the value is empty"))?;
    let outer = fields(value).map_err(|_| invalid("the value is not an object"))?;
    let inner = outer.get("topic").ok_or(invalid("there is no topic"))?;
    let inner = fields(inner).map_err(|_| invalid("the topic is not an object"))?;
    let number = |name| inner.get(name).and_then(|value| integer(value));
    let task = number("task").and_then(|task| i32::try_from(task).ok());
    Ok(Discovery {
        task: task.ok_or(invalid("the task is not an integer"))?,
        timestamp: number("discoverTimestamp").ok_or(invalid("the time is not an integer"))?,
    })
}

impl Status {
    fn encode(&self) -> Bytes {
        let mut json = br#"{"state":"#.to_vec();
        let text = |text: Option<&str>, json: &mut Vec<u8>| match text {
            Some(text) => push_string(text, json),
            None => json.extend_from_slice(b"null"),
        };
        text(Some(&self.state), &mut json);
        json.extend_from_slice(br#","trace":"#);
        text(self.trace.as_deref(), &mut json);
        json.extend_from_slice(br#","worker_id":"#);
        text(Some(&self.worker_id), &mut json);
        json.extend_from_slice(
            format!(r#","generation":{},"version":"#, self.generation).as_bytes(),
        );
        text(self.version.as_deref(), &mut json);
        json.push(b'}');
        json.into()
    }
}

fn status(value: Option<&[u8]>) -> Result<Option<Status>, StorageRecordError> {
    let value = value.map(first_value).transpose()?.flatten();
    let Some(value) = value.filter(|value| *value != "null") else {
        return Ok(None);
    };
    let invalid = StorageRecordError::Invalid;
    let fields = fields(value).map_err(|_| invalid("the value is not an object"))?;
    let text = |name| fields.get(name).and_then(|value| string(value));
    let generation = fields.get("generation").and_then(|value| integer(value));
    Ok(Some(Status {
        state: text("state").ok_or(invalid("the state is not a string"))?,
        trace: text("trace"),
        worker_id: text("worker_id").ok_or(invalid("the worker id is not a string"))?,
        generation: generation.ok_or(invalid("the generation is not an integer"))?,
        version: text("version"),
    }))
}

#[cfg(test)]
mod tests {
    use super::{Discovery, Status, StatusRecord, StorageRecordError};

    fn parse(key: &str, value: Option<&str>) -> Result<StatusRecord, StorageRecordError> {
        StatusRecord::parse(key.as_bytes(), value.map(str::as_bytes))
    }

    #[test]
    fn statuses_are_read_with_and_without_version() {
        let running = |version: Option<&str>| {
            Some(Status {
                state: "RUNNING".to_owned(),
                trace: None,
                worker_id: "127.0.0.1:20100".to_owned(),
                generation: 2,
                version: version.map(str::to_owned),
            })
        };
        let value = r#"{"state":"RUNNING","trace":null,"worker_id":"127.0.0.1:20100","generation":2,"version":"4.3.1"}"#;
        assert_eq!(
            parse("status-connector-a-b", Some(value)),
            Ok(StatusRecord::Connector {
                connector: "a-b".to_owned(),
                status: running(Some("4.3.1"))
            })
        );
        let old =
            r#"{"state":"RUNNING","trace":null,"worker_id":"127.0.0.1:20100","generation":2}"#;
        assert_eq!(
            parse("status-task-a-b-3", Some(old)),
            Ok(StatusRecord::Task {
                connector: "a-b".to_owned(),
                task: 3,
                status: running(None)
            })
        );
        assert_eq!(
            parse("status-task-a-0", None),
            Ok(StatusRecord::Task {
                connector: "a".to_owned(),
                task: 0,
                status: None
            })
        );
    }

    #[test]
    fn topics_of_a_connector_are_read() {
        let value = r#"{"topic":{"name":"file-data","connector":"file-src","task":0,"discoverTimestamp":1795498229129}}"#;
        assert_eq!(
            parse("status-topic-file-data:connector-file-src", Some(value)),
            Ok(StatusRecord::Topic {
                topic: "file-data".to_owned(),
                connector: "file-src".to_owned(),
                discovery: Some(Discovery {
                    task: 0,
                    timestamp: 1_795_498_229_129,
                }),
            })
        );
        let key = "status-topic-file-data:connector-file-src";
        for wrong in ["", "[]", r#"{"topic":7}"#, r#"{"topic":{"task":"0"}}"#] {
            assert!(parse(key, Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn topics_of_a_connector_are_written_as_they_are_read() {
        let key = "status-topic-lines:connector-a \"b\"";
        let value = r#"{"topic":{"name":"lines","connector":"a \"b\"","task":2,"discoverTimestamp":1795498229129}}"#;
        for value in [Some(value), None] {
            let record = parse(key, value).unwrap();
            let (encoded_key, encoded) = record.encode();
            assert_eq!(encoded_key, key);
            assert_eq!(encoded.as_deref(), value.map(str::as_bytes));
        }
    }

    #[test]
    fn other_records_are_named_as_ignored() {
        assert_eq!(parse("status-x", None), Err(StorageRecordError::UnknownKey));
        assert!(parse("status-task-x", None).is_err());
        assert!(parse("status-connector-x", Some("[]")).is_err());
        assert!(parse("status-connector-x", Some("{")).is_err());
    }
}
