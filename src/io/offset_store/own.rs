//! The offset topics that connectors have of their own (KIP-618).

use std::collections::BTreeMap;

use bytes::Bytes;
use indexmap::IndexMap;

use super::topic::read_topic;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::model::offset_key::OffsetKey;
use crate::plan::offset_seed::OffsetTopic;
use crate::plan::{OWN_TOPIC, OwnOffsets, SeedRecord, StoredOffsets, own_offset_topic};

/// Reads what connectors with offset topics of their own keep there, each topic once; a topic that is not there holds nothing.
///
/// `workers` is the workers' topic; connectors are names with their configurations.
pub async fn read_own<'a>(
    cluster: &Cluster,
    workers: &str,
    connectors: impl Iterator<Item = (&'a str, &'a IndexMap<String, String>)>,
) -> Result<BTreeMap<String, OwnOffsets>, KafkaError> {
    let mut topics = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (connector, config) in connectors {
        let setting = config.get(OWN_TOPIC);
        let Some(topic) = setting.and_then(|own| own_offset_topic(own, workers)) else {
            continue;
        };
        let held = if is_elsewhere(config) {
            None
        } else {
            if !topics.contains_key(topic) {
                let read = if_allowed(read_topic(cluster, topic).await)?;
                topics.insert(topic.to_owned(), read);
            }
            let read = topics.get(topic).and_then(Option::as_ref);
            read.map(|read| of_connector(&read.stored, connector))
        };
        let topic = topic.to_owned();
        found.insert(connector.to_owned(), OwnOffsets { topic, held });
    }
    Ok(found)
}

/// Says where a connector does not find in its own topic what the workers' topic is to say.
pub(in crate::io) fn unfound(
    own: &BTreeMap<String, OwnOffsets>,
    expected: &[SeedRecord],
) -> Vec<String> {
    let of_one = |(connector, own): (&String, &OwnOffsets)| -> Vec<String> {
        let wanted = expected.iter().filter(|r| r.connector == *connector);
        let wanted = wanted.map(|r| (&r.key, r.value.as_ref()));
        let say = |key: &Bytes| {
            let key = String::from_utf8_lossy(key);
            format!(
                "{key} is missing or another in the connector's own offset topic {}",
                own.topic
            )
        };
        own.differing(wanted).into_iter().map(say).collect()
    };
    own.iter().flat_map(of_one).collect()
}

/// Not being allowed to read is no failure here: what cannot be seen is told as such.
fn if_allowed(
    read: Result<Option<OffsetTopic>, KafkaError>,
) -> Result<Option<OffsetTopic>, KafkaError> {
    match read {
        Ok(read) => Ok(Some(read.unwrap_or_default())),
        Err(refused) if refused.is_authorization() => {
            tracing::info!(%refused, "a connector's own offset topic is not readable");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A connector that talks to another Kafka cluster has its offset topic there.
fn is_elsewhere(config: &IndexMap<String, String>) -> bool {
    ["producer", "consumer", "admin"]
        .iter()
        .any(|client| config.contains_key(&format!("{client}.override.bootstrap.servers")))
}

fn of_connector(stored: &StoredOffsets, connector: &str) -> BTreeMap<Bytes, Bytes> {
    let live = stored
        .iter()
        .filter_map(|(key, stored)| Some((key, stored.value.as_ref()?)));
    live.filter(|(key, _)| OffsetKey::parse(key).is_ok_and(|key| key.connector() == connector))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::StoredOffset;

    #[test]
    fn a_connectors_own_topic_holds_its_offsets_and_no_resets_or_others() {
        let stored = |value: Option<&'static str>| StoredOffset {
            partition: 0,
            offset: 0,
            value: value.map(Bytes::from),
            elsewhere: Vec::new(),
        };
        let topic = StoredOffsets::from_iter([
            (Bytes::from(r#"["a",{"f":1}]"#), stored(Some("{}"))),
            (Bytes::from(r#"["a",{"f":2}]"#), stored(None)),
            (Bytes::from(r#"["b",{"f":1}]"#), stored(Some("{}"))),
        ]);
        let held = of_connector(&topic, "a");
        let keys: Vec<_> = held.keys().map(|key| &key[..]).collect();
        assert_eq!(keys, [br#"["a",{"f":1}]"#]);
    }

    #[test]
    fn a_connector_of_another_kafka_has_its_offset_topic_there() {
        let config = |key: &str| IndexMap::from([(key.to_owned(), "kafka:9092".to_owned())]);
        assert!(is_elsewhere(&config("producer.override.bootstrap.servers")));
        assert!(!is_elsewhere(&config("bootstrap.servers")));
    }
}
