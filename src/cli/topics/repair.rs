//! `connectctl topics repair`.

use std::collections::BTreeMap;

use clap::Args;

use super::row::Row;
use super::{wanted, with_cluster};
use crate::cli::args::{Connection, Global, ReportFormat};
use crate::cli::connect::kafka_failed;
use crate::cli::error::{CliError, Kind, Outcome};
use crate::cli::listing;
use crate::cli::output::Ui;
use crate::io::kafka::cluster::Cluster;
use crate::io::storage_topics::{self, FOR_LOOKING, Found, TopicRepair};
use crate::model::worker_config::StorageTopic;
use crate::plan::storage_topics::remedy;

/// Mend the settings of storage topics that can be changed without harm
///
/// cleanup.policy becomes compact and min.insync.replicas attainable. Partitions are never changed, and nothing is
/// created or deleted.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
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

const EXAMPLES: &str = "\
Examples:
  See what would be changed, then change it:
    connectctl topics repair --worker-config distributed/distributed.properties --dry-run
    connectctl topics repair --worker-config distributed/distributed.properties --yes";

pub(super) fn run(ui: &Ui, global: &Global, args: &Repair) -> Result<Outcome, CliError> {
    let topics = wanted(ui, &args.connection)?;
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
    let found = look(cluster, topics).await?;
    let changes = plan(ui, topics, &found);
    if changes.is_empty() || args.dry_run {
        let rows = rows(topics, &found);
        report(ui, args, &rows)?;
        return verdict(&rows, &found, !changes.is_empty());
    }
    if !args.yes {
        confirm(ui).await?;
    }
    for change in &changes {
        let seen = storage_topics::repair(cluster, change)
            .await
            .map_err(kafka_failed)?;
        if !seen {
            ui.warning(&format!(
                "{}: changed, but the cluster does not show it yet",
                change.topic
            ));
        }
    }
    let found = look(cluster, topics).await?;
    let mut rows = rows(topics, &found);
    for row in rows.iter_mut().filter(|row| row.state == "right") {
        if changes.iter().any(|change| change.topic == row.topic) {
            row.state = "repaired";
        }
    }
    report(ui, args, &rows)?;
    verdict(&rows, &found, false)
}

async fn look(
    cluster: &Cluster,
    topics: &[StorageTopic],
) -> Result<BTreeMap<String, Found>, CliError> {
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    storage_topics::look(cluster, &names)
        .await
        .map_err(kafka_failed)
}

fn rows(topics: &[StorageTopic], found: &BTreeMap<String, Found>) -> Vec<Row> {
    let row = |topic: &StorageTopic| Some(Row::of_found(topic, found.get(&topic.name)?));
    topics.iter().filter_map(row).collect()
}

/// Says what each topic needs and returns it.
fn plan(ui: &Ui, topics: &[StorageTopic], found: &BTreeMap<String, Found>) -> Vec<TopicRepair> {
    let mut changes = Vec::new();
    for topic in topics {
        let Some(Found::Exists(existing)) = found.get(&topic.name) else {
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
    changes
}

async fn confirm(ui: &Ui) -> Result<(), CliError> {
    if !ui.can_ask() {
        let error = anyhow::anyhow!("nothing was changed: there is no terminal to ask on");
        return Err(CliError::new(Kind::Refused, error).hint("add --yes to change these settings"));
    }
    if ui.confirm("Change these settings?").await? {
        return Ok(());
    }
    let error = anyhow::anyhow!("the answer was no: nothing was changed");
    Err(CliError::new(Kind::Refused, error))
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

fn verdict(
    rows: &[Row],
    found: &BTreeMap<String, Found>,
    pending: bool,
) -> Result<Outcome, CliError> {
    if pending {
        return Ok(Outcome::Pending);
    }
    let has = |state: &str| rows.iter().any(|row| row.state == state);
    let (error, hint) = if has("wrong") {
        (
            "a storage topic is still wrong",
            "name a new topic in the worker file, then connectctl topics create".to_owned(),
        )
    } else if has("missing") {
        (
            "a storage topic is missing",
            "connectctl topics create makes it".to_owned(),
        )
    } else if has("unknown") {
        let answers = found.values().filter_map(Found::refused);
        let hint = storage_topics::remedy(answers, FOR_LOOKING);
        (
            "not everything may be looked at",
            hint.unwrap_or_else(|| "see the broker's own log for more".to_owned()),
        )
    } else {
        return Ok(Outcome::Done);
    };
    Err(CliError::new(Kind::Failed, anyhow::anyhow!(error)).hint(hint))
}
