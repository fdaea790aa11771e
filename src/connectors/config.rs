//! Options read as `ConfigDef` reads them, and what is wrong with them in its words.

use indexmap::IndexMap;
use regex::Regex;

use super::exactly_once;

/// What is wrong with one option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    pub key: String,
    /// As it was given.
    pub value: Option<String>,
    pub message: String,
}

impl ConfigError {
    pub(super) fn new(
        config: &IndexMap<String, String>,
        key: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            key: key.to_owned(),
            value: config.get(key).cloned(),
            message: message.into(),
        }
    }
}

/// What a file source takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceConfig {
    /// As it was configured; absent or empty for standard input.
    pub(super) file: Option<String>,
    pub(super) topic: String,
    /// Records of one poll, at least 1.
    pub(super) batch_size: usize,
}

const BATCH_SIZE: i32 = 2000;

impl SourceConfig {
    pub(super) fn read(config: &IndexMap<String, String>) -> Result<Self, ConfigError> {
        let topic = text(config, "topic").ok_or_else(|| {
            let message = "Missing required configuration \"topic\" which has no default value.";
            ConfigError::new(config, "topic", message)
        })?;
        if topic.is_empty() {
            let message = "Invalid value  for configuration topic: String must be non-empty";
            return Err(ConfigError::new(config, "topic", message));
        }
        let batch_size = int(config, "batch.size", BATCH_SIZE)?;
        Ok(Self {
            file: file(config),
            topic,
            // The JVM's task looks at the limit after each record: below 1 it is 1.
            batch_size: usize::try_from(batch_size).unwrap_or(1).max(1),
        })
    }
}

/// Returns the `file` of either connector.
pub(super) fn file(config: &IndexMap<String, String>) -> Option<String> {
    text(config, "file")
}

pub(super) fn validate_source(config: &IndexMap<String, String>) -> Vec<ConfigError> {
    let mut errors = not_native(config);
    errors.extend(of_any_connector(config));
    errors.extend(SourceConfig::read(config).err());
    if config.contains_key("batch.size") && !errors.iter().any(|e| e.key == "batch.size") {
        errors.extend(int(config, "batch.size", BATCH_SIZE).err());
    }
    errors.extend(empty(config, "offsets.storage.topic"));
    errors.extend(repeated_groups(config));
    errors.extend(exactly_once::validate(config));
    errors
}

/// `topic.creation.groups` of `SourceConnectorConfig`.
fn repeated_groups(config: &IndexMap<String, String>) -> Option<ConfigError> {
    let key = "topic.creation.groups";
    let groups = text(config, key).filter(|groups| !groups.is_empty())?;
    let groups: Vec<&str> = groups.split(',').map(str::trim).collect();
    let repeats = (1..groups.len()).any(|at| groups[..at].contains(&groups[at]));
    let value = format!("[{}]", groups.join(", "));
    repeats.then(|| invalid(config, key, &value, "Duplicate alias provided."))
}

/// `ConnectorConfig.configDef`, as far as it can be wrong.
fn of_any_connector(config: &IndexMap<String, String>) -> Vec<ConfigError> {
    let flags = [
        "tasks.max.enforce",
        "errors.log.enable",
        "errors.log.include.messages",
    ];
    let flags = flags.into_iter().filter_map(|key| flag(config, key));
    let millis = ["errors.retry.timeout", "errors.retry.delay.max.ms"];
    let millis = millis
        .into_iter()
        .filter_map(|key| number::<i64>(config, key, "LONG"));
    let words = [
        ("config.action.reload", ["none", "restart"]),
        ("errors.tolerance", ["none", "all"]),
    ];
    let words = words
        .into_iter()
        .filter_map(|(key, allowed)| one_of(config, key, &allowed));
    flags.chain(millis).chain(words).collect()
}

fn flag(config: &IndexMap<String, String>, key: &str) -> Option<ConfigError> {
    let value = config.get(key)?;
    let is_flag = ["true", "false"]
        .iter()
        .any(|flag| value.trim().eq_ignore_ascii_case(flag));
    let reason = "Expected value to be either true or false";
    (!is_flag).then(|| invalid(config, key, value, reason))
}

pub(super) fn number<T: std::str::FromStr>(
    config: &IndexMap<String, String>,
    key: &str,
    kind: &str,
) -> Option<ConfigError> {
    let value = config.get(key)?;
    let reason = format!("Not a number of type {kind}");
    let is_number = value.trim().parse::<T>().is_ok();
    (!is_number).then(|| invalid(config, key, value, &reason))
}

/// `ConfigDef.ValidString`, of which the case counts.
fn one_of(config: &IndexMap<String, String>, key: &str, allowed: &[&str]) -> Option<ConfigError> {
    let value = config.get(key)?.trim();
    let reason = format!("String must be one of: {}", allowed.join(", "));
    (!allowed.contains(&value)).then(|| invalid(config, key, value, &reason))
}

