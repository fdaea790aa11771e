//! Consumer groups and the Connect group: who is in them and where they stand.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::io::embedded::CLIENT_ID;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::groups::{GroupDescription, Positions};
use crate::io::kafka::offsets::OffsetSpec;
use crate::plan::{ConnectGroup, Observed, PartitionPosition, Plan, SinkGroup};
use crate::protocol::connect_group::Subscription;

/// `session.timeout.ms` of a worker that does not set it.
const DEFAULT_SESSION_MS: u64 = 10_000;

const PAUSE: Duration = Duration::from_millis(250);

/// Topics whose ends are asked for at the same time.
const AT_ONCE: usize = 16;

/// What a look waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Client id and host of the members that must leave.
    pub members: Vec<String>,
    pub group: String,
    /// The longest that it waits: a session of the worker file, and the timeout of a request.
    pub at_most: Duration,
}

/// The Connect group is looked at last: who was seen in a sink's group or on a listener is in it, if it is its worker.
pub(super) async fn observe(
    cluster: &Cluster,
    draft: &Plan,
    waits: impl Fn(&Waiting),
    observed: &mut Observed,
) -> Result<(), KafkaError> {
    observed.sink_groups =
        sink_groups(cluster, &draft.sink_groups(), &observed.topic_names).await?;
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
        observed.connect_group = without_our_dead_member(cluster, draft, waits).await?;
    }
    Ok(())
}

/// Describes the Connect group, and waits while nobody but an embedded worker of connectctl is in it.
///
/// One that was killed stays a member until its session ends; one that lives is done in a moment.
async fn without_our_dead_member(
    cluster: &Cluster,
    draft: &Plan,
    waits: impl Fn(&Waiting),
) -> Result<Option<ConnectGroup>, KafkaError> {
    let session = draft.worker.get("session.timeout.ms");
    let session = session.and_then(|text| text.trim().parse().ok());
    let session = Duration::from_millis(session.unwrap_or(DEFAULT_SESSION_MS));
    let at_most = session + cluster.settings().timeout;
    let deadline = Instant::now() + at_most;
    let ours = format!("{CLIENT_ID} at ");
    let mut told = false;
    loop {
        let group = connect_group(cluster, &draft.group_id).await?;
        let members = group.as_ref().map_or(&[][..], |group| &group.members);
        let is_ours = !members.is_empty() && members.iter().all(|name| name.starts_with(&ours));
        if !is_ours || Instant::now() >= deadline {
            return Ok(group);
        }
        if !told {
            waits(&Waiting {
                members: members.to_vec(),
                group: draft.group_id.clone(),
                at_most,
            });
            told = true;
        }
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
        urls: urls(&group),
    }))
}

/// Where workers say that they answer; what is no plain URL is nobody's address.
fn urls(group: &GroupDescription) -> Vec<String> {
    let workers = group.members.iter().filter(|m| m.client_id != CLIENT_ID);
    let told = workers.filter_map(|member| Subscription::decode(&member.metadata).ok());
    let mut urls: Vec<String> = told
        .map(|subscription| subscription.url.trim_end_matches('/').to_owned())
        .filter(|url| is_address(url))
        .collect();
    urls.sort();
    urls.dedup();
    urls
}

fn is_address(url: &str) -> bool {
    let address = ["http://", "https://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]%/".contains(c);
    address.is_some_and(|address| !address.is_empty() && address.chars().all(plain))
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
    let mut described = cluster.describe_groups(&ids).await?;
    let mut groups = Vec::new();
    let mut read = BTreeSet::new();
    for (id, committed) in cluster.committed_offsets_of(&ids).await? {
        let committed = committed?;
        let Some(group) = described.remove(&id).transpose()? else {
            continue;
        };
        if group.state == "Dead" && committed.is_empty() {
            continue;
        }
        read.extend(committed.keys().map(|(topic, _)| topic.clone()));
        groups.push((id, group, committed));
    }
    let existing: HashSet<&String> = topics.iter().collect();
    read.retain(|topic| existing.contains(topic));
    let ends = ends(cluster, read).await?;
    let position = |((topic, partition), committed): ((String, i32), i64)| {
        // A topic that is gone has no end: nothing is left to read.
        let end = ends.get(&topic).and_then(|ends| ends.get(&partition));
        let end = end.copied().unwrap_or(committed);
        ((topic, partition), PartitionPosition { committed, end })
    };
    let sink = |(id, group, committed): (String, GroupDescription, Positions)| {
        let sink = SinkGroup {
            state: group.state.clone(),
            members: member_names(&group),
            positions: committed.into_iter().map(position).collect(),
        };
        (id, sink)
    };
    Ok(groups.into_iter().map(sink).collect())
}

/// Asks where the partitions of topics end, of a few topics at a time.
async fn ends(
    cluster: &Cluster,
    topics: BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeMap<i32, i64>>, KafkaError> {
    let mut topics = topics.into_iter();
    let mut found = BTreeMap::new();
    let mut asking = JoinSet::new();
    loop {
        for topic in topics.by_ref().take(AT_ONCE - asking.len()) {
            let cluster = cluster.clone();
            asking.spawn(async move {
                let ends = cluster.offsets(&topic, OffsetSpec::Latest).await;
                ends.map(|ends| (topic, ends))
            });
        }
        let Some(asked) = asking.join_next().await else {
            return Ok(found);
        };
        let asked = asked.map_err(|failed| KafkaError::protocol("the cluster", failed))?;
        found.extend([asked?]);
    }
}

fn member_names(group: &GroupDescription) -> Vec<String> {
    let mut names: Vec<_> = group.members.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::kafka::groups::GroupMember;

    fn member(client_id: &str, url: &str) -> GroupMember {
        let subscription = Subscription {
            version: 2,
            url: url.to_owned(),
            config_offset: 1,
            allocation: None,
        };
        GroupMember {
            member_id: "m".to_owned(),
            client_id: client_id.to_owned(),
            client_host: "/10.0.0.7".to_owned(),
            metadata: subscription.encode().unwrap(),
            assignment: bytes::Bytes::new(),
        }
    }

    #[test]
    fn workers_tell_their_addresses_and_nothing_else_is_taken_for_one() {
        let mut members = vec![
            member("connect-2", "https://[::1]:8443/"),
            member("connect-1", "http://host:8083/"),
            member("connect-3", "http://host:8083/"),
            member(CLIENT_ID, "http://127.0.0.1:1/"),
            member("connect-4", "http://host/'; rm x"),
            member("connect-5", "file:///etc"),
        ];
        // A member that is joining has told nothing yet.
        members.push(GroupMember {
            metadata: bytes::Bytes::new(),
            ..member("connect-6", "")
        });
        let group = GroupDescription {
            state: "Stable".to_owned(),
            protocol_type: "connect".to_owned(),
            protocol: "sessioned".to_owned(),
            members,
        };
        assert_eq!(urls(&group), ["http://host:8083", "https://[::1]:8443"]);
    }
}
