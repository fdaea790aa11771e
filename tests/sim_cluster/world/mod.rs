//! Virtual time, the network between workers and coordinator, and what must hold whatever happens.

mod herder;
mod network;

use std::collections::BTreeMap;

use connectctl::protocol::connect_group::{CONNECTOR_TASK, ConnectProtocol, Work};
use connectctl::worker::assignor::Configured;
use connectctl::worker::member::{Event, JoinGroup, SyncGroup};

use crate::support::random::Random;

use super::coordinator::{Coordinator, Ticket};
use super::script::{SLOTS, Script, Trouble};
use super::worker::{Job, Worker};

/// A broken invariant.
pub(super) type Broken = String;

#[derive(Debug, Clone)]
enum Request {
    FindCoordinator,
    Join(JoinGroup),
    Sync(SyncGroup),
    Heartbeat { generation: i32, member_id: String },
    Leave { member_id: String },
}

#[derive(Debug)]
enum Happening {
    Trouble(Trouble),
    /// A request reaches the broker to which it was sent.
    Arrives {
        ticket: Ticket,
        coordinator: u64,
        request: Request,
    },
    /// Something happens to a member, unless it has begun another life, or to the connection another one.
    Told {
        worker: usize,
        life: u64,
        connection: Option<u64>,
        event: Event,
    },
    Done {
        worker: usize,
        life: u64,
        job: Job,
    },
    Reads {
        worker: usize,
        life: u64,
        version: usize,
    },
    CoordinatorBack,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: u64,
    random: Random,
    queue: BTreeMap<(u64, u64), Happening>,
    count: u64,
    max_delay: u64,
    pub(super) coordinator: Coordinator,
    /// How many brokers have been coordinator.
    coordinators: u64,
    coordinator_away: bool,
    lossy_until: u64,
    pub(super) workers: Vec<Option<Worker>>,
    /// The contents of the config topic over time.
    configurations: Vec<Configured>,
    /// When which worker sent JoinGroup.
    pub(super) joins: Vec<(u64, usize)>,
    pub(super) broken: Option<Broken>,
    pub(super) log: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(script: &Script, random: Random, logs: bool) -> Self {
        let nothing = Configured {
            offset: -1,
            work: Work::default(),
        };
        let mut world = Self {
            now: 0,
            random,
            queue: BTreeMap::new(),
            count: 0,
            max_delay: script.max_delay,
            coordinator: Coordinator::new(script.initial_delay),
            coordinators: 0,
            coordinator_away: false,
            lossy_until: 0,
            workers: (0..SLOTS).map(|_| None).collect(),
            configurations: vec![nothing],
            joins: Vec::new(),
            broken: None,
            log: logs.then(Vec::new),
        };
        for (at, trouble) in &script.troubles {
            world.at(*at, Happening::Trouble(*trouble));
        }
        world
    }

    /// Lets time pass until then, or until an invariant breaks.
    pub(super) fn run_until(&mut self, end: u64) {
        while self.broken.is_none() {
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let timers = self.workers.iter().flatten().filter_map(Worker::deadline);
            let timers = timers.chain(
                self.coordinator
                    .deadline()
                    .filter(|_| !self.coordinator_away),
            );
            let timer = timers.min();
            let Some(at) = next.into_iter().chain(timer).min().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            if next == Some(at) {
                if let Some((_, happening)) = self.queue.pop_first() {
                    self.happen(happening);
                }
            } else {
                self.timers();
            }
        }
    }

    /// Ends all troubles and sees to it that somebody is left.
    pub(super) fn heal(&mut self) {
        self.lossy_until = 0;
        for worker in self.workers.iter_mut().flatten() {
            worker.cut_off_until = 0;
            worker.paused_until = worker.paused_until.min(self.now);
            worker.blind_until = worker.blind_until.min(self.now);
        }
        let stays = |worker: &Worker| worker.is_alive && !worker.is_closing;
        if !self.workers.iter().flatten().any(stays) {
            for slot in 0..SLOTS {
                self.trouble(Trouble::Start(slot, ConnectProtocol::Sessioned));
            }
        }
    }

    pub(super) fn configured(&self) -> &Configured {
        self.configurations
            .last()
            .expect("there is one from the start")
    }

    fn timers(&mut self) {
        for index in 0..self.workers.len() {
            let deadline = self.workers[index].as_ref().and_then(Worker::deadline);
            if deadline.is_some_and(|at| at <= self.now) {
                self.tell(index, Event::Timeout);
            }
        }
        if !self.coordinator_away && self.coordinator.deadline().is_some_and(|at| at <= self.now) {
            self.coordinator.timeout(self.now);
            self.after_coordinator();
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Trouble(trouble) => self.trouble(trouble),
            Happening::Arrives {
                ticket,
                coordinator,
                request,
            } => {
                self.arrives(ticket, coordinator, request);
            }
            Happening::CoordinatorBack => {
                self.coordinator_away = false;
                self.coordinator.fail_over(self.now);
                self.after_coordinator();
            }
            Happening::Told {
                worker,
                life,
                connection,
                event,
            } => {
                let Some(of) = self.living(worker, life) else {
                    return;
                };
                if connection.is_some_and(|connection| connection != of.connection) {
                    return;
                }
                if of.paused_until > self.now {
                    let until = of.paused_until;
                    return self.at(
                        until,
                        Happening::Told {
                            worker,
                            life,
                            connection,
                            event,
                        },
                    );
                }
                self.tell(worker, event);
            }
            Happening::Done { worker, life, job } => {
                let Some(of) = self.living(worker, life) else {
                    return;
                };
                if of.paused_until > self.now {
                    let until = of.paused_until;
                    return self.at(until, Happening::Done { worker, life, job });
                }
                self.done(worker, job);
            }
            Happening::Reads {
                worker,
                life,
                version,
            } => {
                let Some(of) = self.living(worker, life) else {
                    return;
                };
                let until = of.paused_until.max(of.blind_until);
                if until > self.now {
                    return self.at(
                        until,
                        Happening::Reads {
                            worker,
                            life,
                            version,
                        },
                    );
                }
                if of.seen < version {
                    self.reads(worker, version);
                    self.tell(worker, Event::Rejoin);
                }
            }
        }
    }

