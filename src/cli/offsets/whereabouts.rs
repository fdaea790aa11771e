//! `connectctl offsets where`: which of several stores a connector goes on from.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::json;

use super::store::{ClusterStore, Loaded};
use crate::cli::args::{Connection, Format, Global, shown_text};
use crate::cli::connect::{PropertiesFile, kafka_failed, rest_failed};
use crate::cli::error::{CliError, Kind, Outcome};
use crate::cli::listing::{self, Listing};
use crate::cli::output::Ui;
use crate::cli::rest::RestFlags;
use crate::cli::runtime;
use crate::cli::table::{printable, table};
use crate::io::offset_store;
use crate::model::worker_config::{OFFSET_STORAGE_FILE_FILENAME, Place, Unseen, distributed_by};
use crate::plan::offset_rows::OffsetRow;
use crate::plan::offset_truth::{
    NAME_IT, Standing, Store, StoreKind, Stores, Truth, unclear, unread,
};
use crate::plan::{ConnectorKind, StoredConnector, kinds};

/// Say which store holds the truth about a connector's position, and the position
///
/// Looks at every store that is named: --offsets FILE, the cluster of --worker-config (its config topic tells whether the
/// connector has moved there), a worker at --url. A standalone worker file as --worker-config stands for its offsets
/// file. The others are compared with the one that holds.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Where {
    /// Name of the connector
    #[arg(value_name = "NAME")]
    name: String,
    /// Offsets file of a standalone worker
    #[arg(long, value_name = "FILE")]
    offsets: Option<PathBuf>,
    /// REST URL of a worker; repeat it for more workers of the same cluster
    #[arg(long, value_name = "URL", value_parser = shown_text)]
    url: Vec<String>,
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
  The file or the topic?
    connectctl offsets where my-source --offsets connect.offsets --worker-config distributed/distributed.properties";

pub(super) fn run(ui: &Ui, global: &Global, args: &Where) -> Result<Outcome, CliError> {
    let stores = runtime::run(look(ui, global, args))?;
    let Some(truth) = stores.truth() else {
        return Err(unknown(&stores));
    };
    let standings = stores.standings(&truth);
    let answer = Answer {
        stores,
        truth,
        standings,
    };
    listing::print(ui, args.output, &answer)?;
    Ok(Outcome::Done)
}

async fn look(ui: &Ui, global: &Global, args: &Where) -> Result<Stores, CliError> {
    let (file, cluster) = args.files()?;
    let mut stores = Stores {
        connector: args.name.clone(),
        kind: ConnectorKind::Unknown,
        stores: Vec::new(),
        registered: None,
        unread: None,
    };
    if let Some(file) = file {
        let loaded = Loaded::of_file(&file, None)?;
        let name = loaded.place.clone();
        stores.add(StoreKind::File, name, rows(ui, loaded, &args.name));
    }
    if !args.url.is_empty() {
        ask_worker(global, args, &mut stores).await?;
    }
    if cluster {
        let store = ClusterStore::open(&args.connection, global.timeout).await?;
        look_at_cluster(ui, &store, &mut stores).await?;
    }
    Ok(stores)
}

impl Where {
    /// Returns the offsets file to look at, and whether there is a cluster to look at.
    fn files(&self) -> Result<(Option<PathBuf>, bool), CliError> {
        let worker = self.connection.worker_config.as_deref();
        let worker = worker.map(PropertiesFile::read).transpose()?;
        let named_by_worker = worker
            .filter(|file| distributed_by(&file.properties).is_none())
            .and_then(|file| file.properties.get(OFFSET_STORAGE_FILE_FILENAME).cloned());
        let file = self.offsets.clone();
        if let Some(named) = named_by_worker {
            return Ok((file.or(Some(named.trim().into())), false));
        }
        let cluster = self.connection.worker_config.is_some()
            || self.connection.bootstrap_server.is_some()
            || self.connection.command_config.is_some();
        if file.is_none() && !cluster && self.url.is_empty() {
            let error = anyhow!("no store of offsets is named");
            return Err(CliError::new(Kind::Usage, error)
                .hint("give --offsets FILE, --worker-config FILE, --url URL, or several of them"));
        }
        Ok((file, cluster))
    }
}

