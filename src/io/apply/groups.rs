//! Consumer groups of renamed sinks: their positions follow the new name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::sink_groups::{self, Positions};
use crate::plan::{ConnectorPlan, GroupCopy, Plan, Registration, Step, StoredConnector};

use super::files::keep_json;
use super::{ApplyError, Means, Target};

/// Where the groups of the sinks to move stand: as they were looked at, with what a rename has copied to them since.
pub(super) fn expected(
    plan: &Plan,
    target: Target<'_>,
    which: impl Fn(&ConnectorPlan) -> bool,
) -> BTreeMap<String, Positions> {
    let moving = plan.connectors.iter().filter(|c| !c.already_moved);
    let mut groups: BTreeMap<String, Positions> = moving
        .filter(|c| which(c))
        .filter_map(|c| c.group.as_deref())
        .map(|group| (group.to_owned(), stood(group, target)))
        .collect();
    for copy in &plan.group_copies {
        if let Some(positions) = groups.get_mut(&copy.to) {
            positions.extend(copy.positions.clone());
        }
    }
    groups
}

fn stood(group: &str, target: Target<'_>) -> Positions {
    let observed = target.observed.sink_groups.get(group);
    let stood = observed.into_iter().flat_map(|group| &group.positions);
    stood
        .map(|(at, position)| (at.clone(), position.committed))
        .collect()
}

/// Looks at the groups once more before their sinks are resumed. One that has just been stopped in this Connect cluster
/// went on until then.
pub(super) async fn compare(plan: &Plan, target: Target<'_>) -> Result<(), ApplyError> {
    let was_at_rest = |connector: &ConnectorPlan| {
        let stored = target.observed.stored_connectors.get(&connector.name);
        stored.is_none_or(StoredConnector::is_at_rest)
    };
    let groups = expected(plan, target, |c| {
        c.registration != Registration::NotPlanned && was_at_rest(c)
    });
    nothing_moved(target.cluster, &groups).await
}

async fn nothing_moved(
    cluster: &Cluster,
    groups: &BTreeMap<String, Positions>,
) -> Result<(), ApplyError> {
    let wrong = sink_groups::moved(cluster, groups).await?;
    if wrong.is_empty() {
        return Ok(());
    }
    Err(ApplyError::GroupsMoved { wrong })
}

pub(super) async fn copy(
    plan: &Plan,
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    for copy in &plan.group_copies {
        let step = Step::CopyGroup {
            from: copy.from.clone(),
            to: copy.to.clone(),
        };
        means.journal.begin(step, Some(copy.positions.len()));
        let stood = BTreeMap::from([(copy.from.clone(), stood(&copy.from, target))]);
        unused(target.cluster, &copy.from).await?;
        nothing_moved(target.cluster, &stood).await?;
        copy_one(copy, target.cluster, means).await?;
        // What was committed under the old name meanwhile is not under the new one.
        unused(target.cluster, &copy.from).await?;
        nothing_moved(target.cluster, &stood).await?;
        means.journal.end(format!(
            "{} partitions committed and read back",
            copy.positions.len()
        ));
    }
    Ok(())
}

pub(super) async fn delete(
    plan: &Plan,
    target: Target<'_>,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    for group in &plan.delete_groups {
        means.journal.begin(Step::DeleteGroup(group.clone()), None);
        let old = target.cluster.committed_offsets(group).await?;
        keep(group, &old, means)?;
        unused(target.cluster, group).await?;
        let ids = [group.clone()];
        let mut answers = target.cluster.delete_groups(&ids).await?;
        if let Some(Err(error)) = answers.remove(group) {
            return Err(KafkaError::from(error).into());
        }
        means.journal.end("deleted; its positions are in backup");
    }
    Ok(())
}

async fn copy_one(
    copy: &GroupCopy,
    cluster: &Cluster,
    means: &Means<'_>,
) -> Result<(), ApplyError> {
    unused(cluster, &copy.to).await?;
    let old = cluster.committed_offsets(&copy.to).await?;
    if !old.is_empty() {
        keep(&copy.to, &old, means)?;
    }
    let answers = cluster.commit_offsets(&copy.to, &copy.positions).await?;
    for answer in answers.into_values() {
        answer.map_err(KafkaError::from)?;
    }
    let now = cluster.committed_offsets(&copy.to).await?;
    let wrong: Vec<_> = copy
        .positions
        .iter()
        .filter(|(at, wanted)| now.get(*at) != Some(*wanted))
        .map(|((topic, partition), wanted)| format!("{topic}-{partition} is not at {wanted}"))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(ApplyError::GroupWrong {
        group: copy.to.clone(),
        wrong,
    })
}

/// A group with members has positions of its own, and refuses a commit from outside.
async fn unused(cluster: &Cluster, group: &str) -> Result<(), ApplyError> {
    let mut described = cluster.describe_groups(&[group.to_owned()]).await?;
    match described.remove(group) {
        Some(Ok(found)) if !found.members.is_empty() => Err(ApplyError::GroupInUse {
            group: group.to_owned(),
            state: found.state,
            members: found.members.len(),
        }),
        Some(Err(error)) => Err(KafkaError::from(error).into()),
        _ => Ok(()),
    }
}

fn keep(group: &str, positions: &Positions, means: &Means<'_>) -> Result<(), ApplyError> {
    let rows: Vec<Value> = positions
        .iter()
        .map(|((topic, partition), offset)| {
            json!({ "group": group, "topic": topic, "partition": partition, "offset": offset })
        })
        .collect();
    Ok(keep_json(means.out, "sink-commits", &rows.into())?)
}
