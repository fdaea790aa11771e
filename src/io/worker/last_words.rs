//! What this worker said last of the work it has, to be said again when another worker's late word stands over it.
//!
//! A worker that was out of reach of Kafka ends its work and says so when Kafka is back, perhaps after the next worker has said
//! that it runs; its record, which is of an older generation, would stand for good.

use std::collections::HashMap;

use crate::model::storage_records::{Status, StatusRecord};
use crate::protocol::connect_group::{CONNECTOR_TASK, Work};

/// A connector, or one of its tasks.
type Key = (String, Option<i32>);

#[derive(Debug, Default)]
pub(super) struct LastWords(HashMap<Key, Word>);

#[derive(Debug)]
struct Word {
    status: Status,
    /// It stands in the topic; until then what is read stands before it.
    is_written: bool,
}

impl LastWords {
    /// Takes what is said now. UNASSIGNED ends the work, and RESTARTING may be of work that another worker has.
    pub(super) fn said(&mut self, record: &StatusRecord) {
        let Some((key, status)) = of(record) else {
            return;
        };
        match status {
            Some(status) if !matches!(&*status.state, "UNASSIGNED" | "RESTARTING") => {
                let word = Word {
                    status: status.clone(),
                    is_written: false,
                };
                self.0.insert(key, word);
            }
            _ => _ = self.0.remove(&key),
        }
    }

    /// Takes what this worker has to do from now on, in this generation. One that is lower than before is of a new group.
    pub(super) fn has(&mut self, work: &Work, generation: i32) {
        self.0.retain(|(connector, task), word| {
            work.contains(connector, task.unwrap_or(CONNECTOR_TASK))
                && word.status.generation <= i64::from(generation)
        });
    }

    /// Takes what stands in the status topic; returns what is to be said again.
    pub(super) fn read(&mut self, record: &StatusRecord) -> Option<StatusRecord> {
        let (key, read) = of(record)?;
        let Some(read) = read else {
            self.0.remove(&key);
            return None;
        };
        let own = self.0.get_mut(&key)?;
        if read.worker_id == own.status.worker_id {
            own.is_written |= *read == own.status;
            return None;
        }
        if read.generation >= own.status.generation {
            self.0.remove(&key);
            return None;
        }
        if !own.is_written {
            return None;
        }
        let status = Some(own.status.clone());
        let (connector, task) = key;
        Some(match task {
            None => StatusRecord::Connector { connector, status },
            Some(task) => StatusRecord::Task {
                connector,
                task,
                status,
            },
        })
    }
}

fn of(record: &StatusRecord) -> Option<(Key, Option<&Status>)> {
    match record {
        StatusRecord::Connector { connector, status } => {
            Some(((connector.clone(), None), status.as_ref()))
        }
        StatusRecord::Task {
            connector,
            task,
            status,
        } => Some(((connector.clone(), Some(*task)), status.as_ref())),
        StatusRecord::Topic { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Then<'a> = &'a dyn Fn(&mut LastWords);

    fn record(state: &str, worker: &str, generation: i64) -> StatusRecord {
        StatusRecord::Task {
            connector: "c".to_owned(),
            task: 0,
            status: Some(Status {
                state: state.to_owned(),
                trace: None,
                worker_id: worker.to_owned(),
                generation,
                version: None,
            }),
        }
    }

    #[test]
    fn a_late_word_of_another_worker_does_not_stand() {
        let mut words = LastWords::default();
        let own = record("RUNNING", "here:1", 5);
        words.said(&own);
        let late = record("UNASSIGNED", "there:1", 3);
        assert_eq!(words.read(&late), None, "what stands after it is better");
        assert_eq!(words.read(&own), None);
        assert_eq!(words.read(&late), Some(own.clone()));
        assert_eq!(words.read(&late), Some(own));
    }

    #[test]
    fn who_has_the_work_next_has_the_word() {
        let mut words = LastWords::default();
        words.said(&record("FAILED", "here:1", 5));
        assert_eq!(words.read(&record("RUNNING", "there:1", 6)), None);
        assert_eq!(words.read(&record("UNASSIGNED", "there:1", 3)), None);
    }

    #[test]
    fn what_this_worker_has_no_more_and_what_was_deleted_is_left_to_others() {
        let own = record("FAILED", "here:1", 5);
        let late = record("UNASSIGNED", "there:1", 3);
        let mut work = Work::default();
        work.insert_task("c", 0);
        let deleted = StatusRecord::Task {
            connector: "c".to_owned(),
            task: 0,
            status: None,
        };
        let cases: [(Then<'_>, bool); 4] = [
            (&|words| words.has(&work, 6), true),
            (&|words| words.has(&Work::default(), 6), false),
            (&|words| words.has(&work, 1), false),
            (&|words| assert_eq!(words.read(&deleted), None), false),
        ];
        for (number, (then, is_said)) in cases.into_iter().enumerate() {
            let mut words = LastWords::default();
            words.said(&own);
            assert_eq!(words.read(&own), None);
            then(&mut words);
            assert_eq!(words.read(&late).is_some(), is_said, "{number}");
        }
    }

    #[test]
    fn nothing_is_said_of_work_that_this_worker_has_not() {
        let late = record("UNASSIGNED", "there:1", 3);
        for state in ["UNASSIGNED", "RESTARTING"] {
            let mut words = LastWords::default();
            words.said(&record("RUNNING", "here:1", 5));
            assert_eq!(words.read(&record("RUNNING", "here:1", 5)), None);
            words.said(&record(state, "here:1", 5));
            assert_eq!(words.read(&late), None, "{state}");
        }
        let mut words = LastWords::default();
        words.said(&record("RUNNING", "here:1", 5));
        words.said(&StatusRecord::Task {
            connector: "c".to_owned(),
            task: 0,
            status: None,
        });
        assert_eq!(words.read(&late), None);
    }
}
