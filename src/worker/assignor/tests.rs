//! Whole rounds. A group in which members take what they are told, as workers do, shows what a rule is for.

use std::collections::BTreeMap;

use super::{Assigned, Assignor, AssignorError, Configured, Delay, Round};
use crate::model::storage_records::ConfigState;
use crate::protocol::connect_group::{Assignment, ConnectProtocol, Subscription, Work};
use crate::worker::Millis;

/// Parses `a a-0 b-12`.
fn work(text: &str) -> Work {
    let items = text
        .split_whitespace()
        .map(|item| match item.rsplit_once('-') {
            Some((name, task)) => (name, task.parse().expect("a task number")),
            None => (item, -1),
        });
    items.collect()
}

/// A group with a leader, `w1` unless it is gone, and what each member runs.
struct Group {
    assignor: Assignor,
    protocol: ConnectProtocol,
    now: Millis,
    generation: i32,
    configured: Configured,
    members: BTreeMap<String, Option<Assignment>>,
}

impl Group {
    fn new(max_delay: Millis, members: &[&str]) -> Self {
        Self {
            assignor: Assignor::new(max_delay),
            protocol: ConnectProtocol::Sessioned,
            now: 1_000_000,
            generation: 0,
            configured: Configured {
                offset: 0,
                work: Work::default(),
            },
            members: members.iter().map(|m| ((*m).to_owned(), None)).collect(),
        }
    }

    fn configure(&mut self, text: &str) {
        self.configured.offset += 1;
        self.configured.work = work(text);
    }

    fn join(&mut self, member: &str) {
        self.members.insert(member.to_owned(), None);
    }

    fn leave(&mut self, member: &str) {
        self.members.remove(member).expect("a member");
    }

    fn next_round(&self) -> Round {
        let subscription = |(id, allocation): (&String, &Option<Assignment>)| {
            let subscription = Subscription {
                version: self.protocol.version(),
                url: format!("http://{id}:8083/"),
                config_offset: self.configured.offset,
                allocation: allocation.clone(),
            };
            (id.clone(), subscription)
        };
        Round {
            generation: self.generation + 1,
            last_generation: if self.generation == 0 {
                -1
            } else {
                self.generation
            },
            protocol: self.protocol,
            leader: self.members.keys().next().expect("a member").clone(),
            members: self.members.iter().map(subscription).collect(),
        }
    }

    /// Runs a round that reaches everybody but `deaf`; returns `w1 +assigned -revoked; …`, and the delay if there is one.
    fn round_without(&mut self, deaf: &[&str]) -> String {
        let round = self.next_round();
        let assigned = self
            .assignor
            .assign(self.now, &round, &self.configured, &self.configured)
            .expect("the leader is a member");
        self.generation += 1;
        for (id, assignment) in &assigned.assignments {
            if !deaf.contains(&id.as_str()) {
                self.apply(id, assignment);
            }
        }
        summary(&assigned)
    }

    fn round(&mut self) -> String {
        self.round_without(&[])
    }

    fn apply(&mut self, id: &str, assignment: &Assignment) {
        let held = self.members.get_mut(id).expect("a member");
        let mut now = assignment.clone();
        if let Some(before) = held.as_ref().filter(|_| assignment.version > 0) {
            let kept = before.assigned.difference(&assignment.revoked);
            now.assigned = now.assigned.union(&kept);
        }
        now.revoked = Work::default();
        *held = Some(now);
    }

    fn owned(&self, member: &str) -> String {
        let held = self.members[member].as_ref();
        held.map_or_else(String::new, |a| a.assigned.to_string())
    }
}

fn summary(assigned: &Assigned) -> String {
    let mut parts = Vec::new();
    let mut delay = 0;
    for (id, assignment) in &assigned.assignments {
        delay = assignment.delay_ms;
        let signed = |sign, work: &Work| (!work.is_empty()).then(|| format!(" {sign}[{work}]"));
        let changes = [
            signed('+', &assignment.assigned),
            signed('-', &assignment.revoked),
        ];
        let changes: String = changes.into_iter().flatten().collect();
        if !changes.is_empty() {
            parts.push(format!("{id}{changes}"));
        }
    }
    if delay > 0 {
        parts.push(format!("all wait {delay}"));
    }
    parts.join("; ")
}

/// The group of three connectors and four tasks that a pair of 4.3.1 workers went through.
#[test]
fn a_worker_leaves_and_another_comes() {
    let mut group = Group::new(15_000, &["w1"]);
    assert_eq!(group.round(), "");
    group.join("w2");
    assert_eq!(group.round(), "");
    group.configure("src1");
    assert_eq!(group.round(), "w1 +[src1]");
    group.configure("src1 src1-0");
    assert_eq!(group.round(), "w1 +[src1-0]");
    group.configure("src1 src1-0 snk1");
    assert_eq!(group.round(), "w2 +[snk1]");
    group.configure("src1 src1-0 snk1 snk1-0 snk1-1");
    assert_eq!(group.round(), "w2 +[snk1-0 snk1-1]");
    group.leave("w2");
    assert_eq!(group.round(), "all wait 15000");
    group.now += 15_000;
    assert_eq!(group.round(), "w1 +[snk1 snk1-0 snk1-1]");
    group.join("w3");
    assert_eq!(group.round(), "w1 -[snk1 snk1-0]");
    assert_eq!(group.round(), "w3 +[snk1 snk1-0]");
    assert_eq!(group.round(), "");
    assert_eq!(group.owned("w1"), "snk1-1 src1 src1-0");
}

