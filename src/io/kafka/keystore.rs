//! Key and trust stores as `DefaultSslEngineFactory` reads them: PEM in files and in settings, PKCS12, JKS.
//!
//! As in the JDK, a store of type `JKS` or `PKCS12` may hold either format: its first bytes decide.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use p12_keystore::Pkcs12Archive;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::io::kafka::config::Config;
use crate::io::kafka::settings::SettingsError;
use crate::io::kafka::{jks, pem};
use crate::model::password::Password;

/// A client's own certificates, its own first, and its key.
pub(super) struct KeyPair {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// The setting and, unless it is inline, the file that it came from.
    pub(super) origin: Origin,
}

/// Where a store came from, to name it in an error.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    key: String,
    path: Option<PathBuf>,
}

impl Origin {
    pub(super) fn error(&self, source: StoreError) -> SettingsError {
        let key = self.key.clone();
        match &self.path {
            Some(path) => SettingsError::Store {
                key,
                path: path.clone(),
                source,
            },
            None => SettingsError::Inline { key, source },
        }
    }
}

/// Why a key or trust store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("no such file")]
    Missing,
    #[error("is a directory, not a file")]
    Directory,
    #[error("could not be read: {0}")]
    Unreadable(String),
    #[error("the file is empty")]
    Empty,
    #[error("is {found}, but {type_key} is {declared}")]
    WrongType {
        found: &'static str,
        type_key: String,
        declared: String,
    },
    #[error("is {0}, which is not supported")]
    UnsupportedFormat(&'static str),
    #[error("the password in {password_key} is wrong, or the store is damaged")]
    WrongPassword { password_key: String },
    #[error("the store is protected by a password, and {password_key} is not set")]
    NoPassword { password_key: String },
    #[error("the store is damaged: {0}")]
    Damaged(String),
    #[error("holds no certificate")]
    NoCertificate,
    #[error(
        "holds {0} certificates, but none of them is marked as trusted, so that the JVM trusts none of them"
    )]
    NoTrustedCertificate(usize),
    #[error("holds no private key")]
    NoKey,
    #[error("holds {0} private keys, the Java client wants exactly 1")]
    ManyKeys(usize),
    #[error("the private key is not encrypted, but {password_key} is set")]
    KeyNotEncrypted { password_key: String },
    #[error("the private key is encrypted, and {password_key} is not set")]
    NoKeyPassword { password_key: String },
    #[error("the password in {password_key} does not open the private key")]
    WrongKeyPassword { password_key: String },
    #[error("the private key is encrypted in a way that is not supported")]
    KeyEncryption,
    #[error("the private key is in the format {0}, which the Java client does not read either")]
    KeyFormat(String),
    #[error("the private key cannot be used: {0}")]
    UnusableKey(String),
    #[error("the private key does not belong to the first certificate")]
    KeyMismatch,
    #[error("certificate {number} cannot be used: {reason}")]
    UnusableCertificate { number: usize, reason: String },
}

impl StoreError {
    /// Returns what to do next; `key` is the setting that names the store.
    pub(super) fn hint(&self, key: &str) -> Option<String> {
        Some(match self {
            Self::Missing | Self::Directory | Self::Unreadable(_) => {
                format!("Point {key} to a file that can be read here.")
            }
            Self::WrongType { found, type_key, .. } => match *found {
                PEM_TEXT => format!("Set {type_key}=PEM and remove the store's password."),
                DER_CERTIFICATE => format!(
                    "Convert it with `openssl x509 -inform DER -in FILE -out ca.pem` and set {type_key}=PEM."
                ),
                _ => format!("Correct {type_key}."),
            },
            Self::UnsupportedFormat(_) => "Convert it with `keytool -importkeystore -srckeystore FILE -destkeystore store.p12 -deststoretype PKCS12`.".to_owned(),
            Self::WrongPassword { password_key }
            | Self::NoPassword { password_key }
            | Self::NoKeyPassword { password_key }
            | Self::WrongKeyPassword { password_key } => {
                format!("Set {password_key} to the password that the store was made with.")
            }
            Self::NoTrustedCertificate(_) => "Import them with `keytool -importcert`, or write the store with `openssl pkcs12 -export -jdktrust anyExtendedKeyUsage`.".to_owned(),
            Self::KeyEncryption => "Encrypt it again with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE`.".to_owned(),
            Self::KeyFormat(_) => "Convert it with `openssl pkcs8 -topk8 -nocrypt -in FILE`.".to_owned(),
            Self::KeyNotEncrypted { password_key } => format!("Remove {password_key}."),
            _ => return None,
        })
    }
}

