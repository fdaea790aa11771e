//! OAUTHBEARER: where a token comes from, and the message that carries it (RFC 7628).
//!
//! As in Kafka's own client: `OAuthBearerLoginCallbackHandler` gets a token from an endpoint with the client's
//! credentials or from a file; without a handler class the unsecured login makes an unsigned token from the options of
//! `sasl.jaas.config`, which only test brokers accept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::io::kafka::config::Config;
use crate::io::kafka::sasl::refuse_class;
use crate::io::kafka::settings::SettingsError;
use crate::io::kafka::token_endpoint::TokenEndpoint;
use crate::io::kafka::unsecured::UnsecuredLogin;
use crate::model::jaas::LoginModule;
use crate::model::password::Password;

/// How to get a token, and the last one got. Clones share it.
#[derive(Clone)]
pub struct OauthBearer {
    source: Arc<Source>,
    /// SASL extensions, sent along with the token.
    extensions: Vec<(String, String)>,
    cached: Arc<Mutex<Option<Cached>>>,
}

/// Where tokens come from is shown, what they are made of is not.
impl std::fmt::Debug for OauthBearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.source {
            Source::Endpoint(endpoint) => write!(f, "OauthBearer({})", endpoint.url()),
            Source::File(path) => write!(f, "OauthBearer({})", path.display()),
            Source::Unsecured(_) => f.write_str("OauthBearer(unsecured)"),
        }
    }
}

enum Source {
    Endpoint(TokenEndpoint),
    File(std::path::PathBuf),
    Unsecured(UnsecuredLogin),
}

struct Cached {
    token: Password,
    until: SystemTime,
}

/// Why there is no token. Neither token nor secret occurs in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token endpoint {url} could not be reached: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("the token endpoint {url} answered {status}{}", said(message))]
    Refused {
        url: String,
        status: u16,
        /// `error - error_description` of RFC 6749, or nothing.
        message: String,
    },
    #[error("the token endpoint {url} did not answer within {after:?}")]
    Timeout { url: String, after: Duration },
    #[error("the token endpoint {url} answered without an access_token")]
    NoToken { url: String },
    #[error("the token file {path} could not be read: {reason}")]
    File { path: String, reason: String },
    #[error("the token from {from} is not a JWT of three parts, which Kafka's client requires")]
    NotJwt { from: String },
}

fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

impl TokenError {
    /// Returns what to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Refused { status: 400..=403, .. } => {
                "Check sasl.oauthbearer.client.credentials.client.id and .secret (clientId and clientSecret in sasl.jaas.config), and sasl.oauthbearer.scope."
            }
            Self::File { .. } => "Check the file that sasl.oauthbearer.token.endpoint.url names.",
            _ => "Check sasl.oauthbearer.token.endpoint.url.",
        }
        .to_owned()
    }
}

/// Tokens are fetched anew this long before they expire.
const EARLY: Duration = Duration::from_secs(30);

impl OauthBearer {
    pub(super) fn from_config(
        config: &Config,
        module: &LoginModule,
        timeout: Duration,
    ) -> Result<Self, SettingsError> {
        const HANDLER: &str = "sasl.login.callback.handler.class";
        refuse_class(
            config,
            "sasl.client.callback.handler.class",
            &[CLIENT_HANDLER],
        )?;
        refuse_class(config, "sasl.login.class", &[REFRESHING_LOGIN])?;
        refuse_class(
            config,
            HANDLER,
            &[ENDPOINT_HANDLER, OLD_ENDPOINT_HANDLER, UNSECURED_HANDLER],
        )?;
        let handler = config.text(HANDLER)?.filter(|class| !class.is_empty());
        let with_endpoint = [ENDPOINT_HANDLER, OLD_ENDPOINT_HANDLER];
        let (source, prefix) =
            if handler.is_some_and(|class| with_endpoint.contains(&class.as_str())) {
                (endpoint_or_file(config, module, timeout)?, "extension_")
            } else {
                let login = UnsecuredLogin::from_options(config, module)?;
                (Source::Unsecured(login), "unsecuredLoginExtension_")
            };
        Ok(Self {
            source: Arc::new(source),
            extensions: extensions(config, module, prefix)?,
            cached: Arc::default(),
        })
    }

    /// Returns the client's first and only message.
    pub(super) async fn first_message(&self) -> Result<Vec<u8>, TokenError> {
        let token = self.token().await?;
        let mut message = format!("n,,\u{1}auth=Bearer {}\u{1}", token.reveal());
        for (name, value) in &self.extensions {
            message.extend([name, "=", value, "\u{1}"]);
        }
        message.push('\u{1}');
        Ok(message.into_bytes())
    }

    /// Returns a token that is good for a while.
    async fn token(&self) -> Result<Password, TokenError> {
        if let Some(token) = self.unexpired() {
            return Ok(token);
        }
        let (token, from) = match &*self.source {
            Source::Endpoint(endpoint) => (endpoint.fetch().await?, endpoint.url().to_owned()),
            Source::File(path) => (read_token(path)?, path.display().to_string()),
            Source::Unsecured(login) => return Ok(login.token(SystemTime::now())),
        };
        let until = expiry(token.reveal()).ok_or(TokenError::NotJwt { from })?;
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        *cached = Some(Cached {
            token: token.clone(),
            until,
        });
        Ok(token)
    }

