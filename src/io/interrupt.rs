//! Ctrl-C, as work that must first put something in order may take it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// Whether the user wants out, and whether the work in progress wants to be told rather than dropped. Clones share it.
#[derive(Debug, Clone)]
pub struct Interrupt {
    raised: watch::Sender<bool>,
    held: Arc<AtomicUsize>,
}

/// While it lives, the work is told of the first Ctrl-C and ends by itself.
#[derive(Debug)]
pub struct Hold(Arc<AtomicUsize>);

impl Default for Interrupt {
    fn default() -> Self {
        Self {
            raised: watch::Sender::new(false),
            held: Arc::default(),
        }
    }
}

impl Interrupt {
    /// Asks to be told.
    pub fn hold(&self) -> Hold {
        self.held.fetch_add(1, Ordering::Relaxed);
        Hold(Arc::clone(&self.held))
    }

    /// Tells who asked for it; false when nobody did, or when it was told already.
    pub fn raise(&self) -> bool {
        let is_held = self.held.load(Ordering::Relaxed) > 0;
        is_held && !self.raised.send_replace(true)
    }

    /// Returns whether who asked for it was told.
    pub fn is_raised(&self) -> bool {
        *self.raised.borrow()
    }

    /// Waits until the user wants out.
    pub async fn raised(&self) {
        let mut raised = self.raised.subscribe();
        // It fails only without a sender, and there is one as long as this exists.
        let _ = raised.wait_for(|raised| *raised).await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_held_work_is_told_and_only_once() {
        let interrupt = Interrupt::default();
        assert!(!interrupt.raise());
        let hold = interrupt.hold();
        assert!(!interrupt.is_raised());
        assert!(interrupt.clone().raise());
        assert!(interrupt.is_raised());
        interrupt.raised().await;
        assert!(!interrupt.raise());
        drop(hold);
        assert!(!interrupt.raise());
    }
}
