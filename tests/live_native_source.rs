//! Source tasks of the native engine against a real broker, read back by Kafka's own consumer.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use connectctl::io::native::TaskState;

use crate::support::kafka::{Kafka, KafkaOptions};
use crate::support::tasks::{TaskWorker, config, file_sink, file_source};
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, wait};

const PATIENCE: Duration = Duration::from_secs(60);

fn append(file: &Path, text: &str) {
    let opened = fs::File::options().create(true).append(true).open(file);
    let mut opened = opened.expect("the folder is writable");
    opened.write_all(text.as_bytes()).expect("it is written");
}

/// Values by partition, in order.
fn values(bootstrap: &str, topic: &str) -> BTreeMap<i32, Vec<String>> {
    let mut values: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for record in java::read_topic(bootstrap, topic) {
        let value = record.value.expect("no tombstones");
        let value = String::from_utf8(value).expect("text");
        values.entry(record.partition).or_default().push(value);
    }
    values
}

#[track_caller]
fn expect_position(worker: &TaskWorker, connector: &str, file: &Path, position: u64) {
    let wanted = i64::try_from(position).ok();
    let mut seen = None;
    let found = wait::until(PATIENCE, || {
        seen = worker.position(connector, file);
        seen == wanted
    });
    assert!(found, "{seen:?} instead of {wanted:?}");
}

#[test]
fn lines_become_records_and_positions_are_found_again() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("in.txt");
    let worker = TaskWorker::start(&bootstrap, "native-source", &[]);
    worker.topic("native-source", 1);
    let task = worker
        .spawn("src \"1\"", &file_source(&file, "native-source"))
        .running();
    append(&file, "a\nb\r\n\nh\u{e9}llo\npart");
    let key = format!(
        r#"["src \"1\"",{{"filename":"{}"}}]"#,
        file.to_string_lossy()
    );
    expect_position(&worker, "src \"1\"", &file, 13);
    task.handle().pause();
    assert_eq!(task.next(), TaskState::Paused);
    append(&file, "ial\n");
    task.handle().resume();
    assert_eq!(task.next(), TaskState::Running);
    expect_position(&worker, "src \"1\"", &file, 21);
    worker.stop(task);

    append(&file, "while stopped\n");
    let task = worker
        .spawn("src \"1\"", &file_source(&file, "native-source"))
        .running();
    expect_position(&worker, "src \"1\"", &file, 35);
    worker.stop(task);
    let lines = ["a", "b", "", "h\u{e9}llo", "partial", "while stopped"];
    assert_eq!(values(&bootstrap, "native-source")[&0], lines);
    let records = java::read_topic(&bootstrap, "native-source");
    assert!(records.iter().all(|record| record.key.is_none()));
    let stored = java::read_topic(&bootstrap, "_native-source.offset");
    assert!(
        stored
            .iter()
            .all(|record| record.key.as_deref() == Some(key.as_bytes())),
        "{stored:?}"
    );
    assert!(
        stored
            .iter()
            .any(|record| record.value.as_deref() == Some(br#"{"position":35}"#))
    );
}

#[test]
fn many_lines_are_all_there_in_order_in_every_partition() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("in.txt");
    let lines: Vec<String> = (0..50_000).map(|n| format!("line {n:06}")).collect();
    append(&file, &(lines.join("\n") + "\n"));
    let worker = TaskWorker::start(&bootstrap, "native-many", &[]);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = format!("native-many-{codec}");
        worker.topic(&topic, 3);
        let mut config = file_source(&file, &topic);
        config.insert("producer.override.compression.type".into(), codec.into());
        config.insert("producer.override.batch.size".into(), "16384".into());
        let task = worker.spawn(&topic, &config).running();
        expect_position(&worker, &topic, &file, 50_000 * 12);
        worker.stop(task);
        let values = values(&bootstrap, &topic);
        assert!(values.len() == 3, "{codec}: {} partitions", values.len());
        assert!(values.values().all(|lines| lines.is_sorted()), "{codec}");
        let mut all: Vec<String> = values.into_values().flatten().collect();
        all.sort();
        assert_eq!(all, lines, "{codec}");
    }
}

#[test]
fn a_topic_is_created_as_configured_when_the_first_line_comes() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("in.txt");
    let worker = TaskWorker::start(&bootstrap, "native-creation", &[]);
    let mut config = file_source(&file, "native-created");
    for (key, value) in [("partitions", "4"), ("replication.factor", "1")] {
        config.insert(format!("topic.creation.default.{key}"), value.into());
    }
    let task = worker.spawn("creation", &config).running();
    append(&file, "a\n");
    expect_position(&worker, "creation", &file, 2);
    worker.stop(task);
    let names = ["native-created".to_owned()];
    let topics = worker.runtime.block_on(worker.cluster.topics(Some(&names)));
    let topics = topics.expect("the broker answers");
    assert_eq!(topics["native-created"].partition_count(), 4);
}

