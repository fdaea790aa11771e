//! Records of the config topic: folded and written as the worker's own store does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connectctl::io::kafka::log::{Isolation, LogReader};
use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::{
    ConfigChange, ConfigState, ConnectorProperties, target_state_record,
};
use connectctl::worker::config_log::{ConfigLog, IgnoredRecord};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::live_kafka::{connect, create, new_topic};
use crate::support::generated::generated;
use crate::support::{java, kafka, require_kafka};

const CONFIG_STORE: &str = include_str!("support/java/ConfigStore.java");
const WRITE_CONFIGS: &str = include_str!("support/java/WriteConfigs.java");

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
        1 => name().prop_map(|n| (format!("commit-{n}"), Some(r#"{"tasks":"2"}"#.to_owned()))),
        1 => (name(), any::<bool>()).prop_map(|(n, t)| (format!("restart-connector-{n}"), Some(format!(r#"{{"include-tasks":{t},"only-failed":1}}"#)))),
        1 => (0..9).prop_map(|t| ("session-key".to_owned(), Some(format!(r#"{{"key":"AAEC","algorithm":"HmacSHA256","creation-timestamp":{t}}}"#)))),
        1 => Just(("logger-cluster-a.b".to_owned(), Some(r#"{"level":"info"}"#.to_owned()))),
        1 => Just(("unknown".to_owned(), Some("{}".to_owned()))),
    ]
}

/// Shows a state as `ConfigStore.java` does. Names that have no connector any more are shown if Java shows them.
fn shown(state: &ConfigState, theirs: &Value) -> Value {
    let config = |properties: &ConnectorProperties| json!(properties.settings);
    let connectors: BTreeMap<_, _> = state
        .connectors
        .iter()
        .map(|(name, connector)| {
            let tasks: BTreeMap<_, _> = connector
                .tasks
                .iter()
                .map(|(task, properties)| (task.to_string(), config(properties)))
                .collect();
            let shown = json!({
                "config": config(&connector.properties),
                "target": match connector.target {
                    TargetState::Started => "STARTED",
                    TargetState::Paused => "PAUSED",
                    TargetState::Stopped => "STOPPED",
                },
                "taskCount": connector.task_count.unwrap_or(0),
                "inconsistent": connector.inconsistent,
                "tasks": tasks,
            });
            (name.clone(), shown)
        })
        .collect();
    let mut names: BTreeSet<&str> = state.connectors.keys().map(String::as_str).collect();
    for map in ["fencingCounts", "taskGenerations"] {
        let theirs = theirs[map].as_object().expect("an object").keys();
        names.extend(theirs.map(String::as_str));
    }
    let theirs = theirs["pendingFencing"].as_array().expect("an array");
    names.extend(theirs.iter().filter_map(Value::as_str));
    let of_names = |value: &dyn Fn(&str) -> Option<Value>| -> Value {
        let values = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), value(name)?)));
        Value::Object(values.collect())
    };
    let pending = names.iter().filter(|name| state.is_pending_fencing(name));
    let key = state.session_key.as_ref();
    json!({
        "offset": state.offset,
        "sessionKey": key.map(|k| json!([STANDARD.encode(&k.key), k.algorithm, k.creation_timestamp])),
        "connectors": connectors,
        "fencingCounts": of_names(&|name| state.fencing_count(name).map(Value::from)),
        "taskGenerations": of_names(&|name| state.task_generation(name).map(Value::from)),
        "pendingFencing": pending.collect::<Vec<_>>(),
    })
}

/// Returns what `UpdateListener` is told.
fn told(change: &ConfigChange) -> Option<String> {
    Some(match change {
        ConfigChange::None => return None,
        ConfigChange::Connector { connector } => format!("onConnectorConfigUpdate {connector}"),
        ConfigChange::Removed { connector } => format!("onConnectorConfigRemove {connector}"),
        ConfigChange::TargetState { connector } => {
            format!("onConnectorTargetStateChange {connector}")
        }
        ConfigChange::Tasks { connector, tasks } => {
            let tasks: BTreeSet<_> = tasks.iter().map(|t| format!("{connector}-{t}")).collect();
            let tasks: Vec<_> = tasks.into_iter().collect();
            format!("onTaskConfigUpdate [{}]", tasks.join(", "))
        }
        ConfigChange::Restart {
            connector,
            include_tasks,
            only_failed,
        } => format!("onRestartRequest {connector} {include_tasks} {only_failed}"),
        ConfigChange::SessionKey => "onSessionKeyUpdate".to_owned(),
        ConfigChange::LoggerLevel { logger, level } => {
            format!("onLoggingLevelUpdate {logger} {level}")
        }
    })
}

/// Folds a topic, and shows the result as Java shows its own.
fn folded(records: &[Record], theirs: &Value) -> Value {
    let mut log = ConfigLog::new("configs");
    log.start();
    let mut changes = Vec::new();
    for ((key, value), offset) in records.iter().zip(0..) {
        let value = value.as_deref().map(str::as_bytes);
        // What is ignored shows in the state and in what is told.
        if let Ok(change) = log.read(offset, Some(key.as_bytes()), value) {
            changes.extend(told(&change));
        }
    }
    let mut shown = shown(log.state(), theirs);
    shown["told"] = json!(changes);
    shown
}

/// Folds each topic with the worker's own store.
fn folded_by_java(topics: &[Vec<Record>]) -> Vec<Value> {
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
    let output = java::run(CONFIG_STORE, &[], input.as_bytes()).success();
    parsed(&output.text())
}

fn parsed(lines: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).expect("JSON");
    lines.lines().map(parse).collect()
}

/// Returns what a worker's store finds in a topic; `exactly_once` is its `exactly.once.source.support`.
fn read_by_java(bootstrap: &str, topic: &str, exactly_once: &str) -> Value {
    let output = java::run(CONFIG_STORE, &[bootstrap, topic, exactly_once], b"").success();
    parsed(&output.text()).remove(0)
}

/// Returns what we find in it.
async fn read_by_us(
    bootstrap: &str,
    topic: &str,
    isolation: Isolation,
) -> (ConfigLog, Vec<IgnoredRecord>) {
    let cluster = connect(bootstrap).await;
    let mut log = ConfigLog::new(topic);
    let mut ignored = Vec::new();
    let mut reader = LogReader::new(&cluster, topic, isolation);
    let read = reader.read_to_end(|_, record| {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        ignored.extend(log.read(record.offset, key, value).err());
    });
    read.await.expect("the topic is readable");
    (log, ignored)
}

/// Panics unless a worker with exactly-once support finds in a topic what we find in it; returns that.
pub(crate) fn assert_read_alike(bootstrap: &str, topic: &str) -> ConfigLog {
    let theirs = read_by_java(bootstrap, topic, "enabled");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let read = read_by_us(bootstrap, topic, Isolation::ReadCommitted);
    let (ours, ignored) = runtime.block_on(read);
    assert_eq!(ignored, [], "a worker writes nothing that it ignores");
    assert_eq!(shown(ours.state(), &theirs), theirs);
    ours
}

#[test]
fn topics_of_random_records_fold_as_in_the_workers_own_store() {
    require_kafka!();
    let topics = generated(prop::collection::vec(record(), 0..40), 1500);
    let theirs = folded_by_java(&topics);
    assert_eq!(theirs.len(), topics.len());
    for (topic, theirs) in topics.iter().zip(&theirs) {
        assert_eq!(&folded(topic, theirs), theirs, "{topic:#?}");
    }
    let all = theirs.iter().map(Value::to_string).collect::<String>();
    let seen = [
        "STARTED",
        "PAUSED",
        "STOPPED",
        "onTaskConfigUpdate [x-0",
        "x-1",
    ];
    let told = [
        "Remove",
        "TargetStateChange",
        "Restart",
        "SessionKey",
        "LoggingLevel",
    ];
    let counted = [
        r#""inconsistent":true"#,
        r#""taskGenerations":{"x":1"#,
        r#""fencingCounts":{"x":2"#,
    ];
    for seen in seen.iter().chain(&told).chain(&counted) {
        assert!(all.contains(seen), "no topic folded to {seen}");
    }
}

/// With transactions, of which a worker without exactly-once support reads the aborted ones too.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_with_everything_in_it_reads_as_in_the_workers_own_store() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let topic = "oracle-configs";
    let settings = [("cleanup.policy", "compact")];
    create(
        &connect(&bootstrap).await,
        new_topic(topic, 1, 1, &settings),
    )
    .await;
    java::run(WRITE_CONFIGS, &[&bootstrap, topic], b"").success();
    let mut offsets = Vec::new();
    for (exactly_once, isolation) in [
        ("disabled", Isolation::ReadUncommitted),
        ("enabled", Isolation::ReadCommitted),
    ] {
        let theirs = read_by_java(&bootstrap, topic, exactly_once);
        let (ours, ignored) = read_by_us(&bootstrap, topic, isolation).await;
        assert_eq!(ignored.len(), 8, "{ignored:#?}");
        assert_eq!(shown(ours.state(), &theirs), theirs);
        offsets.push(ours.state().offset);
        assert_eq!(
            ours.state().connectors.len(),
            6 + usize::from(exactly_once == "disabled")
        );
    }
    // Neither the markers nor, where they are not read, the aborted records move it.
    assert!(offsets[0] > offsets[1], "{offsets:?}");
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
    for (folded, state) in folded.iter().zip(["STARTED", "PAUSED", "STOPPED"]) {
        assert_eq!(folded["connectors"]["x"]["target"], state);
    }
}
