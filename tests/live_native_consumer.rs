//! What becomes of a sink task when its broker, its group or what it writes to does not do what it should.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use connectctl::io::kafka::groups::GroupDescription;
use connectctl::io::kafka::seeder::SeedRecord;
use connectctl::io::native::TaskState;
use connectctl::protocol::errors::{ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID};
use indexmap::IndexMap;
use kafka_protocol::messages::ApiKey;

use crate::support::kafka::{Kafka, KafkaOptions};
use crate::support::proxy::{Hold, Proxy};
use crate::support::sinks::{
    PATIENCE, committed, expect_committed, expect_group, expect_lines, expected, produce, write,
};
use crate::support::tasks::{TaskWorker, config, file_sink};
use crate::support::world::World;
use crate::support::{kafka, require_kafka, wait};

/// Returns a sink whose consumer speaks to its brokers at `bootstrap` and notices quickly.
fn sink_at(bootstrap: &str, topic: &str, file: &Path) -> IndexMap<String, String> {
    let mut sink = file_sink(topic, file);
    sink.extend(config(&[
        ("consumer.override.bootstrap.servers", bootstrap),
        ("consumer.override.heartbeat.interval.ms", "200"),
        ("consumer.override.session.timeout.ms", "6000"),
    ]));
    sink
}

fn is_one_member(group: &GroupDescription) -> bool {
    group.state == "Stable" && group.members.len() == 1
}

#[test]
fn a_broker_that_lags_behind_fails_no_sink_of_a_new_topic() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let worker = TaskWorker::start(&bootstrap, "native-lags", &[]);
    for (name, after, known) in [
        // The group has assigned it, and whoever is asked where it begins has not heard of it, or not of all of it.
        ("native-lags-topic", ApiKey::SyncGroup, 0),
        ("native-lags-partition", ApiKey::SyncGroup, 1),
        // Nor has who is asked where its leaders are.
        ("native-lags-leader", ApiKey::ListOffsets, 0),
    ] {
        worker.topic(name, 2);
        for partition in 0..2 {
            produce(&worker, name, partition, 0..10);
        }
        let proxy = Proxy::start(&bootstrap);
        proxy.hold_at(after, 1, Hold::Response);
        let file = world.path(name);
        let task = worker.spawn(name, &sink_at(&proxy.bootstrap(), name, &file));
        let task = task.running();
        wait::expect("the answer is held", PATIENCE, || proxy.is_held());
        proxy.hide(name, known);
        proxy.release();
        wait::expect("it is asked again", PATIENCE, || proxy.hidden_answers() > 2);
        assert_eq!(task.said(), None, "{name}");
        proxy.show();
        expect_lines(&[&file], &expected(0..2, 0..10));
        worker.stop(task);
    }
}

#[test]
fn a_member_of_an_old_generation_comes_back_as_who_it_was() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let worker = TaskWorker::start(&bootstrap, "native-generation", &[]);
    let name = "native-generation";
    worker.topic(name, 1);
    produce(&worker, name, 0, 0..10);
    let proxy = Proxy::start(&bootstrap);
    let task = worker.spawn(name, &sink_at(&proxy.bootstrap(), name, &file));
    let task = task.running();
    expect_committed(&worker, name, &[(name, 0, 10)]);
    let first = expect_group(&worker, name, is_one_member);
    let id = first.members[0].member_id.clone();

    proxy.hold_at(ApiKey::JoinGroup, 1, Hold::Response);
    proxy.refuse_heartbeat(ILLEGAL_GENERATION);
    wait::expect("it joins again", PATIENCE, || proxy.is_held());
    proxy.release();
    let second = expect_group(&worker, name, is_one_member);
    assert_eq!(second.members[0].member_id, id);
    produce(&worker, name, 0, 10..20);
    expect_committed(&worker, name, &[(name, 0, 20)]);

    proxy.refuse_heartbeat(UNKNOWN_MEMBER_ID);
    // Its former self is a member until its session is over.
    expect_group(&worker, name, |group| {
        is_one_member(group) && group.members[0].member_id != id
    });
    produce(&worker, name, 0, 20..30);
    expect_lines(&[&file], &expected(0..1, 0..30));
    worker.stop(task);
}

