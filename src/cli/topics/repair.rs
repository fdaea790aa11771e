//! `connectctl topics repair`.

use clap::Args;

use super::row::Row;
use super::{wanted, with_cluster};
use crate::cli::args::{Connection, Global, ReportFormat};
use crate::cli::connect::kafka_failed;
use crate::cli::error::{CliError, Kind, Outcome};
use crate::cli::listing;
use crate::cli::output::Ui;
use crate::io::kafka::cluster::Cluster;
use crate::io::storage_topics::{self, Found, TopicRepair};
use crate::model::worker_config::StorageTopic;
use crate::plan::storage_topics::remedy;

/// Mend the settings of storage topics that can be changed without harm
///
/// cleanup.policy becomes compact and min.insync.replicas attainable. Partitions are never changed, and nothing is
/// created or deleted.
#[derive(Debug, Args)]
pub(super) struct Repair {
    #[command(flatten)]
    connection: Connection,
    /// Show what would be changed; exit code 3 when there is anything
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    output: ReportFormat,
}

pub(super) fn run(ui: &Ui, global: &Global, args: &Repair) -> Result<Outcome, CliError> {
    let topics = wanted(&args.connection)?;
    with_cluster(&args.connection, global, async |cluster| {
        mend(ui, args, &cluster, &topics).await
    })
}

async fn mend(
    ui: &Ui,
    args: &Repair,
    cluster: &Cluster,
    topics: &[StorageTopic],
) -> Result<Outcome, CliError> {
    let (mut rows, changes) = plan(ui, cluster, topics).await?;
    if changes.is_empty() || args.dry_run {
        report(ui, args, &rows)?;
        return verdict(&rows, !changes.is_empty());
    }
    if !args.yes && !confirmed(ui).await? {
        return Ok(Outcome::Pending);
    }
    for change in &changes {
        let seen = storage_topics::repair(cluster, change)
            .await
            .map_err(kafka_failed)?;
        for row in rows.iter_mut().filter(|row| row.topic == change.topic) {
            if !seen {
                row.problems
                    .push("changed, but the cluster does not show it yet".to_owned());
            } else if row.problems.len() <= change.changes.len() {
                row.problems.clear();
                row.state = "repaired";
            }
        }
    }
    report(ui, args, &rows)?;
    verdict(&rows, false)
}

/// Says what each topic needs and returns it.
async fn plan(
    ui: &Ui,
    cluster: &Cluster,
    topics: &[StorageTopic],
) -> Result<(Vec<Row>, Vec<TopicRepair>), CliError> {
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let found = storage_topics::look(cluster, &names)
        .await
        .map_err(kafka_failed)?;
    let mut rows = Vec::new();
    let mut changes = Vec::new();
    for topic in topics {
        let Some(found) = found.get(&topic.name) else {
            continue;
        };
        rows.push(Row::of_found(topic, found));
        let Found::Exists(existing) = found else {
            continue;
        };
        let (change, left) = storage_topics::repairs(topic, existing);
        for setting in &change.changes {
            ui.note(&format!(
                "{}: set {}={}",
                topic.name, setting.key, setting.value
            ));
            if let Some(warning) = &setting.warning {
                ui.warning(warning);
            }
        }
        for fault in left {
            ui.warning(&format!(
                "{}: {fault}: {}",
                topic.name,
                remedy(topic, &fault)
            ));
        }
        if !change.changes.is_empty() {
            changes.push(change);
        }
    }
    Ok((rows, changes))
}

async fn confirmed(ui: &Ui) -> Result<bool, CliError> {
    if !ui.can_ask() {
        let error = anyhow::anyhow!("nothing was changed: there is no terminal to ask on");
        return Err(CliError::new(Kind::Refused, error).hint("add --yes to change these settings"));
    }
    ui.confirm("Change these settings?").await
}

fn report(ui: &Ui, args: &Repair, rows: &[Row]) -> Result<(), CliError> {
    match args.output {
        ReportFormat::Text => {
            let lines: String = rows.iter().map(|row| row.line() + "\n").collect();
            ui.data(&lines)
        }
        ReportFormat::Json => ui.data(&listing::json(&rows)?),
    }
}

fn verdict(rows: &[Row], pending: bool) -> Result<Outcome, CliError> {
    if pending {
        return Ok(Outcome::Pending);
    }
    if rows.iter().any(|row| row.state == "wrong") {
        let error = anyhow::anyhow!("a storage topic is still wrong");
        return Err(CliError::new(Kind::Failed, error)
            .hint("name a new topic in the worker file, then connectctl topics create"));
    }
    let all_there = rows.iter().all(Row::is_right);
    if !all_there {
        let error = anyhow::anyhow!("a storage topic is missing or cannot be looked at");
        return Err(CliError::new(Kind::Failed, error).hint("connectctl topics create makes it"));
    }
    Ok(Outcome::Done)
}
