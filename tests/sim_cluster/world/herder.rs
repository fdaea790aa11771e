//! What workers do with what their members say: one thing after the other, each in its time.

use connectctl::protocol::connect_group::{ConnectProtocol, Work};
use connectctl::worker::assignor::Round;
use connectctl::worker::member::{Action, Event, JoinGroup, Membership};

use super::super::log;
use super::super::worker::{Job, REQUEST_TIMEOUT};
use super::{Happening, Request, World};

impl World {
    /// Tells a member something and does what it says.
    pub(super) fn tell(&mut self, index: usize, event: Event) {
        let now = self.now;
        let heard = self.log.is_some().then(|| log::heard(&event));
        let actions = self.worker(index).member.step(now, event);
        // Most answers to heartbeats, and requests given up long after their answers, change nothing.
        if !matches!(actions[..], [] | [Action::Heartbeat { .. }]) {
            self.note(|| format!("w{index} <- {}", heard.unwrap_or_default()));
        }
        for action in actions {
            if !matches!(action, Action::Heartbeat { .. }) {
                self.note(|| format!("w{index} -> {}", log::said(&action)));
            }
            match action {
                Action::FindCoordinator { request } => {
                    self.send(index, request, REQUEST_TIMEOUT, Request::FindCoordinator);
                }
                Action::Heartbeat {
                    request,
                    generation,
                    member_id,
                } => {
                    let heartbeat = Request::Heartbeat {
                        generation,
                        member_id,
                    };
                    self.send(index, request, REQUEST_TIMEOUT, heartbeat);
                }
                Action::LeaveGroup {
                    request, member_id, ..
                } => {
                    self.send(
                        index,
                        request,
                        REQUEST_TIMEOUT,
                        Request::Leave { member_id },
                    );
                }
                Action::Disconnect => {
                    self.count += 1;
                    let connection = self.count;
                    let worker = self.worker(index);
                    worker.connection = connection;
                    worker.todo.retain(|a| {
                        !matches!(
                            a,
                            Action::JoinGroup(_) | Action::SyncGroup(_) | Action::Assign(_)
                        )
                    });
                }
                other => self.worker(index).todo.push_back(other),
            }
        }
        self.work(index);
    }

    /// Does what has to be done in order, until something takes time.
    pub(super) fn work(&mut self, index: usize) {
        while !self.worker(index).is_busy {
            let Some(action) = self.worker(index).todo.pop_front() else {
                return;
            };
            match action {
                Action::Revoke(work) => self.busy(index, 300, Job::Stop(work)),
                Action::JoinGroup(join) => self.join(index, join),
                Action::Assign(round) => self.assign(index, &round),
                Action::SyncGroup(sync) => {
                    let request = sync.request;
                    self.send(index, request, REQUEST_TIMEOUT, Request::Sync(sync));
                }
                Action::Assigned(membership) => {
                    self.worker(index).is_busy = true;
                    self.look_at(index, membership.into());
                }
                other => self.broken = Some(format!("w{index} can not go on: {other:?}")),
            }
        }
    }

    pub(super) fn busy(&mut self, index: usize, at_most: u64, job: Job) {
        let at = self.now + self.random.below(at_most);
        let worker = self.worker(index);
        worker.is_busy = true;
        let life = worker.life;
        self.at(
            at,
            Happening::Done {
                worker: index,
                life,
                job,
            },
        );
    }

    pub(super) fn join(&mut self, index: usize, join: JoinGroup) {
        let worker = self.worker(index);
        worker.joined_with = worker.seen;
        worker.joined_running = worker.member.protocol() != ConnectProtocol::Eager;
        let owned = worker.member.assignment().map(|a| a.assigned.clone());
        let untold = worker.running.difference(&owned.unwrap_or_default());
        if !untold.is_empty() {
            self.broken = Some(format!(
                "w{index} joins and does not tell that it runs {untold}"
            ));
        }
        self.joins.push((self.now, index));
        let (request, timeout) = (join.request, join.timeout);
        self.send(index, request, timeout, Request::Join(join));
    }

