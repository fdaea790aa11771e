//! One socket to one broker: set up once, then many requests in flight, each with its own deadline.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::protocol::{Request, StrBytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::io::kafka::error::{KafkaError, TlsFault};
use crate::io::kafka::sasl;
use crate::io::kafka::settings::ClientSettings;
use crate::io::kafka::verifier;
use crate::io::kafka::versions::{Versions, api_name};
use crate::io::kafka::wire::{Duplex, Wire, decoded, encoded, opened, read_frame};

/// How long a listener may be silent before it is asked whether it speaks HTTP.
const SILENCE: Duration = Duration::from_secs(3);

/// An authenticated connection. Dropping it closes the socket and fails what is in flight.
#[derive(Debug)]
pub(super) struct Connection {
    address: String,
    client_id: StrBytes,
    versions: Versions,
    next_id: AtomicI32,
    /// Not bounded: who sends waits for the answer, or counts what is in flight.
    outgoing: mpsc::UnboundedSender<Bytes>,
    in_flight: Arc<InFlight>,
    _tasks: JoinSet<()>,
}

impl Connection {
    /// Connects, wraps TLS, negotiates versions and logs in, all before `deadline`.
    pub(super) async fn open(
        address: &str,
        settings: &ClientSettings,
        deadline: Instant,
    ) -> Result<Self, KafkaError> {
        let tcp = connect_tcp(address, deadline).await?;
        let wire = first_words(tcp, address, settings, deadline).await?;
        Self::log_in(wire, settings).await
    }

    /// Opens a connection to an address that a user has given: whether Kafka is there is not known yet.
    pub(super) async fn open_given(
        address: &str,
        settings: &ClientSettings,
        deadline: Instant,
    ) -> Result<Self, KafkaError> {
        let tcp = connect_tcp(address, deadline).await?;
        let wire = tokio::select! {
            wire = first_words(tcp, address, settings, deadline) => wire?,
            true = speaks_http(address, deadline) => {
                return Err(KafkaError::NotKafka {
                    address: address.to_owned(),
                    looks_like: "an HTTP server".to_owned(),
                });
            }
        };
        Self::log_in(wire, settings).await
    }

    async fn log_in(mut wire: Wire, settings: &ClientSettings) -> Result<Self, KafkaError> {
        if let Some(login) = &settings.security.sasl {
            sasl::authenticate(login, &mut wire).await?;
        }
        Ok(Self::start(wire))
    }

