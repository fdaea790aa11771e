//! `connectctl offsets show`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::listing::OffsetListing;
use super::store::{ClusterStore, Loaded};
use crate::cli::args::{Connection, Format, Global, shown_text};
use crate::cli::error::{CliError, Kind, Outcome};
use crate::cli::listing;
use crate::cli::output::Ui;
use crate::cli::rest::RestFlags;
use crate::cli::runtime;

/// Show the positions of source connectors
///
/// Of one store: a standalone worker's FILE, the offset topic of --worker-config, or what a worker at --url shows.
/// `-o json` prints a list of objects: connector, partition (JSON), offset (JSON, or null for none), key and value
/// (base64 of the raw bytes; value null for a tombstone, both null over REST, which shows no bytes), and
/// topic_partition with --partitions or a topic. A key in several partitions of a topic is listed once for each.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Show {
    /// Offsets file of a standalone worker (offset.storage.file.filename)
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// REST URL of a worker; repeat it for more workers of the same cluster
    #[arg(long, value_name = "URL", value_parser = shown_text)]
    url: Vec<String>,
    /// Also show in which of N partitions of an offset topic each key of FILE would lie
    #[arg(long, value_name = "N", requires = "file", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Only offsets of this connector; repeat it for more
    #[arg(long, value_name = "NAME")]
    connector: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    rest: RestFlags,
}

const EXAMPLES: &str = "\
Examples:
  A file, and where each key would lie in a topic of 25 partitions:
    connectctl offsets show connect.offsets --partitions 25
  The offset topic, and what a worker shows:
    connectctl offsets show --worker-config distributed/distributed.properties
    connectctl offsets show --url http://localhost:8083";

pub(super) fn run(ui: &Ui, global: &Global, show: &Show) -> Result<Outcome, CliError> {
    show.name_one_store()?;
    let loaded = match &show.file {
        Some(file) => Loaded::of_file(file, show.partitions)?,
        None if !show.url.is_empty() => {
            runtime::run(Loaded::of_rest(&show.url, &show.rest, global.timeout))?
        }
        None => runtime::run(async {
            let store = ClusterStore::open(&show.connection, global.timeout).await?;
            Ok(Loaded::of_topic(&store.offset_topic().await?, true))
        })?,
    };
    let loaded = loaded.only(&show.connector)?;
    loaded.warn(ui);
    listing::print(ui, show.output, &OffsetListing { rows: loaded.rows })?;
    Ok(Outcome::Done)
}

impl Show {
    fn name_one_store(&self) -> Result<(), CliError> {
        let Connection {
            worker_config,
            bootstrap_server,
            command_config,
        } = &self.connection;
        let cluster =
            worker_config.is_some() || bootstrap_server.is_some() || command_config.is_some();
        let named: Vec<&str> = [
            ("FILE", self.file.is_some()),
            ("--worker-config", cluster),
            ("--url", !self.url.is_empty()),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect();
        match named.as_slice() {
            [_] => Ok(()),
            [] => Err(
                CliError::new(Kind::Usage, anyhow!("no store of offsets is named"))
                    .hint("give FILE, --worker-config FILE or --url URL"),
            ),
            several => Err(CliError::new(
                Kind::Usage,
                anyhow!(
                    "{} stores of offsets are named: {}",
                    several.len(),
                    several.join(", ")
                ),
            )
            .hint("give one of them; connectctl offsets diff compares two")),
        }
    }
}
