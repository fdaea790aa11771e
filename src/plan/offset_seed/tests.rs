use bytes::Bytes;

use super::*;
use crate::plan::StoredOffset;
use crate::protocol::partitioner;

fn entry(key: &str, value: Option<&str>) -> OffsetEntry {
    OffsetEntry {
        key: Some(Bytes::copy_from_slice(key.as_bytes())),
        value: value.map(|v| Bytes::copy_from_slice(v.as_bytes())),
    }
}

fn file(entries: &[OffsetEntry]) -> OffsetsFile {
    OffsetsFile {
        path: "/o".into(),
        sha256: "0".repeat(64),
        length: 100,
        age_ms: Some(600_000),
        trailing: 0,
        entries: entries.to_vec(),
    }
}

const PARTITIONS: i32 = 25;

fn target(records: &[(&str, Option<&str>)]) -> SeedTarget {
    let stored = records.iter().map(|(key, value)| {
        let key = Bytes::copy_from_slice(key.as_bytes());
        let record = StoredOffset {
            partition: partitioner::partition_of(&key, PARTITIONS),
            offset: 3,
            value: value.map(|v| Bytes::copy_from_slice(v.as_bytes())),
            elsewhere: Vec::new(),
            otherwise: None,
        };
        (key, record)
    });
    SeedTarget {
        topic: OffsetTopic {
            name: "t".to_owned(),
            partitions: PARTITIONS,
            stored: stored.collect(),
            null_keys: 0,
            undecided: Vec::new(),
            isolation: Isolation::default(),
        },
        ..SeedTarget::default()
    }
}

fn planned(entries: &[OffsetEntry], choices: &SeedChoices, target: &SeedTarget) -> SeedPlan {
    make(&file(entries), choices, target).unwrap()
}

fn ids(findings: &[Finding]) -> Vec<(&str, Class)> {
    findings.iter().map(|f| (f.id.as_str(), f.class)).collect()
}

fn stored_connector(target: crate::model::connector_config::TargetState) -> StoredConnector {
    StoredConnector {
        config: indexmap::IndexMap::new(),
        target,
        has_run: true,
        may_have_run: true,
        running_tasks: 0,
    }
}

/// What every seeding needs to be told.
fn stopped() -> SeedChoices {
    SeedChoices {
        source_stopped: true,
        ..SeedChoices::default()
    }
}

const KEY: &str = r#"["a",{"file":"x"}]"#;
const OTHER: &str = r#"["a",{"file":"y"}]"#;

#[test]
fn an_empty_topic_gets_every_entry_at_its_murmur2_partition() {
    let key = r#"["file-src",{"filename":"/var/lib/connect/in.txt"}]"#;
    let entries = [entry(key, Some("{}")), entry(KEY, None)];
    let plan = planned(&entries, &stopped(), &target(&[]));
    assert_eq!(plan.records.len(), 1);
    assert_eq!(plan.records[0].partition, Some(14));
    assert_eq!(ids(&plan.findings), [("P28", Class::Fixed)]);
    assert_eq!(plan.stopped, Stopped::Asserted);
}