const PEM_TEXT: &str = "PEM text";
const DER_CERTIFICATE: &str = "a bare DER certificate";

/// Returns the certificates of `ssl.truststore.*`, or nothing if no trust store is set.
pub(super) fn truststore(
    config: &Config,
) -> Result<Option<Vec<CertificateDer<'static>>>, SettingsError> {
    let Some(source) = Source::of(config, "ssl.truststore")? else {
        return Ok(None);
    };
    let certificates = match &source.content {
        Content::Pem(text) => source.origin.check(pem_certificates(text))?,
        Content::Container(bytes) => source.origin.check(trusted_certificates(
            bytes,
            source.password.as_ref(),
            &source.password_key,
        ))?,
    };
    Ok(Some(certificates))
}

/// Returns the key pair of `ssl.keystore.*`, or nothing if no key store is set.
pub(super) fn keystore(config: &Config) -> Result<Option<KeyPair>, SettingsError> {
    let key_password = config.password("ssl.key.password")?;
    let key_password_key = config.key("ssl.key.password");
    let Some(source) = Source::of(config, "ssl.keystore")? else {
        return Ok(None);
    };
    let (chain, key) = match &source.content {
        Content::Pem(text) => {
            let chain = match config.password("ssl.keystore.certificate.chain")? {
                Some(chain) => pem_certificates(chain.reveal()),
                None => pem_certificates(text),
            };
            let key = pem_key(text, key_password.as_ref(), &key_password_key);
            (source.origin.check(chain)?, source.origin.check(key)?)
        }
        Content::Container(bytes) => {
            let password = source
                .password
                .as_ref()
                .ok_or_else(|| SettingsError::Missing {
                    key: source.password_key.clone(),
                    reason: format!("{} is set", source.origin.key),
                    hint: format!("Set {} as for a Java client.", source.password_key),
                })?;
            let pair = match &key_password {
                Some(own) => key_pair(
                    bytes,
                    password,
                    own,
                    &source.password_key,
                    &key_password_key,
                ),
                None => key_pair(
                    bytes,
                    password,
                    password,
                    &source.password_key,
                    &source.password_key,
                ),
            };
            source.origin.check(pair)?
        }
    };
    Ok(Some(KeyPair {
        chain,
        key,
        origin: source.origin,
    }))
}

impl Origin {
    fn check<T>(&self, result: Result<T, StoreError>) -> Result<T, SettingsError> {
        result.map_err(|source| self.error(source))
    }
}

/// What the settings of one store say, with the rules of `createKeystore` and `createTruststore` applied.
struct Source {
    content: Content,
    password: Option<Password>,
    password_key: String,
    origin: Origin,
}

enum Content {
    Pem(String),
    Container(Vec<u8>),
}

