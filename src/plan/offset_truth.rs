//! Which store holds the truth about a connector's position: what `offsets where` answers.
//!
//! A position can stand in several places at once, and only one of them is where the connector goes on.

use serde::Serialize;

use crate::model::connector_config::TargetState;
use crate::model::worker_config::{OwnStore, Place};
use crate::plan::offset_diff::{Match, diff};
use crate::plan::offset_rows::OffsetRow;
use crate::plan::{ConnectorKind, StoredConnector};

/// What kind of place a position stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// A standalone worker's file.
    File,
    /// The workers' offset topic.
    OffsetTopic,
    /// The connector's own `offsets.storage.topic` (KIP-618).
    ConnectorTopic,
    /// A running worker, whatever it keeps its offsets in.
    Rest,
    /// A sink's consumer group.
    ConsumerGroup,
}

impl StoreKind {
    pub fn text(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::OffsetTopic => "offset topic",
            Self::ConnectorTopic => "topic of the connector",
            Self::Rest => "worker",
            Self::ConsumerGroup => "consumer group",
        }
    }
}

/// What one store says of the connector.
#[derive(Debug, Clone)]
pub struct Store {
    pub kind: StoreKind,
    /// Path, topic, URL or group.
    pub name: String,
    /// Rows of this connector only.
    pub rows: Vec<OffsetRow>,
    /// REST: the connector's state; `None`: no worker there knows it.
    pub state: Option<String>,
}

impl Store {
    /// Returns the rows that say where to go on.
    fn live(&self) -> usize {
        live(&self.rows)
    }
}

/// Everything that was looked at.
#[derive(Debug, Clone)]
pub struct Stores {
    pub connector: String,
    pub kind: ConnectorKind,
    pub stores: Vec<Store>,
    /// What the config topic has under the name; `None`: nothing, or no cluster was looked at.
    pub registered: Option<StoredConnector>,
    /// The store in which the connector's tasks look, which cannot be read from here.
    pub unread: Option<OwnStore>,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct Truth {
    /// Index in [`Stores::stores`].
    pub store: usize,
    pub why: String,
    /// The connector's current positions.
    pub rows: Vec<OffsetRow>,
}

/// How a store compares with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    Truth,
    Same,
    Different,
    /// It has no position of the connector.
    Empty,
}

/// Of what a reference decides that was not followed.
pub const NOT_KNOWN: &str = "is up to a config provider, and not known here";

/// How to have it told in which topic a connector looks.
pub const NAME_IT: &str = "run this where the reference can be followed, or write the topic's name in its place in the connector's configuration";

/// Says where the positions of a connector are of which `own` is the store; `None`: where it was looked.
///
/// To be read after "in".
pub fn unread(own: &OwnStore) -> Option<String> {
    let topic = &own.topic;
    match own.place {
        Place::Elsewhere => Some(format!(
            "topic {topic} of another Kafka cluster, which is not read"
        )),
        Place::Unnamed => Some(format!(
            "the topic that {topic} stands for, which {NOT_KNOWN}"
        )),
        Place::Here | Place::HereOrElsewhere | Place::WorkersOrElsewhere => None,
    }
}

/// Says that `topic` may be another than the workers', and that this cannot be told.
pub fn unclear(place: &str, name: &str, topic: &str) -> String {
    format!(
        "{place}: whether {name} keeps its positions in topic {topic} of another Kafka cluster than the workers' {NOT_KNOWN}: it is taken for theirs"
    )
}

impl Stores {
    /// Adds a store that is not a worker.
    pub fn add(&mut self, kind: StoreKind, name: String, rows: Vec<OffsetRow>) {
        self.stores.push(Store {
            kind,
            name,
            rows,
            state: None,
        });
    }

    /// Returns where the connector goes on; `None`: no store knows it.
    pub fn truth(&self) -> Option<Truth> {
        if let (ConnectorKind::Sink, Some(group)) = (self.kind, self.find(StoreKind::ConsumerGroup))
        {
            return Some(self.told(group, "a sink's positions are the committed offsets of its consumer group, in both modes".to_owned()));
        }
        if let Some(registered) = &self.registered {
            return self.in_cluster(registered);
        }
        let worker = self
            .find(StoreKind::Rest)
            .filter(|at| self.stores[*at].state.is_some());
        if let Some(at) = worker {
            return Some(self.told(at, self.of_worker(at)));
        }
        let has = |kind| self.find(kind).filter(|at| self.stores[*at].live() > 0);
        match (has(StoreKind::File), has(StoreKind::OffsetTopic)) {
            (Some(file), topic) => Some(self.told(file, self.of_file(file, topic))),
            (None, Some(topic)) => Some(self.told(topic, "it is not registered in the distributed cluster; a connector that is registered under this name goes on from here".to_owned())),
            (None, None) => None,
        }
    }

    /// Returns how each store compares with the truth.
    pub fn standings(&self, truth: &Truth) -> Vec<Standing> {
        let stores = self.stores.iter().enumerate();
        stores
            .map(|(at, store)| {
                if at == truth.store {
                    Standing::Truth
                } else if store.live() == 0 {
                    Standing::Empty
                } else if same(&store.rows, &truth.rows) {
                    Standing::Same
                } else {
                    Standing::Different
                }
            })
            .collect()
    }

