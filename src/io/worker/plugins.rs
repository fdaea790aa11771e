//! What the connectors of this process say: whether a configuration is one, and which tasks it makes.

use indexmap::IndexMap;

use crate::connectors::{self, ConfigError, Kind, NativeConnector};
use crate::io::{native, providers};
use crate::model::properties::Properties;
use crate::model::storage_records::{ConnectorProperties, ConnectorState};
use crate::worker::herder::TaskConfigs;

/// The connectors of this process, with what the worker file says of all.
#[derive(Debug)]
pub(in crate::io) struct Plugins {
    worker: Properties,
}

/// Why no connector runs with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    #[error("connector config {{{keys}}} contains no connector type")]
    NoClass { keys: String },
    #[error(
        "Failed to find any class that implements Connector and which name matches {class}, available connectors are: \
         {available}. The native engine has no other: run this connector in a group of JVM workers (connect-distributed.sh)"
    )]
    UnknownClass { class: String, available: String },
    #[error("settings that are not strings: {}", .0.join(", "))]
    NotStrings(Vec<String>),
    #[error("the config topic has no configuration of task {task}")]
    NoTask { task: i32 },
    #[error("it has no file, and standard input and output are taken")]
    Console,
    #[error(transparent)]
    Reference(#[from] providers::ProviderError),
    #[error(
        "Connector configuration is invalid and contains the following {} error(s):\n{}\nYou can also find the above list \
         of errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`", .0.len(), messages(.0)
    )]
    Invalid(Vec<ConfigError>),
}

fn messages(errors: &[ConfigError]) -> String {
    let messages: Vec<&str> = errors.iter().map(|error| &*error.message).collect();
    messages.join("\n")
}

/// A configuration as the config topic has it: strings, references not followed.
pub(in crate::io) fn strings(
    properties: &ConnectorProperties,
) -> Result<IndexMap<String, String>, PluginError> {
    if !properties.not_strings.is_empty() {
        return Err(PluginError::NotStrings(properties.not_strings.clone()));
    }
    let settings = properties.settings.iter();
    let strings = settings.filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
    Ok(strings.collect())
}

impl Plugins {
    pub(in crate::io) fn new(worker: &Properties) -> Self {
        Self {
            worker: worker.clone(),
        }
    }

    /// Returns a connector's or a task's configuration with its references followed.
    pub(in crate::io) fn resolved(
        &self,
        config: &IndexMap<String, String>,
    ) -> Result<IndexMap<String, String>, PluginError> {
        Ok(providers::resolve_connector(&self.worker, config)?)
    }

    /// Returns the group of a sink's consumers.
    pub(super) fn consumer_group(
        &self,
        connector: &str,
        config: &IndexMap<String, String>,
    ) -> Result<String, PluginError> {
        let config = self.resolved(config)?;
        let worker = providers::resolve_where(&self.worker, |key| key == "consumer.group.id")?;
        Ok(native::consumer_group(&worker, &config, connector))
    }

    /// Finds the class of a configuration.
    pub(in crate::io) fn class(
        config: &IndexMap<String, String>,
    ) -> Result<NativeConnector, PluginError> {
        let Some(class) = config.get("connector.class") else {
            let keys: Vec<&str> = config.keys().map(String::as_str).collect();
            return Err(PluginError::NoClass {
                keys: keys.join(", "),
            });
        };
        connectors::resolve(class).ok_or_else(|| {
            let all = connectors::ALL.iter();
            let available: Vec<&str> = all.map(|connector| connector.java_class()).collect();
            PluginError::UnknownClass {
                class: class.clone(),
                available: available.join(", "),
            }
        })
    }

    /// Returns what is wrong with a configuration, option by option.
    pub(in crate::io) fn errors(
        &self,
        config: &IndexMap<String, String>,
    ) -> Result<(NativeConnector, Vec<ConfigError>), PluginError> {
        let config = self.resolved(config)?;
        let class = Self::class(&config)?;
        let mut errors = class.validate(&config);
        errors.extend(wrong_task_count(&config));
        if class.kind() == Kind::Sink {
            errors.extend(self.workers_group(&config));
        }
        let converters = native::converter_errors(&self.worker, &config);
        errors.extend(converters.into_iter().map(|(key, error)| ConfigError {
            key: key.to_owned(),
            value: config.get(key).cloned(),
            message: error.to_string(),
        }));
        let clients = native::override_errors(&self.worker, &config, class.kind());
        errors.extend(clients.into_iter().map(|(key, message)| ConfigError {
            value: config.get(&key).cloned(),
            key,
            message,
        }));
        Ok((class, errors))
    }

