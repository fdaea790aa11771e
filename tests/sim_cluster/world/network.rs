//! Messages on their way: they take time, get lost, and reach a broker that is no longer the coordinator.

use connectctl::protocol::errors;
use connectctl::worker::member::{Event, JoinReply, Reply, RequestFailure, RequestId, SyncReply};

use super::super::coordinator::{GroupState, Ticket};
use super::{Happening, Request, World};

impl World {
    pub(super) fn latency(&mut self) -> u64 {
        1 + self.random.below(20)
    }

    pub(super) fn send(&mut self, index: usize, request: RequestId, timeout: u64, what: Request) {
        let latency = self.latency();
        let is_lost = self.is_lost(index);
        let worker = self.worker(index);
        let (life, connection) = (worker.life, worker.connection);
        let coordinator = worker.coordinator;
        let ticket = Ticket {
            worker: index,
            life,
            connection,
            request,
        };
        if !matches!(what, Request::Leave { .. }) {
            let event = Event::Failed {
                request,
                failure: RequestFailure::Lost,
            };
            let connection = Some(connection);
            self.at(
                self.now + timeout,
                Happening::Told {
                    worker: index,
                    life,
                    connection,
                    event,
                },
            );
        }
        if !is_lost {
            let arrives = Happening::Arrives {
                ticket,
                coordinator,
                request: what,
            };
            self.at(self.now + latency, arrives);
        }
    }

    pub(super) fn is_lost(&mut self, index: usize) -> bool {
        let is_lossy = self.now < self.lossy_until;
        let is_cut_off = self.now < self.worker(index).cut_off_until;
        is_cut_off || (is_lossy && self.random.percent(10))
    }

    pub(super) fn arrives(&mut self, ticket: Ticket, coordinator: u64, request: Request) {
        if let Request::FindCoordinator = request {
            let error = if self.coordinator_away {
                errors::COORDINATOR_NOT_AVAILABLE
            } else {
                errors::NONE
            };
            let now = self.coordinators;
            if let Some(worker) = self.workers[ticket.worker]
                .as_mut()
                .filter(|w| w.life == ticket.life)
            {
                worker.coordinator = now;
            }
            return self.answer(ticket, Reply::Coordinator { error });
        }
        if self.coordinator_away {
            return;
        }
        if coordinator != self.coordinators {
            return self.answer_elsewhere(ticket, &request);
        }
        let now = self.now;
        match request {
            Request::FindCoordinator => {}
            Request::Join(join) => self.coordinator.join(now, ticket, join),
            Request::Sync(sync) => self.coordinator.sync(now, ticket, sync),
            Request::Heartbeat {
                generation,
                member_id,
            } => {
                self.coordinator
                    .heartbeat(now, ticket, &member_id, generation);
            }
            Request::Leave { member_id } => self.coordinator.leave(now, &member_id),
        }
        self.after_coordinator();
    }

    pub(super) fn answer_elsewhere(&mut self, ticket: Ticket, request: &Request) {
        let error = errors::NOT_COORDINATOR;
        let reply = match request {
            Request::Join(_) => Reply::JoinGroup(JoinReply {
                error,
                ..JoinReply::default()
            }),
            Request::Sync(_) => Reply::SyncGroup(SyncReply {
                error,
                ..SyncReply::default()
            }),
            Request::Heartbeat { .. } => Reply::Heartbeat { error },
            Request::FindCoordinator | Request::Leave { .. } => return,
        };
        self.answer(ticket, reply);
    }

    /// Sends what the coordinator answers, and notes who took part in its last round.
    pub(super) fn after_coordinator(&mut self) {
        let generation = self.coordinator.generation;
        if self.coordinator.state == GroupState::CompletingRebalance {
            let participants = self.coordinator.participants.clone();
            for (index, worker) in self.workers.iter_mut().enumerate() {
                let Some(worker) = worker else { continue };
                if participants.contains(&(index, worker.life)) {
                    worker.took_part_in = Some(generation);
                } else if worker.took_part_in == Some(generation) {
                    worker.took_part_in = None;
                }
            }
        }
        for (ticket, reply) in self.coordinator.answers() {
            self.answer(ticket, reply);
        }
    }

    pub(super) fn answer(&mut self, ticket: Ticket, reply: Reply) {
        let Ticket {
            worker,
            life,
            connection,
            request,
        } = ticket;
        if self.living(worker, life).is_none() || self.is_lost(worker) {
            return;
        }
        let at = self.now + self.latency();
        let event = Event::Answered { request, reply };
        self.at(
            at,
            Happening::Told {
                worker,
                life,
                connection: Some(connection),
                event,
            },
        );
    }
}
