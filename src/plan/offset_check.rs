//! Whether an offset topic has the records that it must have: each with its value, in the partition where a worker looks
//! for it, and nowhere else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use foldhash::fast::RandomState;

use crate::plan::SeedRecord;
use crate::protocol::partitioner::partition_of;

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Missing,
    OtherValue,
    /// It is only in this partition.
    Misplaced(i32),
    /// It is in this partition too.
    Doubled(i32),
}

/// A record and what is wrong with it, as people read it.
struct Difference<'a>(&'a SeedRecord, Fault);

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = String::from_utf8_lossy(&self.0.key);
        match self.1 {
            Fault::Missing => write!(f, "{key} is not there"),
            Fault::OtherValue => write!(f, "{key} has another value"),
            Fault::Misplaced(partition) => write!(
                f,
                "{key} is in partition {partition}, where no worker writes it"
            ),
            Fault::Doubled(partition) => write!(
                f,
                "{key} is also in partition {partition}, and a worker finds either by chance"
            ),
        }
    }
}

/// The question, answered while the topic is read: it keeps nothing of the topic.
///
/// What was just written comes back in the order of each partition, so every record is first taken for the next of its
/// partition. Only when it is not are all keys hashed: a million random accesses take most of the time of a reading.
#[derive(Debug)]
pub struct OffsetCheck<'a> {
    expected: &'a [SeedRecord],
    seen: Vec<Seen>,
    homes: BTreeMap<i32, Home>,
    /// Connectors whose records may also lie where no worker writes them: that was accepted.
    in_any_place: Option<&'a BTreeSet<String>>,
    /// Indices by key, once one had to be looked up.
    indices: Option<HashMap<&'a [u8], usize, RandomState>>,
}

/// What the topic has of one record.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The partition where a worker looks.
    home: Option<i32>,
    /// Whether the last record in the partition where a worker looks has the value; `None`: there is no record.
    at_home: Option<bool>,
    /// Another partition that has a record, and whether all that is there has the value.
    away: Option<(i32, bool)>,
}

/// The records of one partition.
#[derive(Debug, Default)]
struct Home {
    /// Ascending.
    indices: Vec<usize>,
    /// Which of them is likely to come next.
    next: usize,
}

impl<'a> OffsetCheck<'a> {
    /// `expected` have their partitions, and no key twice.
    pub fn new(expected: &'a [SeedRecord]) -> Self {
        Self::at_home(expected, |record| record.partition)
    }

    /// Every record is expected where a worker looks for it in a topic of so many partitions. No key is there twice.
    pub fn of_topic(expected: &'a [SeedRecord], partitions: i32) -> Self {
        Self::at_home(expected, |record| {
            Some(partition_of(&record.key, partitions))
        })
    }

    fn at_home(expected: &'a [SeedRecord], home: impl Fn(&SeedRecord) -> Option<i32>) -> Self {
        let mut homes: BTreeMap<i32, Home> = BTreeMap::new();
        let mut seen = Vec::with_capacity(expected.len());
        for (index, record) in expected.iter().enumerate() {
            let home = home(record);
            if let Some(home) = home {
                homes.entry(home).or_default().indices.push(index);
            }
            seen.push(Seen {
                home,
                at_home: None,
                away: None,
            });
        }
        Self {
            expected,
            seen,
            homes,
            in_any_place: None,
            indices: None,
        }
    }

    /// Of these connectors, takes a record where no worker writes it for a good one, if it has the value: workers read all
    /// partitions. Where a key has two values, a worker finds either; see [`OffsetCheck::undecided`].
    pub fn in_any_place(mut self, connectors: &'a BTreeSet<String>) -> Self {
        self.in_any_place = Some(connectors);
        self
    }

    /// Takes the next record of a partition; partitions may come in any interleaving.
    pub fn record(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) {
        let Some(index) = self
            .next_of(partition, key)
            .or_else(|| self.look_up(partition, key))
        else {
            return;
        };
        let expected = &self.expected[index];
        let seen = &mut self.seen[index];
        if seen.home == Some(partition) {
            seen.at_home = Some(expected.value.as_deref() == value);
        } else {
            let is_same = expected.value.as_deref() == value;
            // The last record of a partition counts, and of several partitions every one.
            let others = seen.away.is_none_or(|(at, same)| at == partition || same);
            seen.away = Some((partition, is_same && others));
        }
    }

    /// Returns the record that is likely to come next in a partition, if it has this key.
    fn next_of(&mut self, partition: i32, key: &[u8]) -> Option<usize> {
        let home = self.homes.get_mut(&partition)?;
        let index = *home.indices.get(home.next)?;
        let is_it = self.expected[index].key == key;
        is_it.then(|| {
            home.next += 1;
            index
        })
    }

