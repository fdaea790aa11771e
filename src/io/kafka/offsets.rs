//! Where the partitions of a topic begin and end.

use std::collections::BTreeMap;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest};
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::{Cluster, topic_name};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::protocol::errors;

/// Which end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first offset that is still there.
    Earliest,
    /// The offset after the last record, the high watermark.
    Latest,
    /// The offset before which every transaction is decided, the last stable offset.
    LatestStable,
}

/// Version 10 asks for a timeout in the request that earlier versions lack; nothing else is new.
const AT_MOST: i16 = 9;

impl Cluster {
    /// Asks the leaders of all partitions of a topic for one of their ends.
    pub async fn offsets(
        &self,
        topic: &str,
        which: OffsetSpec,
    ) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let mut retry = self.retry();
        let mut found = BTreeMap::new();
        loop {
            let description = self.topic(topic).await?;
            let mut by_leader: BTreeMap<Option<i32>, Vec<i32>> = BTreeMap::new();
            for (partition, state) in &description.partitions {
                if !found.contains_key(partition) {
                    by_leader.entry(state.leader).or_default().push(*partition);
                }
            }
            if by_leader.is_empty() {
                return Ok(found);
            }
            let mut passing = None;
            for (leader, partitions) in by_leader {
                let asked = self
                    .ask_leader(leader, topic, &partitions, which, retry.deadline())
                    .await;
                match asked {
                    Ok(answers) => {
                        for (partition, answer) in answers {
                            match answer {
                                Ok(offset) => _ = found.insert(partition, offset),
                                Err(error) => passing = Some(KafkaError::from(error)),
                            }
                        }
                    }
                    Err(error) => passing = Some(error),
                }
            }
            match passing {
                // The topic exists: a leader that does not know it has not heard of it yet.
                Some(error) if is_news(&error) => retry.pause(error).await?,
                Some(error) => retry.pause_if_transient(error).await?,
                None => {}
            }
        }
    }

    async fn ask_leader(
        &self,
        leader: Option<i32>,
        topic: &str,
        partitions: &[i32],
        which: OffsetSpec,
        deadline: Instant,
    ) -> Result<Vec<(i32, Result<i64, BrokerError>)>, KafkaError> {
        let connection = self.broker(leader.unwrap_or(-1), deadline).await?;
        let timestamp = match which {
            OffsetSpec::Earliest => -2,
            OffsetSpec::Latest | OffsetSpec::LatestStable => -1,
        };
        let asked = partitions.iter().map(|partition| {
            ListOffsetsPartition::default()
                .with_partition_index(*partition)
                .with_timestamp(timestamp)
        });
        let asked = ListOffsetsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(asked.collect());
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(i8::from(which == OffsetSpec::LatestStable))
            .with_topics(vec![asked]);
        let response = connection.call(&request, AT_MOST, deadline).await?;
        let answers = response
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions);
        Ok(answers
            .map(|answer| {
                let offset = if answer.error_code == errors::NONE {
                    Ok(answer.offset)
                } else {
                    let resource = Resource::partition(topic, answer.partition_index);
                    Err(BrokerError::new("ListOffsets", resource, answer.error_code))
                };
                (answer.partition_index, offset)
            })
            .collect())
    }
}

/// True when a broker says that it has not heard of a topic or its leader.
pub(super) fn is_news(error: &KafkaError) -> bool {
    error.broker().is_some_and(|answer| answer.code.retriable)
}
