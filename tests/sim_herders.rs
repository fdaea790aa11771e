//! Herders of several workers over one config topic, in virtual time: users create, change, pause, stop, restart and delete
//! connectors while workers come, die and leave, tasks take their time to end and fail, everybody reads the topic late and some
//! very late, and what a herder writes, or hands on to its leader, is lost, or only the answer is.
//!
//! The group here is an ideal one, with the real assignor; what the members make of a bad network is `sim_cluster`'s. What holds:
//!
//! * Nobody starts a task that runs on another worker.
//! * Every request is answered once, unless its worker dies.
//! * When the troubles are over, every connector has one owner and the tasks of its present configuration, each on one worker
//!   and in the connector's state; what is published says so.

mod carry_out;
mod cluster;
mod worker;

use std::collections::BTreeMap;

use connectctl::model::connector_config::TargetState;

use crate::support::random::Random;
use cluster::Cluster;

const SEEDS: u64 = 500;

/// Until when things happen, in milliseconds.
const TROUBLE: u64 = 60_000;

/// For a session that runs out, a delay, and all that follows.
const REST: u64 = 60_000;

#[derive(Debug, Default)]
struct Seen {
    started: u64,
    rounds: u64,
    moved: u64,
    unanswered: u64,
}

fn run(seed: u64, logs: bool) -> Cluster {
    let mut random = Random::new(seed);
    let delay = [0, 5_000, 20_000][random.index(3)];
    let mut cluster = Cluster::new(random, delay, logs);
    cluster.run_until(TROUBLE);
    cluster.heal();
    cluster.run_until(TROUBLE + REST + 2 * delay);
    cluster.restart_failed();
    cluster.run_until(TROUBLE + 2 * REST + 2 * delay);
    if cluster.broken.is_none() {
        cluster.broken = unrest(&cluster);
    }
    cluster
}

/// Returns what is not as it should be in the end.
fn unrest(cluster: &Cluster) -> Option<String> {
    let config = cluster.config();
    let mut expected = BTreeMap::new();
    for (name, connector) in &config.connectors {
        let is_bad = name.starts_with("bad");
        let setting = |key: &str| connector.properties.settings.get(key)?.clone();
        let state = match connector.target {
            _ if is_bad => "FAILED",
            TargetState::Started => "RUNNING",
            TargetState::Paused => "PAUSED",
            TargetState::Stopped => "STOPPED",
        };
        // One that fails can be stopped all the same, and says what it was told last.
        if !is_bad {
            expected.insert((name.clone(), -1), (state, String::new()));
        }
        let tasks = match connector.target {
            TargetState::Stopped => 0,
            // Created paused, it has none before it runs for the first time.
            TargetState::Paused => connector.task_count.unwrap_or(0),
            TargetState::Started => setting("n")?.parse().expect("a count"),
        };
        for task in (0..tasks).filter(|_| !is_bad) {
            let version = match connector.target {
                // A paused connector is asked for its tasks when it runs again.
                TargetState::Paused => connector.tasks[&task].settings["v"].clone(),
                _ => setting("v"),
            };
            expected.insert((name.clone(), task), (state, version.unwrap_or_default()));
        }
    }
    let mut found = BTreeMap::new();
    for worker in cluster.workers() {
        for connector in worker.herder.running().connectors() {
            if !connector.starts_with("bad") {
                let status = cluster.status(connector, None);
                let before = found.insert((connector.to_owned(), -1), (status, String::new()));
                if before.is_some() {
                    return Some(format!("two have {connector}"));
                }
            }
        }
        for ((connector, task), run) in &worker.tasks {
            let key = (connector.clone(), *task);
            let status = cluster.status(connector, Some(*task));
            if (status == "PAUSED") != run.is_paused {
                return Some(format!("{connector}-{task} is {status} and {run:?}"));
            }
            found.insert(key, (status, run.version.clone()));
        }
    }
    if expected != found {
        return Some(format!("{expected:?} should be, {found:?} is"));
    }
    let unanswered = cluster.unanswered();
    (!unanswered.is_empty()).then(|| format!("{unanswered:?} were not answered"))
}

#[test]
fn whatever_is_asked_of_a_cluster_everything_ends_up_on_one_worker_as_it_was_asked() {
    let mut seen = Seen::default();
    for seed in 0..SEEDS {
        let cluster = run(seed, false);
        if cluster.broken.is_some() {
            let cluster = run(seed, true);
            let log = cluster.log.unwrap_or_default().join("\n");
            panic!("{log}\nseed {seed}: {}", cluster.broken.unwrap_or_default());
        }
        seen.started += cluster.started;
        seen.rounds += cluster.rounds();
        seen.moved += cluster.moved;
        seen.unanswered += cluster.unanswered_writes;
    }
    // A simulation in which nothing happens proves nothing.
    assert!(
        seen.started > 10 * SEEDS && seen.rounds > 10 * SEEDS && seen.moved > 2 * SEEDS,
        "{seen:?}"
    );
    assert!(seen.unanswered > SEEDS / 4, "{seen:?}");
}