#[test]
fn a_coordinator_that_is_away_for_longer_than_a_session_has_lost_nobody() {
    require_kafka!();
    let kafka = Kafka::start(KafkaOptions::default());
    let world = World::new();
    let file = world.path("out.txt");
    let worker = TaskWorker::start(&kafka.bootstrap(), "native-away", &[]);
    let name = "native-away";
    worker.topic(name, 1);
    produce(&worker, name, 0, 0..10);
    let mut sink = sink_at(&kafka.bootstrap(), name, &file);
    let session = Duration::from_secs(6);
    sink.insert(
        "consumer.override.session.timeout.ms".into(),
        session.as_millis().to_string(),
    );
    let task = worker.spawn(name, &sink).running();
    expect_committed(&worker, name, &[(name, 0, 10)]);
    let before = expect_group(&worker, name, is_one_member);
    kafka.stop();
    let stopped = Instant::now();
    wait::expect("a session is over", PATIENCE, || {
        stopped.elapsed() > session
    });
    kafka.restart();
    produce(&worker, name, 0, 10..20);
    expect_committed(&worker, name, &[(name, 0, 20)]);
    let after = expect_group(&worker, name, is_one_member);
    assert_eq!(after.members[0].member_id, before.members[0].member_id);
    expect_lines(&[&file], &expected(0..1, 0..20));
    worker.stop(task);
}

#[test]
fn a_sink_that_hangs_in_a_write_leaves_its_partitions_to_others() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let worker = TaskWorker::start(&bootstrap, "native-hangs", &[]);
    let name = "native-hangs";
    // More than a pipe holds.
    let numbers = 0..40_000;
    worker.topic(name, 1);
    produce(&worker, name, 0, numbers.clone());
    let pipe = world.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo starts").success());
    let reader = File::options().read(true).write(true).open(&pipe);
    let mut reader = reader.expect("it can be opened");
    let at = |file: &Path| {
        let mut sink = sink_at(&bootstrap, name, file);
        let key = "consumer.override.max.poll.interval.ms";
        sink.insert(key.into(), "8000".into());
        sink
    };
    let hanging = worker.spawn(name, &at(&pipe)).running();
    expect_group(&worker, name, is_one_member);
    expect_group(&worker, name, |group| group.members.is_empty());

    let file = world.path("out.txt");
    let other = worker.spawn_nth(name, 1, &at(&file), false).running();
    expect_lines(&[&file], &expected(0..1, numbers));
    expect_committed(&worker, name, &[(name, 0, 40_000)]);
    assert_eq!(
        hanging.said(),
        None,
        "a task that hangs has not failed, as on a JVM"
    );
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while reader.read(&mut bytes).is_ok_and(|length| length > 0) {}
    });
    expect_group(&worker, name, |group| {
        group.state == "Stable" && group.members.len() == 2
    });
    worker.stop(hanging);
    worker.stop(other);
    expect_committed(&worker, name, &[(name, 0, 40_000)]);
}

#[test]
fn no_offset_is_committed_past_a_dead_letter_that_is_on_its_way_and_none_holds_a_stop_up() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let settings = [
        ("offset.flush.timeout.ms", "600000"),
        ("task.shutdown.graceful.timeout.ms", "2000"),
    ];
    let worker = TaskWorker::start(&bootstrap, "native-letters", &settings);
    let name = "native-letters";
    worker.topic(name, 1);
    let record = |value: &'static [u8]| SeedRecord {
        key: bytes::Bytes::from_static(b"{}"),
        value: Some(bytes::Bytes::from_static(value)),
    };
    write(&worker, name, 0, &[record(b"poison"), record(b"\"fine\"")]);
    let proxy = Proxy::start(&bootstrap);
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let mut sink = file_sink(name, &file);
    sink.extend(config(&[
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "native-letters-dead"),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
        ("value.converter", json),
        ("value.converter.schemas.enable", "false"),
        ("producer.override.bootstrap.servers", &proxy.bootstrap()),
    ]));
    proxy.hold_at(ApiKey::Produce, 1, Hold::Request);
    let task = worker.spawn(name, &sink).running();
    let text = || fs::read_to_string(&file).unwrap_or_default();
    wait::expect("the other is put", PATIENCE, || text() == "fine\n");
    wait::expect("the letter is on its way", PATIENCE, || proxy.is_held());
    task.handle().pause();
    assert_eq!(task.next(), TaskState::Paused);
    task.handle().resume();
    assert_eq!(task.next(), TaskState::Running);
    worker.stop(task);
    assert!(committed(&worker, name).is_empty());

    proxy.forget();
    let task = worker.spawn(name, &sink).running();
    expect_committed(&worker, name, &[(name, 0, 2)]);
    worker.stop(task);
    assert_eq!(text(), "fine\nfine\n");
}
