//! Whether a source may run here beside workers that write exactly once (KIP-618).
//!
//! This engine writes at least once and fences nobody: in a group with `exactly.once.source.support=enabled` its sources would
//! break what the others promise. That setting stands in the files of the others; what is seen of it is the record that their
//! leader writes when it has fenced a source's old tasks. The record stays when the setting goes, so that an old one says only
//! what was.

use super::engine::Engine;
use super::plugins::{Plugins, strings};
use crate::connectors::Kind;
use crate::model::storage_records::ConnectorState;

/// The trace of a source that does not run beside such workers.
const FENCED: &str = "a worker of this group runs with exactly.once.source.support=enabled: it has fenced a source's tasks since \
    this worker began. The native engine fences nobody and writes at least once, so that its sources do not run beside such workers. \
    Run the group's sources on JVM workers alone; or set exactly.once.source.support=disabled on all of them, restart them, then \
    this worker";

impl Engine {
    /// Returns why this source must not run here, as the trace of its failure.
    pub(super) fn is_fenced_off(&self, connector: &str, state: &ConnectorState) -> Option<String> {
        let class = Plugins::class(&strings(&state.properties).ok()?).ok()?;
        if class.kind() != Kind::Source {
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
