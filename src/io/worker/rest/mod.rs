//! The REST API of a running worker: what [`rest_server`] shows, and what users and other workers want done.

mod call;
mod forward;
mod plugins;
mod signature;
mod topics;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::io::embedded::rest_server::{self, Shared};
use crate::io::native::TaskHost;
use crate::worker::herder::{Request, RequestError};

use super::plugins::Plugins;
use super::sink_offsets::SinkOffsets;
use super::status_writer::StatusWriter;
pub(super) use forward::{TaskPost, post_connector, post_tasks};
pub(super) use signature::{Algorithm, new_key};

/// A request on its way to the herder.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What the herder answers.
#[derive(Debug)]
pub(super) enum Answer {
    Done,
    /// Another worker does it, the one at this URL if it is known.
    Elsewhere(Option<String>),
    Failed(RequestError),
}

/// What the handlers have at hand. Clones share everything.
#[derive(Debug, Clone)]
struct Api(Arc<Shares>);

#[derive(Debug)]
pub(super) struct Shares {
    pub(super) shown: Shared,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) plugins: Arc<Plugins>,
    pub(super) http: reqwest::Client,
    /// `inter.worker.verification.algorithms`
    pub(super) verification: Vec<String>,
    /// There once the offset topic has been read.
    pub(super) host: std::sync::OnceLock<TaskHost>,
    pub(super) sinks: SinkOffsets,
    /// There once the status topic has been read.
    pub(super) statuses: std::sync::OnceLock<Arc<StatusWriter>>,
    /// `topic.tracking.allow.reset`
    pub(super) resets_topics: bool,
}

/// Serves until the set is dropped.
pub(super) fn serve(listeners: Vec<TcpListener>, shares: Arc<Shares>) -> JoinSet<()> {
    let shown = Arc::clone(&shares.shown);
    let router = rest_server::readable(shown).merge(changing(Api(shares)));
    let router = rest_server::finished(router);
    let mut serving = JoinSet::new();
    for listener in listeners {
        let router = router.clone();
        serving.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the REST API has ended");
            }
        });
    }
    serving
}

fn changing(api: Api) -> Router {
    Router::new()
        .route("/connectors", post(write::create))
        .route("/connectors/{name}", delete(write::remove))
        .route("/connectors/{name}/config", put(write::configure))
        .route("/connectors/{name}/pause", put(write::pause))
        .route("/connectors/{name}/resume", put(write::resume))
        .route("/connectors/{name}/stop", put(write::stop))
        .route("/connectors/{name}/restart", post(write::restart))
        .route("/connectors/{name}/tasks", post(write::put_tasks))
        .route("/connectors/{name}/fence", put(write::fence))
        .route(
            "/connectors/{name}/tasks/{task}/restart",
            post(write::restart_task),
        )
        .route("/connectors/{name}/topics/reset", put(topics::reset))
        .route("/connectors/{name}/offsets", get(plugins::offsets))
        .route("/connector-plugins", get(plugins::list))
        .route(
            "/connector-plugins/{plugin}/config/validate",
            put(plugins::validate),
        )
        .with_state(api)
}
