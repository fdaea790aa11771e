//! What holds for every sequence of bytes that is taken for a connector file.

use connectctl::model::connector_config::{self, ConnectorConfig, ConnectorConfigError, Form};
use connectctl::model::properties::Document;
use serde_json::Value;

/// Jackson's limit on the length of a name.
const LONGEST_NAME: usize = 50_000;

pub(super) fn check(data: &[u8]) {
    let parsed = connector_config::parse(data);
    match &parsed {
        Ok(config) => accepted(data, config),
        Err(error) => refused(data, error),
    }
    if let Some(problem) = connector_config::json_problem(data) {
        placed(data, problem.line, problem.column);
    }
    as_another_parser_reads(data, &parsed);
}

fn accepted(data: &[u8], config: &ConnectorConfig) {
    let name = config.config.get("name");
    assert_eq!(name, Some(&Some(config.name.clone())));
    assert!(config.initial_state.is_none() || config.form == Form::NamedJson);
    if config.form == Form::Properties {
        let document = Document::parse(data).expect("the same file");
        let nulls = config.config.values().filter(|value| value.is_none());
        assert_eq!(nulls.count(), 0);
        assert_eq!(document.to_map().len(), config.config.len());
    }
    if config.config.keys().any(|key| key.len() > LONGEST_NAME) {
        return;
    }
    let flat = serde_json::to_vec(&config.config).expect("a map of strings");
    let again = connector_config::parse(&flat).expect("what was read can be written");
    assert_eq!(again.form, Form::FlatJson);
    assert_eq!((&again.name, &again.config), (&config.name, &config.config));
    // Refusals are about a configuration, not about its form.
    assert_eq!(again.refusals(), config.refusals());
}

fn refused(data: &[u8], error: &ConnectorConfigError) {
    assert!(!error.to_string().is_empty());
    if let Some(says) = error.connect_says("FILE") {
        assert!(!says.is_empty());
    }
    if let Some((line, column)) = error.position() {
        placed(data, line, column);
    }
    if let Some(problem) = error.json_problem() {
        placed(data, problem.line, problem.column);
    }
}

/// A place is in the file, or just behind its end.
fn placed(data: &[u8], line: usize, column: usize) {
    let length = data.len() + 1;
    assert!((1..=length).contains(&line) && (1..=length).contains(&column));
}

/// What `serde_json`, which is stricter, takes for an object of scalars with a name is one here too.
fn as_another_parser_reads(data: &[u8], parsed: &Result<ConnectorConfig, ConnectorConfigError>) {
    let Ok(Value::Object(members)) = serde_json::from_slice(data) else {
        return;
    };
    let nested = |value: &Value| matches!(value, Value::Object(_) | Value::Array(_));
    if members.values().any(nested) || !matches!(members.get("name"), Some(Value::String(_))) {
        return;
    }
    let config = match parsed {
        Err(ConnectorConfigError::Constraint(_)) => return,
        parsed => parsed.as_ref().expect("a flat object with a name"),
    };
    assert_eq!(config.form, Form::FlatJson);
    assert_eq!(config.config.len(), members.len());
    for (key, value) in &members {
        let ours = config.config[key].as_deref();
        match value {
            Value::String(text) => assert_eq!(ours, Some(text.as_str())),
            Value::Null => assert_eq!(ours, None),
            Value::Bool(truth) => assert_eq!(ours, Some(truth.to_string().as_str())),
            // As it is written, which serde_json does not keep.
            _ => assert!(ours.is_some_and(|ours| ours.parse::<f64>().is_ok())),
        }
    }
}
