//! The end of a worker, asked for or not: tasks commit and stop, statuses are written, the group is left, all within the time
//! that the worker file gives and a second or so for the last words, whatever hangs.

use std::time::Duration;

use tokio::time::Instant;

use super::WorkerError;
use super::engine::Engine;
use crate::worker::herder::Event;

/// Beyond the time of the tasks: that they are given up is said first.
const MARGIN: Duration = Duration::from_millis(250);

/// What is left for the last words after tasks that took all of their time: half for the statuses, half for the group.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Said when the coordinator has not confirmed it.
const NOT_KNOWN: &str = "whether the worker has left its group is not known; its place there ends with its session at the latest";

/// The end that has begun.
#[derive(Debug)]
pub(super) struct Ending {
    tasks_until: Instant,
    /// Why the worker ends by itself: the first thing that went wrong.
    error: Option<WorkerError>,
}

impl Ending {
    fn new(now: Instant, graceful: Duration, error: Option<WorkerError>) -> Self {
        Self {
            tasks_until: now + graceful,
            error,
        }
    }

    /// Returns until when tasks may take to end (`task.shutdown.graceful.timeout.ms`).
    pub(super) fn tasks_until(&self) -> Instant {
        self.tasks_until
    }

    /// Returns when the loop ends whatever has not ended.
    pub(super) fn over_at(&self) -> Instant {
        self.tasks_until + MARGIN
    }

    fn flushed_at(&self) -> Instant {
        self.over_at() + LAST_WORDS / 2
    }

    fn left_at(&self) -> Instant {
        self.over_at() + LAST_WORDS
    }
}

impl Engine {
    /// Begins the end; when it has begun, its time stays what it is, and so does its reason.
    pub(super) fn end(&mut self, error: Option<WorkerError>) {
        if let Some(error) = &error {
            let hint = error.hint();
            tracing::error!(%error, hint, "the worker can not go on and stops");
        }
        if let Some(ending) = &mut self.ending {
            ending.error = ending.error.take().or(error);
            return;
        }
        let graceful = self.parts.settings.graceful;
        self.ending = Some(Ending::new(Instant::now(), graceful, error));
        self.events.push_back(Event::Stop);
    }

    /// Returns whether everything has ended, or its time is over.
    pub(super) fn is_over(&self) -> bool {
        let ending = self.ending.as_ref();
        let is_late = ending.is_some_and(|ending| Instant::now() >= ending.over_at());
        if is_late && !self.parts.herder.has_stopped() {
            tracing::warn!("what has not ended in time is given up");
        }
        is_late || self.parts.herder.has_stopped()
    }

    /// Leaves when everything has been said: others may start then what ran here.
    pub(super) async fn leave(self) -> Result<(), WorkerError> {
        let graceful = self.parts.settings.graceful;
        let ending = self.ending;
        let ending = ending.unwrap_or_else(|| Ending::new(Instant::now(), graceful, None));
        let until = ending.flushed_at();
        self.parts.status_writer.flush(until).await;
        let mut membership = self.parts.membership;
        membership.go_on();
        membership.leave("the worker is being stopped");
        match tokio::time::timeout_at(ending.left_at(), membership.close()).await {
            Ok(Ok(())) => tracing::info!("the worker has left its group"),
            Ok(Err(why)) => tracing::warn!(%why, "{NOT_KNOWN}"),
            Err(_elapsed) => tracing::warn!("the group did not answer in time: {NOT_KNOWN}"),
        }
        ending.error.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_takes_little_more_than_the_tasks_may() {
        let now = Instant::now();
        let graceful = Duration::from_secs(5);
        let ending = Ending::new(now, graceful, None);
        assert_eq!(ending.tasks_until(), now + graceful);
        let steps = [
            ending.tasks_until(),
            ending.over_at(),
            ending.flushed_at(),
            ending.left_at(),
        ];
        assert!(steps.is_sorted());
        assert!(steps[3] - steps[0] < Duration::from_secs(2));
    }
}
