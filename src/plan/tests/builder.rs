//! Deployments, choices and clusters in a few words.

use std::path::PathBuf;

use bytes::Bytes;

use crate::model::connector_config::{ConnectorConfig, Form, TargetState};
use crate::model::offset_file::OffsetEntry;
use crate::model::properties::{Document, Properties};
use crate::model::worker_config::Followed;
use crate::plan::{
    Broker, Choices, Connector, Deployment, Observed, OffsetsFile, OffsetsInput, Plan, PlanError,
    ReplicationFactor, WorkerFile,
};

pub(crate) const WORKER: &str = "bootstrap.servers=kafka:9092\nkey.converter=K\nvalue.converter=V\noffset.storage.file.filename=/tmp/connect.offsets\noffset.flush.interval.ms=10000\n";

pub(crate) const SINK: &str =
    "name=local-file-sink\nconnector.class=FileStreamSink\ntopics=t\nfile=out.txt\n";

pub(crate) const SOURCE: &str =
    "name=src\nconnector.class=FileStreamSource\ntopic=t\nfile=in.txt\n";

pub(crate) fn deployment(worker: &str, connectors: &[&str]) -> Deployment {
    Deployment {
        worker: WorkerFile {
            path: PathBuf::from("worker.properties"),
            sha256: "0".repeat(64),
            document: Document::parse(worker.as_bytes()).expect("readable"),
        },
        connectors: connectors
            .iter()
            .enumerate()
            .map(|(n, text)| Connector {
                config: properties(text),
                path: PathBuf::from(format!("connector-{n}.properties")),
                sha256: None,
            })
            .collect(),
        offsets: OffsetsInput::Missing(PathBuf::from("/tmp/connect.offsets")),
        copied: None,
        running: None,
        followed: Followed::default(),
    }
}

fn properties(text: &str) -> ConnectorConfig {
    let map = Document::parse(text.as_bytes()).expect("readable").to_map();
    ConnectorConfig {
        name: map["name"].clone(),
        config: map
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect(),
        initial_state: None,
        form: Form::Properties,
    }
}

impl Deployment {
    pub(crate) fn with_offsets(mut self, entries: &[(&str, Option<&str>)]) -> Self {
        let entry = |(key, value): &(&str, Option<&str>)| OffsetEntry {
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            value: value.map(|v| Bytes::copy_from_slice(v.as_bytes())),
        };
        self.offsets = OffsetsInput::File(OffsetsFile {
            path: PathBuf::from("/tmp/connect.offsets"),
            sha256: "1".repeat(64),
            length: 100,
            age_ms: Some(3_600_000),
            trailing: 0,
            entries: entries.iter().map(entry).collect(),
        });
        self
    }
}

pub(crate) fn choices() -> Choices {
    Choices {
        group_id: None,
        config_topic: None,
        offset_topic: None,
        status_topic: None,
        replication_factor: ReplicationFactor::Auto,
        set: Properties::new(),
        renames: Vec::new(),
        delete_old: false,
        accept: std::collections::BTreeSet::new(),
        adopt: false,
        overwrite_offsets: false,
        no_offsets: false,
        source_stopped: false,
        offline: false,
        initial_state: TargetState::Started,
        register_on: Vec::new(),
        verify: crate::plan::Verification::None,
        out: PathBuf::from("distributed"),
    }
}

/// An empty cluster of three brokers on which the standalone worker is known to be gone.
pub(crate) fn cluster() -> Observed {
    Observed {
        cluster_id: Some("cluster-a".to_owned()),
        brokers: (1..=3)
            .map(|id| Broker {
                id,
                host: format!("kafka-{id}"),
                port: 9092,
                rack: None,
            })
            .collect(),
        source_rest_gone: true,
        ..Observed::default()
    }
}

pub(crate) fn make(
    deployment: &Deployment,
    choices: &Choices,
    observed: Option<&Observed>,
) -> Result<Plan, PlanError> {
    crate::plan::make(deployment, choices, observed)
}

/// The findings as `id class`, in their order.
pub(crate) fn ids(plan: &Plan) -> Vec<String> {
    plan.findings
        .iter()
        .map(|f| format!("{} {:?}", f.id, f.class).to_lowercase())
        .collect()
}
