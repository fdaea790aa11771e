//! The run of `--verify run`: a worker in this process has the connectors for a moment, and then they get their final states.
//!
//! It comes after a control run that kept every promise and left the connectors STOPPED, in a group that nobody is in. What it
//! moves is moved for good: positions are committed as every worker commits them, and the next worker goes on from there.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::io::connect_rest::{ConnectRest, RestSettings};
use crate::io::kafka::seeder::SeedRecord;
use crate::io::kafka::writer::{WriteError, Writer};
use crate::io::worker::{Job, Worker, WorkerError};
use crate::model::connector_config::TargetState;
use crate::model::properties::Properties;
use crate::model::storage_records::{target_state_record, zero_task_commit_record};
use crate::model::worker_config::StorageTopics;
use crate::plan::{ConnectorPlan, Plan, Registration, Step};

use super::register::{failure, stop, wait, wanted_state};
use super::{ApplyError, Journal, Means, Target};

/// How long connectors are watched once all of them run.
const WATCHED: Duration = Duration::from_secs(3);

/// Pause before a worker that starts is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// How far a connector came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// It was left STOPPED.
    Nothing,
    /// The worker was asked to start it.
    Asked,
    /// It was seen RUNNING.
    Running,
}

impl std::fmt::Display for Reached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "not started",
            Self::Asked => "started, and not seen RUNNING",
            Self::Running => "RUNNING",
        })
    }
}

type Outcome = Result<Reached, String>;

/// What came of the connectors.
#[derive(Debug)]
pub struct RunReport {
    /// By connector, as far as it came; an error says why it did not run, or did not become what it should.
    pub connectors: Vec<(String, Outcome)>,
    /// The user ended the run before its end.
    pub interrupted: bool,
    /// The worker has ended by itself, or what it ran could not be STOPPED.
    pub failed: Option<ApplyError>,
    pub took: Duration,
}

impl RunReport {
    pub fn is_broken(&self) -> bool {
        self.connectors.iter().any(|(_, outcome)| outcome.is_err())
    }
}

/// What has come of the connectors so far, whatever ends the run.
struct Progress {
    connectors: Vec<(String, Outcome)>,
    /// So many of them were started, or may have been.
    asked: usize,
    interrupted: bool,
    /// The worker did not stop one of them.
    unstopped: bool,
}

impl Progress {
    fn new(moving: &[&ConnectorPlan]) -> Self {
        let untouched = |c: &&ConnectorPlan| (c.name.clone(), Ok(Reached::Nothing));
        Self {
            connectors: moving.iter().map(untouched).collect(),
            asked: 0,
            interrupted: false,
            unstopped: false,
        }
    }

    fn is_broken(&self) -> bool {
        self.connectors.iter().any(|(_, outcome)| outcome.is_err())
    }
}

