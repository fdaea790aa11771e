//! Groups of the new rebalance protocol (KIP-848), which DescribeGroups does not know.

use kafka_protocol::messages::ConsumerGroupDescribeRequest;
use kafka_protocol::messages::consumer_group_describe_response::{DescribedGroup, Member};
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::connection::Connection;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::groups::{Described, GroupDescription, GroupMember, group_id};
use crate::protocol::errors;

/// Describes groups of the new protocol; any other group, and any group on a broker without it, is in state `Dead`.
pub(super) async fn describe(
    connection: &Connection,
    groups: &[String],
    deadline: Instant,
) -> Result<Described, KafkaError> {
    if !speaks_the_protocol(connection) {
        let dead = groups
            .iter()
            .map(|id| (id.clone(), Ok(GroupDescription::dead())));
        return Ok(dead.collect());
    }
    let request = ConsumerGroupDescribeRequest::default()
        .with_group_ids(groups.iter().cloned().map(group_id).collect());
    let response = connection.call(&request, i16::MAX, deadline).await?;
    let groups = response.groups.iter();
    Ok(groups
        .map(|group| (group.group_id.to_string(), described(group)))
        .collect())
}

fn speaks_the_protocol(connection: &Connection) -> bool {
    connection
        .version::<ConsumerGroupDescribeRequest>(i16::MAX)
        .is_ok()
}

fn described(group: &DescribedGroup) -> Result<GroupDescription, BrokerError> {
    match group.error_code {
        errors::NONE => Ok(GroupDescription {
            state: group.group_state.to_string(),
            protocol_type: "consumer".to_owned(),
            protocol: group.assignor_name.to_string(),
            members: group.members.iter().map(member).collect(),
        }),
        // A classic group, no group, or a broker on which the new protocol is switched off.
        errors::GROUP_ID_NOT_FOUND | errors::UNSUPPORTED_VERSION => Ok(GroupDescription::dead()),
        code => {
            let resource = Resource::group(&group.group_id);
            let error = BrokerError::new("ConsumerGroupDescribe", resource, code);
            Err(error.with_message(group.error_message.as_deref()))
        }
    }
}

/// Subscription and assignment are no bytes in this protocol and are left out.
fn member(member: &Member) -> GroupMember {
    GroupMember {
        member_id: member.member_id.to_string(),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        metadata: bytes::Bytes::new(),
        assignment: bytes::Bytes::new(),
    }
}
