//! A topic that is written to: its partitions, and which of them is next.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use kafka_protocol::messages::metadata_response::MetadataResponseTopic;

use super::ProducerSettings;
use super::outbox::Outbox;
use crate::io::kafka::acl::Resource;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::protocol::errors;
use crate::protocol::partitioner::partition_of;

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    /// By partition; empty while the topic is not known.
    pub(super) partitions: Vec<Outbox>,
    /// Why it is not known.
    pub(super) trouble: Option<KafkaError>,
    /// Where records without a key go for now, and how many bytes went there.
    sticky: Option<(usize, usize)>,
}

impl Topic {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            partitions: Vec::new(),
            trouble: None,
            sticky: None,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        !self.partitions.is_empty()
    }

    pub(super) fn has_something(&self) -> bool {
        self.partitions.iter().any(Outbox::has_something)
    }

    /// Takes what Metadata says; false when it has to be asked again.
    pub(super) fn learn(&mut self, found: &MetadataResponseTopic) -> bool {
        if found.error_code != errors::NONE {
            let error = BrokerError::new("Metadata", Resource::topic(&self.name), found.error_code);
            tracing::warn!(%error, "a topic that is to be written to is not there");
            self.trouble = Some(error.into());
            return false;
        }
        self.trouble = None;
        let mut all_led = true;
        for partition in &found.partitions {
            let Ok(index) = usize::try_from(partition.partition_index) else {
                continue;
            };
            while self.partitions.len() <= index {
                self.partitions.push(Outbox::default());
            }
            let leader = Some(partition.leader_id.0).filter(|id| *id >= 0);
            all_led &= leader.is_some();
            self.partitions[index].leader = leader;
        }
        all_led
    }

    /// Returns the partition of a record: by its key, or the one that records without a key go to for a batch or so
    /// (`BuiltInPartitioner`).
    pub(super) fn choose(
        &mut self,
        key: Option<&[u8]>,
        size: usize,
        settings: &ProducerSettings,
    ) -> usize {
        let count = self.partitions.len();
        if let Some(key) = key {
            let partition = partition_of(key, i32::try_from(count).unwrap_or(i32::MAX));
            return usize::try_from(partition).unwrap_or(0);
        }
        if count < 2 {
            return 0;
        }
        let (mut partition, mut sent) = match self.sticky {
            Some((partition, sent)) if partition < count => (partition, sent),
            _ => (self.another(), 0),
        };
        // A batch is filled first: records spread over half batches cost more requests.
        let outbox = &mut self.partitions[partition];
        let is_sent = outbox.is_fresh() && sent >= settings.batch_size;
        if is_sent || outbox.would_overflow(size, settings) {
            outbox.close();
            (partition, sent) = (self.another(), 0);
        }
        self.sticky = Some((partition, sent + size));
        partition
    }

    /// Returns the less busy of two partitions that have leaders, chosen at random.
    fn another(&self) -> usize {
        let led: Vec<usize> = (0..self.partitions.len())
            .filter(|at| self.partitions[*at].leader.is_some())
            .collect();
        let Some(last) = led.len().checked_sub(1) else {
            return 0;
        };
        let pick = |random: u64| led[usize::try_from(random).unwrap_or(0) % (last + 1)];
        let random = RandomState::new().build_hasher().finish();
        let (one, two) = (pick(random & 0xffff_ffff), pick(random >> 32));
        if self.partitions[two].waiting() < self.partitions[one].waiting() {
            two
        } else {
            one
        }
    }
}
