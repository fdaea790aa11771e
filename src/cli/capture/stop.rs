//! `--stop`: bringing the connectors to rest, so that what is captured is final.

use std::time::Duration;

use anyhow::anyhow;
use tokio::time::Instant;

use super::Capture;
use super::folder::{self, Earlier};
use super::take::{self, is_at_work};
use crate::cli::args::Global;
use crate::cli::connect::rest_failed;
use crate::cli::error::{CliError, Kind};
use crate::cli::output::Ui;
use crate::io::connect_rest::{ConnectRest, RestError};
use crate::model::rest::is_addressable;
use crate::plan::RunningWorker;

/// Names that are shown in a question; more are counted.
const SHOWN: usize = 5;

/// Stops every connector that is at work, and returns whether there was any.
pub(super) async fn stop(
    ui: &Ui,
    global: &Global,
    args: &Capture,
    rest: &ConnectRest,
    worker: &RunningWorker,
    earlier: &Earlier,
) -> Result<bool, CliError> {
    let at_work = worker.connectors.iter().filter(|c| is_at_work(c));
    let names: Vec<&str> = at_work.map(|c| c.name.as_str()).collect();
    if names.is_empty() {
        return Ok(false);
    }
    refuse_unaddressable(&names)?;
    if args.dry_run {
        ui.note(&format!("would stop {}", listed(&names)));
        return Ok(false);
    }
    consent(ui, args, &names).await?;
    let before = take::from_rest(worker.clone(), earlier.clone())?;
    folder::write_states(&args.out, &before)?;
    for name in &names {
        rest.stop(name).await.map_err(|e| not_stopped(e, worker))?;
    }
    wait(rest, &names, global.timeout).await?;
    ui.note(&format!("stopped {}", listed(&names)));
    Ok(true)
}

fn refuse_unaddressable(names: &[&str]) -> Result<(), CliError> {
    let odd: Vec<_> = names
        .iter()
        .copied()
        .filter(|n| !is_addressable(n))
        .collect();
    if odd.is_empty() {
        return Ok(());
    }
    let error = anyhow!("REST cannot address {}: nothing was stopped", listed(&odd));
    Err(CliError::new(Kind::Refused, error)
        .hint("stop the process with SIGTERM, and save its offsets file before the pod goes"))
}

async fn consent(ui: &Ui, args: &Capture, names: &[&str]) -> Result<(), CliError> {
    if args.yes {
        return Ok(());
    }
    if !ui.can_ask() {
        let error = anyhow!("there is no terminal to ask on: nothing was stopped");
        return Err(CliError::new(Kind::Refused, error)
            .hint("add --yes to stop the connectors, or --dry-run to see what would be done"));
    }
    let question = format!("Stop {} at {}?", listed(names), args_url(args));
    if ui.confirm(&question).await? {
        return Ok(());
    }
    let error = anyhow!("the answer was no: nothing was stopped");
    Err(CliError::new(Kind::Refused, error))
}

fn args_url(args: &Capture) -> String {
    crate::model::secrets::redact_url(&args.source_url)
}

/// A worker before 3.5 has no such route.
fn not_stopped(error: RestError, worker: &RunningWorker) -> CliError {
    let absent = matches!(error.status(), Some(404 | 405));
    let failed = rest_failed(error);
    if !absent {
        return failed.hint("connectors that were stopped before stay so: run the same command again, or resume them with PUT /connectors/NAME/resume");
    }
    let error = anyhow!(
        "this worker (Kafka {}) cannot stop connectors over REST, as 3.5 and later do: nothing was stopped",
        worker.version
    );
    CliError::new(Kind::Failed, error).hint(
        "pause them (PUT /connectors/NAME/pause), wait for offset.flush.interval.ms, and copy the offsets file out of the pod, for example: kubectl exec POD -- cat /tmp/connect.offsets > connect.offsets",
    )
}

/// Waits until none of them has a task left.
async fn wait(rest: &ConnectRest, names: &[&str], timeout: Duration) -> Result<(), CliError> {
    let deadline = Instant::now() + timeout;
    loop {
        let shown = rest.connectors().await.map_err(rest_failed)?;
        let at_work: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| {
                let status = shown.get(*name).and_then(|c| c.status.as_ref());
                status.is_some_and(|s| s.connector.state != "STOPPED" || !s.tasks.is_empty())
            })
            .collect();
        if at_work.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let error = anyhow!("{} did not stop within {timeout:?}", listed(&at_work));
            return Err(CliError::new(Kind::Failed, error)
                .hint("see the worker's log; --timeout 2m waits longer"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn listed(names: &[&str]) -> String {
    match names.len() {
        0..=SHOWN => names.join(", "),
        n => format!("{} and {} more", names[..SHOWN].join(", "), n - SHOWN),
    }
}
