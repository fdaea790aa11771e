//! Why a plan was not applied to its end.

use crate::io::connect_rest::RestError;
use crate::io::embedded::EmbeddedError;
use crate::io::files::FileError;
use crate::io::kafka::error::KafkaError;
use crate::io::offset_store::OffsetStoreError;
use crate::io::storage_topics::Refusal;

#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Offsets(#[from] OffsetStoreError),
    #[error("the embedded worker could not start: {0}")]
    Embedded(#[from] EmbeddedError),
    #[error("topic {topic} cannot be created: {refusal}")]
    TopicRefused { topic: String, refusal: Refusal },
    #[error("topic {topic} is not what was asked for: {}", wrong.join("; "))]
    TopicWrong { topic: String, wrong: Vec<String> },
    #[error("topic {topic} is gone: it was deleted while this ran")]
    TopicGone { topic: String },
    #[error("group {group} is in use: it is {state}, with {members} members")]
    GroupInUse {
        group: String,
        state: String,
        members: usize,
    },
    #[error("group {group} does not stand where it was put: {}", first_of(wrong))]
    GroupWrong { group: String, wrong: Vec<String> },
    #[error(
        "{url} does not write to the config topic {topic}: connector {connector} did not appear there"
    )]
    OtherTopics {
        url: String,
        topic: String,
        connector: String,
    },
    #[error("connector {connector} did not become {wanted} within {waited:?}: {seen}")]
    State {
        connector: String,
        wanted: &'static str,
        waited: std::time::Duration,
        seen: String,
    },
}

impl ApplyError {
    /// Returns whether everything was carried out and what came of it is not what it should be.
    pub fn is_verification(&self) -> bool {
        matches!(
            self,
            Self::TopicWrong { .. }
                | Self::GroupWrong { .. }
                | Self::OtherTopics { .. }
                | Self::State { .. }
        ) || matches!(self, Self::Offsets(error) if error.is_verification())
    }

    /// Returns what to type next, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File(error) => return error.hint(),
            Self::Kafka(error) => return error.hint(),
            Self::Rest(error) => return error.hint(),
            Self::Offsets(error) => return error.hint(),
            Self::Embedded(error) => return error.hint(),
            Self::TopicRefused { refusal, .. } => refusal.hint(),
            Self::TopicWrong { topic, .. } => {
                format!("look at it with: connectctl topics describe --worker-config distributed/distributed.properties ({topic})")
            }
            Self::TopicGone { .. } => "find out who deletes topics, then run the same command again".into(),
            Self::GroupInUse { .. } | Self::GroupWrong { .. } => {
                "stop the consumers of this group, then run the same command again".into()
            }
            Self::OtherTopics { .. } => {
                "that Connect cluster has other storage topics: give --config-topic, --offset-topic, --status-topic and --group-id as its workers have them".into()
            }
            Self::State { connector, .. } => format!(
                "the connector was left STOPPED; its offsets are in place. See the workers' log, then resume it: PUT /connectors/{connector}/resume on a worker"
            ),
        })
    }
}

fn first_of(wrong: &[String]) -> String {
    match wrong {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}
