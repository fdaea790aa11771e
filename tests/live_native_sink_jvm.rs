//! Sinks of the native engine beside a JVM's that read the same: the same dead letters, and the same records left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connectctl::io::kafka::offsets::OffsetSpec;
use indexmap::IndexMap;
use serde_json::json;

use crate::support::connect::{Distributed, Worker};
use crate::support::java::{JavaRecord, NewRecord, read_topic};
use crate::support::tasks::{Task, TaskWorker, config, file_sink};
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);
const OPEN_TRANSACTION: &str = include_str!("support/java/OpenTransaction.java");

/// Converters, and records of which some cannot be converted with them.
struct Case {
    name: &'static str,
    converters: &'static [(&'static str, &'static str)],
    records: &'static [NewRecord<'static>],
    /// How many of them.
    poison: i64,
}

const fn value(value: &'static [u8]) -> NewRecord<'static> {
    keyed(b"\0\0\0\x01", value)
}

const fn keyed(key: &'static [u8], value: &'static [u8]) -> NewRecord<'static> {
    NewRecord {
        key: Some(key),
        value: Some(value),
        headers: &[],
    }
}

const fn headed(
    value: &'static [u8],
    headers: &'static [(&'static str, Option<&'static [u8]>)],
) -> NewRecord<'static> {
    NewRecord {
        key: None,
        value: Some(value),
        headers,
    }
}

