//! What a sink task of the native engine commits when it is to stop, to stand still or to give back, and what holds it up.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use connectctl::io::kafka::seeder::SeedRecord;
use connectctl::io::native::TaskState;
use connectctl::protocol::errors::UNKNOWN_TOPIC_OR_PARTITION;
use indexmap::IndexMap;
use kafka_protocol::messages::ApiKey;

use crate::support::proxy::{Hold, Proxy};
use crate::support::sinks::{
    PATIENCE, committed, expect_committed, expect_group, expect_lines, expected, produce, write,
};
use crate::support::tasks::{TaskWorker, config, file_sink};
use crate::support::world::World;
use crate::support::{kafka, require_kafka, wait};

/// Nothing here may wait for so long.
const HOURS: &str = "36000000";

/// Returns a sink whose consumer notices quickly.
fn sink(topic: &str, file: &Path) -> IndexMap<String, String> {
    let mut sink = file_sink(topic, file);
    sink.insert(
        "consumer.override.heartbeat.interval.ms".into(),
        "200".into(),
    );
    sink
}

/// Makes it one of JSON, whose dead letters go through the proxy.
fn with_letters(sink: &mut IndexMap<String, String>, topic: &str, proxy: &Proxy) {
    sink.extend(config(&[
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", topic),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
        (
            "value.converter",
            "org.apache.kafka.connect.json.JsonConverter",
        ),
        ("value.converter.schemas.enable", "false"),
        ("producer.override.bootstrap.servers", &proxy.bootstrap()),
    ]));
}

fn record(value: String) -> SeedRecord {
    SeedRecord {
        key: bytes::Bytes::from_static(b"{}"),
        value: Some(value.into()),
    }
}

#[test]
fn a_stop_is_heard_over_a_write_that_hangs_and_the_others_go_on_without_it() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let settings = [("task.shutdown.graceful.timeout.ms", "2000")];
    let worker = TaskWorker::start(&bootstrap, "native-hung-stop", &settings);
    let name = "native-hung-stop";
    // More than a pipe holds.
    let numbers = 0..40_000;
    worker.topic(name, 1);
    produce(&worker, name, 0, numbers.clone());
    let pipe = world.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo starts").success());
    let reader = File::options().read(true).write(true).open(&pipe);
    let _reader = reader.expect("it can be opened");
    let hanging = worker.spawn(name, &sink(name, &pipe)).running();
    expect_group(&worker, name, |group| group.state == "Stable");
    let file = world.path("out.txt");
    let other = worker.spawn_nth(name, 1, &sink(name, &file), false);
    // The first is asked for its partition, and has not put what it read of it.
    expect_group(&worker, name, |group| group.state == "PreparingRebalance");
    worker.stop(hanging);
    let other = other.running();
    expect_lines(&[&file], &expected(0..1, numbers));
    expect_group(&worker, name, |group| {
        group.state == "Stable" && group.members.len() == 1
    });
    worker.stop(other);
    expect_committed(&worker, name, &[(name, 0, 40_000)]);
}

#[test]
fn a_coordinator_that_is_silent_holds_no_stop_up() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let settings = [
        ("offset.flush.timeout.ms", HOURS),
        ("task.shutdown.graceful.timeout.ms", "2000"),
    ];
    let worker = TaskWorker::start(&bootstrap, "native-silent", &settings);
    let name = "native-silent";
    worker.topic(name, 1);
    produce(&worker, name, 0, 0..10);
    let proxy = Proxy::start(&bootstrap);
    let mut sink = sink(name, &file);
    sink.extend(config(&[
        ("consumer.override.bootstrap.servers", &*proxy.bootstrap()),
        ("consumer.override.request.timeout.ms", HOURS),
    ]));
    proxy.hold_at(ApiKey::OffsetCommit, 1, Hold::Request);
    let task = worker.spawn(name, &sink).running();
    wait::expect("a commit is on its way", PATIENCE, || proxy.is_held());
    worker.stop(task);
    assert!(committed(&worker, name).is_empty());
}

