//! `connectctl capture`: what a running standalone worker knows, saved before it is stopped.

mod folder;
mod say;
mod stop;
mod take;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::args::{Global, ReportFormat, shown_text};
use super::connect::rest_failed;
use super::error::{CliError, Kind, Outcome};
use super::output::Ui;
use super::rest::RestFlags;
use super::runtime;
use crate::io::connect_rest::ConnectRest;
use crate::io::standalone;
use folder::Folder;
pub(in crate::cli) use folder::INVENTORY;
use take::Captured;

/// Save what a running standalone worker knows: connectors, configurations, states, offsets
///
/// The way out of a pod without a volume, where stopping the process deletes the offsets file. The safe order: stop the
/// connectors, capture, then stop the process; --stop does the first two at once. Connectors that were made over REST and
/// live only in the worker's memory are saved too. A connector that was paused before it was stopped is saved as paused.
///
/// DIR holds what `migrate` takes (connectors/NAME.json, connect.offsets) and inventory.json, all with mode 0600.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Capture {
    /// REST URL of the running standalone worker
    #[arg(long, value_name = "URL", value_parser = shown_text)]
    pub source_url: String,
    /// Folder to save to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The worker's offsets file, where it can be reached: its bytes are exact, those from REST may not be knowable
    #[arg(long, value_name = "FILE")]
    pub offsets: Option<PathBuf>,
    /// Stop the connectors first (Kafka 3.5 and later), so that their positions are final
    #[arg(long)]
    pub stop: bool,
    /// Do not ask before connectors are stopped
    #[arg(long, short)]
    pub yes: bool,
    /// Read and check everything, stop nothing and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Format of the report on stdout
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    pub output: ReportFormat,
    #[command(flatten)]
    pub rest: RestFlags,
}

const EXAMPLES: &str = "\
Examples:
  See what is there:
    connectctl capture --source-url http://localhost:8083 --out captured --dry-run
  Stop the connectors and save everything, then stop the process and migrate:
    connectctl capture --source-url http://localhost:8083 --out captured --stop
    connectctl migrate worker.properties captured/connectors/*.json \\
      --group-id my-connect --offsets captured/connect.offsets --source-stopped";

pub(super) fn run(ui: &Ui, global: &Global, args: &Capture) -> Result<Outcome, CliError> {
    let captured = runtime::run(capture(ui, global, args))?;
    let folder = Folder::of(&args.out, &captured)?;
    let set_aside = if args.dry_run {
        Vec::new()
    } else {
        folder.write()?
    };
    say::report(ui, args, &captured, &folder, &set_aside)?;
    if captured.gaps.is_empty() {
        return Ok(if args.dry_run {
            Outcome::Pending
        } else {
            Outcome::Done
        });
    }
    let error = anyhow!("not everything could be captured: see above");
    Err(CliError::new(Kind::Unverified, error).hint(
        "give the worker's offsets file itself with --offsets FILE, before the process is stopped",
    ))
}

async fn capture(ui: &Ui, global: &Global, args: &Capture) -> Result<Captured, CliError> {
    let url = std::slice::from_ref(&args.source_url);
    let rest = args.rest.client(url, None, global.timeout)?;
    tell_distributed(ui, args, &rest).await?;
    let mut worker = standalone::inventory(&rest).await.map_err(rest_failed)?;
    let mut earlier = folder::earlier(&args.out);
    earlier.note(&worker);
    if args.stop && stop::stop(ui, global, args, &rest, &worker, &earlier).await? {
        worker = standalone::inventory(&rest).await.map_err(rest_failed)?;
    }
    match &args.offsets {
        Some(path) => take::from_file(worker, earlier, path),
        None => take::from_rest(worker, earlier),
    }
}

/// A distributed worker keeps all of it in its topics, and a stop would stop the connectors of its whole cluster.
async fn tell_distributed(ui: &Ui, args: &Capture, rest: &ConnectRest) -> Result<(), CliError> {
    let sign = standalone::sign_of_distributed(rest).await;
    let Some(sign) = sign.map_err(rest_failed)? else {
        return Ok(());
    };
    let what = format!(
        "the worker at {} is a distributed one ({sign}), not a standalone worker",
        rest.url()
    );
    if args.stop {
        return Err(CliError::new(
            Kind::Refused,
            anyhow!("{what}: the connectors of its cluster were not stopped"),
        )
        .hint("give the URL of the standalone worker; a distributed worker keeps its positions in its topic, which connectctl offsets export makes a file of"));
    }
    ui.warning(&format!("{what}: what it knows is in its topics already"));
    Ok(())
}
