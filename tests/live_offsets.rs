//! `connectctl offsets` on real Kafka and real Connect: there with `migrate`, and the way back.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::connect::{Deployment, Distributed, Standalone, Worker};
use crate::support::world::{Ran, World};
use crate::support::{java, kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// A source and a sink on their way from a standalone worker to distributed ones and back.
struct Way {
    world: World,
    deployment: Deployment,
    group: String,
    source: String,
    sink: String,
    lines: usize,
}

impl Way {
    fn new(group: &str, source: &str) -> Self {
        let world = World::new();
        let mut deployment = Deployment::new(world.root(), &kafka::shared().bootstrap());
        let topic = format!("{group}-lines");
        let sink = format!("{group}-sink");
        deployment
            .file_source(source, &world.path("in.txt"), &topic)
            .file_sink(&sink, &topic, &world.path("out.txt"));
        Self {
            world,
            deployment,
            group: group.to_owned(),
            source: source.to_owned(),
            sink,
            lines: 0,
        }
    }

    fn append(&mut self, count: usize) {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.world.path("in.txt"))
            .expect("the input is writable");
        for number in self.lines..self.lines + count {
            writeln!(file, "line {number}").expect("the input is writable");
        }
        self.lines += count;
    }

    /// Waits until the sink's file has every line once, in order, and nothing else.
    #[track_caller]
    fn expect_lines(&self) {
        let output = self.world.path("out.txt");
        wait::expect("every line arrives", PATIENCE, || {
            fs::read_to_string(&output).is_ok_and(|text| text.lines().count() >= self.lines)
        });
        let expected: Vec<String> = (0..self.lines).map(|n| format!("line {n}")).collect();
        let text = fs::read_to_string(&output).expect("the sink's file");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, expected, "nothing lost, nothing twice");
    }

    fn worker_file(&self) -> String {
        let path = self.world.path("distributed/distributed.properties");
        path.display().to_string()
    }

    fn offsets_file(&self) -> String {
        self.deployment.offsets.display().to_string()
    }

    fn migrate(&self, more: &[&str]) -> Ran {
        let files = std::iter::once(&self.deployment.worker).chain(&self.deployment.connectors);
        let mut typed = vec!["migrate".to_owned()];
        typed.extend(files.map(|path: &PathBuf| path.display().to_string()));
        typed.extend(["--group-id", &self.group, "--source-stopped", "--yes"].map(str::to_owned));
        // What the stores say before a registration is part of the test.
        typed.extend(["--verify", "none"].map(str::to_owned));
        typed.extend(more.iter().map(ToString::to_string));
        self.world.run(typed)
    }

    fn offsets(&self, arguments: &[&str]) -> Ran {
        self.world.run(["offsets"].iter().chain(arguments))
    }

    /// Returns which store holds the truth about the source, with all stores looked at.
    #[track_caller]
    fn store(&self, more: &[&str]) -> Value {
        let arguments = ["where", &self.source, "--offsets", &self.offsets_file()];
        let worker_file = self.worker_file();
        let cluster = ["--worker-config", &worker_file, "-o", "json"];
        let all = [&arguments[..], &cluster, more].concat();
        self.offsets(&all).success().json()
    }
}

fn standing(answer: &Value, store: &str) -> String {
    let stores = answer["stores"].as_array().expect("a list");
    let found = stores.iter().find(|s| s["store"] == store);
    let standing = &found.unwrap_or_else(|| panic!("{store}: {answer}"))["standing"];
    standing.as_str().expect("a word").to_owned()
}

fn stop_connector(worker: &Worker, name: &str) {
    let connector = format!("{}/connectors/{}", worker.url, rest::segment(name));
    rest::put(&format!("{connector}/stop"), None).success();
    wait::expect("the connector is STOPPED", PATIENCE, || {
        let status = rest::get(&format!("{connector}/status"));
        let json = status.json();
        json["connector"]["state"] == "STOPPED" && json["tasks"] == json!([])
    });
}

