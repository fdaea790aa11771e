//! Topic settings that brokers know (`org.apache.kafka.common.config.TopicConfig`, 2.8 to 4.3).

/// What follows `<x>.storage.` and is the worker's own, not a topic setting.
const OF_THE_WORKER: &[&str] = &["topic", "partitions", "replication.factor"];

const OF_THE_TOPIC: &[&str] = &[
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.copy.disable",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// Returns whether a setting after `<x>.storage.` reaches a broker that knows it, or never leaves the worker.
///
/// Settings of vendors (`confluent.…`) cannot be judged and pass.
pub(super) fn is_known(setting: &str) -> bool {
    OF_THE_WORKER.contains(&setting)
        || OF_THE_TOPIC.binary_search(&setting).is_ok()
        || setting.starts_with("confluent.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(OF_THE_TOPIC.is_sorted());
    }

    #[test]
    fn the_leftover_of_standalone_is_no_topic_setting() {
        assert!(!is_known("file.filename"));
        assert!(is_known("segment.bytes") && is_known("partitions"));
    }
}
