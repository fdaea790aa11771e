//! Why a plan was not applied to its end.

use crate::io::connect_rest::RestError;
use crate::io::embedded::EmbeddedError;
use crate::io::files::FileError;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::writer::WriteError;
use crate::io::offset_store::OffsetStoreError;
use crate::io::storage_topics::Refusal;
use crate::io::worker::WorkerError;
use crate::model::rest::{ANY_WORKER, put_command};
use crate::model::worker_config::WorkerConfigError;

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
    #[error("the worker that was to run the connectors: {0}")]
    Worker(#[from] WorkerError),
    #[error(
        "the worker that ran the connectors has ended by itself{}; {}",
        because(why.as_deref()),
        left_by_a_worker(not_stopped.as_ref())
    )]
    WorkerEnded {
        why: Option<Box<WorkerError>>,
        /// It had been asked to start a connector: to be started once counts as moved.
        has_started: bool,
        /// Why the connectors could not be given target state STOPPED afterwards; `None`: they have it.
        not_stopped: Option<WriteError>,
    },
    /// The worker that ran the connectors has ended as it was told to, and did not stop them before.
    #[error("{}", left_by_a_worker(Some(why)))]
    NotStopped { why: WriteError },
    #[error(transparent)]
    WorkerFile(#[from] WorkerConfigError),
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
    #[error("a connector would not find what was seeded: {}", first_of(wrong))]
    OwnTopic { wrong: Vec<String> },
    #[error("a sink's group does not stand where it stood: {}", first_of(wrong))]
    GroupsMoved { wrong: Vec<String> },
    #[error(
        "{url} has connector {connector} not as the config topic {topic} has it: it is another Connect cluster, or the connector is being changed"
    )]
    OtherCluster {
        url: String,
        topic: String,
        connector: String,
    },
    #[error(
        "{url} does not write to the config topic {topic}: connector {connector} did not {what} there"
    )]
    OtherTopics {
        url: String,
        topic: String,
        connector: String,
        what: &'static str,
    },
    #[error("{failed}{}{}", aftermath(connector, not_stopped.as_deref()), still_running(resumed))]
    NotFinal {
        failed: Box<ApplyError>,
        connector: String,
        /// Why it could not be stopped again; `None`: it is STOPPED.
        not_stopped: Option<String>,
        /// Connectors that were given their final state before, and keep it.
        resumed: Vec<String>,
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
                | Self::GroupsMoved { .. }
                | Self::OwnTopic { .. }
                | Self::OtherTopics { .. }
                | Self::State { .. }
        ) || matches!(self, Self::NotFinal { failed, .. } if failed.is_verification())
            || matches!(self, Self::Offsets(error) if error.is_verification())
    }

    /// Returns whether the same command, typed again, does what is missing. What has run once counts as moved, and no further run
    /// starts it.
    pub fn is_finished_by_another_run(&self) -> bool {
        !matches!(
            self,
            Self::WorkerEnded {
                has_started: true,
                ..
            } | Self::NotStopped { .. }
        )
    }

    /// Returns what to type next, where that is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::File(error) => return error.hint(),
            Self::Kafka(error) => return error.hint(),
            Self::Rest(error) => return error.hint(),
            Self::Offsets(error) => return error.hint(),
            Self::Embedded(error) => return error.hint(),
            Self::Worker(error) => return error.hint(),
            Self::WorkerFile(_) => return None,
            Self::WorkerEnded {
                not_stopped: Some(_),
                ..
            }
            | Self::NotStopped { .. } => "they go on from the positions that were committed last; to hold one back, PUT /connectors/NAME/stop on the next worker as soon as it answers".into(),
            Self::WorkerEnded { why, has_started, .. } => {
                after_a_worker(*has_started, why.as_deref().and_then(WorkerError::hint))
            }
            Self::TopicRefused { refusal, .. } => refusal.hint(),
            Self::TopicWrong { topic, .. } => {
                format!("look at it with: connectctl topics describe --worker-config distributed/distributed.properties ({topic})")
            }
            Self::TopicGone { .. } => "find out who deletes topics, then run the same command again".into(),
            Self::GroupInUse { .. } | Self::GroupWrong { .. } | Self::GroupsMoved { .. } => {
                "stop the consumers of this group, then run the same command again".into()
            }
            Self::OwnTopic { .. } => {
                "remove offsets.storage.topic from that connector: its positions are then found in the workers' topic".into()
            }
            Self::OtherTopics { .. } | Self::OtherCluster { .. } => {
                "that Connect cluster has other storage topics: give --config-topic, --offset-topic, --status-topic and --group-id as its workers have them".into()
            }
            Self::NotFinal {
                connector,
                not_stopped: Some(_),
                ..
            } => format!(
                "stop it before anything else: {}; then see the workers' log",
                put_command(ANY_WORKER, &[connector], "stop")
            ),
            Self::NotFinal { failed, .. } if matches!(**failed, Self::OtherTopics { .. }) => {
                return failed.hint();
            }
            Self::NotFinal { connector, .. } => format!(
                "its offsets are in place. See the workers' log, then resume it: {}",
                put_command(ANY_WORKER, &[connector], "resume")
            ),
            Self::State { .. } => {
                "see the workers' log, then run the same command again".into()
            }
        })
    }
}

