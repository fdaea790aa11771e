//! One request with its repetitions: to the next worker when one is gone, later when the cluster is rebalancing.

use std::error::Error as _;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::RestSettings;
use super::error::{RestError, RestErrorKind};
use crate::io::kafka::error::TlsFault;
use crate::io::kafka::verifier;
use crate::model::rest::{error_message, is_transient};
use crate::model::secrets::redact_url;

/// The workers of one cluster.
#[derive(Clone)]
pub struct Endpoint {
    client: Client,
    workers: Vec<Worker>,
    timeout: Duration,
}

#[derive(Clone)]
struct Worker {
    /// With a trailing slash, without userinfo.
    base: Url,
    user: Option<(String, String)>,
}

/// Credentials stay out of debug output.
impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    pub(super) fn new(settings: RestSettings) -> Result<Self, RestError> {
        let user = settings.user.as_deref().map(split_user).transpose()?;
        let workers: Vec<_> = settings
            .urls
            .iter()
            .map(|url| Worker::new(url, user.as_ref()))
            .collect::<Result<_, _>>()?;
        if workers.is_empty() {
            return Err(bad_url("", "no URL was given"));
        }
        let https = workers.iter().any(|w| w.base.scheme() == "https");
        let tls = match settings.tls {
            Some(tls) => (*tls).clone(),
            None => system_tls(https).map_err(|detail| failed_setup(&workers, detail))?,
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("connectctl/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .build()
            .map_err(|e| failed_setup(&workers, e.to_string()))?;
        Ok(Self {
            client,
            workers,
            timeout: settings.timeout,
        })
    }

    /// Returns the first worker's URL.
    pub(super) fn url(&self) -> &str {
        self.workers
            .first()
            .map_or("", |w| w.base.as_str().trim_end_matches('/'))
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RestError> {
        let (url, body) = self.call(Method::GET, path, None).await?;
        serde_json::from_slice(&body).map_err(|e| RestError {
            method: "GET".into(),
            url,
            kind: RestErrorKind::Malformed(unlike(&e)),
        })
    }

    pub(super) async fn send<B: Serialize + ?Sized>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<(), RestError> {
        let body = body
            .map(serde_json::to_vec)
            .transpose()
            .map_err(|e| bad_url(path, &e.to_string()))?;
        self.call(method, path, body).await.map(drop)
    }

    /// Sends one request until it is answered for good, and returns the URL that answered and the body.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(String, Vec<u8>), RestError> {
        let deadline = Instant::now() + self.timeout;
        let mut pause = Duration::from_millis(100);
        loop {
            let error = match self.round(&method, path, body.as_deref(), deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let later = match &error.kind {
                RestErrorKind::Status { status, message } => is_transient(*status, message),
                _ => false,
            };
            if !later || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, "asking again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Asks the workers in turn until one answers at all.
    async fn round(
        &self,
        method: &Method,
        path: &str,
        body: Option<&[u8]>,
        deadline: Instant,
    ) -> Result<(String, Vec<u8>), RestError> {
        let mut last = None;
        for worker in &self.workers {
            match self.ask(worker, method, path, body, deadline).await {
                Err(error) if error.is_unreachable() => {
                    tracing::debug!(%error, "trying the next worker");
                    last = Some(error);
                }
                answered => return answered,
            }
        }
        Err(last.unwrap_or_else(|| bad_url("", "no URL was given")))
    }

    async fn ask(
        &self,
        worker: &Worker,
        method: &Method,
        path: &str,
        body: Option<&[u8]>,
        deadline: Instant,
    ) -> Result<(String, Vec<u8>), RestError> {
        let url = worker
            .base
            .join(path)
            .map_err(|e| bad_url(path, &e.to_string()))?;
        let fail = |kind| RestError {
            method: method.to_string(),
            url: url.to_string(),
            kind,
        };
        let mut request = self
            .client
            .request(method.clone(), url.clone())
            .header("Accept", "application/json");
        if let Some((name, password)) = &worker.user {
            request = request.basic_auth(name, Some(password));
        }
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_vec());
        }
        tracing::debug!(%method, %url, "request");
        let (status, location, body) =
            match tokio::time::timeout_at(deadline, exchange(request)).await {
                Err(_elapsed) => return Err(fail(RestErrorKind::Timeout(self.timeout))),
                Ok(Err(Broken::Http(error))) => {
                    return Err(fail(classified(&error, self.timeout)));
                }
                Ok(Err(Broken::TooLarge)) => return Err(fail(RestErrorKind::TooLarge(LARGEST))),
                Ok(Ok(answer)) => answer,
            };
        if status.is_success() {
            return Ok((url.to_string(), body));
        }
        Err(fail(match location {
            Some(location) if status.is_redirection() => RestErrorKind::Redirect {
                status: status.as_u16(),
                location: shown_location(&url, &location),
            },
            _ => RestErrorKind::Status {
                status: status.as_u16(),
                message: error_message(&body),
            },
        }))
    }
}

/// Bytes of the largest answer that is read: 10,000 connectors with large configurations are a fifth of it.
const LARGEST: usize = 256 << 20;

/// Why an exchange did not come to an answer.
enum Broken {
    Http(reqwest::Error),
    TooLarge,
}

/// Sends a request, and returns status, `Location` and body of the answer.
async fn exchange(
    request: reqwest::RequestBuilder,
) -> Result<(StatusCode, Option<String>, Vec<u8>), Broken> {
    let mut response = request.send().await.map_err(Broken::Http)?;
    let location = response.headers().get(reqwest::header::LOCATION);
    let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Broken::Http)? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Broken::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), location, body))
}

