//! `connectctl run` with lines flowing: from JVM workers to native ones and back, killed, and without Kafka for a while.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use crate::support::connect::Distributed;
use crate::support::flow::{Commits, Flow, Load};
use crate::support::kafka::{Kafka, KafkaOptions};
use crate::support::moving::Moving;
use crate::support::native_worker::NativeWorker;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_deployment_goes_from_a_jvm_to_a_native_worker_and_on_to_a_jvm_and_no_line_is_lost_or_twice() {
    require_kafka!();
    let mut moving = Moving::run("run-chain", &kafka::shared().bootstrap());
    moving.append(10);
    _ = moving
        .migrate(&["--source-stopped", "--yes", "--verify", "control"])
        .success();
    let connectors = ["run-chain-source", "run-chain-sink"];
    let file = moving.out().join("distributed.properties");
    for _ in 0..2 {
        let native = NativeWorker::start(&file, &[]);
        native.wait_state(&connectors, 1, "RUNNING");
        moving.expect_lines();
        moving.append(10);
        moving.expect_lines();
        assert_eq!(native.stop(), 0);
        moving.append(10);
        let mut jvm = moving.start_distributed();
        jvm.wait_running(connectors[0]);
        moving.expect_lines();
        moving.append(10);
        moving.expect_lines();
        jvm.stop();
        moving.append(10);
    }
}

#[test]
fn a_worker_that_is_killed_under_load_loses_nothing_and_repeats_only_what_came_after_its_last_commits()
 {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    killed_under_load(Flow::new("run-killed", &bootstrap, 1));
}

#[test]
fn workers_that_are_all_killed_under_load_go_on_where_they_committed_when_they_are_started_again() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    killed_under_load(Flow::new("run-all-killed", &bootstrap, 2));
}

/// Kills all workers at once, twice.
fn killed_under_load(mut flow: Flow) {
    let mut workers = flow.start();
    // The second one may join after everything runs on the first.
    wait::expect("each worker has something", PATIENCE, || {
        let owners: BTreeSet<_> = workers[0].owners().into_iter().collect();
        owners.len() == workers.len()
    });
    let load = Load::on(&flow.world.path("in.txt"));
    let mut kills = Vec::new();
    for _ in 0..2 {
        // Under load it commits again and again: what is not committed is what came within one flush interval.
        let first = Commits::now(&workers[0]).after(&workers[0]);
        kills.push(first.after(&workers[0]));
        workers.into_iter().for_each(NativeWorker::kill);
        workers = flow.start();
    }
    flow.lines = load.stop();
    flow.expect_all(&workers[0]);
    // What comes after is written once: a good end leaves nothing to repeat.
    for worker in workers {
        assert_eq!(worker.stop(), 0);
    }
    let output = flow.world.path("out.txt");
    let out = || fs::read_to_string(&output).expect("lines").lines().count();
    let before = out();
    let workers = flow.start();
    flow.append(100);
    flow.expect_all(&workers[0]);
    assert_eq!(out(), before + 100);
    flow.expect_only_repeats_after(&kills);
}

#[test]
fn workers_wait_while_kafka_is_away_and_go_on_by_themselves() {
    require_kafka!();
    let broker = Kafka::start(KafkaOptions::default());
    let mut flow = Flow::new("run-outage", &broker.bootstrap(), 1);
    let worker = flow.start().remove(0);
    flow.append(100);
    assert_eq!(flow.expect_all(&worker), 0);
    let written = fs::metadata(flow.world.path("in.txt"))
        .expect("lines")
        .len();
    wait::expect("everything is committed", PATIENCE, || {
        let now = Commits::now(&worker);
        (now.position, now.offset) == (written, 100)
    });
    broker.kill();
    let health = |worker: &NativeWorker| {
        let answer = rest::request("GET", &format!("{}/health", worker.url), None);
        answer.map_or(0, |answer| answer.status)
    };
    let says = |worker: &NativeWorker, what: &str| {
        let said = wait::until(PATIENCE, || worker.log().contains(what));
        assert!(said, "it does not say: {what}\n{}", worker.log());
    };
    wait::expect("the worker says that it is not well", PATIENCE, || {
        health(&worker) == 500
    });
    flow.append(100);
    // Out of reach of its group it stops what others may be given, as a JVM worker does.
    says(&worker, r#""message":"revoked""#);
    // A worker that starts now has nobody to ask.
    let folder = flow.world.path("late");
    fs::create_dir_all(&folder).expect("the world is writable");
    let late = Distributed::file(&folder, &broker.bootstrap(), "run-outage", &flow.settings);
    let late = NativeWorker::spawn(&late, &["--log-format", "json"]);
    says(&late, "Kafka does not answer yet");
    assert_eq!(health(&late), 503);
    broker.restart();
    for worker in [&worker, &late] {
        wait::expect("the worker is well", PATIENCE, || health(worker) == 200);
    }
    worker.wait_state(&["source", "sink"], 1, "RUNNING");
    flow.append(100);
    // The producer numbers what it sends again, and the sink had committed all that it had put.
    assert_eq!(flow.expect_all(&worker), 0);
    let log = worker.log();
    assert!(
        log.contains(r#""message":"the topic can be read again""#),
        "{log}"
    );
    assert!(!log.contains("a task has failed"), "{log}");
    assert_eq!(worker.stop(), 0);
    assert_eq!(late.stop(), 0);
    flow.expect_only_repeats_after(&[]);
}
