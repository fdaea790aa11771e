//! `connectctl run`: a distributed worker in the foreground.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::connect::{PropertiesFile, file_failed, with_hint};
use super::error::{CliError, Kind, Outcome};
use super::migrate::read_connector;
use super::output::Ui;
use crate::connectors;
use crate::io::files;
use crate::io::worker::{Job, Registration, Worker, WorkerError};
use crate::model::secrets;
use crate::plan::naming;

/// Run a distributed worker in the foreground, without a JVM
///
/// It joins the group of the worker file as a JVM worker does, shares its connectors with the other workers, JVM workers
/// among them, and serves the REST API. It runs FileStreamSource and FileStreamSink; a connector of another class that the
/// group's leader gives to it FAILS here. SIGTERM and Ctrl-C stop it in good order, a second one at once.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Run {
    /// The distributed worker's file
    worker: PathBuf,
    /// Register the connectors of this folder's *.json and *.properties files that are missing
    ///
    /// The leader of the group does it, and is asked until it has; what is registered already stays as it is.
    #[arg(long, value_name = "DIR")]
    connectors: Option<PathBuf>,
    /// What runs the connectors
    #[arg(long, value_enum, default_value_t = Engine::Native, value_name = "ENGINE")]
    engine: Engine,
    /// How the log is written to stderr
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// This process, without a JVM
    Native,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    /// One object a line
    Json,
}

const EXAMPLES: &str = "\
Examples:
  A worker of the group that migrate prepared:
    connectctl run distributed/distributed.properties
  In a container, with connectors of its own and a log for machines:
    connectctl run /etc/connect/worker.properties --connectors /etc/connect/connectors --log-format json";

/// How long what is under way when the worker is told to stop may take before it has joined the group.
const LAST_WORDS: Duration = Duration::from_millis(100);

pub(super) fn run(ui: &Ui, args: &Run) -> Result<Outcome, CliError> {
    // There is no other yet.
    let Engine::Native = args.engine;
    let file = PropertiesFile::read(&args.worker)?;
    let topics = file.storage_topics()?;
    naming::check_storage_topics(topics.iter().map(|topic| (topic.role, &*topic.name))).map_err(
        |error| {
            let hint = format!("correct {} in the worker file", error.role().key("topic"));
            file.failed(error).hint(hint)
        },
    )?;
    let connectors = args.connectors.as_deref().map(read_folder).transpose()?;
    let job = Job {
        worker: file.properties.clone(),
        topics,
        connectors: connectors.unwrap_or_default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(work(ui, &file, job, args.log_format));
    runtime.shutdown_timeout(LAST_WORDS);
    outcome.map(|()| Outcome::Done)
}

async fn work(ui: &Ui, file: &PropertiesFile, job: Job, format: LogFormat) -> Result<(), CliError> {
    let stop = stop_signal()?;
    let mut stop = std::pin::pin!(async {
        // It fails only when the listener is gone, which ends with the process.
        let _ = stop.await;
    });
    let start = Start::of(file, &job);
    let failed = |error| failed(file, error);
    let worker = tokio::select! {
        worker = Worker::start(job) => worker.map_err(failed)?,
        () = &mut stop => return Ok(()),
    };
    let cluster_id = tokio::select! {
        cluster_id = worker.connect() => cluster_id.map_err(failed)?,
        () = &mut stop => return Ok(()),
    };
    start.say(ui, &worker, cluster_id.as_deref(), format);
    worker.run(stop).await.map_err(failed)
}

/// What an operator wants to see first; nothing of it is secret.
struct Start {
    file: String,
    brokers: String,
    topics: [String; 3],
    connectors: usize,
}

impl Start {
    fn of(file: &PropertiesFile, job: &Job) -> Self {
        let topics = &job.topics;
        let names = [&topics.config, &topics.offset, &topics.status];
        Self {
            file: file.path.display().to_string(),
            brokers: shown_brokers(file),
            topics: names.map(|topic| topic.name.clone()),
            connectors: job.connectors.len(),
        }
    }

    fn say(&self, ui: &Ui, worker: &Worker, cluster_id: Option<&str>, format: LogFormat) {
        let version = env!("CARGO_PKG_VERSION");
        let names: Vec<&str> = connectors::ALL.iter().map(|c| c.java_class()).collect();
        let (names, topics) = (names.join(" "), self.topics.join(" "));
        let cluster = cluster_id.unwrap_or("without an id");
        let (group, url) = (worker.group(), worker.url());
        let Self {
            file,
            brokers,
            connectors,
            ..
        } = self;
        match format {
            LogFormat::Text => ui.note(&format!(
                "connectctl {version} runs a worker of group {group}\n  worker file  {file}\n  Kafka        {brokers} (cluster \
                 {cluster})\n  topics       {topics}\n  REST         {url}\n  connectors   {names}\n  to register  {connectors}"
            )),
            LogFormat::Json => tracing::info!(
                version,
                group,
                file,
                brokers,
                cluster,
                topics,
                url,
                connectors = names,
                to_register = connectors,
                "connectctl runs a worker"
            ),
        }
    }
}

fn shown_brokers(file: &PropertiesFile) -> String {
    let brokers = file.properties.get("bootstrap.servers");
    let brokers = brokers.map_or("", String::as_str);
    secrets::shown("bootstrap.servers", brokers).into_owned()
}

/// Resolves at the first SIGTERM or SIGINT; the second ends the process at once.
fn stop_signal() -> Result<oneshot::Receiver<()>, CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        // The worker may have ended by itself.
        let _ = stop.send(());
        let signal = either(&mut terminate, &mut interrupt).await;
        std::process::exit(128 + signal.as_raw_value());
    });
    Ok(stopped)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> SignalKind {
    tokio::select! {
        _ = terminate.recv() => SignalKind::terminate(),
        _ = interrupt.recv() => SignalKind::interrupt(),
    }
}

