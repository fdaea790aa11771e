//! Records on their way to Kafka, in the order of the source, and how far all of them have arrived.
//!
//! A position may be committed when its record and all before it are acknowledged: `SubmittedRecords` of Connect, with ranges
//! of tickets in the place of a queue of records.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::connectors::Lines;

/// The records of one source partition.
#[derive(Debug, Default)]
pub(super) struct Submitted {
    /// Polls that are not wholly acknowledged, by their first ticket.
    polls: VecDeque<(u64, Positions)>,
    next_ticket: u64,
    /// All tickets below are acknowledged.
    arrived: u64,
    /// Acknowledged ranges behind a gap, by their start.
    ahead: BTreeMap<u64, u64>,
    committable: Option<u64>,
}

#[derive(Debug)]
struct Positions(Lines);

impl Submitted {
    /// Takes the lines of one poll and returns the ticket of the first.
    pub(super) fn submit(&mut self, lines: &Lines) -> u64 {
        let first = self.next_ticket;
        self.next_ticket += lines.len() as u64;
        self.polls
            .push_back((first, Positions(lines.without_text())));
        first
    }

    /// Takes tickets whose records have arrived, or are not to be sent after all.
    pub(super) fn settle(&mut self, tickets: &[Range<u64>]) {
        for range in tickets {
            self.ahead.insert(range.start, range.end);
        }
        while let Some(entry) = self.ahead.first_entry()
            && *entry.key() <= self.arrived
        {
            self.arrived = self.arrived.max(entry.remove());
        }
        self.note_committable();
    }

    fn note_committable(&mut self) {
        while let Some((first, positions)) = self.polls.front()
            && self.arrived > *first
        {
            let count = positions.0.len() as u64;
            let arrived = (self.arrived - first).min(count);
            let last = usize::try_from(arrived - 1).unwrap_or(usize::MAX);
            self.committable = positions.0.position_after(last).or(self.committable);
            if arrived < count {
                return;
            }
            self.polls.pop_front();
        }
    }

    /// Returns the position after the last record before which nothing is missing.
    pub(super) fn committable(&self) -> Option<u64> {
        self.committable
    }

    /// True when every record has arrived.
    pub(super) fn is_settled(&self) -> bool {
        self.arrived == self.next_ticket
    }

    /// Returns how many records are on their way.
    pub(super) fn on_their_way(&self) -> u64 {
        self.next_ticket - self.arrived
    }
}

#[cfg(test)]
#[expect(
    clippy::single_range_in_vec_init,
    reason = "tickets are told of in ranges"
)]
mod tests {
    use super::*;
    use crate::connectors::{FileStreamSource, Polled};

    /// `count` lines of two bytes each, from the beginning of a file.
    fn lines(count: usize) -> Lines {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("in");
        std::fs::write(&file, "x\n".repeat(count)).unwrap();
        let config = [
            ("topic", "t".to_owned()),
            ("file", file.display().to_string()),
        ];
        let config = config.map(|(key, value)| (key.to_owned(), value));
        let mut source = FileStreamSource::new(&config.into_iter().collect()).unwrap();
        let Ok(Polled::Lines(lines)) = source.poll() else {
            panic!("there are lines");
        };
        lines
    }

    #[test]
    fn only_what_has_nothing_missing_before_it_is_committable() {
        let mut submitted = Submitted::default();
        assert_eq!(submitted.submit(&lines(5)), 0);
        assert_eq!(submitted.committable(), None);
        submitted.settle(&[2..4]);
        assert_eq!(submitted.committable(), None);
        submitted.settle(&[0..1]);
        assert_eq!(submitted.committable(), Some(2));
        submitted.settle(&[1..2]);
        assert_eq!(submitted.committable(), Some(8));
        assert_eq!(submitted.on_their_way(), 1);
        submitted.settle(&[4..5]);
        assert_eq!(submitted.committable(), Some(10));
        assert!(submitted.is_settled());
    }

    #[test]
    fn polls_follow_each_other() {
        let mut submitted = Submitted::default();
        assert_eq!(submitted.submit(&lines(2)), 0);
        assert_eq!(submitted.submit(&lines(3)), 2);
        submitted.settle(&[1..3, 0..1]);
        // Both fixtures begin at the beginning of a file.
        assert_eq!(submitted.committable(), Some(2));
        assert_eq!(submitted.on_their_way(), 2);
        submitted.settle(&[3..5]);
        assert!(submitted.is_settled());
    }
}
