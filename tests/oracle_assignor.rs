//! Our assignors against the worker's own, over thousands of rounds: nothing may differ.
//!
//! # What a tie is
//!
//! Java's assignor walks the members in the order of a hash map of their ids, and those without work in the order of a hash
//! set. That order decides which members above the average keep one item more, and in which order members without work get
//! what was lost. Any order would do, so each such choice is a legal tie. Ours walks the members as the broker lists them,
//! and here the broker lists them in Java's order ([`java_order`], which the oracle confirms in every round): a tie has
//! the same outcome on both sides, and everything must be equal, every assignment, every owner and all that the leader
//! remembers. What a member gives up first is no tie here: both take it in the order of the member's subscription.

mod group;
mod java_order;
mod outcome;

use connectctl::worker::assignor::Assignor;

use crate::support::require_kafka;
use group::{Group, Leadership, Step};
use outcome::{Outcome, of_java};

/// What our leader does otherwise than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Believes a last decision that did not reach the group.
    BelievesWhatWasNotDelivered,
    /// Does not see that two members run the same.
    OverlooksDuplicates,
    /// Lets a delay end a millisecond late.
    LateClock,
    WaitsOneMillisecondMore,
    /// Walks members by id.
    OtherTies,
    /// Never looks at the configuration again.
    OldConfiguration,
    /// Always looks at the configuration again.
    NewConfiguration,
    /// Takes the assignor of a new leader for its own.
    RemembersForAnother,
}

const FAULTS: [Fault; 8] = [
    Fault::BelievesWhatWasNotDelivered,
    Fault::OverlooksDuplicates,
    Fault::LateClock,
    Fault::WaitsOneMillisecondMore,
    Fault::OtherTies,
    Fault::OldConfiguration,
    Fault::NewConfiguration,
    Fault::RemembersForAnother,
];

/// Leads through recorded rounds.
fn of_ours(steps: &[Step], fault: Fault) -> Vec<Outcome> {
    let mut assignor = Assignor::new(0);
    let mut outcomes = Vec::new();
    for step in steps {
        match step {
            Step::NewLeader { .. }
                if fault == Fault::RemembersForAnother && !outcomes.is_empty() => {}
            Step::NewLeader { max_delay } => {
                let more = u64::from(fault == Fault::WaitsOneMillisecondMore);
                assignor = Assignor::new(max_delay + more);
            }
            Step::Round(led) => {
                let faulty = faulty(led, fault, &assignor);
                let assigned = assignor.assign(
                    faulty.now,
                    &faulty.round,
                    &faulty.joined_with,
                    &faulty.fresh,
                );
                let assigned = assigned.expect("the leader is a member");
                outcomes.push(Outcome::new(&led.round, assigned, &assignor));
            }
        }
    }
    outcomes
}

fn faulty(led: &Leadership, fault: Fault, assignor: &Assignor) -> Leadership {
    let mut led = led.clone();
    match fault {
        Fault::BelievesWhatWasNotDelivered => {
            led.round.last_generation = assignor.memory().generation;
        }
        Fault::OverlooksDuplicates => group::keep_first_owners(&mut led.round),
        Fault::LateClock => led.now -= 1,
        Fault::OtherTies => led.round.members.sort_by(|a, b| a.0.cmp(&b.0)),
        Fault::OldConfiguration => led.fresh = led.joined_with.clone(),
        Fault::NewConfiguration => led.joined_with = led.fresh.clone(),
        Fault::None | Fault::WaitsOneMillisecondMore | Fault::RemembersForAnother => {}
    }
    led
}

/// Returns the first round whose outcomes differ, and how.
fn first_difference(ours: &[Outcome], theirs: &[Outcome]) -> Option<(usize, String)> {
    assert_eq!(ours.len(), theirs.len());
    let pairs = ours.iter().zip(theirs).enumerate();
    pairs
        .filter(|(_, (ours, theirs))| ours != theirs)
        .map(|(n, (ours, theirs))| (n, format!("ours: {ours:#?}\nJava's: {theirs:#?}")))
        .next()
}

