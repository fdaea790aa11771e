//! `connectctl topics`: the three compacted topics in which distributed workers keep everything.

mod check;
mod create;
mod repair;
mod row;

use clap::{Args, Subcommand};

use super::args::{Connection, Global};
use super::connect::{self, PropertiesFile};
use super::error::{CliError, Kind, Outcome};
use super::output::Ui;
use super::runtime;
use crate::io::kafka::cluster::Cluster;
use crate::model::worker_config::{OFFSET_STORAGE_FILE_FILENAME, StorageTopic};
use crate::plan::naming;

/// Create, check and mend the three storage topics of distributed workers
///
/// The worker file names them and says how they are made: config.storage.topic (always 1 partition),
/// offset.storage.topic (25 unless the file says otherwise) and status.storage.topic (5), with the file's replication
/// factors (3 unless it says otherwise; -1 for the broker's default) and cleanup.policy=compact.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Topics {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(Debug, Subcommand)]
enum TopicsCommand {
    Create(create::Create),
    Check(check::Check),
    Describe(check::Describe),
    Repair(repair::Repair),
}

pub(super) fn run(ui: &Ui, global: &Global, topics: &Topics) -> Result<Outcome, CliError> {
    match &topics.command {
        TopicsCommand::Create(args) => create::run(ui, global, args),
        TopicsCommand::Check(args) => check::check(ui, global, args),
        TopicsCommand::Describe(args) => check::describe(ui, global, args),
        TopicsCommand::Repair(args) => repair::run(ui, global, args),
    }
}

/// Returns the storage topics of the worker file, in the order config, offset, status; says which settings are left out.
pub(in crate::cli) fn wanted(
    ui: &Ui,
    connection: &Connection,
) -> Result<Vec<StorageTopic>, CliError> {
    let Some(path) = &connection.worker_config else {
        let error = anyhow::anyhow!("no worker file is named, so the storage topics are not known");
        return Err(CliError::new(Kind::Usage, error)
            .hint("give --worker-config FILE; --bootstrap-server may stand in for its brokers"));
    };
    let file = PropertiesFile::read(path)?;
    let topics: Vec<StorageTopic> = file.storage_topics()?.iter().cloned().collect();
    naming::check_storage_topics(topics.iter().map(|topic| (topic.role, &*topic.name))).map_err(
        |error| {
            let hint = format!("correct {} in the worker file", error.role().key("topic"));
            file.failed(error).hint(hint)
        },
    )?;
    for (key, value) in topics.iter().flat_map(|topic| &topic.ignored) {
        ui.warning(&if key == OFFSET_STORAGE_FILE_FILENAME {
            format!(
                "{key}={value} is for standalone workers and is left out: a distributed worker that had to create the \
                 offset topic itself would send it to the broker and fail, so remove it"
            )
        } else {
            format!("{key}={value} is ignored, as workers ignore it")
        });
    }
    Ok(topics)
}

/// Runs work with a connected cluster.
fn with_cluster<T, F>(
    connection: &Connection,
    global: &Global,
    work: impl FnOnce(Cluster) -> F,
) -> Result<T, CliError>
where
    F: Future<Output = Result<T, CliError>>,
{
    let settings = connection.settings(global.timeout)?;
    runtime::run(async move { work(connect::connect(settings).await?).await })
}
