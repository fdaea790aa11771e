//! What becomes of the work of members that are gone: it waits a while for them, or for new members, to come back.

use crate::worker::Millis;

use super::cooperative::Memory;
use super::item::{Item, Kind};
use super::load::Load;

/// A time for which lost work is not assigned and nothing is revoked for balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// What members are told to wait. Never 0.
    pub ms: Millis,
    /// When it is over.
    pub until: Millis,
}

impl Delay {
    pub(super) const fn of(ms: Millis, now: Millis) -> Self {
        Self {
            ms,
            until: now.saturating_add(ms),
        }
    }
}

impl Memory {
    /// Decides about what nobody runs any more; returns the part of it to assign as if it were new.
    pub(super) fn settle<'a>(
        &mut self,
        now: Millis,
        max_delay: Millis,
        lost: Vec<Item<'a>>,
        loads: &mut [Load<'a>],
    ) -> Vec<Item<'a>> {
        if lost.is_empty() && !self.revoked_last_round {
            self.end_delay();
            return Vec::new();
        }
        match self.delay {
            // Nobody is gone: somebody did not get the last assignment.
            None if self.all_are_back(loads) => lost,
            _ if max_delay == 0 => lost,
            Some(delay) if now >= delay.until => {
                let rest = self.give_to_candidates(lost, loads);
                self.end_delay();
                self.revoked_last_round = false;
                rest
            }
            running => {
                self.wait(now, max_delay, running, loads);
                Vec::new()
            }
        }
    }

    fn all_are_back(&self, loads: &[Load<'_>]) -> bool {
        let members: std::collections::HashSet<_> = loads.iter().map(|l| l.member).collect();
        let mut previous = self.members.iter();
        previous.all(|member| members.contains(member.as_str()))
    }

    /// Deals lost work to the members that came during the delay with empty hands; returns it if none of them is left.
    fn give_to_candidates<'a>(&self, lost: Vec<Item<'a>>, loads: &mut [Load<'a>]) -> Vec<Item<'a>> {
        let candidates: Vec<_> = self
            .candidates
            .iter()
            .filter_map(|candidate| loads.iter().position(|load| load.member == candidate))
            .collect();
        if candidates.is_empty() {
            return lost;
        }
        for kind in Kind::ALL {
            let items = lost.iter().filter(|item| item.kind() == kind);
            for (item, candidate) in items.zip(candidates.iter().cycle()) {
                loads[*candidate].push(*item);
            }
        }
        Vec::new()
    }

    /// Starts a delay, or goes on with one.
    fn wait(&mut self, now: Millis, max_delay: Millis, running: Option<Delay>, loads: &[Load<'_>]) {
        let empty = loads.iter().filter(|load| load.is_empty());
        self.candidates
            .extend(empty.map(|load| load.member.to_owned()));
        let ms = running.map_or(max_delay, |delay| (delay.until - now).min(max_delay));
        self.delay = Some(Delay::of(ms, now));
    }

    fn end_delay(&mut self) {
        self.candidates.clear();
        self.delay = None;
    }
}

/// Returns how long to wait before revoking again, after this many rounds in a row that would: 40, 1600, 64,000 ms and so on
/// up to `max_delay` (`ExponentialBackoff` without jitter, whose limit rounds to one less for some values).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "delays have 31 bits; Kafka computes with doubles and rounds down"
)]
pub(super) fn backoff(rounds: u32, max_delay: Millis) -> Millis {
    const FACTOR: f64 = 40.0;
    if max_delay <= 1 {
        return max_delay;
    }
    let highest = (max_delay as f64).ln() / FACTOR.ln();
    let delay = FACTOR.powf(f64::from(rounds).min(highest)) as Millis;
    delay.min(max_delay)
}

#[cfg(test)]
mod tests {
    use super::backoff;

    /// As `ExponentialBackoff` of 4.3.1 computes them.
    #[test]
    fn pauses_between_revocations_grow_to_the_limit() {
        let of = |max| [1, 2, 3, 4, 5, u32::MAX].map(|rounds| backoff(rounds, max));
        assert_eq!(of(0), [0; 6]);
        assert_eq!(of(1), [1; 6]);
        assert_eq!(of(1000), [40, 999, 999, 999, 999, 999]);
        assert_eq!(of(15_000), [40, 1600, 15_000, 15_000, 15_000, 15_000]);
        assert_eq!(of(30_000), [40, 1600, 29_999, 29_999, 29_999, 29_999]);
        assert_eq!(of(300_000), [40, 1600, 64_000, 300_000, 300_000, 300_000]);
    }
}
