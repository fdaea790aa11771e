//! Virtual time, one config topic, a group without faults, and what the herders want done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::ConfigState;
use connectctl::protocol::connect_group::{Assignment, ConnectProtocol, Subscription, Work};
use connectctl::worker::assignor::{Configured, Round};
use connectctl::worker::herder::{Event, Record, Request, RequestId, TaskState, WriteFailure};
use connectctl::worker::member::Membership;

use super::worker::Worker;
use crate::support::random::Random;

pub(super) const SLOTS: usize = 4;
const CONNECTORS: [&str; 5] = ["a", "b", "c", "d", "bad"];
const SESSION_TIMEOUT: u64 = 10_000;

#[derive(Debug)]
pub(super) enum Happening {
    /// Something is asked for, or goes wrong.
    Trouble,
    /// To a worker of this life.
    Event(usize, u64, Event),
    /// It reads on, and with `true` to the end for its herder.
    Reads(usize, u64, bool),
    /// Its write arrives.
    Writes(usize, u64, Option<i32>, Vec<Record>),
    /// Its tasks end.
    Ends(usize, u64, Work),
    /// The session of a member runs out.
    Expires(String),
    Round,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    /// It does not arrive.
    Lost,
    /// It arrives, and whoever sent it does not hear of it.
    Unanswered,
}

/// The owner of a connector, its life, and the connector whose tasks it handed on.
pub(super) type TasksOf = (usize, u64, String, u64);

/// Who was asked, in which life, and for whom.
type Asked = (usize, u64, Option<TasksOf>);

pub(super) struct Cluster {
    pub(super) now: u64,
    pub(super) random: Random,
    queue: BTreeMap<(u64, u64), Happening>,
    pub(super) count: u64,
    max_delay: u64,
    pub(super) slots: Vec<Option<Worker>>,
    topic: Vec<Record>,
    /// Ids of members, the longest-standing first.
    pub(super) members: Vec<String>,
    generation: i32,
    needs_round: bool,
    pub(super) statuses: BTreeMap<(String, Option<i32>), (String, &'static str, i32)>,
    /// Who asked: the worker and the connector for tasks that were handed on.
    pub(super) requests: BTreeMap<u64, Asked>,
    pub(super) is_healing: bool,
    pub(super) started: u64,
    /// Tasks that started on another worker than the time before.
    pub(super) moved: u64,
    pub(super) unanswered_writes: u64,
    pub(super) last: BTreeMap<(String, i32), usize>,
    pub(super) broken: Option<String>,
    pub(super) log: Option<Vec<String>>,
}

impl Cluster {
    pub(super) fn new(random: Random, max_delay: u64, logs: bool) -> Self {
        let mut cluster = Self {
            now: 0,
            random,
            queue: BTreeMap::new(),
            count: 0,
            max_delay,
            slots: (0..SLOTS).map(|_| None).collect(),
            topic: Vec::new(),
            members: Vec::new(),
            generation: 0,
            needs_round: false,
            statuses: BTreeMap::new(),
            requests: BTreeMap::new(),
            is_healing: false,
            started: 0,
            moved: 0,
            unanswered_writes: 0,
            last: BTreeMap::new(),
            broken: None,
            log: logs.then(Vec::new),
        };
        cluster.start(0);
        cluster.at(500, Happening::Trouble);
        cluster
    }

    pub(super) fn run_until(&mut self, end: u64) {
        while self.broken.is_none() {
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let deadlines = self
                .slots
                .iter()
                .flatten()
                .filter_map(|w| w.herder.deadline());
            let deadline = deadlines.min().map(|at| at.max(self.now));
            let Some(at) = next
                .into_iter()
                .chain(deadline)
                .min()
                .filter(|at| *at <= end)
            else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            if next.is_some_and(|next| next <= at) {
                if let Some((_, happening)) = self.queue.pop_first() {
                    self.happen(happening);
                }
            } else {
                for slot in 0..SLOTS {
                    let worker = self.slots[slot].as_ref();
                    if worker
                        .and_then(|w| w.herder.deadline())
                        .is_some_and(|d| d <= self.now)
                    {
                        self.tell(slot, Event::Timeout);
                    }
                }
            }
        }
    }

    /// Ends the troubles and sees to it that somebody is left.
    pub(super) fn heal(&mut self) {
        self.is_healing = true;
        // One of them may be on its way out.
        self.start(0);
        self.start(1);
    }

    /// Asks for a restart of all that has failed.
    pub(super) fn restart_failed(&mut self) {
        let names: Vec<String> = self.config().connectors.keys().cloned().collect();
        for connector in names {
            let restart = Request::Restart {
                connector,
                include_tasks: true,
                only_failed: true,
            };
            if let Some(leader) = self.leader() {
                self.request(leader, restart, None);
            }
        }
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.slots.iter().flatten()
    }

