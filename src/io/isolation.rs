//! How the workers of a file read their topics and where their sources have theirs, with references to config providers resolved.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::io::kafka::settings::SettingsError;
use crate::io::providers::{self, ProviderError};
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
    let of_worker = followed(of_worker, |key, value| {
        let wanted = |other: &str| other == key;
        let mut resolved = providers::resolve_where(worker, wanted)?;
        Ok(resolved
            .swap_remove(key)
            .unwrap_or_else(|| value.to_owned()))
    });
    let of_connectors = followed(of_connectors, |key, value| {
        let one = IndexMap::from([(key.to_owned(), value.to_owned())]);
        let mut resolved = providers::resolve_connector(worker, &one)?;
        Ok(resolved
            .swap_remove(key)
            .unwrap_or_else(|| value.to_owned()))
    });
    SourceStores::of(worker).followed(of_worker, of_connectors)
}

/// Returns what the values with references stand for that could be followed.
fn followed<'a>(
    settings: impl Iterator<Item = (&'a String, &'a String)>,
    follow: impl Fn(&str, &str) -> Result<String, ProviderError>,
) -> BTreeMap<String, String> {
    let references = settings.filter(|(_, value)| value.contains("${"));
    // Many connectors may have the same.
    let keys: BTreeMap<&String, &String> = references.map(|(key, value)| (value, key)).collect();
    let followed = keys
        .into_iter()
        .filter_map(|(value, key)| match follow(key, value) {
            Ok(stands_for) => Some((value.clone(), stands_for)),
            Err(error) => {
                tracing::info!(%error, "where sources keep their positions may not be known");
                None
            }
        });
    followed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::worker_config::Place;

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
        let place = |stores: &SourceStores, source| stores.own("t", source).map(|own| own.place);
        let stores = source_stores(&worker("other:1"), [&source]);
        assert_eq!(place(&stores, &source), Some(Place::Elsewhere));
        let source = settings(&[]);
        assert_eq!(place(&stores, &source), Some(Place::WorkersOrElsewhere));
        let source = settings(&[("offsets.storage.topic", "${file:/not/here:topic}")]);
        let stores = source_stores(&worker(&here), [&source]);
        assert_eq!(place(&stores, &source), Some(Place::Unnamed));
    }

    #[test]
    fn blanks_in_the_list_of_providers_are_none_for_connectors() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("names");
        std::fs::write(&file, "topic=own\n").unwrap();
        let worker = settings(&[
            ("config.providers", "env , file"),
            (
                "config.providers.file.class",
                "org.apache.kafka.common.config.provider.FileConfigProvider",
            ),
        ]);
        let reference = format!("${{file:{}:topic}}", file.display());
        let source = settings(&[("offsets.storage.topic", &reference)]);
        let own = source_stores(&worker, [&source]).own("t", &source).unwrap();
        assert_eq!((own.topic.as_str(), own.place), ("own", Place::Here));
    }
}
