//! A connector file in the three forms Connect accepts.
//!
//! `ConnectStandalone.parseConnectorConfigurationFile` (KIP-980, since 3.7) tries them in this order, and so does
//! [`parse`]: a JSON object of scalars, a JSON object `{name, config, initial_state?}`, Java properties. A file that is
//! meant as JSON but is not quite is thus read as properties, and what Connect then says is about those.

mod encoding;
mod error;
mod json;

use indexmap::IndexMap;

use super::properties::{Document, Properties};
use json::{Json, Members, Stop};

pub use encoding::utf8 as jackson_utf8;
pub use error::{ConnectorConfigError, JsonProblem, Refusal};

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

/// Reads a connector file as a standalone worker does.
///
/// # Errors
/// What the worker refuses, with its own reason in [`ConnectorConfigError::connect_says`].
pub fn parse(bytes: &[u8]) -> Result<ConnectorConfig, ConnectorConfigError> {
    let text = encoding::utf8(bytes).map_err(ConnectorConfigError::Encoding)?;
    match flat(&text) {
        Ok(found) => return found,
        Err(Stop::Constraint(says)) => return Err(ConnectorConfigError::Constraint(says)),
        Err(Stop::Problem { .. }) => {}
    }
    let problem = match named(&text) {
        Ok(found) => return found,
        Err(Stop::Constraint(says)) => return Err(ConnectorConfigError::Constraint(says)),
        Err(Stop::Problem { at, expected }) => JsonProblem::new(&text, at, expected),
    };
    properties(bytes, problem)
}

/// Returns why the file is not JSON, for one that looks as if it were meant to be.
///
/// Connect does not say it: it reads the file as properties and may even succeed.
pub fn json_problem(bytes: &[u8]) -> Option<JsonProblem> {
    let text = encoding::utf8(bytes).ok()?;
    match (flat(&text), named(&text)) {
        (Err(_), Err(Stop::Problem { at, expected })) => JsonProblem::new(&text, at, expected),
        _ => None,
    }
}

/// The outer error: not this form. The inner one: this form, and refused.
type Attempt = Result<Result<ConnectorConfig, ConnectorConfigError>, Stop>;

/// The first form: `TypeReference<Map<String, String>>`.
fn flat(text: &[u8]) -> Attempt {
    let mut json = Json::new(text);
    if json.null()? {
        return Ok(Err(ConnectorConfigError::NullDocument));
    }
    let config = json.scalars()?;
    let read = match config.get("name") {
        None => Err(ConnectorConfigError::MissingName { problem: None }),
        Some(None) => Err(ConnectorConfigError::NullName),
        Some(Some(name)) => Ok(ConnectorConfig {
            name: name.clone(),
            config,
            initial_state: None,
            form: Form::FlatJson,
        }),
    };
    Ok(read.and_then(|config| json.whole(config)))
}

/// The members of `org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest`; absent or null is `None`.
struct Request {
    name: Option<String>,
    config: Option<Members>,
    initial_state: Option<TargetState>,
    /// Members that were not read yet.
    unread: Vec<&'static str>,
}

/// The second form: `TypeReference<CreateConnectorRequest>`, other members ignored.
fn named(text: &[u8]) -> Attempt {
    let mut json = Json::new(text);
    let mut request = Request::new();
    json.members(|json, key| request.read(json, key))?;
    let nested = flat(text).err().and_then(|stop| match stop {
        Stop::Problem { at, expected } => JsonProblem::new(text, at, expected),
        Stop::Constraint(_) => None,
    });
    let read = request.into_config(nested);
    Ok(read.and_then(|config| json.whole(config)))
}

