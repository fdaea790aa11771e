//! Groups of any protocol type: listed, described, their committed offsets read, set and deleted.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, ListGroupsRequest, OffsetCommitRequest,
    OffsetFetchRequest, OffsetFetchResponse,
};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::{Cluster, topic_name};
use crate::io::kafka::connection::Connection;
use crate::io::kafka::consumer_groups;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::retry::Items;
use crate::protocol::errors;

/// Groups of the cluster that the principal may see.
#[derive(Debug, Clone, Default)]
pub struct GroupListing {
    pub groups: BTreeMap<String, GroupOverview>,
    /// Brokers that did not answer: their groups are missing above.
    pub unanswered: BTreeMap<i32, KafkaError>,
}

/// A group as ListGroups tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOverview {
    /// `consumer`, `connect`, …; empty for a group that only has committed offsets.
    pub protocol_type: String,
    /// `Stable`, `Empty`, …
    pub state: String,
    /// `classic`, `consumer`, …; empty on brokers before 3.8.
    pub group_type: String,
}

/// A group as its coordinator describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// `Stable`, `Empty`, `Dead` (no such group), …
    pub state: String,
    pub protocol_type: String,
    /// The protocol the members agreed on: an assignor, `sessioned`, …
    pub protocol: String,
    pub members: Vec<GroupMember>,
}

/// A member of a group; what it subscribed to and was given stays bytes, their meaning depends on the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    pub member_id: String,
    pub client_id: String,
    pub client_host: String,
    pub metadata: Bytes,
    pub assignment: Bytes,
}

/// As people know it: `consumer-7 at /10.0.0.7`.
impl std::fmt::Display for GroupMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.client_id, self.client_host)
    }
}

impl GroupDescription {
    /// Returns what a broker says of a group that does not exist.
    pub(super) fn dead() -> Self {
        Self {
            state: DEAD.to_owned(),
            protocol_type: String::new(),
            protocol: String::new(),
            members: Vec::new(),
        }
    }
}

/// The state of a group that does not exist.
const DEAD: &str = "Dead";

/// Topic and partition.
pub type TopicPartition = (String, i32);

/// The member of a group as which offsets are committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committer {
    pub generation: i32,
    pub member_id: String,
}

/// Committed offsets of a group.
pub type Positions = BTreeMap<TopicPartition, i64>;

/// From this version of OffsetFetch on (KIP-709) one request may ask for many groups.
const MANY_GROUPS: i16 = 8;

/// Groups that one request asks for: neither it nor its answer grows with the deployment.
const AT_ONCE: usize = 500;

/// The rebalance protocols whose groups are described by requests of their own.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    Classic,
    /// KIP-848.
    Consumer,
}

/// Groups as a coordinator described them, by id.
pub(super) type Described = Vec<(String, Result<GroupDescription, BrokerError>)>;

/// Describes groups of the classic protocol; any other group is in state `Dead`.
async fn describe(
    connection: &Connection,
    groups: &[String],
    deadline: Instant,
) -> Result<Described, KafkaError> {
    let request = DescribeGroupsRequest::default()
        .with_groups(groups.iter().cloned().map(group_id).collect());
    let response = connection.call(&request, i16::MAX, deadline).await?;
    let described = response.groups.into_iter();
    Ok(described
        .map(|group| (group.group_id.to_string(), described_group(group)))
        .collect())
}

impl Cluster {
    /// Lists the groups of all brokers.
    pub async fn list_groups(&self) -> Result<GroupListing, KafkaError> {
        self.describe().await?;
        let mut listing = GroupListing::default();
        for broker in self.broker_ids() {
            match self.groups_of(broker).await {
                Ok(groups) => listing.groups.extend(groups),
                Err(error) => _ = listing.unanswered.insert(broker, error),
            }
        }
        match listing.unanswered.pop_first() {
            // Nobody answered: that is an error, not an empty list.
            Some((_, error)) if listing.groups.is_empty() && listing.unanswered.is_empty() => {
                Err(error)
            }
            Some((broker, error)) => {
                listing.unanswered.insert(broker, error);
                Ok(listing)
            }
            None => Ok(listing),
        }
    }

