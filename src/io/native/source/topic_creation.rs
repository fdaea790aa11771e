//! Topics that a source connector creates by its options `topic.creation.*` (KIP-158).

use std::collections::BTreeMap;

use indexmap::IndexMap;
use regex::Regex;
use tokio::task::JoinSet;

use super::super::outage::outlasted;
use super::super::task::{Context, TaskError};
use crate::io::kafka::admin_topics::NewTopic;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;

/// How one topic is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TopicCreation(NewTopic);

const PREFIX: &str = "topic.creation.";

impl TopicCreation {
    /// Reads the options for a topic; `None`: the connector creates no topics.
    pub(super) fn of(
        config: &IndexMap<String, String>,
        topic: &str,
    ) -> Result<Option<Self>, TaskError> {
        if !config.keys().any(|key| key.starts_with(PREFIX)) {
            return Ok(None);
        }
        let groups = config.get("topic.creation.groups");
        let groups = groups.map_or("", String::as_str).split(',').map(str::trim);
        let mut group = "default";
        for name in groups.filter(|name| !name.is_empty() && *name != "default") {
            let included = matches(config, &format!("{PREFIX}{name}.include"), topic)?;
            if included && !matches(config, &format!("{PREFIX}{name}.exclude"), topic)? {
                group = name;
                break;
            }
        }
        let number = |name: &str| {
            let own = format!("{PREFIX}{group}.{name}");
            let default = format!("{PREFIX}default.{name}");
            let key = if config.contains_key(&own) {
                own
            } else {
                default
            };
            let value = config.get(&key).map(|value| value.trim().parse::<i32>());
            match value {
                Some(Ok(value)) if value == -1 || value > 0 => Ok(value),
                _ => Err(TaskError::TopicCreation { key }),
            }
        };
        let key = format!("{PREFIX}default.replication.factor");
        let replication_factor = i16::try_from(number("replication.factor")?)
            .map_err(|_| TaskError::TopicCreation { key })?;
        Ok(Some(Self(NewTopic {
            name: topic.to_owned(),
            partitions: number("partitions")?,
            replication_factor,
            configs: configs(config, group),
        })))
    }
}

/// The creation of a topic beside the task's loop. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Creating {
    topic: TopicCreation,
    admin: Cluster,
    /// Whose topic it is, for the log.
    connector: String,
    running: JoinSet<Result<(), KafkaError>>,
}

impl Creating {
    /// Does nothing yet.
    pub(super) fn new(topic: TopicCreation, admin: Cluster, context: &Context) -> Self {
        Self {
            topic,
            admin,
            connector: context.spec.connector.clone(),
            running: JoinSet::new(),
        }
    }

    /// Waits until the topic is there; nothing is lost when the future is dropped.
    pub(super) async fn ended(&mut self) -> Result<(), TaskError> {
        if self.running.is_empty() {
            let (topic, admin) = (self.topic.clone(), self.admin.clone());
            let connector = self.connector.clone();
            self.running.spawn(async move {
                outlasted(&connector, || admin.create_if_missing(&topic.0)).await
            });
        }
        match self.running.join_next().await {
            Some(Ok(outcome)) => Ok(outcome?),
            Some(Err(_)) | None => Err(TaskError::Panicked),
        }
    }
}

/// True when one of the patterns of a list is the whole topic.
fn matches(config: &IndexMap<String, String>, key: &str, topic: &str) -> Result<bool, TaskError> {
    let patterns = config.get(key).map_or("", String::as_str);
    for pattern in patterns.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let pattern =
            Regex::new(&format!("^(?:{pattern})$")).map_err(|_| TaskError::TopicCreation {
                key: key.to_owned(),
            })?;
        if pattern.is_match(topic) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns what is passed on to the topic.
fn configs(config: &IndexMap<String, String>, group: &str) -> BTreeMap<String, String> {
    const OWN: &[&str] = &["include", "exclude", "partitions", "replication.factor"];
    let prefix = format!("{PREFIX}{group}.");
    let configs = config.iter().filter_map(|(key, value)| {
        let key = key.strip_prefix(&prefix)?;
        (!OWN.contains(&key)).then(|| (key.to_owned(), value.clone()))
    });
    configs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)], topic: &str) -> Result<Option<NewTopic>, String> {
        let config = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let found = TopicCreation::of(&config, topic).map_err(|error| error.to_string());
        Ok(found?.map(|creation| creation.0))
    }

    const DEFAULTS: [(&str, &str); 3] = [
        ("topic.creation.default.partitions", "3"),
        ("topic.creation.default.replication.factor", "-1"),
        ("topic.creation.default.cleanup.policy", "compact"),
    ];

    #[test]
    fn a_topic_is_created_as_its_group_says() {
        assert_eq!(of(&[("topic", "t")], "t"), Ok(None));
        let created = of(&DEFAULTS, "t").unwrap().unwrap();
        assert_eq!((created.partitions, created.replication_factor), (3, -1));
        assert_eq!(created.configs["cleanup.policy"], "compact");
        let mut grouped = DEFAULTS.to_vec();
        grouped.extend([
            ("topic.creation.groups", "a, b"),
            ("topic.creation.a.include", "t.*"),
            ("topic.creation.a.exclude", "tt"),
            ("topic.creation.b.include", "x,tt"),
            ("topic.creation.b.partitions", "7"),
            ("topic.creation.b.retention.ms", "1"),
        ]);
        let created = of(&grouped, "tt").unwrap().unwrap();
        assert_eq!((created.partitions, created.replication_factor), (7, -1));
        assert_eq!(created.configs.keys().collect::<Vec<_>>(), ["retention.ms"]);
        assert_eq!(of(&grouped, "u").unwrap().unwrap().partitions, 3);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let error = of(&[("topic.creation.default.partitions", "3")], "t").unwrap_err();
        assert!(
            error.contains("topic.creation.default.replication.factor"),
            "{error}"
        );
        let mut wrong = DEFAULTS.to_vec();
        wrong[0].1 = "0";
        let error = of(&wrong, "t").unwrap_err();
        assert!(
            error.contains("topic.creation.default.partitions"),
            "{error}"
        );
    }
}
