//! What changes connectors and tasks (`ConnectorsResource`, `InternalClusterResource`).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::oneshot;

use super::call::{Call, strings};
use super::forward::{TIMEOUT, forward};
use super::signature::{self, ALGORITHM, SIGNATURE};
use super::{Answer, Api, Ask};
use crate::io::embedded::rest_server::{Refused, error, read};
use crate::io::worker::plugins::PluginError;
use crate::model::connector_config::TargetState;
use crate::model::rest::{ConnectorStatus, connector_path};
use crate::worker::herder::{Request, RequestError};

/// `POST /connectors` as it is read: values need not be strings, and a state may be in any case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    config: Option<IndexMap<String, Value>>,
    #[serde(default)]
    initial_state: Option<String>,
}

impl Api {
    /// Has the herder do it, here or elsewhere, and answers with `done` once it has.
    async fn carry_out(
        &self,
        call: &Call,
        request: Request,
        unknown: &str,
        done: impl AsyncFnOnce() -> Response,
    ) -> Response {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { request, answer };
        let answer = tokio::time::timeout(TIMEOUT, async {
            self.0.asks.send(ask).await.ok()?;
            answered.await.ok()
        });
        let failed = |message: &str| error(StatusCode::INTERNAL_SERVER_ERROR, message);
        match answer.await {
            Err(_) => failed(
                "Request timed out. The worker is waiting for its group or for the config topic.",
            ),
            Ok(None) => failed("The worker is being stopped."),
            Ok(Some(Answer::Done)) => done().await,
            Ok(Some(Answer::Elsewhere(url))) => forward(&self.0.http, call, url.as_deref()).await,
            Ok(Some(Answer::Failed(refused))) => refusal(&refused, unknown),
        }
    }

    /// Refuses a configuration with which no connector would run.
    async fn check(&self, config: &IndexMap<String, String>) -> Result<(), Refused> {
        let (plugins, config) = (std::sync::Arc::clone(&self.0.plugins), config.clone());
        // A provider's file may be on a disk that is slow.
        let checked = tokio::task::spawn_blocking(move || plugins.check(&config)).await;
        match checked {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(wrong)) => Err(invalid(&wrong)),
            Err(failed) => Err(Refused(
                StatusCode::INTERNAL_SERVER_ERROR,
                failed.to_string(),
            )),
        }
    }

    fn info(&self, name: &str, code: StatusCode, call: &Call) -> Response {
        let Some(info) = read(&self.0.shown, |shown| shown.info(name)) else {
            // Deleted in the same moment.
            return error(
                StatusCode::NOT_FOUND,
                &format!("Connector {name} not found"),
            );
        };
        let mut response = (code, Json(info)).into_response();
        if code == StatusCode::CREATED {
            let host = call.header(header::HOST.as_str()).unwrap_or_default();
            let location = format!("http://{host}/{}", connector_path(name, ""));
            if let Ok(location) = HeaderValue::try_from(location) {
                response.headers_mut().insert(header::LOCATION, location);
            }
        }
        response
    }

    async fn set_target(&self, name: String, target: TargetState, call: Call) -> Response {
        let unknown = format!("Unknown connector {name}");
        let code = match target {
            TargetState::Stopped => StatusCode::NO_CONTENT,
            TargetState::Started | TargetState::Paused => StatusCode::ACCEPTED,
        };
        let request = Request::SetTarget {
            connector: name,
            target,
        };
        let done = async || code.into_response();
        self.carry_out(&call, request, &unknown, done).await
    }
}

/// Returns the answer to a configuration that is refused.
pub(super) fn invalid(wrong: &PluginError) -> Refused {
    Refused(StatusCode::BAD_REQUEST, wrong.to_string())
}

