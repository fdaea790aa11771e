//! Where sinks stand: the committed offsets of their groups.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::json;

use super::plugins::Plugins;
use crate::io::kafka::cluster::Cluster;
use crate::model::rest::ConnectorOffset;

/// Looks at consumer groups.
#[derive(Debug, Clone)]
pub(super) struct SinkOffsets {
    pub(super) cluster: Cluster,
    pub(super) plugins: Arc<Plugins>,
}

impl SinkOffsets {
    /// Returns the committed offsets of a sink's group, by topic and partition, or why they are not known.
    pub(super) async fn offsets(
        &self,
        connector: &str,
        config: &IndexMap<String, String>,
    ) -> Result<Vec<ConnectorOffset>, String> {
        let (plugins, connector) = (Arc::clone(&self.plugins), connector.to_owned());
        let config = config.clone();
        // A provider's file may be on a disk that is slow.
        let group =
            tokio::task::spawn_blocking(move || plugins.consumer_group(&connector, &config));
        let group = group.await.map_err(|panicked| panicked.to_string())?;
        let group = group.map_err(|error| error.to_string())?;
        let committed = self.cluster.committed_offsets(&group).await;
        let committed = committed.map_err(|error| error.to_string())?;
        let offsets = committed
            .into_iter()
            .map(|((topic, partition), offset)| ConnectorOffset {
                partition: json!({ "kafka_partition": partition, "kafka_topic": topic }),
                offset: json!({ "kafka_offset": offset }),
            });
        Ok(offsets.collect())
    }
}