    fn start(wire: Wire) -> Self {
        let (reading, writing) = tokio::io::split(wire.stream);
        let (outgoing, queue) = mpsc::unbounded_channel();
        let in_flight = Arc::new(InFlight::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(write_all(
            writing,
            queue,
            wire.address.clone(),
            Arc::clone(&in_flight),
        ));
        tasks.spawn(read_all(
            reading,
            wire.address.clone(),
            Arc::clone(&in_flight),
        ));
        Self {
            address: wire.address,
            client_id: wire.client_id,
            versions: wire.versions,
            // Set-up used the ids below; no late answer can be taken for one of ours.
            next_id: AtomicI32::new(1000),
            outgoing,
            in_flight,
            _tasks: tasks,
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the highest version of `R` that both sides speak, `at_most` at most.
    pub(super) fn version<R: Request>(&self, at_most: i16) -> Result<i16, KafkaError> {
        self.versions.highest::<R>(at_most)
    }

    /// True when the socket is closed or a request on it was given up.
    pub(super) fn is_broken(&self) -> bool {
        self.in_flight.lock().broken.is_some()
    }

    /// Asks a request that is the same in every version, `at_most` at most.
    pub(super) async fn call<R: Request>(
        &self,
        request: &R,
        at_most: i16,
        deadline: Instant,
    ) -> Result<R::Response, KafkaError> {
        let version = self.version::<R>(at_most)?;
        self.request(request, version, deadline).await
    }

    /// Sends a request in `version` and waits for its answer until `deadline`.
    pub(super) async fn request<R: Request>(
        &self,
        request: &R,
        version: i16,
        deadline: Instant,
    ) -> Result<R::Response, KafkaError> {
        self.send(request, version)?.answer(deadline).await
    }

    /// Sends a request in `version`; requests arrive in the order in which they are sent.
    pub(super) fn send<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<Sent<R>, KafkaError> {
        let name = api_name(R::KEY);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = encoded(&self.address, &self.client_id, id, request, version)?;
        let answer = self.in_flight.expect_answer(id, &name)?;
        // Fails only after the writer broke the connection, which answers.
        let _ = self.outgoing.send(frame);
        Ok(Sent {
            address: self.address.clone(),
            name,
            version,
            started: Instant::now(),
            answer,
            waiting: Waiting {
                in_flight: Arc::clone(&self.in_flight),
                id,
            },
            request: PhantomData,
        })
    }
}

/// A request that was sent and not answered yet. Dropping it gives its answer up.
#[derive(Debug)]
pub(super) struct Sent<R> {
    address: String,
    name: String,
    version: i16,
    started: Instant,
    answer: oneshot::Receiver<Result<Bytes, KafkaError>>,
    waiting: Waiting,
    request: PhantomData<fn() -> R>,
}

impl<R: Request> Sent<R> {
    /// Waits for the answer; one that does not come until `deadline` breaks the connection.
    pub(super) async fn answer(self, deadline: Instant) -> Result<R::Response, KafkaError> {
        let outcome = tokio::time::timeout_at(deadline, self.answer).await;
        let in_flight = Arc::clone(&self.waiting.in_flight);
        drop(self.waiting);
        match outcome {
            Err(_) => {
                let error = KafkaError::Timeout {
                    address: self.address,
                    what: format!("the answer to {}", self.name),
                    after: self.started.elapsed(),
                };
                in_flight.break_with(&error);
                Err(error)
            }
            Ok(Err(_)) => Err(KafkaError::Closed {
                address: self.address,
                during: self.name,
                reason: None,
            }),
            Ok(Ok(frame)) => {
                let took = self.started.elapsed();
                tracing::debug!(request = %self.name, version = self.version, address = %self.address, ?took, "answered");
                let (_, mut body) = opened::<R>(&self.address, frame?, self.version)?;
                decoded(&self.address, &mut body, self.version)
            }
        }
    }
}

/// Requests that were sent and not answered yet.
#[derive(Debug, Default)]
struct InFlight(Mutex<Answers>);

#[derive(Debug, Default)]
struct Answers {
    waiting: HashMap<i32, (String, oneshot::Sender<Result<Bytes, KafkaError>>)>,
    /// Why no further answer will come.
    broken: Option<KafkaError>,
}

impl InFlight {
    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expect_answer(
        &self,
        id: i32,
        name: &str,
    ) -> Result<oneshot::Receiver<Result<Bytes, KafkaError>>, KafkaError> {
        let mut answers = self.lock();
        if let Some(error) = &answers.broken {
            return Err(error.clone());
        }
        let (sender, receiver) = oneshot::channel();
        answers.waiting.insert(id, (name.to_owned(), sender));
        Ok(receiver)
    }

    /// Hands a frame to who waits for it; an answer that nobody waits for any more is dropped.
    fn answer(&self, frame: Bytes) {
        let Some(id) = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes)) else {
            return;
        };
        if let Some((_, sender)) = self.lock().waiting.remove(&id) {
            // The receiver may have been dropped by a timeout.
            let _ = sender.send(Ok(frame));
        }
    }

    /// Fails everything in flight and everything that comes later.
    fn break_with(&self, error: &KafkaError) {
        let mut answers = self.lock();
        for (_, (name, sender)) in answers.waiting.drain() {
            let _ = sender.send(Err(during(error.clone(), name)));
        }
        answers.broken.get_or_insert_with(|| error.clone());
    }
}

/// Names the request that was waiting when the connection broke.
fn during(error: KafkaError, name: String) -> KafkaError {
    match error {
        KafkaError::Closed {
            address, reason, ..
        } => KafkaError::Closed {
            address,
            during: name,
            reason,
        },
        other => other,
    }
}

/// Takes the request off the list when its caller stops waiting, by deadline or by being dropped.
#[derive(Debug)]
struct Waiting {
    in_flight: Arc<InFlight>,
    id: i32,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.in_flight.lock().waiting.remove(&self.id);
    }
}

/// Writes whole frames: a caller that stops waiting never leaves half a request on the socket.
async fn write_all(
    mut socket: WriteHalf<Box<dyn Duplex>>,
    mut queue: mpsc::UnboundedReceiver<Bytes>,
    address: String,
    in_flight: Arc<InFlight>,
) {
    while let Some(frame) = queue.recv().await {
        let written = async {
            socket.write_all(&frame).await?;
            socket.flush().await
        };
        if let Err(error) = written.await {
            in_flight.break_with(&KafkaError::lost(&address, "a request", &error));
            return;
        }
    }
}

async fn read_all(
    mut socket: ReadHalf<Box<dyn Duplex>>,
    address: String,
    in_flight: Arc<InFlight>,
) {
    loop {
        match read_frame(&mut socket, &address, "idle time").await {
            Ok(frame) => in_flight.answer(frame),
            Err(error) => return in_flight.break_with(&error),
        }
    }
}

