//! Where a distributed worker's sources keep their positions, beside the workers' offset topic.
//!
//! A source has a store of its own when it names a topic (KIP-618), and always when the workers are exactly-once; that one is in
//! a topic of the workers' name unless the source names another (`Worker.offsetStoreForRegularSourceTask` and
//! `offsetStoreForExactlyOnceSourceTask`). Its clients take `bootstrap.servers` of the worker, over it what the worker has under
//! `producer.`, `consumer.` and `admin.`, and over that the connector's `*.override.`. On another Kafka cluster, the workers'
//! topic name is another topic.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::trimmed;
use crate::model::placeholder::placeholders;
use crate::model::properties::Properties;

/// The setting of a connector that names its topic; standalone mode ignores it.
pub const OWN_TOPIC: &str = "offsets.storage.topic";

/// The clients of a store: what the connector writes with, reads with, and looks at the topic with.
const CLIENTS: [&str; 3] = ["producer", "consumer", "admin"];

/// What `WorkerConfig` has without the setting.
const DEFAULT_SERVERS: &str = "localhost:9092";

/// The settings of a worker file that decide.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceStores {
    /// `exactly.once.source.support`.
    support: Option<String>,
    servers: String,
    /// Addresses at which the workers' Kafka was met beside those of the file.
    met_at: Vec<String>,
    /// What the worker gives to the clients of its connectors, as in [`CLIENTS`].
    clients: [Option<String>; 3],
    /// Values with references to config providers, of the worker and of connectors, and what they stand for.
    followed: BTreeMap<String, String>,
}

/// A store of positions that is not the workers'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnStore {
    pub topic: String,
    /// The topic is in another Kafka cluster than the workers'.
    pub is_elsewhere: bool,
    /// The connector names the topic itself.
    pub is_named: bool,
}

/// Whose Kafka cluster the clients of a source are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kafka {
    Workers,
    Another,
    /// A reference that was not followed decides.
    Unclear,
}

impl SourceStores {
    /// Returns whether a setting of a worker file is one of those that decide.
    pub fn asks_for(key: &str) -> bool {
        let servers = key.strip_suffix("bootstrap.servers");
        let of_client = |client: &str| client.strip_suffix('.').is_some_and(is_client);
        key == "exactly.once.source.support"
            || servers.is_some_and(|client| client.is_empty() || of_client(client))
    }

    /// Returns whether a setting of a connector is one of those that decide.
    pub fn asks_connector_for(key: &str) -> bool {
        let client = key.strip_suffix(".override.bootstrap.servers");
        key == OWN_TOPIC || client.is_some_and(is_client)
    }

    /// Reads a worker file as it is written.
    pub fn of(worker: &Properties) -> Self {
        let servers = worker.get("bootstrap.servers").map(String::as_str);
        let of_client = |client| worker.get(&format!("{client}.bootstrap.servers"));
        Self {
            support: worker.get("exactly.once.source.support").cloned(),
            servers: servers.unwrap_or(DEFAULT_SERVERS).to_owned(),
            clients: CLIENTS.map(|client| of_client(client).cloned()),
            ..Self::default()
        }
    }

    /// Takes what values with references stand for where they could be followed.
    pub fn followed(mut self, values: BTreeMap<String, String>) -> Self {
        self.followed = values;
        self
    }

    /// Takes addresses at which the workers' Kafka was met: they may be others than those of the worker file.
    pub fn met_at(mut self, servers: &[String]) -> Self {
        self.met_at = servers.to_vec();
        self
    }

    /// Returns the store that a source has for itself; `None`: it is found in `workers`, the workers' topic.
    ///
    /// What is not known is taken for the workers'; [`SourceStores::unclear`] tells that.
    pub fn own(&self, workers: &str, source: &IndexMap<String, String>) -> Option<OwnStore> {
        let named = self.named(source);
        let is_exactly_once = self.is_exactly_once() == Some(true);
        let topic = named.or(is_exactly_once.then_some(workers))?;
        if has_reference(topic) {
            return None;
        }
        let is_elsewhere = self.kafka(source) == Kafka::Another;
        let own = OwnStore {
            topic: topic.to_owned(),
            is_elsewhere,
            is_named: named.is_some(),
        };
        (is_elsewhere || topic != workers).then_some(own)
    }

