//! A whole cutover with real Kafka and real JVM workers, lines being appended all the while.
//!
//! The judge is Kafka's own consumer on the topics and the file that Connect's own sink wrote;
//! nothing of connectctl takes part in the count.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::connect::{Deployment, Distributed, Standalone, Worker};
use super::world::World;
use super::{by_hand, java, rest, wait};

/// Bytes of a line with its line end: `a-000000001\n`.
const LINE: i64 = 12;
/// How long lines may take from a file through Kafka into the sink's file.
const THROUGH: Duration = Duration::from_secs(60);

/// What is moved.
#[derive(Debug, Clone)]
pub struct Cutover {
    /// Group of the new workers; also the stem of topic names, so unique in a test suite.
    pub group: String,
    pub bootstrap: String,
    /// Names of the FileStreamSource connectors; each reads its own file into its own topic.
    pub sources: Vec<String>,
    /// Name of the FileStreamSink connector, which reads all of these topics.
    pub sink: String,
    /// `offset.storage.partitions`, if it is to be set.
    pub offset_partitions: Option<u16>,
    /// Who migrates.
    pub mover: Mover,
    /// Moves the first source's seeded position by this many lines before the new worker starts.
    pub shift: i64,
    /// Prints what happens to stderr.
    pub narrate: bool,
}

/// Who moves the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mover {
    /// `connectctl migrate`, whose embedded worker registers the connectors.
    Connectctl,
    /// [`by_hand::migrate`], then POST of each connector: the control experiment.
    Hand,
}

/// Lines that reached one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub written: u64,
    pub lost: u64,
    pub duplicated: u64,
    /// Lines that nobody wrote, such as the halves of one that was cut.
    pub foreign: u64,
}

impl Tally {
    pub fn is_exact(&self) -> bool {
        self.written > 0 && self.lost == 0 && self.duplicated == 0 && self.foreign == 0
    }
}

/// What the judge saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Kafka's own consumer, on the source topics.
    pub topic: Tally,
    /// The file of Connect's own sink.
    pub sink: Tally,
}

impl Verdict {
    pub fn is_exact(&self) -> bool {
        self.topic.is_exact() && self.sink.is_exact()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:18}{:>10}{:>12}", "", "topic", "sink file")?;
        let mut row = |name, topic: u64, sink: u64| writeln!(out, "{name:18}{topic:>10}{sink:>12}");
        let (topic, sink) = (&self.topic, &self.sink);
        row("lines written", topic.written, sink.written)?;
        row("lost", topic.lost, sink.lost)?;
        row("duplicated", topic.duplicated, sink.duplicated)?;
        row("foreign", topic.foreign, sink.foreign)
    }
}

impl Cutover {
    /// One source and one sink, as in the README.
    pub fn new(group: &str, bootstrap: &str) -> Self {
        Self {
            group: group.to_owned(),
            bootstrap: bootstrap.to_owned(),
            // The sink's consumer group has its name, and cutovers share a broker.
            sources: vec![format!("{group}-source")],
            sink: format!("{group}-sink"),
            offset_partitions: None,
            mover: Mover::Connectctl,
            shift: 0,
            narrate: false,
        }
    }

    /// Runs the cutover from the first line written to the last one counted.
    #[track_caller]
    pub fn run(&self) -> Verdict {
        Run::new(self).play()
    }
}

