//! A way to a broker or a worker that can be held at a chosen request, or cut: what makes "in the middle of" repeatable.
//!
//! Every address that a broker gives its clients is replaced by the proxy's own, so all of a client's connections
//! lead through it. Nothing in the product knows of it.

use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use connectctl::protocol::errors::UNKNOWN_TOPIC_OR_PARTITION;
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, DescribeClusterResponse, FindCoordinatorResponse,
    HeartbeatResponse, JoinGroupResponse, MetadataResponse, OffsetCommitResponse, RequestHeader,
    ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

/// Which way a held message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The broker does not see the request.
    Request,
    /// The broker has carried it out, the client does not hear of it.
    Response,
}

/// One broker or worker behind a loopback port of its own.
#[derive(Debug)]
pub struct Proxy(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    server: String,
    /// Otherwise HTTP.
    is_kafka: bool,
    port: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    trap: Option<Trap>,
    /// Nothing passes in either direction.
    held: bool,
    /// Open connections are closed, new ones too.
    cut: bool,
    /// A topic of which answers tell less than there is.
    hidden: Option<Hidden>,
    /// What the next heartbeat is answered with instead.
    heartbeat: Option<i16>,
    /// What so many commits are answered with instead.
    commits: (i16, usize),
    /// Commits whose answer came through since.
    commits_let_through: usize,
    /// What every JoinGroup is answered with instead.
    join: Option<i16>,
    /// Cuts so far: a connection does not outlive the next one.
    cuts: usize,
    open: Vec<TcpStream>,
}

#[derive(Debug)]
struct Hidden {
    topic: String,
    /// Partitions that are told of; 0: nor is the topic.
    known: usize,
    answers: usize,
}

#[derive(Debug)]
struct Trap {
    message: Message,
    hold: Hold,
    /// How many such messages are let through first.
    before: usize,
    /// Cuts instead of holding.
    cuts: bool,
}

/// What tells one message from another.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Message {
    Kafka(ApiKey),
    /// A request that changes nothing although its kind may: no trap counts it.
    Question,
    /// A Produce request in which this text stands.
    Written(&'static str),
    /// Start of a request, such as `PUT /connectors/a/resume`.
    Http(String),
}

impl Message {
    fn is_of(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Http(line), Self::Http(wanted)) => line.starts_with(wanted),
            (one, other) => one == other,
        }
    }
}

impl Proxy {
    /// Starts a proxy to `127.0.0.1:port` of a broker.
    pub fn start(broker: &str) -> Self {
        Self::to(broker, true)
    }

    /// Starts a proxy to `http://127.0.0.1:port` of a worker.
    pub fn of_worker(url: &str) -> Self {
        Self::to(url.strip_prefix("http://").expect("an http:// URL"), false)
    }

