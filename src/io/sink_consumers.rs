//! What the references stand for that decide about the consumers of sinks.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::io::providers::{self, ProviderError};
use crate::model::properties::Properties;
use crate::model::worker_config::{Followed, SinkConsumers};

/// Follows the references of a worker file, and of the connectors that its workers run.
///
/// One that cannot be followed here, such as to a file of a pod, is no error: what depends on it is told as not known.
pub fn followed<'a>(
    worker: &Properties,
    connectors: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Followed {
    let of_worker = worker
        .iter()
        .filter(|(key, _)| SinkConsumers::asks_for(key));
    let of_connectors = connectors.into_iter();
    let of_connectors = of_connectors.filter(|(key, _)| SinkConsumers::asks_connector_for(key));
    Followed {
        worker: each(of_worker, |key, _| {
            providers::resolve_where(worker, |other| other == key)
        }),
        connectors: each(of_connectors, |key, value| {
            let one = IndexMap::from([(key.to_owned(), value.to_owned())]);
            providers::resolve_connector(worker, &one)
        }),
    }
}

fn each<'a>(
    settings: impl Iterator<Item = (&'a String, &'a String)>,
    resolve: impl Fn(&str, &str) -> Result<IndexMap<String, String>, ProviderError>,
) -> BTreeMap<String, String> {
    let references = settings.filter(|(_, value)| value.contains("${"));
    // Many connectors may have the same.
    let keys: BTreeMap<&String, &String> = references.map(|(key, value)| (value, key)).collect();
    let followed = keys.into_iter().filter_map(|(value, key)| {
        match resolve(key, value) {
            Ok(mut resolved) => Some((value.clone(), resolved.swap_remove(key)?)),
            Err(error) => {
                tracing::info!(%error, "in which group a sink is, or on which Kafka, may not be known");
                None
            }
        }
    });
    followed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Properties {
        let pairs = pairs.iter();
        let owned = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn what_is_not_here_is_no_error_and_only_the_settings_that_decide_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("names");
        std::fs::write(&file, "group=real\n").unwrap();
        let here = format!("${{file:{}:group}}", file.display());
        let away = "${file:/not/here:group}";
        let worker = settings(&[
            ("config.providers", "file"),
            (
                "config.providers.file.class",
                "org.apache.kafka.common.config.provider.FileConfigProvider",
            ),
            ("consumer.group.id", &here),
            ("consumer.bootstrap.servers", away),
            ("ssl.key.password", "${file:/etc/secrets:password}"),
        ]);
        let sink = settings(&[
            ("consumer.override.group.id", &here),
            ("consumer.override.bootstrap.servers", away),
            ("file", &here),
        ]);
        let found = followed(&worker, &sink);
        let followed = BTreeMap::from([(here, "real".to_owned())]);
        assert_eq!(found.worker, followed);
        assert_eq!(found.connectors, followed);
    }
}
