//! Workers of `connectctl run` whose tasks fail, or do not end: the failure is the task's, and a second signal ends the worker.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use serde_json::{Value, json};

use crate::live_kafka::{connect, create, new_topic};
use crate::live_native_sink_jvm::without_places;
use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::proxy::{Hold, Proxy};
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(90);

fn put(url: &str, name: &str, config: &Value) -> rest::Answer {
    rest::put(&format!("{url}/connectors/{name}/config"), Some(config))
}

fn source(file: &Path, topic: &str) -> Value {
    json!({"connector.class": "FileStreamSource", "file": file, "topic": topic})
}

fn sink(topic: &str, file: &Path) -> Value {
    json!({"connector.class": "FileStreamSink", "file": file, "topics": topic,
        // Several tests have a connector `sink`, and they share a broker.
        "consumer.override.group.id": format!("connect-{topic}-sink")})
}

/// Waits until task 0 of the connector has FAILED and returns its trace.
#[track_caller]
fn failure(url: &str, connector: &str) -> String {
    let mut task = Value::Null;
    let failed = wait::until(PATIENCE, || {
        let status = rest::get(&format!("{url}/connectors/{connector}/status"));
        task = status.json()["tasks"][0].clone();
        task["state"] == "FAILED"
    });
    assert!(failed, "{connector}: {task}");
    task["trace"].as_str().expect("a trace").to_owned()
}

fn append(file: &Path, text: &str) {
    let opened = File::options().create(true).append(true).open(file);
    let mut opened = opened.expect("the folder is writable");
    opened.write_all(text.as_bytes()).expect("it is written");
}

#[test]
fn a_record_of_100_mb_and_a_deleted_topic_fail_their_tasks_and_the_worker_goes_on() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let deleted = "run-faults-deleted".to_owned();
    let cluster = runtime.block_on(connect(&bootstrap));
    runtime.block_on(create(&cluster, new_topic(&deleted, 1, 1, &[])));
    let file = Distributed::file(world.root(), &bootstrap, "run-faults", &[]);
    let worker = NativeWorker::start(&file, &[]);
    let (input, output) = (world.file("in.txt", ""), world.path("out.txt"));
    let lines = "run-faults-lines";
    let large = world.file("large.txt", format!("{}\n", "x".repeat(100 << 20)));
    for (name, config) in [
        ("source", source(&input, lines)),
        ("sink", sink(lines, &output)),
        ("deleted", sink(&deleted, &world.path("deleted.txt"))),
    ] {
        _ = put(&worker.url, name, &config).success();
    }
    worker.wait_state(&["source", "sink", "deleted"], 1, "RUNNING");

    _ = put(&worker.url, "large", &source(&large, "run-faults-large")).success();
    let trace = failure(&worker.url, "large");
    assert!(
        trace.contains("RecordTooLargeException: The message is 1048576"),
        "{trace}"
    );
    let names = [deleted];
    let outcome = runtime.block_on(cluster.delete_topics(&names));
    outcome.expect("the broker answers")[&names[0]]
        .clone()
        .expect("it was there");
    let trace = failure(&worker.url, "deleted");
    assert!(trace.contains(&names[0]), "{trace}");
    let mut brotli = source(&input, lines);
    brotli["producer.override.compression.type"] = "brotli".into();
    let refused = put(&worker.url, "brotli", &brotli);
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.text.contains("compression.type"), "{refused:?}");

    append(&input, "all is well\n");
    wait::expect("lines go through", PATIENCE, || {
        fs::read_to_string(&output).is_ok_and(|text| text == "all is well\n")
    });
    worker.wait_state(&["source", "sink"], 1, "RUNNING");
    assert_eq!(worker.get("health")["status"], "healthy");
    assert_eq!(worker.stop(), 0);
}

