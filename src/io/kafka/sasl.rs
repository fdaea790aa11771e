//! Logging in on a connection (KIP-43, KIP-152): SaslHandshake, then tokens in SaslAuthenticate.
//!
//! A session is not authenticated again (KIP-368): brokers with `connections.max.reauth.ms` close a connection that
//! outlives it, and the next request opens a new one, which logs in anew.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;

use crate::io::kafka::config::Config;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::login::Exchange;
use crate::io::kafka::oauth::OauthBearer;
use crate::io::kafka::settings::SettingsError;
use crate::io::kafka::wire::Wire;
use crate::model::jaas::{self, LoginModule};
use crate::model::password::Password;
use crate::protocol::errors;

/// The credentials of a principal, by mechanism.
#[derive(Clone)]
pub enum Sasl {
    /// `PLAIN` (RFC 4616).
    Plain(Credentials),
    /// `SCRAM-SHA-256` (RFC 7677).
    ScramSha256(Credentials),
    /// `SCRAM-SHA-512`.
    ScramSha512(Credentials),
    /// `OAUTHBEARER` (RFC 7628).
    OauthBearer(OauthBearer),
}

/// A user name and its password.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: Password,
}

impl std::fmt::Debug for Sasl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sasl({})", self.mechanism())
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials([hidden])")
    }
}

impl Sasl {
    /// Reads `sasl.*`. `timeout` bounds every request to a token endpoint.
    pub(crate) fn from_config(config: &Config, timeout: Duration) -> Result<Self, SettingsError> {
        const KEY: &str = "sasl.mechanism";
        let mechanism = config.text(KEY)?.unwrap_or_else(|| "GSSAPI".to_owned());
        let unsupported = |reason: &str| {
            SettingsError::Unsupported {
            key: config.key(KEY),
            value: mechanism.clone(),
            reason: reason.to_owned(),
            hint: Some(
                "Use a listener with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, or a TLS client certificate (security.protocol=SSL).".to_owned(),
            ),
        }
        };
        let build = match mechanism.as_str() {
            "PLAIN" => Self::Plain,
            "SCRAM-SHA-256" => Self::ScramSha256,
            "SCRAM-SHA-512" => Self::ScramSha512,
            "OAUTHBEARER" => {
                let module = login_module(config, &[OAUTH_MODULE])?;
                return OauthBearer::from_config(config, &module, timeout).map(Self::OauthBearer);
            }
            "GSSAPI" if config.has(KEY) => return Err(unsupported("connectctl has no Kerberos")),
            "GSSAPI" => {
                return Err(SettingsError::Missing {
                    key: config.key(KEY),
                    reason: "the default is GSSAPI (Kerberos), which connectctl does not have"
                        .to_owned(),
                    hint:
                        "Set sasl.mechanism to PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER."
                            .to_owned(),
                });
            }
            _ => return Err(unsupported("connectctl does not know this mechanism")),
        };
        let modules: &[&str] = match mechanism.as_str() {
            // The JDK's own PLAIN client serves any module that stores a name and a password.
            "PLAIN" => &[PLAIN_MODULE, SCRAM_MODULE],
            _ => &[SCRAM_MODULE],
        };
        for name in CALLBACK_HANDLERS {
            refuse_class(config, name, &[])?;
        }
        Ok(build(credentials(config, &login_module(config, modules)?)?))
    }

    /// Returns the mechanism's registered name.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain(_) => "PLAIN",
            Self::ScramSha256(_) => "SCRAM-SHA-256",
            Self::ScramSha512(_) => "SCRAM-SHA-512",
            Self::OauthBearer(_) => "OAUTHBEARER",
        }
    }

    /// Returns the name that is logged in with; `None` for a token, of which the broker reads it.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Plain(own) | Self::ScramSha256(own) | Self::ScramSha512(own) => {
                Some(&own.username)
            }
            Self::OauthBearer(_) => None,
        }
    }

    /// Returns the same credentials for rskafka.
    pub fn for_rskafka(&self) -> rskafka::client::SaslConfig {
        use rskafka::client::{Credentials as Pair, SaslConfig};
        let pair =
            |own: &Credentials| Pair::new(own.username.clone(), own.password.reveal().to_owned());
        match self {
            Self::Plain(own) => SaslConfig::Plain(pair(own)),
            Self::ScramSha256(own) => SaslConfig::ScramSha256(pair(own)),
            Self::ScramSha512(own) => SaslConfig::ScramSha512(pair(own)),
            Self::OauthBearer(own) => SaslConfig::Oauthbearer(own.for_rskafka()),
        }
    }
}

const PLAIN_MODULE: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM_MODULE: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
const OAUTH_MODULE: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
const CALLBACK_HANDLERS: &[&str] = &[
    "sasl.client.callback.handler.class",
    "sasl.login.callback.handler.class",
    "sasl.login.class",
];