    /// `DistributedHerder.validateSinkConnectorGroupId`: a sink's consumers in the workers' group would end the group.
    fn workers_group(&self, config: &IndexMap<String, String>) -> Option<ConfigError> {
        const OWN: &str = "consumer.override.group.id";
        let workers = self.worker.get("group.id")?.trim();
        let (key, message) = if let Some(own) = config.get(OWN) {
            let message =
                format!("Consumer group {own} conflicts with Connect worker group {workers}");
            (OWN, (own == workers).then_some(message)?)
        } else {
            let name = config.get("name")?;
            let message = format!(
                "Consumer group for sink connector named {name} conflicts with Connect worker group {workers}"
            );
            let is_workers = format!("connect-{name}") == workers;
            ("name", is_workers.then_some(message)?)
        };
        Some(ConfigError {
            key: key.to_owned(),
            value: config.get(key).cloned(),
            message,
        })
    }

    /// Fails if no connector would run with this configuration.
    pub(in crate::io) fn check(
        &self,
        config: &IndexMap<String, String>,
    ) -> Result<NativeConnector, PluginError> {
        match self.errors(config)? {
            (class, errors) if errors.is_empty() => Ok(class),
            (_, errors) => Err(PluginError::Invalid(errors)),
        }
    }

    /// Looks whether a connector of the config topic can run here.
    pub(super) fn start(&self, state: &ConnectorState) -> Result<(), PluginError> {
        self.check(&strings(&state.properties)?).map(drop)
    }

    /// Returns the configurations of its tasks: references stay what they are.
    pub(super) fn task_configs(&self, state: &ConnectorState) -> Result<TaskConfigs, PluginError> {
        let config = strings(&state.properties)?;
        let class = self.check(&config)?;
        let resolved = self.resolved(&config)?;
        let max_tasks = task_count(&resolved).unwrap_or(1);
        Ok(class.task_configs(&config, max_tasks))
    }
}

/// Returns `tasks.max`, which is 1 unless it is given.
fn task_count(config: &IndexMap<String, String>) -> Option<u32> {
    match config.get("tasks.max") {
        None => Some(1),
        Some(count) => count.trim().parse().ok().filter(|count| *count > 0),
    }
}

fn wrong_task_count(config: &IndexMap<String, String>) -> Option<ConfigError> {
    if task_count(config).is_some() {
        return None;
    }
    let value = config.get("tasks.max").cloned().unwrap_or_default();
    let reason = if value.trim().parse::<i32>().is_ok() {
        "Value must be at least 1"
    } else {
        "Not a number of type INT"
    };
    Some(ConfigError {
        key: "tasks.max".to_owned(),
        message: format!("Invalid value {value} for configuration tasks.max: {reason}"),
        value: Some(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_class_that_is_not_here_is_refused_with_the_remedy() {
        let plugins = Plugins::new(&Properties::new());
        let unknown = plugins.check(&config(&[("connector.class", "io.debezium.Any")]));
        let message = unknown.unwrap_err().to_string();
        assert!(
            message.contains("name matches io.debezium.Any"),
            "{message}"
        );
        assert!(message.contains("connect-distributed.sh"), "{message}");
        let none = plugins.check(&config(&[("topics", "a")])).unwrap_err();
        assert_eq!(
            none.to_string(),
            "connector config {topics} contains no connector type"
        );
    }

    #[test]
    fn the_group_of_the_worker_file_is_followed_as_the_connectors_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("names");
        std::fs::write(&file, "worker=w\nown=o\n").unwrap();
        let reference = |key: &str| format!("${{file:{}:{key}}}", file.display());
        let plugins = Plugins::new(&config(&[
            ("config.providers", "file"),
            (
                "config.providers.file.class",
                "org.apache.kafka.common.config.provider.FileConfigProvider",
            ),
            ("consumer.group.id", &reference("worker")),
        ]));
        let group = |sink: &[(&str, &str)]| plugins.consumer_group("c", &config(sink)).unwrap();
        assert_eq!(group(&[]), "w");
        let own = reference("own");
        assert_eq!(group(&[("consumer.override.group.id", &own)]), "o");
    }

    #[test]
    fn every_error_is_told_at_once() {
        let string = "org.apache.kafka.connect.storage.StringConverter".to_owned();
        let converters = ["key.converter", "value.converter"];
        let worker = converters.map(|key| (key.to_owned(), string.clone()));
        let plugins = Plugins::new(&worker.into_iter().collect());
        let avro = ("value.converter", "io.confluent.connect.avro.AvroConverter");
        let unknown = config(&[
            ("connector.class", "FileStreamSource"),
            ("topic", "t"),
            avro,
        ]);
        let message = plugins.check(&unknown).unwrap_err().to_string();
        assert!(
            message.contains("io.confluent.connect.avro.AvroConverter"),
            "{message}"
        );
        let wrong = config(&[("connector.class", "FileStreamSource"), ("tasks.max", "0")]);
        let message = plugins.check(&wrong).unwrap_err().to_string();
        assert!(message.contains("following 2 error(s)"), "{message}");
        assert!(message.contains("configuration \"topic\""), "{message}");
        assert!(
            message.contains("for configuration tasks.max: Value must be at least 1"),
            "{message}"
        );
    }
}
