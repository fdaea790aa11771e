//! The standalone worker's whereabouts: does its REST listener answer, and to which Kafka cluster does it belong?

use std::sync::Arc;

use crate::io::connect_rest::{ConnectRest, RestSettings};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::settings::ClientSettings;
use crate::model::properties::Properties;

use super::LOOK;

/// Where a standalone worker would be seen.
#[derive(Debug, Clone)]
pub struct SourceWorker {
    /// REST URLs to look at: every `--source-url`, else the listeners of the worker file.
    pub urls: Vec<String>,
    pub user: Option<String>,
    /// For HTTPS URLs; `None`: the system's certificates.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// The connectors of the plan, under their old names.
    pub connectors: Vec<String>,
    /// Its Kafka cluster, when its addresses differ from the target's.
    pub kafka: Option<ClientSettings>,
}

impl SourceWorker {
    /// Returns the names of this plan's connectors that some worker runs; `None` when no worker that runs any answers.
    ///
    /// A listener that answers may be anybody's, so only the names count.
    pub async fn answers(&self) -> Option<Vec<String>> {
        let mut running = Vec::new();
        for url in &self.urls {
            running.extend(self.names_at(url).await);
        }
        running.retain(|name| self.connectors.contains(name));
        running.sort();
        running.dedup();
        (!running.is_empty()).then_some(running)
    }

    /// Returns the id of the standalone worker's Kafka cluster, when it may be another one.
    pub(super) async fn cluster_id(&self) -> Result<Option<String>, KafkaError> {
        let Some(settings) = &self.kafka else {
            return Ok(None);
        };
        let cluster = Cluster::connect(settings.clone()).await?;
        Ok(cluster.describe().await?.cluster_id)
    }

    async fn names_at(&self, url: &str) -> Vec<String> {
        let settings = RestSettings {
            urls: vec![url.to_owned()],
            user: self.user.clone(),
            tls: self.tls.clone(),
            timeout: LOOK,
        };
        let asked = match ConnectRest::new(settings) {
            Ok(rest) => rest.names().await,
            Err(error) => Err(error),
        };
        match asked {
            Ok(names) => names,
            Err(error) => {
                tracing::debug!(%error, "no standalone worker seen");
                Vec::new()
            }
        }
    }
}

/// Returns the URLs of a worker's REST listeners as seen from this machine.
///
/// `listeners` defaults to `http://:8083`; an empty or unspecified host is this machine (`RestServer`).
pub fn listener_urls(worker: &Properties) -> Vec<String> {
    let listeners = worker
        .get("listeners")
        .map_or("http://:8083", String::as_str);
    listeners
        .split(',')
        .filter_map(|listener| {
            let (scheme, address) = listener.trim().split_once("://")?;
            let (host, port) = address.rsplit_once(':')?;
            let host = match host {
                "" | "0.0.0.0" | "[::]" => "localhost",
                host => host,
            };
            let scheme = scheme.to_ascii_lowercase();
            matches!(scheme.as_str(), "http" | "https").then(|| format!("{scheme}://{host}:{port}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_become_urls_of_this_machine() {
        let urls = |text: Option<&str>| {
            let worker = text
                .map(|text| ("listeners".to_owned(), text.to_owned()))
                .into_iter()
                .collect();
            listener_urls(&worker)
        };
        assert_eq!(urls(None), ["http://localhost:8083"]);
        assert_eq!(
            urls(Some("HTTP://0.0.0.0:1, https://h:2,bad")),
            ["http://localhost:1", "https://h:2"]
        );
        assert_eq!(urls(Some("http://[::]:3")), ["http://localhost:3"]);
    }
}
