//! Whose cluster is it: a live Connect cluster of others, adopted, and looked at again when it has moved on.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::live_topics;
use crate::support::connect::{Distributed, Worker};
use crate::support::moving::Moving;
use crate::support::world::Ran;
use crate::support::{java, kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(
            ran.stdout.contains(word) || ran.stderr.contains(word),
            "{word:?} is not in: {ran:#?}"
        );
    }
}

fn file_sink(topics: &str, file: &std::path::Path) -> Value {
    json!({ "connector.class": "FileStreamSink", "topics": topics, "file": file })
}

/// Asks for a state and waits until the cluster says it.
#[track_caller]
fn bring(worker: &Worker, connector: &str, verb: &str, state: &str) {
    let url = format!("{}/connectors/{connector}", worker.url);
    rest::put(&format!("{url}/{verb}"), None).success();
    wait::expect(&format!("{connector} is {state}"), PATIENCE, || {
        let status = rest::get(&format!("{url}/status")).json();
        let tasks = status["tasks"].as_array().map_or(0, Vec::len);
        status["connector"]["state"] == state && (state != "STOPPED" || tasks == 0)
    });
}

/// Returns the position of the source as the cluster knows it.
#[track_caller]
fn position(worker: &Worker, connector: &str) -> i64 {
    let url = format!("{}/connectors/{connector}/offsets", worker.url);
    let offsets = rest::get(&url).success().json();
    offsets["offsets"][0]["offset"]["position"]
        .as_i64()
        .unwrap_or_else(|| panic!("no position in {offsets}"))
}

/// Returns the bytes of the first lines of a source's file.
fn length_of(lines: usize) -> i64 {
    let bytes: usize = (0..lines).map(|n| format!("0 line {n}\n").len()).sum();
    i64::try_from(bytes).expect("a short file")
}

#[test]
fn a_cluster_of_others_is_adopted_only_when_asked_and_is_the_truth_afterwards() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let mut moving = Moving::run("target", &bootstrap);
    let file = Distributed::file(moving.world.root(), &bootstrap, "target", &[]);
    let mut worker = Distributed::start(&file);
    let url = worker.url.clone();
    let base = ["--source-stopped", "--yes"];
    let registering = ["--source-stopped", "--yes", "--url", &url];

    // Nothing is registered, and still the group is at work.
    says(
        &moving.migrate(&base).code(5),
        &["P19", "the Connect group has 1 active member(s)", &url],
    );
    let stranger = json!({
        "name": "stranger",
        "config": file_sink("target-stranger", &moving.world.path("stranger.txt")),
    });
    rest::post(&format!("{url}/connectors"), Some(&stranger)).success();
    worker.wait_running("stranger");
    let namesake = json!({
        "name": "target-sink",
        "config": file_sink("target-other", &moving.world.path("other.txt")),
        "initial_state": "STOPPED",
    });
    rest::post(&format!("{url}/connectors"), Some(&namesake)).success();
    says(
        &moving.migrate(&registering).code(5),
        &[
            "P19",
            "connector stranger is not in this plan",
            "connector target-sink is there with another configuration (connector.class, file, tasks.max, topics)",
        ],
    );
    assert!(!moving.out().exists());

    moving.append(10);
    // The workers of another Connect cluster know nothing of what our config topic has, and are told nothing.
    let elsewhere = Distributed::file(moving.world.root(), &bootstrap, "target-elsewhere", &[]);
    let mut other = Distributed::start(&elsewhere);
    let of_other = ["--source-stopped", "--yes", "--adopt", "--url", &other.url];
    let ran = moving.migrate(&of_other);
    assert_ne!(ran.code, 0, "{ran:#?}");
    says(
        &ran,
        &[
            "has connector target-sink not as the config topic",
            "it is another Connect cluster",
        ],
    );
    let names = rest::get(&format!("{}/connectors", other.url)).json();
    assert_eq!(names, json!([]));
    other.stop();

    let adopting = [&registering[..], &["--adopt"]].concat();
    says(
        &moving.migrate(&adopting).success(),
        &["stop connector target-sink and update its configuration"],
    );
    worker.wait_running("stranger");
    let kept = moving.backups();
    let kept = kept.iter().find(|name| name.starts_with("connector-"));
    let kept = moving
        .world
        .read(format!("distributed/backup/{}", kept.expect("a backup")));
    assert!(kept.contains("target-other"), "{kept}");
    moving.expect_lines();

    // A day later the cluster has moved on: lines, another configuration, a pause.
    moving.append(10);
    moving.expect_lines();
    wait::expect("the source's position is flushed", PATIENCE, || {
        position(&worker, "target-source") == length_of(40)
    });
    let config = format!("{url}/connectors/target-source/config");
    let mut reconfigured = rest::get(&config).json();
    reconfigured["tasks.max"] = json!("2");
    rest::put(&config, Some(&reconfigured)).success();
    bring(&worker, "target-sink", "pause", "PAUSED");
    worker.wait_running("target-source");
    let later = moving.migrate(&base).success();
    says(
        &later,
        &[
            "nothing to do",
            "target-source has run in the distributed cluster, which is the truth about it now",
            "1 position differs from the file's",
            "it was given another tasks.max",
            "target-sink has run in the distributed cluster, which is the truth about it now: it was paused",
        ],
    );
    // While it runs, nothing is overwritten.
    says(
        &moving
            .migrate(&[&base[..], &["--overwrite-offsets"]].concat())
            .code(5),
        &[
            "P57",
            "--overwrite-offsets does not replace the 1 other position of target-source",
            "/connectors/target-source/stop",
        ],
    );
    // Without the report nothing tells that this cluster was ours once.
    let report = moving.out().join("report.json");
    let aside = moving.world.path("report.json");
    fs::rename(&report, &aside).expect("the report is there");
    says(
        &moving.migrate(&base).code(5),
        &[
            "P19",
            "connector stranger is not in this plan",
            "connector target-source is there with another configuration (tasks.max)",
        ],
    );
    fs::rename(&aside, &report).expect("the report goes back");

    // The cutover is done again: the file's position replaces the cluster's, which is kept.
    bring(&worker, "target-source", "stop", "STOPPED");
    let reached = position(&worker, "target-source");
    let again = [
        "--adopt",
        "--overwrite-offsets",
        "--initial-state",
        "stopped",
    ];
    says(
        &moving
            .migrate(&[&registering[..], &again].concat())
            .success(),
        &[
            "P57",
            "the old values are saved under backup/",
            "Result: done",
        ],
    );
    assert_eq!(reached, length_of(40));
    assert_eq!(position(&worker, "target-source"), length_of(20));
    let kept = moving.backups();
    let kept: Vec<_> = kept
        .iter()
        .filter(|n| n.starts_with("offset-topic-"))
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    worker.stop();
}

