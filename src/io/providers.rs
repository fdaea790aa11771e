//! Kafka's config providers: `${file:PATH:KEY}`, `${dir:PATH:FILE}`, `${env:NAME}` in client and worker settings.
//!
//! Declared as the JVM reads them (`AbstractConfig`): `config.providers` is split at commas and *not* trimmed, but for the
//! configurations of connectors ([`Filled`]); an alias needs a `config.providers.ALIAS.class`, its parameters are `config.providers.ALIAS.param.*`. What is resolved here is
//! handed to a client; it is never written to a file and never shown.

mod file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use regex::Regex;

use crate::model::placeholder::{self, Filled, Placeholder, aliases, class_key};
use crate::model::properties::Properties;

/// Why a reference could not be resolved. Values never occur in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    #[error(
        "{key}: {placeholder} needs the config provider class {class}, which only a JVM can load"
    )]
    UnknownClass {
        key: String,
        placeholder: String,
        class: String,
    },
    #[error("{key}: {placeholder}: could not read {}: {reason}", path.display())]
    Unreadable {
        key: String,
        placeholder: String,
        path: PathBuf,
        reason: String,
    },
    #[error("{key}: {placeholder} has a path, which EnvVarConfigProvider does not know")]
    EnvironmentPath { key: String, placeholder: String },
    #[error("{key}={value}: {reason}")]
    Parameter {
        key: String,
        value: String,
        reason: String,
    },
}

impl ProviderError {
    /// Returns the setting that could not be resolved, or the parameter that is wrong.
    pub fn key(&self) -> &str {
        match self {
            Self::UnknownClass { key, .. }
            | Self::Unreadable { key, .. }
            | Self::EnvironmentPath { key, .. }
            | Self::Parameter { key, .. } => key,
        }
    }

    /// Returns what to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownClass { .. } => Some(
                "connectctl resolves FileConfigProvider, DirectoryConfigProvider and EnvVarConfigProvider: give the value through one of them, or write it into a file passed with --command-config.".to_owned(),
            ),
            Self::Unreadable { path, .. } => {
                Some(format!("Check that {} exists here and can be read.", path.display()))
            }
            Self::EnvironmentPath { .. } => {
                Some("Write ${ALIAS:VARIABLE}, without a path.".to_owned())
            }
            Self::Parameter { .. } => None,
        }
    }
}

/// Returns the settings with every reference to a declared provider replaced by its value.
///
/// As in the JVM, a reference stays as it is when its provider is not declared or does not know the key.
pub fn resolve(properties: &Properties) -> Result<Properties, ProviderError> {
    resolve_where(properties, |_| true)
}

/// As [`resolve`], but only for the settings whose key is wanted: a reference in another one is not followed.
pub fn resolve_where(
    properties: &Properties,
    wanted: impl Fn(&str) -> bool,
) -> Result<Properties, ProviderError> {
    resolve_with(
        properties,
        wanted,
        &std::env::vars_os().filter_map(text).collect(),
    )
}

/// Returns why a setting that still holds a reference was not resolved, if it was meant to be.
///
/// A literal `${a:b}` is legal, so this speaks only where a provider is declared or the value is nothing but a reference.
pub fn unresolved(properties: &Properties, value: &str) -> Option<String> {
    let found = placeholder::placeholders(value);
    let reference = found.first()?;
    let declared: Vec<&str> = aliases(properties, Filled::WorkerFile).collect();
    if declared.is_empty() && reference.to_string() != value {
        return None;
    }
    let alias = &reference.provider;
    Some(if declared.contains(&alias.as_str()) {
        if properties.contains_key(&class_key(alias)) {
            format!("{reference} was not found by the config provider {alias}")
        } else {
            format!("{reference} needs {}, which is not set", class_key(alias))
        }
    } else if declared.iter().any(|other| other.trim() == alias) {
        format!(
            "{reference} is not resolved: config.providers is split at commas without trimming, remove the blanks"
        )
    } else {
        format!("{reference} is not resolved: config.providers does not list {alias}")
    })
}

type Environment = BTreeMap<String, String>;

