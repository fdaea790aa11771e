//! The control run: what an embedded worker does to prove a migration without running anything.
//!
//! 1. It looks at the group, reads the three storage topics, and joins only a group without members.
//! 2. As leader it registers the connectors as STOPPED: first a target state, acknowledged, and then the configuration, each
//!    write right after the coordinator has confirmed the generation.
//! 3. It checks what a worker would find: connectors, offsets, the sinks' groups, REST.
//! 4. It leaves the group. Only then, and only if nothing was found wrong, it writes the final target states.
//!
//! When another member shows up it is out of the group at once; what is left to check is checked from the topics. A failure,
//! an interruption and a kill at any point leave connectors STOPPED or absent.
//!
//! [`Control::step`] takes an [`Event`] and says what to do as a list of [`Action`]s, all of which may be done side by side.

mod report;
mod types;
mod waves;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use report::{Promise, Report, Subject, Verdict};
pub use types::{Action, Check, Connector, Event, Finding, Job, Registration, WriteFailure};
pub use waves::Record;

use crate::worker::{Millis, Trouble};
use report::Ledger;
use waves::{Batch, Waves};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Looking,
    /// Reads the topics; joins when nobody is in the group.
    Reading {
        joins: bool,
    },
    Joining,
    /// Waits for the confirmation before the next batch.
    Confirming,
    Writing,
    Verifying,
    Leaving,
    /// Writes final states; no longer a member.
    Concluding,
    /// Reads the final states back.
    ReadingStates,
    Done,
}

/// One control run.
#[derive(Debug)]
pub struct Control {
    job: Job,
    state: State,
    ledger: Ledger,
    waves: Waves,
    /// The batch that is being written.
    writing: Option<Batch>,
    /// Since when writes have failed.
    failing_since: Option<Millis>,
    /// Until when the group must have answered.
    until: Option<Millis>,
    /// How long the last confirmation took, when that was too long to write after it.
    late: Option<Millis>,
    is_member: bool,
    /// Every connector is stored.
    registered: bool,
    open: BTreeSet<Check>,
    interrupted: bool,
    /// Why the final states may not all be written.
    unwritten: Option<Trouble>,
}

impl Control {
    pub fn new(job: Job) -> Self {
        Self {
            waves: Waves::registering(),
            job,
            state: State::Idle,
            ledger: Ledger::default(),
            writing: None,
            failing_since: None,
            until: None,
            late: None,
            is_member: false,
            registered: false,
            open: BTreeSet::new(),
            interrupted: false,
            unwritten: None,
        }
    }

    /// Returns when [`Event::Timeout`] is due.
    pub fn deadline(&self) -> Option<Millis> {
        self.until
    }

    /// Takes what happened and returns what to do.
    pub fn step(&mut self, now: Millis, event: Event) -> Vec<Action> {
        match event {
            Event::Interrupted => return self.interrupt(now),
            Event::OtherMembers { others, left } => return self.other_members(now, &others, left),
            Event::GroupFailed(reason) => return self.group_failed(now, reason),
            Event::Timeout { failed } if self.until.is_some_and(|until| now >= until) => {
                let reason = self.unanswered(failed);
                return self.group_failed(now, reason);
            }
            _ => {}
        }
        match (self.state, event) {
            (State::Idle, Event::Start) => {
                self.state = State::Looking;
                vec![Action::LookAtGroup]
            }
            (State::Looking, Event::Group(seen)) => self.looked(now, seen),
            (State::Reading { joins }, Event::Checked { check, finding }) => {
                self.read(now, joins, check, finding)
            }
            (State::Joining, Event::Joined { .. }) => self.joined(now),
            (State::Confirming, Event::Confirmed { sent } | Event::Joined { sent, .. }) => {
                self.confirmed(now, sent)
            }
            (State::Writing, Event::Written) => {
                self.written();
                self.next_batch(now)
            }
            (State::Writing, Event::WriteFailed { reason, why }) => {
                self.write_failed(now, reason, why)
            }
            (State::Verifying, Event::Checked { check, finding }) => {
                self.checked(now, check, finding)
            }
            (State::Leaving, Event::Left(left)) => self.left(now, left),
            (State::Concluding, Event::Written) => {
                self.written();
                self.next_state()
            }
            (State::Concluding, Event::WriteFailed { reason, why }) => {
                self.state_failed(now, reason, why)
            }
            (State::ReadingStates, Event::Checked { check, finding }) => {
                let finding = self.as_found(finding);
                self.ledger.settle(now, Subject::of(check), finding);
                self.finish()
            }
            _ => Vec::new(),
        }
    }

