//! Where sinks stand: the committed offsets of their groups.

use indexmap::IndexMap;
use serde_json::json;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::model::rest::ConnectorOffset;

/// Looks at consumer groups.
#[derive(Debug, Clone)]
pub(super) struct SinkOffsets(pub(super) Cluster);

impl SinkOffsets {
    /// Returns the committed offsets of a sink's group, by topic and partition.
    pub(super) async fn offsets(
        &self,
        connector: &str,
        config: &IndexMap<String, String>,
    ) -> Result<Vec<ConnectorOffset>, KafkaError> {
        let overridden = config.get("consumer.override.group.id").cloned();
        let group = overridden.unwrap_or_else(|| format!("connect-{connector}"));
        let committed = self.0.committed_offsets(&group).await?;
        let offsets = committed
            .into_iter()
            .map(|((topic, partition), offset)| ConnectorOffset {
                partition: json!({ "kafka_partition": partition, "kafka_topic": topic }),
                offset: json!({ "kafka_offset": offset }),
            });
        Ok(offsets.collect())
    }
}
