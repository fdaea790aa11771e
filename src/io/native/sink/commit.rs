//! Committing what a sink has put: flushed first, and not before the dead letters of the records before it are in their topic.

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::dead_letters::DeadLetters;
use super::{Offsets, SinkTask, TaskError};
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::groups::TopicPartition;

/// Offsets that wait for dead letters.
#[derive(Debug)]
pub(super) struct Draining {
    offsets: Offsets,
    /// When this commit is given up.
    pub(super) deadline: Instant,
}

impl SinkTask {
    /// Commits in the background what has been put.
    pub(super) async fn begin_commit(&mut self) -> Result<(), TaskError> {
        self.begin_commit_by(Instant::now() + self.flush_timeout)
            .await
    }

    async fn begin_commit_by(&mut self, deadline: Instant) -> Result<(), TaskError> {
        self.next_commit = Instant::now() + self.flush_interval;
        self.commit_is_due =
            self.committing.is_some() || self.putting.is_some() || self.draining.is_some();
        if self.commit_is_due {
            // Before the next chunk is put.
            return Ok(());
        }
        if let Some(offsets) = self.flushed().await? {
            if let Some(letters) = &mut self.dead_letters {
                letters.hurry();
            }
            self.draining = Some(Draining { offsets, deadline });
            self.settle_draining();
        }
        Ok(())
    }

    /// Does what has become possible of a commit that has begun or is due.
    pub(super) async fn go_on_committing(&mut self) -> Result<(), TaskError> {
        self.settle_draining();
        let is_free =
            self.committing.is_none() && self.putting.is_none() && self.draining.is_none();
        if self.commit_is_due && is_free {
            self.begin_commit().await?;
        }
        Ok(())
    }

    /// Commits when no dead letter is on its way any more; gives the commit up when that takes too long.
    fn settle_draining(&mut self) {
        let Some(draining) = self.draining.take() else {
            return;
        };
        if self.dead_letters.as_ref().is_none_or(DeadLetters::is_idle) {
            self.commit(draining.offsets);
        } else if draining.deadline > Instant::now() {
            self.draining = Some(draining);
        } else {
            tracing::error!(
                "offsets are not committed: the dead letter queue did not take its records in time"
            );
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

    /// Makes sure that what is to be committed is in the file; `None`: there is nothing.
    async fn flushed(&mut self) -> Result<Option<Offsets>, TaskError> {
        let is_new =
            |(at, offset): &(&TopicPartition, &i64)| self.committed.get(*at) != Some(*offset);
        let changed: Offsets = self
            .positions
            .iter()
            .filter(is_new)
            .map(|(at, offset)| (at.clone(), *offset))
            .collect();
        if changed.is_empty() {
            return Ok(None);
        }
        self.flush().await?;
        Ok(Some(changed))
    }

    /// Hands what was put to the file, in a thread that may wait for its disk.
    async fn flush(&mut self) -> Result<(), TaskError> {
        let Some(mut putter) = self.putter.take() else {
            return Ok(());
        };
        let flushing = tokio::task::spawn_blocking(move || {
            let flushed = putter.sink.flush();
            (putter, flushed)
        });
        let (putter, flushed) = flushing.await.map_err(|_| TaskError::Panicked)?;
        self.putter = Some(putter);
        Ok(flushed?)
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

    /// Commits before the partitions are given back; until `deadline` it waits for dead letters.
    pub(super) async fn commit_now(&mut self, deadline: Instant) -> Result<(), TaskError> {
        self.await_commit().await;
        // What waits for letters is a part of what is committed now.
        self.draining = None;
        self.begin_commit_by(deadline).await?;
        if self.draining.is_some() {
            if let Some(letters) = &mut self.dead_letters {
                letters.drain(deadline).await;
            }
            self.settle_draining();
        }
        self.await_commit().await;
        Ok(())
    }

    async fn await_commit(&mut self) {
        if self.committing.is_none() {
            return;
        }
        let ended = committed(&mut self.committing);
        let outcome = tokio::time::timeout(self.flush_timeout, ended).await;
        let outcome = outcome.unwrap_or_else(|_| {
            if let Some(committing) = &self.committing {
                // Landing late, it would move the offsets back behind what is committed after it.
                committing.abort();
            }
            Err("not within offset.flush.timeout.ms".to_owned())
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