    async fn groups_of(&self, broker: i32) -> Result<BTreeMap<String, GroupOverview>, KafkaError> {
        let mut retry = self.retry();
        loop {
            match self.groups_of_once(broker, retry.deadline()).await {
                Ok(groups) => return Ok(groups),
                Err(error) => retry.pause_if_transient(error).await?,
            }
        }
    }

    async fn groups_of_once(
        &self,
        broker: i32,
        deadline: Instant,
    ) -> Result<BTreeMap<String, GroupOverview>, KafkaError> {
        let connection = self.broker(broker, deadline).await?;
        let request = ListGroupsRequest::default();
        let response = connection.call(&request, i16::MAX, deadline).await?;
        if response.error_code != errors::NONE {
            let resource = Resource::Broker(broker);
            return Err(BrokerError::new("ListGroups", resource, response.error_code).into());
        }
        let groups = response.groups.into_iter().map(|group| {
            let overview = GroupOverview {
                protocol_type: group.protocol_type.to_string(),
                state: group.group_state.to_string(),
                group_type: group.group_type.to_string(),
            };
            (group.group_id.to_string(), overview)
        });
        Ok(groups.collect())
    }

    /// Describes groups of either protocol at their coordinators; a group that does not exist is in state `Dead`.
    pub async fn describe_groups(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, Result<GroupDescription, BrokerError>>, KafkaError> {
        let mut described = self.describe_groups_of(Protocol::Classic, ids).await?;
        let unknown = described
            .iter()
            .filter(|(_, group)| group.as_ref().is_ok_and(|group| group.state == DEAD));
        let unknown: Vec<String> = unknown.map(|(id, _)| id.clone()).collect();
        if !unknown.is_empty() {
            described.extend(
                self.describe_groups_of(Protocol::Consumer, &unknown)
                    .await?,
            );
        }
        Ok(described)
    }

    async fn describe_groups_of(
        &self,
        protocol: Protocol,
        ids: &[String],
    ) -> Result<BTreeMap<String, Result<GroupDescription, BrokerError>>, KafkaError> {
        let mut items = Items::of(ids);
        let mut retry = self.retry();
        loop {
            let deadline = retry.deadline();
            let round = self.describe_round(protocol, &mut items, deadline).await;
            if !items.again(round, &mut retry).await? {
                return Ok(items.finish());
            }
        }
    }

    async fn describe_round(
        &self,
        protocol: Protocol,
        items: &mut Items<GroupDescription>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        for (coordinator, groups) in self.coordinators(items, deadline).await? {
            let connection = coordinator.connect(self, deadline).await?;
            for groups in groups.chunks(AT_ONCE) {
                let described = match protocol {
                    Protocol::Classic => describe(&connection, groups, deadline).await?,
                    Protocol::Consumer => {
                        consumer_groups::describe(&connection, groups, deadline).await?
                    }
                };
                for (id, outcome) in described {
                    items.settle(&id, outcome);
                }
            }
        }
        Ok(())
    }

    /// Reads the committed offsets of a group; partitions without one are left out, an unknown group has none.
    pub async fn committed_offsets(&self, group: &str) -> Result<Positions, KafkaError> {
        let mut found = self.committed_offsets_of(&[group.to_owned()]).await?;
        Ok(found.remove(group).transpose()?.unwrap_or_default())
    }

    /// Reads the committed offsets of many groups, many in one request where the broker allows it.
    pub async fn committed_offsets_of(
        &self,
        groups: &[String],
    ) -> Result<BTreeMap<String, Result<Positions, BrokerError>>, KafkaError> {
        let mut items = Items::of(groups);
        let mut retry = self.retry();
        loop {
            let round = self.committed_round(&mut items, retry.deadline()).await;
            if !items.again(round, &mut retry).await? {
                return Ok(items.finish());
            }
        }
    }

    async fn committed_round(
        &self,
        items: &mut Items<Positions>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        for (coordinator, groups) in self.coordinators(items, deadline).await? {
            let connection = coordinator.connect(self, deadline).await?;
            let version = connection.version::<OffsetFetchRequest>(i16::MAX)?;
            let at_once = if version >= MANY_GROUPS { AT_ONCE } else { 1 };
            for groups in groups.chunks(at_once) {
                let request = committed_request(groups, version);
                let response = connection.request(&request, version, deadline).await?;
                for (group, outcome) in committed(response, &groups[0]) {
                    items.settle(&group, outcome);
                }
            }
        }
        Ok(())
    }

    /// Commits offsets for a group without members; each partition has its own outcome.
    ///
    /// A group with members refuses with `UNKNOWN_MEMBER_ID`.
    pub async fn commit_offsets(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), BrokerError>>, KafkaError> {
        // Without generation and member: allowed while the group is empty.
        let nobody = Committer {
            generation: -1,
            member_id: String::new(),
        };
        self.commit_patiently(&nobody, group, offsets, BrokerError::is_transient)
            .await
    }

    /// Commits offsets as a member of the group; each partition has its own outcome.
    ///
    /// The group has assigned the partitions: a coordinator that does not know one has not heard of it yet.
    pub async fn commit_offsets_as(
        &self,
        committer: &Committer,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, Result<(), BrokerError>>, KafkaError> {
        self.commit_patiently(committer, group, offsets, is_committed_again)
            .await
    }

    async fn commit_patiently(
        &self,
        committer: &Committer,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
        passes: impl Fn(&BrokerError) -> bool,
    ) -> Result<BTreeMap<TopicPartition, Result<(), BrokerError>>, KafkaError> {
        let mut retry = self.retry();
        loop {
            let deadline = retry.deadline();
            let outcomes = self.commit_once(committer, group, offsets, deadline).await;
            let error = match outcomes {
                Ok(outcomes) => {
                    let refused = outcomes.values().find_map(|o| o.as_ref().err());
                    match refused.filter(|error| passes(error)).cloned() {
                        None => return Ok(outcomes),
                        Some(error) => match retry.pause(error.into()).await {
                            Ok(()) => continue,
                            Err(_) => return Ok(outcomes),
                        },
                    }
                }
                Err(error) => error,
            };
            retry.pause_if_transient(error).await?;
        }
    }

    async fn commit_once(
        &self,
        committer: &Committer,
        group: &str,
        offsets: &BTreeMap<TopicPartition, i64>,
        deadline: Instant,
    ) -> Result<BTreeMap<TopicPartition, Result<(), BrokerError>>, KafkaError> {
        let connection = self.coordinator(group, deadline).await?;
        let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for ((topic, partition), offset) in offsets {
            let commit = OffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(StrBytes::new()));
            topics.entry(topic).or_default().push(commit);
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            OffsetCommitRequestTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(partitions)
        });
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(group.to_owned()))
            .with_generation_id_or_member_epoch(committer.generation)
            .with_member_id(StrBytes::from_string(committer.member_id.clone()))
            .with_topics(topics.collect());
        let response = connection.call(&request, i16::MAX, deadline).await?;
        let mut outcomes = BTreeMap::new();
        for topic in response.topics {
            for partition in topic.partitions {
                let at = (topic.name.to_string(), partition.partition_index);
                let resource = Resource::committed(group, &at.0, at.1);
                let outcome = coded("OffsetCommit", resource, partition.error_code)
                    .map_err(|error| error.by(&self.caller()));
                outcomes.insert(at, outcome);
            }
        }
        Ok(outcomes)
    }

    /// Deletes groups without members, with their committed offsets; each group has its own outcome.
    pub async fn delete_groups(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, Result<(), BrokerError>>, KafkaError> {
        let mut items = Items::of(ids);
        let mut retry = self.retry();
        loop {
            let round = self.delete_groups_round(&mut items, retry.deadline()).await;
            if !items.again(round, &mut retry).await? {
                return Ok(items.finish());
            }
        }
    }

    async fn delete_groups_round(
        &self,
        items: &mut Items<()>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        for (coordinator, groups) in self.coordinators(items, deadline).await? {
            let connection = coordinator.connect(self, deadline).await?;
            let request = DeleteGroupsRequest::default()
                .with_groups_names(groups.into_iter().map(group_id).collect());
            let response = connection.call(&request, i16::MAX, deadline).await?;
            for result in response.results {
                let id = result.group_id.to_string();
                let outcome = coded("DeleteGroups", Resource::group(&id), result.error_code);
                items.settle(&id, outcome);
            }
        }
        Ok(())
    }
}

