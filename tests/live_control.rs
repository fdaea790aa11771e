//! `migrate --verify control`: an embedded worker in the real group, and what real JVM workers make of what it leaves.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::ConfigState;
use kafka_protocol::messages::ApiKey;
use serde_json::Value;

use crate::live_kafka::connect;
use crate::support::connect::{Distributed, Standalone, Worker};
use crate::support::moving::Moving;
use crate::support::proxy::{Hold, Proxy};
use crate::support::run::Run;
use crate::support::world::Ran;
use crate::support::{java, kafka, maven, ports, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const CONTROL: [&str; 4] = ["--source-stopped", "--yes", "--verify", "control"];

/// Sessions that end soon: a member that was killed is gone after this.
const SHORT_SESSION: [&str; 4] = [
    "--set",
    "session.timeout.ms=6000",
    "--set",
    "heartbeat.interval.ms=1500",
];

/// Returns what the report says of a promise.
#[track_caller]
pub(crate) fn promise(moving: &Moving, name: &str) -> Value {
    let report = moving.report();
    let promises = report["promises"].as_array().expect("promises");
    let found = promises.iter().find(|promise| promise["promise"] == name);
    found
        .unwrap_or_else(|| panic!("{name} is not in {report:#}"))
        .clone()
}

/// Returns the records of the config topic as Kafka's own consumer reads them: keys and values.
pub(crate) fn config_records(moving: &Moving) -> Vec<(String, String)> {
    let topic = format!("_{}.config", moving.name.replace('-', "_"));
    let text =
        |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).expect("UTF-8");
    java::read_topic(&kafka::shared().bootstrap(), &topic)
        .into_iter()
        .map(|record| (text(record.key), text(record.value)))
        .collect()
}

/// Panics unless every stored connector is STOPPED and has never been anything else; returns how many there are.
#[track_caller]
pub(crate) fn expect_stopped(moving: &Moving) -> usize {
    let mut state = ConfigState::new();
    for (offset, (key, value)) in (0..).zip(config_records(moving)) {
        // A JVM worker's session key is no news to us.
        let _ignored = state.apply(offset, Some(key.as_bytes()), Some(value.as_bytes()));
    }
    for (name, connector) in &state.connectors {
        assert_eq!(connector.target, TargetState::Stopped, "{name}");
        assert!(!connector.has_run, "{name}");
    }
    state.connectors.len()
}

/// Writes the generated worker file as a worker that does not go through the proxy needs it, and starts that worker.
#[track_caller]
pub(crate) fn start_past_the_proxy(moving: &Moving, proxy: &Proxy) -> Worker {
    let generated = moving.out().join("distributed.properties");
    let text = fs::read_to_string(generated).expect("it was generated");
    let real = text
        .replace(&proxy.bootstrap(), &kafka::shared().bootstrap())
        .lines()
        .filter(|line| !line.starts_with("listeners="))
        .fold(String::new(), |text, line| text + line + "\n");
    let file: PathBuf = moving
        .world
        .path(format!("past-the-proxy-{}.properties", ports::free()));
    let listener = format!("listeners=http://127.0.0.1:{}\n", ports::free());
    fs::write(&file, real + &listener).expect("the world is writable");
    Distributed::start(&file)
}

/// Writes the standalone worker's file as a worker that does not go through the proxy needs it, and starts that worker.
#[track_caller]
fn start_standalone_past_the_proxy(moving: &Moving, proxy: &Proxy) -> Worker {
    let text = fs::read_to_string(&moving.deployment.worker).expect("it was written");
    let real = text.replace(&proxy.bootstrap(), &kafka::shared().bootstrap());
    let file = moving.world.file("past-the-proxy.properties", real);
    Standalone::start_on(maven::KAFKA, &file, &moving.deployment.connectors)
}

