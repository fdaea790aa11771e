//! The config topic as a worker reads it (`KafkaConfigBackingStore`): folded, told about, and shared as snapshots.

use std::sync::Arc;

use crate::model::storage_records::{ConfigChange, ConfigState, StorageRecordError};

/// The records of the config topic up to where they have been read.
///
/// Reading costs the same for every record. A snapshot is a pointer; the first record after one copies a pointer and a name
/// for each connector, not the configurations.
#[derive(Debug, Clone)]
pub struct ConfigLog {
    topic: String,
    state: Arc<ConfigState>,
    caught_up: bool,
}

/// A record that workers ignore; each is told once, when it is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the record at offset {offset} of {topic}-{partition}, with the key {key:?}, is ignored: {reason}"
)]
pub struct IgnoredRecord {
    pub topic: String,
    /// Always 0: the config topic has one partition.
    pub partition: i32,
    pub offset: i64,
    /// Readable, not exact, where it is not UTF-8; empty where there is none.
    pub key: String,
    pub reason: StorageRecordError,
}

impl ConfigLog {
    /// Returns the log of a topic before its first record.
    pub fn new(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            state: Arc::new(ConfigState::new()),
            caught_up: false,
        }
    }

    /// Reads the next data record and returns what it changed for a running worker. Control records are left out by the caller:
    /// they do not move the offset.
    ///
    /// Before [`Self::start`] nothing is news: requests to restart, for one, were for workers that are gone.
    ///
    /// # Errors
    /// The record is ignored.
    pub fn read(
        &mut self,
        offset: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<ConfigChange, IgnoredRecord> {
        match Arc::make_mut(&mut self.state).apply(offset, key, value) {
            Ok(change) if self.caught_up => Ok(change),
            Ok(_) => Ok(ConfigChange::None),
            Err(reason) => Err(IgnoredRecord {
                topic: self.topic.clone(),
                partition: 0,
                offset,
                key: String::from_utf8_lossy(key.unwrap_or_default()).into_owned(),
                reason,
            }),
        }
    }

    /// Has the first read come to the end of the topic: what is read from now on is news.
    pub fn start(&mut self) {
        self.caught_up = true;
    }

    /// Returns what the records so far add up to.
    pub fn state(&self) -> &ConfigState {
        &self.state
    }

    /// Returns the same to keep: it stays as it is when more is read.
    pub fn snapshot(&self) -> Arc<ConfigState> {
        Arc::clone(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::ConfigLog;
    use crate::model::storage_records::{ConfigChange, StorageRecordError};

    const CONFIG: &[u8] = br#"{"properties":{"name":"x"}}"#;
    const RESTART: &[u8] = br#"{"include-tasks":true,"only-failed":false}"#;

    #[test]
    fn what_was_written_before_the_start_is_no_news() {
        let mut log = ConfigLog::new("configs");
        let old = log.read(0, Some(b"restart-connector-x"), Some(RESTART));
        assert_eq!(old, Ok(ConfigChange::None));
        log.start();
        let new = log.read(1, Some(b"restart-connector-x"), Some(RESTART));
        let restart = ConfigChange::Restart {
            connector: "x".to_owned(),
            include_tasks: true,
            only_failed: false,
        };
        assert_eq!(new, Ok(restart));
        assert_eq!(log.state().offset, 2);
    }

    #[test]
    fn a_record_that_is_ignored_is_told_with_its_place() {
        let mut log = ConfigLog::new("configs");
        let ignored = log
            .read(17, Some(b"what\xff"), Some(b"{}"))
            .expect_err("no worker knows the key");
        assert_eq!(
            ignored.to_string(),
            "the record at offset 17 of configs-0, with the key \"what\u{fffd}\", is ignored: \
             the key is none that a worker knows"
        );
        let ignored = log.read(18, None, Some(b"{")).expect_err("it is not JSON");
        assert!(matches!(ignored.reason, StorageRecordError::NotJson(_)));
        assert_eq!(log.state().offset, 18);
    }

    #[test]
    fn a_snapshot_stays_as_it_is_and_shares_what_does_not_change() {
        let mut log = ConfigLog::new("configs");
        for (offset, name) in (0..).zip(["a", "b"]) {
            let key = format!("connector-{name}");
            log.read(offset, Some(key.as_bytes()), Some(CONFIG))
                .expect("it is valid");
        }
        let before = log.snapshot();
        log.read(2, Some(b"connector-b"), None)
            .expect("a deletion is valid");
        let after = log.snapshot();
        assert_eq!((before.connectors.len(), after.connectors.len()), (2, 1));
        assert_eq!((before.offset, after.offset), (2, 3));
        assert!(Arc::ptr_eq(&before.connectors["a"], &after.connectors["a"]));
    }
}
