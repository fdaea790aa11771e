//! One line per promise: kept, broken, or not performed.

use std::fmt::Write as _;

use serde::Serialize;

use super::look::Look;
use crate::io::observe::Advertised;
use crate::plan::{ConnectorKind, Observed, Plan, Registrar, Registration, Stopped, TopicState};
use crate::worker::control;

/// One promise of the migration and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Promise {
    #[serde(rename = "promise")]
    pub(super) name: &'static str,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
    /// Milliseconds that it took, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    Kept,
    Broken,
    NotPerformed,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kept => "kept",
            Self::Broken => "BROKEN",
            Self::NotPerformed => "not performed",
        })
    }
}

/// Judges a run by a look taken after it: desired minus observed must be nothing.
pub(super) fn judge(
    applied: &Plan,
    before: Option<&Observed>,
    after: &Look,
    control: Option<&control::Report>,
) -> Vec<Promise> {
    let plan = &after.plan;
    let mut promises = vec![
        stopped(applied),
        files(plan),
        topics(plan),
        offsets(plan),
        sink_groups(applied, before, after.observed.as_ref()),
        registered(applied, plan, after.observed.as_ref()),
    ];
    match control {
        Some(report) => promises.extend(report.promises.iter().map(of_embedded_worker)),
        None => promises.push(embedded_worker()),
    }
    promises
}

/// The address at which the deployed workers will reach each other; nobody need listen there yet.
pub(super) fn advertised_address(found: &Advertised) -> Promise {
    let promise = "advertised address";
    let detail = found.to_string();
    match found {
        Advertised::Proven { .. } => kept(promise, detail),
        Advertised::NotReachable { .. } | Advertised::OwnHost { .. } => {
            not_performed(promise, &detail)
        }
        Advertised::NoListener => broken(promise, detail),
    }
}

/// What the embedded worker promised.
fn of_embedded_worker(promise: &control::Promise) -> Promise {
    Promise {
        name: promise.subject.promise(),
        verdict: match promise.verdict {
            control::Verdict::Kept => Verdict::Kept,
            control::Verdict::Broken => Verdict::Broken,
            control::Verdict::NotPerformed => Verdict::NotPerformed,
        },
        detail: promise.detail.clone(),
        ms: promise.took,
    }
}

/// What is promised when nothing was applied or the run ended half-way.
pub(super) fn unfinished(plan: &Plan) -> Vec<Promise> {
    let rest = [FILES, TOPICS, OFFSETS, SINK_GROUPS, REGISTERED];
    let mut promises = vec![stopped(plan)];
    promises.extend(rest.map(|promise| not_performed(promise, "the run did not reach its end")));
    promises.push(embedded_worker());
    promises
}

pub(super) fn is_broken(promises: &[Promise]) -> bool {
    promises.iter().any(|p| p.verdict == Verdict::Broken)
}

const FILES: &str = "files written";
const TOPICS: &str = "storage topics right";
const OFFSETS: &str = "offsets byte for byte in the topic";
const SINK_GROUPS: &str = "sink groups unchanged";
const REGISTERED: &str = "connectors registered";

fn stopped(plan: &Plan) -> Promise {
    let promise = "standalone worker stopped";
    match &plan.stopped {
        Stopped::Proven(how) => kept(promise, format!("proven: {how}")),
        Stopped::Asserted => not_performed(promise, "asserted by --source-stopped, not proven"),
        Stopped::Unknown(why) => not_performed(promise, &format!("unknown: {why}")),
    }
}

fn files(plan: &Plan) -> Promise {
    let missing: Vec<_> = plan
        .files
        .iter()
        .filter(|f| f.state != crate::plan::FileState::Same)
        .map(|f| f.path.display().to_string())
        .collect();
    if missing.is_empty() {
        kept(FILES, format!("{} files", plan.files.len()))
    } else {
        broken(FILES, format!("not as planned: {}", missing.join(", ")))
    }
}

fn topics(plan: &Plan) -> Promise {
    if plan.cluster.is_none() {
        return not_performed(TOPICS, "--offline");
    }
    let wrong: Vec<_> = plan
        .topics
        .iter()
        .filter_map(|topic| match &topic.state {
            TopicState::Right => None,
            TopicState::Wrong(what) => Some(format!("{}: {}", topic.wanted.name, what.join("; "))),
            TopicState::Hidden => Some(format!("{} may not be looked at", topic.wanted.name)),
            TopicState::Missing | TopicState::Unknown => {
                Some(format!("{} is missing", topic.wanted.name))
            }
        })
        .collect();
    if wrong.is_empty() {
        let names: Vec<_> = plan.topics.iter().map(|t| t.wanted.name.as_str()).collect();
        kept(TOPICS, names.join(", "))
    } else {
        broken(TOPICS, wrong.join("; "))
    }
}

fn offsets(plan: &Plan) -> Promise {
    if plan.cluster.is_none() {
        return not_performed(OFFSETS, "--offline");
    }
    if plan.offsets.path.is_none() {
        return not_performed(OFFSETS, "--no-offsets: the positions were given up");
    }
    let sources = plan
        .connectors
        .iter()
        .filter(|c| c.kind != ConnectorKind::Sink);
    let (moved, moving): (Vec<_>, Vec<_>) = sources.partition(|c| c.already_moved);
    if moved.is_empty() && moving.is_empty() {
        return kept(OFFSETS, "no source connector: nothing to copy".into());
    }
    if !plan.seed.is_empty() {
        return broken(
            OFFSETS,
            format!("{} records are missing or different", plan.seed.len()),
        );
    }
    let entries: usize = moving.iter().map(|c| c.entries).sum();
    let mut detail = format!("{entries} of {entries} read back, each in its partition");
    if !moved.is_empty() {
        let _infallible = write!(
            detail,
            "; {} connector(s) have moved on, the topic is the truth",
            moved.len()
        );
    }
    kept(OFFSETS, detail)
}

