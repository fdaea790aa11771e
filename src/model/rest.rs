//! Connect's REST surface: paths, bodies and errors, as Kafka Connect 4.3 has them.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::model::connector_config::TargetState;
use crate::model::secrets;

/// `GET /`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    pub version: String,
    #[serde(default)]
    pub commit: String,
    /// Absent before Kafka 1.1.
    #[serde(default)]
    pub kafka_cluster_id: Option<String>,
}

/// What a worker of `connectctl run` has in the place of the commit that it was built from.
pub const NATIVE: &str = "connectctl";

impl Root {
    /// Returns whether a worker of `connectctl run` answers; its version is not one of Kafka.
    pub fn is_native(&self) -> bool {
        self.commit == NATIVE
    }
}

/// `GET /connectors/X`, and `info` of `expand=info` (`ConnectorInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorInfo {
    pub name: String,
    /// `null` where somebody wrote a record by hand; a worker never does.
    pub config: IndexMap<String, Option<String>>,
    #[serde(default)]
    pub tasks: Vec<TaskId>,
    /// `source`, `sink` or `unknown`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskId {
    pub connector: String,
    pub task: u32,
}

/// One of `GET /connectors/X/tasks` (`TaskInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskInfo {
    pub id: TaskId,
    pub config: IndexMap<String, Option<String>>,
}

/// `GET /connectors/X/status`, and `status` of `expand=status` (`ConnectorStateInfo`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorStatus {
    pub name: String,
    pub connector: ConnectorState,
    #[serde(default)]
    pub tasks: Vec<TaskState>,
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorState {
    /// UNASSIGNED, RUNNING, PAUSED, FAILED, RESTARTING, STOPPED.
    pub state: String,
    #[serde(default)]
    pub worker_id: String,
    /// Java stack trace of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    pub id: u32,
    pub state: String,
    #[serde(default)]
    pub worker_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// One value of `GET /connectors?expand=info&expand=status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expanded {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<ConnectorInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ConnectorStatus>,
}

/// `GET /connectors/X/offsets` (KIP-875).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectorOffsets {
    pub offsets: Vec<ConnectorOffset>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectorOffset {
    pub partition: serde_json::Value,
    #[serde(default)]
    pub offset: serde_json::Value,
}

/// `POST /connectors` (`CreateConnectorRequest`; `initial_state` since 3.7, KIP-980).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateConnector {
    pub name: String,
    pub config: IndexMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_state: Option<InitialState>,
}

/// The states that a new connector can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum InitialState {
    Running,
    Paused,
    Stopped,
}

impl From<TargetState> for InitialState {
    fn from(state: TargetState) -> Self {
        match state {
            TargetState::Started => Self::Running,
            TargetState::Paused => Self::Paused,
            TargetState::Stopped => Self::Stopped,
        }
    }
}

/// Body of every error (`ErrorMessage`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    pub error_code: i64,
    #[serde(default)]
    pub message: Option<String>,
}

/// Returns `connectors/NAME` and what follows, with the name percent-encoded.
///
/// Everything but RFC 3986's unreserved characters is encoded: Jetty reads `;` as the start of a path parameter.
pub fn connector_path(name: &str, rest: &str) -> String {
    format!("connectors/{}{rest}", encoded(name))
}

/// Where any worker of a cluster is, in a command of which only the reader knows the address.
pub const ANY_WORKER: &str = "http://WORKER:8083";

/// Returns the command that gives connectors another state at the worker with this URL: `stop`, `pause` or `resume`.
///
/// curl reads `{a,b}` as both. Of many names none is given: `NAME` stands for each.
pub fn put_command(url: &str, names: &[&str], action: &str) -> String {
    const NAMED: usize = 8;
    let encoded: Vec<String> = names.iter().map(|name| encoded(name)).collect();
    let name = match &encoded[..] {
        [name] => name.clone(),
        names if names.len() > NAMED => "NAME".to_owned(),
        names => format!("{{{}}}", names.join(",")),
    };
    let url = url.trim_end_matches('/');
    format!("curl -X PUT '{url}/connectors/{name}/{action}'")
}

/// Returns whether a worker with Jetty 12 (Kafka 4.0 and later) can be asked for a connector of this name.
pub fn is_addressable(name: &str) -> bool {
    !name.contains(['/', '%']) && !matches!(name, "" | "." | "..")
}

