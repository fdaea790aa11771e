//! Records of storage topics that no worker uses. Each is told once, however often its topic is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

/// Records of one topic that are told one by one; that there are more is told once.
const SINGLY: usize = 20;

static TOLD: Mutex<Told> = Mutex::new(Told(BTreeMap::new()));

/// Partitions and offsets by topic.
#[derive(Debug)]
struct Told(BTreeMap<String, BTreeSet<(i32, i64)>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    Record,
    More,
    None,
}

impl Told {
    fn take(&mut self, topic: &str, partition: i32, offset: i64) -> News {
        let told = self.0.entry(topic.to_owned()).or_default();
        if told.len() > SINGLY || !told.insert((partition, offset)) {
            News::None
        } else if told.len() > SINGLY {
            News::More
        } else {
            News::Record
        }
    }
}

/// Says on stderr that a record is ignored, and why.
pub(super) fn tell(topic: &str, partition: i32, offset: i64, why: &dyn Display) {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    match told.take(topic, partition, offset) {
        News::Record => {
            tracing::warn!(
                "the record at offset {offset} of {topic}-{partition} is ignored: {why}"
            );
        }
        News::More => tracing::warn!("more records of {topic} are ignored"),
        News::None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_told_once_and_many_are_not_told_one_by_one() {
        let mut told = Told(BTreeMap::new());
        assert_eq!(told.take("t", 0, 7), News::Record);
        assert_eq!(told.take("t", 0, 7), News::None);
        assert_eq!(told.take("t", 1, 7), News::Record);
        assert_eq!(told.take("u", 0, 7), News::Record);
        let news: Vec<_> = (10..50).map(|offset| told.take("t", 0, offset)).collect();
        assert_eq!(
            news.iter().filter(|n| **n == News::Record).count(),
            SINGLY - 2
        );
        assert_eq!(news.iter().filter(|n| **n == News::More).count(), 1);
        assert_eq!(news.last(), Some(&News::None));
    }
}