    fn living(&self, worker: usize, life: u64) -> Option<&Worker> {
        let of = self.workers[worker].as_ref();
        of.filter(|w| w.is_alive && w.life == life)
    }

    fn worker(&mut self, index: usize) -> &mut Worker {
        self.workers[index].as_mut().expect("the worker has begun")
    }

    fn at(&mut self, time: u64, happening: Happening) {
        self.count += 1;
        self.queue.insert((time, self.count), happening);
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(format!("{:>7} {}", self.now, text()));
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.note(|| format!("{trouble:?}"));
        let now = self.now;
        match trouble {
            Trouble::Start(slot, protocol) => self.start(slot, protocol),
            Trouble::Configure(connectors, tasks) => self.configure(connectors, tasks),
            Trouble::LoseMessages(duration) => self.lossy_until = now + duration,
            Trouble::CoordinatorMoves => {
                self.coordinators += 1;
                self.coordinator.fail_over(now);
            }
            Trouble::CoordinatorAway(duration) => {
                self.coordinators += 1;
                self.coordinator_away = true;
                for index in 0..self.workers.len() {
                    self.disconnect(index);
                }
                self.at(now + duration, Happening::CoordinatorBack);
            }
            Trouble::Disconnect(slot) => self.disconnect(slot),
            Trouble::Close(slot) => self.close(slot),
            Trouble::Crash(slot) => self.with(slot, Worker::die),
            Trouble::Pause(slot, duration) => self.with(slot, |w| w.paused_until = now + duration),
            Trouble::CutOff(slot, duration) => {
                self.with(slot, |w| w.cut_off_until = now + duration);
            }
            Trouble::Blind(slot, duration) => self.with(slot, |w| w.blind_until = now + duration),
        }
    }

    fn with(&mut self, slot: usize, change: impl FnOnce(&mut Worker)) {
        if let Some(worker) = self.workers[slot].as_mut().filter(|w| w.is_alive) {
            change(worker);
        }
    }

    /// What the worker was busy with ends: it has another life, in which it only closes.
    fn close(&mut self, slot: usize) {
        self.count += 1;
        let life = self.count;
        let Some(worker) = self.workers[slot].as_mut().filter(|w| w.is_alive) else {
            return;
        };
        worker.todo.clear();
        worker.is_busy = true;
        worker.is_closing = true;
        worker.life = life;
        let (worker, job) = (slot, Job::Close);
        self.at(self.now + 500, Happening::Done { worker, life, job });
    }

    fn start(&mut self, slot: usize, protocol: ConnectProtocol) {
        if self.workers[slot].as_ref().is_some_and(|w| w.is_alive) {
            return;
        }
        self.count += 1;
        let seen = self.configurations.len() - 1;
        let worker = Worker::new(slot, self.count, protocol, self.max_delay, seen);
        self.workers[slot] = Some(worker);
        let offset = self.configured().offset;
        self.tell(slot, Event::ConfigOffset(offset));
        self.tell(slot, Event::Poll);
    }

    fn configure(&mut self, connectors: u64, tasks: u64) {
        let tasks = i32::try_from(tasks).expect("a few");
        let mut work = Work::default();
        for connector in 0..connectors {
            let name = format!("c{connector}");
            work.extend((CONNECTOR_TASK..tasks).map(|task| (name.as_str(), task)));
        }
        let offset = self.configured().offset + 1;
        self.configurations.push(Configured { offset, work });
        let version = self.configurations.len() - 1;
        for worker in 0..self.workers.len() {
            let Some(life) = self.workers[worker].as_ref().map(|w| w.life) else {
                continue;
            };
            let at = self.now + 5 + self.random.below(200);
            self.at(
                at,
                Happening::Reads {
                    worker,
                    life,
                    version,
                },
            );
        }
    }

    fn disconnect(&mut self, index: usize) {
        if let Some(worker) = self.workers[index].as_ref().filter(|w| w.is_alive) {
            let life = worker.life;
            let connection = Some(worker.connection);
            let event = Event::Disconnected;
            self.at(
                self.now,
                Happening::Told {
                    worker: index,
                    life,
                    connection,
                    event,
                },
            );
        }
    }

    fn reads(&mut self, index: usize, version: usize) {
        let offset = self.configurations[version].offset;
        self.worker(index).seen = version;
        self.tell(index, Event::ConfigOffset(offset));
    }
}
