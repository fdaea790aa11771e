//! What the target cluster has already: an earlier life of a name, a rename's old state, a cutover that is done again.

use bytes::Bytes;

use super::builder::{SOURCE, WORKER, choices, cluster, deployment, make};
use crate::model::connector_config::TargetState;
use crate::model::worker_config::Isolation;
use crate::plan::{
    Choices, Class, ConnectGroup, Deployment, Observed, Otherwise, Plan, Registration, Rename,
    StoredConnector, StoredOffset, Verification,
};
use crate::protocol::partitioner;

const KEY: &str = r#"["src",{"filename":"in.txt"}]"#;

fn source() -> Deployment {
    deployment(WORKER, &[SOURCE]).with_offsets(&[(KEY, Some(r#"{"position":1}"#))])
}

fn plan(deployment: &Deployment, choices: &Choices, observed: &Observed) -> Plan {
    make(deployment, choices, Some(observed)).expect("a plan")
}

/// A connector of the target cluster.
fn stored(settings: &[(&str, &str)], target: TargetState, has_run: bool) -> StoredConnector {
    StoredConnector {
        config: settings
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Some((*v).to_owned())))
            .collect(),
        target,
        has_run,
        may_have_run: has_run,
        running_tasks: 0,
    }
}

fn renamed() -> Choices {
    Choices {
        renames: vec![Rename {
            old: "src".to_owned(),
            new: "new".to_owned(),
        }],
        delete_old: true,
        adopt: true,
        ..choices()
    }
}

fn stored_offset(key: &'static str, value: &'static str) -> (Bytes, StoredOffset) {
    let key = Bytes::from_static(key.as_bytes());
    let stored = StoredOffset {
        partition: partitioner::partition_of(&key, 25),
        offset: 0,
        value: Some(Bytes::from_static(value.as_bytes())),
        elsewhere: Vec::new(),
        otherwise: None,
    };
    (key, stored)
}

#[test]
fn what_a_connector_of_the_old_name_lives_on_is_not_deleted() {
    let mut cluster = cluster();
    cluster
        .stored_offsets
        .extend([stored_offset(KEY, "{\"position\":9}")]);
    let given_up = plan(&source(), &renamed(), &cluster);
    assert_eq!(given_up.delete_offsets.len(), 1);
    assert_eq!(given_up.delete_offsets[0].key, KEY);
    assert!(given_up.seed.iter().all(|record| record.value.is_some()));
    let alive = stored(&[("name", "src")], TargetState::Started, true);
    cluster.stored_connectors.insert("src".to_owned(), alive);
    let plan = plan(&source(), &renamed(), &cluster);
    let told = plan.findings.iter().find(|f| f.id == "old-name-in-use");
    assert!(told.is_some_and(|f| f.class == Class::Warn), "{told:?}");
    assert_eq!(plan.blocked().count(), 0, "{:#?}", plan.findings);
    assert!(plan.delete_offsets.is_empty());
}

#[test]
fn an_old_position_whose_reset_was_aborted_is_deleted_too() {
    let mut cluster = cluster();
    let (key, mut aborted) = stored_offset(KEY, "{}");
    let committed = Otherwise {
        isolation: Isolation::ReadCommitted,
        value: aborted.value.take(),
    };
    cluster.stored_offsets.insert(key.clone(), aborted.clone());
    let reset = plan(&source(), &renamed(), &cluster);
    assert!(reset.delete_offsets.is_empty(), "it is gone");
    aborted.otherwise = Some(Box::new(committed));
    cluster.stored_offsets.insert(key, aborted);
    let comes_back = plan(&source(), &renamed(), &cluster);
    assert_eq!(comes_back.delete_offsets.len(), 1);
}

#[test]
fn positions_are_not_seeded_under_a_connector_that_is_at_work() {
    let mut cluster = cluster();
    let other = stored(&[("name", "src")], TargetState::Started, true);
    cluster.stored_connectors.insert("src".to_owned(), other);
    let adopting = Choices {
        adopt: true,
        ..choices()
    };
    let blocked = plan(&source(), &adopting, &cluster);
    assert!(
        blocked.blocked().any(|f| f.id == "P57"),
        "{:#?}",
        blocked.findings
    );
    let stopped = stored(&[("name", "src")], TargetState::Stopped, true);
    cluster.stored_connectors.insert("src".to_owned(), stopped);
    let at_rest = plan(&source(), &adopting, &cluster);
    assert_eq!(at_rest.blocked().count(), 0, "{:#?}", at_rest.findings);
    assert_eq!(at_rest.seed.len(), 1);
}

#[test]
fn a_cutover_can_be_done_again_while_the_connector_is_stopped() {
    let deployment = source();
    let config = &plan(&deployment, &choices(), &cluster()).connectors[0].config;
    let pairs: Vec<_> = config
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let mut cluster = cluster();
    cluster
        .stored_offsets
        .extend([stored_offset(KEY, "{\"position\":9}")]);
    let insert = |cluster: &mut Observed, state| {
        let connector = stored(&pairs, state, true);
        cluster
            .stored_connectors
            .insert("src".to_owned(), connector);
    };
    let again = Choices {
        overwrite_offsets: true,
        ..choices()
    };
    insert(&mut cluster, TargetState::Stopped);
    let redone = plan(&deployment, &again, &cluster);
    assert!(!redone.connectors[0].already_moved);
    assert_eq!(redone.seed.len(), 1);
    // The file is used again, so its worker must be known to be stopped again.
    cluster.source_rest_gone = false;
    let unknown = plan(&deployment, &again, &cluster);
    assert!(
        unknown.blocked().any(|f| f.id == "P8"),
        "{:#?}",
        unknown.findings
    );
    insert(&mut cluster, TargetState::Started);
    cluster.offsets_before = Some("2".repeat(64));
    let running = plan(&deployment, &again, &cluster);
    assert!(running.connectors[0].already_moved && running.seed.is_empty());
    let told = running.blocked().find(|f| f.id == "P57").expect("a block");
    assert!(told.remedy.contains("--verify none"), "{told:?}");
}

/// A source that runs in the cluster from position 9, and a file that says 1.
fn running_from_another_position() -> (Deployment, Observed) {
    let deployment = source();
    let config = &plan(&deployment, &choices(), &cluster()).connectors[0].config;
    let pairs: Vec<_> = config
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    let mut cluster = cluster();
    cluster
        .stored_offsets
        .extend([stored_offset(KEY, "{\"position\":9}")]);
    let mut running = stored(&pairs, TargetState::Started, true);
    running.running_tasks = 1;
    cluster.stored_connectors.insert("src".to_owned(), running);
    (deployment, cluster)
}

fn group_of(members: &[&str]) -> ConnectGroup {
    ConnectGroup {
        state: "Stable".to_owned(),
        protocol_type: "connect".to_owned(),
        members: members.iter().map(ToString::to_string).collect(),
        urls: vec!["http://h:8083".to_owned()],
    }
}

#[test]
fn while_nobody_is_in_the_group_an_embedded_worker_stops_what_is_overwritten() {
    let (deployment, mut cluster) = running_from_another_position();
    let again = Choices {
        overwrite_offsets: true,
        verify: Verification::Control,
        ..choices()
    };
    // Typed once more with the file of the cutover, or one of which nothing is known, it rewinds nothing.
    for before in [None, Some("1".repeat(64))] {
        cluster.offsets_before = before;
        let same_file = plan(&deployment, &again, &cluster);
        assert!(same_file.connectors[0].already_moved && same_file.seed.is_empty());
        let told = same_file.blocked().find(|f| f.id == "P57");
        let told = told.expect("a block");
        assert!(told.remedy.contains("leave --overwrite-offsets away"));
    }
    cluster.offsets_before = Some("2".repeat(64));
    let redone = plan(&deployment, &again, &cluster);
    assert_eq!(redone.blocked().count(), 0, "{:#?}", redone.findings);
    let connector = &redone.connectors[0];
    assert!(!connector.already_moved);
    assert_eq!(connector.registration, Registration::Update);
    assert_eq!(redone.seed.len(), 1);

    cluster.connect_group = Some(group_of(&["w"]));
    let in_use = plan(&deployment, &again, &cluster);
    assert!(in_use.seed.is_empty());
    let told = in_use.blocked().find(|f| f.id == "P57").expect("a block");
    let stop = "curl -X PUT 'http://h:8083/connectors/src/stop'";
    assert!(told.remedy.contains(stop), "{told:?}");

    // Nothing differs: nothing is done again.
    cluster.connect_group = None;
    cluster
        .stored_offsets
        .extend([stored_offset(KEY, "{\"position\":1}")]);
    let same = plan(&deployment, &again, &cluster);
    assert!(same.connectors[0].already_moved);
    assert_eq!(same.blocked().count(), 0, "{:#?}", same.findings);
}

#[test]
fn an_offsets_file_that_went_on_after_the_cutover_stops_the_plan() {
    let (deployment, mut cluster) = running_from_another_position();
    let stops = |choices: &Choices, cluster: &Observed| {
        let plan = plan(&deployment, choices, cluster);
        plan.blocked().any(|f| f.id == "standalone-used-again")
    };
    assert!(
        !stops(&choices(), &cluster),
        "no report tells of the cutover"
    );
    cluster.offsets_before = Some("1".repeat(64));
    assert!(!stops(&choices(), &cluster), "the cluster alone went on");
    cluster.offsets_before = Some("2".repeat(64));
    assert!(stops(&choices(), &cluster));
    let accepting = Choices {
        accept: ["standalone-used-again:src".to_owned()].into(),
        ..choices()
    };
    assert!(!stops(&accepting, &cluster));
}
