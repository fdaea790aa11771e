//! The entries of an offsets file, or of an offset topic, sorted by the connectors they belong to.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use indexmap::IndexMap;

use crate::model::offset_file::OffsetEntry;
use crate::model::offset_key::{OffsetKey, OffsetKeyError, is_no_offset, unwrap_envelope};
use crate::plan::connectors::Moving;
use crate::plan::{Deployment, OffsetsInput, OffsetsSummary, Rename};

/// One position of a connector, as the offset topic, or another file, will hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// Under the connector's new name; the entry's own bytes when it keeps its name.
    pub key: Bytes,
    /// `None`: reset.
    pub value: Option<Bytes>,
}

/// Entries, per connector and besides.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// By the connector's name in the keys, in the order of the entries.
    pub of: IndexMap<String, OfConnector>,
    /// Entries with a null key, which no worker uses.
    pub null_keys: usize,
    /// Entries whose key is not one of Connect's.
    pub unusable: Examples,
}

/// What the offsets file holds, per connector of the plan and besides.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// By index of the connector.
    pub of: Vec<OfConnector>,
    /// Entries per connector name that is not in the plan.
    pub others: BTreeMap<String, usize>,
    /// Entries with a null key, which no worker uses.
    pub null_keys: usize,
    /// Entries whose key is not one of Connect's.
    pub unusable: Examples,
}

/// The positions of one connector.
#[derive(Debug, Default)]
pub(super) struct OfConnector {
    pub positions: Vec<Position>,
    /// Entries that were in the envelope of an old internal converter.
    pub envelopes: usize,
    /// Keys that no worker would write, so that none finds an offset under them.
    pub odd_keys: Examples,
    /// Values that are not a JSON object, which a worker cannot read.
    pub odd_values: Examples,
    /// Keys that stand there more than once with different values. A worker keeps one of them by chance.
    pub repeated: Examples,
}

impl OfConnector {
    /// Returns the number of positions that say where to go on.
    pub(super) fn live(&self) -> usize {
        self.positions.iter().filter(|p| p.value.is_some()).count()
    }

    /// Keeps one position per key and notes the keys whose values differ.
    fn settle_repeated(&mut self) {
        let mut seen: HashMap<Bytes, Option<Bytes>> = HashMap::with_capacity(self.positions.len());
        let repeated = &mut self.repeated;
        self.positions
            .retain(|position| match seen.entry(position.key.clone()) {
                Entry::Vacant(free) => {
                    free.insert(position.value.clone());
                    true
                }
                Entry::Occupied(first) => {
                    if *first.get() != position.value {
                        repeated.add(|| String::from_utf8_lossy(&position.key).into_owned());
                    }
                    false
                }
            });
    }
}

/// A count with the first few cases in words, so that a million cases are one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Examples {
    pub count: usize,
    pub first: Vec<String>,
}

impl Examples {
    const SHOWN: usize = 3;

    pub(super) fn add(&mut self, case: impl FnOnce() -> String) {
        if self.count < Self::SHOWN {
            self.first.push(case());
        }
        self.count += 1;
    }

    /// Returns the cases in words: all of them, or the first and how many more.
    pub(super) fn text(&self) -> String {
        let shown = self.first.join("; ");
        match self.count.saturating_sub(self.first.len()) {
            0 => shown,
            more => format!("{shown}; and {more} more"),
        }
    }
}

/// Sorts entries by connector, giving the keys of renamed connectors their new names.
///
/// Envelopes of old internal converters are unwrapped. A plain entry is newer than the envelope beside it: a worker since
/// 3.0 that read a file with envelopes wrote plain entries.
pub(super) fn sort(entries: &[OffsetEntry], renames: &[Rename]) -> Sorted {
    let mut sorted = Sorted::default();
    let mut unwrapped: Vec<(usize, OffsetEntry)> = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        match unwrap_envelope(entry) {
            Ok(None) => drop(sorted.take(number, entry, renames)),
            Ok(Some(plain)) => unwrapped.push((number, plain)),
            Err(error) => sorted.refuse(number, &error),
        }
    }
    sorted.take_unwrapped(&unwrapped, renames);
    for of in sorted.of.values_mut() {
        of.settle_repeated();
    }
    sorted
}

