//! Sink tasks of the native engine against a real broker, alone and in one group with a JVM's.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use connectctl::io::native::TaskState;
use serde_json::json;

use crate::support::connect::Distributed;
use crate::support::sinks::{
    PATIENCE, committed, expect_committed, expect_lines, expected, lines, produce,
};
use crate::support::tasks::{TaskWorker, file_sink};
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

#[test]
fn records_become_lines_and_reading_goes_on_where_it_was_committed() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let worker = TaskWorker::start(&bootstrap, "native-sink", &[]);
    worker.topic("native-sink", 2);
    produce(&worker, "native-sink", 0, 0..1000);
    produce(&worker, "native-sink", 1, 0..1000);
    let config = file_sink("native-sink", &file);
    let task = worker.spawn("native-sink", &config).running();
    expect_lines(&[&file], &expected(0..2, 0..1000));
    expect_committed(
        &worker,
        "native-sink",
        &[("native-sink", 0, 1000), ("native-sink", 1, 1000)],
    );
    task.handle().pause();
    assert_eq!(task.next(), TaskState::Paused);
    produce(&worker, "native-sink", 0, 1000..1500);
    produce(&worker, "native-sink", 1, 1000..1500);
    assert_eq!(lines(&[&file]).len(), 2000);
    task.handle().resume();
    assert_eq!(task.next(), TaskState::Running);
    expect_lines(&[&file], &expected(0..2, 0..1500));
    worker.stop(task);
    let wanted = [("native-sink", 0, 1500), ("native-sink", 1, 1500)];
    expect_committed(&worker, "native-sink", &wanted);
    produce(&worker, "native-sink", 1, 1500..1501);
    let task = worker.spawn("native-sink", &config).running();
    let mut all = expected(0..2, 0..1500);
    all.push("1-001500".to_owned());
    expect_lines(&[&file], &all);
    worker.stop(task);
}

#[test]
fn a_topic_that_matches_later_is_read_from_its_beginning() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let worker = TaskWorker::start(&bootstrap, "native-regex", &[]);
    let mut config = file_sink("", &file);
    config.shift_remove("topics");
    config.insert("topics.regex".into(), "native-regex-[ab]".into());
    config.insert("consumer.override.metadata.max.age.ms".into(), "500".into());
    config.insert(
        "consumer.override.heartbeat.interval.ms".into(),
        "200".into(),
    );
    worker.topic("native-regex-a", 1);
    worker.topic("native-regex-c", 1);
    produce(&worker, "native-regex-a", 0, 0..10);
    produce(&worker, "native-regex-c", 0, 90..99);
    let task = worker.spawn("native-regex", &config).running();
    expect_lines(&[&file], &expected(0..1, 0..10));
    worker.topic("native-regex-b", 1);
    produce(&worker, "native-regex-b", 0, 10..20);
    expect_lines(&[&file], &expected(0..1, 0..20));
    worker.stop(task);
}

#[test]
fn a_file_that_cannot_be_written_fails_the_task_and_moves_no_offset() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let worker = TaskWorker::start(&bootstrap, "native-full", &[]);
    worker.topic("native-full", 1);
    produce(&worker, "native-full", 0, 0..10);
    let full = file_sink("native-full", Path::new("/dev/full"));
    let trace = worker.spawn("native-full", &full).failure();
    assert!(trace.contains("could not write to /dev/full"), "{trace}");
    assert_eq!(committed(&worker, "native-full"), BTreeMap::new());

    let file = world.path("out.txt");
    let task = worker.spawn("native-full", &file_sink("native-full", &file));
    let task = task.running();
    expect_committed(&worker, "native-full", &[("native-full", 0, 10)]);
    fs::remove_file(&file).expect("it is there");
    produce(&worker, "native-full", 0, 10..20);
    let trace = task.failure();
    assert!(
        trace.contains("was deleted while it was written"),
        "{trace}"
    );
    assert_eq!(
        committed(&worker, "native-full")
            .into_values()
            .collect::<Vec<_>>(),
        [10]
    );
    let task = worker.spawn("native-full", &file_sink("native-full", &file));
    expect_lines(&[&file], &expected(0..1, 10..20));
    worker.stop(task.running());
}

#[test]
fn a_deleted_topic_is_the_task_s_failure() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let worker = TaskWorker::start(&bootstrap, "native-deleted", &[]);
    worker.topic("native-deleted", 1);
    produce(&worker, "native-deleted", 0, 0..5);
    let mut sink = file_sink("native-deleted", &file);
    // What one operation may take, and how long the topic may be news that a broker has not heard of.
    sink.insert("consumer.override.request.timeout.ms".into(), "5000".into());
    let task = worker.spawn("native-deleted", &sink).running();
    expect_lines(&[&file], &expected(0..1, 0..5));
    let names = ["native-deleted".to_owned()];
    let deleted = worker
        .runtime
        .block_on(worker.cluster.delete_topics(&names));
    deleted.expect("the broker answers")["native-deleted"]
        .clone()
        .expect("it was there");
    let trace = task.failure();
    assert!(trace.contains("native-deleted"), "{trace}");
}

