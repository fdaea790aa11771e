//! What the target cluster looked like when it was read. Compared with a second reading after the yes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use indexmap::IndexMap;

use crate::model::connector_config::TargetState;
use crate::model::worker_config::{Isolation, Isolations, OwnStore, SourceStores};
use crate::plan::own_topic::OwnOffsets;
use crate::plan::{ConnectorKind, kinds};

/// Facts of the target cluster, and of the standalone worker's whereabouts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    pub cluster_id: Option<String>,
    pub brokers: Vec<Broker>,
    /// Every topic name of the cluster that this principal may see.
    pub topic_names: Vec<String>,
    /// The storage topics that exist, by name.
    pub topics: BTreeMap<String, ObservedTopic>,
    /// The Connect group named by `group.id`; `None` when there is no such group.
    pub connect_group: Option<ConnectGroup>,
    /// Names and protocol types of all groups of the cluster that this principal may see.
    pub groups: BTreeMap<String, String>,
    /// Connectors in the config topic, folded as a worker folds it.
    pub stored_connectors: BTreeMap<String, StoredConnector>,
    /// Latest record per key of the offset topic; key → where and what.
    pub stored_offsets: StoredOffsets,
    /// Partitions of the offset topic with an open transaction.
    pub undecided_offsets: Vec<i32>,
    /// Connectors of which a worker of the other isolation level reads something else in the config topic.
    pub unsettled_connectors: BTreeSet<String>,
    /// How the workers read their topics; `stored_offsets` and all else here is what they find.
    pub isolations: Isolations,
    /// Where the sources of these workers keep their positions.
    pub source_stores: SourceStores,
    /// What connectors to move keep in offset topics of their own, by connector.
    pub own_offsets: BTreeMap<String, OwnOffsets>,
    /// Sink connectors' consumer groups, by group id.
    pub sink_groups: BTreeMap<String, SinkGroup>,
    /// Broker settings that findings need (`auto.create.topics.enable`, `offsets.retention.minutes`, `message.max.bytes`,
    /// `group.min.session.timeout.ms`, `group.max.session.timeout.ms`); absent when not readable.
    pub broker_settings: BTreeMap<String, String>,
    /// Storage topics that the principal may not look at: they may exist or not.
    pub hidden_topics: BTreeMap<String, TopicRefusal>,
    /// Missing storage topics that would be refused (validate-only CreateTopics).
    pub create_refused: BTreeMap<String, TopicRefusal>,
    /// Cluster id as the standalone worker's own bootstrap servers tell it, when they differ from the target's.
    pub source_cluster_id: Option<String>,
    /// A worker answered on the standalone file's REST listener and runs connectors of this plan: their names.
    pub source_answers: Option<Vec<String>>,
    /// The listener of the standalone file (or every `--source-url`) was tried; nothing listens there, or somebody else.
    pub source_rest_gone: bool,
    /// Why a listener that was tried tells nothing: it wants another user, or cannot be reached from here.
    pub source_unclear: Vec<String>,
    /// Connectors that an earlier run handed over to this cluster and Connect group, as the report in the output folder
    /// says: what became of them since is not a foreigner's doing.
    pub handed_over: BTreeSet<String>,
    /// SHA-256 of the offsets file as that earlier run read it.
    pub offsets_before: Option<String>,
}

