//! Tasks of the native engine, run in the test's own process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use connectctl::connectors::resolve;
use connectctl::io::kafka::admin_topics::NewTopic;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::settings::ClientSettings;
use connectctl::io::native::{TaskHandle, TaskHost, TaskReport, TaskSpec, TaskState};
use connectctl::model::properties::Properties;
use indexmap::IndexMap;

const PATIENCE: Duration = Duration::from_secs(60);

/// A worker without a group: its tasks are what the test starts.
#[derive(Debug)]
pub struct TaskWorker {
    pub runtime: tokio::runtime::Runtime,
    pub cluster: Cluster,
    pub host: TaskHost,
}

/// A task that was started, and what it says.
#[derive(Debug)]
pub struct Task {
    handle: TaskHandle,
    reports: Receiver<TaskReport>,
}

/// Returns a configuration.
pub fn config(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// Returns the configuration of a file source of `file` into `topic`.
pub fn file_source(file: &Path, topic: &str) -> IndexMap<String, String> {
    config(&[
        ("connector.class", "FileStreamSource"),
        ("file", &file.to_string_lossy()),
        ("topic", topic),
    ])
}

/// Returns the configuration of a file sink of `topics` into `file`.
pub fn file_sink(topics: &str, file: &Path) -> IndexMap<String, String> {
    config(&[
        ("connector.class", "FileStreamSink"),
        ("file", &file.to_string_lossy()),
        ("topics", topics),
    ])
}

impl TaskWorker {
    /// Starts a worker whose offset topic is `_<name>.offset`, which is made unless it exists. It commits every 200 ms.
    pub fn start(bootstrap: &str, name: &str, settings: &[(&str, &str)]) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let offset_topic = format!("_{name}.offset");
        let mut worker: Properties = config(&[
            ("bootstrap.servers", bootstrap),
            (
                "key.converter",
                "org.apache.kafka.connect.storage.StringConverter",
            ),
            (
                "value.converter",
                "org.apache.kafka.connect.storage.StringConverter",
            ),
            (
                "header.converter",
                "org.apache.kafka.connect.storage.StringConverter",
            ),
            ("offset.flush.interval.ms", "200"),
            ("offset.storage.topic", &offset_topic),
        ]);
        worker.extend(config(settings));
        let (cluster, host) = runtime.block_on(async {
            let servers = vec![bootstrap.to_owned()];
            let settings = ClientSettings::plaintext(servers, Duration::from_secs(30));
            let cluster = Cluster::connect(settings).await.expect("a broker");
            let topic = NewTopic {
                name: offset_topic,
                partitions: 5,
                replication_factor: 1,
                configs: BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]),
            };
            let created = cluster.create_topics(&[topic], false).await;
            created.expect("the broker answers");
            let host = TaskHost::start(&cluster, &worker).await;
            (cluster, host.expect("the offset topic can be read"))
        });
        Self {
            runtime,
            cluster,
            host,
        }
    }

    /// Creates a topic.
    pub fn topic(&self, name: &str, partitions: i32) {
        let topic = NewTopic {
            name: name.to_owned(),
            partitions,
            replication_factor: 1,
            configs: BTreeMap::new(),
        };
        let created = self
            .runtime
            .block_on(self.cluster.create_topics(&[topic], false));
        created.expect("the broker answers")[name]
            .clone()
            .expect("the topic is new");
    }

    /// Starts task 0 of a connector.
    pub fn spawn(&self, connector: &str, config: &IndexMap<String, String>) -> Task {
        self.spawn_nth(connector, 0, config, false)
    }

    /// Starts a task of a connector, PAUSED if it is to be.
    pub fn spawn_nth(
        &self,
        connector: &str,
        task: u32,
        config: &IndexMap<String, String>,
        paused: bool,
    ) -> Task {
        let native = resolve(&config["connector.class"]).expect("a native connector");
        assert_eq!(native.validate(config), []);
        let task_config = native.task_configs(config, task + 1).pop();
        let spec = TaskSpec {
            connector: connector.to_owned(),
            task,
            connector_config: Arc::new(config.clone()),
            task_config: task_config.expect("a task"),
            paused,
            generation: 1,
        };
        let (events, mut told) = tokio::sync::mpsc::unbounded_channel();
        let (sender, reports) = channel();
        let _guard = self.runtime.enter();
        let handle = self.host.spawn(spec, events);
        self.runtime.spawn(async move {
            while let Some(report) = told.recv().await {
                // The test may have ended.
                let _ = sender.send(report);
            }
        });
        Task { handle, reports }
    }

    /// Returns the position of a file source in the offset topic.
    pub fn position(&self, connector: &str, file: &Path) -> Option<i64> {
        let none = IndexMap::new();
        let offsets = self.runtime.block_on(self.host.offsets(connector, &none));
        let offsets = offsets.expect("the topic can be read");
        let of_file = offsets.iter().find(|offset| {
            let partition: serde_json::Value =
                serde_json::from_slice(&offset.partition).expect("JSON");
            partition["filename"] == *file.to_string_lossy()
        })?;
        let offset: serde_json::Value = serde_json::from_slice(&of_file.offset).expect("JSON");
        offset["position"].as_i64()
    }

    /// Stops a task and waits for its end.
    #[track_caller]
    pub fn stop(&self, task: Task) {
        task.handle.stop();
        assert_eq!(task.next(), TaskState::Stopped);
        let ended = self.runtime.block_on(task.handle.ended(PATIENCE));
        assert!(ended, "the task has ended");
    }
}

impl Task {
    pub fn handle(&self) -> &TaskHandle {
        &self.handle
    }

    /// Waits for what the task says next.
    #[track_caller]
    pub fn next(&self) -> TaskState {
        match self.reports.recv_timeout(PATIENCE) {
            Ok(report) => report.state,
            Err(error) => panic!("the task says nothing: {error}"),
        }
    }

    /// Waits until it says that it is RUNNING.
    #[track_caller]
    pub fn running(self) -> Self {
        assert_eq!(self.next(), TaskState::Running);
        self
    }

    /// Waits until it fails and returns the trace.
    #[track_caller]
    pub fn failure(&self) -> String {
        loop {
            match self.next() {
                TaskState::Failed { trace } => return trace,
                TaskState::Stopped => panic!("the task has stopped"),
                TaskState::Running | TaskState::Paused => {}
            }
        }
    }

    /// Returns what it has said and was not asked for, without waiting.
    pub fn said(&self) -> Option<TaskState> {
        match self.reports.recv_timeout(Duration::ZERO) {
            Ok(report) => Some(report.state),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }
}
