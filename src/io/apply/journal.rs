//! What was done and when, readable at any moment: also after Ctrl-C and after a failure half-way.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// One step that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The line that the plan showed.
    pub step: String,
    /// RFC 3339, UTC.
    pub started: String,
    /// `None` while it runs, and for ever when it did not end well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// What came of it: `created`, `already right`, `3 records`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a watcher is told while steps run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step begins; `total` is the number of records or connectors, where it counts some.
    Begun {
        step: String,
        total: Option<usize>,
    },
    /// So many of the total are done.
    Advanced(usize),
    Ended {
        step: String,
        result: String,
    },
}

type Watcher = Arc<dyn Fn(&Progress) + Send + Sync>;

/// The steps of one run. Clones share it.
#[derive(Clone)]
pub struct Journal {
    entries: Arc<Mutex<Vec<Entry>>>,
    watcher: Watcher,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Journal").field(&self.entries()).finish()
    }
}

impl Journal {
    pub fn new(watcher: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Self {
            entries: Arc::default(),
            watcher: Arc::new(watcher),
        }
    }

    pub fn begin(&self, step: impl std::fmt::Display, total: Option<usize>) {
        let step = step.to_string();
        (self.watcher)(&Progress::Begun {
            step: step.clone(),
            total,
        });
        self.with(|entries| {
            entries.push(Entry {
                step,
                started: now(),
                finished: None,
                result: None,
                error: None,
            });
        });
    }

    pub fn advance(&self, done: usize) {
        (self.watcher)(&Progress::Advanced(done));
    }

    /// Ends the step that was begun last.
    pub fn end(&self, result: impl Into<String>) {
        let result = result.into();
        let ended = self.with(|entries| {
            let last = entries.last_mut()?;
            last.finished = Some(now());
            last.result = Some(result.clone());
            Some(last.step.clone())
        });
        if let Some(step) = ended {
            (self.watcher)(&Progress::Ended { step, result });
        }
    }

    /// Says why the step that was begun last did not end.
    pub fn fail(&self, error: impl std::fmt::Display) {
        self.with(|entries| {
            if let Some(last) = entries.last_mut().filter(|last| last.finished.is_none()) {
                last.error = Some(error.to_string());
            }
        });
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.with(|entries| entries.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Entry>) -> T) -> T {
        act(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_failed_is_begun_and_not_done() {
        let journal = Journal::new(|_| {});
        journal.begin("write a", None);
        journal.end("created");
        journal.begin("create topic t", None);
        journal.fail("no broker");
        let entries = journal.entries();
        assert!(entries[0].finished.is_some());
        assert_eq!(entries[0].result.as_deref(), Some("created"));
        assert_eq!(entries[1].finished, None);
        assert_eq!(entries[1].error.as_deref(), Some("no broker"));
    }

    #[test]
    fn the_watcher_hears_of_every_step() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = heard.clone();
        let journal = Journal::new(move |p| ear.lock().unwrap().push(p.clone()));
        journal.begin("seed", Some(2));
        journal.advance(1);
        journal.end("2 records");
        assert_eq!(heard.lock().unwrap().len(), 3);
    }
}
