//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Returns whether the condition came true before the deadline; asked every 20 ms.
#[must_use]
pub fn until(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Panics with `what` unless the condition comes true before the deadline.
#[track_caller]
pub fn expect(what: &str, deadline: Duration, condition: impl FnMut() -> bool) {
    assert!(
        until(deadline, condition),
        "not within {} s: {what}",
        deadline.as_secs()
    );
}
