//! One line per promise: kept, broken, or not performed.

mod brought;
mod own;
mod promise;
mod ran;

use std::fmt::Write as _;

use super::look::Look;
use crate::io::apply::Applied;
use crate::io::observe::Advertised;
use crate::plan::render::count;
use crate::plan::{
    self, ConnectorKind, ConnectorPlan, Observed, Plan, ReadBack, Registrar, Registration, Stopped,
    TopicState,
};
use crate::worker::control::{self, Subject};
pub(super) use promise::Promise;
use promise::{Verdict, broken, kept, not_known, not_performed};

/// Judges a run by a look taken after it: desired minus observed must be nothing.
pub(super) fn judge(
    applied: &Plan,
    before: Option<&Observed>,
    after: &Look,
    ran: &Applied,
) -> Vec<Promise> {
    let plan = &after.plan;
    let seen = after.observed.as_ref();
    let mut promises = vec![
        still_stopped(applied, after),
        files(plan),
        topics(plan),
        offsets(applied, after, ran.run.is_some()),
        sink_groups(applied, before, seen, ran.run.is_some()),
        registered(applied, seen),
    ];
    promises.extend(embedded_worker(ran.control.as_ref()));
    promises.extend(ran.run.as_ref().map(ran::connectors));
    promises
}

/// The address at which the deployed workers will reach each other; nobody need listen there yet.
///
/// `found` is from before anything was written, and an embedded worker was alone in the group after that: whoever answered is
/// no worker of it, such as one of another group on the same Kafka.
pub(super) fn advertised_address(found: &Advertised) -> Promise {
    let promise = "advertised address";
    match found {
        Advertised::Proven { url } => {
            let why = format!(
                "{url} was answered by a worker that is not of this group: nobody was in it. The workers to be started need this address"
            );
            not_performed(promise, &why)
        }
        Advertised::NotReachable { .. } | Advertised::OwnHost { .. } | Advertised::DecidedThere => {
            not_performed(promise, &found.to_string())
        }
        Advertised::NoListener => broken(promise, found.to_string()),
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
            control::Verdict::NotKnown => Verdict::NotKnown,
        },
        detail: promise.detail.clone(),
        hint: promise.hint.clone(),
        ms: promise.took,
    }
}

/// The old names stay as they are where it is not known whether the new ones have all that these had.
pub(super) fn old_names_stay(promises: &[Promise]) -> Option<Promise> {
    let of_embedded = [
        Subject::Connectors,
        Subject::Offsets,
        Subject::Sinks,
        Subject::States,
    ];
    let counts = |name: &str| {
        [OFFSETS, SINK_GROUPS, REGISTERED].contains(&name)
            || of_embedded.iter().any(|subject| subject.promise() == name)
    };
    let unknown = promises
        .iter()
        .filter(|p| p.verdict == Verdict::NotKnown && counts(p.name));
    let unknown: Vec<_> = unknown.map(|p| p.name).collect();
    (!unknown.is_empty()).then(|| {
        let unknown = unknown.join(", ");
        let why = format!("left out, for this is not known: {unknown}");
        not_performed("old names deleted", &why)
    })
}

/// What is promised when nothing was applied or the run ended half-way; `ran` is what the workers of this process came to.
pub(super) fn unfinished(plan: &Plan, ran: &Applied) -> Vec<Promise> {
    let rest = [FILES, TOPICS, OFFSETS, SINK_GROUPS, REGISTERED];
    let mut promises = vec![stopped(plan)];
    promises.extend(rest.map(|promise| not_performed(promise, "the run did not reach its end")));
    promises.extend(embedded_worker(ran.control.as_ref()));
    promises.extend(ran.run.as_ref().map(ran::connectors));
    promises
}

pub(super) fn is_broken(promises: &[Promise]) -> bool {
    promises.iter().any(|p| p.verdict == Verdict::Broken)
}

