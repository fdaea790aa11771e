//! Settings of a client by key: references resolved, values read as Kafka's `ConfigDef` reads their types.

use std::time::Duration;

use crate::io::kafka::settings::SettingsError;
use crate::io::providers;
use crate::model::password::Password;
use crate::model::properties::Properties;

/// The settings that start with a prefix, by their name without it.
pub(crate) struct Config {
    properties: Properties,
    prefix: String,
}

impl Config {
    /// Reads the settings of a client, which have no prefix.
    pub(crate) fn of_client(properties: &Properties) -> Result<Self, SettingsError> {
        Self::with_prefix(properties, "")
    }

    /// Reads the settings under a prefix, for example `listeners.https.`.
    pub(crate) fn with_prefix(
        properties: &Properties,
        prefix: &str,
    ) -> Result<Self, SettingsError> {
        let wanted = |key: &str| {
            key.strip_prefix(prefix).is_some_and(|name| {
                FAMILIES.iter().any(|family| name.starts_with(family)) || SINGLE.contains(&name)
            })
        };
        Ok(Self {
            properties: providers::resolve_where(properties, wanted)?,
            prefix: prefix.to_owned(),
        })
    }

    /// Takes the settings as they are: the options of a login module, where `${…}` was resolved before they were parsed.
    pub(crate) fn literal(properties: Properties, prefix: &str) -> Self {
        Self {
            properties,
            prefix: prefix.to_owned(),
        }
    }

    /// Returns the key as the user wrote it.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.properties.contains_key(&self.key(name))
    }

    /// Returns a STRING, or a CLASS by its name: trimmed, possibly empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, SettingsError> {
        let key = self.key(name);
        let Some(value) = self.properties.get(&key) else {
            return Ok(None);
        };
        match providers::unresolved(&self.properties, value) {
            Some(reason) => Err(SettingsError::Unresolved { key, reason }),
            None => Ok(Some(value.trim().to_owned())),
        }
    }

    /// Returns a PASSWORD. Kafka trims it like a STRING.
    pub(crate) fn password(&self, name: &str) -> Result<Option<Password>, SettingsError> {
        Ok(self.text(name)?.map(Password::new))
    }

    /// Returns a LIST: split at commas, items trimmed, an empty text an empty list.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<String>>, SettingsError> {
        Ok(self.text(name)?.map(|text| match text.as_str() {
            "" => Vec::new(),
            text => text.split(',').map(|item| item.trim().to_owned()).collect(),
        }))
    }

    /// Returns a BOOLEAN.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, SettingsError> {
        match self.text(name)? {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(value) => Err(SettingsError::Invalid {
                key: self.key(name),
                value,
                reason: "is neither true nor false".to_owned(),
                hint: None,
            }),
        }
    }

    /// Returns an INT or LONG that counts milliseconds.
    pub(crate) fn millis(&self, name: &str) -> Result<Option<Duration>, SettingsError> {
        self.text(name)?
            .map(|value| {
                value
                    .parse()
                    .map(Duration::from_millis)
                    .map_err(|_| SettingsError::Invalid {
                        key: self.key(name),
                        value,
                        reason: "is not a number of milliseconds".to_owned(),
                        hint: None,
                    })
            })
            .transpose()
    }
}

/// Settings of connections and logins, by the start of their name.
const FAMILIES: &[&str] = &["ssl.", "sasl."];
const SINGLE: &[&str] = &["bootstrap.servers", "client.id", "security.protocol"];
