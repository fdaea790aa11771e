//! A request as it came, so that it can be sent on as it came.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::io::embedded::rest_server::{Refused, error};

/// Largest body that is taken.
const LARGEST: usize = 16 << 20;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// As it was written, with its `%`.
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl<S: Sync> FromRequest<S> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let query = Query::try_from_uri(&parts.uri);
        let Query(query) =
            query.map_err(|wrong| error(StatusCode::BAD_REQUEST, &wrong.body_text()))?;
        let body = axum::body::to_bytes(body, LARGEST).await;
        let body =
            body.map_err(|failed| error(StatusCode::PAYLOAD_TOO_LARGE, &failed.to_string()))?;
        Ok(Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query,
            headers: parts.headers,
            body,
        })
    }
}

impl Call {
    pub(super) fn flag(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| value == "true")
    }

    /// Returns whether the request may be sent on, as the last sender said; `None` for a user's own.
    pub(super) fn forward(&self) -> Option<bool> {
        self.query.get("forward").map(|value| value == "true")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Reads the body; what is not JSON of this shape is answered with 500, as the JVM answers it.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        let kind = self
            .header(header::CONTENT_TYPE.as_str())
            .unwrap_or_default();
        if !kind.starts_with("application/json") {
            let message = "HTTP 415 Unsupported Media Type".to_owned();
            return Err(Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        serde_json::from_slice(&self.body)
            .map_err(|wrong| Refused(StatusCode::INTERNAL_SERVER_ERROR, wrong.to_string()))
    }

    /// Reads a configuration: numbers and booleans become text, as Jackson makes it; null is as good as absent.
    pub(super) fn config(&self) -> Result<IndexMap<String, String>, Refused> {
        strings(self.json()?)
    }
}

pub(super) fn strings(
    config: IndexMap<String, Value>,
) -> Result<IndexMap<String, String>, Refused> {
    let mut strings = IndexMap::new();
    for (key, value) in config {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                let message = format!("Cannot deserialize value of type `java.lang.String`: {key}");
                return Err(Refused(StatusCode::INTERNAL_SERVER_ERROR, message));
            }
        };
        strings.insert(key, value);
    }
    Ok(strings)
}
