//! Which records the offset topic still lacks, and what in the topic stands against the file.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use crate::model::offset_key::OffsetKey;
use crate::plan::connectors::Moving;
use crate::plan::positions::{Examples, Position, Positions};
use crate::plan::{
    Choices, Observed, SeedRecord, StoredOffset, StoredOffsets, TopicPlan, ownership,
};
use crate::protocol::partitioner;

/// A connector whose positions the topic is to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub name: &'a str,
    pub positions: &'a [Position],
    /// A sink has no positions here, whatever the topic says under its name.
    pub is_source: bool,
    /// The topic is the truth: nothing is produced, differences are information.
    pub moved: bool,
    /// What only the topic has is ended.
    pub overwrite: bool,
}

/// The records to produce, and per connector what was compared.
#[derive(Debug, Default)]
pub(super) struct Seeding {
    pub records: Vec<SeedRecord>,
    /// Every record of the file for connectors that have not moved, `records` of the file included.
    pub expected: Vec<SeedRecord>,
    /// Tombstones of what the topic holds under old names (`--delete-old`); for after the verification.
    pub of_old_names: Vec<SeedRecord>,
    /// By index of the connector.
    pub of: Vec<Compared>,
}

/// The file's positions of one connector against the topic's.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// The topic is the truth: nothing is produced, differences are information.
    pub moved: bool,
    pub to_seed: usize,
    /// Positions that the file says are reset and that the topic does not hold.
    pub resets: usize,
    /// Keys for which the topic holds another value; of a connector that has moved, none too.
    pub different: Examples,
    /// Keys of this connector that only the topic has.
    pub extra: Examples,
    /// Keys with records in more than one partition.
    pub doubled: Examples,
    /// Keys with a record outside the partition where a worker looks for it.
    pub misplaced: Examples,
    /// Keys under which readers of another isolation level find something else than the workers.
    pub unsettled: Examples,
    /// Workers find something else under one of these when the log cleaner has removed what was aborted.
    pub fleeting: bool,
}