#[test]
fn a_topic_that_cannot_be_created_for_now_is_waited_for() {
    require_kafka!();
    let world = World::new();
    let file = world.path("in.txt");
    let worker = TaskWorker::start(&kafka::shared().bootstrap(), "native-uncreated", &[]);
    let hangs_up = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = hangs_up.local_addr().expect("it has an address");
    let mut config = file_source(&file, "native-uncreated");
    for (key, value) in [("partitions", "1"), ("replication.factor", "1")] {
        config.insert(format!("topic.creation.default.{key}"), value.into());
    }
    let admin = "admin.override.bootstrap.servers";
    config.insert(admin.into(), address.to_string());
    append(&file, "a\n");
    let task = worker.spawn("uncreated", &config).running();
    drop(hangs_up.accept().expect("the topic is about to be created"));
    task.handle().pause();
    assert_eq!(task.next(), TaskState::Paused);
    task.handle().resume();
    assert_eq!(task.next(), TaskState::Running);
    drop(hangs_up.accept().expect("it is tried again"));
    worker.stop(task);
    assert_eq!(worker.position("uncreated", &file), None);
}

#[test]
fn what_the_broker_never_takes_fails_the_task_or_is_left_out() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("in.txt");
    let worker = TaskWorker::start(&bootstrap, "native-large", &[]);
    worker.topic("native-large", 1);
    let large = "x".repeat(1_100_000);
    append(&file, &format!("a\n{large}\nb\n"));
    let mut config = file_source(&file, "native-large");
    let trace = worker.spawn("large", &config).failure();
    assert!(trace.contains("max.request.size"), "{trace}");
    // The broker refuses it, not we.
    config.insert(
        "producer.override.max.request.size".into(),
        "9000000".into(),
    );
    let trace = worker.spawn("large", &config).failure();
    assert!(trace.contains("MESSAGE_TOO_LARGE"), "{trace}");
    assert_eq!(worker.position("large", &file), Some(2));

    config.insert("errors.tolerance".into(), "all".into());
    let task = worker.spawn("large", &config).running();
    expect_position(&worker, "large", &file, 1_100_005);
    worker.stop(task);
    // What came after the record that failed may have been written already.
    let mut lines = values(&bootstrap, "native-large").remove(&0);
    lines.iter_mut().for_each(Vec::dedup);
    assert_eq!(lines, Some(vec!["a".to_owned(), "b".to_owned()]));
}

#[test]
fn a_broker_that_restarts_loses_and_doubles_nothing() {
    require_kafka!();
    let kafka = Kafka::start(KafkaOptions::default());
    let bootstrap = kafka.bootstrap();
    let world = World::new();
    let file = world.path("in.txt");
    let worker = TaskWorker::start(&bootstrap, "native-restart", &[]);
    worker.topic("native-restart", 2);
    let task = worker
        .spawn("restart", &file_source(&file, "native-restart"))
        .running();
    let mut lines = Vec::new();
    let mut write = |count: usize| {
        let from = lines.len();
        let more: Vec<_> = (from..from + count)
            .map(|n| format!("line {n:06}"))
            .collect();
        append(&file, &(more.join("\n") + "\n"));
        lines.extend(more);
    };
    write(20_000);
    expect_position(&worker, "restart", &file, 20_000 * 12);
    kafka.kill();
    write(20_000);
    // Tasks that start now have nobody to ask about their topics, and time for several questions.
    let mut creates = file_source(&file, "native-restart-new");
    creates.extend(config(&[
        ("topic.creation.default.partitions", "1"),
        ("topic.creation.default.replication.factor", "1"),
        ("admin.override.request.timeout.ms", "300"),
    ]));
    let late_source = worker.spawn("restart-new", &creates);
    let mut dead_letters = file_sink("native-restart-new", &world.path("out.txt"));
    dead_letters.extend(config(&[
        ("errors.deadletterqueue.topic.name", "native-restart-dead"),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
        ("admin.override.request.timeout.ms", "300"),
    ]));
    let late_sink = worker.spawn("restart-sink", &dead_letters);
    kafka.restart();
    expect_position(&worker, "restart", &file, 40_000 * 12);
    assert_eq!(task.said(), None);
    worker.stop(late_source.running());
    worker.stop(late_sink.running());
    worker.stop(task);
    let values = values(&bootstrap, "native-restart");
    let mut all: Vec<String> = values.into_values().flatten().collect();
    all.sort();
    assert_eq!(all, lines);
}

#[test]
fn what_is_configured_wrongly_fails_with_its_name() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("in.txt");
    let policy = ("connector.client.config.override.policy", "None");
    let worker = TaskWorker::start(&bootstrap, "native-wrong", &[policy]);
    let fails = |more: &[(&str, &str)]| {
        let mut wrong = file_source(&file, "native-wrong");
        wrong.extend(config(more));
        worker.spawn("wrong", &wrong).failure()
    };
    let trace = fails(&[("producer.override.acks", "1")]);
    assert!(trace.contains("producer.override.acks"), "{trace}");
    let trace = fails(&[("value.converter", "io.confluent.connect.avro.AvroConverter")]);
    assert!(trace.contains("AvroConverter"), "{trace}");
    let trace = fails(&[("topic.creation.default.partitions", "x")]);
    assert!(trace.contains("topic.creation.default."), "{trace}");
}
