//! The stores that positions are read from, as the flags name them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use indexmap::IndexMap;

use crate::cli::args::Connection;
use crate::cli::connect::{
    self, PropertiesFile, kafka_failed, rest_failed, settings_failed, store_failed,
};
use crate::cli::error::{CliError, Kind};
use crate::cli::output::Ui;
use crate::cli::rest::RestFlags;
use crate::cli::table::printable;
use crate::io::doctor::PROBE;
use crate::io::isolation::{isolations, source_stores};
use crate::io::kafka::cluster::Cluster;
use crate::io::observe;
use crate::io::offset_store::{self, OffsetStoreError};
use crate::io::sink_consumers;
use crate::model::offset_key::OffsetKey;
use crate::model::worker_config::{
    ConsumerGroup, Isolation, Isolations, OwnStore, SinkConsumers, SourceStores, StorageRole,
    StorageTopic, StorageTopics,
};
use crate::plan::offset_rows::{self, OffsetRow};
use crate::plan::offset_seed::{self, OffsetTopic};
use crate::plan::{Class, Finding, StoredConnector};

/// How many findings are said one by one.
const SHOWN_FINDINGS: usize = 10;

/// Positions as they were read, with what is odd about them.
#[derive(Debug)]
pub(super) struct Loaded {
    /// `file PATH`, `topic NAME` or the URL.
    pub(super) place: String,
    pub(super) rows: Vec<OffsetRow>,
    pub(super) findings: Vec<Finding>,
    /// Other things to know, one sentence each.
    notes: Vec<String>,
}

impl Loaded {
    /// Reads a standalone worker's file; with `partitions`, says where in an offset topic each key would lie.
    pub(super) fn of_file(path: &Path, partitions: Option<i32>) -> Result<Self, CliError> {
        let file = offset_store::read_file(path).map_err(store_failed)?;
        let rows = file.entries.iter();
        Ok(Self {
            place: file.path.display().to_string(),
            rows: rows
                .map(|entry| OffsetRow::of_entry(entry, partitions))
                .collect(),
            findings: offset_seed::findings_of_file(&file),
            notes: Vec::new(),
        })
    }

    /// Takes the records of an offset topic: of a key in several partitions one for each, or the one that holds.
    ///
    /// The tombstones of `doctor`'s probes are of nothing that ever was, and are left out.
    pub(super) fn of_topic(topic: &OffsetTopic, every_partition: bool) -> Self {
        let mut rows = if every_partition {
            OffsetRow::of_every_partition(&topic.stored)
        } else {
            OffsetRow::of_topic(&topic.stored)
        };
        rows.retain(|row| row.value.is_some() || row.connector.as_deref() != Some(PROBE));
        Self {
            place: format!("topic {}", topic.name),
            rows,
            findings: offset_seed::findings_of_topic(topic),
            notes: Vec::new(),
        }
    }

    /// Asks a worker, or the workers of one cluster.
    pub(super) async fn of_rest(
        urls: &[String],
        flags: &RestFlags,
        timeout: Duration,
    ) -> Result<Self, CliError> {
        let rest = flags.client(urls, None, timeout)?;
        let read = offset_store::read_rest(&rest).await.map_err(rest_failed)?;
        let sinks = read.worker.connectors.iter().filter(|c| c.kind == "sink");
        let sinks: Vec<&str> = sinks.map(|c| c.name.as_str()).collect();
        let mut notes: Vec<String> = read
            .unshown
            .iter()
            .map(|name| format!("{name}: this worker does not show its offsets over REST"))
            .collect();
        if !sinks.is_empty() {
            notes.push(format!(
                "left out, because the positions of sinks are their consumer groups': {}",
                sinks.join(", ")
            ));
        }
        Ok(Self {
            place: rest.url().to_owned(),
            rows: read.rows,
            findings: Vec::new(),
            notes,
        })
    }

