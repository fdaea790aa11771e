//! One broker's share of what a consumer reads, over one connection however many topics it is of.

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::settings::ConsumerSettings;
use super::{ConsumerEvent, Fetched};
use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::{Cluster, topic_name};
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::fetcher::Chunk;
use crate::io::kafka::log::Isolation;
use crate::protocol::errors;
use crate::protocol::record_batch::{AbortedTransaction, Batches};

/// The last version in which a topic is named by its name, not by its id.
const BY_NAME: i16 = 12;

/// A partition and what comes next of it.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) topic: Arc<str>,
    /// Absent on brokers before 2.8.
    pub(super) id: Option<Uuid>,
    pub(super) partition: i32,
    pub(super) position: i64,
    /// The leader has answered for it.
    pub(super) is_read: bool,
}

impl Span {
    fn is(&self, topic: &TopicName, id: Uuid, partition: i32) -> bool {
        let same_topic = match self.id {
            Some(own) if topic.is_empty() => own == id,
            _ => **topic == *self.topic,
        };
        same_topic && self.partition == partition
    }
}

/// A partition that its leader is not, or not any more, asked for.
#[derive(Debug)]
pub(super) struct Returned {
    pub(super) span: Span,
    pub(super) why: Why,
}

#[derive(Debug)]
pub(super) enum Why {
    /// The position is not in the log.
    OutOfRange,
    Failed(KafkaError),
}

/// Reads from one broker until it fails.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) id: i32,
    pub(super) cluster: Cluster,
    pub(super) settings: Arc<ConsumerSettings>,
    pub(super) arriving: mpsc::UnboundedReceiver<Vec<Span>>,
    pub(super) events: mpsc::Sender<ConsumerEvent>,
    pub(super) back: mpsc::UnboundedSender<Returned>,
    pub(super) open: Vec<Span>,
}

impl Leader {
    /// Reads what arrives; gives everything back in the end.
    pub(super) async fn run(mut self) {
        let Err(error) = self.fetch().await else {
            return;
        };
        self.arriving.close();
        while let Ok(spans) = self.arriving.try_recv() {
            self.open.extend(spans);
        }
        for span in std::mem::take(&mut self.open) {
            self.give_back(span, Why::Failed(error.clone()));
        }
    }

    fn give_back(&self, span: Span, why: Why) {
        // Whoever takes it back ends this task when it ends itself.
        let _ = self.back.send(Returned { span, why });
    }

    async fn fetch(&mut self) -> Result<(), KafkaError> {
        let deadline = self.cluster.retry().deadline();
        let connection = self.cluster.open_to(self.id, deadline).await?;
        loop {
            while let Ok(spans) = self.arriving.try_recv() {
                self.open.extend(spans);
            }
            if self.open.is_empty() {
                match self.arriving.recv().await {
                    Some(spans) => self.open.extend(spans),
                    None => return Ok(()),
                }
            }
            let by_id = self.open.iter().all(|span| span.id.is_some());
            let at_most = if by_id { i16::MAX } else { BY_NAME };
            let version = connection.version::<FetchRequest>(at_most)?;
            let request = request(version, &self.open, &self.settings);
            let deadline = self.cluster.retry().deadline() + self.settings.fetch.max_wait;
            let response = connection.request(&request, version, deadline).await?;
            self.take(connection.address(), response).await?;
            // The first partition of a request is the one that gets a whole batch however large: everyone's turn.
            if self.open.len() > 1 {
                self.open.rotate_left(1);
            }
        }
    }

    /// Passes on what came and moves the positions.
    async fn take(&mut self, address: &str, response: FetchResponse) -> Result<(), KafkaError> {
        if response.error_code != errors::NONE {
            let resource = Resource::Broker(self.id);
            return Err(BrokerError::new("Fetch", resource, response.error_code).into());
        }
        let mut expected = 0;
        for topic in response.responses {
            for data in topic.partitions {
                let is = |span: &Span| span.is(&topic.topic, topic.topic_id, data.partition_index);
                // Answers come in the order of the request.
                let at = match self.open.get(expected) {
                    Some(span) if is(span) => Some(expected),
                    _ => self.open.iter().position(is),
                };
                let Some(at) = at else {
                    let index = data.partition_index;
                    let reason = format_args!("partition {index} was not asked for");
                    return Err(KafkaError::protocol(address, reason));
                };
                expected = at + usize::from(self.advance(at, data).await);
            }
        }
        Ok(())
    }

    /// Passes on the data of one partition; false: it is given back.
    async fn advance(&mut self, at: usize, data: PartitionData) -> bool {
        let span = &self.open[at];
        let why = match data.error_code {
            errors::NONE => match chunk(span, data) {
                Ok(None) => None,
                Ok(Some((fetched, next))) => {
                    self.open[at].position = next;
                    // The receiver goes with this task.
                    let _ = self.events.send(ConsumerEvent::Records(fetched)).await;
                    None
                }
                Err(error) => Some(Why::Failed(error)),
            },
            errors::OFFSET_OUT_OF_RANGE => Some(Why::OutOfRange),
            code => {
                let resource = Resource::partition(&span.topic, span.partition);
                let error = BrokerError::new("Fetch", resource, code);
                Some(Why::Failed(error.by(&self.cluster.caller()).into()))
            }
        };
        match why {
            None => {
                self.open[at].is_read = true;
                true
            }
            Some(why) => {
                let span = self.open.remove(at);
                self.give_back(span, why);
                false
            }
        }
    }
}

