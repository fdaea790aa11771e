//! What a standalone worker refuses in a connector file, and what it says then.

use std::fmt;

use thiserror::Error;

use super::super::properties::{PropertiesError, PropertiesErrorKind};
use super::json::position;

/// Where a file that is meant to be JSON is none, or none of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{line}:{column}: expected {expected}")]
pub struct JsonProblem {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub expected: &'static str,
}

impl JsonProblem {
    /// Returns `None` for a text that does not look like JSON: it is properties, and no problem.
    pub(super) fn new(text: &[u8], at: usize, expected: &'static str) -> Option<Self> {
        let first = text.trim_ascii_start().first();
        matches!(first, Some(b'{' | b'[')).then(|| {
            let (line, column) = position(text, at);
            Self {
                line,
                column,
                expected,
            }
        })
    }
}

/// Why a standalone worker refuses a connector file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConnectorConfigError {
    #[error("the mandatory 'name' is missing")]
    MissingName {
        /// Set for a file that looks like JSON and was read as properties.
        problem: Option<JsonProblem>,
    },
    #[error("'config' has the name {inner:?}, which is not the 'name' beside it")]
    NameMismatch { name: Option<String>, inner: String },
    #[error("'name' is null")]
    NullName,
    #[error("'name' inside 'config' is null")]
    NullNameInConfig,
    #[error("the file is null")]
    NullDocument,
    #[error("there is neither a 'config' nor a flat list of settings")]
    NoConfig {
        /// Where the first value is that is no scalar.
        problem: Option<JsonProblem>,
    },
    /// Jackson's `StreamConstraintsException`.
    #[error("{0}")]
    Constraint(String),
    /// Jackson's `CharConversionException`.
    #[error("{0}")]
    Encoding(String),
    #[error("{}", error.kind)]
    Malformed {
        error: PropertiesError,
        /// Set for a file that looks like JSON and was read as properties.
        problem: Option<JsonProblem>,
    },
    /// Java keeps half a character, which no other program can. Not refused by Connect.
    #[error(
        "a string has \\u{unit:04x}, half of a surrogate pair, without the other half beside it"
    )]
    LoneSurrogate {
        line: usize,
        column: usize,
        unit: u16,
    },
}

impl ConnectorConfigError {
    /// Returns what the worker logs as the reason of its end; `None` for what it would accept.
    ///
    /// `path` is the file as it was named to the worker.
    pub fn connect_says(&self, path: &str) -> Option<String> {
        const REQUEST: &str =
            "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest.config()";
        Some(match self {
            Self::MissingName { .. } => {
                format!(
                    "Connector configuration at '{path}' is missing the mandatory 'name' configuration"
                )
            }
            Self::NameMismatch { .. } => {
                format!(
                    "Connector name configuration in 'config' doesn't match the one specified in 'name' at '{path}'"
                )
            }
            Self::NullName => Refusal::NullValue("name".to_owned()).to_string(),
            Self::NullNameInConfig => null_pointer(
                "String.equals(Object)",
                "the return value of \"java.util.Map.get(Object)\"",
            ),
            Self::NullDocument => {
                null_pointer("java.util.Map.containsKey(Object)", "\"connectorConfigs\"")
            }
            Self::NoConfig { .. } => null_pointer(
                "java.util.Map.containsKey(Object)",
                &format!("the return value of \"{REQUEST}\""),
            ),
            Self::Constraint(says) | Self::Encoding(says) => says.clone(),
            Self::Malformed { error, .. } => match error.kind {
                PropertiesErrorKind::MalformedUnicodeEscape => {
                    "Malformed \\uxxxx encoding.".to_owned()
                }
                PropertiesErrorKind::LoneSurrogate(_) => return None,
            },
            Self::LoneSurrogate { .. } => return None,
        })
    }

    /// Returns the line and column, both from 1, if the error has a place.
    pub fn position(&self) -> Option<(usize, usize)> {
        match self {
            Self::Malformed { error, .. } => Some((error.line, error.column)),
            Self::LoneSurrogate { line, column, .. } => Some((*line, *column)),
            Self::NoConfig { problem } => problem.map(|problem| (problem.line, problem.column)),
            _ => None,
        }
    }

    /// Returns why the file was not read as the JSON that it seems to be.
    pub fn json_problem(&self) -> Option<JsonProblem> {
        match self {
            Self::MissingName { problem }
            | Self::NoConfig { problem }
            | Self::Malformed { problem, .. } => *problem,
            _ => None,
        }
    }
}

/// The message of a helpful `NullPointerException` (JEP 358).
fn null_pointer(call: &str, what: &str) -> String {
    format!("Cannot invoke \"{call}\" because {what} is null")
}

/// What a worker refuses in the configuration of any connector (`ConnectorConfig`, `AbstractHerder`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    NoConnectorClass,
    /// The setting that is null.
    NullValue(String),
    EmptyName,
    /// The control characters of the name.
    ControlCharacters(Vec<u32>),
}

/// In Connect's words.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Connect puts the configuration here, secrets included.
            Self::NoConnectorClass => f.write_str("Connector config contains no connector type"),
            Self::NullValue(_) => {
                f.write_str("Null value can not be supplied as the configuration value.")
            }
            Self::EmptyName => {
                f.write_str("Invalid value  for configuration name: String may not be empty")
            }
            Self::ControlCharacters(codes) => {
                let codes: Vec<_> = codes.iter().map(u32::to_string).collect();
                write!(
                    f,
                    "Invalid value for configuration name: String may not contain control sequences but had the \
                     following ASCII chars: {}",
                    codes.join(", ")
                )
            }
        }
    }
}