/// One performance of a [`Cutover`].
struct Run<'a> {
    plan: &'a Cutover,
    world: World,
    deployment: Deployment,
    writers: Vec<Writer>,
    sink_file: PathBuf,
    start: Instant,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Cutover) -> Self {
        let world = World::new();
        let mut deployment = Deployment::new(world.root(), &plan.bootstrap);
        let sink_file = world.path("out.txt");
        let writers: Vec<_> = plan
            .sources
            .iter()
            .zip('a'..='z')
            .map(|(name, letter)| {
                let input = world.path(format!("in {letter}.txt"));
                let topic = format!("{}-{letter}", plan.group);
                deployment.file_source(name, &input, &topic);
                Writer::start(letter, &input, topic)
            })
            .collect();
        let topics: Vec<_> = writers.iter().map(|writer| writer.topic.as_str()).collect();
        deployment.file_sink(&plan.sink, &topics.join(","), &sink_file);
        Self {
            plan,
            world,
            deployment,
            writers,
            sink_file,
            start: Instant::now(),
        }
    }

    #[track_caller]
    fn play(mut self) -> Verdict {
        self.say("starting connect-standalone; lines are being appended");
        let mut standalone = Standalone::start(&self.deployment);
        self.all_running(&standalone);
        self.lines_arrive(500);
        self.say("stopping the standalone worker (SIGTERM); lines are still being appended");
        standalone.stop();

        match self.plan.mover {
            Mover::Connectctl => self.migrate(),
            Mover::Hand => self.migrate_by_hand(),
        }
        if self.plan.shift != 0 {
            self.shift_first_position();
        }
        self.say("starting connect-distributed with the generated distributed.properties");
        let file = self.world.path("distributed/distributed.properties");
        let mut distributed = Distributed::start(&file);
        if self.plan.mover == Mover::Hand {
            self.register(&distributed);
        }
        self.all_running(&distributed);
        self.lines_arrive(500);

        let written = self.writers.iter_mut().map(Writer::stop).sum::<u64>();
        self.say(&format!(
            "stopped appending after {written} lines; waiting for the last ones"
        ));
        self.last_lines_arrive(&distributed);
        distributed.stop();
        self.say("counting with Kafka's own consumer and in the sink's file");
        self.judge()
    }

    fn say(&self, line: &str) {
        if self.plan.narrate {
            eprintln!("{:6.1} s  {line}", self.start.elapsed().as_secs_f64());
        }
    }

    #[track_caller]
    fn all_running(&self, worker: &Worker) {
        for connector in self.plan.sources.iter().chain([&self.plan.sink]) {
            worker.wait_running(connector);
        }
        self.say("all connectors are RUNNING");
    }

    /// Waits until lines written from now on have gone the whole way, and so have `more` of each source.
    #[track_caller]
    fn lines_arrive(&self, more: u64) {
        for writer in &self.writers {
            let goal = writer.line(writer.written() + more);
            wait::expect(&format!("{goal} in the sink's file"), THROUGH, || {
                self.sunk().contains(&goal)
            });
        }
        self.say(&format!(
            "{} lines have gone from the files through Kafka into the sink's file",
            self.sunk().lines().count()
        ));
    }

    fn sunk(&self) -> String {
        fs::read_to_string(&self.sink_file).unwrap_or_default()
    }

    /// Runs `connectctl migrate WORKER CONNECTOR… --yes`, as typed in the README.
    #[track_caller]
    fn migrate(&self) {
        let name = |path: &PathBuf| {
            let name = path.file_name().expect("a file");
            name.to_string_lossy().into_owned()
        };
        let mut typed = vec!["migrate".to_owned(), name(&self.deployment.worker)];
        typed.extend(self.deployment.connectors.iter().map(name));
        typed.extend(["--group-id".to_owned(), self.plan.group.clone()]);
        if let Some(partitions) = self.plan.offset_partitions {
            typed.extend([
                "--set".to_owned(),
                format!("offset.storage.partitions={partitions}"),
            ]);
        }
        typed.extend(["--source-stopped".to_owned(), "--yes".to_owned()]);
        self.say(&format!("connectctl {}", typed.join(" ")));
        let ran = self.world.run(&typed).success();
        if self.plan.narrate {
            for line in ran.stdout.lines().chain(ran.stderr.lines()) {
                eprintln!("          | {line}");
            }
        }
    }

    #[track_caller]
    fn migrate_by_hand(&self) {
        by_hand::migrate(
            &self.deployment,
            &self.plan.group,
            self.plan.offset_partitions.unwrap_or(25),
            &self.plan.bootstrap,
            &self.world.path("distributed"),
        );
        self.say("migrated by hand");
    }

    /// Registers the generated connectors over REST, without asking connectctl whether that is wise.
    #[track_caller]
    fn register(&self, worker: &Worker) {
        let folder = self.world.path("distributed/connectors");
        for entry in fs::read_dir(folder).expect("connectors were written") {
            let path = entry.expect("readable").path();
            let text = fs::read_to_string(path).expect("readable");
            let body = serde_json::from_str(&text).expect("the generated JSON");
            rest::post(&format!("{}/connectors", worker.url), Some(&body)).success();
        }
    }

    /// Overwrites the first source's seeded position, as a wrong migration would have left it.
    #[track_caller]
    fn shift_first_position(&self) {
        let topic = self.offset_topic();
        let source = serde_json::to_string(&self.plan.sources[0]).expect("a string is JSON");
        let seeded = java::read_topic(&self.plan.bootstrap, &topic)
            .into_iter()
            .find(|record| {
                let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default());
                key.starts_with(&format!("[{source},"))
            })
            .expect("the first source's position was seeded");
        let key = seeded.key.expect("found by its key");
        let value: serde_json::Value =
            serde_json::from_slice(&seeded.value.expect("a position")).expect("a JSON offset");
        let position = value["position"].as_i64().expect("a position in bytes");
        let wrong = serde_json::json!({"position": position + self.plan.shift * LINE}).to_string();
        java::produce(
            &self.plan.bootstrap,
            &topic,
            seeded.partition,
            &key,
            Some(wrong.as_bytes()),
        );
        self.say(&format!(
            "altered the position of {source} from {position} to {wrong}"
        ));
    }

    fn offset_topic(&self) -> String {
        let file = self.world.read("distributed/distributed.properties");
        file.lines()
            .find_map(|line| line.strip_prefix("offset.storage.topic="))
            .expect("the generated file names its offset topic")
            .to_owned()
    }

    /// What comes after the last lines cannot come: they end their topics.
    fn last_lines_arrive(&self, worker: &Worker) {
        let last: Vec<_> = self
            .writers
            .iter()
            .map(|writer| writer.line(writer.written()))
            .collect();
        let all = wait::until(THROUGH, || {
            let sunk = self.sunk();
            last.iter().all(|line| sunk.contains(line))
        });
        if !all {
            self.say(&format!(
                "not all arrived; the worker says:\n{}",
                worker.log_tail(40)
            ));
        }
    }

    #[track_caller]
    fn judge(&self) -> Verdict {
        let topic_lines: Vec<_> = self
            .writers
            .iter()
            .flat_map(|writer| java::read_topic(&self.plan.bootstrap, &writer.topic))
            .map(|record| {
                let value = record.value.unwrap_or_default();
                String::from_utf8_lossy(&value).into_owned()
            })
            .collect();
        let sunk = self.sunk();
        Verdict {
            topic: self.tally(topic_lines.iter().map(String::as_str)),
            sink: self.tally(sunk.lines()),
        }
    }

    fn tally<'l>(&self, lines: impl Iterator<Item = &'l str>) -> Tally {
        let mut seen: HashMap<String, u64> = HashMap::new();
        for writer in &self.writers {
            seen.extend((1..=writer.written()).map(|number| (writer.line(number), 0)));
        }
        let mut tally = Tally {
            written: seen.len() as u64,
            ..Tally::default()
        };
        for line in lines {
            match seen.get_mut(line) {
                Some(count) => *count += 1,
                None => tally.foreign += 1,
            }
        }
        for count in seen.into_values() {
            tally.lost += u64::from(count == 0);
            tally.duplicated += count.saturating_sub(1);
        }
        tally
    }
}

/// A thread that appends numbered lines to a file until it is told to stop.
struct Writer {
    letter: char,
    topic: String,
    written: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(letter: char, file: &Path, topic: String) -> Self {
        let written = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let out = File::create(file).expect("the world is writable");
        let thread = std::thread::spawn({
            let (written, stop) = (Arc::clone(&written), Arc::clone(&stop));
            move || append(letter, out, &written, &stop)
        });
        Self {
            letter,
            topic,
            written,
            stop,
            thread: Some(thread),
        }
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    fn line(&self, number: u64) -> String {
        line(self.letter, number)
    }

    /// Returns how many lines were written.
    fn stop(&mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the file stayed writable");
        }
        self.written()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn line(letter: char, number: u64) -> String {
    format!("{letter}-{number:09}")
}

/// About 1,000 lines a second, in small writes.
fn append(letter: char, mut out: File, written: &AtomicU64, stop: &AtomicBool) {
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        let mut lines = String::new();
        for _ in 0..5 {
            number += 1;
            lines = lines + &line(letter, number) + "\n";
        }
        out.write_all(lines.as_bytes())
            .expect("the world is writable");
        written.store(number, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
    }
}
