//! The topics that a connector uses, forgotten on demand (KIP-558).

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::Api;
use crate::io::embedded::rest_server::{Refused, read};
use crate::model::storage_records::StatusRecord;

/// `PUT /connectors/{name}/topics/reset`: every worker may do it.
pub(super) async fn reset(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refused> {
    let refuse = |status, message: &str| Err(Refused(status, message.to_owned()));
    let (is_off, topics) = read(&api.0.shown, |shown| {
        (
            shown.is_tracking_off,
            shown.statuses.topics.get(&name).cloned(),
        )
    });
    if is_off {
        return refuse(StatusCode::FORBIDDEN, "Topic tracking is disabled.");
    }
    if !api.0.resets_topics {
        return refuse(StatusCode::FORBIDDEN, "Topic tracking reset is disabled.");
    }
    let Some(statuses) = api.0.statuses.get() else {
        let message = "This worker is still starting up and has not read the status topic yet";
        return refuse(StatusCode::SERVICE_UNAVAILABLE, message);
    };
    for topic in topics.unwrap_or_default() {
        statuses.send(&StatusRecord::Topic {
            topic,
            connector: name.clone(),
            discovery: None,
        });
    }
    Ok(StatusCode::ACCEPTED)
}
