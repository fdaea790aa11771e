//! What the principal may do with topics and groups, as the brokers tell it without anything being tried (KIP-430).

use std::collections::BTreeMap;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{DescribeGroupsRequest, MetadataRequest};
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::{Cluster, topic_name};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::groups::group_id;
use crate::io::kafka::retry::Items;
use crate::protocol::errors;

/// Bits of `AclOperation` in the answer.
const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;

/// The last version in which the permissions on a group that does not exist are told: later it is an error (KIP-1043).
const TELLS_OF_NO_GROUP: i16 = 5;

/// What stands there when a broker does not tell.
const UNTOLD: i32 = i32::MIN;

/// What the principal may do with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicPermissions {
    /// Permissions do not need a topic.
    pub exists: bool,
    pub read: bool,
    pub write: bool,
}

impl Cluster {
    /// Asks what the principal may do with each of the topics; an error is that of a topic that it may not even see.
    pub async fn topic_permissions(
        &self,
        topics: &[String],
    ) -> Result<BTreeMap<String, Result<TopicPermissions, BrokerError>>, KafkaError> {
        let mut items = Items::of(topics);
        let mut retry = self.retry();
        loop {
            let round = self.permissions_round(&mut items, retry.deadline()).await;
            if !items.again(round, &mut retry).await? {
                return Ok(items.finish());
            }
        }
    }

    async fn permissions_round(
        &self,
        items: &mut Items<TopicPermissions>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        let connection = self.any(deadline).await?;
        let wanted = items
            .open()
            .into_iter()
            .map(|topic| MetadataRequestTopic::default().with_name(Some(topic_name(topic))));
        let request = MetadataRequest::default()
            .with_topics(Some(wanted.collect()))
            .with_allow_auto_topic_creation(false)
            .with_include_topic_authorized_operations(true);
        let answer = connection.call(&request, i16::MAX, deadline).await?;
        for topic in answer.topics {
            let name = topic.name.map(|name| name.0.to_string());
            let name = name.unwrap_or_default();
            let exists = topic.error_code != errors::UNKNOWN_TOPIC_OR_PARTITION;
            let outcome = if exists && topic.error_code != errors::NONE {
                let resource = Resource::topic(&name);
                Err(BrokerError::new("Metadata", resource, topic.error_code))
            } else {
                let allowed = topic.topic_authorized_operations;
                if exists && allowed == UNTOLD {
                    let reason = format!("Metadata was answered without what topic {name} allows");
                    return Err(KafkaError::protocol(connection.address(), reason));
                }
                Ok(TopicPermissions {
                    exists,
                    read: allowed & READ != 0,
                    write: allowed & WRITE != 0,
                })
            };
            items.settle(&name, outcome);
        }
        Ok(())
    }

    /// Asks of each group whether the principal may be a member of it (READ); an error is that of a group that it may not
    /// even see. The groups need not exist.
    pub async fn group_permissions(
        &self,
        groups: &[String],
    ) -> Result<BTreeMap<String, Result<bool, BrokerError>>, KafkaError> {
        let mut items = Items::of(groups);
        let mut retry = self.retry();
        loop {
            let round = self
                .group_permissions_round(&mut items, retry.deadline())
                .await;
            if !items.again(round, &mut retry).await? {
                return Ok(items.finish());
            }
        }
    }

    async fn group_permissions_round(
        &self,
        items: &mut Items<bool>,
        deadline: Instant,
    ) -> Result<(), KafkaError> {
        for (coordinator, groups) in self.coordinators(items, deadline).await? {
            let connection = coordinator.connect(self, deadline).await?;
            let request = DescribeGroupsRequest::default()
                .with_groups(groups.into_iter().map(group_id).collect())
                .with_include_authorized_operations(true);
            let answer = connection
                .call(&request, TELLS_OF_NO_GROUP, deadline)
                .await?;
            for group in answer.groups {
                let id = group.group_id.to_string();
                let outcome = if group.error_code == errors::NONE {
                    Ok(group.authorized_operations & READ != 0)
                } else {
                    let resource = Resource::group(&id);
                    Err(BrokerError::new(
                        "DescribeGroups",
                        resource,
                        group.error_code,
                    ))
                };
                items.settle(&id, outcome);
            }
        }
        Ok(())
    }
}