/// Reads every connector file of a folder, in the order of their names.
fn read_folder(folder: &Path) -> Result<Vec<Registration>, CliError> {
    let unreadable = |error: std::io::Error| {
        let why = match error.kind() {
            ErrorKind::NotFound => "there is no such folder".to_owned(),
            ErrorKind::NotADirectory => "it is a file, not a folder".to_owned(),
            ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
            _ => error.to_string(),
        };
        let error = anyhow!("--connectors {}: {why}", folder.display());
        CliError::new(Kind::Failed, error).hint("give a folder of connector files")
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let extension = path.extension().and_then(OsStr::to_str);
        if matches!(extension, Some("json" | "properties")) && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut read: Vec<(PathBuf, Registration)> = Vec::new();
    for path in paths {
        let file = files::read(&path, files::LARGEST_CONFIG).map_err(file_failed)?;
        let config = read_connector(&file)?.config;
        let name = config.name.trim().to_owned();
        if let Some((other, _)) = read.iter().find(|(_, r)| r.connector == name) {
            let error = anyhow!(
                "{}: connector {name} is also in {}",
                path.display(),
                other.display()
            );
            return Err(CliError::new(Kind::Failed, error).hint("keep one of the two files"));
        }
        let settings = config.config.into_iter();
        let settings = settings.filter_map(|(key, value)| Some((key, value?)));
        let mut settings: indexmap::IndexMap<String, String> = settings.collect();
        settings.insert("name".to_owned(), name.clone());
        let registration = Registration {
            connector: name,
            config: settings,
            initial: config.initial_state,
        };
        read.push((path, registration));
    }
    Ok(read
        .into_iter()
        .map(|(_, registration)| registration)
        .collect())
}

fn failed(file: &PropertiesFile, error: WorkerError) -> CliError {
    let hint = error.hint();
    let error = match error {
        WorkerError::Settings(_) | WorkerError::Member(_) => file.failed(error),
        _ => CliError::new(Kind::Failed, error),
    };
    with_hint(error, hint)
}
