//! `connectctl offsets` on an offset topic as it can be met: what is read, what is refused, what is written.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::settings::ClientSettings;
use connectctl::io::offset_store::{self, Seeding, WatchedFile};
use connectctl::model::offset_file::{self, OffsetEntry};
use connectctl::model::worker_config::Isolation;
use connectctl::plan::{SeedRecord, StoredOffsets};
use serde_json::{Value, json};

use crate::live_topics;
use crate::support::tasks::TaskWorker;
use crate::support::world::{Ran, World};
use crate::support::{java, kafka, require_kafka, small};

const OPEN_TRANSACTION: &str = include_str!("support/java/OpenTransaction.java");
const FILLED_BY_JAVA: &str = include_str!("support/java/OffsetTopic.java");
const PATIENCE: Duration = Duration::from_secs(60);

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

    /// Says in the worker file whether sources are exactly-once.
    fn exactly_once(&self, support: &str) {
        let file = self.world.read("d.properties");
        let key = "exactly.once.source.support=";
        let rest = file.lines().filter(|line| !line.starts_with(key));
        let rest: Vec<&str> = rest.collect();
        let file = format!("{}\n{key}{support}\n", rest.join("\n"));
        self.world.file("d.properties", file);
    }

    fn seed(&self, file: &str, more: &[&str]) -> Ran {
        self.run(&[&["seed", file, "--source-stopped"], more].concat())
    }

    /// Returns the offset that a distributed worker's own store finds for each connector.
    fn found_by_a_worker(&self, connectors: &[&str]) -> Vec<String> {
        self.found(connectors, "read_committed")
    }

    /// The same at any isolation level.
    fn found(&self, connectors: &[&str], level: &str) -> Vec<String> {
        const STORE: &str = include_str!("support/java/OffsetStore.java");
        let keys: Vec<_> = connectors.iter().map(|c| STANDARD.encode(key(c))).collect();
        let bootstrap = kafka::shared().bootstrap();
        let output = java::run(
            STORE,
            &[&bootstrap, &self.topic, level],
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
    format!(r#"[{},{{"f":"x"}}]"#, json!(connector))
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
        (json!("aborted"), json!(2)),
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
        "aborted-records: 1 positions of aborted",
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
    let one = ["--connector", "double", "--accept", "P11"];
    let one = [&["export", "--to", "double.offsets"][..], &one].concat();
    _ = met.run(&one).success();
    let one = met
        .world
        .run(["offsets", "show", "double.offsets", "-o", "json"]);
    assert_eq!(
        rows(&one),
        [(json!("double"), json!(1))],
        "where a worker writes"
    );
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
    let said = ask("n\n").code(5);
    assert!(said.stdout.contains("the answer was no"), "{}", said.stdout);
    let said = ask("\u{3}").code(130);
    assert!(
        said.stdout.contains("interrupted: nothing was written"),
        "{}",
        said.stdout
    );
    assert_eq!(met.run(&["show", "-o", "name"]).success().stdout, "");
    _ = ask("y\n").success();
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

#[tokio::test]
async fn a_file_that_changed_since_it_was_read_stops_the_writing_before_the_first_offset() {
    require_kafka!();
    let met = Met::new("offsets-changed");
    met.file("o.offsets", &[("a", 1)]);
    let bootstrap = vec![kafka::shared().bootstrap()];
    tokio::task::spawn_blocking(|| live_topics::make("offsets-changed", 25, "compact"))
        .await
        .expect("the topic is made");
    let settings = ClientSettings::plaintext(bootstrap, PATIENCE);
    let cluster = Cluster::connect(settings)
        .await
        .expect("the broker is there");
    let record = SeedRecord {
        connector: "a".to_owned(),
        key: key("a").into(),
        value: Some("{}".into()),
        partition: None,
    };
    let watched = WatchedFile {
        path: met.world.path("o.offsets"),
        sha256: "of another content".to_owned(),
    };
    let backup = met.world.path("backup");
    let seeding = Seeding {
        cluster: &cluster,
        topic: &met.topic,
        isolation: Isolation::ReadUncommitted,
        in_any_place: &BTreeSet::new(),
        records: &[record],
        stored: &StoredOffsets::default(),
        backup: &backup,
        file: Some(&watched),
    };
    let error = offset_store::write(&seeding, |_| {})
        .await
        .expect_err("the file is another");
    assert!(
        error.to_string().contains("the offset topic is untouched"),
        "{error}"
    );
    assert!(!error.is_verification());
    let read = offset_store::read_topic(&cluster, &met.topic, Isolation::ReadUncommitted)
        .await
        .expect("readable");
    assert!(read.expect("the topic exists").stored.is_empty());
    let gone =
        offset_store::read_topic(&cluster, "offsets-never-made", Isolation::ReadUncommitted).await;
    assert_eq!(gone.expect("an answer"), None);
}

#[test]
fn a_transaction_that_is_open_is_said_and_read_as_the_workers_read_it() {
    require_kafka!();
    let met = Met::new("offsets-open");
    live_topics::make(&met.topic, 1, "compact");
    let bootstrap = kafka::shared().bootstrap();
    java::produce(
        &bootstrap,
        &met.topic,
        0,
        key("a").as_bytes(),
        Some(b"{\"position\":1}"),
    );
    let key = key("a");
    let open: [&str; 4] = [&bootstrap, &met.topic, &key, r#"{"position":2}"#];
    java::run(OPEN_TRANSACTION, &open, b"").success();
    met.file("o.offsets", &[("b", 1)]);
    for (exactly_once, position) in [("disabled", 2), ("enabled", 1)] {
        met.exactly_once(exactly_once);
        let shown = met.run(&["show", "-o", "json"]).success();
        assert_eq!(rows(&shown), [(json!("a"), json!(position))]);
        says(&shown, "open-transaction");
        let refused = met.seed("o.offsets", &["--yes"]).code(5);
        says(&refused, "open in partition 0");
    }
    // A worker with exactly-once support waits for the end of the transaction before it starts.
    let found = met.found(&["a"], "read_uncommitted");
    assert_eq!(found, [r#"{"position":2}"#]);
}

/// Asserts that something is on stderr.
#[track_caller]
fn says(ran: &Ran, wanted: &str) {
    assert!(ran.stderr.contains(wanted), "{wanted}: {ran:#?}");
}

#[test]
fn a_position_of_an_aborted_transaction_is_read_as_the_workers_read_it_and_never_taken_silently() {
    require_kafka!();
    let met = Met::new("offsets-aborted");
    live_topics::make(&met.topic, 1, "compact");
    let bootstrap = kafka::shared().bootstrap();
    let a = key("a");
    let committed = Some(&b"{\"position\":1}"[..]);
    java::produce(&bootstrap, &met.topic, 0, a.as_bytes(), committed);
    let aborted = [&bootstrap, &met.topic, &a, r#"{"position":5}"#, "abort"];
    java::run(OPEN_TRANSACTION, &aborted, b"").success();
    for (exactly_once, position, level) in [
        ("enabled", 1, "read_committed"),
        ("preparing", 5, "read_uncommitted"),
        ("disabled", 5, "read_uncommitted"),
    ] {
        met.exactly_once(exactly_once);
        let shown = met.run(&["show", "-o", "json"]).success();
        assert_eq!(rows(&shown), [(json!("a"), json!(position))]);
        says(&shown, "aborted-records: 1 positions of a ");
        let by_java = format!(r#"{{"position":{position}}}"#);
        assert_eq!(met.found(&["a"], level), [by_java]);
    }
    let export = ["export", "--to", "back.offsets"];
    says(&met.run(&export).code(5), "aborted-records");
    let accepted = [&export[..], &["--accept", "aborted-records"]].concat();
    _ = met.run(&accepted).success();
    // The file says what the workers find now, and not for ever.
    met.file("o.offsets", &[("a", 5)]);
    let refused = met.seed("o.offsets", &["--yes"]).code(5);
    says(&refused, "{\"position\":5} and {\"position\":1}");
    _ = met
        .seed("o.offsets", &["--yes", "--overwrite-offsets"])
        .success();
    for level in ["read_uncommitted", "read_committed"] {
        assert_eq!(met.found(&["a"], level), [r#"{"position":5}"#], "{level}");
    }
    let again = met.seed("o.offsets", &["--yes"]).success();
    assert!(!again.stderr.contains("aborted"), "{again:#?}");
}

#[test]
fn a_connector_takes_no_position_of_another_with_a_similar_name() {
    require_kafka!();
    let met = Met::new("offsets-similar");
    live_topics::make(&met.topic, 5, "compact");
    let names = ["a", "ab", "a\"", " a", "A"];
    let all: Vec<(&str, u32)> = names.into_iter().zip(1..).collect();
    met.file("o.offsets", &all);
    let as_rows = |of: &[(&str, u32)]| -> Vec<(Value, Value)> {
        let mut rows: Vec<_> = of.iter().map(|(name, n)| (json!(name), json!(n))).collect();
        rows.sort_by_key(|(name, _)| name.to_string());
        rows
    };
    let sorted = |ran: &Ran| {
        let mut rows = rows(ran);
        rows.sort_by_key(|(name, _)| name.to_string());
        rows
    };
    for (done, one) in (1..).zip(&all) {
        let (name, position) = *one;
        let in_file = [
            "offsets",
            "show",
            "o.offsets",
            "-o",
            "json",
            "--connector",
            name,
        ];
        assert_eq!(rows(&met.world.run(in_file).success()), as_rows(&[*one]));
        _ = met
            .seed("o.offsets", &["--connector", name, "--yes"])
            .success();
        let shown = met.run(&["show", "-o", "json"]).success();
        assert_eq!(sorted(&shown), as_rows(&all[..done]), "after {name:?}");
        let one_shown = ["show", "-o", "json", "--connector", name];
        assert_eq!(rows(&met.run(&one_shown).success()), as_rows(&[*one]));
        let one_found = ["where", name, "-o", "json"];
        let found = met.run(&one_found).success().json();
        assert_eq!(found["positions"].as_array().map(Vec::len), Some(1));
        assert_eq!(found["positions"][0]["offset"]["position"], position);
    }
    // With all of them in the topic.
    for one in &all {
        let to = format!("{}.offsets", one.1);
        _ = met
            .run(&["export", "--connector", one.0, "--to", &to])
            .success();
        let exported = met.world.run(["offsets", "show", &to, "-o", "json"]);
        assert_eq!(rows(&exported.success()), as_rows(&[*one]));
    }
    let expected: Vec<String> = all
        .iter()
        .map(|(_, n)| format!(r#"{{"position":{n}}}"#))
        .collect();
    assert_eq!(met.found_by_a_worker(&names), expected);
    let missing = met.run(&["show", "--connector", "a "]).code(1);
    says(&missing, "has no position of connector a ");
}

#[test]
fn a_migration_stops_before_what_an_aborted_transaction_left_in_its_topics() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = small::world_on(&bootstrap);
    let topics = ["config", "offset"].map(|role| format!("migrate-aborted-{role}"));
    for topic in &topics {
        live_topics::make(topic, 1, "compact");
    }
    let [config, offset] = &topics;
    let key = r#"["a-source",{"filename":"/tmp/in"}]"#;
    let position = [&bootstrap, offset, key, r#"{"position":35}"#, "abort"];
    java::run(OPEN_TRANSACTION, &position, b"").success();
    let value = r#"{"properties":{"name":"a-sink","connector.class":"FileStreamSink","topics":"t","file":"/tmp/out"}}"#;
    let registered = [&bootstrap, config, "connector-a-sink", value, "abort"];
    java::run(OPEN_TRANSACTION, &registered, b"").success();
    let migrate = |more: &[&str]| {
        let all = [
            "migrate",
            "worker.properties",
            "source.properties",
            "sink.properties",
            "--source-stopped",
            "--dry-run",
            "--group-id",
            "migrate-aborted",
            "--config-topic",
            config,
            "--offset-topic",
            offset,
            "-o",
            "json",
        ];
        world.run(all.iter().chain(more))
    };
    let found = |ran: &Ran| -> Vec<(String, String)> {
        let plan = ran.json();
        let findings = plan["findings"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let ids = ["aborted-records", "aborted-configuration"];
        let aborted = findings.filter(|finding| ids.iter().any(|id| finding["id"] == *id));
        aborted
            .map(|finding| (text(&finding["subject"]), text(&finding["class"])))
            .collect()
    };
    let of = |class: &str| ["a-sink", "a-source"].map(|name| (name.to_owned(), class.to_owned()));
    let mut plain = found(&migrate(&[]).code(5));
    plain.sort();
    assert_eq!(plain, of("block"));
    // Workers with exactly-once support do not see them: the position is seeded, the sink registered.
    let enabled = migrate(&["--set", "exactly.once.source.support=enabled"]).code(3);
    assert_eq!(found(&enabled), [("a-sink".to_owned(), "warn".to_owned())]);
    assert_eq!(enabled.json()["seed"], json!(1), "{enabled:#?}");
}

#[test]
fn the_native_engine_reads_its_offsets_at_the_level_of_the_worker_file() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let topic = "_native-aborted.offset";
    live_topics::make(topic, 1, "compact");
    let aborted = [
        &*bootstrap,
        topic,
        r#"["a",{"filename":"x"}]"#,
        r#"{"position":5}"#,
        "abort",
    ];
    java::run(OPEN_TRANSACTION, &aborted, b"").success();
    for (level, position) in [("read_uncommitted", Some(5)), ("read_committed", None)] {
        let worker = TaskWorker::start(&bootstrap, "native-aborted", &[("isolation.level", level)]);
        assert_eq!(worker.position("a", Path::new("x")), position, "{level}");
    }
}