#[test]
fn twelve_thousand_rounds_go_as_the_workers_own_assignors_lead_them() {
    require_kafka!();
    let mut steps = Vec::new();
    for seed in 0..300 {
        steps.extend(Group::new(seed).play(40));
    }
    let theirs = of_java(&steps);
    assert_eq!(theirs.len(), 12_000);
    let ours = of_ours(&steps, Fault::None);
    if let Some((n, how)) = first_difference(&ours, &theirs) {
        let rounds = steps.iter().filter_map(Step::round);
        panic!("round {n}: {:#?}\n{how}", rounds.clone().nth(n));
    }
    Seen::of(&steps, &theirs).assert_all();
    for fault in FAULTS {
        let ours = of_ours(&steps, fault);
        assert!(
            first_difference(&ours, &theirs).is_some(),
            "{fault:?} goes unnoticed"
        );
    }
}

/// How often something happened that an assignor has a rule for.
#[derive(Debug, Default)]
struct Seen {
    mismatches: u32,
    eager: u32,
    not_delivered: u32,
    duplicates: u32,
    ignored_revocations: u32,
    deletions: u32,
    delays: u32,
    delays_over: u32,
    candidates_served: u32,
    nobody_left: u32,
    pauses: u32,
    long_pauses: u32,
    balanced: u32,
}

impl Seen {
    fn of(steps: &[Step], outcomes: &[Outcome]) -> Self {
        let mut seen = Self::default();
        let mut rounds = outcomes.iter();
        let mut before = None;
        for step in steps {
            let Step::Round(led) = step else {
                before = None;
                continue;
            };
            let outcome = rounds.next().expect("an outcome for each round");
            seen.note(led, outcome, before);
            before = Some(outcome);
        }
        seen
    }

    fn note(&mut self, led: &Leadership, outcome: &Outcome, before: Option<&Outcome>) {
        let any = outcome.assignments.values().next().expect("a member");
        self.mismatches += u32::from(any.failed());
        self.eager += u32::from(any.version == 0);
        if any.failed() || any.version == 0 {
            return;
        }
        let now = &outcome.memory;
        let owned = group::owned(&led.round);
        let revokes = outcome.assignments.values().any(|a| !a.revoked.is_empty());
        self.duplicates += u32::from(group::has_duplicates(&led.round));
        self.balanced += u32::from(now.revoked_last_round && revokes);
        let Some(before) = before.map(|outcome| &outcome.memory) else {
            return;
        };
        self.not_delivered += u32::from(before.generation != led.round.last_generation);
        self.ignored_revocations += u32::from(!before.revoked.intersection(&owned).is_empty());
        self.deletions +=
            u32::from(!before.assigned.difference(&led.joined_with.work).is_empty() && revokes);
        self.delays += u32::from(before.delay.is_none() && now.delay.is_some());
        if before.delay.is_some_and(|delay| delay.until <= led.now) && now.delay.is_none() {
            let members = &now.members;
            let served = before.candidates.iter().any(|c| members.contains(c));
            self.delays_over += 1;
            self.candidates_served += u32::from(served);
            self.nobody_left += u32::from(!served && !before.candidates.is_empty());
        }
        let more = now.successive_revocations > before.successive_revocations;
        self.pauses += u32::from(more);
        self.long_pauses += u32::from(more && now.successive_revocations > 2);
    }

    fn assert_all(&self) {
        let Self {
            mismatches,
            eager,
            not_delivered,
            duplicates,
            ignored_revocations,
            deletions,
            delays,
            delays_over,
            candidates_served,
            nobody_left,
            pauses,
            long_pauses,
            balanced,
        } = *self;
        let often = [
            mismatches,
            eager,
            not_delivered,
            duplicates,
            ignored_revocations,
            deletions,
            delays,
            delays_over,
            candidates_served,
            pauses,
            balanced,
        ];
        assert!(often.iter().all(|count| *count >= 100), "{self:?}");
        assert!(nobody_left >= 5 && long_pauses >= 5, "{self:?}");
    }
}
