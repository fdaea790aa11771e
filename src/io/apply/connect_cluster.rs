//! Whether the Connect cluster behind `--url` is the one whose topics were prepared: REST does not say, the config topic does.

use std::time::Duration;

use indexmap::IndexMap;
use tokio::time::Instant;

use crate::io::connect_rest::ConnectRest;
use crate::io::embedded::ConfigStore;
use crate::io::kafka::error::KafkaError;
use crate::model::storage_records::ConnectorState;
use crate::model::worker_config::StorageRole;
use crate::plan::{ConnectorPlan, Plan, Registration};

use super::{ApplyError, Target};

/// How long what a worker was told may take to be read in the config topic, at most.
const LONGEST: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(200);

/// The cluster behind the URL, held against our config topic, which is read on from where it was left.
pub(super) struct ConnectCluster<'a> {
    rest: &'a ConnectRest,
    topic: &'a str,
    store: ConfigStore,
    patience: Duration,
}

impl<'a> ConnectCluster<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        target: Target<'_>,
        rest: &'a ConnectRest,
        timeout: Duration,
    ) -> Self {
        let topic = plan.topic(StorageRole::Config).wanted.name.as_str();
        let isolation = target.observed.isolations.of_storage(StorageRole::Config);
        Self {
            rest,
            topic,
            store: ConfigStore::new(target.cluster, topic, isolation),
            patience: timeout.min(LONGEST),
        }
    }

    /// Compares, before anything is changed, what REST and the topic say of the connectors that are there.
    ///
    /// # Errors
    /// A connector that the two do not have alike, or that only one of them has.
    pub(super) async fn has_the_same<'c>(
        &mut self,
        connectors: impl Iterator<Item = &'c ConnectorPlan>,
    ) -> Result<(), ApplyError> {
        let there = |c: &&ConnectorPlan| {
            matches!(c.registration, Registration::Present | Registration::Update)
        };
        let names: Vec<&str> = connectors.filter(there).map(|c| c.name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + self.patience;
        loop {
            let listed = self.rest.configured().await?;
            self.store.catch_up().await?;
            let stored = &self.store.state().connectors;
            let other = names.iter().find(|name| {
                let shown = listed.get(**name).and_then(|entry| entry.info.as_ref());
                let stored = stored.get(**name);
                !is_alike(
                    shown.map(|info| &info.config),
                    stored.map(|stored| &stored.properties.settings),
                )
            });
            let Some(other) = other else { return Ok(()) };
            if Instant::now() >= deadline {
                return Err(ApplyError::OtherCluster {
                    url: self.rest.url().to_owned(),
                    topic: self.topic.to_owned(),
                    connector: (*other).to_owned(),
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until the topic has the connector as it should be; false: it did not come to that in time.
    pub(super) async fn shows(
        &mut self,
        name: &str,
        is_right: impl Fn(&ConnectorState) -> bool,
    ) -> Result<bool, KafkaError> {
        let deadline = Instant::now() + self.patience;
        loop {
            self.store.catch_up().await?;
            if self
                .store
                .state()
                .connectors
                .get(name)
                .is_some_and(|stored| is_right(stored))
            {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns the error for a connector that did not do something in our topic.
    pub(super) fn is_another(&self, connector: &str, what: &'static str) -> ApplyError {
        ApplyError::OtherTopics {
            url: self.rest.url().to_owned(),
            topic: self.topic.to_owned(),
            connector: connector.to_owned(),
            what,
        }
    }
}

type Settings = IndexMap<String, Option<String>>;

fn is_alike(shown: Option<&Settings>, stored: Option<&Settings>) -> bool {
    shown.is_some() && shown == stored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_is_alike_when_both_have_it_with_the_same_settings_in_any_order() {
        let settings = |of: &[(&str, &str)]| -> Settings {
            let owned =
                |(key, value): &(&str, &str)| ((*key).to_owned(), Some((*value).to_owned()));
            of.iter().map(owned).collect()
        };
        let one = settings(&[("name", "a"), ("tasks.max", "1")]);
        let turned = settings(&[("tasks.max", "1"), ("name", "a")]);
        let other = settings(&[("name", "a"), ("tasks.max", "2")]);
        assert!(is_alike(Some(&one), Some(&turned)));
        for shown in [Some(&other), None] {
            assert!(!is_alike(shown, Some(&one)));
        }
        assert!(!is_alike(Some(&one), None));
        assert!(!is_alike(None, None));
    }
}
