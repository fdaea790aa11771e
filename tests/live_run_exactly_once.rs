//! A worker of `connectctl run` in whose group sources are fenced, as workers with exactly-once do it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use connectctl::io::kafka::seeder::SeedRecord;
use connectctl::io::kafka::writer::Writer;
use serde_json::{Value, json};

use crate::live_kafka::connect;
use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// Writes what a leader with exactly-once writes when it has fenced the tasks of a source.
fn fence(bootstrap: &str, group: &str, source: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let cluster = connect(bootstrap).await;
        let record = SeedRecord {
            key: Bytes::from(format!("tasks-fencing-{source}")),
            value: Some(Bytes::from_static(br#"{"task-count":1}"#)),
        };
        let topic = format!("_{group}.config");
        let written = Writer::new(&cluster, &topic, 0).write(&[record]).await;
        written.expect("the broker takes it");
    });
}

fn put(worker: &NativeWorker, name: &str, config: &Value) {
    let url = format!("{}/connectors/{name}/config", worker.url);
    let answer = rest::put(&url, Some(config));
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Waits until the connector's task has FAILED because others fence.
#[track_caller]
fn expect_fenced_off(worker: &NativeWorker, source: &str) {
    let mut task = Value::Null;
    let failed = wait::until(PATIENCE, || {
        let status = rest::get(&format!("{}/connectors/{source}/status", worker.url));
        task = status.json()["tasks"][0].clone();
        task["state"] == "FAILED"
    });
    assert!(failed, "{source}: {task}");
    let trace = task["trace"].to_string();
    let said = "exactly.once.source.support=disabled";
    assert!(trace.contains(said), "{trace}");
}

/// Waits until these lines have come, once each and nothing else.
#[track_caller]
fn expect_lines(output: &Path, lines: &str) {
    let read = || fs::read_to_string(output).unwrap_or_default();
    let arrived = wait::until(PATIENCE, || read().len() >= lines.len());
    assert!(arrived, "{:?}", read());
    assert_eq!(read(), lines);
}

#[test]
fn no_source_runs_beside_workers_that_fence_and_all_do_when_they_are_gone() {
    require_kafka!();
    let world = World::new();
    let group = "run-exactly-once";
    let bootstrap = kafka::shared().bootstrap();
    let file = Distributed::file(world.root(), &bootstrap, group, &[]);
    let worker = NativeWorker::start(&file, &[]);
    let topic = "run-exactly-once-lines";
    let output = world.path("out.txt");
    let sink = json!({"connector.class": "FileStreamSink", "file": output, "topics": topic});
    put(&worker, "sink", &sink);
    let input = world.file("in.txt", "one\n");
    let source =
        |file: &Path| json!({"connector.class": "FileStreamSource", "file": file, "topic": topic});
    put(&worker, "source", &source(&input));
    worker.wait_state(&["source", "sink"], 1, "RUNNING");
    expect_lines(&output, "one\n");

    // Who runs already ends, and who comes does not start; a restart changes nothing.
    fence(&bootstrap, group, "source");
    expect_fenced_off(&worker, "source");
    let late = world.file("late.txt", "");
    put(&worker, "late", &source(&late));
    expect_fenced_off(&worker, "late");
    let restart = format!("{}/connectors/source/tasks/0/restart", worker.url);
    rest::post(&restart, None).success();
    expect_fenced_off(&worker, "source");
    worker.wait_state(&["sink"], 1, "RUNNING");
    world.file("in.txt", "one\ntwo\n");
    assert_eq!(worker.stop(), 0);

    // The record is left over now, and the source goes on where it was.
    let worker = NativeWorker::start(&file, &[]);
    worker.wait_state(&["source", "late", "sink"], 1, "RUNNING");
    expect_lines(&output, "one\ntwo\n");
    let log = worker.log();
    assert!(log.contains("runs here at least once"), "{log}");
    assert_eq!(worker.stop(), 0);
}
