//! Where a worker tells the others to reach it.

use super::{Properties, effective_value};
use crate::model::placeholder::placeholders;

/// What a worker advertises of its REST listener (`RestServer.advertisedUrl`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertisedListener {
    /// `http` or `https`.
    pub scheme: String,
    /// `None`: the name of the worker's own host, which only that host knows.
    pub host: Option<String>,
    pub port: u16,
}

impl AdvertisedListener {
    /// Returns where a worker listens, with no host for every address.
    pub fn listeners(worker: &Properties) -> Vec<Self> {
        let value = worker.get("listeners");
        let value = value.map(|value| effective_value("listeners", value));
        let value = value.filter(|value| !value.is_empty());
        let listeners = value.unwrap_or(DEFAULT).split(',').filter_map(parts);
        let listener = |(scheme, host, port): (String, &str, u16)| Self {
            scheme,
            host: (!is_any(host)).then(|| host.to_owned()),
            port,
        };
        listeners.map(listener).collect()
    }

    /// Returns the first entry of `listeners` that is not `PROTOCOL://HOST:PORT` with a port up to 65535.
    pub fn malformed(worker: &Properties) -> Option<&str> {
        let value = effective_value("listeners", worker.get("listeners")?);
        let mut entries = value.split(',').map(str::trim);
        entries.find(|entry| !entry.is_empty() && parts(entry).is_none())
    }

    /// Returns whether a setting that decides about it is filled in by a config provider where the worker runs.
    pub fn is_decided_there(worker: &Properties) -> bool {
        const DECISIVE: &[&str] = &[
            "listeners",
            "rest.advertised.host.name",
            "rest.advertised.listener",
            "rest.advertised.port",
        ];
        let values = DECISIVE.iter().filter_map(|key| worker.get(*key));
        values
            .into_iter()
            .any(|value| !placeholders(value).is_empty())
    }

    /// Reads it from a worker file; `None`: no listener of the file fits. A worker then advertises an address at which it does
    /// not listen, or does not start where an entry or the port cannot be read.
    pub fn of(worker: &Properties) -> Option<Self> {
        let value = |key: &str| {
            let value = worker.get(key).map(|value| effective_value(key, value));
            value.filter(|value| !value.is_empty())
        };
        let listeners = value("listeners").unwrap_or(DEFAULT);
        let listeners: Vec<_> = listeners.split(',').filter_map(parts).collect();
        let scheme = match value("rest.advertised.listener") {
            Some(scheme) => scheme.to_ascii_lowercase(),
            None if listeners.iter().any(|(scheme, ..)| scheme == "http") => "http".to_owned(),
            None => "https".to_owned(),
        };
        let listener = listeners.into_iter().find(|(found, ..)| *found == scheme);
        let (scheme, host, port) = listener?;
        let host = match value("rest.advertised.host.name") {
            Some(host) => Some(host.to_owned()),
            None if is_any(host) => None,
            None => Some(host.to_owned()),
        };
        let port = match value("rest.advertised.port") {
            Some(port) => port.parse().ok()?,
            None => port,
        };
        Some(Self { scheme, host, port })
    }
}

/// What a worker without `listeners` listens on.
const DEFAULT: &str = "http://:8083";

fn is_any(host: &str) -> bool {
    matches!(host, "" | "0.0.0.0" | "[::]")
}

fn parts(listener: &str) -> Option<(String, &str, u16)> {
    let (scheme, address) = listener.trim().split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    Some((scheme.to_ascii_lowercase(), host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Option<(String, Option<String>, u16)> {
        let worker = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        AdvertisedListener::of(&worker).map(|found| (found.scheme, found.host, found.port))
    }

    #[test]
    fn a_worker_advertises_its_listener_unless_it_is_told_otherwise() {
        let named = |host: &str| Some(host.to_owned());
        assert_eq!(of(&[]), Some(("http".into(), None, 8083)));
        let two = ("listeners", "https://b:2,HTTP://a:1");
        assert_eq!(of(&[two]), Some(("http".into(), named("a"), 1)));
        let secure = ("rest.advertised.listener", "https");
        assert_eq!(of(&[two, secure]), Some(("https".into(), named("b"), 2)));
        let told = [
            ("rest.advertised.host.name", "pod"),
            ("rest.advertised.port", "9"),
        ];
        assert_eq!(of(&told), Some(("http".into(), named("pod"), 9)));
        assert_eq!(of(&[secure]), None);
    }

    #[test]
    fn a_placeholder_is_filled_in_where_the_worker_runs() {
        let decided = |key: &str, value: &str| {
            let worker = [(key.to_owned(), value.to_owned())].into_iter().collect();
            AdvertisedListener::is_decided_there(&worker)
        };
        assert!(decided("listeners", "http://0.0.0.0:${env:PORT}"));
        assert!(decided("rest.advertised.port", "${env:REST_PORT}"));
        assert!(decided(
            "rest.advertised.listener",
            "${file:/etc/rest:scheme}"
        ));
        assert!(!decided("listeners", "http://0.0.0.0:8083"));
        assert!(!decided("group.id", "${env:GROUP}"));
    }
}
