//! A worker of `connectctl run` whose group's coordinator dies: it finds the next one and goes on.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use connectctl::io::kafka::groups::GroupDescription;
use serde_json::json;

use crate::live_kafka::connect;
use crate::support::connect::Distributed;
use crate::support::kafka::{KafkaCluster, KafkaOptions};
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// Every group is coordinated by the leader of this topic's only partition.
const COORDINATED_BY: &str = "__consumer_offsets";

/// Returns the broker that coordinates, and the group as it has it; `None` while nobody tells.
fn coordinated(kafka: &KafkaCluster, group: &str) -> Option<(i32, GroupDescription)> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let cluster = connect(&kafka.bootstrap()).await;
        let topics = cluster.topics(Some(&[COORDINATED_BY.to_owned()])).await;
        let leader = topics.ok()?[COORDINATED_BY].partitions.get(&0)?.leader?;
        let described = cluster.describe_groups(&[group.to_owned()]).await;
        let described = described.ok()?.remove(group)?.ok()?;
        Some((leader, described))
    })
}

#[test]
fn a_worker_whose_coordinator_dies_finds_the_next_one_and_goes_on() {
    require_kafka!();
    let options = KafkaOptions::default()
        .property("broker.session.timeout.ms", "3000")
        .property("offsets.topic.num.partitions", "1")
        // The topic that the connectors share must not be the dying broker's alone.
        .property("default.replication.factor", "3");
    let kafka = KafkaCluster::start_with(3, &options);
    let world = World::new();
    let group = "run-coordinator";
    let settings = [
        ("request.timeout.ms", "5000"),
        // The group of a sink whose task had to be given up waits for it so long.
        ("consumer.session.timeout.ms", "6000"),
        ("consumer.heartbeat.interval.ms", "1000"),
        ("config.storage.replication.factor", "3"),
        ("offset.storage.replication.factor", "3"),
        ("status.storage.replication.factor", "3"),
    ];
    let file = Distributed::file(world.root(), &kafka.bootstrap(), group, &settings);
    let worker = NativeWorker::start(&file, &[]);
    let input = world.file("in.txt", "");
    let output = world.path("out.txt");
    let put = |name: &str, config: serde_json::Value| {
        let url = format!("{}/connectors/{name}/config", worker.url);
        wait::until(PATIENCE, || {
            let answer = rest::request("PUT", &url, Some(&config));
            answer.is_ok_and(|answer| answer.status == 200 || answer.status == 201)
        })
    };
    assert!(put(
        "source",
        json!({"connector.class": "FileStreamSource", "file": input, "topic": "run-coordinator-lines"}),
    ));
    assert!(put(
        "sink",
        json!({"connector.class": "FileStreamSink", "file": output, "topics": "run-coordinator-lines",
            // Other tests have a connector `sink` too, and they share a broker.
            "consumer.override.group.id": "connect-run-coordinator-sink"}),
    ));
    worker.wait_state(&["source", "sink"], 1, "RUNNING");
    let append = |text: &str| {
        let opened = fs::OpenOptions::new().append(true).open(&input);
        let mut opened = opened.expect("the input is writable");
        writeln!(opened, "{text}").expect("the input is writable");
    };
    let arrived = |text: &str| {
        let arrived = wait::until(PATIENCE, || {
            fs::read_to_string(&output).is_ok_and(|all| all.lines().any(|line| line == text))
        });
        assert!(arrived, "{text} did not come through:\n{}", worker.log());
    };
    append("before");
    arrived("before");

    let (coordinator, _) = coordinated(&kafka, group).expect("all brokers serve");
    let broker = kafka.brokers.iter().find(|b| b.id() == coordinator);
    broker.expect("a broker").kill();
    let mut after = None;
    let moved = wait::until(PATIENCE, || {
        after = coordinated(&kafka, group).filter(|(leader, _)| *leader != coordinator);
        after.is_some()
    });
    assert!(moved, "another broker coordinates");
    append("after");
    arrived("after");
    // What only the leader of the group may write, with its place confirmed.
    assert!(
        put(
            "source",
            json!({"connector.class": "FileStreamSource", "file": input, "topic": "run-coordinator-lines", "batch.size": "7"}),
        ),
        "{}",
        worker.log()
    );
    worker.wait_state(&["source", "sink"], 1, "RUNNING");
    append("at last");
    arrived("at last");
    // The new configuration may still be spreading through a round.
    let is_whole = wait::until(PATIENCE, || {
        coordinated(&kafka, group)
            .is_some_and(|(_, now)| (now.members.len(), &*now.state) == (1, "Stable"))
    });
    assert!(is_whole, "{}", worker.log());
    assert_eq!(worker.stop(), 0);
}