/// Wraps TLS and negotiates versions.
async fn first_words(
    tcp: TcpStream,
    address: &str,
    settings: &ClientSettings,
    deadline: Instant,
) -> Result<Wire, KafkaError> {
    let (host, _) = host_and_port(address)?;
    let stream: Box<dyn Duplex> = match &settings.security.tls {
        None => Box::new(tcp),
        Some(config) => wrap_tls(tcp, Arc::clone(config), host, address, deadline).await?,
    };
    let mut wire = Wire::new(address, &settings.client_id, stream, deadline);
    wire.negotiate().await?;
    Ok(wire)
}

/// Returns whether an HTTP server is at this address, asked by a second connection when the first has met silence: many wait
/// for the end of a line, which Kafka's requests do not have.
async fn speaks_http(address: &str, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    tokio::time::sleep(SILENCE.min(left / 2)).await;
    let Ok(mut tcp) = connect_tcp(address, deadline).await else {
        return false;
    };
    let mut answer = [0; 5];
    let asked = async {
        tcp.write_all(b"HEAD / HTTP/1.0\r\n\r\n").await?;
        tcp.read_exact(&mut answer).await
    };
    asked.await.is_ok() && &answer == b"HTTP/"
}

/// Splits `host:port`; IPv6 hosts stand in brackets, a `PROTOCOL://` in front is allowed as Kafka's clients allow it.
pub(super) fn host_and_port(address: &str) -> Result<(&str, u16), KafkaError> {
    let wrong = || KafkaError::Address {
        address: address.to_owned(),
    };
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (host, port) = rest.trim().rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match bare.unwrap_or(host) {
        "" => Err(wrong()),
        host => Ok((host, port)),
    }
}

/// Connects to any of the addresses the host name stands for.
async fn connect_tcp(address: &str, deadline: Instant) -> Result<TcpStream, KafkaError> {
    let (host, port) = host_and_port(address)?;
    let started = Instant::now();
    let late = |what: &str| KafkaError::Timeout {
        address: address.to_owned(),
        what: what.to_owned(),
        after: started.elapsed(),
    };
    let resolved = tokio::time::timeout_at(deadline, tokio::net::lookup_host((host, port)))
        .await
        .map_err(|_| late("the name resolution"))?
        .map_err(|error| unknown_host(address, &error))?;
    let mut last = unknown_host(address, &std::io::Error::other("it has no address"));
    for target in resolved {
        match tokio::time::timeout_at(deadline, TcpStream::connect(target)).await {
            Err(_) => return Err(late("the connection")),
            Ok(Err(error)) => last = refused(address, &error),
            Ok(Ok(stream)) => {
                // Requests are small and answers are awaited: Nagle's algorithm would only delay them.
                stream
                    .set_nodelay(true)
                    .map_err(|error| refused(address, &error))?;
                return Ok(stream);
            }
        }
    }
    Err(last)
}

fn unknown_host(address: &str, error: &std::io::Error) -> KafkaError {
    let text = error.to_string();
    KafkaError::UnknownHost {
        address: address.to_owned(),
        reason: text
            .trim_start_matches("failed to lookup address information: ")
            .to_owned(),
    }
}

fn refused(address: &str, error: &std::io::Error) -> KafkaError {
    let address = address.to_owned();
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => KafkaError::Refused { address },
        _ => KafkaError::Unreachable {
            address,
            reason: error.to_string(),
        },
    }
}

async fn wrap_tls(
    tcp: TcpStream,
    config: Arc<rustls::ClientConfig>,
    host: &str,
    address: &str,
    deadline: Instant,
) -> Result<Box<dyn Duplex>, KafkaError> {
    let fault = |fault, reason: String| KafkaError::Tls {
        address: address.to_owned(),
        fault,
        reason,
    };
    let name = rustls_pki_types::ServerName::try_from(host.to_owned())
        .map_err(|error| fault(TlsFault::Other, error.to_string()))?;
    let started = Instant::now();
    let session = tokio_rustls::TlsConnector::from(config).connect(name, tcp);
    match tokio::time::timeout_at(deadline, session).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => {
            let (cause, reason) = verifier::explained_handshake(&error);
            Err(fault(cause, reason))
        }
        Err(_) => Err(KafkaError::Timeout {
            address: address.to_owned(),
            what: "the TLS session".to_owned(),
            after: started.elapsed(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_as_the_java_client_splits_them() {
        assert_eq!(host_and_port("kafka-1:9092").unwrap(), ("kafka-1", 9092));
        assert_eq!(host_and_port("[::1]:9092").unwrap(), ("::1", 9092));
        assert_eq!(
            host_and_port("SASL_SSL://kafka.example:9093").unwrap(),
            ("kafka.example", 9093)
        );
        for wrong in ["kafka", "kafka:", ":9092", "kafka:port", "kafka:70000"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
