//! `connectctl offsets` on real Kafka and real Connect: there with `migrate`, and the way back.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectctl::model::offset_file::{self, OffsetEntry};
use serde_json::{Value, json};

use crate::live_topics;
use crate::support::connect::{Deployment, Distributed, Standalone, Worker};
use crate::support::world::{Ran, World};
use crate::support::{java, kafka, require_kafka, rest, wait};

const FILLED_BY_JAVA: &str = include_str!("support/java/OffsetTopic.java");
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
        answer["positions"][0]["offset"]["position"] == end
    });
    let by_rest = ["diff", &format!("topic:{topic}"), &worker.url];
    _ = way.offsets(&by_rest).success();
    assert_eq!(answer["store"], "offset-topic", "{answer}");
    assert_eq!(standing(&answer, "file"), "different");
    assert_eq!(standing(&answer, "rest"), "same");
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
    let early = way.offsets(&early).success();
    assert!(early.stderr.contains("at work"), "{}", early.stderr);

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
    let export = [
        "export",
        "--worker-config",
        &way.worker_file(),
        "--connector",
        "own",
    ];
    _ = way
        .offsets(&[&export[..], &["--to", "own.offsets"]].concat())
        .success();
    let exported = way
        .offsets(&["show", "own.offsets", "-o", "json"])
        .success()
        .json();
    assert_eq!(exported[0]["offset"]["position"], 4, "{exported}");
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
    let shown = way.offsets(&["show", "--url", &worker.url]).success();
    assert!(shown.stdout.contains(&way.source), "{}", shown.stdout);
    let note = "a/b: this worker does not show its offsets over REST";
    assert!(shown.stderr.contains(note), "{}", shown.stderr);
}

/// A topic that a Java producer filled with everything that can be met in one, and a worker file that names it.
struct Met {
    world: World,
    topic: String,
}

impl Met {
    fn new(topic: &str) -> Self {
        let world = World::new();
        let bootstrap = kafka::shared().bootstrap();
        let file = format!(
            "bootstrap.servers={bootstrap}\ngroup.id={topic}\nconfig.storage.topic={topic}-config\n\
             offset.storage.topic={topic}\nstatus.storage.topic={topic}-status\n\
             config.storage.replication.factor=1\noffset.storage.replication.factor=1\n\
             status.storage.replication.factor=1\n"
        );
        world.file("d.properties", file);
        Self {
            world,
            topic: topic.to_owned(),
        }
    }

