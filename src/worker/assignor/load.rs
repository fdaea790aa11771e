//! What each member will run, while it is being decided.

use crate::protocol::connect_group::Work;

use super::item::{Item, Kind, java_order, work};
use super::round::Share;

#[derive(Debug)]
pub(super) struct Load<'a> {
    pub(super) member: &'a str,
    /// At the time of the round.
    owned: Option<&'a Work>,
    connectors: Vec<Item<'a>>,
    tasks: Vec<Item<'a>>,
    revoked: Vec<Item<'a>>,
}

impl<'a> Load<'a> {
    /// Starts with what the member owns, without what it must give up.
    pub(super) fn new(
        member: &'a str,
        owned: Option<&'a Work>,
        gives_up: impl Fn(&Item<'a>) -> bool,
    ) -> Self {
        let mut load = Self {
            member,
            owned,
            connectors: Vec::new(),
            tasks: Vec::new(),
            revoked: Vec::new(),
        };
        for item in owned.into_iter().flat_map(Item::all) {
            if gives_up(&item) {
                load.revoked.push(item);
            } else {
                load.push(item);
            }
        }
        load
    }

    pub(super) fn push(&mut self, item: Item<'a>) {
        match item.kind() {
            Kind::Connector => self.connectors.push(item),
            Kind::Task => self.tasks.push(item),
        }
    }

    /// Takes the first items away.
    pub(super) fn cut(&mut self, kind: Kind, count: usize) {
        let items = match kind {
            Kind::Connector => &mut self.connectors,
            Kind::Task => &mut self.tasks,
        };
        self.revoked.extend(items.drain(..count.min(items.len())));
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Connector => self.connectors.len(),
            Kind::Task => self.tasks.len(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connectors.is_empty() && self.tasks.is_empty()
    }

    pub(super) fn items(&self) -> impl Iterator<Item = Item<'a>> {
        self.connectors.iter().chain(&self.tasks).copied()
    }

    pub(super) fn revoked(&self) -> &[Item<'a>] {
        &self.revoked
    }

    pub(super) fn share(&self) -> Share {
        let is_new = |item: &Item<'_>| {
            self.owned
                .is_none_or(|owned| !owned.contains(item.connector, item.task))
        };
        Share {
            assigned: work(self.items().filter(is_new)),
            revoked: work(self.revoked.iter().copied()),
            owned: work(self.items()),
        }
    }
}

/// Deals items of one kind to the members that have least of it, so that these rise together.
pub(super) fn deal<'a>(loads: &mut [Load<'a>], kind: Kind, items: Vec<Item<'a>>) {
    loads.sort_by(|a, b| {
        let counts = a.count(kind).cmp(&b.count(kind));
        counts.then_with(|| java_order(a.member, b.member))
    });
    let mut items = items.into_iter().peekable();
    let mut lowest = 0;
    while items.peek().is_some() {
        let level = loads.first().map_or(0, |load| load.count(kind));
        let higher = |load: &Load<'_>| load.count(kind) > level;
        lowest += loads[lowest..]
            .iter()
            .position(higher)
            .unwrap_or(loads.len() - lowest);
        for (load, item) in loads[..lowest].iter_mut().zip(&mut items) {
            load.push(item);
        }
    }
}
