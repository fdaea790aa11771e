//! What the tasks of a worker take from its file.

use std::time::Duration;

use crate::io::isolation::isolations;
use crate::io::kafka::settings::SettingsError;
use crate::io::providers;
use crate::model::properties::Properties;
use crate::model::worker_config::{
    self, Default, Isolation, Isolations, StorageRole, effective_value,
};

/// How long one request of a task's client may take, as `request.timeout.ms` of Java's clients.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// Settings of a worker that its tasks share.
#[derive(Debug, Clone)]
pub(super) struct WorkerSettings {
    /// The worker file, references resolved.
    pub(super) worker: Properties,
    pub(super) offset_topic: String,
    /// How it is read.
    pub(super) isolation: Isolation,
    pub(super) isolations: Isolations,
    /// `offset.flush.interval.ms`: time between two commits of a task.
    pub(super) flush_interval: Duration,
    /// `offset.flush.timeout.ms`: what one commit may take.
    pub(super) flush_timeout: Duration,
    /// `task.shutdown.graceful.timeout.ms`: what a task may take to end.
    pub(super) graceful: Duration,
    /// `topic.creation.enable`.
    pub(super) creates_topics: bool,
    /// `topic.tracking.enable`.
    pub(super) tracks_topics: bool,
    /// `connector.client.config.override.policy`.
    pub(super) override_policy: String,
    pub(super) client_timeout: Duration,
}

impl WorkerSettings {
    pub(super) fn read(worker: &Properties) -> Result<Self, SettingsError> {
        let worker = providers::resolve(worker)?;
        let offset_topic = text(&worker, "offset.storage.topic");
        if offset_topic.is_empty() {
            return Err(SettingsError::Missing {
                key: "offset.storage.topic".to_owned(),
                reason: String::new(),
                hint: "A distributed worker keeps the offsets of sources there.".to_owned(),
            });
        }
        let isolations = isolations(&worker)?;
        Ok(Self {
            offset_topic,
            isolation: isolations.of_storage(StorageRole::Offset),
            isolations,
            flush_interval: millis(&worker, "offset.flush.interval.ms")?,
            flush_timeout: millis(&worker, "offset.flush.timeout.ms")?,
            graceful: millis(&worker, "task.shutdown.graceful.timeout.ms")?,
            creates_topics: !text(&worker, "topic.creation.enable").eq_ignore_ascii_case("false"),
            tracks_topics: !text(&worker, "topic.tracking.enable").eq_ignore_ascii_case("false"),
            override_policy: text(&worker, "connector.client.config.override.policy"),
            client_timeout: CLIENT_TIMEOUT,
            worker,
        })
    }
}

fn text(worker: &Properties, key: &str) -> String {
    let default = match worker_config::setting(key).map(|setting| setting.default) {
        Some(Default::Value(value)) => value,
        _ => "",
    };
    let value = worker.get(key).map_or(default, String::as_str);
    effective_value(key, value).to_owned()
}

fn millis(worker: &Properties, key: &str) -> Result<Duration, SettingsError> {
    let value = text(worker, key);
    let millis = value.parse().map_err(|_| SettingsError::Invalid {
        key: key.to_owned(),
        value: value.clone(),
        reason: "is not a number of milliseconds".to_owned(),
        hint: None,
    })?;
    Ok(Duration::from_millis(millis))
}