#[test]
fn a_deployment_goes_to_distributed_and_back_and_every_line_arrives_once() {
    require_kafka!();
    let mut way = Way::new("way-back", "Quelle für Zeilen");
    way.append(20);
    let mut worker = Standalone::start(&way.deployment);
    way.expect_lines();
    worker.stop();
    way.append(10);
    _ = way.migrate(&[]).success();

    // Seeded and not registered: the file holds, and the topic says the same, byte for byte.
    let (file, topic) = (
        format!("file:{}", way.offsets_file()),
        format!("topic:{}", way.worker_file()),
    );
    _ = way.offsets(&["diff", &file, &topic]).success();
    let answer = way.store(&[]);
    assert_eq!(answer["store"], "file", "{answer}");
    assert_eq!(standing(&answer, "offset-topic"), "same");
    let seed = [
        "seed",
        &way.offsets_file(),
        "--worker-config",
        &way.worker_file(),
    ];
    let again = way
        .offsets(&[&seed[..], &["--source-stopped", "--yes"]].concat())
        .success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);

    let worker_file = way.worker_file();
    let mut worker = Distributed::start(worker_file.as_ref());
    _ = way.migrate(&["--url", &worker.url]).success();
    way.expect_lines();
    way.append(10);
    way.expect_lines();
    while_distributed(&way, &worker);
    way.append(5);
    way.expect_lines();
    worker.stop();

    let export = [
        "export",
        "--worker-config",
        &worker_file,
        "--to",
        &way.offsets_file(),
    ];
    _ = way.offsets(&[&export[..], &["--dry-run"]].concat()).code(3);
    let exported = way.offsets(&export).success();
    assert!(!exported.stderr.contains("at work"), "{}", exported.stderr);
    assert!(
        exported.stderr.contains("connect.offsets.bak-"),
        "{}",
        exported.stderr
    );
    _ = way.offsets(&export).success();
    _ = way.offsets(&["diff", &file, &topic]).success();

    way.append(10);
    let mut worker = Standalone::start(&way.deployment);
    worker.wait_running(&way.source);
    way.expect_lines();
    way.append(10);
    way.expect_lines();
    worker.stop();
    let sink = java::read_topic(&kafka::shared().bootstrap(), "way-back-lines");
    assert_eq!(sink.len(), way.lines, "the topic has every line once");
}

/// What is said and refused while the connectors run in the cluster.
fn while_distributed(way: &Way, worker: &Worker) {
    let (file, topic) = (way.offsets_file(), way.worker_file());
    // The position is written with the next flush.
    let end = fs::metadata(way.world.path("in.txt"))
        .expect("the input")
        .len();
    let mut answer = Value::Null;
    wait::expect("the position is flushed", PATIENCE, || {
        answer = way.store(&["--url", &worker.url]);
        // The worker is asked before the topic is read: the flush may fall between the two.
        answer["positions"][0]["offset"]["position"] == end && standing(&answer, "rest") == "same"
    });
    let by_rest = ["diff", &format!("topic:{topic}"), &worker.url];
    _ = way.offsets(&by_rest).success();
    assert_eq!(answer["store"], "offset-topic", "{answer}");
    assert_eq!(standing(&answer, "file"), "different");
    let why = answer["why"].as_str().expect("words");
    assert!(why.contains("has run in the distributed cluster"), "{why}");
    let sink = way
        .offsets(&["where", &way.sink, "--worker-config", &topic])
        .success();
    let expected = format!("{0} goes on from consumer group connect-{0}", way.sink);
    assert!(sink.stdout.starts_with(&expected), "{}", sink.stdout);

    let seed = [
        "seed",
        &file,
        "--worker-config",
        &topic,
        "--source-stopped",
        "--yes",
    ];
    let refused = way.offsets(&seed).code(5);
    assert!(refused.stderr.contains("P57"), "{}", refused.stderr);
    let overwrite = [&seed[..], &["--overwrite-offsets"]].concat();
    let refused = way.offsets(&overwrite).code(5);
    assert!(refused.stderr.contains("P20"), "{}", refused.stderr);
    let early = ["export", "--worker-config", &topic, "--to", "early.offsets"];
    let refused = way.offsets(&early).code(5);
    assert!(refused.stderr.contains("P20"), "{}", refused.stderr);
    assert!(refused.stderr.contains("at work"), "{}", refused.stderr);
    assert!(!way.world.path("early.offsets").exists());
    let accepted = [&early[..], &["--accept", "P20"]].concat();
    _ = way.offsets(&accepted).success();

    stop_connector(worker, &way.source);
    let before = way
        .offsets(&["show", "--worker-config", &topic, "-o", "json"])
        .success();
    _ = way.offsets(&overwrite).success();
    let backups = fs::read_dir(way.world.path("backup")).expect("replaced offsets are saved");
    assert_eq!(backups.count(), 1);
    let url = ["show", "--url", &worker.url, "-o", "json"];
    let seeded = way.offsets(&url).success().json();
    let in_file = way.offsets(&["show", &file, "-o", "json"]).success().json();
    assert_eq!(
        seeded[0]["offset"], in_file[0]["offset"],
        "a worker finds what was seeded"
    );
    assert_eq!(seeded[0]["key"], Value::Null, "REST shows no bytes");
    // Back to where it stood.
    let early = [
        "seed",
        "early.offsets",
        "--worker-config",
        &topic,
        "--source-stopped",
    ];
    let back = [&early[..], &["--overwrite-offsets", "--yes"]].concat();
    _ = way.offsets(&back).success();
    let after = way
        .offsets(&["show", "--worker-config", &topic, "-o", "json"])
        .success();
    assert_eq!(after.stdout, before.stdout);
    own_topic(way, worker);
    let connector = rest::segment(&way.source);
    rest::put(
        &format!("{}/connectors/{connector}/resume", worker.url),
        None,
    )
    .success();
    worker.wait_running(&way.source);
}

