//! Whether the address that the deployed workers advertise can be reached from here.

use std::fmt;
use std::time::Duration;

use crate::io::connect_rest::{ConnectRest, RestSettings};
use crate::io::rest_tls;
use crate::model::properties::Properties;
use crate::model::worker_config::AdvertisedListener;

/// How long the address may take to answer: it is no more than a hint.
const LOOK: Duration = Duration::from_secs(1);

/// What is known of an advertised address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advertised {
    /// A worker of this Kafka cluster answers there.
    Proven { url: String },
    /// Nobody answers there, or somebody else; the usual case before the workers are started.
    NotReachable { url: String, reason: String },
    /// Only the worker's host knows its name.
    OwnHost { port: u16 },
    /// A config provider fills it in where the workers run.
    DecidedThere,
    /// None of these listeners fits.
    NoListener,
}

impl fmt::Display for Advertised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proven { url } => write!(f, "proven: a worker answers at {url}"),
            Self::NotReachable { url, reason } => {
                write!(f, "{url} is not reachable from here: {reason}")
            }
            Self::OwnHost { port } => write!(
                f,
                "port {port} of each worker's own host, whose name is not known here"
            ),
            Self::DecidedThere => {
                f.write_str("what a config provider fills in where the workers run")
            }
            Self::NoListener => f.write_str("no listener of the file fits rest.advertised.*"),
        }
    }
}

/// Asks whoever listens at the address that a worker with this file advertises; `cluster_id` is the Kafka cluster that it
/// must belong to.
pub async fn advertised(worker: &Properties, cluster_id: Option<&str>) -> Advertised {
    let listener = match AdvertisedListener::of(worker) {
        None if !AdvertisedListener::is_listener_decided_there(worker) => {
            return Advertised::NoListener;
        }
        Some(listener) if !AdvertisedListener::is_decided_there(worker) => listener,
        _ => return Advertised::DecidedThere,
    };
    let AdvertisedListener { scheme, host, port } = listener;
    let Some(host) = host else {
        return Advertised::OwnHost { port };
    };
    let url = format!("{scheme}://{host}:{port}");
    // Settings of the workers' own listeners name files of the workers' hosts: that they are not here is no failure.
    let is_secure = scheme == "https";
    let tls = is_secure.then(|| rest_tls::of_worker(worker)).transpose();
    let tls = match tls {
        Ok(tls) => tls,
        Err(error) => {
            let reason = error.to_string();
            return Advertised::NotReachable { url, reason };
        }
    };
    let rest = ConnectRest::new(RestSettings {
        urls: vec![url.clone()],
        timeout: LOOK,
        tls,
        ..RestSettings::default()
    });
    let root = match rest {
        Ok(rest) => rest.root().await,
        Err(error) => Err(error),
    };
    match root {
        Ok(root) => match another_cluster(root.kafka_cluster_id.as_deref(), cluster_id) {
            None => Advertised::Proven { url },
            Some(reason) => Advertised::NotReachable {
                url,
                reason: reason.to_owned(),
            },
        },
        Err(error) => Advertised::NotReachable {
            url,
            reason: error.to_string(),
        },
    }
}

/// Returns why the worker that answers is not known to be one of `ours`, this Kafka cluster.
fn another_cluster(theirs: Option<&str>, ours: Option<&str>) -> Option<&'static str> {
    match (theirs, ours) {
        (Some(theirs), Some(ours)) if theirs == ours => None,
        (Some(_), Some(_)) => Some("a worker of another Kafka cluster answers"),
        _ => Some("who answers may be a worker of another Kafka cluster"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_without_an_id_proves_nothing() {
        let (a, b) = (Some("a"), Some("b"));
        assert_eq!(another_cluster(a, a), None);
        for (theirs, ours) in [(a, b), (None, a), (a, None), (None, None)] {
            assert!(another_cluster(theirs, ours).is_some());
        }
    }
}
