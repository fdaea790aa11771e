//! Registration on a running Connect cluster, in the order in which nothing can start too early:
//! as STOPPED, seen in our config topic, offsets and sink groups compared, and only then the final state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::io::connect_rest::ConnectRest;
use crate::io::offset_store::{self, Reading};
use crate::model::connector_config::TargetState;
use crate::model::offset_key::OffsetKey;
use crate::model::rest::{ConnectorStatus, InitialState};
use crate::model::storage_records::ConnectorState;
use crate::model::worker_config::StorageRole;
use crate::plan::offset_check::OffsetCheck;
use crate::plan::{self, ConnectorPlan, Plan, Registration, SeedRecord, Step, is_same_config};

use super::connect_cluster::ConnectCluster;
use super::files::keep_configuration;
use super::offsets::offset_topic;
use super::{ApplyError, Means, Target, groups};

pub(super) async fn register(
    plan: &Plan,
    target: Target<'_>,
    rest: &ConnectRest,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    let moving = || {
        plan.connectors
            .iter()
            .filter(|c| !c.already_moved && c.registration != Registration::NotPlanned)
    };
    let mut cluster = ConnectCluster::new(plan, target, rest, means.timeout);
    cluster.has_the_same(moving()).await?;
    for connector in moving() {
        place(connector, target, rest, &mut cluster, means).await?;
    }
    compare_offsets(plan, target).await?;
    groups::compare(plan, target).await?;
    let mut resumed = Vec::new();
    for connector in moving().filter(|c| c.final_state != TargetState::Stopped) {
        let step = Step::SetState(connector.name.clone(), connector.final_state);
        means.journal.begin(step, None);
        if let Err(failed) = set_state(connector, rest, &mut cluster, means.timeout).await {
            // A connector that does not run as it should must not go on half-way.
            let stopped = stop(rest, &connector.name, means.timeout).await;
            return Err(ApplyError::NotFinal {
                failed: Box::new(failed),
                connector: connector.name.clone(),
                not_stopped: stopped.err().map(|error| error.to_string()),
                resumed,
            });
        }
        means.journal.end(wanted_state(connector.final_state));
        resumed.push(connector.name.clone());
    }
    Ok(())
}

/// Makes the connector exist with the plan's configuration, STOPPED, in our config topic.
async fn place(
    connector: &ConnectorPlan,
    target: Target<'_>,
    rest: &ConnectRest,
    cluster: &mut ConnectCluster<'_>,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    let name = &connector.name;
    match connector.registration {
        Registration::NotPlanned => return Ok(()),
        // On another cluster it may be at work, whatever our topic says.
        Registration::Present => return wait(rest, name, "STOPPED", means.timeout).await,
        Registration::Create => {
            means.journal.begin(Step::Register(name.clone()), None);
            rest.create(name, &connector.config, Some(InitialState::Stopped))
                .await?;
        }
        Registration::Update => {
            means.journal.begin(Step::Update(name.clone()), None);
            keep_configuration(name, target, means)?;
            stop(rest, name, means.timeout).await?;
            let is_stopped = |stored: &ConnectorState| stored.target == TargetState::Stopped;
            if !cluster.shows(name, is_stopped).await? {
                return Err(cluster.is_another(name, "become STOPPED"));
            }
            rest.put_config(name, &connector.config).await?;
        }
    }
    let is_placed = |stored: &ConnectorState| {
        stored.target == TargetState::Stopped
            && is_same_config(&connector.config, &stored.properties.settings)
    };
    if !cluster.shows(name, is_placed).await? {
        if connector.registration == Registration::Create {
            // It was made a moment ago, as STOPPED, on somebody else's cluster.
            rest.delete(name).await?;
        }
        return Err(cluster.is_another(name, "appear with its configuration"));
    }
    wait(rest, name, "STOPPED", means.timeout).await?;
    means.journal.end("STOPPED");
    Ok(())
}

pub(super) async fn stop(
    rest: &ConnectRest,
    name: &str,
    timeout: Duration,
) -> Result<(), ApplyError> {
    rest.stop(name).await?;
    wait(rest, name, "STOPPED", timeout).await
}

/// Compares the topic once more, now that the workers know the connectors: nobody may have moved a position since.
async fn compare_offsets(plan: &Plan, target: Target<'_>) -> Result<(), ApplyError> {
    let topic = offset_topic(plan);
    let moving: BTreeSet<&str> = plan
        .connectors
        .iter()
        .filter(|c| !c.already_moved)
        .map(|c| c.name.as_str())
        .collect();
    let stored = target.observed.stored_offsets.iter();
    let known = stored.filter_map(|(key, stored)| {
        let connector = OffsetKey::parse(key).ok()?.connector().to_owned();
        moving.contains(connector.as_str()).then(|| SeedRecord {
            connector,
            key: key.clone(),
            value: stored.value.clone(),
            partition: Some(stored.partition),
        })
    });
    let seeded = offset_store::place(target.cluster, topic, &plan.seed).await?;
    let expected: BTreeMap<_, _> = known
        .chain(seeded)
        .map(|record| (record.key.clone(), record))
        .collect();
    let expected: Vec<_> = expected.into_values().collect();
    let isolations = target.observed.isolations;
    let isolation = isolations.of_storage(StorageRole::Offset);
    let in_any_place = plan.in_any_place();
    let check = OffsetCheck::new(&expected).in_any_place(&in_any_place);
    offset_store::compare(target.cluster, topic, isolation, check).await?;
    let connectors = plan.connectors.iter().filter(|c| !c.already_moved);
    let connectors = connectors.map(|c| (c.name.as_str(), &c.config));
    let reading = Reading {
        workers: topic,
        isolations,
        stores: &target.observed.source_stores,
    };
    let own = offset_store::read_own(target.cluster, reading, connectors).await?;
    let wrong = plan::unfound(&own, &expected);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(ApplyError::OwnTopic { wrong })
}

