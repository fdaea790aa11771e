//! Requests sent on to the worker that carries them out, and what the owner of a connector tells the leader (`RestClient`).

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use indexmap::IndexMap;
use serde_json::json;

use super::call::Call;
use super::signature::{ALGORITHM, Algorithm, SIGNATURE};
use crate::io::embedded::rest_server::error;
use crate::io::worker::Registration;
use crate::model::connector_config::TargetState;
use crate::model::rest::{connector_path, error_message};
use crate::model::storage_records::SessionKey;

/// How long a user waits (`DEFAULT_REST_REQUEST_TIMEOUT_MS`).
pub(super) const TIMEOUT: Duration = Duration::from_secs(90);

const CONFLICT: &str =
    "Cannot complete request because of a conflicting operation (e.g. worker rebalance)";
const NO_LEADER: &str = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.";

/// Sends a request on: twice at most, from a follower to the leader and from there to the owner.
pub(super) async fn forward(http: &reqwest::Client, call: &Call, url: Option<&str>) -> Response {
    let again = match call.forward() {
        None => true,
        Some(true) => false,
        Some(false) => return error(StatusCode::CONFLICT, CONFLICT),
    };
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        return error(StatusCode::CONFLICT, NO_LEADER);
    };
    let own = call.query.iter().filter(|(name, _)| *name != "forward");
    let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
    let query = own.chain([("forward", if again { "true" } else { "false" })]);
    let url = format!("{}{}", url.trim_end_matches('/'), call.path);
    let url = match reqwest::Url::parse_with_params(&url, query) {
        Ok(url) => url,
        Err(wrong) => {
            let message = format!("IO Error trying to forward REST request: {url}: {wrong}");
            return error(StatusCode::INTERNAL_SERVER_ERROR, &message);
        }
    };
    let mut request = http
        .request(call.method.clone(), url)
        .timeout(TIMEOUT)
        .header(header::ACCEPT, "application/json")
        .body(call.body.clone());
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
        if let Some(value) = call.headers.get(&name) {
            request = request.header(name, value.clone());
        }
    }
    match request.send().await {
        Ok(answer) => passed_on(answer).await,
        Err(failed) => unreachable(&failed),
    }
}

async fn passed_on(answer: reqwest::Response) -> Response {
    let status = answer.status();
    let kept = [header::CONTENT_TYPE, header::LOCATION];
    let headers: Vec<(HeaderName, _)> = kept
        .into_iter()
        .filter_map(|name| Some((name.clone(), answer.headers().get(&name)?.clone())))
        .collect();
    match answer.bytes().await {
        Ok(body) => {
            let mut response = (status, Body::from(body)).into_response();
            response.headers_mut().remove(header::CONTENT_TYPE);
            response.headers_mut().extend(headers);
            response
        }
        Err(failed) => unreachable(&failed),
    }
}

fn unreachable(failed: &reqwest::Error) -> Response {
    let message = format!("IO Error trying to forward REST request: {failed}");
    error(StatusCode::INTERNAL_SERVER_ERROR, &message)
}

/// Task configurations for the leader.
#[derive(Debug)]
pub(in crate::io::worker) struct TaskPost {
    pub(in crate::io::worker) leader_url: String,
    pub(in crate::io::worker) connector: String,
    pub(in crate::io::worker) configs: Vec<IndexMap<String, String>>,
    /// `None` in a group that does not sign.
    pub(in crate::io::worker) signed: Option<(Algorithm, SessionKey)>,
}

/// Hands task configurations to the leader, straight: a worker between would drop the signature.
pub(in crate::io::worker) async fn post_tasks(
    http: &reqwest::Client,
    post: TaskPost,
) -> Result<(), String> {
    let base = post.leader_url.trim_end_matches('/');
    let url = format!("{base}/{}", connector_path(&post.connector, "/tasks"));
    let body = serde_json::to_vec(&post.configs).map_err(|wrong| wrong.to_string())?;
    let mut request = http
        .post(&url)
        .timeout(TIMEOUT)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json");
    if let Some((algorithm, key)) = &post.signed {
        request = request
            .header(SIGNATURE, algorithm.sign(key, &body))
            .header(ALGORITHM, algorithm.name());
    }
    let answer = request.body(body).send().await;
    let answer = answer.map_err(|failed| format!("{url}: {failed}"))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let body = answer.bytes().await.unwrap_or_default();
    Err(format!("{url}: {status}: {}", error_message(&body)))
}

/// Has the leader create a connector. An error is what it said; `None` where that may pass: the connector exists, or a round
/// goes on.
pub(in crate::io::worker) async fn post_connector(
    http: &reqwest::Client,
    leader_url: &str,
    registration: &Registration,
) -> Result<(), Option<String>> {
    let url = format!("{}/connectors", leader_url.trim_end_matches('/'));
    let mut body = json!({ "name": registration.connector, "config": registration.config });
    if let Some(initial) = registration.initial {
        body["initial_state"] = json!(match initial {
            TargetState::Started => "RUNNING",
            TargetState::Paused => "PAUSED",
            TargetState::Stopped => "STOPPED",
        });
    }
    let request = http
        .post(&url)
        .timeout(TIMEOUT)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string());
    let answer = request.send().await;
    let answer = answer.map_err(|failed| Some(format!("{url}: {failed}")))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    if status == StatusCode::CONFLICT {
        return Err(None);
    }
    let body = answer.bytes().await.unwrap_or_default();
    Err(Some(format!("{url}: {status}: {}", error_message(&body))))
}
