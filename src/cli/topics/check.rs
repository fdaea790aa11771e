//! `connectctl topics check` and `connectctl topics describe`.

use clap::Args;

use super::row::{Row, Rows};
use super::{wanted, with_cluster};
use crate::cli::args::{Connection, Format, Global};
use crate::cli::connect::kafka_failed;
use crate::cli::error::{CliError, Outcome};
use crate::cli::listing;
use crate::cli::output::Ui;
use crate::io::storage_topics;

/// Check that the storage topics exist and are right; exit code 3 when one is missing or wrong
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    shown: Shown,
}

/// Show the storage topics as they are
#[derive(Debug, Args)]
pub(super) struct Describe {
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
struct Shown {
    #[command(flatten)]
    connection: Connection,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

pub(super) fn check(ui: &Ui, global: &Global, args: &Check) -> Result<Outcome, CliError> {
    let rows = show(ui, global, &args.shown)?;
    let right = rows.iter().all(Row::is_right);
    if rows.iter().any(|row| row.state == "missing") {
        ui.note("connectctl topics create makes what is missing");
    }
    if rows.iter().any(|row| row.state == "wrong") {
        ui.note("connectctl topics repair mends what can be mended without harm");
    }
    Ok(if right {
        Outcome::Done
    } else {
        Outcome::Pending
    })
}

pub(super) fn describe(ui: &Ui, global: &Global, args: &Describe) -> Result<Outcome, CliError> {
    show(ui, global, &args.shown)?;
    Ok(Outcome::Done)
}

fn show(ui: &Ui, global: &Global, shown: &Shown) -> Result<Vec<Row>, CliError> {
    let topics = wanted(&shown.connection)?;
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let found = with_cluster(&shown.connection, global, async |cluster| {
        storage_topics::look(&cluster, &names)
            .await
            .map_err(kafka_failed)
    })?;
    let rows = topics
        .iter()
        .filter_map(|topic| Some(Row::of_found(topic, found.get(&topic.name)?)))
        .collect();
    let rows = Rows(rows);
    listing::print(ui, shown.output, &rows)?;
    Ok(rows.0)
}