    pub(super) fn rounds(&self) -> u64 {
        u64::try_from(self.generation).unwrap_or(0)
    }

    /// Returns the config topic as whoever reads all of it sees it.
    pub(super) fn config(&self) -> ConfigState {
        let mut config = ConfigState::new();
        for (offset, record) in (0..).zip(&self.topic) {
            let applied = config.apply(offset, Some(&record.key), record.value.as_deref());
            applied.expect("herders write valid records");
        }
        config
    }

    pub(super) fn status(&self, connector: &str, task: Option<i32>) -> &'static str {
        let status = self.statuses.get(&(connector.to_owned(), task));
        status.map_or("none", |(_, state, _)| state)
    }

    /// Returns requests of living workers that wait for an answer.
    pub(super) fn unanswered(&self) -> BTreeSet<u64> {
        let lives =
            |(slot, life): (usize, u64)| self.slots[slot].as_ref().is_some_and(|w| w.life == life);
        let waiting = self.requests.iter();
        let waiting = waiting.filter(|(_, (slot, life, _))| lives((*slot, *life)));
        waiting.map(|(id, _)| *id).collect()
    }

    pub(super) fn at(&mut self, time: u64, happening: Happening) {
        self.count += 1;
        self.queue.insert((time, self.count), happening);
    }

    pub(super) fn soon(&mut self, most: u64, happening: Happening) {
        let at = self.now + 1 + self.random.below(most);
        self.at(at, happening);
    }

