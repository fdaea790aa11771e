//! Which records `offsets seed` produces, decided from the file and the topic before anything is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;

use crate::model::offset_file::OffsetEntry;
use crate::model::offset_key::{OffsetKey, OffsetKeyError, is_no_offset, unwrap_envelope};
use crate::plan::{Class, Finding, Rename, SeedRecord, StoredOffset};
use crate::protocol::partitioner;

/// The finished decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeedPlan {
    /// To produce: absent from the topic or different there, in the order of the file.
    pub records: Vec<SeedRecord>,
    /// Every record of the file as the topic must hold it afterwards, `records` included.
    pub expected: Vec<SeedRecord>,
    /// Keys for which the topic holds another value.
    pub conflicts: Vec<Conflict>,
    /// Keys of the file that have a record outside the partition where a worker writes them: which record a worker
    /// would take is a matter of timing, so nothing can be seeded safely.
    pub astray: Vec<Bytes>,
    /// Warnings about entries that are left out or that a worker will not find.
    pub findings: Vec<Finding>,
}

/// The topic has an offset of its own for a key of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub connector: String,
    pub key: Bytes,
    /// `None`: a tombstone.
    pub stored: Option<Bytes>,
    pub wanted: Option<Bytes>,
    pub partition: i32,
    pub offset: i64,
}

/// Why a file cannot be seeded at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedRefusal {
    #[error("no entry of the file belongs to connector {0:?}, which is to be renamed")]
    UnknownRename(String),
    #[error(
        "two entries of the file have the key {key} and different values; a worker would keep one of them by chance"
    )]
    Ambiguous { key: String },
    #[error("none of the {entries} keys is one of Connect's: the first is {reason}")]
    NotConnect {
        entries: usize,
        reason: OffsetKeyError,
    },
}

/// Decides what to produce. `partitions` is the topic's own count; `stored` what it holds, by key.
pub fn plan_seed(
    entries: &[OffsetEntry],
    renames: &[Rename],
    stored: &BTreeMap<Bytes, StoredOffset>,
    partitions: i32,
) -> Result<SeedPlan, SeedRefusal> {
    let mut plan = SeedPlan::default();
    let wanted = wanted(entries, renames, partitions, &mut plan.findings)?;
    for record in wanted {
        let held = stored.get(&record.key);
        let held_value = held.and_then(|h| h.value.as_ref());
        if record.value.is_none() && held_value.is_none() {
            continue;
        }
        let astray =
            held.is_some_and(|h| Some(h.partition) != record.partition || !h.elsewhere.is_empty());
        if astray {
            plan.astray.push(record.key.clone());
        }
        let equal = held_value == record.value.as_ref();
        if let Some(held) = held.filter(|h| h.value.is_some() && !equal) {
            plan.conflicts.push(Conflict {
                connector: record.connector.clone(),
                key: record.key.clone(),
                stored: held.value.clone(),
                wanted: record.value.clone(),
                partition: held.partition,
                offset: held.offset,
            });
        }
        if !equal {
            plan.records.push(record.clone());
        }
        plan.expected.push(record);
    }
    plan.findings.extend(misplaced(stored, partitions));
    Ok(plan)
}

/// Returns the findings about keys of a topic that lie in two partitions, or where no worker writes them (P11).
pub fn misplaced(stored: &BTreeMap<Bytes, StoredOffset>, partitions: i32) -> Vec<Finding> {
    stored
        .iter()
        .filter_map(|(key, record)| {
            let home = partitioner::partition_of(key, partitions);
            let others: Vec<_> = record.elsewhere.iter().map(ToString::to_string).collect();
            let message = if !others.is_empty() {
                format!(
                    "the key has records in partition {} and in {}: which of them a worker takes may change at every start",
                    record.partition,
                    others.join(", ")
                )
            } else if record.partition != home {
                format!(
                    "the record lies in partition {}, a worker writes this key to {home}: from its next write on the key is in two partitions",
                    record.partition
                )
            } else {
                return None;
            };
            let remedy = format!(
                "no record can be taken out of a partition: seed a new offset topic, in which the key is in partition \
                 {home} of {partitions} only"
            );
            Some(warning("P11", text(key), message, remedy))
        })
        .collect()
}

