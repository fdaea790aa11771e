//! What can go wrong between us and a Kafka cluster, told apart by cause, with a hint of what to do.

use std::sync::Arc;
use std::time::Duration;

use crate::io::kafka::acl::{Acl, Caller, Resource};
use crate::io::kafka::login::LoginError;
use crate::io::kafka::oauth::TokenError;
use crate::io::kafka::verifier;
use crate::protocol::errors::{self, ErrorCode};
use crate::protocol::record_batch::RecordBatchError;

/// An error code that a broker answered with, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerError {
    /// The request by its protocol name, `CreateTopics`.
    pub operation: &'static str,
    /// What it was about.
    pub resource: Resource,
    pub code: ErrorCode,
    /// The broker's own words, when it sent any.
    pub message: Option<Box<str>>,
    /// Who asked; `None` until the request's result leaves the client.
    pub caller: Option<Arc<Caller>>,
}

impl BrokerError {
    pub fn new(operation: &'static str, resource: impl Into<Resource>, code: i16) -> Self {
        Self {
            operation,
            resource: resource.into(),
            code: ErrorCode::of(code),
            message: None,
            caller: None,
        }
    }

    /// Says who asked.
    pub(super) fn by(self, caller: &Arc<Caller>) -> Self {
        Self {
            caller: Some(Arc::clone(caller)),
            ..self
        }
    }

    /// Adds the broker's words; an empty text is none.
    pub fn with_message(self, message: Option<impl AsRef<str>>) -> Self {
        let message = message.and_then(|text| {
            let text = text.as_ref().trim();
            (!text.is_empty()).then(|| Box::from(text))
        });
        Self { message, ..self }
    }

    pub fn is(&self, code: i16) -> bool {
        self.code.code == code
    }

    pub fn is_authorization(&self) -> bool {
        self.code.is_authorization()
    }

    /// True when the same request may succeed a moment later; an unknown topic is retriable to Kafka's clients, but
    /// here it is an answer.
    pub fn is_transient(&self) -> bool {
        self.code.retriable
            && !self.is(errors::UNKNOWN_TOPIC_OR_PARTITION)
            && !self.is(errors::UNKNOWN_TOPIC_ID)
    }

    /// Returns the permission that is missing, when that is the error.
    pub fn lacking(&self) -> Option<Acl> {
        self.is_authorization()
            .then(|| Acl::lacking(self.operation, &self.resource, self.code))
            .flatten()
    }

    /// Returns what to do about it; for a missing ACL, the command that grants it.
    pub fn hint(&self) -> Option<String> {
        match (&self.caller, self.lacking()) {
            (Some(caller), Some(acl)) => Some(format!(
                "{} lacks {acl}; an administrator types: {}",
                caller.name(),
                caller.grant(&[acl.operation], std::slice::from_ref(&acl.on))
            )),
            _ => self.code.advice().map(str::to_owned),
        }
    }
}

impl std::fmt::Display for BrokerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} for {}", self.operation, self.resource)?;
        let principal = self.caller.as_ref().and_then(|c| c.principal.as_ref());
        if let (true, Some(principal)) = (self.is_authorization(), principal) {
            write!(f, " as {principal}")?;
        }
        write!(f, " was answered with {}", self.code)?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for BrokerError {}

/// Why a TLS session could not be set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The broker's certificate is not signed by anything in the truststore.
    UntrustedCertificate,
    /// The certificate is trusted but made out to another host.
    HostNameMismatch,
    /// The listener does not speak TLS.
    PlainPort,
    /// The broker hung up in the middle: a plain listener does, and one that is starting or stopping.
    CutOff,
    /// The broker wants a client certificate, or refuses ours.
    ClientCertificate,
    Other,
}

