//! Writes positions to an offset topic, for all tasks of a worker: the producer of `KafkaOffsetBackingStore`.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::producer::{Delivery, ProduceError, Producer, ProducerSettings, TopicHandle};
use crate::protocol::record_batch::NewRecord;

/// A key of the offset topic and its new value; `None` deletes.
pub(super) type Entry = (Bytes, Option<Bytes>);

/// Dropping it ends the writing.
#[derive(Debug)]
pub(super) struct OffsetWriter {
    writes: mpsc::UnboundedSender<Write>,
    _running: JoinSet<()>,
}

#[derive(Debug)]
struct Write {
    entries: Vec<Entry>,
    done: oneshot::Sender<Result<(), ProduceError>>,
}

impl OffsetWriter {
    pub(super) fn start(cluster: &Cluster, topic: &str, mut settings: ProducerSettings) -> Self {
        // As `KafkaOffsetBackingStore` sets it: a commit that takes longer has been given up.
        settings.linger = std::time::Duration::ZERO;
        let mut producer = Producer::new(cluster, settings);
        let topic = producer.topic(topic);
        let (writes, queue) = mpsc::unbounded_channel();
        let mut running = JoinSet::new();
        let writing = Writing {
            producer,
            topic,
            next_ticket: 0,
            open: HashMap::new(),
            waiting: Vec::new(),
        };
        running.spawn(writing.run(queue));
        Self {
            writes,
            _running: running,
        }
    }

    /// Writes the entries; the receiver is told when all are acknowledged, or why one is not.
    pub(super) fn write(&self, entries: Vec<Entry>) -> oneshot::Receiver<Result<(), ProduceError>> {
        let (done, told) = oneshot::channel();
        // A writer that has ended drops `done`, which the receiver sees.
        let _ = self.writes.send(Write { entries, done });
        told
    }
}

struct Writing {
    producer: Producer,
    topic: TopicHandle,
    next_ticket: u64,
    /// Writes by their last ticket.
    open: HashMap<u64, Open>,
    /// Writes that came before the topic was known.
    waiting: Vec<Write>,
}

struct Open {
    tickets: Range<u64>,
    left: u64,
    done: Option<oneshot::Sender<Result<(), ProduceError>>>,
}

impl Writing {
    async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Write>) {
        loop {
            if self.producer.is_known(self.topic) {
                for write in std::mem::take(&mut self.waiting) {
                    self.push(write);
                }
            } else if let Some(refusal) = self.producer.refusal(self.topic) {
                self.refuse(&refusal);
            }
            let moves = !self.producer.is_idle() || !self.producer.is_known(self.topic);
            tokio::select! {
                write = queue.recv() => match write {
                    Some(write) => {
                        // What was given up in an outage is written with the next commit.
                        self.waiting.retain(|write| !write.done.is_closed());
                        self.waiting.push(write);
                    }
                    None => return,
                },
                delivery = self.producer.next(), if moves => {
                    if let Some(delivery) = delivery {
                        self.told(delivery);
                    }
                }
            }
        }
    }

    /// Fails what waits, as `KafkaProducer.send` does for a topic that it may not write to.
    fn refuse(&mut self, refusal: &ProduceError) {
        if !self.waiting.is_empty() {
            // What was refused may be allowed at the next commit.
            self.producer.look_again();
        }
        for write in std::mem::take(&mut self.waiting) {
            // Who gave the write up does not listen.
            let _ = write.done.send(Err(refusal.clone()));
        }
    }

    fn push(&mut self, write: Write) {
        let first = self.next_ticket;
        let count = write.entries.len() as u64;
        if count == 0 {
            let _ = write.done.send(Ok(()));
            return;
        }
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let timestamp = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        self.next_ticket += count;
        let mut open = Open {
            tickets: first..first + count,
            left: count,
            done: Some(write.done),
        };
        for (ticket, (key, value)) in (first..).zip(&write.entries) {
            let record = NewRecord {
                timestamp,
                key: Some(key),
                value: value.as_deref(),
                headers: &[],
            };
            if let Err(error) = self.producer.push(self.topic, None, ticket, &record) {
                open.fail(error);
                open.left -= 1;
            }
        }
        if open.left > 0 {
            self.open.insert(first, open);
        }
    }

    fn told(&mut self, delivery: Delivery) {
        let (tickets, error) = match delivery {
            Delivery::Acknowledged { tickets, .. } => (tickets, None),
            Delivery::Lost { tickets, error, .. } => (tickets, Some(error)),
        };
        for open in self.open.values_mut() {
            let told: u64 = tickets
                .iter()
                .map(|told| {
                    let from = told.start.max(open.tickets.start);
                    told.end.min(open.tickets.end).saturating_sub(from)
                })
                .sum();
            open.left = open.left.saturating_sub(told);
            if let Some(error) = error.clone().filter(|_| told > 0) {
                open.fail(error);
            }
        }
        self.open.retain(|_, open| {
            if open.left == 0
                && let Some(done) = open.done.take()
            {
                // Who gave the write up does not listen.
                let _ = done.send(Ok(()));
            }
            open.left > 0
        });
    }
}

impl Open {
    fn fail(&mut self, error: ProduceError) {
        if let Some(done) = self.done.take() {
            let _ = done.send(Err(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::kafka::error::{BrokerError, KafkaError};
    use crate::io::kafka::settings::ClientSettings;
    use crate::model::properties::Properties;
    use crate::protocol::errors;

    #[tokio::test]
    async fn a_commit_to_a_topic_that_may_not_be_written_is_told_why() {
        let servers = ("bootstrap.servers".to_owned(), "127.0.0.1:1".to_owned());
        let properties = Properties::from([servers]);
        let timeout = std::time::Duration::from_secs(1);
        let settings = ClientSettings::from_properties(&properties, timeout).unwrap();
        let cluster = Cluster::unconnected(settings);
        let mut producer = Producer::new(&cluster, ProducerSettings::default());
        let topic = producer.topic("offsets");
        let mut writing = Writing {
            producer,
            topic,
            next_ticket: 0,
            open: HashMap::new(),
            waiting: Vec::new(),
        };
        let (done, told) = oneshot::channel();
        let entries = vec![(Bytes::from_static(b"k"), None)];
        writing.waiting.push(Write { entries, done });
        let code = errors::TOPIC_AUTHORIZATION_FAILED;
        let source = KafkaError::from(BrokerError::new("Metadata", "topic offsets", code));
        writing.refuse(&ProduceError::Kafka {
            topic: "offsets".to_owned(),
            source: Box::new(source),
        });
        let error = told.await.unwrap().unwrap_err();
        let text = error.to_string();
        assert!(text.contains("TOPIC_AUTHORIZATION_FAILED"), "{text}");
        assert!(writing.waiting.is_empty());
    }
}
