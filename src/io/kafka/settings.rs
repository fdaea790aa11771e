//! How to reach a cluster: addresses, client id, security, and how long to wait.

use std::path::PathBuf;
use std::time::Duration;

use crate::io::kafka::acl::Caller;
use crate::io::kafka::config::Config;
pub use crate::io::kafka::keystore::StoreError;
use crate::io::kafka::security::Security;
use crate::io::providers::ProviderError;
use crate::model::jaas::JaasError;
use crate::model::properties::Properties;

/// What a connection to a cluster needs.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// `host:port`, at least one; an IPv6 host stands in brackets.
    pub bootstrap: Vec<String>,
    pub client_id: String,
    pub security: Security,
    /// How long any one operation may take.
    pub timeout: Duration,
}

impl ClientSettings {
    /// Returns settings for an unencrypted, unauthenticated listener.
    pub fn plaintext(bootstrap: Vec<String>, timeout: Duration) -> Self {
        Self {
            bootstrap,
            client_id: CLIENT_ID.to_owned(),
            security: Security::default(),
            timeout,
        }
    }

    /// Returns who asks, and where.
    pub fn caller(&self) -> Caller {
        Caller {
            principal: self.security.principal(),
            bootstrap: self.bootstrap.join(","),
        }
    }

    /// Reads what a Java client reads from these settings, a worker's own top-level ones or a client's.
    ///
    /// Resolves `config.providers` references itself; the values it finds stay inside the result. Reads the key and trust
    /// stores that the settings name.
    pub fn from_properties(
        properties: &Properties,
        timeout: Duration,
    ) -> Result<Self, SettingsError> {
        let config = Config::of_client(properties)?;
        let client_id = config.text("client.id")?.filter(|id| !id.is_empty());
        Ok(Self {
            bootstrap: bootstrap(&config)?,
            client_id: client_id.unwrap_or_else(|| CLIENT_ID.to_owned()),
            security: Security::from_config(&config, timeout)?,
            timeout,
        })
    }
}

const CLIENT_ID: &str = "connectctl";

/// A client setting that cannot be used. Values of credentials never occur in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("{key} is not set{}", because(reason))]
    Missing {
        key: String,
        /// Why it is needed, possibly empty.
        reason: String,
        hint: String,
    },
    #[error("{key}={value} {reason}")]
    Invalid {
        key: String,
        value: String,
        reason: String,
        hint: Option<String>,
    },
    #[error("{key}={value} is not supported: {reason}")]
    Unsupported {
        key: String,
        value: String,
        reason: String,
        hint: Option<String>,
    },
    /// The value is a credential, or settings do not go together.
    #[error("{key} {reason}")]
    Unusable {
        key: String,
        reason: String,
        hint: Option<String>,
    },
    /// Settings that exclude each other, in the words of Java's client.
    #[error("{message}")]
    Contradiction { key: String, message: String },
    #[error("{key} {source}")]
    Jaas { key: String, source: JaasError },
    /// A file named by a setting cannot be used.
    #[error("{key}={}: {source}", path.display())]
    Store {
        key: String,
        path: PathBuf,
        source: StoreError,
    },
    /// Certificates or a key written into the settings themselves.
    #[error("{key}: {source}")]
    Inline { key: String, source: StoreError },
    #[error("{key}: {reason}")]
    Unresolved { key: String, reason: String },
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

impl SettingsError {
    /// Returns the setting to look at.
    pub fn key(&self) -> &str {
        match self {
            Self::Missing { key, .. }
            | Self::Invalid { key, .. }
            | Self::Unsupported { key, .. }
            | Self::Unusable { key, .. }
            | Self::Contradiction { key, .. }
            | Self::Jaas { key, .. }
            | Self::Store { key, .. }
            | Self::Inline { key, .. }
            | Self::Unresolved { key, .. } => key,
            Self::Provider(error) => error.key(),
        }
    }

    /// Returns what to do next, as a sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { hint, .. } => Some(hint.clone()),
            Self::Invalid { hint, .. }
            | Self::Unsupported { hint, .. }
            | Self::Unusable { hint, .. } => hint.clone(),
            Self::Jaas { .. } => Some(
                "Write it as `LOGIN.MODULE.CLASS required username=\"...\" password=\"...\";`."
                    .to_owned(),
            ),
            Self::Store { source, key, .. } | Self::Inline { source, key } => source.hint(key),
            Self::Contradiction { .. } | Self::Unresolved { .. } => None,
            Self::Provider(error) => error.hint(),
        }
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

