//! The REST API of a worker as far as it only shows: what is stored can be read, nothing can be changed.
//!
//! For a control run it listens on 127.0.0.1 with a free port and takes nothing from the worker file's listeners. Paths, bodies
//! and errors are those of `RootResource`, `HealthCheckResource` and `ConnectorsResource`.

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
use tokio::time::Instant;

use super::health::Health;
use super::stores::Statuses;
use crate::connectors::{self, Kind, NativeConnector};
use crate::model::rest::{
    ConnectorInfo, ConnectorState, ConnectorStatus, ErrorBody, Expanded, NATIVE, Root, TaskId,
    TaskInfo, TaskState,
};
use crate::model::storage_records::{ConfigState, Status};

/// What the API shows.
#[derive(Debug, Default)]
pub(in crate::io) struct Shown {
    pub(in crate::io) cluster_id: Option<String>,
    pub(in crate::io) health: Health,
    pub(in crate::io) config: Arc<ConfigState>,
    pub(in crate::io) statuses: Statuses,
    /// Requests between workers are signed.
    pub(in crate::io) is_sessioned: bool,
    /// `topic.tracking.enable=false`
    pub(in crate::io) is_tracking_off: bool,
}

impl Shown {
    pub(in crate::io) fn info(&self, name: &str) -> Option<ConnectorInfo> {
        let stored = self.config.connectors.get(name)?;
        let count = stored.task_count.filter(|_| !stored.inconsistent);
        let tasks = u32::try_from(count.unwrap_or_default()).unwrap_or_default();
        let task = |task| TaskId {
            connector: name.to_owned(),
            task,
        };
        Some(ConnectorInfo {
            name: name.to_owned(),
            config: stored.properties.settings.clone(),
            tasks: (0..tasks).map(task).collect(),
            kind: Some(self.kind(name).to_owned()),
        })
    }

    /// Returns what a connector is as far as its class is known; what another class is tells only a JVM that has it.
    fn kind(&self, name: &str) -> &'static str {
        let stored = self.config.connectors.get(name);
        let class = stored.and_then(|c| c.properties.settings.get("connector.class")?.as_deref());
        match class
            .and_then(connectors::resolve)
            .map(NativeConnector::kind)
        {
            Some(Kind::Source) => "source",
            Some(Kind::Sink) => "sink",
            None => "unknown",
        }
    }

    fn task_configs(&self, name: &str) -> Option<Vec<TaskInfo>> {
        let info = self.info(name)?;
        let stored = self.config.connectors.get(name)?;
        let tasks = info.tasks.into_iter().map(|id| TaskInfo {
            config: i32::try_from(id.task)
                .ok()
                .and_then(|task| stored.tasks.get(&task))
                .map(|config| config.settings.clone())
                .unwrap_or_default(),
            id,
        });
        Some(tasks.collect())
    }

    pub(in crate::io) fn status(&self, name: &str) -> Option<ConnectorStatus> {
        let status = self.statuses.connectors.get(name)?;
        let tasks = self.statuses.tasks.range((name.to_owned(), 0)..);
        let tasks = tasks.take_while(|((connector, _), _)| connector == name);
        Some(ConnectorStatus {
            name: name.to_owned(),
            connector: ConnectorState {
                state: status.state.clone(),
                worker_id: status.worker_id.clone(),
                trace: status.trace.clone(),
                version: status.version.clone(),
            },
            tasks: tasks
                .map(|((_, task), status)| task_state(*task, status))
                .collect(),
            kind: Some(self.kind(name).to_owned()),
        })
    }

    /// Returns one value of `GET /connectors?expand=…`; as `ConnectorsResource` does it, a connector of which something that
    /// is asked for does not exist (yet, or no longer) is left out.
    fn expanded(&self, name: &str, info: bool, status: bool) -> Option<Expanded> {
        Some(Expanded {
            info: if info { Some(self.info(name)?) } else { None },
            status: if status {
                Some(self.status(name)?)
            } else {
                None
            },
        })
    }
}

fn task_state(task: i32, status: &Status) -> TaskState {
    TaskState {
        id: u32::try_from(task).unwrap_or_default(),
        state: status.state.clone(),
        worker_id: status.worker_id.clone(),
        trace: status.trace.clone(),
        version: status.version.clone(),
    }
}