/// Keeps the connector's rows and says what is odd about them.
fn rows(ui: &Ui, mut loaded: Loaded, name: &str) -> Vec<OffsetRow> {
    loaded.keep(&[name.to_owned()]);
    loaded.warn(ui);
    loaded.rows
}

async fn ask_worker(global: &Global, args: &Where, stores: &mut Stores) -> Result<(), CliError> {
    let rest = args.rest.client(&args.url, None, global.timeout)?;
    let read = offset_store::read_rest(&rest).await.map_err(rest_failed)?;
    let connector = read.connector(&args.name);
    stores.kind = match connector.map(|c| c.kind.as_str()) {
        Some("sink") => ConnectorKind::Sink,
        Some("source") => ConnectorKind::Source,
        _ => stores.kind,
    };
    stores.stores.push(Store {
        kind: StoreKind::Rest,
        name: rest.url().to_owned(),
        rows: read.rows_of(&args.name),
        state: connector.map(|c| c.state.clone()),
    });
    Ok(())
}

async fn look_at_cluster(
    ui: &Ui,
    store: &ClusterStore,
    stores: &mut Stores,
) -> Result<(), CliError> {
    let name = stores.connector.clone();
    stores.registered = store.connectors().await?.remove(&name);
    let workers = store.wanted().name.clone();
    let config = stores.registered.as_ref().map(StoredConnector::settings);
    if let Some(config) = &config {
        let class = config
            .get("connector.class")
            .map_or("", |class| class.trim());
        let said = match stores.kind {
            ConnectorKind::Sink => Some("sink"),
            ConnectorKind::Source => Some("source"),
            ConnectorKind::Unknown => None,
        };
        stores.kind = kinds::kind_of(class, config, said);
    }
    let topic = store.offset_topic_if_any().await?;
    let loaded = topic.map(|topic| Loaded::of_topic(&topic, false));
    let found = loaded.map_or_else(Vec::new, |loaded| rows(ui, loaded, &name));
    stores.add(StoreKind::OffsetTopic, workers.clone(), found);
    let source_stores = store.source_stores(&stores.registered);
    let registered = stores.registered.as_ref();
    let own = registered.and_then(|c| Some((c, c.own_store(&source_stores, &workers)?)));
    if let Some((connector, own)) = own {
        if own.place.is_unclear() {
            ui.warning(&printable(&unclear("the config topic", &name, &own.topic)));
        }
        if own.place.is_readable() {
            let own = store.own_offset_topic(&own, connector).await?;
            let found = rows(ui, Loaded::of_topic(&own, false), &name);
            stores.add(StoreKind::ConnectorTopic, own.name, found);
        } else if unread(&own).is_some() {
            stores.unread = Some(own);
        }
    }
    look_at_group(store, config.as_ref(), stores).await
}

/// A sink has a group; so has, perhaps, a connector of which nothing else is known.
async fn look_at_group(
    store: &ClusterStore,
    config: Option<&IndexMap<String, String>>,
    stores: &mut Stores,
) -> Result<(), CliError> {
    let is_sink = stores.kind == ConnectorKind::Sink;
    // A group of its name is not that of a source, whether or not its positions were found.
    if !is_sink && (stores.unread.is_some() || stores.truth().is_some()) {
        return Ok(());
    }
    let empty = IndexMap::new();
    let group = store.consumer_group(&stores.connector, config.unwrap_or(&empty));
    match group.unseen {
        Some(why) if is_sink => return Err(not_looked_at(&stores.connector, &group.id, why)),
        // Nothing tells that it is a sink.
        Some(_) => return Ok(()),
        None => {}
    }
    let group = group.id;
    let committed = store
        .cluster
        .committed_offsets(&group)
        .await
        .map_err(kafka_failed)?;
    if committed.is_empty() && !is_sink {
        return Ok(());
    }
    // In the words of Connect's REST API.
    let rows = committed.into_iter().map(|((topic, partition), offset)| {
        OffsetRow::of_rest(
            &stores.connector,
            &json!({ "kafka_partition": partition, "kafka_topic": topic }),
            &json!({ "kafka_offset": offset }),
        )
    });
    let rows = rows.collect();
    stores.kind = ConnectorKind::Sink;
    stores.add(StoreKind::ConsumerGroup, group, rows);
    Ok(())
}

