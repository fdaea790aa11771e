//! Connectors that run without a JVM: what their classes are called, what they take, what their tasks do.
//!
//! Threads, Kafka and converters are the worker's; a task here reads and writes files.

mod config;
mod exactly_once;
mod file_sink;
mod file_source;
mod stdin;

use indexmap::IndexMap;

pub use config::ConfigError;
pub use file_sink::{FileStreamSink, SinkError};
pub use file_source::{FileStreamSource, Lines, Polled, SourceError};

/// Which way a connector moves records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Into Kafka.
    Source,
    /// Out of Kafka.
    Sink,
}

/// A connector class that has an implementation here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeConnector {
    FileStreamSource,
    FileStreamSink,
}

/// Finds a connector class by its full name or by an alias, as `PluginUtils` of Kafka 4.3.1 forms them.
pub fn resolve(class: &str) -> Option<NativeConnector> {
    let class = class.trim();
    let simple = class.strip_prefix(PACKAGE).unwrap_or(class);
    let found = ALL
        .into_iter()
        .find(|connector| simple == connector.simple_name());
    found.or_else(|| {
        let is_alias = |connector: &NativeConnector| {
            connector.simple_name().strip_suffix("Connector") == Some(class)
        };
        ALL.into_iter().find(is_alias)
    })
}

/// Every connector that has an implementation here.
pub const ALL: [NativeConnector; 2] = [
    NativeConnector::FileStreamSource,
    NativeConnector::FileStreamSink,
];

const PACKAGE: &str = "org.apache.kafka.connect.file.";

impl NativeConnector {
    pub fn kind(self) -> Kind {
        match self {
            Self::FileStreamSource => Kind::Source,
            Self::FileStreamSink => Kind::Sink,
        }
    }

    fn simple_name(self) -> &'static str {
        match self {
            Self::FileStreamSource => "FileStreamSourceConnector",
            Self::FileStreamSink => "FileStreamSinkConnector",
        }
    }

    /// Returns the full name of the Java class that does the same.
    pub fn java_class(self) -> &'static str {
        match self {
            Self::FileStreamSource => "org.apache.kafka.connect.file.FileStreamSourceConnector",
            Self::FileStreamSink => "org.apache.kafka.connect.file.FileStreamSinkConnector",
        }
    }

    /// Returns the `task.class` of its tasks.
    pub fn task_class(self) -> &'static str {
        match self {
            Self::FileStreamSource => "org.apache.kafka.connect.file.FileStreamSourceTask",
            Self::FileStreamSink => "org.apache.kafka.connect.file.FileStreamSinkTask",
        }
    }

    /// Returns what is wrong with the connector's own options and with those of its kind, in Kafka's words.
    pub fn validate(self, config: &IndexMap<String, String>) -> Vec<ConfigError> {
        match self {
            Self::FileStreamSource => config::validate_source(config),
            Self::FileStreamSink => config::validate_sink(config),
        }
    }

    /// Returns the configurations of its tasks, as `Worker.connectorTaskConfigs` does.
    pub fn task_configs(
        self,
        config: &IndexMap<String, String>,
        max_tasks: u32,
    ) -> Vec<IndexMap<String, String>> {
        let mut task = config.clone();
        task.insert("task.class".to_owned(), self.task_class().to_owned());
        let tasks = match self {
            // One stream has one reader.
            Self::FileStreamSource => 1,
            Self::FileStreamSink => max_tasks as usize,
        };
        vec![task; tasks]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_by_name_and_alias() {
        for name in [
            "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "FileStreamSourceConnector",
            " FileStreamSource ",
        ] {
            assert_eq!(resolve(name), Some(NativeConnector::FileStreamSource));
        }
        assert_eq!(
            resolve("FileStreamSink"),
            Some(NativeConnector::FileStreamSink)
        );
        for name in [
            "",
            "FileStream",
            "filestreamsink",
            "org.apache.kafka.connect.file.FileStreamSink",
            "com.example.FileStreamSinkConnector",
            "org.apache.kafka.connect.tools.VerifiableSinkConnector",
        ] {
            assert_eq!(resolve(name), None, "{name}");
        }
    }

    #[test]
    fn names_go_there_and_back() {
        for connector in ALL {
            assert_eq!(resolve(connector.java_class()), Some(connector));
            assert!(connector.java_class().ends_with(connector.simple_name()));
        }
    }

    #[test]
    fn a_source_has_one_task_and_a_sink_as_many_as_it_may() {
        let config = IndexMap::from([("topic".to_owned(), "t".to_owned())]);
        let source = NativeConnector::FileStreamSource.task_configs(&config, 3);
        assert_eq!(source.len(), 1);
        assert_eq!(source[0]["topic"], "t");
        assert_eq!(
            source[0]["task.class"],
            "org.apache.kafka.connect.file.FileStreamSourceTask"
        );
        let sink = NativeConnector::FileStreamSink.task_configs(&config, 3);
        assert_eq!(sink.len(), 3);
    }
}
