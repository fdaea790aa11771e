//! Only differences: members keep what they run unless it is revoked, and what is revoked is assigned in the next round.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use indexmap::IndexSet;

use crate::protocol::connect_group::Work;
use crate::worker::Millis;

use super::balance::{Cut, cuts};
use super::delay::{Delay, backoff};
use super::item::{Item, Kind, work};
use super::load::{Load, deal};
use super::round::{Round, Share};

/// What a leader remembers between rounds. It dies with the worker: another leader starts from nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// The generation of the round that left this memory, -1 before any.
    pub generation: i32,
    /// What somebody runs, or would run if it were not lost.
    pub assigned: Work,
    /// What was to be given up in the last round.
    pub revoked: Work,
    /// Member ids of the last round.
    pub members: BTreeSet<String>,
    pub delay: Option<Delay>,
    /// Ids of members that had nothing to do during the delay, in order of appearance: they get what is lost.
    pub candidates: IndexSet<String>,
    /// Something was revoked for balance in the last round.
    pub revoked_last_round: bool,
    /// Rounds in a row that had to wait before revoking more.
    pub successive_revocations: u32,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            generation: -1,
            assigned: Work::default(),
            revoked: Work::default(),
            members: BTreeSet::new(),
            delay: None,
            candidates: IndexSet::new(),
            revoked_last_round: false,
            successive_revocations: 0,
        }
    }
}

impl Memory {
    /// Returns each member's part, and in how many milliseconds all must come back.
    pub(super) fn decide(
        &mut self,
        now: Millis,
        max_delay: Millis,
        round: &Round,
        configured: &Work,
    ) -> (BTreeMap<String, Share>, i32) {
        let assigned = std::mem::take(&mut self.assigned);
        let revoked = std::mem::take(&mut self.revoked);
        let difference = Difference::between(
            self.believed(round, &assigned, &revoked),
            &Item::set(configured),
            round,
        );
        let mut loads = difference.loads(round);
        let lost = difference.lost.clone();
        let again = self.settle(now, max_delay, lost, &mut loads);
        self.balance(now, max_delay, configured, &mut loads);
        deal_new(&mut loads, &difference.created, &again);

        let held = loads.iter().flat_map(Load::items);
        self.assigned = work(held.chain(difference.lost));
        self.revoked = work(loads.iter().flat_map(Load::revoked).copied());
        self.generation = round.generation;
        self.members = round.members.iter().map(|(id, _)| id.clone()).collect();
        let shares = loads.iter().map(|l| (l.member.to_owned(), l.share()));
        let delay = self.delay.map_or(0, |delay| delay.ms);
        (shares.collect(), i32::try_from(delay).unwrap_or(i32::MAX))
    }

    /// Returns what the group should run by the last decision, if that decision reached it.
    fn believed<'a>(
        &self,
        round: &'a Round,
        assigned: &'a Work,
        revoked: &Work,
    ) -> HashSet<Item<'a>> {
        let is_revoked = |item: &Item<'_>| revoked.contains(item.connector, item.task);
        if !revoked.is_empty() && active(round).any(|item| is_revoked(&item)) {
            // Somebody did not give up what it had to: what they run is what counts.
            active(round).collect()
        } else if self.generation == round.last_generation {
            Item::set(assigned)
        } else {
            HashSet::new()
        }
    }

    /// Takes work from members that have more than their part, unless a delay runs or has to begin.
    fn balance(
        &mut self,
        now: Millis,
        max_delay: Millis,
        configured: &Work,
        loads: &mut [Load<'_>],
    ) {
        if self.delay.is_some() {
            self.revoked_last_round = false;
            return;
        }
        let connectors = configured.connectors().count();
        let cuts = cuts(loads, [connectors, configured.len() - connectors]);
        if cuts.is_empty() {
            if self.revoked_last_round {
                self.revoked_last_round = false;
                self.successive_revocations = 0;
            }
            return;
        }
        if self.revoked_last_round {
            self.successive_revocations = self.successive_revocations.saturating_add(1);
            let ms = backoff(self.successive_revocations, max_delay);
            if ms > 0 {
                self.delay = Some(Delay::of(ms, now));
                return;
            }
        }
        self.revoked_last_round = true;
        for Cut { load, kind, count } in cuts {
            loads[load].cut(kind, count);
        }
    }
}

/// Everything that anybody runs; what two run appears twice.
fn active(round: &Round) -> impl Iterator<Item = Item<'_>> {
    let owned = round.owners().filter_map(|(_, owned)| owned);
    owned.flat_map(Item::all)
}

/// How what is believed, what is configured and what members run differ.
#[derive(Debug, Default)]
struct Difference<'a> {
    /// Believed, and no longer configured.
    deleted: HashSet<Item<'a>>,
    /// Run by two or more: all of them must stop, and then it counts as created.
    duplicated: HashSet<Item<'a>>,
    /// Believed and configured, and nobody runs it. Sorted.
    lost: Vec<Item<'a>>,
    /// Configured, and neither believed nor run. Sorted.
    created: Vec<Item<'a>>,
}

impl<'a> Difference<'a> {
    fn between(
        believed: HashSet<Item<'a>>,
        configured: &HashSet<Item<'a>>,
        round: &'a Round,
    ) -> Self {
        let mut running = HashSet::new();
        let mut difference = Self {
            duplicated: active(round).filter(|i| !running.insert(*i)).collect(),
            ..Self::default()
        };
        difference.created = configured
            .iter()
            .filter(|item| !believed.contains(item) && !running.contains(item))
            .copied()
            .collect();
        for item in believed {
            if !configured.contains(&item) {
                difference.deleted.insert(item);
            } else if !running.contains(&item) {
                difference.lost.push(item);
            }
        }
        difference.lost.sort_unstable();
        difference.created.sort_unstable();
        difference
    }

    fn loads(&self, round: &'a Round) -> Vec<Load<'a>> {
        let gives_up =
            |item: &Item<'a>| self.deleted.contains(item) || self.duplicated.contains(item);
        let owners = round.owners();
        owners
            .map(|(member, owned)| Load::new(member, owned, gives_up))
            .collect()
    }
}

fn deal_new<'a>(loads: &mut [Load<'a>], created: &[Item<'a>], again: &[Item<'a>]) {
    for kind in Kind::ALL {
        let items = created.iter().chain(again);
        let items = items.filter(|item| item.kind() == kind).copied();
        deal(loads, kind, items.collect());
    }
}
