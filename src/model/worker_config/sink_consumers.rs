//! Which consumer group the tasks of a sink are in, and on which Kafka.
//!
//! `Worker.baseConsumerConfigs`, the same in both modes: the group is called `connect-NAME` and the servers are the worker's; over
//! that goes what the worker has under `consumer.`, and over that the connector's `consumer.override.`.

use std::collections::BTreeMap;
use std::fmt;

use indexmap::IndexMap;

use super::trimmed;
use crate::model::placeholder::placeholders;
use crate::model::properties::Properties;

const OWN_GROUP: &str = "consumer.override.group.id";
const OWN_SERVERS: &str = "consumer.override.bootstrap.servers";
const GROUP: &str = "consumer.group.id";
const CONSUMER_SERVERS: &str = "consumer.bootstrap.servers";
const SERVERS: &str = "bootstrap.servers";

/// What `WorkerConfig` has without the setting.
const DEFAULT_SERVERS: &str = "localhost:9092";

/// Values with references to config providers, and what they stand for, as far as they could be followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    pub worker: BTreeMap<String, String>,
    pub connectors: BTreeMap<String, String>,
}

/// A consumer group as the settings name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// With the references that were not followed.
    pub id: String,
    /// The servers that the consumers are given instead of the worker's.
    pub servers: Option<String>,
    /// Why it cannot be looked at in the Kafka cluster of the workers; `None`: it can.
    pub unseen: Option<Unseen>,
}

/// Why a consumer group cannot be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unseen {
    /// The consumers have other servers than the workers.
    Elsewhere,
    /// A reference that was not followed is in its name.
    Unnamed,
    /// A reference that was not followed decides whether the consumers have other servers.
    PerhapsElsewhere,
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elsewhere => {
                "its consumers have other bootstrap.servers than the workers, so it is in another Kafka cluster"
            }
            Self::Unnamed => "its name is up to a config provider, and not known here",
            Self::PerhapsElsewhere => {
                "in which Kafka cluster its consumers are is up to a config provider, and not known here"
            }
        })
    }
}

/// The consumers that a worker makes for its sinks.
#[derive(Debug, Clone, Copy)]
pub struct SinkConsumers<'a> {
    worker: &'a Properties,
    /// The worker file whose Kafka cluster is looked at.
    looked_at: &'a Properties,
    /// Addresses at which that cluster was met beside those of the file.
    met_at: &'a [String],
    followed: &'a Followed,
}

impl<'a> SinkConsumers<'a> {
    /// Returns whether a setting of a worker file is one of those that decide.
    pub fn asks_for(key: &str) -> bool {
        [GROUP, CONSUMER_SERVERS, SERVERS].contains(&key)
    }

    /// Returns whether a setting of a connector is one of those that decide.
    pub fn asks_connector_for(key: &str) -> bool {
        [OWN_GROUP, OWN_SERVERS].contains(&key)
    }

    /// Reads a worker file as it is written; what its references stand for is in `followed`.
    pub fn of(worker: &'a Properties, followed: &'a Followed) -> Self {
        Self {
            worker,
            looked_at: worker,
            met_at: &[],
            followed,
        }
    }

    /// Takes the Kafka cluster of another worker file for the one that is looked at.
    pub fn seen_from(mut self, worker: &'a Properties) -> Self {
        self.looked_at = worker;
        self
    }

    /// Takes addresses at which the cluster was met: they may be others than those of the worker file.
    pub fn met_at(mut self, servers: &'a [String]) -> Self {
        self.met_at = servers;
        self
    }

