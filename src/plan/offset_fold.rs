//! The latest record per key of an offset topic, as a worker's `KafkaOffsetBackingStore` would end up with, plus what
//! it cannot see: keys with records in two partitions, for which its winner is a matter of timing, and keys under which a
//! worker of another isolation level finds something else.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use foldhash::fast::RandomState;
use indexmap::map::Entry;

use crate::model::worker_config::Isolation;
use crate::plan::{Elsewhere, Otherwise, StoredOffset, StoredOffsets};
use crate::protocol::partitioner;

/// Folds records in any interleaving of partitions; within a partition in the order of their offsets.
#[derive(Debug)]
pub struct OffsetFold {
    isolation: Isolation,
    /// What a reader of this isolation level finds.
    found: Latest,
    /// What a reader of the other one finds, under the keys with a record that only one of them takes.
    otherwise: Latest,
    doubtful: HashSet<Bytes>,
    null_keys: u64,
}

/// The last records of keys.
#[derive(Debug)]
struct Latest {
    partitions: i32,
    /// The last record of each key in the partition where the key was met first.
    first: StoredOffsets,
    /// Timestamps of `first`, by its indices.
    timestamps: Vec<i64>,
    /// Of keys in several partitions, which are rare: the last record in each of the others.
    others: HashMap<Bytes, Vec<Last>>,
}

#[derive(Debug, Clone)]
struct Last {
    partition: i32,
    offset: i64,
    timestamp: i64,
    value: Option<Bytes>,
}

impl OffsetFold {
    /// `partitions` is the topic's partition count.
    pub fn new(partitions: i32, isolation: Isolation) -> Self {
        Self::with_capacity(partitions, isolation, 0)
    }

    /// Makes room for so many keys at once.
    pub fn with_capacity(partitions: i32, isolation: Isolation, keys: usize) -> Self {
        Self {
            isolation,
            found: Latest::new(partitions, keys),
            otherwise: Latest::new(partitions, 0),
            doubtful: HashSet::new(),
            null_keys: 0,
        }
    }

    /// Takes the next record of a partition. `timestamp` is in milliseconds since the epoch; `is_committed` says whether readers
    /// of both isolation levels take it.
    pub fn record(
        &mut self,
        partition: i32,
        offset: i64,
        timestamp: i64,
        key: Option<Bytes>,
        value: Option<Bytes>,
        is_committed: bool,
    ) {
        let is_taken = is_committed || self.isolation == Isolation::ReadUncommitted;
        let Some(key) = key else {
            self.null_keys += u64::from(is_taken);
            return;
        };
        let last = Last {
            partition,
            offset,
            timestamp,
            value,
        };
        if !is_committed && !self.doubtful.contains(&key) {
            self.doubtful.insert(Bytes::copy_from_slice(&key));
            for held in self.found.of(&key) {
                self.otherwise.record(key.clone(), held);
            }
        }
        // Transactions are rare here: what is not in doubt is not looked up.
        let is_doubtful = !self.doubtful.is_empty() && self.doubtful.contains(&key);
        if is_doubtful && is_committed || !is_taken {
            self.otherwise.record(key.clone(), last.clone());
        }
        if is_taken {
            self.found.record(key, last);
        }
    }

    /// Returns how many records had no key; no worker uses them.
    pub fn null_keys(&self) -> u64 {
        self.null_keys
    }

    /// Returns the record that holds for every key, tombstones included, in no particular order.
    ///
    /// Of a key in several partitions it is the one where a worker writes, otherwise the youngest.
    pub fn finish(self) -> StoredOffsets {
        let mut stored = self.found.finish();
        let mut otherwise = self.otherwise.finish();
        for key in self.doubtful {
            let value = otherwise.swap_remove(&key).and_then(|held| held.value);
            if let Some(held) = stored.get_mut(&key)
                && held.value != value
            {
                let isolation = self.isolation.other();
                held.otherwise = Some(Box::new(Otherwise { isolation, value }));
            }
        }
        stored
    }
}

impl Latest {
    fn new(partitions: i32, keys: usize) -> Self {
        Self {
            partitions,
            first: StoredOffsets::with_capacity_and_hasher(keys, RandomState::default()),
            timestamps: Vec::with_capacity(keys),
            others: HashMap::new(),
        }
    }

