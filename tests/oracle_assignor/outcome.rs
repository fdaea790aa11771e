//! All that a round leaves, ours and Java's.

use std::collections::BTreeMap;

use connectctl::protocol::connect_group::{Assignment, Work};
use connectctl::worker::assignor::{Assigned, Assignor, Configured, Delay, Memory, Round};

use crate::support::hex::{hex, unhex};
use crate::support::java;

use super::group::{Leadership, Step};

const LEADER_ORACLE: &str = include_str!("../support/java/LeaderOracle.java");

#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    /// Member ids in the order in which the assignor walks them.
    order: Vec<String>,
    pub(super) assignments: BTreeMap<String, Assignment>,
    /// Of the members that own anything.
    owned: BTreeMap<String, Work>,
    pub(super) memory: Memory,
}

impl Outcome {
    pub(super) fn new(round: &Round, assigned: Assigned, assignor: &Assignor) -> Self {
        let mut owned = assigned.owned;
        owned.retain(|_, work| !work.is_empty());
        Self {
            order: round.members.iter().map(|(id, _)| id.clone()).collect(),
            assignments: assigned.assignments,
            owned,
            memory: assignor.memory().clone(),
        }
    }
}

/// Leads through recorded rounds with the worker's own assignors.
pub(super) fn of_java(steps: &[Step]) -> Vec<Outcome> {
    let lines: String = steps.iter().map(line).collect();
    let output = java::run(LEADER_ORACLE, &[], lines.as_bytes()).success();
    output.text().lines().map(outcome).collect()
}

fn line(step: &Step) -> String {
    let Leadership {
        now,
        round,
        joined_with,
        fresh,
    } = match step {
        Step::NewLeader { max_delay } => return format!("new\t{max_delay}\n"),
        Step::Round(led) => led,
    };
    let members: Vec<_> = round
        .members
        .iter()
        .map(|(id, subscription)| {
            let bytes = subscription.encode().expect("short names");
            format!("{id}:{}", hex(&bytes))
        })
        .collect();
    format!(
        "round\t{}\t{now}\t{}\t{}\t{}\t{}\t{}\t{}\n",
        round.protocol,
        round.generation,
        round.last_generation,
        round.leader,
        configuration(joined_with),
        configuration(fresh),
        members.join(",")
    )
}

fn configuration(configured: &Configured) -> String {
    let assignment = Assignment {
        version: 2,
        error: 0,
        leader: String::new(),
        leader_url: String::new(),
        config_offset: configured.offset,
        assigned: configured.work.clone(),
        revoked: Work::default(),
        delay_ms: 0,
    };
    hex(&assignment.encode().expect("short names"))
}

fn outcome(line: &str) -> Outcome {
    let fields: Vec<_> = line.split('\t').collect();
    let [
        order,
        assignments,
        owned,
        memory,
        until,
        candidates,
        revoked_last_round,
        successive_revocations,
        generation,
        members,
    ] = fields[..]
    else {
        panic!("not an outcome: {line}");
    };
    let memory = assignment(memory);
    let delay = Delay {
        ms: memory.delay_ms.try_into().expect("not negative"),
        until: until.parse().expect("not negative"),
    };
    let owned = by_id(owned).into_iter().map(|(id, a)| (id, a.assigned));
    Outcome {
        order: ids(order),
        assignments: by_id(assignments),
        owned: owned.collect(),
        memory: Memory {
            generation: generation.parse().expect("a number"),
            assigned: memory.assigned,
            revoked: memory.revoked,
            members: ids(members).into_iter().collect(),
            delay: (delay != Delay { ms: 0, until: 0 }).then_some(delay),
            candidates: ids(candidates).into_iter().collect(),
            revoked_last_round: revoked_last_round == "true",
            successive_revocations: successive_revocations.parse().expect("a number"),
        },
    }
}

fn ids(text: &str) -> Vec<String> {
    let ids = text.split(',').filter(|id| !id.is_empty());
    ids.map(str::to_owned).collect()
}

fn by_id(text: &str) -> BTreeMap<String, Assignment> {
    let members = text.split(',').filter(|member| !member.is_empty());
    members
        .map(|member| {
            let (id, bytes) = member.rsplit_once(':').expect("id:bytes");
            (id.to_owned(), assignment(bytes))
        })
        .collect()
}

fn assignment(text: &str) -> Assignment {
    Assignment::decode(&unhex(text)).expect("Java wrote it")
}