#[test]
fn a_record_that_is_too_large_is_told_of_in_the_words_of_a_jvm() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let line = format!("{}\n", "\u{e9}".repeat(1 << 20));
    let input = world.file("in.txt", line);
    let group = |name: &str| {
        let folder = world.path(name);
        fs::create_dir_all(&folder).expect("the world is writable");
        Distributed::file(&folder, &bootstrap, name, &[])
    };
    let jvm = Distributed::start(&group("run-large-jvm"));
    let native = NativeWorker::start(&group("run-large"), &[]);
    let trace = |url: &str| {
        _ = put(url, "large", &source(&input, "run-large-lines")).success();
        let trace = without_places(failure(url, "large").as_bytes());
        String::from_utf8(trace).expect("text")
    };
    assert_eq!(trace(&native.url), trace(&jvm.url));
}

#[test]
fn a_codec_that_the_worker_file_names_and_nobody_knows_fails_its_sources_alone() {
    require_kafka!();
    let world = World::new();
    let settings = [("producer.compression.type", "brotli")];
    let bootstrap = kafka::shared().bootstrap();
    let file = Distributed::file(world.root(), &bootstrap, "run-codec", &settings);
    let worker = NativeWorker::start(&file, &[]);
    let input = world.file("in.txt", "a\n");
    let topic = "run-codec-lines";
    _ = put(&worker.url, "sink", &sink(topic, &world.path("out.txt"))).success();
    _ = put(&worker.url, "source", &source(&input, topic)).success();
    let trace = failure(&worker.url, "source");
    assert!(trace.contains("compression.type"), "{trace}");
    worker.wait_state(&["sink"], 1, "RUNNING");
    assert_eq!(worker.get("health")["status"], "healthy");
    assert_eq!(worker.stop(), 0);
}

#[test]
fn a_second_signal_ends_a_worker_at_once_whose_task_does_not_end() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let settings = [("task.shutdown.graceful.timeout.ms", "600000")];
    for (first, second, code) in [("TERM", "INT", 130), ("INT", "TERM", 143)] {
        let world = World::new();
        let group = format!("run-twice-{first}").to_lowercase();
        let file = Distributed::file(world.root(), &bootstrap, &group, &settings);
        let mut worker = NativeWorker::start(&file, &[]);
        let text = "a line\n".repeat(100_000);
        let input = world.file("in.txt", &text);
        _ = put(&worker.url, "source", &source(&input, &group)).success();
        wait::expect("all lines are in the topic", PATIENCE, || {
            let offsets = worker.get("connectors/source/offsets");
            offsets["offsets"][0]["offset"]["position"] == text.len()
        });
        // Much more than a pipe holds, for a reader that stops reading.
        let pipe = world.path("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo starts").success());
        let opened = File::options().read(true).write(true).open(&pipe);
        let mut reader = opened.expect("it can be opened");
        _ = put(&worker.url, "sink", &sink(&group, &pipe)).success();
        reader.read_exact(&mut [0; 7]).expect("a line comes");

        worker.signal(first);
        let stops = wait::until(PATIENCE, || worker.log().contains("the worker stops"));
        assert!(stops && !worker.has_ended(), "{}", worker.log());
        worker.signal(second);
        assert_eq!(worker.end(), code);
        assert!(!worker.log().contains("the worker has left its group"));
    }
}

#[test]
fn a_worker_says_that_it_has_left_its_group_only_when_that_is_known() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let world = World::new();
    let settings = [("task.shutdown.graceful.timeout.ms", "1000")];
    let file = Distributed::file(world.root(), &proxy.bootstrap(), "run-unleft", &settings);
    let mut worker = NativeWorker::start(&file, &[]);
    proxy.hold_at(ApiKey::LeaveGroup, 1, Hold::Request);
    worker.signal("TERM");
    assert_eq!(worker.end(), 0);
    let log = worker.log();
    assert!(proxy.is_held(), "{log}");
    let said = "whether the worker has left its group is not known";
    assert!(log.contains(said), "{log}");
    let line = |line: &str| line.contains("INFO") && line.contains("left its group");
    assert!(!log.lines().any(line), "{log}");
}
