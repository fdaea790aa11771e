//! What a source says of exactly-once (KIP-618), which no worker of this process offers, and what of that a JVM worker without
//! it refuses too (`DistributedHerder.validateSourceConnectorConfig`).

use indexmap::IndexMap;

use super::config::{ConfigError, file, invalid, number, text};

const SUPPORT: &str = "exactly.once.support";
const BOUNDARY: &str = "transaction.boundary";
const INTERVAL: &str = "transaction.boundary.interval.ms";

pub(super) fn validate(config: &IndexMap<String, String>) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    match word(config, SUPPORT, &["REQUIRED", "REQUESTED"]) {
        Ok(Some("REQUIRED")) => errors.extend(not_given(config)),
        Ok(_) => {}
        Err(error) => errors.push(error),
    }
    match word(config, BOUNDARY, &["INTERVAL", "POLL", "CONNECTOR"]) {
        Ok(Some("CONNECTOR")) => errors.push(ConfigError::new(
            config,
            BOUNDARY,
            "The connector does not support connector-defined transaction boundaries with the given configuration. Please \
             reconfigure it to use a different transaction boundary definition.",
        )),
        Ok(_) => {}
        Err(error) => errors.push(error),
    }
    errors.extend(number::<i64>(config, INTERVAL, "LONG").or_else(|| below_zero(config)));
    errors
}

/// A file source supports it when it has a file: its position is that of the file.
fn not_given(config: &IndexMap<String, String>) -> Vec<ConfigError> {
    let of_worker = "This worker does not have exactly-once source support enabled.";
    let mut errors = vec![ConfigError::new(config, SUPPORT, of_worker)];
    if file(config).is_none_or(|file| file.is_empty()) {
        let of_connector = "The connector does not support exactly-once semantics with the provided configuration.";
        errors.push(ConfigError::new(config, SUPPORT, of_connector));
    }
    errors
}

fn below_zero(config: &IndexMap<String, String>) -> Option<ConfigError> {
    let value = text(config, INTERVAL)?;
    let is_below = value.parse::<i64>().is_ok_and(|millis| millis < 0);
    is_below.then(|| invalid(config, INTERVAL, &value, "Value must be at least 0"))
}

/// `ConfigDef.CaseInsensitiveValidString`
fn word<'a>(
    config: &IndexMap<String, String>,
    key: &str,
    allowed: &[&'a str],
) -> Result<Option<&'a str>, ConfigError> {
    let Some(value) = text(config, key) else {
        return Ok(None);
    };
    let known = allowed
        .iter()
        .find(|word| word.eq_ignore_ascii_case(&value));
    let reason = format!(
        "String must be one of (case insensitive): {}",
        allowed.join(", ")
    );
    known
        .map(|word| Some(*word))
        .ok_or_else(|| invalid(config, key, &value, &reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(pairs: &[(&str, &str)]) -> Vec<String> {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let errors = validate(&pairs.collect());
        errors.into_iter().map(|error| error.key).collect()
    }

    #[test]
    fn what_only_an_exactly_once_worker_gives_is_refused() {
        assert_eq!(
            errors(&[
                (SUPPORT, " requested "),
                (BOUNDARY, "Poll"),
                (INTERVAL, "0")
            ]),
            [""; 0]
        );
        assert_eq!(errors(&[(SUPPORT, "required")]), [SUPPORT, SUPPORT]);
        assert_eq!(errors(&[(SUPPORT, "required"), ("file", "f")]), [SUPPORT]);
        let wrong = [(SUPPORT, ""), (BOUNDARY, "connector"), (INTERVAL, "-1")];
        assert_eq!(errors(&wrong), [SUPPORT, BOUNDARY, INTERVAL]);
    }
}
