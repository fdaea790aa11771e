//! TLS towards the REST API of a Connect cluster: from a worker's own settings, from a file of authorities, or the system's.
//!
//! Nothing here accepts a certificate unseen: `ssl.endpoint.identification.algorithm=` (empty) drops the comparison of host
//! names, as it does in the worker's own REST client, and the chain is checked all the same.

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

/// PEM text for the client side of TLS; every part may be absent.
#[derive(Default)]
pub struct ClientPem {
    /// Certificates of the authorities to trust, and no others; `None`: the system's.
    pub authorities: Option<String>,
    /// The client's own certificate with its chain.
    pub certificate: Option<String>,
    /// Its private key in PKCS#8; `None`: it stands in `certificate`.
    pub key: Option<String>,
}

/// Key material stays out of debug output.
impl std::fmt::Debug for ClientPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientPem").finish_non_exhaustive()
    }
}

/// The setting that an error about [`ClientPem::authorities`] names.
pub const AUTHORITIES: &str = "ssl.truststore.certificates";

/// Returns a configuration that trusts these authorities and shows this certificate.
///
/// An error is a [`SettingsError::Inline`] of [`AUTHORITIES`], or of a key store setting for certificate and key.
pub fn of_pem(client: ClientPem) -> Result<Arc<rustls::ClientConfig>, SettingsError> {
    let mut properties = Properties::new();
    let mut set = |key: &str, value: String| properties.insert(key.to_owned(), value);
    if let Some(text) = client.authorities {
        set("ssl.truststore.type", "PEM".to_owned());
        set(AUTHORITIES, text);
    }
    if let Some(certificate) = client.certificate {
        set("ssl.keystore.type", "PEM".to_owned());
        let key = client.key.unwrap_or_else(|| certificate.clone());
        set("ssl.keystore.key", key);
        set("ssl.keystore.certificate.chain", certificate);
    }
    tls::client_config(&Config::literal(properties, ""))
}
