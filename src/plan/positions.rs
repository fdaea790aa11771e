//! The entries of the standalone offsets file, sorted by the connectors of the plan they belong to.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;

use crate::model::offset_file::OffsetEntry;
use crate::model::offset_key::{OffsetKey, OffsetKeyError, is_no_offset, unwrap_envelope};
use crate::plan::connectors::Moving;
use crate::plan::{Deployment, OffsetsInput, OffsetsSummary};

/// One position of a connector of the plan, as the offset topic will hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// Under the connector's new name; the file's own bytes when it keeps its name.
    pub key: Bytes,
    /// `None`: reset.
    pub value: Option<Bytes>,
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
}

impl OfConnector {
    /// Returns the number of positions that say where to go on.
    pub(super) fn live(&self) -> usize {
        self.positions.iter().filter(|p| p.value.is_some()).count()
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

/// Returns the positions of the plan's connectors, in the order of the file.
pub(super) fn sort(offsets: &OffsetsInput, moving: &[Moving<'_>]) -> Positions {
    let mut positions = Positions {
        of: moving.iter().map(|_| OfConnector::default()).collect(),
        ..Positions::default()
    };
    let OffsetsInput::File(file) = offsets else {
        return positions;
    };
    let index: HashMap<&str, usize> = moving
        .iter()
        .enumerate()
        .map(|(at, connector)| (connector.old_name.as_str(), at))
        .collect();
    let mut unwrapped: Vec<(usize, OffsetEntry)> = Vec::new();
    for (number, entry) in file.entries.iter().enumerate() {
        match unwrap_envelope(entry) {
            Ok(None) => drop(positions.take(number, entry, &index, moving)),
            Ok(Some(plain)) => unwrapped.push((number, plain)),
            Err(error) => positions.refuse(number, &error),
        }
    }
    positions.take_unwrapped(&unwrapped, &index, moving);
    positions
}

impl Positions {
    fn take(
        &mut self,
        number: usize,
        entry: &OffsetEntry,
        index: &HashMap<&str, usize>,
        moving: &[Moving<'_>],
    ) -> Option<usize> {
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
        let Some(&at) = index.get(key.connector()) else {
            *self.others.entry(key.connector().to_owned()).or_default() += 1;
            return None;
        };
        let of = &mut self.of[at];
        if let Some(deviation) = key.deviation() {
            of.odd_keys.add(|| format!("entry {number}: {deviation}"));
        }
        let connector = &moving[at];
        let renamed = connector.name != connector.old_name;
        of.positions.push(Position {
            key: if renamed {
                key.renamed(&connector.name)
            } else {
                raw.clone()
            },
            value: entry.value.clone().filter(|value| !is_no_offset(value)),
        });
        Some(at)
    }

    /// A worker since 3.0 that read a file with envelopes wrote plain entries beside them: those are the newer ones.
    fn take_unwrapped(
        &mut self,
        unwrapped: &[(usize, OffsetEntry)],
        index: &HashMap<&str, usize>,
        moving: &[Moving<'_>],
    ) {
        if unwrapped.is_empty() {
            return;
        }
        let plain: HashSet<Bytes> = self
            .of
            .iter()
            .flat_map(|of| of.positions.iter().map(|p| p.key.clone()))
            .collect();
        for (number, entry) in unwrapped {
            if let Some(at) = self.take(*number, entry, index, moving) {
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

/// Returns the offsets file in one line's worth of facts.
pub(super) fn summary(deployment: &Deployment, positions: &Positions) -> OffsetsSummary {
    let mut summary = OffsetsSummary {
        others: positions.others.clone(),
        ..OffsetsSummary::default()
    };
    match &deployment.offsets {
        OffsetsInput::Declined => {}
        OffsetsInput::Missing(path) => summary.path = Some(path.clone()),
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
