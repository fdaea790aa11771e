//! `connectctl run` with lines flowing: from JVM workers to native ones and back, killed, and without Kafka for a while.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::connect::Distributed;
use crate::support::kafka::{Kafka, KafkaOptions};
use crate::support::moving::Moving;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, rest, wait};

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
    settings: [(&'static str, &'static str); 6],
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
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "1000"),
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
            settings,
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

/// Lines that are appended all the time, until it is stopped.
struct Load {
    goes_on: Arc<AtomicBool>,
    writer: thread::JoinHandle<usize>,
}

impl Load {
    fn on(input: &Path) -> Self {
        let goes_on = Arc::new(AtomicBool::new(true));
        let opened = fs::OpenOptions::new().append(true).open(input);
        let mut file = opened.expect("the input is writable");
        let going = Arc::clone(&goes_on);
        let writer = thread::spawn(move || {
            let mut lines = 0;
            while going.load(Ordering::Relaxed) {
                let more: Vec<String> = (lines..lines + 100)
                    .map(|n| format!("line {n}\n"))
                    .collect();
                file.write_all(more.concat().as_bytes())
                    .expect("the input is writable");
                lines += 100;
                // The pace of the load; nothing waits for it.
                thread::sleep(Duration::from_millis(20));
            }
            lines
        });
        Self { goes_on, writer }
    }

    /// Returns how many lines were written.
    fn stop(self) -> usize {
        self.goes_on.store(false, Ordering::Relaxed);
        self.writer.join().expect("it wrote")
    }
}

/// What was committed at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Commits {
    /// The source's position, in bytes of the file.
    position: u64,
    /// The sink's offset.
    offset: u64,
}

impl Commits {
    fn now(worker: &NativeWorker) -> Self {
        let stored = |connector: &str, field: &str| {
            let all = worker.get(&format!("connectors/{connector}/offsets"));
            all["offsets"][0]["offset"][field].as_u64().unwrap_or(0)
        };
        Self {
            position: stored("source", "position"),
            offset: stored("sink", "kafka_offset"),
        }
    }

    /// Waits until source and sink have both committed again.
    #[track_caller]
    fn after(self, worker: &NativeWorker) -> Self {
        let mut now = self;
        wait::expect("source and sink commit", PATIENCE, || {
            now = Self::now(worker);
            now.position > self.position && now.offset > self.offset
        });
        now
    }
}

/// Numbers of lines; parts of lines that a killed worker has torn have none.
fn numbers(lines: impl Iterator<Item = String>) -> Vec<usize> {
    let number = |line: String| line.strip_prefix("line ")?.parse().ok();
    lines.filter_map(number).collect()
}

fn times(numbers: &[usize]) -> BTreeMap<usize, usize> {
    let mut times = BTreeMap::new();
    for number in numbers {
        *times.entry(*number).or_default() += 1;
    }
    times
}

#[test]
fn a_worker_that_is_killed_under_load_loses_nothing_and_repeats_only_what_came_after_its_last_commits()
 {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let mut flow = Flow::new("run-killed", &bootstrap);
    let mut worker = flow.start();
    let input = flow.world.path("in.txt");
    let load = Load::on(&input);
    let mut kills = Vec::new();
    for _ in 0..2 {
        // Under load it commits again and again: what is not committed is what came within one flush interval.
        let first = Commits::now(&worker).after(&worker);
        let last = first.after(&worker);
        worker.kill();
        kills.push(last);
        worker = flow.start();
    }
    flow.lines = load.stop();
    flow.expect_all(&worker);
    // What comes after is written once: a good end leaves nothing to repeat.
    assert_eq!(worker.stop(), 0);
    let output = flow.world.path("out.txt");
    let out = || fs::read_to_string(&output).expect("lines");
    let before = out().lines().count();
    let all = flow.lines;
    let worker = flow.start();
    flow.append(100);
    flow.expect_all(&worker);
    assert_eq!(out().lines().count(), before + 100);

    let records = java::read_topic(&bootstrap, "run-killed-lines").into_iter();
    let text = |record: java::JavaRecord| String::from_utf8(record.value.expect("a line"));
    let in_topic = numbers(records.map(|record| text(record).expect("text")));
    let source = fs::read(&input).expect("lines");
    let lines_before = |position: u64| {
        let position = usize::try_from(position).expect("a small file");
        source[..position].split(|byte| *byte == b'\n').count() - 1
    };
    let kept: Vec<usize> = kills
        .iter()
        .map(|kill| lines_before(kill.position))
        .collect();
    let written = times(&in_topic);
    assert_eq!(written.len(), all + 100, "nothing is lost");
    for (line, times) in &written {
        let repeated = kept.iter().filter(|kept| line >= kept).count();
        assert!(
            *times <= 1 + repeated,
            "{line} is {times} times in the topic, {kills:?}"
        );
    }
    let put = times(&numbers(out().lines().map(str::to_owned)));
    let mut allowed: BTreeMap<usize, usize> = BTreeMap::new();
    for (offset, line) in in_topic.iter().enumerate() {
        let repeated = kills
            .iter()
            .filter(|kill| offset as u64 >= kill.offset)
            .count();
        *allowed.entry(*line).or_default() += 1 + repeated;
    }
    for (line, times) in &put {
        assert!(
            *times <= allowed[line],
            "{line} is {times} times in the file, {kills:?}"
        );
    }
}

#[test]
fn workers_wait_while_kafka_is_away_and_go_on_by_themselves() {
    require_kafka!();
    let broker = Kafka::start(KafkaOptions::default());
    let mut flow = Flow::new("run-outage", &broker.bootstrap());
    let worker = flow.start();
    flow.append(100);
    flow.expect_all(&worker);
    broker.kill();
    let health = |worker: &NativeWorker| {
        let answer = rest::request("GET", &format!("{}/health", worker.url), None);
        answer.map_or(0, |answer| answer.status)
    };
    let says = |worker: &NativeWorker, what: &str| {
        let said = wait::until(PATIENCE, || worker.log().contains(what));
        assert!(said, "it does not say: {what}\n{}", worker.log());
    };
    wait::expect("the worker says that it is not well", PATIENCE, || {
        health(&worker) == 500
    });
    flow.append(100);
    // The sink's session is over. A worker that starts now has nobody to ask.
    says(&worker, "the group has gone on without this member");
    let folder = flow.world.path("late");
    fs::create_dir_all(&folder).expect("the world is writable");
    let late = Distributed::file(&folder, &broker.bootstrap(), "run-outage", &flow.settings);
    let late = NativeWorker::spawn(&late, &["--log-format", "json"]);
    says(&late, "Kafka does not answer yet");
    assert_eq!(health(&late), 503);
    broker.restart();
    for worker in [&worker, &late] {
        wait::expect("the worker is well", PATIENCE, || health(worker) == 200);
    }
    worker.wait_state(&["source", "sink"], 1, "RUNNING");
    flow.append(100);
    flow.expect_all(&worker);
    let log = worker.log();
    assert!(
        log.contains(r#""message":"the topic can be read again""#),
        "{log}"
    );
    assert!(!log.contains("a task has failed"), "{log}");
    assert_eq!(worker.stop(), 0);
    assert_eq!(late.stop(), 0);
}