const CASES: [Case; 3] = [
    Case {
        name: "letters-json",
        converters: &[
            (
                "key.converter",
                "org.apache.kafka.connect.storage.StringConverter",
            ),
            (
                "value.converter",
                "org.apache.kafka.connect.json.JsonConverter",
            ),
            ("value.converter.schemas.enable", "false"),
            (
                "header.converter",
                "org.apache.kafka.connect.json.JsonConverter",
            ),
            ("header.converter.schemas.enable", "false"),
        ],
        records: &[
            value(b"\"fine\""),
            value(b"{"),
            value(b"{\"a\":tru}"),
            value(b"[1,]"),
            value(b"\"\x01\""),
            value(b"\xff\xfe"),
            NewRecord {
                key: None,
                value: None,
                headers: &[],
            },
            headed(b"{\"b\":[1,2.5]}", &[("fine", Some(b"1"))]),
            headed(b"1", &[("one", None), ("two", Some(b"{")), ("one", Some(b"2"))]),
            headed(b"nope", &[("__connect.errors.topic", Some(b"\"of an earlier queue\""))]),
        ],
        poison: 7,
    },
    Case {
        name: "letters-schema",
        converters: &[
            (
                "key.converter",
                "org.apache.kafka.connect.converters.IntegerConverter",
            ),
            (
                "value.converter",
                "org.apache.kafka.connect.json.JsonConverter",
            ),
        ],
        records: &[
            value(br#"{"schema":{"type":"string"},"payload":"fine"}"#),
            keyed(b"abc", br#"{"schema":{"type":"string"},"payload":"x"}"#),
            value(br#"{"a":1}"#),
            value(b"1"),
            value(br#"{"schema":{"type":"int32"},"payload":"x"}"#),
            value(br#"{"schema":{"type":"nope"},"payload":1}"#),
            value(br#"{"schema":{"type":"int32"},"payload":null}"#),
            value(
                br#"{"schema":{"type":"struct","fields":[{"field":"a","type":"int32"}]},"payload":{}}"#,
            ),
            value(br#"{"schema":{"type":"int64"},"payload":7}"#),
        ],
        poison: 6,
    },
    Case {
        name: "letters-boolean",
        converters: &[
            (
                "key.converter",
                "org.apache.kafka.connect.converters.LongConverter",
            ),
            (
                "value.converter",
                "org.apache.kafka.connect.converters.BooleanConverter",
            ),
        ],
        records: &[
            headed(b"\x01", &[("any", Some(b"\xff"))]),
            headed(b"\x02", &[("any", Some(b"\xff")), ("none", None)]),
            headed(b"\x01\x01", &[]),
            value(b"\x01"),
        ],
        poison: 3,
    },
];

/// A connector of the case, whose letters go to a queue of the worker's own.
fn sink(case: &Case, of: &str, file: &Path) -> IndexMap<String, String> {
    let name = case.name;
    let mut sink = file_sink(name, file);
    sink.extend(config(case.converters));
    sink.extend(config(&[
        ("errors.tolerance", "all"),
        (
            "errors.deadletterqueue.topic.name",
            &format!("letters-dead-{of}"),
        ),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
        // The same name on both sides, and all records for each.
        ("consumer.override.group.id", &format!("{name}-{of}")),
    ]));
    sink
}

fn put(jvm: &Worker, name: &str, sink: &IndexMap<String, String>) {
    let url = format!("{}/connectors/{name}/config", jvm.url);
    rest::put(&url, Some(&json!(sink))).success();
    jvm.wait_running(name);
}

/// Waits until a queue has so many records; returns them as text, those of a connector together and in their order.
#[track_caller]
fn letters(worker: &TaskWorker, bootstrap: &str, of: &str, count: i64) -> Vec<String> {
    let topic = format!("letters-dead-{of}");
    let mut end = None;
    let there = wait::until(PATIENCE, || {
        let ends = worker.cluster.offsets(&topic, OffsetSpec::Latest);
        end = worker.runtime.block_on(ends).ok();
        end.as_ref()
            .is_some_and(|ends| ends.values().sum::<i64>() >= count)
    });
    assert!(there, "{topic}: {end:?} instead of {count}");
    let mut letters = read_topic(bootstrap, &topic);
    letters.sort_by_key(|letter| {
        let mut headers = letter.headers.iter();
        let name = headers.find(|(name, _)| name == "__connect.errors.connector.name");
        name.and_then(|(_, value)| value.clone())
    });
    letters.iter().map(shown).collect()
}

/// A trace without the lines that name places in Java's code.
pub(crate) fn without_places(trace: &[u8]) -> Vec<u8> {
    let trace = String::from_utf8_lossy(trace);
    let is_place = |line: &&str| line.starts_with("\tat ") || line.starts_with("\t... ");
    let kept: Vec<_> = trace.lines().filter(|line| !is_place(line)).collect();
    kept.join("\n").into_bytes()
}

/// Everything but its place in the queue.
fn shown(letter: &JavaRecord) -> String {
    let text = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => bytes.escape_ascii().to_string(),
        None => "null".to_owned(),
    };
    let header = |(name, value): &(String, Option<Vec<u8>>)| {
        let trace = (name == "__connect.errors.exception.stacktrace")
            .then(|| without_places(value.as_deref().unwrap_or_default()));
        let value = text(trace.as_deref().or(value.as_deref()));
        format!("  {name}: {value}")
    };
    let headers: Vec<_> = letter.headers.iter().map(header).collect();
    let (key, value) = (text(letter.key.as_deref()), text(letter.value.as_deref()));
    let (at, headers) = (letter.timestamp, headers.join("\n"));
    format!("{key} {value} of {at}\n{headers}")
}

#[test]
fn dead_letters_and_their_headers_are_those_of_a_jvm() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let worker = TaskWorker::start(&bootstrap, "letters", &[]);
    for case in &CASES {
        worker.topic(case.name, 1);
        java::produce_all(&bootstrap, case.name, 0, case.records);
    }
    // The header converter of the other side's worker.
    let simple = "org.apache.kafka.connect.storage.StringConverter";
    let settings = [("header.converter", simple)];
    let file = Distributed::file(world.root(), &bootstrap, "letters-jvm", &settings);
    let jvm = Distributed::start(&file);
    let file = |case: &Case, of: &str| world.path(format!("{}-{of}.txt", case.name));
    let mut tasks = Vec::new();
    for case in &CASES {
        put(&jvm, case.name, &sink(case, "jvm", &file(case, "jvm")));
        let ours = sink(case, "ours", &file(case, "ours"));
        tasks.push(worker.spawn(case.name, &ours).running());
    }
    let poison = CASES.iter().map(|case| case.poison).sum();
    let theirs = letters(&worker, &bootstrap, "jvm", poison);
    let ours = letters(&worker, &bootstrap, "ours", poison);
    for (their, our) in theirs.iter().zip(&ours) {
        assert_eq!(our, their);
    }
    assert_eq!(i64::try_from(theirs.len()), Ok(poison));
    assert_eq!(ours.len(), theirs.len());
    // The last good record may come after the last letter.
    for case in &CASES {
        expect_same(&file(case, "jvm"), &file(case, "ours"));
    }
    for task in tasks {
        worker.stop(task);
    }
}

#[track_caller]
fn expect_same(theirs: &Path, ours: &Path) {
    let read = |file| fs::read_to_string(file).expect("lines");
    let mut own = String::new();
    let same = wait::until(PATIENCE, || {
        own = read(ours);
        !own.is_empty() && read(theirs) == own
    });
    assert!(same, "{own}\ninstead of\n{}", read(theirs));
}

/// Sinks of one topic, with what their lines must be.
struct Readers<'w> {
    worker: &'w TaskWorker,
    tasks: Vec<Task>,
    files: Vec<PathBuf>,
}

impl Readers<'_> {
    #[track_caller]
    fn expect(&self, lines: &[&str]) {
        for file in &self.files {
            let mut seen = String::new();
            let found = wait::until(PATIENCE, || {
                seen = fs::read_to_string(file).unwrap_or_default();
                seen.lines().eq(lines.iter().copied())
            });
            assert!(found, "{}: {seen}instead of {lines:?}", file.display());
        }
    }

    fn stop(self) {
        for task in self.tasks {
            self.worker.stop(task);
        }
    }
}

#[test]
fn records_of_aborted_transactions_are_left_out_where_committed_ones_are_asked_for() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let topic = "native-committed";
    let all = TaskWorker::start(&bootstrap, "native-committed", &[]);
    // The worker's setting, and below the connector's own.
    let committed = ("consumer.isolation.level", "read_committed");
    let reads_committed = TaskWorker::start(&bootstrap, "native-committed", &[committed]);
    all.topic(topic, 1);
    let transaction = |value: &str, end: &[&str]| {
        let arguments = [&[&bootstrap, topic, "key", value], end].concat();
        java::run(OPEN_TRANSACTION, &arguments, b"").success();
    };
    let plain = |text: &'static [u8]| java::produce(&bootstrap, topic, 0, b"key", Some(text));
    plain(b"before");
    transaction("aborted", &["abort"]);
    plain(b"between");

    let start = |name: &str, worker: &TaskWorker, more: &[(&str, &str)]| {
        let file = world.path(format!("{name}.txt"));
        let mut sink = file_sink(topic, &file);
        sink.extend(config(more));
        (worker.spawn(name, &sink).running(), file)
    };
    let own = ("consumer.override.isolation.level", "read_committed");
    let (one, first) = start("native-committed-own", &all, &[own]);
    let (two, second) = start("native-committed-worker", &reads_committed, &[]);
    let (three, third) = start("native-committed-not", &all, &[]);
    let jvm = {
        let file = Distributed::file(world.root(), &bootstrap, "native-committed-jvm", &[]);
        Distributed::start(&file)
    };
    let theirs = world.path("jvm.txt");
    let mut sink = file_sink(topic, &theirs);
    sink.extend(config(&[own]));
    put(&jvm, "native-committed-jvm", &sink);
    let of_committed = Readers {
        worker: &all,
        tasks: vec![one],
        files: vec![first, second, theirs],
    };
    let of_all = Readers {
        worker: &all,
        tasks: vec![three],
        files: vec![third],
    };
    of_committed.expect(&["before", "between"]);
    of_all.expect(&["before", "aborted", "between"]);

    // What follows an open transaction is not yet to be read; whoever reads all has read it.
    transaction("open", &[]);
    plain(b"after");
    of_all.expect(&["before", "aborted", "between", "open", "after"]);
    of_committed.expect(&["before", "between"]);
    // The producer's next start aborts what its last one left open.
    transaction("aborted as well", &["abort"]);
    of_committed.expect(&["before", "between", "after"]);
    of_committed.stop();
    of_all.stop();
    reads_committed.stop(two);
}
