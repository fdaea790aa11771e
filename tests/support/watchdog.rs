//! Kills what this process started and removes its folders when this process ends, however it ends.
//!
//! A `static` is never dropped and a killed process runs no destructors, so a tiny shell holds the
//! reading end of a pipe: when the pipe closes, this process is gone.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

const SCRIPT: &str = r#"
trap '' INT TERM HUP
pids=' '
while IFS=' ' read -r verb what; do
  case $verb in
    kill) pids="$pids$what " ;;
    spare) pids="${pids%% $what *} ${pids#* $what }" ;;
    remove) set -- "$@" "$what" ;;
  esac
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
# A JVM that is going down may still be writing into its folder.
for attempt in 1 2 3 4 5; do rm -rf -- "$@" 2>/dev/null && break; sleep 0.2; done
"#;

static WATCHDOG: LazyLock<Mutex<Child>> = LazyLock::new(|| {
    let shell = Command::new("sh")
        .args(["-c", SCRIPT, "watchdog"])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C at a terminal goes to the whole group.
        .process_group(0)
        .spawn()
        .expect("sh starts");
    Mutex::new(shell)
});

fn tell(verb: &str, what: &str) {
    let mut shell = WATCHDOG.lock().unwrap_or_else(PoisonError::into_inner);
    let pipe = shell.stdin.as_mut().expect("the pipe is kept open");
    writeln!(pipe, "{verb} {what}").expect("the watchdog lives as long as this process");
}

/// Kills the process when this one ends.
pub fn kill_at_end(pid: u32) {
    tell("kill", &pid.to_string());
}

/// The process has ended: its number may soon be another's.
pub fn spare(pid: u32) {
    tell("spare", &pid.to_string());
}

/// Removes the folder when this process ends.
pub fn remove_at_end(folder: &Path) {
    tell("remove", &folder.display().to_string());
}

/// Makes a folder that is removed when this process ends.
pub fn temporary_folder(prefix: &str) -> PathBuf {
    let folder = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir()
        .expect("the temporary folder is writable")
        .keep();
    remove_at_end(&folder);
    folder
}