    /// Writes an offsets file of one position per connector.
    fn file(&self, name: &str, positions: &[(&str, u32)]) {
        let entries = positions.iter().map(|(connector, position)| OffsetEntry {
            key: Some(key(connector).into()),
            value: Some(format!(r#"{{"position":{position}}}"#).into()),
        });
        let mut bytes = Vec::new();
        offset_file::write(&entries.collect::<Vec<_>>(), &mut bytes).expect("a Vec takes it");
        self.world.file(name, bytes);
    }

    /// Runs `offsets ARGUMENTS… --worker-config d.properties`.
    fn run(&self, arguments: &[&str]) -> Ran {
        let worker = ["--worker-config", "d.properties"];
        let words = ["offsets"].iter().chain(arguments).chain(&worker);
        self.world.run(words)
    }

    fn seed(&self, file: &str, more: &[&str]) -> Ran {
        self.run(&[&["seed", file, "--source-stopped"], more].concat())
    }

    /// Returns the offset that a distributed worker's own store finds for each connector.
    fn found_by_a_worker(&self, connectors: &[&str]) -> Vec<String> {
        const STORE: &str = include_str!("support/java/OffsetStore.java");
        let keys: Vec<_> = connectors.iter().map(|c| STANDARD.encode(key(c))).collect();
        let bootstrap = kafka::shared().bootstrap();
        let output = java::run(
            STORE,
            &[&bootstrap, &self.topic],
            keys.join("\n").as_bytes(),
        );
        let text = |line: &str| {
            let bytes = STANDARD.decode(line).unwrap_or_default();
            String::from_utf8(bytes).expect("JSON is UTF-8")
        };
        output.success().text().lines().map(text).collect()
    }
}

fn key(connector: &str) -> String {
    format!(r#"["{connector}",{{"f":"x"}}]"#)
}

/// Connector, offset and topic partition of every row.
fn rows(shown: &Ran) -> Vec<(Value, Value)> {
    let json = shown.json();
    let rows = json.as_array().expect("a list").iter();
    rows.map(|row| (row["connector"].clone(), row["offset"]["position"].clone()))
        .collect()
}

#[test]
fn a_topic_with_transactions_gaps_tombstones_and_strays_is_read_rightly_and_guarded() {
    require_kafka!();
    let met = Met::new("offsets-met");
    let bootstrap = kafka::shared().bootstrap();
    java::run(FILLED_BY_JAVA, &[&bootstrap, &met.topic], b"").success();

    let shown = met.run(&["show", "-o", "json"]).success();
    let expected = [
        (Value::Null, json!(1)),
        (json!("astray"), json!(7)),
        (json!("double"), json!(1)),
        (json!("double"), json!(2)),
        (json!("gone"), Value::Null),
        (json!("moved"), json!(29)),
        (json!("odd"), Value::Null),
        (json!("tx"), json!(3)),
    ];
    let mut seen = rows(&shown);
    seen.sort_by_key(|(connector, position)| (connector.to_string(), position.to_string()));
    let mut wanted = expected.to_vec();
    wanted.sort_by_key(|(connector, position)| (connector.to_string(), position.to_string()));
    assert_eq!(seen, wanted);
    for finding in [
        "P11: 1 keys of double",
        "P13: 1 keys of astray",
        "P27: ",
        "odd-value: ",
    ] {
        assert!(
            shown.stderr.contains(finding),
            "{finding}: {}",
            shown.stderr
        );
    }
    let json = shown.json();
    let double = json.as_array().expect("a list").iter();
    let mut at: Vec<_> = double
        .filter(|row| row["connector"] == "double")
        .map(|row| row["topic_partition"].as_i64().expect("a partition"))
        .collect();
    at.dedup();
    assert_eq!(at.len(), 2, "one row for each partition: {json}");
    // Kafka's own consumer saw the gaps that the cleaner left.
    let left = java::read_topic(&bootstrap, &met.topic);
    let moves = left
        .iter()
        .filter(|r| r.key.as_deref() == Some(key("moved").as_bytes()));
    assert!(moves.count() < 30);

    guarded(&met);
    seeded(&met);
    exported(&met);
}

/// Nothing is written where a key is not where a worker writes it, nor over another position.
fn guarded(met: &Met) {
    let before = java::read_topic(&kafka::shared().bootstrap(), &met.topic).len();
    for (connector, finding) in [("double", "P11"), ("astray", "P13"), ("tx", "P57")] {
        met.file("stray.offsets", &[(connector, 9), ("new", 1)]);
        let refused = met.seed("stray.offsets", &["--yes"]).code(5);
        assert!(
            refused.stderr.contains("refused, nothing was written"),
            "{}",
            refused.stderr
        );
        assert!(refused.stderr.contains(finding), "{}", refused.stderr);
    }
    let export = met.run(&["export", "--to", "x.offsets"]).code(5);
    assert!(export.stderr.contains("P11"), "{}", export.stderr);
    assert!(
        export.stderr.contains("a tombstone is no remedy"),
        "{}",
        export.stderr
    );
    assert!(!met.world.path("x.offsets").exists());
    let fresh = met
        .run(&["seed", "stray.offsets", "--connector", "new", "--yes"])
        .code(5);
    assert!(
        fresh.stderr.contains("--source-stopped"),
        "{}",
        fresh.stderr
    );
    let unknown = met
        .seed("stray.offsets", &["--rename", "nobody=x", "--yes"])
        .code(2);
    assert!(
        unknown.stderr.contains("no entry of "),
        "{}",
        unknown.stderr
    );
    let unknown = met
        .run(&["export", "--connector", "nobody", "--to", "x.offsets"])
        .code(2);
    assert!(
        unknown.stderr.contains("connector nobody"),
        "{}",
        unknown.stderr
    );
    _ = met.run(&["where", "nobody"]).code(1);
    let after = java::read_topic(&kafka::shared().bootstrap(), &met.topic).len();
    assert_eq!(before, after, "nothing was written");
}

fn seeded(met: &Met) {
    met.file("s.offsets", &[("moved", 29), ("tx", 8), ("new", 1)]);
    let all = ["--overwrite-offsets"];
    let dry = met
        .seed(
            "s.offsets",
            &[&all[..], &["--dry-run", "-o", "json"]].concat(),
        )
        .code(3);
    assert_eq!(
        (&dry.json()["to_write"], &dry.json()["written"]),
        (&json!(2), &json!(0))
    );
    let unasked = met.seed("s.offsets", &all).code(5);
    assert!(unasked.stderr.contains("no terminal"), "{}", unasked.stderr);
    let done = met
        .seed("s.offsets", &[&all[..], &["--yes", "-o", "json"]].concat())
        .success()
        .json();
    assert_eq!(done["written"], 2, "{done}");
    let backup = met
        .world
        .read(done["backup"].as_str().expect("tx was replaced"));
    let saved: Value = serde_json::from_str(&backup).expect("JSON");
    assert_eq!(
        saved[0]["value"],
        json!(STANDARD.encode(r#"{"position":3}"#))
    );
    assert_eq!(
        met.found_by_a_worker(&["moved", "tx", "new", "gone", "aborted"]),
        [
            r#"{"position":29}"#,
            r#"{"position":8}"#,
            r#"{"position":1}"#,
            "",
            ""
        ]
    );
    let again = met.seed("s.offsets", &["--yes"]).success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    let renamed = ["--connector", "new", "--rename", "new=newer é", "--yes"];
    _ = met.seed("s.offsets", &renamed).success();
    let found = met
        .run(&["show", "--connector", "newer é", "-o", "json"])
        .success();
    assert_eq!(rows(&found), [(json!("newer é"), json!(1))]);
    assert_eq!(met.found_by_a_worker(&["newer é"]), [r#"{"position":1}"#]);
}

fn exported(met: &Met) {
    const READ_OFFSETS: &str = include_str!("support/java/ReadOffsets.java");
    let only = [
        "--connector",
        "moved",
        "--connector",
        "tx",
        "--connector",
        "newer é",
    ];
    let export = [
        "export",
        "--to",
        "back.offsets",
        "--rename",
        "newer é=new",
        "-o",
        "json",
    ];
    let done = met.run(&[&export[..], &only].concat()).success().json();
    assert_eq!(
        (&done["positions"], &done["state"]),
        (&json!(3), &json!("written"))
    );
    let path = met.world.path("back.offsets").display().to_string();
    let loaded = java::run(READ_OFFSETS, &[&path], b"").success().text();
    assert_eq!(
        loaded.lines().count(),
        4,
        "the standalone worker's own store has all three: {loaded}"
    );
    met.file("expected.offsets", &[("moved", 29), ("tx", 8), ("new", 1)]);
    _ = met
        .world
        .run([
            "offsets",
            "diff",
            "file:back.offsets",
            "file:expected.offsets",
        ])
        .success();
}

#[test]
fn a_question_can_be_answered_and_interrupted_and_a_topic_must_be_there_and_compacted() {
    require_kafka!();
    let met = Met::new("offsets-asked");
    met.file("o.offsets", &[("a", 1)]);
    let none = met.seed("o.offsets", &["--yes"]).code(1);
    assert!(
        none.stderr
            .contains("offset topic offsets-asked does not exist"),
        "{}",
        none.stderr
    );
    assert!(
        none.stderr.contains("connectctl topics create"),
        "{}",
        none.stderr
    );
    _ = met.run(&["show"]).code(1);
    let before = met.run(&["where", "a", "--offsets", "o.offsets"]).success();
    assert!(
        before.stdout.contains("has no position of it"),
        "{}",
        before.stdout
    );
    _ = met
        .world
        .run(["topics", "create", "--worker-config", "d.properties"])
        .success();
    let empty = met.run(&["export", "--to", "x.offsets"]).code(1);
    assert!(
        empty.stderr.contains("holds no position"),
        "{}",
        empty.stderr
    );

    let typed = [
        "offsets",
        "seed",
        "o.offsets",
        "--source-stopped",
        "--worker-config",
        "d.properties",
    ];
    let ask = |answer| met.world.run_pty(typed, &[("Apply this plan?", answer)]);
    let said = ask("n").code(5);
    assert!(said.stdout.contains("the answer was no"), "{}", said.stdout);
    let said = ask("\u{3}").code(130);
    assert!(
        said.stdout.contains("interrupted: nothing was written"),
        "{}",
        said.stdout
    );
    assert_eq!(met.run(&["show", "-o", "name"]).success().stdout, "");
    _ = ask("y").success();
    assert_eq!(met.run(&["show", "-o", "name"]).success().stdout, "a\n");

    let not_connect = format!("http://{}", kafka::shared().bootstrap());
    _ = met
        .world
        .run(["offsets", "show", "--url", &not_connect, "--timeout", "5s"])
        .code(1);
    deleting();
}

/// Offsets do not last in a topic that deletes.
fn deleting() {
    let other = Met::new("offsets-deleting");
    other.file("o.offsets", &[("a", 1)]);
    live_topics::make("offsets-deleting", 25, "delete");
    let refused = other.seed("o.offsets", &["--yes"]).code(5);
    assert!(refused.stderr.contains("P4"), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("topics repair"),
        "{}",
        refused.stderr
    );
}
