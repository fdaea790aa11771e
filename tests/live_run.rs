//! `connectctl run` on real Kafka: workers without a JVM, alone, together, and in the place of JVM workers.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// Workers of one group in a folder.
struct Group {
    world: World,
    name: String,
}

impl Group {
    fn new(name: &str) -> Self {
        Self {
            world: World::new(),
            name: name.to_owned(),
        }
    }

    /// Writes the file of a further worker; moved tasks move at once.
    fn worker(&self, number: u32, settings: &[(&str, &str)]) -> PathBuf {
        let folder = self.world.path(format!("worker-{number}"));
        std::fs::create_dir_all(&folder).expect("the world is writable");
        let mut all = vec![("scheduled.rebalance.max.delay.ms", "0")];
        all.extend_from_slice(settings);
        Distributed::file(&folder, &kafka::shared().bootstrap(), &self.name, &all)
    }

    fn start(&self, number: u32) -> NativeWorker {
        NativeWorker::start(&self.worker(number, &[]), &[])
    }

    fn source(&self) -> Value {
        json!({
            "connector.class": "FileStreamSource",
            "file": self.world.path("in.txt"),
            "topic": format!("{}-lines", self.name),
            "tasks.max": "1",
        })
    }

    fn sink(&self, tasks: u32) -> Value {
        json!({
            "connector.class": "FileStreamSink",
            "file": self.world.path("out.txt"),
            "topics": format!("{}-lines", self.name),
            "tasks.max": tasks.to_string(),
            // Other tests have a connector `sink` too, and they share a broker.
            "consumer.override.group.id": format!("connect-{}-sink", self.name),
        })
    }
}

#[track_caller]
fn create(worker: &NativeWorker, name: &str, config: &Value) {
    let body = json!({ "name": name, "config": config });
    let answer = rest::post(&format!("{}/connectors", worker.url), Some(&body));
    assert_eq!(answer.status, 201, "{answer:?}\n{}", worker.log());
}

