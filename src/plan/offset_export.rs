//! What `offsets export` writes: the positions of an offset topic as the entries of a standalone worker's file.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::offset_file::OffsetEntry;
use crate::model::rest::{ANY_WORKER, put_command};
use crate::model::worker_config::{OwnStore, Place};
use crate::plan::findings::Findings;
use crate::plan::findings::offsets as told;
use crate::plan::findings::own_store::CLEAR;
use crate::plan::offset_seed::{
    OffsetTopic, SeedError, UNTIL_DECIDED, as_it_lies, entries, new_names, selected, undecided,
};
use crate::plan::{Class, Finding, Rename, offset_truth, positions};

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub struct ExportChoices {
    /// Only these connectors, by their names in the topic; empty: all.
    pub only: Vec<String>,
    pub renames: Vec<Rename>,
    /// Ids of findings that do not stop the export.
    pub accept: BTreeSet<String>,
}

/// The finished decision.
#[derive(Debug, Clone)]
pub struct ExportPlan {
    /// Every position that says where to go on. A reset one is left out: without an entry, a connector starts over.
    pub entries: Vec<OffsetEntry>,
    pub connectors: Vec<ExportConnector>,
    pub findings: Vec<Finding>,
}

/// One connector of the topic.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ExportConnector {
    pub name: String,
    /// The name in the topic.
    pub old_name: String,
    /// Positions that are written.
    pub positions: usize,
}

impl ExportPlan {
    /// Returns the findings that stop this plan.
    pub fn blocked(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|f| f.class == Class::Block && !f.accepted)
    }
}

/// What is known of connectors beside the topic, by connector.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// Why its positions still move.
    pub at_work: BTreeMap<String, String>,
    /// The store that it has, or may have, beside the workers' topic, and that was not read for what it is.
    pub own: BTreeMap<String, OwnStore>,
    /// What is said of an open transaction in the topic that it has of its own.
    pub open: BTreeMap<String, String>,
}

/// Decides what to write.
///
/// # Errors
/// A name that the topic does not have, or a rename onto another connector's name.
pub fn make(
    topic: &OffsetTopic,
    choices: &ExportChoices,
    beside: &Circumstances,
) -> Result<ExportPlan, SeedError> {
    let place = format!("topic {}", topic.name);
    let sorted = positions::sort(&entries(topic), &choices.renames);
    let sorted = selected(sorted, &choices.only, &choices.renames, &place)?;
    let mut findings = Findings::new(&choices.accept);
    if let Some(open) = undecided(topic) {
        findings.warn("open-transaction", place.as_str(), open, UNTIL_DECIDED);
    }
    if sorted.unusable.count > 0 {
        let message = told::unusable(&place, topic.stored.len(), &sorted.unusable);
        findings.warn(
            "P27",
            place.as_str(),
            message,
            "they are left out: no worker uses them",
        );
    }
    of_own_stores(choices, beside, &mut findings);
    for ((name, of), compared) in sorted.of.iter().zip(as_it_lies(&sorted, topic)) {
        told::entries_of(name, of, &mut findings);
        if compared.doubled.count > 0 {
            let message = told::doubled(name, &compared.doubled);
            findings.block("P11", name.as_str(), message, OTHER_WAYS);
        }
        if compared.unsettled.count > 0 {
            let message = told::unsettled(name, &compared);
            if compared.fleeting {
                findings.block(told::ABORTED, name.as_str(), message, ACCEPT_ABORTED);
            } else {
                findings.warn(told::ABORTED, name.as_str(), message, "");
            }
        }
        if let Some(why) = beside.at_work.get(name).filter(|_| of.live() > 0) {
            findings.block(
                "P20",
                name.as_str(),
                format!("{name} is at work ({why}): what it delivers from now on would be delivered again by a worker that starts from this file"),
                format!("stop it, then export again: {}; or --accept P20, for a copy that no worker is to start from", put_command(ANY_WORKER, &[name], "stop")),
            );
        }
    }
    let connectors = new_names(&sorted, &choices.renames)
        .into_iter()
        .zip(&sorted.of)
        .map(|(name, (old_name, of))| ExportConnector {
            name,
            old_name: old_name.clone(),
            positions: of.live(),
        })
        .collect();
    let positions = sorted.of.into_values().flat_map(|of| of.positions);
    Ok(ExportPlan {
        entries: positions
            .filter(|position| position.value.is_some())
            .map(|position| OffsetEntry {
                key: Some(position.key),
                value: position.value,
            })
            .collect(),
        connectors,
        findings: findings.sorted(),
    })
}