/// Returns the findings about entries of a file as they are, for `offsets show` and `offsets seed`.
pub fn findings_of(entries: &[OffsetEntry]) -> Vec<Finding> {
    entries.iter().flat_map(entry_findings).collect()
}

fn wanted(
    entries: &[OffsetEntry],
    renames: &[Rename],
    partitions: i32,
    findings: &mut Vec<Finding>,
) -> Result<Vec<SeedRecord>, SeedRefusal> {
    let mut index: HashMap<Bytes, usize> = HashMap::with_capacity(entries.len());
    let mut wanted: Vec<Wanted> = Vec::with_capacity(entries.len());
    let mut first_error = None;
    let mut names = BTreeSet::new();
    for entry in entries {
        findings.extend(entry_findings(entry));
        match Wanted::of(entry, renames, partitions) {
            Ok(None) => {}
            Ok(Some((old_name, record))) => {
                if !renames.is_empty() {
                    names.insert(old_name);
                }
                let at = *index
                    .entry(record.record.key.clone())
                    .or_insert(wanted.len());
                match wanted.get_mut(at) {
                    Some(earlier) => earlier.meet(record)?,
                    None => wanted.push(record),
                }
            }
            Err(reason) => first_error = first_error.or(Some(reason)),
        }
    }
    if let (true, Some(reason)) = (wanted.is_empty(), first_error) {
        let entries = entries.len();
        return Err(SeedRefusal::NotConnect { entries, reason });
    }
    match renames.iter().find(|rename| !names.contains(&rename.old)) {
        Some(rename) => Err(SeedRefusal::UnknownRename(rename.old.clone())),
        None => Ok(wanted.into_iter().map(|wanted| wanted.record).collect()),
    }
}

/// A record that the file asks for.
struct Wanted {
    record: SeedRecord,
    /// It came out of an envelope.
    unwrapped: bool,
}

impl Wanted {
    /// Returns the connector's name before any rename, and the record; `None` for a null key.
    fn of(
        entry: &OffsetEntry,
        renames: &[Rename],
        partitions: i32,
    ) -> Result<Option<(String, Self)>, OffsetKeyError> {
        let unwrapped = unwrap_envelope(entry)?;
        let plain = unwrapped.as_ref().unwrap_or(entry);
        let Some(raw) = &plain.key else {
            return Ok(None);
        };
        let key = OffsetKey::parse(raw)?;
        let old_name = key.connector().to_owned();
        let rename = renames.iter().find(|rename| rename.old == old_name);
        let (connector, key) = match rename {
            Some(rename) => (rename.new.clone(), key.renamed(&rename.new)),
            None => (old_name.clone(), raw.clone()),
        };
        let partition = partitioner::partition_of(&key, partitions);
        let value = plain.value.clone().filter(|value| !is_no_offset(value));
        let record = SeedRecord {
            connector,
            key,
            value,
            partition: Some(partition),
        };
        let unwrapped = unwrapped.is_some();
        Ok(Some((old_name, Self { record, unwrapped })))
    }

    /// Meets another entry with the same key.
    ///
    /// A worker since 3.0 that read a file with envelopes wrote plain entries beside them: the plain one is newer.
    fn meet(&mut self, other: Self) -> Result<(), SeedRefusal> {
        match (self.unwrapped, other.unwrapped) {
            (true, false) => *self = other,
            (false, true) => {}
            _ if self.record.value == other.record.value => {}
            _ => {
                let key = text(&self.record.key);
                return Err(SeedRefusal::Ambiguous { key });
            }
        }
        Ok(())
    }
}