fn request(version: i16, spans: &[Span], settings: &ConsumerSettings) -> FetchRequest {
    let limits = &settings.fetch;
    let mut topics: IndexMap<&str, FetchTopic> = IndexMap::new();
    for span in spans {
        let partition = FetchPartition::default()
            .with_partition(span.partition)
            .with_fetch_offset(span.position)
            .with_partition_max_bytes(limits.partition_bytes);
        let topic = topics.entry(&span.topic).or_insert_with(|| match span.id {
            Some(id) if version > BY_NAME => FetchTopic::default().with_topic_id(id),
            _ => FetchTopic::default().with_topic(topic_name(&*span.topic)),
        });
        topic.partitions.push(partition);
    }
    let wait = i32::try_from(limits.max_wait.as_millis()).unwrap_or(i32::MAX);
    FetchRequest::default()
        .with_max_wait_ms(wait)
        .with_min_bytes(limits.min_bytes)
        .with_max_bytes(limits.max_bytes)
        .with_isolation_level(i8::from(settings.isolation == Isolation::ReadCommitted))
        .with_topics(topics.into_values().collect())
}

/// Returns what came of a partition and where to go on; `None`: nothing did.
fn chunk(span: &Span, data: PartitionData) -> Result<Option<(Fetched, i64)>, KafkaError> {
    let records = data.records.unwrap_or_default();
    if records.is_empty() {
        return Ok(None);
    }
    let next = after(span, records.clone())?;
    let aborted = data.aborted_transactions.unwrap_or_default();
    let aborted = aborted.into_iter().map(|transaction| AbortedTransaction {
        producer_id: transaction.producer_id.0,
        first_offset: transaction.first_offset,
    });
    let chunk = Chunk {
        partition: span.partition,
        from: span.position,
        end: i64::MAX,
        data: records,
        aborted: aborted.collect(),
    };
    let fetched = Fetched {
        topic: Arc::clone(&span.topic),
        partition: span.partition,
        chunk,
    };
    Ok(Some((fetched, next)))
}

/// Returns the offset after the last complete batch.
fn after(span: &Span, records: Bytes) -> Result<i64, KafkaError> {
    let mut next = span.position;
    for batch in Batches::new(records) {
        let batch = batch.map_err(|source| KafkaError::Records {
            topic: span.topic.to_string(),
            partition: span.partition,
            source,
        })?;
        next = next.max(batch.next_offset());
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::kafka::consumer::Subscription;
    use crate::model::properties::Properties;

    fn span(topic: &str, id: Option<Uuid>, partition: i32) -> Span {
        Span {
            topic: topic.into(),
            id,
            partition,
            position: 5,
            is_read: false,
        }
    }

    #[test]
    fn partitions_of_many_topics_share_a_request_within_the_consumer_s_limits() {
        let client = Properties::from(
            [
                ("fetch.min.bytes", "7"),
                ("fetch.max.wait.ms", "250"),
                ("fetch.max.bytes", "1000"),
                ("max.partition.fetch.bytes", "100"),
                ("isolation.level", "read_committed"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let topics = Subscription::Topics(Vec::new());
        let settings = ConsumerSettings::from_properties(&client, topics).unwrap();
        let ids = [1, 2].map(Uuid::from_u128);
        let spans = [
            span("a", Some(ids[0]), 1),
            span("b", Some(ids[1]), 0),
            span("a", Some(ids[0]), 0),
        ];
        let sent = request(13, &spans, &settings);
        assert_eq!(
            (sent.min_bytes, sent.max_wait_ms, sent.max_bytes),
            (7, 250, 1000)
        );
        assert_eq!(sent.isolation_level, 1);
        let asked: Vec<_> = sent.topics.iter().map(|topic| topic.topic_id).collect();
        assert_eq!(asked, ids);
        let first: Vec<_> = sent.topics[0]
            .partitions
            .iter()
            .map(|p| p.partition)
            .collect();
        assert_eq!(first, [1, 0]);
        assert_eq!(sent.topics[0].partitions[0].partition_max_bytes, 100);
        let named = request(BY_NAME, &spans, &settings);
        assert_eq!(&*named.topics[1].topic, "b");
    }

    #[test]
    fn an_answer_is_known_by_the_topic_s_id_or_its_name() {
        let [one, other] = [1, 2].map(Uuid::from_u128);
        let known = span("a", Some(one), 1);
        assert!(known.is(&topic_name(""), one, 1));
        assert!(!known.is(&topic_name(""), other, 1));
        assert!(!known.is(&topic_name(""), one, 0));
        assert!(known.is(&topic_name("a"), Uuid::nil(), 1));
        assert!(!span("a", None, 1).is(&topic_name(""), Uuid::nil(), 1));
    }
}