#[test]
fn two_tasks_and_a_jvm_share_a_group_and_write_each_record_once() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let worker = TaskWorker::start(&bootstrap, "native-shared", &[]);
    worker.topic("native-shared", 4);
    let (ours, theirs) = (world.path("ours.txt"), world.path("theirs.txt"));
    let file = Distributed::file(world.root(), &bootstrap, "native-shared-jvm", &[]);
    let jvm = Distributed::start(&file);
    let config = json!({
        "connector.class": "FileStreamSink",
        "tasks.max": "1",
        "topics": "native-shared",
        "file": theirs.to_string_lossy(),
        "consumer.override.heartbeat.interval.ms": "500",
    });
    let url = format!("{}/connectors/native-shared", jvm.url);
    rest::put(&format!("{url}/config"), Some(&config)).success();
    jvm.wait_running("native-shared");
    let all = |numbers: Range<u32>| {
        for partition in 0..4 {
            produce(&worker, "native-shared", partition, numbers.clone());
        }
    };
    all(0..100);
    expect_lines(&[&theirs], &expected(0..4, 0..100));

    let mut own = file_sink("native-shared", &ours);
    own.insert(
        "consumer.override.heartbeat.interval.ms".into(),
        "500".into(),
    );
    let first = worker.spawn_nth("native-shared", 1, &own, false).running();
    let second = worker.spawn_nth("native-shared", 2, &own, false).running();
    let members = |wanted: usize| {
        let mut seen = None;
        let found = wait::until(PATIENCE, || {
            let group = ["connect-native-shared".to_owned()];
            let described = worker
                .runtime
                .block_on(worker.cluster.describe_groups(&group));
            let described = described.expect("the broker answers")[&group[0]].clone();
            let described = described.expect("it may be described");
            let is_it = described.members.len() == wanted && described.state == "Stable";
            seen = Some(described);
            is_it
        });
        assert!(found, "{seen:?}");
    };
    members(3);
    all(100..200);
    expect_lines(&[&ours, &theirs], &expected(0..4, 0..200));
    assert!(!lines(&[&ours]).is_empty());
    worker.stop(first);
    members(2);
    all(200..300);
    expect_lines(&[&ours, &theirs], &expected(0..4, 0..300));
    rest::delete(&url).success();
    members(1);
    all(300..400);
    expect_lines(&[&ours, &theirs], &expected(0..4, 0..400));
    worker.stop(second);
}

/// More than the runtime has threads.
const PIPES: usize = 16;

#[test]
fn a_pipe_that_nobody_reads_keeps_only_its_own_task_waiting() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let worker = TaskWorker::start(&bootstrap, "native-pipe", &[]);
    worker.topic("native-pipe", 1);
    produce(&worker, "native-pipe", 0, 0..10);
    let pipe = |number: usize| {
        let pipe = world.path(format!("pipe-{number}"));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo starts").success());
        pipe
    };
    let pipes: Vec<_> = (0..PIPES).map(pipe).collect();
    let spawn = |(number, pipe): (usize, &std::path::PathBuf)| {
        worker.spawn(
            &format!("native-pipe-{number}"),
            &file_sink("native-pipe", pipe),
        )
    };
    let mut waiting: Vec<_> = pipes.iter().enumerate().map(spawn).collect();
    let file = world.path("out.txt");
    let other = worker.spawn("native-pipe-file", &file_sink("native-pipe", &file));
    let other = other.running();
    expect_lines(&[&file], &expected(0..1, 0..10));
    worker.stop(other);
    let first = waiting.remove(0);
    assert_eq!(first.said(), None);
    for task in waiting {
        worker.stop(task);
    }
    // Read and written, a pipe keeps nobody waiting: the threads of the others go on and end.
    let open = |pipe| File::options().read(true).write(true).open(pipe);
    let mut opened: Vec<_> = pipes
        .iter()
        .map(|pipe| open(pipe).expect("it can be opened"))
        .collect();
    let first = first.running();
    let mut text = [0; 90];
    opened[0].read_exact(&mut text).expect("ten lines come");
    assert!(text.starts_with(b"0-000000\n") && text.ends_with(b"0-000009\n"));
    expect_committed(&worker, "native-pipe-0", &[("native-pipe", 0, 10)]);
    worker.stop(first);
}