#[test]
fn a_connector_lives_on_one_worker_as_it_would_on_a_jvm_worker() {
    require_kafka!();
    let group = Group::new("run-life");
    let worker = group.start(1);
    let url = |path: &str| format!("{}/{path}", worker.url);
    assert_eq!(worker.get("")["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(worker.get("health")["status"], "healthy");
    create(&worker, "source", &group.source());
    worker.wait_state(&["source"], 1, "RUNNING");
    let tasks = worker.get("connectors/source/tasks");
    assert_eq!(
        tasks[0]["config"]["task.class"],
        "org.apache.kafka.connect.file.FileStreamSourceTask"
    );
    assert_eq!(worker.get("connectors/source")["type"], "source");

    assert_eq!(rest::put(&url("connectors/source/pause"), None).status, 202);
    worker.wait_state(&["source"], 1, "PAUSED");
    assert_eq!(
        rest::put(&url("connectors/source/resume"), None).status,
        202
    );
    worker.wait_state(&["source"], 1, "RUNNING");
    assert_eq!(rest::put(&url("connectors/source/stop"), None).status, 204);
    worker.wait_state(&["source"], 0, "STOPPED");
    assert_eq!(
        rest::put(&url("connectors/source/resume"), None).status,
        202
    );
    worker.wait_state(&["source"], 1, "RUNNING");

    let restarted = rest::post(&url("connectors/source/restart?includeTasks=true"), None);
    assert_eq!(restarted.status, 202, "{restarted:?}");
    assert_eq!(restarted.json()["tasks"][0]["state"], "RESTARTING");
    worker.wait_state(&["source"], 1, "RUNNING");
    let restarted = rest::post(&url("connectors/source/tasks/0/restart"), None);
    assert_eq!(restarted.status, 204, "{restarted:?}");

    let sink = group.sink(2);
    let put = rest::put(&url("connectors/sink/config"), Some(&sink));
    assert_eq!(put.status, 201, "{put:?}");
    worker.wait_state(&["sink"], 2, "RUNNING");
    assert_eq!(rest::delete(&url("connectors/sink")).status, 204);
    assert_eq!(rest::get(&url("connectors/sink")).status, 404);
    worker.wait_state(&["source"], 1, "RUNNING");
    assert_eq!(worker.stop(), 0);
}

#[test]
fn what_the_jvm_refuses_is_refused_in_its_words() {
    require_kafka!();
    let group = Group::new("run-refusals");
    let worker = group.start(1);
    let connectors = format!("{}/connectors", worker.url);
    let refused = |config: Value, status: u16, message: &str| {
        let body = json!({ "name": "x", "config": config });
        let answer = rest::post(&connectors, Some(&body));
        assert_eq!(answer.status, status, "{answer:?}");
        let said = answer.json();
        assert_eq!(said["error_code"], status);
        let said = said["message"].as_str().expect("a message").to_owned();
        assert!(said.contains(message), "{said}");
    };
    refused(
        json!({"connector.class": "io.debezium.Any"}),
        400,
        "Failed to find any class that implements Connector and which name matches io.debezium.Any",
    );
    refused(
        json!({"connector.class": "FileStreamSource"}),
        400,
        "contains the following 1 error(s):\nMissing required configuration \"topic\" which has no default value.",
    );
    refused(
        json!({"connector.class": "FileStreamSource", "topic": "t", "name": "y"}),
        400,
        "Connector name configuration (y) doesn't match connector name in the URL (x)",
    );
    refused(json!({"connector.class": ["a"]}), 500, "Cannot deserialize");
    create(&worker, "x", &group.source());
    refused(group.source(), 409, "Connector x already exists");
    let answers = |method: &str, path: &str| {
        let answer = rest::request(method, &format!("{}/{path}", worker.url), None);
        let answer = answer.expect("an answer");
        (answer.status, answer.json()["message"].clone())
    };
    for (method, path, status, message) in [
        ("GET", "connectors/none", 404, "Connector none not found"),
        (
            "GET",
            "connectors/none/status",
            404,
            "No status found for connector none",
        ),
        (
            "PUT",
            "connectors/none/pause",
            404,
            "Unknown connector none",
        ),
        ("PUT", "connectors/none/stop", 404, "Unknown connector none"),
        (
            "POST",
            "connectors/none/restart",
            404,
            "Unknown connector: none",
        ),
        ("DELETE", "connectors/none", 404, "Connector none not found"),
        (
            "POST",
            "connectors/x/tasks/7/restart",
            404,
            "Unknown task: x-7",
        ),
        (
            "POST",
            "connectors/x/tasks",
            400,
            "Internal request missing required signature",
        ),
        (
            "GET",
            "connectors/none/offsets",
            404,
            "Connector none not found",
        ),
        ("GET", "nowhere", 404, "HTTP 404 Not Found"),
        ("DELETE", "connectors", 405, "HTTP 405 Method Not Allowed"),
    ] {
        assert_eq!(
            answers(method, path),
            (status, json!(message)),
            "{method} {path}"
        );
    }
}

#[test]
fn workers_share_the_work_and_take_over_from_one_that_dies() {
    require_kafka!();
    let group = Group::new("run-shared");
    let first = group.start(1);
    let second = group.start(2);
    for name in ["a", "b", "c", "d"] {
        // Whoever is asked: the leader does it.
        create(&second, name, &group.sink(1));
    }
    let all = ["a", "b", "c", "d"];
    first.wait_state(&all, 1, "RUNNING");
    let both = [first.id(), second.id()].map(str::to_owned);
    let half = |id: &String| first.owners().iter().filter(|owner| *owner == id).count();
    assert_eq!(both.iter().map(half).collect::<Vec<_>>(), [4, 4]);

    let survivor = second.id().to_owned();
    first.kill();
    wait::expect("the survivor has everything", PATIENCE, || {
        second.owners().iter().all(|owner| *owner == survivor)
    });
    second.wait_state(&all, 1, "RUNNING");
    assert_eq!(second.stop(), 0);

    // Everything is in the topics: the next worker goes on.
    let third = group.start(3);
    third.wait_state(&all, 1, "RUNNING");
    let id = third.id().to_owned();
    assert!(third.owners().iter().all(|owner| *owner == id));
    third.signal("INT");
    let mut third = third;
    assert_eq!(third.end(), 0);
    assert!(third.log().contains("the worker has left its group"));
}

#[test]
fn a_native_and_a_jvm_worker_are_one_group() {
    require_kafka!();
    let group = Group::new("run-mixed");
    let jvm_file = group.worker(1, &[]);
    let mut jvm = Distributed::start(&jvm_file);
    // The JVM leads, and the native worker hands its tasks to it, signed.
    let native = group.start(2);
    for name in ["a", "b"] {
        create(&native, name, &group.sink(1));
    }
    native.wait_state(&["a", "b"], 1, "RUNNING");
    let mut ids = [native.id().to_owned(), jvm.url.replace("http://", "")];
    ids.sort();
    let owners = native.owners();
    assert_eq!(
        owners.iter().filter(|owner| **owner == ids[0]).count(),
        2,
        "{owners:?}"
    );
    assert_eq!(
        owners.iter().filter(|owner| **owner == ids[1]).count(),
        2,
        "{owners:?}"
    );
    jvm.stop();
    wait::expect("the native worker has everything", PATIENCE, || {
        native.owners().iter().all(|owner| *owner == native.id())
    });
    native.wait_state(&["a", "b"], 1, "RUNNING");
    // Now the native worker leads, and the JVM takes its tasks, its key and its word.
    let jvm = Distributed::start(&jvm_file);
    create(&native, "c", &group.sink(1));
    native.wait_state(&["a", "b", "c"], 1, "RUNNING");
    let deleted = rest::delete(&format!("{}/connectors/a", jvm.url));
    assert_eq!(deleted.status, 204, "{deleted:?}");
    assert_eq!(native.stop(), 0);
    jvm.wait_running("b");
    jvm.wait_running("c");
}

#[test]
fn native_and_jvm_workers_are_one_group_under_the_eager_protocol() {
    require_kafka!();
    let group = Group::new("run-eager");
    let eager = [("connect.protocol", "eager")];
    let json = ["--log-format", "json"];
    let jvm_file = group.worker(1, &eager);
    let mut jvm = Distributed::start(&jvm_file);
    let native = NativeWorker::start(&group.worker(2, &eager), &json);
    for name in ["a", "b"] {
        create(&native, name, &group.sink(1));
    }
    native.wait_state(&["a", "b"], 1, "RUNNING");
    let owners = native.owners();
    let jvm_id = jvm.url.replace("http://", "");
    let has = |id: &str| owners.iter().filter(|owner| *owner == id).count();
    assert_eq!((has(native.id()), has(&jvm_id)), (2, 2), "{owners:?}");
    // One that would rather speak another protocol speaks this one; the work is dealt anew among the three.
    let third = NativeWorker::start(&group.worker(3, &[]), &json);
    create(&third, "c", &group.sink(1));
    third.wait_state(&["a", "b", "c"], 1, "RUNNING");
    for worker in [&native, &third] {
        let log = worker.log();
        let rounds = log.lines().filter(|line| line.contains("Joined group"));
        let is_eager = |line: &str| line.contains(r#""protocol":"default""#);
        assert!(rounds.clone().all(is_eager), "{log}");
        assert!(rounds.count() > 0, "{log}");
    }
    assert_eq!(third.stop(), 0);
    jvm.stop();
    let all = || native.owners().iter().all(|owner| *owner == native.id());
    wait::expect("the native worker has everything", PATIENCE, all);
    native.wait_state(&["a", "b", "c"], 1, "RUNNING");
    // Now the native worker leads.
    let jvm = Distributed::start(&jvm_file);
    create(&native, "d", &group.sink(1));
    native.wait_state(&["a", "b", "c", "d"], 1, "RUNNING");
    let deleted = rest::delete(&format!("{}/connectors/a", jvm.url));
    assert_eq!(deleted.status, 204, "{deleted:?}");
    assert_eq!(native.stop(), 0);
    for name in ["b", "c", "d"] {
        jvm.wait_running(name);
    }
}