/// Runs the connectors, ends in good order, and returns what came of them; a connector that fails is a result, not an error,
/// and so is a worker that ends by itself.
pub(super) async fn run(
    plan: &Plan,
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<RunReport, ApplyError> {
    means.journal.begin(Step::Run(plan.group_id.clone()), None);
    let _told_of_ctrl_c = means.interrupt.hold();
    let started = Instant::now();
    let topics = StorageTopics::from_properties(&plan.worker)?;
    let topic = topics.config.name.clone();
    let worker = Worker::start(Job {
        worker: on_loopback(&plan.worker),
        topics,
        connectors: Vec::new(),
    })
    .await?;
    let moving: Vec<&ConnectorPlan> = moving(plan).collect();
    let mut progress = Progress::new(&moving);
    let ended = drive_worker(worker, &mut progress, &moving, means).await?;
    let failed = if progress.asked > 0 && (ended.is_some() || progress.unstopped) {
        let not_stopped = stop_all(&moving, target, &topic).await.err();
        why_failed(ended, true, not_stopped)
    } else {
        why_failed(ended, false, None)
    };
    let report = RunReport {
        connectors: progress.connectors,
        // After a failure it does not matter how late Ctrl-C came: nothing goes on.
        interrupted: progress.interrupted || (failed.is_some() && means.interrupt.is_raised()),
        failed,
        took: started.elapsed(),
    };
    note_in(means.journal, &report);
    Ok(report)
}

fn note_in(journal: &Journal, report: &RunReport) {
    match &report.failed {
        Some(failed) => journal.fail(failed),
        None if report.interrupted => journal.fail("Ctrl-C"),
        None if report.is_broken() => journal.fail("not every connector ran as it should"),
        None => journal.end("they ran"),
    }
}

/// How a worker ended by itself: why, where that is known.
type Ended = Option<WorkerError>;

/// Drives the connectors of a worker and ends it; `None`: it ended as it was told to.
async fn drive_worker(
    worker: Worker,
    progress: &mut Progress,
    moving: &[&ConnectorPlan],
    means: &Means<'_>,
) -> Result<Option<Ended>, ApplyError> {
    let rest = ConnectRest::new(RestSettings {
        urls: vec![worker.url()],
        timeout: means.timeout,
        ..RestSettings::default()
    })?;
    let (stop, stopped) = oneshot::channel();
    let mut running = std::pin::pin!(worker.run(async {
        // It resolves either way: nobody drops it before the end.
        let _ = stopped.await;
    }));
    let ended = tokio::select! {
        ended = &mut running => Some(ended.err()),
        () = drive(progress, moving, &rest, means) => None,
    };
    if ended.is_some() {
        return Ok(ended);
    }
    // The worker waits for it.
    let _ = stop.send(());
    Ok(running.await.err().map(Some))
}

fn why_failed(
    ended: Option<Ended>,
    has_started: bool,
    not_stopped: Option<WriteError>,
) -> Option<ApplyError> {
    match (ended, not_stopped) {
        (Some(why), not_stopped) => Some(ApplyError::WorkerEnded {
            why: why.map(Box::new),
            has_started,
            not_stopped,
        }),
        (None, Some(why)) => Some(ApplyError::NotStopped { why }),
        (None, None) => None,
    }
}

/// Gives every connector target state STOPPED, as a leader does it, when the worker that ran them is no more: what they were
/// left in would start them with the next worker, and nobody has seen how they end.
async fn stop_all(
    moving: &[&ConnectorPlan],
    target: Target<'_>,
    topic: &str,
) -> Result<(), WriteError> {
    /// So many connectors' records stay below what a topic takes at once.
    const AT_ONCE: usize = 500;
    let writer = Writer::new(target.cluster, topic, 0);
    let mut stopped = Ok(());
    for connectors in moving.chunks(AT_ONCE) {
        let records: Vec<_> = connectors.iter().flat_map(|c| stopping(&c.name)).collect();
        // What can be stopped is, whatever came of the others.
        stopped = stopped.and(writer.write(&records).await.map(drop));
    }
    stopped
}

/// Without the commit, workers would go on starting the tasks that are stored.
fn stopping(name: &str) -> [SeedRecord; 2] {
    let records = [
        zero_task_commit_record(name),
        target_state_record(name, TargetState::Stopped),
    ];
    records.map(|(key, value)| SeedRecord {
        key,
        value: Some(value),
    })
}

fn moving(plan: &Plan) -> impl Iterator<Item = &ConnectorPlan> {
    let connectors = plan.connectors.iter();
    connectors.filter(|c| !c.already_moved && c.registration != Registration::NotPlanned)
}

/// The worker file for this process: it listens on 127.0.0.1 and takes nothing from the file's listeners.
fn on_loopback(worker: &Properties) -> Properties {
    const OF_LISTENERS: &[&str] = &[
        "listeners",
        "admin.listeners",
        "rest.host.name",
        "rest.port",
    ];
    let is_of_a_listener = |key: &str| {
        OF_LISTENERS.contains(&key)
            || key.starts_with("rest.advertised.")
            || key.starts_with("listeners.https.")
    };
    let kept = worker.iter().filter(|(key, _)| !is_of_a_listener(key));
    let mut kept: Properties = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    kept.insert("listeners".to_owned(), "http://127.0.0.1:0".to_owned());
    kept
}

/// Has the connectors run and gives them their final states; all are STOPPED when one of them failed or the user wants out.
async fn drive(
    progress: &mut Progress,
    moving: &[&ConnectorPlan],
    rest: &ConnectRest,
    means: &Means<'_>,
) {
    let to_the_end = async {
        try_out(progress, rest, means.timeout).await;
        let failed = progress.is_broken();
        settle(progress, moving, rest, means.timeout, failed).await;
    };
    tokio::select! {
        () = to_the_end => return,
        () = means.interrupt.raised() => {}
    }
    tracing::info!("Ctrl-C: the connectors that run here are being stopped");
    progress.interrupted = true;
    settle(progress, moving, rest, means.timeout, true).await;
}

/// Gives the connectors their final states, or stops whatever was started.
async fn settle(
    progress: &mut Progress,
    moving: &[&ConnectorPlan],
    rest: &ConnectRest,
    timeout: Duration,
    stops_all: bool,
) {
    for (connector, (name, outcome)) in moving
        .iter()
        .zip(&mut progress.connectors)
        .take(progress.asked)
    {
        let settled = match connector.final_state {
            _ if stops_all => stop(rest, name, timeout).await,
            TargetState::Started => Ok(()),
            TargetState::Paused => pause(rest, name, timeout).await,
            TargetState::Stopped => stop(rest, name, timeout).await,
        };
        let Err(error) = settled else { continue };
        progress.unstopped |= stops_all;
        *outcome = Err(match outcome {
            Ok(_) if stops_all => format!("the worker did not stop it: {error}"),
            Ok(_) => error.to_string(),
            Err(reason) => format!("{reason}; and the worker did not stop it: {error}"),
        });
    }
}

async fn try_out(progress: &mut Progress, rest: &ConnectRest, timeout: Duration) {
    let connectors = &mut progress.connectors;
    if let Err(reason) = until_healthy(rest, timeout).await {
        for (_, outcome) in connectors {
            *outcome = Err(reason.clone());
        }
        return;
    }
    for (name, outcome) in connectors.iter_mut() {
        // Whatever is heard of the request: it may have been carried out.
        progress.asked += 1;
        *outcome = Ok(Reached::Asked);
        if let Err(error) = rest.resume(name).await {
            *outcome = Err(error.to_string());
        }
    }
    for (name, outcome) in connectors.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
        let running = wait(rest, name, wanted_state(TargetState::Started), timeout).await;
        *outcome = running
            .map(|()| Reached::Running)
            .map_err(|error| error.to_string());
    }
    if connectors.iter().all(|(_, outcome)| outcome.is_ok()) {
        tokio::time::sleep(WATCHED).await;
    }
    for (name, outcome) in connectors.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
        if let Err(reason) = still_runs(rest, name).await {
            *outcome = Err(reason);
        }
    }
}

