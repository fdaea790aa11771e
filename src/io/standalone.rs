//! A running standalone worker, as its REST API shows it.

use std::collections::BTreeSet;

use tokio::task::JoinSet;

use crate::io::connect_rest::{ConnectRest, RestError};
use crate::model::connector_config::TargetState;
use crate::model::rest::{ConnectorOffset, ConnectorStatus, Expanded, is_addressable};
use crate::plan::{RunningConnector, RunningWorker};

/// Requests for offsets at one time.
const AT_ONCE: usize = 8;

/// Returns the worker's connectors with configuration, state and offsets.
pub async fn inventory(rest: &ConnectRest) -> Result<RunningWorker, RestError> {
    let root = rest.root().await?;
    let mut connectors: Vec<_> = rest
        .connectors()
        .await?
        .into_iter()
        .map(|(name, expanded)| running_connector(name, expanded))
        .collect();
    connectors.sort_by(|a, b| a.name.cmp(&b.name));
    for chunk in connectors.chunks_mut(AT_ONCE) {
        ask_offsets(rest, chunk).await?;
    }
    Ok(RunningWorker {
        url: rest.url().to_owned(),
        version: root.version,
        kafka_cluster_id: root.kafka_cluster_id,
        connectors,
    })
}

/// Returns what shows that a worker is a distributed one; `None`: nothing, as of one that is alone in its group.
pub async fn sign_of_distributed(rest: &ConnectRest) -> Result<Option<String>, RestError> {
    if rest.root().await?.is_native() {
        return Ok(Some("it is one of connectctl run".to_owned()));
    }
    let connectors = rest.connectors().await?;
    let statuses = connectors.values().filter_map(|c| c.status.as_ref());
    let workers: BTreeSet<&str> = statuses.flat_map(workers_of).collect();
    let shown: Vec<&str> = workers.into_iter().collect();
    Ok((shown.len() > 1).then(|| format!("its connectors run on {}", shown.join(", "))))
}

/// A connector that is stopped is nowhere; what is not assigned is on the worker that had it last.
fn workers_of(status: &ConnectorStatus) -> impl Iterator<Item = &str> {
    let states = status.tasks.iter().map(|t| (&t.state, &t.worker_id));
    let states = states.chain([(&status.connector.state, &status.connector.worker_id)]);
    let placed = states.filter(|(state, id)| *state != "UNASSIGNED" && !id.is_empty());
    placed.map(|(_, id)| id.as_str())
}

/// Returns two workers of one deployment as one. A connector that both run is stopped only if both say so.
pub fn merged(mut first: RunningWorker, second: RunningWorker) -> RunningWorker {
    for other in second.connectors {
        match first.connectors.iter_mut().find(|c| c.name == other.name) {
            None => first.connectors.push(other),
            Some(same) if same.state == "STOPPED" && other.state != "STOPPED" => *same = other,
            Some(same) => same.tasks.extend(other.tasks),
        }
    }
    first
}

fn running_connector(name: String, expanded: Expanded) -> RunningConnector {
    let kind = expanded.info.as_ref().and_then(|info| info.kind.clone());
    let status = expanded.status;
    let state = status.as_ref().map_or("UNASSIGNED", |s| &s.connector.state);
    RunningConnector {
        target: match state {
            "STOPPED" => Some(TargetState::Stopped),
            "PAUSED" => Some(TargetState::Paused),
            "RUNNING" => Some(TargetState::Started),
            _ => None,
        },
        state: state.to_owned(),
        tasks: status
            .map(|s| s.tasks.into_iter().map(|task| task.state).collect())
            .unwrap_or_default(),
        kind: kind.unwrap_or_else(|| "unknown".into()),
        config: expanded
            .info
            .map(|info| info.config)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect(),
        offsets: None,
        name,
    }
}

async fn ask_offsets(
    rest: &ConnectRest,
    connectors: &mut [RunningConnector],
) -> Result<(), RestError> {
    let mut asked = JoinSet::new();
    for (index, connector) in connectors.iter().enumerate() {
        // Jetty refuses the path of such a name, whatever is asked of it.
        if !is_addressable(&connector.name) {
            continue;
        }
        let (rest, name) = (rest.clone(), connector.name.clone());
        asked.spawn(async move { (index, rest.offsets(&name).await) });
    }
    while let Some(answered) = asked.join_next().await {
        // A panic of the request is a defect, and is passed on.
        let (index, answer) = match answered {
            Ok(answer) => answer,
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        };
        connectors[index].offsets = shown_offsets(answer)?;
    }
    Ok(())
}

type Offsets = Vec<(serde_json::Value, serde_json::Value)>;

/// A connector that does not support the route is not a failure of the inventory.
fn shown_offsets(
    answer: Result<Option<Vec<ConnectorOffset>>, RestError>,
) -> Result<Option<Offsets>, RestError> {
    match answer {
        Ok(found) => Ok(found.map(|offsets| {
            let pairs = offsets.into_iter().map(|o| (o.partition, o.offset));
            pairs.collect()
        })),
        Err(error) if error.status() == Some(500) => {
            tracing::info!(%error, "no offsets over REST");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_workers_are_a_group_and_what_is_not_assigned_tells_nothing() {
        let status = |text: &str| -> ConnectorStatus { serde_json::from_str(text).unwrap() };
        let status = status(
            r#"{"name":"a","connector":{"state":"RUNNING","worker_id":"h:1"},"tasks":[{"id":0,"state":"RUNNING","worker_id":"h:2"},{"id":1,"state":"UNASSIGNED","worker_id":"h:3"}]}"#,
        );
        let workers: BTreeSet<&str> = workers_of(&status).collect();
        assert_eq!(workers.into_iter().collect::<Vec<_>>(), ["h:1", "h:2"]);
    }
}
