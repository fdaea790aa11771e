//! Connectors with an offset topic of their own (KIP-618), which standalone mode ignores.
//!
//! A distributed worker asks both topics for a key, and the answer of the connector's own goes over that of the workers' even
//! when it is that there is none: `KafkaOffsetBackingStore.get` answers every key, with null where it has nothing, and
//! `ConnectorOffsetBackingStore.get` puts these answers over the others. What only the workers' topic has is never found.

use std::collections::BTreeMap;

use bytes::Bytes;
use indexmap::IndexMap;

/// The setting that names the topic.
pub const OWN_TOPIC: &str = "offsets.storage.topic";

/// Returns the topic of [`OWN_TOPIC`] when it is another one than the workers'.
pub fn own_offset_topic<'a>(setting: &'a str, workers: &str) -> Option<&'a str> {
    let own = setting.trim();
    (!own.is_empty() && own != workers).then_some(own)
}

/// Returns whether a connector talks to another Kafka cluster than its workers: there it has its offset topic.
pub fn has_another_kafka(config: &IndexMap<String, String>) -> bool {
    ["producer", "consumer", "admin"]
        .iter()
        .any(|client| config.contains_key(&format!("{client}.override.bootstrap.servers")))
}

/// What a connector's own offset topic holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnOffsets {
    pub topic: String,
    /// Offsets by key; `None`: this principal may not read the topic, or it is in another Kafka cluster.
    pub held: Option<BTreeMap<Bytes, Bytes>>,
}

impl OwnOffsets {
    /// Returns the keys for which the connector would not find what is wanted, sorted: those that the topic lacks or has with
    /// another offset, and those that only the topic has. Of a topic that cannot be seen, none.
    pub fn differing<'a>(
        &'a self,
        wanted: impl Iterator<Item = (&'a Bytes, Option<&'a Bytes>)>,
    ) -> Vec<&'a Bytes> {
        let Some(held) = &self.held else {
            return Vec::new();
        };
        let wanted: BTreeMap<_, _> = wanted.filter_map(|(key, v)| Some((key, v?))).collect();
        let other = wanted.iter().filter(|(key, v)| held.get(**key) != Some(*v));
        let further = held.keys().filter(|key| !wanted.contains_key(key));
        let mut keys: Vec<_> = other.map(|(key, _)| *key).chain(further).collect();
        keys.sort();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workers_topic_is_its_own_topic_too() {
        assert_eq!(own_offset_topic(" own ", "workers"), Some("own"));
        assert_eq!(own_offset_topic("workers", "workers"), None);
        assert_eq!(own_offset_topic(" ", "workers"), None);
    }

    #[test]
    fn what_is_missing_other_or_further_differs() {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        let keys = ["gone", "missing", "other", "same"].map(bytes);
        let (one, two) = (bytes("1"), bytes("2"));
        let wanted = [None, Some(&one), Some(&one), Some(&one)];
        let differing = |held: Option<BTreeMap<Bytes, Bytes>>| {
            let topic = "own".to_owned();
            let own = OwnOffsets { topic, held };
            let keys = own.differing(keys.iter().zip(wanted));
            keys.into_iter().cloned().collect::<Vec<_>>()
        };
        let held = [("other", &two), ("same", &one), ("further", &one)];
        let held = held.map(|(key, value)| (bytes(key), value.clone()));
        assert_eq!(
            differing(Some(held.into())),
            ["further", "missing", "other"].map(bytes)
        );
        assert!(differing(None).is_empty());
    }

    #[test]
    fn a_connector_of_another_kafka_has_its_offset_topic_there() {
        let config = |key: &str| IndexMap::from([(key.to_owned(), "kafka:9092".to_owned())]);
        assert!(has_another_kafka(&config(
            "producer.override.bootstrap.servers"
        )));
        assert!(!has_another_kafka(&config("bootstrap.servers")));
    }
}
