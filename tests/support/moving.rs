//! A file source and a file sink on their way from a real standalone worker to real distributed workers.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::connect::{Deployment, Distributed, Standalone, Worker};
use super::world::{Ran, World};
use super::{rest, wait};

/// How long lines may take from the source's file into the sink's.
const PATIENCE: Duration = Duration::from_secs(60);

/// A deployment whose connectors are called `NAME-source`, or `NAME-source-N`, and `NAME-sink`.
#[derive(Debug)]
pub struct Moving {
    pub world: World,
    pub deployment: Deployment,
    /// `--group-id`, and the stem of every other name: unique in a suite.
    pub name: String,
    inputs: Vec<PathBuf>,
    lines: usize,
}

impl Moving {
    /// Runs a source and a sink on a standalone worker until twenty lines went through, and stops it in good order.
    #[track_caller]
    pub fn run(name: &str, bootstrap: &str) -> Self {
        Self::run_with(name, bootstrap, &[])
    }

    /// As [`Moving::run`], with further worker settings.
    #[track_caller]
    pub fn run_with(name: &str, bootstrap: &str, settings: &[(&str, &str)]) -> Self {
        let mut moving = Self::written_with(name, bootstrap, 1, settings);
        let mut worker = moving.start_standalone();
        worker.stop();
        moving
    }

    /// Writes a deployment of so many sources and one sink, without running it.
    pub fn written(name: &str, bootstrap: &str, sources: usize) -> Self {
        Self::written_with(name, bootstrap, sources, &[])
    }

    /// As [`Moving::written`], with further worker settings.
    pub fn written_with(
        name: &str,
        bootstrap: &str,
        sources: usize,
        settings: &[(&str, &str)],
    ) -> Self {
        let world = World::new();
        let mut deployment = Deployment::with(&world.path("standalone"), bootstrap, settings);
        let topic = format!("{name}-lines");
        let inputs: Vec<_> = (0..sources)
            .map(|n| world.path(format!("in-{n}.txt")))
            .collect();
        for (number, input) in inputs.iter().enumerate() {
            let source = match sources {
                1 => format!("{name}-source"),
                _ => format!("{name}-source-{number}"),
            };
            deployment.file_source(&source, input, &topic);
        }
        deployment.file_sink(&format!("{name}-sink"), &topic, &world.path("out.txt"));
        Self {
            world,
            deployment,
            name: name.to_owned(),
            inputs,
            lines: 0,
        }
    }

    /// Starts the standalone worker and waits until twenty further lines of each source went through.
    #[track_caller]
    pub fn start_standalone(&mut self) -> Worker {
        self.append(20);
        let worker = Standalone::start(&self.deployment);
        self.expect_lines();
        worker
    }

    /// Appends lines to the file of every source.
    pub fn append(&mut self, count: usize) {
        use std::io::Write as _;
        for (source, input) in self.inputs.iter().enumerate() {
            let mut file = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(input)
                .expect("the input is writable");
            for number in self.lines..self.lines + count {
                writeln!(file, "{source} line {number}").expect("the input is writable");
            }
        }
        self.lines += count;
    }

    /// Waits until the sink's file has every line once, those of one source in their order, and nothing else.
    #[track_caller]
    pub fn expect_lines(&self) {
        let output = self.world.path("out.txt");
        let all = self.lines * self.inputs.len();
        let arrived = wait::until(PATIENCE, || {
            fs::read_to_string(&output).is_ok_and(|text| text.lines().count() >= all)
        });
        let text = fs::read_to_string(&output).unwrap_or_default();
        assert!(arrived, "{} of {all} lines arrived", text.lines().count());
        assert_eq!(text.lines().count(), all, "nothing twice, nothing foreign");
        for source in 0..self.inputs.len() {
            let of_source = format!("{source} line ");
            let numbers = text
                .lines()
                .filter_map(|line| line.strip_prefix(&of_source));
            let expected: Vec<_> = (0..self.lines).map(|n| n.to_string()).collect();
            assert_eq!(numbers.collect::<Vec<_>>(), expected, "of source {source}");
        }
    }

    /// Returns the command line of `migrate`, without an embedded worker, with what every test of local files needs and some more.
    pub fn arguments(&self, more: &[&str]) -> Vec<String> {
        let connectors = self.deployment.connectors.iter();
        let files = std::iter::once(&self.deployment.worker).chain(connectors);
        let mut words = vec!["migrate".to_owned()];
        words.extend(files.map(|path| path.display().to_string()));
        words.extend(["--out".to_owned(), self.out().display().to_string()]);
        words.extend(["--group-id".to_owned(), self.name.clone()]);
        words.extend(["--accept".to_owned(), "P32".to_owned()]);
        // What these tests are about is not the embedded worker, which has tests of its own.
        if !more.contains(&"--verify") {
            words.extend(["--verify".to_owned(), "none".to_owned()]);
        }
        words.extend(more.iter().map(ToString::to_string));
        words
    }

    pub fn migrate(&self, more: &[&str]) -> Ran {
        self.world.run(self.arguments(more))
    }

    pub fn out(&self) -> PathBuf {
        self.world.path("distributed")
    }

    /// Returns the report in the output folder.
    #[track_caller]
    pub fn report(&self) -> Value {
        let text = fs::read(self.out().join("report.json")).expect("a report");
        serde_json::from_slice(&text).expect("the report is JSON")
    }

    /// Returns the names of the files under `backup/`, sorted.
    pub fn backups(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.out().join("backup")) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("a file")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    /// Starts a distributed worker with the generated file.
    #[track_caller]
    pub fn start_distributed(&self) -> Worker {
        Distributed::start(&self.out().join("distributed.properties"))
    }

    /// Registers the generated connectors over REST, as anybody would.
    #[track_caller]
    pub fn register_by_hand(&self, worker: &Worker) {
        for entry in fs::read_dir(self.out().join("connectors")).expect("the connectors") {
            let text = fs::read(entry.expect("a file").path()).expect("a connector");
            let body: Value = serde_json::from_slice(&text).expect("JSON");
            rest::post(&format!("{}/connectors", worker.url), Some(&body)).success();
        }
    }
}