fn initial_state(json: &mut Json<'_>) -> Result<Option<TargetState>, Stop> {
    const EXPECTED: &str = "\"running\", \"paused\" or \"stopped\"";
    if json.null()? {
        return Ok(None);
    }
    if !json.is_at_string() {
        return Err(json.expected(EXPECTED));
    }
    let stop = json.expected(EXPECTED);
    match json.string()?.to_uppercase().as_str() {
        "RUNNING" => Ok(Some(TargetState::Started)),
        "PAUSED" => Ok(Some(TargetState::Paused)),
        "STOPPED" => Ok(Some(TargetState::Stopped)),
        _ => Err(stop),
    }
}

impl Request {
    const MEMBERS: [&'static str; 3] = ["name", "config", "initial_state"];

    fn new() -> Self {
        Self {
            name: None,
            config: None,
            initial_state: None,
            unread: Self::MEMBERS.to_vec(),
        }
    }

    fn read(&mut self, json: &mut Json<'_>, key: &str) -> Result<(), Stop> {
        // Jackson builds the record when it has all three, and takes none of them again after that.
        if self.unread.is_empty() && Self::MEMBERS.contains(&key) {
            return Err(json.expected("each member only once"));
        }
        match key {
            "name" => self.name = json.scalar()?,
            "config" if json.null()? => self.config = None,
            "config" => self.config = Some(json.scalars()?),
            "initial_state" => self.initial_state = initial_state(json)?,
            _ => json.skip()?,
        }
        self.unread.retain(|member| *member != key);
        Ok(())
    }

    /// `nested` says why the file is not of the first form.
    fn into_config(
        self,
        nested: Option<JsonProblem>,
    ) -> Result<ConnectorConfig, ConnectorConfigError> {
        let name = self.name;
        let mut config = self
            .config
            .ok_or(ConnectorConfigError::NoConfig { problem: nested })?;
        match config.get("name") {
            Some(None) => return Err(ConnectorConfigError::NullNameInConfig),
            Some(inner) if *inner != name => {
                let inner = inner.clone().unwrap_or_default();
                return Err(ConnectorConfigError::NameMismatch { name, inner });
            }
            Some(_) => {}
            None => {
                config.insert("name".to_owned(), name.clone());
            }
        }
        Ok(ConnectorConfig {
            name: name.ok_or(ConnectorConfigError::NullName)?,
            config,
            initial_state: self.initial_state,
            form: Form::NamedJson,
        })
    }
}

/// The third form: what is left.
fn properties(
    bytes: &[u8],
    problem: Option<JsonProblem>,
) -> Result<ConnectorConfig, ConnectorConfigError> {
    let properties = match Document::parse(bytes) {
        Ok(document) => document.to_map(),
        Err(error) => return Err(ConnectorConfigError::Malformed { error, problem }),
    };
    let name = properties
        .get("name")
        .ok_or(ConnectorConfigError::MissingName { problem })?;
    Ok(ConnectorConfig {
        name: name.clone(),
        config: with_nulls(properties.clone()),
        initial_state: None,
        form: Form::Properties,
    })
}

fn with_nulls(properties: Properties) -> IndexMap<String, Option<String>> {
    properties
        .into_iter()
        .map(|(key, value)| (key, Some(value)))
        .collect()
}

impl ConnectorConfig {
    /// Returns what a worker refuses in any connector's configuration, before it asks the connector itself.
    pub fn refusals(&self) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        if self
            .config
            .get("connector.class")
            .is_none_or(Option::is_none)
        {
            refusals.push(Refusal::NoConnectorClass);
        }
        for (key, value) in &self.config {
            if value.is_none() {
                refusals.push(Refusal::NullValue(key.clone()));
            }
        }
        let name = super::worker_config::trimmed(&self.name);
        if name.is_empty() {
            refusals.push(Refusal::EmptyName);
        }
        let controls: Vec<_> = name
            .chars()
            .filter(|character| character.is_control())
            .map(u32::from)
            .collect();
        if !controls.is_empty() {
            refusals.push(Refusal::ControlCharacters(controls));
        }
        refusals
    }
}

#[cfg(test)]
mod tests;
