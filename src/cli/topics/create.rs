//! `connectctl topics create`.

use clap::Args;

use super::row::Row;
use super::{wanted, with_cluster};
use crate::cli::args::{Connection, Global, ReportFormat};
use crate::cli::connect::kafka_failed;
use crate::cli::error::{CliError, Kind, Outcome};
use crate::cli::listing;
use crate::cli::output::Ui;
use crate::io::storage_topics::{self, Ensured, FOR_WORKERS, Refusal, remedy};

/// Create the storage topics that are missing, and say of each what it is
///
/// Running it again, or twice at the same time, does no harm. Nothing is created when any of the three would be
/// refused. A topic that exists is never changed: see `topics repair`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Create {
    #[command(flatten)]
    connection: Connection,
    /// Make the same checks and create nothing; exit code 3 when something is missing
    #[arg(long)]
    dry_run: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    output: ReportFormat,
}

const EXAMPLES: &str = "\
Examples:
  With a principal that may create topics, instead of the workers' own:
    connectctl topics create --worker-config distributed/distributed.properties --command-config admin.properties
  See only what is missing:
    connectctl topics create --worker-config distributed/distributed.properties --dry-run";

pub(super) fn run(ui: &Ui, global: &Global, args: &Create) -> Result<Outcome, CliError> {
    let topics = wanted(ui, &args.connection)?;
    let ensured = with_cluster(&args.connection, global, async |cluster| {
        storage_topics::ensure(&cluster, &topics, args.dry_run)
            .await
            .map_err(kafka_failed)
    })?;
    let rows: Vec<Row> = ensured.iter().map(row).collect();
    match args.output {
        ReportFormat::Text => {
            let lines: String = rows.iter().map(|row| row.line() + "\n").collect();
            ui.data(&lines)?;
        }
        ReportFormat::Json => ui.data(&listing::json(&rows)?)?,
    }
    verdict(&ensured, &rows, args.dry_run)
}

fn row(ensured: &Ensured) -> Row {
    let topic = &ensured.topic;
    match &ensured.outcome {
        storage_topics::Outcome::Created(judgement) => {
            let mut row = Row::absent(topic, "created");
            row.cleanup_policy = topic.configs.get("cleanup.policy").cloned();
            row.judged(judgement)
        }
        storage_topics::Outcome::Existed(judgement) => {
            Row::absent(topic, "right").judged(judgement)
        }
        storage_topics::Outcome::Missing => Row::absent(topic, "missing"),
        storage_topics::Outcome::Refused(refusal) => {
            let mut row = Row::absent(topic, "refused");
            row.problems.push(refusal.to_string());
            row
        }
    }
}

fn verdict(ensured: &[Ensured], rows: &[Row], dry_run: bool) -> Result<Outcome, CliError> {
    let refused: Vec<&Refusal> = ensured
        .iter()
        .filter_map(|e| match &e.outcome {
            storage_topics::Outcome::Refused(refusal) => Some(refusal),
            _ => None,
        })
        .collect();
    if let Some(first) = refused.first() {
        let error = anyhow::anyhow!("the storage topics were not all created");
        let answers = refused.iter().filter_map(|refusal| refusal.broker());
        let hint = remedy(answers, FOR_WORKERS).unwrap_or_else(|| first.hint());
        return Err(CliError::new(Kind::Failed, error).hint(hint));
    }
    if rows.iter().any(|row| row.state == "wrong") {
        let error = anyhow::anyhow!("a storage topic exists and is wrong");
        return Err(CliError::new(Kind::Failed, error)
            .hint("connectctl topics repair mends what can be mended without harm"));
    }
    let pending = dry_run && rows.iter().any(|row| row.state == "missing");
    Ok(if pending {
        Outcome::Pending
    } else {
        Outcome::Done
    })
}
