//! What a running worker takes from its file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::io::embedded::settings::{invalid, millis, text};
use crate::io::kafka::settings::SettingsError;
use crate::io::providers;
use crate::io::worker::rest::Algorithm;
use crate::model::properties::Properties;
use crate::model::worker_config::AdvertisedListener;
use crate::worker::Millis;
use crate::worker::herder::HerderSettings;

/// Where a worker listens and what it calls itself.
#[derive(Debug, Clone)]
pub(super) struct Listening {
    pub(super) bind: Vec<(String, u16)>,
    pub(super) advertised: AdvertisedListener,
}

/// Settings of the herder and of what it is answered by.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) group: String,
    pub(super) client_id: Option<String>,
    pub(super) listening: Listening,
    pub(super) herder: HerderSettings,
    pub(super) max_delay: Millis,
    /// `task.shutdown.graceful.timeout.ms`
    pub(super) graceful: Duration,
    /// `topic.tracking.enable`
    pub(super) tracks_topics: bool,
    /// `topic.tracking.allow.reset`
    pub(super) resets_topics: bool,
    /// `inter.worker.signature.algorithm`
    pub(super) signature: Algorithm,
    /// `inter.worker.verification.algorithms`
    pub(super) verification: Vec<String>,
}

impl Settings {
    /// Reads a worker file whose references are resolved; `epoch` is the time at which the worker's clock is 0.
    pub(super) fn read(worker: &Properties, epoch: i64) -> Result<Self, SettingsError> {
        refuse_exactly_once(worker)?;
        let group = text(worker, "group.id");
        if group.is_empty() {
            return Err(SettingsError::Missing {
                key: "group.id".to_owned(),
                reason: String::new(),
                hint: "Workers of one group share its connectors.".to_owned(),
            });
        }
        let generation = algorithm(worker, "inter.worker.key.generation.algorithm")?;
        let max_delay = millis(worker, "scheduled.rebalance.max.delay.ms")?;
        let client_id = text(worker, "client.id");
        let verification = text(worker, "inter.worker.verification.algorithms");
        Ok(Self {
            group,
            client_id: Some(client_id).filter(|id| !id.is_empty()),
            listening: Listening::read(worker)?,
            herder: HerderSettings {
                sync_timeout: millis(worker, "worker.sync.timeout.ms")?,
                unsync_backoff: millis(worker, "worker.unsync.backoff.ms")?,
                max_delay,
                epoch,
                key_ttl: millis(worker, "inter.worker.key.ttl.ms")?,
                key_algorithm: (generation.name().to_owned(), key_size(worker, generation)?),
            },
            max_delay,
            graceful: Duration::from_millis(millis(worker, "task.shutdown.graceful.timeout.ms")?),
            tracks_topics: flag(worker, "topic.tracking.enable")?,
            resets_topics: flag(worker, "topic.tracking.allow.reset")?,
            signature: algorithm(worker, "inter.worker.signature.algorithm")?,
            verification: verification
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect(),
        })
    }
}

impl Listening {
    fn read(worker: &Properties) -> Result<Self, SettingsError> {
        let key = "listeners";
        let listeners = AdvertisedListener::listeners(worker);
        let value = text(worker, key);
        if let Some(entry) = AdvertisedListener::malformed(worker) {
            let reason =
                format!("has {entry}, where http://HOST:PORT belongs with a port up to 65535");
            let hint = "Write http://:8083 for every address of this host.";
            return Err(refused(key, &value, &reason, hint));
        }
        let port = text(worker, "rest.advertised.port");
        if !port.is_empty() && port.parse::<u16>().is_err() {
            return Err(invalid(
                "rest.advertised.port",
                &port,
                "is not a port up to 65535",
            ));
        }
        if let Some(other) = listeners.iter().find(|listener| listener.scheme != "http") {
            let reason = format!(
                "names a listener for {}, and the native engine serves http only",
                other.scheme
            );
            return Err(refused(
                key,
                &value,
                &reason,
                "Listen on http, behind a proxy that ends TLS.",
            ));
        }
        let advertised = AdvertisedListener::of(worker).filter(|_| !listeners.is_empty());
        let Some(advertised) = advertised else {
            return Err(invalid(
                key,
                &value,
                "names no listener that can be advertised",
            ));
        };
        let bind = listeners.into_iter().map(|listener| {
            let host = listener.host.unwrap_or_else(|| "0.0.0.0".to_owned());
            (host, listener.port)
        });
        Ok(Self {
            bind: bind.collect(),
            advertised,
        })
    }

    /// Returns the host and port by which others reach the worker that listens at this address.
    pub(super) async fn address(&self, bound: SocketAddr) -> String {
        let port = match self.advertised.port {
            0 => bound.port(),
            port => port,
        };
        match &self.advertised.host {
            Some(host) => format!("{host}:{port}"),
            None => match own_address().await {
                IpAddr::V4(address) => format!("{address}:{port}"),
                IpAddr::V6(address) => format!("[{address}]:{port}"),
            },
        }
    }
}

/// Returns the address of this host's name, as Jetty does (`InetAddress.getLocalHost`).
async fn own_address() -> IpAddr {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let Ok(name) = tokio::fs::read_to_string("/proc/sys/kernel/hostname").await else {
        return loopback;
    };
    match tokio::net::lookup_host((name.trim(), 0)).await {
        Ok(mut found) => found.next().map_or(loopback, |address| address.ip()),
        Err(_) => loopback,
    }
}

pub(super) fn refuse_exactly_once(worker: &Properties) -> Result<(), SettingsError> {
    let key = "exactly.once.source.support";
    let value = text(worker, key);
    if value.eq_ignore_ascii_case("disabled") {
        return Ok(());
    }
    let hint = "Set it to disabled on every worker of the group, or run the group with the JVM.";
    let reason = "is not supported by the native engine, whose sources write at least once";
    Err(refused(key, &value, reason, hint))
}

fn flag(worker: &Properties, key: &str) -> Result<bool, SettingsError> {
    let value = text(worker, key);
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(key, &value, "is neither true nor false")),
    }
}

fn algorithm(worker: &Properties, key: &str) -> Result<Algorithm, SettingsError> {
    let value = text(worker, key);
    Algorithm::of(&value).ok_or_else(|| {
        let hint = "HmacSHA1, HmacSHA256, HmacSHA384 and HmacSHA512 are.";
        refused(key, &value, "is no algorithm of the native engine", hint)
    })
}

/// Returns the bytes of a session key, `inter.worker.key.size` being bits.
fn key_size(worker: &Properties, algorithm: Algorithm) -> Result<usize, SettingsError> {
    let key = "inter.worker.key.size";
    let value = text(worker, key);
    if value.is_empty() {
        return Ok(algorithm.key_size());
    }
    let bits: usize = value
        .parse()
        .ok()
        .filter(|bits| (40..=65_536).contains(bits))
        .ok_or_else(|| invalid(key, &value, "is not a number of bits from 40 on"))?;
    Ok(bits.div_ceil(8))
}

fn refused(key: &str, value: &str, reason: &str, hint: &str) -> SettingsError {
    SettingsError::Invalid {
        key: key.to_owned(),
        value: value.to_owned(),
        reason: reason.to_owned(),
        hint: Some(hint.to_owned()),
    }
}

/// Returns the worker file with every reference resolved.
pub(super) fn resolved(worker: &Properties) -> Result<Properties, SettingsError> {
    Ok(providers::resolve(worker)?)
}
