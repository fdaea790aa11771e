//! The position of a source, as it is found at the start and written from time to time.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::offset_store::OffsetStore;
use super::super::settings::WorkerSettings;
use super::super::task::{Context, TaskError, patiently};
use crate::connectors::FileStreamSource;
use crate::io::kafka::producer::ProduceError;
use crate::model::raw_json::push_string;

/// Commits of one source's position.
pub(super) struct Commits {
    offsets: OffsetStore,
    /// `["connector",{partition}]`.
    key: Bytes,
    has_positions: bool,
    /// For the log.
    topic: String,
    interval: Duration,
    timeout: Duration,
    pub(super) next: Instant,
    committed: Option<u64>,
    running: Option<Commit>,
}

struct Commit {
    position: Option<u64>,
    told: oneshot::Receiver<Result<(), ProduceError>>,
    deadline: Instant,
}

impl Commits {
    /// Sets the source to the stored position; `None`: the task was told to stop before that was known.
    pub(super) async fn start(
        context: &Context,
        source: &mut FileStreamSource,
    ) -> Result<Option<Self>, TaskError> {
        let key = offset_key(&context.spec.connector, &source.partition_json());
        let Some(offsets) = OffsetStore::start(context).await? else {
            return Ok(None);
        };
        if source.has_positions() {
            let Some(stored) = patiently(context, || offsets.value(&key)).await? else {
                return Ok(None);
            };
            source.seek(stored_position(stored.as_deref())?);
        }
        let WorkerSettings {
            flush_interval,
            flush_timeout,
            ..
        } = context.host.settings;
        Ok(Some(Self {
            offsets,
            key,
            has_positions: source.has_positions(),
            topic: source.topic().to_owned(),
            interval: flush_interval,
            timeout: flush_timeout,
            next: Instant::now() + flush_interval,
            committed: None,
            running: None,
        }))
    }

    /// Writes the position, unless one is being written.
    pub(super) fn begin(&mut self, position: Option<u64>) {
        let now = Instant::now();
        self.next = now + self.interval;
        if self.running.is_none() {
            self.running = self.commit(position, now + self.timeout);
        }
    }

    fn commit(&mut self, position: Option<u64>, deadline: Instant) -> Option<Commit> {
        if position.is_none() || position == self.committed {
            return None;
        }
        let shown = position.filter(|_| self.has_positions);
        let shown = shown.map_or_else(|| "null".to_owned(), |position| position.to_string());
        let value = Bytes::from(format!("{{\"position\":{shown}}}"));
        let entry = (self.key.clone(), Some(value));
        Some(Commit {
            position,
            told: self.offsets.write(entry),
            deadline,
        })
    }

    /// Waits until a commit is acknowledged, has failed or is given up; for ever when there is none.
    pub(super) async fn told(&mut self) -> Result<(), String> {
        let Some(commit) = &mut self.running else {
            return std::future::pending().await;
        };
        match tokio::time::timeout_at(commit.deadline, &mut commit.told).await {
            Err(_) => Err("not acknowledged within offset.flush.timeout.ms".to_owned()),
            Ok(Err(_)) => Err("the writer of the offset topic has ended".to_owned()),
            Ok(Ok(outcome)) => outcome.map_err(|error| error.to_string()),
        }
    }

    pub(super) fn take(&mut self, outcome: Result<(), String>) {
        let Some(commit) = self.running.take() else {
            return;
        };
        match outcome {
            Ok(()) => self.committed = commit.position,
            Err(reason) => tracing::error!(
                topic = self.topic,
                reason,
                "offsets could not be committed; they will be with the next flush"
            ),
        }
    }

    /// Commits for the last time.
    pub(super) async fn end(&mut self, position: Option<u64>) {
        self.finish().await;
        let until = Instant::now() + self.timeout;
        self.running = self.commit(position, until);
        self.finish().await;
        self.offsets.settle(until).await;
    }

    async fn finish(&mut self) {
        if self.running.is_some() {
            let outcome = self.told().await;
            self.take(outcome);
        }
    }
}

/// Returns the key under which a worker keeps a position.
fn offset_key(connector: &str, partition: &[u8]) -> Bytes {
    let mut key = b"[".to_vec();
    push_string(connector, &mut key);
    key.push(b',');
    key.extend_from_slice(partition);
    key.push(b']');
    key.into()
}

/// Reads what `FileStreamSourceTask` reads from a stored offset: an integer, or nothing for the beginning.
fn stored_position(stored: Option<&[u8]>) -> Result<u64, TaskError> {
    let Some(stored) = stored else {
        return Ok(0);
    };
    let wrong = || TaskError::StoredOffset {
        stored: String::from_utf8_lossy(stored).into_owned(),
    };
    let offset: serde_json::Value = serde_json::from_slice(stored).map_err(|_| wrong())?;
    match offset.get("position") {
        None | Some(serde_json::Value::Null) if offset.is_object() => Ok(0),
        // As in Java, a negative one skips nothing.
        Some(position) => match position.as_i64() {
            Some(position) => Ok(u64::try_from(position).unwrap_or(0)),
            None => Err(wrong()),
        },
        None => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_position_is_an_integer_or_the_beginning() {
        let read = |stored: &str| stored_position(Some(stored.as_bytes())).ok();
        assert_eq!(read(r#"{"position":27}"#), Some(27));
        assert_eq!(read(r#"{"position":-1}"#), Some(0));
        assert_eq!(read(r#"{"position":null}"#), Some(0));
        assert_eq!(read("{}"), Some(0));
        for wrong in [r#"{"position":"27"}"#, r#"{"position":1.5}"#, "7", "{"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(stored_position(None).ok(), Some(0));
    }

    #[test]
    fn a_position_is_kept_under_the_key_of_the_jvm() {
        let key = offset_key("a \"b\"", br#"{"filename":"/in"}"#);
        assert_eq!(&key[..], br#"["a \"b\"",{"filename":"/in"}]"#);
    }
}
