//! Settings of a converter, read as `org.apache.kafka.common.config.ConfigDef` reads them.

use indexmap::IndexMap;

use super::converter::ConverterError;

/// The settings of one converter, without its prefix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings<'a>(pub(super) &'a IndexMap<String, String>);

impl<'a> Settings<'a> {
    /// Returns a string without blanks around it.
    pub(super) fn string(self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(|value| trimmed(value))
    }

    pub(super) fn boolean(self, key: &'static str, default: bool) -> Result<bool, ConverterError> {
        let Some(value) = self.0.get(key) else {
            return Ok(default);
        };
        match trimmed(value) {
            text if text.eq_ignore_ascii_case("true") => Ok(true),
            text if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(invalid(
                key,
                value,
                "Expected value to be either true or false",
            )),
        }
    }

    pub(super) fn int(self, key: &'static str, default: i32) -> Result<i32, ConverterError> {
        let Some(value) = self.0.get(key) else {
            return Ok(default);
        };
        trimmed(value)
            .parse()
            .map_err(|_| invalid(key, value, "Not a number of type INT"))
    }

    /// Returns which of the choices, given in upper case, a setting makes in any case.
    pub(super) fn choice(
        self,
        key: &'static str,
        choices: &[&'static str],
    ) -> Result<Option<&'static str>, ConverterError> {
        let Some(value) = self.string(key) else {
            return Ok(None);
        };
        let chosen = choices
            .iter()
            .find(|choice| choice.eq_ignore_ascii_case(value));
        if chosen.is_none() {
            let choices = choices.join(", ");
            let why = format!("String must be one of (case insensitive): {choices}");
            return Err(invalid(key, value, &why));
        }
        Ok(chosen.copied())
    }
}

/// `String.trim`: everything up to the space, from both ends.
fn trimmed(value: &str) -> &str {
    value.trim_matches(|character| character <= ' ')
}

fn invalid(key: &'static str, value: &str, why: &str) -> ConverterError {
    ConverterError::Invalid {
        key,
        value: value.to_owned(),
        why: why.to_owned(),
    }
}
