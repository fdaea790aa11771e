//! An offset topic in which a key lies where no worker writes it, and a user who accepts that.

use crate::live_control::promise;
use crate::support::moving::Moving;
use crate::support::{java, kafka, require_kafka};

const FOUND: &str = "offsets found as a worker finds them";
const COPIED: &str = "offsets byte for byte in the topic";

/// A deployment whose offset is in the topic, and in another partition too: with the same value, or an older one.
#[track_caller]
fn doubled(name: &str, is_same: bool) -> Moving {
    let bootstrap = kafka::shared().bootstrap();
    let moving = Moving::run(name, &bootstrap);
    _ = moving.migrate(&["--source-stopped", "--yes"]).success();
    let topic = format!("_{}.offset", name.replace('-', "_"));
    let seeded = java::read_topic(&bootstrap, &topic);
    let [record] = &seeded[..] else {
        panic!("one offset: {seeded:?}");
    };
    let key = record.key.as_deref().expect("a key");
    let value = record.value.as_deref().filter(|_| is_same);
    let stray = (record.partition + 1) % 25;
    let older = br#"{"position":1}"#;
    java::produce(&bootstrap, &topic, stray, key, Some(value.unwrap_or(older)));
    moving
}

#[test]
fn control_says_of_a_key_with_two_values_that_nobody_knows_which_one_a_worker_finds() {
    require_kafka!();
    let moving = doubled("accepted-either", false);
    let words = ["--source-stopped", "--yes", "--verify", "control"];
    let refused = moving.migrate(&words).code(5);
    assert!(refused.stderr.contains("P11"), "{}", refused.stderr);
    let accepting = [&words[..], &["--accept", "P11:accepted-either-source"]].concat();
    _ = moving.migrate(&accepting).success();
    for (name, said) in [
        (FOUND, "and a worker finds either by chance"),
        (COPIED, "of 1 a worker may find another value too"),
    ] {
        let promise = promise(&moving, name);
        assert_eq!(promise["verdict"], "not-known", "{promise}");
        let detail = promise["detail"].as_str().expect("text");
        assert!(detail.contains(said), "{promise}");
    }
}

#[test]
fn a_key_that_lies_twice_with_one_value_is_registered_over_rest_once_it_is_accepted() {
    require_kafka!();
    let mut moving = doubled("accepted-twice", true);
    let worker = moving.start_distributed();
    let words = ["--source-stopped", "--yes", "--url", &worker.url];
    let refused = moving.migrate(&words).code(5);
    assert!(refused.stderr.contains("P11"), "{}", refused.stderr);
    _ = moving
        .migrate(&[&words[..], &["--accept", "P11"]].concat())
        .success();
    assert_eq!(promise(&moving, COPIED)["verdict"], "kept");
    moving.append(10);
    moving.expect_lines();
}
