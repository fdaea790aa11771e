//! Committing what a sink has put: flushed first, and not before the dead letters of the records before it are in their topic.

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::dead_letters::DeadLetters;
use super::leaving::Until;
use super::{Offsets, SinkTask, TaskError, Worked};
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::groups::TopicPartition;

/// Offsets that wait until they may be committed.
#[derive(Debug)]
pub(super) struct Pending {
    offsets: Offsets,
    is_flushed: bool,
    /// When this commit is given up if dead letters are still on their way.
    deadline: Instant,
}

impl Pending {
    pub(super) fn of(offsets: Offsets, deadline: Instant) -> Self {
        Self {
            offsets,
            is_flushed: false,
            deadline,
        }
    }

    pub(super) fn drained_by(&self) -> Option<Instant> {
        self.is_flushed.then_some(self.deadline)
    }
}

impl SinkTask {
    /// Commits in the background what has been put.
    pub(super) fn begin_commit(&mut self) {
        self.begin_commit_by(Instant::now() + self.flush_timeout);
    }

    fn begin_commit_by(&mut self, deadline: Instant) {
        self.next_commit = Instant::now() + self.flush_interval;
        self.commit_is_due = !self.is_free();
        if self.commit_is_due {
            // Before the next chunk is put.
            return;
        }
        let offsets = self.uncommitted();
        if !offsets.is_empty()
            && let Some(mut putter) = self.putter.take()
        {
            // What is to be committed must be in the file, whose disk may keep its writer waiting.
            self.working = Some(tokio::task::spawn_blocking(move || {
                let flushed = putter.sink.flush();
                (putter, Worked::Flushed(flushed.map_err(Into::into)))
            }));
            self.pending = Some(Pending::of(offsets, deadline));
        }
    }

    fn is_free(&self) -> bool {
        self.committing.is_none() && self.working.is_none() && self.pending.is_none()
    }

    fn uncommitted(&self) -> Offsets {
        let is_new =
            |(at, offset): &(&TopicPartition, &i64)| self.committed.get(*at) != Some(*offset);
        let new = self.positions.iter().filter(is_new);
        new.map(|(at, offset)| (at.clone(), *offset)).collect()
    }

    pub(super) fn flushed(&mut self, outcome: Result<(), TaskError>) -> Result<(), TaskError> {
        if outcome.is_err() {
            self.pending = None;
        } else if let Some(pending) = &mut self.pending {
            pending.is_flushed = true;
            if let Some(letters) = &mut self.dead_letters {
                letters.hurry();
            }
            self.settle_pending();
        }
        outcome
    }

    /// Does what has become possible of a commit that has begun or is due.
    pub(super) fn go_on_committing(&mut self) {
        self.settle_pending();
        if self.commit_is_due && self.is_free() {
            self.begin_commit();
        }
    }

    /// Commits when no dead letter is on its way any more; gives the commit up when that takes too long.
    fn settle_pending(&mut self) {
        let Some(pending) = self.pending.take_if(|pending| pending.is_flushed) else {
            return;
        };
        if self.dead_letters.as_ref().is_none_or(DeadLetters::is_idle) {
            self.commit(pending.offsets);
        } else if pending.deadline > Instant::now() {
            self.pending = Some(pending);
        } else {
            tracing::error!(
                "offsets are not committed: the dead letter queue did not take its records in time"
            );
            // Begun at once, the next would have the sink wait for ever and put nothing.
            self.commit_is_due = false;
            self.next_commit = Instant::now() + self.flush_interval;
        }
    }

    fn commit(&mut self, offsets: Offsets) {
        let Some(consumer) = &self.consumer else {
            return;
        };
        let Some(committer) = consumer.committer() else {
            return;
        };
        let cluster = consumer.cluster().clone();
        let group = consumer.group().to_owned();
        self.committing = Some(tokio::spawn(async move {
            let outcomes = cluster
                .commit_offsets_as(&committer, &group, &offsets)
                .await?;
            for outcome in outcomes.into_values() {
                outcome?;
            }
            Ok(offsets)
        }));
    }

    pub(super) fn take_commit(&mut self, outcome: Result<Offsets, String>) {
        self.committing = None;
        match outcome {
            Ok(offsets) => {
                for (at, offset) in offsets {
                    if self.positions.contains_key(&at) {
                        self.committed.insert(at, offset);
                    }
                }
            }
            Err(reason) => tracing::error!(reason, "offsets could not be committed"),
        }
    }

    /// Commits before the partitions are given back.
    pub(super) async fn commit_now(&mut self, until: Until) -> Result<(), TaskError> {
        self.await_commit(until.all).await;
        // What waits for letters is a part of what is committed now.
        self.pending = None;
        self.begin_commit_by(until.letters);
        self.finish_work().await?;
        if self.pending.is_some() {
            if let Some(letters) = &mut self.dead_letters {
                letters.drain(until.letters).await;
            }
            self.settle_pending();
        }
        self.await_commit(until.all).await;
        Ok(())
    }

    async fn await_commit(&mut self, until: Instant) {
        if self.committing.is_none() {
            return;
        }
        let ended = timeout_at(until, committed(&mut self.committing)).await;
        let outcome = ended.unwrap_or_else(|_| {
            if let Some(committing) = &self.committing {
                // Landing late, it would move the offsets back behind what is committed after it.
                committing.abort();
            }
            Err("the coordinator did not answer in time".to_owned())
        });
        self.take_commit(outcome);
    }
}

/// Waits for the end of a commit; for ever when there is none.
pub(super) async fn committed(
    committing: &mut Option<JoinHandle<Result<Offsets, KafkaError>>>,
) -> Result<Offsets, String> {
    match committing {
        Some(committing) => match committing.await {
            Ok(outcome) => outcome.map_err(|error| error.to_string()),
            Err(failed) => Err(failed.to_string()),
        },
        None => std::future::pending().await,
    }
}
