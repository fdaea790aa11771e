//! The standalone worker's whereabouts: does its REST listener answer, and to which Kafka cluster does it belong?

use std::sync::Arc;

use crate::io::connect_rest::{ConnectRest, RestError, RestErrorKind, RestSettings};
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::settings::ClientSettings;
use crate::model::properties::Properties;
use crate::model::rest::ConnectorStatus;

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

/// What the listeners of the standalone worker told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// This plan's connectors that some worker there runs, sorted.
    pub running: Vec<String>,
    /// This plan's connectors that some worker there has, STOPPED and without a task.
    ///
    /// That may be a distributed worker that was started on the same host and port: it has what was registered.
    pub at_rest: Vec<String>,
    /// Why a URL tells nothing: it wants another user, speaks another protocol, or cannot be reached from here.
    pub unclear: Vec<String>,
}

impl SourceWorker {
    /// Asks every URL. A listener that answers may be anybody's, so only this plan's connectors count.
    pub async fn whereabouts(&self) -> Whereabouts {
        let mut found = Whereabouts::default();
        if self.urls.is_empty() {
            let none = "the worker file has no HTTP listener to look at";
            found.unclear.push(none.to_owned());
        }
        for url in &self.urls {
            match self.ours_at(url).await {
                Ok(ours) => {
                    let (at_rest, running): (Vec<_>, Vec<_>) =
                        ours.into_iter().partition(|(_, at_rest)| *at_rest);
                    found
                        .at_rest
                        .extend(at_rest.into_iter().map(|(name, _)| name));
                    found
                        .running
                        .extend(running.into_iter().map(|(name, _)| name));
                }
                // Nothing listens there: this is how a stopped worker looks.
                Err(error) if matches!(error.kind, RestErrorKind::Refused) => {}
                Err(error) => found.unclear.push(error.to_string()),
            }
        }
        found.running.sort();
        found.running.dedup();
        found
    }

    /// Returns the id of the standalone worker's Kafka cluster, when it may be another one.
    pub(super) async fn cluster_id(&self) -> Result<Option<String>, KafkaError> {
        let Some(settings) = &self.kafka else {
            return Ok(None);
        };
        let cluster = Cluster::connect(settings.clone()).await?;
        Ok(cluster.describe().await?.cluster_id)
    }

    /// Returns this plan's connectors that a worker has, and whether they are at rest.
    async fn ours_at(&self, url: &str) -> Result<Vec<(String, bool)>, RestError> {
        let settings = RestSettings {
            urls: vec![url.to_owned()],
            user: self.user.clone(),
            tls: self.tls.clone(),
            timeout: LOOK,
        };
        let rest = ConnectRest::new(settings)?;
        let is_ours = |name: &String| self.connectors.contains(name);
        let mut names = rest.names().await?;
        names.retain(is_ours);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let shown = rest.connectors().await?;
        let state = |name: String| {
            let status = shown.get(&name).and_then(|shown| shown.status.as_ref());
            let is_at_rest = is_at_rest(status);
            (name, is_at_rest)
        };
        Ok(names.into_iter().map(state).collect())
    }
}

/// A connector that was registered a moment ago has no status yet.
fn is_at_rest(status: Option<&ConnectorStatus>) -> bool {
    status.is_none_or(|status| {
        status.tasks.is_empty() && matches!(&*status.connector.state, "STOPPED" | "UNASSIGNED")
    })
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