fn not_looked_at(connector: &str, group: &str, why: Unseen) -> CliError {
    let error =
        anyhow!("{connector} goes on from consumer group {group}, which is not read: {why}");
    CliError::new(Kind::Refused, error).hint(format!(
        "ask one of its workers: connectctl offsets where {connector} --url URL; or run this where references can be followed"
    ))
}

fn unknown(stores: &Stores) -> CliError {
    if let Some((own, place)) = stores.unread.as_ref().and_then(|o| Some((o, unread(o)?))) {
        let first = match own.place {
            Place::Unnamed => format!("{NAME_IT}; "),
            _ => String::new(),
        };
        let error = anyhow!("{} goes on from {place}", stores.connector);
        return CliError::new(Kind::Refused, error).hint(format!(
            "{first}its workers read it: --url URL of one of them; the copies in the workers' topic may be older: connectctl offsets show"
        ));
    }
    let looked: Vec<String> = stores
        .stores
        .iter()
        .map(|store| format!("{} {}", store.kind.text(), store.name))
        .collect();
    let error = anyhow!(
        "no store that was looked at knows connector {} ({})",
        stores.connector,
        looked.join(", ")
    );
    CliError::new(Kind::Failed, error)
        .hint("names are case-sensitive: connectctl offsets show … -o name lists those of a store")
}

/// The answer, and how the other stores compare with it.
struct Answer {
    stores: Stores,
    truth: Truth,
    standings: Vec<Standing>,
}

impl Answer {
    fn store(&self) -> &Store {
        &self.stores.stores[self.truth.store]
    }
}

impl Listing for Answer {
    fn document(&self) -> impl Serialize {
        let stores = self.stores.stores.iter().zip(&self.standings);
        let stores = stores.map(|(store, standing)| {
            json!({
                "store": store.kind,
                "name": store.name,
                "state": store.state,
                "standing": standing,
                "positions": store.rows.iter().filter(|row| row.offset.is_some()).count(),
            })
        });
        json!({
            "connector": self.stores.connector,
            "kind": self.stores.kind,
            "store": self.store().kind,
            "name": self.store().name,
            "why": self.truth.why,
            "positions": self.truth.rows,
            "stores": stores.collect::<Vec<_>>(),
        })
    }

    fn table(&self, _wide: bool) -> String {
        let mut text = format!(
            "{} goes on from {} {}: {}\n\n",
            printable(&self.stores.connector),
            self.store().kind.text(),
            printable(&self.store().name),
            self.truth.why
        );
        let rows = self.truth.rows.iter();
        text += &table(
            ["partition", "offset"],
            rows.map(|row| [row.partition_text(), row.offset_text()]),
        );
        text.push('\n');
        let stores = self.stores.stores.iter().zip(&self.standings);
        text += &table(
            ["store", "name", "positions", "standing"],
            stores.map(|(store, standing)| {
                [
                    store.kind.text().to_owned(),
                    store.name.clone(),
                    store
                        .rows
                        .iter()
                        .filter(|row| row.offset.is_some())
                        .count()
                        .to_string(),
                    words(*standing).to_owned(),
                ]
            }),
        );
        text
    }

    fn names(&self) -> Vec<String> {
        vec![self.store().name.clone()]
    }
}

fn words(standing: Standing) -> &'static str {
    match standing {
        Standing::Truth => "holds",
        Standing::Same => "same positions",
        Standing::Different => "other positions",
        Standing::Empty => "no position",
    }
}
