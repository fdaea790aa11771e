//! Why positions could not be read or written.

use std::path::PathBuf;

use crate::io::connect_rest::RestError;
use crate::io::files::FileError;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::seeder::SeedError;
use crate::model::offset_file::OffsetFileError;

#[derive(Debug, thiserror::Error)]
pub enum OffsetStoreError {
    #[error(transparent)]
    File(#[from] FileError),
    /// A worker would take most of these files for empty.
    #[error("{}: not a complete offsets file: {source}", path.display())]
    Damaged {
        path: PathBuf,
        source: OffsetFileError,
    },
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error("offset topic {topic} does not exist")]
    NoTopic { topic: String },
    #[error("topic {topic}: {source}")]
    Seed { topic: String, source: SeedError },
    #[error("topic {topic} is gone: it was deleted while this ran")]
    TopicGone { topic: String },
    #[error("{}: changed {when}", path.display())]
    FileChanged {
        path: PathBuf,
        when: &'static str,
        /// Whether the offsets were in the topic by then.
        written: bool,
    },
    #[error("topic {topic} does not say what was written: {}", first_of(wrong))]
    ReadBack { topic: String, wrong: Vec<String> },
}

impl OffsetStoreError {
    /// Returns whether everything was written and what came of it is not what it should be.
    pub fn is_verification(&self) -> bool {
        matches!(
            self,
            Self::ReadBack { .. } | Self::FileChanged { written: true, .. }
        )
    }

    /// Returns what to type next, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Damaged { source, .. } => Some(of_damage(source).to_owned()),
            Self::Kafka(error) => error.hint(),
            Self::Rest(error) => error.hint(),
            Self::NoTopic { .. } => Some(
                "connectctl topics create --worker-config FILE makes it; is it the file of the right cluster?"
                    .to_owned(),
            ),
            Self::Seed { source, .. } => source.hint(),
            Self::TopicGone { .. } => {
                Some("find out who deletes topics. If the broker has made it again by itself (topics describe tells), delete it; then run the same command again".to_owned())
            }
            Self::FileChanged { written: true, .. } => Some(
                "the standalone worker is still running, and the topic has positions that are older than the file: stop it, then run the same command with --overwrite-offsets"
                    .to_owned(),
            ),
            Self::FileChanged { .. } => Some(
                "the standalone worker is still running: stop it, then run the same command again"
                    .to_owned(),
            ),
            Self::ReadBack { .. } => Some(
                "another program writes to this topic; stop it, then run again with --overwrite-offsets"
                    .to_owned(),
            ),
        }
    }
}

fn of_damage(error: &OffsetFileError) -> &'static str {
    match error {
        OffsetFileError::Empty => {
            "a worker that was killed while it saved leaves an empty file; take a copy from before, or ask the running worker: connectctl offsets show --url URL"
        }
        OffsetFileError::NotJavaSerialisation { .. } => {
            "the file of offset.storage.file.filename is meant, which a standalone worker writes"
        }
        OffsetFileError::Truncated { .. } => {
            "the worker itself would start without offsets, from the beginning: use a backup of the file, or save the offsets of the running worker with `connectctl capture --source-url URL --out DIR`"
        }
        _ => {
            "a standalone worker wrote no such file; check that it is the file of offset.storage.file.filename"
        }
    }
}

fn first_of(wrong: &[String]) -> String {
    match wrong {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}
