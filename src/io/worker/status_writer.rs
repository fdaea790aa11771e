//! Statuses on their way to the status topic, in their order.

use std::collections::BTreeMap;
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
    _writing: JoinSet<()>,
}

#[derive(Debug)]
enum Item {
    Status(StatusRecord),
    /// Everything before has been written.
    Flush(oneshot::Sender<()>),
}

impl StatusWriter {
    pub(super) fn new(cluster: &Cluster, topic: &str, partitions: i32) -> Self {
        let (statuses, mut queue) = mpsc::unbounded_channel();
        let writers: BTreeMap<i32, Writer> = (0..partitions)
            .map(|partition| (partition, Writer::new(cluster, topic, partition)))
            .collect();
        let mut writing = JoinSet::new();
        writing.spawn(async move {
            let mut items = Vec::new();
            while queue.recv_many(&mut items, BATCH).await > 0 {
                write(&writers, partitions, &mut items).await;
            }
        });
        Self {
            statuses,
            _writing: writing,
        }
    }

    pub(super) fn send(&self, status: StatusRecord) {
        // The queue is open as long as its task runs, which ends with this.
        let _ = self.statuses.send(Item::Status(status));
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

async fn write(writers: &BTreeMap<i32, Writer>, partitions: i32, items: &mut Vec<Item>) {
    let mut by_partition: BTreeMap<i32, Vec<SeedRecord>> = BTreeMap::new();
    let mut waiting = Vec::new();
    for item in items.drain(..) {
        match item {
            Item::Status(status) => {
                let (key, value) = status.encode();
                let partition = partition_of(&key, partitions);
                let records = by_partition.entry(partition).or_default();
                records.push(SeedRecord { key, value });
            }
            Item::Flush(done) => waiting.push(done),
        }
    }
    let writes = by_partition.into_iter().filter_map(|(partition, records)| {
        let writer = writers.get(&partition)?;
        Some(write_surely(writer, records))
    });
    for write in writes.collect::<Vec<_>>() {
        write.await;
    }
    for done in waiting {
        // Whoever waited has given up.
        let _ = done.send(());
    }
}

/// Tries until the records are there: a status that is lost shows a state that is not.
async fn write_surely(writer: &Writer, records: Vec<SeedRecord>) {
    loop {
        match writer.write(&records).await {
            Ok(_) => return,
            Err(error) if error.kafka().passes() => {
                tracing::debug!(%error, "statuses could not be written, and are written again");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::error!(%error, records = records.len(), "statuses are lost");
                return;
            }
        }
    }
}