fn entry_findings(entry: &OffsetEntry) -> Vec<Finding> {
    let Some(raw) = &entry.key else {
        let message = "an entry has a null key: no worker uses it, it is left out".to_owned();
        return vec![warning(
            "P28",
            "null key".to_owned(),
            message,
            String::new(),
        )];
    };
    let subject = text(raw);
    let unwrapped = match unwrap_envelope(entry) {
        Ok(unwrapped) => unwrapped,
        Err(reason) => return vec![unusable(subject, &reason)],
    };
    let mut findings = Vec::new();
    if unwrapped.is_some() {
        findings.push(warning(
            "P26",
            subject.clone(),
            "the entry is in the envelope of an old internal converter, which a worker since 3.0 ignores".to_owned(),
            "seeding writes the payloads, byte for byte".to_owned(),
        ));
    }
    let plain = unwrapped.as_ref().unwrap_or(entry);
    match plain.key.as_ref().map(OffsetKey::parse) {
        None => {}
        Some(Err(reason)) => findings.push(unusable(subject.clone(), &reason)),
        Some(Ok(key)) => findings.extend(key.deviation().map(|deviation| {
            warning(
                "P10",
                subject.clone(),
                format!("no worker finds an offset under this key: {deviation}"),
                "the bytes are kept as they are; ask how the file was made".to_owned(),
            )
        })),
    }
    if plain.value.as_deref().is_none_or(is_no_offset) {
        findings.push(warning(
            "P28",
            subject,
            "the offset is null: it was reset, the connector starts from the beginning".to_owned(),
            String::new(),
        ));
    }
    findings
}

fn unusable(subject: String, reason: &OffsetKeyError) -> Finding {
    warning(
        "P27",
        subject,
        format!("the key is not one of Connect's: {reason}"),
        "the entry is left out; no worker would use it".to_owned(),
    )
}

