//! Where a sink task of the native engine reads when its position is not, or not yet, in the log, and what it reads it through.

use std::path::Path;

use connectctl::io::native::TaskState;
use indexmap::IndexMap;
use kafka_protocol::messages::ApiKey;

use crate::support::proxy::{Hold, Proxy};
use crate::support::sinks::{
    PATIENCE, expect_committed, expect_group, expect_lines, expected, lines, produce,
};
use crate::support::tasks::{TaskWorker, file_sink};
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, wait};

const DELETE_RECORDS: &str = r#"
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.TopicPartition;
public class DeleteRecords {
    public static void main(String[] a) throws Exception {
        try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", a[0]))) {
            var before = RecordsToDelete.beforeOffset(Long.parseLong(a[2]));
            admin.deleteRecords(Map.of(new TopicPartition(a[1], 0), before)).all().get();
        }
    }
}
"#;

fn sink(topics: &str, file: &Path, settings: &[(&str, &str)]) -> IndexMap<String, String> {
    let mut sink = file_sink(topics, file);
    let settings = settings.iter();
    sink.extend(settings.map(|(key, value)| {
        let key = format!("consumer.override.{key}");
        (key, (*value).to_owned())
    }));
    sink
}

#[test]
fn a_position_whose_records_were_deleted_goes_where_auto_offset_reset_says() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let worker = TaskWorker::start(&bootstrap, "native-deleted-records", &[]);
    for reset in ["earliest", "latest", "none"] {
        let name = format!("native-deleted-records-{reset}");
        let file = world.path(&name);
        worker.topic(&name, 1);
        produce(&worker, &name, 0, 0..10);
        let mut sink = sink(&name, &file, &[]);
        let task = worker.spawn(&name, &sink).running();
        expect_committed(&worker, &name, &[(&name, 0, 10)]);
        worker.stop(task);
        produce(&worker, &name, 0, 10..20);
        java::run(DELETE_RECORDS, &[&bootstrap, &name, "15"], b"").success();

        sink.insert("consumer.override.auto.offset.reset".into(), reset.into());
        let task = worker.spawn(&name, &sink);
        match reset {
            "earliest" => {
                let task = task.running();
                let mut wanted = expected(0..1, 0..10);
                wanted.extend(expected(0..1, 15..20));
                expect_lines(&[&file], &wanted);
                expect_committed(&worker, &name, &[(&name, 0, 20)]);
                worker.stop(task);
            }
            "latest" => {
                let task = task.running();
                let mut next = 20;
                // It may not have begun yet.
                wait::expect("what is new is read", PATIENCE, || {
                    produce(&worker, &name, 0, next..next + 1);
                    next += 1;
                    lines(&[&file]).len() > 10
                });
                worker.stop(task);
                let lines = lines(&[&file]);
                assert_eq!(lines[..10], expected(0..1, 0..10));
                assert!(lines[10].as_str() >= "0-000020", "{}", lines[10]);
            }
            _ => {
                let trace = task.failure();
                let words = format!(
                    "org.apache.kafka.clients.consumer.OffsetOutOfRangeException: \
                     Fetch position 10 is out of range for partition {name}-0"
                );
                assert!(trace.contains(&words), "{trace}");
                assert_eq!(lines(&[&file]).len(), 10);
            }
        }
    }
}

#[test]
fn a_place_that_is_found_while_the_task_stands_still_is_where_it_goes_on() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let worker = TaskWorker::start(&bootstrap, "native-places", &[]);
    for starts_paused in [false, true] {
        let name = format!("native-places-{starts_paused}");
        let file = world.path(&name);
        worker.topic(&name, 1);
        produce(&worker, &name, 0, 0..10);
        let proxy = Proxy::start(&bootstrap);
        proxy.hold_at(ApiKey::SyncGroup, 1, Hold::Response);
        let settings = [
            ("bootstrap.servers", &*proxy.bootstrap()),
            ("auto.offset.reset", "latest"),
        ];
        let sink = sink(&name, &file, &settings);
        let task = worker.spawn_nth(&name, 0, &sink, starts_paused);
        let first = if starts_paused {
            TaskState::Paused
        } else {
            TaskState::Running
        };
        assert_eq!(task.next(), first);
        wait::expect("the answer is held", PATIENCE, || proxy.is_held());
        proxy.hide(&name, 0);
        proxy.release();
        wait::expect("it is asked for", PATIENCE, || proxy.hidden_answers() > 2);
        // Where the topic ends is told when the task stands still.
        proxy.hold_at(ApiKey::ListOffsets, 1, Hold::Response);
        proxy.show();
        wait::expect("the end is told", PATIENCE, || proxy.is_held());
        if !starts_paused {
            task.handle().pause();
            assert_eq!(task.next(), TaskState::Paused);
        }
        proxy.release();
        produce(&worker, &name, 0, 10..20);
        task.handle().resume();
        assert_eq!(task.next(), TaskState::Running);
        expect_lines(&[&file], &expected(0..1, 10..20));
        worker.stop(task);
    }
}

