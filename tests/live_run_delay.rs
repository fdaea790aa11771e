//! `scheduled.rebalance.max.delay.ms` in a group of native workers: what a killed worker had waits for it so long.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);
const DELAY: Duration = Duration::from_secs(12);
const CONNECTORS: [&str; 4] = ["a", "b", "c", "d"];

/// A round of the group, as a worker's log tells of it.
#[derive(Debug)]
struct Round {
    at: SystemTime,
    delay_ms: u64,
    /// Connectors and tasks of the worker.
    work: u64,
}

fn rounds(worker: &NativeWorker) -> Vec<Round> {
    let log = worker.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let round = |line: Value| {
        let number = |field: &str| line[field].as_u64();
        let at = humantime::parse_rfc3339(line["timestamp"].as_str()?).ok()?;
        (line["message"] == "Joined group").then_some(())?;
        Some(Round {
            at,
            delay_ms: number("delay_ms")?,
            work: number("connectors")? + number("tasks")?,
        })
    };
    lines.filter_map(round).collect()
}

/// Which worker has which connector or task.
fn owners(worker: &NativeWorker) -> BTreeMap<String, Value> {
    let all = worker.get("connectors?expand=status");
    let mut owners = BTreeMap::new();
    for (name, connector) in all.as_object().expect("an object") {
        let status = &connector["status"];
        owners.insert(name.clone(), status["connector"]["worker_id"].clone());
        for task in status["tasks"].as_array().expect("tasks") {
            owners.insert(format!("{name}-{}", task["id"]), task["worker_id"].clone());
        }
    }
    owners
}

/// Waits until the worker was told to wait, after so many rounds.
#[track_caller]
fn expect_delay(worker: &NativeWorker, after: usize) {
    let waits = wait::until(PATIENCE, || {
        rounds(worker)[after..]
            .iter()
            .any(|round| round.delay_ms > 0)
    });
    assert!(waits, "{:?}", rounds(worker));
}

/// Waits until the delay is over, expects that nothing was given to the worker in the rounds before, and returns how long it waited.
#[track_caller]
fn expect_end_of_delay(worker: &NativeWorker, after: usize, own: u64, then: u64) -> Duration {
    let mut seen = Vec::new();
    let over = wait::until(PATIENCE, || {
        seen = rounds(worker).split_off(after);
        seen.last().is_some_and(|round| round.delay_ms == 0)
    });
    assert!(over, "{seen:?}");
    let last = seen.pop().expect("a round");
    assert_eq!(last.work, then, "{seen:?} and then {last:?}");
    let waited = seen
        .iter()
        .all(|round| round.delay_ms > 0 && round.work == own);
    assert!(waited && !seen.is_empty(), "{seen:?} and then {last:?}");
    last.at.duration_since(seen[0].at).expect("it came later")
}

#[test]
fn the_work_of_a_killed_worker_waits_for_it_and_moves_when_it_does_not_come_back() {
    require_kafka!();
    let world = World::new();
    let delay = DELAY.as_millis().to_string();
    let settings = [
        ("scheduled.rebalance.max.delay.ms", &*delay),
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "300"),
    ];
    let file = |number: u32| {
        let folder = world.path(format!("worker-{number}"));
        fs::create_dir_all(&folder).expect("the world is writable");
        let bootstrap = kafka::shared().bootstrap();
        Distributed::file(&folder, &bootstrap, "run-delay", &settings)
    };
    let (first, second) = (file(1), file(2));
    let leader = NativeWorker::start(&first, &["--log-format", "json"]);
    let other = NativeWorker::start(&second, &["--log-format", "json"]);
    for name in CONNECTORS {
        let config = json!({
            "connector.class": "FileStreamSink",
            "file": world.path(format!("{name}.txt")),
            "topics": "run-delay-lines",
        });
        let url = format!("{}/connectors/{name}/config", leader.url);
        rest::put(&url, Some(&config)).success();
    }
    leader.wait_state(&CONNECTORS, 1, "RUNNING");
    let shared = || {
        let owners = leader.owners();
        let half = |id: &str| owners.iter().filter(|owner| *owner == id).count();
        half(leader.id()) == 4 && half(other.id()) == 4
    };
    wait::expect("each has half", PATIENCE, shared);
    leader.wait_state(&CONNECTORS, 1, "RUNNING");
    let before = owners(&leader);

    let after = rounds(&leader).len();
    other.kill();
    expect_delay(&leader, after);
    // It comes back in time: what it had waits for it to the end of the delay, and nothing else moves.
    let other = NativeWorker::start(&second, &["--log-format", "json"]);
    // The log's clock is not the leader's.
    assert!(expect_end_of_delay(&leader, after, 4, 4) >= DELAY / 2);
    _ = expect_end_of_delay(&other, 0, 0, 4);
    assert_eq!(owners(&leader), before);
    leader.wait_state(&CONNECTORS, 1, "RUNNING");

    let after = rounds(&leader).len();
    other.kill();
    assert!(expect_end_of_delay(&leader, after, 4, 8) >= DELAY / 2);
    let all = || leader.owners().iter().all(|owner| owner == leader.id());
    wait::expect("the other has everything", PATIENCE, all);
    leader.wait_state(&CONNECTORS, 1, "RUNNING");
    assert_eq!(leader.stop(), 0);
}