    fn in_cluster(&self, registered: &StoredConnector) -> Option<Truth> {
        let state = if registered.has_run {
            "it has run in the distributed cluster since it was registered there"
        } else {
            match registered.target {
                TargetState::Stopped => {
                    "it is registered in the distributed cluster, STOPPED, and goes on from here when it is resumed"
                }
                TargetState::Paused | TargetState::Started => {
                    "it is registered in the distributed cluster and goes on from here as soon as a worker runs it"
                }
            }
        };
        if let Some(own) = &self.unread {
            let asked = self.find(StoreKind::Rest)?;
            self.stores[asked].state.as_ref()?;
            let topic = &own.topic;
            let place = match own.place {
                Place::Unnamed => format!("the topic that {topic} stands for"),
                _ => format!("topic {topic} of another Kafka cluster"),
            };
            let why = format!("{state}; in {place} alone, which its workers read");
            return Some(self.told(asked, why));
        }
        let topic = self.find(StoreKind::OffsetTopic)?;
        let Some(own) = self.find(StoreKind::ConnectorTopic) else {
            return Some(self.told(topic, state.to_owned()));
        };
        let why = format!(
            "{state}; in its own offsets.storage.topic alone, as a worker looks nowhere else"
        );
        Some(self.told(own, why))
    }

    fn of_worker(&self, at: usize) -> String {
        let worker = &self.stores[at];
        let state = worker.state.as_deref().unwrap_or_default();
        if self.kind == ConnectorKind::Sink {
            return format!(
                "a worker has it ({state}); a sink's positions are the committed offsets of its consumer group"
            );
        }
        let twin = self.stores.iter().find(|store| {
            store.kind != StoreKind::Rest && store.live() > 0 && same(&store.rows, &worker.rows)
        });
        match twin {
            Some(twin) => format!(
                "a worker has it ({state}), with the positions of {} {}",
                twin.kind.text(),
                twin.name
            ),
            None => format!(
                "a worker has it ({state}); REST does not tell in which store it keeps them"
            ),
        }
    }

    fn of_file(&self, file: usize, topic: Option<usize>) -> String {
        let cluster = self
            .find(StoreKind::OffsetTopic)
            .map(|at| &self.stores[at].name);
        match (topic, cluster) {
            (Some(topic), _) if same(&self.stores[topic].rows, &self.stores[file].rows) => {
                "it is not registered in the distributed cluster; the offset topic holds the same positions already and becomes the truth with the registration".to_owned()
            }
            (Some(_), _) => {
                "it is not registered in the distributed cluster; the offset topic holds other positions under this name, of an earlier life or an older seed".to_owned()
            }
            (None, Some(_)) => {
                "it is not registered in the distributed cluster, whose offset topic has no position of it".to_owned()
            }
            (None, None) => "no other store was looked at".to_owned(),
        }
    }

    fn find(&self, kind: StoreKind) -> Option<usize> {
        self.stores.iter().position(|store| store.kind == kind)
    }

    fn told(&self, store: usize, why: String) -> Truth {
        Truth {
            store,
            why,
            rows: self.stores[store].rows.clone(),
        }
    }
}

fn live(rows: &[OffsetRow]) -> usize {
    rows.iter().filter(|row| row.offset.is_some()).count()
}

fn same(a: &[OffsetRow], b: &[OffsetRow]) -> bool {
    diff(a, b, matching(a, b)).is_empty()
}

