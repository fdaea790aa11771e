//! Storage topics that can not be read, and what `/health` says of them and of the group.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::engine::{Done, Engine, Topic};
use crate::io::embedded::rest_server;
use crate::io::kafka::error::KafkaError;

/// A topic that can not be read: it is tried again, after pauses that grow, until something comes of every partition.
#[derive(Debug, Default)]
pub(super) struct Illness {
    /// What `/health` says.
    reason: String,
    /// Causes that were told: one is enough of each.
    told: BTreeSet<String>,
    failures: u32,
    /// It is not tried at present.
    pub(super) rests: bool,
}

/// The pauses between attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    /// `retry.backoff.ms`
    pub(super) first: Duration,
    /// `retry.backoff.max.ms`
    pub(super) longest: Duration,
}

impl Backoff {
    /// Returns the pause after this many earlier failures.
    pub(super) fn pause(self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.min(20));
        doubled.min(self.longest.max(self.first))
    }
}

impl Illness {
    /// Takes what went wrong this time; returns the earlier failures, and whether the cause is a new one.
    fn failed(&mut self, reason: String, cause: &str) -> (u32, bool) {
        self.reason = reason;
        self.rests = true;
        let earlier = self.failures;
        self.failures = earlier.saturating_add(1);
        (earlier, self.told.insert(cause.to_owned()))
    }
}

impl Engine {
    pub(super) fn rests(&self, topic: Topic) -> bool {
        let illness = self.trouble.get(&topic);
        illness.is_some_and(|illness| illness.rests)
    }

    /// Nobody can say when a topic can be read again: it is tried until it can, while everything else goes on.
    pub(super) fn fell_ill(&mut self, topic: Topic, error: &KafkaError) {
        let name = match topic {
            Topic::Config => &self.parts.config_topic,
            Topic::Status => &self.parts.status_topic,
        };
        let illness = self.trouble.entry(topic).or_default();
        let cause = cause(error).to_string();
        let reason = format!("Topic {name} can not be read: {cause}");
        let (failures, is_new) = illness.failed(reason, &cause);
        let pause = self.parts.backoff.pause(failures);
        if is_new {
            let hint = error.hint();
            tracing::warn!(%error, hint, "topic {name} can not be read; it is tried until it can");
        } else {
            tracing::debug!(%error, failures, ?pause, "topic {name} can still not be read");
        }
        self.work.spawn(async move {
            tokio::time::sleep(pause).await;
            Done::Rested(topic)
        });
    }

    /// Tries to read a topic again: whether it can be read shows when something comes.
    pub(super) fn try_again(&mut self, topic: Topic) {
        match topic {
            Topic::Config => self.parts.configs.resume(),
            Topic::Status => self.parts.statuses.resume(),
        }
        if let Some(illness) = self.trouble.get_mut(&topic) {
            illness.rests = false;
        }
    }

    /// Something came of a topic.
    pub(super) fn came(&mut self, topic: Topic) {
        let is_whole = match topic {
            Topic::Config => self.parts.configs.hears_all(),
            Topic::Status => self.parts.statuses.hears_all(),
        };
        if is_whole && self.trouble.remove(&topic).is_some() {
            tracing::info!(?topic, "the topic can be read again");
        }
    }

    pub(super) fn show_health(&mut self) {
        let is_in_step = self.parts.herder.is_resolved() && self.parts.membership.is_in_step();
        let trouble = self.trouble.values().next();
        let trouble = trouble.map(|illness| illness.reason.as_str());
        let health = self.health.then(is_in_step, trouble, Instant::now());
        if health != self.health {
            self.health.clone_from(&health);
            rest_server::update(&self.parts.shares.shown, |shown| shown.health = health);
        }
    }
}

/// Returns what is behind an error that says how often and how long it was tried, which differs every time.
fn cause(error: &KafkaError) -> &KafkaError {
    match error {
        KafkaError::GaveUp { source, .. } => cause(source),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let millis = Duration::from_millis;
        let backoff = Backoff {
            first: millis(100),
            longest: millis(1000),
        };
        let pauses = (0..6).map(|failures| backoff.pause(failures));
        let wanted = [100, 200, 400, 800, 1000, 1000].map(millis);
        assert_eq!(pauses.collect::<Vec<_>>(), wanted);
        assert_eq!(backoff.pause(u32::MAX), millis(1000));
        // A file may have them the wrong way round.
        let longest = millis(10);
        let backoff = Backoff { longest, ..backoff };
        assert_eq!(backoff.pause(7), millis(100));
    }

    #[test]
    fn a_cause_is_told_once_until_the_topic_was_read() {
        let mut illness = Illness::default();
        let mut failed = |cause: &str| illness.failed(format!("it is {cause}"), cause);
        assert_eq!(failed("forbidden"), (0, true));
        assert_eq!(failed("forbidden"), (1, false));
        assert_eq!(failed("gone"), (2, true));
        assert_eq!(failed("forbidden"), (3, false));
        assert!(illness.rests);
    }
}