#[test]
fn a_connector_with_an_offset_topic_of_its_own_moves_only_when_its_positions_stand_there() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let mut moving = Moving::run("own-topic", &bootstrap);
    // Standalone ignored it.
    let source = &moving.deployment.connectors[0];
    let text = moving.world.read(source) + "offsets.storage.topic=own-topic-offsets\n";
    fs::write(source, text).expect("the deployment is writable");
    let input = json!({ "filename": moving.world.path("in-0.txt") });
    let key = format!(r#"["own-topic-source",{input}]"#);
    let position = format!(r#"{{"position":{}}}"#, length_of(20));
    let write = |topic: &str, value: &str| {
        let (key, value) = (key.as_bytes(), value.as_bytes());
        java::produce(&bootstrap, topic, 0, key, Some(value));
    };
    moving.append(10);
    let typed = ["--source-stopped", "--yes", "--verify", "control"];
    let missing = moving.migrate(&typed).code(5);
    says(&missing, &["P42", "1 position is missing or other", &key]);
    live_topics::make("own-topic-offsets", 1, "compact");
    write("own-topic-offsets", r#"{"position":0}"#);
    let other = moving.migrate(&typed).code(5);
    says(&other, &["P42", "1 position is missing or other", &key]);
    assert!(!moving.out().exists(), "nothing is written");
    write("own-topic-offsets", &position);
    let ran = moving.migrate(&typed).success();
    says(&ran, &["offsets found as a worker finds them: kept"]);
    let mut worker = moving.start_distributed();
    moving.expect_lines();
    worker.stop();
    // A worker's own store says why: what only the workers' topic has is not found.
    live_topics::make("own-topic-empty", 1, "compact");
    let found = |own: &str| {
        let store = include_str!("support/java/OffsetStore.java");
        let arguments = [&bootstrap, "_own_topic.offset", "read_committed", own];
        let key = STANDARD.encode(&key);
        let output = java::run(store, &arguments, key.as_bytes()).success();
        output.text().trim().to_owned()
    };
    let now = format!(r#"{{"position":{}}}"#, length_of(30));
    assert_eq!(found("own-topic-offsets"), STANDARD.encode(now));
    assert_eq!(found("own-topic-empty"), "-");
    // What no worker understands is told without -v, and once, however often the topic is read.
    java::produce(&bootstrap, "_own_topic.config", 0, b"what", Some(b"{}"));
    let again = moving.migrate(&["--yes"]);
    let told = again.stderr.matches(r#"is ignored: key "what""#).count();
    assert_eq!(told, 1, "{again:#?}");
}