#[test]
fn a_commit_that_the_coordinator_has_not_heard_of_the_topic_for_is_made_again() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let settings = [("offset.flush.interval.ms", HOURS)];
    let worker = TaskWorker::start(&bootstrap, "native-commits-again", &settings);
    let name = "native-commits-again";
    worker.topic(name, 1);
    produce(&worker, name, 0, 0..10);
    let proxy = Proxy::start(&bootstrap);
    let mut sink = sink(name, &file);
    let key = "consumer.override.bootstrap.servers";
    sink.insert(key.into(), proxy.bootstrap());
    let task = worker.spawn(name, &sink).running();
    expect_lines(&[&file], &expected(0..1, 0..10));
    proxy.refuse_commits(UNKNOWN_TOPIC_OR_PARTITION, 3);
    // It commits once, and then only when it stops.
    task.handle().pause();
    assert_eq!(task.next(), TaskState::Paused);
    wait::expect("it asks until it is heard", PATIENCE, || {
        proxy.commits_let_through() > 0
    });
    worker.stop(task);
    expect_committed(&worker, name, &[(name, 0, 10)]);
}

#[test]
fn letters_that_do_not_arrive_hold_no_rebalance_up() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let settings = [
        ("offset.flush.timeout.ms", HOURS),
        ("task.shutdown.graceful.timeout.ms", "2000"),
    ];
    let worker = TaskWorker::start(&bootstrap, "native-letters-given", &settings);
    let name = "native-letters-given";
    worker.topic(name, 2);
    for partition in 0..2 {
        let records = [record("poison".to_owned()), record("1".to_owned())];
        write(&worker, name, partition, &records);
    }
    let proxy = Proxy::start(&bootstrap);
    let sink = |file: &str| {
        let mut sink = sink(name, &world.path(file));
        with_letters(&mut sink, "native-letters-given-dead", &proxy);
        sink
    };
    proxy.hold_at(ApiKey::Produce, 1, Hold::Request);
    let first = worker.spawn(name, &sink("first.txt")).running();
    wait::expect("a letter is on its way", PATIENCE, || proxy.is_held());
    let second = worker.spawn_nth(name, 1, &sink("second.txt"), false);
    let second = second.running();
    expect_group(&worker, name, |group| {
        group.state == "Stable" && group.members.len() == 2
    });
    assert!(committed(&worker, name).is_empty());
    proxy.forget();
    expect_committed(&worker, name, &[(name, 0, 2), (name, 1, 2)]);
    worker.stop(first);
    worker.stop(second);
}

#[test]
fn letters_that_do_not_arrive_do_not_keep_a_sink_from_putting() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let settings = [
        ("offset.flush.timeout.ms", "300"),
        ("task.shutdown.graceful.timeout.ms", "2000"),
    ];
    let worker = TaskWorker::start(&bootstrap, "native-letters-late", &settings);
    let name = "native-letters-late";
    worker.topic(name, 1);
    write(&worker, name, 0, &[record("poison".to_owned())]);
    let proxy = Proxy::start(&bootstrap);
    let mut sink = sink(name, &file);
    with_letters(&mut sink, "native-letters-late-dead", &proxy);
    proxy.hold_at(ApiKey::Produce, 1, Hold::Request);
    let task = worker.spawn(name, &sink).running();
    wait::expect("the letter is on its way", PATIENCE, || proxy.is_held());
    let mut wanted = Vec::new();
    // Longer than a flush interval and the time of a commit together.
    for number in 0..20 {
        write(&worker, name, 0, &[record(number.to_string())]);
        wanted.push(number.to_string());
        wait::expect("it is put", PATIENCE, || {
            fs::read_to_string(&file).is_ok_and(|text| text.lines().eq(&wanted))
        });
    }
    assert!(committed(&worker, name).is_empty());
    proxy.forget();
    expect_committed(&worker, name, &[(name, 0, 21)]);
    worker.stop(task);
}