    fn to(server: &str, is_kafka: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            is_kafka,
            port,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let proxy = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                proxy.accept(client);
            }
        });
        Self(shared)
    }

    /// Returns `127.0.0.1:port`, for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.0.port)
    }

    /// Returns `http://127.0.0.1:port`, for `--url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.bootstrap())
    }

    /// Holds everything from the `nth` (1 is the next) message of this kind on.
    pub fn hold_at(&self, api: ApiKey, nth: usize, hold: Hold) {
        self.set(Message::Kafka(api), nth, hold, false);
    }

    /// Holds everything from the answer on to the first write in which this stands, uncompressed.
    pub fn hold_written(&self, text: &'static str) {
        self.set(Message::Written(text), 1, Hold::Response, false);
    }

    /// Holds everything from the first request on that starts so, or from its answer on.
    pub fn hold_at_line(&self, line: &str, hold: Hold) {
        self.set(Message::Http(line.to_owned()), 1, hold, false);
    }

    /// Cuts every connection at the `nth` (1 is the next) request of this kind, as a broker that dies.
    pub fn cut_at(&self, api: ApiKey, nth: usize) {
        self.set(Message::Kafka(api), nth, Hold::Request, true);
    }

    fn set(&self, message: Message, nth: usize, hold: Hold, cuts: bool) {
        self.0.state().trap = Some(Trap {
            message,
            hold,
            before: nth - 1,
            cuts,
        });
    }

    /// Answers as a broker that has heard of only so many partitions of a topic, with 0 not even of the topic.
    pub fn hide(&self, topic: &str, known: usize) {
        self.0.state().hidden = Some(Hidden {
            topic: topic.to_owned(),
            known,
            answers: 0,
        });
    }

    /// Returns how often [`Proxy::hide`] has changed an answer.
    pub fn hidden_answers(&self) -> usize {
        self.0.state().hidden.as_ref().map_or(0, |h| h.answers)
    }

    /// Answers with all there is again.
    pub fn show(&self) {
        self.0.state().hidden = None;
    }

    /// Answers the next heartbeat with an error code.
    pub fn refuse_heartbeat(&self, code: i16) {
        self.0.state().heartbeat = Some(code);
    }

    /// Answers the next commits with an error code for every partition.
    pub fn refuse_commits(&self, code: i16, times: usize) {
        let mut state = self.0.state();
        state.commits = (code, times);
        state.commits_let_through = 0;
    }

    /// Returns how many commits were answered by the broker after those that were refused.
    ///
    /// It has taken those, too: only a later one tells that the client asked again.
    pub fn commits_let_through(&self) -> usize {
        self.0.state().commits_let_through
    }

    /// Answers every JoinGroup with an error code.
    pub fn refuse_joins(&self, code: i16) {
        self.0.state().join = Some(code);
    }

    /// Returns whether the chosen message came.
    pub fn is_held(&self) -> bool {
        self.0.state().held
    }

    /// Lets everything through again.
    pub fn release(&self) {
        let mut state = self.0.state();
        state.trap = None;
        state.held = false;
        state.cut = false;
        self.0.changed.notify_all();
    }

    /// Closes every connection and every new one, until [`Proxy::release`].
    pub fn cut(&self) {
        self.0.cut(&mut self.0.state());
    }

    /// Closes what is open, with what was held there, and lets everything new through.
    pub fn forget(&self) {
        self.cut();
        self.release();
    }
}

/// What a client asked on one connection: the answer does not say.
type Asked = Arc<Mutex<Questions>>;

