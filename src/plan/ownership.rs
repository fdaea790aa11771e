//! Whose the target cluster is, and what that means for each connector.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::model::offset_key::OffsetKey;
use crate::plan::connectors::Moving;
use crate::plan::{Observed, Ownership, Registration, StoredConnector};

/// Returns whose the config topic is, and says what shows it when it is somebody else's.
pub(super) fn judge(
    moving: &[Moving<'_>],
    observed: Option<&Observed>,
    registers: bool,
) -> Ownership {
    let Some(observed) = observed else {
        return Ownership::Unknown;
    };
    let names: HashMap<&str, &Moving<'_>> = moving.iter().map(|m| (m.name.as_str(), m)).collect();
    let mut others = Vec::new();
    for (name, stored) in &observed.stored_connectors {
        match names.get(name.as_str()) {
            None => others.push(format!("connector {name} is not in this plan")),
            Some(connector) if !is_equal(connector, stored) => {
                others.push(format!(
                    "connector {name} is there with another configuration ({})",
                    differing(connector, &stored.config)
                ));
            }
            Some(_) => {}
        }
    }
    if others.is_empty() && observed.stored_connectors.is_empty() {
        others.extend(stranger_in_offsets(moving, observed));
        // `--url` names a cluster that runs: its workers are no surprise.
        let members = observed
            .connect_group
            .as_ref()
            .map_or(0, |g| g.members.len());
        if members > 0 && !registers {
            others.push(format!("the Connect group has {members} active member(s)"));
        }
    }
    if !others.is_empty() {
        Ownership::Foreign(others)
    } else if observed.stored_connectors.is_empty() {
        Ownership::Fresh
    } else {
        Ownership::Ours
    }
}

/// An offset topic that holds positions of other connectors belongs to another cluster, whatever its config topic is.
fn stranger_in_offsets(moving: &[Moving<'_>], observed: &Observed) -> Option<String> {
    let ours: HashSet<&str> = moving
        .iter()
        .flat_map(|m| [m.name.as_str(), m.old_name.as_str()])
        .collect();
    let live = observed
        .stored_offsets
        .iter()
        .filter(|(_, stored)| stored.value.is_some());
    let mut strangers = live
        .filter_map(|(key, _)| OffsetKey::parse(key).ok())
        .map(|key| key.connector().to_owned())
        .filter(|name| !ours.contains(name.as_str()));
    let first = strangers.next()?;
    Some(format!(
        "the offset topic holds positions of connector {first}, which is not in this plan"
    ))
}

/// Returns the stored connector of the same name.
pub(super) fn stored<'a>(
    connector: &Moving<'_>,
    observed: Option<&'a Observed>,
) -> Option<&'a StoredConnector> {
    observed?.stored_connectors.get(&connector.name)
}

/// Returns whether the topic, not the file, is the truth about a connector: it has left STOPPED since it was registered.
pub(super) fn has_moved(connector: &Moving<'_>, observed: Option<&Observed>) -> bool {
    stored(connector, observed).is_some_and(|s| s.has_run && is_equal(connector, s))
}

/// Returns what `--url` asks for.
pub(super) fn registration(
    connector: &Moving<'_>,
    observed: Option<&Observed>,
    registers: bool,
) -> Registration {
    match stored(connector, observed) {
        _ if !registers => Registration::NotPlanned,
        None => Registration::Create,
        Some(stored) if is_equal(connector, stored) => Registration::Present,
        Some(_) => Registration::Update,
    }
}

fn is_equal(connector: &Moving<'_>, stored: &StoredConnector) -> bool {
    let named = stored.config.contains_key("name");
    let length = stored.config.len() + usize::from(!named);
    length == connector.config.len()
        && connector
            .config
            .iter()
            .filter(|(key, _)| named || *key != "name")
            .all(|(key, value)| {
                stored
                    .config
                    .get(key)
                    .is_some_and(|s| s.as_deref() == Some(value))
            })
}

fn differing(connector: &Moving<'_>, stored: &IndexMap<String, Option<String>>) -> String {
    let mut keys: Vec<&str> = connector
        .config
        .iter()
        .filter(|(key, value)| stored.get(*key).and_then(Option::as_ref) != Some(value))
        .map(|(key, _)| key.as_str())
        .chain(
            stored
                .keys()
                .filter(|key| !connector.config.contains_key(*key))
                .map(String::as_str),
        )
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys.join(", ")
}