    pub(super) fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(format!("{:>7} {}", self.now, text()));
        }
    }

    fn living(&self, slot: usize, life: u64) -> Option<&Worker> {
        self.slots[slot].as_ref().filter(|w| w.life == life)
    }

    pub(super) fn worker(&mut self, slot: usize) -> &mut Worker {
        self.slots[slot].as_mut().expect("it lives")
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Trouble => self.trouble(),
            Happening::Event(slot, life, event) => {
                if self.living(slot, life).is_some() {
                    self.tell(slot, event);
                }
            }
            Happening::Reads(slot, life, to_end) => {
                if self.living(slot, life).is_some() {
                    self.reads(slot, to_end);
                }
            }
            Happening::Writes(slot, life, generation, records) => {
                self.writes(slot, life, generation, records);
            }
            Happening::Ends(slot, life, work) => {
                if self.living(slot, life).is_some() {
                    self.ends(slot, work);
                }
            }
            Happening::Expires(member) => {
                if self.members.contains(&member) {
                    self.members.retain(|id| *id != member);
                    self.want_round();
                }
            }
            Happening::Round => self.round(),
        }
    }

    fn trouble(&mut self) {
        if self.is_healing {
            return;
        }
        let next = self.now + 200 + self.random.below(3_000);
        self.at(next, Happening::Trouble);
        let name = CONNECTORS[self.random.index(CONNECTORS.len())].to_owned();
        let slot = self.random.index(4);
        match self.random.below(16) {
            0..=4 => {
                let version = self.random.below(1_000).to_string();
                let tasks = (1 + self.random.below(3)).to_string();
                let initial = [
                    None,
                    None,
                    Some(TargetState::Paused),
                    Some(TargetState::Stopped),
                ];
                let pairs = [("v", version), ("n", tasks)];
                let initial = initial[self.random.index(4)];
                self.ask(Request::Put {
                    connector: name,
                    config: pairs.map(|(k, v)| (k.to_owned(), v)).into(),
                    initial,
                    // As over REST: PUT gives no state, and POST replaces nothing.
                    replace: initial.is_none(),
                });
            }
            5 => self.ask(Request::Delete { connector: name }),
            6..=8 => {
                use TargetState::{Paused, Started, Stopped};
                let target = [Started, Started, Paused, Stopped][self.random.index(4)];
                let connector = name;
                self.ask(Request::SetTarget { connector, target });
            }
            9 => {
                let (include_tasks, only_failed) =
                    (self.random.percent(70), self.random.percent(50));
                self.ask(Request::Restart {
                    connector: name,
                    include_tasks,
                    only_failed,
                });
            }
            10 => self.ask(Request::RestartConnector { connector: name }),
            11 => {
                let connector = name;
                self.ask(Request::RestartTask { connector, task: 0 });
            }
            12 | 13 => self.start(slot),
            14 => self.die(slot),
            _ => {
                if self.slots[slot].is_some() {
                    self.note(|| format!("w{slot} is told to stop"));
                    self.tell(slot, Event::Stop);
                }
            }
        }
    }

    fn start(&mut self, slot: usize) {
        if self.slots[slot].is_some() {
            return;
        }
        self.count += 1;
        let life = self.count;
        let mut worker = Worker::new(slot, life, self.max_delay);
        for (offset, record) in (0..).zip(&self.topic) {
            let read = worker
                .log
                .read(offset, Some(&record.key), record.value.as_deref());
            read.expect("herders write valid records");
        }
        worker.log.start();
        worker.read = self.topic.len();
        let snapshot = worker.log.snapshot();
        self.note(|| format!("w{slot} starts as {}", worker.name));
        self.members.push(worker.name.clone());
        worker.is_member = true;
        self.slots[slot] = Some(worker);
        self.tell(slot, Event::Started(snapshot));
        self.want_round();
    }

    fn die(&mut self, slot: usize) {
        if let Some(worker) = self.slots[slot].take() {
            self.note(|| format!("{} dies", worker.name));
            self.at(self.now + SESSION_TIMEOUT, Happening::Expires(worker.name));
        }
    }

    pub(super) fn leader(&self) -> Option<usize> {
        let leader = self.members.first()?;
        let is_leader = |slot: &usize| {
            self.slots[*slot]
                .as_ref()
                .is_some_and(|w| w.name == *leader)
        };
        (0..SLOTS).find(is_leader)
    }

    /// Asks the leader mostly, or any living worker.
    fn ask(&mut self, what: Request) {
        let living: Vec<usize> = (0..SLOTS)
            .filter(|slot| self.slots[*slot].is_some())
            .collect();
        let leader = self.leader().filter(|_| self.random.percent(70));
        if !living.is_empty() {
            let any = living[self.random.index(living.len())];
            self.request(leader.unwrap_or(any), what, None);
        }
    }

    pub(super) fn request(&mut self, slot: usize, what: Request, tasks_of: Option<TasksOf>) {
        self.count += 1;
        let id = self.count;
        let life = self.worker(slot).life;
        self.note(|| format!("w{slot} is asked #{id} {what:?}"));
        self.requests.insert(id, (slot, life, tasks_of));
        self.tell(slot, Event::Request(RequestId(id), what));
    }

    fn tell(&mut self, slot: usize, event: Event) {
        let now = self.now;
        let actions = self.worker(slot).herder.step(now, event);
        for action in actions {
            if self.slots[slot].is_some() {
                self.carry_out(slot, action);
            }
        }
        self.release(slot);
    }

    /// Gives out an assignment that waited for revoked work to end.
    fn release(&mut self, slot: usize) {
        let held = self.slots[slot].as_mut();
        let held = held
            .filter(|w| !w.herder.is_stopping())
            .and_then(|w| w.held.take());
        if let Some(membership) = held {
            self.tell(slot, Event::Assigned(membership));
        }
    }

    pub(super) fn want_round(&mut self) {
        if !self.needs_round {
            self.needs_round = true;
            self.soon(50, Happening::Round);
        }
    }

    /// One round, once everybody is ready for it.
    fn round(&mut self) {
        let in_it = |w: &Worker| self.members.contains(&w.name);
        let mut members: Vec<usize> = (0..SLOTS)
            .filter(|slot| self.slots[*slot].as_ref().is_some_and(in_it))
            .collect();
        let gone = self.members.len() > members.len();
        let busy = |slot: &usize| {
            let worker = self.slots[*slot].as_ref().expect("it lives");
            !worker.is_ready || worker.held.is_some() || worker.herder.is_stopping()
        };
        // A member that died is waited for until its session is over.
        if gone || members.iter().any(busy) {
            return self.soon(20, Happening::Round);
        }
        self.needs_round = false;
        let place = |slot: &usize| {
            let name = &self.slots[*slot].as_ref().expect("it lives").name;
            self.members.iter().position(|id| id == name)
        };
        members.sort_by_key(place);
        let Some(leader) = members.first().copied() else {
            return;
        };
        self.generation += 1;
        let subscription = |slot: &usize| {
            let worker = self.slots[*slot].as_ref().expect("it lives");
            let subscription = Subscription {
                version: 2,
                url: format!("http://{}/", worker.name),
                config_offset: worker.log.state().offset,
                allocation: worker.assignment.clone(),
            };
            (worker.name.clone(), subscription)
        };
        let (generation, now) = (self.generation, self.now);
        let subscriptions = members.iter().map(subscription).collect();
        let worker = self.worker(leader);
        let round = Round {
            generation,
            last_generation: worker.last_generation,
            protocol: ConnectProtocol::Sessioned,
            leader: worker.name.clone(),
            members: subscriptions,
        };
        let configured = Configured::from(worker.log.state());
        let assigned = worker
            .assignor
            .assign(now, &round, &configured, &configured);
        let mut assigned = assigned.expect("the leader is a member").assignments;
        for slot in members {
            let name = self.worker(slot).name.clone();
            let assignment = assigned.remove(&name).expect("everybody gets one");
            self.complete(slot, leader, assignment);
        }
    }

    /// What a member does at the end of a round.
    fn complete(&mut self, slot: usize, leader: usize, mut new: Assignment) {
        let generation = self.generation;
        let revoked = std::mem::take(&mut new.revoked);
        let again = !revoked.is_empty() || new.failed();
        if new.delay_ms > 0 {
            let delay = u64::try_from(new.delay_ms).expect("a delay");
            self.at(self.now + delay, Happening::Round);
        }
        let worker = self.worker(slot);
        let owned = worker
            .assignment
            .take()
            .map(|a| a.assigned)
            .unwrap_or_default();
        new.assigned = new.assigned.union(&owned.difference(&revoked));
        worker.assignment = Some(new.clone());
        worker.last_generation = generation;
        worker.is_ready = false;
        let membership = Membership {
            generation,
            member_id: worker.name.clone(),
            protocol: ConnectProtocol::Sessioned,
            is_leader: slot == leader,
            assignment: new,
        };
        worker.held = Some(membership.clone());
        self.note(|| {
            format!(
                "w{slot} {generation} has {} loses {revoked}",
                membership.assignment.assigned
            )
        });
        if revoked.is_empty() {
            self.release(slot);
        } else {
            self.tell(slot, Event::Revoked(revoked));
        }
        if again {
            self.want_round();
        }
    }

    fn reads(&mut self, slot: usize, to_end: bool) {
        let read = self.worker(slot).read;
        let new: Vec<Record> = self.topic[read..].to_vec();
        let worker = self.worker(slot);
        let mut changes = Vec::new();
        for record in new {
            let offset = i64::try_from(worker.read).expect("a few");
            let read = worker
                .log
                .read(offset, Some(&record.key), record.value.as_deref());
            changes.push(read.expect("herders write valid records"));
            worker.read += 1;
        }
        let snapshot = worker.log.snapshot();
        if !changes.is_empty() {
            self.tell(slot, Event::Config(changes, Arc::clone(&snapshot)));
        }
        if to_end && self.slots[slot].is_some() {
            self.tell(slot, Event::Read(snapshot));
        }
    }

    fn writes(&mut self, slot: usize, life: u64, generation: Option<i32>, records: Vec<Record>) {
        let Some(worker) = self.living(slot, life) else {
            return;
        };
        let leads = self.members.first() == Some(&worker.name);
        let fate = self.fate(3);
        let is_fenced =
            generation.is_some_and(|g| g != self.generation || !leads || self.needs_round);
        let outcome = if is_fenced {
            Err(WriteFailure::Fenced)
        } else if fate == Fate::Lost {
            Err(WriteFailure::Failed("the broker is gone".to_owned()))
        } else {
            let keys: Vec<_> = records
                .iter()
                .map(|r| String::from_utf8_lossy(&r.key))
                .collect();
            let keys = keys.join(" ");
            self.note(|| format!("w{slot} writes {keys}"));
            self.topic.extend(records);
            for other in 0..SLOTS {
                if let Some(life) = self.slots[other].as_ref().map(|w| w.life) {
                    let late = if self.fate(2) == Fate::Done {
                        200
                    } else {
                        8_000
                    };
                    self.soon(late, Happening::Reads(other, life, false));
                }
            }
            if fate == Fate::Unanswered {
                self.unanswered_writes += 1;
                Err(WriteFailure::Failed("no answer".to_owned()))
            } else {
                Ok(())
            }
        };
        if is_fenced && generation == Some(self.generation) {
            // It hears of it when it is in the next generation.
            return self.soon(20, Happening::Writes(slot, life, generation, Vec::new()));
        }
        self.tell(slot, Event::Written(outcome));
    }

    /// Returns what becomes of a message; of so many percent each, that it is lost, or its answer.
    pub(super) fn fate(&mut self, percent: u64) -> Fate {
        let fate = self.random.below(100);
        if self.is_healing || fate >= 2 * percent {
            Fate::Done
        } else if fate < percent {
            Fate::Lost
        } else {
            Fate::Unanswered
        }
    }

    fn ends(&mut self, slot: usize, work: Work) {
        for (connector, task) in work.tasks() {
            self.worker(slot)
                .tasks
                .remove(&(connector.to_owned(), task));
            self.tell(
                slot,
                Event::Task {
                    connector: connector.to_owned(),
                    task,
                    state: TaskState::Stopped,
                },
            );
        }
        self.tell(slot, Event::Ended(work));
    }
}
