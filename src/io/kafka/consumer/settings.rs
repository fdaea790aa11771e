//! A consumer's settings, read as Java's `ConsumerConfig` reads them.

use std::time::Duration;

use regex::Regex;

use crate::io::kafka::log::Isolation;
use crate::io::kafka::settings::SettingsError;
use crate::model::properties::Properties;

/// How a consumer reads.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    pub group: String,
    pub subscription: Subscription,
    pub isolation: Isolation,
    pub reset: Reset,
    pub session_timeout: Duration,
    pub heartbeat_interval: Duration,
    /// How long the group waits for a member that has to give back its partitions.
    pub max_poll_interval: Duration,
    pub metadata_max_age: Duration,
    pub retry_backoff: Duration,
    /// What the pause grows to while a broker is away.
    pub retry_backoff_max: Duration,
}

/// Which topics are read.
#[derive(Debug, Clone)]
pub enum Subscription {
    Topics(Vec<String>),
    /// Every topic whose whole name it is.
    Pattern(Regex),
}

/// Where reading begins without a committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    Earliest,
    Latest,
    /// Nowhere: it is an error.
    None,
}

const RANGE: &str = "org.apache.kafka.clients.consumer.RangeAssignor";

impl ConsumerSettings {
    /// Reads a client's own settings; those of the connection are not looked at.
    pub fn from_properties(
        client: &Properties,
        subscription: Subscription,
    ) -> Result<Self, SettingsError> {
        let text = |key: &str| client.get(key).map(|value| value.trim().to_owned());
        let unsupported = |key: &str, reason: &str| SettingsError::Unsupported {
            key: key.to_owned(),
            value: text(key).unwrap_or_default(),
            reason: reason.to_owned(),
            hint: Some("Run this connector on a JVM worker (connect-distributed.sh).".to_owned()),
        };
        for key in ["interceptor.classes", "group.instance.id"] {
            if text(key).is_some_and(|value| !value.is_empty()) {
                return Err(unsupported(key, "the native engine has no such consumer"));
            }
        }
        if text("group.protocol").is_some_and(|value| !value.eq_ignore_ascii_case("classic")) {
            let reason = "the native engine speaks the classic protocol";
            return Err(unsupported("group.protocol", reason));
        }
        let strategies = text("partition.assignment.strategy").unwrap_or_default();
        if !strategies.is_empty() && !strategies.split(',').any(|one| one.trim() == RANGE) {
            let reason = "the native engine knows the RangeAssignor";
            return Err(unsupported("partition.assignment.strategy", reason));
        }
        let millis = |key: &str, default: u64| match text(key) {
            None => Ok(Duration::from_millis(default)),
            Some(value) => {
                value
                    .parse()
                    .map(Duration::from_millis)
                    .map_err(|_| SettingsError::Invalid {
                        key: key.to_owned(),
                        value,
                        reason: "is not a number of milliseconds".to_owned(),
                        hint: None,
                    })
            }
        };
        let one_of = |key: &str, allowed: &str| SettingsError::Invalid {
            key: key.to_owned(),
            value: text(key).unwrap_or_default(),
            reason: format!("is not one of {allowed}"),
            hint: None,
        };
        let reset = match text("auto.offset.reset").as_deref() {
            // Of Connect; a consumer of its own begins at the latest.
            None | Some("earliest") => Reset::Earliest,
            Some("latest") => Reset::Latest,
            Some("none") => Reset::None,
            Some(_) => return Err(one_of("auto.offset.reset", "earliest, latest, none")),
        };
        let isolation = match text("isolation.level").as_deref() {
            None | Some("read_uncommitted") => Isolation::ReadUncommitted,
            Some("read_committed") => Isolation::ReadCommitted,
            Some(_) => {
                let allowed = "read_uncommitted, read_committed";
                return Err(one_of("isolation.level", allowed));
            }
        };
        Ok(Self {
            group: text("group.id").unwrap_or_default(),
            subscription,
            isolation,
            reset,
            session_timeout: millis("session.timeout.ms", 45_000)?,
            heartbeat_interval: millis("heartbeat.interval.ms", 3_000)?,
            max_poll_interval: millis("max.poll.interval.ms", 300_000)?,
            metadata_max_age: millis("metadata.max.age.ms", 300_000)?,
            retry_backoff: millis("retry.backoff.ms", 100)?,
            retry_backoff_max: millis("retry.backoff.max.ms", 1_000)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, value: &str) -> Result<ConsumerSettings, SettingsError> {
        let client = Properties::from([(key.to_owned(), value.to_owned())]);
        ConsumerSettings::from_properties(&client, Subscription::Topics(vec!["t".to_owned()]))
    }

    #[test]
    fn a_sink_s_consumer_begins_at_the_earliest() {
        let settings = read("group.id", "connect-a").unwrap();
        assert_eq!(settings.reset, Reset::Earliest);
        assert_eq!(settings.group, "connect-a");
        assert_eq!(settings.session_timeout, Duration::from_secs(45));
        let settings = read("isolation.level", "read_committed").unwrap();
        assert_eq!(settings.isolation, Isolation::ReadCommitted);
    }

    #[test]
    fn what_only_a_jvm_can_do_is_refused() {
        let both = format!("{RANGE}, org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        assert!(read("partition.assignment.strategy", &both).is_ok());
        for (key, value) in [
            ("partition.assignment.strategy", "com.example.Assignor"),
            ("group.protocol", "consumer"),
            ("group.instance.id", "one"),
            ("auto.offset.reset", "middle"),
            ("session.timeout.ms", "soon"),
        ] {
            assert_eq!(read(key, value).unwrap_err().key(), key);
        }
    }
}
