//! TLS towards the REST API of a Connect cluster: from a worker's own settings, from a file of authorities, or the system's.
//!
//! Nothing here accepts a certificate unseen: `ssl.endpoint.identification.algorithm=` (empty) drops the comparison of host
//! names, as it does in the worker's own REST client, and the chain is checked all the same.

use std::path::Path;
use std::sync::Arc;

use crate::io::kafka::config::Config;
use crate::io::kafka::settings::SettingsError;
use crate::io::kafka::tls;
use crate::model::properties::Properties;

/// Returns what a worker's REST client uses: `listeners.https.ssl.*` if any key begins with `listeners.https.`, else `ssl.*`.
pub fn of_worker(properties: &Properties) -> Result<Arc<rustls::ClientConfig>, SettingsError> {
    const PREFIX: &str = "listeners.https.";
    let prefixed = properties.keys().any(|key| key.starts_with(PREFIX));
    let prefix = if prefixed { PREFIX } else { "" };
    tls::client_config(&Config::with_prefix(properties, prefix)?)
}

/// Returns what these URLs need: nothing where none of them is HTTPS, else what [`of_worker`] returns.
pub fn for_urls(
    urls: &[String],
    worker: &Properties,
) -> Result<Option<Arc<rustls::ClientConfig>>, SettingsError> {
    let encrypted = |url: &String| {
        url.get(..8)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    };
    urls.iter()
        .any(encrypted)
        .then(|| of_worker(worker))
        .transpose()
}

/// Returns a configuration that trusts the certificates of a PEM file and nothing else.
pub fn of_authorities(file: &Path) -> Result<Arc<rustls::ClientConfig>, SettingsError> {
    let settings = [
        ("ssl.truststore.type", "PEM".to_owned()),
        (
            "ssl.truststore.location",
            file.to_string_lossy().into_owned(),
        ),
    ];
    let properties = settings.map(|(key, value)| (key.to_owned(), value));
    tls::client_config(&Config::literal(properties.into_iter().collect(), ""))
}
