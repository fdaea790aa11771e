//! A worker of `connectctl run` in whose group sources are fenced, as workers with exactly-once do it.

use std::time::Duration;

use bytes::Bytes;
use connectctl::io::kafka::seeder::SeedRecord;
use connectctl::io::kafka::writer::Writer;
use serde_json::json;

use crate::live_kafka::connect;
use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_source_does_not_run_beside_workers_that_fence_and_runs_when_they_are_gone() {
    require_kafka!();
    let world = World::new();
    let group = "run-exactly-once";
    let bootstrap = kafka::shared().bootstrap();
    let file = Distributed::file(world.root(), &bootstrap, group, &[]);
    let worker = NativeWorker::start(&file, &[]);
    let put = |worker: &NativeWorker, name: &str, config: serde_json::Value| {
        let url = format!("{}/connectors/{name}/config", worker.url);
        let answer = rest::put(&url, Some(&config));
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    // What a leader with exactly-once writes when it has fenced the tasks of a source.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let cluster = connect(&bootstrap).await;
        let record = SeedRecord {
            key: Bytes::from_static(b"tasks-fencing-source"),
            value: Some(Bytes::from_static(br#"{"task-count":1}"#)),
        };
        let topic = format!("_{group}.config");
        let written = Writer::new(&cluster, &topic, 0).write(&[record]).await;
        written.expect("the broker takes it");
    });
    let topic = "run-exactly-once-lines";
    let output = world.path("out.txt");
    put(
        &worker,
        "sink",
        json!({"connector.class": "FileStreamSink", "file": output, "topics": topic,
            // Other tests have a connector `sink` too, and they share a broker.
            "consumer.override.group.id": "connect-run-exactly-once-sink"}),
    );
    worker.wait_state(&["sink"], 1, "RUNNING");
    let input = world.file("in.txt", "");
    put(
        &worker,
        "source",
        json!({"connector.class": "FileStreamSource", "file": input, "topic": topic}),
    );
    let task = |worker: &NativeWorker| {
        let status = rest::get(&format!("{}/connectors/source/status", worker.url));
        status.json()["tasks"][0].clone()
    };
    wait::expect("the task has failed", PATIENCE, || {
        task(&worker)["state"] == "FAILED"
    });
    let trace = task(&worker)["trace"].to_string();
    assert!(
        trace.contains("exactly.once.source.support=disabled"),
        "{trace}"
    );
    worker.wait_state(&["sink"], 1, "RUNNING");
    assert_eq!(worker.stop(), 0);

    // The record is left over now.
    let worker = NativeWorker::start(&file, &[]);
    worker.wait_state(&["source", "sink"], 1, "RUNNING");
    assert!(
        worker.log().contains("runs here at least once"),
        "{}",
        worker.log()
    );
    assert_eq!(worker.stop(), 0);
}