impl Source {
    fn of(config: &Config, family: &str) -> Result<Option<Self>, SettingsError> {
        let name = |part: &str| format!("{family}.{part}");
        let declared = store_type(config, &name("type"))?;
        let location = config.text(&name("location"))?;
        let password = config.password(&name("password"))?;
        let is_pem = declared == "PEM";
        let unusable = |part: &str, reason: &str| SettingsError::Unusable {
            key: config.key(&name(part)),
            reason: reason.to_owned(),
            hint: None,
        };
        if is_pem && password.is_some() {
            return Err(unusable(
                "password",
                "is set, but a PEM store has no password",
            ));
        }
        let origin = |part: &str, path: Option<&str>| Origin {
            key: config.key(&name(part)),
            path: path.map(PathBuf::from),
        };
        if let Some((part, text)) = inline(config, family)? {
            if !is_pem {
                return Err(SettingsError::Unusable {
                    key: config.key(&name(part)),
                    reason: format!("is set, but {} is {declared}", config.key(&name("type"))),
                    hint: Some(format!("Set {}=PEM.", config.key(&name("type")))),
                });
            }
            if location.is_some() {
                return Err(unusable(
                    "location",
                    &format!("is set together with {}", name(part)),
                ));
            }
            return Ok(Some(Self {
                content: Content::Pem(text.reveal().to_owned()),
                password: None,
                password_key: config.key(&name("password")),
                origin: origin(part, None),
            }));
        }
        let Some(location) = location else {
            return match password {
                Some(_) => Err(unusable(
                    "password",
                    &format!("is set, but {} is not", name("location")),
                )),
                None => Ok(None),
            };
        };
        let origin = origin("location", Some(&location));
        let type_key = config.key(&name("type"));
        let content = origin.check(content(Path::new(&location), &declared, type_key))?;
        Ok(Some(Self {
            content,
            password,
            password_key: config.key(&name("password")),
            origin,
        }))
    }
}

/// Returns the PEM text that stands in the settings themselves, and under which part of the family.
fn inline(
    config: &Config,
    family: &str,
) -> Result<Option<(&'static str, Password)>, SettingsError> {
    if family == "ssl.truststore" {
        let certificates = config.password("ssl.truststore.certificates")?;
        return Ok(certificates.map(|text| ("certificates", text)));
    }
    let key = config.password("ssl.keystore.key")?;
    let missing = |what: &str, other: &str| SettingsError::Missing {
        key: config.key(what),
        reason: format!("{} is set", config.key(other)),
        hint: "A PEM key pair in settings needs both the key and the certificate chain.".to_owned(),
    };
    match (key, config.has("ssl.keystore.certificate.chain")) {
        (Some(key), true) => Ok(Some(("key", key))),
        (Some(_), false) => Err(missing(
            "ssl.keystore.certificate.chain",
            "ssl.keystore.key",
        )),
        (None, true) => Err(missing(
            "ssl.keystore.key",
            "ssl.keystore.certificate.chain",
        )),
        (None, false) => Ok(None),
    }
}

/// Returns the type as the JVM compares it: `PEM` exactly, the JDK's own types in any case.
fn store_type(config: &Config, name: &str) -> Result<String, SettingsError> {
    let declared = config.text(name)?.unwrap_or_else(|| "JKS".to_owned());
    let known = declared == "PEM"
        || ["JKS", "PKCS12"]
            .iter()
            .any(|own| declared.eq_ignore_ascii_case(own));
    if known {
        return Ok(declared);
    }
    Err(SettingsError::Unsupported {
        key: config.key(name),
        reason: "connectctl reads PEM, PKCS12 and JKS".to_owned(),
        hint: Some(if declared.eq_ignore_ascii_case("PEM") {
            "Write PEM in capitals, as Kafka compares it.".to_owned()
        } else {
            "Convert it with `keytool -importkeystore ... -deststoretype PKCS12`.".to_owned()
        }),
        value: declared,
    })
}

fn content(path: &Path, declared: &str, type_key: String) -> Result<Content, StoreError> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => StoreError::Missing,
        ErrorKind::IsADirectory => StoreError::Directory,
        _ => StoreError::Unreadable(error.to_string()),
    })?;
    let wrong = |found| StoreError::WrongType {
        found,
        type_key,
        declared: declared.to_owned(),
    };
    let is_text = bytes.windows(11).any(|window| window == b"-----BEGIN ");
    match (declared == "PEM", is_text) {
        _ if bytes.is_empty() => Err(StoreError::Empty),
        (true, true) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Content::Pem(text)),
            Err(_) => Err(StoreError::Damaged("it is not UTF-8 text".to_owned())),
        },
        (true, false) if bytes.starts_with(&jks::MAGIC) => Err(wrong("a JKS store")),
        (true, false) if is_certificate(&bytes) => Err(wrong(DER_CERTIFICATE)),
        (true, false) if bytes.starts_with(&[0x30]) => Err(wrong("a PKCS12 store")),
        (true, false) => Err(StoreError::NoCertificate),
        (false, true) if !bytes.starts_with(&[0x30]) && !bytes.starts_with(&jks::MAGIC) => {
            Err(wrong(PEM_TEXT))
        }
        (false, _) if is_certificate(&bytes) => Err(wrong(DER_CERTIFICATE)),
        (false, _) if bytes.starts_with(&jks::JCEKS_MAGIC) => {
            Err(StoreError::UnsupportedFormat("a JCEKS store"))
        }
        (false, _) => Ok(Content::Container(bytes)),
    }
}