const STOPPED: &str = "standalone worker stopped";
const FILES: &str = "files written";
const TOPICS: &str = "storage topics right";
const OFFSETS: &str = "offsets byte for byte in the topic";
const SINK_GROUPS: &str = "sink groups unchanged";
const REGISTERED: &str = "connectors registered";

const CHANGED: &str = "the offsets file has changed since it was copied: is a standalone worker still running? Stop it; once the connectors are STOPPED, --overwrite-offsets copies the file again";

const TWO_AT_WORK: &str = "stop the standalone worker for good before distributed workers start; what it has delivered since, they deliver again, unless the connectors are STOPPED and --overwrite-offsets copies its file again";

/// What was proven before the run, unless the look after it shows otherwise.
fn still_stopped(applied: &Plan, after: &Look) -> Promise {
    let deployment = &after.inputs.deployment;
    let observed = after.observed.as_ref();
    match observed.and_then(|seen| plan::standalone_at_work(applied, deployment, seen)) {
        Some(how) => Promise {
            hint: Some(TWO_AT_WORK.to_owned()),
            ..broken(STOPPED, how)
        },
        None => stopped(applied),
    }
}

fn stopped(plan: &Plan) -> Promise {
    match &plan.stopped {
        Stopped::Proven(how) => kept(STOPPED, format!("proven: {how}")),
        Stopped::Asserted => not_performed(STOPPED, "asserted by --source-stopped, not proven"),
        Stopped::Unknown(why) => not_performed(STOPPED, &format!("unknown: {why}")),
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

/// As the plan judges them: what only warns there, or was accepted, breaks no promise here.
fn topics(plan: &Plan) -> Promise {
    if plan.cluster.is_none() {
        return not_performed(TOPICS, "--offline");
    }
    let (mut wrong, mut unknown, mut right) = (Vec::new(), Vec::new(), Vec::new());
    for topic in &plan.topics {
        let name = &topic.wanted.name;
        let mut blocking = plan.blocked().filter(|f| f.subject == *name);
        match (&topic.state, blocking.next()) {
            (_, Some(finding)) => wrong.push(finding.message.clone()),
            (TopicState::Missing | TopicState::Unknown, None) => {
                wrong.push(format!("{name} is missing"));
            }
            (TopicState::Hidden, None) => unknown.push(format!("{name} may not be looked at")),
            (TopicState::SettingsHidden, None) => {
                unknown.push(format!("the settings of {name} may not be read"));
            }
            (TopicState::Wrong(what), None) => {
                right.push(format!("{name} with a warning: {}", what.join("; ")));
            }
            (TopicState::Right, None) => right.push(name.clone()),
        }
    }
    if !wrong.is_empty() {
        broken(TOPICS, wrong.join("; "))
    } else if !unknown.is_empty() {
        not_known(TOPICS, unknown.join("; "))
    } else {
        kept(TOPICS, right.join(", "))
    }
}

/// Judged by what was applied: afterwards every connector that was given its state counts as moved.
///
/// `ran`: connectors have run in this process since, and may stand further on.
fn offsets(applied: &Plan, after: &Look, ran: bool) -> Promise {
    let Some(observed) = &after.observed else {
        return not_performed(OFFSETS, "--offline");
    };
    let sources = applied
        .connectors
        .iter()
        .filter(|c| c.kind != ConnectorKind::Sink);
    let (moved, moving): (Vec<_>, Vec<_>) = sources.partition(|c| c.already_moved);
    if let Some(judged) = brought::beforehand(applied, &after.plan, &moved, &moving) {
        return judged;
    }
    let found = if ran {
        ran::positions(applied, observed)
    } else {
        let found = copied(&plan::read_back(applied, observed), moved.len());
        own::found(found, applied, observed)
    };
    brought::with_those_without(found, &moving)
}

fn copied(found: &ReadBack, moved_before: usize) -> Promise {
    let total = found.total();
    if found.wrong > 0 {
        let wrong = found.wrong;
        return broken(
            OFFSETS,
            format!("{wrong} of {total} are missing, different or in another partition"),
        );
    }
    let same = found.same;
    let mut detail = format!("{same} of {total} read back");
    if found.misplaced == 0 {
        detail.push_str(", each in its partition");
    } else {
        let misplaced = found.misplaced;
        let _infallible = write!(
            detail,
            "; {misplaced} where no worker writes them, as accepted"
        );
    }
    if found.moved_on > 0 {
        let moved_on = found.moved_on;
        let _infallible = write!(detail, "; {moved_on} have moved on, their connectors run");
    }
    if moved_before > 0 {
        let _infallible = write!(
            detail,
            "; {} had moved before, the topic is the truth",
            count(moved_before, "connector")
        );
    }
    if found.undecided > 0 {
        let undecided = found.undecided;
        let _infallible = write!(
            detail,
            "; of {undecided} a worker may find another value too"
        );
        return not_known(OFFSETS, detail);
    }
    kept(OFFSETS, detail)
}

fn sink_groups(
    applied: &Plan,
    before: Option<&Observed>,
    after: Option<&Observed>,
    ran: bool,
) -> Promise {
    let (Some(old), Some(new)) = (before, after) else {
        return not_performed(SINK_GROUPS, "--offline");
    };
    // A sink that has moved before goes on by itself.
    let moving = applied.connectors.iter().filter(|c| !c.already_moved);
    let groups: Vec<_> = moving
        .filter_map(|c| Some((c.old_group.as_deref()?, c.group.as_deref()?)))
        .collect();
    let unseen = applied.unseen_groups();
    if groups.is_empty() && unseen.is_empty() {
        return kept(SINK_GROUPS, "no sink connector to move".into());
    }
    // The embedded worker of a control run resumes nobody: as long as no worker is in the Connect group, who moves a sink is somebody else.
    let resumed = ran
        || new.is_in_use()
        || (applied.registrar == Registrar::Rest
            && applied
                .connectors
                .iter()
                .any(|c| c.registration != Registration::NotPlanned));
    let wrong: Vec<String> = groups
        .iter()
        .flat_map(|(from, to)| moved_positions(from, to, old, new, resumed))
        .collect();
    if !wrong.is_empty() {
        return broken(SINK_GROUPS, wrong.join("; "));
    }
    let names = groups.iter().map(|(from, to)| {
        if ran {
            ran::sink(from, to, old, new)
        } else if from == to {
            (*from).to_owned()
        } else {
            format!("{to} where {from} stood")
        }
    });
    let stood = listed(names);
    if unseen.is_empty() {
        return kept(SINK_GROUPS, stood);
    }
    let told = [stood, listed(unseen.into_iter())];
    let told: Vec<String> = told.into_iter().filter(|text| !text.is_empty()).collect();
    not_known(SINK_GROUPS, told.join("; "))
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

fn registered(applied: &Plan, after: Option<&Observed>) -> Promise {
    let planned = |c: &&ConnectorPlan| c.registration != Registration::NotPlanned;
    let registered: Vec<_> = applied.connectors.iter().filter(planned).collect();
    let Some(after) = after.filter(|_| !registered.is_empty()) else {
        let all_moved = applied.connectors.iter().all(|c| c.already_moved);
        let why = if applied.cluster.is_none() {
            "--offline"
        } else if all_moved {
            "they have been before: the config topic is the truth"
        } else {
            "nobody was to register them: --verify none without --url"
        };
        return not_performed(REGISTERED, why);
    };
    let missing: Vec<_> = registered
        .iter()
        .filter(|c| !c.already_moved)
        .filter(|c| {
            let stored = after.stored_connectors.get(&c.name);
            !stored.is_some_and(|stored| plan::is_same_config(&c.config, &stored.config))
        })
        .map(|c| c.name.clone())
        .collect();
    if !missing.is_empty() {
        let missing = listed(missing.into_iter());
        return broken(REGISTERED, format!("not there as planned: {missing}"));
    }
    let elsewhere = not_in_final_state(applied, after);
    if !elsewhere.is_empty() {
        let names = listed(elsewhere.into_iter());
        return broken(
            REGISTERED,
            format!("not in their final state in the config topic: {names}"),
        );
    }
    kept(REGISTERED, format!("{} connectors", registered.len()))
}

/// What `--url` answered counts only where our config topic says it too.
fn not_in_final_state(applied: &Plan, after: &Observed) -> Vec<String> {
    // The embedded worker reads its own final states back.
    if applied.registrar != Registrar::Rest && !applied.runs {
        return Vec::new();
    }
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

fn embedded_worker(control: Option<&control::Report>) -> Vec<Promise> {
    match control {
        Some(report) => report.promises.iter().map(of_embedded_worker).collect(),
        None => vec![not_performed("embedded worker", "")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::builder::{SINK, WORKER, choices, cluster, deployment, make};
    use crate::plan::{Choices, ConnectGroup, ObservedTopic, PartitionPosition, SinkGroup};

    /// The plan for a deployment whose config topic exists like this.
    fn with_topic(configs: &[(&str, &str)], accept: &[&str]) -> Plan {
        let mut cluster = cluster();
        let configs = configs.iter();
        let existing = ObservedTopic {
            partitions: 1,
            replication_factor: 3,
            configs: configs
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            ..ObservedTopic::default()
        };
        let worker = format!("{WORKER}config.storage.min.insync.replicas=2\n");
        let choices = Choices {
            accept: accept.iter().map(|id| (*id).to_owned()).collect(),
            ..choices()
        };
        let topic = "_local_file_sink.config".to_owned();
        cluster.topics.insert(topic, existing);
        let deployment = deployment(&worker, &[SINK]);
        let mut plan = make(&deployment, &choices, Some(&cluster)).expect("a plan");
        // As they are once they were created.
        for topic in &mut plan.topics[1..] {
            topic.state = TopicState::Right;
        }
        plan
    }

    #[test]
    fn a_topic_breaks_its_promise_only_by_what_stops_a_plan_and_is_not_accepted() {
        let few = [("cleanup.policy", "compact"), ("min.insync.replicas", "1")];
        let plan = with_topic(&few, &[]);
        assert!(matches!(plan.topics[0].state, TopicState::Wrong(_)));
        let promise = topics(&plan);
        assert_eq!(promise.verdict, Verdict::Kept, "{promise:?}");
        assert!(
            promise.detail.contains("min.insync.replicas"),
            "{promise:?}"
        );
        let deletes = [("cleanup.policy", "delete"), ("min.insync.replicas", "2")];
        assert_eq!(topics(&with_topic(&deletes, &[])).verdict, Verdict::Broken);
        let accepted = topics(&with_topic(&deletes, &["P4"]));
        assert_eq!(accepted.verdict, Verdict::Kept, "{accepted:?}");
    }

    #[test]
    fn settings_that_may_not_be_read_are_no_proof() {
        let plan = with_topic(&[], &[]);
        assert_eq!(plan.topics[0].state, TopicState::SettingsHidden);
        let promise = topics(&plan);
        assert_eq!(promise.verdict, Verdict::NotKnown, "{promise:?}");
        assert!(promise.detail.contains("may not be read"), "{promise:?}");
    }

    #[test]
    fn offsets_are_kept_only_when_every_one_was_read_back_or_has_moved_on() {
        let found = |same, moved_on, wrong| ReadBack {
            same,
            moved_on,
            wrong,
            ..ReadBack::default()
        };
        let kept = copied(&found(3, 0, 0), 0);
        assert_eq!(kept.detail, "3 of 3 read back, each in its partition");
        let moved_on = copied(&found(2, 1, 0), 4);
        assert_eq!(moved_on.verdict, Verdict::Kept);
        assert!(moved_on.detail.contains("1 have moved on"), "{moved_on:?}");
        assert!(is_broken(&[copied(&found(2, 0, 1), 0)]));
        let accepted = |undecided| ReadBack {
            misplaced: 2,
            undecided,
            ..found(3, 0, 0)
        };
        assert_eq!(
            copied(&accepted(0), 0).detail,
            "3 of 3 read back; 2 where no worker writes them, as accepted"
        );
        assert_eq!(copied(&accepted(0), 0).verdict, Verdict::Kept);
        assert_eq!(copied(&accepted(1), 0).verdict, Verdict::NotKnown);
    }

    #[test]
    fn a_sink_that_goes_on_while_no_worker_is_in_the_group_breaks_a_promise() {
        let stands_at = |committed| {
            let position = PartitionPosition { committed, end: 9 };
            let mut observed = cluster();
            observed.sink_groups.insert(
                "connect-local-file-sink".to_owned(),
                SinkGroup {
                    state: "Empty".to_owned(),
                    members: Vec::new(),
                    positions: [(("t".to_owned(), 0), position)].into(),
                },
            );
            observed
        };
        let before = stands_at(5);
        let plan = make(&deployment(WORKER, &[SINK]), &choices(), Some(&before)).expect("a plan");
        let judged =
            |after: &Observed| sink_groups(&plan, Some(&before), Some(after), false).verdict;
        assert_eq!(judged(&stands_at(5)), Verdict::Kept);
        assert_eq!(judged(&stands_at(6)), Verdict::Broken);
        let mut served = stands_at(6);
        served.connect_group = Some(ConnectGroup {
            state: "Stable".to_owned(),
            protocol_type: "connect".to_owned(),
            members: vec!["connect-1 at /10.0.0.7".to_owned()],
            urls: Vec::new(),
        });
        assert_eq!(judged(&served), Verdict::Kept);
    }

    #[test]
    fn who_answers_before_any_worker_of_the_group_runs_is_somebody_else() {
        let url = "http://connect:8083".to_owned();
        let found = advertised_address(&Advertised::Proven { url });
        assert_eq!(found.verdict, Verdict::NotPerformed);
        assert!(found.detail.contains("not of this group"), "{found:?}");
    }

    #[test]
    fn old_names_stay_while_it_is_not_known_whether_all_is_under_the_new_ones() {
        let unknown = |name| not_known(name, String::new());
        let stay = |promise| old_names_stay(&[kept(FILES, String::new()), promise]);
        for name in [
            OFFSETS,
            SINK_GROUPS,
            REGISTERED,
            Subject::Offsets.promise(),
            Subject::Sinks.promise(),
            Subject::States.promise(),
        ] {
            let left_out = stay(unknown(name)).expect("nothing is deleted");
            assert_eq!(left_out.verdict, Verdict::NotPerformed);
            assert!(left_out.detail.ends_with(name), "{left_out:?}");
            assert_eq!(stay(kept(name, String::new())), None);
            assert_eq!(stay(not_performed(name, "--no-offsets")), None);
        }
        assert_eq!(stay(unknown(TOPICS)), None);
    }

    #[test]
    fn a_group_that_could_not_be_looked_at_is_not_known_to_be_unchanged() {
        let sink = format!("{SINK}consumer.override.bootstrap.servers=other:9092\n");
        let choices = Choices {
            accept: ["sink-group-unseen".to_owned()].into(),
            source_stopped: true,
            ..choices()
        };
        let plan = make(&deployment(WORKER, &[&sink]), &choices, Some(&cluster()));
        let plan = plan.expect("a plan");
        let promise = sink_groups(&plan, Some(&cluster()), Some(&cluster()), false);
        assert_eq!(promise.verdict, Verdict::NotKnown, "{promise:?}");
        assert!(
            promise
                .detail
                .starts_with("the group of local-file-sink was not looked at: ")
        );
        assert_eq!(stopped(&plan).verdict, Verdict::NotPerformed);
    }

    #[test]
    fn many_names_are_counted() {
        let names = |count: usize| listed((0..count).map(|n| n.to_string()));
        assert_eq!(names(2), "0, 1");
        assert!(names(20).ends_with("18, 19"));
        assert!(names(22).ends_with("19 and 2 more"));
    }
}
