//! A file source and a file sink on native workers, lines that flow all the time, and what may come twice when workers die.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::connect::Distributed;
use super::native_worker::NativeWorker;
use super::world::World;
use super::{java, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// A source and a sink in a folder, and the lines that were written.
#[derive(Debug)]
pub struct Flow {
    pub world: World,
    /// A file for each worker.
    pub workers: Vec<PathBuf>,
    pub settings: [(&'static str, &'static str); 6],
    pub lines: usize,
    bootstrap: String,
    topic: String,
}

impl Flow {
    /// Writes the files of so many workers; the lines go through the topic `NAME-lines`.
    pub fn new(name: &str, bootstrap: &str, workers: usize) -> Self {
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
        let worker = |number: usize| {
            let folder = world.path(format!("worker-{number}"));
            fs::create_dir_all(&folder).expect("the world is writable");
            Distributed::file(&folder, bootstrap, name, &settings)
        };
        let workers = (1..=workers).map(worker).collect();
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
                "file": world.path("out.txt"), "topics": topic,
                // Every flow has a connector `sink`, and they share a broker.
                "consumer.override.group.id": format!("connect-{name}-sink")}}),
        );
        Self {
            world,
            workers,
            settings,
            lines: 0,
            bootstrap: bootstrap.to_owned(),
            topic,
        }
    }

    /// Starts all workers and waits until everything runs.
    #[track_caller]
    pub fn start(&self) -> Vec<NativeWorker> {
        let folder = self.world.path("connectors").display().to_string();
        let more = ["--connectors", &folder, "--log-format", "json"];
        let workers = self.workers.iter();
        let workers: Vec<_> = workers
            .map(|file| NativeWorker::start(file, &more))
            .collect();
        workers[0].wait_state(&["source", "sink"], 1, "RUNNING");
        workers
    }

    pub fn append(&mut self, count: usize) {
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
    pub fn expect_all(&self, worker: &NativeWorker) -> usize {
        let (mut all, mut different) = (0, 0);
        let arrived = wait::until(PATIENCE, || {
            let text = fs::read_to_string(self.world.path("out.txt")).unwrap_or_default();
            let whole = text
                .split_inclusive('\n')
                .filter_map(|l| l.strip_suffix('\n'));
            let lines = numbers(whole.map(str::to_owned));
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
#[derive(Debug)]
pub struct Load {
    goes_on: Arc<AtomicBool>,
    writer: thread::JoinHandle<usize>,
}

impl Load {
    pub fn on(input: &Path) -> Self {
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
    pub fn stop(self) -> usize {
        self.goes_on.store(false, Ordering::Relaxed);
        self.writer.join().expect("it wrote")
    }
}

/// What was committed at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commits {
    /// The source's position, in bytes of the file.
    pub position: u64,
    /// The sink's offset.
    pub offset: u64,
}

impl Commits {
    pub fn now(worker: &NativeWorker) -> Self {
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
    pub fn after(self, worker: &NativeWorker) -> Self {
        let mut now = self;
        wait::expect("source and sink commit", PATIENCE, || {
            now = Self::now(worker);
            now.position > self.position && now.offset > self.offset
        });
        now
    }
}

/// Numbers of lines. What a killed worker has begun to write stands before the next whole line, and has none.
fn numbers(lines: impl Iterator<Item = String>) -> Vec<usize> {
    let number = |line: String| line.rsplit_once("line ")?.1.parse().ok();
    lines.filter_map(number).collect()
}

fn times(numbers: &[usize]) -> BTreeMap<usize, usize> {
    let mut times = BTreeMap::new();
    for number in numbers {
        *times.entry(*number).or_default() += 1;
    }
    times
}

impl Flow {
    /// Expects every line in the topic and in the file, more than once only if it was not committed at one of the `kills`,
    /// and then once more for each of them.
    #[track_caller]
    pub fn expect_only_repeats_after(&self, kills: &[Commits]) {
        let records = java::read_topic(&self.bootstrap, &self.topic).into_iter();
        let text = |record: java::JavaRecord| String::from_utf8(record.value.expect("a line"));
        let in_topic = numbers(records.map(|record| text(record).expect("text")));
        let source = fs::read(self.world.path("in.txt")).expect("lines");
        let lines_before = |position: u64| {
            let position = usize::try_from(position).expect("a small file");
            source[..position].split(|byte| *byte == b'\n').count() - 1
        };
        let kept = kills.iter().map(|kill| lines_before(kill.position));
        let kept: Vec<usize> = kept.collect();
        let written = times(&in_topic);
        assert_eq!(written.len(), self.lines, "nothing is lost in the topic");
        for (line, times) in &written {
            let repeated = kept.iter().filter(|kept| line >= kept).count();
            let is_allowed = *times <= 1 + repeated;
            assert!(
                is_allowed,
                "{line} is {times} times in the topic, {kills:?}"
            );
        }
        let output = fs::read_to_string(self.world.path("out.txt")).expect("lines");
        let put = times(&numbers(output.lines().map(str::to_owned)));
        assert_eq!(put.len(), self.lines, "nothing is lost in the file");
        let mut allowed: BTreeMap<usize, usize> = BTreeMap::new();
        for (offset, line) in in_topic.iter().enumerate() {
            let kills = kills.iter();
            let repeated = kills.filter(|kill| offset as u64 >= kill.offset).count();
            *allowed.entry(*line).or_default() += 1 + repeated;
        }
        for (line, times) in &put {
            let is_allowed = *times <= allowed[line];
            assert!(is_allowed, "{line} is {times} times in the file, {kills:?}");
        }
    }
}
