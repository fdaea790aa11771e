//! Consumer groups of renamed sinks: their positions follow the new name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::plan::{GroupCopy, Plan, Step};

use super::files::keep_json;
use super::{ApplyError, Means, Target};

type Positions = BTreeMap<(String, i32), i64>;

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
        copy_one(copy, target.cluster, means).await?;
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