    fn look_up(&mut self, partition: i32, key: &[u8]) -> Option<usize> {
        let expected = self.expected;
        let indices = self.indices.get_or_insert_with(|| {
            let keys = expected.iter().map(|record| &record.key[..]);
            keys.zip(0..).collect()
        });
        let index = *indices.get(key)?;
        if let Some(home) = self.homes.get_mut(&partition)
            && let Ok(at) = home.indices.binary_search(&index)
        {
            home.next = at + 1;
        }
        Some(index)
    }

    /// Returns the first `limit` differences, as sentences.
    pub fn finish(&self, limit: usize) -> Vec<String> {
        let faults = self.expected.iter().zip(&self.seen);
        let faults = faults.filter_map(|(record, seen)| {
            let fault = match (seen.at_home, seen.away) {
                (Some(true), None) => None,
                (Some(false), _) => Some(Fault::OtherValue),
                (Some(true), Some(_)) if self.accepts(record) => None,
                (None, Some((_, is_same))) if self.accepts(record) => {
                    (!is_same).then_some(Fault::OtherValue)
                }
                (Some(true), Some((partition, _))) => Some(Fault::Doubled(partition)),
                (None, Some((partition, _))) => Some(Fault::Misplaced(partition)),
                (None, None) => record.value.is_some().then_some(Fault::Missing),
            };
            Some(Difference(record, fault?).to_string())
        });
        faults.take(limit).collect()
    }

    /// Returns, as sentences, the first `limit` records that were accepted where they are although a worker may find another
    /// value of the same key.
    pub fn undecided(&self, limit: usize) -> Vec<String> {
        let records = self.expected.iter().zip(&self.seen);
        let undecided = records.filter_map(|(record, seen)| match (seen.at_home, seen.away) {
            (Some(true), Some((partition, false))) if self.accepts(record) => {
                Some(Difference(record, Fault::Doubled(partition)).to_string())
            }
            _ => None,
        });
        undecided.take(limit).collect()
    }

