//! Whether the address that the deployed workers advertise can be reached from here.

use std::sync::Arc;
use std::time::Duration;

use crate::io::connect_rest::{ConnectRest, RestSettings};
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
    /// No worker starts with these listeners.
    NoListener,
}

/// Asks whoever listens at the address; `cluster_id` is the Kafka cluster that it must belong to.
pub async fn advertised(
    listener: Option<AdvertisedListener>,
    tls: Option<Arc<rustls::ClientConfig>>,
    cluster_id: Option<&str>,
) -> Advertised {
    let Some(AdvertisedListener { scheme, host, port }) = listener else {
        return Advertised::NoListener;
    };
    let Some(host) = host else {
        return Advertised::OwnHost { port };
    };
    let url = format!("{scheme}://{host}:{port}");
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
        Ok(root) if root.kafka_cluster_id.as_deref() == cluster_id => Advertised::Proven { url },
        Ok(_) => Advertised::NotReachable {
            url,
            reason: "a worker of another Kafka cluster answers".to_owned(),
        },
        Err(error) => Advertised::NotReachable {
            url,
            reason: error.to_string(),
        },
    }
}
