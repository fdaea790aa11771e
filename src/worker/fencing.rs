//! Whether sources of the group are fenced, as records of the config topic tell it (KIP-618).
//!
//! A leader with exactly-once writes one when it has fenced a source's old tasks. The setting itself stands in files of other
//! workers, and the record stays when it goes: what tells of a worker that fences now is a record that comes.

use std::collections::BTreeMap;

use crate::model::storage_records::ConfigRecord;

/// Where a record stands, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
}

/// The records of fencing up to where the topic has been read.
#[derive(Debug, Clone, Default)]
pub struct Fencing {
    /// The latest of each connector.
    known: BTreeMap<String, Place>,
    caught_up: bool,
    goes_on: bool,
}

impl Fencing {
    /// Takes the next record of the topic; those of other kinds are passed over.
    ///
    /// An offset alone would not tell what is new: a topic that was deleted and made again begins at 0, and one that has lost
    /// its last records is read again from its start. What was read before stands where it stood, and is as old as it was.
    pub fn read(&mut self, place: Place, key: Option<&[u8]>, value: Option<&[u8]>) {
        let Some(key) = key.filter(|key| ConfigRecord::is_fencing_key(key)) else {
            return;
        };
        let Ok(ConfigRecord::Fencing { connector, .. }) = ConfigRecord::parse(key, value) else {
            return;
        };
        let is_known =
            |known: &Place| place.offset <= known.offset && place.timestamp <= known.timestamp;
        if !self.known.get(&connector).is_some_and(is_known) {
            self.goes_on |= self.caught_up;
            self.known.insert(connector, place);
        }
    }

    /// Has the first read come to the end of the topic: what was read so far is left over.
    pub fn start(&mut self) {
        self.caught_up = true;
    }

    /// Returns whether a worker of the group has fenced since the start.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Returns whether this connector's tasks were ever fenced.
    pub fn has_been(&self, connector: &str) -> bool {
        self.known.contains_key(connector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fencing: &mut Fencing, offset: i64, timestamp: i64, connector: &str) {
        let key = format!("tasks-fencing-{connector}");
        let place = Place { offset, timestamp };
        fencing.read(place, Some(key.as_bytes()), Some(br#"{"task-count":1}"#));
    }

    /// Two connectors were fenced before the start.
    fn started() -> Fencing {
        let mut fencing = Fencing::default();
        read(&mut fencing, 6, 100, "a");
        read(&mut fencing, 9, 200, "b");
        fencing.start();
        fencing
    }

    #[test]
    fn a_record_that_is_left_over_is_told_from_one_that_comes() {
        let mut fencing = started();
        assert!(fencing.has_been("a") && !fencing.has_been("c"));
        assert!(!fencing.goes_on());
        // By another leader, whose clock is late.
        read(&mut fencing, 10, 50, "a");
        assert!(fencing.goes_on());
    }

    #[test]
    fn what_comes_in_a_topic_that_was_made_again_is_new_whatever_its_offset() {
        for (offset, connector) in [(0, "a"), (6, "a"), (1, "c")] {
            let mut fencing = started();
            read(&mut fencing, offset, 300, connector);
            assert!(fencing.goes_on(), "{connector} at {offset}");
        }
    }

    #[test]
    fn what_is_read_again_after_records_were_lost_is_as_old_as_it_was() {
        let mut fencing = started();
        read(&mut fencing, 6, 100, "a");
        // An earlier one of b, and the last is among those that were lost.
        read(&mut fencing, 7, 150, "b");
        assert!(!fencing.goes_on());
        // Written where a lost one stood.
        read(&mut fencing, 8, 300, "b");
        assert!(fencing.goes_on());
    }

    #[test]
    fn other_records_and_broken_ones_say_nothing() {
        let mut fencing = started();
        let place = Place {
            offset: 20,
            timestamp: 400,
        };
        let config = br#"{"properties":{"name":"x"}}"#;
        fencing.read(place, Some(b"connector-x"), Some(config));
        fencing.read(place, Some(b"tasks-fencing-x"), None);
        fencing.read(place, Some(b"tasks-fencing-x"), Some(b"{"));
        fencing.read(place, None, None);
        assert!(!fencing.goes_on() && !fencing.has_been("x"));
    }
}
