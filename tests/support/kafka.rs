//! Real brokers: KRaft, combined roles, on free loopback ports, in temporary folders.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::jvm::{Jvm, JvmOptions, QUICK};
use super::{maven, ports, watchdog};

const STARTED: &str = "Kafka Server started";
const START: Duration = Duration::from_secs(120);

/// The suite's one broker, started by the first test that asks and stopped when the process ends.
///
/// It is shared: use topic, group and connector names that no other test uses.
pub fn shared() -> &'static Kafka {
    static SHARED: OnceLock<Kafka> = OnceLock::new();
    SHARED.get_or_init(|| Kafka::start(KafkaOptions::default()))
}

/// A listener besides the PLAINTEXT one that every broker has.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Upper-case name, as in `listener.name.<lower-case name>.…`.
    pub name: String,
    /// `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    pub protocol: String,
}

impl Listener {
    pub fn new(name: &str, protocol: &str) -> Self {
        Self {
            name: name.to_owned(),
            protocol: protocol.to_owned(),
        }
    }
}

/// How a broker differs from the shared one.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    pub version: String,
    pub listeners: Vec<Listener>,
    /// Broker settings; they win over the defaults of [`Kafka`].
    pub properties: Vec<(String, String)>,
    /// JVM arguments, for example `-Djava.security.auth.login.config=…`.
    pub jvm: Vec<String>,
    /// Largest heap in MB.
    pub heap: u32,
    /// SCRAM users made when the log folder is formatted: `SCRAM-SHA-256=[name=a,password=b]`.
    pub scram: Vec<String>,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            version: maven::KAFKA.to_owned(),
            listeners: Vec::new(),
            properties: Vec::new(),
            jvm: Vec::new(),
            heap: 384,
            scram: Vec::new(),
        }
    }
}

impl KafkaOptions {
    pub fn property(mut self, key: &str, value: impl Into<String>) -> Self {
        self.properties.push((key.to_owned(), value.into()));
        self
    }

    pub fn listener(mut self, name: &str, protocol: &str) -> Self {
        self.listeners.push(Listener::new(name, protocol));
        self
    }

    pub fn version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.version);
        self
    }
}

/// One broker. Dropping it kills it; what is left at the end of the process goes with the process.
#[derive(Debug)]
pub struct Kafka {
    id: i32,
    /// Listener name and port, PLAINTEXT first.
    ports: Vec<(String, u16)>,
    folder: PathBuf,
    options: KafkaOptions,
    process: Mutex<Option<Jvm>>,
}

impl Kafka {
    /// Starts a cluster of one broker and waits until it serves.
    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "options are written where they are used"
    )]
    pub fn start(options: KafkaOptions) -> Self {
        let mut brokers = start_cluster(1, &options);
        brokers.pop().expect("one was started")
    }

    /// Returns `127.0.0.1:port` of the PLAINTEXT listener.
    pub fn bootstrap(&self) -> String {
        self.listener("PLAINTEXT")
    }

    /// Returns `127.0.0.1:port` of a listener of [`KafkaOptions::listeners`].
    pub fn listener(&self, name: &str) -> String {
        let (_, port) = self
            .ports
            .iter()
            .find(|(listener, _)| listener == name)
            .unwrap_or_else(|| panic!("the broker has no listener {name}"));
        format!("127.0.0.1:{port}")
    }

    /// Returns `node.id`.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Returns the broker's temporary folder: `server.properties`, `server.log`, `data`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn version(&self) -> &str {
        &self.options.version
    }

    /// Controlled shutdown.
    pub fn stop(&self) {
        if let Some(mut process) = self.process().take() {
            process.stop();
        }
    }

    /// `kill -9`.
    pub fn kill(&self) {
        if let Some(mut process) = self.process().take() {
            process.kill();
        }
    }

    /// Stops or continues the process with SIGSTOP and SIGCONT: a broker that accepts but never answers.
    pub fn signal(&self, signal: &str) {
        if let Some(process) = self.process().as_mut() {
            process.signal(signal);
        }
    }

    /// Starts the broker again on the same ports and data, and waits until it serves.
    #[track_caller]
    pub fn restart(&self) {
        self.stop();
        self.launch();
        self.wait();
    }

    pub fn log_tail(&self, lines: usize) -> String {
        self.process()
            .as_ref()
            .map_or_else(String::new, |process| process.log_tail(lines))
    }

    fn process(&self) -> MutexGuard<'_, Option<Jvm>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self) {
        let log = self.folder.join("server.log");
        if log.exists() {
            // The next wait must not be answered by the last start.
            fs::rename(&log, self.folder.join("server.log.before")).expect("the folder is ours");
        }
        let server = self.folder.join("server.properties");
        let options = JvmOptions {
            version: self.options.version.clone(),
            main: "kafka.Kafka",
            arguments: vec![server.display().to_string()],
            jvm: self.options.jvm.clone(),
            heap: self.options.heap,
            folder: self.folder.clone(),
        };
        *self.process() = Some(Jvm::start(&options, &log));
    }

    #[track_caller]
    fn wait(&self) {
        let log = self.folder.join("server.log");
        let mut process = self.process();
        let process = process.as_mut().expect("it was launched");
        process.wait_until("serving", START, || {
            fs::read_to_string(&log).is_ok_and(|log| log.contains(STARTED))
        });
    }
}