/// True for what a member commits again for (`ConsumerCoordinator.OffsetCommitResponseHandler`).
fn is_committed_again(error: &BrokerError) -> bool {
    let codes = [
        errors::COORDINATOR_LOAD_IN_PROGRESS,
        errors::UNKNOWN_TOPIC_OR_PARTITION,
        errors::COORDINATOR_NOT_AVAILABLE,
        errors::NOT_COORDINATOR,
        errors::REQUEST_TIMED_OUT,
    ];
    codes.contains(&error.code.code)
}

fn coded(operation: &'static str, resource: Resource, code: i16) -> Result<(), BrokerError> {
    if code == errors::NONE {
        Ok(())
    } else {
        Err(BrokerError::new(operation, resource, code))
    }
}

fn described_group(group: DescribedGroup) -> Result<GroupDescription, BrokerError> {
    // From version 6 on (KIP-1043) an unknown group is an error; before, it was in state Dead.
    let unknown = group.error_code == errors::GROUP_ID_NOT_FOUND;
    if group.error_code != errors::NONE && !unknown {
        let resource = Resource::group(group.group_id.as_str());
        let error = BrokerError::new("DescribeGroups", resource, group.error_code);
        return Err(error.with_message(group.error_message.as_deref()));
    }
    let members = group.members.into_iter().map(|member| GroupMember {
        member_id: member.member_id.to_string(),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        metadata: member.member_metadata,
        assignment: member.member_assignment,
    });
    if unknown {
        return Ok(GroupDescription::dead());
    }
    Ok(GroupDescription {
        state: group.group_state.to_string(),
        protocol_type: group.protocol_type.to_string(),
        protocol: group.protocol_data.to_string(),
        members: members.collect(),
    })
}

