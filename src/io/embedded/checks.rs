//! What a control run looks at, and what it should be.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use tokio::sync::Mutex;

use super::Job;
use super::health::Health;
use super::membership::trouble;
use super::rest_server::{self, RestServer};
use super::stores::{ConfigStore, Statuses, read_offsets};
use crate::io::connect_rest::{ConnectRest, RestError, RestSettings};
use crate::io::kafka::acl::Pattern;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::offset_store::{Reading, read_own};
use crate::io::sink_groups;
use crate::model::connector_config::TargetState;
use crate::model::rest::is_addressable;
use crate::model::storage_records::{ConfigState, ConnectorState};
use crate::model::worker_config::{Isolations, SourceStores, StorageRole};
use crate::plan::offset_check::OffsetCheck;
use crate::plan::{is_same_config, unfound, unseen};
use crate::worker::Trouble;
use crate::worker::control::{Check, Connector, Finding, Registration};

/// Connectors that are asked for one by one over REST; of the others the list tells.
const ASKED_SINGLY: usize = 20;

/// Differences that a finding names; the rest are counted.
const NAMED: usize = 3;

/// Does the checks of one run. Clones share what was read.
#[derive(Debug, Clone)]
pub(super) struct Checks {
    cluster: Cluster,
    job: Arc<Job>,
    isolations: Isolations,
    stores: SourceStores,
    rest: Arc<RestServer>,
    config: Arc<Mutex<ConfigStore>>,
}

impl Checks {
    pub(super) fn new(
        cluster: &Cluster,
        job: Arc<Job>,
        (isolations, stores): (Isolations, SourceStores),
        rest: Arc<RestServer>,
    ) -> Self {
        let isolation = isolations.of_storage(StorageRole::Config);
        let config = ConfigStore::new(cluster, &job.topics.config, isolation);
        Self {
            config: Arc::new(Mutex::new(config)),
            isolations,
            stores,
            cluster: cluster.clone(),
            job,
            rest,
        }
    }

    /// Returns the config topic as far as it was read.
    pub(super) async fn config(&self) -> Arc<ConfigState> {
        self.config.lock().await.snapshot()
    }

    pub(super) async fn check(&self, check: Check) -> Finding {
        let found = match check {
            Check::Topics => self.topics().await,
            Check::Connectors => self.connectors(|_| TargetState::Stopped, "STOPPED").await,
            Check::Offsets => self.offsets().await,
            Check::Sinks => self.sinks().await,
            Check::Rest => return self.ask().await,
            Check::States => {
                self.connectors(|c| c.final_state, "in its final state")
                    .await
            }
        };
        found.unwrap_or_else(|error| Finding::Bad(trouble(&error)))
    }

    /// Reads all three topics and asks whether they may be written.
    async fn topics(&self) -> Result<Finding, KafkaError> {
        let topics = &self.job.topics;
        let names = [&topics.config, &topics.offset, &topics.status].map(Clone::clone);
        let allowed = self.cluster.topic_permissions(&names).await?;
        let mut refused = Vec::new();
        for (topic, may) in allowed {
            let may = may?;
            if !may.read {
                refused.push(("Read", topic.clone()));
            }
            if !may.write {
                refused.push(("Write", topic));
            }
        }
        if !refused.is_empty() {
            return Ok(Finding::Bad(self.not_allowed(&refused)));
        }
        let partitions = self.cluster.topic(&topics.config).await?.partitions.len();
        if partitions != 1 {
            return Ok(Finding::Bad(
                format!(
                    "topic {} has {partitions} partitions, and no worker starts on more than 1",
                    topics.config
                )
                .into(),
            ));
        }
        let configs = self.config.lock().await.catch_up().await?;
        if let Finding::Bad(changed) = self.unchanged().await {
            return Ok(Finding::Bad(changed));
        }
        let isolation = self.isolations.of_storage(StorageRole::Offset);
        let positions = read_offsets(&self.cluster, &topics.offset, isolation, |_, _| {}).await?;
        let isolation = self.isolations.of_storage(StorageRole::Status);
        let (statuses, states) = Statuses::read(&self.cluster, &topics.status, isolation).await?;
        rest_server::update(&self.rest.shown(), |shown| shown.statuses = statuses);
        self.show().await;
        Ok(Finding::Good(format!(
            "{configs} config, {positions} offset and {states} status records read; writing is allowed"
        )))
    }

