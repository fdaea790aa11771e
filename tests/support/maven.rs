//! Kafka from Maven Central, cached in `target/kafka/<version>/libs`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The Kafka that tests run against unless they say otherwise.
pub const KAFKA: &str = "4.3.1";
/// The last line with brokers and workers from before Kafka 4.
pub const KAFKA_3: &str = "3.9.1";
/// Workers alone, from before Connect could stop connectors and show offsets over REST (3.5, KIP-875).
pub const CONNECT_3_4: &str = "3.4.1";

/// What a worker needs.
const CONNECT: &[&str] = &[
    "connect-runtime",
    "connect-file",
    "connect-json",
    "connect-transforms",
    "connect-basic-auth-extension",
];
/// What brokers and their tools need.
const BROKER: &[&str] = &["kafka_2.13", "kafka-tools", "connect-mirror"];

fn artifacts(version: &str) -> impl Iterator<Item = &'static str> {
    let broker = if version == CONNECT_3_4 { &[] } else { BROKER };
    CONNECT.iter().chain(broker).copied()
}

/// Returns why real Kafka cannot run here: Java or Maven is missing.
pub fn available() -> Result<(), String> {
    static CHECKED: OnceLock<Result<(), String>> = OnceLock::new();
    CHECKED
        .get_or_init(|| {
            for tool in ["java", "javac", "mvn"] {
                Command::new(tool)
                    .arg("-version")
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .map_err(|error| {
                        format!("{tool} does not start ({error}); install Java 17 (JDK) and Maven")
                    })?;
            }
            Ok(())
        })
        .clone()
}

/// The build folder of this crate.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        PathBuf::from,
    )
}

/// Returns the class path of a Kafka version, downloading it at the first call on this machine.
pub fn class_path(version: &str) -> String {
    let mut jars: Vec<_> = fs::read_dir(libs(version))
        .expect("libs is readable")
        .map(|entry| entry.expect("libs is readable").path())
        .collect();
    jars.sort();
    let jars: Vec<_> = jars.iter().map(|jar| jar.to_string_lossy()).collect();
    jars.join(":")
}

/// Returns the folder of a version's jars. Two processes that ask at once download once.
pub fn libs(version: &str) -> PathBuf {
    let folder = target().join("kafka").join(version);
    let libs = folder.join("libs");
    if is_complete(&libs, version) {
        return libs;
    }
    fs::create_dir_all(&folder).expect("target is writable");
    let lock = File::create(folder.join("lock")).expect("target is writable");
    lock.lock().expect("the file system can lock");
    if !is_complete(&libs, version) {
        download(version, &folder, &libs);
    }
    libs
}

/// A folder from before an artifact was added to the list is fetched again.
fn is_complete(libs: &Path, version: &str) -> bool {
    artifacts(version).all(|artifact| libs.join(format!("{artifact}-{version}.jar")).is_file())
}

fn download(version: &str, folder: &Path, libs: &Path) {
    eprintln!("Kafka {version}: fetching its jars from Maven Central (once)");
    let partial = folder.join("libs.partial");
    let pom = folder.join("pom.xml");
    fs::write(&pom, project(version)).expect("target is writable");
    let mut failures = String::new();
    // Three tries: a connection to Maven Central may break, and what was fetched is kept by Maven.
    let fetched = (0..3).any(|_| match copy_dependencies(&pom, &partial) {
        Ok(()) => true,
        Err(said) => {
            failures.push_str(&said);
            false
        }
    });
    assert!(fetched, "mvn could not fetch Kafka {version}:\n{failures}");
    // Complete or absent: a killed download leaves only `libs.partial`.
    if libs.exists() {
        fs::remove_dir_all(libs).expect("target is writable");
    }
    fs::rename(&partial, libs).expect("target is writable");
}

/// Fills the folder with the jars of the project and all they need; the error is what Maven said.
fn copy_dependencies(pom: &Path, folder: &Path) -> Result<(), String> {
    if folder.exists() {
        fs::remove_dir_all(folder).expect("target is writable");
    }
    let maven = Command::new("mvn")
        .args(["-B", "-q", "-f"])
        .arg(pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .stdin(Stdio::null())
        .output()
        .expect("mvn starts");
    if maven.status.success() {
        return Ok(());
    }
    let said = [maven.stdout, maven.stderr].concat();
    Err(String::from_utf8_lossy(&said).into_owned())
}

fn project(version: &str) -> String {
    let mut dependencies = String::new();
    let mut add = |group: &str, artifact: &str, version: &str| {
        writeln!(
            dependencies,
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
        )
        .expect("a String takes everything");
    };
    for artifact in artifacts(version) {
        add("org.apache.kafka", artifact, version);
    }
    // Kafka's libraries log to slf4j alone; the distribution adds the binding, and so must we.
    if version.starts_with("3.") {
        add("org.slf4j", "slf4j-reload4j", "1.7.36");
    } else {
        add("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4");
    }
    format!(
        r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>connectctl</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
{dependencies}  </dependencies>
</project>
"#
    )
}
