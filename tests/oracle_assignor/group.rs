//! A Connect group to which everything happens that can: workers come, leave, come back with old work, do not hear of
//! decisions or of half of them; the configuration changes; the leader has not read it; the protocol changes; time passes.

use std::collections::BTreeMap;

use connectctl::protocol::connect_group::{
    Assignment, CONNECTOR_TASK, ConnectProtocol, Subscription, Work,
};
use connectctl::worker::assignor::{Assigned, Assignor, Configured, Round};

use crate::support::random::Random;

use super::java_order;

const NAMES: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "a-0",
    "file source",
    "é",
    "\u{e000}",
    "😀",
    "zz",
];

/// What an assignor is told.
#[derive(Debug, Clone)]
pub(super) enum Step {
    NewLeader { max_delay: u64 },
    Round(Leadership),
}

impl Step {
    pub(super) fn round(&self) -> Option<&Leadership> {
        match self {
            Self::Round(led) => Some(led),
            Self::NewLeader { .. } => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Leadership {
    pub(super) now: u64,
    pub(super) round: Round,
    pub(super) joined_with: Configured,
    pub(super) fresh: Configured,
}

pub(super) struct Group {
    random: Random,
    /// Up to 90 members rather than 12.
    is_large: bool,
    max_delay: u64,
    assignor: Assignor,
    now: u64,
    generation: i32,
    last_generation: i32,
    /// Number of tasks by connector.
    connectors: BTreeMap<&'static str, i32>,
    offset: i64,
    /// With the last assignment of each.
    members: Vec<(String, Option<Assignment>)>,
    /// Those that left.
    gone: Vec<(String, Option<Assignment>)>,
}

impl Group {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let max_delay = *random.pick(&[0, 1, 1000, 30_000, 300_000, 86_400_000]);
        let mut group = Self {
            is_large: random.percent(20),
            max_delay,
            assignor: Assignor::new(max_delay),
            now: 1_700_000_000_000,
            generation: 1,
            last_generation: -1,
            connectors: BTreeMap::new(),
            offset: -1,
            members: Vec::new(),
            gone: Vec::new(),
            random,
        };
        for _ in 0..=group.random.below(4) {
            group.join();
        }
        group
    }

    /// Plays so many rounds.
    pub(super) fn play(mut self, rounds: u32) -> Vec<Step> {
        let max_delay = self.max_delay;
        let mut steps = vec![Step::NewLeader { max_delay }];
        for _ in 0..rounds {
            if self.random.percent(2) {
                self.assignor = Assignor::new(max_delay);
                steps.push(Step::NewLeader { max_delay });
            }
            if !self.random.percent(35) {
                self.happen();
            }
            let led = self.next_round();
            let assigned = self
                .assignor
                .assign(led.now, &led.round, &led.joined_with, &led.fresh)
                .expect("the leader is a member");
            self.deliver(&assigned);
            steps.push(Step::Round(led));
        }
        steps
    }

    fn happen(&mut self) {
        for _ in 0..=self.random.below(2) {
            match self.random.below(8) {
                0 | 1 => self.join(),
                2 | 3 => self.leave(),
                4 => self.come_back(),
                5 | 6 => self.configure(),
                _ => self.run_what_another_runs(),
            }
        }
        self.pass_time();
    }

    fn join(&mut self) {
        if self.members.len() >= if self.is_large { 90 } else { 12 } {
            return;
        }
        for _ in 0..=self.random.below(if self.is_large { 12 } else { 1 }) {
            let id = loop {
                let id = format!("connect-127.0.0.1:8083-{:016x}", self.random.next());
                if !self.is_large || self.is_listed_alike(&id) {
                    break id;
                }
            };
            self.members.push((id, None));
        }
    }

    /// Java lists the id at the same place in every hash map that this group can fill.
    fn is_listed_alike(&self, id: &str) -> bool {
        let all = self.members.iter().chain(&self.gone);
        let before = all.filter(|(other, _)| java_order::bucket(other) == java_order::bucket(id));
        java_order::is_alike_in_all_sizes(id) && before.count() < java_order::LONGEST
    }

    fn leave(&mut self) {
        if self.members.len() > 1 {
            let at = self.random.index(self.members.len());
            self.gone.push(self.members.swap_remove(at));
        }
    }

    /// A worker that was thought dead joins with what it still runs, sometimes as a new member.
    fn come_back(&mut self) {
        if self.gone.is_empty() || self.members.len() >= 12 {
            return;
        }
        let at = self.random.index(self.gone.len());
        let member = self.gone.swap_remove(at);
        self.members.push(member);
    }

    fn configure(&mut self) {
        for _ in 0..=self.random.below(3) {
            let name = *self.random.pick(NAMES);
            if self.random.percent(30) {
                self.connectors.remove(name);
            } else {
                let tasks = self.random.below(5);
                self.connectors
                    .insert(name, i32::try_from(tasks).expect("a few"));
            }
        }
        self.offset += 1;
    }

    fn run_what_another_runs(&mut self) {
        let at = self.random.index(self.members.len());
        let stolen = self.members[at].1.clone();
        let at = self.random.index(self.members.len());
        if let (Some(mine), Some(stolen)) = (&mut self.members[at].1, stolen) {
            mine.assigned = mine.assigned.union(&stolen.assigned);
        }
    }

    fn pass_time(&mut self) {
        let until = self.assignor.memory().delay.map(|delay| delay.until);
        self.now = match (self.random.below(5), until) {
            (0, Some(until)) => until.max(self.now),
            (1, Some(until)) => (until - 1).max(self.now),
            (2, _) => self.now + self.random.below(self.max_delay + 1),
            (3, _) => self.now + self.random.below(100),
            _ => self.now,
        };
    }

    fn configured(&self, offset: i64) -> Configured {
        let mut work = Work::default();
        for (name, tasks) in &self.connectors {
            work.extend((CONNECTOR_TASK..*tasks).map(|task| (*name, task)));
        }
        Configured { offset, work }
    }

    fn next_round(&mut self) -> Leadership {
        java_order::sort(&mut self.members, |(id, _)| id);
        let protocol = *self.random.pick(&[
            ConnectProtocol::Sessioned,
            ConnectProtocol::Sessioned,
            ConnectProtocol::Sessioned,
            ConnectProtocol::Compatible,
            *self
                .random
                .clone()
                .pick(&[ConnectProtocol::Eager, ConnectProtocol::Sessioned]),
        ]);
        let leader = self.random.index(self.members.len());
        let joined_with = self.configured(self.offset);
        let mut offsets = vec![self.offset; self.members.len()];
        let mut fresh = joined_with.clone();
        if self.random.percent(15) {
            // The leader may have read further than any member had.
            for _ in 0..=self.random.below(3) {
                self.configure();
            }
            fresh = self.configured(self.offset);
            let ahead = self.random.index(offsets.len());
            offsets[ahead] += i64::try_from(self.random.below(3)).expect("a few");
            if self.random.percent(50) {
                let behind = self.random.index(offsets.len());
                offsets[behind] -= 1;
            }
        }
        Leadership {
            now: self.now,
            round: Round {
                generation: self.generation,
                last_generation: self.last_generation,
                protocol,
                leader: self.members[leader].0.clone(),
                members: self.subscriptions(protocol, &offsets),
            },
            joined_with,
            fresh,
        }
    }

    fn subscriptions(
        &self,
        protocol: ConnectProtocol,
        offsets: &[i64],
    ) -> Vec<(String, Subscription)> {
        let members = self.members.iter().zip(offsets);
        members
            .map(|((id, held), offset)| {
                let allocation = held.clone().filter(|_| protocol != ConnectProtocol::Eager);
                let subscription = Subscription {
                    version: protocol.version(),
                    url: format!("http://{id}/"),
                    config_offset: *offset,
                    allocation,
                };
                (id.clone(), subscription)
            })
            .collect()
    }

    fn deliver(&mut self, assigned: &Assigned) {
        for (id, held) in &mut self.members {
            let assignment = &assigned.assignments[id];
            match self.random.below(40) {
                // It does not hear of the decision.
                0 => {}
                // It hears of it and loses everything.
                1 => *held = None,
                // It does not start what it should.
                2 => {
                    if let Some(held) = held {
                        held.assigned = held.assigned.difference(&assignment.revoked);
                    }
                }
                // It does not stop what it should.
                3 => take(held, assignment, &Work::default()),
                _ => take(held, assignment, &assignment.revoked),
            }
        }
        if !self.random.percent(6) {
            self.last_generation = self.generation;
        }
        self.generation += 1;
    }
}

/// Applies an assignment as a worker does, but for what it stops.
fn take(held: &mut Option<Assignment>, assignment: &Assignment, stopped: &Work) {
    let mut next = assignment.clone();
    if let Some(held) = held.as_ref().filter(|_| assignment.version > 0) {
        next.assigned = next.assigned.union(&held.assigned.difference(stopped));
    }
    *held = Some(next);
}

/// Everything that members run.
pub(super) fn owned(round: &Round) -> Work {
    let mut owned = Work::default();
    for (_, subscription) in &round.members {
        owned.extend(
            subscription
                .allocation
                .iter()
                .flat_map(|a| a.assigned.iter()),
        );
    }
    owned
}

pub(super) fn has_duplicates(round: &Round) -> bool {
    let mut without = round.clone();
    keep_first_owners(&mut without);
    without != *round
}

/// Takes from each member what another, listed before it, runs.
pub(super) fn keep_first_owners(round: &mut Round) {
    let mut owned = Work::default();
    for (_, subscription) in &mut round.members {
        if let Some(allocation) = &mut subscription.allocation {
            allocation.assigned = allocation.assigned.difference(&owned);
            owned = owned.union(&allocation.assigned);
        }
    }
}
