//! Sources whose clients are those of another Kafka cluster than the workers'.

use super::builder::{SOURCE, WORKER, choices, cluster, deployment, make};
use crate::plan::{Class, Finding};

const EXACTLY_ONCE: &str = "exactly.once.source.support=enabled\n";
const ELSEWHERE: &str = "producer.override.bootstrap.servers=elsewhere:9092\n";

/// What the plan says with P42, with and without a cluster to look at.
fn told(worker: &str, source: &str) -> Vec<Finding> {
    let worker = format!("{WORKER}{worker}");
    let source = format!("{SOURCE}{source}");
    let key = r#"["src",{"filename":"in.txt"}]"#;
    let deployment = deployment(&worker, &[&source]).with_offsets(&[(key, Some("{}"))]);
    let looked = make(&deployment, &choices(), Some(&cluster())).expect("a plan");
    let offline = make(&deployment, &choices(), None).expect("a plan");
    let of = |findings: Vec<Finding>| -> Vec<Finding> {
        findings.into_iter().filter(|f| f.id == "P42").collect()
    };
    let looked = of(looked.findings);
    assert_eq!(looked, of(offline.findings));
    looked
}

#[test]
fn positions_that_a_source_would_look_for_on_another_kafka_are_a_block() {
    let named = "offsets.storage.topic=t-offsets\n";
    let by_worker = format!("{EXACTLY_ONCE}consumer.bootstrap.servers=elsewhere:9092\n");
    let both = format!("{named}{ELSEWHERE}");
    for (worker, source) in [
        (EXACTLY_ONCE, ELSEWHERE),
        (by_worker.as_str(), ""),
        ("", both.as_str()),
        ("producer.bootstrap.servers=elsewhere:9092\n", named),
    ] {
        let found = told(worker, source);
        assert_eq!(found.len(), 1, "{worker}{source}: {found:?}");
        assert_eq!(found[0].class, Class::Block, "{found:?}");
        assert!(found[0].message.contains("of that Kafka cluster alone"));
    }
}

#[test]
fn records_for_another_kafka_with_positions_in_the_workers_topic_are_none() {
    assert_eq!(told("", ELSEWHERE), []);
    assert_eq!(told("producer.bootstrap.servers=elsewhere:9092\n", ""), []);
    assert_eq!(told(EXACTLY_ONCE, ""), []);
}
