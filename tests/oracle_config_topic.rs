//! Records of the config topic: folded and written as the worker's own store does.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::{ConfigState, ConnectorProperties, target_state_record};
use proptest::prelude::*;

use crate::support::generated::generated;
use crate::support::{java, require_kafka};

const CONFIG_STORE: &str = include_str!("support/java/ConfigStore.java");

/// Names of which some look like others with a task number.
const NAMES: &[&str] = &["x", "x-1", "-"];

type Record = (String, Option<String>);

fn record() -> impl Strategy<Value = Record> {
    let name = || prop::sample::select(NAMES);
    let config = |v| Some(format!(r#"{{"properties":{{"v":"{v}"}}}}"#));
    let target = prop::sample::select(
        &[
            r#"{"state":"STARTED","state.v2":"STARTED"}"#,
            r#"{"state":"PAUSED","state.v2":"PAUSED"}"#,
            r#"{"state":"PAUSED","state.v2":"STOPPED"}"#,
            r#"{"state":"PAUSED"}"#,
            r#"{"state":"STARTED","state.v2":1}"#,
            r#"{"state":"GONE"}"#,
            "{}",
            "null",
            "7",
        ][..],
    );
    let odd = prop::sample::select(
        &[
            "{",
            "",
            "null",
            "[]",
            "{}",
            " {\"properties\":{\"v\":\"odd\"}} rest",
            "{\"properties\":[]}",
            "{\"properties\":{\"v\":7}}",
            "{\"properties\":{\"v\":null}}",
            "x",
            "\u{1}",
        ][..],
    );
    prop_oneof![
        6 => (name(), 0..9).prop_map(move |(n, v)| (format!("connector-{n}"), config(v))),
        2 => name().prop_map(|n| (format!("connector-{n}"), None)),
        4 => (name(), target).prop_map(|(n, t)| (format!("target-state-{n}"), Some(t.to_owned()))),
        1 => name().prop_map(|n| (format!("target-state-{n}"), None)),
        9 => (name(), 0..4, 0..9).prop_map(move |(n, t, v)| (format!("task-{n}-{t}"), config(v))),
        1 => name().prop_map(|n| (format!("task-{n}-0"), None)),
        6 => (name(), 0..4).prop_map(|(n, t)| (format!("commit-{n}"), Some(format!(r#"{{"tasks":{t}}}"#)))),
        1 => name().prop_map(|n| (format!("commit-{n}"), None)),
        1 => (name(), 0..4).prop_map(|(n, t)| (format!("tasks-fencing-{n}"), Some(format!(r#"{{"task-count":{t}}}"#)))),
        2 => (name(), odd.clone()).prop_map(|(n, v)| (format!("connector-{n}"), Some(v.to_owned()))),
        1 => (name(), odd).prop_map(|(n, v)| (format!("task-{n}-x"), Some(v.to_owned()))),
        1 => Just(("unknown".to_owned(), Some("{}".to_owned()))),
    ]
}

fn v(properties: Option<&ConnectorProperties>) -> String {
    properties.map_or_else(
        || "-".to_owned(),
        |properties| match properties.settings.get("v") {
            Some(Some(text)) => text.clone(),
            _ => "null".to_owned(),
        },
    )
}

fn folded(records: &[Record]) -> String {
    let mut state = ConfigState::new();
    for ((key, value), offset) in records.iter().zip(0..) {
        let value = value.as_deref().map(str::as_bytes);
        // What is ignored is part of the comparison: the state shows it.
        _ = state.apply(offset, Some(key.as_bytes()), value);
    }
    let mut line = state.offset.to_string();
    for (name, connector) in &state.connectors {
        let target = match connector.target {
            TargetState::Started => "STARTED",
            TargetState::Paused => "PAUSED",
            TargetState::Stopped => "STOPPED",
        };
        let tasks: Vec<_> = (0..4).map(|n| v(connector.tasks.get(&n))).collect();
        write!(
            line,
            "|{name} {} {target} {} {} {}",
            v(Some(&connector.properties)),
            connector.task_count.unwrap_or(0),
            tasks.join(" "),
            connector.inconsistent
        )
        .expect("a String takes everything");
    }
    line
}

/// Folds each topic with the worker's own store.
fn folded_by_java(topics: &[Vec<Record>]) -> Vec<String> {
    let mut input = String::new();
    for (key, value) in topics.iter().flat_map(|topic| {
        topic
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_deref()))
            .chain([("", None)])
    }) {
        match value {
            _ if key.is_empty() => input.push('\n'),
            None => writeln!(input, "{key}\t-").expect("a String takes everything"),
            Some(value) => writeln!(input, "{key}\t~{}", STANDARD.encode(value))
                .expect("a String takes everything"),
        }
    }
    let output = java::run(CONFIG_STORE, &[], input.as_bytes())
        .success()
        .text();
    output.lines().map(str::to_owned).collect()
}

#[test]
fn topics_of_random_records_fold_as_in_the_workers_own_store() {
    require_kafka!();
    let topics = generated(prop::collection::vec(record(), 0..40), 1500);
    let theirs = folded_by_java(&topics);
    assert_eq!(theirs.len(), topics.len());
    for (topic, theirs) in topics.iter().zip(&theirs) {
        assert_eq!(&folded(topic), theirs, "{topic:#?}");
    }
    let all = theirs.join("\n");
    for seen in ["STARTED", "PAUSED", "STOPPED", " true", " false", "x-1"] {
        assert!(all.contains(seen), "no topic folded to {seen}");
    }
}

#[test]
fn written_target_states_are_understood_by_the_workers_own_store() {
    require_kafka!();
    let states = [
        TargetState::Started,
        TargetState::Paused,
        TargetState::Stopped,
    ];
    let topics: Vec<Vec<Record>> = states
        .iter()
        .map(|state| {
            let (key, value) = target_state_record("x", *state);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let config = r#"{"properties":{"v":"1"}}"#.to_owned();
            vec![
                (text(&key), Some(text(&value))),
                ("connector-x".to_owned(), Some(config)),
            ]
        })
        .collect();
    let folded = folded_by_java(&topics);
    for (line, state) in folded.iter().zip(["STARTED", "PAUSED", "STOPPED"]) {
        assert_eq!(line, &format!("2|x 1 {state} 0 - - - - false"));
    }
}
