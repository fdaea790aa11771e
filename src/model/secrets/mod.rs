//! Which settings hold credentials, and how they are shown.
//!
//! A key is judged by its words, whatever prefix it has (`producer.override.`, `key.converter.`, a connector's own).
//! Values of other keys are shown, but without what is a credential inside them: the userinfo of a URL, a
//! `password=…` of a JDBC URL, a bearer token.

mod inside;
mod text;

use std::borrow::Cow;

use super::placeholder;

pub use inside::redact_url;
pub use text::{redact_properties, redacted_pair};

/// What stands in the place of a credential.
pub const HIDDEN: &str = "********";

/// Words that make a key secret wherever they stand, compared in lower case without `.`, `-` and `_`.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "accesskey",
    "accountkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "sharedkey",
    "saskey",
    "licensekey",
    "authorization",
    "jaasconfig",
    "userinfo",
    // Kafka's own settings of type PASSWORD that none of the words above finds.
    "sslkeystorekey",
    "sslkeystorecertificatechain",
    "ssltruststorecertificates",
    "keystorekey",
    "connectionstring",
];

/// Whole last words that make a key secret.
const SECRET_ENDS: &[&str] = &["pwd", "pass", "sig", "pat"];

/// Last words of keys that say where a credential is or how it is used, not what it is.
const PLAIN_ENDS: &[&str] = &[
    "location",
    "path",
    "file",
    "filename",
    "class",
    "source",
    "url",
    "uri",
    "type",
    "algorithm",
    "provider",
    "ms",
    "seconds",
    "minutes",
    "version",
    "enable",
    "enabled",
    "urlencode",
];

/// Returns whether the setting holds a credential.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let last = key.rsplit(['.', '-', '_']).next().unwrap_or_default();
    if PLAIN_ENDS.contains(&last) || key.ends_with("client.id") || key.ends_with("access.key.id") {
        return false;
    }
    let words: String = key
        .chars()
        .filter(|character| !matches!(character, '.' | '-' | '_'))
        .collect();
    SECRET_ENDS.contains(&last) || SECRET_WORDS.iter().any(|word| words.contains(word))
}

/// Returns the value as it may be shown.
///
/// A secret is [`HIDDEN`] unless it is empty or made of `${provider:path:key}` references alone.
pub fn shown<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    if value.is_empty() || is_reference(value) {
        return Cow::Borrowed(value);
    }
    if is_secret(key) {
        return Cow::Borrowed(HIDDEN);
    }
    inside::redact_value(value)
}

/// Returns whether the value is nothing but references to config providers.
pub fn is_reference(value: &str) -> bool {
    !placeholder::placeholders(value).is_empty()
        && placeholder::replace(value, |_| Some(String::new()))
            .trim()
            .is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_credentials_are_known_with_any_prefix() {
        for key in [
            "ssl.key.password",
            "ssl.keystore.password",
            "ssl.truststore.password",
            "ssl.keystore.key",
            "ssl.keystore.certificate.chain",
            "ssl.truststore.certificates",
            "sasl.jaas.config",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "basic.auth.user.info",
            "schema.registry.basic.auth.user.info",
            "aws.secret.access.key",
            "AWS_SECRET_ACCESS_KEY",
            "connection.password",
            "database.password",
            "connection.pwd",
            "elastic.api.key",
            "elastic.apiKey",
            "api_key",
            "snowflake.private.key",
            "github.access.token",
            "gcp.credentials.json",
            "azure.storage.account.key",
            "azure.connection.string",
            "http.headers.authorization",
        ] {
            for prefix in [
                "",
                "producer.override.",
                "consumer.",
                "value.converter.",
                "x.y.",
            ] {
                let key = format!("{prefix}{key}");
                assert!(is_secret(&key), "{key}");
            }
        }
    }

    #[test]
    fn keys_about_credentials_are_no_secrets() {
        for key in [
            "bootstrap.servers",
            "key.converter",
            "name",
            "ssl.keystore.location",
            "ssl.client.auth",
            "ssl.keystore.type",
            "sasl.oauthbearer.token.endpoint.url",
            "sasl.oauthbearer.client.credentials.client.id",
            "basic.auth.credentials.source",
            "aws.credentials.provider.class",
            "aws.access.key.id",
            "sasl.oauthbearer.assertion.private.key.file",
            "inter.worker.key.ttl.ms",
            "transforms.k.type",
            "topics",
            "compass.direction",
        ] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn a_secret_is_hidden_unless_it_is_a_reference() {
        assert_eq!(shown("ssl.key.password", "hunter2"), HIDDEN);
        assert_eq!(shown("ssl.key.password", ""), "");
        for reference in [
            "${file:/etc/secrets:pw}",
            "${env:PW}",
            "${dir:/a:b}${env:C}",
        ] {
            assert_eq!(shown("ssl.key.password", reference), reference);
        }
        for secret in ["${env:PW}x", "$${", "${PW}", "${env:PW} hunter2"] {
            assert_eq!(shown("ssl.key.password", secret), HIDDEN);
        }
    }

    #[test]
    fn other_values_are_shown_as_they_are() {
        assert!(matches!(
            shown("bootstrap.servers", "a:9092,b:9092"),
            Cow::Borrowed("a:9092,b:9092")
        ));
    }
}
