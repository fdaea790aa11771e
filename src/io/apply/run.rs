//! The run of `--verify run`: a worker in this process has the connectors for a moment, and then they get their final states.
//!
//! It comes after a control run that kept every promise and left the connectors STOPPED, in a group that nobody is in. What it
//! moves is moved for good: positions are committed as every worker commits them, and the next worker goes on from there.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::io::connect_rest::{ConnectRest, RestSettings};
use crate::io::kafka::seeder::SeedRecord;
use crate::io::kafka::writer::Writer;
use crate::io::worker::{Job, Worker, WorkerError};
use crate::model::connector_config::TargetState;
use crate::model::properties::Properties;
use crate::model::storage_records::{target_state_record, zero_task_commit_record};
use crate::model::worker_config::StorageTopics;
use crate::plan::{ConnectorPlan, Plan, Registration, Step};

use super::register::{failure, stop, wait, wanted_state};
use super::{ApplyError, Means, Target};

/// How long connectors are watched once all of them run.
const WATCHED: Duration = Duration::from_secs(3);

/// Pause before a worker that starts is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// What came of the connectors.
#[derive(Debug)]
pub struct RunReport {
    /// By connector; an error says why it did not run, or did not become what it should.
    pub connectors: Vec<(String, Result<(), String>)>,
    /// The user ended the run before its end.
    pub interrupted: bool,
    pub took: Duration,
}

impl RunReport {
    pub fn is_broken(&self) -> bool {
        self.connectors.iter().any(|(_, outcome)| outcome.is_err())
    }
}

/// Runs the connectors, ends in good order, and returns what came of them; a connector that fails is a result, not an error.
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
    let job = Job {
        worker: on_loopback(&plan.worker),
        topics,
        connectors: Vec::new(),
    };
    let worker = Worker::start(job).await?;
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
    let (connectors, interrupted) = tokio::select! {
        ended = &mut running => return Err(left_alone(plan, target, &topic, ended.err()).await),
        outcome = drive(plan, &rest, means) => outcome,
    };
    // The worker waits for it.
    let _ = stop.send(());
    if let Err(error) = running.await {
        return Err(left_alone(plan, target, &topic, Some(error)).await);
    }
    let report = RunReport {
        connectors,
        interrupted,
        took: started.elapsed(),
    };
    if report.is_broken() || interrupted {
        means.journal.fail("not every connector ran as it should");
    } else {
        means.journal.end("they ran");
    }
    Ok(report)
}

/// Gives every connector target state STOPPED, as a leader does it, when the worker that ran them is no more: what they were
/// left in would start them with the next worker, and nobody has seen how they end.
async fn left_alone(
    plan: &Plan,
    target: Target<'_>,
    topic: &str,
    why: Option<WorkerError>,
) -> ApplyError {
    /// So many connectors' records stay below what a topic takes at once.
    const AT_ONCE: usize = 500;
    let writer = Writer::new(target.cluster, topic, 0);
    let mut not_stopped = None;
    let names: Vec<&str> = moving(plan).map(|c| c.name.as_str()).collect();
    for names in names.chunks(AT_ONCE) {
        let records: Vec<_> = names.iter().flat_map(|name| stopping(name)).collect();
        if let Err(error) = writer.write(&records).await {
            not_stopped.get_or_insert(error);
        }
    }
    ApplyError::WorkerEnded {
        why: why.map(Box::new),
        not_stopped,
    }
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

type Outcomes = Vec<(String, Result<(), String>)>;

/// Has the connectors run and gives them their final states; all are STOPPED when one of them failed or the user wants out.
async fn drive(plan: &Plan, rest: &ConnectRest, means: &Means<'_>) -> (Outcomes, bool) {
    let moving: Vec<&ConnectorPlan> = moving(plan).collect();
    let (mut outcomes, interrupted) = tokio::select! {
        outcomes = try_out(&moving, rest, means.timeout) => (outcomes, false),
        () = means.interrupt.raised() => (Outcomes::new(), true),
    };
    let failed = outcomes.iter().any(|(_, outcome)| outcome.is_err());
    for (at, connector) in moving.iter().enumerate() {
        let name = &connector.name;
        let settled = match connector.final_state {
            _ if failed || interrupted => stop(rest, name, means.timeout).await,
            TargetState::Started => Ok(()),
            TargetState::Paused => pause(rest, name, means.timeout).await,
            TargetState::Stopped => stop(rest, name, means.timeout).await,
        };
        let Err(error) = settled else { continue };
        match outcomes.get_mut(at) {
            Some((_, outcome @ Ok(()))) => *outcome = Err(error.to_string()),
            Some((_, Err(reason))) => {
                *reason = format!("{reason}; and it could not be stopped: {error}");
            }
            None => outcomes.push((name.clone(), Err(error.to_string()))),
        }
    }
    (outcomes, interrupted)
}

async fn try_out(moving: &[&ConnectorPlan], rest: &ConnectRest, timeout: Duration) -> Outcomes {
    let healthy = until_healthy(rest, timeout).await;
    let mut outcomes = Outcomes::new();
    for connector in moving {
        let resumed = match &healthy {
            Ok(()) => rest
                .resume(&connector.name)
                .await
                .map_err(|error| error.to_string()),
            Err(reason) => Err(reason.clone()),
        };
        outcomes.push((connector.name.clone(), resumed));
    }
    for (name, outcome) in &mut outcomes {
        if outcome.is_ok() {
            let running = wait(rest, name, wanted_state(TargetState::Started), timeout).await;
            *outcome = running.map_err(|error| error.to_string());
        }
    }
    if outcomes.iter().all(|(_, outcome)| outcome.is_ok()) {
        tokio::time::sleep(WATCHED).await;
    }
    for (name, outcome) in &mut outcomes {
        if outcome.is_ok() {
            *outcome = still_runs(rest, name).await;
        }
    }
    outcomes
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
}
