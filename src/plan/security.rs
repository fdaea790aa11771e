//! Security settings of the worker file, which a distributed worker needs at top level.
//!
//! Tasks use `producer.`/`consumer.` settings in both modes. Membership, the storage topics and their admin client
//! exist only in distributed mode and use top-level settings.

use indexmap::IndexMap;

use crate::model::properties::Properties;

/// `producer.` and `consumer.` disagree about a security setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disagreement {
    /// Without prefix.
    pub keys: Vec<String>,
}

/// Returns the top-level security settings that must be added.
///
/// # Errors
/// The prefixed settings differ, so that nobody but the user can say which of them the worker should use.
pub(super) fn missing_top_level(
    source: &Properties,
) -> Result<Vec<(String, String)>, Disagreement> {
    if source.contains_key("security.protocol") {
        return Ok(Vec::new());
    }
    let producer = prefixed(source, "producer.");
    let consumer = prefixed(source, "consumer.");
    let secured = |settings: &IndexMap<&str, &str>| {
        settings
            .get("security.protocol")
            .is_some_and(|p| !p.trim().eq_ignore_ascii_case("PLAINTEXT"))
    };
    if !secured(&producer) && !secured(&consumer) {
        return Ok(Vec::new());
    }
    // A deployment of sinks alone may have no producer settings, and the other way round.
    if producer.is_empty() || consumer.is_empty() {
        let only = if producer.is_empty() {
            consumer
        } else {
            producer
        };
        return Ok(added(source, &only));
    }
    let mut keys: Vec<String> = producer
        .iter()
        .filter(|(key, value)| consumer.get(*key) != Some(value))
        .map(|(key, _)| (*key).to_owned())
        .chain(
            consumer
                .keys()
                .filter(|key| !producer.contains_key(*key))
                .map(|key| (*key).to_owned()),
        )
        .collect();
    keys.sort();
    if keys.is_empty() {
        Ok(added(source, &producer))
    } else {
        Err(Disagreement { keys })
    }
}

fn added(source: &Properties, settings: &IndexMap<&str, &str>) -> Vec<(String, String)> {
    settings
        .iter()
        .filter(|(key, _)| !source.contains_key(**key))
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn prefixed<'a>(source: &'a Properties, prefix: &str) -> IndexMap<&'a str, &'a str> {
    source
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value.as_str())))
        .filter(|(key, _)| is_security(key))
        .collect()
}

fn is_security(key: &str) -> bool {
    key == "security.protocol" || key.starts_with("sasl.") || key.starts_with("ssl.")
}

/// Returns whether the worker's own clients use TLS or SASL.
pub(super) fn is_secured(worker: &Properties) -> bool {
    worker
        .get("security.protocol")
        .is_some_and(|p| !p.trim().eq_ignore_ascii_case("PLAINTEXT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Properties {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn identical_prefixed_security_is_copied_to_the_top_level() {
        let source = settings(&[
            ("producer.security.protocol", "SASL_SSL"),
            ("producer.sasl.mechanism", "PLAIN"),
            ("producer.acks", "all"),
            ("consumer.sasl.mechanism", "PLAIN"),
            ("consumer.security.protocol", "SASL_SSL"),
        ]);
        let added = missing_top_level(&source).expect("they agree");
        assert_eq!(
            added,
            [
                ("security.protocol".to_owned(), "SASL_SSL".to_owned()),
                ("sasl.mechanism".to_owned(), "PLAIN".to_owned())
            ]
        );
    }

    #[test]
    fn differing_prefixed_security_is_not_guessed() {
        let source = settings(&[
            ("producer.security.protocol", "SASL_SSL"),
            ("consumer.security.protocol", "SSL"),
            ("consumer.ssl.key.password", "x"),
        ]);
        let differ = missing_top_level(&source).expect_err("they differ");
        assert_eq!(differ.keys, ["security.protocol", "ssl.key.password"]);
    }

    #[test]
    fn security_of_the_only_prefix_counts_for_both() {
        let source = settings(&[("consumer.security.protocol", "SSL")]);
        let added = missing_top_level(&source).expect("unambiguous");
        assert_eq!(added, [("security.protocol".to_owned(), "SSL".to_owned())]);
    }

    #[test]
    fn top_level_security_is_left_alone() {
        let source = settings(&[
            ("security.protocol", "SSL"),
            ("producer.security.protocol", "SASL_SSL"),
        ]);
        assert_eq!(missing_top_level(&source), Ok(Vec::new()));
    }
}