impl Observed {
    /// Returns whether somebody is a member of the Connect group.
    pub fn is_in_use(&self) -> bool {
        let group = self.connect_group.as_ref();
        group.is_some_and(|group| !group.members.is_empty())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Broker {
    pub id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedTopic {
    pub partitions: usize,
    pub replication_factor: usize,
    /// Topic configs that are set or defaulted, by name; empty when DescribeConfigs was refused.
    pub configs: BTreeMap<String, String>,
    /// Partitions that not all replicas follow, with the number that do; 0 without a leader.
    pub lagging: BTreeMap<i32, usize>,
    /// Records are present: some partition's end offset is above its start.
    pub has_records: bool,
}

/// Why a storage topic cannot be created or looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRefusal {
    pub reason: String,
    /// The principal lacks an ACL.
    pub is_permission: bool,
    /// What to type next.
    pub remedy: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectGroup {
    /// `Empty`, `Stable`, `Dead`, …
    pub state: String,
    pub protocol_type: String,
    /// Client ids and hosts of the members.
    pub members: Vec<String>,
    /// Where the members say that their REST API answers, without those of connectctl; sorted.
    pub urls: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConnector {
    pub config: IndexMap<String, Option<String>>,
    pub target: TargetState,
    /// True when a target-state or task record shows that it has been anything but STOPPED since it got this configuration.
    pub has_run: bool,
    /// True when it may have run before it got this configuration.
    pub may_have_run: bool,
    /// Tasks whose last record in the status topic says RUNNING; 0 when the topic does not exist.
    pub running_tasks: usize,
}

impl StoredConnector {
    /// Returns the store of positions that it has, or may have, beside `workers`, the workers' topic; a sink has none.
    pub fn own_store(&self, stores: &SourceStores, workers: &str) -> Option<OwnStore> {
        let store = stores.own(workers, &self.settings());
        store.filter(|_| !self.is_sink())
    }

    pub(in crate::plan) fn is_sink(&self) -> bool {
        let settings = self.settings();
        let class = settings
            .get("connector.class")
            .map_or("", |class| class.trim());
        kinds::kind_of(class, &settings, None) == ConnectorKind::Sink
    }

    /// Returns its configuration without the settings that are null.
    pub fn settings(&self) -> IndexMap<String, String> {
        let config = self.config.iter();
        config
            .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .collect()
    }

    /// Returns whether nothing of it can be running: STOPPED, and no task left.
    pub fn is_at_rest(&self) -> bool {
        self.target == TargetState::Stopped && self.running_tasks == 0
    }
}

/// What an offset topic holds, by key.
///
/// Hashed, because a million keys are compared with what they should be; sorted by key where it is shown.
pub type StoredOffsets = IndexMap<Bytes, StoredOffset, foldhash::fast::RandomState>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOffset {
    pub partition: i32,
    pub offset: i64,
    /// `None`: a tombstone.
    pub value: Option<Bytes>,
    /// Records of this key in other partitions, by partition: a finding (P11).
    pub elsewhere: Vec<Elsewhere>,
    /// What is found at the other isolation level, where that is something else.
    pub otherwise: Option<Box<Otherwise>>,
}

/// What a reader of another isolation level finds: an aborted or open transaction wrote the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otherwise {
    /// The level of the reader who finds this.
    pub isolation: Isolation,
    /// `None`: no offset.
    pub value: Option<Bytes>,
}

impl StoredOffset {
    /// Returns what a worker finds instead once an open transaction is aborted, or the log cleaner has removed an aborted one:
    /// `Some` of no offset, or of another one. What was committed lasts.
    pub fn after_abortion(&self) -> Option<Option<&Bytes>> {
        let otherwise = self.otherwise.as_ref()?;
        (otherwise.isolation == Isolation::ReadCommitted).then_some(otherwise.value.as_ref())
    }

    /// Returns whether a tombstone under the key would end something: a position, or one that comes back when the reset of an
    /// aborted transaction is gone.
    pub fn is_live(&self) -> bool {
        self.value.is_some() || self.after_abortion().is_some()
    }

    /// Returns whether nothing stands under the key, nor comes back.
    pub fn is_gone(&self) -> bool {
        // Of a key in two partitions a worker may take the other record, which need not be a tombstone.
        self.value.is_none() && self.elsewhere.is_empty() && self.after_abortion().is_none()
    }
}

/// The last record of a key in a partition that is not the one where it is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    pub partition: i32,
    /// `None`: a tombstone.
    pub value: Option<Bytes>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkGroup {
    pub state: String,
    pub members: Vec<String>,
    pub positions: BTreeMap<(String, i32), PartitionPosition>,
}

/// Committed offset and the partition's end, in records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct PartitionPosition {
    pub committed: i64,
    pub end: i64,
}
