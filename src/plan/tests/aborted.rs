//! What aborted transactions left in the storage topics.

use bytes::Bytes;

use super::builder::{SOURCE, WORKER, choices, cluster, deployment, make};
use crate::model::properties::Document;
use crate::model::worker_config::{Isolation, Isolations};
use crate::plan::{Choices, Class, Deployment, Observed, Otherwise, Plan, StoredOffset};
use crate::protocol::partitioner;

const KEY: &str = r#"["src",{"filename":"in.txt"}]"#;

const POSITIONS: &str = "aborted-records";
const CONFIGURATION: &str = "aborted-configuration";

fn source() -> Deployment {
    deployment(WORKER, &[SOURCE]).with_offsets(&[(KEY, Some("{}"))])
}

fn plan(deployment: &Deployment, choices: &Choices, observed: &Observed) -> Plan {
    make(deployment, choices, Some(observed)).expect("a plan")
}

/// Subjects of the findings of an id.
fn of_class<'a>(plan: &'a Plan, id: &str, class: Class) -> Vec<&'a str> {
    let found = plan.findings.iter().filter(|f| f.id == id);
    found
        .filter(|f| f.class == class)
        .map(|f| f.subject.as_str())
        .collect()
}

#[test]
fn a_worker_that_reads_committed_offsets_is_told_of_the_others() {
    let mut cluster = cluster();
    let worker = "exactly.once.source.support=enabled\n";
    let worker = Document::parse(worker.as_bytes()).unwrap().to_map();
    cluster.isolations = Isolations::of(&worker).unwrap();
    let key = Bytes::from_static(KEY.as_bytes());
    let aborted = Otherwise {
        isolation: Isolation::ReadUncommitted,
        value: Some(Bytes::from_static(b"{\"position\":9}")),
    };
    let stored = StoredOffset {
        partition: partitioner::partition_of(&key, 25),
        offset: 0,
        value: Some(Bytes::from_static(b"{}")),
        elsewhere: Vec::new(),
        otherwise: Some(Box::new(aborted)),
    };
    cluster.stored_offsets.insert(key.clone(), stored);
    cluster.unsettled_connectors.insert("stranger".to_owned());
    let committed = plan(&source(), &choices(), &cluster);
    assert!(committed.seed.is_empty(), "what was committed lasts");
    assert_eq!(of_class(&committed, POSITIONS, Class::Warn), ["src"]);
    let configurations = of_class(&committed, CONFIGURATION, Class::Warn);
    assert_eq!(configurations, ["stranger"]);
}

#[test]
fn who_accepts_an_aborted_position_does_not_accept_an_aborted_configuration() {
    let mut cluster = cluster();
    cluster.unsettled_connectors.insert("src".to_owned());
    let blocked = |accept: &str| {
        let choices = Choices {
            accept: [format!("{accept}:src")].into(),
            ..choices()
        };
        let plan = plan(&source(), &choices, &cluster);
        plan.blocked().map(|f| f.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(blocked(POSITIONS), [CONFIGURATION]);
    assert!(blocked(CONFIGURATION).is_empty());
}

#[test]
fn what_an_aborted_transaction_wrote_is_written_again_when_that_is_asked_for() {
    let mut cluster = cluster();
    let key = Bytes::from_static(KEY.as_bytes());
    let stored =
        |key: &Bytes, value: Option<&'static str>, committed: Option<&'static str>| StoredOffset {
            partition: partitioner::partition_of(key, 25),
            offset: 0,
            value: value.map(Bytes::from),
            elsewhere: Vec::new(),
            otherwise: Some(Box::new(Otherwise {
                isolation: Isolation::ReadCommitted,
                value: committed.map(Bytes::from),
            })),
        };
    let overwrite = Choices {
        overwrite_offsets: true,
        ..choices()
    };
    cluster
        .stored_offsets
        .insert(key.clone(), stored(&key, Some("{}"), None));
    // A reset that was aborted: the position comes back.
    let further = Bytes::from_static(br#"["src",{"filename":"old.txt"}]"#);
    cluster
        .stored_offsets
        .insert(further.clone(), stored(&further, None, Some("{}")));
    let blocked = plan(&source(), &choices(), &cluster);
    let ids: Vec<_> = blocked.blocked().map(|f| f.id.as_str()).collect();
    assert_eq!(ids, ["P57", "aborted-records"]);
    let plan = plan(&source(), &overwrite, &cluster);
    assert_eq!(plan.blocked().count(), 0, "{:#?}", plan.findings);
    assert_eq!(of_class(&plan, POSITIONS, Class::Warn), ["src"]);
    let seeded: Vec<_> = plan
        .seed
        .iter()
        .map(|r| (&r.key, r.value.is_some()))
        .collect();
    assert_eq!(seeded, [(&key, true), (&further, false)]);
}
