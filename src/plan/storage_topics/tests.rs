use super::*;

fn desired(role: StorageRole) -> StorageTopic {
    StorageTopic {
        role,
        name: "t".to_owned(),
        partitions: 5,
        replication_factor: 3,
        configs: BTreeMap::from([(CLEANUP_POLICY.to_owned(), "compact".to_owned())]),
        ignored: Vec::new(),
    }
}

fn observed(
    partitions: usize,
    replication_factor: usize,
    configs: &[(&str, &str)],
) -> ObservedTopic {
    ObservedTopic {
        partitions,
        replication_factor,
        configs: configs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..ObservedTopic::default()
    }
}

#[test]
fn a_topic_as_the_worker_would_create_it_is_right() {
    let judgement = judge(
        &desired(StorageRole::Status),
        &observed(5, 3, &[(CLEANUP_POLICY, "compact")]),
    );
    assert_eq!(judgement.state(), TopicState::Right);
    assert!(judgement.differences.is_empty());
}

#[test]
fn every_policy_but_compact_alone_is_wrong_and_repaired_to_compact() {
    for policy in ["delete", "compact,delete", "delete, Compact", ""] {
        let topic = desired(StorageRole::Offset);
        let found = observed(5, 3, &[(CLEANUP_POLICY, policy)]);
        let judgement = judge(&topic, &found);
        let [fault] = judgement.faults.as_slice() else {
            panic!("{policy}: {judgement:?}");
        };
        let repair = repair(&topic, &found, fault).expect("repairable");
        assert_eq!((&*repair.key, &*repair.value), (CLEANUP_POLICY, "compact"));
        assert_eq!(
            repair.warning.is_some(),
            policy.contains("delete"),
            "{policy}"
        );
    }
    assert!(is_only_compact(" Compact ,compact"));
}

#[test]
fn a_config_topic_with_three_partitions_is_wrong_and_cannot_be_repaired() {
    let topic = desired(StorageRole::Config);
    let found = observed(3, 3, &[(CLEANUP_POLICY, "compact")]);
    let judgement = judge(&topic, &found);
    assert_eq!(
        judgement.faults,
        [TopicFault::ConfigPartitions { found: 3 }]
    );
    assert_eq!(repair(&topic, &found, &judgement.faults[0]), None);
    assert!(remedy(&topic, &judgement.faults[0]).contains("config.storage.topic"));
}

#[test]
fn partitions_and_replicas_of_the_offset_topic_that_differ_are_no_fault() {
    let judgement = judge(
        &desired(StorageRole::Offset),
        &observed(7, 1, &[(CLEANUP_POLICY, "compact")]),
    );
    assert_eq!(judgement.state(), TopicState::Right);
    let said: Vec<_> = judgement
        .differences
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "partitions is 7, the worker file says 5",
            "replication factor is 1, the worker file says 3"
        ]
    );
}

#[test]
fn broker_defaults_are_not_compared() {
    let topic = StorageTopic {
        partitions: -1,
        replication_factor: -1,
        ..desired(StorageRole::Offset)
    };
    let judgement = judge(&topic, &observed(7, 1, &[(CLEANUP_POLICY, "compact")]));
    assert!(judgement.differences.is_empty());
}

#[test]
fn min_insync_replicas_is_repaired_to_no_more_than_the_replication_factor() {
    let mut topic = desired(StorageRole::Status);
    let found = observed(
        5,
        1,
        &[(CLEANUP_POLICY, "compact"), (MIN_INSYNC_REPLICAS, "2")],
    );
    let judgement = judge(&topic, &found);
    assert_eq!(
        judgement.faults,
        [TopicFault::Unwritable {
            min_insync_replicas: 2,
            replication_factor: 1
        }]
    );
    let mend = repair(&topic, &found, &judgement.faults[0]).expect("repairable");
    assert_eq!(mend.value, "1");

    topic
        .configs
        .insert(MIN_INSYNC_REPLICAS.to_owned(), "5".to_owned());
    let found = observed(
        5,
        3,
        &[(CLEANUP_POLICY, "compact"), (MIN_INSYNC_REPLICAS, "1")],
    );
    let judgement = judge(&topic, &found);
    assert_eq!(
        judgement.faults,
        [TopicFault::MinInsyncReplicas {
            found: 1,
            wanted: 3
        }]
    );
    let mend = repair(&topic, &found, &judgement.faults[0]).expect("repairable");
    assert_eq!(mend.value, "3");
}

#[test]
fn other_settings_of_the_worker_file_are_differences() {
    let mut topic = desired(StorageRole::Status);
    topic
        .configs
        .insert("segment.bytes".to_owned(), "10485760".to_owned());
    let found = observed(
        5,
        3,
        &[(CLEANUP_POLICY, "compact"), ("segment.bytes", "1073741824")],
    );
    let judgement = judge(&topic, &found);
    assert!(judgement.faults.is_empty());
    assert_eq!(
        judgement.differences[0].to_string(),
        "segment.bytes is 1073741824, the worker file says 10485760"
    );
}

#[test]
fn settings_that_could_not_be_read_are_said_to_be_unknown() {
    assert!(!judge(&desired(StorageRole::Status), &observed(5, 3, &[])).settings_known);
}

#[test]
fn missing_brokers_are_no_fault_and_are_told_apart_by_what_they_prevent() {
    let mut found = observed(
        7,
        3,
        &[(CLEANUP_POLICY, "compact"), (MIN_INSYNC_REPLICAS, "2")],
    );
    found.lagging = [(0, 0), (1, 1), (2, 2), (3, 2), (4, 2), (5, 2), (6, 2)].into();
    let judgement = judge(&desired(StorageRole::Offset), &found);
    assert_eq!(judgement.state(), TopicState::Right);
    let said: Vec<_> = judgement.outages.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "1 partition (0) without a leader: they can be neither read nor written",
            "1 partition (1) with fewer replicas in sync than min.insync.replicas=2: nothing can be written",
            "5 partitions (2, 3, 4, 5, 6) with a replica that is not in sync",
        ]
    );
    let serious: Vec<_> = judgement.outages.iter().map(Outage::is_serious).collect();
    assert_eq!(serious, [true, true, false]);
}
