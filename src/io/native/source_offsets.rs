//! The positions of source connectors, as the offset topic has them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use foldhash::fast::RandomState;
use tokio::sync::Mutex;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::log::{Isolation, LogReader};
use crate::model::offset_key::{OffsetKey, is_no_offset};

/// One position of a source connector, both parts as their JSON in the offset topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceOffset {
    pub partition: Bytes,
    pub offset: Bytes,
}

/// The offset topic, read to its end whenever it is asked: `KafkaOffsetBackingStore`.
#[derive(Debug)]
pub(super) struct SourceOffsets {
    stored: Mutex<Stored>,
    /// Readings that have begun, which may have failed.
    begun: AtomicU64,
}

#[derive(Debug)]
struct Stored {
    log: LogReader,
    /// Number of the last reading that has come to the end.
    read: u64,
    /// What holds for each key; a deleted one is not kept. Of a million positions the boxes are a third less than `Bytes`.
    values: HashMap<Box<[u8]>, Box<[u8]>, RandomState>,
}

impl SourceOffsets {
    /// Reads the topic for the first time.
    pub(super) async fn start(
        cluster: &Cluster,
        topic: &str,
        isolation: Isolation,
    ) -> Result<Self, KafkaError> {
        let offsets = Self {
            stored: Mutex::new(Stored {
                log: LogReader::new(cluster, topic, isolation),
                read: 0,
                values: HashMap::default(),
            }),
            begun: AtomicU64::new(0),
        };
        drop(offsets.read_to_end().await?);
        Ok(offsets)
    }

    /// Returns the value of a key, byte for byte, as it is now.
    pub(super) async fn value(&self, key: &[u8]) -> Result<Option<Bytes>, KafkaError> {
        let stored = self.read_to_end().await?;
        let value = stored.values.get(key);
        Ok(value.map(|value| Bytes::copy_from_slice(value)))
    }

    /// Returns the positions of one connector as they are now, by partition.
    pub(super) async fn of_connector(
        &self,
        connector: &str,
    ) -> Result<Vec<SourceOffset>, KafkaError> {
        let stored = self.read_to_end().await?;
        let mut found: Vec<SourceOffset> = stored
            .values
            .iter()
            .filter_map(|(key, value)| {
                let key = OffsetKey::parse(&Bytes::copy_from_slice(key)).ok()?;
                (key.connector() == connector).then(|| SourceOffset {
                    partition: Bytes::copy_from_slice(key.partition()),
                    offset: Bytes::copy_from_slice(value),
                })
            })
            .collect();
        found.sort_by(|a, b| a.partition.cmp(&b.partition));
        Ok(found)
    }

    /// Reads on; who waited while another reading began and ended need not read again.
    async fn read_to_end(&self) -> Result<tokio::sync::MutexGuard<'_, Stored>, KafkaError> {
        let asked = self.begun.load(Ordering::SeqCst);
        let mut stored = self.stored.lock().await;
        if stored.read > asked {
            return Ok(stored);
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let Stored { log, values, .. } = &mut *stored;
        log.read_to_end(|_, record| {
            let Some(key) = record.key else { return };
            match record.value.filter(|value| !is_no_offset(value)) {
                // The fetched block is not kept for the sake of a few bytes.
                Some(value) => _ = values.insert(key[..].into(), value[..].into()),
                None => _ = values.remove(&key[..]),
            }
        })
        .await?;
        stored.read = number;
        Ok(stored)
    }
}

/// Returns what a connector with a topic of its own finds: what that holds, and of all else in the workers' topic that there is
/// nothing.
pub(super) fn shadowed(workers: Vec<SourceOffset>, own: Vec<SourceOffset>) -> Vec<SourceOffset> {
    let mut found: BTreeMap<Bytes, Bytes> = workers
        .into_iter()
        .map(|offset| (offset.partition, Bytes::from_static(b"null")))
        .collect();
    found.extend(
        own.into_iter()
            .map(|offset| (offset.partition, offset.offset)),
    );
    let offsets = found.into_iter();
    offsets
        .map(|(partition, offset)| SourceOffset { partition, offset })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workers_topic_tells_a_connector_with_its_own_nothing() {
        let offset = |partition: &'static str, offset: &'static str| SourceOffset {
            partition: Bytes::from_static(partition.as_bytes()),
            offset: Bytes::from_static(offset.as_bytes()),
        };
        let workers = vec![offset("a", "1"), offset("c", "1")];
        let own = vec![offset("a", "2"), offset("b", "2")];
        assert_eq!(
            shadowed(workers, own),
            [offset("a", "2"), offset("b", "2"), offset("c", "null")]
        );
    }
}
