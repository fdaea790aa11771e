//! From flags to a cluster: worker files and client settings, and errors with their kind and hint.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;

use super::args::Connection;
use super::error::{CliError, Kind};
use crate::io::connect_rest::{RestError, RestErrorKind};
use crate::io::files::{self, FileError, InputFile, LARGEST_CONFIG};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::settings::{ClientSettings, SettingsError};
use crate::io::offset_store::OffsetStoreError;
use crate::io::providers;
use crate::model::properties::{Document, Properties};
use crate::model::worker_config::{StorageTopics, WorkerConfigError};

/// Parses a worker file, or client settings, that was read.
pub(super) fn document(file: &InputFile) -> Result<Document, CliError> {
    Document::parse(&file.bytes).map_err(|e| {
        CliError::new(Kind::Failed, anyhow!("{}:{e}", file.path.display()))
            .hint("a worker would not start with this file either")
    })
}

/// A properties file as Java reads it: a worker's, or client settings.
#[derive(Debug)]
pub struct PropertiesFile {
    /// Absolute.
    pub path: PathBuf,
    pub properties: Properties,
}

impl PropertiesFile {
    /// Reads a file as `java.util.Properties` does.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let file = files::read(path, LARGEST_CONFIG).map_err(file_failed)?;
        if file.bytes.contains(&0) {
            let error = anyhow!(
                "{} is not a properties file: it holds NUL bytes",
                file.path.display()
            );
            return Err(CliError::new(Kind::Failed, error)
                .hint("give the file that the worker is started with"));
        }
        let properties = document(&file)?.to_map();
        if properties.contains_key("connector.class") {
            let error = anyhow!(
                "{} is a connector's file, not a worker's",
                file.path.display()
            );
            return Err(CliError::new(Kind::Failed, error)
                .hint("give the file that the worker is started with"));
        }
        Ok(Self {
            path: file.path,
            properties,
        })
    }

    /// Returns the storage topics of a distributed worker with these settings.
    pub fn storage_topics(&self) -> Result<StorageTopics, CliError> {
        let resolved = providers::resolve_where(&self.properties, |key| {
            key.starts_with("config.storage.")
                || key.starts_with("offset.storage.")
                || key.starts_with("status.storage.")
        })
        .map_err(|e| {
            let hint = e.hint();
            with_hint(self.failed(e), hint)
        })?;
        StorageTopics::from_properties(&resolved).map_err(|e| {
            let hint = match &e {
                WorkerConfigError::Missing { .. }
                    if self.properties.contains_key("offset.storage.file.filename") =>
                {
                    format!(
                        "this is the file of a standalone worker; connectctl migrate {} CONNECTOR.properties… writes the distributed one",
                        self.path.display()
                    )
                }
                WorkerConfigError::Missing { .. } | WorkerConfigError::Blank { .. } => {
                    format!("set {} in the worker file", e.key())
                }
                _ => format!("correct {} in the worker file", e.key()),
            };
            self.failed(e).hint(hint)
        })
    }

    /// Returns how a Java client with these settings reaches its cluster.
    pub fn settings(&self, timeout: Duration) -> Result<ClientSettings, CliError> {
        self.settings_of(&self.properties, timeout)
    }

    /// Returns these settings with other brokers.
    fn settings_at(&self, bootstrap: &str, timeout: Duration) -> Result<ClientSettings, CliError> {
        let mut properties = self.properties.clone();
        properties.insert("bootstrap.servers".to_owned(), bootstrap.to_owned());
        self.settings_of(&properties, timeout)
    }

    fn settings_of(
        &self,
        properties: &Properties,
        timeout: Duration,
    ) -> Result<ClientSettings, CliError> {
        ClientSettings::from_properties(properties, timeout).map_err(|e| {
            let hint = e.hint();
            with_hint(self.failed(e), hint)
        })
    }

    /// Returns an error with the file's name in front.
    pub fn failed(&self, error: impl std::error::Error + Send + Sync + 'static) -> CliError {
        let place = self.path.display().to_string();
        CliError::new(Kind::Failed, anyhow::Error::new(error).context(place))
    }
}

impl Connection {
    /// Returns how the cluster is reached.
    ///
    /// The worker file gives the brokers and the security, unless `--bootstrap-server` or `--command-config` stand in
    /// for the one or the other.
    pub fn settings(&self, timeout: Duration) -> Result<ClientSettings, CliError> {
        let worker = self
            .worker_config
            .as_deref()
            .map(PropertiesFile::read)
            .transpose()?;
        let client = self
            .command_config
            .as_deref()
            .map(PropertiesFile::read)
            .transpose()?;
        let brokers_of = |file: &PropertiesFile| file.properties.get("bootstrap.servers").cloned();
        let bootstrap = self
            .bootstrap_server
            .clone()
            .or_else(|| client.as_ref().and_then(brokers_of))
            .or_else(|| worker.as_ref().and_then(brokers_of));
        match (client.or(worker), bootstrap) {
            (Some(file), Some(bootstrap)) => file.settings_at(&bootstrap, timeout),
            (Some(file), None) => file.settings(timeout),
            (None, Some(bootstrap)) => {
                let none = PropertiesFile {
                    path: PathBuf::from("--bootstrap-server"),
                    properties: Properties::new(),
                };
                none.settings_at(&bootstrap, timeout)
            }
            (None, None) => Err(
                CliError::new(Kind::Usage, anyhow!("no Kafka cluster is named"))
                    .hint("give --worker-config FILE, or --bootstrap-server HOST:PORT"),
            ),
        }
    }
}

/// Connects to the cluster within the deadline of the settings.
pub async fn connect(settings: ClientSettings) -> Result<Cluster, CliError> {
    Cluster::connect(settings).await.map_err(kafka_failed)
}

/// Returns a failure of the cluster or of the way to it, with what to do about it.
pub fn kafka_failed(error: KafkaError) -> CliError {
    let hint = error.hint();
    with_hint(CliError::new(Kind::Failed, error), hint)
}

/// Returns a failure of a REST call, with what to do about it.
pub fn rest_failed(error: RestError) -> CliError {
    let kind = match error.kind {
        RestErrorKind::BadUrl(_) | RestErrorKind::BadUser => Kind::Usage,
        _ => Kind::Failed,
    };
    let hint = error.hint();
    with_hint(CliError::new(kind, error), hint)
}

/// Returns a client setting that cannot be used, with what to do about it.
pub fn settings_failed(error: SettingsError) -> CliError {
    let hint = error.hint();
    with_hint(CliError::new(Kind::Failed, error), hint)
}

/// Returns a failure to read or write a file, with what to do about it.
pub fn file_failed(error: FileError) -> CliError {
    let hint = error.hint();
    with_hint(CliError::new(Kind::Failed, error), hint)
}

/// Returns a failure to read or write positions, with what to do about it.
pub fn store_failed(error: OffsetStoreError) -> CliError {
    let kind = if error.is_verification() {
        Kind::Unverified
    } else {
        Kind::Failed
    };
    let hint = error.hint();
    with_hint(CliError::new(kind, error), hint)
}

/// Adds a hint where there is one.
pub fn with_hint(error: CliError, hint: Option<String>) -> CliError {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
