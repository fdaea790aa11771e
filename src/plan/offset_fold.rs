//! The latest record per key of an offset topic, as a worker's `KafkaOffsetBackingStore` would end up with, plus what
//! it cannot see: keys with records in two partitions, for which its winner is a matter of timing.

use std::collections::HashMap;

use bytes::Bytes;
use foldhash::fast::RandomState;
use indexmap::map::Entry;

use crate::plan::{Elsewhere, StoredOffset, StoredOffsets};
use crate::protocol::partitioner;

/// Folds records in any interleaving of partitions; within a partition in the order of their offsets.
#[derive(Debug)]
pub struct OffsetFold {
    partitions: i32,
    /// The last record of each key in the partition where the key was met first.
    latest: StoredOffsets,
    /// Timestamps of `latest`, by its indices.
    timestamps: Vec<i64>,
    /// Of keys in several partitions, which are rare: the last record in each of the others.
    others: HashMap<Bytes, Vec<Last>>,
    null_keys: u64,
}

#[derive(Debug)]
struct Last {
    partition: i32,
    offset: i64,
    timestamp: i64,
    value: Option<Bytes>,
}

impl OffsetFold {
    /// `partitions` is the topic's partition count.
    pub fn new(partitions: i32) -> Self {
        Self::with_capacity(partitions, 0)
    }

    /// Makes room for so many keys at once.
    pub fn with_capacity(partitions: i32, keys: usize) -> Self {
        Self {
            partitions,
            latest: StoredOffsets::with_capacity_and_hasher(keys, RandomState::default()),
            timestamps: Vec::with_capacity(keys),
            others: HashMap::new(),
            null_keys: 0,
        }
    }

    /// Takes the next record of a partition. `timestamp` is in milliseconds since the epoch.
    pub fn record(
        &mut self,
        partition: i32,
        offset: i64,
        timestamp: i64,
        key: Option<Bytes>,
        value: Option<Bytes>,
    ) {
        let Some(key) = key else {
            self.null_keys += 1;
            return;
        };
        let last = Last {
            partition,
            offset,
            timestamp,
            value,
        };
        match self.latest.entry(key) {
            Entry::Vacant(vacant) => {
                self.timestamps.push(last.timestamp);
                vacant.insert(last.into());
            }
            Entry::Occupied(mut held) if held.get().partition == partition => {
                self.timestamps[held.index()] = last.timestamp;
                held.insert(last.kept().into());
            }
            Entry::Occupied(held) => {
                let last = last.kept();
                let others = self.others.entry(held.key().clone()).or_default();
                match others.iter_mut().find(|other| other.partition == partition) {
                    Some(other) => *other = last,
                    None => others.push(last),
                }
            }
        }
    }

    /// Returns how many records had no key; no worker uses them.
    pub fn null_keys(&self) -> u64 {
        self.null_keys
    }

    /// Returns the record that holds for every key, tombstones included, in no particular order.
    ///
    /// Of a key in several partitions it is the one where a worker writes, otherwise the youngest.
    pub fn finish(mut self) -> StoredOffsets {
        for (key, mut all) in self.others {
            let (index, _, first) = self
                .latest
                .get_full_mut(&key)
                .expect("a key is met a first time before it is met elsewhere");
            all.push(Last {
                partition: first.partition,
                offset: first.offset,
                timestamp: self.timestamps[index],
                value: first.value.take(),
            });
            *first = settled(all, partitioner::partition_of(&key, self.partitions));
        }
        self.latest
    }
}

impl Last {
    /// Copies the value out of the block it was fetched in. Of a key that is written again and again the last block would
    /// otherwise be kept for a few bytes: memory would grow with the history of the topic, not with its keys.
    fn kept(self) -> Self {
        let value = self.value.as_deref().map(Bytes::copy_from_slice);
        Self { value, ..self }
    }
}

impl From<Last> for StoredOffset {
    fn from(last: Last) -> Self {
        Self {
            partition: last.partition,
            offset: last.offset,
            value: last.value,
            elsewhere: Vec::new(),
        }
    }
}

/// Returns which of the records in several partitions holds. `home` is where a worker writes the key.
fn settled(mut all: Vec<Last>, home: i32) -> StoredOffset {
    all.sort_by_key(|last| (last.partition == home, last.timestamp, last.partition));
    let winner = all.pop().expect("the caller has some");
    all.sort_by_key(|other| other.partition);
    let elsewhere = all.into_iter().map(|last| Elsewhere {
        partition: last.partition,
        value: last.value,
    });
    StoredOffset {
        elsewhere: elsewhere.collect(),
        ..winner.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its murmur2 partition of 25 is 14.
    const KEY: &[u8] = br#"["file-src",{"filename":"/var/lib/connect/in.txt"}]"#;

    fn fold(records: &[(i32, i64, i64, Option<&'static str>)]) -> StoredOffset {
        let mut fold = OffsetFold::new(25);
        for (partition, offset, timestamp, value) in records {
            let value = value.map(|v| Bytes::from_static(v.as_bytes()));
            fold.record(
                *partition,
                *offset,
                *timestamp,
                Some(Bytes::from_static(KEY)),
                value,
            );
        }
        fold.finish().swap_remove(KEY).unwrap()
    }

    fn away(held: &StoredOffset) -> Vec<(i32, Option<&str>)> {
        held.elsewhere
            .iter()
            .map(|other| {
                let value = other.value.as_deref();
                (
                    other.partition,
                    value.map(|v| std::str::from_utf8(v).expect("given")),
                )
            })
            .collect()
    }

    #[test]
    fn the_last_record_of_a_partition_wins_and_a_tombstone_is_kept() {
        let held = fold(&[(14, 0, 9, Some("a")), (14, 1, 5, Some("b"))]);
        assert_eq!((held.offset, held.value.as_deref()), (1, Some(&b"b"[..])));
        let held = fold(&[(14, 0, 9, Some("a")), (14, 7, 5, None)]);
        assert_eq!((held.offset, held.value), (7, None));
        assert!(held.elsewhere.is_empty());
    }

    #[test]
    fn of_a_key_in_two_partitions_the_one_where_a_worker_writes_is_taken() {
        let held = fold(&[(14, 3, 1, Some("home")), (2, 9, 99, Some("away"))]);
        assert_eq!((held.partition, away(&held)), (14, vec![(2, Some("away"))]));
        let held = fold(&[
            (7, 3, 1, Some("old")),
            (2, 9, 99, Some("young")),
            (7, 4, 2, None),
        ]);
        assert_eq!((held.partition, away(&held)), (2, vec![(7, None)]));
    }

    #[test]
    fn records_without_a_key_are_counted_and_left_out() {
        let mut fold = OffsetFold::new(5);
        fold.record(0, 0, 0, None, Some(Bytes::from_static(b"{}")));
        assert_eq!(fold.null_keys(), 1);
        assert!(fold.finish().is_empty());
    }
}