    /// Returns the group of a sink's consumers.
    pub fn group(&self, name: &str, config: &IndexMap<String, String>) -> ConsumerGroup {
        let (id, is_open) = match self.given(config, OWN_GROUP, GROUP) {
            Some((_, followed)) => (trimmed(followed).to_owned(), has_reference(followed)),
            None => (format!("connect-{name}"), false),
        };
        let servers = self.given(config, OWN_SERVERS, CONSUMER_SERVERS);
        let kafka = servers.and_then(|(written, followed)| self.away(written, followed));
        let unseen = match kafka {
            Some(Unseen::Elsewhere) => kafka,
            _ if is_open => Some(Unseen::Unnamed),
            _ => kafka,
        };
        ConsumerGroup {
            id,
            servers: servers.map(|(written, _)| written.to_owned()),
            unseen,
        }
    }

    /// Returns a setting of the consumers as it is written, and what that stands for.
    fn given<'b>(
        &'b self,
        config: &'b IndexMap<String, String>,
        own: &str,
        of_worker: &str,
    ) -> Option<(&'b str, &'b str)> {
        let own = config.get(own).map(|own| (own, &self.followed.connectors));
        let given = || Some((self.worker.get(of_worker)?, &self.followed.worker));
        let (written, followed) = own.or_else(given)?;
        Some((written, follow(followed, written)))
    }

    /// Returns whether servers are those of another Kafka cluster. Of two lists of one cluster one address is in both; and one
    /// reference stands for the same everywhere.
    fn away(&self, written: &str, followed: &str) -> Option<Unseen> {
        let ours = self.looked_at.get(SERVERS).map(String::as_str);
        let ours = ours.unwrap_or(DEFAULT_SERVERS);
        let stand_for = follow(&self.followed.worker, ours);
        let met_at = self.met_at.iter().map(String::as_str);
        let of_workers = [ours, stand_for].into_iter().chain(met_at);
        let of_workers: Vec<&str> = of_workers.flat_map(addresses).collect();
        let mut given = addresses(written).chain(addresses(followed));
        if given.any(|address| of_workers.contains(&address)) {
            None
        } else if has_reference(followed) || has_reference(stand_for) {
            Some(Unseen::PerhapsElsewhere)
        } else {
            Some(Unseen::Elsewhere)
        }
    }
}