    fn looked(&mut self, now: Millis, seen: Result<Vec<String>, Trouble>) -> Vec<Action> {
        let joins = match seen {
            Ok(members) if members.is_empty() => true,
            Ok(members) => {
                let why = format!("not joined, others are in it: {}", members.join(", "));
                self.ledger.broken(Subject::Group, why);
                false
            }
            Err(reason) => {
                self.ledger.broken(Subject::Group, reason);
                false
            }
        };
        self.state = State::Reading { joins };
        self.ledger.begin(now, Subject::Topics);
        vec![Action::Check(Check::Topics)]
    }

    fn read(&mut self, now: Millis, joins: bool, check: Check, finding: Finding) -> Vec<Action> {
        self.ledger.settle(now, Subject::of(check), finding);
        if self.ledger.is_broken() || !joins {
            return self.verify_from_outside(now);
        }
        self.state = State::Joining;
        self.is_member = true;
        self.ledger.begin(now, Subject::Group);
        self.wait_for_group(now);
        vec![Action::Join]
    }

    fn joined(&mut self, now: Millis) -> Vec<Action> {
        self.ledger.pause(now, Subject::Group);
        self.ledger.begin(now, Subject::Connectors);
        self.next_batch(now)
    }

    /// Goes on registering, or verifies when everything is stored.
    fn next_batch(&mut self, now: Millis) -> Vec<Action> {
        self.until = None;
        self.late = None;
        if self.writing.is_none() {
            self.writing = self.waves.next(&self.job.connectors);
        }
        if self.writing.is_none() {
            self.registered = true;
            return self.verify(now);
        }
        self.state = State::Confirming;
        self.wait_for_group(now);
        vec![Action::Confirm]
    }

    /// Writes while the generation surely holds, or has it confirmed anew when the answer took too long.
    ///
    /// The coordinator begins the session anew when it gets the heartbeat, which is after it was sent and may be long before
    /// its answer comes. Half of the session is for the answer, a quarter for the write, and the last one for clocks that do
    /// not run alike and for a record that is on its way.
    fn confirmed(&mut self, now: Millis, sent: Millis) -> Vec<Action> {
        let quarter = self.job.session / 4;
        let took = now.saturating_sub(sent);
        if took > 2 * quarter {
            self.late = Some(took);
            return vec![Action::Confirm];
        }
        self.late = None;
        self.until = None;
        self.state = State::Writing;
        self.write(Some(sent + 3 * quarter))
    }

    fn write(&self, until: Option<Millis>) -> Vec<Action> {
        let batch = self.writing.iter();
        batch
            .map(|batch| Action::Write {
                records: batch.records(&self.job.connectors),
                until,
            })
            .collect()
    }