/// Returns how two sets of rows can be compared: byte for byte unless one of them has no bytes.
pub fn matching(a: &[OffsetRow], b: &[OffsetRow]) -> Match {
    let from_rest = |row: &OffsetRow| row.key.is_none() && row.connector.is_some();
    if a.iter().chain(b).any(from_rest) {
        Match::Json
    } else {
        Match::Bytes
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use indexmap::IndexMap;

    use super::*;
    use crate::model::offset_file::OffsetEntry;

    fn row(position: u32) -> OffsetRow {
        let entry = OffsetEntry {
            key: Some(Bytes::from_static(br#"["a",{"f":"x"}]"#)),
            value: Some(format!(r#"{{"position":{position}}}"#).into()),
        };
        OffsetRow::of_entry(&entry, None)
    }

    fn rest_row(position: u32) -> OffsetRow {
        let offset = serde_json::json!({ "position": position });
        OffsetRow::of_rest("a", &serde_json::json!({"f": "x"}), &offset)
    }

    fn store(kind: StoreKind, rows: Vec<OffsetRow>) -> Store {
        Store {
            kind,
            name: kind.text().to_owned(),
            rows,
            state: None,
        }
    }

    fn stores(stores: Vec<Store>, registered: Option<(TargetState, bool)>) -> Stores {
        Stores {
            connector: "a".to_owned(),
            kind: ConnectorKind::Source,
            stores,
            registered: registered.map(|(target, has_run)| StoredConnector {
                config: IndexMap::new(),
                target,
                has_run,
                may_have_run: has_run,
                running_tasks: 0,
            }),
            unread: None,
        }
    }

    fn answer(stores: &Stores) -> (StoreKind, String, Vec<Standing>) {
        let truth = stores.truth().unwrap();
        let standings = stores.standings(&truth);
        (stores.stores[truth.store].kind, truth.why, standings)
    }

    #[test]
    fn positions_that_are_not_read_are_told_by_a_worker_alone() {
        for (place, named) in [
            (Place::Elsewhere, "in topic own of another Kafka cluster"),
            (Place::Unnamed, "in the topic that own stands for alone"),
        ] {
            let topic = store(StoreKind::OffsetTopic, vec![row(1)]);
            let mut rest = store(StoreKind::Rest, Vec::new());
            let own = OwnStore {
                topic: "own".to_owned(),
                place,
                is_named: true,
            };
            assert!(unread(&own).is_some());
            let of = |stores_: Vec<Store>| Stores {
                unread: Some(own.clone()),
                ..stores(stores_, Some((TargetState::Started, true)))
            };
            assert!(of(vec![topic.clone()]).truth().is_none());
            assert!(of(vec![topic.clone(), rest.clone()]).truth().is_none());
            rest.state = Some("RUNNING".to_owned());
            let (kind, why, _) = answer(&of(vec![topic, rest]));
            assert_eq!(kind, StoreKind::Rest);
            assert!(why.contains(named), "{why}");
        }
    }

    #[test]
    fn before_the_migration_the_file_holds_and_after_it_the_topic() {
        use Standing::{Different, Empty, Same, Truth};
        use StoreKind::{File, OffsetTopic};
        let file = || store(File, vec![row(1)]);
        let topic = |rows| store(OffsetTopic, rows);
        let (kind, why, standings) = answer(&stores(vec![file(), topic(vec![])], None));
        assert_eq!((kind, standings), (File, vec![Truth, Empty]));
        assert!(why.contains("has no position of it"), "{why}");
        let (kind, why, standings) = answer(&stores(vec![file(), topic(vec![row(1)])], None));
        assert_eq!((kind, standings), (File, vec![Truth, Same]));
        assert!(why.contains("the same positions already"), "{why}");
        let (kind, why, _) = answer(&stores(vec![file(), topic(vec![row(9)])], None));
        assert_eq!(kind, File);
        assert!(why.contains("an earlier life"), "{why}");
        let stopped = Some((TargetState::Stopped, false));
        let (kind, why, standings) = answer(&stores(vec![file(), topic(vec![row(1)])], stopped));
        assert_eq!((kind, standings), (OffsetTopic, vec![Same, Truth]));
        assert!(why.contains("when it is resumed"), "{why}");
        let ran = Some((TargetState::Started, true));
        let (kind, why, standings) = answer(&stores(vec![file(), topic(vec![row(9)])], ran));
        assert_eq!((kind, standings), (OffsetTopic, vec![Different, Truth]));
        assert!(why.contains("has run"), "{why}");
    }

    #[test]
    fn a_topic_of_the_connector_is_the_only_one_that_counts() {
        let own = store(StoreKind::ConnectorTopic, vec![row(5)]);
        let workers = store(StoreKind::OffsetTopic, vec![row(1)]);
        let both = stores(vec![workers, own], Some((TargetState::Started, true)));
        let truth = both.truth().unwrap();
        assert_eq!(both.stores[truth.store].kind, StoreKind::ConnectorTopic);
        assert_eq!(truth.rows.len(), 1);
        assert_eq!(truth.rows[0].offset_text(), r#"{"position":5}"#);
        let empty = store(StoreKind::ConnectorTopic, Vec::new());
        let workers = store(StoreKind::OffsetTopic, vec![row(1)]);
        let both = stores(vec![workers, empty], Some((TargetState::Stopped, false)));
        let truth = both.truth().unwrap();
        assert_eq!(both.stores[truth.store].kind, StoreKind::ConnectorTopic);
        assert!(truth.rows.is_empty());
    }

    #[test]
    fn a_worker_that_has_the_connector_is_believed_and_its_store_recognised() {
        let mut worker = store(StoreKind::Rest, vec![rest_row(1)]);
        worker.state = Some("RUNNING".to_owned());
        let file = store(StoreKind::File, vec![row(1)]);
        let (kind, why, standings) = answer(&stores(vec![file, worker], None));
        assert_eq!(
            (kind, standings),
            (StoreKind::Rest, vec![Standing::Same, Standing::Truth])
        );
        assert!(why.contains("with the positions of file"), "{why}");
    }

    #[test]
    fn a_sink_is_where_its_group_is_and_nobody_knows_an_unknown_connector() {
        let mut sink = stores(vec![store(StoreKind::ConsumerGroup, vec![])], None);
        assert!(sink.truth().is_none());
        sink.kind = ConnectorKind::Sink;
        assert_eq!(sink.truth().map(|t| t.store), Some(0));
        let empty = stores(vec![store(StoreKind::File, vec![])], None);
        assert!(empty.truth().is_none());
    }
}
