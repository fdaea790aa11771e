//! Positions as a worker's REST API shows them (KIP-875, Connect 3.5 and later).

use crate::io::connect_rest::{ConnectRest, RestError};
use crate::io::standalone;
use crate::plan::offset_rows::OffsetRow;
use crate::plan::{RunningConnector, RunningWorker};

/// What a worker, standalone or distributed, says of its source connectors.
#[derive(Debug, Clone)]
pub struct RestOffsets {
    pub worker: RunningWorker,
    pub rows: Vec<OffsetRow>,
    /// Source connectors whose offsets the worker does not show.
    pub unshown: Vec<String>,
}

/// Asks for the offsets of every connector. REST shows JSON, not bytes: rows have no key and no value.
pub async fn read_rest(rest: &ConnectRest) -> Result<RestOffsets, RestError> {
    let worker = standalone::inventory(rest).await?;
    let mut rows = Vec::new();
    let mut unshown = Vec::new();
    for connector in worker.connectors.iter().filter(|c| is_source(c)) {
        match &connector.offsets {
            None => unshown.push(connector.name.clone()),
            Some(offsets) => rows.extend(rows_of(&connector.name, offsets)),
        }
    }
    Ok(RestOffsets {
        worker,
        rows,
        unshown,
    })
}

impl RestOffsets {
    /// Returns the connector of this name.
    pub fn connector(&self, name: &str) -> Option<&RunningConnector> {
        self.worker.connectors.iter().find(|c| c.name == name)
    }

    /// Returns the rows of one connector, also of a sink: there they are the committed offsets of its group.
    pub fn rows_of(&self, name: &str) -> Vec<OffsetRow> {
        let connector = self.connector(name);
        let offsets = connector.and_then(|c| c.offsets.as_deref());
        rows_of(name, offsets.unwrap_or_default()).collect()
    }
}

fn is_source(connector: &RunningConnector) -> bool {
    connector.kind != "sink"
}

fn rows_of(
    name: &str,
    offsets: &[(serde_json::Value, serde_json::Value)],
) -> impl Iterator<Item = OffsetRow> {
    offsets
        .iter()
        .map(move |(partition, offset)| OffsetRow::of_rest(name, partition, offset))
}
