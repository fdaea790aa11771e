//! The id and epoch by which brokers know an idempotent producer.

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ProducerSettings;
use super::requests::{self, Event};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;

/// What InitProducerId gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// The producer's identity, and how to come by it.
#[derive(Debug)]
pub(super) struct Identity {
    state: State,
    rest_until: Option<Instant>,
    /// A new identity was given since this was asked for.
    renewed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The producer is not idempotent.
    None,
    Wanted,
    Asking,
    Known(ProducerId),
    /// What is in flight is waited for, then another is asked for.
    Spent(ProducerId),
}

impl Identity {
    pub(super) fn new(is_idempotent: bool) -> Self {
        Self {
            state: if is_idempotent {
                State::Wanted
            } else {
                State::None
            },
            rest_until: None,
            renewed: false,
        }
    }

    /// Returns what batches are signed with; `None`: the producer is not idempotent.
    pub(super) fn current(&self) -> Option<ProducerId> {
        match self.state {
            State::Known(id) | State::Spent(id) => Some(id),
            State::None | State::Wanted | State::Asking => None,
        }
    }

    /// Brokers have lost track of the sequence: begin anew under another id.
    pub(super) fn renew(&mut self) {
        if let State::Known(id) = self.state {
            self.state = State::Spent(id);
        }
    }

    /// True once after each new identity: sequences begin at 0.
    pub(super) fn take_renewed(&mut self) -> bool {
        std::mem::take(&mut self.renewed)
    }

    /// True when batches can be sent; otherwise sees to it that they can be.
    pub(super) fn is_ready(
        &mut self,
        all_answered: bool,
        now: Instant,
        cluster: &Cluster,
        work: &mut JoinSet<Event>,
    ) -> bool {
        match self.state {
            State::None | State::Known(_) => return true,
            State::Asking => return false,
            State::Spent(_) if !all_answered => return false,
            State::Wanted | State::Spent(_) => {}
        }
        if self.rest_until.is_none_or(|until| until <= now) {
            self.state = State::Asking;
            work.spawn(requests::identity(cluster.clone()));
        }
        false
    }

    /// Returns when to ask again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.rest_until.filter(|_| self.state == State::Wanted)
    }

    /// Takes the answer; returns an error that will not pass.
    pub(super) fn take(
        &mut self,
        answer: Result<ProducerId, KafkaError>,
        settings: &ProducerSettings,
    ) -> Option<KafkaError> {
        match answer {
            Ok(id) => {
                self.state = State::Known(id);
                self.renewed = true;
                None
            }
            Err(error) => {
                self.state = State::Wanted;
                self.rest_until = Some(Instant::now() + settings.retry_backoff);
                if error.passes() {
                    tracing::warn!(%error, "no producer id for now");
                    return None;
                }
                Some(error)
            }
        }
    }
}
