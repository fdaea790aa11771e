//! The topics that connectors use (KIP-558), as native and JVM workers of one group tell of them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the worker shows these topics of a connector.
#[track_caller]
fn expect_topics(worker: &str, connector: &str, topics: &[String]) {
    let mut said = Value::Null;
    let shown = wait::until(PATIENCE, || {
        said = rest::get(&format!("{worker}/connectors/{connector}/topics")).json();
        said == json!({ connector: { "topics": topics } })
    });
    assert!(shown, "{worker}: {said}, not {topics:?}");
}

/// A group of workers with a source and a sink of one topic.
struct Group {
    world: World,
    name: &'static str,
}

impl Group {
    fn new(name: &'static str) -> Self {
        let world = World::new();
        world.file("in.txt", "a\n");
        Self { world, name }
    }

    fn worker(&self, folder: &str, settings: &[(&str, &str)]) -> PathBuf {
        let folder = self.world.path(folder);
        fs::create_dir_all(&folder).expect("the world is writable");
        let delay = ("scheduled.rebalance.max.delay.ms", "0");
        let settings = [&[delay], settings].concat();
        Distributed::file(&folder, &kafka::shared().bootstrap(), self.name, &settings)
    }

    fn topic(&self) -> String {
        format!("{}-lines", self.name)
    }

    #[track_caller]
    fn create(&self, worker: &str) {
        let source = json!({ "connector.class": "FileStreamSource",
            "file": self.world.path("in.txt"), "topic": self.topic() });
        let sink = json!({ "connector.class": "FileStreamSink",
            "file": self.world.path("out.txt"), "topics": self.topic(),
            // Other tests have a connector `sink` too, and they share a broker.
            "consumer.override.group.id": format!("connect-{}-sink", self.name) });
        for (name, config) in [("source", source), ("sink", sink)] {
            let url = format!("{worker}/connectors/{name}/config");
            rest::put(&url, Some(&config)).success();
        }
    }

    /// Records of the status topic about topics: key and value.
    fn records(&self) -> Vec<(String, Option<Value>)> {
        let topic = format!("_{}.status", self.name);
        let records = java::read_topic(&kafka::shared().bootstrap(), &topic);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        let record = |record: java::JavaRecord| {
            let key = text(record.key.expect("a key"));
            let value = record.value.map(text);
            let value = value.map(|value| serde_json::from_str(&value).expect("JSON"));
            key.starts_with("status-topic-").then_some((key, value))
        };
        records.into_iter().filter_map(record).collect()
    }

    /// Records about the topic of one connector.
    fn of(&self, connector: &str) -> Vec<Option<Value>> {
        let key = format!("status-topic-{}:connector-{connector}", self.topic());
        let mut found = self.records();
        found.retain(|(found, _)| *found == key);
        found.into_iter().map(|(_, value)| value).collect()
    }
}

#[test]
fn a_jvm_worker_shows_and_forgets_the_topics_that_a_native_worker_found() {
    require_kafka!();
    let group = Group::new("run-topics");
    let native_file = group.worker("native", &[]);
    let native = NativeWorker::start(&native_file, &[]);
    let topics = [group.topic()];
    expect_topics(&native.url, "source", &[]);
    group.create(&native.url);
    for connector in ["source", "sink"] {
        expect_topics(&native.url, connector, &topics);
    }
    // A task that starts again finds nothing new.
    assert_eq!(native.stop(), 0);
    let native = NativeWorker::start(&native_file, &[]);
    native.wait_state(&["source", "sink"], 1, "RUNNING");
    let append = |text: &str| {
        let lines = fs::read_to_string(group.world.path("in.txt")).expect("lines");
        let lines = lines + text;
        group.world.file("in.txt", lines.clone());
        wait::expect("the lines arrive", PATIENCE, || {
            let out = fs::read_to_string(group.world.path("out.txt"));
            out.is_ok_and(|out| out == lines)
        });
    };
    append("b\n");
    for connector in ["source", "sink"] {
        let records = group.of(connector);
        assert_eq!(records.len(), 1, "{records:?}");
        let said = records[0].as_ref().expect("no tombstone");
        let time = said["topic"]["discoverTimestamp"].clone();
        assert!(time.as_i64().is_some_and(|time| time > 0), "{said}");
        assert_eq!(
            said.to_string(),
            json!({"topic": {"name": topics[0], "connector": connector, "task": 0,
                "discoverTimestamp": time}})
            .to_string()
        );
    }

    let jvm = Distributed::start(&group.worker("jvm", &[]));
    for connector in ["source", "sink"] {
        expect_topics(&jvm.url, connector, &topics);
    }
    // Whichever of them has the task, it finds its topic again.
    let reset = |worker: &str| rest::put(&format!("{worker}/connectors/source/topics/reset"), None);
    for worker in [&native.url, &jvm.url] {
        let answer = reset(worker);
        assert_eq!((answer.status, &*answer.text), (202, ""));
        for worker in [&native.url, &jvm.url] {
            expect_topics(worker, "source", &[]);
        }
        append("c\n");
        for worker in [&native.url, &jvm.url] {
            expect_topics(worker, "source", &topics);
        }
    }
    for connector in ["source", "sink"] {
        rest::delete(&format!("{}/connectors/{connector}", native.url)).success();
        for worker in [&native.url, &jvm.url] {
            expect_topics(worker, connector, &[]);
        }
    }
}

#[test]
fn a_group_led_by_a_jvm_forgets_the_topics_of_a_native_worker_s_connectors() {
    require_kafka!();
    let group = Group::new("run-topics-led");
    let jvm = Distributed::start(&group.worker("jvm", &[]));
    let native = NativeWorker::start(&group.worker("native", &[]), &[]);
    group.create(&jvm.url);
    let topics = [group.topic()];
    for connector in ["source", "sink"] {
        expect_topics(&jvm.url, connector, &topics);
        expect_topics(&native.url, connector, &topics);
    }
    for connector in ["source", "sink"] {
        rest::delete(&format!("{}/connectors/{connector}", jvm.url)).success();
        expect_topics(&jvm.url, connector, &[]);
        expect_topics(&native.url, connector, &[]);
    }
}

#[test]
fn what_is_switched_off_is_refused_as_a_jvm_worker_refuses_it() {
    require_kafka!();
    let group = Group::new("run-untracked");
    let off = [("topic.tracking.enable", "false")];
    let no_reset = [("topic.tracking.allow.reset", "FALSE")];
    let native = NativeWorker::start(&group.worker("native", &off), &[]);
    group.create(&native.url);
    native.wait_state(&["source", "sink"], 1, "RUNNING");
    let jvm = Distributed::start(&group.worker("jvm", &off));
    let answers = |worker: &str| {
        let url = format!("{worker}/connectors/source/topics");
        let answers = [rest::get(&url), rest::put(&format!("{url}/reset"), None)];
        answers.map(|answer| (answer.status, answer.json()["message"].clone()))
    };
    let said = answers(&native.url);
    assert_eq!(said[0], (403, json!("Topic tracking is disabled.")));
    assert_eq!(said, answers(&jvm.url));
    wait::expect("the line arrives", PATIENCE, || {
        let out = fs::read_to_string(group.world.path("out.txt"));
        out.is_ok_and(|out| out == "a\n")
    });
    assert_eq!(native.stop(), 0);
    assert_eq!(group.records(), []);
    drop(jvm);
    let native = NativeWorker::start(&group.worker("no-reset", &no_reset), &[]);
    let said = answers(&native.url);
    assert_eq!(said[0].0, 200);
    assert_eq!(said[1], (403, json!("Topic tracking reset is disabled.")));
}
