//! Workers of `connectctl run`, as real processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{binary, connect, rest, wait, watchdog};

const START: Duration = Duration::from_secs(60);

/// How long anything in a group may take: a round waits for everybody.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running worker without a JVM. Dropping it kills it.
#[derive(Debug)]
pub struct NativeWorker {
    child: Child,
    pub url: String,
    log: PathBuf,
}

impl NativeWorker {
    /// Starts `connectctl run WORKER …` and waits until `/health` says that it serves.
    #[track_caller]
    pub fn start(worker: &Path, more: &[&str]) -> Self {
        let mut worker = Self::spawn(worker, more);
        let mut ended = false;
        let served = wait::until(START, || {
            ended = worker.has_ended();
            let health = rest::request("GET", &format!("{}/health", worker.url), None);
            ended || health.is_ok_and(|answer| answer.status == 200)
        });
        assert!(served && !ended, "it does not serve:\n{}", worker.log());
        worker
    }

    /// As [`NativeWorker::start`], without waiting.
    #[track_caller]
    pub fn spawn(worker: &Path, more: &[&str]) -> Self {
        let log = watchdog::temporary_folder("connectctl-native-").join("worker.log");
        let file = File::create(&log).expect("the folder is ours");
        let child = Command::new(binary::connectctl())
            .arg("run")
            .arg(worker)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(file))
            .spawn()
            .expect("connectctl starts");
        watchdog::kill_at_end(child.id());
        Self {
            child,
            url: connect::listener(worker),
            log,
        }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.end();
    }

    /// SIGTERM, and waits for the end; returns the exit code.
    #[track_caller]
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        self.end()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status();
        assert!(sent.expect("sh starts").success());
    }

    /// Waits for the end and returns the exit code, or 128+n after signal n.
    pub fn end(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt as _;
        let status = self.child.wait().expect("a child can be waited for");
        watchdog::spare(self.child.id());
        let signal = || 128 + status.signal().expect("a code or a signal");
        status.code().unwrap_or_else(signal)
    }

    pub fn has_ended(&mut self) -> bool {
        let ended = self.child.try_wait();
        ended.expect("a child can be asked").is_some()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns `host:port`, as statuses name the worker.
    pub fn id(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        rest::get(&format!("{}/{path}", self.url)).json()
    }

    /// Waits until the connectors are there, with so many tasks each, everything in one state.
    #[track_caller]
    pub fn wait_state(&self, connectors: &[&str], tasks: usize, state: &str) {
        let url = format!("{}/connectors?expand=status", self.url);
        let mut last = String::new();
        let there = wait::until(PATIENCE, || {
            let Ok(answer) = rest::request("GET", &url, None) else {
                return false;
            };
            last.clone_from(&answer.text);
            let all = answer.json();
            let is_so = |name: &&str| {
                let status = &all[*name]["status"];
                let found = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
                status["connector"]["state"] == state
                    && found.len() == tasks
                    && found.iter().all(|task| task["state"] == state)
            };
            connectors.iter().all(is_so)
        });
        assert!(
            there,
            "{connectors:?} are not {state}: {last}\n{}",
            self.log()
        );
    }

    /// Returns the ids of the workers that have the connectors and tasks, sorted, one each.
    #[track_caller]
    pub fn owners(&self) -> Vec<String> {
        let all = self.get("connectors?expand=status");
        let mut owners = Vec::new();
        for connector in all.as_object().expect("an object").values() {
            let status = &connector["status"];
            owners.push(status["connector"]["worker_id"].clone());
            let tasks = status["tasks"].as_array().expect("tasks");
            owners.extend(tasks.iter().map(|task| task["worker_id"].clone()));
        }
        let text = |id: Value| id.as_str().expect("a worker id").to_owned();
        let mut owners: Vec<String> = owners.into_iter().map(text).collect();
        owners.sort();
        owners
    }
}

impl Drop for NativeWorker {
    fn drop(&mut self) {
        if !self.has_ended() {
            // It may end in the same moment.
            drop(self.child.kill());
            self.end();
        }
    }
}