fn refusal(refused: &RequestError, unknown: &str) -> Response {
    let message = refused.to_string();
    match refused {
        RequestError::NotFound { .. } => error(StatusCode::NOT_FOUND, unknown),
        RequestError::NoSuchTask { connector, task } => error(
            StatusCode::NOT_FOUND,
            &format!("Unknown task: {connector}-{task}"),
        ),
        RequestError::AlreadyExists { connector } => error(
            StatusCode::CONFLICT,
            &format!("Connector {connector} already exists"),
        ),
        RequestError::TargetStopped { connector } => error(
            StatusCode::BAD_REQUEST,
            &format!(
                "Cannot submit non-empty set of task configs for stopped connector {connector}"
            ),
        ),
        RequestError::NotLeader { .. } | RequestError::NotOwner { .. } => {
            error(StatusCode::CONFLICT, &message)
        }
        RequestError::NotWritten { .. } | RequestError::NotReadBack | RequestError::Stopping => {
            error(StatusCode::INTERNAL_SERVER_ERROR, &message)
        }
    }
}

/// Puts the name into a configuration, or refuses one with another.
fn named(config: &mut IndexMap<String, String>, name: &str) -> Result<(), Refused> {
    match config.get("name") {
        Some(other) if other != name => {
            let message = format!(
                "Connector name configuration ({other}) doesn't match connector name in the URL ({name})"
            );
            Err(Refused(StatusCode::BAD_REQUEST, message))
        }
        Some(_) => Ok(()),
        None => {
            config.insert("name".to_owned(), name.to_owned());
            Ok(())
        }
    }
}

fn initial(state: Option<String>) -> Result<Option<TargetState>, Refused> {
    let Some(state) = state else {
        return Ok(None);
    };
    Ok(Some(match state.to_ascii_uppercase().as_str() {
        "RUNNING" => TargetState::Started,
        "PAUSED" => TargetState::Paused,
        "STOPPED" => TargetState::Stopped,
        _ => {
            let message = format!("No enum constant InitialState.{state}");
            return Err(Refused(StatusCode::INTERNAL_SERVER_ERROR, message));
        }
    }))
}

pub(super) async fn create(State(api): State<Api>, call: Call) -> Result<Response, Refused> {
    let create: Create = call.json()?;
    let name = create.name.unwrap_or_default().trim().to_owned();
    let mut config = strings(create.config.unwrap_or_default())?;
    let initial = initial(create.initial_state)?;
    if name.is_empty() {
        let message = "Connector name must not be empty or contain only blanks";
        return Err(Refused(StatusCode::BAD_REQUEST, message.to_owned()));
    }
    named(&mut config, &name)?;
    api.check(&config).await?;
    let request = Request::Put {
        connector: name.clone(),
        config,
        initial,
        replace: false,
    };
    let done = async || api.info(&name, StatusCode::CREATED, &call);
    Ok(api.carry_out(&call, request, "", done).await)
}

