//! Single-file Java programs with Kafka's class path: the oracle's own voice.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{jvm::QUICK, maven};

/// How a Java program ended and what it printed.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Output {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Panics with its stderr unless the program ended with 0.
    #[track_caller]
    pub fn success(self) -> Self {
        assert!(
            self.code == Some(0),
            "the Java program ended with {:?}:\n{}\n{}",
            self.code,
            self.stderr,
            self.text()
        );
        self
    }
}

/// Runs the program with Kafka 4.3.1 on the class path. `source` holds one top-level class with `main`.
#[track_caller]
pub fn run(source: &str, arguments: &[&str], stdin: &[u8]) -> Output {
    run_on(maven::KAFKA, source, arguments, stdin)
}

/// Runs the program with the given Kafka version on the class path.
#[track_caller]
pub fn run_on(version: &str, source: &str, arguments: &[&str], stdin: &[u8]) -> Output {
    run_with(QUICK, version, source, arguments, stdin)
}

/// Runs the program in a JVM with the given options, [`QUICK`] unless what it takes is measured.
#[track_caller]
pub fn run_with(
    jvm: &[&str],
    version: &str,
    source: &str,
    arguments: &[&str],
    stdin: &[u8],
) -> Output {
    let classes = compile(version, source);
    let mut child = Command::new("java")
        .args(jvm)
        .args(["-Xmx512m", "-Dfile.encoding=UTF-8", "-cp"])
        .arg(format!(
            "{}:{}",
            classes.display(),
            maven::class_path(version)
        ))
        .arg(format!(
            "-Dlog4j2.configurationFile={}",
            classes.join("log4j2.properties").display()
        ))
        .arg(class_name(source))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("java starts");
    let mut pipe = child.stdin.take().expect("stdin is piped");
    std::thread::scope(|scope| {
        // A program need not read all of its input.
        scope.spawn(move || drop(pipe.write_all(stdin)));
        let ended = child.wait_with_output().expect("java ends");
        Output {
            code: ended.status.code(),
            stdout: ended.stdout,
            stderr: String::from_utf8_lossy(&ended.stderr).into_owned(),
        }
    })
}

/// Compiles into `target/kafka/<version>/classes/<hash of the source>`, once per content.
#[track_caller]
fn compile(version: &str, source: &str) -> PathBuf {
    let hash = format!("{:x}", Sha256::digest(source));
    let parent = target_classes(version);
    let folder = parent.join(&hash[..16]);
    if folder.is_dir() {
        return folder;
    }
    let partial = tempfile::Builder::new()
        .tempdir_in(&parent)
        .expect("target is writable");
    let file = partial.path().join(format!("{}.java", class_name(source)));
    fs::write(&file, source).expect("target is writable");
    fs::write(partial.path().join("log4j2.properties"), QUIET).expect("target is writable");
    let javac = Command::new("javac")
        .args(["-encoding", "UTF-8", "-proc:none", "-nowarn", "-cp"])
        .arg(maven::class_path(version))
        .arg("-d")
        .arg(partial.path())
        .arg(&file)
        .output()
        .expect("javac starts");
    assert!(
        javac.status.success(),
        "javac:\n{}",
        String::from_utf8_lossy(&javac.stderr)
    );
    let partial = partial.keep();
    if fs::rename(&partial, &folder).is_err() {
        // Another process was first with the same content.
        assert!(folder.is_dir(), "target is writable");
        fs::remove_dir_all(&partial).expect("target is writable");
    }
    folder
}

/// Errors only, and on stderr: stdout belongs to the program.
const QUIET: &str = "\
status = error
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %p %m (%c)%n
rootLogger.level = ERROR
rootLogger.appenderRef.err.ref = err
";

fn target_classes(version: &str) -> PathBuf {
    let folder = Path::new(&maven::target())
        .join("kafka")
        .join(version)
        .join("classes");
    fs::create_dir_all(&folder).expect("target is writable");
    folder
}

/// Returns the name after the first line that starts with `class` or `public class`.
fn class_name(source: &str) -> &str {
    source
        .lines()
        .map(|line| {
            line.trim_start_matches("public ")
                .trim_start_matches("final ")
        })
        .find_map(|line| line.strip_prefix("class "))
        .and_then(|rest| rest.split([' ', '{']).next())
        .expect("the source has a top-level class")
}

/// A record as Kafka's own consumer returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JavaRecord {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Reads a whole topic with Kafka's own consumer (`read_committed`), by partition and offset.
#[track_caller]
pub fn read_topic(bootstrap: &str, topic: &str) -> Vec<JavaRecord> {
    const SOURCE: &str = include_str!("java/ReadTopic.java");
    let output = run(SOURCE, &[bootstrap, topic, "read_committed"], b"").success();
    output.text().lines().map(record).collect()
}

/// Appends one record to a partition with Kafka's own producer (`acks=all`).
#[track_caller]
pub fn produce(bootstrap: &str, topic: &str, partition: i32, key: &[u8], value: Option<&[u8]>) {
    let record = NewRecord {
        key: Some(key),
        value,
        headers: &[],
    };
    produce_all(bootstrap, topic, partition, &[record]);
}

/// A record to be written.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewRecord<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// Appends records to a partition with Kafka's own producer (`acks=all`).
#[track_caller]
pub fn produce_all(bootstrap: &str, topic: &str, partition: i32, records: &[NewRecord<'_>]) {
    const SOURCE: &str = include_str!("java/Produce.java");
    let text = |bytes: Option<&[u8]>| match bytes {
        Some(bytes) => STANDARD.encode(bytes),
        None => "-".to_owned(),
    };
    let line = |record: &NewRecord<'_>| {
        let headers = record.headers.iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| format!("{}:{}", text(Some(name.as_bytes())), text(*value)))
            .collect();
        let (key, value) = (text(record.key), text(record.value));
        format!("{partition}\t{key}\t{value}\t{}\n", headers.join(","))
    };
    let lines: String = records.iter().map(line).collect();
    run(SOURCE, &[bootstrap, topic], lines.as_bytes()).success();
}

/// Consumes with `group.protocol=consumer` until a file exists: bootstrap servers, topic, group, file.
#[track_caller]
pub fn consume_by_the_new_protocol(arguments: [&str; 4]) {
    const SOURCE: &str = include_str!("java/NewProtocolConsumer.java");
    run(SOURCE, &arguments, b"").success();
}

fn record(line: &str) -> JavaRecord {
    let bytes = |field: &str| {
        let decode = |field| STANDARD.decode(field).expect("the program writes base64");
        (field != "-").then(|| decode(field))
    };
    let header = |header: &str| {
        let (name, value) = header.split_once(':')?;
        let name = String::from_utf8(bytes(name)?).expect("Java writes UTF-8");
        Some((name, bytes(value)))
    };
    let fields: Vec<_> = line.split('\t').collect();
    let [partition, offset, timestamp, key, value, headers] = fields[..] else {
        panic!("not a record: {line}");
    };
    JavaRecord {
        partition: partition.parse().expect("a number"),
        offset: offset.parse().expect("a number"),
        timestamp: timestamp.parse().expect("a number"),
        key: bytes(key),
        value: bytes(value),
        headers: headers.split(',').filter_map(header).collect(),
    }
}