    fn accepts(&self, record: &SeedRecord) -> bool {
        self.in_any_place
            .is_some_and(|connectors| connectors.contains(&record.connector))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::model::worker_config::Isolation;
    use crate::plan::offset_fold::OffsetFold;
    use crate::plan::{StoredOffset, StoredOffsets};

    const PARTITIONS: i32 = 25;

    /// `a` belongs into partition 24, `ab` into 9, `abc` into 7, `abcd` into 0.
    fn expected(values: &[(&'static str, Option<&'static str>)]) -> Vec<SeedRecord> {
        let record = |(key, value): &(&'static str, Option<&'static str>)| SeedRecord {
            connector: "c".into(),
            key: Bytes::from_static(key.as_bytes()),
            value: value.map(|v| Bytes::from_static(v.as_bytes())),
            partition: Some(partition_of(key.as_bytes(), PARTITIONS)),
        };
        values.iter().map(record).collect()
    }

    /// The same question, asked of the topic as it was read whole: the first `limit` differences.
    fn differences(expected: &[SeedRecord], found: &StoredOffsets, limit: usize) -> Vec<String> {
        let faults = expected.iter().filter_map(|record| {
            let fault = fault(record, found.get(&record.key))?;
            Some(Difference(record, fault).to_string())
        });
        faults.take(limit).collect()
    }

    fn fault(record: &SeedRecord, found: Option<&StoredOffset>) -> Option<Fault> {
        let Some(found) = found else {
            return record.value.is_some().then_some(Fault::Missing);
        };
        if found.value != record.value {
            Some(Fault::OtherValue)
        } else if Some(found.partition) != record.partition {
            Some(Fault::Misplaced(found.partition))
        } else {
            let other = found.elsewhere.first()?;
            Some(Fault::Doubled(other.partition))
        }
    }

    /// Asks all ways, which must agree.
    #[track_caller]
    fn wrong(
        expected: &[SeedRecord],
        topic: &[(i32, &'static str, Option<&'static str>)],
    ) -> Vec<String> {
        let mut fold = OffsetFold::new(PARTITIONS, Isolation::default());
        let mut check = OffsetCheck::new(expected);
        let mut placing = OffsetCheck::of_topic(expected, PARTITIONS);
        for (number, (partition, key, value)) in (0..).zip(topic) {
            let value = value.map(|v| Bytes::from_static(v.as_bytes()));
            check.record(*partition, key.as_bytes(), value.as_deref());
            placing.record(*partition, key.as_bytes(), value.as_deref());
            let key = Some(Bytes::from_static(key.as_bytes()));
            fold.record(*partition, number, number, key, value, true);
        }
        let checked = check.finish(20);
        assert_eq!(checked, differences(expected, &fold.finish(), 20));
        assert_eq!(checked, placing.finish(20));
        checked
    }

    #[test]
    fn a_missing_changed_misplaced_or_doubled_record_is_a_difference() {
        let expected = expected(&["a", "ab", "abc", "abcd"].map(|key| (key, Some("1"))));
        let topic = [
            (9, "ab", Some("1")),
            (9, "ab", Some("2")),
            (8, "abc", Some("1")),
            (0, "abcd", Some("1")),
            (3, "abcd", Some("0")),
            (3, "foreign", Some("0")),
        ];
        assert_eq!(
            wrong(&expected, &topic),
            [
                "a is not there",
                "ab has another value",
                "abc is in partition 8, where no worker writes it",
                "abcd is also in partition 3, and a worker finds either by chance",
            ]
        );
        let topic = [(9, "ab", Some("0")), (9, "ab", None), (9, "ab", Some("1"))];
        assert!(wrong(&expected[1..2], &topic).is_empty());
    }

    #[test]
    fn a_tombstone_may_be_compacted_away() {
        let expected = expected(&[("a", None)]);
        assert!(wrong(&expected, &[]).is_empty());
        assert!(wrong(&expected, &[(24, "a", Some("1")), (24, "a", None)]).is_empty());
        assert_eq!(wrong(&expected, &[(24, "a", Some("1"))]).len(), 1);
    }

    proptest! {
        #[test]
        fn both_ways_agree_on_any_topic(
            topic in vec((0..4, 0..6usize, proptest::option::of(0..2usize)), 0..40),
        ) {
            const KEYS: [&str; 6] = ["a", "ab", "abc", "abcd", "b", "foreign"];
            const VALUES: [&str; 2] = ["1", "2"];
            let values = [Some("1"), Some("2"), None, Some("1"), Some("2")];
            let mut expected = expected(&[0, 1, 2, 3, 4].map(|n| (KEYS[n], values[n])));
            for record in &mut expected {
                record.partition = Some(partition_of(&record.key, 4));
            }
            let topic: Vec<_> = topic.into_iter()
                .map(|(partition, key, value)| (partition, KEYS[key], value.map(|v| VALUES[v])))
                .collect();
            let mut fold = OffsetFold::new(4, Isolation::default());
            let mut check = OffsetCheck::new(&expected);
            for (number, (partition, key, value)) in (0..).zip(&topic) {
                let value = value.map(|v| Bytes::from_static(v.as_bytes()));
                check.record(*partition, key.as_bytes(), value.as_deref());
                let key = Some(Bytes::from_static(key.as_bytes()));
                fold.record(*partition, number, number, key, value, true);
            }
            // Of a key in several wrong partitions either may be named.
            let of = |wrong: Vec<String>| -> Vec<String> {
                let key = |sentence: String| sentence.split(' ').next().map(str::to_owned);
                wrong.into_iter().filter_map(key).collect()
            };
            prop_assert_eq!(of(check.finish(20)), of(differences(&expected, &fold.finish(), 20)));
        }
    }

    #[test]
    fn where_places_are_accepted_only_the_value_counts() {
        let expected = expected(&[("a", Some("1")), ("ab", Some("2")), ("abc", Some("3"))]);
        let accepted = |connector: &str| BTreeSet::from([connector.to_owned()]);
        let (this, another) = (accepted("c"), accepted("d"));
        let checked = |topic: &[(i32, &str, &str)], accepted| {
            let check = OffsetCheck::of_topic(&expected, PARTITIONS);
            let mut check = check.in_any_place(accepted);
            for (partition, key, value) in topic {
                check.record(*partition, key.as_bytes(), Some(value.as_bytes()));
            }
            (check.finish(20), check.undecided(20))
        };
        let wrong = |topic: &[_]| checked(topic, &this).0;
        let elsewhere = [
            (1, "a", "0"),
            (1, "a", "1"),
            (9, "ab", "2"),
            (7, "abc", "3"),
        ];
        assert_eq!(wrong(&elsewhere), [""; 0]);
        let doubled = [elsewhere[1], elsewhere[2], elsewhere[3], (2, "ab", "9")];
        assert_eq!(wrong(&doubled), [""; 0]);
        let either = "ab is also in partition 2, and a worker finds either by chance";
        assert_eq!(checked(&doubled, &this).1, [either]);
        let misplaced = "a is in partition 1, where no worker writes it";
        let (of_another, undecided) = checked(&doubled, &another);
        assert_eq!(
            (of_another, undecided.len()),
            (vec![misplaced.into(), either.into()], 0)
        );
        let same = [elsewhere[1], elsewhere[2], elsewhere[3], (2, "ab", "2")];
        assert_eq!(checked(&same, &this), (Vec::new(), Vec::new()));
        let other = [(1, "a", "9"), (2, "a", "1"), (9, "ab", "2")];
        assert_eq!(wrong(&other), ["a has another value", "abc is not there"]);
    }

    #[test]
    fn no_more_differences_are_named_than_asked_for() {
        let expected = expected(&["a", "b", "c"].map(|key| (key, Some("1"))));
        assert_eq!(OffsetCheck::new(&expected).finish(2).len(), 2);
        assert_eq!(
            differences(&expected, &StoredOffsets::default(), 2).len(),
            2
        );
    }
}
