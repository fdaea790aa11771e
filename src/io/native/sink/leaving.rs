//! Partitions that are given back, a task that stands still, a task that ends: what was put is committed first, in time.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{SinkTask, TaskError};

/// What is kept of the time of a task's end to leave the group in, at most.
const LEAVING: Duration = Duration::from_secs(1);

/// Until when the last commit may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    /// For dead letters: the commit comes after them.
    pub(super) letters: Instant,
    pub(super) all: Instant,
}

impl SinkTask {
    /// Puts what was taken and begins to commit it.
    pub(super) async fn stand_still(&mut self) -> Result<(), TaskError> {
        self.stop_fetching();
        self.finish_work().await?;
        self.begin_commit();
        Ok(())
    }

    /// Gives the partitions back, what was put of them committed.
    pub(super) async fn hand_over(&mut self) -> Result<(), TaskError> {
        self.stop_fetching();
        self.finish_work().await?;
        let now = Instant::now();
        let until = Until {
            letters: now + self.last_drain(),
            all: now + self.flush_timeout,
        };
        self.commit_now(until).await?;
        self.give_up();
        if let Some(done) = self.revoked.take() {
            // The membership goes with the consumer.
            let _ = done.send(());
        }
        Ok(())
    }

    /// Commits what was put and leaves the group; work that hangs is left to itself, with what it was about to put.
    pub(super) async fn close(&mut self) -> Result<(), TaskError> {
        self.stop_fetching();
        let now = Instant::now();
        let end = now + self.graceful;
        let until = Until {
            letters: now + self.last_drain(),
            all: end - LEAVING.min(self.graceful / 4),
        };
        let closed = timeout_at(until.all, self.finish(until)).await;
        let closed = closed.unwrap_or_else(|_| {
            tracing::error!(
                "the sink did not put or flush within task.shutdown.graceful.timeout.ms: \
                 it is given up, and what it was at is not committed"
            );
            Ok(())
        });
        if let Some(consumer) = self.consumer.take()
            && timeout_at(end, consumer.leave()).await.is_err()
        {
            tracing::warn!("the group was not left in time; it notices when the session is over");
        }
        closed
    }

    async fn finish(&mut self, until: Until) -> Result<(), TaskError> {
        let worked = self.finish_work().await;
        let committed = self.commit_now(until).await;
        if let Some(letters) = &mut self.dead_letters {
            // The record that fails the task has its letter too, and no offset.
            letters.drain(until.letters).await;
        }
        worked.and(committed)
    }

    /// What dead letters may take before the partitions are given back: half of the time, for the commit comes after them.
    fn last_drain(&self) -> Duration {
        self.graceful.min(self.flush_timeout) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::native::active_topics::{ActiveTopics, Tracker};
    use crate::io::native::sink::Offsets;
    use crate::io::native::sink::commit::Pending;

    const LONG: Duration = Duration::from_secs(3600);

    /// A task at a flush that does not come back.
    fn hanging(graceful: Duration) -> SinkTask {
        let positions = Offsets::from([(("t".to_owned(), 0), 7)]);
        SinkTask {
            consumer: None,
            putter: None,
            working: Some(tokio::spawn(std::future::pending())),
            positions: positions.clone(),
            committed: Offsets::new(),
            pending: Some(Pending::of(positions, Instant::now() + LONG)),
            committing: None,
            next_commit: Instant::now() + LONG,
            commit_is_due: false,
            flush_interval: LONG,
            flush_timeout: LONG,
            graceful,
            revoked: None,
            dead_letters: None,
            tracker: Tracker {
                topics: std::sync::Arc::new(ActiveTopics::new(false)),
                connector: "c".to_owned(),
                task: 0,
            },
            fetch_at: None,
            is_fetching: false,
        }
    }

    #[tokio::test]
    async fn a_flush_that_hangs_is_given_up_in_time_and_nothing_is_committed() {
        let mut task = hanging(Duration::from_millis(20));
        assert!(task.close().await.is_ok());
        assert!(task.working.is_some(), "it hangs still");
        assert!(task.committed.is_empty());
        assert!(task.committing.is_none());
    }

    #[tokio::test]
    async fn a_flush_that_hangs_keeps_the_loop_from_nothing_but_the_next_records() {
        let mut task = hanging(LONG);
        task.begin_commit();
        task.go_on_committing();
        assert_eq!(task.want(true), crate::io::kafka::consumer::Want::Busy);
        assert!(task.commit_is_due, "the next commit waits for this one");
    }
}
