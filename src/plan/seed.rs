//! Which records the offset topic still lacks, and what in the topic stands against the file.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;

use crate::model::offset_key::OffsetKey;
use crate::plan::connectors::Moving;
use crate::plan::positions::{Examples, OfConnector, Positions};
use crate::plan::{Choices, Observed, SeedRecord, StoredOffset, TopicPlan, ownership};
use crate::protocol::partitioner;

/// The records to produce, and per connector what was compared.
#[derive(Debug, Default)]
pub(super) struct Seeding {
    pub records: Vec<SeedRecord>,
    /// By index of the connector.
    pub of: Vec<Compared>,
}

/// The file's positions of one connector against the topic's.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// The topic is the truth: nothing is produced, differences are information.
    pub moved: bool,
    pub to_seed: usize,
    /// Records of old keys that `--delete-old` ends.
    pub tombstones: usize,
    /// Positions that the file says are reset and that the topic does not hold.
    pub resets: usize,
    /// Keys for which the topic holds another value.
    pub different: Examples,
    /// Keys of this connector that only the topic has.
    pub extra: Examples,
    /// Keys with records in more than one partition.
    pub doubled: Examples,
    /// Keys with a record outside the partition where a worker looks for it.
    pub misplaced: Examples,
}

/// Returns what is left to produce: everything that the topic does not hold already, byte for byte.
pub(super) fn plan(
    moving: &[Moving<'_>],
    positions: &Positions,
    choices: &Choices,
    observed: Option<&Observed>,
    offset_topic: Option<&TopicPlan>,
) -> Seeding {
    let mut seeding = Seeding {
        records: Vec::new(),
        of: moving.iter().map(|_| Compared::default()).collect(),
    };
    let partitions = partitions(observed, offset_topic);
    let empty = BTreeMap::new();
    let stored = observed.map_or(&empty, |o| &o.stored_offsets);
    for (at, connector) in moving.iter().enumerate() {
        let overwrites = choices.overwrite_offsets
            && ownership::stored(connector, observed).is_none_or(ownership::is_at_rest);
        let compared = &mut seeding.of[at];
        compared.moved = ownership::has_moved(connector, observed) && !overwrites;
        compare(
            connector,
            &positions.of[at],
            stored,
            partitions,
            compared,
            &mut seeding.records,
        );
    }
    if !stored.is_empty() {
        only_in_topic(moving, positions, choices, stored, partitions, &mut seeding);
    }
    seeding
}

/// Returns the offset topic's partition count; `None`: known only after its creation.
fn partitions(observed: Option<&Observed>, topic: Option<&TopicPlan>) -> Option<i32> {
    let topic = topic?;
    let existing = observed.and_then(|o| o.topics.get(&topic.wanted.name));
    match existing {
        Some(existing) => i32::try_from(existing.partitions).ok(),
        None => Some(topic.wanted.partitions),
    }
    .filter(|partitions| *partitions > 0)
}

fn compare(
    connector: &Moving<'_>,
    of: &OfConnector,
    stored: &BTreeMap<Bytes, StoredOffset>,
    partitions: Option<i32>,
    compared: &mut Compared,
    records: &mut Vec<SeedRecord>,
) {
    for position in &of.positions {
        let held = stored.get(&position.key);
        let held_value = held.and_then(|h| h.value.as_ref());
        let partition = partitions.map(|p| partitioner::partition_of(&position.key, p));
        if let Some(held) = held {
            compared.place(&position.key, held, partition);
        }
        if held_value == position.value.as_ref() {
            compared.resets += usize::from(held_value.is_none());
            continue;
        }
        if held_value.is_some() {
            compared.different.add(|| shown(&position.key));
        }
        if !compared.moved {
            compared.to_seed += 1;
            records.push(SeedRecord {
                connector: connector.name.clone(),
                key: position.key.clone(),
                value: position.value.clone(),
                partition,
            });
        }
    }
}

/// Looks at what the topic holds and the file does not: keys of an earlier life of a connector, which would be merged
/// with the seeded ones, and keys of a renamed connector's old name.
fn only_in_topic(
    moving: &[Moving<'_>],
    positions: &Positions,
    choices: &Choices,
    stored: &BTreeMap<Bytes, StoredOffset>,
    partitions: Option<i32>,
    seeding: &mut Seeding,
) {
    let in_file: HashSet<&Bytes> = positions
        .of
        .iter()
        .flat_map(|of| of.positions.iter().map(|p| &p.key))
        .collect();
    let new: HashMap<&str, usize> = named(moving, |m| &m.name);
    let old: HashMap<&str, usize> = named(moving, |m| &m.old_name);
    for (raw, held) in stored {
        if held.value.is_none() || in_file.contains(raw) {
            continue;
        }
        let Ok(key) = OffsetKey::parse(raw) else {
            continue;
        };
        let partition = partitions.map(|p| partitioner::partition_of(raw, p));
        let (at, ends) = if let Some(&at) = new.get(key.connector()) {
            if !moving[at].is_source() {
                continue;
            }
            let compared = &mut seeding.of[at];
            compared.place(raw, held, partition);
            compared.extra.add(|| shown(raw));
            (at, choices.overwrite_offsets)
        } else if let Some(&at) = old.get(key.connector()) {
            seeding.of[at].tombstones += usize::from(choices.delete_old);
            (at, choices.delete_old)
        } else {
            continue;
        };
        if ends && !seeding.of[at].moved {
            seeding.of[at].to_seed += 1;
            seeding.records.push(SeedRecord {
                connector: key.connector().to_owned(),
                key: raw.clone(),
                value: None,
                partition,
            });
        }
    }
}

fn named<'a>(
    moving: &'a [Moving<'_>],
    name: impl Fn(&'a Moving<'_>) -> &'a String,
) -> HashMap<&'a str, usize> {
    let names = moving.iter().enumerate();
    names.map(|(at, m)| (name(m).as_str(), at)).collect()
}

impl Compared {
    fn place(&mut self, key: &Bytes, held: &StoredOffset, partition: Option<i32>) {
        if !held.elsewhere.is_empty() {
            self.doubled.add(|| {
                format!(
                    "{} in partition {} and {}",
                    shown(key),
                    held.partition,
                    list(&held.elsewhere)
                )
            });
        } else if partition.is_some_and(|p| p != held.partition) {
            self.misplaced.add(|| {
                let home = partition.map(|p| p.to_string()).unwrap_or_default();
                format!(
                    "{} in partition {} instead of {home}",
                    shown(key),
                    held.partition
                )
            });
        }
    }
}

fn list(partitions: &[i32]) -> String {
    let texts: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// A key for a message: long partitions are cut.
fn shown(key: &Bytes) -> String {
    const LONGEST: usize = 120;
    let text = String::from_utf8_lossy(key);
    match text.char_indices().nth(LONGEST) {
        None => text.into_owned(),
        Some((cut, _)) => format!("{}…", &text[..cut]),
    }
}
