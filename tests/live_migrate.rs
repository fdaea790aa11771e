//! `migrate` against real Kafka and real Connect: a standalone worker ran, a distributed worker goes on.

use serde_json::json;

use crate::support::moving::Moving;
use crate::support::{kafka, require_kafka};

#[test]
fn a_distributed_worker_goes_on_where_the_standalone_worker_stopped() {
    require_kafka!();
    let mut moving = Moving::run("goes-on", &kafka::shared().bootstrap());
    moving.append(10);
    let dry = moving.migrate(&["--source-stopped", "--dry-run"]).code(3);
    assert!(dry.stdout.contains("seed 1 offset"), "{}", dry.stdout);
    assert!(!moving.out().exists(), "a dry run writes nothing");
    let ran = moving.migrate(&["--source-stopped", "--yes"]).success();
    assert!(
        ran.stdout.contains("embedded worker: not performed"),
        "{}",
        ran.stdout
    );
    let report = moving.report();
    assert_eq!(report["outcome"], "done");
    assert_eq!(report["embedded_worker"], "not performed");
    let again = moving.migrate(&["--source-stopped", "--yes"]).success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);

    let mut worker = moving.start_distributed();
    moving.register_by_hand(&worker);
    worker.wait_running("goes-on-source");
    moving.expect_lines();
    moving.append(10);
    moving.expect_lines();
    // A day later: the cluster has moved on, and the topic is the truth.
    let later = moving.migrate(&["--yes"]).success();
    assert!(later.stdout.contains("nothing to do"), "{}", later.stdout);
    worker.stop();
    let stopped = moving.migrate(&["--yes"]).success();
    assert!(
        stopped.stdout.contains("nothing to do"),
        "{}",
        stopped.stdout
    );
    assert_eq!(json!("done"), moving.report()["outcome"]);
}