fn warning(id: &str, subject: String, message: String, remedy: String) -> Finding {
    Finding {
        id: id.to_owned(),
        class: Class::Warn,
        subject,
        message,
        remedy,
        accepted: false,
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, value: &str) -> OffsetEntry {
        OffsetEntry {
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
        }
    }

    fn stored(key: &str, value: Option<&str>, partitions: i32) -> (Bytes, StoredOffset) {
        let key = Bytes::copy_from_slice(key.as_bytes());
        let record = StoredOffset {
            partition: partitioner::partition_of(&key, partitions),
            offset: 3,
            value: value.map(|v| Bytes::copy_from_slice(v.as_bytes())),
            elsewhere: Vec::new(),
        };
        (key, record)
    }

    const KEY: &str = r#"["a",{"file":"x"}]"#;

    #[test]
    fn an_empty_topic_gets_every_entry_at_its_murmur2_partition() {
        let key = r#"["file-src",{"filename":"/var/lib/connect/in.txt"}]"#;
        let plan = plan_seed(
            &[entry(key, r#"{"position":1}"#)],
            &[],
            &BTreeMap::new(),
            25,
        )
        .unwrap();
        assert_eq!(plan.records[0].partition, Some(14));
        assert_eq!(plan.records, plan.expected);
        assert!(plan.findings.is_empty());
    }

    #[test]
    fn equal_records_are_not_sent_again_and_different_ones_are_conflicts() {
        let held = BTreeMap::from([stored(KEY, Some(r#"{"p":1}"#), 5)]);
        let same = plan_seed(&[entry(KEY, r#"{"p":1}"#)], &[], &held, 5).unwrap();
        assert!(same.records.is_empty() && same.conflicts.is_empty());
        assert_eq!(same.expected.len(), 1);
        let other = plan_seed(&[entry(KEY, r#"{"p":2}"#)], &[], &held, 5).unwrap();
        assert_eq!((other.records.len(), other.conflicts.len()), (1, 1));
    }

    #[test]
    fn a_tombstone_in_the_topic_is_no_conflict() {
        let held = BTreeMap::from([stored(KEY, None, 5)]);
        let plan = plan_seed(&[entry(KEY, r#"{"p":2}"#)], &[], &held, 5).unwrap();
        assert_eq!((plan.records.len(), plan.conflicts.len()), (1, 0));
    }

    #[test]
    fn a_record_in_a_wrong_partition_stands_in_the_way() {
        let (key, mut record) = stored(KEY, Some("{}"), 5);
        record.partition = (record.partition + 1) % 5;
        let plan = plan_seed(
            &[entry(KEY, "{}")],
            &[],
            &BTreeMap::from([(key, record)]),
            5,
        )
        .unwrap();
        assert_eq!((plan.records.len(), plan.astray.len()), (0, 1));
    }

    #[test]
    fn a_reset_offset_is_written_only_over_a_value() {
        let reset = OffsetEntry {
            value: None,
            ..entry(KEY, "")
        };
        let plan = plan_seed(std::slice::from_ref(&reset), &[], &BTreeMap::new(), 5).unwrap();
        assert!(plan.records.is_empty());
        let held = BTreeMap::from([stored(KEY, Some("{}"), 5)]);
        let plan = plan_seed(&[reset], &[], &held, 5).unwrap();
        assert_eq!((plan.records.len(), plan.conflicts.len()), (1, 1));
        assert_eq!(plan.records[0].value, None);
    }

    #[test]
    fn a_rename_changes_the_name_and_the_partition_and_nothing_else() {
        let renames = [Rename {
            old: "a".to_owned(),
            new: "b \"é".to_owned(),
        }];
        let plan = plan_seed(&[entry(KEY, "{}")], &renames, &BTreeMap::new(), 25).unwrap();
        assert_eq!(
            &plan.records[0].key[..],
            r#"["b \"é",{"file":"x"}]"#.as_bytes()
        );
        assert_eq!(plan.records[0].connector, "b \"é");
        let missing = plan_seed(
            &[entry(r#"["c",{}]"#, "{}")],
            &renames,
            &BTreeMap::new(),
            25,
        );
        assert_eq!(missing, Err(SeedRefusal::UnknownRename("a".to_owned())));
    }

    #[test]
    fn a_rename_onto_a_connector_of_the_file_is_refused_when_their_offsets_differ() {
        let renames = [Rename {
            old: "b".to_owned(),
            new: "a".to_owned(),
        }];
        let entries = [
            entry(KEY, "{}"),
            entry(r#"["b",{"file":"x"}]"#, r#"{"p":1}"#),
        ];
        let refused = plan_seed(&entries, &renames, &BTreeMap::new(), 25);
        assert!(
            matches!(refused, Err(SeedRefusal::Ambiguous { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn odd_entries_are_findings() {
        let null_key = OffsetEntry {
            key: None,
            value: None,
        };
        let entries = [
            null_key,
            entry(r#"["a", {"file":"x"}]"#, "{}"),
            entry("rubbish", "{}"),
            entry(
                r#"{"schema":null,"payload":["a",{}]}"#,
                r#"{"schema":null,"payload":{"p":1}}"#,
            ),
        ];
        let plan = plan_seed(&entries, &[], &BTreeMap::new(), 5).unwrap();
        let ids: Vec<_> = plan.findings.iter().map(|f| f.id.as_str()).collect();
        assert_eq!(ids, ["P28", "P10", "P27", "P26"]);
        let keys: Vec<_> = plan.records.iter().map(|r| text(&r.key)).collect();
        assert_eq!(keys, [r#"["a", {"file":"x"}]"#, r#"["a",{}]"#]);
        assert_eq!(plan.records[1].value.as_deref(), Some(&br#"{"p":1}"#[..]));
    }

    #[test]
    fn a_plain_entry_is_newer_than_the_envelope_beside_it() {
        let envelope = entry(
            r#"{"schema":null,"payload":["a",{"file":"x"}]}"#,
            r#"{"schema":null,"payload":{"p":1}}"#,
        );
        let newer = entry(KEY, r#"{"p":2}"#);
        for entries in [[envelope.clone(), newer.clone()], [newer, envelope]] {
            let plan = plan_seed(&entries, &[], &BTreeMap::new(), 5).unwrap();
            assert_eq!(plan.records.len(), 1);
            assert_eq!(plan.records[0].value.as_deref(), Some(&br#"{"p":2}"#[..]));
        }
    }

    #[test]
    fn a_file_of_another_converter_is_refused() {
        let refused = plan_seed(&[entry("rubbish", "{}")], &[], &BTreeMap::new(), 5);
        assert!(
            matches!(refused, Err(SeedRefusal::NotConnect { entries: 1, .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_key_in_two_partitions_is_a_finding() {
        let (key, mut record) = stored(KEY, Some("{}"), 5);
        record.elsewhere = vec![0];
        let findings = misplaced(&BTreeMap::from([(key, record)]), 5);
        assert_eq!(findings[0].id, "P11");
        let (key, mut record) = stored(KEY, Some("{}"), 5);
        record.partition = (record.partition + 1) % 5;
        let findings = misplaced(&BTreeMap::from([(key, record)]), 5);
        assert!(
            findings[0].message.contains("a worker writes this key to"),
            "{findings:?}"
        );
    }
}
