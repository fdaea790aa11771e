//! Records converted and put into the sink, on a thread that may wait for a disk.

use std::sync::Arc;

use bytes::Bytes;

use super::super::converters::Converters;
use super::super::task::TaskError;
use super::super::tolerance::{Stage, Tolerance};
use super::dead_letters::{Letter, letter};
use crate::connect::Throwable;
use crate::connectors::FileStreamSink;
use crate::io::kafka::consumer::Fetched;
use crate::io::kafka::error::KafkaError;
use crate::protocol::record_batch::Record;

/// The sink with its converters.
#[derive(Debug)]
pub(super) struct Putter {
    pub(super) sink: FileStreamSink,
    pub(super) converters: Converters,
    pub(super) tolerance: Tolerance,
    /// Whether dead letters are written, and then whether with their context.
    pub(super) letters: Option<bool>,
    pub(super) connector: String,
    pub(super) task: u32,
}

/// What came of a chunk.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    /// After the chunk.
    pub(super) next_offset: i64,
    pub(super) letters: Vec<Letter>,
}

/// Where a record failed, and why.
pub(super) struct Failure {
    pub(super) stage: Stage,
    /// Java's class of the converter.
    pub(super) class: String,
    pub(super) error: Throwable,
}

impl Putter {
    /// Puts the records of a chunk: all of them, or the task fails.
    pub(super) fn put(&mut self, fetched: Fetched) -> Result<Put, TaskError> {
        let topic = Arc::clone(&fetched.topic);
        let partition = fetched.partition;
        let mut letters = Vec::new();
        let mut failed = None;
        let decoded = fetched.decode(|record| {
            if failed.is_none() {
                failed = self.put_one(&topic, partition, &record, &mut letters).err();
            }
        });
        if let Some(failed) = failed {
            return Err(failed);
        }
        let decoded = decoded.map_err(|source| KafkaError::Records {
            topic: topic.to_string(),
            partition,
            source,
        })?;
        self.sink.end_of_batch()?;
        Ok(Put {
            topic,
            partition,
            next_offset: decoded.next_offset,
            letters,
        })
    }

    fn put_one(
        &mut self,
        topic: &str,
        partition: i32,
        record: &Record,
        letters: &mut Vec<Letter>,
    ) -> Result<(), TaskError> {
        match self.convert(topic, record) {
            Ok(line) => Ok(self.sink.put(&line)?),
            Err(failure) => {
                let stage = failure.stage.name();
                if self.tolerance.log {
                    let offset = record.offset;
                    tracing::error!(topic, partition, offset, stage, error = %failure.error, "a record failed");
                }
                if let Some(with_context) = self.letters {
                    let context = with_context.then_some((&*self.connector, self.task));
                    letters.push(letter(topic, partition, record, &failure, context));
                }
                if self.tolerance.all {
                    return Ok(());
                }
                Err(TaskError::Convert {
                    stage,
                    error: failure.error,
                })
            }
        }
    }

    /// Returns the line of a record: its value as Java's `toString()` shows it. Key and headers must convert as well.
    fn convert(&self, topic: &str, record: &Record) -> Result<Bytes, Failure> {
        let Converters {
            key,
            value,
            header,
            classes,
        } = &self.converters;
        let failed = |stage, class: &str, error| Failure {
            stage,
            class: class.to_owned(),
            error,
        };
        key.to_connect_data(topic, record.key.as_ref())
            .map_err(|error| failed(Stage::KeyConverter, &classes.key, error))?;
        let value = value
            .to_connect_data(topic, record.value.as_ref())
            .map_err(|error| failed(Stage::ValueConverter, &classes.value, error))?;
        for one in &record.headers {
            let name = String::from_utf8_lossy(&one.key);
            header
                .to_connect_header(topic, &name, one.value.as_ref())
                .map_err(|error| failed(Stage::HeaderConverter, &classes.header, error))?;
        }
        let text = value.value.to_java();
        Ok(match text.to_utf8() {
            std::borrow::Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            std::borrow::Cow::Owned(bytes) => bytes.into(),
        })
    }
}