async fn until_healthy(rest: &ConnectRest, timeout: Duration) -> Result<(), String> {
    let deadline = Instant::now() + timeout;
    loop {
        match rest.is_healthy().await {
            Ok(Some(true)) => return Ok(()),
            Ok(_) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            Ok(_) => return Err(format!("the worker was not ready within {timeout:?}")),
            Err(error) => return Err(error.to_string()),
        }
    }
}

async fn still_runs(rest: &ConnectRest, name: &str) -> Result<(), String> {
    match rest.status(name).await {
        Ok(Some(status)) => failure(&status).map_or(Ok(()), Err),
        Ok(None) => Err("its status is gone".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn pause(rest: &ConnectRest, name: &str, timeout: Duration) -> Result<(), ApplyError> {
    rest.pause(name).await?;
    wait(rest, name, wanted_state(TargetState::Paused), timeout).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worker_listens_on_loopback_whatever_the_file_says() {
        let file = [
            ("listeners", "https://0.0.0.0:8443"),
            ("rest.advertised.host.name", "connect-1"),
            ("listeners.https.ssl.keystore.location", "/k"),
            ("group.id", "g"),
        ];
        let file = file.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let kept = on_loopback(&file.into_iter().collect());
        let kept: Vec<_> = kept.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(kept, ["group.id=g", "listeners=http://127.0.0.1:0"]);
    }

    #[test]
    fn how_a_run_failed_is_told_by_the_worker_and_by_what_could_not_be_stopped() {
        assert!(why_failed(None, true, None).is_none());
        let ended = why_failed(Some(None), false, None);
        assert!(matches!(
            ended,
            Some(ApplyError::WorkerEnded {
                has_started: false,
                not_stopped: None,
                ..
            })
        ));
    }
}
