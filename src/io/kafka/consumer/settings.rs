//! A consumer's settings, read as Java's `ConsumerConfig` reads them.

use std::time::Duration;

use regex::Regex;

use super::reset::Reset;
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
    pub fetch: FetchLimits,
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

/// How much a broker is asked for at once, and how long it may wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    pub min_bytes: i32,
    pub max_wait: Duration,
    /// Of one answer; a larger batch comes alone.
    pub max_bytes: i32,
    /// Of one partition in it.
    pub partition_bytes: i32,
}

const RANGE: &str = "org.apache.kafka.clients.consumer.RangeAssignor";

impl ConsumerSettings {
    /// Reads a client's own settings; those of the connection are not looked at.
    pub fn from_properties(
        client: &Properties,
        subscription: Subscription,
    ) -> Result<Self, SettingsError> {
        check_supported(client)?;
        let millis = |key: &str, default: u64| millis(client, key, default);
        let reset = match text(client, "auto.offset.reset") {
            // Of Connect; a consumer of its own begins at the latest.
            None => Reset::Earliest,
            Some(value) => Reset::parse(&value).ok_or_else(|| {
                let allowed = "earliest, latest, none, by_duration:PnDTnHnMn.nS";
                one_of(client, "auto.offset.reset", allowed)
            })?,
        };
        let isolation = match text(client, "isolation.level").as_deref() {
            None | Some("read_uncommitted") => Isolation::ReadUncommitted,
            Some("read_committed") => Isolation::ReadCommitted,
            Some(_) => {
                let allowed = "read_uncommitted, read_committed";
                return Err(one_of(client, "isolation.level", allowed));
            }
        };
        Ok(Self {
            group: text(client, "group.id").unwrap_or_default(),
            subscription,
            isolation,
            reset,
            fetch: FetchLimits::from_properties(client)?,
            session_timeout: millis("session.timeout.ms", 45_000)?,
            heartbeat_interval: millis("heartbeat.interval.ms", 3_000)?,
            max_poll_interval: millis("max.poll.interval.ms", 300_000)?,
            metadata_max_age: millis("metadata.max.age.ms", 300_000)?,
            retry_backoff: millis("retry.backoff.ms", 100)?,
            retry_backoff_max: millis("retry.backoff.max.ms", 1_000)?,
        })
    }
}

impl FetchLimits {
    fn from_properties(client: &Properties) -> Result<Self, SettingsError> {
        Ok(Self {
            min_bytes: at_least(client, "fetch.min.bytes", 0, 1)?,
            max_wait: millis(client, "fetch.max.wait.ms", 500)?,
            // Java's 50 MiB and 1 MiB would cost a worker of many sinks more memory, and a sink of one partition speed.
            max_bytes: at_least(client, "fetch.max.bytes", 0, 8 << 20)?,
            partition_bytes: at_least(client, "max.partition.fetch.bytes", 0, 2 << 20)?,
        })
    }
}

/// Refuses what only a consumer on a JVM can do.
fn check_supported(client: &Properties) -> Result<(), SettingsError> {
    let unsupported = |key: &str, reason: &str| SettingsError::Unsupported {
        key: key.to_owned(),
        value: text(client, key).unwrap_or_default(),
        reason: reason.to_owned(),
        hint: Some("Run this connector on a JVM worker (connect-distributed.sh).".to_owned()),
    };
    for key in ["interceptor.classes", "group.instance.id"] {
        if text(client, key).is_some_and(|value| !value.is_empty()) {
            return Err(unsupported(key, "the native engine has no such consumer"));
        }
    }
    let protocol = text(client, "group.protocol");
    if protocol.is_some_and(|value| !value.eq_ignore_ascii_case("classic")) {
        let reason = "the native engine speaks the classic protocol";
        return Err(unsupported("group.protocol", reason));
    }
    let strategies = text(client, "partition.assignment.strategy").unwrap_or_default();
    if !strategies.is_empty() && !strategies.split(',').any(|one| one.trim() == RANGE) {
        let reason = "the native engine knows the RangeAssignor";
        return Err(unsupported("partition.assignment.strategy", reason));
    }
    Ok(())
}

fn text(client: &Properties, key: &str) -> Option<String> {
    client.get(key).map(|value| value.trim().to_owned())
}

fn millis(client: &Properties, key: &str, default: u64) -> Result<Duration, SettingsError> {
    let Some(value) = text(client, key) else {
        return Ok(Duration::from_millis(default));
    };
    let millis = value.parse().map(Duration::from_millis);
    millis.map_err(|_| invalid(key, value, "is not a number of milliseconds".to_owned()))
}

fn at_least(
    client: &Properties,
    key: &str,
    least: i32,
    default: i32,
) -> Result<i32, SettingsError> {
    let Some(value) = text(client, key) else {
        return Ok(default);
    };
    match value.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(invalid(
            key,
            value,
            format!("is not a number from {least} on"),
        )),
    }
}

fn one_of(client: &Properties, key: &str, allowed: &str) -> SettingsError {
    let value = text(client, key).unwrap_or_default();
    invalid(key, value, format!("is not one of {allowed}"))
}

fn invalid(key: &str, value: String, reason: String) -> SettingsError {
    SettingsError::Invalid {
        key: key.to_owned(),
        value,
        reason,
        hint: None,
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
        let hour = read("auto.offset.reset", "by_duration:PT1H").unwrap();
        assert_eq!(hour.reset, Reset::Since(Duration::from_secs(3600)));
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
            ("auto.offset.reset", "by_duration:-PT1H"),
            ("fetch.min.bytes", "-1"),
            ("max.partition.fetch.bytes", "1 MB"),
            ("session.timeout.ms", "soon"),
        ] {
            assert_eq!(read(key, value).unwrap_err().key(), key);
        }
    }
}