/// Reads `bootstrap.servers` as `ClientUtils.parseAndValidateAddresses` does.
fn bootstrap(config: &Config) -> Result<Vec<String>, SettingsError> {
    const KEY: &str = "bootstrap.servers";
    let missing = |reason: &str| SettingsError::Missing {
        key: config.key(KEY),
        reason: reason.to_owned(),
        hint: "Set bootstrap.servers=HOST:PORT, or give --bootstrap-server.".to_owned(),
    };
    let urls = config.list(KEY)?.ok_or_else(|| missing(""))?;
    let mut addresses = Vec::with_capacity(urls.len());
    for url in urls.iter().filter(|url| !url.is_empty()) {
        let address = address(url).map_err(|reason| SettingsError::Invalid {
            key: config.key(KEY),
            value: urls_without_userinfo(&urls),
            reason: format!("{reason} {}", without_userinfo(url)),
            hint: Some("Write HOST:PORT, several separated by commas.".to_owned()),
        })?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(missing("it names no server"));
    }
    Ok(addresses)
}

/// Returns the first entry of a list for `bootstrap.servers` that is no address, as it may be shown.
pub fn wrong_address(servers: &str) -> Option<&str> {
    let mut servers = servers.split(',').map(str::trim).filter(|s| !s.is_empty());
    let Some(first) = servers.next() else {
        return Some("a list of nothing");
    };
    std::iter::once(first)
        .chain(servers)
        .find(|server| address(server).is_err())
        .map(without_userinfo)
}

/// Returns `host:port` of `[PROTOCOL://]host:port`, as `Utils.getHost` and `getPort` take it apart, or what is wrong.
fn address(url: &str) -> Result<String, &'static str> {
    const INVALID_URL: &str = "has the invalid URL";
    let is_protocol = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-%._".contains(c))
    };
    let rest = match url.split_once("://") {
        Some((protocol, rest)) if is_protocol(protocol) => rest,
        Some(_) => return Err(INVALID_URL),
        None => url,
    };
    let (host, port) = rest.rsplit_once(':').ok_or(INVALID_URL)?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    let is_host = host
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-%._:".contains(c));
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    if !is_host || !is_port {
        return Err(INVALID_URL);
    }
    let port: u16 = port.parse().map_err(|_| "has the invalid port in")?;
    Ok(match host {
        // Java resolves an empty name to the loopback address.
        "" => format!("localhost:{port}"),
        ipv6 if ipv6.contains(':') => format!("[{ipv6}]:{port}"),
        host => format!("{host}:{port}"),
    })
}

fn urls_without_userinfo(urls: &[String]) -> String {
    let shown: Vec<_> = urls.iter().map(|url| without_userinfo(url)).collect();
    shown.join(",")
}

/// Drops what stands before an `@`: it may be a password, and no Kafka address has one.
fn without_userinfo(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(servers: Option<&str>) -> Result<Vec<String>, SettingsError> {
        let mut properties = Properties::new();
        if let Some(servers) = servers {
            properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
        }
        ClientSettings::from_properties(&properties, Duration::from_secs(1)).map(|s| s.bootstrap)
    }

    #[test]
    fn addresses_are_read_as_the_jvm_reads_them() {
        for (servers, expected) in [
            (" a:1 ,b:2,, a:1 ", vec!["a:1", "b:2"]),
            ("[::1]:9092,::1:9093", vec!["[::1]:9092", "[::1]:9093"]),
            (
                "SASL_SSL://kafka-1.example:9094",
                vec!["kafka-1.example:9094"],
            ),
            (":9092", vec!["localhost:9092"]),
        ] {
            assert_eq!(read(Some(servers)).unwrap(), expected, "{servers}");
        }
    }

    #[test]
    fn wrong_addresses_are_refused_with_their_text() {
        for (servers, expected) in [
            (None, "bootstrap.servers is not set"),
            (
                Some(" "),
                "bootstrap.servers is not set: it names no server",
            ),
            (
                Some("a:1,kafka"),
                "bootstrap.servers=a:1,kafka has the invalid URL kafka",
            ),
            (
                Some("kafka:"),
                "bootstrap.servers=kafka: has the invalid URL kafka:",
            ),
            (
                Some("kafka:90000"),
                "bootstrap.servers=kafka:90000 has the invalid port in kafka:90000",
            ),
            (
                Some("user:canary@kafka:9092"),
                "bootstrap.servers=kafka:9092 has the invalid URL kafka:9092",
            ),
        ] {
            assert_eq!(read(servers).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn the_client_id_has_a_default() {
        let mut properties = Properties::new();
        properties.insert("bootstrap.servers".to_owned(), "a:1".to_owned());
        let id = |properties: &Properties| {
            ClientSettings::from_properties(properties, Duration::from_secs(1))
                .unwrap()
                .client_id
        };
        assert_eq!(id(&properties), "connectctl");
        properties.insert("client.id".to_owned(), " x ".to_owned());
        assert_eq!(id(&properties), "x");
    }
}
