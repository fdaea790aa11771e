//! Workers of Apache Kafka Connect itself, as real Java processes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::jvm::{Jvm, JvmOptions};
use super::{maven, ports, rest, wait, watchdog};

const START: Duration = Duration::from_secs(120);

/// Files of a standalone deployment, as an operator would have them.
#[derive(Debug)]
pub struct Deployment {
    /// `worker.properties`.
    pub worker: PathBuf,
    /// What `offset.storage.file.filename` names.
    pub offsets: PathBuf,
    /// Connector files in the order they were added.
    pub connectors: Vec<PathBuf>,
    /// Their configurations, in the same order.
    pub configs: Vec<BTreeMap<String, String>>,
    /// `http://127.0.0.1:port` of the worker's only listener.
    pub url: String,
    folder: PathBuf,
}

impl Deployment {
    /// Writes `worker.properties` with string converters, a free REST port and an offsets file in the folder.
    pub fn new(folder: &Path, bootstrap: &str) -> Self {
        Self::with(folder, bootstrap, &[])
    }

    /// As [`Deployment::new`], with further worker settings.
    pub fn with(folder: &Path, bootstrap: &str, settings: &[(&str, &str)]) -> Self {
        fs::create_dir_all(folder).expect("the folder is writable");
        let url = format!("http://127.0.0.1:{}", ports::free());
        let offsets = folder.join("connect.offsets");
        let mut text = common("The standalone worker.", bootstrap, &url);
        writeln!(text, "offset.storage.file.filename={}", offsets.display())
            .expect("a String takes everything");
        push(&mut text, settings.iter().copied());
        let worker = folder.join("worker.properties");
        fs::write(&worker, text).expect("the folder is writable");
        Self {
            worker,
            offsets,
            connectors: Vec::new(),
            configs: Vec::new(),
            url,
            folder: folder.to_path_buf(),
        }
    }

    /// Writes a connector file; everything outside ASCII is escaped, as the JVM reads Latin-1.
    pub fn connector(&mut self, file: &str, config: &[(&str, &str)]) -> &mut Self {
        let mut text = String::new();
        push(&mut text, config.iter().copied());
        let path = self.folder.join(file);
        fs::write(&path, text).expect("the folder is writable");
        self.connectors.push(path);
        let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        self.configs.push(config.iter().map(owned).collect());
        self
    }

    /// A FileStreamSource of `file` into `topic`.
    pub fn file_source(&mut self, name: &str, file: &Path, topic: &str) -> &mut Self {
        let config = [
            ("name", name),
            (
                "connector.class",
                "org.apache.kafka.connect.file.FileStreamSourceConnector",
            ),
            ("tasks.max", "1"),
            ("file", &file.to_string_lossy()),
            ("topic", topic),
        ];
        let number = self.connectors.len();
        self.connector(&format!("source-{number}.properties"), &config)
    }

    /// A FileStreamSink of `topics` (comma separated) into `file`.
    pub fn file_sink(&mut self, name: &str, topics: &str, file: &Path) -> &mut Self {
        let config = [
            ("name", name),
            (
                "connector.class",
                "org.apache.kafka.connect.file.FileStreamSinkConnector",
            ),
            ("tasks.max", "1"),
            ("topics", topics),
            ("file", &file.to_string_lossy()),
        ];
        let number = self.connectors.len();
        self.connector(&format!("sink-{number}.properties"), &config)
    }
}

/// Settings that every worker of the suite has.
fn common(title: &str, bootstrap: &str, url: &str) -> String {
    format!(
        "\
# {title}
bootstrap.servers={bootstrap}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.flush.interval.ms=1000
listeners={url}
plugin.discovery=service_load
"
    )
}

fn push<'a>(text: &mut String, settings: impl Iterator<Item = (&'a str, &'a str)>) {
    for (key, value) in settings {
        writeln!(text, "{key}={}", escaped(value)).expect("a String takes everything");
    }
}

/// A value as `java.util.Properties` reads it back.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for unit in value.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some('\\') => text.push_str("\\\\"),
            Some(ascii @ ' '..='~') => text.push(ascii),
            _ => write!(text, "\\u{unit:04X}").expect("a String takes everything"),
        }
    }
    text
}

/// A running worker of either kind. Dropping it kills it.
#[derive(Debug)]
pub struct Worker {
    process: Jvm,
    pub url: String,
    /// `NAME:PASSWORD`, where REST wants a login.
    pub user: Option<String>,
}

impl Worker {
    /// Graceful stop: SIGTERM, offsets flushed, group left.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    pub fn signal(&mut self, signal: &str) {
        self.process.signal(signal);
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    pub fn log_tail(&self, lines: usize) -> String {
        self.process.log_tail(lines)
    }

    fn request(&self, method: &str, url: &str) -> std::io::Result<rest::Answer> {
        rest::request_as(self.user.as_deref(), method, url, None)
    }

