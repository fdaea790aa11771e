//! What `offsets seed` writes, decided from a file and an offset topic before anything is written.
//!
//! The comparison and the findings are those of `migrate`; here the connectors are those that the file has.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::model::offset_file::OffsetEntry;
use crate::model::offset_key::OffsetKey;
use crate::model::rest::{ANY_WORKER, put_command};
use crate::model::worker_config::{Isolation, SourceStores};
use crate::plan::findings::Findings;
use crate::plan::findings::offsets::{self as told, InTopic};
use crate::plan::findings::own_store::{Remedies, Sought};
use crate::plan::positions::{self, OfConnector, Sorted};
use crate::plan::seed::{self, Compared, Seeding, Wanted};
use crate::plan::{
    Class, Finding, OffsetsFile, OwnOffsets, Rename, SeedRecord, Stopped, StoredConnector,
    StoredOffsets,
};
use crate::protocol::partitioner::partition_of;

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub struct SeedChoices {
    /// Only these connectors of the file, by their names there; empty: all.
    pub only: Vec<String>,
    pub renames: Vec<Rename>,
    pub overwrite_offsets: bool,
    /// `--source-stopped`: the user says that the worker which wrote the file is stopped.
    pub source_stopped: bool,
}

/// An offset topic as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OffsetTopic {
    pub name: String,
    pub partitions: i32,
    /// The record that holds for every key.
    pub stored: StoredOffsets,
    /// Records without a key, which no worker uses.
    pub null_keys: u64,
    /// Partitions with an open transaction.
    pub undecided: Vec<i32>,
    /// How `stored` was read, which is how the workers read it.
    pub isolation: Isolation,
}

/// The Connect cluster to seed into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeedTarget {
    pub topic: OffsetTopic,
    /// What is wrong with the topic itself, one sentence each.
    pub faults: Vec<String>,
    /// The connectors of the config topic.
    pub connectors: BTreeMap<String, StoredConnector>,
    /// Where the sources of the workers keep their positions.
    pub source_stores: SourceStores,
    /// What connectors to seed keep in offset topics of their own, by connector.
    pub own_offsets: BTreeMap<String, OwnOffsets>,
}

/// The finished decision.
#[derive(Debug, Clone)]
pub struct SeedPlan {
    pub topic: String,
    pub partitions: i32,
    pub connectors: Vec<SeedConnector>,
    /// To produce: absent from the topic or different there.
    pub records: Vec<SeedRecord>,
    pub findings: Vec<Finding>,
    pub stopped: Stopped,
}

/// One connector of the file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SeedConnector {
    pub name: String,
    /// The name before `--rename`.
    pub old_name: String,
    /// Positions in the file that say where to go on.
    pub positions: usize,
    /// Records to produce for it.
    pub to_seed: usize,
}

/// Inputs that do not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    #[error("no entry of {place} belongs to connector {connector}")]
    UnknownConnector { place: String, connector: String },
    #[error("connector {old} cannot become {new}: {why}")]
    RenameRefused {
        old: String,
        new: String,
        why: &'static str,
    },
}

impl OffsetTopic {
    /// Puts what a connector's own offset topic holds in the place of all that this one holds of it: what only the workers'
    /// topic has is never found, see [`own_store`].
    pub fn replace(&mut self, own: &OffsetTopic, connector: &str) {
        let of_connector =
            |key: &Bytes| OffsetKey::parse(key).is_ok_and(|key| key.connector() == connector);
        self.stored.retain(|key, _| !of_connector(key));
        for (key, record) in &own.stored {
            if record.value.is_none() || !of_connector(key) {
                continue;
            }
            let at_home = record.partition == partition_of(key, own.partitions);
            let mut record = record.clone();
            if at_home {
                record.partition = partition_of(key, self.partitions);
            }
            self.stored.insert(key.clone(), record);
        }
        self.stored.sort_unstable_keys();
    }
}

impl SeedPlan {
    /// Returns the findings that stop this plan.
    pub fn blocked(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.class == Class::Block)
    }
}

