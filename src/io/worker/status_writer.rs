//! Statuses on their way to the status topic, in their order.
//!
//! One that cannot be written is written again, as long as it is true: when this worker has left the generation in which it had
//! the work, somebody else may have said more of it (`KafkaStatusBackingStore` looks again before it repeats a write).

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::seeder::SeedRecord;
use crate::io::kafka::writer::{WriteError, Writer};
use crate::model::storage_records::StatusRecord;
use crate::protocol::errors;
use crate::protocol::partitioner::partition_of;

/// Pause before a write is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// Statuses of a partition that are written at once.
const BATCH: usize = 1_000;

/// Writes the statuses of each partition one after the other; nobody waits for them, except at the end.
#[derive(Debug)]
pub(super) struct StatusWriter {
    /// By partition: one that has no leader holds up none but its own.
    queues: Vec<mpsc::UnboundedSender<Item>>,
    /// Of the group, as this worker knows it; below zero: it is not in it.
    generation: Arc<AtomicI32>,
    _writing: JoinSet<()>,
}

#[derive(Debug)]
enum Item {
    Status(Said),
    /// Everything before has been written.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Said {
    record: SeedRecord,
    /// It ends something, and is not true after this generation.
    only_in: Option<i32>,
}

impl StatusWriter {
    pub(super) fn new(cluster: &Cluster, topic: &str, partitions: i32) -> Self {
        let generation = Arc::new(AtomicI32::new(-1));
        let mut writing = JoinSet::new();
        let queue = |partition| {
            let (statuses, queue) = mpsc::unbounded_channel();
            let writer = Writer::new(cluster, topic, partition);
            writing.spawn(write_all(writer, queue, Arc::clone(&generation)));
            statuses
        };
        Self {
            queues: (0..partitions).map(queue).collect(),
            generation,
            _writing: writing,
        }
    }

    pub(super) fn send(&self, status: &StatusRecord) {
        self.put(status, None);
    }

    /// Likewise, unless it comes to be late and the worker is in another generation than this by then.
    pub(super) fn send_in(&self, generation: i32, status: &StatusRecord) {
        self.put(status, Some(generation));
    }

    fn put(&self, status: &StatusRecord, only_in: Option<i32>) {
        let (key, value) = status.encode();
        let partitions = i32::try_from(self.queues.len()).unwrap_or(i32::MAX);
        let partition = usize::try_from(partition_of(&key, partitions)).unwrap_or(0);
        let record = SeedRecord { key, value };
        if let Some(queue) = self.queues.get(partition) {
            // The queue is open as long as its task runs, which ends with this.
            let _ = queue.send(Item::Status(Said { record, only_in }));
        }
    }

    /// Takes in which generation of the group this worker is.
    pub(super) fn is_in(&self, generation: i32) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Waits until everything has been written, or the time is up.
    pub(super) async fn flush(&self, until: Instant) {
        let queue = |queue: &mpsc::UnboundedSender<Item>| {
            let (done, written) = oneshot::channel();
            let _ = queue.send(Item::Flush(done));
            written
        };
        let mut late = 0;
        for written in self.queues.iter().map(queue).collect::<Vec<_>>() {
            late += usize::from(tokio::time::timeout_at(until, written).await.is_err());
        }
        if late > 0 {
            tracing::warn!(
                partitions = late,
                "the last statuses could not be written in time"
            );
        }
    }
}

fn is_true(only_in: Option<i32>, generation: &AtomicI32) -> bool {
    only_in.is_none_or(|only_in| only_in == generation.load(Ordering::Relaxed))
}

async fn write_all(
    writer: Writer,
    mut queue: mpsc::UnboundedReceiver<Item>,
    generation: Arc<AtomicI32>,
) {
    let mut items = Vec::new();
    let mut are_late = false;
    while queue.recv_many(&mut items, BATCH).await > 0 {
        let mut said = Vec::new();
        let mut waiting = Vec::new();
        for item in items.drain(..) {
            match item {
                Item::Status(status) => said.push(status),
                Item::Flush(done) => waiting.push(done),
            }
        }
        if are_late {
            said.retain(|said| is_true(said.only_in, &generation));
        }
        let attempt = |part: Vec<SeedRecord>| {
            let writer = &writer;
            async move { writer.write(&part).await }
        };
        are_late = write(attempt, said, &generation).await;
        for done in waiting {
            // Whoever waited has given up.
            let _ = done.send(());
        }
    }
}

