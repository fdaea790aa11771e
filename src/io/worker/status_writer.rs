//! Statuses on their way to the status topic, in their order.
//!
//! One that cannot be written is written again, as long as it is true: when this worker has left the generation in which it had
//! the work, somebody else may have said more of it (`KafkaStatusBackingStore` looks again before it repeats a write).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::seeder::SeedRecord;
use crate::io::kafka::writer::Writer;
use crate::model::storage_records::StatusRecord;
use crate::protocol::partitioner::partition_of;

/// Pause before a write is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// Statuses that are written at once.
const BATCH: usize = 1_000;

/// Writes statuses one after the other; nobody waits for them, except at the end.
#[derive(Debug)]
pub(super) struct StatusWriter {
    statuses: mpsc::UnboundedSender<Item>,
    /// Of the group, as this worker knows it; below zero: it is not in it.
    generation: Arc<AtomicI32>,
    _writing: JoinSet<()>,
}

#[derive(Debug)]
enum Item {
    Status {
        record: StatusRecord,
        /// It ends something, and is not true after this generation.
        only_in: Option<i32>,
    },
    /// Everything before has been written.
    Flush(oneshot::Sender<()>),
}

impl StatusWriter {
    pub(super) fn new(cluster: &Cluster, topic: &str, partitions: i32) -> Self {
        let (statuses, mut queue) = mpsc::unbounded_channel();
        let writers: BTreeMap<i32, Writer> = (0..partitions)
            .map(|partition| (partition, Writer::new(cluster, topic, partition)))
            .collect();
        let generation = Arc::new(AtomicI32::new(-1));
        let current = Arc::clone(&generation);
        let mut writing = JoinSet::new();
        writing.spawn(async move {
            let mut items = Vec::new();
            let mut are_late = false;
            while queue.recv_many(&mut items, BATCH).await > 0 {
                if are_late {
                    items.retain(|item| match item {
                        Item::Status { only_in, .. } => is_true(*only_in, &current),
                        Item::Flush(_) => true,
                    });
                }
                are_late = write(&writers, partitions, &mut items, &current).await;
            }
        });
        Self {
            statuses,
            generation,
            _writing: writing,
        }
    }

    pub(super) fn send(&self, status: StatusRecord) {
        // The queue is open as long as its task runs, which ends with this.
        let _ = self.statuses.send(Item::Status {
            record: status,
            only_in: None,
        });
    }

    /// Likewise, unless it comes to be late and the worker is in another generation than this by then.
    pub(super) fn send_in(&self, generation: i32, status: StatusRecord) {
        let _ = self.statuses.send(Item::Status {
            record: status,
            only_in: Some(generation),
        });
    }

    /// Takes in which generation of the group this worker is.
    pub(super) fn is_in(&self, generation: i32) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Waits until everything has been written, or the time is up.
    pub(super) async fn flush(&self, until: Instant) {
        let (done, written) = oneshot::channel();
        let _ = self.statuses.send(Item::Flush(done));
        if tokio::time::timeout_at(until, written).await.is_err() {
            tracing::warn!("the last statuses could not be written in time");
        }
    }
}

fn is_true(only_in: Option<i32>, generation: &AtomicI32) -> bool {
    only_in.is_none_or(|only_in| only_in == generation.load(Ordering::Relaxed))
}

/// A record, and the generation in which alone it is true.
type Said = (SeedRecord, Option<i32>);

/// Returns whether something had to be tried again.
async fn write(
    writers: &BTreeMap<i32, Writer>,
    partitions: i32,
    items: &mut Vec<Item>,
    generation: &AtomicI32,
) -> bool {
    let mut by_partition: BTreeMap<i32, Vec<Said>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for item in items.drain(..) {
        match item {
            Item::Status { record, only_in } => {
                let (key, value) = record.encode();
                let partition = partition_of(&key, partitions);
                let records = by_partition.entry(partition).or_default();
                records.push((SeedRecord { key, value }, only_in));
            }
            Item::Flush(done) => waiting.push(done),
        }
    }
    let writes = by_partition.into_iter().filter_map(|(partition, records)| {
        let writer = writers.get(&partition)?;
        Some(write_surely(writer, records, generation))
    });
    let mut was_late = false;
    for write in writes.collect::<Vec<_>>() {
        was_late |= write.await;
    }
    for done in waiting {
        // Whoever waited has given up.
        let _ = done.send(());
    }
    was_late
}

/// Tries until the records are there, as long as they are true: a status that is lost shows a state that is not. Returns
/// whether something had to be tried again.
async fn write_surely(writer: &Writer, mut said: Vec<Said>, generation: &AtomicI32) -> bool {
    let mut is_late = false;
    loop {
        let records: Vec<_> = said.iter().map(|(record, _)| record.clone()).collect();
        if records.is_empty() {
            return is_late;
        }
        match writer.write(&records).await {
            Ok(_) => return is_late,
            Err(error) if error.kafka().passes() => {
                tracing::debug!(%error, "statuses could not be written, and are written again");
                is_late = true;
                tokio::time::sleep(PAUSE).await;
                said.retain(|(_, only_in)| is_true(*only_in, generation));
            }
            Err(error) => {
                tracing::error!(%error, records = records.len(), "statuses are lost");
                return is_late;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_work_is_true_in_the_generation_of_that_work_alone() {
        let generation = AtomicI32::new(3);
        assert!(is_true(None, &generation) && is_true(Some(3), &generation));
        generation.store(-1, Ordering::Relaxed);
        assert!(is_true(None, &generation) && !is_true(Some(3), &generation));
    }
}