/// Types a command of connectctl that was printed, as a shell takes it.
#[track_caller]
fn typed(moving: &Moving, command: &str) -> Ran {
    let split = Command::new("sh")
        .args(["-c", &format!("printf '%s\\0' {command}")])
        .output()
        .expect("sh starts");
    assert!(split.status.success(), "{command}: {split:?}");
    let words = String::from_utf8(split.stdout).expect("UTF-8");
    let words: Vec<&str> = words.trim_end_matches('\0').split('\0').collect();
    assert_eq!(words[0], "connectctl");
    moving.world.run(&words[1..])
}

#[track_caller]
fn expect_status(worker: &Worker, connector: &str, state: &str) {
    let url = format!("{}/connectors/{connector}/status", worker.url);
    let mut last = String::new();
    let reached = wait::until(PATIENCE, || {
        let Ok(answer) = rest::request("GET", &url, None) else {
            return false;
        };
        last.clone_from(&answer.text);
        answer.status == 200 && answer.json()["connector"]["state"] == state
    });
    assert!(
        reached,
        "{connector} is not {state}: {last}\n{}",
        worker.log_tail(40)
    );
}

fn names(worker: &Worker) -> Value {
    rest::get(&format!("{}/connectors", worker.url)).json()
}

#[test]
fn a_real_worker_starts_on_what_control_registered_and_goes_on_where_the_old_one_stopped() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let mut moving = Moving::run("control-whole", &bootstrap);
    moving.append(10);
    // A connector of a class that no worker has, with a number where Connect wants a string.
    let foreign = moving.world.file(
        "standalone/foreign.json",
        r#"{"name":"control-whole-foreign","config":{"connector.class":"com.example.NoSuchSinkConnector","topics":"control-whole-none","tasks.max":1}}"#,
    );
    moving.deployment.connectors.push(foreign);
    let ran = moving.migrate(&CONTROL).success();
    for name in [
        "group joined and left",
        "storage topics readable and writable",
        "connectors stored as STOPPED",
        "offsets found as a worker finds them",
        "sink groups where they stood",
        "REST answered",
        "final states stored",
    ] {
        let promise = promise(&moving, name);
        assert_eq!(promise["verdict"], "kept", "{promise}");
        assert!(promise["ms"].is_u64(), "{promise}");
        assert!(
            ran.stdout.contains(&format!("{name}: kept in ")),
            "{}",
            ran.stdout
        );
    }
    assert_eq!(moving.report()["embedded_worker"], "performed");
    let records = config_records(&moving);
    let all = [
        "control-whole-source",
        "control-whole-sink",
        "control-whole-foreign",
    ];
    let [source, sink, foreign] = all;
    let expected: Vec<_> = ["target-state-", "connector-", "target-state-"]
        .iter()
        .flat_map(|prefix| all.map(|name| format!("{prefix}{name}")))
        .collect();
    let keys: Vec<_> = records.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, expected);
    assert!(
        records[5].1.contains(r#""tasks.max":"1""#),
        "{}",
        records[5].1
    );
    let again = moving.migrate(&CONTROL).success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);

    let mut worker = moving.start_distributed();
    worker.wait_running(source);
    worker.wait_running(sink);
    expect_status(&worker, foreign, "FAILED");
    moving.expect_lines();
    moving.append(10);
    moving.expect_lines();
    let later = moving.migrate(&CONTROL).success();
    assert!(later.stdout.contains("nothing to do"), "{}", later.stdout);
    worker.stop();
}