/// Tries until the records are there, as long as they are true: a status that is lost shows a state that is not. Returns
/// whether something had to be tried again.
async fn write<F>(
    attempt: impl Fn(Vec<SeedRecord>) -> F,
    mut said: Vec<Said>,
    generation: &AtomicI32,
) -> bool
where
    F: Future<Output = Result<i64, WriteError>>,
{
    let mut is_late = false;
    // More than the topic takes at once goes in parts, long traces for example.
    let mut most = said.len();
    while !said.is_empty() {
        let part = said.iter().take(most);
        let part: Vec<_> = part.map(|said| said.record.clone()).collect();
        let length = part.len();
        let Err(error) = attempt(part).await else {
            said.drain(..length);
            continue;
        };
        if error.kafka().passes() {
            tracing::debug!(%error, "statuses could not be written, and are written again");
            is_late = true;
            tokio::time::sleep(PAUSE).await;
            said.retain(|said| is_true(said.only_in, generation));
        } else if length > 1 && is_too_large(error.kafka()) {
            most = length.div_ceil(2);
        } else {
            tracing::error!(%error, records = length, "statuses are lost");
            said.drain(..length);
        }
    }
    is_late
}

fn is_too_large(error: &KafkaError) -> bool {
    error.broker().is_some_and(|answer| {
        answer.is(errors::MESSAGE_TOO_LARGE) || answer.is(errors::RECORD_LIST_TOO_LARGE)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use bytes::Bytes;

    use super::*;
    use crate::io::kafka::error::BrokerError;

    /// Statuses of these sizes in bytes, the first of them true in generation 3 alone.
    fn said(sizes: &[usize]) -> Vec<Said> {
        let said = sizes.iter().enumerate().map(|(number, size)| Said {
            record: SeedRecord {
                key: Bytes::from(number.to_string()),
                value: Some(Bytes::from(vec![b'x'; *size])),
            },
            only_in: (number == 0).then_some(3),
        });
        said.collect()
    }

    /// Writes to a topic that answers with these codes first and then takes 100 bytes at once; returns the keys it has.
    async fn written(sizes: &[usize], codes: &[i16], generation: i32) -> (String, bool) {
        let codes = RefCell::new(codes.iter());
        let keys = RefCell::new(String::new());
        let topic = async |records: Vec<SeedRecord>| {
            let size = |record: &SeedRecord| record.value.as_ref().map_or(0, Bytes::len);
            let size: usize = records.iter().map(size).sum();
            let code = codes.borrow_mut().next().copied();
            let code = code.or((size > 100).then_some(errors::MESSAGE_TOO_LARGE));
            if let Some(code) = code {
                let error = BrokerError::new("Produce", "topic t", code);
                return Err(WriteError::Refused(error.into()));
            }
            for record in &records {
                *keys.borrow_mut() += &String::from_utf8_lossy(&record.key);
            }
            Ok(0)
        };
        let is_late = write(topic, said(sizes), &AtomicI32::new(generation)).await;
        (keys.into_inner(), is_late)
    }

    #[tokio::test]
    async fn statuses_that_are_too_large_together_go_in_parts_and_one_that_is_too_large_is_lost_alone()
     {
        assert_eq!(written(&[60; 7], &[], 3).await, ("0123456".into(), false));
        let sizes = [10, 10, 500, 10, 60, 60];
        assert_eq!(written(&sizes, &[], 3).await, ("01345".into(), false));
    }

    #[tokio::test]
    async fn what_passes_is_waited_for_and_what_is_not_true_by_then_is_left_out() {
        let away = [errors::NOT_LEADER_OR_FOLLOWER; 2];
        assert_eq!(written(&[1, 1], &away, 3).await, ("01".into(), true));
        assert_eq!(written(&[1, 1], &away, 4).await, ("1".into(), true));
        assert_eq!(written(&[1, 1], &[], 4).await, ("01".into(), false));
    }

    #[test]
    fn what_ends_work_is_true_in_the_generation_of_that_work_alone() {
        let generation = AtomicI32::new(3);
        assert!(is_true(None, &generation) && is_true(Some(3), &generation));
        generation.store(-1, Ordering::Relaxed);
        assert!(is_true(None, &generation) && !is_true(Some(3), &generation));
    }
}