#[derive(Debug, Default)]
struct Questions {
    /// By correlation id.
    frames: HashMap<i32, (ApiKey, i16)>,
    /// Correlation ids of the writes in which the text of the trap stands.
    marked: HashSet<i32>,
    /// Start of the last HTTP request.
    line: String,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self, state: &mut State) {
        state.cut = true;
        state.cuts += 1;
        for stream in state.open.drain(..) {
            // It may be closed already.
            let _closed = stream.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    fn accept(self: &Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(&self.server) else {
            return;
        };
        let copy = |stream: &TcpStream| stream.try_clone().expect("a socket can be shared");
        let cuts = {
            let mut state = self.state();
            if state.cut {
                return;
            }
            state.open.extend([copy(&client), copy(&server)]);
            state.cuts
        };
        let asked = Asked::default();
        let (there, back) = ((copy(&client), copy(&server)), (server, client));
        for ((from, to), hold) in [(there, Hold::Request), (back, Hold::Response)] {
            let (shared, asked) = (Arc::clone(self), Arc::clone(&asked));
            std::thread::spawn(move || {
                let may_pass = |message: &Message| shared.may_pass(message, hold, cuts);
                if shared.is_kafka {
                    shared.pass_frames(&from, &to, hold, &asked, may_pass);
                } else {
                    pass_text(&from, &to, hold, &asked, may_pass);
                }
                let _closed = from.shutdown(Shutdown::Both);
                let _closed = to.shutdown(Shutdown::Both);
            });
        }
    }

    /// Copies frames one way until a side closes.
    fn pass_frames(
        &self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        hold: Hold,
        asked: &Asked,
        may_pass: impl Fn(&Message) -> bool,
    ) {
        loop {
            let mut length = [0; 4];
            if from.read_exact(&mut length).is_err() {
                return;
            }
            let length = usize::try_from(i32::from_be_bytes(length)).expect("a frame's length");
            let mut frame = vec![0; length];
            if from.read_exact(&mut frame).is_err() {
                return;
            }
            let Some((api, version)) = kind(&frame, hold, asked) else {
                return;
            };
            let message = if hold == Hold::Request && only_asks(&frame, api, version) {
                Message::Question
            } else {
                self.written(&frame, hold, asked)
                    .unwrap_or(Message::Kafka(api))
            };
            if !may_pass(&message) {
                return;
            }
            let frame = match hold {
                Hold::Request => Bytes::from(frame),
                Hold::Response => self.readdressed(Bytes::from(frame), api, version),
            };
            let length = i32::try_from(frame.len()).expect("a frame's length");
            if to
                .write_all(&[&length.to_be_bytes()[..], &frame].concat())
                .is_err()
            {
                return;
            }
        }
    }

    /// Returns what a write, or its answer, is to a trap that asks for a text.
    fn written(&self, frame: &[u8], hold: Hold, asked: &Asked) -> Option<Message> {
        let Message::Written(text) = self.state().trap.as_ref()?.message else {
            return None;
        };
        let at = if hold == Hold::Request { 4 } else { 0 };
        let id = i32::from_be_bytes(frame.get(at..at + 4)?.try_into().ok()?);
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        if hold == Hold::Response {
            return asked.marked.remove(&id).then_some(Message::Written(text));
        }
        let is_produce = frame.starts_with(&(ApiKey::Produce as i16).to_be_bytes());
        if is_produce
            && frame
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        {
            asked.marked.insert(id);
        }
        None
    }

    /// Springs the trap, waits while all is held, and returns whether the connection goes on.
    fn may_pass(&self, message: &Message, hold: Hold, cuts: usize) -> bool {
        let mut state = self.state();
        let trap = state.trap.as_mut();
        if let Some(trap) = trap.filter(|t| t.hold == hold && message.is_of(&t.message)) {
            match (trap.before.checked_sub(1), trap.cuts) {
                (Some(before), _) => trap.before = before,
                (None, true) => {
                    state.trap = None;
                    self.cut(&mut state);
                }
                (None, false) => {
                    state.trap = None;
                    state.held = true;
                    self.changed.notify_all();
                }
            }
        }
        let state = self
            .changed
            .wait_while(state, |state| state.held && state.cuts == cuts)
            .unwrap_or_else(PoisonError::into_inner);
        state.cuts == cuts
    }

    /// Gives the client the proxy's address for every broker that an answer names.
    fn readdressed(&self, frame: Bytes, api: ApiKey, version: i16) -> Bytes {
        let host = StrBytes::from_static_str("127.0.0.1");
        let port = i32::from(self.port);
        match api {
            ApiKey::Metadata => rewritten(frame, api, version, |answer: &mut MetadataResponse| {
                for broker in &mut answer.brokers {
                    (broker.host, broker.port) = (host.clone(), port);
                }
                self.state().hide_from(answer);
            }),
            ApiKey::Heartbeat => {
                rewritten(frame, api, version, |answer: &mut HeartbeatResponse| {
                    if let Some(code) = self.state().heartbeat.take() {
                        answer.error_code = code;
                    }
                })
            }
            ApiKey::OffsetCommit => {
                rewritten(frame, api, version, |answer: &mut OffsetCommitResponse| {
                    self.state().refuse_commit(answer);
                })
            }
            ApiKey::JoinGroup => {
                rewritten(frame, api, version, |answer: &mut JoinGroupResponse| {
                    if let Some(code) = self.state().join {
                        answer.error_code = code;
                    }
                })
            }
            ApiKey::DescribeCluster => rewritten(
                frame,
                api,
                version,
                |answer: &mut DescribeClusterResponse| {
                    for broker in &mut answer.brokers {
                        (broker.host, broker.port) = (host.clone(), port);
                    }
                },
            ),
            ApiKey::FindCoordinator => rewritten(
                frame,
                api,
                version,
                |answer: &mut FindCoordinatorResponse| {
                    if version < 4 {
                        (answer.host, answer.port) = (host.clone(), port);
                    }
                    for broker in &mut answer.coordinators {
                        (broker.host, broker.port) = (host.clone(), port);
                    }
                },
            ),
            _ => frame,
        }
    }
}

impl State {
    fn refuse_commit(&mut self, answer: &mut OffsetCommitResponse) {
        let (code, times) = self.commits;
        let Some(left) = times.checked_sub(1) else {
            self.commits_let_through += 1;
            return;
        };
        self.commits.1 = left;
        for topic in &mut answer.topics {
            for partition in &mut topic.partitions {
                partition.error_code = code;
            }
        }
    }

    fn hide_from(&mut self, answer: &mut MetadataResponse) {
        let Some(hidden) = &mut self.hidden else {
            return;
        };
        for topic in &mut answer.topics {
            if topic
                .name
                .as_ref()
                .is_some_and(|name| ***name == hidden.topic)
            {
                topic.partitions.retain(|partition| {
                    usize::try_from(partition.partition_index).is_ok_and(|at| at < hidden.known)
                });
                if hidden.known == 0 {
                    topic.error_code = UNKNOWN_TOPIC_OR_PARTITION;
                }
                hidden.answers += 1;
            }
        }
    }
}

/// Copies HTTP one way until a side closes. A client writes a request's head in one piece and waits for its answer.
fn pass_text(
    mut from: &TcpStream,
    mut to: &TcpStream,
    hold: Hold,
    asked: &Asked,
    may_pass: impl Fn(&Message) -> bool,
) {
    let mut piece = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let piece = &piece[..length];
        let line = {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            if hold == Hold::Request {
                asked.line = String::from_utf8_lossy(piece).into_owned();
            }
            asked.line.clone()
        };
        if !may_pass(&Message::Http(line)) || to.write_all(piece).is_err() {
            return;
        }
    }
}

