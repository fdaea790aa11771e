//! Where a distributed worker's sources keep their positions, beside the workers' offset topic.
//!
//! A source has a store of its own when it names a topic (KIP-618), and always when the workers are exactly-once; that one is in
//! a topic of the workers' name unless the source names another (`Worker.offsetStoreForRegularSourceTask` and
//! `offsetStoreForExactlyOnceSourceTask`). Its clients take `bootstrap.servers` of the worker, over it what the worker has under
//! `producer.`, `consumer.` and `admin.`, and over that the connector's `*.override.`. On another Kafka cluster, the workers'
//! topic name is another topic.

use indexmap::IndexMap;

use super::trimmed;
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
    is_exactly_once: bool,
    servers: String,
    /// What the worker gives to the clients of its connectors, as in [`CLIENTS`].
    clients: [Option<String>; 3],
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

impl SourceStores {
    /// Returns whether a setting is one of those that decide.
    pub fn asks_for(key: &str) -> bool {
        let servers = key.strip_suffix("bootstrap.servers");
        let of_client = |client: &str| client.strip_suffix('.').is_some_and(is_client);
        key == "exactly.once.source.support"
            || servers.is_some_and(|client| client.is_empty() || of_client(client))
    }

    /// Reads a worker file. A reference that is not resolved is taken for a cluster of that name.
    pub fn of(worker: &Properties) -> Self {
        let support = worker.get("exactly.once.source.support");
        let servers = worker.get("bootstrap.servers").map(String::as_str);
        let of_client = |client| worker.get(&format!("{client}.bootstrap.servers"));
        Self {
            is_exactly_once: support
                .is_some_and(|value| trimmed(value).eq_ignore_ascii_case("enabled")),
            servers: servers.unwrap_or(DEFAULT_SERVERS).to_owned(),
            clients: CLIENTS.map(|client| of_client(client).cloned()),
        }
    }

    /// Returns the store that a source has for itself; `None`: it is found in `workers`, the workers' topic.
    pub fn own(&self, workers: &str, source: &IndexMap<String, String>) -> Option<OwnStore> {
        let named = source.get(OWN_TOPIC).map(|topic| trimmed(topic));
        let named = named.filter(|topic| !topic.is_empty());
        let topic = named.or(self.is_exactly_once.then_some(workers))?;
        let is_elsewhere = CLIENTS.iter().zip(&self.clients).any(|(client, given)| {
            let own = source.get(&format!("{client}.override.bootstrap.servers"));
            own.or(given.as_ref())
                .is_some_and(|servers| !self.is_workers_kafka(servers))
        });
        let own = OwnStore {
            topic: topic.to_owned(),
            is_elsewhere,
            is_named: named.is_some(),
        };
        (is_elsewhere || topic != workers).then_some(own)
    }

    /// A worker asks for the same list. To find the same topic, one address that is in both is enough.
    fn is_workers_kafka(&self, servers: &str) -> bool {
        let workers: Vec<&str> = addresses(&self.servers).collect();
        addresses(servers).any(|address| workers.contains(&address))
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

    #[test]
    fn only_the_settings_that_decide_are_asked_for() {
        assert!(SourceStores::asks_for("bootstrap.servers"));
        assert!(SourceStores::asks_for("exactly.once.source.support"));
        assert!(!SourceStores::asks_for(
            "producer.override.bootstrap.servers"
        ));
        assert!(!SourceStores::asks_for("producer.ssl.key.password"));
    }
}
