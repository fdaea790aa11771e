//! The key that signs what workers tell each other: the leader makes it and renews it (KIP-507).

use crate::protocol::connect_group::ConnectProtocol;
use crate::worker::Millis;

use super::{Action, Herder};

/// Pause after a key that could not be written.
const PAUSE: Millis = 1_000;

impl Herder {
    /// Writes a new key if this worker leads and there is none, or one that is too old or of another kind.
    pub(super) fn renew_session_key(&mut self, now: Millis, actions: &mut Vec<Action>) -> bool {
        if self.key_due().is_none_or(|due| due > now) {
            return false;
        }
        let (algorithm, size) = self.settings.key_algorithm.clone();
        let generation = self.generation();
        self.session_key_writing(generation);
        actions.push(Action::WriteSessionKey {
            generation,
            algorithm,
            size,
            created: self.wall_clock(now),
        });
        true
    }

    pub(super) fn session_key_written(&mut self, now: Millis, is_done: bool) {
        self.key_retry = if is_done { 0 } else { now + PAUSE };
    }

    /// Returns when a new key is due; `None` when that is not for this worker, or never.
    pub(super) fn key_due(&self) -> Option<Millis> {
        let membership = self.membership.as_ref()?;
        if !membership.is_leader || membership.protocol != ConnectProtocol::Sessioned {
            return None;
        }
        let (algorithm, size) = &self.settings.key_algorithm;
        let key = self.staged_config().session_key.as_ref();
        let key = key.filter(|key| key.algorithm == *algorithm && key.key.len() == *size);
        let expires = match key {
            None => 0,
            Some(_) if self.settings.key_ttl == 0 => return None,
            Some(key) => {
                let age = self.settings.epoch - key.creation_timestamp;
                let ttl = i64::try_from(self.settings.key_ttl).unwrap_or(i64::MAX);
                Millis::try_from(ttl.saturating_sub(age)).unwrap_or(0)
            }
        };
        Some(expires.max(self.key_retry))
    }

    fn wall_clock(&self, now: Millis) -> i64 {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        self.settings.epoch.saturating_add(now)
    }
}
