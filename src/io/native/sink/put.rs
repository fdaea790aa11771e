//! Records converted and put into the sink, on a thread that may wait for a disk.

use std::sync::Arc;

use super::super::converters::Converters;
use super::super::task::TaskError;
use super::super::tolerance::{Stage, Tolerance};
use super::dead_letters::{Letter, letter};
use crate::connect::{SchemaAndValue, Throwable};
use crate::connectors::{FileStreamSink, SinkError};
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
    /// After what was handed to the file; `None`: nothing was.
    pub(super) next_offset: Option<i64>,
    pub(super) letters: Vec<Letter>,
    /// A record of the topic could be converted.
    pub(super) is_used: bool,
}

/// Where a record failed, and why.
pub(super) struct Failure {
    pub(super) stage: Stage,
    /// Java's class of the converter.
    pub(super) class: String,
    pub(super) error: Throwable,
}

impl Putter {
    /// Puts the records of a chunk, all of them or those before the first that fails the task.
    ///
    /// A JVM converts a whole batch before its task sees any of it; here the lines before a failure are in the file, and
    /// what is returned says so: committed, they are not put again at the next start.
    pub(super) fn put(&mut self, fetched: Fetched) -> (Put, Result<(), TaskError>) {
        let mut put = Put {
            topic: Arc::clone(&fetched.topic),
            partition: fetched.partition,
            next_offset: None,
            letters: Vec::new(),
            is_used: false,
        };
        let mut failed = None;
        // After what is in the buffer.
        let mut buffered = None;
        let decoded = fetched.decode(|record| {
            if failed.is_some() {
                return;
            }
            match self.put_one(&mut put, &record) {
                Ok(()) => {
                    buffered = Some(record.offset + 1);
                    if self.sink.is_handed_over() {
                        put.next_offset = buffered;
                    }
                }
                Err(error) => failed = Some(error),
            }
        });
        let whole = match (failed, decoded) {
            (Some(error), _) => Err(error),
            (None, Ok(decoded)) => {
                buffered = Some(decoded.next_offset);
                Ok(())
            }
            (None, Err(source)) => Err(TaskError::from(KafkaError::Records {
                topic: put.topic.to_string(),
                partition: put.partition,
                source,
            })),
        };
        let outcome = match (self.write(whole.is_ok()), whole) {
            (Ok(true), whole) => {
                put.next_offset = buffered.or(put.next_offset);
                whole
            }
            (Ok(false), whole) => whole,
            (Err(error), whole) => whole.and(Err(error.into())),
        };
        (put, outcome)
    }

    /// Hands over what is in the buffer; false: a write has failed already and left nothing there.
    fn write(&mut self, is_whole: bool) -> Result<bool, SinkError> {
        if !is_whole && self.sink.is_handed_over() {
            return Ok(false);
        }
        self.sink.end_of_batch().map(|()| true)
    }

    fn put_one(&mut self, put: &mut Put, record: &Record) -> Result<(), TaskError> {
        let (topic, partition) = (&*put.topic, put.partition);
        match self.convert(topic, record) {
            // As Java's `toString()` shows it.
            Ok(value) => {
                put.is_used = true;
                Ok(self.sink.put(&value.value.to_java().to_utf8())?)
            }
            Err(failure) => {
                let stage = failure.stage.name();
                if self.tolerance.log {
                    let offset = record.offset;
                    tracing::error!(topic, partition, offset, stage, error = %failure.error, "a record failed");
                }
                if let Some(with_context) = self.letters {
                    let context = with_context.then_some((&*self.connector, self.task));
                    put.letters
                        .push(letter(topic, partition, record, &failure, context));
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

    /// Returns the value of a record. Key and headers must convert as well.
    fn convert(&self, topic: &str, record: &Record) -> Result<SchemaAndValue, Failure> {
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
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytes::Bytes;
    use indexmap::IndexMap;

    use super::*;
    use crate::model::properties::Properties;
    use crate::protocol::record_batch::{BatchBuilder, Codec, NewRecord, Sequence};

    fn putter(file: &Path) -> Putter {
        let text = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let json = "org.apache.kafka.connect.json.JsonConverter";
        let config = IndexMap::from([
            text("file", &file.display().to_string()),
            text("key.converter", json),
            text("value.converter", json),
            text("value.converter.schemas.enable", "false"),
        ]);
        Putter {
            sink: FileStreamSink::open(&config).unwrap(),
            converters: Converters::of(&Properties::default(), &config).unwrap(),
            tolerance: Tolerance::of(&config),
            letters: Some(false),
            connector: "c".to_owned(),
            task: 0,
        }
    }

    fn fetched(count: usize, poison: Option<usize>) -> Fetched {
        let mut batch = BatchBuilder::with_capacity(1 << 20);
        for number in 0..count {
            let line = format!("\"{}\"", "x".repeat(100));
            let value = if poison == Some(number) { "{" } else { &line };
            batch.push(&NewRecord {
                timestamp: 0,
                key: None,
                value: Some(value.as_bytes()),
                headers: &[],
            });
        }
        let batch = batch.finish(Codec::None, None).unwrap();
        let data: Bytes = batch.sign(Sequence::NONE);
        Fetched::of("t", data)
    }

    fn lines(file: &Path) -> usize {
        std::fs::read_to_string(file).unwrap().lines().count()
    }

    #[test]
    fn the_lines_before_a_poison_record_are_in_the_file_and_are_not_put_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.txt");
        // More than one buffer.
        for poison in [0, 1, 6000] {
            _ = std::fs::remove_file(&file);
            let mut putter = putter(&file);
            let (put, outcome) = putter.put(fetched(8000, Some(poison)));
            assert!(matches!(outcome, Err(TaskError::Convert { .. })));
            let after = (poison > 0).then(|| i64::try_from(poison).unwrap());
            assert_eq!(put.next_offset, after);
            assert_eq!(put.letters.len(), 1, "its letter is written all the same");
            assert_eq!(put.is_used, poison > 0);
            putter.sink.flush().unwrap();
            assert_eq!(lines(&file), poison);
        }
    }

    #[test]
    fn a_whole_chunk_is_put_and_a_tolerated_record_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out.txt");
        let mut putter = putter(&file);
        putter.tolerance.all = true;
        let (put, outcome) = putter.put(fetched(10, Some(9)));
        assert!(outcome.is_ok());
        assert_eq!(put.next_offset, Some(10));
        assert_eq!(put.letters.len(), 1);
        assert_eq!(lines(&file), 9);
    }

    #[test]
    fn what_could_not_be_written_moves_nothing() {
        for poison in [None, Some(10), Some(6000)] {
            let mut putter = putter(Path::new("/dev/full"));
            let (put, outcome) = putter.put(fetched(8000, poison));
            assert!(outcome.is_err());
            assert_eq!(put.next_offset, None);
            assert!(
                putter.sink.is_handed_over(),
                "nothing is left to be written"
            );
        }
    }
}