/// Why a cluster could not be spoken to, or what it answered. `address` is `host:port`.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KafkaError {
    #[error("{address:?} is not an address of the form host:port")]
    Address { address: String },
    #[error("the host of {address} is unknown: {reason}")]
    UnknownHost { address: String, reason: String },
    #[error("{address} refused the connection")]
    Refused { address: String },
    #[error("no connection to {address}: {reason}")]
    Unreachable { address: String, reason: String },
    #[error("{what} of {address} did not come within {}", seconds(*after))]
    Timeout {
        address: String,
        /// What was waited for, `the connection`, `the answer to Metadata`.
        what: String,
        after: Duration,
    },
    #[error("{address} closed the connection during {during}{}", because(reason.as_ref()))]
    Closed {
        address: String,
        during: String,
        reason: Option<String>,
    },
    #[error("{address} is not a Kafka broker: it answered like {looks_like}")]
    NotKafka { address: String, looks_like: String },
    #[error("{address} speaks TLS, but the connection is not encrypted")]
    TlsExpected { address: String },
    #[error("no TLS session with {address}: {reason}")]
    Tls {
        address: String,
        fault: TlsFault,
        reason: String,
    },
    #[error("{address} refused the login with {mechanism}: {message}")]
    Authentication {
        address: String,
        mechanism: String,
        message: String,
    },
    #[error("no token for OAUTHBEARER: {source}")]
    Token { source: TokenError },
    #[error("{address} does not offer SASL {mechanism}, it offers {}", offered.join(", "))]
    UnsupportedMechanism {
        address: String,
        mechanism: String,
        offered: Vec<String>,
    },
    #[error("{0}")]
    Broker(#[from] BrokerError),
    #[error("{address} speaks {api} in versions {theirs}, we speak {ours}")]
    UnsupportedVersion {
        address: String,
        api: String,
        ours: String,
        theirs: String,
    },
    #[error("{address} sent an answer that is not valid: {reason}")]
    Protocol { address: String, reason: String },
    #[error(
        "{address} has no record of {partition} between offsets {position} and {end}, and no end of it"
    )]
    Stalled {
        address: String,
        /// `topic-partition`.
        partition: String,
        position: i64,
        end: i64,
    },
    #[error("records of {topic}-{partition} cannot be read: {source}")]
    Records {
        topic: String,
        partition: i32,
        source: RecordBatchError,
    },
    #[error("the cluster advertises {address} for broker {broker}, but {source}")]
    Advertised {
        broker: i32,
        address: String,
        source: Box<KafkaError>,
    },
    #[error("none of the bootstrap servers could be used: {}", listed(attempts))]
    Bootstrap { attempts: Vec<KafkaError> },
    #[error("{source} (tried {attempts} times in {})", seconds(*after))]
    GaveUp {
        attempts: u32,
        after: Duration,
        source: Box<KafkaError>,
    },
}

/// Causes that callers and tests tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaErrorKind {
    Address,
    UnknownHost,
    Refused,
    Unreachable,
    Timeout,
    Closed,
    NotKafka,
    TlsExpected,
    Tls(TlsFault),
    Authentication,
    Token,
    UnsupportedMechanism,
    Authorization,
    Broker,
    UnsupportedVersion,
    Protocol,
}

impl KafkaError {
    /// Returns the cause; for a list of bootstrap servers, the cause at the last of them.
    pub fn kind(&self) -> KafkaErrorKind {
        match self {
            Self::Address { .. } => KafkaErrorKind::Address,
            Self::UnknownHost { .. } => KafkaErrorKind::UnknownHost,
            Self::Refused { .. } => KafkaErrorKind::Refused,
            Self::Unreachable { .. } => KafkaErrorKind::Unreachable,
            Self::Timeout { .. } | Self::Stalled { .. } => KafkaErrorKind::Timeout,
            Self::Closed { .. } => KafkaErrorKind::Closed,
            Self::NotKafka { .. } => KafkaErrorKind::NotKafka,
            Self::TlsExpected { .. } => KafkaErrorKind::TlsExpected,
            Self::Tls { fault, .. } => KafkaErrorKind::Tls(*fault),
            Self::Authentication { .. } => KafkaErrorKind::Authentication,
            Self::Token { .. } => KafkaErrorKind::Token,
            Self::UnsupportedMechanism { .. } => KafkaErrorKind::UnsupportedMechanism,
            Self::Broker(error) if error.is_authorization() => KafkaErrorKind::Authorization,
            Self::Broker(_) => KafkaErrorKind::Broker,
            Self::UnsupportedVersion { .. } => KafkaErrorKind::UnsupportedVersion,
            Self::Protocol { .. } | Self::Records { .. } => KafkaErrorKind::Protocol,
            Self::Advertised { source, .. } | Self::GaveUp { source, .. } => source.kind(),
            Self::Bootstrap { attempts } => attempts
                .last()
                .map_or(KafkaErrorKind::Address, KafkaError::kind),
        }
    }

