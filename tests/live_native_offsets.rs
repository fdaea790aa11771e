//! Sources with an offset topic of their own (KIP-618): tasks of the native engine, and JVM workers beside and after them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::tasks::{TaskWorker, config, file_source};
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// Values of the records of a topic, in order.
fn values(topic: &str) -> Vec<String> {
    let records = java::read_topic(&kafka::shared().bootstrap(), topic);
    let text = |record: java::JavaRecord| String::from_utf8(record.value.expect("a value"));
    let values = records
        .into_iter()
        .map(|record| text(record).expect("text"));
    values.collect()
}

/// Positions that the worker finds for a source, as JSON.
fn positions(worker: &TaskWorker, config: &indexmap::IndexMap<String, String>) -> Vec<String> {
    let found = worker.runtime.block_on(worker.host.offsets("src", config));
    let found = found.expect("the topics can be read").into_iter();
    let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).expect("JSON");
    found.map(|found| text(found.offset)).collect()
}

#[test]
fn a_position_is_kept_in_the_connectors_own_topic_and_then_in_the_workers() {
    require_kafka!();
    let world = World::new();
    let file = world.file("in.txt", "a\nb\n");
    let settings = [
        ("offset.storage.partitions", "3"),
        ("offset.storage.replication.factor", "1"),
    ];
    let worker = TaskWorker::start(&kafka::shared().bootstrap(), "own-offsets", &settings);
    worker.topic("own-offsets-lines", 1);
    let mut source = file_source(&file, "own-offsets-lines");
    source.extend(config(&[
        ("offsets.storage.topic", "own-offsets-src"),
        // What the connector sets for its producer holds for its positions as well.
        ("producer.override.compression.type", "gzip"),
    ]));
    let task = worker.spawn("src", &source).running();
    wait::expect("the position is in its own topic", PATIENCE, || {
        positions(&worker, &source) == [r#"{"position":4}"#]
    });
    worker.stop(task);
    for topic in ["own-offsets-src", "_own-offsets.offset"] {
        assert_eq!(values(topic), [r#"{"position":4}"#], "{topic}");
    }
    let names = ["own-offsets-src".to_owned()];
    let (topics, configs) = worker.runtime.block_on(async {
        let topics = worker.cluster.topics(Some(&names)).await;
        (topics, worker.cluster.topic_configs(&names).await)
    });
    let topics = topics.expect("the broker answers");
    assert_eq!(topics[&names[0]].partition_count(), 3);
    let configs = configs.expect("the broker answers").remove(&names[0]);
    let configs: BTreeMap<_, _> = configs.expect("it is there").expect("it may be read");
    assert_eq!(configs["cleanup.policy"].value.as_deref(), Some("compact"));

    // It goes on from there.
    fs::write(&file, "a\nb\nc\n").expect("the world is writable");
    let task = worker.spawn("src", &source).running();
    wait::expect("the position is in its own topic", PATIENCE, || {
        positions(&worker, &source) == [r#"{"position":6}"#]
    });
    worker.stop(task);
    assert_eq!(values("own-offsets-lines"), ["a", "b", "c"]);

    // What only the workers' topic has is not found by a connector that has another.
    source.insert("offsets.storage.topic".into(), "own-offsets-other".into());
    assert_eq!(positions(&worker, &source), ["null"]);
    let task = worker.spawn("src", &source).running();
    wait::expect("it has begun anew", PATIENCE, || {
        positions(&worker, &source) == [r#"{"position":6}"#]
    });
    worker.stop(task);
    assert_eq!(values("own-offsets-lines"), ["a", "b", "c", "a", "b", "c"]);
}

#[test]
fn a_topic_in_which_positions_do_not_last_fails_the_task() {
    require_kafka!();
    let world = World::new();
    let file = world.file("in.txt", "a\n");
    let worker = TaskWorker::start(&kafka::shared().bootstrap(), "own-deleted", &[]);
    worker.topic("own-deleted-src", 1);
    let mut source = file_source(&file, "own-deleted-lines");
    source.insert("offsets.storage.topic".into(), "own-deleted-src".into());
    let trace = worker.spawn("src", &source).failure();
    assert!(trace.contains("topic own-deleted-src"), "{trace}");
    assert!(trace.contains("cleanup.policy"), "{trace}");
    // One that cannot be made is named as well.
    source.insert("offsets.storage.topic".into(), "own-unmakable".into());
    let trace = worker.spawn("src", &source).failure();
    assert!(trace.contains("topic own-unmakable"), "{trace}");
    assert!(trace.contains("replication factor 3"), "{trace}");
}

/// A group of workers, and the source that they run.
struct Flow {
    world: World,
    name: &'static str,
    lines: usize,
}

impl Flow {
    fn new(name: &'static str) -> Self {
        let world = World::new();
        world.file("in.txt", "");
        Self {
            world,
            name,
            lines: 0,
        }
    }

    fn worker(&self, folder: &str) -> PathBuf {
        let folder = self.world.path(folder);
        fs::create_dir_all(&folder).expect("the world is writable");
        let settings = [("scheduled.rebalance.max.delay.ms", "0")];
        Distributed::file(&folder, &kafka::shared().bootstrap(), self.name, &settings)
    }

    fn source(&self, own: Option<&str>) -> Value {
        let mut config = json!({
            "connector.class": "FileStreamSource",
            "file": self.world.path("in.txt"),
            "topic": self.topic(),
        });
        if let Some(own) = own {
            config["offsets.storage.topic"] = json!(own);
        }
        config
    }

    fn topic(&self) -> String {
        format!("{}-lines", self.name)
    }

    fn append(&mut self, count: usize) {
        self.lines += count;
        let lines = (0..self.lines).map(|n| format!("{n:03}\n"));
        let text: String = lines.collect();
        fs::write(self.world.path("in.txt"), text).expect("the world is writable");
    }

    /// Waits until the worker says that all lines are committed.
    #[track_caller]
    fn expect_committed(&self, url: &str) -> Value {
        let mut said = Value::Null;
        let committed = wait::until(PATIENCE, || {
            said = rest::get(&format!("{url}/connectors/source/offsets")).json();
            said["offsets"][0]["offset"]["position"] == json!(self.lines * 4)
        });
        assert!(committed, "{} lines: {said}", self.lines);
        said
    }
}

#[test]
fn a_source_with_its_own_topic_goes_from_a_jvm_to_a_native_worker_and_back_without_a_line_twice() {
    require_kafka!();
    let mut flow = Flow::new("own-chain");
    let (jvm_file, native_file) = (flow.worker("jvm"), flow.worker("native"));
    let mut jvm = Distributed::start(&jvm_file);
    let config = flow.source(Some("own-chain-src"));
    let put = rest::put(
        &format!("{}/connectors/source/config", jvm.url),
        Some(&config),
    );
    assert_eq!(put.status, 201, "{put:?}");
    flow.append(10);
    let said = flow.expect_committed(&jvm.url);
    jvm.stop();

    let native = NativeWorker::start(&native_file, &[]);
    native.wait_state(&["source"], 1, "RUNNING");
    assert_eq!(flow.expect_committed(&native.url), said);
    flow.append(10);
    flow.expect_committed(&native.url);
    assert_eq!(native.stop(), 0);

    flow.append(10);
    let mut jvm = Distributed::start(&jvm_file);
    jvm.wait_running("source");
    flow.expect_committed(&jvm.url);
    jvm.stop();
    let lines: Vec<String> = (0..30).map(|n| format!("{n:03}")).collect();
    assert_eq!(values(&flow.topic()), lines);
    // Both wrote both.
    let own = values("own-chain-src");
    assert_eq!(own.last().map(String::as_str), Some(r#"{"position":120}"#));
    assert_eq!(values("_own-chain.offset").last(), own.last());
}

#[test]
fn a_native_and_a_jvm_worker_say_the_same_of_a_topic_that_has_nothing_yet() {
    require_kafka!();
    let mut flow = Flow::new("own-empty");
    let jvm = Distributed::start(&flow.worker("jvm"));
    let native = NativeWorker::start(&flow.worker("native"), &[]);
    let url = format!("{}/connectors/source", native.url);
    let put = rest::put(&format!("{url}/config"), Some(&flow.source(None)));
    assert_eq!(put.status, 201, "{put:?}");
    flow.append(3);
    flow.expect_committed(&native.url);
    rest::put(&format!("{url}/stop"), None).success();
    native.wait_state(&["source"], 0, "STOPPED");
    let own = flow.source(Some("own-empty-src"));
    rest::put(&format!("{url}/config"), Some(&own)).success();
    let offsets = |url: &str| rest::get(&format!("{url}/connectors/source/offsets")).json();
    let said = offsets(&native.url);
    assert_eq!(said["offsets"][0]["offset"], Value::Null, "{said}");
    assert_eq!(said["offsets"].as_array().map(Vec::len), Some(1), "{said}");
    wait::expect("the JVM worker says the same", PATIENCE, || {
        offsets(&jvm.url) == said
    });
    // Whichever of them has the task, it begins anew.
    rest::put(&format!("{url}/resume"), None).success();
    native.wait_state(&["source"], 1, "RUNNING");
    let committed = flow.expect_committed(&native.url);
    assert_eq!(offsets(&jvm.url), committed);
    let twice = ["000", "001", "002", "000", "001", "002"];
    assert_eq!(values(&flow.topic()), twice);
}