    /// Names each permission that is missing, and the commands that grant them.
    fn not_allowed(&self, refused: &[(&'static str, String)]) -> Trouble {
        let caller = self.cluster.settings().caller();
        let named = |(operation, topic): &(&str, String)| {
            format!(
                "{} on topic {topic} is not allowed",
                operation.to_uppercase()
            )
        };
        let grants = refused
            .iter()
            .map(|(operation, topic)| caller.grant(&[operation], &[Pattern::Topic(topic.clone())]));
        let grants: Vec<String> = grants.collect();
        Trouble {
            what: refused.iter().map(named).collect::<Vec<_>>().join("; "),
            hint: Some(format!("An administrator types: {}", grants.join("; "))),
        }
    }

    /// Whether the config topic still has what the plan was made for.
    async fn unchanged(&self) -> Finding {
        let config = self.config.lock().await;
        let changed = self.job.connectors.iter().filter(|connector| {
            let found = self.job.replaced.get(&connector.name);
            !is_as_planned(connector, found, config.state())
        });
        let changed = changed.map(|connector| {
            format!(
                "{} has been changed in the config topic since the plan was made",
                connector.name
            )
        });
        judged(changed, || "as planned".to_owned())
    }

    /// Reads the config topic on and compares every connector with what it should be.
    async fn connectors(
        &self,
        target: impl Fn(&Connector) -> TargetState,
        called: &str,
    ) -> Result<Finding, KafkaError> {
        self.config.lock().await.catch_up().await?;
        self.show().await;
        let config = self.config.lock().await;
        let connectors = &self.job.connectors;
        let wrong = connectors
            .iter()
            .filter_map(|connector| difference(connector, target(connector), config.state()));
        Ok(judged(wrong, || {
            format!("{}, each {called}", counted(connectors.len(), "connector"))
        }))
    }

    /// Reads the offset topic and compares what a worker finds with what was seeded.
    async fn offsets(&self) -> Result<Finding, KafkaError> {
        let (topic, expected) = (&self.job.topics.offset, &self.job.positions);
        let described = self.cluster.topic(topic).await?;
        let mut check = OffsetCheck::of_topic(expected, described.partition_count())
            .in_any_place(&self.job.in_any_place);
        let isolation = self.isolations.of_storage(StorageRole::Offset);
        let read = read_offsets(&self.cluster, topic, isolation, |partition, record| {
            if let Some(key) = &record.key {
                check.record(partition, key, record.value.as_deref());
            }
        });
        read.await?;
        let connectors = self.job.connectors.iter();
        let connectors = connectors.map(|c| (c.name.as_str(), &c.config));
        let reading = Reading {
            workers: topic,
            isolations: self.isolations,
            stores: &self.stores,
        };
        let own = read_own(&self.cluster, reading, connectors).await?;
        let wrong = check.finish(usize::MAX).into_iter();
        let wrong = wrong.chain(unfound(&own, expected));
        let found = judged(wrong, || match expected.len() {
            0 => "no source".to_owned(),
            number => counted(number, "offset"),
        });
        let has_positions = |name: &str| expected.iter().any(|r| r.connector == name);
        let own = own.iter().filter(|(name, _)| has_positions(name));
        let mut unsure = check.undecided(NAMED);
        unsure.extend(unseen(own));
        Ok(match found {
            Finding::Good(_) if expected.is_empty() && self.job.has_sources => {
                Finding::Nothing("no source has any".to_owned())
            }
            Finding::Good(found) if !unsure.is_empty() => {
                Finding::Unseen(format!("{found}; {}", unsure.join("; ")))
            }
            found => found,
        })
    }

    /// Compares the committed offsets of every sink's group.
    async fn sinks(&self) -> Result<Finding, KafkaError> {
        let groups = &self.job.sink_groups;
        let wrong = sink_groups::moved(&self.cluster, groups).await?;
        let found = judged(wrong.into_iter(), || match groups.len() {
            0 => "no sink".to_owned(),
            number => counted(number, "group"),
        });
        Ok(with_unseen(found, groups.len(), &self.job.unseen_groups))
    }

    /// Asks the worker's own REST API.
    async fn ask(&self) -> Finding {
        // It shows what was read; other checks may read on at the same time.
        if let Err(error) = self.config.lock().await.catch_up().await {
            return Finding::Bad(trouble(&error));
        }
        self.show().await;
        self.answers().await.unwrap_or_else(|error| {
            let what = error.to_string();
            let hint = error.hint();
            Finding::Bad(Trouble { what, hint })
        })
    }

    async fn answers(&self) -> Result<Finding, RestError> {
        let rest = ConnectRest::new(RestSettings {
            urls: vec![self.rest.url()],
            timeout: self.cluster.settings().timeout.min(Duration::from_secs(10)),
            ..RestSettings::default()
        })?;
        let root = rest.root().await?;
        if root.kafka_cluster_id != self.job.cluster_id {
            let theirs = root.kafka_cluster_id.unwrap_or_default();
            return Ok(Finding::Bad(
                format!("it names Kafka cluster {theirs:?}").into(),
            ));
        }
        if rest.is_healthy().await? != Some(true) {
            return Ok(Finding::Bad("it is not healthy".into()));
        }
        let listed = rest.configured().await?;
        let mut wrong = Vec::new();
        for connector in &self.job.connectors {
            let info = listed.get(&connector.name).and_then(|e| e.info.as_ref());
            if !info.is_some_and(|info| is_same_config(&connector.config, &info.config)) {
                wrong.push(format!("{} is not listed as it is stored", connector.name));
            }
        }
        let singly = self
            .job
            .connectors
            .iter()
            .filter(|c| is_addressable(&c.name));
        for connector in singly.take(ASKED_SINGLY) {
            let info = rest.connector(&connector.name).await?;
            if !info.is_some_and(|info| is_same_config(&connector.config, &info.config)) {
                wrong.push(format!("{} is not shown as it is stored", connector.name));
            }
        }
        let url = self.rest.url();
        let number = counted(self.job.connectors.len(), "connector");
        Ok(judged(wrong.into_iter(), || format!("{number} at {url}")))
    }

    async fn show(&self) {
        let config = self.config.lock().await;
        rest_server::update(&self.rest.shown(), |shown| {
            shown.cluster_id.clone_from(&self.job.cluster_id);
            shown.config = config.snapshot();
            // It answers once it has joined, and runs nothing.
            shown.health = Health::Healthy;
        });
    }
}

/// Says of how many groups it was not seen whether they stand where they stood, and why of the first few.
fn with_unseen(found: Finding, seen: usize, unseen: &[String]) -> Finding {
    let Finding::Good(good) = found else {
        return found;
    };
    if unseen.is_empty() {
        return Finding::Good(good);
    }
    let good = (seen > 0).then_some(good);
    let mut told: Vec<String> = good.into_iter().collect();
    told.extend(unseen.iter().take(NAMED).cloned());
    if let Some(more) = unseen.len().checked_sub(NAMED).filter(|more| *more > 0) {
        told.push(format!("{more} more were not looked at"));
    }
    Finding::Unseen(told.join("; "))
}

/// Says in what a connector of the topic is not as it should be.
fn difference(connector: &Connector, target: TargetState, state: &ConfigState) -> Option<String> {
    let name = &connector.name;
    let Some(stored) = state.connectors.get(name) else {
        return Some(format!("{name} is not there"));
    };
    if !is_startable(stored) || !is_same_config(&connector.config, &stored.properties.settings) {
        return Some(format!("{name} has another configuration"));
    }
    (stored.target != target).then(|| format!("{name} is {:?}", stored.target))
}

/// Says whether a connector of the topic is as it was when the plan was made, or as the plan makes it.
///
/// `found` is the configuration that is to be replaced.
fn is_as_planned(
    connector: &Connector,
    found: Option<&IndexMap<String, Option<String>>>,
    state: &ConfigState,
) -> bool {
    let is_done = difference(connector, TargetState::Stopped, state).is_none();
    let stored = state.connectors.get(&connector.name);
    match connector.registration {
        Registration::Create => stored.is_none_or(|stored| is_done && !stored.has_run),
        Registration::Present => is_done,
        Registration::Update => {
            is_done || stored.map(|stored| &stored.properties.settings) == found
        }
    }
}

/// A setting that is not a string keeps a connector from starting.
fn is_startable(stored: &ConnectorState) -> bool {
    stored.properties.not_strings.is_empty()
}

/// Good when nothing is wrong; otherwise the first few wrong things and how many more there are.
fn judged(mut wrong: impl Iterator<Item = String>, good: impl FnOnce() -> String) -> Finding {
    let named: Vec<String> = wrong.by_ref().take(NAMED).collect();
    let more = wrong.count();
    match (named.is_empty(), more) {
        (true, _) => Finding::Good(good()),
        (false, 0) => Finding::Bad(named.join("; ").into()),
        (false, more) => Finding::Bad(format!("{} (and {more} more)", named.join("; ")).into()),
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::storage_records::{connector_record, target_state_record};

    /// The config topic after a connector `a` was stored with this setting and these states.
    fn stored(setting: &str, states: &[TargetState]) -> ConfigState {
        let mut state = ConfigState::new();
        let states = states.iter().map(|to| target_state_record("a", *to));
        let config = connector_record("a", &settings(setting));
        for (offset, (key, value)) in (0..).zip(std::iter::once(config).chain(states)) {
            let applied = state.apply(offset, Some(&key), Some(&value));
            applied.expect("a record");
        }
        state
    }

    fn settings(setting: &str) -> IndexMap<String, String> {
        [("name", "a"), ("file", setting)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn a_group_that_cannot_be_looked_at_is_not_known_to_stand() {
        let good = || Finding::Good("1 group".to_owned());
        let unseen = |number: usize| vec!["elsewhere".to_owned(); number];
        assert!(matches!(with_unseen(good(), 1, &[]), Finding::Good(_)));
        let Finding::Unseen(told) = with_unseen(good(), 1, &unseen(NAMED + 2)) else {
            panic!("it was not seen");
        };
        assert!(told.starts_with("1 group; elsewhere; "), "{told}");
        assert!(told.ends_with("; 2 more were not looked at"), "{told}");
        let found = with_unseen(Finding::Good("no sink".to_owned()), 0, &unseen(1));
        assert!(matches!(found, Finding::Unseen(told) if told == "elsewhere"));
        let bad = with_unseen(Finding::Bad("moved".into()), 1, &unseen(1));
        assert!(matches!(bad, Finding::Bad(_)));
    }

    #[test]
    fn only_what_was_planned_for_is_written_over() {
        const STOPPED: &[TargetState] = &[TargetState::Stopped];
        let found = settings("old").into_iter();
        let found: IndexMap<_, _> = found.map(|(key, value)| (key, Some(value))).collect();
        let is_right = |registration, state: &ConfigState| {
            let connector = Connector {
                name: "a".to_owned(),
                config: settings("new"),
                registration,
                final_state: TargetState::Started,
            };
            let found = (registration == Registration::Update).then_some(&found);
            is_as_planned(&connector, found, state)
        };
        let absent = ConfigState::new();
        assert!(is_right(Registration::Create, &absent));
        assert!(!is_right(Registration::Update, &absent));
        assert!(!is_right(Registration::Present, &absent));
        for registration in [
            Registration::Create,
            Registration::Update,
            Registration::Present,
        ] {
            assert!(
                !is_right(registration, &stored("others", STOPPED)),
                "{registration:?}"
            );
            assert!(!is_right(
                registration,
                &stored("new", &[TargetState::Started])
            ));
        }
        assert!(is_right(Registration::Present, &stored("new", STOPPED)));
        assert!(is_right(
            Registration::Update,
            &stored("old", &[TargetState::Started])
        ));
        let was_started = [TargetState::Started, TargetState::Stopped];
        assert!(!is_right(
            Registration::Create,
            &stored("new", &was_started)
        ));
    }
}
