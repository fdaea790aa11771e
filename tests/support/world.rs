//! A temporary folder in which `connectctl` is run as a user would run it.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{binary, watchdog};

/// A folder, a clean environment, a fixed width. The folder goes with the value.
#[derive(Debug)]
pub struct World {
    root: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

/// What one run of `connectctl` did.
#[derive(Debug)]
#[must_use = "assert the exit code or compare the output"]
pub struct Ran {
    /// The exit code, or 128+n after signal n.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Panics with both streams unless the exit code is the given one.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert!(
            self.code == code,
            "exit code {} instead of {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub fn success(self) -> Self {
        self.code(0)
    }

    /// Returns stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{self:?}"))
    }
}

/// What a user does when a prompt is shown.
pub struct Reply<'a> {
    prompt: &'a str,
    before: Box<dyn FnOnce() + 'a>,
    answer: &'a str,
}

impl<'a> Reply<'a> {
    pub fn new(prompt: &'a str, answer: &'a str) -> Self {
        Self::after(prompt, || {}, answer)
    }

    /// Something happens before the answer is typed.
    pub fn after(prompt: &'a str, before: impl FnOnce() + 'a, answer: &'a str) -> Self {
        Self {
            prompt,
            before: Box::new(before),
            answer,
        }
    }
}

impl std::fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} -> {:?}", self.prompt, self.answer)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    pub fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("connectctl-world-")
            .tempdir()
            .expect("the temporary folder is writable");
        watchdog::remove_at_end(root.path());
        Self {
            root,
            environment: Vec::new(),
        }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file, with its folders, and returns its path.
    pub fn file(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let folder = path.parent().expect("the root at least");
        fs::create_dir_all(folder).expect("the world is writable");
        fs::write(&path, contents).expect("the world is writable");
        path
    }

    #[track_caller]
    pub fn read(&self, name: impl AsRef<Path>) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Sets a variable for every later run.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns the command that [`World::run`] runs, for tests that need the child itself.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(binary::connectctl());
        command
            .args(arguments)
            .current_dir(self.root())
            .stdin(Stdio::null());
        self.clean(&mut command);
        command
    }

    /// Runs `connectctl` in the folder, without a terminal.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let output = self.command(arguments).output().expect("connectctl starts");
        ran(&output)
    }

    /// Runs `connectctl` on a pseudo-terminal of 100 columns. For each pair, waits until the first text is
    /// shown (after what the pair before waited for) and types the second. Both streams are in `stdout`.
    #[track_caller]
    pub fn run_pty<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        dialogue: &[(&str, &str)],
    ) -> Ran {
        let replies = dialogue
            .iter()
            .map(|&(prompt, answer)| Reply::new(prompt, answer));
        self.converse(arguments, replies.collect())
    }

    /// As [`World::run_pty`], and something may happen between a prompt and its answer.
    #[track_caller]
    pub fn converse<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        replies: Vec<Reply<'_>>,
    ) -> Ran {
        self.converse_on(100, "xterm", arguments, replies)
    }

    /// Runs `connectctl` on a terminal of so many columns and of a kind, and asks nothing of it.
    #[track_caller]
    pub fn run_pty_of<A: AsRef<OsStr>>(
        &self,
        columns: u16,
        terminal: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Ran {
        self.converse_on(columns, terminal, arguments, Vec::new())
    }

    #[track_caller]
    fn converse_on<A: AsRef<OsStr>>(
        &self,
        columns: u16,
        terminal: &str,
        arguments: impl IntoIterator<Item = A>,
        replies: Vec<Reply<'_>>,
    ) -> Ran {
        let mut line = shell_quoted(binary::connectctl().as_os_str());
        for argument in arguments {
            line = format!("{line} {}", shell_quoted(argument.as_ref()));
        }
        // `script` gives the child a terminal of its own.
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--flush", "--return", "--command"])
            .arg(format!("stty cols {columns} rows 50 -echo; exec {line}"))
            .arg("/dev/null")
            .current_dir(self.root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        self.clean(&mut command);
        command.env("TERM", terminal).env("SHELL", "/bin/sh");
        converse(command, replies)
    }

    fn clean(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root())
            .env("COLUMNS", "100")
            .env("TERM", "dumb")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// Replaces the world's folder by `$ROOT`, for golden texts.
    pub fn normal(&self, text: &str) -> String {
        let root = self.root().to_string_lossy();
        text.replace(root.as_ref(), "$ROOT").replace("\r\n", "\n")
    }
}

fn ran(output: &Output) -> Ran {
    use std::os::unix::process::ExitStatusExt as _;
    let status = output.status;
    Ran {
        code: status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn shell_quoted(argument: &OsStr) -> String {
    format!("'{}'", argument.to_string_lossy().replace('\'', r"'\''"))
}

/// Answers each prompt when it is shown, and collects everything until the program ends.
#[track_caller]
fn converse(mut command: Command, replies: Vec<Reply<'_>>) -> Ran {
    let mut child = command.spawn().expect("script(1) of util-linux starts");
    watchdog::kill_at_end(child.id());
    let mut input = child.stdin.take().expect("stdin is piped");
    let mut output = child.stdout.take().expect("stdout is piped");
    let (sender, shown) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut screen = Vec::new();
    let mut from = 0;
    let deadline = Instant::now() + Duration::from_secs(120);
    for reply in replies {
        let prompt = reply.prompt.as_bytes();
        from += loop {
            let shown_at = screen[from..]
                .windows(prompt.len())
                .position(|window| window == prompt);
            if let Some(at) = shown_at {
                break at + prompt.len();
            }
            let Ok(more) = shown.recv_timeout(deadline - Instant::now()) else {
                let _ended = child.kill();
                panic!("{reply:?}: {}", String::from_utf8_lossy(&screen[from..]));
            };
            screen.extend(more);
        };
        (reply.before)();
        input
            .write_all(reply.answer.as_bytes())
            .expect("the terminal takes input");
        input.flush().expect("the terminal takes input");
    }
    while let Ok(more) = shown.recv_timeout(deadline - Instant::now()) {
        screen.extend(more);
    }
    // Closed only now: the end of input is a Ctrl-D to `script`.
    drop(input);
    let status = child.wait().expect("script ends");
    watchdog::spare(child.id());
    ran(&Output {
        status,
        stdout: screen,
        stderr: Vec::new(),
    })
}
