//! Topics that connectors use, on their way to the status topic and out of it.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use super::engine::Engine;
use crate::model::storage_records::StatusRecord;
use crate::protocol::connect_group::Work;

impl Engine {
    /// Deletes the topics of connectors that are no more: when their tasks have ended, which would find them again.
    pub(super) fn reset_topics(&mut self, work: &Work) {
        if let Some(found) = &mut self.found_topics {
            while let Ok(topic) = found.try_recv() {
                self.parts.status_writer.send(&topic);
            }
        }
        let config = self.parts.configs.snapshot();
        let tasks = work.tasks().map(|(connector, _)| connector);
        let gone: BTreeSet<&str> = work
            .connectors()
            .chain(tasks)
            .filter(|connector| !config.connectors.contains_key(*connector))
            .collect();
        for connector in gone {
            for record in self.parts.host.topics().reset(connector) {
                self.parts.status_writer.send(&record);
            }
        }
    }
}

/// Waits for what tasks have found out.
pub(super) async fn found(
    topics: &mut Option<mpsc::UnboundedReceiver<StatusRecord>>,
) -> Option<StatusRecord> {
    match topics {
        Some(topics) => topics.recv().await,
        None => std::future::pending().await,
    }
}
