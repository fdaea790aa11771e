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
use crate::model::placeholder::{Declared, Filled};
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
    /// In the worker file.
    worker: References,
    /// In the configurations of connectors.
    connectors: References,
}

/// A store of positions that is not the workers', or may be another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnStore {
    /// As it is written where it is [`Place::Unnamed`].
    pub topic: String,
    pub place: Place,
    /// The connector names the topic itself.
    pub is_named: bool,
}

/// Where a store is that is not, or perhaps not, in the workers' topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Another topic of the workers' Kafka cluster.
    Here,
    /// A topic of another Kafka cluster.
    Elsewhere,
    /// Another topic, `Here` or `Elsewhere`: that depends on a reference that was not followed.
    HereOrElsewhere,
    /// The workers' topic, or one of that name `Elsewhere`: that depends on a reference that was not followed.
    WorkersOrElsewhere,
    /// A reference that was not followed names the topic.
    Unnamed,
}

impl Place {
    /// Returns whether a topic of this place is found by its name in the workers' Kafka cluster, if anywhere.
    pub fn is_readable(self) -> bool {
        matches!(self, Self::Here | Self::HereOrElsewhere)
    }

    /// Returns whether it depends on a reference that was not followed in which Kafka cluster it is.
    pub fn is_unclear(self) -> bool {
        matches!(self, Self::HereOrElsewhere | Self::WorkersOrElsewhere)
    }
}

/// Whose Kafka cluster the clients of a source are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kafka {
    Workers,
    Another,
    /// A reference that was not followed decides.
    Unclear,
}

/// References to config providers, and what they stand for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct References {
    declared: Declared,
    /// Values with references that could be followed.
    followed: BTreeMap<String, String>,
}

impl References {
    fn of(worker: &Properties, filled: Filled) -> Self {
        Self {
            declared: Declared::of(worker, filled),
            followed: BTreeMap::new(),
        }
    }

    fn follow<'a>(&'a self, value: &'a str) -> &'a str {
        self.followed.get(value).map_or(value, String::as_str)
    }

    /// Returns whether a config provider fills in a part of the value that was not followed.
    fn is_open(&self, value: &str) -> bool {
        self.declared.fill_in(self.follow(value))
    }
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
            worker: References::of(worker, Filled::WorkerFile),
            connectors: References::of(worker, Filled::Connectors),
            ..Self::default()
        }
    }

    /// Takes what values of the worker file and of connectors stand for that have references, where they could be followed.
    pub fn followed(
        mut self,
        worker: BTreeMap<String, String>,
        connectors: BTreeMap<String, String>,
    ) -> Self {
        self.worker.followed = worker;
        self.connectors.followed = connectors;
        self
    }

    /// Takes addresses at which the workers' Kafka was met: they may be others than those of the worker file.
    pub fn met_at(mut self, servers: &[String]) -> Self {
        self.met_at = servers.to_vec();
        self
    }

    /// Returns the store that a source has for itself, or may have; `None`: it is found in `workers`, the workers' topic.
    pub fn own(&self, workers: &str, source: &IndexMap<String, String>) -> Option<OwnStore> {
        let written = source.get(OWN_TOPIC);
        let named = written.map(|topic| trimmed(self.connectors.follow(topic)));
        let named = named.filter(|topic| !topic.is_empty());
        let own = |topic: &str, place| OwnStore {
            topic: topic.to_owned(),
            place,
            is_named: named.is_some(),
        };
        if let Some(written) = written.filter(|topic| self.connectors.is_open(topic)) {
            return Some(own(trimmed(written), Place::Unnamed));
        }
        let has_store = named.map_or_else(|| self.is_exactly_once(), |_| Some(true));
        if has_store == Some(false) {
            return None;
        }
        let topic = named.unwrap_or(workers);
        let place = match self.kafka(source) {
            Kafka::Workers if topic == workers => return None,
            Kafka::Workers => Place::Here,
            Kafka::Another if has_store.is_some() => Place::Elsewhere,
            _ if topic == workers => Place::WorkersOrElsewhere,
            _ => Place::HereOrElsewhere,
        };
        Some(own(topic, place))
    }

    /// Returns `None` where a reference decides that was not followed.
    fn is_exactly_once(&self) -> Option<bool> {
        let Some(support) = &self.support else {
            return Some(false);
        };
        let followed = trimmed(self.worker.follow(support));
        (!self.worker.is_open(support)).then(|| followed.eq_ignore_ascii_case("enabled"))
    }

    fn kafka(&self, source: &IndexMap<String, String>) -> Kafka {
        let of_client = CLIENTS.iter().zip(&self.clients);
        let servers = of_client.filter_map(|(client, given)| {
            let own = source.get(&format!("{client}.override.bootstrap.servers"));
            let own = own.map(|servers| (servers, &self.connectors));
            own.or_else(|| Some((given.as_ref()?, &self.worker)))
        });
        let found = servers.map(|(servers, references)| self.kafka_at(servers, references));
        let found: Vec<Kafka> = found.collect();
        let worst = [Kafka::Another, Kafka::Unclear];
        let worst = worst.into_iter().find(|kafka| found.contains(kafka));
        worst.unwrap_or(Kafka::Workers)
    }

    /// A worker asks for the same list. To find the same topic, one address that is in both is enough, and so is one reference:
    /// it stands for the same everywhere.
    fn kafka_at(&self, servers: &str, references: &References) -> Kafka {
        let met_at = self.met_at.iter().map(String::as_str);
        let of_workers = [self.servers.as_str(), self.worker.follow(&self.servers)];
        let of_workers = of_workers.into_iter().chain(met_at);
        let of_workers: Vec<&str> = of_workers.flat_map(addresses).collect();
        let mut given = addresses(servers).chain(addresses(references.follow(servers)));
        if given.any(|address| of_workers.contains(&address)) {
            Kafka::Workers
        } else if references.is_open(servers) || self.worker.is_open(&self.servers) {
            Kafka::Unclear
        } else {
            Kafka::Another
        }
    }
}

