//! What aborted transactions left in the storage topics.

use bytes::Bytes;

use super::builder::{SOURCE, WORKER, choices, cluster, deployment, make};
use crate::model::properties::Document;
use crate::model::worker_config::{Isolation, Isolations};
use crate::plan::{Choices, Class, Deployment, Observed, Otherwise, Plan, StoredOffset};
use crate::protocol::partitioner;

const KEY: &str = r#"["src",{"filename":"in.txt"}]"#;

fn source() -> Deployment {
    deployment(WORKER, &[SOURCE]).with_offsets(&[(KEY, Some("{}"))])
}

fn plan(deployment: &Deployment, choices: &Choices, observed: &Observed) -> Plan {
    make(deployment, choices, Some(observed)).expect("a plan")
}

/// Subjects of the findings about aborted records.
fn of_class(plan: &Plan, class: Class) -> Vec<&str> {
    let found = plan.findings.iter().filter(|f| f.id == "aborted-records");
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
    let mut subjects = of_class(&committed, Class::Warn);
    subjects.sort_unstable();
    assert_eq!(subjects, ["src", "stranger"]);
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
    assert_eq!(of_class(&plan, Class::Warn), ["src"]);
    let seeded: Vec<_> = plan
        .seed
        .iter()
        .map(|r| (&r.key, r.value.is_some()))
        .collect();
    assert_eq!(seeded, [(&key, true), (&further, false)]);
}
