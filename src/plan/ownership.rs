//! Whose the target cluster is, and what that means for each connector.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::model::connector_config::TargetState;
use crate::model::offset_key::OffsetKey;
use crate::plan::connectors::Moving;
use crate::plan::positions::Positions;
use crate::plan::{
    Choices, Observed, OffsetsInput, Ownership, Registrar, Registration, StoredConnector, seed,
};

/// Says of every connector whether the topic, not the file, is the truth about it.
pub(super) fn mark_moved(
    moving: &mut [Moving<'_>],
    positions: &Positions,
    offsets: &OffsetsInput,
    choices: &Choices,
    observed: Option<&Observed>,
) {
    for connector in moving.iter_mut() {
        connector.moved = has_moved(connector, choices, observed);
    }
    let Some(observed) = observed.filter(|_| choices.overwrite_offsets) else {
        return;
    };
    // The file of the cutover is older than what the cluster has come to since: typed again, the command rewinds nothing.
    if !went_on(offsets, observed) {
        return;
    }
    // Nobody is in the group, and the embedded worker stops a connector before anybody could start it.
    if registrar(choices, Some(observed)) != Registrar::Control {
        return;
    }
    let differ = seed::differ(moving, positions, &observed.stored_offsets);
    for ((connector, differs), of) in moving.iter_mut().zip(differ).zip(&positions.of) {
        connector.redone = connector.moved && connector.is_source() && differs && of.live() > 0;
        connector.moved &= !connector.redone;
    }
}

/// Returns whether the offsets file is another one than an earlier run read.
pub(super) fn went_on(offsets: &OffsetsInput, observed: &Observed) -> bool {
    let OffsetsInput::File(file) = offsets else {
        return false;
    };
    let before = observed.offsets_before.as_ref();
    before.is_some_and(|before| *before != file.sha256)
}

/// It has left STOPPED since it got this configuration; or an earlier run handed it over, and it was given another one since.
///
/// `--overwrite-offsets` takes that back while nothing of it can be running.
fn has_moved(connector: &Moving<'_>, choices: &Choices, observed: Option<&Observed>) -> bool {
    let (Some(stored), Some(observed)) = (stored(connector, observed), observed) else {
        return false;
    };
    let handed_over = observed.handed_over.contains(&connector.name) && stored.may_have_run;
    let has_run = handed_over || stored.has_run && is_equal(connector, stored);
    has_run && !may_overwrite(connector, choices, Some(observed))
}

/// Returns whose the config topic is, and says what shows it when it is somebody else's.
pub(super) fn judge(
    moving: &[Moving<'_>],
    observed: Option<&Observed>,
    registers_by_rest: bool,
) -> Ownership {
    let Some(observed) = observed else {
        return Ownership::Unknown;
    };
    let names: HashMap<&str, &Moving<'_>> = moving.iter().map(|m| (m.name.as_str(), m)).collect();
    let mut others = Vec::new();
    // What moved into a cluster long ago does not mind who came after it.
    let all_handed_over = moving
        .iter()
        .all(|m| m.moved && observed.handed_over.contains(&m.name));
    for (name, stored) in &observed.stored_connectors {
        match names.get(name.as_str()) {
            _ if all_handed_over => {}
            None => others.push(format!("connector {name} is not in this plan")),
            Some(connector) if !connector.moved && !is_equal(connector, stored) => {
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
        if members > 0 && !registers_by_rest {
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

/// Returns who registers the connectors. An embedded worker joins only a group that nobody is in.
pub(super) fn registrar(choices: &Choices, observed: Option<&Observed>) -> Registrar {
    if !choices.register_on.is_empty() {
        return Registrar::Rest;
    }
    let is_free = !choices.offline && !observed.is_some_and(Observed::is_in_use);
    if is_free && choices.verify.has_worker() {
        Registrar::Control
    } else {
        Registrar::Nobody
    }
}

/// Returns what an embedded worker was to do and cannot because the Connect group has members, a phrase per connector.
pub(super) fn unfinished(
    moving: &[Moving<'_>],
    choices: &Choices,
    observed: Option<&Observed>,
) -> Vec<String> {
    let is_for_control =
        choices.verify.has_worker() && !choices.offline && choices.register_on.is_empty();
    if !is_for_control || !observed.is_some_and(Observed::is_in_use) {
        return Vec::new();
    }
    let missing = |connector: &Moving<'_>| {
        let name = &connector.name;
        let wanted = said(connector.final_state);
        match stored(connector, observed) {
            None => Some(format!("{name} is not registered")),
            Some(stored) if !is_equal(connector, stored) => {
                Some(format!("{name} has another configuration"))
            }
            Some(stored) if stored.target != connector.final_state => Some(format!(
                "{name} is {} and not {wanted}",
                said(stored.target)
            )),
            Some(_) => None,
        }
    };
    let waiting = moving.iter().filter(|m| !m.moved);
    waiting.filter_map(missing).collect()
}

/// A target state as REST shows it.
fn said(target: TargetState) -> &'static str {
    match target {
        TargetState::Started => "RUNNING",
        TargetState::Paused => "PAUSED",
        TargetState::Stopped => "STOPPED",
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

/// Returns whether `--overwrite-offsets` holds for a connector: it is absent, or nothing of it can be running.
pub(super) fn may_overwrite(
    connector: &Moving<'_>,
    choices: &Choices,
    observed: Option<&Observed>,
) -> bool {
    choices.overwrite_offsets && stored(connector, observed).is_none_or(StoredConnector::is_at_rest)
}

/// Returns whether the target cluster has a connector of its own under a renamed connector's old name.
pub(super) fn is_old_name_alive(
    connector: &Moving<'_>,
    moving: &[Moving<'_>],
    observed: Option<&Observed>,
) -> bool {
    let old = &connector.old_name;
    *old != connector.name
        && moving.iter().all(|m| m.name != *old)
        && observed.is_some_and(|o| o.stored_connectors.contains_key(old))
}

/// Returns what registering the connector takes.
pub(super) fn registration(
    connector: &Moving<'_>,
    observed: Option<&Observed>,
    registrar: Registrar,
) -> Registration {
    match stored(connector, observed) {
        _ if registrar == Registrar::Nobody => Registration::NotPlanned,
        None => Registration::Create,
        Some(stored) if is_equal(connector, stored) && !connector.redone => Registration::Present,
        Some(_) => Registration::Update,
    }
}

fn is_equal(connector: &Moving<'_>, stored: &StoredConnector) -> bool {
    is_same_config(&connector.config, &stored.config)
}

/// Returns whether a stored configuration is the connector's; `name` need not be repeated in it.
pub fn is_same_config(
    config: &IndexMap<String, String>,
    stored: &IndexMap<String, Option<String>>,
) -> bool {
    let named = stored.contains_key("name");
    let is_stored = |(key, value): (&String, &String)| {
        let stored = stored.get(key);
        stored.is_some_and(|stored| stored.as_ref() == Some(value))
    };
    stored.len() + usize::from(!named) == config.len()
        && config
            .iter()
            .filter(|(key, _)| named || *key != "name")
            .all(is_stored)
}

/// Returns the settings in which the plan and the config topic differ, sorted; empty: none.
pub(super) fn differing(
    connector: &Moving<'_>,
    stored: &IndexMap<String, Option<String>>,
) -> String {
    let mut keys: Vec<&str> = connector
        .config
        .iter()
        .filter(|(key, value)| stored.get(*key).and_then(Option::as_ref) != Some(value))
        .filter(|(key, _)| stored.contains_key("name") || *key != "name")
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