    /// Returns the broker's answer, when that is what failed.
    pub fn broker(&self) -> Option<&BrokerError> {
        match self {
            Self::Broker(error) => Some(error),
            Self::Advertised { source, .. } | Self::GaveUp { source, .. } => source.broker(),
            _ => None,
        }
    }

    pub fn is_authorization(&self) -> bool {
        self.kind() == KafkaErrorKind::Authorization
    }

    /// True when the same request may succeed later or at another broker.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Closed { .. } => true,
            Self::Broker(error) => error.is_transient(),
            Self::Advertised { source, .. } => source.is_retriable(),
            Self::Bootstrap { attempts } => attempts.iter().any(Self::is_retriable),
            _ => false,
        }
    }

    /// True for what passes by itself, however long it takes: an outage, a name that DNS has lost, a topic that a broker
    /// has not heard of yet. Who runs for months waits for it, as clients on a JVM do with a `RetriableException`; who is
    /// watched by a person asks [`Self::is_retriable`], and lets the person correct a name.
    pub fn passes(&self) -> bool {
        match self {
            Self::UnknownHost { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Stalled { .. } => true,
            Self::Tls { fault, .. } => *fault == TlsFault::CutOff,
            Self::Broker(error) => error.code.retriable,
            Self::Advertised { source, .. } | Self::GaveUp { source, .. } => source.passes(),
            Self::Bootstrap { attempts } => attempts.iter().any(Self::passes),
            Self::Address { .. }
            | Self::NotKafka { .. }
            | Self::TlsExpected { .. }
            | Self::Authentication { .. }
            | Self::Token { .. }
            | Self::UnsupportedMechanism { .. }
            | Self::UnsupportedVersion { .. }
            | Self::Protocol { .. }
            | Self::Records { .. } => false,
        }
    }

    /// True for what [`Self::passes`] without being the answer that a topic is missing: for who reads a topic, it was deleted.
    pub fn is_outage(&self) -> bool {
        self.passes() && self.broker().is_none_or(BrokerError::is_transient)
    }

    /// True when the credentials were refused: trying them at another broker may lock the account.
    pub fn is_decisive(&self) -> bool {
        matches!(
            self,
            Self::Authentication { .. } | Self::UnsupportedMechanism { .. } | Self::Token { .. }
        )
    }

    /// Returns what to do next, as a sentence.
    pub fn hint(&self) -> Option<String> {
        self.hint_with("--timeout waits longer")
    }

    /// Returns what to do next; `longer` is the part of a sentence that says how more time is given.
    pub fn hint_with(&self, longer: &str) -> Option<String> {
        let text = match self {
            Self::Address { .. } => "Write bootstrap.servers as host:port, separated by commas.",
            Self::UnknownHost { .. } => "Check the host name in bootstrap.servers, and DNS.",
            Self::Refused { .. } => "Check that Kafka is running and listens on this port.",
            Self::Unreachable { .. } => {
                "Check the network and the firewall between here and Kafka."
            }
            Self::Timeout { .. } => {
                return Some(format!(
                    "Check that the port is Kafka's and no firewall drops the packets; {longer}."
                ));
            }
            Self::Closed { .. } => {
                "Compare security.protocol with the listener: a TLS or SASL listener closes plain connections."
            }
            Self::NotKafka { .. } => "Check the port: bootstrap.servers names Kafka brokers.",
            Self::TlsExpected { .. } => "Set security.protocol=SSL or SASL_SSL.",
            Self::Tls { fault, .. } => return tls_hint(*fault).map(str::to_owned),
            Self::Authentication { .. } => {
                "Check the user name, the password and sasl.mechanism in the client properties."
            }
            Self::Token { source } => return Some(source.hint()),
            Self::UnsupportedMechanism { .. } => {
                "Set sasl.mechanism to one of the mechanisms that the listener offers."
            }
            Self::Broker(error) => return error.hint(),
            Self::UnsupportedVersion { .. } => "Kafka 2.8 to 4.x are supported.",
            Self::Protocol { .. } => "Check that the port is Kafka's.",
            Self::Stalled { .. } => "Check that all replicas of the partition are in sync.",
            Self::Records { .. } => "Check the topic with `kafka-dump-log.sh` on a broker.",
            Self::Advertised { .. } => {
                "Correct advertised.listeners of that broker, or run where the address can be reached."
            }
            Self::Bootstrap { attempts } => return attempts.last()?.hint_with(longer),
            Self::GaveUp { source, .. } => return source.hint_with(longer),
        };
        Some(text.to_owned())
    }

    /// Says who asked, where the error is a broker's answer.
    pub(super) fn by(self, caller: &Arc<Caller>) -> Self {
        match self {
            Self::Broker(error) => Self::Broker(error.by(caller)),
            Self::Advertised {
                broker,
                address,
                source,
            } => Self::Advertised {
                broker,
                address,
                source: Box::new(source.by(caller)),
            },
            Self::GaveUp {
                attempts,
                after,
                source,
            } => Self::GaveUp {
                attempts,
                after,
                source: Box::new(source.by(caller)),
            },
            other => other,
        }
    }

    /// Wraps an I/O error of a connection that stood.
    pub(super) fn lost(address: &str, during: &str, error: &std::io::Error) -> Self {
        // In TLS 1.3 a broker says only after the handshake that it wants another client certificate.
        if let Some((fault, reason)) = verifier::explained(error) {
            return Self::Tls {
                address: address.to_owned(),
                fault,
                reason,
            };
        }
        let plain_end = matches!(
            error.kind(),
            std::io::ErrorKind::UnexpectedEof
                | std::io::ErrorKind::ConnectionReset
                | std::io::ErrorKind::BrokenPipe
        );
        Self::Closed {
            address: address.to_owned(),
            during: during.to_owned(),
            reason: (!plain_end).then(|| error.to_string()),
        }
    }

    /// Says why a login did not come to the broker's verdict.
    pub(super) fn login(address: &str, mechanism: &str, error: LoginError) -> Self {
        match error {
            LoginError::Token(source) => Self::Token { source },
            LoginError::Broker(message) => Self::Authentication {
                address: address.to_owned(),
                mechanism: mechanism.to_owned(),
                message,
            },
        }
    }

    pub(in crate::io) fn protocol(address: &str, reason: impl std::fmt::Display) -> Self {
        Self::Protocol {
            address: address.to_owned(),
            reason: reason.to_string(),
        }
    }
}

