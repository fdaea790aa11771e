//! A run of connectctl that something happens to from outside.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::proxy::Proxy;
use super::world::{Ran, World};
use super::{wait, watchdog};

/// A process that was started and not waited for.
#[derive(Debug)]
pub struct Run {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Run {
    /// Starts `connectctl` in the world's folder; what it says goes into files beside.
    pub fn start(world: &World, arguments: &[String]) -> Self {
        let folder = watchdog::temporary_folder("connectctl-run-");
        let (stdout, stderr) = (folder.join("stdout"), folder.join("stderr"));
        let file = |path| File::create(path).expect("the folder is ours");
        let child = world
            .command(arguments)
            .stdout(Stdio::from(file(&stdout)))
            .stderr(Stdio::from(file(&stderr)))
            .spawn()
            .expect("connectctl starts");
        watchdog::kill_at_end(child.id());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Waits until it came to the request at which the proxy holds it.
    #[track_caller]
    pub fn until_held(&mut self, proxy: &Proxy) {
        let mut ended = false;
        let held = wait::until(Duration::from_secs(60), || {
            ended = self
                .child
                .try_wait()
                .expect("a child can be asked")
                .is_some();
            ended || proxy.is_held()
        });
        let stderr = fs::read_to_string(&self.stderr).unwrap_or_default();
        assert!(held && !ended, "it did not come there:\n{stderr}");
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        assert_eq!(self.end().code, 128 + 9);
    }

    /// Ctrl-C, and the end.
    pub fn interrupt(self) -> Ran {
        self.press_ctrl_c();
        self.end()
    }

    /// Ctrl-C.
    pub fn press_ctrl_c(&self) {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -INT {}", self.child.id())])
            .status();
        assert!(sent.expect("sh starts").success());
    }

    /// Waits until this stands on stderr.
    #[track_caller]
    pub fn until_said(&self, text: &str) {
        let mut stderr = String::new();
        let said = wait::until(Duration::from_secs(60), || {
            stderr = fs::read_to_string(&self.stderr).unwrap_or_default();
            stderr.contains(text)
        });
        assert!(said, "it did not say {text:?}:\n{stderr}");
    }

    /// Waits for the end.
    pub fn end(mut self) -> Ran {
        use std::os::unix::process::ExitStatusExt as _;
        let id = self.child.id();
        let status = self.child.wait().expect("a child can be waited for");
        watchdog::spare(id);
        let said = |path| fs::read_to_string(path).expect("it was made");
        Ran {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
            stdout: said(&self.stdout),
            stderr: said(&self.stderr),
        }
    }
}