    fn record(&mut self, key: Bytes, last: Last) {
        let partition = last.partition;
        match self.first.entry(key) {
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

    /// Returns the last record of a key in each partition where it was met.
    fn of(&self, key: &Bytes) -> Vec<Last> {
        let Some((index, _, first)) = self.first.get_full(key) else {
            return Vec::new();
        };
        let mut all = vec![Last {
            partition: first.partition,
            offset: first.offset,
            timestamp: self.timestamps[index],
            value: first.value.clone(),
        }];
        all.extend(self.others.get(key).into_iter().flatten().cloned());
        all
    }

    fn finish(mut self) -> StoredOffsets {
        let doubled: Vec<Bytes> = self.others.keys().cloned().collect();
        for key in doubled {
            let all = self.of(&key);
            let home = partitioner::partition_of(&key, self.partitions);
            self.first.insert(key, settled(all, home));
        }
        self.first
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
            otherwise: None,
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
        let records: Vec<_> = records.iter().map(|r| (r.0, r.1, r.2, r.3, true)).collect();
        let found = read(Isolation::ReadUncommitted, &records).unwrap();
        assert_eq!(read(Isolation::ReadCommitted, &records).unwrap(), found);
        found
    }

    type Told = (i32, i64, i64, Option<&'static str>, bool);

    fn read(isolation: Isolation, records: &[Told]) -> Option<StoredOffset> {
        let mut fold = OffsetFold::new(25, isolation);
        for (partition, offset, timestamp, value, is_committed) in records {
            let value = value.map(|v| Bytes::from_static(v.as_bytes()));
            let key = Some(Bytes::from_static(KEY));
            fold.record(*partition, *offset, *timestamp, key, value, *is_committed);
        }
        fold.finish().swap_remove(KEY)
    }

    /// What is found, and what is found at the other level: `None` where that is the same.
    type Found = Option<(Option<&'static str>, Option<Option<&'static str>>)>;

    #[track_caller]
    fn finds(records: &[Told], [uncommitted, committed]: [Found; 2]) {
        let levels = [Isolation::ReadUncommitted, Isolation::ReadCommitted];
        for (isolation, expected) in levels.into_iter().zip([uncommitted, committed]) {
            let found = read(isolation, records);
            let expected = expected.map(|(value, otherwise)| {
                let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
                let otherwise = otherwise.map(|other| Otherwise {
                    isolation: isolation.other(),
                    value: other.map(bytes),
                });
                (value.map(bytes), otherwise)
            });
            let found = found.map(|held| (held.value, held.otherwise.map(|other| *other)));
            assert_eq!(found, expected, "{isolation:?}");
        }
    }

    #[test]
    fn an_aborted_record_is_found_at_one_level_only() {
        let (old, aborted) = (
            (14, 0, 1, Some("old"), true),
            (14, 1, 2, Some("new"), false),
        );
        let (reset, later) = ((14, 1, 2, None, false), (14, 3, 4, Some("last"), true));
        let same = Some((Some("last"), None));
        finds(&[aborted], [Some((Some("new"), Some(None))), None]);
        let [old_new, new_old] = [
            (Some("new"), Some(Some("old"))),
            (Some("old"), Some(Some("new"))),
        ];
        finds(&[old, aborted], [Some(old_new), Some(new_old)]);
        let [old_none, none_old] = [(None, Some(Some("old"))), (Some("old"), Some(None))];
        finds(&[old, reset], [Some(old_none), Some(none_old)]);
        finds(&[old, aborted, later], [same, same]);
        finds(&[aborted, later], [same, same]);
        let again = (14, 1, 2, Some("old"), false);
        finds(&[old, again], [Some((Some("old"), None)); 2]);
    }

    #[test]
    fn an_aborted_record_in_another_partition_does_not_hide_the_one_at_home() {
        let (home, away) = (
            (14, 0, 1, Some("home"), true),
            (2, 0, 9, Some("away"), false),
        );
        finds(&[home, away], [Some((Some("home"), None)); 2]);
        let (there, home) = (
            (2, 0, 1, Some("there"), true),
            (14, 0, 9, Some("home"), false),
        );
        let [home_there, there_home] = [
            (Some("home"), Some(Some("there"))),
            (Some("there"), Some(Some("home"))),
        ];
        finds(&[there, home], [Some(home_there), Some(there_home)]);
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
        let mut fold = OffsetFold::new(5, Isolation::ReadCommitted);
        let value = || Some(Bytes::from_static(b"{}"));
        fold.record(0, 0, 0, None, value(), true);
        fold.record(0, 1, 0, None, value(), false);
        assert_eq!(fold.null_keys(), 1);
        assert!(fold.finish().is_empty());
    }
}