fn follow<'a>(followed: &'a BTreeMap<String, String>, value: &'a str) -> &'a str {
    followed.get(value).map_or(value, String::as_str)
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

    const REFERENCE: &str = "${env:X}";

    fn settings(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        let pairs = pairs.iter();
        let owned = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    /// The group of sink `s` of a worker on `a:1` and `b:1`; `REFERENCE` stands for the last.
    fn group(
        worker: &[(&str, &str)],
        sink: &[(&str, &str)],
        stands_for: Option<&str>,
    ) -> (String, Option<Unseen>) {
        let mut file = settings(&[(SERVERS, "a:1, b:1")]);
        file.extend(settings(worker));
        let followed = stands_for.map(|value| (REFERENCE.to_owned(), value.to_owned()));
        let followed: BTreeMap<_, _> = followed.into_iter().collect();
        let followed = Followed {
            worker: followed.clone(),
            connectors: followed,
        };
        let group = SinkConsumers::of(&file, &followed).group("s", &settings(sink));
        (group.id, group.unseen)
    }

    fn seen(id: &str) -> (String, Option<Unseen>) {
        (id.to_owned(), None)
    }

    #[test]
    fn the_connector_names_the_group_before_the_worker_and_the_worker_before_the_name() {
        assert_eq!(group(&[], &[], None), seen("connect-s"));
        let worker = [(GROUP, " of-worker ")];
        assert_eq!(group(&worker, &[], None), seen("of-worker"));
        let own = [(OWN_GROUP, "own")];
        assert_eq!(group(&worker, &own, None), seen("own"));
        // Of a worker file it is a setting that no consumer knows.
        assert_eq!(group(&[(OWN_GROUP, "x")], &[], None), seen("connect-s"));
    }

    #[test]
    fn a_reference_in_the_name_is_followed_or_the_name_is_not_known() {
        let (worker, own) = ([(GROUP, REFERENCE)], [(OWN_GROUP, REFERENCE)]);
        for (worker, own) in [(&worker[..], &[][..]), (&[], &own), (&worker, &own)] {
            assert_eq!(group(worker, own, Some("real")), seen("real"));
            let unnamed = (REFERENCE.to_owned(), Some(Unseen::Unnamed));
            assert_eq!(group(worker, own, None), unnamed);
        }
        // What the connector says goes over a reference of the worker.
        assert_eq!(group(&worker, &[(OWN_GROUP, "own")], None), seen("own"));
        let part = group(&[], &[(OWN_GROUP, "connect-${env:Y}")], None);
        assert_eq!(part.1, Some(Unseen::Unnamed));
    }

    #[test]
    fn consumers_with_other_servers_are_in_another_kafka() {
        let elsewhere = |id: &str| (id.to_owned(), Some(Unseen::Elsewhere));
        let worker = [(CONSUMER_SERVERS, "c:1,d:1")];
        let own = [(OWN_SERVERS, "c:1")];
        assert_eq!(group(&worker, &[], None), elsewhere("connect-s"));
        assert_eq!(group(&[], &own, None), elsewhere("connect-s"));
        let back = [(OWN_SERVERS, "x:1 , b:1")];
        assert_eq!(group(&worker, &back, None), seen("connect-s"));
        // Producers and admin clients have no group.
        let producers = [("producer.bootstrap.servers", "c:1")];
        let admins = [("admin.override.bootstrap.servers", "c:1")];
        assert_eq!(group(&producers, &admins, None), seen("connect-s"));
        // That it is elsewhere is the more that is known of it.
        let both = [(OWN_SERVERS, "c:1"), (OWN_GROUP, REFERENCE)];
        assert_eq!(group(&[], &both, None), elsewhere(REFERENCE));
    }

    #[test]
    fn a_reference_that_is_not_followed_may_be_another_kafka() {
        let by_reference = [(OWN_SERVERS, REFERENCE)];
        let at = |stands_for| group(&[], &by_reference, stands_for).1;
        assert_eq!(at(None), Some(Unseen::PerhapsElsewhere));
        assert_eq!(at(Some("b:1")), None);
        assert_eq!(at(Some("c:1")), Some(Unseen::Elsewhere));
        let worker = [(SERVERS, REFERENCE)];
        assert_eq!(group(&worker, &by_reference, None), seen("connect-s"));
        assert_eq!(group(&worker, &[], None), seen("connect-s"));
        let own = [(OWN_SERVERS, "c:1")];
        let perhaps = Some(Unseen::PerhapsElsewhere);
        assert_eq!(group(&worker, &own, None).1, perhaps);
        assert_eq!(group(&worker, &own, Some("c:1")), seen("connect-s"));
    }

    #[test]
    fn the_cluster_that_is_looked_at_may_be_another_and_met_elsewhere() {
        let (file, target) = (
            settings(&[(SERVERS, "old:1"), (CONSUMER_SERVERS, "new:1")]),
            settings(&[(SERVERS, "new:1")]),
        );
        let (followed, none) = (Followed::default(), settings(&[]));
        let consumers = SinkConsumers::of(&file, &followed);
        let unseen = |consumers: SinkConsumers<'_>| consumers.group("s", &none).unseen;
        assert_eq!(unseen(consumers), Some(Unseen::Elsewhere));
        assert_eq!(unseen(consumers.seen_from(&target)), None);
        assert_eq!(unseen(consumers.met_at(&["new:1".to_owned()])), None);
    }

    #[test]
    fn only_the_settings_that_decide_are_asked_for() {
        for key in [GROUP, CONSUMER_SERVERS, SERVERS] {
            assert!(SinkConsumers::asks_for(key), "{key}");
        }
        assert!(!SinkConsumers::asks_for("consumer.ssl.key.password"));
        for key in [OWN_GROUP, OWN_SERVERS] {
            assert!(SinkConsumers::asks_connector_for(key), "{key}");
        }
        assert!(!SinkConsumers::asks_connector_for(GROUP));
    }
}
