//! Settings that a standalone worker ignores and that a distributed worker obeys, dies of, or no longer knows.

use crate::model::properties::Properties;
use crate::plan::Observed;

/// A line of the standalone file that must not reach the distributed one.
#[derive(Debug)]
pub(super) struct Removal {
    pub key: String,
    /// What stands in its place.
    pub instead: Option<(String, String)>,
    pub why: String,
    pub pitfall: Option<&'static str>,
}

/// Producer and consumer settings that the clients of the storage topics would obey (P12).
const FOR_STORAGE_CLIENTS: [&str; 4] = [
    "partitioner.class",
    "partitioner.ignore.keys",
    "transactional.id",
    "interceptor.classes",
];

/// Returns what must go from a standalone file, in the order of the file.
pub(super) fn removals(source: &Properties, observed: Option<&Observed>) -> Vec<Removal> {
    let timings = refused_timings(source, observed);
    let mut listeners = listeners_instead(source);
    source
        .iter()
        .filter_map(|(key, value)| {
            let (why, pitfall) = reason(key, value).or_else(|| {
                let why = timings.as_ref().filter(|_| is_timing(key))?;
                Some((why.clone(), Some("P51")))
            })?;
            let instead = match key.as_str() {
                "rest.host.name" | "rest.port" => listeners.take(),
                "client.dns.lookup" => Some((key.clone(), "use_all_dns_ips".to_owned())),
                _ => None,
            };
            Some(Removal {
                key: key.clone(),
                instead,
                why,
                pitfall,
            })
        })
        .collect()
}

fn reason(key: &str, value: &str) -> Option<(String, Option<&'static str>)> {
    let (why, pitfall) = match key {
        "rest.host.name" | "rest.port" => (
            "ignored since Connect 3.0, which then listens on 8083; `listeners` says it now",
            Some("P37"),
        ),
        "cluster" => ("gone since Connect 0.10.1; it never was group.id", None),
        "auto.include.jmx.reporter" => {
            ("gone since Kafka 4.0; `metric.reporters` says it now", None)
        }
        "client.dns.lookup" if value.trim() == "default" => {
            ("the value `default` is gone since Kafka 3.0", None)
        }
        "connect.protocol" if !value.trim().eq_ignore_ascii_case("sessioned") => (
            "without effect in standalone; here it would leave the workers' internal requests unsigned",
            Some("P38"),
        ),
        key if FOR_STORAGE_CLIENTS.contains(&key) => (
            "without effect in standalone; here the clients of the storage topics would obey it",
            Some("P12"),
        ),
        key if is_internal_converter(key) => (
            "gone since Connect 3.0, which always keeps plain JSON",
            None,
        ),
        _ => return None,
    };
    Some((why.to_owned(), pitfall))
}

fn is_internal_converter(key: &str) -> bool {
    ["internal.key.converter", "internal.value.converter"]
        .iter()
        .any(|internal| {
            key.strip_prefix(internal)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
}

fn listeners_instead(source: &Properties) -> Option<(String, String)> {
    let get = |key: &str| source.get(key).map_or("", |v| v.trim());
    if source.contains_key("listeners") {
        return None;
    }
    let port = Some(get("rest.port")).filter(|p| !p.is_empty());
    let listener = format!(
        "http://{}:{}",
        get("rest.host.name"),
        port.unwrap_or("8083")
    );
    Some(("listeners".to_owned(), listener))
}

fn is_timing(key: &str) -> bool {
    matches!(key, "session.timeout.ms" | "heartbeat.interval.ms")
}

/// Returns why the group coordinator, or the worker itself, would refuse the session and heartbeat of the file.
fn refused_timings(source: &Properties, observed: Option<&Observed>) -> Option<String> {
    let given = |key: &str, default: i64| {
        source
            .get(key)
            .map_or(Some(default), |value| value.trim().parse().ok())
    };
    if !source.keys().any(|key| is_timing(key)) {
        return None;
    }
    let limit = |key: &str, default: i64| {
        observed
            .and_then(|o| o.broker_settings.get(key)?.parse().ok())
            .unwrap_or(default)
    };
    let low = limit("group.min.session.timeout.ms", 6_000);
    let high = limit("group.max.session.timeout.ms", 1_800_000);
    let (Some(session), Some(heartbeat)) = (
        given("session.timeout.ms", 10_000),
        given("heartbeat.interval.ms", 3_000),
    ) else {
        return Some("not a number; without effect in standalone, fatal here".to_owned());
    };
    if heartbeat >= session {
        Some(format!(
            "without effect in standalone; here a heartbeat of {heartbeat} ms is not below the session timeout of {session} ms, which is fatal"
        ))
    } else if !(low..=high).contains(&session) {
        Some(format!(
            "without effect in standalone; here the broker refuses a session timeout of {session} ms, it allows {low} to {high}"
        ))
    } else {
        None
    }
}
