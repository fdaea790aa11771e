//! The unsigned token of Kafka's `OAuthBearerUnsecuredLoginCallbackHandler`: for brokers of tests and laptops.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::io::kafka::config::Config;
use crate::io::kafka::settings::SettingsError;
use crate::model::jaas::LoginModule;
use crate::model::password::Password;

/// The claims of the token, without the times.
pub(super) struct UnsecuredLogin {
    claims: Map<String, Value>,
    lifetime: Duration,
}

impl UnsecuredLogin {
    /// Reads `unsecuredLogin…` options.
    pub(super) fn from_options(
        config: &Config,
        module: &LoginModule,
    ) -> Result<Self, SettingsError> {
        let unusable = |reason: String| SettingsError::Unusable {
            key: config.key("sasl.jaas.config"),
            reason,
            hint: Some(hint(config)),
        };
        let principal = module
            .option("unsecuredLoginPrincipalClaimName")
            .map_or("", str::trim);
        let principal = if principal.is_empty() {
            "sub"
        } else {
            principal
        };
        let lifetime = match module.option("unsecuredLoginLifetimeSeconds") {
            None => 3600,
            Some(text) => text.trim().parse().map_err(|_| {
                unusable("has an unsecuredLoginLifetimeSeconds that is not a number".to_owned())
            })?,
        };
        let mut claims = Map::new();
        for (option, value) in &module.options {
            if let Some((name, claim)) = claim(option, value.reveal()) {
                let claim = claim.ok_or_else(|| {
                    unusable("has an unsecuredLoginNumberClaim_ that is not a number".to_owned())
                })?;
                if matches!(name, "iat" | "exp") {
                    return Err(unusable(format!(
                        "sets the claim {name}, which is calculated"
                    )));
                }
                claims.insert(name.to_owned(), claim);
            }
        }
        match claims.get(principal) {
            Some(Value::String(name)) if !name.is_empty() => Ok(Self {
                claims,
                lifetime: Duration::from_secs(lifetime),
            }),
            _ => Err(unusable(
                "has no unsecuredLoginStringClaim_ for the principal".to_owned(),
            )),
        }
    }

    /// Returns a token that is valid from now on.
    pub(super) fn token(&self, now: SystemTime) -> Password {
        let seconds = |time: SystemTime| {
            Value::from(
                time.duration_since(UNIX_EPOCH)
                    .unwrap_or_default()
                    .as_secs_f64(),
            )
        };
        let mut claims = Map::new();
        claims.insert("exp".to_owned(), seconds(now + self.lifetime));
        claims.insert("iat".to_owned(), seconds(now));
        claims.extend(self.claims.clone());
        let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        Password::new(format!(
            "{}.{}.",
            encode(serde_json::json!({ "alg": "none" })),
            encode(Value::Object(claims))
        ))
    }
}

/// The mistake behind a login without a principal is often a missing handler class.
fn hint(config: &Config) -> String {
    if config.has("sasl.oauthbearer.token.endpoint.url") {
        "Set sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler: without it Kafka's client does not ask the token endpoint.".to_owned()
    } else {
        "Add unsecuredLoginStringClaim_sub=\"PRINCIPAL\", or set sasl.login.callback.handler.class and sasl.oauthbearer.token.endpoint.url.".to_owned()
    }
}

/// Returns the claim that an option stands for, with nothing as its value where a number is none.
fn claim<'a>(option: &'a str, value: &str) -> Option<(&'a str, Option<Value>)> {
    let of = |prefix: &str| option.strip_prefix(prefix).filter(|name| !name.is_empty());
    if let Some(name) = of("unsecuredLoginStringClaim_") {
        Some((name, Some(Value::from(value))))
    } else if let Some(name) = of("unsecuredLoginNumberClaim_") {
        let number = value
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        Some((name, number.map(Value::from)))
    } else {
        of("unsecuredLoginListClaim_").map(|name| (name, Some(list(value))))
    }
}

/// Splits `|a|b` at its first character.
fn list(value: &str) -> Value {
    let mut characters = value.chars();
    match characters.next() {
        Some(delimiter) if !characters.as_str().is_empty() => characters
            .as_str()
            .split(delimiter)
            .map(Value::from)
            .collect(),
        _ => Value::Array(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::jaas;
    use crate::model::properties::Properties;

    fn login(options: &str) -> Result<UnsecuredLogin, SettingsError> {
        let module = jaas::parse(&format!("M required {options};")).unwrap();
        UnsecuredLogin::from_options(&Config::literal(Properties::new(), ""), &module)
    }

    #[test]
    fn a_token_carries_the_claims_of_the_options() {
        let login = login(
            "unsecuredLoginStringClaim_sub=\"al\\\"ice\" unsecuredLoginNumberClaim_n=\"2\" unsecuredLoginListClaim_scope=\"|a|b\" unsecuredLoginLifetimeSeconds=\"60\"",
        )
        .unwrap();
        let token = login.token(UNIX_EPOCH + Duration::from_secs(1000));
        let parts: Vec<&str> = token.reveal().split('.').collect();
        let decode =
            |part| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        assert_eq!(decode(parts[0]), r#"{"alg":"none"}"#);
        assert_eq!(
            decode(parts[1]),
            r#"{"exp":1060.0,"iat":1000.0,"sub":"al\"ice","n":2.0,"scope":["a","b"]}"#
        );
        assert_eq!(parts[2..], [""]);
    }

    #[test]
    fn a_login_without_a_principal_is_refused() {
        for options in [
            "",
            "unsecuredLoginStringClaim_sub=\"\"",
            "unsecuredLoginStringClaim_sub=a unsecuredLoginPrincipalClaimName=name",
            "unsecuredLoginStringClaim_sub=a unsecuredLoginNumberClaim_n=x",
            "unsecuredLoginStringClaim_sub=a unsecuredLoginNumberClaim_exp=\"1\"",
            "unsecuredLoginStringClaim_sub=a unsecuredLoginLifetimeSeconds=x",
        ] {
            assert!(login(options).is_err(), "{options}");
        }
    }
}
