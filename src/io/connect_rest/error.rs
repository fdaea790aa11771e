//! Failures of a REST call, told apart by what the operator does next.

use std::time::Duration;

/// A call that failed. The URL is shown without userinfo.
#[derive(Debug, thiserror::Error)]
#[error("{method} {url}: {kind}")]
pub struct RestError {
    pub method: String,
    pub url: String,
    #[source]
    pub kind: RestErrorKind,
}

#[derive(Debug, thiserror::Error)]
pub enum RestErrorKind {
    #[error("is not a URL of a Connect worker: {0}")]
    BadUrl(String),
    #[error("--user must be NAME:PASSWORD")]
    BadUser,
    #[error("unknown host")]
    UnknownHost,
    #[error("connection refused: nothing listens there")]
    Refused,
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("TLS: {0}")]
    Tls(String),
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    #[error("answered {status}: {message}")]
    Status { status: u16, message: String },
    #[error("answered something that is not Connect's REST API: {0}")]
    Malformed(String),
}

impl RestError {
    /// Returns the HTTP status, when there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self.kind {
            RestErrorKind::Status { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Returns whether nothing at this URL took the request: the next worker may.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self.kind,
            RestErrorKind::UnknownHost
                | RestErrorKind::Refused
                | RestErrorKind::Unreachable(_)
                | RestErrorKind::Tls(_)
        )
    }

    /// Returns what to type next, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.kind {
            RestErrorKind::BadUrl(_) => "for example http://connect.example:8083".into(),
            RestErrorKind::BadUser => "for example --user admin:secret".into(),
            RestErrorKind::UnknownHost => "check the host name".into(),
            RestErrorKind::Refused => {
                "is the worker running, and is this the port of its `listeners`?".into()
            }
            RestErrorKind::Timeout(_) => "give it longer with --timeout 2m".into(),
            RestErrorKind::Tls(_) => {
                "is the listener HTTPS, and is its certificate signed by an authority this machine trusts?"
                    .into()
            }
            RestErrorKind::Status { status: 401 | 403, .. } => {
                "give the user with --user NAME:PASSWORD".into()
            }
            RestErrorKind::Malformed(_) => "is this the port of a Connect worker?".into(),
            RestErrorKind::Unreachable(_) | RestErrorKind::Status { .. } => return None,
        })
    }
}
