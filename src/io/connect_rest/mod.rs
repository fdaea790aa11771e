//! HTTP client for the REST API of a Connect worker or cluster.

mod call;
mod error;

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use reqwest::Method;

use crate::model::rest::{
    ConnectorInfo, ConnectorOffset, ConnectorOffsets, ConnectorStatus, CreateConnector, Expanded,
    InitialState, Root, connector_path,
};

pub use call::Endpoint;
pub(in crate::io) use call::system_tls;
pub use error::{RestError, RestErrorKind};

/// How a Connect cluster is reached.
#[derive(Debug, Clone, Default)]
pub struct RestSettings {
    /// Workers of one cluster; the next one is tried when one cannot be reached.
    pub urls: Vec<String>,
    /// `NAME:PASSWORD` for basic authentication, for URLs without userinfo of their own.
    pub user: Option<String>,
    /// `None`: the system's certificates.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Deadline of one request with all its repetitions.
    pub timeout: Duration,
}

/// A Connect cluster, or a standalone worker, as its REST API shows it.
///
/// Requests are repeated while the answer is a rebalance's, until the deadline.
#[derive(Debug, Clone)]
pub struct ConnectRest {
    endpoint: Endpoint,
}

impl ConnectRest {
    pub fn new(settings: RestSettings) -> Result<Self, RestError> {
        Ok(Self {
            endpoint: Endpoint::new(settings)?,
        })
    }

    /// Returns the first URL, without userinfo.
    pub fn url(&self) -> &str {
        self.endpoint.url()
    }

    pub async fn root(&self) -> Result<Root, RestError> {
        self.endpoint.get("").await
    }

    /// Returns whether the worker has completed its start; `None` before Kafka 3.9, which has no `/health` (KIP-1017).
    pub async fn is_healthy(&self) -> Result<Option<bool>, RestError> {
        match self.endpoint.call(Method::GET, "health", None).await {
            Ok(_) => Ok(Some(true)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) if matches!(error.status(), Some(500 | 503)) => Ok(Some(false)),
            Err(error) => Err(error),
        }
    }

    /// Returns the names of all connectors.
    pub async fn names(&self) -> Result<Vec<String>, RestError> {
        self.endpoint.get("connectors").await
    }

    /// Returns all connectors with their configurations.
    pub async fn configured(&self) -> Result<IndexMap<String, Expanded>, RestError> {
        self.endpoint.get("connectors?expand=info").await
    }

    /// Returns the connectors that have a status, with configuration and status: one that was just registered is left out.
    pub async fn connectors(&self) -> Result<IndexMap<String, Expanded>, RestError> {
        self.endpoint
            .get("connectors?expand=info&expand=status")
            .await
    }

    /// Returns one connector, or `None` when there is none of this name.
    pub async fn connector(&self, name: &str) -> Result<Option<ConnectorInfo>, RestError> {
        absent(self.endpoint.get(&connector_path(name, "")).await)
    }

    /// Returns a status, or `None` while no worker has written one.
    pub async fn status(&self, name: &str) -> Result<Option<ConnectorStatus>, RestError> {
        absent(self.endpoint.get(&connector_path(name, "/status")).await)
    }

    /// Returns the offsets as REST shows them; `None` where the route is absent (before 3.5) or the connector is unknown.
    pub async fn offsets(&self, name: &str) -> Result<Option<Vec<ConnectorOffset>>, RestError> {
        let found: Option<ConnectorOffsets> =
            absent(self.endpoint.get(&connector_path(name, "/offsets")).await)?;
        Ok(found.map(|found| found.offsets))
    }

    /// Creates a connector; `initial_state` needs Kafka 3.7.
    pub async fn create(
        &self,
        name: &str,
        config: &IndexMap<String, String>,
        initial_state: Option<InitialState>,
    ) -> Result<(), RestError> {
        let body = CreateConnector {
            name: name.to_owned(),
            config: config.clone(),
            initial_state,
        };
        let sent = self.endpoint.send(Method::POST, "connectors", Some(&body));
        sent.await.map_err(|error| error.without_secrets_of(config))
    }

    /// Creates a connector or replaces its configuration.
    pub async fn put_config(
        &self,
        name: &str,
        config: &IndexMap<String, String>,
    ) -> Result<(), RestError> {
        let path = connector_path(name, "/config");
        let sent = self.endpoint.send(Method::PUT, &path, Some(config));
        sent.await.map_err(|error| error.without_secrets_of(config))
    }

    pub async fn pause(&self, name: &str) -> Result<(), RestError> {
        self.put(name, "/pause").await
    }

    /// Resumes a paused connector and starts a stopped one.
    pub async fn resume(&self, name: &str) -> Result<(), RestError> {
        self.put(name, "/resume").await
    }

    /// Stops a connector (3.5 and later).
    pub async fn stop(&self, name: &str) -> Result<(), RestError> {
        self.put(name, "/stop").await
    }

    pub async fn delete(&self, name: &str) -> Result<(), RestError> {
        self.endpoint
            .send::<()>(Method::DELETE, &connector_path(name, ""), None)
            .await
    }

    async fn put(&self, name: &str, rest: &str) -> Result<(), RestError> {
        self.endpoint
            .send::<()>(Method::PUT, &connector_path(name, rest), None)
            .await
    }
}

fn absent<T>(answer: Result<T, RestError>) -> Result<Option<T>, RestError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.status() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}