/// Returns where a redirect leads, without userinfo and query, which may hold a token.
fn shown_location(asked: &Url, location: &str) -> String {
    let Ok(mut to) = asked.join(location) else {
        return "something that is not a URL".to_owned();
    };
    to.set_query(None);
    to.set_fragment(None);
    redact_url(to.as_str())
}

/// Says why JSON is not what was asked for, without its values: they may be secrets.
fn unlike(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let missing = text.starts_with("missing field `");
    let what = match error.classify() {
        serde_json::error::Category::Data if missing => return text,
        serde_json::error::Category::Data => "JSON of another shape",
        _ => "no JSON",
    };
    format!("{what}, at line {} column {}", error.line(), error.column())
}

impl Worker {
    fn new(text: &str, user: Option<&(String, String)>) -> Result<Self, RestError> {
        let shown = || redact_url(text);
        let mut base = Url::parse(text).map_err(|e| bad_url(&shown(), &e.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(bad_url(&shown(), "it must start with http:// or https://"));
        }
        let own = (!base.username().is_empty()).then(|| {
            (
                decoded(base.username()),
                decoded(base.password().unwrap_or_default()),
            )
        });
        let stripped = base.set_username("").and_then(|()| base.set_password(None));
        stripped.map_err(|()| bad_url(&shown(), "its userinfo cannot be read"))?;
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self {
            base,
            user: own.or(user.cloned()),
        })
    }
}

fn split_user(user: &str) -> Result<(String, String), RestError> {
    let (name, password) = user.split_once(':').ok_or_else(|| RestError {
        method: "--user".into(),
        url: "********".into(),
        kind: RestErrorKind::BadUser,
    })?;
    Ok((name.to_owned(), password.to_owned()))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(hex.unwrap_or(*first));
        rest = if hex.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn bad_url(url: &str, why: &str) -> RestError {
    RestError {
        method: "URL".into(),
        url: url.into(),
        kind: RestErrorKind::BadUrl(why.into()),
    }
}

fn failed_setup(workers: &[Worker], detail: String) -> RestError {
    RestError {
        method: "URL".into(),
        url: workers
            .first()
            .map_or_else(String::new, |w| w.base.to_string()),
        kind: RestErrorKind::Tls {
            fault: TlsFault::Other,
            reason: detail,
        },
    }
}

/// TLS with the system's certificates; they are read only when some URL is HTTPS.
pub(in crate::io) fn system_tls(https: bool) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    if https {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// Finds the reason in the chain of causes that reqwest and hyper build.
fn classified(error: &reqwest::Error, timeout: Duration) -> RestErrorKind {
    let encrypted = error.url().is_some_and(|url| url.scheme() == "https");
    let mut deepest = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        match inner
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind)
        {
            Some(std::io::ErrorKind::ConnectionRefused) => return RestErrorKind::Refused,
            Some(std::io::ErrorKind::TimedOut) => return RestErrorKind::Timeout(timeout),
            Some(std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset)
                if encrypted && error.is_connect() =>
            {
                return RestErrorKind::Tls {
                    fault: TlsFault::CutOff,
                    reason: "it hung up instead of answering in TLS".to_owned(),
                };
            }
            _ => {}
        }
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return tls_failed(tls);
        }
        deepest = inner.to_string();
        if deepest.contains("dns error") || deepest.contains("failed to lookup address") {
            return RestErrorKind::UnknownHost;
        }
        cause = cause_of(inner);
    }
    if error.is_connect() {
        RestErrorKind::Unreachable(deepest)
    } else {
        RestErrorKind::NotHttp(deepest)
    }
}

/// An I/O error that wraps another error has that error's source as its own; what is wanted is the wrapped one.
fn cause_of<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a (dyn std::error::Error + 'static)> {
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match wrapped {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

fn tls_failed(error: &rustls::Error) -> RestErrorKind {
    let (fault, reason) = verifier::explained_to(error, "worker");
    RestErrorKind::Tls { fault, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str, user: Option<&str>) -> Result<Endpoint, RestError> {
        Endpoint::new(RestSettings {
            urls: vec![url.into()],
            user: user.map(Into::into),
            tls: None,
            timeout: Duration::from_secs(1),
        })
    }

    #[test]
    fn userinfo_becomes_the_user_and_is_never_shown() {
        let endpoint = endpoint("http://ad%20min:s%3Acret@h:8083/kc", None).unwrap();
        assert_eq!(endpoint.url(), "http://h:8083/kc");
        assert_eq!(
            endpoint.workers[0].user,
            Some(("ad min".into(), "s:cret".into()))
        );
        assert!(!format!("{endpoint:?}").contains("cret"));
    }

    #[test]
    fn a_url_without_a_scheme_is_refused_without_its_password() {
        for url in ["h:8083", "ftp://u:secret@h", "not a url"] {
            let error = endpoint(url, None).unwrap_err().to_string();
            assert!(
                error.contains("is not a URL of a Connect worker"),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_user_without_a_colon_is_refused_without_being_shown() {
        let error = endpoint("http://h:1", Some("secret"))
            .unwrap_err()
            .to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