/// A connector with an offset topic of its own: what stands there wins (KIP-618).
fn own_topic(way: &Way, worker: &Worker) {
    let input = way.world.file("own.txt", "a\nb\n");
    let config = json!({
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "tasks.max": "1",
        "file": input,
        "topic": "way-back-own-lines",
        "offsets.storage.topic": "way-back-own-offsets",
    });
    let url = format!("{}/connectors/own", worker.url);
    rest::put(&format!("{url}/config"), Some(&config)).success();
    let typed = [
        "where",
        "own",
        "--worker-config",
        &way.worker_file(),
        "-o",
        "json",
    ];
    let mut answer = Value::Null;
    wait::expect("the position is in the connector's topic", PATIENCE, || {
        let ran = way.offsets(&typed);
        answer = if ran.code == 0 {
            ran.json()
        } else {
            Value::Null
        };
        answer["positions"][0]["offset"]["position"] == 4
    });
    assert_eq!(answer["store"], "connector-topic", "{answer}");
    assert_eq!(answer["name"], "way-back-own-offsets");
    // What only the workers' topic has is never found by a worker, and is no position to go back with.
    let key = br#"["own",{"filename":"another.txt"}]"#;
    let workers = format!("_{}.offset", way.group);
    let bootstrap = kafka::shared().bootstrap();
    java::produce(&bootstrap, &workers, 0, key, Some(b"{\"position\":9}"));
    let export = [
        "export",
        "--worker-config",
        &way.worker_file(),
        "--connector",
        "own",
    ];
    _ = way
        .offsets(&[&export[..], &["--to", "own.offsets", "--accept", "P20"]].concat())
        .success();
    let exported = way
        .offsets(&["show", "own.offsets", "-o", "json"])
        .success()
        .json();
    assert_eq!(exported[0]["offset"]["position"], 4, "{exported}");
    assert_eq!(exported.as_array().map(Vec::len), Some(1), "{exported}");
    rest::delete(&url).success();
    unaddressable(way, worker);
}

/// A name with a slash can be made over REST and not be asked for: the others are shown all the same.
fn unaddressable(way: &Way, worker: &Worker) {
    let config = json!({
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "tasks.max": "1",
        "file": way.world.file("slash.txt", ""),
        "topic": "way-back-slash-lines",
    });
    let body = json!({"name": "a/b", "config": config});
    rest::post(&format!("{}/connectors", worker.url), Some(&body)).success();
    let note = "a/b: this worker does not show its offsets over REST";
    // A connector without a status is not listed yet.
    wait::expect("the others are shown, and a/b is named", PATIENCE, || {
        let shown = way.offsets(&["show", "--url", &worker.url]).success();
        assert!(shown.stdout.contains(&way.source), "{}", shown.stdout);
        shown.stderr.contains(note)
    });
}