fn is_client(name: &str) -> bool {
    CLIENTS.contains(&name)
}

fn addresses(servers: &str) -> impl Iterator<Item = &str> {
    let addresses = servers.split(',').map(trimmed);
    addresses.filter(|address| !address.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Place::{Elsewhere, Here, HereOrElsewhere, Unnamed, WorkersOrElsewhere};
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        let pairs = pairs.iter();
        let owned = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    /// The store of a source of workers on `a:1` and `b:1`, whose topic is `workers`.
    fn own(worker: &[(&str, &str)], source: &[(&str, &str)]) -> Option<(String, Place)> {
        let mut file = settings(&[("bootstrap.servers", "a:1, b:1")]);
        file.extend(settings(worker));
        let own = SourceStores::of(&file).own("workers", &settings(source));
        own.map(|own| (own.topic, own.place))
    }

    fn at(topic: &str, place: Place) -> (String, Place) {
        (topic.to_owned(), place)
    }

    const EXACTLY_ONCE: (&str, &str) = ("exactly.once.source.support", " Enabled ");
    const ELSEWHERE: (&str, &str) = ("producer.override.bootstrap.servers", "c:1");

    #[test]
    fn the_topic_of_a_source_is_another_by_its_name() {
        assert_eq!(own(&[], &[]), None);
        assert_eq!(own(&[], &[(OWN_TOPIC, " own ")]), Some(at("own", Here)));
        assert_eq!(own(&[], &[(OWN_TOPIC, "workers")]), None);
        assert_eq!(own(&[], &[(OWN_TOPIC, " ")]), None);
    }

    #[test]
    fn the_topic_of_the_workers_name_is_another_on_another_kafka() {
        let named = (OWN_TOPIC, "workers");
        assert_eq!(
            own(&[], &[named, ELSEWHERE]),
            Some(at("workers", Elsewhere))
        );
        for client in CLIENTS {
            let given = format!("{client}.bootstrap.servers");
            let own_key = format!("{client}.override.bootstrap.servers");
            let given = (given.as_str(), "c:1,d:1");
            assert_eq!(
                own(&[given], &[named]),
                Some(at("workers", Elsewhere)),
                "{client}"
            );
            let back = (own_key.as_str(), "b:1");
            assert_eq!(own(&[given], &[named, back]), None, "{client}");
            let away = (own_key.as_str(), "d:1");
            assert_eq!(
                own(&[], &[named, away]),
                Some(at("workers", Elsewhere)),
                "{client}"
            );
            assert!(SourceStores::asks_for(given.0), "{client}");
        }
    }

    #[test]
    fn exactly_once_sources_have_a_store_where_their_clients_are() {
        assert_eq!(own(&[], &[ELSEWHERE]), None, "it is the workers' store");
        assert_eq!(own(&[EXACTLY_ONCE], &[]), None);
        let elsewhere = Some(at("workers", Elsewhere));
        assert_eq!(own(&[EXACTLY_ONCE], &[ELSEWHERE]), elsewhere);
        let worker = [EXACTLY_ONCE, ("consumer.bootstrap.servers", "c:1")];
        assert_eq!(own(&worker, &[]), elsewhere);
        let both = [ELSEWHERE, (OWN_TOPIC, "own")];
        assert_eq!(own(&[EXACTLY_ONCE], &both), Some(at("own", Elsewhere)));
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

    const PROVIDER: [(&str, &str); 2] = [
        ("config.providers", "file,env"),
        ("config.providers.env.class", "E"),
    ];

    /// The store of a source of workers that are on `REFERENCE`.
    fn of_reference(
        worker: &[(&str, &str)],
        source: &[(&str, &str)],
        stands_for: Option<&str>,
    ) -> Option<(String, Place)> {
        let mut file = settings(&[("bootstrap.servers", REFERENCE)]);
        file.extend(settings(&PROVIDER));
        file.extend(settings(worker));
        let stands_for = stands_for.map(|value| (REFERENCE.to_owned(), value.to_owned()));
        let followed: BTreeMap<_, _> = stands_for.into_iter().collect();
        let stores = SourceStores::of(&file).followed(followed.clone(), followed);
        let own = stores.own("workers", &settings(source));
        own.map(|own| (own.topic, own.place))
    }

    #[test]
    fn a_reference_stands_for_the_same_in_the_worker_and_in_a_connector() {
        let worker = [EXACTLY_ONCE];
        let same = [("producer.override.bootstrap.servers", REFERENCE)];
        assert_eq!(of_reference(&worker, &same, None), None);
        assert_eq!(of_reference(&worker, &same, Some("k:1")), None);
        let written_out = [EXACTLY_ONCE, ("producer.bootstrap.servers", "k:1")];
        assert_eq!(of_reference(&written_out, &[], Some("k:1")), None);
    }

    #[test]
    fn what_depends_on_a_reference_that_is_not_followed_is_not_known() {
        let unclear = Some(at("workers", WorkersOrElsewhere));
        let away = [("consumer.override.bootstrap.servers", "k:1")];
        let once = [EXACTLY_ONCE];
        assert_eq!(of_reference(&once, &away, None), unclear);
        let other = Some("other:1");
        let elsewhere = Some(at("workers", Elsewhere));
        assert_eq!(of_reference(&once, &away, other), elsewhere);
        assert_eq!(of_reference(&[], &away, None), None, "no store");
        let perhaps = [("exactly.once.source.support", "${env:SUPPORT}")];
        assert_eq!(of_reference(&perhaps, &away, other), unclear);
        assert_eq!(of_reference(&perhaps, &[], other), None);
        let named = [(OWN_TOPIC, "own"), away[0]];
        let of_named = of_reference(&[], &named, None);
        assert_eq!(of_named, Some(at("own", HereOrElsewhere)));
    }

    #[test]
    fn a_topic_whose_name_is_not_known_is_never_taken_for_the_workers() {
        let unnamed = Some(at(REFERENCE, Unnamed));
        for source in [
            &[(OWN_TOPIC, REFERENCE)][..],
            &[(OWN_TOPIC, REFERENCE), ELSEWHERE],
        ] {
            assert_eq!(of_reference(&[], source, None), unnamed, "{source:?}");
        }
        let by_reference = [(OWN_TOPIC, REFERENCE)];
        assert_eq!(of_reference(&[], &by_reference, Some("workers")), None);
        let part = [(OWN_TOPIC, "own-${env:PART}")];
        let unnamed = Some(at("own-${env:PART}", Unnamed));
        assert_eq!(of_reference(&[], &part, Some("workers")), unnamed);
    }

    #[test]
    fn text_like_a_reference_to_a_provider_that_is_not_declared_is_a_name_as_others() {
        let source = [(OWN_TOPIC, "${vault:topic}")];
        let literal = Some(at("${vault:topic}", Here));
        assert_eq!(own(&[], &source), literal);
        assert_eq!(own(&PROVIDER, &source), literal);
        let servers = [("producer.override.bootstrap.servers", "${vault:servers}")];
        let elsewhere = Some(at("workers", Elsewhere));
        assert_eq!(own(&[EXACTLY_ONCE], &servers), elsewhere);
        let support = [("exactly.once.source.support", "${vault:support}")];
        assert_eq!(own(&support, &[ELSEWHERE]), None);
        // Of the list of providers, blanks are part of the worker file's, and not of the connectors'.
        let blank = [("config.providers", "file, env"), PROVIDER[1]];
        let source = [(OWN_TOPIC, REFERENCE)];
        assert_eq!(own(&blank, &source), Some(at(REFERENCE, Unnamed)));
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
