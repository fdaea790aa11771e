//! `ssl.*` settings → a rustls configuration, the same for every client that this program has.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use crate::io::kafka::config::Config;
use crate::io::kafka::keystore::{self, KeyPair, StoreError};
use crate::io::kafka::settings::SettingsError;
use crate::io::kafka::subject;
use crate::io::kafka::verifier::BrokerVerifier;

/// The TLS side of a client.
pub(crate) struct Client {
    pub(crate) config: Arc<ClientConfig>,
    /// Subject of the certificate that is presented to brokers that ask for one.
    pub(crate) subject: Option<String>,
}

/// Returns the configuration alone.
pub(crate) fn client_config(config: &Config) -> Result<Arc<ClientConfig>, SettingsError> {
    Ok(client(config)?.config)
}

/// Builds the TLS side of a client from `ssl.*`.
pub(crate) fn client(config: &Config) -> Result<Client, SettingsError> {
    refuse_unsupported(config)?;
    let provider = Arc::new(provider(config)?);
    let versions = versions(config)?;
    let verifier = verifier(config, &provider)?;
    let key_pair = keystore::keystore(config)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| SettingsError::Unusable {
            key: config.key("ssl.cipher.suites"),
            reason: format!(
                "and {} do not go together: {error}",
                config.key("ssl.enabled.protocols")
            ),
            hint: None,
        })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let subject = key_pair
        .as_ref()
        .and_then(|pair| subject::of_certificate(pair.chain.first()?));
    let config = match key_pair {
        None => builder.with_no_client_auth(),
        Some(pair) => builder.with_client_cert_resolver(Arc::new(resolver(pair, &provider)?)),
    };
    Ok(Client {
        config: Arc::new(config),
        subject,
    })
}

