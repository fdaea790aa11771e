//! Which records of transactions the readers of offsets and configurations take.
//!
//! `KafkaOffsetBackingStore` and `KafkaConfigBackingStore` give their consumers the worker file, with `read_committed` forced
//! into it when sources are exactly-once; `KafkaStatusBackingStore` gives it the file as it is. The consumer of a connector's
//! own offset topic takes `consumer.*` of the worker and `consumer.override.*` of the connector, and reads committed records
//! where neither says otherwise (`Worker.regularSourceOffsetsConsumerConfigs`).

use indexmap::IndexMap;

use super::{StorageRole, trimmed};
use crate::model::properties::Properties;

/// `isolation.level` of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Isolation {
    /// All records, up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Those of committed transactions only, up to the first offset of the oldest open transaction.
    ReadCommitted,
}

impl Isolation {
    /// Reads the setting; `None`: no consumer takes this value.
    pub fn from_setting(value: &str) -> Option<Self> {
        match trimmed(value) {
            "read_uncommitted" => Some(Self::ReadUncommitted),
            "read_committed" => Some(Self::ReadCommitted),
            _ => None,
        }
    }

    /// Returns the other level.
    pub fn other(self) -> Self {
        match self {
            Self::ReadUncommitted => Self::ReadCommitted,
            Self::ReadCommitted => Self::ReadUncommitted,
        }
    }

    /// Returns the value of the setting.
    pub fn text(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "read_uncommitted",
            Self::ReadCommitted => "read_committed",
        }
    }
}

/// How the workers of one file read their topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Isolations {
    is_exactly_once: bool,
    /// `isolation.level` of the worker file.
    storage: Isolation,
    /// `consumer.isolation.level` of the worker file.
    consumers: Option<Isolation>,
}

impl Isolations {
    /// The settings that decide.
    pub const KEYS: [&str; 3] = [
        "exactly.once.source.support",
        "isolation.level",
        "consumer.isolation.level",
    ];

    /// Reads a worker file whose references are resolved.
    ///
    /// # Errors
    /// The key whose value no consumer takes.
    pub fn of(worker: &Properties) -> Result<Self, &'static str> {
        let [exactly_once, storage, consumers] = Self::KEYS;
        let level = |key: &'static str| match worker.get(key) {
            None => Ok(None),
            Some(value) => Isolation::from_setting(value).map(Some).ok_or(key),
        };
        let support = worker.get(exactly_once).map_or("", |value| trimmed(value));
        Ok(Self {
            is_exactly_once: support.eq_ignore_ascii_case("enabled"),
            storage: level(storage)?.unwrap_or_default(),
            consumers: level(consumers)?,
        })
    }

    /// Returns how a worker reads one of the storage topics.
    pub fn of_storage(self, role: StorageRole) -> Isolation {
        match role {
            StorageRole::Config | StorageRole::Offset if self.is_exactly_once => {
                Isolation::ReadCommitted
            }
            _ => self.storage,
        }
    }

    /// Returns how a worker reads the offset topic that a connector has of its own.
    pub fn of_own_topic(self, connector: &IndexMap<String, String>) -> Isolation {
        if self.is_exactly_once {
            return Isolation::ReadCommitted;
        }
        let own = connector.get("consumer.override.isolation.level");
        own.and_then(|value| Isolation::from_setting(value))
            .or(self.consumers)
            .unwrap_or(Isolation::ReadCommitted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Isolations {
        let worker = pairs.iter();
        let worker = worker.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Isolations::of(&worker.collect()).unwrap()
    }

    fn levels(of: Isolations) -> [Isolation; 4] {
        let [config, offset, status] = StorageRole::ALL.map(|role| of.of_storage(role));
        [config, offset, status, of.of_own_topic(&IndexMap::new())]
    }

    use Isolation::{ReadCommitted as Committed, ReadUncommitted as Uncommitted};

    #[test]
    fn a_plain_worker_takes_everything_from_its_own_topics_and_committed_offsets_of_a_connector() {
        let plain = [Uncommitted, Uncommitted, Uncommitted, Committed];
        assert_eq!(levels(of(&[])), plain);
        let preparing = [("exactly.once.source.support", "preparing")];
        assert_eq!(levels(of(&preparing)), plain);
    }

    #[test]
    fn exactly_once_reads_committed_offsets_and_configurations_whatever_else_is_set() {
        let mut settings = vec![("exactly.once.source.support", " Enabled ")];
        let exactly_once = [Committed, Committed, Uncommitted, Committed];
        assert_eq!(levels(of(&settings)), exactly_once);
        settings.push(("consumer.isolation.level", "read_uncommitted"));
        settings.push(("isolation.level", "read_uncommitted"));
        assert_eq!(levels(of(&settings)), exactly_once);
    }

    #[test]
    fn otherwise_the_level_of_the_file_holds_and_a_connector_may_have_its_own() {
        let committed = of(&[("isolation.level", " read_committed ")]);
        assert_eq!(levels(committed), [Committed; 4]);
        let consumers = of(&[("consumer.isolation.level", "read_uncommitted")]);
        assert_eq!(levels(consumers), [Uncommitted; 4]);
        let own = |value: &str| {
            let key = "consumer.override.isolation.level";
            IndexMap::from([(key.to_owned(), value.to_owned())])
        };
        assert_eq!(
            consumers.of_own_topic(&own("read_committed")),
            Isolation::ReadCommitted
        );
        assert_eq!(
            of(&[]).of_own_topic(&own("read_uncommitted")),
            Isolation::ReadUncommitted
        );
    }

    #[test]
    fn a_level_that_no_consumer_takes_is_an_error() {
        let key = "isolation.level".to_owned();
        let worker = Properties::from([(key, "READ_COMMITTED".to_owned())]);
        assert_eq!(Isolations::of(&worker), Err("isolation.level"));
    }
}