/// Returns what to do when every connector is STOPPED and their worker is gone.
fn after_a_worker(has_started: bool, mend: Option<String>) -> String {
    let next = if has_started {
        "start the workers and resume each connector: PUT /connectors/NAME/resume"
    } else {
        "run the same command again"
    };
    let next = format!("their positions stand where they were last committed; {next}");
    match mend {
        Some(hint) => format!("{next}, when this is mended: {hint}"),
        None => next,
    }
}

fn because(why: Option<&WorkerError>) -> String {
    why.map(|why| format!(" ({why})")).unwrap_or_default()
}

fn left_by_a_worker(not_stopped: Option<&WriteError>) -> String {
    match not_stopped {
        None => "every connector is STOPPED now".to_owned(),
        Some(why) => {
            format!("the connectors could not be STOPPED, and start with the next worker: {why}")
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

fn aftermath(connector: &str, not_stopped: Option<&str>) -> String {
    match not_stopped {
        None => format!("; connector {connector} was left STOPPED"),
        Some(why) => {
            format!("; connector {connector} could not be stopped again and may be running: {why}")
        }
    }
}

/// Names the first few: there may be thousands.
fn still_running(resumed: &[String]) -> String {
    const NAMED: usize = 20;
    let first = &resumed[..resumed.len().min(NAMED)];
    match (first.is_empty(), resumed.len() - first.len()) {
        (true, _) => String::new(),
        (_, 0) => format!("; in their final state, and left so: {}", first.join(", ")),
        (_, more) => format!(
            "; in their final state, and left so: {} and {more} more",
            first.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_final(not_stopped: Option<&str>, resumed: &[&str]) -> ApplyError {
        ApplyError::NotFinal {
            failed: Box::new(ApplyError::State {
                connector: "b".into(),
                wanted: "RUNNING",
                waited: std::time::Duration::from_secs(5),
                seen: "task 0 FAILED: no".into(),
            }),
            connector: "b".into(),
            not_stopped: not_stopped.map(str::to_owned),
            resumed: resumed.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_failed_resume_says_whether_the_connector_was_stopped_and_who_runs_on() {
        let stopped = not_final(None, &["a"]);
        assert_eq!(
            stopped.to_string(),
            "connector b did not become RUNNING within 5s: task 0 FAILED: no; connector b was left STOPPED; in their final state, and left so: a"
        );
        assert!(stopped.hint().unwrap().contains("/connectors/b/resume"));
        assert!(stopped.is_verification());
        let running = not_final(Some("connection refused"), &[]);
        assert_eq!(
            running.to_string(),
            "connector b did not become RUNNING within 5s: task 0 FAILED: no; connector b could not be stopped again and may be running: connection refused"
        );
        let hint = running.hint().unwrap();
        assert!(hint.contains("/connectors/b/stop") && !hint.contains("resume"));
    }

    fn ended(has_started: bool) -> ApplyError {
        let reason = crate::worker::Trouble {
            what: "no".into(),
            hint: Some("type this".into()),
        };
        let group = "g".to_owned();
        ApplyError::WorkerEnded {
            why: Some(Box::new(WorkerError::Group { group, reason })),
            has_started,
            not_stopped: None,
        }
    }

    #[test]
    fn what_a_worker_has_started_is_to_be_resumed_and_is_nothing_to_do_for_another_run() {
        let started = ended(true);
        assert_eq!(
            started.to_string(),
            "the worker that ran the connectors has ended by itself (group g: no); every connector is STOPPED now"
        );
        assert_eq!(
            started.hint().unwrap(),
            "their positions stand where they were last committed; start the workers and resume each connector: PUT /connectors/NAME/resume, when this is mended: type this"
        );
        assert!(!started.is_finished_by_another_run());
        let untouched = ended(false);
        let hint = untouched.hint().unwrap();
        assert!(hint.contains("run the same command again, when this is mended: type this"));
        assert!(untouched.is_finished_by_another_run());
    }

    #[test]
    fn of_many_running_connectors_the_first_are_named() {
        let names: Vec<String> = (0..22).map(|n| n.to_string()).collect();
        assert!(still_running(&names).ends_with("18, 19 and 2 more"));
    }
}
