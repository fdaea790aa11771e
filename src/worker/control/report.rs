//! What a control run promised and what came of it.

use std::collections::BTreeMap;
use std::fmt;

use super::{Check, Finding};
use crate::worker::{Millis, Trouble};

/// What a promise is about, in the order in which a reader is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    Group,
    Topics,
    Connectors,
    Offsets,
    Sinks,
    Rest,
    States,
}

impl Subject {
    pub const ALL: [Self; 7] = [
        Self::Group,
        Self::Topics,
        Self::Connectors,
        Self::Offsets,
        Self::Sinks,
        Self::Rest,
        Self::States,
    ];

    pub(super) fn of(check: Check) -> Self {
        match check {
            Check::Topics => Self::Topics,
            Check::Connectors => Self::Connectors,
            Check::Offsets => Self::Offsets,
            Check::Sinks => Self::Sinks,
            Check::Rest => Self::Rest,
            Check::States => Self::States,
        }
    }

    /// Returns the promise in words.
    pub fn promise(self) -> &'static str {
        match self {
            Self::Group => "group joined and left",
            Self::Topics => "storage topics readable and writable",
            Self::Connectors => "connectors stored as STOPPED",
            Self::Offsets => "offsets found as a worker finds them",
            Self::Sinks => "sink groups where they stood",
            Self::Rest => "REST answered",
            Self::States => "final states stored",
        }
    }
}

/// What became of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    Broken,
    NotPerformed,
    /// What would tell cannot be looked at from here.
    NotKnown,
}

/// One promise and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    pub subject: Subject,
    pub verdict: Verdict,
    pub detail: String,
    /// What to do about a broken promise, as a sentence, where that is known.
    pub hint: Option<String>,
    /// How long it took; `None` when nothing was done for it.
    pub took: Option<Millis>,
}

/// The end of a control run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub promises: Vec<Promise>,
    /// Every connector is in the config topic.
    pub registered: bool,
    /// The user ended the run before its end.
    pub interrupted: bool,
}

impl Report {
    pub fn is_broken(&self) -> bool {
        self.promises.iter().any(|p| p.verdict == Verdict::Broken)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |verdict| {
            let promises = self.promises.iter().filter(|p| p.verdict == verdict);
            let names: Vec<_> = promises.map(|p| p.subject.promise()).collect();
            names.join(", ")
        };
        let (broken, unknown) = (of(Verdict::Broken), of(Verdict::NotKnown));
        if self.interrupted {
            f.write_str("interrupted")
        } else if !broken.is_empty() {
            write!(f, "broken: {broken}")
        } else if !unknown.is_empty() {
            write!(f, "nothing broken; not known: {unknown}")
        } else {
            f.write_str("every promise kept")
        }
    }
}

/// The promises as they are being settled.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: BTreeMap<Subject, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    since: Option<Millis>,
    took: Option<Millis>,
    /// The first bad finding stays; a later good one does not undo it.
    finding: Option<Finding>,
}

impl Ledger {
    /// Work for a promise begins, or goes on.
    pub(super) fn begin(&mut self, now: Millis, subject: Subject) {
        self.entries
            .entry(subject)
            .or_default()
            .since
            .get_or_insert(now);
    }

    /// Work for a promise rests; nothing is settled.
    pub(super) fn pause(&mut self, now: Millis, subject: Subject) {
        let entry = self.entries.entry(subject).or_default();
        if let Some(since) = entry.since.take() {
            *entry.took.get_or_insert(0) += now.saturating_sub(since);
        }
    }

    pub(super) fn settle(&mut self, now: Millis, subject: Subject, finding: Finding) {
        self.pause(now, subject);
        let entry = self.entries.entry(subject).or_default();
        if !matches!(entry.finding, Some(Finding::Bad(_))) {
            entry.finding = Some(finding);
        }
    }

    /// Settles a promise for which nothing more is done.
    pub(super) fn broken(&mut self, subject: Subject, why: impl Into<Trouble>) {
        let entry = self.entries.entry(subject).or_default();
        entry.finding.get_or_insert(Finding::Bad(why.into()));
    }

    pub(super) fn is_broken(&self) -> bool {
        let bad = |entry: &Entry| matches!(entry.finding, Some(Finding::Bad(_)));
        self.entries.values().any(bad)
    }

    pub(super) fn report(&self, registered: bool, interrupted: bool) -> Report {
        let promises = Subject::ALL.map(|subject| {
            let entry = self.entries.get(&subject);
            let (verdict, detail, hint) = match entry.and_then(|entry| entry.finding.clone()) {
                Some(Finding::Good(what)) => (Verdict::Kept, what, None),
                Some(Finding::Unseen(what)) => (Verdict::NotKnown, what, None),
                Some(Finding::Nothing(why)) => (Verdict::NotPerformed, why, None),
                Some(Finding::Bad(why)) => (Verdict::Broken, why.what, why.hint),
                None => (Verdict::NotPerformed, String::new(), None),
            };
            Promise {
                subject,
                verdict,
                detail,
                hint,
                took: entry.and_then(|entry| entry.took),
            }
        });
        Report {
            promises: promises.into(),
            registered,
            interrupted,
        }
    }
}
