//! The records of a control run in batches: all target states of a wave of connectors, then all their configurations.

use std::ops::Range;

use bytes::Bytes;

use super::{Connector, Registration};
use crate::model::connector_config::TargetState;
use crate::model::storage_records::{
    connector_record, target_state_record, zero_task_commit_record,
};

/// What a batch holds at most, in bytes; topics take 1,048,588 by default, and each record costs some more than its bytes.
const BATCH_BYTES: usize = 500_000;

/// What a record takes beside key and value at most.
const RECORD_OVERHEAD: usize = 32;

/// A record for the config topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: Bytes,
    pub value: Bytes,
}

impl From<(Bytes, Bytes)> for Record {
    fn from((key, value): (Bytes, Bytes)) -> Self {
        Self { key, value }
    }
}

impl Record {
    fn size(&self) -> usize {
        self.key.len() + self.value.len() + RECORD_OVERHEAD
    }
}

/// What the records of a batch say of its connectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// STOPPED, and no tasks where there may be some.
    Stopped,
    Configurations,
    FinalStates,
}

/// Records that are written together, as a range of the job's connectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    kind: Kind,
    connectors: Range<usize>,
}

/// The batches that are left to write.
#[derive(Debug)]
pub(super) struct Waves {
    concluding: bool,
    /// Connectors before this one are done.
    at: usize,
    /// Their target states are written and their configurations are not.
    stopped: Option<Range<usize>>,
    pub(super) limit: usize,
}

impl Waves {
    pub(super) fn registering() -> Self {
        Self {
            concluding: false,
            at: 0,
            stopped: None,
            limit: BATCH_BYTES,
        }
    }

    pub(super) fn concluding() -> Self {
        Self {
            concluding: true,
            ..Self::registering()
        }
    }

    /// Returns the next batch that is not empty.
    pub(super) fn next(&mut self, connectors: &[Connector]) -> Option<Batch> {
        loop {
            let batch = self.next_of_any_size(connectors)?;
            if !batch.records(connectors).is_empty() {
                return Some(batch);
            }
        }
    }

    fn next_of_any_size(&mut self, connectors: &[Connector]) -> Option<Batch> {
        if let Some(stopped) = self.stopped.take() {
            return Some(self.take(Kind::Configurations, stopped, connectors));
        }
        let rest = self.at..connectors.len();
        let kind = if self.concluding {
            Kind::FinalStates
        } else {
            Kind::Stopped
        };
        (!rest.is_empty()).then(|| self.take(kind, rest, connectors))
    }

    /// Gives a batch back whose size the topic does not take; false when it cannot be made smaller.
    pub(super) fn halve(&mut self, batch: &Batch, connectors: &[Connector]) -> bool {
        if batch.connectors.len() < 2 {
            return false;
        }
        let records = batch.records(connectors);
        self.limit = records.iter().map(Record::size).sum::<usize>() / 2;
        match batch.kind {
            Kind::Configurations => {
                let end = self
                    .stopped
                    .take()
                    .map_or(batch.connectors.end, |rest| rest.end);
                self.stopped = Some(batch.connectors.start..end);
            }
            Kind::Stopped | Kind::FinalStates => {
                self.at = batch.connectors.start;
                self.stopped = None;
            }
        }
        true
    }

    /// Takes as many connectors of the range as fit into a batch, at least one.
    fn take(&mut self, kind: Kind, range: Range<usize>, connectors: &[Connector]) -> Batch {
        let mut size = 0;
        let fits = |at: &usize| {
            let records = records_of(&connectors[*at], kind);
            size += records.iter().map(Record::size).sum::<usize>();
            size <= self.limit
        };
        let taken = range.clone().take_while(fits).count().max(1);
        let end = range.start + taken;
        match kind {
            Kind::Configurations => {
                if end < range.end {
                    self.stopped = Some(end..range.end);
                }
            }
            Kind::Stopped => {
                self.stopped = Some(range.start..end);
                self.at = end;
            }
            Kind::FinalStates => self.at = end,
        }
        Batch {
            kind,
            connectors: range.start..end,
        }
    }
}

impl Batch {
    pub(super) fn records(&self, connectors: &[Connector]) -> Vec<Record> {
        connectors[self.connectors.clone()]
            .iter()
            .flat_map(|connector| records_of(connector, self.kind))
            .collect()
    }
}

fn records_of(connector: &Connector, kind: Kind) -> Vec<Record> {
    let name = connector.name.as_str();
    let target = |state| target_state_record(name, state).into();
    match (kind, connector.registration) {
        (Kind::Stopped | Kind::Configurations, Registration::Present) => Vec::new(),
        (Kind::Stopped, Registration::Create) => vec![target(TargetState::Stopped)],
        // As a leader stops a connector: without the commit, workers would start the tasks that are stored.
        (Kind::Stopped, Registration::Update) => {
            vec![
                zero_task_commit_record(name).into(),
                target(TargetState::Stopped),
            ]
        }
        (Kind::Configurations, _) => vec![connector_record(name, &connector.config).into()],
        (Kind::FinalStates, _) if connector.final_state == TargetState::Stopped => Vec::new(),
        (Kind::FinalStates, _) => vec![target(connector.final_state)],
    }
}
