//! Clusters of workers with the real member and the real assignor, in virtual time, to which things happen: workers come,
//! die, hang and lose messages, the coordinator moves or goes away, the configuration changes.
//!
//! What holds in every run:
//!
//! * A leader never gives an item to two members.
//! * A worker that takes part in a round tells of everything that it runs.
//! * Nobody starts an item in a generation while another who took part in its round runs it: what was revoked had stopped.
//!   (Not so in the round in which a group falls back to the eager protocol: who joined it under a cooperative one goes on
//!   until it hears of the fall. That is Kafka's design.)
//! * When the troubles are over, the group comes to rest: every item has exactly one owner, nobody has two more than
//!   another, everybody is in one generation, and nobody joins any more.
//!   (What was deleted while its owner was away, or while the leader changed, is nobody's to revoke: Kafka's leader
//!   compares the configuration with what it remembers. It runs on, on one worker; a run without such troubles has none.)
//! * A trouble causes a few rounds and not a storm of them.

mod coordinator;
mod log;
mod script;
mod worker;
mod world;

use std::collections::BTreeSet;

use connectctl::protocol::connect_group::Work;

use crate::support::random::Random;
use coordinator::GroupState;
use script::{SLOTS, Script, TROUBLE};
use world::World;

const SEEDS: u64 = 3_000;

/// For how long nobody may join in the end, in milliseconds.
const QUIET: u64 = 30_000;

/// How often one worker may join in 10 seconds. A round and its repetition after a revocation are four joins of a new member.
const MOST_JOINS: usize = 12;

/// What a run saw, for what none saw proves nothing.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    rounds: u64,
    joins: u64,
}

fn run(seed: u64, logs: bool) -> (World, Script) {
    let mut random = Random::new(seed);
    let script = Script::new(&mut random);
    let mut world = World::new(&script, random, logs);
    world.run_until(TROUBLE);
    world.heal();
    // Time for a session and a round to run out, the delay, and the pauses between revocations.
    world.run_until(TROUBLE + 90_000 + 2 * script.max_delay + QUIET);
    if world.broken.is_none() {
        world.broken = unrest(&world, &script);
    }
    (world, script)
}

/// Returns what is not as it should be in the end.
fn unrest(world: &World, script: &Script) -> Option<String> {
    let living = || world.workers.iter().flatten().filter(|w| w.is_alive);
    let mut running = Work::default();
    for (connector, task) in living().flat_map(|w| w.running.iter()) {
        if !running.insert(connector, task) {
            return Some(format!("two run {connector}-{task}"));
        }
    }
    let configured = &world.configured().work;
    let missing = configured.difference(&running);
    let deleted = running.difference(configured);
    if !missing.is_empty() || (script.is_calm() && !deleted.is_empty()) {
        return Some(format!("{missing} does not run, {deleted} should not"));
    }
    if deleted.is_empty() && !is_balanced(world) {
        return Some("one has two more than another".to_owned());
    }
    let generations: BTreeSet<_> = living().map(|w| w.member.generation()).collect();
    if generations.len() != 1 || !living().all(worker::Worker::is_at_rest) {
        return Some(format!(
            "not everybody is at rest in one of {generations:?}"
        ));
    }
    if world.coordinator.state != GroupState::Stable {
        return Some(format!("the group is {:?}", world.coordinator.state));
    }
    if world.joins.iter().any(|(at, _)| at + QUIET > world.now) {
        return Some("somebody still joins".to_owned());
    }
    storm(world, script)
}

/// Nobody has two connectors, or two tasks, more than another.
fn is_balanced(world: &World) -> bool {
    let living = || world.workers.iter().flatten().filter(|w| w.is_alive);
    let spread =
        |counts: BTreeSet<usize>| counts.last().zip(counts.first()).map_or(0, |(a, b)| a - b);
    let connectors = living().map(|w| w.running.connectors().count()).collect();
    let tasks = living().map(|w| w.running.tasks().count()).collect();
    spread(connectors) < 2 && spread(tasks) < 2
}

/// Returns where there were more rounds than the troubles explain, or one worker joined over and over.
fn storm(world: &World, script: &Script) -> Option<String> {
    for worker in 0..SLOTS {
        let joins = world.joins.iter().filter(|(_, of)| *of == worker);
        let joins: Vec<_> = joins.map(|(at, _)| *at).collect();
        let mut most = joins.windows(MOST_JOINS + 1);
        if let Some(storm) = most.find(|w| w[MOST_JOINS] < w[0] + 10_000) {
            return Some(format!("w{worker} joins at {storm:?}"));
        }
    }
    let rounds = u64::try_from(world.coordinator.generation).unwrap_or(0);
    let most = 10 + 6 * script.troubles.len() as u64;
    (rounds > most).then(|| format!("{rounds} rounds for {} troubles", script.troubles.len()))
}

/// Runs these seeds; returns what they saw, and the first that fails.
fn run_all(seeds: impl Iterator<Item = u64>) -> (Seen, Option<u64>) {
    let mut seen = Seen::default();
    for seed in seeds {
        let (world, _) = run(seed, false);
        if world.broken.is_some() {
            return (seen, Some(seed));
        }
        seen.rounds += u64::try_from(world.coordinator.generation).unwrap_or(0);
        seen.joins += world.joins.len() as u64;
    }
    (seen, None)
}

/// Fails with the script of a seed and all that happened.
fn tell(seed: u64) -> ! {
    let (world, script) = run(seed, true);
    let log = world.log.unwrap_or_default().join("\n");
    panic!(
        "{log}\nseed {seed}: {script}{}",
        world.broken.unwrap_or_default()
    );
}

#[test]
fn whatever_happens_to_a_cluster_it_comes_to_rest_with_one_owner_for_everything() {
    let halves = std::thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            scope.spawn(move || run_all((0..SEEDS).filter(move |seed| seed % 2 == half)))
        });
        halves.map(|half| half.join().expect("a run does not panic"))
    });
    if let Some(seed) = halves.iter().filter_map(|(_, failed)| *failed).min() {
        tell(seed);
    }
    let rounds: u64 = halves.iter().map(|(seen, _)| seen.rounds).sum();
    let joins: u64 = halves.iter().map(|(seen, _)| seen.joins).sum();
    assert!(
        rounds > 5 * SEEDS && joins > 3 * rounds,
        "{rounds} rounds, {joins} joins"
    );
}
