//! `connectctl offsets show`.

use std::path::PathBuf;

use clap::Args;

use super::file;
use super::listing::OffsetListing;
use crate::cli::args::{Format, Global};
use crate::cli::error::{CliError, Outcome};
use crate::cli::listing;
use crate::cli::output::Ui;
use crate::plan::offset_rows::{self, OffsetRow};

/// Show the positions of source connectors
///
/// `-o json` prints a list of objects: connector, partition (JSON), offset (JSON, or null for none), key and value
/// (base64 of the raw bytes; value null for a tombstone), and topic_partition with --partitions or a topic.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Offsets file of a standalone worker (offset.storage.file.filename)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Also show in which of N partitions of an offset topic each key lies
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Only offsets of this connector; repeat it for more
    #[arg(long, value_name = "NAME")]
    connector: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
}

pub(super) fn run(ui: &Ui, _global: &Global, show: &Show) -> Result<Outcome, CliError> {
    let (file, map) = file::read(&show.file)?;
    file::warn(ui, &file, &map);
    let mut rows: Vec<_> = map
        .entries
        .iter()
        .map(|entry| OffsetRow::of_entry(entry, show.partitions))
        .collect();
    retain(&mut rows, &show.connector);
    offset_rows::sort(&mut rows);
    listing::print(ui, show.output, &OffsetListing { rows })?;
    Ok(Outcome::Done)
}

/// Keeps the rows of the named connectors; without a name, all.
fn retain(rows: &mut Vec<OffsetRow>, connectors: &[String]) {
    if !connectors.is_empty() {
        rows.retain(|row| {
            row.connector
                .as_ref()
                .is_some_and(|name| connectors.contains(name))
        });
    }
}