    pub(super) fn assign(&mut self, index: usize, round: &Round) {
        let worker = self.workers[index].as_mut().expect("the worker has begun");
        let joined_with = &self.configurations[worker.joined_with];
        let fresh = &self.configurations[worker.seen];
        let life = worker.life;
        let assigned = match worker.assignor.assign(self.now, round, joined_with, fresh) {
            Ok(assigned) => assigned,
            Err(error) => return self.broken = Some(error.to_string()),
        };
        let mut all = Work::default();
        for (connector, task) in assigned.owned.values().flat_map(Work::iter) {
            if !all.insert(connector, task) {
                let text = format!(
                    "w{index} gives {connector}-{task} to two: {:?}",
                    assigned.owned
                );
                self.broken = Some(text);
            }
        }
        let event = Event::Assigned {
            generation: round.generation,
            assignments: assigned.assignments.into_iter().collect(),
        };
        self.at(
            self.now + 1,
            Happening::Told {
                worker: index,
                life,
                connection: None,
                event,
            },
        );
    }

    /// Compares config offsets, as the herder does after each round.
    pub(super) fn look_at(&mut self, index: usize, membership: Box<Membership>) {
        let assignment = &membership.assignment;
        let seen = self.worker(index).seen;
        let offset = self.configurations[seen].offset;
        if assignment.failed() || offset < assignment.config_offset {
            let at = (self.now + self.random.below(50)).max(self.worker(index).blind_until);
            let too_late = self.now + 3_000;
            let job = if at > too_late {
                Job::GiveUpReading
            } else {
                Job::Read(membership)
            };
            let life = self.worker(index).life;
            self.at(
                at.min(too_late),
                Happening::Done {
                    worker: index,
                    life,
                    job,
                },
            );
        } else if offset > assignment.config_offset {
            self.tell(index, Event::Rejoin);
            self.ready(index);
        } else {
            self.busy(index, 300, Job::Start(membership));
        }
    }

    pub(super) fn done(&mut self, index: usize, job: Job) {
        let latest = self.configurations.len() - 1;
        match job {
            Job::Stop(work) => {
                let worker = self.worker(index);
                worker.running = worker.running.difference(&work);
                worker.is_busy = false;
                self.work(index);
            }
            Job::Start(membership) => {
                self.start_work(index, &membership);
                self.ready(index);
            }
            Job::Read(membership) if membership.assignment.failed() => {
                self.reads(index, latest);
                self.ready(index);
            }
            Job::Read(membership) => {
                self.reads(index, latest);
                self.look_at(index, membership);
            }
            Job::GiveUpReading => {
                let reason = "the config topic can not be read".to_owned();
                self.tell(index, Event::Leave { reason });
                let at = (self.now + 500).max(self.worker(index).blind_until);
                let life = self.worker(index).life;
                self.at(
                    at,
                    Happening::Done {
                        worker: index,
                        life,
                        job: Job::ReadAgain,
                    },
                );
            }
            Job::ReadAgain => {
                self.reads(index, latest);
                self.ready(index);
            }
            Job::Close => {
                self.worker(index).running = Work::default();
                let reason = "closed".to_owned();
                self.tell(index, Event::Leave { reason });
                self.worker(index).die();
            }
        }
    }

    pub(super) fn ready(&mut self, index: usize) {
        self.worker(index).is_busy = false;
        self.tell(index, Event::Poll);
    }

    pub(super) fn start_work(&mut self, index: usize, membership: &Membership) {
        let assigned = &membership.assignment.assigned;
        let worker = self.worker(index);
        let new = assigned.difference(&worker.running);
        let foreign = worker.running.difference(assigned);
        worker.running = worker.running.union(assigned);
        if !foreign.is_empty() {
            self.broken = Some(format!("w{index} runs {foreign} and does not own it"));
        }
        let generation = membership.generation;
        self.note(|| format!("w{index} starts {new} in generation {generation}"));
        for (other, worker) in self.workers.iter().enumerate() {
            let Some(worker) = worker.as_ref().filter(|_| other != index) else {
                continue;
            };
            let both = new.intersection(&worker.running);
            let falls_back = membership.protocol == ConnectProtocol::Eager && worker.joined_running;
            if !both.is_empty() && worker.took_part_in == Some(generation) && !falls_back {
                self.broken = Some(format!(
                    "w{index} starts {both} in generation {generation}, of which w{other} is, that runs it too"
                ));
            }
        }
    }
}
