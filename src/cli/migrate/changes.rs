//! What became different between two looks, as far as the plan rests on it.

use super::look::Look;
use super::read::Role;
use crate::plan::{
    Class, Finding, Ownership, Plan, SeedRecord, Step, Stopped, TopicPlan, TopicState,
};

/// Returns one line per difference that the user must see before saying yes; empty: the yes still stands.
///
/// The ends of consumed topics grow all the time and are not compared; committed offsets are.
pub(super) fn between(before: &Look, after: &Look) -> Vec<String> {
    let mut changes = files(before, after);
    let (old, new) = (&before.plan, &after.plan);
    let mut differ = |what: &str, same: bool| {
        if !same {
            changes.push(format!("{what} changed"));
        }
    };
    let steps = |plan: &Plan| {
        plan.steps()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    differ("what is to be done", steps(old) == steps(new));
    differ(
        "the generated files",
        old.files
            .iter()
            .map(|f| (&f.path, &f.after))
            .eq(new.files.iter().map(|f| (&f.path, &f.after))),
    );
    differ("the storage topics", old.topics == new.topics);
    differ("the offsets to seed", old.seed == new.seed);
    differ(
        "the offsets to delete",
        old.delete_offsets == new.delete_offsets,
    );
    differ(
        "the consumer groups to copy",
        old.group_copies == new.group_copies,
    );
    differ(
        "committed offsets of sinks",
        committed(old) == committed(new),
    );
    differ(
        "whether the standalone worker is stopped",
        is_known(&old.stopped) == is_known(&new.stopped),
    );
    differ("whose the target is", old.ownership == new.ownership);
    differ("the Kafka cluster", old.cluster == new.cluster);
    differ("the findings", findings(old) == findings(new));
    changes
}

/// Returns whether the second plan asks for nothing that the first did not, on the same grounds.
///
/// That is what `--yes` stands for: someone else may have done a part meanwhile, such as the same command in another shell.
pub(super) fn is_within(before: &Look, after: &Look) -> bool {
    let (old, new) = (&before.plan, &after.plan);
    let same_grounds = files(before, after).is_empty()
        && is_known(&old.stopped) == is_known(&new.stopped)
        && old.cluster == new.cluster
        && committed(old) == committed(new)
        && !matches!(new.ownership, Ownership::Foreign(_) if new.ownership != old.ownership);
    let old_findings = findings(old);
    let old_steps = old.steps();
    let counted = |step: &Step| matches!(step, Step::Seed(_) | Step::DeleteOffsets(_));
    let same_topic = |topic: &TopicPlan| {
        old.topics.iter().any(|o| {
            let made = |state| TopicPlan { state, ..o.clone() };
            *o == *topic
                || made(TopicState::Right) == *topic
                || made(TopicState::SettingsHidden) == *topic
        })
    };
    same_grounds
        && findings(new).iter().all(|f| old_findings.contains(f))
        && new
            .steps()
            .iter()
            .all(|step| counted(step) || old_steps.contains(step))
        && new
            .files
            .iter()
            .map(|f| (&f.path, &f.after))
            .eq(old.files.iter().map(|f| (&f.path, &f.after)))
        && new.topics.iter().all(same_topic)
        && is_subset(&new.seed, &old.seed)
        && is_subset(&new.delete_offsets, &old.delete_offsets)
        && new
            .group_copies
            .iter()
            .all(|c| old.group_copies.contains(c))
}

/// Both are in the order of the file.
fn is_subset(some: &[SeedRecord], all: &[SeedRecord]) -> bool {
    let mut all = all.iter();
    some.iter().all(|record| all.any(|other| other == record))
}

fn files(before: &Look, after: &Look) -> Vec<String> {
    let old = &before.inputs.files;
    after
        .inputs
        .files
        .iter()
        .filter(|file| !old.contains(file))
        .map(|file| {
            let role = match file.role {
                Role::Worker => "the worker file",
                Role::Connector => "a connector file",
                Role::Offsets => "the offsets file",
            };
            format!("{role} changed: {}", file.path.display())
        })
        .collect()
}

/// How it is known may read differently the second time: the file is older by then, and what was only asserted is proven.
fn is_known(stopped: &Stopped) -> bool {
    !matches!(stopped, Stopped::Unknown(_))
}

/// A sink that has moved goes on committing; one that is to move must not.
fn committed(plan: &Plan) -> Vec<(&str, &(String, i32), i64)> {
    plan.connectors
        .iter()
        .filter(|c| !c.already_moved)
        .flat_map(|c| {
            c.positions
                .iter()
                .map(|(at, p)| (c.name.as_str(), at, p.committed))
        })
        .collect()
}

/// A finding as far as a yes rests on it: id, subject, class, whether it was accepted, and what it says.
type Told<'a> = (&'a str, &'a str, Class, bool, &'a str);

fn findings(plan: &Plan) -> Vec<Told<'_>> {
    let told = plan.findings.iter().map(|f| {
        let message = if is_fleeting(f) { "" } else { &f.message };
        (&*f.id, &*f.subject, f.class, f.accepted, message)
    });
    told.collect()
}

/// Says something else at every look: how old a file is (P8), or where connectors that have moved are now.
fn is_fleeting(finding: &Finding) -> bool {
    finding.id == "P8" || finding.class == Class::Info
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::migrate::read::Inputs;
    use crate::plan::tests::builder::{SOURCE, WORKER, choices, cluster, deployment, make};

    #[test]
    fn a_proof_that_comes_after_an_assertion_changes_nothing() {
        let proven = Stopped::Proven("the offsets file is old enough by now".to_owned());
        assert!(is_known(&Stopped::Asserted));
        assert!(is_known(&proven));
        assert!(!is_known(&Stopped::Unknown("it answers".to_owned())));
    }

    fn look() -> Look {
        let deployment = deployment(WORKER, &[SOURCE]);
        let plan = make(&deployment, &choices(), Some(&cluster())).expect("a plan");
        Look {
            inputs: Inputs {
                deployment,
                files: Vec::new(),
            },
            plan,
            observed: Some(cluster()),
        }
    }

    #[test]
    fn a_finding_that_weighs_more_or_says_something_else_is_a_change() {
        let before = look();
        let told = |id: &str, class, message: &str| {
            let mut look = look();
            look.plan.findings.push(Finding {
                id: id.to_owned(),
                class,
                subject: "src".to_owned(),
                message: message.to_owned(),
                remedy: String::new(),
                accepted: false,
            });
            look
        };
        assert!(between(&before, &look()).is_empty());
        let warned = told("P42", Class::Warn, "it looks in topic own");
        assert_eq!(between(&before, &warned), ["the findings changed"]);
        for other in [
            told("P42", Class::Block, "it looks in topic own"),
            told("P42", Class::Warn, "it looks in topic other"),
        ] {
            assert_eq!(between(&warned, &other), ["the findings changed"]);
            assert!(!is_within(&warned, &other));
        }
        // Ages, and what runs goes on.
        for (id, class) in [("P8", Class::Block), ("moved-on", Class::Info)] {
            let (first, second) = (told(id, class, "5 s ago"), told(id, class, "6 s ago"));
            assert!(between(&first, &second).is_empty());
            assert!(is_within(&first, &second));
        }
    }
}