fn tls_hint(fault: TlsFault) -> Option<&'static str> {
    match fault {
        TlsFault::UntrustedCertificate => {
            Some("Put the certificate authority of the brokers into ssl.truststore.location.")
        }
        TlsFault::HostNameMismatch => Some(
            "Use the host name that the certificate is made out to, or set ssl.endpoint.identification.algorithm= (empty).",
        ),
        TlsFault::PlainPort | TlsFault::CutOff => {
            Some("Set security.protocol=PLAINTEXT or SASL_PLAINTEXT, or use the TLS port.")
        }
        TlsFault::ClientCertificate => {
            Some("Set ssl.keystore.location to a key whose certificate the brokers trust.")
        }
        TlsFault::Other => None,
    }
}

fn because(reason: Option<&String>) -> String {
    reason.map(|text| format!(": {text}")).unwrap_or_default()
}

fn listed(attempts: &[KafkaError]) -> String {
    let lines: Vec<String> = attempts.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_acl_is_named_with_operation_and_resource() {
        let error = BrokerError::new(
            "CreateTopics",
            Resource::topic("connect-offsets"),
            errors::TOPIC_AUTHORIZATION_FAILED,
        );
        let caller = Caller {
            principal: Some("User:bob".to_owned()),
            bootstrap: "kafka:9092".to_owned(),
        };
        let error = error.by(&Arc::new(caller));
        assert_eq!(
            error.to_string(),
            "CreateTopics for topic connect-offsets as User:bob was answered with TOPIC_AUTHORIZATION_FAILED (29)"
        );
        assert_eq!(
            error.hint().as_deref(),
            Some(
                "User:bob lacks Create on topic connect-offsets; an administrator types: kafka-acls.sh --bootstrap-server kafka:9092 --command-config ADMIN.properties --add --allow-principal User:bob --operation Create --topic connect-offsets"
            )
        );
        assert_eq!(
            KafkaError::from(error).kind(),
            KafkaErrorKind::Authorization
        );
    }

    #[test]
    fn every_bootstrap_server_is_listed_with_its_reason() {
        let error = KafkaError::Bootstrap {
            attempts: vec![
                KafkaError::UnknownHost {
                    address: "nowhere:1".into(),
                    reason: "not found".into(),
                },
                KafkaError::Refused {
                    address: "localhost:2".into(),
                },
            ],
        };
        assert_eq!(
            error.to_string(),
            "none of the bootstrap servers could be used: the host of nowhere:1 is unknown: not found; localhost:2 refused the connection"
        );
    }

    #[test]
    fn an_outage_passes_however_it_is_told() {
        let unknown = || KafkaError::UnknownHost {
            address: "kafka-2:9092".into(),
            reason: "not found".into(),
        };
        let gave_up = |source| KafkaError::GaveUp {
            attempts: 3,
            after: Duration::from_secs(1),
            source: Box::new(source),
        };
        let tls = |fault| KafkaError::Tls {
            address: "kafka-2:9092".into(),
            fault,
            reason: "r".into(),
        };
        let bootstrap = |attempts| KafkaError::Bootstrap { attempts };
        let advertised = KafkaError::Advertised {
            broker: 2,
            address: "kafka-2:9092".into(),
            source: Box::new(unknown()),
        };
        let missing = || BrokerError::new("Produce", "topic t", errors::UNKNOWN_TOPIC_OR_PARTITION);
        let login = || KafkaError::Authentication {
            address: "kafka-2:9092".into(),
            mechanism: "PLAIN".into(),
            message: "no".into(),
        };
        for passing in [
            unknown(),
            gave_up(advertised),
            tls(TlsFault::CutOff),
            bootstrap(vec![login(), unknown()]),
            gave_up(bootstrap(vec![unknown()])),
            missing().into(),
        ] {
            assert!(passing.passes(), "{passing}");
        }
        assert!(!unknown().is_retriable(), "a person can correct it");
        let deleted = gave_up(missing().into());
        assert!(unknown().is_outage() && !deleted.is_outage());
        let code = errors::TOPIC_AUTHORIZATION_FAILED;
        for lasting in [
            gave_up(login()),
            tls(TlsFault::UntrustedCertificate),
            tls(TlsFault::PlainPort),
            bootstrap(vec![login(), tls(TlsFault::HostNameMismatch)]),
            bootstrap(Vec::new()),
            BrokerError::new("Produce", "topic t", code).into(),
        ] {
            assert!(!lasting.passes(), "{lasting}");
        }
    }

    #[test]
    fn giving_up_keeps_the_cause() {
        let error = KafkaError::GaveUp {
            attempts: 3,
            after: Duration::from_millis(1500),
            source: Box::new(KafkaError::Refused {
                address: "localhost:2".into(),
            }),
        };
        assert_eq!(error.kind(), KafkaErrorKind::Refused);
        assert_eq!(
            error.to_string(),
            "localhost:2 refused the connection (tried 3 times in 1.5 s)"
        );
    }
}