    fn unexpired(&self) -> Option<Password> {
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let cached = cached.as_ref()?;
        let left = cached.until.duration_since(SystemTime::now()).ok()?;
        (left > EARLY).then(|| cached.token.clone())
    }

    pub(super) fn for_rskafka(&self) -> rskafka::client::OauthBearerCredentials {
        let own = self.clone();
        rskafka::client::OauthBearerCredentials {
            callback: Arc::new(move || {
                let own = own.clone();
                Box::pin(async move { Ok(own.token().await?.reveal().to_owned()) })
            }),
            authz_id: None,
            bearer_kvs: self.extensions.clone(),
        }
    }
}

const CLIENT_HANDLER: &str =
    "org.apache.kafka.common.security.oauthbearer.internals.OAuthBearerSaslClientCallbackHandler";
const REFRESHING_LOGIN: &str =
    "org.apache.kafka.common.security.oauthbearer.internals.OAuthBearerRefreshingLogin";
const ENDPOINT_HANDLER: &str =
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler";
/// Its name before Kafka 3.4.
const OLD_ENDPOINT_HANDLER: &str =
    "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler";
const UNSECURED_HANDLER: &str = "org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredLoginCallbackHandler";

/// Kafka's classes that ask an endpoint for a JWT, or read it from a file.
const RETRIEVERS: &[&str] = &[
    "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever",
    "org.apache.kafka.common.security.oauthbearer.ClientCredentialsJwtRetriever",
    "org.apache.kafka.common.security.oauthbearer.FileJwtRetriever",
];

fn endpoint_or_file(
    config: &Config,
    module: &LoginModule,
    timeout: Duration,
) -> Result<Source, SettingsError> {
    const URL: &str = "sasl.oauthbearer.token.endpoint.url";
    refuse_class(config, "sasl.oauthbearer.jwt.retriever.class", RETRIEVERS)?;
    for name in [
        "sasl.oauthbearer.assertion.claim.iss",
        "sasl.oauthbearer.assertion.file",
    ] {
        if config.has(name) {
            return Err(SettingsError::Unusable {
                key: config.key(name),
                reason: "asks for a client assertion, which is not supported".to_owned(),
                hint: Some(
                    "Use sasl.oauthbearer.client.credentials.client.id and .secret.".to_owned(),
                ),
            });
        }
    }
    let url = config
        .text(URL)?
        .filter(|url| !url.is_empty())
        .ok_or_else(|| SettingsError::Missing {
            key: config.key(URL),
            reason: String::new(),
            hint: "Set it to the token endpoint of the identity provider, https://....".to_owned(),
        })?;
    let url = reqwest::Url::parse(&url).map_err(|_| SettingsError::Unusable {
        key: config.key(URL),
        reason: "is not a URL".to_owned(),
        hint: None,
    })?;
    match url.scheme() {
        "file" => Ok(Source::File(url.path().into())),
        "http" | "https" => TokenEndpoint::new(config, module, url, timeout).map(Source::Endpoint),
        scheme => Err(SettingsError::Unusable {
            key: config.key(URL),
            reason: format!("has the scheme {scheme}, Kafka knows http, https and file"),
            hint: None,
        }),
    }
}

/// Reads extensions and checks them as `OAuthBearerClientInitialResponse.validateExtensions` does.
fn extensions(
    config: &Config,
    module: &LoginModule,
    prefix: &str,
) -> Result<Vec<(String, String)>, SettingsError> {
    let mut extensions = Vec::new();
    for (option, value) in &module.options {
        let Some(name) = option.strip_prefix(prefix) else {
            continue;
        };
        let value = value.reveal();
        let is_name =
            !name.is_empty() && name != "auth" && name.bytes().all(|b| b.is_ascii_alphabetic());
        let is_value = !value.is_empty()
            && value
                .bytes()
                .all(|b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n'));
        if !is_name || !is_value {
            return Err(SettingsError::Unusable {
                key: config.key("sasl.jaas.config"),
                reason: format!(
                    "has an {prefix}NAME option that is not valid: the name must be letters and not auth, the value printable ASCII"
                ),
                hint: None,
            });
        }
        extensions.push((name.to_owned(), value.to_owned()));
    }
    Ok(extensions)
}

fn read_token(path: &std::path::Path) -> Result<Password, TokenError> {
    let text = std::fs::read_to_string(path).map_err(|error| TokenError::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(Password::new(text.trim()))
}

/// Returns when a JWT expires; the beginning of time if it does not say. Nothing if it is no JWT.
fn expiry(token: &str) -> Option<SystemTime> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return None;
    };
    if header.is_empty() || signature.is_empty() {
        return None;
    }
    let payload = BASE64_URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let seconds = claims
        .get("exp")
        .and_then(Value::as_f64)
        .unwrap_or_default();
    Duration::try_from_secs_f64(seconds)
        .ok()
        .and_then(|since| UNIX_EPOCH.checked_add(since))
}

/// Returns the `Authorization` of RFC 6749, 2.3.1, with the encoder that Kafka uses (KAFKA-14496).
pub(super) fn basic_authorization(client_id: &str, secret: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{client_id}:{secret}"))
    )
}
