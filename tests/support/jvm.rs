//! A Java process with a log, which ends with this process at the latest.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::{maven, wait, watchdog};

/// What to run.
#[derive(Debug, Clone)]
pub struct JvmOptions {
    /// Kafka version whose jars are the class path.
    pub version: String,
    /// Fully qualified name of the class with `main`.
    pub main: &'static str,
    pub arguments: Vec<String>,
    /// Further JVM arguments: system properties, agents.
    pub jvm: Vec<String>,
    /// Largest heap in MB.
    pub heap: u32,
    /// Working folder: relative paths in configurations start here.
    pub folder: PathBuf,
}

/// A running Java process. Dropping it kills it.
#[derive(Debug)]
pub struct Jvm {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

const LOG4J2: &str = "\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
";

const LOG4J: &str = "\
log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=[%d] %p %m (%c)%n
";

/// Arguments that make a short life short: no second compiler, no collector threads.
pub const QUICK: &[&str] = &[
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-XX:+UseSerialGC",
];

impl Jvm {
    /// Starts the process; stdout and stderr are appended to `log`.
    pub fn start(options: &JvmOptions, log: &Path) -> Self {
        let folder = log.parent().expect("a log lies in a folder");
        let (log4j2, log4j) = logging(folder);
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the log's folder is writable");
        let err = out.try_clone().expect("a file can be shared");
        let child = Command::new("java")
            .args(QUICK)
            .arg(format!("-Xmx{}m", options.heap))
            .arg(format!("-Dlog4j2.configurationFile={}", log4j2.display()))
            .arg(format!("-Dlog4j.configuration=file:{}", log4j.display()))
            .args(&options.jvm)
            .arg("-cp")
            .arg(maven::class_path(&options.version))
            .arg(options.main)
            .args(&options.arguments)
            .current_dir(&options.folder)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            // Ctrl-C at a terminal must not reach it before the test has said so.
            .process_group(0)
            .spawn()
            .expect("java starts");
        watchdog::kill_at_end(child.id());
        Self {
            name: options.main,
            child,
            log: log.to_path_buf(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns how it ended, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be asked")
    }

    /// Waits until `ready`; panics with the end of the log when the process ends or time is up.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, deadline: Duration, mut ready: impl FnMut() -> bool) {
        let mut ended = None;
        let in_time = wait::until(deadline, || {
            ended = self.ended();
            ended.is_some() || ready()
        });
        assert!(
            in_time && ended.is_none(),
            "{} is not {what} after {} s{}:\n{}",
            self.name,
            deadline.as_secs(),
            ended.map_or_else(String::new, |status| format!(" ({status})")),
            complaint(&self.log())
        );
    }

    /// SIGTERM, then waits for its shutdown hooks; SIGKILL after a minute.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        if !wait::until(Duration::from_secs(60), || self.ended().is_some()) {
            eprintln!("{} did not stop:\n{}", self.name, self.log_tail(30));
        }
        self.kill()
    }

    /// SIGKILL, as `kill -9`.
    pub fn kill(&mut self) -> ExitStatus {
        // An error means that it has ended already.
        let _already_gone = self.child.kill();
        let status = self.child.wait().expect("a child can be waited for");
        watchdog::spare(self.child.id());
        status
    }

    /// Sends a signal by its name without SIG: TERM, INT, STOP, CONT.
    pub fn signal(&mut self, signal: &str) {
        if self.ended().is_none() {
            let sent = Command::new("sh")
                .args(["-c", &format!("kill -{signal} {}", self.pid())])
                .status()
                .expect("sh starts");
            assert!(sent.success(), "kill -{signal} {}", self.pid());
        }
    }

    pub fn log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().rev().take(lines).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Jvm {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.kill();
        }
    }
}

/// The first errors, which name the cause, and the end of a log.
fn complaint(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let errors: Vec<_> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.contains("] ERROR ") || line.contains("] FATAL "))
        .take(3)
        .flat_map(|(at, _)| lines[at..].iter().take(12))
        .copied()
        .collect();
    let tail = &lines[lines.len().saturating_sub(25)..];
    format!("{}\n…\n{}", errors.join("\n"), tail.join("\n"))
}

fn logging(folder: &Path) -> (PathBuf, PathBuf) {
    let log4j2 = folder.join("log4j2.properties");
    let log4j = folder.join("log4j.properties");
    fs::write(&log4j2, LOG4J2).expect("the folder is writable");
    fs::write(&log4j, LOG4J).expect("the folder is writable");
    (log4j2, log4j)
}