    /// Keeps the named connectors, and refuses a name that is not there; without names, keeps all. Sorts.
    pub(super) fn only(mut self, connectors: &[String]) -> Result<Self, CliError> {
        if let Some(unknown) = connectors.iter().find(|name| !self.has(name)) {
            let error = anyhow!("{} has no position of connector {unknown}", self.place);
            return Err(CliError::new(Kind::Failed, error)
                .hint("the same command without --connector, with -o name, lists the connectors"));
        }
        self.keep(connectors);
        Ok(self)
    }

    /// Keeps the named connectors; without names, all. Sorts.
    pub(super) fn keep(&mut self, connectors: &[String]) {
        let is_named = |name: &String| connectors.is_empty() || connectors.contains(name);
        self.rows.retain(|row| match &row.connector {
            Some(name) => is_named(name),
            None => connectors.is_empty(),
        });
        // Findings about a connector have it as their subject.
        if !connectors.is_empty() {
            self.findings.retain(|finding| is_named(&finding.subject));
        }
        offset_rows::sort(&mut self.rows);
    }

    pub(super) fn has(&self, connector: &str) -> bool {
        let mut names = self.rows.iter().filter_map(|row| row.connector.as_deref());
        names.any(|name| name == connector)
    }

    /// Says on stderr what is odd.
    pub(super) fn warn(&self, ui: &Ui) {
        say(ui, &self.findings);
        for note in &self.notes {
            ui.note(&printable(note));
        }
    }
}

/// Says findings on stderr, the first of many.
pub(super) fn say(ui: &Ui, findings: &[Finding]) {
    for finding in findings.iter().take(SHOWN_FINDINGS) {
        let remedy = match finding.remedy.as_str() {
            "" => String::new(),
            remedy => format!(" ({remedy})"),
        };
        let line = printable(&format!("{}: {}{remedy}", finding.id, finding.message));
        match finding.class {
            Class::Block | Class::Warn => ui.warning(&line),
            Class::Fixed | Class::Info => ui.note(&line),
        }
    }
    if findings.len() > SHOWN_FINDINGS {
        let more = findings.len() - SHOWN_FINDINGS;
        ui.warning(&format!("{more} more like these"));
    }
}

/// Returns the refusal of a plan that findings stop.
pub(super) fn refused<'a>(blocked: impl Iterator<Item = &'a Finding>) -> Option<CliError> {
    let blocked: Vec<_> = blocked.collect();
    if blocked.is_empty() {
        return None;
    }
    let reasons: Vec<String> = blocked
        .iter()
        .map(|f| format!("\n  {} {}", f.id, printable(&f.message)))
        .collect();
    let error = anyhow!("refused, nothing was written:{}", reasons.concat());
    let refused = CliError::new(Kind::Refused, error);
    let hinted = blocked.iter().fold(refused, |refused, finding| {
        refused.hint(format!("{}: {}", finding.id, printable(&finding.remedy)))
    });
    Some(hinted)
}

/// A distributed worker file, and the cluster that it names.
#[derive(Debug)]
pub(super) struct ClusterStore {
    pub(super) file: PropertiesFile,
    pub(super) cluster: Cluster,
    topics: StorageTopics,
    isolations: Isolations,
    /// The brokers by which the cluster was reached: those of the file, or of a flag that stands in for them.
    reached_at: Vec<String>,
}

impl ClusterStore {
    pub(super) async fn open(connection: &Connection, timeout: Duration) -> Result<Self, CliError> {
        let Some(path) = &connection.worker_config else {
            let error = anyhow!("no worker file is named, so the offset topic is not known");
            return Err(CliError::new(Kind::Usage, error).hint(
                "give --worker-config FILE; --bootstrap-server may stand in for its brokers",
            ));
        };
        let file = PropertiesFile::read(path)?;
        let topics = file.storage_topics()?;
        let isolations = isolations(&file.properties).map_err(settings_failed)?;
        let settings = connection.settings(timeout)?;
        let reached_at = settings.bootstrap.clone();
        let cluster = connect::connect(settings).await?;
        Ok(Self {
            file,
            cluster,
            topics,
            isolations,
            reached_at,
        })
    }

    /// Returns the offset topic as the worker file wants it.
    pub(super) fn wanted(&self) -> &StorageTopic {
        &self.topics.offset
    }