    /// Returns the topic where a source may look for its positions instead, in another Kafka cluster or of another name:
    /// whether it does depends on a reference that was not followed.
    pub fn unclear<'a>(
        &'a self,
        workers: &'a str,
        source: &'a IndexMap<String, String>,
    ) -> Option<&'a str> {
        let topic = self.named(source);
        if let Some(named) = topic.filter(|topic| has_reference(topic)) {
            return Some(named);
        }
        let has_store = match topic {
            Some(_) => Some(true),
            None => self.is_exactly_once(),
        };
        let is_unclear = match self.kafka(source) {
            Kafka::Workers => false,
            Kafka::Another => has_store.is_none(),
            Kafka::Unclear => has_store != Some(false),
        };
        is_unclear.then_some(topic.unwrap_or(workers))
    }

    fn named<'a>(&'a self, source: &'a IndexMap<String, String>) -> Option<&'a str> {
        let named = trimmed(self.follow(source.get(OWN_TOPIC)?));
        (!named.is_empty()).then_some(named)
    }

    /// Returns `None` where a reference decides that was not followed.
    fn is_exactly_once(&self) -> Option<bool> {
        let Some(support) = &self.support else {
            return Some(false);
        };
        let support = self.follow(support);
        (!has_reference(support)).then(|| trimmed(support).eq_ignore_ascii_case("enabled"))
    }

    fn kafka(&self, source: &IndexMap<String, String>) -> Kafka {
        let own = |client: &&str| source.get(&format!("{client}.override.bootstrap.servers"));
        let of_client = CLIENTS.iter().map(own).zip(&self.clients);
        let servers = of_client.filter_map(|(own, given)| own.or(given.as_ref()));
        let found: Vec<Kafka> = servers.map(|servers| self.kafka_at(servers)).collect();
        let worst = [Kafka::Another, Kafka::Unclear];
        let worst = worst.into_iter().find(|kafka| found.contains(kafka));
        worst.unwrap_or(Kafka::Workers)
    }

    /// A worker asks for the same list. To find the same topic, one address that is in both is enough, and so is one reference:
    /// it stands for the same everywhere.
    fn kafka_at(&self, servers: &str) -> Kafka {
        let met_at = self.met_at.iter().map(String::as_str);
        let of_workers = [self.servers.as_str(), self.follow(&self.servers)];
        let of_workers = of_workers.into_iter().chain(met_at);
        let of_workers: Vec<&str> = of_workers.flat_map(addresses).collect();
        let mut given = addresses(servers).chain(addresses(self.follow(servers)));
        if given.any(|address| of_workers.contains(&address)) {
            Kafka::Workers
        } else if [servers, &self.servers].map(|list| has_reference(self.follow(list)))
            == [false; 2]
        {
            Kafka::Another
        } else {
            Kafka::Unclear
        }
    }

    fn follow<'a>(&'a self, value: &'a str) -> &'a str {
        self.followed.get(value).map_or(value, String::as_str)
    }
}

fn is_client(name: &str) -> bool {
    CLIENTS.contains(&name)
}

fn has_reference(value: &str) -> bool {
    !placeholders(value).is_empty()
}