/// Returns a configuration that trusts nobody, for a client that will only speak plain HTTP.
pub(super) fn without_trust() -> Arc<ClientConfig> {
    let provider = ring::default_provider();
    let verifier = BrokerVerifier {
        roots: RootCertStore::empty(),
        trusted: Vec::new(),
        check_host_name: true,
        algorithms: provider.signature_verification_algorithms,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .expect("ring has suites for the default versions");
    Arc::new(
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth(),
    )
}

fn refuse_unsupported(config: &Config) -> Result<(), SettingsError> {
    for (name, reason) in [
        (
            "ssl.engine.factory.class",
            "it is a Java class, which connectctl cannot load",
        ),
        ("ssl.provider", "it names a security provider of the JVM"),
    ] {
        if let Some(value) = config.text(name)?.filter(|value| !value.is_empty()) {
            return Err(SettingsError::Unsupported {
                key: config.key(name),
                value,
                reason: reason.to_owned(),
                hint: Some(format!(
                    "Remove {name} from the settings given to connectctl."
                )),
            });
        }
    }
    Ok(())
}

/// Returns ring, with only the suites of `ssl.cipher.suites` if that is set.
fn provider(config: &Config) -> Result<CryptoProvider, SettingsError> {
    const KEY: &str = "ssl.cipher.suites";
    let mut provider = ring::default_provider();
    let Some(wanted) = config.list(KEY)?.filter(|list| !list.is_empty()) else {
        return Ok(provider);
    };
    provider
        .cipher_suites
        .retain(|suite| wanted.iter().any(|name| *name == java_name(suite.suite())));
    if provider.cipher_suites.is_empty() {
        return Err(SettingsError::Unsupported {
            key: config.key(KEY),
            value: wanted.join(","),
            reason: "connectctl has none of these suites".to_owned(),
            hint: Some(format!(
                "It has {}.",
                ring::DEFAULT_CIPHER_SUITES
                    .iter()
                    .map(|suite| java_name(suite.suite()))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        });
    }
    Ok(provider)
}

/// Java has the IANA names; rustls writes `TLS13_` for the suites of TLS 1.3.
fn java_name(suite: rustls::CipherSuite) -> String {
    format!("{suite:?}").replace("TLS13_", "TLS_")
}

/// `ssl.enabled.protocols` decides; `ssl.protocol` only where that list is empty, as in the JDK.
fn versions(config: &Config) -> Result<Vec<&'static SupportedProtocolVersion>, SettingsError> {
    const KEY: &str = "ssl.enabled.protocols";
    let both = || vec![&version::TLS13, &version::TLS12];
    let protocol = config.text("ssl.protocol")?;
    let named = |name: &str| match name {
        "TLSv1.3" => Some(&version::TLS13),
        "TLSv1.2" => Some(&version::TLS12),
        _ => None,
    };
    let (key, value, found) = match config.list(KEY)? {
        None => return Ok(both()),
        Some(list) if list.is_empty() => match protocol.as_deref() {
            None | Some("TLS" | "TLSv1.3") => return Ok(both()),
            Some(name) => (
                "ssl.protocol",
                name.to_owned(),
                named(name).into_iter().collect(),
            ),
        },
        Some(list) => {
            let found: Vec<_> = list.iter().filter_map(|name| named(name)).collect();
            (KEY, list.join(","), found)
        }
    };
    if found.is_empty() {
        return Err(SettingsError::Unsupported {
            key: config.key(key),
            value,
            reason: "connectctl speaks TLSv1.2 and TLSv1.3".to_owned(),
            hint: Some(format!("Add TLSv1.2 or TLSv1.3 to {key}.")),
        });
    }
    Ok(found)
}

fn verifier(config: &Config, provider: &CryptoProvider) -> Result<BrokerVerifier, SettingsError> {
    let trusted = match keystore::truststore(config)? {
        Some(certificates) => certificates,
        None => system_certificates(config)?,
    };
    let mut roots = RootCertStore::empty();
    let mut refused = None;
    for (index, certificate) in trusted.iter().enumerate() {
        if let Err(error) = roots.add(certificate.clone()) {
            refused.get_or_insert((index + 1, error.to_string()));
        }
    }
    // The JVM reads what it can of a trust store; only one without any authority is of no use.
    if let (true, Some((number, reason))) = (roots.is_empty(), refused) {
        return Err(SettingsError::Inline {
            key: config.key("ssl.truststore.location"),
            source: StoreError::UnusableCertificate { number, reason },
        });
    }
    Ok(BrokerVerifier {
        roots,
        trusted,
        check_host_name: check_host_name(config)?,
        algorithms: provider.signature_verification_algorithms,
    })
}

/// Returns the authorities of this machine, which stand for the JVM's `cacerts`.
fn system_certificates(config: &Config) -> Result<Vec<CertificateDer<'static>>, SettingsError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(SettingsError::Missing {
            key: config.key("ssl.truststore.location"),
            reason: "and this machine has no certificate authorities of its own".to_owned(),
            hint: "Set ssl.truststore.location, or install the package ca-certificates.".to_owned(),
        });
    }
    Ok(found.certs)
}

fn check_host_name(config: &Config) -> Result<bool, SettingsError> {
    const KEY: &str = "ssl.endpoint.identification.algorithm";
    match config.text(KEY)?.as_deref() {
        None => Ok(true),
        Some("") => Ok(false),
        Some(algorithm) if algorithm.eq_ignore_ascii_case("https") => Ok(true),
        Some(other) => Err(SettingsError::Unsupported {
            key: config.key(KEY),
            value: other.to_owned(),
            reason: "it is https, or empty to accept any host name".to_owned(),
            hint: None,
        }),
    }
}

/// Presents the key pair to every broker that asks for one.
///
/// rustls' own constructor refuses certificates of X.509 version 1, which a JVM broker accepts from a client.
fn resolver(pair: KeyPair, provider: &CryptoProvider) -> Result<SingleCertAndKey, SettingsError> {
    let origin = pair.origin;
    let key = provider
        .key_provider
        .load_private_key(pair.key)
        .map_err(|error| origin.error(StoreError::UnusableKey(error.to_string())))?;
    let certified = CertifiedKey::new(pair.chain, key);
    match certified.keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
            Err(origin.error(StoreError::KeyMismatch))
        }
        _ => Ok(SingleCertAndKey::from(certified)),
    }
}
