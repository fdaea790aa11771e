//! Standard input, read by one thread of the process: a task that stops does not take what comes next with it.

use std::io::Read as _;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Chunks that may wait for a task.
const WAITING: usize = 4;
const CHUNK: usize = 64 << 10;

/// Returns what has been read and not taken yet; `None`: nothing for now, or the end.
pub(super) fn take() -> Option<std::io::Result<Vec<u8>>> {
    static CHUNKS: OnceLock<Mutex<Receiver<std::io::Result<Vec<u8>>>>> = OnceLock::new();
    let chunks = CHUNKS.get_or_init(|| {
        let (sender, receiver) = sync_channel(WAITING);
        std::thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = match std::io::stdin().lock().read(&mut chunk) {
                    Ok(0) => return,
                    Ok(read) => {
                        chunk.truncate(read);
                        Ok(chunk)
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                if sender.send(read).is_err() || failed {
                    return;
                }
            }
        });
        Mutex::new(receiver)
    });
    let chunks = chunks.lock().unwrap_or_else(PoisonError::into_inner);
    chunks.try_recv().ok()
}
