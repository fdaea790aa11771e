//! `migrate` against real Kafka and real Connect: a standalone worker ran, a distributed worker goes on.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::connect::{Deployment, Distributed, Standalone, Worker};
use crate::support::world::{Ran, World};
use crate::support::{kafka, require_kafka, rest, wait};

/// A source and a sink that a standalone worker has run and that were stopped in good order.
struct Stopped {
    world: World,
    deployment: Deployment,
    name: String,
    lines: usize,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Stopped {
    fn run(name: &str) -> Self {
        let mut stopped = Self::written(name);
        stopped.append(20);
        let mut worker = Standalone::start(&stopped.deployment);
        stopped.expect_lines();
        worker.stop();
        stopped
    }

    /// Writes the deployment without running it.
    fn written(name: &str) -> Self {
        let world = World::new();
        let folder = world.path("standalone");
        let mut deployment = Deployment::new(&folder, &kafka::shared().bootstrap());
        let topic = format!("{name}-lines");
        deployment
            .file_source(&format!("{name}-source"), &world.path("in.txt"), &topic)
            .file_sink(&format!("{name}-sink"), &topic, &world.path("out.txt"));
        Self {
            world,
            deployment,
            name: name.to_owned(),
            lines: 0,
        }
    }

    fn append(&mut self, count: usize) {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.world.path("in.txt"))
            .expect("the input is writable");
        for number in self.lines..self.lines + count {
            writeln!(file, "line {number}").expect("the input is writable");
        }
        self.lines += count;
    }

    fn expected(&self) -> String {
        (0..self.lines).fold(String::new(), |text, n| text + &format!("line {n}\n"))
    }

    /// Waits until the sink's file has every line once, in order, and nothing else.
    #[track_caller]
    fn expect_lines(&self) {
        let output = self.world.path("out.txt");
        wait::expect("every line arrives", PATIENCE, || {
            fs::read_to_string(&output).is_ok_and(|text| text.lines().count() >= self.lines)
        });
        let text = fs::read_to_string(&output).expect("the sink's file");
        assert_eq!(text, self.expected(), "nothing lost, nothing twice");
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let mut words = vec![
            "migrate".to_owned(),
            self.deployment.worker.display().to_string(),
        ];
        words.extend(
            self.deployment
                .connectors
                .iter()
                .map(|path| path.display().to_string()),
        );
        words.extend(["--out".to_owned(), self.out().display().to_string()]);
        words.extend(["--group-id".to_owned(), self.name.clone()]);
        words.extend(["--accept".to_owned(), "P32".to_owned()]);
        words.extend(more.iter().map(ToString::to_string));
        words
    }

    fn migrate(&self, more: &[&str]) -> Ran {
        self.world.run(self.arguments(more))
    }

    fn out(&self) -> PathBuf {
        self.world.path("distributed")
    }

    fn report(&self) -> Value {
        let text = fs::read(self.out().join("report.json")).expect("a report");
        serde_json::from_slice(&text).expect("the report is JSON")
    }

    fn start_distributed(&self) -> Worker {
        Distributed::start(&self.out().join("distributed.properties"))
    }

    fn register_by_hand(&self, worker: &Worker) {
        for entry in fs::read_dir(self.out().join("connectors")).expect("the connectors") {
            let text = fs::read(entry.expect("a file").path()).expect("a connector");
            let body: Value = serde_json::from_slice(&text).expect("JSON");
            rest::post(&format!("{}/connectors", worker.url), Some(&body)).success();
        }
    }
}

#[test]
fn a_distributed_worker_goes_on_where_the_standalone_worker_stopped() {
    require_kafka!();
    let mut moving = Stopped::run("goes-on");
    moving.append(10);
    let dry = moving.migrate(&["--source-stopped", "--dry-run"]).code(3);
    assert!(dry.stdout.contains("seed 1 offset"), "{}", dry.stdout);
    assert!(!moving.out().exists(), "a dry run writes nothing");
    let ran = moving.migrate(&["--source-stopped", "--yes"]).success();
    assert!(
        ran.stdout.contains("embedded worker: not performed"),
        "{}",
        ran.stdout
    );
    let report = moving.report();
    assert_eq!(report["outcome"], "done");
    assert_eq!(report["embedded_worker"], "not performed");
    let again = moving.migrate(&["--source-stopped", "--yes"]).success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);

    let mut worker = moving.start_distributed();
    moving.register_by_hand(&worker);
    worker.wait_running("goes-on-source");
    moving.expect_lines();
    moving.append(10);
    moving.expect_lines();
    // A day later: the cluster has moved on, and the topic is the truth.
    let later = moving.migrate(&["--yes"]).success();
    assert!(later.stdout.contains("nothing to do"), "{}", later.stdout);
    worker.stop();
    let stopped = moving.migrate(&["--yes"]).success();
    assert!(
        stopped.stdout.contains("nothing to do"),
        "{}",
        stopped.stdout
    );
    assert_eq!(json!("done"), moving.report()["outcome"]);
}