fn of_own_stores(choices: &ExportChoices, beside: &Circumstances, findings: &mut Findings<'_>) {
    let is_asked = |name: &String| choices.only.is_empty() || choices.only.contains(name);
    for (name, open) in beside.open.iter().filter(|(name, _)| is_asked(name)) {
        findings.warn("open-transaction", name.as_str(), open, UNTIL_DECIDED);
    }
    for (name, own) in beside.own.iter().filter(|(name, _)| is_asked(name)) {
        if own.place.is_unclear() {
            let message = offset_truth::unclear("the config topic", name, &own.topic);
            findings.warn("P42", name.as_str(), message, CLEAR);
        }
        let Some(place) = offset_truth::unread(own) else {
            continue;
        };
        let first = match own.place {
            Place::Unnamed => format!("{}; ", offset_truth::NAME_IT),
            _ => String::new(),
        };
        findings.block(
            "P42",
            name.as_str(),
            format!("{name} has its positions in {place}"),
            format!("{first}--connector NAME exports the others; or --accept P42:{name}, for the copies in the workers' topic, which may be older"),
        );
    }
}

/// What can be done when the workers' positions are not what was committed.
const ACCEPT_ABORTED: &str = "let the connector run until it writes another position; or --accept aborted-records, for what its tasks would find if they started now";