#[test]
fn equal_records_are_not_sent_again_and_different_ones_need_overwrite_offsets() {
    let same = [entry(KEY, Some("{}"))];
    let held = target(&[(KEY, Some("{}"))]);
    let plan = planned(&same, &stopped(), &held);
    assert!(plan.records.is_empty() && plan.findings.is_empty());
    let other = [entry(KEY, Some(r#"{"p":2}"#))];
    let plan = planned(&other, &stopped(), &held);
    assert_eq!(ids(&plan.findings), [("P57", Class::Block)]);
    let overwrite = SeedChoices {
        overwrite_offsets: true,
        ..stopped()
    };
    let plan = planned(&other, &overwrite, &held);
    assert_eq!(ids(&plan.findings), [("P57", Class::Warn)]);
    assert_eq!(plan.records.len(), 1);
}

#[test]
fn positions_that_only_the_topic_has_end_with_overwrite_offsets_and_stop_without() {
    let entries = [entry(KEY, Some("{}"))];
    let held = target(&[(OTHER, Some("{}"))]);
    let plan = planned(&entries, &stopped(), &held);
    assert_eq!(ids(&plan.findings), [("P57", Class::Block)]);
    let overwrite = SeedChoices {
        overwrite_offsets: true,
        ..stopped()
    };
    let plan = planned(&entries, &overwrite, &held);
    let gone: Vec<_> = plan.records.iter().filter(|r| r.value.is_none()).collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].key, OTHER);
}

#[test]
fn nothing_is_written_under_a_connector_that_is_not_at_rest() {
    use crate::model::connector_config::TargetState;
    let overwrite = SeedChoices {
        overwrite_offsets: true,
        ..stopped()
    };
    let mut held = target(&[(KEY, Some("{}"))]);
    let entries = [entry(KEY, Some(r#"{"p":2}"#))];
    let mut state = |connector: StoredConnector| {
        held.connectors = BTreeMap::from([("a".to_owned(), connector)]);
        planned(&entries, &overwrite, &held).blocked().count()
    };
    assert_eq!(state(stored_connector(TargetState::Started)), 2);
    assert_eq!(state(stored_connector(TargetState::Paused)), 2);
    assert_eq!(state(stored_connector(TargetState::Stopped)), 0);
    let running = StoredConnector {
        running_tasks: 1,
        ..stored_connector(TargetState::Stopped)
    };
    assert_eq!(state(running), 2);
}

#[test]
fn a_key_in_a_wrong_partition_or_in_two_stops_the_plan() {
    let entries = [entry(KEY, Some("{}"))];
    let mut held = target(&[(KEY, Some("{}"))]);
    let record = |held: &mut SeedTarget, change: &dyn Fn(&mut StoredOffset)| {
        held.topic.stored.values_mut().for_each(change);
    };
    record(&mut held, &|r| r.partition = (r.partition + 1) % PARTITIONS);
    let plan = planned(&entries, &stopped(), &held);
    assert_eq!(ids(&plan.findings), [("P13", Class::Block)]);
    assert_eq!(ids(&findings_of_topic(&held.topic)), [("P13", Class::Warn)]);
    record(&mut held, &|r| {
        r.elsewhere = vec![crate::plan::Elsewhere {
            partition: 0,
            value: None,
        }];
    });
    let plan = planned(&entries, &stopped(), &held);
    assert_eq!(ids(&plan.findings), [("P11", Class::Block)]);
    assert!(plan.findings[0].remedy.contains("tombstone is no remedy"));
    assert_eq!(
        ids(&findings_of_topic(&held.topic)),
        [("P11", Class::Block)]
    );
    // Also when the record at home is a tombstone: a worker may take the other.
    record(&mut held, &|r| r.value = None);
    assert_eq!(
        ids(&findings_of_topic(&held.topic)),
        [("P11", Class::Block)]
    );
}

#[test]
fn no_age_of_the_file_stands_for_the_word_that_its_worker_is_stopped() {
    let mut fresh = file(&[entry(KEY, Some("{}"))]);
    fresh.age_ms = Some(5_000_000);
    let make = |choices: &SeedChoices| super::make(&fresh, choices, &target(&[])).unwrap();
    let plan = make(&SeedChoices::default());
    assert_eq!(ids(&plan.findings), [("P8", Class::Block)]);
    let asserted = stopped();
    assert_eq!(make(&asserted).stopped, Stopped::Asserted);
    assert_eq!(make(&asserted).blocked().count(), 0);
}

#[test]
fn a_rename_changes_the_name_and_the_partition_and_nothing_else() {
    let choices = |old: &str| SeedChoices {
        renames: vec![Rename {
            old: old.to_owned(),
            new: "b \"é".to_owned(),
        }],
        ..stopped()
    };
    let plan = planned(&[entry(KEY, Some("{}"))], &choices("a"), &target(&[]));
    let key = r#"["b \"é",{"file":"x"}]"#;
    assert_eq!(plan.records[0].key, key);
    assert_eq!(
        plan.records[0].partition,
        Some(partitioner::partition_of(key.as_bytes(), PARTITIONS))
    );
    assert_eq!(plan.connectors[0].name, "b \"é");
    let refused = super::make(
        &file(&[entry(KEY, Some("{}"))]),
        &choices("c"),
        &target(&[]),
    );
    assert_eq!(
        refused.unwrap_err().to_string(),
        "no entry of /o belongs to connector c"
    );
}

#[test]
fn a_rename_onto_another_connector_of_the_file_is_refused() {
    let choices = SeedChoices {
        renames: vec![Rename {
            old: "b".to_owned(),
            new: "a".to_owned(),
        }],
        ..stopped()
    };
    let entries = [entry(KEY, Some("{}")), entry(r#"["b",{}]"#, Some("{}"))];
    let refused = super::make(&file(&entries), &choices, &target(&[]));
    assert!(
        matches!(&refused, Err(SeedError::RenameRefused { old, new, .. }) if old == "b" && new == "a"),
        "{refused:?}"
    );
}

#[test]
fn only_the_connectors_asked_for_are_seeded() {
    let entries = [entry(KEY, Some("{}")), entry(r#"["b",{}]"#, Some("{}"))];
    let choices = SeedChoices {
        only: vec!["b".to_owned()],
        ..stopped()
    };
    let plan = planned(&entries, &choices, &target(&[]));
    assert_eq!(plan.records.len(), 1);
    assert_eq!(plan.records[0].connector, "b");
}

#[test]
fn odd_entries_are_findings() {
    let null_key = OffsetEntry {
        key: None,
        value: None,
    };
    let entries = [
        null_key,
        entry(r#"["a", {"file":"x"}]"#, Some("{}")),
        entry("rubbish", Some("{}")),
        entry(
            r#"{"schema":null,"payload":["a",{}]}"#,
            Some(r#"{"schema":null,"payload":{"p":1}}"#),
        ),
        entry(r#"["a",{"z":1}]"#, Some("[]")),
    ];
    let plan = planned(&entries, &stopped(), &target(&[]));
    assert_eq!(
        ids(&plan.findings),
        [
            ("P10", Class::Warn),
            ("P27", Class::Warn),
            ("P28", Class::Warn),
            ("odd-value", Class::Warn),
            ("P26", Class::Fixed)
        ]
    );
    assert_eq!(ids(&findings_of_file(&file(&entries))), ids(&plan.findings));
    let keys: Vec<_> = plan.records.iter().map(|r| &r.key[..]).collect();
    let expected: [&[u8]; 3] = [
        br#"["a", {"file":"x"}]"#,
        br#"["a",{"z":1}]"#,
        br#"["a",{}]"#,
    ];
    assert_eq!(keys, expected);
}

#[test]
fn a_plain_entry_is_newer_than_the_envelope_beside_it() {
    let envelope = entry(
        r#"{"schema":null,"payload":["a",{"file":"x"}]}"#,
        Some(r#"{"schema":null,"payload":{"p":1}}"#),
    );
    let newer = entry(KEY, Some(r#"{"p":2}"#));
    for entries in [[envelope.clone(), newer.clone()], [newer, envelope]] {
        let plan = planned(&entries, &stopped(), &target(&[]));
        assert_eq!(plan.records.len(), 1);
        assert_eq!(plan.records[0].value.as_deref(), Some(&br#"{"p":2}"#[..]));
    }
}

#[test]
fn equal_keys_with_different_values_stop_the_plan_and_with_equal_ones_are_one() {
    let entries = [entry(KEY, Some("{}")), entry(KEY, Some(r#"{"p":1}"#))];
    let plan = planned(&entries, &stopped(), &target(&[]));
    assert_eq!(ids(&plan.findings), [("repeated-key", Class::Block)]);
    let entries = [entry(KEY, Some("{}")), entry(KEY, Some("{}"))];
    let plan = planned(&entries, &stopped(), &target(&[]));
    assert_eq!((plan.records.len(), plan.findings.len()), (1, 0));
}

#[test]
fn a_file_of_another_converter_and_a_topic_that_forgets_stop_the_plan() {
    let mut wrong = target(&[]);
    wrong.faults = vec!["cleanup.policy is delete".to_owned()];
    let plan = planned(&[entry("rubbish", None)], &stopped(), &wrong);
    assert_eq!(
        ids(&plan.findings),
        [("P4", Class::Block), ("P27", Class::Block)]
    );
}

#[test]
fn what_a_connectors_own_topic_holds_is_all_that_it_finds() {
    let mut workers = target(&[(KEY, Some("{}")), (OTHER, Some("{}"))]).topic;
    let foreign = r#"["b",{}]"#;
    let mut own = target(&[
        (KEY, Some(r#"{"p":2}"#)),
        (OTHER, None),
        (foreign, Some("{}")),
    ])
    .topic;
    own.partitions = 7;
    for (key, record) in &mut own.stored {
        record.partition = partitioner::partition_of(key, 7);
    }
    let bystander = r#"["ab",{}]"#;
    let held = target(&[(bystander, Some("{}"))]).topic.stored;
    workers.stored.extend(held);
    workers.replace(&own, "a");
    let value = |key: &str| {
        let held = workers.stored.get(key.as_bytes())?;
        held.value.as_deref()
    };
    assert_eq!(value(KEY), Some(&br#"{"p":2}"#[..]));
    assert_eq!(value(OTHER), None, "only the workers' topic has it");
    assert_eq!(value(bystander), Some(&b"{}"[..]));
    assert_eq!(workers.stored.len(), 2, "nothing of {foreign}");
    assert!(findings_of_topic(&workers).is_empty());
}

/// A target with connector `a`, STOPPED, which has this configuration.
fn registered(config: &[(&str, &str)]) -> SeedTarget {
    use crate::model::connector_config::TargetState;
    let mut held = target(&[]);
    let mut connector = stored_connector(TargetState::Stopped);
    connector.has_run = false;
    let pairs = config.iter();
    let config = pairs.map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())));
    connector.config = config.collect();
    held.connectors = BTreeMap::from([("a".to_owned(), connector)]);
    held
}

/// Its own topic holds this; `None`: it cannot be read.
fn own_topic(value: Option<&str>) -> SeedTarget {
    let mut target = registered(&[("offsets.storage.topic", "own")]);
    let workers = target.topic.name.clone();
    let store = target.connectors["a"].own_store(&target.source_stores, &workers);
    let held = value.map(|value| {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        BTreeMap::from([(bytes(KEY), Some(bytes(value)))])
    });
    let own = OwnOffsets {
        store: store.unwrap(),
        held,
        is_open: false,
    };
    target.own_offsets = BTreeMap::from([("a".to_owned(), own)]);
    target
}

#[test]
fn an_offset_topic_of_a_connectors_own_stops_a_seed_unless_it_holds_the_positions() {
    let seeded = |target: &SeedTarget| planned(&[entry(KEY, Some("{}"))], &stopped(), target);
    let plan = seeded(&own_topic(Some("{}")));
    assert_eq!(ids(&plan.findings), [("P42", Class::Warn)]);
    let plan = seeded(&own_topic(Some(r#"{"p":9}"#)));
    assert_eq!(ids(&plan.findings), [("P42", Class::Block)]);
    let finding = &plan.findings[0];
    assert!(
        finding.message.contains("1 position is missing or other"),
        "{finding:?}"
    );
    assert!(
        finding.remedy.contains("offset.storage.topic=own"),
        "{finding:?}"
    );
    assert!(
        !finding.remedy.contains("--accept"),
        "there is no such flag: {finding:?}"
    );
    let plan = seeded(&own_topic(None));
    assert_eq!(ids(&plan.findings), [("P42", Class::Block)]);
    assert!(!plan.findings[0].remedy.contains("--accept"));
}

#[test]
fn a_connector_that_has_run_lives_on_what_it_wrote_since() {
    let mut target = own_topic(Some(r#"{"p":9}"#));
    let held = self::target(&[(KEY, Some("{}"))]).topic.stored;
    target.topic.stored = held;
    target.connectors.get_mut("a").unwrap().has_run = true;
    let entries = [entry(KEY, Some("{}"))];
    let plan = planned(&entries, &stopped(), &target);
    assert_eq!(plan.records, []);
    assert_eq!(ids(&plan.findings), [("P42", Class::Warn)]);
}

#[test]
fn positions_of_a_source_whose_clients_are_elsewhere_are_not_seeded_here() {
    let worker = |servers: &str| {
        let pairs = [
            ("exactly.once.source.support", "enabled"),
            ("bootstrap.servers", servers),
            ("config.providers", "env"),
            ("config.providers.env.class", "E"),
        ];
        let owned = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        SourceStores::of(&owned.into())
    };
    let mut target = registered(&[("producer.override.bootstrap.servers", "k:1")]);
    let entries = [entry(KEY, Some("{}"))];
    let mut found = |servers: &str| {
        target.source_stores = worker(servers);
        planned(&entries, &stopped(), &target).findings
    };
    let elsewhere = found("other:1");
    assert_eq!(ids(&elsewhere), [("P42", Class::Block)]);
    assert!(!elsewhere[0].remedy.contains("--accept"), "{elsewhere:?}");
    assert_eq!(found("k:1"), []);
    let unclear = found("${env:KAFKA}");
    assert_eq!(ids(&unclear), [("P42", Class::Warn)]);
}

#[test]
fn an_open_transaction_stops_a_seed_and_is_a_warning_elsewhere() {
    let mut held = target(&[]);
    held.topic.undecided = vec![3];
    let plan = planned(&[entry(KEY, Some("{}"))], &stopped(), &held);
    assert_eq!(ids(&plan.findings), [("open-transaction", Class::Block)]);
    assert_eq!(
        ids(&findings_of_topic(&held.topic)),
        [("open-transaction", Class::Warn)]
    );
}
