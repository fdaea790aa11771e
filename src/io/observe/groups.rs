//! Consumer groups and the Connect group: who is in them and where they stand.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::io::embedded::CLIENT_ID;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::offsets::OffsetSpec;
use crate::plan::{ConnectGroup, Observed, PartitionPosition, Plan, SinkGroup};

/// `session.timeout.ms` of a worker that does not set it.
const DEFAULT_SESSION_MS: u64 = 10_000;

/// How much later than at the end of a session a coordinator may notice.
const GRACE: Duration = Duration::from_secs(3);

const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn observe(
    cluster: &Cluster,
    draft: &Plan,
    observed: &mut Observed,
) -> Result<(), KafkaError> {
    let listing = cluster.list_groups().await?;
    // A broker that does not answer may coordinate the very group that must not be missed.
    if let Some(error) = listing.unanswered.into_values().next() {
        return Err(error);
    }
    observed.groups = listing
        .groups
        .into_iter()
        .map(|(id, group)| (id, group.protocol_type))
        .collect();
    if observed.groups.contains_key(&draft.group_id) {
        observed.connect_group = without_our_ghost(cluster, draft).await?;
    }
    observed.sink_groups =
        sink_groups(cluster, &draft.sink_groups(), &observed.topic_names).await?;
    Ok(())
}

/// Describes the Connect group, and waits while nobody but an embedded worker of connectctl is in it.
///
/// One that was killed stays a member until its session ends; one that lives is done in a moment.
async fn without_our_ghost(
    cluster: &Cluster,
    draft: &Plan,
) -> Result<Option<ConnectGroup>, KafkaError> {
    let session = draft.worker.get("session.timeout.ms");
    let session = session.and_then(|text| text.trim().parse().ok());
    let session = Duration::from_millis(session.unwrap_or(DEFAULT_SESSION_MS));
    let deadline = Instant::now() + session + GRACE;
    let ours = format!("{CLIENT_ID} at ");
    loop {
        let group = connect_group(cluster, &draft.group_id).await?;
        let members = group.as_ref().map_or(&[][..], |group| &group.members);
        let is_ours = !members.is_empty() && members.iter().all(|name| name.starts_with(&ours));
        if !is_ours || Instant::now() >= deadline {
            return Ok(group);
        }
        tracing::info!(
            group = draft.group_id,
            "waiting for an embedded worker to leave the group"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns the group as its coordinator describes it; `None`: the coordinator did not tell.
pub async fn connect_group(
    cluster: &Cluster,
    id: &str,
) -> Result<Option<ConnectGroup>, KafkaError> {
    let mut described = cluster.describe_groups(&[id.to_owned()]).await?;
    let group = match described.remove(id) {
        Some(Ok(group)) => group,
        Some(Err(error)) => return Err(error.into()),
        None => return Ok(None),
    };
    Ok(Some(ConnectGroup {
        state: group.state.clone(),
        protocol_type: group.protocol_type.clone(),
        members: member_names(&group),
    }))
}

/// Returns the groups that exist, with their committed offsets and the ends of those partitions.
async fn sink_groups(
    cluster: &Cluster,
    ids: &BTreeSet<&str>,
    topics: &[String],
) -> Result<BTreeMap<String, SinkGroup>, KafkaError> {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let described = cluster.describe_groups(&ids).await?;
    let mut found = BTreeMap::new();
    let mut ends = BTreeMap::new();
    for (id, group) in described {
        let group = group.map_err(KafkaError::from)?;
        let committed = cluster.committed_offsets(&id).await?;
        if group.state == "Dead" && committed.is_empty() {
            continue;
        }
        let mut positions = BTreeMap::new();
        for ((topic, partition), committed) in committed {
            if topics.contains(&topic) && !ends.contains_key(&topic) {
                let found = cluster.offsets(&topic, OffsetSpec::Latest).await?;
                ends.insert(topic.clone(), found);
            }
            // A topic that is gone has no end: nothing is left to read.
            let end = ends
                .get(&topic)
                .and_then(|ends: &BTreeMap<i32, i64>| ends.get(&partition))
                .copied()
                .unwrap_or(committed);
            positions.insert((topic, partition), PartitionPosition { committed, end });
        }
        let sink = SinkGroup {
            state: group.state.clone(),
            members: member_names(&group),
            positions,
        };
        found.insert(id, sink);
    }
    Ok(found)
}

fn member_names(group: &crate::io::kafka::groups::GroupDescription) -> Vec<String> {
    let mut names: Vec<_> = group.members.iter().map(ToString::to_string).collect();
    names.sort();
    names
}
