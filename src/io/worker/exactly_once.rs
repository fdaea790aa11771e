//! Whether a source may run here beside workers that write exactly once (KIP-618).
//!
//! This engine writes at least once and fences nobody: in a group with `exactly.once.source.support=enabled` its sources would
//! break what the others promise. That setting stands in the files of the others; what is seen of it is the record that their
//! leader writes when it has fenced a source's old tasks. The record stays when the setting goes, so that an old one says only
//! what was.

use super::engine::Engine;
use super::plugins::{Plugins, strings};
use crate::connectors::Kind;
use crate::model::storage_records::{ConfigState, ConnectorState};

/// What the config topic says of exactly-once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    /// This connector has run so, before this worker began.
    Before,
    /// A worker of the group runs so.
    Now,
}

/// Looks for records of fencing; what lies before `began` was there when this worker began.
fn seen(config: &ConfigState, connector: &str, began: i64) -> Seen {
    if config.last_fencing >= began {
        Seen::Now
    } else if config.fencing_count(connector).is_some() {
        Seen::Before
    } else {
        Seen::Nothing
    }
}

impl Engine {
    /// Returns why this source must not run here, as the trace of its failure.
    pub(super) fn is_fenced_off(&self, connector: &str, state: &ConnectorState) -> Option<String> {
        let class = Plugins::class(&strings(&state.properties).ok()?).ok()?;
        if class.kind() != Kind::Source {
            return None;
        }
        let config = self.parts.configs.snapshot();
        match seen(&config, connector, self.began) {
            Seen::Nothing => None,
            Seen::Before => {
                tracing::warn!(
                    connector,
                    "this source has run with exactly.once.source.support=enabled, and runs here at least once: after a failure \
                     records may come twice"
                );
                None
            }
            Seen::Now => Some(
                "a worker of this group runs with exactly.once.source.support=enabled: it has fenced a source's tasks since this \
                 worker began. The native engine fences nobody and writes at least once, so that its sources do not run beside such \
                 workers. Run the group's sources on JVM workers alone; or set exactly.once.source.support=disabled on all of them, \
                 restart them, then this worker"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_left_over_is_told_from_one_that_comes() {
        let mut config = ConfigState::new();
        let mut fence = |offset: i64, connector: &str| {
            let key = format!("tasks-fencing-{connector}");
            let value = br#"{"task-count":1}"#;
            let applied = config.apply(offset, Some(key.as_bytes()), Some(value));
            applied.expect("a record of fencing");
            config.clone()
        };
        assert_eq!(seen(&ConfigState::new(), "a", 0), Seen::Nothing);
        let left_over = fence(6, "a");
        assert_eq!(seen(&left_over, "a", 7), Seen::Before);
        assert_eq!(seen(&left_over, "b", 7), Seen::Nothing);
        // One connector's record tells of a worker, which is the same for all.
        let now = fence(7, "a");
        assert_eq!(seen(&now, "a", 7), Seen::Now);
        assert_eq!(seen(&now, "b", 7), Seen::Now);
    }
}
