//! Failures of a REST call, told apart by what the operator does next.

use std::time::Duration;

use indexmap::IndexMap;

use crate::io::kafka::error::TlsFault;
use crate::model::secrets;

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
    #[error("no TLS session: {reason}")]
    Tls { fault: TlsFault, reason: String },
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    #[error("answered {status}: {message}")]
    Status { status: u16, message: String },
    /// Not followed: the credentials would go along. `location` is without userinfo and query.
    #[error("answered {status}: it redirects to {location}")]
    Redirect { status: u16, location: String },
    #[error("did not answer in HTTP: {0}")]
    NotHttp(String),
    /// Bytes.
    #[error("answered with more than {0} bytes")]
    TooLarge(usize),
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

    /// Hides the credentials of a configuration that the worker repeats when it refuses it.
    pub(super) fn without_secrets_of(mut self, config: &IndexMap<String, String>) -> Self {
        if let RestErrorKind::Status { message, .. } = &mut self.kind {
            let secret = config
                .iter()
                .filter(|(key, value)| !value.is_empty() && secrets::is_secret(key))
                .filter(|(_, value)| !secrets::is_reference(value));
            for (_, value) in secret {
                *message = message.replace(value.as_str(), secrets::HIDDEN);
            }
        }
        self
    }

    /// Returns whether nothing at this URL took the request: the next worker may.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self.kind,
            RestErrorKind::UnknownHost
                | RestErrorKind::Refused
                | RestErrorKind::Unreachable(_)
                | RestErrorKind::Tls { .. }
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
            RestErrorKind::Tls { fault, .. } => return tls_hint(*fault).map(str::to_owned),
            RestErrorKind::NotHttp(_) if self.url.starts_with("http://") => {
                "is this a TLS port? Then write https://, and --cacert FILE for an authority of your own"
                    .into()
            }
            RestErrorKind::Redirect { .. } => {
                "redirects are not followed: give the URL of the worker itself".into()
            }
            RestErrorKind::Status { status: 401 | 403, .. } => {
                "give the right user with --user NAME:PASSWORD, or in CONNECTCTL_USER".into()
            }
            // Jetty listens before Connect's resources are there.
            RestErrorKind::Status { status: 404, .. }
                if self.url.ends_with('/') || self.url.ends_with("/connectors") =>
            {
                "a worker that is still starting answers so: try again; or is this the URL of something else?".into()
            }
            RestErrorKind::Malformed(_)
            | RestErrorKind::NotHttp(_)
            | RestErrorKind::TooLarge(_) => "is this the port of a Connect worker?".into(),
            RestErrorKind::Unreachable(_) | RestErrorKind::Status { .. } => return None,
        })
    }
}

fn tls_hint(fault: TlsFault) -> Option<&'static str> {
    match fault {
        TlsFault::UntrustedCertificate => {
            Some("give the certificate of the authority that signed it: --cacert FILE")
        }
        TlsFault::HostNameMismatch => {
            Some("write the host name that the certificate is made out to into the URL")
        }
        TlsFault::PlainPort | TlsFault::CutOff => {
            Some("is the listener plain HTTP? Then write http://")
        }
        TlsFault::ClientCertificate => {
            Some("the worker wants a client certificate that it trusts: --cert FILE and --key FILE")
        }
        TlsFault::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_repeats_a_configuration_does_not_reveal_its_secrets() {
        let config = IndexMap::from([
            ("connection.password".to_owned(), "canary".to_owned()),
            ("tasks.max".to_owned(), "0".to_owned()),
            ("db.password".to_owned(), "${file:/s:p}".to_owned()),
            ("empty.password".to_owned(), String::new()),
        ]);
        let error = RestError {
            method: "POST".into(),
            url: "http://h/connectors".into(),
            kind: RestErrorKind::Status {
                status: 400,
                message: "Invalid value canary for configuration connection.password, 0 for tasks.max, ${file:/s:p}".into(),
            },
        };
        assert_eq!(
            error.without_secrets_of(&config).to_string(),
            "POST http://h/connectors: answered 400: Invalid value ******** for configuration connection.password, 0 for tasks.max, ${file:/s:p}"
        );
    }
}
