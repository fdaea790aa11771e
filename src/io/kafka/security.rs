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
    /// Subject of the client certificate, if one is presented.
    pub subject: Option<String>,
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
                    hint: Some(format!(
                        "Set {} to what the broker's listener speaks.",
                        config.key(KEY)
                    )),
                });
            }
        };
        let tls = encrypted.then(|| tls::client(config)).transpose()?;
        let (tls, subject) = tls.map_or((None, None), |tls| (Some(tls.config), tls.subject));
        Ok(Self {
            tls,
            subject,
            sasl: login
                .then(|| Sasl::from_config(config, timeout))
                .transpose()?,
        })
    }

    /// Returns the principal that a broker sees, unless it maps names or builds principals in its own way; `None`: only
    /// the broker can tell (`DefaultKafkaPrincipalBuilder`).
    pub fn principal(&self) -> Option<String> {
        let name = match (&self.sasl, &self.tls) {
            (Some(sasl), _) => sasl.username()?,
            (None, Some(_)) => self.subject.as_deref().unwrap_or(ANONYMOUS),
            (None, None) => ANONYMOUS,
        };
        Some(format!("User:{name}"))
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

/// Who does not log in (`KafkaPrincipal.ANONYMOUS`).
const ANONYMOUS: &str = "ANONYMOUS";

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