    fn unanswered(&self, failed: Option<Trouble>) -> Trouble {
        let patience = self.job.patience;
        if let (None, Some(failed)) = (self.late, failed) {
            return failed.told(|failed| {
                format!("nothing came of the group's coordinator within {patience} ms: {failed}")
            });
        }
        let (what, hint) = match (self.late, self.state) {
            (Some(took), _) => (
                format!(
                    "the coordinator took {took} ms to answer a heartbeat, too long to write in a session of {} ms",
                    self.job.session
                ),
                "A longer session.timeout.ms leaves more time.",
            ),
            (None, State::Joining) => (
                format!(
                    "the group's coordinator let nobody in within {patience} ms; it keeps the first member of a group waiting for group.initial.rebalance.delay.ms, which is 3000 where the broker does not set it"
                ),
                "Wait longer with --timeout.",
            ),
            (None, _) => (
                format!("the group's coordinator gave no answer within {patience} ms"),
                "Wait longer with --timeout.",
            ),
        };
        Trouble {
            what,
            hint: Some(hint.to_owned()),
        }
    }

    fn written(&mut self) {
        self.failing_since = None;
        self.writing = None;
    }

    fn write_failed(&mut self, now: Millis, reason: Trouble, why: WriteFailure) -> Vec<Action> {
        if self.tries_again(now, why) {
            return self.next_batch(now);
        }
        let why = reason.told(|reason| format!("not written: {reason}"));
        self.ledger.broken(Subject::Connectors, why);
        self.verify_and_leave(now)
    }

    /// Takes a failed batch back; false when there is no hope for it.
    fn tries_again(&mut self, now: Millis, why: WriteFailure) -> bool {
        let batch = self.writing.take();
        let since = *self.failing_since.get_or_insert(now);
        match (why, batch) {
            (WriteFailure::TooLarge, Some(batch)) => self.waves.halve(&batch, &self.job.connectors),
            (WriteFailure::Passing, Some(batch)) if now < since + self.job.patience => {
                self.writing = Some(batch);
                true
            }
            _ => false,
        }
    }

    fn verify(&mut self, now: Millis) -> Vec<Action> {
        self.begin_checks(
            now,
            &[Check::Connectors, Check::Offsets, Check::Sinks, Check::Rest],
        )
    }

    /// What can be checked without being a member.
    fn verify_from_outside(&mut self, now: Millis) -> Vec<Action> {
        self.ledger
            .broken(Subject::Connectors, "not registered: not in the group");
        self.verify_and_leave(now)
    }

    fn verify_and_leave(&mut self, now: Millis) -> Vec<Action> {
        self.until = None;
        self.begin_checks(now, &[Check::Offsets, Check::Sinks])
    }

    fn begin_checks(&mut self, now: Millis, checks: &[Check]) -> Vec<Action> {
        self.state = State::Verifying;
        self.open = checks.iter().copied().collect();
        for check in checks {
            self.ledger.begin(now, Subject::of(*check));
        }
        checks.iter().map(|check| Action::Check(*check)).collect()
    }

    fn checked(&mut self, now: Millis, check: Check, finding: Finding) -> Vec<Action> {
        if !self.open.remove(&check) {
            return Vec::new();
        }
        self.ledger.settle(now, Subject::of(check), finding);
        if !self.open.is_empty() {
            return Vec::new();
        }
        if self.is_member {
            return self.leave(now);
        }
        self.conclude(now)
    }

    fn leave(&mut self, now: Millis) -> Vec<Action> {
        self.state = State::Leaving;
        self.ledger.begin(now, Subject::Group);
        // The answer has a deadline of its own.
        self.until = None;
        vec![Action::Leave]
    }

    fn left(&mut self, now: Millis, left: Result<(), Trouble>) -> Vec<Action> {
        self.is_member = false;
        let finding = match left {
            Ok(()) => Finding::Good("joined an empty group, led it, left it".into()),
            Err(reason) => Finding::Bad(unsure_left(reason)),
        };
        self.ledger.settle(now, Subject::Group, finding);
        self.conclude(now)
    }

    /// Writes the final states if everything is as it should be.
    fn conclude(&mut self, now: Millis) -> Vec<Action> {
        if self.interrupted || !self.registered || self.ledger.is_broken() {
            return self.finish();
        }
        self.waves = Waves::concluding();
        self.state = State::Concluding;
        self.ledger.begin(now, Subject::States);
        self.next_state()
    }