fn is_certificate(bytes: &[u8]) -> bool {
    x509_parser::parse_x509_certificate(bytes).is_ok_and(|(rest, _)| rest.is_empty())
}

fn pem_certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let blocks = pem::blocks(text, "CERTIFICATE").map_err(not_base64)?;
    if blocks.is_empty() {
        return Err(StoreError::NoCertificate);
    }
    Ok(blocks
        .into_iter()
        .map(|block| CertificateDer::from(block.der))
        .collect())
}

fn not_base64(pem::NotBase64(label): pem::NotBase64) -> StoreError {
    StoreError::Damaged(format!("the block {label} is not base64"))
}

fn pem_key(
    text: &str,
    password: Option<&Password>,
    password_key: &str,
) -> Result<PrivateKeyDer<'static>, StoreError> {
    let mut blocks = pem::blocks(text, "PRIVATE KEY").map_err(not_base64)?;
    let block = match blocks.len() {
        0 => return Err(StoreError::NoKey),
        1 => blocks.remove(0),
        many => return Err(StoreError::ManyKeys(many)),
    };
    let password_key = password_key.to_owned();
    let der = match (block.label.as_str(), password) {
        ("PRIVATE KEY", None) => block.der,
        ("PRIVATE KEY", Some(_)) => return Err(StoreError::KeyNotEncrypted { password_key }),
        ("ENCRYPTED PRIVATE KEY", None) => return Err(StoreError::NoKeyPassword { password_key }),
        ("ENCRYPTED PRIVATE KEY", Some(password)) => decrypted(&block.der, password, password_key)?,
        (other, _) => return Err(StoreError::KeyFormat(other.to_owned())),
    };
    Ok(PrivatePkcs8KeyDer::from(der).into())
}

fn decrypted(der: &[u8], password: &Password, password_key: String) -> Result<Vec<u8>, StoreError> {
    let Ok(encrypted) = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der) else {
        return Err(StoreError::KeyEncryption);
    };
    match encrypted.decrypt(password.reveal().as_bytes()) {
        Ok(document) => Ok(document.as_bytes().to_vec()),
        // PBES1 and exotic ciphers are known by name and not implemented; a wrong password shows as bad padding.
        Err(pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed)) => {
            Err(StoreError::WrongKeyPassword { password_key })
        }
        Err(pkcs8::Error::EncryptedPrivateKey(_)) => Err(StoreError::KeyEncryption),
        // The padding fits by chance about once in 256: what comes out is no key then.
        Err(_) => Err(StoreError::WrongKeyPassword { password_key }),
    }
}

