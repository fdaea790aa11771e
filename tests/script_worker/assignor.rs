//! The language of the scripts in `fixtures/scripts/assignor`: a group whose members take what they are told, as workers do.

use std::collections::BTreeMap;

use connectctl::protocol::connect_group::{Assignment, ConnectProtocol, Subscription, Work};
use connectctl::worker::assignor::{Assigned, Assignor, Configured, Round};

use super::script::{self, Machine, Words};
use super::work;

#[test]
fn a_leader_assigns_as_the_scripts_say() {
    script::run_all::<Group>("assignor");
}

/// The leader is the first member by name.
struct Group {
    max_delay: u64,
    assignor: Assignor,
    protocol: ConnectProtocol,
    generation: i32,
    /// What the leader had read when it joined, and what it has read now.
    joined_with: Configured,
    fresh: Configured,
    /// What each member runs, and how far it has read the config topic.
    members: BTreeMap<String, (Option<Assignment>, i64)>,
}

impl Machine for Group {
    fn with(settings: &Words) -> Self {
        let max_delay = settings.number("max-delay").unwrap_or(300_000);
        let protocol = settings.get("protocol").unwrap_or("sessioned");
        let nothing = Configured {
            offset: 0,
            work: Work::default(),
        };
        Self {
            max_delay,
            assignor: Assignor::new(max_delay),
            protocol: ConnectProtocol::from_config(protocol).expect("a protocol"),
            generation: 0,
            joined_with: nothing.clone(),
            fresh: nothing,
            members: BTreeMap::new(),
        }
    }

    fn step(&mut self, now: u64, event: &Words) -> Vec<String> {
        match event.name() {
            "join" => {
                let offset = event.number("offset").unwrap_or(self.fresh.offset);
                let names = event.rest().split_whitespace();
                for name in names.filter(|name| !name.contains('=')) {
                    self.members.insert(name.to_owned(), (None, offset));
                }
            }
            "leave" => self.members.retain(|name, _| name != event.rest()),
            // The leader dies and comes back: it remembers nothing, and runs nothing.
            "new-leader" => self.assignor = Assignor::new(self.max_delay),
            "protocol" => {
                self.protocol = ConnectProtocol::from_config(event.rest()).expect("a protocol");
            }
            "config" => {
                self.fresh.offset += 1;
                self.fresh.work = work(event.rest());
                self.joined_with = self.fresh.clone();
                for (_, offset) in self.members.values_mut() {
                    *offset = self.fresh.offset;
                }
            }
            // Read by the leader after it joined, and before that by the members named.
            "config-while-joining" => {
                self.fresh.offset += 1;
                self.fresh.work = work(event.get("work").unwrap_or_default());
                for name in event.get("known-to").unwrap_or_default().split(' ') {
                    self.member(name).1 = self.fresh.offset;
                }
            }
            "ahead" => self.member(event.rest()).1 = self.fresh.offset + 1,
            "round" => return self.round(now, event.get("missed").unwrap_or_default()),
            _ => event.unknown(),
        }
        Vec::new()
    }

    fn state(&self) -> String {
        let mut state = vec![format!("generation={}", self.generation)];
        for (name, (held, _)) in &self.members {
            let runs = held.as_ref().map(|held| held.assigned.to_string());
            state.push(format!("{name}=[{}]", runs.unwrap_or_default()));
        }
        if let Some(delay) = self.assignor.memory().delay {
            state.push(format!("delay-until={}", delay.until));
        }
        state.join(" ")
    }
}

impl Group {
    fn member(&mut self, name: &str) -> &mut (Option<Assignment>, i64) {
        let member = self.members.get_mut(name);
        member.unwrap_or_else(|| panic!("{name} is no member"))
    }

    /// Leads a round whose outcome reaches everybody but `missed`.
    fn round(&mut self, now: u64, missed: &str) -> Vec<String> {
        let round = self.next_round();
        let assigned = self
            .assignor
            .assign(now, &round, &self.joined_with, &self.fresh)
            .expect("the leader is a member");
        self.generation += 1;
        for (name, assignment) in &assigned.assignments {
            if !missed.split(' ').any(|missed| missed == name) && !assignment.failed() {
                self.take(name, assignment);
            }
        }
        rendered(&assigned)
    }

    fn next_round(&self) -> Round {
        let members = self.members.iter().map(|(name, (held, offset))| {
            let subscription = Subscription {
                version: self.protocol.version(),
                url: format!("http://{name}:8083/"),
                config_offset: *offset,
                allocation: held.clone().filter(|_| self.protocol.version() > 0),
            };
            (name.clone(), subscription)
        });
        Round {
            generation: self.generation + 1,
            last_generation: if self.generation == 0 {
                -1
            } else {
                self.generation
            },
            protocol: self.protocol,
            leader: self.members.keys().next().expect("a member").clone(),
            members: members.collect(),
        }
    }

    fn take(&mut self, name: &str, assignment: &Assignment) {
        let held = &mut self.member(name).0;
        let mut now = assignment.clone();
        if let Some(before) = held.as_ref().filter(|_| assignment.version > 0) {
            let kept = before.assigned.difference(&assignment.revoked);
            now.assigned = now.assigned.union(&kept);
        }
        now.revoked = Work::default();
        *held = Some(now);
    }
}

/// A line for each member that is told to do something, and one of what all are told.
fn rendered(assigned: &Assigned) -> Vec<String> {
    let mut lines = Vec::new();
    let mut all = String::new();
    for (name, assignment) in &assigned.assignments {
        let told = |what, work: &Work| {
            if work.is_empty() {
                return String::new();
            }
            format!(" {what}=[{work}]")
        };
        let assigns = told("assigned", &assignment.assigned);
        let revokes = told("revoked", &assignment.revoked);
        if !assigns.is_empty() || !revokes.is_empty() {
            lines.push(format!("{name}{assigns}{revokes}"));
        }
        let failed = if assignment.failed() { " mismatch" } else { "" };
        all = format!(
            "all offset={} delay={}{failed}",
            assignment.config_offset, assignment.delay_ms
        );
    }
    lines.push(all);
    lines
}
