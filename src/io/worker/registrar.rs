//! Connectors of files (`run --connectors`) on their way into the config topic.
//!
//! Only the leader of the group writes there. Who does not lead asks the leader, as a user would; and because a leader may be
//! away, new, or in the middle of a round, each connector is kept until it is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Registration;
use super::engine::{Done, Engine};
use super::illness::Backoff;
use super::rest::{self, Answer};
use crate::model::storage_records::ConfigState;
use crate::plan::is_same_config;
use crate::worker::herder::{Request, RequestError};

/// Pauses before what could not be registered is tried again.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_secs(1),
    longest: Duration::from_secs(30),
};

/// The connectors that are not there yet.
#[derive(Debug)]
pub(super) struct Registrar {
    /// In the order of their files.
    waiting: Vec<Registration>,
    is_under_way: bool,
    again_at: Instant,
    failures: u32,
    /// Why each could not be registered the last time: it is told once.
    told: BTreeMap<String, String>,
}

/// What came of one attempt for one connector.
#[derive(Debug)]
pub(super) struct Registered {
    connector: String,
    /// An error is why it has to be tried again; of one that exists nothing is said here, the config topic tells it.
    outcome: Result<(), Option<String>>,
}

impl Registrar {
    pub(super) fn new(connectors: Vec<Registration>, now: Instant) -> Self {
        Self {
            waiting: connectors,
            is_under_way: false,
            again_at: now,
            failures: 0,
            told: BTreeMap::new(),
        }
    }

    /// Returns when the next attempt is due.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.waiting.is_empty() && !self.is_under_way).then_some(self.again_at)
    }

    /// There may be another leader, who is asked without a pause.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.again_at = self.again_at.min(now);
    }

    /// Leaves out what the config topic has by now; it stays there as it is.
    fn look(&mut self, config: &ConfigState) {
        self.waiting.retain(|registration| {
            let connector = &registration.connector;
            let Some(stored) = config.connectors.get(connector) else {
                return true;
            };
            if is_same_config(&registration.config, &stored.properties.settings) {
                tracing::info!(connector, "the connector of the folder is registered already");
            } else {
                tracing::warn!(
                    connector,
                    "a connector of this name is registered already, with another configuration than the folder's; it stays as it is"
                );
            }
            false
        });
    }

    /// Returns what is to be tried now.
    fn begin(&mut self, now: Instant, config: &ConfigState) -> Vec<Registration> {
        if self.due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.look(config);
        self.is_under_way = !self.waiting.is_empty();
        self.waiting.clone()
    }

    /// Takes what came of an attempt.
    pub(super) fn take(&mut self, now: Instant, registered: Vec<Registered>) {
        self.is_under_way = false;
        let mut has_failed = false;
        for Registered { connector, outcome } in registered {
            match outcome {
                Ok(()) => {
                    tracing::info!(connector, "the connector of the folder is registered");
                    self.waiting
                        .retain(|waiting| waiting.connector != connector);
                }
                Err(reason) => {
                    has_failed = true;
                    self.tell(connector, reason);
                }
            }
        }
        let pause = BACKOFF.pause(self.failures);
        self.failures = if has_failed {
            self.failures.saturating_add(1)
        } else {
            0
        };
        self.again_at = now + pause;
    }

    fn tell(&mut self, connector: String, reason: Option<String>) {
        let Some(reason) = reason else { return };
        if self.told.get(&connector) != Some(&reason) {
            tracing::warn!(
                connector,
                reason,
                "the connector of the folder is not registered; it is tried until it is"
            );
            self.told.insert(connector, reason);
        }
    }
}

impl Engine {
    /// Tries to register what is due; returns whether the herder has something to do.
    pub(super) fn register(&mut self) -> bool {
        if !self.parts.herder.is_resolved() || self.ending.is_some() {
            return false;
        }
        let config = Arc::clone(self.parts.herder.config());
        let connectors = self.registrar.begin(Instant::now(), &config);
        if connectors.is_empty() {
            return false;
        }
        let asked: Vec<_> = connectors
            .into_iter()
            .map(|registration| {
                let (answer, answered) = oneshot::channel();
                let request = Request::Put {
                    connector: registration.connector.clone(),
                    config: registration.config.clone(),
                    initial: registration.initial,
                    replace: false,
                };
                self.ask(request, answer);
                (registration, answered)
            })
            .collect();
        let http = self.parts.shares.http.clone();
        self.work.spawn(async move {
            let mut registered = Vec::new();
            for (registration, answered) in asked {
                let outcome = register(&http, &registration, answered).await;
                let connector = registration.connector;
                registered.push(Registered { connector, outcome });
            }
            Done::Registered(registered)
        });
        true
    }
}

/// Waits for what the herder says, and asks the leader if that is another worker.
async fn register(
    http: &reqwest::Client,
    registration: &Registration,
    answered: oneshot::Receiver<Answer>,
) -> Result<(), Option<String>> {
    match answered.await {
        Ok(Answer::Done) => Ok(()),
        Ok(Answer::Elsewhere(Some(url))) if !url.is_empty() => {
            rest::post_connector(http, &url, registration).await
        }
        // It is in the config topic, or will be known to whoever leads next.
        Ok(Answer::Failed(RequestError::AlreadyExists { .. }) | Answer::Elsewhere(_)) | Err(_) => {
            Err(None)
        }
        Ok(Answer::Failed(error)) => Err(Some(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(connector: &str) -> Registration {
        let pairs = [("name", connector), ("connector.class", "FileStreamSink")];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Registration {
            connector: connector.to_owned(),
            config: pairs.into_iter().collect(),
            initial: None,
        }
    }

    fn names(registrations: &[Registration]) -> Vec<&str> {
        let names = registrations.iter();
        names.map(|registration| &*registration.connector).collect()
    }

    fn came(connector: &str, outcome: Result<(), Option<String>>) -> Registered {
        Registered {
            connector: connector.to_owned(),
            outcome,
        }
    }

    #[test]
    fn a_connector_is_kept_until_it_is_there() {
        let start = Instant::now();
        let connectors = ["a", "b", "c"].map(registration).to_vec();
        let mut registrar = Registrar::new(connectors, start);
        let mut config = ConfigState::new();
        let record = br#"{"properties":{"connector.class":"Other","name":"b"}}"#;
        config
            .apply(0, Some(b"connector-b"), Some(record))
            .expect("a record of a connector");
        assert_eq!(names(&registrar.begin(start, &config)), ["a", "c"]);
        assert!(registrar.begin(start, &config).is_empty());
        assert_eq!(registrar.due(), None);
        let failed = Err(Some("no leader".to_owned()));
        registrar.take(start, vec![came("a", Ok(())), came("c", failed)]);
        let second = start + Duration::from_secs(1);
        assert_eq!(registrar.due(), Some(second));
        assert!(registrar.begin(start, &config).is_empty());
        assert_eq!(names(&registrar.begin(second, &config)), ["c"]);
        registrar.take(second, vec![came("c", Err(None))]);
        assert_eq!(registrar.due(), Some(second + Duration::from_secs(2)));
        // Another leader is asked at once.
        registrar.hurry(second);
        assert_eq!(names(&registrar.begin(second, &config)), ["c"]);
        registrar.take(second, vec![came("c", Ok(()))]);
        assert_eq!(registrar.due(), None);
    }
}
