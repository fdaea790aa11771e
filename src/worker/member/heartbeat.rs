//! The timers of a member in its group, and the pauses before new attempts.

use crate::worker::Millis;

use super::MemberSettings;

/// When the next heartbeat is due, and until when the member counts as alive (Kafka's `Heartbeat`).
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    pub(super) due: Millis,
    /// Without a heartbeat that succeeds, until when the session lasts.
    pub(super) session_until: Millis,
    /// Until when the herder may stay busy.
    pub(super) busy_until: Millis,
    failures: u32,
}

impl Heartbeat {
    pub(super) fn restart(&mut self, now: Millis, settings: &MemberSettings) {
        self.due = now + interval(settings);
        self.busy_until = now + settings.rebalance_timeout;
        self.restart_session(now, settings);
    }

    pub(super) fn restart_session(&mut self, now: Millis, settings: &MemberSettings) {
        self.session_until = now + settings.session_timeout;
    }

    pub(super) fn sent(&mut self, now: Millis, settings: &MemberSettings) {
        self.due = now + interval(settings);
    }

    pub(super) fn succeeded(&mut self, now: Millis, settings: &MemberSettings) {
        self.failures = 0;
        self.restart_session(now, settings);
    }

    pub(super) fn failed(&mut self, now: Millis, settings: &MemberSettings, jitter: &mut Jitter) {
        self.due = now + jitter.pause(settings, self.failures).max(1);
        self.failures = self.failures.saturating_add(1);
    }
}

fn interval(settings: &MemberSettings) -> Millis {
    settings.heartbeat_interval.max(1)
}

/// Random numbers of no secret use (SplitMix64), from a seed that is given.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the pause after this many earlier failures: doubled each time, 20 % more or less, at most
    /// `retry.backoff.max.ms` (Kafka's `ExponentialBackoff`).
    pub(super) fn pause(&mut self, settings: &MemberSettings, failures: u32) -> Millis {
        let doubled = settings
            .retry_backoff
            .saturating_mul(1 << failures.min(20))
            .min(settings.retry_backoff_max);
        (doubled.saturating_mul(self.per_mille()) / 1000).min(settings.retry_backoff_max)
    }

    fn per_mille(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        800 + (mixed ^ (mixed >> 31)) % 401
    }
}

#[cfg(test)]
mod tests {
    use super::{Jitter, MemberSettings};

    #[test]
    fn pauses_double_up_to_the_limit_and_differ_by_a_fifth() {
        let settings = MemberSettings::new("http://a/", 0);
        for seed in 0..200 {
            let mut jitter = Jitter::new(seed);
            for (failures, middle) in [(0, 100), (1, 200), (2, 400), (3, 800)] {
                let pause = jitter.pause(&settings, failures);
                assert!(
                    (middle * 4 / 5..=middle * 6 / 5).contains(&pause),
                    "{pause}"
                );
            }
            for failures in [4, 31, u32::MAX] {
                assert!((800..=1000).contains(&jitter.pause(&settings, failures)));
            }
        }
        let of = |seed| Jitter::new(seed).pause(&settings, 3);
        assert_eq!(of(1), of(1));
        assert!((0..9).any(|seed| of(seed) != of(seed + 1)));
    }
}
