//! What sources keep in offset topics of their own, see [`SourceStores`](crate::model::worker_config::SourceStores).
//!
//! A distributed worker asks both topics for a key, and the answer of the connector's own goes over that of the workers' even
//! when it is that there is none: `KafkaOffsetBackingStore.get` answers every key, with null where it has nothing, and
//! `ConnectorOffsetBackingStore.get` puts these answers over the others. What only the workers' topic has is never found.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::model::worker_config::{OwnStore, Place};
use crate::plan::SeedRecord;

/// What a connector's own offset topic holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnOffsets {
    pub store: OwnStore,
    /// `None`: this principal may not read the topic, it is in another Kafka cluster, or its name is not known.
    pub held: Option<Held>,
    /// A transaction is open in the topic: once it is committed, it holds something else.
    pub is_open: bool,
}

/// Offsets by key; `None`: another record of the key may be found instead, such as one in another partition.
pub type Held = BTreeMap<Bytes, Option<Bytes>>;

/// Names the connectors whose own topics cannot be looked at from here, or may be others: where they go on is not known.
pub fn unseen<'a>(own: impl IntoIterator<Item = (&'a String, &'a OwnOffsets)>) -> Option<String> {
    const NAMED: usize = 20;
    let unseen: Vec<_> = own.into_iter().filter(|(_, own)| own.is_unseen()).collect();
    let mut told: Vec<_> = unseen
        .iter()
        .take(NAMED)
        .map(|(name, own)| format!("{name} {}", own.lies()))
        .collect();
    if unseen.len() > NAMED {
        told.push(format!("{} more", unseen.len() - NAMED));
    }
    (!told.is_empty()).then(|| {
        format!(
            "not looked at, where these look for their positions: {}",
            told.join(", ")
        )
    })
}

/// Says where a connector does not find in its own topic what the workers' topic is to say.
pub fn unfound<'a>(
    own: impl IntoIterator<Item = (&'a String, &'a OwnOffsets)>,
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
    own.into_iter().flat_map(of_one).collect()
}

impl OwnOffsets {
    fn is_unseen(&self) -> bool {
        self.held.is_none() || self.is_open || self.store.place.is_unclear()
    }

    fn lies(&self) -> String {
        let topic = &self.store.topic;
        match self.store.place {
            Place::Here if self.is_open => format!("in {topic}, where a transaction is open"),
            Place::Here => format!("in {topic}"),
            Place::Elsewhere => format!("in {topic} of another Kafka cluster"),
            Place::HereOrElsewhere | Place::WorkersOrElsewhere => {
                format!("in {topic}, perhaps of another Kafka cluster")
            }
            Place::Unnamed => format!("in the topic that {topic} stands for"),
        }
    }

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
        let is_found = |key: &Bytes, v: &Bytes| held.get(key).and_then(Option::as_ref) == Some(v);
        let other = wanted.iter().filter(|(key, v)| !is_found(key, v));
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
    fn what_is_missing_other_or_further_differs() {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        let keys = ["gone", "missing", "other", "same"].map(bytes);
        let (one, two) = (bytes("1"), bytes("2"));
        let wanted = [None, Some(&one), Some(&one), Some(&one)];
        let differing = |held: Option<Held>| {
            let own = OwnOffsets {
                held,
                ..at(Place::Here)
            };
            let keys = own.differing(keys.iter().zip(wanted));
            keys.into_iter().cloned().collect::<Vec<_>>()
        };
        let held = [
            ("other", Some(&two)),
            ("same", Some(&one)),
            ("further", Some(&one)),
        ];
        let held = held.map(|(key, value)| (bytes(key), value.cloned()));
        assert_eq!(
            differing(Some(held.into())),
            ["further", "missing", "other"].map(bytes)
        );
        let doubtful = ["gone", "missing", "other", "same"].map(|key| (bytes(key), None));
        assert_eq!(differing(Some(doubtful.into())), keys);
        assert!(differing(None).is_empty());
    }

    /// A topic that holds nothing.
    fn at(place: Place) -> OwnOffsets {
        OwnOffsets {
            store: OwnStore {
                topic: "own".to_owned(),
                place,
                is_named: true,
            },
            held: Some(Held::new()),
            is_open: false,
        }
    }

    #[test]
    fn only_what_was_read_where_the_connector_looks_is_seen() {
        let unseen = |own: OwnOffsets| super::unseen([(&"a".to_owned(), &own)]);
        assert_eq!(unseen(at(Place::Here)), None);
        for place in [Place::HereOrElsewhere, Place::WorkersOrElsewhere] {
            let told = unseen(at(place)).unwrap();
            assert!(told.contains("a in own, perhaps of another"), "{told}");
        }
        let unread = |place| OwnOffsets {
            held: None,
            ..at(place)
        };
        let told = unseen(unread(Place::Here)).unwrap();
        assert!(told.ends_with("positions: a in own"), "{told}");
        let told = unseen(unread(Place::Elsewhere)).unwrap();
        assert!(told.ends_with("of another Kafka cluster"), "{told}");
        let told = unseen(unread(Place::Unnamed)).unwrap();
        assert!(told.ends_with("the topic that own stands for"), "{told}");
        let open = OwnOffsets {
            is_open: true,
            ..at(Place::Here)
        };
        assert!(unseen(open).unwrap().contains("a transaction is open"));
    }
}
