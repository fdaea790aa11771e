//! Blocking JSON over HTTP, for the REST API of workers: callable from plain and from async tests.
//!
//! HTTP/1.0 over a socket: the answer is not chunked and ends with the connection, so nothing of a
//! client that the product itself uses takes part in judging the product.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// What the worker answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    /// Returns the body as JSON; null when it is empty.
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error} in the answer {self:?}"))
    }

    /// Panics unless the status is 2xx.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!((200..300).contains(&self.status), "{self:?}");
        self
    }
}

#[track_caller]
pub fn get(url: &str) -> Answer {
    request("GET", url, None).unwrap_or_else(|error| panic!("GET {url}: {error}"))
}

#[track_caller]
pub fn put(url: &str, body: Option<&Value>) -> Answer {
    request("PUT", url, body).unwrap_or_else(|error| panic!("PUT {url}: {error}"))
}

#[track_caller]
pub fn post(url: &str, body: Option<&Value>) -> Answer {
    request("POST", url, body).unwrap_or_else(|error| panic!("POST {url}: {error}"))
}

#[track_caller]
pub fn patch(url: &str, body: &Value) -> Answer {
    request("PATCH", url, Some(body)).unwrap_or_else(|error| panic!("PATCH {url}: {error}"))
}

#[track_caller]
pub fn delete(url: &str) -> Answer {
    request("DELETE", url, None).unwrap_or_else(|error| panic!("DELETE {url}: {error}"))
}

/// Sends one request to `http://host:port/path`; names in the path are percent-encoded by the caller.
pub fn request(method: &str, url: &str, body: Option<&Value>) -> std::io::Result<Answer> {
    request_as(None, method, url, body)
}

/// As [`request`], logged in as `NAME:PASSWORD`.
pub fn request_as(
    user: Option<&str>,
    method: &str,
    url: &str,
    body: Option<&Value>,
) -> std::io::Result<Answer> {
    use base64::Engine as _;
    let login = user.map_or_else(String::new, |user| {
        let encoded = base64::engine::general_purpose::STANDARD.encode(user);
        format!("Authorization: Basic {encoded}\r\n")
    });
    let rest = url.strip_prefix("http://").expect("an http:// URL");
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut socket = TcpStream::connect(address)?;
    // A worker may hold a request for 90 s while it rebalances.
    socket.set_read_timeout(Some(Duration::from_secs(100)))?;
    write!(
        socket,
        "{method} /{path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\
         {login}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "no HTTP answer"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer {
        status,
        text: text.to_owned(),
    })
}

/// Percent-encodes a path segment, such as a connector's name.
pub fn segment(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
