//! Worker settings: standalone and distributed.
//!
//! A worker file is a `.properties` file ([`super::properties`]). Here is what a worker makes of it.

mod advertised;
mod isolation;
mod settings;
mod sink_consumers;
mod source_stores;
mod storage_topics;

use super::properties::Properties;

pub use advertised::AdvertisedListener;
pub use isolation::{Isolation, Isolations};
pub use settings::{Default, Mode, SETTINGS, Setting, Type, setting};
pub use sink_consumers::{ConsumerGroup, Followed, SinkConsumers, Unseen};
pub use source_stores::{OWN_TOPIC, OwnStore, Place, SourceStores};
pub use storage_topics::{StorageRole, StorageTopic, StorageTopics, WorkerConfigError};

/// Where a standalone worker keeps its offsets; without it, it does not start.
pub const OFFSET_STORAGE_FILE_FILENAME: &str = "offset.storage.file.filename";

/// Returns whether the file is that of a distributed worker: the first setting that shows it.
///
/// A standalone file may carry inert settings of a distributed one, and still is one as long as it names an offsets
/// file, without which no standalone worker starts.
pub fn distributed_by(properties: &Properties) -> Option<String> {
    let is_set = |key: &str| {
        properties
            .get(key)
            .is_some_and(|value| !trimmed(value).is_empty())
    };
    if is_set(OFFSET_STORAGE_FILE_FILENAME) {
        return None;
    }
    let mut keys = StorageRole::ALL.iter().map(|role| role.key("topic"));
    keys.find(|key| is_set(key))
}

/// Returns whether the file is that of a worker rather than of a connector.
pub fn is_worker(properties: &Properties) -> bool {
    !properties.contains_key("connector.class")
        && properties.keys().any(|key| {
            // Converters are settings of connectors too.
            setting(key).is_some_and(|setting| !setting.name.contains("converter"))
        })
}

/// Returns the value as the worker reads it: settings that it defines are trimmed, others are not.
///
/// `ConfigDef.parseType` trims as `java.lang.String.trim` does.
pub fn effective_value<'a>(key: &str, value: &'a str) -> &'a str {
    if setting(key).is_some() {
        trimmed(value)
    } else {
        value
    }
}

/// Returns the text without leading and trailing characters up to U+0020, as `java.lang.String.trim` does.
pub fn trimmed(value: &str) -> &str {
    value.trim_matches(|character| character <= ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_file_that_names_an_offsets_file_is_standalone() {
        let standalone = [("offset.storage.file.filename", "/o"), ("group.id", "g")];
        assert_eq!(distributed_by(&properties(&standalone)), None);
        let both = [standalone[0], ("config.storage.topic", "c")];
        assert_eq!(distributed_by(&properties(&both)), None);
    }

    #[test]
    fn a_file_with_storage_topics_and_without_an_offsets_file_is_distributed() {
        let blank = ("offset.storage.file.filename", " ");
        let status = ("status.storage.topic", "s");
        assert_eq!(
            distributed_by(&properties(&[blank, status])).as_deref(),
            Some("status.storage.topic")
        );
        assert_eq!(distributed_by(&properties(&[("group.id", "g")])), None);
    }

    #[test]
    fn workers_and_connectors_are_told_apart() {
        assert!(is_worker(&properties(&[
            ("bootstrap.servers", "b"),
            ("key.converter", "k")
        ])));
        assert!(!is_worker(&properties(&[
            ("connector.class", "c"),
            ("key.converter", "k")
        ])));
        assert!(!is_worker(&properties(&[
            ("name", "n"),
            ("key.converter", "k")
        ])));
        assert!(!is_worker(&properties(&[])));
    }

    #[test]
    fn known_settings_are_trimmed_as_java_trims() {
        assert_eq!(effective_value("bootstrap.servers", " a:1\t\u{1} "), "a:1");
        assert_eq!(
            effective_value("bootstrap.servers", "\u{a0}a\u{a0}"),
            "\u{a0}a\u{a0}"
        );
        assert_eq!(effective_value("producer.acks", " all "), " all ");
    }
}