/// Asks for the final state, and waits until our config topic and the status say it.
async fn set_state(
    connector: &ConnectorPlan,
    rest: &ConnectRest,
    cluster: &mut ConnectCluster<'_>,
    timeout: Duration,
) -> Result<(), ApplyError> {
    let (name, state) = (&connector.name, connector.final_state);
    match state {
        TargetState::Started => rest.resume(name).await?,
        TargetState::Paused => rest.pause(name).await?,
        TargetState::Stopped => rest.stop(name).await?,
    }
    if !cluster.shows(name, |stored| stored.target == state).await? {
        return Err(cluster.is_another(name, "get its final state"));
    }
    wait(rest, name, wanted_state(state), timeout).await
}

pub(super) fn wanted_state(state: TargetState) -> &'static str {
    match state {
        TargetState::Started => "RUNNING",
        TargetState::Paused => "PAUSED",
        TargetState::Stopped => "STOPPED",
    }
}

/// Waits until the connector and all its tasks say the state; RUNNING needs a task, STOPPED has none.
pub(super) async fn wait(
    rest: &ConnectRest,
    name: &str,
    wanted: &'static str,
    timeout: Duration,
) -> Result<(), ApplyError> {
    let deadline = Instant::now() + timeout;
    loop {
        let status = rest.status(name).await?;
        if status.as_ref().is_some_and(|s| is_in(s, wanted)) {
            return Ok(());
        }
        let failed = status.as_ref().and_then(failure);
        if (failed.is_some() && wanted == "RUNNING") || Instant::now() >= deadline {
            return Err(ApplyError::State {
                connector: name.to_owned(),
                wanted,
                waited: timeout,
                seen: failed.unwrap_or_else(|| seen(status.as_ref())),
            });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn is_in(status: &ConnectorStatus, wanted: &str) -> bool {
    let tasks = &status.tasks;
    status.connector.state == wanted
        && match wanted {
            "RUNNING" => !tasks.is_empty() && tasks.iter().all(|t| t.state == wanted),
            "STOPPED" => tasks.is_empty(),
            _ => tasks.iter().all(|t| t.state == wanted),
        }
}

/// Returns the first line of the first stack trace of something that failed.
pub(super) fn failure(status: &ConnectorStatus) -> Option<String> {
    let first_line = |trace: &Option<String>| {
        let trace = trace.as_deref().unwrap_or("no trace");
        trace.lines().next().unwrap_or_default().to_owned()
    };
    if status.connector.state == "FAILED" {
        return Some(format!(
            "it FAILED: {}",
            first_line(&status.connector.trace)
        ));
    }
    let task = status.tasks.iter().find(|task| task.state == "FAILED")?;
    Some(format!(
        "task {} FAILED: {}",
        task.id,
        first_line(&task.trace)
    ))
}

fn seen(status: Option<&ConnectorStatus>) -> String {
    let Some(status) = status else {
        return "no worker has reported a status".into();
    };
    let tasks: Vec<_> = status
        .tasks
        .iter()
        .map(|task| format!("task {} {}", task.id, task.state))
        .collect();
    format!(
        "it is {} ({})",
        status.connector.state,
        if tasks.is_empty() {
            "no tasks".into()
        } else {
            tasks.join(", ")
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &str) -> ConnectorStatus {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn running_needs_every_task_and_stopped_has_none() {
        let none = status(r#"{"name":"a","connector":{"state":"RUNNING"},"tasks":[]}"#);
        let two = status(
            r#"{"name":"a","connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"RUNNING"},{"id":1,"state":"UNASSIGNED"}]}"#,
        );
        let stopped = status(r#"{"name":"a","connector":{"state":"STOPPED"},"tasks":[]}"#);
        assert!(!is_in(&none, "RUNNING") && !is_in(&two, "RUNNING"));
        assert!(is_in(&stopped, "STOPPED"));
        assert_eq!(
            seen(Some(&two)),
            "it is RUNNING (task 0 RUNNING, task 1 UNASSIGNED)"
        );
    }

    #[test]
    fn a_failure_is_told_by_the_first_line_of_its_trace() {
        let failed = status(
            r#"{"name":"a","connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"FAILED","trace":"java.lang.X: no\n\tat y"}]}"#,
        );
        assert_eq!(failure(&failed).unwrap(), "task 0 FAILED: java.lang.X: no");
    }
}
