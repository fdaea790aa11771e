//! Whether a source may run here beside workers that write exactly once (KIP-618).
//!
//! This engine writes at least once and fences nobody: in a group with `exactly.once.source.support=enabled` its sources would
//! break what the others promise. That setting stands in the files of the others; what is seen of it is the record that their
//! leader writes when it has fenced a source's old tasks. The record stays when the setting goes, so that an old one says only
//! what was.

use std::collections::BTreeSet;

use super::engine::Engine;
use super::plugins::{Plugins, strings};
use crate::connectors::Kind;
use crate::model::storage_records::{ConnectorProperties, ConnectorState};
use crate::worker::herder::TaskState;

/// The trace of a source that does not run beside such workers.
const FENCED: &str = "a worker of this group runs with exactly.once.source.support=enabled: it has fenced a source's tasks since \
    this worker began. The native engine fences nobody and writes at least once, so that its sources do not run beside such workers. \
    Run the group's sources on JVM workers alone; or set exactly.once.source.support=disabled on all of them, restart them, then \
    this worker";

/// The sources that this worker has ended because another fences; empty until one does.
#[derive(Debug, Default)]
pub(super) struct FencedOff {
    seen: bool,
    /// Starts of tasks, by their incarnations.
    ended: BTreeSet<u64>,
}

impl FencedOff {
    /// Returns what a task's word means: one that was ended so has FAILED, whatever it calls that.
    pub(super) fn means(&self, incarnation: u64, said: TaskState) -> TaskState {
        match said {
            TaskState::Stopped if self.ended.contains(&incarnation) => TaskState::Failed {
                trace: FENCED.to_owned(),
            },
            other => other,
        }
    }
}

impl Engine {
    /// Ends the sources that run here once a worker of the group turns out to fence. They commit what has arrived; from then on
    /// none starts, until this worker does.
    pub(super) fn end_fenced_off(&mut self) {
        if self.fenced_off.seen || !self.parts.configs.fencing().goes_on() {
            return;
        }
        self.fenced_off.seen = true;
        let config = self.parts.configs.snapshot();
        for ((connector, task), handle) in &self.tasks {
            let state = config.connectors.get(connector);
            if state.is_some_and(|state| is_source(&self.parts.shares.plugins, &state.properties)) {
                tracing::error!(connector, task, "{FENCED}");
                self.fenced_off.ended.insert(handle.incarnation());
                handle.stop();
            }
        }
    }

    /// Returns why this source must not run here, as the trace of its failure.
    pub(super) fn is_fenced_off(&self, connector: &str, state: &ConnectorState) -> Option<String> {
        if !is_source(&self.parts.shares.plugins, &state.properties) {
            return None;
        }
        let fencing = self.parts.configs.fencing();
        if fencing.goes_on() {
            return Some(FENCED.to_owned());
        }
        if fencing.has_been(connector) {
            tracing::warn!(
                connector,
                "this source has run with exactly.once.source.support=enabled, and runs here at least once: after a failure \
                 records may come twice"
            );
        }
        None
    }
}

/// What is not known to be a sink is held for a source.
fn is_source(plugins: &Plugins, properties: &ConnectorProperties) -> bool {
    let config = strings(properties).and_then(|config| plugins.resolved(&config));
    let class = config.and_then(|config| Plugins::class(&config));
    !class.is_ok_and(|class| class.kind() == Kind::Sink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::properties::Properties;

    #[test]
    fn a_class_that_a_reference_names_is_a_source_unless_it_is_a_sink() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("classes");
        std::fs::write(&file, "in=FileStreamSource\nout=FileStreamSink\n").unwrap();
        let worker = [
            ("config.providers", "file"),
            (
                "config.providers.file.class",
                "org.apache.kafka.common.config.provider.FileConfigProvider",
            ),
        ];
        let worker = worker.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let plugins = Plugins::new(&worker.into_iter().collect::<Properties>());
        for (key, expected) in [("in", true), ("out", false), ("neither", true)] {
            let class = format!("${{file:{}:{key}}}", file.display());
            let properties = ConnectorProperties {
                settings: [("connector.class".to_owned(), Some(class))].into(),
                not_strings: Vec::new(),
            };
            assert_eq!(is_source(&plugins, &properties), expected, "{key}");
        }
    }

    #[test]
    fn a_source_that_was_ended_has_failed_and_says_why() {
        let mut fenced_off = FencedOff::default();
        assert_eq!(fenced_off.means(7, TaskState::Stopped), TaskState::Stopped);
        fenced_off.ended.insert(7);
        let TaskState::Failed { trace } = fenced_off.means(7, TaskState::Stopped) else {
            panic!("it is not FAILED");
        };
        assert!(trace.contains("exactly.once.source.support=disabled"));
        // One that fails by itself says more of it, and of another nothing is known.
        let own = TaskState::Failed { trace: "no".into() };
        assert_eq!(fenced_off.means(7, own.clone()), own);
        assert_eq!(fenced_off.means(8, TaskState::Stopped), TaskState::Stopped);
    }
}