/// What can be done when the topic does not say which of two positions holds.
const OTHER_WAYS: &str = "a tombstone is no remedy, it could erase the live offset; offsets show prints both records. A running worker knows which one it took: connectctl capture --source-url URL. --connector NAME exports the others; --accept P11 takes the record where the key's next one goes";

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::model::worker_config::Isolation;
    use crate::plan::offset_seed::{self, SeedChoices, SeedTarget};
    use crate::plan::{Elsewhere, OffsetsFile, StoredOffset};
    use crate::protocol::partitioner;

    fn topic(records: &[(&str, Option<&str>)]) -> OffsetTopic {
        let stored = records.iter().map(|(key, value)| {
            let key = Bytes::copy_from_slice(key.as_bytes());
            let record = StoredOffset {
                partition: partitioner::partition_of(&key, 25),
                offset: 0,
                value: value.map(|v| Bytes::copy_from_slice(v.as_bytes())),
                elsewhere: Vec::new(),
                otherwise: None,
            };
            (key, record)
        });
        OffsetTopic {
            name: "t".to_owned(),
            partitions: 25,
            stored: stored.collect(),
            null_keys: 0,
            undecided: Vec::new(),
            isolation: Isolation::default(),
        }
    }

    fn nothing() -> Circumstances {
        Circumstances::default()
    }

    #[test]
    fn live_positions_become_entries_and_reset_ones_do_not() {
        let topic = topic(&[
            (r#"["a",{"n":1.5}]"#, Some("{\"p\": 1}")),
            (r#"["a",{"n":2}]"#, None),
            (r#"["b",{}]"#, Some("{}")),
            ("rubbish", Some("{}")),
        ]);
        let plan = make(&topic, &ExportChoices::default(), &nothing()).unwrap();
        let keys: Vec<_> = plan.entries.iter().filter_map(|e| e.key.clone()).collect();
        assert_eq!(keys, [r#"["a",{"n":1.5}]"#, r#"["b",{}]"#]);
        assert_eq!(plan.entries[0].value.as_deref(), Some(&b"{\"p\": 1}"[..]));
        assert_eq!(plan.findings[0].id, "P27");
        assert_eq!(plan.blocked().count(), 0);
    }

    #[test]
    fn a_connector_can_be_chosen_and_given_its_old_name_back() {
        let topic = topic(&[(r#"["a",{}]"#, Some("{}")), (r#"["b",{}]"#, Some("{}"))]);
        let choices = ExportChoices {
            only: vec!["b".to_owned()],
            renames: vec![Rename {
                old: "b".to_owned(),
                new: "a".to_owned(),
            }],
            ..ExportChoices::default()
        };
        let plan = make(&topic, &choices, &nothing()).unwrap();
        assert_eq!(plan.entries.len(), 1);
        assert_eq!(plan.entries[0].key.as_deref(), Some(&br#"["a",{}]"#[..]));
        let unknown = ExportChoices {
            only: vec!["c".to_owned()],
            ..ExportChoices::default()
        };
        let error = make(&topic, &unknown, &nothing()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no entry of topic t belongs to connector c"
        );
    }

    #[test]
    fn a_running_connector_stops_it_unless_that_is_accepted_and_so_does_a_key_in_two_partitions() {
        let mut topic = topic(&[(r#"["a",{}]"#, Some("{}"))]);
        let at_work = Circumstances {
            at_work: BTreeMap::from([("a".to_owned(), "1 running task".to_owned())]),
            ..nothing()
        };
        let plan = make(&topic, &ExportChoices::default(), &at_work).unwrap();
        assert_eq!(plan.blocked().next().map(|f| f.id.as_str()), Some("P20"));
        let accepted = ExportChoices {
            accept: BTreeSet::from(["P20".to_owned()]),
            ..ExportChoices::default()
        };
        let plan = make(&topic, &accepted, &at_work).unwrap();
        assert_eq!((plan.blocked().count(), &*plan.findings[0].id), (0, "P20"));
        for record in topic.stored.values_mut() {
            record.elsewhere = vec![Elsewhere {
                partition: 1,
                value: Some(Bytes::from_static(b"{\"p\":2}")),
            }];
        }
        let plan = make(&topic, &ExportChoices::default(), &nothing()).unwrap();
        assert_eq!(plan.blocked().next().map(|f| f.id.as_str()), Some("P11"));
        let accepted = ExportChoices {
            accept: BTreeSet::from(["P11".to_owned()]),
            ..ExportChoices::default()
        };
        let plan = make(&topic, &accepted, &nothing()).unwrap();
        assert_eq!((plan.blocked().count(), plan.entries.len()), (0, 1));
    }

    #[test]
    fn a_connector_whose_offset_topic_is_not_seen_stops_it_unless_others_are_asked_for() {
        let topic = topic(&[(r#"["a",{}]"#, Some("{}")), (r#"["b",{}]"#, Some("{}"))]);
        let all = ExportChoices::default();
        let own = |place| Circumstances {
            own: BTreeMap::from([(
                "a".to_owned(),
                OwnStore {
                    topic: "own".to_owned(),
                    place,
                    is_named: true,
                },
            )]),
            ..nothing()
        };
        let told = |place| {
            let plan = make(&topic, &all, &own(place)).unwrap();
            let ids: Vec<_> = plan.findings.iter().map(|f| f.id.as_str()).collect();
            assert_eq!(ids, ["P42"], "{place:?}");
            (plan.blocked().count(), plan.findings[0].clone())
        };
        let (blocked, finding) = told(Place::Elsewhere);
        assert_eq!(blocked, 1);
        assert!(finding.message.contains("of another Kafka"), "{finding:?}");
        let (blocked, finding) = told(Place::Unnamed);
        assert_eq!(blocked, 1);
        assert!(!finding.message.contains("cluster"), "{finding:?}");
        assert!(finding.message.contains("that own stands for"));
        assert!(finding.remedy.contains("write the topic's name"));
        for place in [Place::HereOrElsewhere, Place::WorkersOrElsewhere] {
            assert_eq!(told(place).0, 0, "{place:?}");
        }
        for place in [Place::Elsewhere, Place::Unnamed] {
            let other = ExportChoices {
                only: vec!["b".to_owned()],
                ..all.clone()
            };
            let plan = make(&topic, &other, &own(place)).unwrap();
            assert_eq!(plan.blocked().count(), 0);
            let accepted = ExportChoices {
                accept: BTreeSet::from(["P42:a".to_owned()]),
                ..all.clone()
            };
            let plan = make(&topic, &accepted, &own(place)).unwrap();
            assert_eq!((plan.blocked().count(), plan.entries.len()), (0, 2));
        }
    }

    #[test]
    fn a_transaction_that_is_open_in_a_connectors_own_topic_is_told() {
        let topic = topic(&[(r#"["a",{}]"#, Some("{}"))]);
        let open = Circumstances {
            open: BTreeMap::from([("a".to_owned(), "it is open".to_owned())]),
            ..nothing()
        };
        let plan = make(&topic, &ExportChoices::default(), &open).unwrap();
        assert_eq!(plan.findings[0].id, "open-transaction");
        assert_eq!(plan.findings[0].message, "it is open");
    }

    proptest::proptest! {
        /// There and back: what a file seeds into an empty topic is what the topic gives back.
        #[test]
        fn a_seeded_topic_is_exported_as_the_file_it_was_seeded_from(
            positions in proptest::collection::btree_map(
                ("[a-c é\"]{1,3}", "[a-z😀\\\\ ]{0,5}"),
                proptest::option::of(0..1_000_u32),
                0..20,
            ),
            partitions in 1..30_i32,
        ) {
            let entries: Vec<OffsetEntry> = positions
                .iter()
                .map(|((connector, file), position)| OffsetEntry {
                    key: Some(serde_json::json!([connector, {"f": file}]).to_string().into()),
                    value: position.map(|p| format!(r#"{{"position":{p}}}"#).into()),
                })
                .collect();
            let live = |entries: &[OffsetEntry]| {
                let live = entries.iter().filter(|entry| entry.value.is_some());
                let mut live: Vec<_> = live.map(|e| (e.key.clone(), e.value.clone())).collect();
                live.sort();
                live
            };
            let file = OffsetsFile {
                path: "/o".into(),
                sha256: String::new(),
                length: 1,
                age_ms: None,
                trailing: 0,
                entries: entries.clone(),
            };
            let mut target = SeedTarget::default();
            target.topic.partitions = partitions;
            let choices = SeedChoices::default();
            let seed = offset_seed::make(&file, &choices, &target).unwrap();
            for record in seed.records {
                let stored = StoredOffset {
                    partition: record.partition.unwrap(),
                    offset: 0,
                    value: record.value,
                    elsewhere: Vec::new(),
                    otherwise: None,
                };
                target.topic.stored.insert(record.key, stored);
            }
            let back = make(&target.topic, &ExportChoices::default(), &nothing()).unwrap();
            proptest::prop_assert_eq!(live(&back.entries), live(&entries));
            let again = offset_seed::make(&file, &choices, &target).unwrap();
            proptest::prop_assert!(again.records.is_empty());
        }
    }
}