    fn next_state(&mut self) -> Vec<Action> {
        if self.writing.is_none() {
            self.writing = self.waves.next(&self.job.connectors);
        }
        if self.writing.is_some() {
            return self.write(None);
        }
        self.read_states()
    }

    fn state_failed(&mut self, now: Millis, reason: Trouble, why: WriteFailure) -> Vec<Action> {
        if self.tries_again(now, why) {
            return self.next_state();
        }
        // Some may be in the topic: those of earlier batches, and this one when only its answer was lost.
        self.unwritten = Some(reason);
        self.read_states()
    }

    fn read_states(&mut self) -> Vec<Action> {
        self.state = State::ReadingStates;
        vec![Action::Check(Check::States)]
    }

    /// What the topic has is what counts, whatever was answered.
    fn as_found(&mut self, finding: Finding) -> Finding {
        match (self.unwritten.take(), finding) {
            (Some(reason), Finding::Bad(found)) => Finding::Bad(reason.told(|reason| {
                format!("not all were written: {reason}; all but these have theirs: {found}")
            })),
            (_, finding) => finding,
        }
    }

    fn other_members(
        &mut self,
        now: Millis,
        others: &[String],
        left: Result<(), Trouble>,
    ) -> Vec<Action> {
        if !self.is_member {
            return Vec::new();
        }
        self.is_member = false;
        let who = others.join(", ");
        let unsure = left.err().map(unsure_left);
        match self.state {
            State::Joining | State::Confirming | State::Writing => {
                let why = match unsure {
                    Some(unsure) => unsure.told(|unsure| format!("others came: {who}; {unsure}")),
                    None => format!("left at once, others came: {who}").into(),
                };
                self.ledger.settle(now, Subject::Group, Finding::Bad(why));
                let stopped = "registration was not finished: another member is in the group";
                self.ledger.broken(Subject::Connectors, stopped);
                self.verify_and_leave(now)
            }
            _ => {
                let finding = match unsure {
                    Some(unsure) => {
                        Finding::Bad(unsure.told(|unsure| format!("others came: {who}; {unsure}")))
                    }
                    None => Finding::Good(format!(
                        "joined an empty group, led it, left it when others came: {who}"
                    )),
                };
                self.ledger.settle(now, Subject::Group, finding);
                if self.state == State::Leaving {
                    return self.conclude(now);
                }
                Vec::new()
            }
        }
    }

    fn group_failed(&mut self, now: Millis, reason: Trouble) -> Vec<Action> {
        if !self.is_member {
            return Vec::new();
        }
        self.ledger
            .settle(now, Subject::Group, Finding::Bad(reason));
        match self.state {
            State::Joining | State::Confirming | State::Writing => {
                let why = "registration was not finished: not in the group";
                self.ledger.broken(Subject::Connectors, why);
                self.verify_and_leave(now)
            }
            _ => Vec::new(),
        }
    }

    fn interrupt(&mut self, now: Millis) -> Vec<Action> {
        // What is left then takes a moment, and half of it would be worth less than all of it.
        if matches!(
            self.state,
            State::Concluding | State::ReadingStates | State::Done
        ) || self.interrupted
        {
            return Vec::new();
        }
        self.interrupted = true;
        self.open.clear();
        match self.state {
            State::Leaving => Vec::new(),
            _ if self.is_member => self.leave(now),
            _ => self.finish(),
        }
    }

    fn finish(&mut self) -> Vec<Action> {
        self.state = State::Done;
        self.until = None;
        let report = self.ledger.report(self.registered, self.interrupted);
        vec![Action::Finish(report)]
    }

    fn wait_for_group(&mut self, now: Millis) {
        self.until = Some(now + self.job.patience);
    }
}

fn unsure_left(reason: Trouble) -> Trouble {
    reason.told(|reason| format!("whether it was left is not known: {reason}"))
}
