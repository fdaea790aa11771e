//! The REST API of the embedded worker, as far as a control run needs it: what is stored can be read, nothing can be changed.
//!
//! It listens on 127.0.0.1 with a free port and takes nothing from the worker file's listeners. Paths, bodies and errors are
//! those of `RootResource`, `HealthCheckResource` and `ConnectorsResource`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use axum::Json;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use indexmap::IndexMap;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::stores::Statuses;
use crate::model::rest::{
    ConnectorInfo, ConnectorState, ConnectorStatus, ErrorBody, Expanded, Root, TaskId, TaskState,
};
use crate::model::storage_records::{ConfigState, Status};

/// What the API shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) cluster_id: Option<String>,
    /// The topics have been read.
    pub(super) is_ready: bool,
    pub(super) connectors: IndexMap<String, Stored>,
    pub(super) statuses: Statuses,
}

/// A connector of the config topic.
#[derive(Debug)]
pub(super) struct Stored {
    config: IndexMap<String, Option<String>>,
    tasks: u32,
}

impl Shown {
    /// Takes what the config topic says.
    pub(super) fn show(&mut self, state: &ConfigState) {
        let connectors = state.connectors.iter().map(|(name, connector)| {
            let tasks = connector.task_count.unwrap_or_default();
            let stored = Stored {
                config: connector.properties.settings.clone(),
                tasks: u32::try_from(tasks).unwrap_or_default(),
            };
            (name.clone(), stored)
        });
        self.connectors = connectors.collect();
        self.is_ready = true;
    }

    fn info(&self, name: &str) -> Option<ConnectorInfo> {
        let stored = self.connectors.get(name)?;
        let task = |task| TaskId {
            connector: name.to_owned(),
            task,
        };
        Some(ConnectorInfo {
            name: name.to_owned(),
            config: stored.config.clone(),
            tasks: (0..stored.tasks).map(task).collect(),
            // What a class is tells only a JVM that has it.
            kind: Some("unknown".to_owned()),
        })
    }

    fn status(&self, name: &str) -> Option<ConnectorStatus> {
        let status = self.statuses.connectors.get(name)?;
        let of_this = |((connector, task), status): (&(String, i32), &Status)| {
            (connector == name).then(|| TaskState {
                id: u32::try_from(*task).unwrap_or_default(),
                state: status.state.clone(),
                worker_id: status.worker_id.clone(),
                trace: status.trace.clone(),
                version: status.version.clone(),
            })
        };
        Some(ConnectorStatus {
            name: name.to_owned(),
            connector: ConnectorState {
                state: status.state.clone(),
                worker_id: status.worker_id.clone(),
                trace: status.trace.clone(),
                version: status.version.clone(),
            },
            tasks: self.statuses.tasks.iter().filter_map(of_this).collect(),
            kind: Some("unknown".to_owned()),
        })
    }
}

type Shared = Arc<RwLock<Shown>>;

/// A REST API that serves until it is dropped.
#[derive(Debug)]
pub(super) struct RestServer {
    address: SocketAddr,
    shown: Shared,
    _serving: JoinSet<()>,
}

impl RestServer {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shown = Shared::default();
        let router = router(Arc::clone(&shown));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "the REST API has ended");
            }
        });
        Ok(Self {
            address,
            shown,
            _serving: serving,
        })
    }

    /// Returns what the worker advertises, `http://127.0.0.1:port/`.
    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Returns the means to change what is shown.
    pub(super) fn shown(&self) -> Shared {
        Arc::clone(&self.shown)
    }
}

/// Changes what is shown.
pub(super) fn update(shown: &Shared, change: impl FnOnce(&mut Shown)) {
    change(&mut shown.write().unwrap_or_else(PoisonError::into_inner));
}

fn router(shown: Shared) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/health", get(health))
        .route("/connectors", get(connectors))
        .route("/connectors/{name}", get(connector))
        .route("/connectors/{name}/config", get(config))
        .route("/connectors/{name}/status", get(status))
        .fallback(async || error(StatusCode::NOT_FOUND, "HTTP 404 Not Found"))
        .method_not_allowed_fallback(async || {
            error(
                StatusCode::METHOD_NOT_ALLOWED,
                "HTTP 405 Method Not Allowed",
            )
        })
        .with_state(shown)
}

fn read<T>(shown: &Shared, look: impl FnOnce(&Shown) -> T) -> T {
    look(&shown.read().unwrap_or_else(PoisonError::into_inner))
}

async fn root(State(shown): State<Shared>) -> Json<Root> {
    Json(read(&shown, |shown| Root {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: "connectctl".to_owned(),
        kafka_cluster_id: shown.cluster_id.clone(),
    }))
}

async fn health(State(shown): State<Shared>) -> Response {
    let (code, status, message) = if read(&shown, |shown| shown.is_ready) {
        let message = "Worker has completed startup and is ready to handle requests.";
        (StatusCode::OK, "healthy", message)
    } else {
        let message = "Worker is still starting up.";
        (StatusCode::SERVICE_UNAVAILABLE, "starting", message)
    };
    (code, Json(json!({ "status": status, "message": message }))).into_response()
}

async fn connectors(State(shown): State<Shared>, RawQuery(query): RawQuery) -> Json<Value> {
    let query = query.unwrap_or_default();
    let expands = |what: &str| {
        query
            .split('&')
            .any(|pair| pair == format!("expand={what}"))
    };
    let (info, status) = (expands("info"), expands("status"));
    Json(read(&shown, |shown| {
        let names = shown.connectors.keys();
        if !info && !status {
            return json!(names.collect::<Vec<_>>());
        }
        let expanded: IndexMap<_, _> = names
            .map(|name| {
                let expanded = Expanded {
                    info: info.then(|| shown.info(name)).flatten(),
                    status: status.then(|| shown.status(name)).flatten(),
                };
                (name, expanded)
            })
            .collect();
        json!(expanded)
    }))
}

async fn connector(State(shown): State<Shared>, Path(name): Path<String>) -> Response {
    found(read(&shown, |shown| shown.info(&name)), &name)
}

async fn config(State(shown): State<Shared>, Path(name): Path<String>) -> Response {
    let info = read(&shown, |shown| shown.info(&name));
    found(info.map(|info| info.config), &name)
}

async fn status(State(shown): State<Shared>, Path(name): Path<String>) -> Response {
    match read(&shown, |shown| shown.status(&name)) {
        Some(status) => Json(status).into_response(),
        None => error(
            StatusCode::NOT_FOUND,
            &format!("No status found for connector {name}"),
        ),
    }
}

fn found(body: Option<impl serde::Serialize>, name: &str) -> Response {
    match body {
        Some(body) => Json(body).into_response(),
        None => error(
            StatusCode::NOT_FOUND,
            &format!("Connector {name} not found"),
        ),
    }
}

fn error(code: StatusCode, message: &str) -> Response {
    let body = ErrorBody {
        error_code: i64::from(code.as_u16()),
        message: Some(message.to_owned()),
    };
    (code, Json(body)).into_response()
}