/// Returns whether a request that was answered like this succeeds when it is sent again later.
///
/// 409 is a rebalance unless it says that the connector exists; three messages of 500 are a rebalance, or a leader that is gone
/// but not yet expelled (`RebalanceNeededException`, `RestClient`).
pub fn is_transient(status: u16, message: &str) -> bool {
    match status {
        409 => !message.ends_with("already exists"),
        500 => [
            "a rebalance is expected",
            "IO Error trying to forward REST request",
            "no known leader URL",
        ]
        .iter()
        .any(|sign| message.contains(sign)),
        502..=504 => true,
        _ => false,
    }
}

/// Returns what an error body says, whether it is Connect's JSON or a proxy's HTML, with credentials hidden.
pub fn error_message(body: &[u8]) -> String {
    secrets::shown("message", &plain_error_message(body)).into_owned()
}

fn plain_error_message(body: &[u8]) -> String {
    if let Ok(ErrorBody {
        message: Some(message),
        ..
    }) = serde_json::from_slice(body)
    {
        return message;
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(64 << 10)]);
    let words = without_tags(&text);
    words.chars().take(300).collect()
}

fn without_tags(html: &str) -> String {
    let mut inside = false;
    let text: String = html
        .chars()
        .filter_map(|c| match c {
            '<' => {
                inside = true;
                Some(' ')
            }
            '>' if inside => {
                inside = false;
                Some(' ')
            }
            _ if inside => None,
            c => Some(c),
        })
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn encoded(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _infallible = write!(path, "%{byte:02X}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_byte_by_byte() {
        assert_eq!(
            connector_path("a b;c", "/stop"),
            "connectors/a%20b%3Bc/stop"
        );
        assert_eq!(connector_path("가~1", ""), "connectors/%EA%B0%80~1");
    }

    #[test]
    fn a_command_that_stops_connectors_can_be_typed() {
        assert_eq!(
            put_command(ANY_WORKER, &["my file"], "stop"),
            "curl -X PUT 'http://WORKER:8083/connectors/my%20file/stop'"
        );
        assert_eq!(
            put_command("https://w:1/", &["a", "b,c'"], "resume"),
            "curl -X PUT 'https://w:1/connectors/{a,b%2Cc%27}/resume'"
        );
        assert_eq!(
            put_command("http://w:1", &["a"; 9], "pause"),
            "curl -X PUT 'http://w:1/connectors/NAME/pause'"
        );
    }

    #[test]
    fn a_rebalance_is_transient_and_an_existing_connector_is_not() {
        assert!(is_transient(
            409,
            "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
        ));
        assert!(!is_transient(409, "Connector file-src already exists"));
        assert!(is_transient(
            500,
            "Request cannot be completed because a rebalance is expected"
        ));
        assert!(!is_transient(500, "Failed to find any class"));
        assert!(!is_transient(404, "Connector nope not found"));
    }

    #[test]
    fn error_bodies_of_connect_and_of_jetty_become_messages() {
        assert_eq!(
            error_message(br#"{"error_code":404,"message":"Connector nope not found"}"#),
            "Connector nope not found"
        );
        assert_eq!(
            error_message(b"<html><h2>HTTP ERROR 400 Ambiguous URI</h2>\n<p>x</p></html>"),
            "HTTP ERROR 400 Ambiguous URI x"
        );
        assert_eq!(error_message(b"\xff\xfe"), "\u{fffd}\u{fffd}");
        assert_eq!(
            error_message(br#"{"error_code":400,"message":"Invalid value jdbc:x://u:canary@h for configuration url"}"#),
            "Invalid value jdbc:x://********@h for configuration url"
        );
    }

    #[test]
    fn captured_bodies_are_read() {
        let status: ConnectorStatus = serde_json::from_str(
            r#"{"name":"f","connector":{"state":"RUNNING","worker_id":"127.0.0.1:20100","version":"4.3.1"},"tasks":[{"id":0,"state":"FAILED","worker_id":"w","trace":"t"}],"type":"source"}"#,
        )
        .unwrap();
        assert_eq!(status.tasks[0].trace.as_deref(), Some("t"));
        let create = CreateConnector {
            name: "a".into(),
            config: IndexMap::from([("k".to_owned(), "v".to_owned())]),
            initial_state: Some(InitialState::Stopped),
        };
        assert_eq!(
            serde_json::to_string(&create).unwrap(),
            r#"{"name":"a","config":{"k":"v"},"initial_state":"STOPPED"}"#
        );
    }
}
