//! An offset topic, read whole.

use crate::io::kafka::cluster::{Cluster, TopicDescription};
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::log::{Isolation, LogReader};
use crate::plan::offset_fold::OffsetFold;
use crate::plan::offset_seed::OffsetTopic;
use crate::protocol::errors;

/// Keys for which room is made before they are read: a topic with a long history has fewer keys than offsets.
const MOST_AT_ONCE: u64 = 1 << 20;

/// Reads the record that a worker of this isolation level finds under every key, the others of keys in several partitions, and
/// what the other level finds; `None`: no such topic.
///
/// The records are sorted by key.
pub async fn read_topic(
    cluster: &Cluster,
    topic: &str,
    isolation: Isolation,
) -> Result<Option<OffsetTopic>, KafkaError> {
    let Some(described) = described(cluster, topic).await? else {
        return Ok(None);
    };
    let partitions = described.partition_count();
    let mut log = LogReader::new(cluster, topic, isolation);
    let keys = log.unread().await?.min(MOST_AT_ONCE);
    let keys = usize::try_from(keys).unwrap_or_default();
    let mut fold = OffsetFold::with_capacity(partitions, isolation, keys);
    let read = log.read_all_to_end(|partition, record, is_committed| {
        fold.record(
            partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            is_committed,
        );
    });
    let undecided = read.await?;
    let null_keys = fold.null_keys();
    let mut stored = fold.finish();
    stored.sort_unstable_keys();
    Ok(Some(OffsetTopic {
        name: topic.to_owned(),
        partitions,
        stored,
        null_keys,
        undecided,
        isolation,
    }))
}

/// Returns the topic, which has partitions; `None`: no such topic.
pub(super) async fn described(
    cluster: &Cluster,
    topic: &str,
) -> Result<Option<TopicDescription>, KafkaError> {
    let names = [topic.to_owned()];
    let Some(described) = cluster.topics(Some(&names)).await?.remove(topic) else {
        return Ok(None);
    };
    match described.error {
        Some(error) if error.is(errors::UNKNOWN_TOPIC_OR_PARTITION) => Ok(None),
        Some(error) => Err(error.into()),
        None => Ok(Some(described).filter(|topic| !topic.partitions.is_empty())),
    }
}