/// Returns the names under which the connectors of a file are seeded.
///
/// # Errors
/// As [`make`].
pub fn names(file: &OffsetsFile, choices: &SeedChoices) -> Result<Vec<String>, SeedError> {
    let place = file.path.display().to_string();
    let sorted = positions::sort(&file.entries, &choices.renames);
    let sorted = selected(sorted, &choices.only, &choices.renames, &place)?;
    Ok(new_names(&sorted, &choices.renames))
}

/// Decides what to produce.
///
/// # Errors
/// A name that is not in the file, or a rename onto another connector's name.
pub fn make(
    file: &OffsetsFile,
    choices: &SeedChoices,
    target: &SeedTarget,
) -> Result<SeedPlan, SeedError> {
    let place = file.path.display().to_string();
    let sorted = positions::sort(&file.entries, &choices.renames);
    let sorted = selected(sorted, &choices.only, &choices.renames, &place)?;
    let names = new_names(&sorted, &choices.renames);
    let wanted: Vec<Wanted<'_>> = sorted
        .of
        .iter()
        .zip(&names)
        .map(|((_, of), name)| Wanted {
            name,
            positions: &of.positions,
            is_source: true,
            moved: false,
            overwrite: choices.overwrite_offsets,
        })
        .collect();
    let topic = &target.topic;
    let seeding = seed::compare(&wanted, &topic.stored, Some(topic.partitions));
    let stopped = known_stopped(choices);
    let accept = BTreeSet::new();
    let mut findings = Findings::new(&accept);
    of_topic_itself(target, &mut findings);
    if let (Stopped::Unknown(why), false) = (&stopped, seeding.records.is_empty()) {
        findings.block(
            "P8",
            place.as_str(),
            format!("{place}: {why}: the standalone worker may still be running"),
            "stop it, and say so with --source-stopped; its last flush must be in the file",
        );
    }
    of_entries(&place, file, &sorted, &mut findings);
    for ((name, of), compared) in names.iter().zip(sorted.of.values()).zip(&seeding.of) {
        told::entries_of(name, of, &mut findings);
        told::resets_of(name, compared, &mut findings);
        of_target(name, compared, choices, target, &mut findings);
        of_own_store(name, of, compared, target, &mut findings);
    }
    Ok(SeedPlan {
        topic: topic.name.clone(),
        partitions: topic.partitions,
        connectors: connectors(&names, &sorted, &seeding),
        records: seeding.records,
        findings: findings.sorted(),
        stopped,
    })
}

fn of_target(
    name: &str,
    compared: &Compared,
    choices: &SeedChoices,
    target: &SeedTarget,
    findings: &mut Findings<'_>,
) {
    let stored = target.connectors.get(name);
    let at_rest = stored.is_none_or(StoredConnector::is_at_rest);
    if compared.to_seed > 0 && !at_rest {
        findings.block(
            "P20",
            name,
            format!("{name} is not at rest in the distributed cluster: a position that is written now is overwritten by its task, or taken at some later start"),
            format!("stop it first: {}", put_command(ANY_WORKER, &[name], "stop")),
        );
    }
    let in_topic = InTopic {
        connector: name,
        at_rest,
        has_run: stored.is_some_and(|stored| stored.has_run),
        overwrite: choices.overwrite_offsets,
        another_topic: ANOTHER_TOPIC,
    };
    in_topic.find(compared, findings);
}

/// What is seeded must be found by the connector that is registered under the name.
///
/// One that has run lives on what it wrote: its own topic has other positions than the file, and that is wrong only where it is
/// to go on from the file's.
fn of_own_store(
    name: &str,
    of: &OfConnector,
    compared: &Compared,
    target: &SeedTarget,
    findings: &mut Findings<'_>,
) {
    let Some(stored) = target.connectors.get(name) else {
        return;
    };
    let (stores, workers) = (&target.source_stores, target.topic.name.as_str());
    let sought = Sought {
        place: "the config topic",
        name,
        remedies: Remedies::OfSeed,
    };
    let Some(own) = stored.own_store(stores, workers) else {
        return;
    };
    if stored.has_run && compared.to_seed == 0 {
        sought.lives_there(&own, findings);
    } else {
        sought.judge(&own, target.own_offsets.get(name), of, findings);
    }
}