/// Returns whether a request asks to create topics only to hear whether it may.
fn only_asks(frame: &[u8], api: ApiKey, version: i16) -> bool {
    if api != ApiKey::CreateTopics {
        return false;
    }
    let mut frame = Bytes::copy_from_slice(frame);
    RequestHeader::decode(&mut frame, api.request_header_version(version))
        .and_then(|_| CreateTopicsRequest::decode(&mut frame, version))
        .is_ok_and(|request| request.validate_only)
}

/// Returns what a request asks, or what an answer was asked.
fn kind(frame: &[u8], hold: Hold, asked: &Asked) -> Option<(ApiKey, i16)> {
    let number = |at: usize| {
        frame
            .get(at..at + 2)?
            .try_into()
            .ok()
            .map(i16::from_be_bytes)
    };
    let id = |at: usize| {
        frame
            .get(at..at + 4)?
            .try_into()
            .ok()
            .map(i32::from_be_bytes)
    };
    let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    match hold {
        Hold::Request => {
            let asks = (ApiKey::try_from(number(0)?).ok()?, number(2)?);
            asked.frames.insert(id(4)?, asks);
            Some(asks)
        }
        Hold::Response => asked.frames.remove(&id(0)?),
    }
}

fn rewritten<R: Decodable + Encodable>(
    mut frame: Bytes,
    api: ApiKey,
    version: i16,
    change: impl FnOnce(&mut R),
) -> Bytes {
    let header = api.response_header_version(version);
    let head = ResponseHeader::decode(&mut frame, header).expect("Kafka's own answer");
    let mut answer = R::decode(&mut frame, version).expect("Kafka's own answer");
    change(&mut answer);
    let mut out = BytesMut::new();
    head.encode(&mut out, header).expect("what was decoded");
    answer.encode(&mut out, version).expect("what was decoded");
    out.freeze()
}
