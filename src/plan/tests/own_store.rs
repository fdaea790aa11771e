//! Sources whose clients are those of another Kafka cluster than the workers'.

use std::collections::BTreeMap;

use super::builder::{SOURCE, WORKER, choices, cluster, deployment, make};
use crate::model::worker_config::SourceStores;
use crate::plan::{Class, Deployment, Finding, Held, Observed, OwnOffsets};

const EXACTLY_ONCE: &str = "exactly.once.source.support=enabled\n";
const ELSEWHERE: &str = "producer.override.bootstrap.servers=elsewhere:9092\n";

fn of(worker: &str, source: &str) -> Deployment {
    let source = format!("{SOURCE}{source}");
    let key = r#"["src",{"filename":"in.txt"}]"#;
    deployment(worker, &[&source]).with_offsets(&[(key, Some("{}"))])
}

/// What a plan says with P42.
fn planned(deployment: &Deployment, observed: Option<&Observed>) -> Vec<Finding> {
    let plan = make(deployment, &choices(), observed).expect("a plan");
    let found = plan.findings.into_iter();
    found.filter(|finding| finding.id == "P42").collect()
}

/// A cluster, looked at as `migrate` does: with the stores of the resolved worker file, and what is in them.
fn looked_at(deployment: &Deployment, stands_for: &[(&str, &str)]) -> Observed {
    let draft = make(deployment, &choices(), None).expect("a plan");
    let pairs = stands_for.iter();
    let followed = pairs.map(|(value, is)| ((*value).to_owned(), (*is).to_owned()));
    let followed: BTreeMap<_, _> = followed.collect();
    let stores = SourceStores::of(&draft.worker).followed(followed.clone(), followed);
    let own = draft.connectors.iter().filter_map(|connector| {
        let store = stores.own("_src.offset", &connector.config)?;
        let own = OwnOffsets {
            store,
            held: None,
            is_open: false,
        };
        Some((connector.name.clone(), own))
    });
    Observed {
        own_offsets: own.collect(),
        source_stores: stores,
        ..cluster()
    }
}

/// What is said with and without a cluster to look at, which is the same where there are no references.
fn told(worker: &str, source: &str) -> Vec<Finding> {
    let deployment = of(&format!("{WORKER}{worker}"), source);
    let looked = planned(&deployment, Some(&looked_at(&deployment, &[])));
    assert_eq!(looked, planned(&deployment, None));
    looked
}

const REFERENCE: &str = "${env:KAFKA}";

/// A worker on a Kafka that a reference names.
fn by_reference(further: &str) -> String {
    WORKER.replace(
        "bootstrap.servers=kafka:9092",
        "bootstrap.servers=${env:KAFKA}",
    ) + EXACTLY_ONCE
        + PROVIDER
        + further
}

const PROVIDER: &str = "config.providers=env\nconfig.providers.env.class=E\n";

#[test]
fn a_topic_whose_name_a_reference_gives_stops_the_plan_until_it_is_known() {
    let worker = format!("{WORKER}{PROVIDER}");
    let deployment = of(&worker, "offsets.storage.topic=${env:TOPIC}\n");
    let found = planned(&deployment, Some(&looked_at(&deployment, &[])));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].class, Class::Block);
    let (message, remedy) = (&found[0].message, &found[0].remedy);
    assert!(message.contains("has offsets.storage.topic=${env:TOPIC}"));
    assert!(message.contains("and the name of the topic is up to a config provider"));
    assert!(!message.contains("Kafka cluster"), "{message}");
    assert!(!remedy.contains("bootstrap.servers"), "{remedy}");
    assert!(remedy.contains("write the topic's name in its place"));
    assert!(remedy.contains("--accept P42:src"), "{remedy}");
    let workers = [("${env:TOPIC}", "_src.offset")];
    let known = looked_at(&deployment, &workers);
    assert_eq!(planned(&deployment, Some(&known)), []);
    // Offline nobody follows it, as nobody looks at a topic.
    let offline = planned(&deployment, None);
    assert_eq!(offline.len(), 1, "{offline:?}");
    assert_eq!(offline[0].class, Class::Warn);
}

#[test]
fn a_reference_to_a_provider_that_is_not_declared_is_the_name_of_a_topic() {
    let deployment = of(WORKER, "offsets.storage.topic=${env:TOPIC}\n");
    let found = planned(&deployment, Some(&looked_at(&deployment, &[])));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("it cannot be read from here"));
}

#[test]
fn a_transaction_that_is_open_where_a_source_looks_stops_the_plan() {
    let deployment = of(WORKER, "offsets.storage.topic=own\n");
    let mut observed = looked_at(&deployment, &[]);
    let own = observed.own_offsets.get_mut("src").expect("its own");
    own.held = Some(Held::new());
    own.is_open = true;
    let found = planned(&deployment, Some(&observed));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].class, Class::Block);
    assert!(found[0].message.contains("a transaction is open"));
}

#[test]
fn a_reference_that_was_followed_is_not_compared_as_text() {
    let deployment = of(&by_reference("producer.bootstrap.servers=kafka:9092\n"), "");
    let ours = looked_at(&deployment, &[(REFERENCE, "kafka:9092")]);
    assert_eq!(planned(&deployment, Some(&ours)), []);
    let another = looked_at(&deployment, &[(REFERENCE, "other:9092")]);
    let found = planned(&deployment, Some(&another));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].class, Class::Block);
}

#[test]
fn a_reference_that_was_not_followed_is_a_warning() {
    let deployment = of(&by_reference("producer.bootstrap.servers=kafka:9092\n"), "");
    for observed in [None, Some(looked_at(&deployment, &[]))] {
        let found = planned(&deployment, observed.as_ref());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].class, Class::Warn);
        assert!(found[0].message.contains("up to a config provider"));
    }
}

#[test]
fn one_reference_in_the_worker_and_in_the_connector_is_one_kafka() {
    let source = "producer.override.bootstrap.servers=${env:KAFKA}\n";
    let deployment = of(&by_reference(""), source);
    assert_eq!(planned(&deployment, None), []);
    let observed = looked_at(&deployment, &[(REFERENCE, "kafka:9092")]);
    assert_eq!(planned(&deployment, Some(&observed)), []);
}

#[test]
fn what_the_look_found_is_not_decided_again_from_the_file() {
    let deployment = of(&format!("{WORKER}{EXACTLY_ONCE}"), ELSEWHERE);
    let observed = Observed {
        source_stores: SourceStores::default(),
        ..cluster()
    };
    assert_eq!(planned(&deployment, Some(&observed)), []);
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
