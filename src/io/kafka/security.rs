//! TLS and SASL of a connection, as values.

use std::sync::Arc;
use std::time::Duration;

use crate::io::kafka::config::Config;
use crate::io::kafka::sasl::Sasl;
use crate::io::kafka::settings::SettingsError;
use crate::io::kafka::tls;

/// How a connection is secured; the default is PLAINTEXT.
#[derive(Clone, Default)]
pub struct Security {
    /// `Some` for SSL and SASL_SSL; trust, client key and host name checking are inside.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// `Some` for SASL_PLAINTEXT and SASL_SSL.
    pub sasl: Option<Sasl>,
}

impl Security {
    /// Reads `security.protocol` and what it calls for. `timeout` bounds requests for tokens.
    pub(crate) fn from_config(config: &Config, timeout: Duration) -> Result<Self, SettingsError> {
        const KEY: &str = "security.protocol";
        let protocol = config.text(KEY)?.unwrap_or_else(|| "PLAINTEXT".to_owned());
        let (encrypted, login) = match protocol.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => (false, false),
            "SSL" => (true, false),
            "SASL_PLAINTEXT" => (false, true),
            "SASL_SSL" => (true, true),
            _ => {
                return Err(SettingsError::Invalid {
                    key: config.key(KEY),
                    value: protocol,
                    reason: "is none of PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL".to_owned(),
                    hint: None,
                });
            }
        };
        Ok(Self {
            tls: encrypted.then(|| tls::client_config(config)).transpose()?,
            sasl: login
                .then(|| Sasl::from_config(config, timeout))
                .transpose()?,
        })
    }

    /// Returns Kafka's name for this kind of listener.
    pub fn protocol(&self) -> &'static str {
        match (&self.tls, &self.sasl) {
            (None, None) => "PLAINTEXT",
            (Some(_), None) => "SSL",
            (None, Some(_)) => "SASL_PLAINTEXT",
            (Some(_), Some(_)) => "SASL_SSL",
        }
    }
}

/// Nothing of keys and credentials is shown.
impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Security({}", self.protocol())?;
        if let Some(sasl) = &self.sasl {
            write!(f, ", {}", sasl.mechanism())?;
        }
        f.write_str(")")
    }
}
