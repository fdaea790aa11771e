//! Groups of the new rebalance protocol (KIP-848), which DescribeGroups does not know.

use std::collections::BTreeMap;

use kafka_protocol::messages::ConsumerGroupDescribeRequest;
use kafka_protocol::messages::consumer_group_describe_response::{DescribedGroup, Member};
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::connection::Connection;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::groups::{AT_ONCE, GroupDescription, GroupMember, group_id};
use crate::io::kafka::retry::Items;
use crate::protocol::errors;

impl Cluster {
    /// Describes groups of the new protocol; any other group, and any group on a broker without it, is in state `Dead`.
    pub(super) async fn describe_consumer_groups(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, Result<GroupDescription, BrokerError>>, KafkaError> {
        let mut items = Items::of(ids);
        let mut retry = self.retry();
        loop {
            let round = self
                .describe_consumers_round(&mut items, retry.deadline())
                .await;
            if !items.again(round, &mut retry).await? {
                return Ok(items.finish());
            }
        }
    }

    async fn describe_consumers_round(
        &self,
        items: &mut Items<GroupDescription>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        for (coordinator, groups) in self.coordinators(items, deadline).await? {
            let connection = coordinator.connect(self, deadline).await?;
            if !speaks_the_protocol(&connection) {
                for id in groups {
                    items.settle(&id, Ok(GroupDescription::dead()));
                }
                continue;
            }
            for groups in groups.chunks(AT_ONCE) {
                let request = ConsumerGroupDescribeRequest::default()
                    .with_group_ids(groups.iter().cloned().map(group_id).collect());
                let response = connection.call(&request, i16::MAX, deadline).await?;
                for group in response.groups {
                    let id = group.group_id.to_string();
                    items.settle(&id, described(&group));
                }
            }
        }
        Ok(())
    }
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
