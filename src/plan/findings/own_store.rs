//! Sources whose tasks look for their positions elsewhere than where they are seeded (KIP-618), which standalone mode ignores.
//!
//! A distributed worker asks both stores for a key, and the answer of the connector's own goes over that of the workers' even
//! when it is that there is none: `KafkaOffsetBackingStore.get` answers every key, with null where it has nothing, and
//! `ConnectorOffsetBackingStore.get` puts these answers over the others. What only the workers' topic has is never found.

use super::{Evidence, Findings};
use crate::model::worker_config::{OWN_TOPIC, OwnStore, SourceStores};
use crate::plan::OwnOffsets;
use crate::plan::connectors::Moving;
use crate::plan::positions::{Examples, OfConnector};

pub(super) fn find(
    evidence: &Evidence<'_>,
    connector: &Moving<'_>,
    of: &OfConnector,
    findings: &mut Findings<'_>,
) {
    let name = connector.name.as_str();
    let found = evidence.observed.and_then(|o| o.own_offsets.get(name));
    let store = found.map(|found| found.store.clone()).or_else(|| {
        let workers = evidence.storage.offset.name.as_str();
        SourceStores::of(evidence.worker()).own(workers, &connector.config)
    });
    let Some(store) = store else {
        return;
    };
    let place = connector.origin();
    match found {
        _ if !connector.is_source() && (store.is_elsewhere || !store.is_named) => {}
        _ if store.is_elsewhere => elsewhere(&place, name, &store, findings),
        Some(found) if connector.is_source() => compared(&place, name, found, of, findings),
        _ => another(&place, name, &store, findings),
    }
}

/// What is seeded is not found, and where it would be is not read.
fn elsewhere(place: &str, name: &str, store: &OwnStore, findings: &mut Findings<'_>) {
    let own = &store.topic;
    let ways = if store.is_named {
        "remove offsets.storage.topic, where sources are not exactly-once: its positions are then found where they are seeded; "
    } else {
        ""
    };
    findings.block(
        "P42",
        name,
        format!("{}, and it is not read from here", told(place, name, store)),
        format!("{ways}give its clients the bootstrap.servers of the workers if it is the same cluster; or --accept P42:{name} if its positions stand in topic {own} there, such as after connectctl offsets seed with a worker file that names that cluster"),
    );
}

fn told(place: &str, name: &str, store: &OwnStore) -> String {
    let own = &store.topic;
    if !store.is_elsewhere {
        return format!(
            "{place}: {name} has {OWN_TOPIC}={own}, which standalone ignored; a distributed worker looks for its positions there alone"
        );
    }
    let why = if store.is_named {
        format!("has {OWN_TOPIC}={own}, which standalone ignored")
    } else {
        "is a source of exactly-once workers".to_owned()
    };
    format!(
        "{place}: {name} {why}, and its clients have other bootstrap.servers than the workers: a distributed worker looks for its positions in topic {own} of that Kafka cluster alone"
    )
}

fn compared(
    place: &str,
    name: &str,
    found: &OwnOffsets,
    of: &OfConnector,
    findings: &mut Findings<'_>,
) {
    let positions = of.positions.iter();
    let differing = found.differing(positions.map(|p| (&p.key, p.value.as_ref())));
    let mut shown = Examples::default();
    for key in differing {
        shown.add(|| String::from_utf8_lossy(key).into_owned());
    }
    let (what, unless) = match (&found.held, shown.count) {
        (None, _) => (
            "and it cannot be read from here".to_owned(),
            ", or --accept P42 if its positions stand there",
        ),
        (Some(_), 0) => return another(place, name, &found.store, findings),
        (Some(_), 1) => (
            format!(
                "where 1 position is missing or other than in the offsets file: {}",
                shown.text()
            ),
            "",
        ),
        (Some(_), n) => (
            format!(
                "where {n} positions are missing or other than in the offsets file: {}",
                shown.text()
            ),
            "",
        ),
    };
    findings.block(
        "P42",
        name,
        format!("{}, {what}", told(place, name, &found.store)),
        format!("remove the setting: its positions are then seeded where they are found{unless}"),
    );
}

/// Says that a connector keeps its offsets in a topic of its own.
pub(in crate::plan) fn another(
    place: &str,
    connector: &str,
    store: &OwnStore,
    findings: &mut Findings<'_>,
) {
    let own = &store.topic;
    let remedy = if store.is_elsewhere {
        format!("make sure that topic {own} has its positions there")
    } else {
        format!("make sure that topic {own} has its positions, or remove the setting")
    };
    findings.warn(
        "P42",
        connector,
        format!(
            "{}, not where they are seeded",
            told(place, connector, store)
        ),
        remedy,
    );
}
