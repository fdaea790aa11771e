//! Finding the coordinator, and losing it.

use crate::worker::Millis;

use super::{Action, Member, Request, State};

/// What is known of the group's coordinator.
#[derive(Debug)]
pub(super) enum Coordinator {
    /// There is a connection to it.
    Known,
    /// A broker was asked.
    Asked { since: Millis, failures: u32 },
    /// A broker will be asked.
    Unknown {
        /// When the herder first had to do without it.
        since: Millis,
        ask_at: Millis,
        failures: u32,
    },
}

impl Coordinator {
    pub(super) fn unknown(now: Millis) -> Self {
        Self::Unknown {
            since: now,
            ask_at: now,
            failures: 0,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        matches!(self, Self::Known)
    }

    /// The herder comes back from work and only now can do something about a loss.
    pub(super) fn start_over(&mut self, now: Millis) {
        if let Self::Asked { since, .. } | Self::Unknown { since, .. } = self {
            *since = now;
        }
    }

    fn since(&self) -> Option<Millis> {
        match self {
            Self::Known => None,
            Self::Asked { since, .. } | Self::Unknown { since, .. } => Some(*since),
        }
    }
}

impl Member {
    /// Asks for the coordinator when it is time, and gives up what is owned when it stays away.
    pub(super) fn keep_coordinator(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.revocation_deadline().is_some_and(|at| now >= at)
            && let Some(lost) = self.assignment.take()
        {
            actions.push(Action::Revoke(lost.assigned));
        }
        if self.coordinator_deadline().is_some_and(|at| now >= at)
            && let Coordinator::Unknown {
                since, failures, ..
            } = self.coordinator
        {
            self.coordinator = Coordinator::Asked { since, failures };
            let request = self.send(now, Request::FindCoordinator);
            actions.push(Action::FindCoordinator { request });
        }
    }

    /// The herder asks for it when it needs a round, Kafka's heartbeat thread while the member is in a generation.
    pub(super) fn coordinator_deadline(&self) -> Option<Millis> {
        let wanted = (self.ready && self.state != State::Stopped) || self.is_alive();
        match self.coordinator {
            Coordinator::Unknown { ask_at, .. } if wanted => Some(ask_at),
            _ => None,
        }
    }

    /// Returns when what is owned has to be stopped: others may have been given it.
    ///
    /// As in a JVM worker, not in the middle of a round, and not while the herder is busy.
    pub(super) fn revocation_deadline(&self) -> Option<Millis> {
        let owns = self.assignment.as_ref().is_some_and(|a| !a.failed());
        let between_rounds = matches!(self.state, State::Unjoined | State::Stable);
        let since = self.coordinator.since()?;
        (owns && between_rounds && self.ready).then(|| since + self.settings.coordinator_patience)
    }

    pub(super) fn coordinator_found(&mut self, now: Millis) {
        self.coordinator = Coordinator::Known;
        self.heartbeat.restart_session(now, &self.settings);
    }

    pub(super) fn coordinator_not_found(&mut self, now: Millis) {
        if let Coordinator::Asked { since, failures } = self.coordinator {
            self.coordinator = Coordinator::Unknown {
                since,
                ask_at: now + self.jitter.pause(&self.settings, failures),
                failures: failures.saturating_add(1),
            };
        }
    }

    /// Gives up the coordinator and whatever it was asked.
    pub(super) fn lose_coordinator(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if !self.coordinator.is_known() {
            return;
        }
        self.coordinator = Coordinator::unknown(now);
        actions.push(Action::Disconnect);
        self.sent.clear();
        match self.state {
            State::Joining | State::Syncing => self.try_again_later(now, "DisconnectException"),
            State::Assigning => self.try_again_later(now, "CoordinatorNotAvailableException"),
            _ => {}
        }
    }
}