/// How to go on from a topic in which a key is in a wrong partition: nothing can be taken out of a partition, and a
/// tombstone would reach a worker after, or instead of, the live record.
const ANOTHER_TOPIC: &str = "a tombstone is no remedy, it could erase the live offset: name a new offset.storage.topic in the worker file, connectctl topics create, and seed that one";

/// Nothing that is looked at here proves it: a worker whose sources are idle leaves its file alone too.
fn known_stopped(choices: &SeedChoices) -> Stopped {
    if choices.source_stopped {
        Stopped::Asserted
    } else {
        let why = "neither the worker's REST API nor its sinks' groups are looked at here";
        Stopped::Unknown(why.to_owned())
    }
}

/// Says that what holds in the topic is not decided yet.
pub fn undecided(topic: &OffsetTopic) -> Option<String> {
    open_transaction(&topic.name, &topic.undecided, topic.isolation)
}

/// Says what open transactions mean for those who read the topic like this.
pub(super) fn open_transaction(
    topic: &str,
    undecided: &[i32],
    isolation: Isolation,
) -> Option<String> {
    let partitions: Vec<String> = undecided.iter().map(ToString::to_string).collect();
    let meaning = match isolation {
        Isolation::ReadCommitted => {
            "positions behind it are not seen here, and workers of this file wait for its end; workers without exactly-once support take them as they are"
        }
        Isolation::ReadUncommitted => {
            "workers of this file take its positions as they are, and lose them when it is aborted"
        }
    };
    (!partitions.is_empty()).then(|| {
        let partitions = partitions.join(", ");
        format!("topic {topic}: a transaction is open in partition {partitions}: {meaning}")
    })
}

/// How an open transaction ends.
pub(super) const UNTIL_DECIDED: &str = "stop the connector, or wait: a transaction whose task is gone is aborted after its transaction.timeout.ms (a minute); then run the same command again";

fn of_topic_itself(target: &SeedTarget, findings: &mut Findings<'_>) {
    if let Some(open) = undecided(&target.topic) {
        let topic = target.topic.name.as_str();
        findings.block("open-transaction", topic, open, UNTIL_DECIDED);
    }
    for fault in &target.faults {
        let topic = &target.topic.name;
        findings.block(
            "P4",
            topic.as_str(),
            format!("topic {topic}: {fault}: offsets would not last in it"),
            "connectctl topics repair --worker-config FILE",
        );
    }
}

fn of_entries(place: &str, file: &OffsetsFile, sorted: &Sorted, findings: &mut Findings<'_>) {
    if sorted.unusable.count > 0 {
        let message = told::unusable(place, file.entries.len(), &sorted.unusable);
        let remedy = "the file was written by another internal converter; decode it first";
        if sorted.of.is_empty() {
            findings.block("P27", place, message, remedy);
        } else {
            findings.warn(
                "P27",
                place,
                message,
                "they are left out: no worker would use them",
            );
        }
    }
    told::leftovers(place, sorted.null_keys, file.trailing, findings);
}

fn connectors(names: &[String], sorted: &Sorted, seeding: &Seeding) -> Vec<SeedConnector> {
    let compared = seeding.of.iter();
    names
        .iter()
        .zip(&sorted.of)
        .zip(compared)
        .map(|((name, (old_name, of)), compared)| SeedConnector {
            name: name.clone(),
            old_name: old_name.clone(),
            positions: of.live(),
            to_seed: compared.to_seed,
        })
        .collect()
}