#[test]
fn killed_between_any_two_writes_it_leaves_connectors_absent_or_stopped_and_the_next_run_goes_on() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let mut moving = Moving::run("control-killed", &proxy.bootstrap());
    moving.append(10);
    // Two of these make two batches.
    let note = format!("\nnote={}\n", "n".repeat(300_000));
    for file in &moving.deployment.connectors {
        let text = fs::read_to_string(file).expect("it was written");
        fs::write(file, text + &note).expect("the world is writable");
    }
    let words = [&CONTROL[..], &SHORT_SESSION].concat();
    let arguments = moving.arguments(&words);
    let killed_at = |nth, hold| {
        proxy.hold_at(ApiKey::Produce, nth, hold);
        let mut run = Run::start(&moving.world, &arguments);
        run.until_held(&proxy);
        run.kill();
        proxy.forget();
        expect_stopped(&moving)
    };
    // The first write of all seeds the offset.
    assert_eq!(killed_at(2, Hold::Request), 0, "before the target states");
    let all = ["control-killed-source", "control-killed-sink"];
    for (nth, stored, when) in [
        (1, 0, "after the target states"),
        (2, 1, "after the first connector"),
        // What the run before this one has stored is not written again.
        (2, 2, "after the last connector"),
    ] {
        assert_eq!(killed_at(nth, Hold::Response), stored, "{when}");
        let mut worker = start_past_the_proxy(&moving, &proxy);
        for connector in &all[..stored] {
            expect_status(&worker, connector, "STOPPED");
            let tasks = rest::get(&format!("{}/connectors/{connector}/tasks", worker.url)).json();
            assert_eq!(tasks, Value::Array(Vec::new()), "{when}");
        }
        assert_eq!(
            names(&worker).as_array().map(Vec::len),
            Some(stored),
            "{when}"
        );
        worker.stop();
    }

    assert_eq!(killed_at(1, Hold::Request), 2, "before the final states");
    // After them: they are in the topic, and nobody has read them back.
    proxy.hold_at(ApiKey::Produce, 1, Hold::Response);
    let mut run = Run::start(&moving.world, &arguments);
    run.until_held(&proxy);
    run.kill();
    proxy.forget();
    let worker = start_past_the_proxy(&moving, &proxy);
    worker.wait_running("control-killed-source");
    worker.wait_running("control-killed-sink");
    moving.expect_lines();
    let later = moving.migrate(&words).success();
    assert!(later.stdout.contains("nothing to do"), "{}", later.stdout);
}

#[test]
fn a_worker_that_comes_before_the_join_or_in_the_middle_of_registration_is_left_alone() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let moving = Moving::run("control-others", &proxy.bootstrap());
    let words = [&CONTROL[..], &SHORT_SESSION].concat();
    let arguments = moving.arguments(&words);

    // Between the look at the group and the join.
    proxy.hold_at(ApiKey::JoinGroup, 1, Hold::Request);
    let mut run = Run::start(&moving.world, &arguments);
    run.until_held(&proxy);
    let mut worker = start_past_the_proxy(&moving, &proxy);
    proxy.release();
    let ran = run.end().code(4);
    assert!(
        ran.stdout.contains("group joined and left: BROKEN"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("--url"), "{}", ran.stderr);
    assert_eq!(
        promise(&moving, "connectors stored as STOPPED")["verdict"],
        "broken"
    );
    assert_eq!(
        promise(&moving, "offsets found as a worker finds them")["verdict"],
        "kept"
    );
    assert_eq!(expect_stopped(&moving), 0);
    assert_eq!(names(&worker), Value::Array(Vec::new()));
    // The group is in use now: the plan says so.
    let refused = moving.migrate(&words).code(5);
    for said in [
        "active member",
        "control-others-source is not registered",
        &format!("--url {}", worker.url),
    ] {
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
    worker.stop();

    // After the target states, and after the connectors: written, and not known to be.
    for (nth, stored) in [(1, 0), (2, 2)] {
        proxy.hold_at(ApiKey::Produce, nth, Hold::Response);
        let mut run = Run::start(&moving.world, &arguments);
        run.until_held(&proxy);
        let mut worker = start_past_the_proxy(&moving, &proxy);
        proxy.release();
        let ran = run.end().code(4);
        assert!(
            ran.stdout.contains("group joined and left: BROKEN"),
            "{}",
            ran.stdout
        );
        assert_eq!(expect_stopped(&moving), stored);
        let all = ["control-others-source", "control-others-sink"];
        for connector in &all[..stored] {
            expect_status(&worker, connector, "STOPPED");
        }
        assert_eq!(names(&worker).as_array().map(Vec::len), Some(stored));
        let said = |name| promise(&moving, name)["verdict"].clone();
        assert_eq!(said("connectors stored as STOPPED"), "broken");
        assert_eq!(said("offsets found as a worker finds them"), "kept");
        assert_eq!(said("final states stored"), "not-performed");
        worker.stop();
    }

    // When all have gone, the same command goes on.
    let run = Run::start(&moving.world, &arguments);
    _ = run.end().success();
    let worker = start_past_the_proxy(&moving, &proxy);
    worker.wait_running("control-others-source");
    moving.expect_lines();
}

#[test]
fn a_write_that_is_still_on_its_way_when_a_worker_comes_starts_nothing() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let moving = Moving::run("control-under-way", &proxy.bootstrap());
    let words = [&CONTROL[..], &SHORT_SESSION].concat();
    let arguments = moving.arguments(&words);
    // The first write of all seeds the offset, the second is the target states.
    proxy.hold_at(ApiKey::Produce, 3, Hold::Request);
    let mut run = Run::start(&moving.world, &arguments);
    run.until_held(&proxy);
    let mut worker = start_past_the_proxy(&moving, &proxy);
    proxy.release();
    _ = run.end().code(4);
    let said = |name| promise(&moving, name)["verdict"].clone();
    assert_eq!(said("connectors stored as STOPPED"), "broken");
    assert_eq!(said("final states stored"), "not-performed");
    // The broker may have taken it after the run had given it up.
    let stored = expect_stopped(&moving);
    assert!(stored == 0 || stored == 2, "{stored}");
    let shown = || names(&worker).as_array().map_or(0, Vec::len);
    assert!(
        wait::until(PATIENCE, || shown() == stored),
        "{}",
        names(&worker)
    );
    if stored == 2 {
        expect_status(&worker, "control-under-way-source", "STOPPED");
        expect_status(&worker, "control-under-way-sink", "STOPPED");
    }
    worker.stop();

    _ = Run::start(&moving.world, &arguments).end().success();
    let worker = start_past_the_proxy(&moving, &proxy);
    worker.wait_running("control-under-way-source");
    moving.expect_lines();
}

