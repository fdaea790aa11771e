//! The offset topics that connectors have of their own (KIP-618).

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use indexmap::IndexMap;

use super::topic::read_topic;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::model::offset_key::OffsetKey;
use crate::model::worker_config::{Isolations, SourceStores};
use crate::plan::offset_seed::OffsetTopic;
use crate::plan::{OwnOffsets, SeedRecord, StoredOffsets};

/// The topics of the workers, and how they and the sources of these workers read theirs.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The workers' topic.
    pub workers: &'a str,
    pub isolations: Isolations,
    pub stores: &'a SourceStores,
}

/// Reads what connectors with offset topics of their own keep there, each topic once; a topic that is not there holds nothing.
///
/// Connectors are names with their configurations. What an aborted or open transaction wrote counts for nothing: where it is
/// found, it does not last.
pub async fn read_own<'a>(
    cluster: &Cluster,
    reading: Reading<'_>,
    connectors: impl Iterator<Item = (&'a str, &'a IndexMap<String, String>)>,
) -> Result<BTreeMap<String, OwnOffsets>, KafkaError> {
    let mut topics = HashMap::new();
    let mut found = BTreeMap::new();
    for (connector, config) in connectors {
        let Some(store) = reading.stores.own(reading.workers, config) else {
            continue;
        };
        let held = if store.is_elsewhere {
            None
        } else {
            let isolation = reading.isolations.of_own_topic(config);
            let asked = (store.topic.clone(), isolation);
            let read = match topics.entry(asked) {
                Entry::Occupied(read) => read.into_mut(),
                Entry::Vacant(vacant) => {
                    let read = read_topic(cluster, &store.topic, isolation).await;
                    vacant.insert(if_allowed(read)?)
                }
            };
            read.as_ref()
                .map(|read| of_connector(&read.stored, connector))
        };
        found.insert(connector.to_owned(), OwnOffsets { store, held });
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
                own.store.topic
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

fn of_connector(stored: &StoredOffsets, connector: &str) -> BTreeMap<Bytes, Bytes> {
    let live = stored
        .iter()
        .filter(|(_, stored)| stored.after_abortion().is_none())
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
            otherwise: None,
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
}
