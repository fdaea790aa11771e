//! What an embedded worker takes from the worker file.

use crate::io::kafka::settings::SettingsError;
use crate::io::providers;
use crate::model::properties::Properties;
use crate::model::worker_config::{self, Default, effective_value};
use crate::protocol::connect_group::ConnectProtocol;
use crate::worker::Millis;
use crate::worker::member::{MemberSettings, OtherMembers};

/// Settings of the group membership.
const WANTED: &[&str] = &[
    "connect.protocol",
    "heartbeat.interval.ms",
    "rebalance.timeout.ms",
    "request.timeout.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "session.timeout.ms",
];

/// Returns how the worker is a member of its group: `url` is what it advertises, `jitter_seed` any number.
pub(in crate::io) fn membership(
    worker: &Properties,
    url: &str,
    other_members: OtherMembers,
    jitter_seed: u64,
) -> Result<MemberSettings, SettingsError> {
    let worker = providers::resolve_where(worker, |key| WANTED.contains(&key))?;
    let protocol = text(&worker, "connect.protocol");
    let protocol = ConnectProtocol::from_config(&protocol)
        .ok_or_else(|| invalid("connect.protocol", &protocol, "is no protocol of Connect"))?;
    Ok(MemberSettings {
        protocol,
        session_timeout: millis(&worker, "session.timeout.ms")?,
        heartbeat_interval: heartbeat_interval(&worker)?,
        coordinator_patience: millis(&worker, "heartbeat.interval.ms")?,
        rebalance_timeout: millis(&worker, "rebalance.timeout.ms")?,
        request_timeout: millis(&worker, "request.timeout.ms")?,
        retry_backoff: millis(&worker, "retry.backoff.ms")?,
        retry_backoff_max: millis(&worker, "retry.backoff.max.ms")?,
        other_members,
        ..MemberSettings::new(url, jitter_seed)
    })
}

/// Returns `heartbeat.interval.ms`, or where the file does not set it a twentieth of the session timeout, which is shorter than
/// Kafka's default.
///
/// A member learns from the answer to its next heartbeat that the group rebalances, so this is how long the others wait for it
/// in every rebalance.
fn heartbeat_interval(worker: &Properties) -> Result<Millis, SettingsError> {
    let interval = millis(worker, "heartbeat.interval.ms")?;
    if worker.contains_key("heartbeat.interval.ms") {
        return Ok(interval);
    }
    let session = millis(worker, "session.timeout.ms")?;
    Ok(interval.min((session / 20).max(1)))
}

pub(in crate::io) fn text(worker: &Properties, key: &str) -> String {
    let default = match worker_config::setting(key).map(|setting| setting.default) {
        Some(Default::Value(value)) => value,
        _ => "",
    };
    let value = worker.get(key).map_or(default, String::as_str);
    effective_value(key, value).to_owned()
}

pub(in crate::io) fn millis(worker: &Properties, key: &str) -> Result<Millis, SettingsError> {
    let value = text(worker, key);
    value
        .parse()
        .map_err(|_| invalid(key, &value, "is not a number of milliseconds"))
}

pub(in crate::io) fn invalid(key: &str, value: &str, reason: &str) -> SettingsError {
    SettingsError::Invalid {
        key: key.to_owned(),
        value: value.to_owned(),
        reason: reason.to_owned(),
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<MemberSettings, SettingsError> {
        let worker = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        membership(&worker, "http://127.0.0.1:1/", OtherMembers::Leave, 0)
    }

    #[test]
    fn absent_settings_are_the_worker_s_defaults() {
        let found = of(&[]).unwrap();
        let defaults = MemberSettings::new("http://127.0.0.1:1/", 0);
        let defaults = MemberSettings {
            other_members: OtherMembers::Leave,
            // A twentieth of the session timeout.
            heartbeat_interval: 500,
            ..defaults
        };
        assert_eq!(format!("{found:?}"), format!("{defaults:?}"));
    }

    #[test]
    fn a_heartbeat_interval_that_the_file_sets_is_kept() {
        let interval = |pairs: &[(&str, &str)]| of(pairs).unwrap().heartbeat_interval;
        assert_eq!(interval(&[("heartbeat.interval.ms", "3000")]), 3_000);
        assert_eq!(interval(&[("session.timeout.ms", "200000")]), 3_000);
        assert_eq!(interval(&[("session.timeout.ms", "6000")]), 300);
    }

    /// A coordinator that moves in a rolling restart is away for a second or two, which a JVM worker bears.
    #[test]
    fn beating_more_often_makes_nobody_less_patient_with_the_coordinator() {
        let patience = |pairs: &[(&str, &str)]| of(pairs).unwrap().coordinator_patience;
        assert_eq!(patience(&[]), 3_000);
        assert_eq!(patience(&[("heartbeat.interval.ms", "700")]), 700);
    }

    #[test]
    fn settings_are_read_as_a_worker_reads_them() {
        let found = of(&[
            ("session.timeout.ms", " 30000 "),
            ("connect.protocol", "EAGER"),
        ])
        .unwrap();
        assert_eq!(found.session_timeout, 30_000);
        assert_eq!(found.protocol, ConnectProtocol::Eager);
        for wrong in [("session.timeout.ms", "soon"), ("connect.protocol", "new")] {
            assert_eq!(of(&[wrong]).unwrap_err().key(), wrong.0);
        }
    }
}