/// Keeps the connectors asked for and makes sure that every name means one of them.
pub(super) fn selected(
    mut sorted: Sorted,
    only: &[String],
    renames: &[Rename],
    place: &str,
) -> Result<Sorted, SeedError> {
    let renamed = renames.iter().map(|rename| &rename.old);
    if let Some(unknown) = only
        .iter()
        .chain(renamed)
        .find(|name| !sorted.of.contains_key(*name))
    {
        return Err(SeedError::UnknownConnector {
            place: place.to_owned(),
            connector: unknown.clone(),
        });
    }
    if !only.is_empty() {
        sorted.of.retain(|name, _| only.contains(name));
    }
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (name, old_name) in new_names(&sorted, renames).iter().zip(sorted.of.keys()) {
        if !taken.insert(name.clone()) {
            let rename = renames.iter().find(|r| r.new == *name);
            return Err(SeedError::RenameRefused {
                old: rename.map_or_else(|| old_name.clone(), |r| r.old.clone()),
                new: name.clone(),
                why: "another connector there has that name, and their positions would be merged",
            });
        }
    }
    Ok(sorted)
}

/// Returns the names after the renames, in the order of the connectors.
pub(super) fn new_names(sorted: &Sorted, renames: &[Rename]) -> Vec<String> {
    let new_name = |old: &String| {
        let rename = renames.iter().find(|rename| rename.old == *old);
        rename.map_or_else(|| old.clone(), |rename| rename.new.clone())
    };
    sorted.of.keys().map(new_name).collect()
}

/// Returns what is odd about the entries of a file as they are.
pub fn findings_of_file(file: &OffsetsFile) -> Vec<Finding> {
    let accept = BTreeSet::new();
    let mut findings = Findings::new(&accept);
    let place = file.path.display().to_string();
    let sorted = positions::sort(&file.entries, &[]);
    of_entries(&place, file, &sorted, &mut findings);
    for (name, of) in &sorted.of {
        told::entries_of(name, of, &mut findings);
    }
    findings.sorted()
}

/// Returns what is odd about the records of an offset topic: keys in two partitions first of all.
pub fn findings_of_topic(topic: &OffsetTopic) -> Vec<Finding> {
    let accept = BTreeSet::new();
    let mut findings = Findings::new(&accept);
    let sorted = positions::sort(&entries(topic), &[]);
    let place = format!("topic {}", topic.name);
    if sorted.unusable.count > 0 {
        let message = told::unusable(&place, topic.stored.len(), &sorted.unusable);
        findings.warn("P27", place.as_str(), message, "no worker uses them");
    }
    if let Some(open) = undecided(topic) {
        findings.warn("open-transaction", place.as_str(), open, UNTIL_DECIDED);
    }
    let null_keys = usize::try_from(topic.null_keys).unwrap_or(usize::MAX);
    told::leftovers(&place, null_keys, 0, &mut findings);
    for ((name, of), compared) in sorted.of.iter().zip(as_it_lies(&sorted, topic)) {
        told::entries_of(name, of, &mut findings);
        if compared.doubled.count > 0 {
            let message = told::doubled(name, &compared.doubled);
            findings.block("P11", name.as_str(), message, ANOTHER_TOPIC);
        }
        if compared.misplaced.count > 0 {
            let message = told::misplaced(name, &compared.misplaced);
            findings.warn("P13", name.as_str(), message, ANOTHER_TOPIC);
        }
        if compared.unsettled.count > 0 {
            let message = told::unsettled(name, &compared);
            findings.warn(told::ABORTED, name.as_str(), message, "");
        }
    }
    findings.sorted()
}

/// Returns the topic's records as entries of a file, tombstones included, in the order of their keys.
pub(super) fn entries(topic: &OffsetTopic) -> Vec<OffsetEntry> {
    let stored = topic.stored.iter();
    stored
        .map(|(key, record)| OffsetEntry {
            key: Some(key.clone()),
            value: record.value.clone(),
        })
        .collect()
}

/// Returns per connector of `sorted` which of its keys are not where they should be in the topic.
pub(super) fn as_it_lies(sorted: &Sorted, topic: &OffsetTopic) -> Vec<Compared> {
    let wanted: Vec<Wanted<'_>> = sorted
        .of
        .keys()
        .map(|name| Wanted {
            name,
            positions: &[],
            is_source: true,
            moved: true,
            overwrite: false,
        })
        .collect();
    seed::compare(&wanted, &topic.stored, Some(topic.partitions)).of
}

#[cfg(test)]
mod tests;