    /// Waits until the connector and at least one task are RUNNING; panics with the worker's log otherwise.
    #[track_caller]
    pub fn wait_running(&self, connector: &str) {
        let url = format!(
            "{}/connectors/{}/status",
            self.url,
            rest::segment(connector)
        );
        let mut last = String::new();
        let running = wait::until(Duration::from_secs(60), || {
            let Ok(answer) = self.request("GET", &url) else {
                return false;
            };
            last.clone_from(&answer.text);
            answer.status == 200 && is_running(&answer.json())
        });
        assert!(
            running,
            "{connector} is not RUNNING: {last}\n{}",
            self.log_tail(40)
        );
    }
}

fn is_running(status: &serde_json::Value) -> bool {
    let tasks = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
    status["connector"]["state"] == "RUNNING"
        && !tasks.is_empty()
        && tasks.iter().all(|task| task["state"] == "RUNNING")
}

const STANDALONE: &str = "org.apache.kafka.connect.cli.ConnectStandalone";

const DISTRIBUTED: &str = "org.apache.kafka.connect.cli.ConnectDistributed";

/// `connect-standalone`.
#[derive(Debug)]
pub struct Standalone;

/// `connect-distributed`.
#[derive(Debug)]
pub struct Distributed;

impl Standalone {
    /// Starts `connect-standalone WORKER CONNECTOR…` and waits until `/health` says that it serves.
    #[track_caller]
    pub fn start(deployment: &Deployment) -> Worker {
        Self::start_on(maven::KAFKA, &deployment.worker, &deployment.connectors)
    }

    #[track_caller]
    pub fn start_on(version: &str, worker: &Path, connectors: &[PathBuf]) -> Worker {
        let mut files = vec![worker.to_path_buf()];
        files.extend_from_slice(connectors);
        start(STANDALONE, version, &files, &[])
    }

    /// As [`Standalone::start`], with further JVM arguments. Where REST wants a login, its refusal counts as ready.
    #[track_caller]
    pub fn start_with(deployment: &Deployment, jvm: &[String]) -> Worker {
        let mut files = vec![deployment.worker.clone()];
        files.extend_from_slice(&deployment.connectors);
        start(STANDALONE, maven::KAFKA, &files, jvm)
    }
}

impl Distributed {
    /// Writes `distributed.properties` of a group with topics `_<group>.config|offset|status` of one replica.
    pub fn file(folder: &Path, bootstrap: &str, group: &str, settings: &[(&str, &str)]) -> PathBuf {
        let url = format!("http://127.0.0.1:{}", ports::free());
        let mut text = common("A distributed worker.", bootstrap, &url);
        push(&mut text, [("group.id", group)].into_iter());
        for role in ["config", "offset", "status"] {
            writeln!(
                text,
                "{role}.storage.topic=_{group}.{role}\n{role}.storage.replication.factor=1"
            )
            .expect("a String takes everything");
        }
        push(&mut text, settings.iter().copied());
        let worker = folder.join("distributed.properties");
        fs::write(&worker, text).expect("the folder is writable");
        worker
    }

    /// Starts `connect-distributed WORKER` and waits until `/health` says that it serves.
    #[track_caller]
    pub fn start(worker: &Path) -> Worker {
        Self::start_on(maven::KAFKA, worker)
    }

    /// As [`Distributed::start`], with further JVM arguments. Where REST wants a login, its refusal counts as ready.
    #[track_caller]
    pub fn start_with(worker: &Path, jvm: &[String]) -> Worker {
        start(DISTRIBUTED, maven::KAFKA, &[worker.to_path_buf()], jvm)
    }

    #[track_caller]
    pub fn start_on(version: &str, worker: &Path) -> Worker {
        let files = [worker.to_path_buf()];
        start(DISTRIBUTED, version, &files, &[])
    }
}

#[track_caller]
fn start(main: &'static str, version: &str, files: &[PathBuf], jvm: &[String]) -> Worker {
    let worker = &files[0];
    let options = JvmOptions {
        version: version.to_owned(),
        main,
        arguments: files
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        jvm: jvm.to_vec(),
        heap: 256,
        folder: worker.parent().map_or_else(PathBuf::new, Path::to_path_buf),
    };
    // Not beside the worker file: that folder is the test's.
    let log = watchdog::temporary_folder("connectctl-worker-").join("worker.log");
    let mut process = Jvm::start(&options, &log);
    let url = listener(worker);
    process.wait_until("serving REST", START, || {
        let Ok(answer) = rest::request("GET", &format!("{url}/health"), None) else {
            return false;
        };
        match answer.status {
            // 401: whoever wants to know must log in.
            200 | 401 => true,
            // Before 3.9 there is no /health (KIP-1017).
            404 => version == maven::CONNECT_3_4,
            _ => false,
        }
    });
    Worker {
        process,
        url,
        user: None,
    }
}

/// Returns the URL of the first listener of a worker file, Connect's default without one.
pub fn listener(worker: &Path) -> String {
    let text = fs::read_to_string(worker).expect("the worker file is readable");
    text.lines()
        .filter_map(|line| line.strip_prefix("listeners="))
        .next_back()
        .and_then(|listeners| listeners.split(',').next())
        .map_or_else(
            || "http://127.0.0.1:8083".to_owned(),
            |url| url.trim().replace("\\:", ":").replace("HTTP://", "http://"),
        )
}
