//! Sources whose tasks look for their positions elsewhere than where they are seeded (KIP-618), which standalone mode ignores.
//!
//! A distributed worker asks both stores for a key, and the answer of the connector's own goes over that of the workers' even
//! when it is that there is none: `KafkaOffsetBackingStore.get` answers every key, with null where it has nothing, and
//! `ConnectorOffsetBackingStore.get` puts these answers over the others. What only the workers' topic has is never found.

use super::{Evidence, Findings};
use crate::model::worker_config::{OWN_TOPIC, OwnStore, Place, SourceStores};
use crate::plan::OwnOffsets;
use crate::plan::connectors::Moving;
use crate::plan::offset_truth::{self, NAME_IT, NOT_KNOWN};
use crate::plan::positions::{Examples, OfConnector};

pub(super) fn find(
    evidence: &Evidence<'_>,
    connector: &Moving<'_>,
    of: &OfConnector,
    findings: &mut Findings<'_>,
) {
    let as_written;
    let stores = if let Some(observed) = evidence.observed {
        &observed.source_stores
    } else {
        as_written = SourceStores::of(evidence.worker());
        &as_written
    };
    let (name, place) = (connector.name.as_str(), connector.origin());
    let workers = evidence.storage.offset.name.as_str();
    let sought = Sought {
        place: &place,
        name,
        remedies: Remedies::OfMigrate,
    };
    let Some(store) = stores.own(workers, &connector.config) else {
        return;
    };
    let found = evidence.observed.and_then(|o| o.own_offsets.get(name));
    if connector.is_source() {
        sought.judge(&store, found, of, findings);
    } else if store.is_named && (store.place.is_readable() || store.place == Place::Unnamed) {
        sought.another(&store, findings);
    }
}

/// What the finding advises: a finding that stops `migrate` can be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Remedies {
    OfMigrate,
    OfSeed,
}

/// A source whose tasks may look elsewhere than in the workers' topic.
#[derive(Debug)]
pub(in crate::plan) struct Sought<'a> {
    /// Where its configuration stands.
    pub place: &'a str,
    pub name: &'a str,
    pub remedies: Remedies,
}

impl Sought<'_> {
    /// Says that it has a store of its own, which stops the plan unless the positions are there already. Of a store that was
    /// not looked for, such as offline, it is said only that it is another.
    pub(in crate::plan) fn judge(
        &self,
        store: &OwnStore,
        found: Option<&OwnOffsets>,
        of: &OfConnector,
        findings: &mut Findings<'_>,
    ) {
        if store.place.is_unclear() {
            self.unclear(store, findings);
        }
        match (store.place, found) {
            (Place::WorkersOrElsewhere, _) => {}
            (Place::Elsewhere, _) => self.elsewhere(store, findings),
            (Place::Unnamed, Some(_)) => self.unnamed(store, findings),
            (Place::Here | Place::HereOrElsewhere, Some(found)) => {
                self.compared(found, of, findings);
            }
            (_, None) => self.another(store, findings),
        }
    }

    /// Says of a connector that lives on what it wrote there that it has a store of its own.
    pub(in crate::plan) fn lives_there(&self, store: &OwnStore, findings: &mut Findings<'_>) {
        if store.place.is_unclear() {
            self.unclear(store, findings);
        }
        if store.place != Place::WorkersOrElsewhere {
            self.another(store, findings);
        }
    }

    /// Whatever is seeded, whether it is found is not known.
    fn unnamed(&self, store: &OwnStore, findings: &mut Findings<'_>) {
        let name = self.name;
        let last = match self.remedies {
            Remedies::OfMigrate => format!(
                "; remove the setting: its positions are then seeded where they are found; or --accept P42:{name} if its positions stand in that topic"
            ),
            Remedies::OfSeed => String::new(),
        };
        findings.block(
            "P42",
            name,
            format!(
                "{}, and the name of the topic {NOT_KNOWN}",
                self.told(store)
            ),
            format!("{NAME_IT}{last}"),
        );
    }

    /// What is seeded is not found, and where it would be is not read.
    fn elsewhere(&self, store: &OwnStore, findings: &mut Findings<'_>) {
        let (name, own) = (self.name, &store.topic);
        let ways = if store.is_named {
            "remove offsets.storage.topic, where sources are not exactly-once: its positions are then found where they are seeded; "
        } else {
            ""
        };
        let last = match self.remedies {
            Remedies::OfMigrate => format!(
                "or --accept P42:{name} if its positions stand in topic {own} there, such as after connectctl offsets seed with a worker file that names that cluster"
            ),
            Remedies::OfSeed => format!(
                "or seed topic {own} there, with a worker file that names that cluster and has offset.storage.topic={own}"
            ),
        };
        findings.block(
            "P42",
            name,
            format!("{}, and it is not read from here", self.told(store)),
            format!("{ways}give its clients the bootstrap.servers of the workers if it is the same cluster; {last}"),
        );
    }

    fn told(&self, store: &OwnStore) -> String {
        let (place, name, own) = (self.place, self.name, &store.topic);
        if store.place != Place::Elsewhere {
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

    fn compared(&self, found: &OwnOffsets, of: &OfConnector, findings: &mut Findings<'_>) {
        let positions = of.positions.iter();
        let differing = found.differing(positions.map(|p| (&p.key, p.value.as_ref())));
        let mut shown = Examples::default();
        for key in differing {
            shown.add(|| String::from_utf8_lossy(key).into_owned());
        }
        let what = match (&found.held, shown.count) {
            (None, _) => "and it cannot be read from here".to_owned(),
            (Some(_), _) if found.is_open => {
                "where a transaction is open, and what it writes goes over the rest".to_owned()
            }
            (Some(_), 0) => return self.another(&found.store, findings),
            (Some(_), 1) => format!(
                "where 1 position is missing or other than in the offsets file: {}",
                shown.text()
            ),
            (Some(_), n) => format!(
                "where {n} positions are missing or other than in the offsets file: {}",
                shown.text()
            ),
        };
        let own = &found.store.topic;
        let unless = match (self.remedies, &found.held) {
            (Remedies::OfMigrate, None) => {
                ", or --accept P42 if its positions stand there".to_owned()
            }
            (Remedies::OfMigrate, Some(_)) => String::new(),
            (Remedies::OfSeed, _) => format!(
                "; or seed that topic, with a worker file that has offset.storage.topic={own}"
            ),
        };
        findings.block(
            "P42",
            self.name,
            format!("{}, {what}", self.told(&found.store)),
            format!(
                "remove the setting: its positions are then seeded where they are found{unless}"
            ),
        );
    }

    /// Says that it keeps its offsets in a topic of its own.
    pub(in crate::plan) fn another(&self, store: &OwnStore, findings: &mut Findings<'_>) {
        let own = &store.topic;
        let remedy = if store.place == Place::Elsewhere {
            format!("make sure that topic {own} has its positions there")
        } else {
            format!("make sure that topic {own} has its positions, or remove the setting")
        };
        findings.warn(
            "P42",
            self.name,
            format!("{}, not where they are seeded", self.told(store)),
            remedy,
        );
    }

    /// Says that a reference decides in which Kafka cluster it looks, and that it was not followed.
    fn unclear(&self, store: &OwnStore, findings: &mut Findings<'_>) {
        let message = offset_truth::unclear(self.place, self.name, &store.topic);
        findings.warn("P42", self.name, message, CLEAR);
    }
}

/// How to have it told in which Kafka cluster a source looks.
pub(in crate::plan) const CLEAR: &str = "make sure that its clients have the bootstrap.servers of the workers, or run this where the references can be followed";