#[test]
fn an_old_worker_that_is_started_again_meanwhile_leaves_every_connector_stopped() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let moving = Moving::run("control-again", &proxy.bootstrap());
    proxy.hold_at(ApiKey::JoinGroup, 1, Hold::Request);
    let words = [&CONTROL[..], &SHORT_SESSION].concat();
    let mut run = Run::start(&moving.world, &moving.arguments(&words));
    run.until_held(&proxy);
    // No line is left to move: nothing is committed, and still its sink is at work.
    let worker = fs::read_to_string(&moving.deployment.worker).expect("it was written");
    let worker = worker.replace(&proxy.bootstrap(), &kafka::shared().bootstrap());
    let worker = moving.world.file("past-the-proxy.properties", &worker);
    let mut old = Standalone::start_on(maven::KAFKA, &worker, &moving.deployment.connectors);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cluster = runtime.block_on(connect(&kafka::shared().bootstrap()));
    let group = "connect-control-again-sink".to_owned();
    wait::expect("the old sink is in its group", PATIENCE, || {
        let described = runtime.block_on(cluster.describe_groups(std::slice::from_ref(&group)));
        let described = described.expect("an answer")[&group].clone();
        !described
            .expect("the group may be described")
            .members
            .is_empty()
    });
    proxy.release();
    let ran = run.end().code(4);
    let sinks = promise(&moving, "sink groups where they stood");
    assert_eq!(sinks["verdict"], "broken", "{sinks}\n{}", ran.stdout);
    assert_eq!(
        promise(&moving, "final states stored")["verdict"],
        "not-performed"
    );
    assert_eq!(expect_stopped(&moving), 2);
    old.stop();
    _ = moving.migrate(&words).success();
}

