//! What the principal may do with topics, as the brokers tell it without anything being tried (KIP-430).

use std::collections::BTreeMap;

use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;

use crate::io::kafka::cluster::{Cluster, topic_name};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::protocol::errors;

/// Bits of `AclOperation` in the answer.
const READ: i32 = 1 << 3;
const WRITE: i32 = 1 << 4;

/// What the principal may do with a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicPermissions {
    pub read: bool,
    pub write: bool,
}

impl Cluster {
    /// Asks what the principal may do with each of the topics; a topic that it may not even see is an error.
    pub async fn topic_permissions(
        &self,
        topics: &[String],
    ) -> Result<BTreeMap<String, TopicPermissions>, KafkaError> {
        let mut retry = self.retry();
        loop {
            match self.permissions_once(topics).await {
                Ok(found) => return Ok(found),
                Err(error) => retry.pause_if_transient(error).await?,
            }
        }
    }

    async fn permissions_once(
        &self,
        topics: &[String],
    ) -> Result<BTreeMap<String, TopicPermissions>, KafkaError> {
        let deadline = self.retry().deadline();
        let connection = self.any(deadline).await?;
        let wanted = topics
            .iter()
            .map(|topic| MetadataRequestTopic::default().with_name(Some(topic_name(&**topic))));
        let request = MetadataRequest::default()
            .with_topics(Some(wanted.collect()))
            .with_allow_auto_topic_creation(false)
            .with_include_topic_authorized_operations(true);
        let answer = connection.call(&request, i16::MAX, deadline).await?;
        let mut found = BTreeMap::new();
        for topic in answer.topics {
            let name = topic.name.map(|name| name.0.to_string());
            let name = name.unwrap_or_default();
            if topic.error_code != errors::NONE {
                let resource = format!("topic {name}");
                return Err(BrokerError::new("Metadata", resource, topic.error_code).into());
            }
            let allowed = topic.topic_authorized_operations;
            let permissions = TopicPermissions {
                read: allowed & READ != 0,
                write: allowed & WRITE != 0,
            };
            found.insert(name, permissions);
        }
        Ok(found)
    }
}
