//! The topics that connectors use, as far as the status topic has them (KIP-558).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::mpsc;

use crate::model::storage_records::{Discovery, StatusRecord};

/// What is known of every connector, and news of it. As `WorkerTask.recordActiveTopic` does it, a use is news only while the
/// status topic does not have it.
#[derive(Debug)]
pub struct ActiveTopics {
    /// Names of topics by connector.
    known: RwLock<HashMap<String, BTreeSet<String>>>,
    /// `None`: `topic.tracking.enable=false`.
    news: Option<mpsc::UnboundedSender<StatusRecord>>,
    told: Mutex<Option<mpsc::UnboundedReceiver<StatusRecord>>>,
}

impl ActiveTopics {
    pub(super) fn new(is_enabled: bool) -> Self {
        let (news, told) = mpsc::unbounded_channel();
        Self {
            known: RwLock::default(),
            news: is_enabled.then_some(news),
            told: Mutex::new(Some(told)),
        }
    }

    /// Returns the records that are to be written; there is one taker.
    pub fn records(&self) -> Option<mpsc::UnboundedReceiver<StatusRecord>> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.take()
    }

    /// Takes what the status topic says.
    pub fn read(&self, record: &StatusRecord) {
        if let StatusRecord::Topic {
            topic,
            connector,
            discovery,
        } = record
        {
            self.set(connector, topic, discovery.is_some());
        }
    }

    /// Takes what the status topic has from before.
    pub(in crate::io) fn know(&self, connector: &str, topic: &str) {
        self.set(connector, topic, true);
    }

    /// Forgets a connector that is no more, and returns what deletes its topics from the status topic.
    pub fn reset(&self, connector: &str) -> Vec<StatusRecord> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let topics = known.remove(connector).filter(|_| self.news.is_some());
        let topics = topics.unwrap_or_default().into_iter();
        topics
            .map(|topic| StatusRecord::Topic {
                topic,
                connector: connector.to_owned(),
                discovery: None,
            })
            .collect()
    }

    fn set(&self, connector: &str, topic: &str, is_active: bool) -> bool {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if is_active {
            let topics = known.entry(connector.to_owned()).or_default();
            return topics.insert(topic.to_owned());
        }
        known
            .get_mut(connector)
            .is_some_and(|topics| topics.remove(topic))
    }

    fn is_known(&self, connector: &str, topic: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known
            .get(connector)
            .is_some_and(|topics| topics.contains(topic))
    }
}

/// What one task says of its topics.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) topics: Arc<ActiveTopics>,
    pub(super) connector: String,
    pub(super) task: u32,
}

impl Tracker {
    /// Notes that the task uses a topic: a source's record has arrived there, a sink's has been converted.
    pub(super) fn note(&self, topic: &str) {
        let Some(news) = &self.topics.news else {
            return;
        };
        // Of two tasks that find the same topic one tells of it.
        if self.topics.is_known(&self.connector, topic)
            || !self.topics.set(&self.connector, topic, true)
        {
            return;
        }
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let discovery = Discovery {
            task: i32::try_from(self.task).unwrap_or(i32::MAX),
            timestamp: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
        };
        // Nobody listens any more when the worker ends.
        let _ = news.send(StatusRecord::Topic {
            topic: topic.to_owned(),
            connector: self.connector.clone(),
            discovery: Some(discovery),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker(topics: &Arc<ActiveTopics>, task: u32) -> Tracker {
        Tracker {
            topics: Arc::clone(topics),
            connector: "c".to_owned(),
            task,
        }
    }

    fn topic(record: &StatusRecord) -> (&str, Option<i32>) {
        match record {
            StatusRecord::Topic {
                topic, discovery, ..
            } => (topic, discovery.map(|discovery| discovery.task)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_use_is_told_once_and_again_after_a_reset() {
        let topics = Arc::new(ActiveTopics::new(true));
        let mut told = topics.records().unwrap();
        assert!(topics.records().is_none());
        let (first, second) = (tracker(&topics, 0), tracker(&topics, 1));
        let known = StatusRecord::Topic {
            topic: "known".to_owned(),
            connector: "c".to_owned(),
            discovery: Some(Discovery {
                task: 7,
                timestamp: 1,
            }),
        };
        topics.read(&known);
        for name in ["known", "new", "new"] {
            second.note(name);
            first.note(name);
        }
        let record = told.try_recv().unwrap();
        assert_eq!(topic(&record), ("new", Some(1)));
        assert!(told.try_recv().is_err());
        // Somebody has reset it.
        topics.read(&StatusRecord::Topic {
            topic: "known".to_owned(),
            connector: "c".to_owned(),
            discovery: None,
        });
        first.note("known");
        assert_eq!(topic(&told.try_recv().unwrap()), ("known", Some(0)));
        let gone = topics.reset("c");
        let gone: Vec<_> = gone.iter().map(topic).collect();
        assert_eq!(gone, [("known", None), ("new", None)]);
        assert!(topics.reset("c").is_empty());
    }

    #[test]
    fn nothing_is_told_when_tracking_is_off() {
        let topics = Arc::new(ActiveTopics::new(false));
        let mut told = topics.records().unwrap();
        tracker(&topics, 0).note("t");
        assert!(told.try_recv().is_err());
        assert!(topics.reset("c").is_empty());
    }
}