#[test]
fn a_worker_that_comes_during_the_delay_gets_what_was_lost() {
    let mut group = Group::new(300_000, &["w1", "w2"]);
    group.configure("a a-0 b b-0");
    assert_eq!(group.round(), "w1 +[a a-0]; w2 +[b b-0]");
    group.leave("w2");
    assert_eq!(group.round(), "all wait 300000");
    group.now += 20_000;
    group.join("w3");
    assert_eq!(group.round(), "all wait 280000");
    group.now += 279_999;
    assert_eq!(group.round(), "all wait 1");
    group.now += 1;
    assert_eq!(group.round(), "w3 +[b b-0]");
}

#[test]
fn a_worker_that_comes_back_with_its_work_ends_the_delay() {
    let mut group = Group::new(300_000, &["w1", "w2"]);
    group.configure("a a-0 b b-0");
    group.round();
    let held = group.members["w2"].clone();
    group.leave("w2");
    assert_eq!(group.round(), "all wait 300000");
    group.members.insert("w2".to_owned(), held);
    assert_eq!(group.round(), "");
    assert_eq!(group.assignor.memory().delay, None);
    assert_eq!(group.owned("w2"), "b b-0");
}

#[test]
fn without_a_maximal_delay_lost_work_moves_at_once() {
    let mut group = Group::new(0, &["w1", "w2"]);
    group.configure("a a-0 b b-0");
    group.round();
    group.leave("w2");
    assert_eq!(group.round(), "w1 +[b b-0]");
}

#[test]
fn what_two_run_is_taken_from_both_and_given_to_one() {
    let mut group = Group::new(300_000, &["w1", "w2"]);
    group.configure("a a-0 b b-0");
    group.round();
    let held = group.members["w1"].clone();
    group.members.insert("w2".to_owned(), held);
    assert_eq!(group.round(), "w1 +[b b-0] -[a a-0]; w2 -[a a-0]");
    assert_eq!(group.round(), "w2 +[a a-0]");
}

#[test]
fn an_assignment_that_one_member_did_not_get_is_repeated() {
    let mut group = Group::new(300_000, &["w1", "w2"]);
    group.configure("a a-0 b b-0");
    assert_eq!(group.round_without(&["w2"]), "w1 +[a a-0]; w2 +[b b-0]");
    assert_eq!(group.round(), "w2 +[b b-0]");
}

#[test]
fn a_revocation_that_did_not_arrive_is_repeated() {
    let mut group = Group::new(300_000, &["w1"]);
    group.configure("a a-0 b b-0");
    group.round();
    group.join("w2");
    assert_eq!(group.round_without(&["w1"]), "w1 -[a a-0]");
    // A second round that would revoke waits, lest a group that does not listen revokes without end.
    assert_eq!(group.round(), "all wait 40");
    group.now += 40;
    assert_eq!(group.round(), "w1 -[a a-0]");
    assert_eq!(group.round(), "w2 +[a a-0]");
}

#[test]
fn a_new_leader_knows_nothing_of_what_was_lost() {
    let mut group = Group::new(300_000, &["w1", "w2", "w3"]);
    group.configure("a a-0 b b-0 c c-0");
    group.round();
    group.leave("w1");
    group.assignor = Assignor::new(300_000);
    assert_eq!(group.round(), "w2 +[a a-0]");
}

#[test]
fn a_leader_whose_last_decision_did_not_reach_the_group_forgets_it() {
    let mut group = Group::new(300_000, &["w1", "w2"]);
    group.configure("a b");
    group.round();
    group.leave("w2");
    let mut round = group.next_round();
    round.last_generation = 7;
    let assigned = group
        .assignor
        .assign(group.now, &round, &group.configured, &group.configured)
        .expect("the leader is a member");
    assert_eq!(summary(&assigned), "w1 +[b]");
}

#[test]
fn deleted_connectors_are_revoked() {
    let mut group = Group::new(300_000, &["w1", "w2"]);
    group.configure("a a-0 b b-0");
    group.round();
    group.configure("b b-0");
    assert_eq!(group.round(), "w1 -[a a-0]");
    assert_eq!(group.round(), "");
    group.configure("");
    assert_eq!(group.round(), "w2 -[b b-0]");
}

#[test]
fn of_two_above_the_average_the_one_listed_first_keeps_more() {
    let mut group = Group::new(0, &["w1", "w2"]);
    group.configure("a b c d");
    group.round();
    group.join("w3");
    let mut round = group.next_round();
    let mut other = group.assignor.clone();
    let first = group.round();
    round.members.reverse();
    let second = other
        .assign(group.now, &round, &group.configured, &group.configured)
        .expect("the leader is a member");
    assert_eq!(first, "w2 -[b]");
    assert_eq!(summary(&second), "w1 -[a]");
}

