//! Free loopback ports that no other test process is about to take.

use std::fs::{self, File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Below Linux's range for outgoing connections (32768–60999), which would race for them.
const FIRST: u16 = 15_000;
const COUNT: u16 = 16_000;

/// Locks held until this process ends: a port is not given out twice, not even after its broker stopped.
static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Returns a port on 127.0.0.1 that is free and reserved among test processes.
pub fn free() -> u16 {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = lock_folder();
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).expect("below COUNT");
    for step in 0..COUNT {
        let port = FIRST + (start + step) % COUNT;
        if let Some(lock) = reserve(&folder, port) {
            held.push(lock);
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

fn lock_folder() -> PathBuf {
    let folder = std::env::temp_dir().join("connectctl-test-ports");
    fs::create_dir_all(&folder).expect("the temporary folder is writable");
    // Another user's tests share it; only the owner may do this, and has done it.
    let _shared = fs::set_permissions(&folder, fs::Permissions::from_mode(0o777));
    folder
}

fn reserve(folder: &Path, port: u16) -> Option<File> {
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o666)
        .open(folder.join(port.to_string()))
        .ok()?;
    lock.try_lock().ok()?;
    TcpListener::bind(("127.0.0.1", port)).ok()?;
    Some(lock)
}