/// Returns what is left to produce for the connectors of a plan.
pub(super) fn plan(
    moving: &[Moving<'_>],
    positions: &Positions,
    choices: &Choices,
    observed: Option<&Observed>,
    offset_topic: Option<&TopicPlan>,
) -> Seeding {
    let wanted: Vec<Wanted<'_>> = moving
        .iter()
        .zip(&positions.of)
        .map(|(connector, of)| Wanted {
            name: &connector.name,
            positions: &of.positions,
            is_source: connector.is_source(),
            moved: connector.moved,
            overwrite: choices.overwrite_offsets,
        })
        .collect();
    let empty = StoredOffsets::default();
    let stored = observed.map_or(&empty, |o| &o.stored_offsets);
    let partitions = partitions(observed, offset_topic);
    let mut seeding = compare(&wanted, stored, partitions);
    let staying = wanted.iter().filter(|connector| !connector.moved);
    seeding.expected = staying
        .flat_map(|connector| {
            connector.positions.iter().map(|position| SeedRecord {
                connector: connector.name.to_owned(),
                key: position.key.clone(),
                value: position.value.clone(),
                partition: None,
            })
        })
        .collect();
    if choices.delete_old {
        seeding.of_old_names = of_old_names(moving, observed, stored, partitions);
    }
    seeding
}

/// Says of each connector whether the topic holds other positions of it than the file.
pub(super) fn differ(
    moving: &[Moving<'_>],
    positions: &Positions,
    stored: &StoredOffsets,
) -> Vec<bool> {
    let wanted = moving.iter().zip(&positions.of);
    let wanted: Vec<Wanted<'_>> = wanted
        .map(|(connector, of)| Wanted {
            name: &connector.name,
            positions: &of.positions,
            is_source: connector.is_source(),
            moved: true,
            overwrite: false,
        })
        .collect();
    let compared = compare(&wanted, stored, None).of.into_iter();
    compared.map(|of| of.different.count > 0).collect()
}

/// Returns tombstones for what the topic holds under names that the plan gives up.
fn of_old_names(
    moving: &[Moving<'_>],
    observed: Option<&Observed>,
    stored: &StoredOffsets,
    partitions: Option<i32>,
) -> Vec<SeedRecord> {
    let new: HashSet<&str> = moving.iter().map(|m| m.name.as_str()).collect();
    let given_up: HashSet<&str> = moving
        .iter()
        .filter(|m| !ownership::is_old_name_alive(m, moving, observed))
        .map(|m| m.old_name.as_str())
        .filter(|old| !new.contains(old))
        .collect();
    let live = stored.iter().filter(|(_, held)| held.is_live());
    live.filter_map(|(raw, _)| {
        let key = OffsetKey::parse(raw).ok()?;
        let ended = given_up.contains(key.connector());
        let partition = partitions.map(|p| partitioner::partition_of(raw, p));
        ended.then(|| tombstone(&key, raw, partition))
    })
    .collect()
}

fn tombstone(key: &OffsetKey, raw: &Bytes, partition: Option<i32>) -> SeedRecord {
    SeedRecord {
        connector: key.connector().to_owned(),
        key: raw.clone(),
        value: None,
        partition,
    }
}

/// Returns what is left to produce: everything that the topic does not hold already, byte for byte.
///
/// `partitions: None`: the topic is yet to be created.
pub(super) fn compare(
    wanted: &[Wanted<'_>],
    stored: &StoredOffsets,
    partitions: Option<i32>,
) -> Seeding {
    let mut seeding = Seeding::default();
    for connector in wanted {
        let compared = in_file(connector, stored, partitions, &mut seeding.records);
        seeding.of.push(compared);
    }
    if !stored.is_empty() {
        only_in_topic(wanted, stored, partitions, &mut seeding);
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

/// Compares the positions that the file has.
fn in_file(
    connector: &Wanted<'_>,
    stored: &StoredOffsets,
    partitions: Option<i32>,
    records: &mut Vec<SeedRecord>,
) -> Compared {
    let mut compared = Compared {
        moved: connector.moved,
        ..Compared::default()
    };
    for position in connector.positions {
        let held = stored.get(&position.key);
        let held_value = held.and_then(|h| h.value.as_ref());
        let partition = partitions.map(|p| partitioner::partition_of(&position.key, p));
        if let Some(held) = held {
            compared.place(&position.key, held, partition);
        }
        let is_same = held_value == position.value.as_ref();
        let lasts = held.is_none_or(|held| held.after_abortion().is_none());
        if is_same && lasts {
            compared.resets += usize::from(held_value.is_none());
            continue;
        }
        // Of one that has moved, the topic is to have what the file has.
        let is_told = held_value.is_some() || compared.moved;
        if is_told && !is_same {
            compared.different.add(|| shown(&position.key));
        }
        if !compared.moved {
            compared.to_seed += 1;
            records.push(SeedRecord {
                connector: connector.name.to_owned(),
                key: position.key.clone(),
                value: position.value.clone(),
                partition,
            });
        }
    }
    compared
}

/// Looks at what the topic holds and the file does not: keys of an earlier life of a connector, which would be merged
/// with the seeded ones.
fn only_in_topic(
    wanted: &[Wanted<'_>],
    stored: &StoredOffsets,
    partitions: Option<i32>,
    seeding: &mut Seeding,
) {
    let in_file: HashSet<&Bytes> = wanted
        .iter()
        .flat_map(|connector| connector.positions.iter().map(|p| &p.key))
        .collect();
    let new: HashMap<&str, usize> = wanted.iter().map(|w| w.name).zip(0..).collect();
    for (raw, held) in stored {
        if held.is_gone() || in_file.contains(raw) {
            continue;
        }
        let Ok(key) = OffsetKey::parse(raw) else {
            continue;
        };
        let Some(&at) = new.get(key.connector()).filter(|at| wanted[**at].is_source) else {
            continue;
        };
        let partition = partitions.map(|p| partitioner::partition_of(raw, p));
        let compared = &mut seeding.of[at];
        compared.place(raw, held, partition);
        compared.extra.add(|| shown(raw));
        if wanted[at].overwrite && held.is_live() && !compared.moved {
            compared.to_seed += 1;
            seeding.records.push(tombstone(&key, raw, partition));
        }
    }
}

impl Compared {
    fn place(&mut self, key: &Bytes, held: &StoredOffset, partition: Option<i32>) {
        if let Some(otherwise) = &held.otherwise {
            self.fleeting |= held.after_abortion().is_some();
            self.unsettled.add(|| {
                let [here, there] = [&held.value, &otherwise.value].map(|v| offset(v.as_ref()));
                format!("{}: {here} and {there}", shown(key))
            });
        }
        if !held.elsewhere.is_empty() {
            self.doubled.add(|| {
                format!(
                    "{} in partition {} and {}",
                    shown(key),
                    held.partition,
                    list(held)
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

fn offset(value: Option<&Bytes>) -> String {
    value.map_or_else(|| "no offset".to_owned(), shown)
}

fn list(held: &StoredOffset) -> String {
    let partitions = held
        .elsewhere
        .iter()
        .map(|other| other.partition.to_string());
    partitions.collect::<Vec<_>>().join(", ")
}

/// A key or an offset for a message: long ones are cut.
fn shown(key: &Bytes) -> String {
    const LONGEST: usize = 120;
    let text = String::from_utf8_lossy(key);
    match text.char_indices().nth(LONGEST) {
        None => text.into_owned(),
        Some((cut, _)) => format!("{}...", &text[..cut]),
    }
}