#[test]
fn a_worker_that_comes_before_the_final_states_sees_stopped_and_then_runs() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let mut moving = Moving::run("control-late", &proxy.bootstrap());
    moving.append(10);
    // Offsets, target states, connectors, final states.
    proxy.hold_at(ApiKey::Produce, 4, Hold::Request);
    let mut run = Run::start(&moving.world, &moving.arguments(&CONTROL));
    run.until_held(&proxy);
    let worker = start_past_the_proxy(&moving, &proxy);
    expect_status(&worker, "control-late-source", "STOPPED");
    expect_status(&worker, "control-late-sink", "STOPPED");
    proxy.release();
    let ran = run.end();
    worker.wait_running("control-late-source");
    worker.wait_running("control-late-sink");
    moving.expect_lines();
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn workers_that_start_before_a_killed_run_is_finished_are_asked_to_finish_it() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let mut moving = Moving::run("control-unfinished", &proxy.bootstrap());
    moving.append(10);
    let words = [&CONTROL[..], &SHORT_SESSION].concat();
    // Offsets, target states, connectors, final states.
    proxy.hold_at(ApiKey::Produce, 4, Hold::Request);
    let mut run = Run::start(&moving.world, &moving.arguments(&words));
    run.until_held(&proxy);
    run.kill();
    proxy.forget();
    assert_eq!(expect_stopped(&moving), 2);

    let worker = start_past_the_proxy(&moving, &proxy);
    expect_status(&worker, "control-unfinished-source", "STOPPED");
    let refused = moving.migrate(&words).code(5);
    for said in [
        "group-in-use control-unfinished: the Connect group control-unfinished is in use",
        "control-unfinished-source is STOPPED and not RUNNING",
        "control-unfinished-sink is STOPPED and not RUNNING",
    ] {
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
    assert!(!refused.stdout.contains("nothing to do"), "{refused:?}");
    let (_, command) = refused
        .stderr
        .split_once("to register with the workers that run: ")
        .expect("the command to type");
    let command = command.lines().next().expect("a line");
    assert!(
        command.ends_with(&format!("--url {}", worker.url)),
        "{command}"
    );
    let finished = typed(&moving, &format!("{command} --yes")).success();
    assert!(finished.stdout.contains("Result: done"), "{finished:?}");
    worker.wait_running("control-unfinished-source");
    worker.wait_running("control-unfinished-sink");
    moving.expect_lines();
    let again = moving.migrate(&words).success();
    assert!(again.stdout.contains("nothing to do"), "{again:?}");
}

#[test]
fn a_standalone_worker_that_comes_back_under_control_breaks_the_promises_about_it() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let mut moving = Moving::run("control-revenant", &proxy.bootstrap());
    let copied = fs::read(&moving.deployment.offsets).expect("the offsets file");
    proxy.hold_at(ApiKey::Produce, 4, Hold::Request);
    let mut run = Run::start(&moving.world, &moving.arguments(&CONTROL));
    run.until_held(&proxy);
    moving.append(10);
    let mut standalone = start_standalone_past_the_proxy(&moving, &proxy);
    moving.expect_lines();
    wait::expect("the worker has flushed its offsets", PATIENCE, || {
        fs::read(&moving.deployment.offsets).is_ok_and(|now| now != copied)
    });
    proxy.release();
    let ran = run.end().code(4);
    for said in [
        "standalone worker stopped: BROKEN (a worker answers on the standalone listener and runs control-revenant-",
        "offsets byte for byte in the topic: BROKEN (the offsets file has changed since it was copied",
        "offsets found as a worker finds them: kept",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
    // Its file has gone on, and the topic does not know.
    let refused = moving.migrate(&CONTROL).code(5);
    assert!(
        refused.stderr.contains("standalone-used-again"),
        "{refused:?}"
    );
    // Nothing is left to do, and yet two would deliver.
    let accepting = [&CONTROL[..], &["--accept", "standalone-used-again"]].concat();
    let again = moving.migrate(&accepting).code(4);
    assert!(
        again.stdout.contains("standalone worker stopped: BROKEN"),
        "{again:?}"
    );
    assert!(
        again
            .stderr
            .contains("there is nothing to do, but a promise is broken"),
        "{again:?}"
    );
    standalone.stop();
    let gone = moving.migrate(&accepting).success();
    assert!(gone.stdout.contains("nothing to do"), "{gone:?}");
}
