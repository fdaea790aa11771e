//! Where reading begins without an offset that is there (`auto.offset.reset`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::settings::ConsumerSettings;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::groups::TopicPartition;
use crate::io::kafka::log::Isolation;
use crate::io::kafka::offsets::OffsetSpec;
use crate::model::java_duration;

/// Where reading begins without a committed offset, and where the committed one is not in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    Earliest,
    Latest,
    /// Nowhere: it is an error.
    None,
    /// With the first record that is no older (KIP-1106).
    Since(Duration),
}

impl Reset {
    /// Reads what `AutoOffsetResetStrategy` reads.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            "none" => Some(Self::None),
            _ => {
                let duration = text.strip_prefix("by_duration:")?;
                java_duration::parse(duration).map(Self::Since)
            }
        }
    }
}

/// Why there is no place to read from, in the words of Java's consumer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPosition {
    #[error(
        "org.apache.kafka.clients.consumer.NoOffsetForPartitionException: \
         Undefined offset with no reset policy for partitions: [{}]",
        named(partitions)
    )]
    Undefined { partitions: Vec<TopicPartition> },
    #[error(
        "org.apache.kafka.clients.consumer.OffsetOutOfRangeException: \
         Fetch position {position} is out of range for partition {}-{}",
        at.0, at.1
    )]
    OutOfRange { at: TopicPartition, position: i64 },
}

fn named(partitions: &[TopicPartition]) -> String {
    let names = partitions.iter();
    let names: Vec<_> = names
        .map(|(topic, partition)| format!("{topic}-{partition}"))
        .collect();
    names.join(", ")
}

/// Asks where partitions of a topic are to be begun; one that the cluster does not know yet is left out, and with
/// [`Reset::None`] every one.
pub(super) async fn begin(
    cluster: &Cluster,
    settings: &ConsumerSettings,
    topic: &str,
    partitions: &BTreeSet<i32>,
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let end = match settings.isolation {
        Isolation::ReadUncommitted => OffsetSpec::Latest,
        Isolation::ReadCommitted => OffsetSpec::LatestStable,
    };
    let which = match settings.reset {
        Reset::Earliest => OffsetSpec::Earliest,
        Reset::Latest => end,
        Reset::None => return Ok(BTreeMap::new()),
        Reset::Since(duration) => OffsetSpec::Since(before_now(duration)),
    };
    let mut found = cluster.offsets_of(topic, Some(partitions), which).await?;
    let too_old = |(partition, offset): (&i32, &i64)| (*offset < 0).then_some(*partition);
    let without: BTreeSet<i32> = found.iter().filter_map(too_old).collect();
    if !without.is_empty() {
        // Nothing there is that new; what comes will be.
        found.extend(cluster.offsets_of(topic, Some(&without), end).await?);
    }
    Ok(found)
}

/// Returns the time so long ago, in milliseconds since the epoch and not before it: below zero brokers see a code.
fn before_now(duration: Duration) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let then = now.unwrap_or_default().saturating_sub(duration);
    i64::try_from(then.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_read_as_java_reads_them() {
        for (text, reset) in [
            ("earliest", Some(Reset::Earliest)),
            ("latest", Some(Reset::Latest)),
            ("none", Some(Reset::None)),
            (
                "by_duration:PT1H",
                Some(Reset::Since(Duration::from_secs(3600))),
            ),
            ("by_duration", None),
            ("by_duration:", None),
            ("by_duration:-PT1H", None),
            ("Earliest", None),
            ("", None),
        ] {
            assert_eq!(Reset::parse(text), reset, "{text}");
        }
    }

    #[test]
    fn a_duration_longer_than_time_begins_at_its_beginning() {
        assert_eq!(before_now(Duration::MAX), 0);
        assert!(before_now(Duration::ZERO) > 0);
    }

    #[test]
    fn a_missing_position_is_told_as_java_tells_it() {
        let at = |partition| ("t".to_owned(), partition);
        let undefined = NoPosition::Undefined {
            partitions: vec![at(0), at(1)],
        };
        let text = undefined.to_string();
        let words = "Undefined offset with no reset policy for partitions: [t-0, t-1]";
        assert!(text.ends_with(words), "{text}");
        let (at, position) = (at(2), 7);
        let text = NoPosition::OutOfRange { at, position }.to_string();
        assert!(
            text.ends_with("Fetch position 7 is out of range for partition t-2"),
            "{text}"
        );
    }
}
