//! A connector file in the three forms Connect accepts.

use indexmap::IndexMap;

/// The state a connector is asked to be in (`org.apache.kafka.connect.runtime.TargetState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TargetState {
    Started,
    Paused,
    Stopped,
}

/// Which of the three accepted forms a connector file has, in the order Connect tries them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A JSON object whose values are all scalars.
    FlatJson,
    /// A JSON object `{name, config, initial_state?}`.
    NamedJson,
    /// Java properties.
    Properties,
}

/// What Connect reads from one connector file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorConfig {
    /// The connector's name, exactly as written: not trimmed.
    pub name: String,
    /// All settings, `name` included; `None` where JSON says `null`.
    pub config: IndexMap<String, Option<String>>,
    /// `initial_state` of the named JSON form.
    pub initial_state: Option<TargetState>,
    pub form: Form,
}
