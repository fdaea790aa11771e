//! Records of the config and status topics, both ways. Those of the offset topic are [`super::offset_key`]'s.
//!
//! Learned from `KafkaConfigBackingStore` and `KafkaStatusBackingStore`. Values are JSON without schemas; what is written
//! has the field order and the escapes that a Java worker's converter gives.

mod config_record;
mod config_state;
mod status_record;

pub use config_record::{
    ConfigRecord, ConnectorProperties, SessionKey, StorageRecordError, commit_record,
    connector_key, connector_record, restart_record, session_key_record, target_state_key,
    target_state_record, task_record, zero_task_commit_record,
};
pub use config_state::{ConfigChange, ConfigState, ConnectorState};
pub use status_record::{Discovery, Status, StatusRecord};

use indexmap::IndexMap;

use super::raw_json::{self, JsonError, RawValue};

/// The members of an object by name; of a repeated name the last, as Jackson's tree keeps it.
type Fields<'a> = IndexMap<String, RawValue<'a>>;

fn fields(object: RawValue<'_>) -> Result<Fields<'_>, JsonError> {
    let members = raw_json::members(object)?;
    let slice = |(name, range)| (name, &object[range]);
    Ok(members.into_iter().map(slice).collect())
}

fn string(value: RawValue<'_>) -> Option<String> {
    value
        .starts_with('"')
        .then(|| raw_json::unescape(value).ok())
        .flatten()
}

fn integer(value: RawValue<'_>) -> Option<i64> {
    value.parse().ok()
}

/// Splits `<prefix><connector>-<task>` as the JVM does: `String.split` drops empty pieces at the end.
fn connector_and_task(rest_of_key: &str) -> Option<(String, i32)> {
    let (connector, task) = rest_of_key.trim_end_matches('-').rsplit_once('-')?;
    Some((connector.to_owned(), task.parse().ok()?))
}