fn committed_request(groups: &[String], version: i16) -> OffsetFetchRequest {
    if version < MANY_GROUPS {
        let group = groups.first().cloned().unwrap_or_default();
        return OffsetFetchRequest::default()
            .with_group_id(group_id(group))
            .with_topics(None);
    }
    let groups = groups.iter().map(|group| {
        OffsetFetchRequestGroup::default()
            .with_group_id(group_id(group.clone()))
            .with_topics(None)
    });
    OffsetFetchRequest::default().with_groups(groups.collect())
}

/// Reads the answer in either of its two shapes; the older does not name its group.
fn committed(
    response: OffsetFetchResponse,
    only: &str,
) -> Vec<(String, Result<Positions, BrokerError>)> {
    let mut of_one = Answered::new(only, response.error_code);
    let is_older = response.groups.is_empty();
    for topic in response.topics {
        for p in topic.partitions {
            of_one.take(
                &topic.name,
                p.partition_index,
                p.committed_offset,
                p.error_code,
            );
        }
    }
    let mut found = Vec::with_capacity(response.groups.len());
    for group in response.groups {
        let mut answered = Answered::new(&group.group_id, group.error_code);
        for topic in group.topics {
            for p in topic.partitions {
                answered.take(
                    &topic.name,
                    p.partition_index,
                    p.committed_offset,
                    p.error_code,
                );
            }
        }
        found.push((answered.group, answered.outcome));
    }
    if is_older {
        found.push((of_one.group, of_one.outcome));
    }
    found
}

/// What a coordinator says of one group.
struct Answered {
    group: String,
    outcome: Result<Positions, BrokerError>,
}

impl Answered {
    fn new(group: &str, code: i16) -> Self {
        let outcome = coded("OffsetFetch", Resource::group(group), code);
        Self {
            group: group.to_owned(),
            outcome: outcome.map(|()| Positions::new()),
        }
    }

    /// A partition whose offset cannot be told spoils the group's answer; one without an offset is left out.
    fn take(&mut self, topic: &str, partition: i32, offset: i64, code: i16) {
        let Ok(positions) = &mut self.outcome else {
            return;
        };
        let resource = Resource::committed(&self.group, topic, partition);
        match coded("OffsetFetch", resource, code) {
            Err(error) => self.outcome = Err(error),
            Ok(()) if offset >= 0 => _ = positions.insert((topic.to_owned(), partition), offset),
            Ok(()) => {}
        }
    }
}

pub(super) fn group_id(id: String) -> GroupId {
    GroupId(StrBytes::from_string(id))
}
