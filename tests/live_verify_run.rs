//! `migrate --verify run`: the connectors at work in the process of `migrate`, between a standalone and a distributed JVM.

use std::fs;

use crate::live_control::promise;
use crate::support::moving::Moving;
use crate::support::native_worker::NativeWorker;
use crate::support::{kafka, require_kafka, rest};

const RUN: [&str; 4] = ["--source-stopped", "--yes", "--verify", "run"];
const RAN: &str = "connectors ran in this process";

#[test]
fn lines_that_are_moved_while_it_verifies_are_moved_once_between_a_standalone_and_a_distributed_jvm()
 {
    require_kafka!();
    let mut moving = Moving::run("verify-run", &kafka::shared().bootstrap());
    moving.append(10);
    let mut unaccepted = moving.arguments(&RUN);
    let at = unaccepted.iter().position(|word| word == "--accept");
    unaccepted.drain(at.expect("it is accepted")..=at.expect("it is") + 1);
    let refused = moving.world.run(&unaccepted).code(5);
    assert!(
        refused
            .stderr
            .contains("--verify run would use what this host has"),
        "{}",
        refused.stderr
    );
    assert!(!moving.out().exists());

    let ran = moving.migrate(&RUN).success();
    assert!(
        ran.stdout.contains("RUNS them in this process"),
        "{}",
        ran.stdout
    );
    moving.expect_lines();
    assert_eq!(promise(&moving, RAN)["verdict"], "kept");
    let positions = promise(&moving, "offsets byte for byte in the topic");
    let detail = positions["detail"].as_str().expect("text");
    assert!(
        detail.contains("verify-run-source from {\"position\":"),
        "{positions}"
    );
    let groups = promise(&moving, "sink groups unchanged");
    let detail = groups["detail"].as_str().expect("text");
    assert!(
        detail.contains("verify-run-lines-0 from 20 to 30"),
        "{groups}"
    );

    moving.append(10);
    let jvm = moving.start_distributed();
    jvm.wait_running("verify-run-source");
    jvm.wait_running("verify-run-sink");
    moving.expect_lines();
    _ = moving.migrate(&RUN).success();
    assert_eq!(moving.report()["outcome"], "done");
}

#[test]
fn a_connector_that_fails_while_it_verifies_leaves_all_of_them_stopped() {
    require_kafka!();
    let mut moving = Moving::written("verify-fails", &kafka::shared().bootstrap(), 1);
    moving.append(10);
    let output = moving.world.path("out.txt");
    fs::create_dir(&output).expect("the world is writable");
    let again = [&RUN[..], &["--no-offsets"]].concat();
    let ran = moving.migrate(&again).code(4);
    let broken = promise(&moving, RAN);
    assert_eq!(broken["verdict"], "broken");
    let detail = broken["detail"].as_str().expect("text");
    assert!(detail.contains("verify-fails-sink: "), "{detail}");
    assert!(detail.contains("could not find or create file"), "{detail}");
    assert!(ran.stderr.contains("/resume"), "{}", ran.stderr);
    assert_eq!(moving.report()["outcome"], "unverified");

    // Mended, and resumed on a worker, as the hint says.
    fs::remove_dir(&output).expect("it is empty");
    let worker = NativeWorker::start(&moving.out().join("distributed.properties"), &[]);
    let connectors = ["verify-fails-source", "verify-fails-sink"];
    worker.wait_state(&connectors, 0, "STOPPED");
    for connector in connectors {
        rest::put(
            &format!("{}/connectors/{connector}/resume", worker.url),
            None,
        )
        .success();
    }
    worker.wait_state(&connectors, 1, "RUNNING");
    moving.expect_lines();
    assert_eq!(worker.stop(), 0);
}

#[test]
fn what_only_a_jvm_can_run_is_refused_before_anything_is_written() {
    require_kafka!();
    let mut moving = Moving::written("verify-jvm", &kafka::shared().bootstrap(), 1);
    let config = [
        ("name", "other"),
        (
            "connector.class",
            "org.apache.kafka.connect.tools.MockSinkConnector",
        ),
        ("topics", "t"),
    ];
    moving.deployment.connector("other.properties", &config);
    let refused = moving
        .migrate(&[&RUN[..], &["--no-offsets"]].concat())
        .code(5);
    assert!(
        refused.stderr.contains("connector other: "),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("leave --verify run away"),
        "{}",
        refused.stderr
    );
    assert!(!moving.out().exists());
}
