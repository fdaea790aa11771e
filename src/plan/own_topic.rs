//! What sources keep in offset topics of their own, see [`SourceStores`](crate::model::worker_config::SourceStores).
//!
//! A distributed worker asks both topics for a key, and the answer of the connector's own goes over that of the workers' even
//! when it is that there is none: `KafkaOffsetBackingStore.get` answers every key, with null where it has nothing, and
//! `ConnectorOffsetBackingStore.get` puts these answers over the others. What only the workers' topic has is never found.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::model::worker_config::OwnStore;

/// What a connector's own offset topic holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnOffsets {
    pub store: OwnStore,
    /// Offsets by key; `None`: this principal may not read the topic, or it is in another Kafka cluster.
    pub held: Option<BTreeMap<Bytes, Bytes>>,
}

/// Names the connectors whose own topics cannot be looked at from here: where they go on is not known.
pub fn unseen<'a>(own: impl IntoIterator<Item = (&'a String, &'a OwnOffsets)>) -> Option<String> {
    const NAMED: usize = 20;
    let unseen: Vec<_> = own
        .into_iter()
        .filter(|(_, own)| own.held.is_none())
        .collect();
    let mut told: Vec<_> = unseen
        .iter()
        .take(NAMED)
        .map(|(name, own)| format!("{name} in {}", own.store.topic))
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
    fn what_is_missing_other_or_further_differs() {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        let keys = ["gone", "missing", "other", "same"].map(bytes);
        let (one, two) = (bytes("1"), bytes("2"));
        let wanted = [None, Some(&one), Some(&one), Some(&one)];
        let differing = |held: Option<BTreeMap<Bytes, Bytes>>| {
            let store = OwnStore {
                topic: "own".to_owned(),
                is_elsewhere: false,
                is_named: true,
            };
            let own = OwnOffsets { store, held };
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
}