fn addresses(servers: &str) -> impl Iterator<Item = &str> {
    let addresses = servers.split(',').map(trimmed);
    addresses.filter(|address| !address.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        let pairs = pairs.iter();
        let owned = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    /// The store of a source of workers on `a:1` and `b:1`, whose topic is `workers`.
    fn own(worker: &[(&str, &str)], source: &[(&str, &str)]) -> Option<(String, bool)> {
        let mut file = settings(&[("bootstrap.servers", "a:1, b:1")]);
        file.extend(settings(worker));
        let own = SourceStores::of(&file).own("workers", &settings(source));
        own.map(|own| (own.topic, own.is_elsewhere))
    }

    fn at(topic: &str, is_elsewhere: bool) -> (String, bool) {
        (topic.to_owned(), is_elsewhere)
    }

    const EXACTLY_ONCE: (&str, &str) = ("exactly.once.source.support", " Enabled ");
    const ELSEWHERE: (&str, &str) = ("producer.override.bootstrap.servers", "c:1");

    #[test]
    fn the_topic_of_a_source_is_another_by_its_name() {
        assert_eq!(own(&[], &[]), None);
        assert_eq!(own(&[], &[(OWN_TOPIC, " own ")]), Some(at("own", false)));
        assert_eq!(own(&[], &[(OWN_TOPIC, "workers")]), None);
        assert_eq!(own(&[], &[(OWN_TOPIC, " ")]), None);
    }

    #[test]
    fn the_topic_of_the_workers_name_is_another_on_another_kafka() {
        let named = (OWN_TOPIC, "workers");
        assert_eq!(own(&[], &[named, ELSEWHERE]), Some(at("workers", true)));
        for client in CLIENTS {
            let given = format!("{client}.bootstrap.servers");
            let own_key = format!("{client}.override.bootstrap.servers");
            let given = (given.as_str(), "c:1,d:1");
            assert_eq!(
                own(&[given], &[named]),
                Some(at("workers", true)),
                "{client}"
            );
            let back = (own_key.as_str(), "b:1");
            assert_eq!(own(&[given], &[named, back]), None, "{client}");
            let away = (own_key.as_str(), "d:1");
            assert_eq!(
                own(&[], &[named, away]),
                Some(at("workers", true)),
                "{client}"
            );
            assert!(SourceStores::asks_for(given.0), "{client}");
        }
    }

    #[test]
    fn exactly_once_sources_have_a_store_where_their_clients_are() {
        assert_eq!(own(&[], &[ELSEWHERE]), None, "it is the workers' store");
        assert_eq!(own(&[EXACTLY_ONCE], &[]), None);
        let elsewhere = Some(at("workers", true));
        assert_eq!(own(&[EXACTLY_ONCE], &[ELSEWHERE]), elsewhere);
        let worker = [EXACTLY_ONCE, ("consumer.bootstrap.servers", "c:1")];
        assert_eq!(own(&worker, &[]), elsewhere);
        let both = [ELSEWHERE, (OWN_TOPIC, "own")];
        assert_eq!(own(&[EXACTLY_ONCE], &both), Some(at("own", true)));
    }

    #[test]
    fn one_address_in_both_lists_is_the_same_kafka() {
        let again = ("producer.override.bootstrap.servers", " b:1 ,e:1");
        assert_eq!(own(&[EXACTLY_ONCE], &[again]), None);
        let defaulted = SourceStores::of(&settings(&[EXACTLY_ONCE]));
        let source = settings(&[("admin.override.bootstrap.servers", DEFAULT_SERVERS)]);
        assert_eq!(defaulted.own("workers", &source), None);
    }

    const REFERENCE: &str = "${env:KAFKA}";

    /// What is told of a source of workers that are on `REFERENCE`, and what not.
    fn of_reference(
        worker: &[(&str, &str)],
        source: &[(&str, &str)],
        stands_for: Option<&str>,
    ) -> (Option<bool>, Option<String>) {
        let mut file = settings(&[("bootstrap.servers", REFERENCE)]);
        file.extend(settings(worker));
        let stands_for = stands_for.map(|value| (REFERENCE.to_owned(), value.to_owned()));
        let stores = SourceStores::of(&file).followed(stands_for.into_iter().collect());
        let source = settings(source);
        let own = stores.own("workers", &source);
        let unclear = stores.unclear("workers", &source).map(str::to_owned);
        (own.map(|own| own.is_elsewhere), unclear)
    }

    #[test]
    fn a_reference_stands_for_the_same_in_the_worker_and_in_a_connector() {
        let worker = [EXACTLY_ONCE];
        let same = [("producer.override.bootstrap.servers", REFERENCE)];
        assert_eq!(of_reference(&worker, &same, None), (None, None));
        assert_eq!(of_reference(&worker, &same, Some("k:1")), (None, None));
        let written_out = [EXACTLY_ONCE, ("producer.bootstrap.servers", "k:1")];
        assert_eq!(of_reference(&written_out, &[], Some("k:1")), (None, None));
    }

    #[test]
    fn what_depends_on_a_reference_that_is_not_followed_is_not_known() {
        let workers = Some("workers".to_owned());
        let away = [("consumer.override.bootstrap.servers", "k:1")];
        let once = [EXACTLY_ONCE];
        assert_eq!(of_reference(&once, &away, None), (None, workers.clone()));
        let other = Some("other:1");
        assert_eq!(of_reference(&once, &away, other), (Some(true), None));
        assert_eq!(of_reference(&[], &away, None), (None, None), "no store");
        let perhaps = [("exactly.once.source.support", "${env:SUPPORT}")];
        assert_eq!(of_reference(&perhaps, &away, other), (None, workers));
        assert_eq!(of_reference(&perhaps, &[], other), (None, None));
        let named = [(OWN_TOPIC, "own"), away[0]];
        let of_named = of_reference(&[], &named, None);
        assert_eq!(of_named, (Some(false), Some("own".to_owned())));
        let by_reference = [(OWN_TOPIC, REFERENCE)];
        let of_named = of_reference(&[], &by_reference, None);
        assert_eq!(of_named, (None, Some(REFERENCE.to_owned())));
        assert_eq!(
            of_reference(&[], &by_reference, Some("workers")),
            (None, None)
        );
    }

    #[test]
    fn an_address_at_which_the_workers_kafka_was_met_is_theirs() {
        let file = settings(&[EXACTLY_ONCE, ("bootstrap.servers", "inside:1")]);
        let stores = SourceStores::of(&file).met_at(&["outside:1".to_owned()]);
        for servers in ["inside:1", "outside:1"] {
            let source = settings(&[("producer.override.bootstrap.servers", servers)]);
            assert_eq!(stores.own("workers", &source), None, "{servers}");
        }
    }

    #[test]
    fn only_the_settings_that_decide_are_asked_for() {
        assert!(SourceStores::asks_for("bootstrap.servers"));
        assert!(SourceStores::asks_for("exactly.once.source.support"));
        assert!(!SourceStores::asks_for(
            "producer.override.bootstrap.servers"
        ));
        assert!(!SourceStores::asks_for("producer.ssl.key.password"));
        for key in [OWN_TOPIC, "admin.override.bootstrap.servers"] {
            assert!(SourceStores::asks_connector_for(key));
        }
        assert!(!SourceStores::asks_connector_for("topic"));
    }
}