pub(super) async fn configure(
    State(api): State<Api>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Response, Refused> {
    let mut config = call.config()?;
    named(&mut config, &name)?;
    api.check(&config).await?;
    let is_new = read(&api.0.shown, |shown| shown.info(&name).is_none());
    let code = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let request = Request::Put {
        connector: name.clone(),
        config,
        initial: None,
        replace: true,
    };
    let done = async || api.info(&name, code, &call);
    Ok(api.carry_out(&call, request, "", done).await)
}

pub(super) async fn remove(
    State(api): State<Api>,
    Path(name): Path<String>,
    call: Call,
) -> Response {
    let unknown = format!("Connector {name} not found");
    let request = Request::Delete { connector: name };
    let done = async || StatusCode::NO_CONTENT.into_response();
    api.carry_out(&call, request, &unknown, done).await
}

pub(super) async fn pause(
    State(api): State<Api>,
    Path(name): Path<String>,
    call: Call,
) -> Response {
    api.set_target(name, TargetState::Paused, call).await
}

pub(super) async fn resume(
    State(api): State<Api>,
    Path(name): Path<String>,
    call: Call,
) -> Response {
    api.set_target(name, TargetState::Started, call).await
}

pub(super) async fn stop(State(api): State<Api>, Path(name): Path<String>, call: Call) -> Response {
    api.set_target(name, TargetState::Stopped, call).await
}

pub(super) async fn restart(
    State(api): State<Api>,
    Path(name): Path<String>,
    call: Call,
) -> Response {
    let (include_tasks, only_failed) = (call.flag("includeTasks"), call.flag("onlyFailed"));
    let unknown = format!("Unknown connector: {name}");
    if !include_tasks && !only_failed {
        let request = Request::RestartConnector { connector: name };
        let done = async || StatusCode::NO_CONTENT.into_response();
        return api.carry_out(&call, request, &unknown, done).await;
    }
    let before = read(&api.0.shown, |shown| shown.status(&name));
    let request = Request::Restart {
        connector: name.clone(),
        include_tasks,
        only_failed,
    };
    let done = async || match before {
        Some(status) => {
            let plan = planned(status, include_tasks, only_failed);
            (StatusCode::ACCEPTED, Json(plan)).into_response()
        }
        None => error(
            StatusCode::NOT_FOUND,
            &format!("Status for connector {name} not found"),
        ),
    };
    api.carry_out(&call, request, &unknown, done).await
}

/// Returns the status with what a restart concerns shown as it will be (`RestartPlan`).
fn planned(mut status: ConnectorStatus, include_tasks: bool, only_failed: bool) -> ConnectorStatus {
    let is_one = |state: &str| !only_failed || state == "FAILED";
    if is_one(&status.connector.state) {
        "RESTARTING".clone_into(&mut status.connector.state);
        status.connector.trace = None;
    }
    for task in status.tasks.iter_mut().filter(|_| include_tasks) {
        if is_one(&task.state) {
            "RESTARTING".clone_into(&mut task.state);
            task.trace = None;
        }
    }
    status
}

pub(super) async fn restart_task(
    State(api): State<Api>,
    Path((name, task)): Path<(String, String)>,
    call: Call,
) -> Response {
    let Ok(task) = task.parse() else {
        return error(StatusCode::NOT_FOUND, "HTTP 404 Not Found");
    };
    let unknown = format!("Unknown connector: {name}");
    let request = Request::RestartTask {
        connector: name,
        task,
    };
    let done = async || StatusCode::NO_CONTENT.into_response();
    api.carry_out(&call, request, &unknown, done).await
}

/// The owner of a connector hands in its tasks.
pub(super) async fn put_tasks(
    State(api): State<Api>,
    Path(name): Path<String>,
    call: Call,
) -> Result<Response, Refused> {
    api.verify(&call)?;
    let configs: Vec<IndexMap<String, Value>> = call.json()?;
    let configs: Result<_, Refused> = configs.into_iter().map(strings).collect();
    let unknown = format!("Connector {name} not found");
    let request = Request::PutTasks {
        connector: name,
        configs: configs?,
    };
    let done = async || StatusCode::NO_CONTENT.into_response();
    Ok(api.carry_out(&call, request, &unknown, done).await)
}

pub(super) async fn fence(State(api): State<Api>, call: Call) -> Result<Response, Refused> {
    api.verify(&call)?;
    let message =
        "The native engine fences no source tasks: exactly.once.source.support is disabled";
    Err(Refused(
        StatusCode::INTERNAL_SERVER_ERROR,
        message.to_owned(),
    ))
}

impl Api {
    fn verify(&self, call: &Call) -> Result<(), Refused> {
        let (is_sessioned, key) = read(&self.0.shown, |shown| {
            (shown.is_sessioned, shown.config.session_key.clone())
        });
        if !is_sessioned {
            return Ok(());
        }
        let verified = signature::verify(
            call.header(SIGNATURE),
            call.header(ALGORITHM),
            &self.0.verification,
            key.as_ref(),
            &call.body,
        );
        verified.map_err(|refused| {
            let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::FORBIDDEN);
            Refused(status, refused.message)
        })
    }
}
