//! How the workers of a file read their topics and where their sources have theirs, with references to config providers resolved.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::io::kafka::settings::SettingsError;
use crate::io::providers;
use crate::model::properties::Properties;
use crate::model::worker_config::{Isolations, SourceStores};

/// Returns how the workers of this file read their topics.
///
/// # Errors
/// A reference that does not resolve, or a level with which no worker starts.
pub fn isolations(worker: &Properties) -> Result<Isolations, SettingsError> {
    let resolved = providers::resolve_where(worker, |key| Isolations::KEYS.contains(&key))?;
    Isolations::of(&resolved).map_err(|key| SettingsError::Invalid {
        key: key.to_owned(),
        value: resolved.get(key).cloned().unwrap_or_default(),
        reason: "is not one of read_uncommitted, read_committed".to_owned(),
        hint: Some("No worker starts with it.".to_owned()),
    })
}

/// Returns where the sources of this file's workers keep their positions; `connectors` are the configurations of those that
/// will be asked for.
///
/// A reference that cannot be followed here, such as to a file of a pod, is no error: most commands need none of them, and what
/// depends on one is told as not known.
pub fn source_stores<'a>(
    worker: &'a Properties,
    connectors: impl IntoIterator<Item = &'a IndexMap<String, String>>,
) -> SourceStores {
    let of_worker = worker.iter().filter(|(key, _)| SourceStores::asks_for(key));
    let of_connectors = connectors
        .into_iter()
        .flatten()
        .filter(|(key, _)| SourceStores::asks_connector_for(key));
    let values = of_worker.chain(of_connectors);
    let references = values.filter(|(_, value)| value.contains("${"));
    let keys: BTreeMap<&String, &String> = references.map(|(key, value)| (value, key)).collect();
    let values = keys.into_iter().filter_map(|(value, key)| {
        let stands_for = followed(worker, key, value)?;
        Some((value.clone(), stands_for))
    });
    SourceStores::of(worker).followed(values.collect())
}

fn followed(worker: &Properties, key: &str, value: &str) -> Option<String> {
    let one = IndexMap::from([(key.to_owned(), value.to_owned())]);
    match providers::resolve_connector(worker, &one) {
        Ok(resolved) => resolved.into_values().next(),
        Err(error) => {
            tracing::info!(%error, "where sources keep their positions may not be known");
            None
        }
    }
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
    fn references_are_followed_one_by_one_and_a_file_that_is_not_here_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kafka");
        std::fs::write(&file, "servers=k:1\n").unwrap();
        let here = format!("${{file:{}:servers}}", file.display());
        let worker = |bootstrap: &str| {
            settings(&[
                ("config.providers", "file"),
                (
                    "config.providers.file.class",
                    "org.apache.kafka.common.config.provider.FileConfigProvider",
                ),
                ("exactly.once.source.support", "enabled"),
                ("bootstrap.servers", bootstrap),
                ("admin.bootstrap.servers", "${file:/not/here:servers}"),
            ])
        };
        let known = "admin.override.bootstrap.servers";
        let source = settings(&[
            (known, "k:1"),
            ("producer.override.bootstrap.servers", &here),
        ]);
        let stores = source_stores(&worker(&here), [&source]);
        assert_eq!(stores.own("t", &source), None);
        assert_eq!(stores.unclear("t", &source), None);
        let stores = source_stores(&worker("other:1"), [&source]);
        assert!(stores.own("t", &source).unwrap().is_elsewhere);
        let source = settings(&[]);
        assert_eq!(stores.own("t", &source), None);
        assert_eq!(stores.unclear("t", &source), Some("t"));
    }
}
