//! Where a worker tells the others to reach it.

use super::{Properties, effective_value};
use crate::model::placeholder::{Declared, Filled};

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

    /// Returns whether a config provider fills in, where the worker runs, a setting that decides about it.
    pub fn is_decided_there(worker: &Properties) -> bool {
        Self::is_listener_decided_there(worker) || is_filled_in(worker, "rest.advertised.host.name")
    }

    /// Returns whether that is so of a setting that decides which listener it is, and at which port.
    pub fn is_listener_decided_there(worker: &Properties) -> bool {
        let decisive = [
            "listeners",
            "rest.advertised.listener",
            "rest.advertised.port",
        ];
        decisive.iter().any(|key| is_filled_in(worker, key))
    }

    /// Returns its scheme as far as the file tells it: `http` or `https`.
    pub fn scheme(worker: &Properties) -> &'static str {
        let listeners = value(worker, "listeners").unwrap_or(DEFAULT);
        let told = value(worker, "rest.advertised.listener");
        let told = told.and_then(|told| {
            let mut schemes = ["http", "https"].into_iter();
            schemes.find(|scheme| told.eq_ignore_ascii_case(scheme))
        });
        told.unwrap_or_else(|| preferred(listeners))
    }

    /// Returns the URL of any worker with this file, for commands: hosts are not known here, and a port not where a config
    /// provider fills it in.
    pub fn any_url(worker: &Properties) -> String {
        match Self::of(worker) {
            Some(Self { scheme, port, .. }) => format!("{scheme}://WORKER:{port}"),
            None => format!("{}://WORKER:PORT", Self::scheme(worker)),
        }
    }

    /// Reads it from a worker file; `None`: no listener of the file fits. A worker then advertises an address at which it does
    /// not listen, or does not start where an entry or the port cannot be read.
    pub fn of(worker: &Properties) -> Option<Self> {
        let value = |key: &str| value(worker, key);
        let listeners = value("listeners").unwrap_or(DEFAULT);
        let scheme = match value("rest.advertised.listener") {
            Some(scheme) => scheme.to_ascii_lowercase(),
            None => preferred(listeners).to_owned(),
        };
        let mut listeners = listeners.split(',').filter_map(parts);
        let listener = listeners.find(|(found, ..)| *found == scheme);
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

fn value<'a>(worker: &'a Properties, key: &str) -> Option<&'a str> {
    let value = worker.get(key).map(|value| effective_value(key, value));
    value.filter(|value| !value.is_empty())
}

fn is_filled_in(worker: &Properties, key: &str) -> bool {
    let value = worker.get(key);
    value.is_some_and(|value| Declared::of(worker, Filled::WorkerFile).fill_in(value))
}

/// Returns the scheme that a worker advertises where it is not told one: `http` if there is such a listener, readable or not.
fn preferred(listeners: &str) -> &'static str {
    let mut schemes = listeners
        .split(',')
        .filter_map(|l| l.trim().split_once("://"));
    if schemes.any(|(scheme, _)| scheme.eq_ignore_ascii_case("http")) {
        "http"
    } else {
        "https"
    }
}

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

    #[test]
    fn a_port_that_a_config_provider_fills_in_is_not_guessed() {
        let url = |key: &str, value: &str| {
            AdvertisedListener::any_url(&[(key.to_owned(), value.to_owned())].into())
        };
        assert_eq!(url("group.id", "g"), "http://WORKER:8083");
        assert_eq!(url("listeners", "https://:8443"), "https://WORKER:8443");
        assert_eq!(url("listeners", "https://:${env:P}"), "https://WORKER:PORT");
        let port = url("rest.advertised.port", "${env:P}");
        assert_eq!(port, "http://WORKER:PORT");
    }

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
    fn a_listener_that_cannot_be_read_is_not_passed_over_for_one_of_the_other_scheme() {
        let listeners = ("listeners", "https://b:2,http://a:${env:PORT}");
        assert_eq!(of(&[listeners]), None);
        let told = ("rest.advertised.listener", "https");
        assert!(of(&[listeners, told]).is_some());
    }

    fn provided(key: &str, value: &str) -> Properties {
        let pairs = [
            ("config.providers", "env,file"),
            ("config.providers.env.class", "E"),
            ("config.providers.file.class", "F"),
            (key, value),
        ];
        let owned = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        owned.into_iter().collect()
    }

    #[test]
    fn a_declared_provider_fills_in_where_the_worker_runs() {
        let decided = |key: &str, value: &str| {
            let worker = provided(key, value);
            (
                AdvertisedListener::is_listener_decided_there(&worker),
                AdvertisedListener::is_decided_there(&worker),
            )
        };
        let both = (true, true);
        assert_eq!(decided("listeners", "http://0.0.0.0:${env:PORT}"), both);
        assert_eq!(decided("rest.advertised.port", "${env:REST_PORT}"), both);
        let scheme = "${file:/etc/rest:scheme}";
        assert_eq!(decided("rest.advertised.listener", scheme), both);
        let pod = decided("rest.advertised.host.name", "${env:POD_IP}");
        assert_eq!(pod, (false, true), "no host makes a listener fit");
        let neither = (false, false);
        assert_eq!(decided("listeners", "http://0.0.0.0:8083"), neither);
        assert_eq!(decided("listeners", "http://:${undeclared:PORT}"), neither);
        assert_eq!(decided("group.id", "${env:GROUP}"), neither);
    }

    #[test]
    fn the_scheme_is_told_without_the_port() {
        let scheme = |key: &str, value: &str| AdvertisedListener::scheme(&provided(key, value));
        assert_eq!(scheme("group.id", "g"), "http");
        assert_eq!(scheme("listeners", "https://:${env:PORT}"), "https");
        assert_eq!(
            scheme("listeners", "https://:1,http://:${env:PORT}"),
            "http"
        );
        assert_eq!(scheme("rest.advertised.listener", "HTTPS"), "https");
        assert_eq!(scheme("rest.advertised.listener", "${env:SCHEME}"), "http");
    }
}