    /// Returns how the workers read their topics.
    pub(super) fn isolations(&self) -> Isolations {
        self.isolations
    }

    /// Reads the offset topic, which must exist.
    pub(super) async fn offset_topic(&self) -> Result<OffsetTopic, CliError> {
        self.offset_topic_if_any().await?.ok_or_else(|| {
            store_failed(OffsetStoreError::NoTopic {
                topic: self.wanted().name.clone(),
            })
        })
    }

    /// Reads the offset topic; `None`: it does not exist.
    pub(super) async fn offset_topic_if_any(&self) -> Result<Option<OffsetTopic>, CliError> {
        let isolation = self.isolations.of_storage(StorageRole::Offset);
        self.read(&self.wanted().name, isolation).await
    }

    /// Returns where the sources of the workers keep their positions; these are the connectors that will be asked for.
    pub(super) fn source_stores<'a>(
        &self,
        connectors: impl IntoIterator<Item = &'a StoredConnector>,
    ) -> SourceStores {
        let connectors = connectors.into_iter().map(StoredConnector::settings);
        let connectors: Vec<_> = connectors.collect();
        source_stores(&self.file.properties, &connectors).met_at(&self.reached_at)
    }

    /// Returns the consumer group of a sink of the workers.
    pub(super) fn consumer_group(
        &self,
        sink: &str,
        config: &IndexMap<String, String>,
    ) -> ConsumerGroup {
        let worker = &self.file.properties;
        let followed = sink_consumers::followed(worker, config);
        let consumers = SinkConsumers::of(worker, &followed).met_at(&self.reached_at);
        consumers.group(sink, config)
    }

    /// Reads the offset topic that a connector has of its own as its tasks would; a topic that does not exist holds nothing.
    pub(super) async fn own_offset_topic(
        &self,
        own: &OwnStore,
        connector: &StoredConnector,
    ) -> Result<OffsetTopic, CliError> {
        let isolation = self.isolations.of_own_topic(&connector.settings());
        let read = self.read(&own.topic, isolation).await?;
        Ok(read.unwrap_or_else(|| OffsetTopic {
            name: own.topic.clone(),
            ..OffsetTopic::default()
        }))
    }

    async fn read(
        &self,
        topic: &str,
        isolation: Isolation,
    ) -> Result<Option<OffsetTopic>, CliError> {
        offset_store::read_topic(&self.cluster, topic, isolation)
            .await
            .map_err(kafka_failed)
    }

    /// Reads the connectors of the config topic, with their running tasks.
    pub(super) async fn connectors(&self) -> Result<BTreeMap<String, StoredConnector>, CliError> {
        let config = &self.topics.config.name;
        let status = &self.topics.status.name;
        observe::registered_connectors(&self.cluster, config, status, self.isolations)
            .await
            .map_err(kafka_failed)
    }
}

/// Takes out the tombstone that `doctor` leaves of its probe, which is nobody's position.
pub(super) fn forget_probe(topic: &mut OffsetTopic) {
    let is_probe = |key: &Bytes| OffsetKey::parse(key).is_ok_and(|key| key.connector() == PROBE);
    topic
        .stored
        .retain(|key, stored| stored.value.is_some() || !is_probe(key));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::StoredOffset;

    #[test]
    fn the_trace_of_the_doctor_is_forgotten_and_a_connector_of_its_name_is_not() {
        let stored = |value: Option<&'static str>| StoredOffset {
            partition: 0,
            offset: 0,
            value: value.map(Bytes::from),
            elsewhere: Vec::new(),
            otherwise: None,
        };
        let probe = Bytes::from(format!("[\"{PROBE}\",{{}}]"));
        let mut topic = OffsetTopic::default();
        topic.stored.insert(probe.clone(), stored(None));
        topic.stored.insert(Bytes::from("[\"a\",{}]"), stored(None));
        forget_probe(&mut topic);
        assert_eq!(topic.stored.len(), 1);
        topic.stored.insert(probe, stored(Some("{}")));
        forget_probe(&mut topic);
        assert_eq!(topic.stored.len(), 2);
    }
}
