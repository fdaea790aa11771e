//! The client credentials grant (RFC 6749, 4.4) against a token endpoint, as `HttpJwtRetriever` asks for it.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use serde_json::Value;
use tokio::time::Instant;

use crate::io::kafka::config::Config;
use crate::io::kafka::oauth::{TokenError, basic_authorization};
use crate::io::kafka::settings::SettingsError;
use crate::io::kafka::tls;
use crate::model::jaas::LoginModule;
use crate::model::password::Password;

pub(super) struct TokenEndpoint {
    client: reqwest::Client,
    url: reqwest::Url,
    /// The URL without what may be secret.
    shown: String,
    authorization: Password,
    secret: Password,
    body: String,
    timeout: Duration,
    backoff: Duration,
    /// How long retries go on, as `sasl.login.retry.backoff.max.ms` says.
    retrying: Duration,
}

impl TokenEndpoint {
    pub(super) fn new(
        config: &Config,
        module: &LoginModule,
        url: reqwest::Url,
        timeout: Duration,
    ) -> Result<Self, SettingsError> {
        let settings = Settings { config, module };
        let encode = config
            .flag("sasl.oauthbearer.header.urlencode")?
            .unwrap_or(false);
        let as_sent = |text: &str| {
            if encode {
                java_url_encoded(text)
            } else {
                text.to_owned()
            }
        };
        let client_id =
            settings.required("sasl.oauthbearer.client.credentials.client.id", "clientId")?;
        let secret = settings.required(
            "sasl.oauthbearer.client.credentials.client.secret",
            "clientSecret",
        )?;
        let scope = settings.value("sasl.oauthbearer.scope", "scope")?;
        let mut body = "grant_type=client_credentials".to_owned();
        if let Some(scope) = scope {
            body.push_str("&scope=");
            body.push_str(&as_sent(scope.reveal()));
        }
        let backoff = config.millis("sasl.login.retry.backoff.ms")?;
        let retrying = config.millis("sasl.login.retry.backoff.max.ms")?;
        Ok(Self {
            client: client(config, module, &url)?,
            shown: without_secrets(&url),
            url,
            authorization: Password::new(basic_authorization(
                &as_sent(client_id.reveal()),
                &as_sent(secret.reveal()),
            )),
            secret,
            body,
            timeout,
            backoff: backoff.unwrap_or(Duration::from_millis(100)),
            retrying: retrying.unwrap_or(Duration::from_secs(10)).min(timeout),
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.shown
    }

    /// Asks until there is a token, a final answer, or the time for retries is over.
    pub(super) async fn fetch(&self) -> Result<Password, TokenError> {
        let end = Instant::now() + self.retrying;
        let mut pause = self.backoff;
        loop {
            let attempt = tokio::time::timeout(self.timeout, self.ask()).await;
            let error = match attempt {
                Ok(Ok(token)) => return Ok(token),
                Ok(Err(error)) => error,
                Err(_) => TokenError::Timeout {
                    url: self.shown.clone(),
                    after: self.timeout,
                },
            };
            if !is_retriable(&error) || Instant::now() + pause > end {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn ask(&self) -> Result<Password, TokenError> {
        let unreachable = |error: reqwest::Error| TokenError::Unreachable {
            url: self.shown.clone(),
            reason: innermost(&error),
        };
        let response = self
            .client
            .post(self.url.clone())
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, self.authorization.reveal())
            .header(CACHE_CONTROL, "no-cache")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.body.clone())
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = response.text().await.map_err(unreachable)?;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if !matches!(status, 200 | 201) {
            return Err(TokenError::Refused {
                url: self.shown.clone(),
                status,
                message: self.refusal(&answer),
            });
        }
        ["access_token", "id_token"]
            .iter()
            .filter_map(|name| answer.get(name)?.as_str())
            .map(str::trim)
            .find(|token| !token.is_empty())
            .map(Password::new)
            .ok_or_else(|| TokenError::NoToken {
                url: self.shown.clone(),
            })
    }

    /// Returns the reason in the answer's own words (RFC 6749, 5.2), never the client's secret.
    fn refusal(&self, answer: &Value) -> String {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let words = [
            text("error").or(text("errorCode")),
            text("error_description").or(text("errorSummary")),
        ];
        let message: String = words.into_iter().flatten().collect::<Vec<_>>().join(" - ");
        let message = message.replace(self.secret.reveal(), "[hidden]");
        message
            .chars()
            .filter(|c| !c.is_control())
            .take(300)
            .collect()
    }
}

/// A setting, or the older option of `sasl.jaas.config`.
struct Settings<'a> {
    config: &'a Config,
    module: &'a LoginModule,
}

impl Settings<'_> {
    fn value(&self, name: &str, option: &str) -> Result<Option<Password>, SettingsError> {
        let value = match self.config.password(name)? {
            Some(value) => Some(value),
            None => self
                .module
                .option(option)
                .map(|value| Password::new(value.trim())),
        };
        Ok(value.filter(|value| !value.reveal().is_empty()))
    }

    fn required(&self, name: &str, option: &str) -> Result<Password, SettingsError> {
        self.value(name, option)?
            .ok_or_else(|| SettingsError::Missing {
                key: self.config.key(name),
                reason: format!("and sasl.jaas.config has no {option}"),
                hint: format!("Set {name}."),
            })
    }
}

/// Builds the HTTP client. Its TLS settings are options of the login module, as in Kafka.
fn client(
    config: &Config,
    module: &LoginModule,
    url: &reqwest::Url,
) -> Result<reqwest::Client, SettingsError> {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let builder = match config.millis("sasl.login.connect.timeout.ms")? {
        Some(timeout) => builder.connect_timeout(timeout),
        None => builder,
    };
    let builder = match config.millis("sasl.login.read.timeout.ms")? {
        Some(timeout) => builder.read_timeout(timeout),
        None => builder,
    };
    let tls = if url.scheme() == "https" {
        let options = module
            .options
            .iter()
            // The JDK's HTTPS client always compares host names.
            .filter(|(name, _)| *name != "ssl.endpoint.identification.algorithm")
            .map(|(name, value)| (name.clone(), value.reveal().to_owned()));
        tls::client_config(&Config::literal(options.collect(), ""))?
    } else {
        tls::without_trust()
    };
    builder
        .tls_backend_preconfigured((*tls).clone())
        .build()
        .map_err(|error| SettingsError::Unusable {
            key: config.key("sasl.oauthbearer.token.endpoint.url"),
            reason: format!("cannot be asked: {error}"),
            hint: None,
        })
}

fn is_retriable(error: &TokenError) -> bool {
    match error {
        TokenError::Unreachable { .. } => true,
        // What Kafka retries: everything that it does not know to be final.
        TokenError::Refused { status, .. } => !matches!(
            status,
            400..=407 | 409..=415 | 501 | 505
        ),
        _ => false,
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn without_secrets(url: &reqwest::Url) -> String {
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    format!(
        "{}://{}{port}{}",
        url.scheme(),
        url.host_str().unwrap_or_default(),
        url.path()
    )
}

/// `java.net.URLEncoder`: letters, digits and `.-*_` stay, a blank is `+`.
fn java_url_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            other => {
                encoded.push('%');
                for digit in [other >> 4, other & 15] {
                    let digit = char::from_digit(u32::from(digit), 16).unwrap_or_default();
                    encoded.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_url_encoded_as_java_does() {
        assert_eq!(java_url_encoded("a b/ü.-*_~+"), "a+b%2F%C3%BC.-*_%7E%2B");
    }

    #[test]
    fn a_shown_url_has_neither_userinfo_nor_query() {
        let url = reqwest::Url::parse("https://u:canary@h:8443/token?key=canary").unwrap();
        assert_eq!(without_secrets(&url), "https://h:8443/token");
    }
}