/// Several brokers of one cluster, each also a controller.
#[derive(Debug)]
pub struct KafkaCluster {
    pub brokers: Vec<Kafka>,
}

impl KafkaCluster {
    #[track_caller]
    pub fn start(brokers: usize) -> Self {
        Self::start_with(brokers, &KafkaOptions::default())
    }

    #[track_caller]
    pub fn start_with(brokers: usize, options: &KafkaOptions) -> Self {
        Self {
            brokers: start_cluster(brokers, options),
        }
    }

    /// Returns the PLAINTEXT addresses of all brokers, comma separated.
    pub fn bootstrap(&self) -> String {
        let all: Vec<_> = self.brokers.iter().map(Kafka::bootstrap).collect();
        all.join(",")
    }
}

#[track_caller]
fn start_cluster(count: usize, options: &KafkaOptions) -> Vec<Kafka> {
    let controllers: Vec<u16> = (0..count).map(|_| ports::free()).collect();
    let voters: Vec<_> = (1..)
        .zip(&controllers)
        .map(|(id, port)| format!("{id}@127.0.0.1:{port}"))
        .collect();
    let cluster_id = cluster_id();
    let brokers: Vec<_> = (1..)
        .zip(&controllers)
        .map(|(id, controller)| prepare(id, *controller, &voters, options))
        .collect();
    std::thread::scope(|scope| {
        for broker in &brokers {
            scope.spawn(|| {
                format(broker, &cluster_id);
                broker.launch();
            });
        }
    });
    // A quorum of several comes up only together.
    for broker in &brokers {
        broker.wait();
    }
    brokers
}

/// A random cluster id in Kafka's form: the URL-safe base64 of 16 bytes, not starting with `-`.
fn cluster_id() -> String {
    use base64::Engine as _;
    use std::hash::{BuildHasher as _, RandomState};
    let mut bytes = [0u8; 16];
    for half in bytes.chunks_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(0).to_be_bytes());
    }
    bytes[0] &= 0x7f;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn prepare(id: i32, controller: u16, voters: &[String], options: &KafkaOptions) -> Kafka {
    let folder = watchdog::temporary_folder("connectctl-kafka-");
    let mut ports = vec![("PLAINTEXT".to_owned(), ports::free())];
    for listener in &options.listeners {
        ports.push((listener.name.clone(), ports::free()));
    }
    let kafka = Kafka {
        id,
        ports,
        folder,
        options: options.clone(),
        process: Mutex::new(None),
    };
    let properties = server_properties(&kafka, controller, voters);
    fs::write(kafka.folder.join("server.properties"), properties).expect("the folder is ours");
    kafka
}

fn server_properties(kafka: &Kafka, controller: u16, voters: &[String]) -> String {
    let mut listeners = String::new();
    let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
    for (name, port) in &kafka.ports {
        write!(listeners, "{name}://127.0.0.1:{port},").expect("a String takes everything");
    }
    for Listener { name, protocol } in &kafka.options.listeners {
        write!(protocols, ",{name}:{protocol}").expect("a String takes everything");
    }
    let replicas = voters.len().min(3);
    let in_sync = replicas.min(2);
    let defaults = format!(
        "\
process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners={listeners}CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map={protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=1
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=1
background.threads=2
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=8388608
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.num.partitions=5
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=5
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
",
        id = kafka.id,
        voters = voters.join(","),
        data = kafka.folder.join("data").display(),
    );
    kafka
        .options
        .properties
        .iter()
        // The last of two equal keys wins, as the JVM reads properties.
        .fold(defaults, |text, (key, value)| {
            text + &format!(
                "{key}={}\n",
                value.replace('\\', "\\\\").replace('\n', "\\n")
            )
        })
}

/// Formats the log folder, as every KRaft broker needs before its first start.
fn format(kafka: &Kafka, cluster_id: &str) {
    let tool = Command::new("java")
        .args(QUICK)
        .args(["-Xmx128m", "-cp"])
        .arg(maven::class_path(&kafka.options.version))
        .args(["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c"])
        .arg(kafka.folder.join("server.properties"))
        .args(
            kafka
                .options
                .scram
                .iter()
                .flat_map(|user| ["--add-scram", user.as_str()]),
        )
        .stdin(Stdio::null())
        .output()
        .expect("java starts");
    assert!(
        tool.status.success(),
        "the broker's folder could not be formatted:\n{}{}",
        String::from_utf8_lossy(&tool.stdout),
        String::from_utf8_lossy(&tool.stderr)
    );
}
