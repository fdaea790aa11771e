//! Whether a connector is a source or a sink, told from its class and settings.
//!
//! A plan cannot load the class, so this is recognition, not knowledge. What is not recognised counts as a source,
//! because only a source can lose a position that lives in the offsets file.

use indexmap::IndexMap;

use crate::plan::ConnectorKind;

/// Well-known source classes whose names do not say so, by simple name in lower case without `Connector`.
const SOURCES: &[&str] = &[
    "mirrorcheckpoint",
    "mirrorheartbeat",
    // Debezium: change data capture only reads.
    "mysql",
    "mariadb",
    "postgres",
    "sqlserver",
    "oracle",
    "mongodb",
    "db2",
    "db2as400",
    "cassandra",
    "cassandra4",
    "vitess",
    "spanner",
    "informix",
    // Generators.
    "datagen",
    "voluble",
    "kafkatwitterrandom",
];

/// Well-known sink classes whose names do not say so.
const SINKS: &[&str] = &["clickhousekafka", "hec", "splunkhec"];

/// Returns what a connector is, by the running worker's own word if there is one, then by class, then by settings.
pub fn kind_of(
    class: &str,
    config: &IndexMap<String, String>,
    said_by_worker: Option<&str>,
) -> ConnectorKind {
    match said_by_worker {
        Some("source") => return ConnectorKind::Source,
        Some("sink") => return ConnectorKind::Sink,
        _ => {}
    }
    let simple = simple_name(class);
    if simple.ends_with("source") || SOURCES.contains(&simple.as_str()) {
        ConnectorKind::Source
    } else if simple.ends_with("sink") || SINKS.contains(&simple.as_str()) {
        ConnectorKind::Sink
    } else if config.contains_key("topics") || config.contains_key("topics.regex") {
        // SinkConnectorConfig requires one of the two; no framework setting of a source has these names.
        ConnectorKind::Sink
    } else {
        ConnectorKind::Unknown
    }
}

/// Returns whether the class name itself says what the connector is.
pub fn is_certain(class: &str) -> bool {
    kind_of(class, &IndexMap::new(), None) != ConnectorKind::Unknown
}

/// Connect accepts a class by full name, by simple name and by simple name without `Connector` (`PluginUtils`).
fn simple_name(class: &str) -> String {
    let simple = class.trim().rsplit(['.', '$']).next().unwrap_or_default();
    let lower = simple.to_ascii_lowercase();
    lower.strip_suffix("connector").unwrap_or(&lower).to_owned()
}

/// Returns whether a connector reads or writes files of the worker's own host.
pub fn is_local_file(class: &str) -> bool {
    let simple = simple_name(class);
    simple.starts_with("filestream")
        || simple.starts_with("spooldir")
        || simple.starts_with("filepulse")
        || simple.starts_with("fssource")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(class: &str, keys: &[&str]) -> ConnectorKind {
        let config = keys
            .iter()
            .map(|k| ((*k).to_owned(), "x".to_owned()))
            .collect();
        kind_of(class, &config, None)
    }

    #[test]
    fn connectors_are_recognised_by_class_in_all_three_spellings() {
        use ConnectorKind::{Sink, Source};
        for (class, expected) in [
            ("FileStreamSink", Sink),
            ("FileStreamSinkConnector", Sink),
            (
                "org.apache.kafka.connect.file.FileStreamSourceConnector",
                Source,
            ),
            (
                "org.apache.kafka.connect.mirror.MirrorSourceConnector",
                Source,
            ),
            ("MirrorHeartbeat", Source),
            ("io.debezium.connector.mysql.MySqlConnector", Source),
            ("PostgresConnector", Source),
            ("io.debezium.connector.jdbc.JdbcSinkConnector", Sink),
            ("io.confluent.connect.jdbc.JdbcSourceConnector", Source),
            ("com.splunk.kafka.connect.SplunkSinkConnector", Sink),
            (
                "org.apache.kafka.connect.tools.VerifiableSourceConnector",
                Source,
            ),
        ] {
            assert_eq!(kind(class, &["topics"]), expected, "{class}");
        }
    }

    #[test]
    fn topics_make_an_unrecognised_class_a_sink_and_nothing_makes_it_a_source() {
        assert_eq!(
            kind("com.example.Pump", &["topics.regex"]),
            ConnectorKind::Sink
        );
        assert_eq!(kind("com.example.Pump", &["topic"]), ConnectorKind::Unknown);
    }

    #[test]
    fn the_running_worker_knows_better() {
        let config = IndexMap::new();
        assert_eq!(
            kind_of("FileStreamSource", &config, Some("sink")),
            ConnectorKind::Sink
        );
        assert_eq!(
            kind_of("com.example.Pump", &config, Some("unknown")),
            ConnectorKind::Unknown
        );
    }
}
