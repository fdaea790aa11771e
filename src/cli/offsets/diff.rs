//! `connectctl offsets diff`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::store::{ClusterStore, Loaded};
use crate::cli::args::{Connection, Format, Global, shown_text};
use crate::cli::error::{CliError, Outcome};
use crate::cli::listing::{self, Listing};
use crate::cli::output::Ui;
use crate::cli::rest::RestFlags;
use crate::cli::runtime;
use crate::cli::table::table;
use crate::model::secrets;
use crate::plan::offset_diff::{self, Match, OffsetDifference, Side};
use crate::plan::offset_rows;

/// Compare the positions of source connectors in two stores; exit code 3 when they differ
///
/// A store is file:PATH (a standalone worker's file), topic:WORKER.properties (the offset topic of a distributed worker
/// file) or a worker's URL. Bytes are compared with bytes; with a URL on one side, JSON with JSON, because REST shows no
/// bytes. A reset offset, a tombstone and no entry are the same, and an envelope of an old internal converter counts as its
/// payload.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Diff {
    /// file:PATH, topic:WORKER.properties or http(s)://HOST:PORT
    #[arg(value_name = "A", value_parser = place)]
    a: Place,
    /// The other side, in the same form
    #[arg(value_name = "B", value_parser = place)]
    b: Place,
    /// Only offsets of this connector; repeat it for more
    #[arg(long, value_name = "NAME")]
    connector: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    rest: RestFlags,
}

const EXAMPLES: &str = "\
Examples:
  What was seeded against the file it came from:
    connectctl offsets diff file:connect.offsets topic:distributed/distributed.properties
  A running worker against its file:
    connectctl offsets diff http://localhost:8083 file:connect.offsets";

/// A store as it is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Topic(PathBuf),
    Rest(String),
}

fn place(text: &str) -> Result<Place, String> {
    let is_url = |scheme: &str| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if is_url("http://") || is_url("https://") {
        return shown_text(text).map(Place::Rest);
    }
    match text.split_once(':') {
        Some(("file", path)) if !path.is_empty() => Ok(Place::File(path.into())),
        Some(("topic", path)) if !path.is_empty() => Ok(Place::Topic(path.into())),
        _ => Err(format!(
            "{} is none of file:PATH, topic:WORKER.properties, http://HOST:PORT",
            secrets::redact_url(text)
        )),
    }
}

pub(super) fn run(ui: &Ui, global: &Global, diff: &Diff) -> Result<Outcome, CliError> {
    let (mut a, mut b) = runtime::run(async {
        let a = load(&diff.a, &diff.rest, global.timeout).await?;
        Ok((a, load(&diff.b, &diff.rest, global.timeout).await?))
    })?;
    for name in diff
        .connector
        .iter()
        .filter(|name| !a.has(name) && !b.has(name))
    {
        ui.warning(&format!("neither side has a position of connector {name}"));
    }
    let mut has_envelopes = false;
    for side in [&mut a, &mut b] {
        side.keep(&diff.connector);
        side.warn(ui);
        let enveloped = offset_rows::enveloped(&side.rows);
        if enveloped > 0 {
            has_envelopes = true;
            ui.note(&format!(
                "{}: {enveloped} of {} positions are in the envelope of an old internal converter and are compared by its payload",
                side.place,
                side.rows.len()
            ));
        }
    }
    let by_rest = [&diff.a, &diff.b]
        .iter()
        .any(|p| matches!(p, Place::Rest(_)));
    let matching = if by_rest { Match::Json } else { Match::Bytes };
    let differences = offset_diff::diff(&a.rows, &b.rows, matching);
    let count = differences.len();
    if diff.output != Format::Table && diff.output != Format::Wide || count > 0 {
        listing::print(ui, diff.output, &Differences(differences))?;
    }
    if count == 0 {
        let how = match matching {
            Match::Bytes if has_envelopes => "byte for byte once the envelopes are taken off",
            Match::Bytes => "byte for byte",
            Match::Json => "as far as REST shows them",
        };
        ui.note(&format!(
            "{} and {} hold the same positions, {how}",
            a.place, b.place
        ));
        return Ok(Outcome::Done);
    }
    Ok(Outcome::Pending)
}

async fn load(place: &Place, rest: &RestFlags, timeout: Duration) -> Result<Loaded, CliError> {
    match place {
        Place::File(path) => Loaded::of_file(path, None),
        Place::Topic(worker) => {
            let connection = Connection {
                worker_config: Some(worker.clone()),
                ..Connection::default()
            };
            let store = ClusterStore::open(&connection, timeout).await?;
            Ok(Loaded::of_topic(&store.offset_topic().await?, false))
        }
        Place::Rest(url) => Loaded::of_rest(std::slice::from_ref(url), rest, timeout).await,
    }
}

/// Everything in which the two sides differ.
struct Differences(Vec<OffsetDifference>);

impl Listing for Differences {
    fn document(&self) -> impl Serialize {
        &self.0
    }

    fn table(&self, _wide: bool) -> String {
        let headings = ["connector", "partition", "a", "b", "difference"];
        let rows = self.0.iter().map(|difference| {
            [
                difference
                    .connector
                    .clone()
                    .unwrap_or_else(|| "-".to_owned()),
                difference.label.clone(),
                difference.a_text.clone(),
                difference.b_text.clone(),
                words(difference.difference).to_owned(),
            ]
        });
        table(headings, rows)
    }

    fn names(&self) -> Vec<String> {
        let names = self.0.iter().filter_map(|d| d.connector.clone());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names.dedup();
        names
    }
}

fn words(side: Side) -> &'static str {
    match side {
        Side::OnlyInA => "only in a",
        Side::OnlyInB => "only in b",
        Side::Different => "different",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_named_by_what_stands_before_the_colon() {
        assert_eq!(place("file:/a:b"), Ok(Place::File("/a:b".into())));
        assert_eq!(place("topic:w"), Ok(Place::Topic("w".into())));
        assert_eq!(place("HTTPS://h"), Ok(Place::Rest("HTTPS://h".into())));
        for wrong in ["/a", "file:", "topic:", "ftp://h", ""] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
        let secret = place("u:canary@h:8083").unwrap_err();
        assert!(!secret.contains("canary"), "{secret}");
    }
}