pub(in crate::io) type Shared = Arc<RwLock<Shown>>;

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
        let router = finished(readable(Arc::clone(&shown)));
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
pub(in crate::io) fn update(shown: &Shared, change: impl FnOnce(&mut Shown)) {
    change(&mut shown.write().unwrap_or_else(PoisonError::into_inner));
}

/// Returns what can be read of a worker.
pub(in crate::io) fn readable(shown: Shared) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/health", get(health))
        .route("/connectors", get(connectors))
        .route("/connectors/{name}", get(connector))
        .route("/connectors/{name}/config", get(config))
        .route("/connectors/{name}/status", get(status))
        .route("/connectors/{name}/tasks", get(tasks))
        .route("/connectors/{name}/tasks/{task}/status", get(task_status))
        .route("/connectors/{name}/topics", get(topics))
        .with_state(shown)
}

/// Adds the answers to what is not there.
pub(in crate::io) fn finished(router: Router) -> Router {
    router
        .fallback(async || error(StatusCode::NOT_FOUND, "HTTP 404 Not Found"))
        .method_not_allowed_fallback(async || {
            error(
                StatusCode::METHOD_NOT_ALLOWED,
                "HTTP 405 Method Not Allowed",
            )
        })
}

pub(in crate::io) fn read<T>(shown: &Shared, look: impl FnOnce(&Shown) -> T) -> T {
    look(&shown.read().unwrap_or_else(PoisonError::into_inner))
}

async fn root(State(shown): State<Shared>) -> Json<Root> {
    Json(read(&shown, |shown| Root {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: NATIVE.to_owned(),
        kafka_cluster_id: shown.cluster_id.clone(),
    }))
}

async fn health(State(shown): State<Shared>) -> Response {
    let health = read(&shown, |shown| shown.health.clone());
    let (code, status, message) = health.answer(Instant::now());
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
        let names = shown.config.connectors.keys();
        if !info && !status {
            return json!(names.collect::<Vec<_>>());
        }
        let expanded: IndexMap<_, _> = names
            .filter_map(|name| Some((name, shown.expanded(name, info, status)?)))
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

async fn tasks(State(shown): State<Shared>, Path(name): Path<String>) -> Response {
    found(read(&shown, |shown| shown.task_configs(&name)), &name)
}

async fn task_status(
    State(shown): State<Shared>,
    Path((name, task)): Path<(String, String)>,
) -> Response {
    let status = task.parse().ok().and_then(|number| {
        read(&shown, |shown| {
            let status = shown.statuses.tasks.get(&(name.clone(), number))?;
            Some(task_state(number, status))
        })
    });
    match status {
        Some(status) => Json(status).into_response(),
        None => error(
            StatusCode::NOT_FOUND,
            &format!("No status found for task {name}-{task}"),
        ),
    }
}

async fn topics(
    State(shown): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refused> {
    let topics = read(&shown, |shown| {
        let topics = shown.statuses.topics.get(&name).cloned();
        (!shown.is_tracking_off).then_some(topics.unwrap_or_default())
    });
    let topics = topics.ok_or_else(|| {
        let message = "Topic tracking is disabled.".to_owned();
        Refused(StatusCode::FORBIDDEN, message)
    })?;
    Ok(Json(json!({ name: { "topics": topics } })))
}

pub(in crate::io) fn found(body: Option<impl serde::Serialize>, name: &str) -> Response {
    match body {
        Some(body) => Json(body).into_response(),
        None => error(
            StatusCode::NOT_FOUND,
            &format!("Connector {name} not found"),
        ),
    }
}

/// An error as it is answered.
#[derive(Debug)]
pub(in crate::io) struct Refused(pub(in crate::io) StatusCode, pub(in crate::io) String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        error(self.0, &self.1)
    }
}

pub(in crate::io) fn error(code: StatusCode, message: &str) -> Response {
    let body = ErrorBody {
        error_code: i64::from(code.as_u16()),
        message: Some(message.to_owned()),
    };
    (code, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_connector_without_a_status_is_left_out_of_a_list_of_statuses() {
        let mut shown = Shown::default();
        let record = br#"{"properties":{"connector.class":"FileStreamSink"}}"#;
        Arc::make_mut(&mut shown.config)
            .apply(0, Some(b"connector-fresh"), Some(record))
            .unwrap();
        assert!(shown.expanded("fresh", true, false).is_some());
        assert!(shown.expanded("fresh", true, true).is_none());
        assert!(shown.expanded("fresh", false, true).is_none());
    }
}