fn sink_groups(applied: &Plan, before: Option<&Observed>, after: Option<&Observed>) -> Promise {
    let (Some(old), Some(new)) = (before, after) else {
        return not_performed(SINK_GROUPS, "--offline");
    };
    // A sink that has moved before goes on by itself.
    let moving = applied.connectors.iter().filter(|c| !c.already_moved);
    let groups: Vec<_> = moving
        .filter_map(|c| Some((c.old_group.as_deref()?, c.group.as_deref()?)))
        .collect();
    if groups.is_empty() {
        return kept(SINK_GROUPS, "no sink connector to move".into());
    }
    let resumed = applied
        .connectors
        .iter()
        .any(|c| c.registration != Registration::NotPlanned);
    let wrong: Vec<String> = groups
        .iter()
        .flat_map(|(from, to)| moved_positions(from, to, old, new, resumed))
        .collect();
    if wrong.is_empty() {
        let names = groups.iter().map(|(from, to)| {
            if from == to {
                (*from).to_owned()
            } else {
                format!("{to} where {from} stood")
            }
        });
        kept(SINK_GROUPS, listed(names))
    } else {
        broken(SINK_GROUPS, wrong.join("; "))
    }
}

/// Names the first few and counts the rest: a deployment may have thousands.
fn listed(names: impl Iterator<Item = String>) -> String {
    const NAMED: usize = 20;
    let mut names = names.fuse();
    let first: Vec<String> = names.by_ref().take(NAMED).collect();
    match names.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// A sink that was resumed goes forward; nothing goes back, and nothing else moves at all.
fn moved_positions(
    from: &str,
    to: &str,
    old: &Observed,
    new: &Observed,
    resumed: bool,
) -> Vec<String> {
    let Some(old) = old.sink_groups.get(from) else {
        return Vec::new();
    };
    let now = new.sink_groups.get(to);
    old.positions
        .iter()
        .filter_map(|((topic, partition), before)| {
            let at = (topic.clone(), *partition);
            let after = now.and_then(|g| g.positions.get(&at)).map(|p| p.committed);
            let fine = after.is_some_and(|after| {
                after == before.committed || (resumed && after > before.committed)
            });
            let after = after.map_or("gone".to_owned(), |after| after.to_string());
            (!fine).then(|| {
                format!(
                    "{from} {topic}-{partition} was at {} and {to} is {after}",
                    before.committed
                )
            })
        })
        .collect()
}

fn registered(applied: &Plan, plan: &Plan, after: Option<&Observed>) -> Promise {
    let planned = |c: &&crate::plan::ConnectorPlan| c.registration != Registration::NotPlanned;
    let registered: Vec<_> = plan.connectors.iter().filter(planned).collect();
    let elsewhere = not_in_final_state(applied, after);
    if !elsewhere.is_empty() {
        let names = listed(elsewhere.into_iter());
        return broken(
            REGISTERED,
            format!("not in their final state in the config topic: {names}"),
        );
    }
    if registered.is_empty() {
        let why = match (
            plan.cluster.is_some(),
            plan.connectors.iter().all(|c| c.already_moved),
        ) {
            (true, true) => "they have been before: the config topic is the truth",
            _ => {
                "nobody was to register them: --verify none without --url, or the Connect group is in use"
            }
        };
        return not_performed(REGISTERED, why);
    }
    let missing: Vec<_> = registered
        .iter()
        .filter(|c| c.registration != Registration::Present)
        .map(|c| c.name.as_str())
        .collect();
    if missing.is_empty() {
        kept(REGISTERED, format!("{} connectors", registered.len()))
    } else {
        broken(REGISTERED, format!("not there: {}", missing.join(", ")))
    }
}

/// What `--url` answered counts only where our config topic says it too.
fn not_in_final_state(applied: &Plan, after: Option<&Observed>) -> Vec<String> {
    let Some(after) = after.filter(|_| applied.registrar == Registrar::Rest) else {
        return Vec::new();
    };
    let moving = applied
        .connectors
        .iter()
        .filter(|c| !c.already_moved && c.registration != Registration::NotPlanned);
    moving
        .filter(|c| {
            let stored = after.stored_connectors.get(&c.name);
            stored.is_none_or(|stored| stored.target != c.final_state)
        })
        .map(|c| c.name.clone())
        .collect()
}

fn embedded_worker() -> Promise {
    not_performed("embedded worker", "")
}

fn kept(promise: &'static str, detail: String) -> Promise {
    Promise {
        name: promise,
        verdict: Verdict::Kept,
        detail,
        ms: None,
    }
}

fn broken(promise: &'static str, detail: String) -> Promise {
    Promise {
        name: promise,
        verdict: Verdict::Broken,
        detail,
        ms: None,
    }
}

fn not_performed(promise: &'static str, detail: &str) -> Promise {
    Promise {
        name: promise,
        verdict: Verdict::NotPerformed,
        detail: detail.to_owned(),
        ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_counted() {
        let names = |count: usize| listed((0..count).map(|n| n.to_string()));
        assert_eq!(names(2), "0, 1");
        assert!(names(20).ends_with("18, 19"));
        assert!(names(22).ends_with("19 and 2 more"));
    }
}
