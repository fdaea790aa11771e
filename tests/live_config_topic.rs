//! A real distributed worker acts on the records we write, and we fold what it writes.

use std::time::Duration;

use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::{
    ConfigState, ConnectorState, StatusRecord, connector_record, target_state_record,
};
use indexmap::IndexMap;
use serde_json::json;

use crate::oracle_config_topic;
use crate::support::connect::Distributed;
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, rest, wait};

const GROUP: &str = "live-config-topic";
const NAME: &str = "live cönfig \"1\" 😀";
const DEADLINE: Duration = Duration::from_secs(60);

fn folded(bootstrap: &str) -> ConfigState {
    let mut state = ConfigState::new();
    for record in java::read_topic(bootstrap, &format!("_{GROUP}.config")) {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let applied = state.apply(record.offset, key, value);
        applied.expect("a worker ignores nothing of its own");
    }
    state
}

fn connector(bootstrap: &str) -> ConnectorState {
    (*folded(bootstrap).connectors[NAME]).clone()
}

fn states_of_tasks(url: &str) -> Option<(String, usize)> {
    let answer = rest::get(&format!("{url}/status"));
    (answer.status == 200).then(|| {
        let status = answer.json();
        let state = status["connector"]["state"].as_str().expect("a state");
        (
            state.to_owned(),
            status["tasks"].as_array().expect("tasks").len(),
        )
    })
}

#[test]
fn a_connector_registered_by_records_is_served_stopped_and_its_life_is_folded() {
    require_kafka!();
    let world = World::new();
    let bootstrap = kafka::shared().bootstrap();
    let input = world.file("in \"1\".txt", "one\n");
    // So that the leader writes in transactions, whose markers are not records, and fences.
    let settings = [("exactly.once.source.support", "enabled")];
    let file = Distributed::file(world.root(), &bootstrap, GROUP, &settings);
    let worker = Distributed::start(&file);
    let config: IndexMap<String, String> = [
        (
            "connector.class",
            "org.apache.kafka.connect.file.FileStreamSourceConnector",
        ),
        ("tasks.max", "1"),
        ("file", &input.to_string_lossy()),
        ("topic", "live-config-topic-lines"),
        ("name", NAME),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (key, value) in [
        target_state_record(NAME, TargetState::Stopped),
        connector_record(NAME, &config),
    ] {
        java::produce(
            &bootstrap,
            &format!("_{GROUP}.config"),
            0,
            &key,
            Some(&value),
        );
    }
    let url = format!("{}/connectors/{}", worker.url, rest::segment(NAME));
    wait::expect("the worker serves it as stopped", DEADLINE, || {
        states_of_tasks(&url) == Some(("STOPPED".to_owned(), 0))
    });
    assert_eq!(
        rest::get(&format!("{url}/config")).success().json(),
        json!(config)
    );
    let fresh = connector(&bootstrap);
    assert_eq!(fresh.target, TargetState::Stopped);
    assert!(!fresh.has_run && !fresh.may_have_run, "{fresh:?}");

    rest::put(&format!("{url}/resume"), None).success();
    wait::expect("the worker runs its task", DEADLINE, || {
        states_of_tasks(&url) == Some(("RUNNING".to_owned(), 1))
    });
    let running = connector(&bootstrap);
    assert_eq!(
        (running.target, running.task_count),
        (TargetState::Started, Some(1))
    );
    assert!(running.has_run && !running.inconsistent);
    assert_eq!(
        running.tasks[&0].settings["task.class"].as_deref(),
        Some("org.apache.kafka.connect.file.FileStreamSourceTask")
    );

    rest::put(&format!("{url}/stop"), None).success();
    wait::expect("the worker stops it", DEADLINE, || {
        states_of_tasks(&url) == Some(("STOPPED".to_owned(), 0))
    });
    let stopped = connector(&bootstrap);
    assert_eq!(
        (stopped.target, stopped.task_count),
        (TargetState::Stopped, Some(0))
    );
    assert!(stopped.has_run, "it ran before it was stopped");

    let topic = format!("_{GROUP}.config");
    let ours = oracle_config_topic::assert_read_alike(&bootstrap, &topic);
    let fenced = (
        ours.state().fencing_count(NAME),
        ours.state().task_generation(NAME),
    );
    assert_eq!(fenced, (Some(1), Some(1)));

    every_status_record_is_read(&bootstrap);
    assert!(
        folded(&bootstrap)
            .session_key
            .is_some_and(|key| key.key.len() == 32)
    );
    assert_eq!(rest::delete(&url).status, 204);
    assert!(folded(&bootstrap).connectors.is_empty());
    oracle_config_topic::assert_read_alike(&bootstrap, &topic);
}

fn every_status_record_is_read(bootstrap: &str) {
    let mut states = Vec::new();
    for record in java::read_topic(bootstrap, &format!("_{GROUP}.status")) {
        let key = record.key.expect("a key");
        match StatusRecord::parse(&key, record.value.as_deref()).expect("a worker wrote it") {
            StatusRecord::Connector { connector, status }
            | StatusRecord::Task {
                connector, status, ..
            } => {
                assert_eq!(connector, NAME);
                states.extend(status.map(|status| status.state));
            }
            StatusRecord::Topic { connector, .. } => assert_eq!(connector, NAME),
        }
    }
    for state in ["RUNNING", "STOPPED"] {
        assert!(states.iter().any(|s| s == state), "{states:?}");
    }
}