#[test]
fn eager_rounds_deal_connectors_and_then_tasks_without_a_gap() {
    let mut group = Group::new(300_000, &["w1", "w2"]);
    group.protocol = ConnectProtocol::Eager;
    let configured = "bs bs-0 cr cr-0 mb mb-0 snk1 snk1-0 snk1-1 src1 src1-0 tr tr-0";
    group.configure(configured);
    group.round();
    assert_eq!(group.owned("w1"), "bs bs-0 mb mb-0 snk1-1 src1 tr-0");
    assert_eq!(group.owned("w2"), "cr cr-0 snk1 snk1-0 src1-0 tr");
    assert_eq!(
        group.members["w2"].as_ref().map(|a| (a.version, a.error)),
        Some((0, 0))
    );
    group.leave("w2");
    group.round();
    assert_eq!(group.owned("w1"), configured);
}

#[test]
fn a_leader_behind_a_member_decides_nothing() {
    let mut group = Group::new(300_000, &["w1", "w2"]);
    group.configure("a b");
    group.round();
    let memory = group.assignor.memory().clone();
    for protocol in ConnectProtocol::Sessioned.offered() {
        group.protocol = *protocol;
        let mut round = group.next_round();
        round.members[1].1.config_offset = 9;
        let known = |offset, text| Configured {
            offset,
            work: work(text),
        };
        let assigned = group
            .assignor
            .assign(group.now, &round, &known(1, "a b"), &known(8, "a b c"))
            .expect("the leader is a member");
        for assignment in assigned.assignments.values() {
            assert_eq!(assignment.error, Assignment::CONFIG_MISMATCH);
            assert_eq!(assignment.version, protocol.version());
            assert_eq!(
                (assignment.config_offset, assignment.leader_url.as_str()),
                (9, "http://w1:8083/")
            );
            assert!(assignment.assigned.is_empty() && assignment.revoked.is_empty());
        }
        assert_eq!(assigned.assignments.len(), 2);
        assert_eq!(group.assignor.memory(), &memory);
    }
}

#[test]
fn a_leader_that_has_read_on_since_its_join_decides_by_that() {
    let mut group = Group::new(300_000, &["w1", "w2"]);
    group.configure("a");
    let mut round = group.next_round();
    round.members[1].1.config_offset = 9;
    let fresh = Configured {
        offset: 10,
        work: work("a b"),
    };
    let assigned = group
        .assignor
        .assign(group.now, &round, &group.configured, &fresh)
        .expect("the leader is a member");
    assert_eq!(summary(&assigned), "w1 +[a]; w2 +[b]");
    assert_eq!(assigned.assignments["w1"].config_offset, 10);
    // Nobody is ahead of the join: what came since then waits for the next round.
    let round = group.next_round();
    let mut assignor = Assignor::new(0);
    let assigned = assignor
        .assign(group.now, &round, &group.configured, &fresh)
        .expect("the leader is a member");
    assert_eq!(summary(&assigned), "w1 +[a]");
    assert_eq!(assigned.assignments["w1"].config_offset, 1);
}

#[test]
fn a_leader_that_the_broker_does_not_list_is_an_error() {
    let mut group = Group::new(0, &["w1"]);
    let mut round = group.next_round();
    round.leader = "w0".to_owned();
    let outcome = group
        .assignor
        .assign(0, &round, &group.configured, &group.configured);
    let expected = AssignorError::LeaderNotAMember {
        leader: "w0".to_owned(),
        members: vec!["w1".to_owned()],
    };
    assert_eq!(outcome, Err(expected));
}

#[test]
fn a_memory_holds_what_is_lost_and_until_when() {
    let mut group = Group::new(15_000, &["w1", "w2"]);
    group.configure("a b");
    group.round();
    group.leave("w2");
    group.round();
    let memory = group.assignor.memory();
    assert_eq!(memory.assigned, work("a b"));
    assert_eq!(
        memory.delay,
        Some(Delay {
            ms: 15_000,
            until: group.now + 15_000
        })
    );
}

#[test]
fn tasks_of_an_inconsistent_connector_are_not_configured() {
    let mut state = ConfigState::new();
    let config = br#"{"properties":{"connector.class":"C"}}"#.as_slice();
    let records: [(&str, &[u8]); 7] = [
        ("connector-a", config),
        ("task-a-0", config),
        ("commit-a", br#"{"tasks":1}"#),
        ("connector-b", config),
        ("task-b-1", config),
        ("commit-b", br#"{"tasks":2}"#),
        ("connector-c", config),
    ];
    for (offset, (key, value)) in (0..).zip(records) {
        let applied = state.apply(offset, Some(key.as_bytes()), Some(value));
        applied.expect("they are valid");
    }
    let configured = Configured::from(&state);
    assert_eq!(configured.work, work("a a-0 b c"));
    assert_eq!(configured.offset, 7);
}
