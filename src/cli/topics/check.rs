//! `connectctl topics check` and `connectctl topics describe`.

use clap::Args;

use super::row::{Row, Rows};
use super::{wanted, with_cluster};
use crate::cli::args::{Connection, Format, Global};
use crate::cli::connect::{kafka_failed, with_hint};
use crate::cli::error::{CliError, Kind, Outcome};
use crate::cli::listing;
use crate::cli::output::Ui;
use crate::io::kafka::error::BrokerError;
use crate::io::storage_topics::{self, FOR_LOOKING, Found, remedy};
use crate::model::shell::quoted_path;
use crate::model::worker_config::StorageTopic;

/// Check that the storage topics exist and are right
///
/// Exit code 3 when one is missing or wrong, 1 when one may not be looked at, and 4 when all are right but brokers are
/// missing, so that one of them cannot be read or written now.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES_CHECK)]
pub(super) struct Check {
    #[command(flatten)]
    shown: Shown,
}

const EXAMPLES_CHECK: &str = "\
Examples:
  In a pipeline, before the workers start:
    connectctl topics check --worker-config distributed/distributed.properties";

/// Show the storage topics as they are
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES_DESCRIBE)]
pub(super) struct Describe {
    #[command(flatten)]
    shown: Shown,
}

const EXAMPLES_DESCRIBE: &str = "\
Examples:
  Partitions, replicas and settings, for a program:
    connectctl topics describe --worker-config distributed/distributed.properties -o json";

#[derive(Debug, Args)]
struct Shown {
    #[command(flatten)]
    connection: Connection,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

pub(super) fn check(ui: &Ui, global: &Global, args: &Check) -> Result<Outcome, CliError> {
    let looked = show(ui, global, &args.shown)?;
    let has = |state: &str| looked.rows.iter().any(|row| row.state == state);
    let typed = |verb: &str| {
        let file = args.shown.connection.worker_config.as_deref();
        let file = file.map(|file| format!(" --worker-config {}", quoted_path(file)));
        format!("connectctl topics {verb}{}", file.unwrap_or_default())
    };
    if has("missing") {
        ui.note(&format!("{} makes what is missing", typed("create")));
    }
    if has("wrong") {
        ui.note(&format!(
            "{} mends what can be mended without harm",
            typed("repair")
        ));
    }
    looked.refused()?;
    if has("missing") || has("wrong") {
        return Ok(Outcome::Pending);
    }
    if has("unavailable") {
        let error = anyhow::anyhow!("a storage topic cannot be used now");
        return Err(CliError::new(Kind::Unverified, error).hint(
            "start the brokers that are missing: kafka-topics.sh --describe shows the replicas",
        ));
    }
    Ok(Outcome::Done)
}

pub(super) fn describe(ui: &Ui, global: &Global, args: &Describe) -> Result<Outcome, CliError> {
    show(ui, global, &args.shown)?.refused()?;
    Ok(Outcome::Done)
}

/// What was shown, and what brokers refused to show.
struct Looked {
    rows: Vec<Row>,
    answers: Vec<BrokerError>,
}

impl Looked {
    /// Fails when something could not be looked at: "right" would be a guess.
    fn refused(&self) -> Result<(), CliError> {
        let Some(first) = self.answers.first() else {
            return Ok(());
        };
        let error = anyhow::anyhow!("not everything may be looked at");
        let hint = remedy(&self.answers, FOR_LOOKING).or_else(|| first.hint());
        Err(with_hint(CliError::new(Kind::Failed, error), hint))
    }
}

fn show(ui: &Ui, global: &Global, shown: &Shown) -> Result<Looked, CliError> {
    let topics = wanted(ui, &shown.connection)?;
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let found = with_cluster(&shown.connection, global, async |cluster| {
        storage_topics::look(&cluster, &names)
            .await
            .map_err(kafka_failed)
    })?;
    let of = |topic: &StorageTopic| Some(Row::of_found(topic, found.get(&topic.name)?));
    let rows = Rows(topics.iter().filter_map(of).collect());
    listing::print(ui, shown.output, &rows)?;
    let refused = found.values().filter_map(Found::refused);
    Ok(Looked {
        rows: rows.0,
        answers: refused.cloned().collect(),
    })
}