/// Refuses a setting that names a Java class other than those whose work is done here.
pub(super) fn refuse_class(
    config: &Config,
    name: &str,
    known: &[&str],
) -> Result<(), SettingsError> {
    match config.text(name)? {
        Some(class) if !class.is_empty() && !known.contains(&class.as_str()) => {
            Err(SettingsError::Unsupported {
                key: config.key(name),
                value: class,
                reason: "it is a Java class, which connectctl cannot load".to_owned(),
                hint: Some(
                    "Give connectctl other credentials for the same cluster with --bootstrap-server and --command-config.".to_owned(),
                ),
            })
        }
        _ => Ok(()),
    }
}

fn login_module(config: &Config, allowed: &[&str]) -> Result<LoginModule, SettingsError> {
    const KEY: &str = "sasl.jaas.config";
    let value = config.password(KEY)?.ok_or_else(|| SettingsError::Missing {
        key: config.key(KEY),
        reason: "a JVM would look into the file of -Djava.security.auth.login.config, which connectctl does not see".to_owned(),
        hint: format!("Set {KEY}={} required ...;", allowed[0]),
    })?;
    let module = jaas::parse(value.reveal()).map_err(|source| SettingsError::Jaas {
        key: config.key(KEY),
        source,
    })?;
    if allowed.contains(&module.class.as_str()) {
        return Ok(module);
    }
    Err(SettingsError::Unusable {
        key: config.key(KEY),
        reason: format!(
            "does not name the login module {}, which {} needs",
            allowed[0],
            config.text("sasl.mechanism")?.unwrap_or_default()
        ),
        hint: None,
    })
}

fn credentials(config: &Config, module: &LoginModule) -> Result<Credentials, SettingsError> {
    const KEY: &str = "sasl.jaas.config";
    let unusable = |reason: &str| SettingsError::Unusable {
        key: config.key(KEY),
        reason: reason.to_owned(),
        hint: Some(format!(
            "Write it as `{} required username=\"...\" password=\"...\";`.",
            module.class
        )),
    };
    if module
        .option("tokenauth")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        return Err(unusable(
            "asks for a delegation token, which is not supported",
        ));
    }
    let username = module.option("username").filter(|name| !name.is_empty());
    let password = module.option("password").filter(|word| !word.is_empty());
    match (username, password) {
        (Some(username), Some(password))
            if !username.contains('\0') && !password.contains('\0') =>
        {
            Ok(Credentials {
                username: username.to_owned(),
                password: Password::new(password),
            })
        }
        (Some(_), Some(_)) => Err(unusable("has a null character in user name or password")),
        (None, _) => Err(unusable("has no username")),
        (_, None) => Err(unusable("has no password")),
    }
}

/// Logs in on a connection whose versions are negotiated.
pub(super) async fn authenticate(sasl: &Sasl, wire: &mut Wire) -> Result<(), KafkaError> {
    let mechanism = sasl.mechanism();
    let address = wire.address.clone();
    handshake(wire, mechanism).await?;
    let failed = |error| KafkaError::login(&address, mechanism, error);
    let mut exchange = Exchange::begin(sasl).await.map_err(failed)?;
    let mut message = exchange.first().map_err(failed)?;
    loop {
        let challenge = send_token(wire, mechanism, message.into()).await?;
        match exchange.answer(&challenge).map_err(failed)? {
            Some(next) => message = next,
            None => return Ok(()),
        }
    }
}

/// Chooses the mechanism.
async fn handshake(wire: &mut Wire, mechanism: &str) -> Result<(), KafkaError> {
    let request =
        SaslHandshakeRequest::default().with_mechanism(StrBytes::from_string(mechanism.to_owned()));
    let response = wire.call(&request, i16::MAX).await?;
    match response.error_code {
        errors::NONE => Ok(()),
        errors::UNSUPPORTED_SASL_MECHANISM => Err(KafkaError::UnsupportedMechanism {
            address: wire.address.clone(),
            mechanism: mechanism.to_owned(),
            offered: response
                .mechanisms
                .iter()
                .map(ToString::to_string)
                .collect(),
        }),
        code => Err(BrokerError::new("SaslHandshake", wire.address.clone(), code).into()),
    }
}

/// Sends one token and returns the broker's.
async fn send_token(wire: &mut Wire, mechanism: &str, token: Bytes) -> Result<Bytes, KafkaError> {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(token);
    let response = wire.call(&request, i16::MAX).await?;
    if response.error_code == errors::NONE {
        return Ok(response.auth_bytes);
    }
    let code = errors::ErrorCode::of(response.error_code);
    Err(KafkaError::Authentication {
        address: wire.address.clone(),
        mechanism: mechanism.to_owned(),
        message: response
            .error_message
            .map_or_else(|| code.to_string(), |text| text.to_string()),
    })
}
