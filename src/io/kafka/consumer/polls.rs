//! When a consumer's owner last came for more: one that stays away longer than `max.poll.interval.ms` is no member any more.
//!
//! A JVM's consumer is polled by the thread that puts what it read, so that a `put` that hangs shows; here events are taken
//! while a thread puts, and whoever takes them says whether that counts.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// What the owner of a consumer comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Whatever happens, records too.
    Records,
    /// Whatever happens, but no records: it stands still, or has no room.
    Events,
    /// The same while it is at work on what it took before: for the group it has not come back yet.
    Busy,
}

/// The owner's side: notes when it comes and goes.
#[derive(Debug)]
pub(super) struct Polls(watch::Sender<Option<Instant>>);

/// The membership's side: since when the owner is away, if it is.
#[derive(Debug)]
pub(super) struct Polled(watch::Receiver<Option<Instant>>);

/// The owner is there while this is.
#[derive(Debug)]
pub(super) struct Presence<'a>(Option<&'a Polls>);

/// Returns both sides; the owner is on its way.
pub(super) fn polls() -> (Polls, Polled) {
    let (sender, receiver) = watch::channel(Some(Instant::now()));
    (Polls(sender), Polled(receiver))
}

impl Polls {
    pub(super) fn come(&self, want: Want) -> Presence<'_> {
        if want == Want::Busy {
            return Presence(None);
        }
        self.0.send_replace(None);
        Presence(Some(self))
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        if let Some(polls) = self.0 {
            polls.0.send_replace(Some(Instant::now()));
        }
    }
}

impl Polled {
    /// Waits until the owner has been away for so long.
    pub(super) async fn overdue(&mut self, at_most: Duration) {
        loop {
            let since = *self.0.borrow_and_update();
            let changed = match since {
                None => self.0.changed().await,
                Some(since) => match timeout_at(since + at_most, self.0.changed()).await {
                    Ok(changed) => changed,
                    Err(_) => return,
                },
            };
            if changed.is_err() {
                // The consumer is gone, and this task goes with it.
                return std::future::pending().await;
            }
        }
    }

    /// Waits until the owner is there.
    pub(super) async fn back(&mut self) {
        // The consumer is gone otherwise, and this task goes with it.
        let _ = self.0.wait_for(Option::is_none).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    async fn is_overdue(polled: &mut Polled, at_most: Duration) -> bool {
        tokio::select! {
            biased;
            () = polled.overdue(at_most) => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn an_owner_is_away_from_the_end_of_one_poll_to_the_next() {
        let (polls, mut polled) = polls();
        assert!(!is_overdue(&mut polled, LONG).await);
        polled.overdue(Duration::ZERO).await;
        let there = polls.come(Want::Events);
        polled.back().await;
        assert!(!is_overdue(&mut polled, Duration::ZERO).await);
        drop(there);
        polled.overdue(Duration::ZERO).await;
        assert!(!is_overdue(&mut polled, LONG).await);
    }

    #[tokio::test]
    async fn an_owner_at_work_is_away_whatever_else_it_asks() {
        let (polls, mut polled) = polls();
        drop(polls.come(Want::Records));
        let away = *polled.0.borrow();
        let busy = polls.come(Want::Busy);
        assert_eq!(*polled.0.borrow(), away);
        drop(busy);
        assert_eq!(*polled.0.borrow(), away);
        polled.overdue(Duration::ZERO).await;
    }
}
