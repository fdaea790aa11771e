//! Everything anew in every round: one after the other, first connectors, then tasks.

use std::collections::BTreeMap;

use crate::protocol::connect_group::Work;

use super::item::{Item, Kind, java_order};
use super::round::{Round, Share};

pub(super) fn shares(round: &Round, configured: &Work) -> BTreeMap<String, Share> {
    let mut members: Vec<_> = round.members.iter().map(|(id, _)| id.as_str()).collect();
    members.sort_by(|a, b| java_order(a, b));
    let mut shares: BTreeMap<_, _> = members
        .iter()
        .map(|member| ((*member).to_owned(), Share::default()))
        .collect();
    let mut items: Vec<_> = Item::all(configured).collect();
    items.sort_by_key(|item| (item.kind() == Kind::Task, *item));
    for (item, member) in items.into_iter().zip(members.into_iter().cycle()) {
        if let Some(share) = shares.get_mut(member) {
            share.assigned.insert(item.connector, item.task);
        }
    }
    for share in shares.values_mut() {
        share.owned = share.assigned.clone();
    }
    shares
}