#[test]
fn a_partition_without_records_has_a_committed_place_once_something_is_committed() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let worker = TaskWorker::start(&bootstrap, "native-quiet", &[]);
    let name = "native-quiet";
    worker.topic(name, 2);
    produce(&worker, name, 0, 0..10);
    let sink = sink(name, &file, &[("auto.offset.reset", "latest")]);
    let task = worker.spawn(name, &sink).running();
    expect_group(&worker, name, |group| group.state == "Stable");
    let mut next = 0;
    // It may not have begun yet.
    wait::expect("what is new is read", PATIENCE, || {
        produce(&worker, name, 1, next..next + 1);
        next += 1;
        !lines(&[&file]).is_empty()
    });
    let next = i64::from(next);
    expect_committed(&worker, name, &[(name, 0, 10), (name, 1, next)]);
    worker.stop(task);
    produce(&worker, name, 0, 10..20);
    let before = lines(&[&file]);
    let task = worker.spawn(name, &sink).running();
    let mut wanted = expected(0..1, 10..20);
    wanted.extend(before);
    wanted.sort();
    expect_lines(&[&file], &wanted);
    worker.stop(task);
}

#[test]
fn a_deleted_topic_of_a_list_does_not_fail_the_task_while_another_is_there() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let worker = TaskWorker::start(&bootstrap, "native-one-left", &[]);
    let (gone, left) = ("native-one-left-gone", "native-one-left");
    for name in [gone, left] {
        worker.topic(name, 1);
    }
    produce(&worker, gone, 0, 0..10);
    let proxy = Proxy::start(&bootstrap);
    let settings = [
        ("bootstrap.servers", &*proxy.bootstrap()),
        // Alone, the topic would be missed for so long.
        ("request.timeout.ms", "2000"),
        ("fetch.max.wait.ms", "200"),
        ("retry.backoff.max.ms", "500"),
    ];
    let sink = sink(&format!("{gone},{left}"), &file, &settings);
    let task = worker.spawn(left, &sink).running();
    expect_lines(&[&file], &expected(0..1, 0..10));
    let deleted = worker
        .runtime
        .block_on(worker.cluster.delete_topics(&[gone.to_owned()]));
    deleted.expect("the broker answers")[gone]
        .clone()
        .expect("it was there");
    // Only to count how often it is asked for.
    proxy.hide(gone, 0);
    wait::expect("it is missed", PATIENCE, || proxy.hidden_answers() > 12);
    produce(&worker, left, 0, 10..20);
    expect_lines(&[&file], &expected(0..1, 0..20));
    assert_eq!(task.said(), None);
    worker.stop(task);
}

#[test]
fn a_sink_of_many_topics_has_few_connections() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = world.path("out.txt");
    let worker = TaskWorker::start(&bootstrap, "native-many", &[]);
    let topics: Vec<_> = (0..20).map(|n| format!("native-many-{n}")).collect();
    for topic in &topics {
        worker.topic(topic, 11);
    }
    produce(&worker, &topics[0], 0, 0..10);
    produce(&worker, &topics[19], 10, 10..20);
    let proxy = Proxy::start(&bootstrap);
    let settings = [("bootstrap.servers", &*proxy.bootstrap())];
    let sink = sink(&topics.join(","), &file, &settings);
    let task = worker.spawn("native-many", &sink).running();
    let mut wanted = expected(0..1, 0..10);
    wanted.extend(expected(10..11, 10..20));
    expect_lines(&[&file], &wanted);
    let connections = proxy.connections();
    worker.stop(task);
    assert!(connections <= 6, "{connections} connections");
}
