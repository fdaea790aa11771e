//! Rounds of large groups: everything anew, nothing new, a member that joins, and one that is gone for good.
#![expect(
    missing_docs,
    reason = "criterion's macros make public functions without documentation"
)]

use std::hint::black_box;

use connectctl::protocol::connect_group::{Assignment, ConnectProtocol, Subscription, Work};
use connectctl::worker::assignor::{Assigned, Assignor, Configured, Round};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const MAX_DELAY: u64 = 300_000;

/// Connectors with one task each.
fn configured(connectors: u32) -> Configured {
    let mut work = Work::default();
    for n in 0..connectors {
        let name = format!("jdbc-source-orders-eu-{n:05}");
        work.insert_connector(&name);
        work.insert_task(&name, 0);
    }
    Configured { offset: 7, work }
}

fn subscription(id: &str, allocation: Option<Assignment>) -> (String, Subscription) {
    let subscription = Subscription {
        version: 2,
        url: format!("http://{id}:8083/"),
        config_offset: 7,
        allocation,
    };
    (id.to_owned(), subscription)
}

fn first_round(members: u32) -> Round {
    let id = |n| format!("connect-10.0.0.{n}:8083-3f6c1d6e-5a52-4c08-9d0e-0d4d7f1b2a{n:02}");
    Round {
        generation: 1,
        last_generation: -1,
        protocol: ConnectProtocol::Sessioned,
        leader: id(0),
        members: (0..members).map(|n| subscription(&id(n), None)).collect(),
    }
}

/// Returns the round in which everybody tells what it was given.
fn next_round(round: &Round, assigned: &Assigned) -> Round {
    let members = round.members.iter().map(|(id, _)| {
        let allocation = assigned.assignments.get(id).cloned();
        subscription(id, allocation)
    });
    Round {
        generation: round.generation + 1,
        last_generation: round.generation,
        members: members.collect(),
        ..round.clone()
    }
}

fn assign(assignor: &mut Assignor, now: u64, round: &Round, configured: &Configured) -> Assigned {
    let assigned = assignor.assign(now, round, configured, configured);
    assigned.expect("the leader is a member")
}

/// A name, the assignor, the time, and the round that is measured.
type Case = (&'static str, Assignor, u64, Round);

fn cases(members: u32, configured: &Configured) -> Vec<Case> {
    let new = Assignor::new(MAX_DELAY);
    let first = first_round(members);
    let mut settled = new.clone();
    let assigned = assign(&mut settled, 1, &first, configured);
    let steady = next_round(&first, &assigned);
    let mut joined = steady.clone();
    joined.members.push(subscription("new", None));
    let mut without = steady.clone();
    without.members.pop();
    let mut waiting = settled.clone();
    let waits = assign(&mut waiting, 2, &without, configured);
    assert!(waits.assignments.values().all(|a| a.delay_ms == 300_000));
    without.generation += 1;
    without.last_generation += 1;
    let eager = Round {
        protocol: ConnectProtocol::Eager,
        ..first.clone()
    };
    vec![
        ("first round", new.clone(), 1, first),
        ("nothing new", settled.clone(), 2, steady),
        ("one joins", settled, 2, joined),
        ("one is lost", waiting, 2 + MAX_DELAY, without),
        ("eager", new, 1, eager),
    ]
}

fn rounds(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("assignor");
    group.sample_size(10);
    for connectors in [1_000, 10_000] {
        let configured = configured(connectors);
        group.throughput(Throughput::Elements(u64::from(connectors) * 2));
        for members in [3, 10, 100] {
            for (name, assignor, now, round) in cases(members, &configured) {
                let size = format!("{connectors} connectors, {members} members");
                group.bench_function(BenchmarkId::new(name, size), |bencher| {
                    bencher.iter_batched_ref(
                        || assignor.clone(),
                        |assignor| black_box(assign(assignor, now, &round, &configured)),
                        BatchSize::LargeInput,
                    );
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, rounds);
criterion_main!(benches);