/// Trusted as the JDK's `TrustStoreUtil` says: certificate entries, and the first certificate of each key.
fn trusted_certificates(
    bytes: &[u8],
    password: Option<&Password>,
    password_key: &str,
) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let certificates = if bytes.starts_with(&jks::MAGIC) {
        let store = jks::read(bytes, password.map(Password::reveal))
            .map_err(|error| jks_error(error, password_key))?;
        let leaves = store
            .keys
            .into_iter()
            .filter_map(|entry| entry.chain.into_iter().next());
        store.certificates.into_iter().chain(leaves).collect()
    } else {
        let archive = pkcs12(bytes, password, password_key)?;
        let has_key = |id: &Option<Vec<u8>>| {
            id.as_ref().is_some_and(|id| {
                archive.keys.iter().any(|key| {
                    key.local_key_id
                        .as_ref()
                        .is_some_and(|own| own.as_ref() == id.as_slice())
                })
            })
        };
        let trusted: Vec<Vec<u8>> = archive
            .certs
            .iter()
            .filter(|bag| bag.trusted || has_key(&bag.local_key_id))
            .map(|bag| bag.cert.as_der().to_vec())
            .collect();
        if trusted.is_empty() && !archive.certs.is_empty() {
            return Err(StoreError::NoTrustedCertificate(archive.certs.len()));
        }
        trusted
    };
    if certificates.is_empty() {
        return Err(StoreError::NoCertificate);
    }
    Ok(certificates.into_iter().map(CertificateDer::from).collect())
}

fn key_pair(
    bytes: &[u8],
    password: &Password,
    key_password: &Password,
    password_key: &str,
    key_password_key: &str,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), StoreError> {
    let wrong_key_password = || StoreError::WrongKeyPassword {
        password_key: key_password_key.to_owned(),
    };
    let (chain, key) = if bytes.starts_with(&jks::MAGIC) {
        let store = jks::read(bytes, Some(password.reveal()))
            .map_err(|error| jks_error(error, password_key))?;
        let entry = store.keys.into_iter().next().ok_or(StoreError::NoKey)?;
        let key = jks::decrypt(&entry, key_password.reveal()).map_err(|error| match error {
            jks::JksError::Digest => wrong_key_password(),
            other => StoreError::Damaged(other.to_string()),
        })?;
        (entry.chain, key)
    } else {
        let archive = pkcs12(bytes, Some(password), password_key)?;
        if key_password != password {
            // The keys were opened with the store's password, which is what the JDK writes: another one opens none.
            return Err(wrong_key_password());
        }
        pkcs12_pair(&archive)?
    };
    if chain.is_empty() {
        return Err(StoreError::NoCertificate);
    }
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    Ok((chain, PrivatePkcs8KeyDer::from(key).into()))
}

/// Returns the first key with its certificates: the one with the same local key id, then issuer by issuer.
fn pkcs12_pair(archive: &Pkcs12Archive) -> Result<(Vec<Vec<u8>>, Vec<u8>), StoreError> {
    let key = archive.keys.first().ok_or(StoreError::NoKey)?;
    let own = archive
        .certs
        .iter()
        .find(|bag| match (&key.local_key_id, &bag.local_key_id) {
            (Some(key), Some(certificate)) => key.as_ref() == certificate.as_slice(),
            _ => false,
        });
    let mut next = own.or(archive.certs.first());
    let mut chain: Vec<Vec<u8>> = Vec::new();
    while let Some(bag) = next {
        chain.push(bag.cert.as_der().to_vec());
        next = archive.certs.iter().find(|other| {
            other.cert.subject() == bag.cert.issuer()
                && chain
                    .iter()
                    .all(|known| known.as_slice() != other.cert.as_der())
        });
    }
    Ok((chain, key.key.as_der().to_vec()))
}

fn pkcs12(
    bytes: &[u8],
    password: Option<&Password>,
    password_key: &str,
) -> Result<Pkcs12Archive, StoreError> {
    use p12_keystore::error::Error;
    let password_key = password_key.to_owned();
    let text = password.map_or("", Password::reveal);
    Pkcs12Archive::from_pkcs12(bytes, text).map_err(|error| match (error, password) {
        (Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_), Some(_)) => {
            StoreError::WrongPassword { password_key }
        }
        (Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_), None) => {
            StoreError::NoPassword { password_key }
        }
        (other, _) => StoreError::Damaged(format!("not a PKCS12 store that can be read ({other})")),
    })
}

fn jks_error(error: jks::JksError, password_key: &str) -> StoreError {
    match error {
        jks::JksError::Digest => StoreError::WrongPassword {
            password_key: password_key.to_owned(),
        },
        other => StoreError::Damaged(other.to_string()),
    }
}
