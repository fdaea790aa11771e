//! `connectctl run` with lines flowing: from JVM workers to native ones and back, killed, and without Kafka for a while.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::support::connect::Distributed;
use crate::support::kafka::{Kafka, KafkaOptions};
use crate::support::moving::Moving;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_deployment_goes_from_a_jvm_to_a_native_worker_and_on_to_a_jvm_and_no_line_is_lost_or_twice() {
    require_kafka!();
    let mut moving = Moving::run("run-chain", &kafka::shared().bootstrap());
    moving.append(10);
    _ = moving
        .migrate(&["--source-stopped", "--yes", "--verify", "control"])
        .success();
    let connectors = ["run-chain-source", "run-chain-sink"];
    let file = moving.out().join("distributed.properties");
    for _ in 0..2 {
        let native = NativeWorker::start(&file, &[]);
        native.wait_state(&connectors, 1, "RUNNING");
        moving.expect_lines();
        moving.append(10);
        moving.expect_lines();
        assert_eq!(native.stop(), 0);
        moving.append(10);
        let mut jvm = moving.start_distributed();
        jvm.wait_running(connectors[0]);
        moving.expect_lines();
        moving.append(10);
        moving.expect_lines();
        jvm.stop();
        moving.append(10);
    }
}

/// A source and a sink in a folder, and the lines that were written.
struct Flow {
    world: World,
    worker: PathBuf,
    lines: usize,
}

impl Flow {
    fn new(name: &str, bootstrap: &str) -> Self {
        let world = World::new();
        world.file("in.txt", "");
        let settings = [
            ("request.timeout.ms", "5000"),
            // The group of a sink whose worker was killed waits for it so long.
            ("consumer.session.timeout.ms", "6000"),
            ("consumer.heartbeat.interval.ms", "1000"),
            ("scheduled.rebalance.max.delay.ms", "0"),
        ];
        let worker = Distributed::file(world.root(), bootstrap, name, &settings);
        let connector = |file: &str, config: serde_json::Value| {
            world.file(format!("connectors/{file}.json"), config.to_string());
        };
        let topic = format!("{name}-lines");
        connector(
            "source",
            json!({"name": "source", "config": {"connector.class": "FileStreamSource",
                "file": world.path("in.txt"), "topic": topic}}),
        );
        connector(
            "sink",
            json!({"name": "sink", "config": {"connector.class": "FileStreamSink",
                "file": world.path("out.txt"), "topics": topic}}),
        );
        Self {
            world,
            worker,
            lines: 0,
        }
    }

    fn start(&self) -> NativeWorker {
        let folder = self.world.path("connectors").display().to_string();
        let worker = NativeWorker::start(
            &self.worker,
            &["--connectors", &folder, "--log-format", "json"],
        );
        worker.wait_state(&["source", "sink"], 1, "RUNNING");
        worker
    }

    fn append(&mut self, count: usize) {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(self.world.path("in.txt"))
            .expect("the input is writable");
        for number in self.lines..self.lines + count {
            writeln!(file, "line {number}").expect("the input is writable");
        }
        self.lines += count;
    }

    /// Waits until every line has come through at least once; returns how many came twice.
    #[track_caller]
    fn expect_all(&self, worker: &NativeWorker) -> usize {
        let (mut all, mut different) = (0, 0);
        let arrived = wait::until(PATIENCE, || {
            let text = fs::read_to_string(self.world.path("out.txt")).unwrap_or_default();
            let lines: Vec<&str> = text
                .split_inclusive('\n')
                .filter(|l| l.ends_with('\n'))
                .collect();
            all = lines.len();
            different = lines.iter().collect::<HashSet<_>>().len();
            different == self.lines
        });
        assert!(
            arrived,
            "{different} of {} lines arrived\n{}",
            self.lines,
            worker.log()
        );
        all - different
    }
}

#[test]
fn a_worker_that_is_killed_under_load_loses_nothing() {
    require_kafka!();
    let mut flow = Flow::new("run-killed", &kafka::shared().bootstrap());
    let mut worker = flow.start();
    for _ in 0..3 {
        flow.append(20_000);
        let out = flow.world.path("out.txt");
        let before = fs::metadata(&out).map_or(0, |file| file.len());
        wait::expect("lines flow", PATIENCE, || {
            fs::metadata(&out).is_ok_and(|file| file.len() > before)
        });
        worker.kill();
        worker = flow.start();
    }
    flow.expect_all(&worker);
    // What comes after is written once: a good end leaves nothing to repeat.
    assert_eq!(worker.stop(), 0);
    let out = fs::read_to_string(flow.world.path("out.txt")).expect("lines");
    let before = out.lines().count();
    let worker = flow.start();
    flow.append(100);
    flow.expect_all(&worker);
    let out = fs::read_to_string(flow.world.path("out.txt")).expect("lines");
    assert_eq!(out.lines().count(), before + 100);
}

#[test]
fn a_worker_waits_while_kafka_is_away_and_goes_on_by_itself() {
    require_kafka!();
    let broker = Kafka::start(KafkaOptions::default());
    let mut flow = Flow::new("run-outage", &broker.bootstrap());
    let worker = flow.start();
    flow.append(100);
    flow.expect_all(&worker);
    broker.stop();
    let health = || rest::request("GET", &format!("{}/health", worker.url), None);
    wait::expect("the worker says that it is not well", PATIENCE, || {
        health().is_ok_and(|answer| answer.status == 500)
    });
    flow.append(100);
    broker.restart();
    wait::expect("the worker is well again", PATIENCE, || {
        health().is_ok_and(|answer| answer.status == 200)
    });
    worker.wait_state(&["source", "sink"], 1, "RUNNING");
    flow.expect_all(&worker);
    let log = worker.log();
    assert!(
        log.contains(r#""message":"the topic can be read again""#),
        "{log}"
    );
    assert_eq!(worker.stop(), 0);
}