fn text((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

fn resolve_with(
    properties: &Properties,
    wanted: impl Fn(&str) -> bool,
    environment: &Environment,
) -> Result<Properties, ProviderError> {
    let providers = declared(properties, Filled::WorkerFile)?;
    let mut resolved = properties.clone();
    let settings = resolved.iter_mut().filter(|(key, _)| wanted(key));
    replace(&providers, settings, environment)?;
    Ok(resolved)
}

/// Returns a connector's or a task's configuration with every reference to a provider of the worker replaced by its value
/// (`WorkerConfigTransformer`).
pub fn resolve_connector(
    worker: &Properties,
    config: &IndexMap<String, String>,
) -> Result<IndexMap<String, String>, ProviderError> {
    let mut resolved = config.clone();
    if !resolved.values().any(|value| value.contains("${")) {
        return Ok(resolved);
    }
    let environment = std::env::vars_os().filter_map(text).collect();
    let providers = declared(worker, Filled::Connectors)?;
    replace(&providers, resolved.iter_mut(), &environment)?;
    Ok(resolved)
}

fn replace<'a>(
    providers: &BTreeMap<&str, Provider>,
    settings: impl Iterator<Item = (&'a String, &'a mut String)>,
    environment: &Environment,
) -> Result<(), ProviderError> {
    if providers.is_empty() {
        return Ok(());
    }
    for (key, value) in settings {
        let mut failure = None;
        let replaced = placeholder::replace(value, |reference| {
            let provider = providers.get(reference.provider.as_str())?;
            match provider.value(key, reference, environment) {
                Ok(found) => found,
                Err(error) => {
                    failure.get_or_insert(error);
                    None
                }
            }
        });
        match failure {
            Some(error) => return Err(error),
            None => *value = replaced,
        }
    }
    Ok(())
}

fn declared(
    properties: &Properties,
    filled: Filled,
) -> Result<BTreeMap<&str, Provider>, ProviderError> {
    let mut providers = BTreeMap::new();
    for alias in aliases(properties, filled) {
        if let Some(class) = properties.get(&class_key(alias)) {
            providers.insert(alias, Provider::new(properties, alias, class)?);
        }
    }
    Ok(providers)
}

enum Provider {
    File(AllowedPaths),
    Directory(AllowedPaths),
    Environment(Regex),
    /// Known only to a JVM: an error when something refers to it.
    Unknown(String),
}

impl Provider {
    fn new(properties: &Properties, alias: &str, class: &str) -> Result<Self, ProviderError> {
        const PACKAGE: &str = "org.apache.kafka.common.config.provider.";
        let parameter = |name: &str| {
            let key = format!("config.providers.{alias}.param.{name}");
            let value = properties.get(&key).cloned();
            (key, value)
        };
        Ok(match class.trim().strip_prefix(PACKAGE) {
            Some("FileConfigProvider") => {
                Self::File(AllowedPaths::parse(parameter("allowed.paths"))?)
            }
            Some("DirectoryConfigProvider") => {
                Self::Directory(AllowedPaths::parse(parameter("allowed.paths"))?)
            }
            Some("EnvVarConfigProvider") => {
                Self::Environment(allowlist(parameter("allowlist.pattern"))?)
            }
            _ => Self::Unknown(class.trim().to_owned()),
        })
    }

    /// Returns the value, or nothing if the provider does not know the key or may not look.
    fn value(
        &self,
        key: &str,
        reference: &Placeholder,
        environment: &Environment,
    ) -> Result<Option<String>, ProviderError> {
        let unreadable = |path: &Path, reason: String| ProviderError::Unreadable {
            key: key.to_owned(),
            placeholder: reference.to_string(),
            path: path.to_owned(),
            reason,
        };
        match self {
            Self::File(allowed) => match allowed.path(&reference.path) {
                Some(path) => file::property(&path, &reference.key)
                    .map_err(|reason| unreadable(&path, reason)),
                None => Ok(None),
            },
            Self::Directory(allowed) => match allowed.path(&reference.path) {
                Some(folder) => file::content(&folder, &reference.key)
                    .map_err(|reason| unreadable(&folder.join(&reference.key), reason)),
                None => Ok(None),
            },
            Self::Environment(_) if !reference.path.is_empty() => {
                Err(ProviderError::EnvironmentPath {
                    key: key.to_owned(),
                    placeholder: reference.to_string(),
                })
            }
            Self::Environment(allowed) => Ok(environment
                .get(&reference.key)
                .filter(|_| allowed.is_match(&reference.key))
                .cloned()),
            Self::Unknown(class) => Err(ProviderError::UnknownClass {
                key: key.to_owned(),
                placeholder: reference.to_string(),
                class: class.clone(),
            }),
        }
    }
}

fn allowlist((key, pattern): (String, Option<String>)) -> Result<Regex, ProviderError> {
    let pattern = pattern.unwrap_or_else(|| ".*".to_owned());
    // Java matches the whole name. `(?s)` is not needed: a name of a variable has no line end.
    Regex::new(&format!("^(?:{pattern})$")).map_err(|_| ProviderError::Parameter {
        key,
        value: pattern,
        reason: "is not a regular expression, or uses Java's look-around or back references, which are not supported".to_owned(),
    })
}

/// `allowed.paths` of the file and directory providers; none means everything.
struct AllowedPaths(Option<Vec<PathBuf>>);

impl AllowedPaths {
    fn parse((key, list): (String, Option<String>)) -> Result<Self, ProviderError> {
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            return Ok(Self(None));
        };
        let mut allowed = Vec::new();
        for entry in list.split(',') {
            let path = normalized(Path::new(entry));
            let wrong = |reason: &str| ProviderError::Parameter {
                key: key.clone(),
                value: list.clone(),
                reason: format!("{} {reason}", path.display()),
            };
            if !path.is_absolute() {
                return Err(wrong("is not absolute"));
            }
            if !path.exists() {
                return Err(wrong("does not exist"));
            }
            allowed.push(path);
        }
        Ok(Self(Some(allowed)))
    }

    fn path(&self, path: &str) -> Option<PathBuf> {
        if path.is_empty() {
            return None;
        }
        let path = Path::new(path);
        match &self.0 {
            None => Some(path.to_owned()),
            Some(allowed) => {
                let path = normalized(path);
                allowed
                    .iter()
                    .any(|root| path.starts_with(root))
                    .then_some(path)
            }
        }
    }
}

/// Removes `.` and `..` by text alone, as `java.nio.file.Path.normalize` does.
fn normalized(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match normal.components().next_back() {
                Some(Component::Normal(_)) => {
                    normal.pop();
                }
                Some(Component::RootDir) => {}
                _ => normal.push(".."),
            },
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests;