pub(super) fn invalid(
    config: &IndexMap<String, String>,
    key: &str,
    value: &str,
    reason: &str,
) -> ConfigError {
    let message = format!("Invalid value {value} for configuration {key}: {reason}");
    ConfigError::new(config, key, message)
}

/// `ConfigDef.NonEmptyString`
fn empty(config: &IndexMap<String, String>, key: &str) -> Option<ConfigError> {
    let message = format!("Invalid value  for configuration {key}: String must be non-empty");
    let is_empty = text(config, key).is_some_and(|value| value.is_empty());
    is_empty.then(|| ConfigError::new(config, key, message))
}

/// `SinkConnectorConfig.validate`.
pub(super) fn validate_sink(config: &IndexMap<String, String>) -> Vec<ConfigError> {
    let mut errors = not_native(config);
    errors.extend(of_any_connector(config));
    errors.extend(flag(
        config,
        "errors.deadletterqueue.context.headers.enable",
    ));
    let factor = "errors.deadletterqueue.topic.replication.factor";
    errors.extend(number::<i16>(config, factor, "SHORT"));
    let is_set = |key| text(config, key).is_some_and(|value| !value.is_empty());
    let both = |message: &str| {
        ["topics", "topics.regex"].map(|key| ConfigError::new(config, key, message))
    };
    match (is_set("topics"), is_set("topics.regex")) {
        (true, true) => errors.extend(both(
            "topics and topics.regex are mutually exclusive options, but both are set.",
        )),
        (false, false) => errors.extend(both("Must configure one of topics or topics.regex")),
        (true, false) => errors.extend(dead_letters_among_topics(config)),
        (false, true) => errors.extend(wrong_pattern(config)),
    }
    errors
}

fn dead_letters_among_topics(config: &IndexMap<String, String>) -> Option<ConfigError> {
    let dead_letters = text(config, DEAD_LETTERS).filter(|topic| !topic.is_empty())?;
    let topics = list(config, "topics");
    let message = format!(
        "The DLQ topic '{dead_letters}' may not be included in the list of topics ('topics=[{}]') consumed by the \
         connector",
        topics.join(", ")
    );
    topics
        .contains(&dead_letters)
        .then(|| ConfigError::new(config, "topics", message))
}

fn wrong_pattern(config: &IndexMap<String, String>) -> Option<ConfigError> {
    let pattern = config.get("topics.regex")?;
    let compiled = match Regex::new(&format!("^(?:{pattern})$")) {
        Ok(compiled) => compiled,
        Err(error) => {
            let message = format!(
                "Invalid value {pattern} for configuration topics.regex: the native engine cannot read it: {error}; a \
                 JVM worker (connect-distributed.sh) reads what Java reads"
            );
            return Some(ConfigError::new(config, "topics.regex", message));
        }
    };
    let dead_letters = text(config, DEAD_LETTERS).filter(|topic| !topic.is_empty())?;
    let message = format!(
        "The DLQ topic '{dead_letters}' may not be matched by the regex for the topics ('topics.regex={pattern}') \
         consumed by the connector"
    );
    compiled
        .is_match(&dead_letters)
        .then(|| ConfigError::new(config, "topics.regex", message))
}

const DEAD_LETTERS: &str = "errors.deadletterqueue.topic.name";

/// Returns the options that ask for code which only a JVM has.
fn not_native(config: &IndexMap<String, String>) -> Vec<ConfigError> {
    let refused = ["transforms", "predicates"].into_iter().filter_map(|key| {
        let names = text(config, key).filter(|names| !names.is_empty())?;
        let message = format!(
            "{key}={names}: the native engine has no {key}; run this connector on a JVM worker (connect-distributed.sh)"
        );
        Some(ConfigError::new(config, key, message))
    });
    refused.collect()
}

/// Returns a STRING: trimmed.
pub(super) fn text(config: &IndexMap<String, String>, key: &str) -> Option<String> {
    config.get(key).map(|value| value.trim().to_owned())
}

/// Returns a LIST without its empty items and repetitions.
fn list(config: &IndexMap<String, String>, key: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for item in text(config, key).unwrap_or_default().split(',') {
        let item = item.trim();
        if !item.is_empty() && !items.iter().any(|known| known == item) {
            items.push(item.to_owned());
        }
    }
    items
}

