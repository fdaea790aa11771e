//! What can be run, whether a configuration is right, and where a connector stands.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::Api;
use super::call::Call;
use super::write::invalid;
use crate::connectors::{self, ConfigError, Kind, NativeConnector};
use crate::io::embedded::rest_server::{Refused, error, read};
use crate::io::native::TaskHost;
use crate::io::worker::plugins::Plugins;
use crate::model::rest::{ConnectorOffset, ConnectorOffsets};
use crate::model::worker_config::OWN_TOPIC;

/// `GET /connector-plugins`
pub(super) async fn list() -> Json<Value> {
    let mut all = connectors::ALL.to_vec();
    all.sort_by_key(|connector| connector.kind() == Kind::Source);
    let described = all.into_iter().map(|connector| {
        json!({
            "class": connector.java_class(),
            "type": kind(connector),
            "version": env!("CARGO_PKG_VERSION"),
        })
    });
    Json(described.collect())
}

fn kind(connector: NativeConnector) -> &'static str {
    match connector.kind() {
        Kind::Source => "source",
        Kind::Sink => "sink",
    }
}

/// `PUT /connector-plugins/{plugin}/config/validate`: the options that are wrong, and the others that were given.
pub(super) async fn validate(
    State(api): State<Api>,
    Path(plugin): Path<String>,
    call: Call,
) -> Result<Response, Refused> {
    let config = call.config()?;
    let class = Plugins::class(&config).map_err(|wrong| invalid(&wrong))?;
    if connectors::resolve(&plugin) != Some(class) {
        let given = config.get("connector.class").map_or("", String::as_str);
        let message =
            format!("Included connector type {given} does not match request type {plugin}");
        return Err(Refused(StatusCode::BAD_REQUEST, message));
    }
    let (plugins, checked) = (Arc::clone(&api.0.plugins), config.clone());
    // A provider's file may be on a disk that is slow.
    let found = tokio::task::spawn_blocking(move || plugins.errors(&checked)).await;
    let found =
        found.map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let (_, mut errors) = found.map_err(|wrong| invalid(&wrong))?;
    if !config.contains_key("name") {
        let message = "Missing required configuration \"name\" which has no default value.";
        errors.push(ConfigError {
            key: "name".to_owned(),
            value: None,
            message: message.to_owned(),
        });
    }
    let wrong = errors.iter().map(|error| &error.key);
    let mut keys: Vec<&String> = config.keys().chain(wrong).collect();
    keys.sort();
    keys.dedup();
    let configs = keys.into_iter().map(|key| {
        let of_this = errors.iter().filter(|error| error.key == *key);
        let messages: Vec<&str> = of_this.map(|error| &*error.message).collect();
        json!({ "value": {
            "name": key,
            "value": config.get(key),
            "recommended_values": [],
            "errors": messages,
            "visible": true,
        }})
    });
    let body = json!({
        "name": plugin,
        "error_count": errors.len(),
        "groups": [],
        "configs": configs.collect::<Vec<_>>(),
    });
    Ok(Json(body).into_response())
}

/// `GET /connectors/{name}/offsets` (KIP-875)
pub(super) async fn offsets(State(api): State<Api>, Path(name): Path<String>) -> Response {
    let info = read(&api.0.shown, |shown| shown.info(&name));
    let Some(info) = info else {
        return error(
            StatusCode::NOT_FOUND,
            &format!("Connector {name} not found"),
        );
    };
    let Some(host) = api.0.host.get() else {
        let message = "This worker is still starting up and has not read the offset topic yet";
        return error(StatusCode::SERVICE_UNAVAILABLE, message);
    };
    let config = info.config.into_iter();
    let config = config.filter_map(|(key, value)| Some((key, value?)));
    let config: IndexMap<String, String> = config.collect();
    let found = if info.kind.as_deref() == Some("sink") {
        api.0.sinks.offsets(&name, &config).await
    } else {
        of_source(&api, host, &name, config).await
    };
    match found {
        Ok(offsets) => Json(ConnectorOffsets { offsets }).into_response(),
        Err(failed) => error(StatusCode::INTERNAL_SERVER_ERROR, &failed),
    }
}

/// Returns where a source stands in the workers' offset topic and in its own, or why that is not known.
async fn of_source(
    api: &Api,
    host: &TaskHost,
    name: &str,
    mut config: IndexMap<String, String>,
) -> Result<Vec<ConnectorOffset>, String> {
    if config.contains_key(OWN_TOPIC) {
        let plugins = Arc::clone(&api.0.plugins);
        // A provider's file may be on a disk that is slow.
        let resolved = tokio::task::spawn_blocking(move || plugins.resolved(&config)).await;
        let resolved = resolved.map_err(|panicked| panicked.to_string())?;
        config = resolved.map_err(|error| error.to_string())?;
    }
    let found = host.offsets(name, &config).await;
    let found = found.map_err(|error| error.to_string())?;
    let offsets = found.into_iter().map(|o| source((o.partition, o.offset)));
    Ok(offsets.collect())
}

fn source((partition, offset): (bytes::Bytes, bytes::Bytes)) -> ConnectorOffset {
    let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    ConnectorOffset {
        partition: json(&partition),
        offset: json(&offset),
    }
}
