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
use crate::plan::{Held, OwnOffsets, StoredOffset, StoredOffsets};

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
/// Connectors are names with their configurations. What an aborted or open transaction wrote is found, and does not last.
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
        let mut is_open = false;
        let held = if store.place.is_readable() {
            let isolation = reading.isolations.of_own_topic(config);
            let asked = (store.topic.clone(), isolation);
            let read = match topics.entry(asked) {
                Entry::Occupied(read) => read.into_mut(),
                Entry::Vacant(vacant) => {
                    let read = read_topic(cluster, &store.topic, isolation).await;
                    vacant.insert(if_allowed(read)?)
                }
            };
            read.as_ref().map(|read| {
                is_open = !read.undecided.is_empty();
                of_connector(&read.stored, connector)
            })
        } else {
            None
        };
        let own = OwnOffsets {
            store,
            held,
            is_open,
        };
        found.insert(connector.to_owned(), own);
    }
    Ok(found)
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

fn of_connector(stored: &StoredOffsets, connector: &str) -> Held {
    let is_its = |key: &Bytes| OffsetKey::parse(key).is_ok_and(|key| key.connector() == connector);
    let held = stored
        .iter()
        .filter(|(key, stored)| !stored.is_gone() && is_its(key));
    held.map(|(key, stored)| {
        let value = stored.value.clone().filter(|_| is_certain(stored));
        (key.clone(), value)
    })
    .collect()
}

/// Returns whether every worker finds this, now and later.
fn is_certain(stored: &StoredOffset) -> bool {
    let mut others = stored.elsewhere.iter();
    stored.after_abortion().is_none() && others.all(|other| other.value == stored.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::worker_config::Isolation;
    use crate::plan::{Elsewhere, Otherwise};

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
        assert_eq!(held[br#"["a",{"f":1}]"#.as_slice()], Some("{}".into()));
    }

    #[test]
    fn what_a_task_may_not_find_is_no_position_that_it_finds() {
        let key = Bytes::from(r#"["a",{"f":1}]"#);
        let value = |value: Option<&'static str>| value.map(Bytes::from);
        let held = |here, elsewhere: Option<_>, otherwise: Option<_>| {
            let stored = StoredOffset {
                partition: 0,
                offset: 0,
                value: value(here),
                elsewhere: elsewhere
                    .map(|other| Elsewhere {
                        partition: 1,
                        value: value(other),
                    })
                    .into_iter()
                    .collect(),
                otherwise: otherwise.map(|(isolation, other)| {
                    Box::new(Otherwise {
                        isolation,
                        value: value(other),
                    })
                }),
            };
            let topic = StoredOffsets::from_iter([(key.clone(), stored)]);
            of_connector(&topic, "a").remove(&key)
        };
        assert_eq!(held(Some("1"), None, None), Some(value(Some("1"))));
        // In two partitions, one of which a worker takes.
        assert_eq!(
            held(Some("1"), Some(Some("1")), None),
            Some(value(Some("1")))
        );
        assert_eq!(held(Some("1"), Some(Some("2")), None), Some(None));
        assert_eq!(held(Some("1"), Some(None), None), Some(None));
        assert_eq!(held(None, Some(Some("2")), None), Some(None));
        // Of an aborted transaction, which the log cleaner removes.
        let committed = |value| Some((Isolation::ReadCommitted, value));
        assert_eq!(held(Some("1"), None, committed(None)), Some(None));
        assert_eq!(held(None, None, committed(Some("2"))), Some(None));
        let uncommitted = Some((Isolation::ReadUncommitted, Some("2")));
        assert_eq!(held(Some("1"), None, uncommitted), Some(value(Some("1"))));
        assert_eq!(held(None, None, None), None);
    }
}