fn int(config: &IndexMap<String, String>, key: &str, default: i32) -> Result<i32, ConfigError> {
    let Some(value) = text(config, key) else {
        return Ok(default);
    };
    value.parse().map_err(|_| {
        let message =
            format!("Invalid value {value} for configuration {key}: Not a number of type INT");
        ConfigError::new(config, key, message)
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

    fn messages(errors: &[ConfigError]) -> Vec<(&str, &str)> {
        let errors = errors.iter();
        errors.map(|error| (&*error.key, &*error.message)).collect()
    }

    #[test]
    fn a_source_takes_what_the_jvm_takes() {
        let read = SourceConfig::read(&config(&[("topic", " t "), ("file", " /a b ")])).unwrap();
        assert_eq!((&*read.topic, read.file.as_deref()), ("t", Some("/a b")));
        assert_eq!(read.batch_size, 2000);
        for (batch_size, expected) in [("0", 1), ("-5", 1), ("+7", 7), (" 10 ", 10)] {
            let read = SourceConfig::read(&config(&[("topic", "t"), ("batch.size", batch_size)]));
            assert_eq!(read.unwrap().batch_size, expected, "{batch_size}");
        }
    }

    #[test]
    fn a_source_without_a_topic_or_with_a_wrong_size_is_refused() {
        let missing = "Missing required configuration \"topic\" which has no default value.";
        let wrong =
            "Invalid value 3000000000 for configuration batch.size: Not a number of type INT";
        let errors = validate_source(&config(&[("batch.size", "3000000000")]));
        assert_eq!(
            messages(&errors),
            [("topic", missing), ("batch.size", wrong)]
        );
        let empty = "Invalid value  for configuration topic: String must be non-empty";
        assert_eq!(
            messages(&validate_source(&config(&[("topic", " ")]))),
            [("topic", empty)]
        );
        assert!(validate_source(&config(&[("topic", "t")])).is_empty());
        let own =
            "Invalid value  for configuration offsets.storage.topic: String must be non-empty";
        let errors = validate_source(&config(&[("topic", "t"), ("offsets.storage.topic", "")]));
        assert_eq!(messages(&errors), [("offsets.storage.topic", own)]);
    }

    #[test]
    fn a_sink_has_topics_or_a_pattern() {
        let none = "Must configure one of topics or topics.regex";
        assert_eq!(
            messages(&validate_sink(&config(&[("topics", " ")]))),
            [("topics", none), ("topics.regex", none)]
        );
        let both = "topics and topics.regex are mutually exclusive options, but both are set.";
        let errors = validate_sink(&config(&[("topics", "a"), ("topics.regex", "b")]));
        assert_eq!(
            messages(&errors),
            [("topics", both), ("topics.regex", both)]
        );
        assert!(validate_sink(&config(&[("topics.regex", "a.*")])).is_empty());
    }

    #[test]
    fn what_every_connector_takes_is_refused_in_the_words_of_the_jvm() {
        let wrong = config(&[
            ("topics", "t"),
            ("errors.deadletterqueue.context.headers.enable", "yes"),
            ("errors.deadletterqueue.topic.replication.factor", "70000"),
            ("tasks.max.enforce", "1"),
            ("errors.log.enable", ""),
            ("errors.retry.timeout", "1s"),
            ("config.action.reload", "never"),
            ("errors.tolerance", " ALL "),
        ]);
        let expected = [
            "1 for configuration tasks.max.enforce: Expected value to be either true or false",
            " for configuration errors.log.enable: Expected value to be either true or false",
            "1s for configuration errors.retry.timeout: Not a number of type LONG",
            "never for configuration config.action.reload: String must be one of: none, restart",
            "ALL for configuration errors.tolerance: String must be one of: none, all",
            "yes for configuration errors.deadletterqueue.context.headers.enable: Expected value to be either true or false",
            "70000 for configuration errors.deadletterqueue.topic.replication.factor: Not a number of type SHORT",
        ];
        let found = validate_sink(&wrong);
        let found: Vec<&str> = found.iter().map(|error| &*error.message).collect();
        assert_eq!(found, expected.map(|text| format!("Invalid value {text}")));
        let right = config(&[
            ("topics", "t"),
            ("errors.tolerance", " all "),
            ("errors.log.enable", "TRUE"),
            ("errors.retry.timeout", "-1"),
        ]);
        assert!(validate_sink(&right).is_empty());
    }

    #[test]
    fn dead_letters_are_not_read_again() {
        let dead = ("errors.deadletterqueue.topic.name", "b");
        let errors = validate_sink(&config(&[("topics", "a,b"), dead]));
        assert_eq!(
            errors[0].message,
            "The DLQ topic 'b' may not be included in the list of topics ('topics=[a, b]') consumed by the connector"
        );
        assert_eq!(
            validate_sink(&config(&[("topics.regex", "[ab]"), dead])).len(),
            1
        );
        assert!(validate_sink(&config(&[("topics.regex", "[bc]c"), dead])).is_empty());
    }

    #[test]
    fn what_needs_a_jvm_is_refused_with_the_remedy() {
        let errors = validate_source(&config(&[("topic", "t"), ("transforms", "a")]));
        assert_eq!(errors.len(), 1);
        assert!(errors[0].message.contains("connect-distributed.sh"));
        let errors = validate_sink(&config(&[("topics.regex", "a(?=b)")]));
        assert!(
            errors[0].message.contains("connect-distributed.sh"),
            "{errors:?}"
        );
    }
}