impl Sorted {
    /// Returns the index of the connector that the entry belongs to.
    fn take(&mut self, number: usize, entry: &OffsetEntry, renames: &[Rename]) -> Option<usize> {
        let Some(raw) = &entry.key else {
            self.null_keys += 1;
            return None;
        };
        let key = match OffsetKey::parse(raw) {
            Ok(key) => key,
            Err(error) => {
                self.refuse(number, &error);
                return None;
            }
        };
        let name = key.connector();
        let at = match self.of.get_index_of(name) {
            Some(at) => at,
            None => {
                self.of
                    .insert_full(name.to_owned(), OfConnector::default())
                    .0
            }
        };
        let of = &mut self.of[at];
        if let Some(deviation) = key.deviation() {
            of.odd_keys.add(|| format!("entry {number}: {deviation}"));
        }
        let value = entry.value.clone().filter(|value| !is_no_offset(value));
        if value.as_deref().is_some_and(|value| !is_object(value)) {
            of.odd_values
                .add(|| String::from_utf8_lossy(raw).into_owned());
        }
        let rename = renames.iter().find(|rename| rename.old == name);
        of.positions.push(Position {
            key: rename.map_or_else(|| raw.clone(), |rename| key.renamed(&rename.new)),
            value,
        });
        Some(at)
    }

    fn take_unwrapped(&mut self, unwrapped: &[(usize, OffsetEntry)], renames: &[Rename]) {
        if unwrapped.is_empty() {
            return;
        }
        let plain: HashSet<Bytes> = self
            .of
            .values()
            .flat_map(|of| of.positions.iter().map(|p| p.key.clone()))
            .collect();
        for (number, entry) in unwrapped {
            if let Some(at) = self.take(*number, entry, renames) {
                let of = &mut self.of[at];
                of.envelopes += 1;
                of.positions.pop_if(|last| plain.contains(&last.key));
            }
        }
    }

    fn refuse(&mut self, number: usize, error: &OffsetKeyError) {
        self.unusable.add(|| format!("entry {number}: {error}"));
    }
}

/// Whether a value is the JSON object that a worker makes an offset of. What is inside is the connector's own.
fn is_object(value: &[u8]) -> bool {
    value.trim_ascii_start().first() == Some(&b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(value).is_ok()
}

/// Returns the positions of the plan's connectors, in the order of the file.
pub(super) fn of_plan(
    offsets: &OffsetsInput,
    moving: &[Moving<'_>],
    renames: &[Rename],
) -> Positions {
    let mut sorted = match offsets {
        OffsetsInput::File(file) => sort(&file.entries, renames),
        OffsetsInput::Declined | OffsetsInput::Missing(_) | OffsetsInput::Damaged(_) => {
            Sorted::default()
        }
    };
    let of = moving
        .iter()
        .map(|connector| sorted.of.swap_remove(&connector.old_name))
        .map(Option::unwrap_or_default)
        .collect();
    let others = sorted.of.into_iter();
    Positions {
        of,
        others: others
            .map(|(name, of)| (name, of.positions.len()))
            .collect(),
        null_keys: sorted.null_keys,
        unusable: sorted.unusable,
    }
}

/// Returns the offsets file in one line's worth of facts.
pub(super) fn summary(deployment: &Deployment, positions: &Positions) -> OffsetsSummary {
    let mut summary = OffsetsSummary {
        others: positions.others.clone(),
        ..OffsetsSummary::default()
    };
    match &deployment.offsets {
        OffsetsInput::Declined => {}
        OffsetsInput::Missing(path) => summary.path = Some(path.clone()),
        OffsetsInput::Damaged(file) => {
            summary.path = Some(file.path.clone());
            summary.exists = true;
            summary.damaged = true;
            summary.sha256 = Some(file.sha256.clone());
            summary.length = file.length;
            summary.age_ms = file.age_ms;
        }
        OffsetsInput::File(file) => {
            summary.path = Some(file.path.clone());
            summary.exists = true;
            summary.sha256 = Some(file.sha256.clone());
            summary.length = file.length;
            summary.age_ms = file.age_ms;
            summary.entries = file.entries.len();
        }
    }
    summary
}
