//! Of which sources there was a position to bring, and where nothing need be compared to judge that.

use super::promise::{Promise, broken, kept, not_performed};
use super::{CHANGED, OFFSETS, listed};
use crate::plan::render::count;
use crate::plan::{ConnectorPlan, Plan};

/// Judges what no comparison can: sources without a position, and a file that has changed since.
///
/// `moved` are the sources that had moved before, `moving` those that were to move.
pub(super) fn beforehand(
    applied: &Plan,
    after: &Plan,
    moved: &[&ConnectorPlan],
    moving: &[&ConnectorPlan],
) -> Option<Promise> {
    if moving.is_empty() {
        let why = match moved.len() {
            0 => "no source connector: nothing to copy".to_owned(),
            moved => {
                let moved = count(moved, "connector");
                format!("{moved} had moved before, the topic is the truth")
            }
        };
        return Some(kept(OFFSETS, why));
    }
    if applied.offsets.path.is_none() {
        let why = "--no-offsets: the positions were given up";
        return Some(not_performed(OFFSETS, why));
    }
    if applied.offsets.sha256 != after.offsets.sha256 {
        return Some(broken(OFFSETS, CHANGED.to_owned()));
    }
    let without = without_position(moving)?;
    // Nothing that was read back is no proof.
    applied
        .positions
        .is_empty()
        .then(|| not_performed(OFFSETS, &without))
}

/// Says of which sources there was no position, beside those that were compared.
pub(super) fn with_those_without(found: Promise, moving: &[&ConnectorPlan]) -> Promise {
    let Some(without) = without_position(moving) else {
        return found;
    };
    Promise {
        detail: format!("{}; {without}", found.detail),
        ..found
    }
}

fn without_position(moving: &[&ConnectorPlan]) -> Option<String> {
    let without = moving.iter().filter(|c| c.entries == 0);
    let names = listed(without.map(|c| c.name.clone()));
    (!names.is_empty()).then(|| format!("no position was to be brought of {names}"))
}

#[cfg(test)]
mod tests {
    use super::super::offsets;
    use super::*;
    use crate::cli::migrate::look::Look;
    use crate::cli::migrate::read::Inputs;
    use crate::cli::migrate::verdict::promise::Verdict;
    use crate::model::worker_config::StorageRole;
    use crate::plan::tests::builder::{SINK, SOURCE, WORKER, choices, cluster, deployment, make};
    use crate::plan::{Choices, Deployment, Observed, ObservedTopic, OffsetsInput, StoredOffset};
    use crate::protocol::partitioner;

    const KEY: &str = r#"["src",{"filename":"in.txt"}]"#;
    const VALUE: &str = r#"{"position":1}"#;
    const SECOND: &str = "name=second\nconnector.class=FileStreamSource\ntopic=t\nfile=b.txt\n";

    fn source(connectors: &[&str]) -> Deployment {
        deployment(WORKER, connectors).with_offsets(&[(KEY, Some(VALUE))])
    }

    fn declined() -> Deployment {
        Deployment {
            offsets: OffsetsInput::Declined,
            ..source(&[SOURCE])
        }
    }

    fn planned(deployment: &Deployment) -> Plan {
        let accepting = Choices {
            group_id: Some("g".to_owned()),
            accept: ["P7", "no-position"].map(str::to_owned).into(),
            ..choices()
        };
        make(deployment, &accepting, Some(&cluster())).expect("a plan")
    }

    /// The cluster with everything where the plan has it.
    fn seeded(plan: &Plan) -> Observed {
        let mut after = cluster();
        let topic = &plan.topic(StorageRole::Offset).wanted;
        let existing = ObservedTopic {
            partitions: usize::try_from(topic.partitions).expect("given"),
            ..ObservedTopic::default()
        };
        after.topics.insert(topic.name.clone(), existing);
        for record in plan.positions.iter() {
            let stored = StoredOffset {
                partition: partitioner::partition_of(&record.key, topic.partitions),
                offset: 0,
                value: record.value.clone(),
                elsewhere: Vec::new(),
                otherwise: None,
            };
            after.stored_offsets.insert(record.key.clone(), stored);
        }
        after
    }

    /// What is said after a run, and after one in which the connectors ran here, of what the plan left behind.
    fn both(plan: &Plan, deployment: Deployment, change: impl Fn(&mut Look)) -> [Promise; 2] {
        let mut after = Look {
            inputs: Inputs {
                deployment,
                files: Vec::new(),
            },
            plan: plan.clone(),
            observed: Some(seeded(plan)),
        };
        change(&mut after);
        [false, true].map(|ran| offsets(plan, &after, ran))
    }

    #[track_caller]
    fn says(deployment: Deployment, verdict: Verdict, words: &str) {
        let plan = planned(&deployment);
        for promise in both(&plan, deployment, |_| {}) {
            assert_eq!(promise.verdict, verdict, "{promise:?}");
            assert!(promise.detail.contains(words), "{promise:?}");
        }
    }

    #[test]
    fn positions_that_nobody_brought_are_not_kept() {
        says(declined(), Verdict::NotPerformed, "were given up");
        let missing = Deployment {
            offsets: OffsetsInput::Missing("/tmp/connect.offsets".into()),
            ..source(&[SOURCE])
        };
        let none = "no position was to be brought of src";
        says(missing, Verdict::NotPerformed, none);
        let of_another = deployment(WORKER, &[SOURCE]);
        let of_another = of_another.with_offsets(&[(r#"["other",{}]"#, Some(VALUE))]);
        says(of_another, Verdict::NotPerformed, none);
        let one_of_two = source(&[SOURCE, SECOND]);
        let second = "; no position was to be brought of second";
        says(one_of_two, Verdict::Kept, second);
        says(source(&[SINK]), Verdict::Kept, "no source connector");
    }

    #[test]
    fn nothing_is_said_of_sources_that_had_moved_before() {
        let deployment = declined();
        let mut plan = planned(&deployment);
        plan.connectors[0].already_moved = true;
        for promise in both(&plan, deployment, |_| {}) {
            assert_eq!(promise.verdict, Verdict::Kept, "{promise:?}");
            assert!(promise.detail.starts_with("1 connector had moved before"));
        }
    }

    #[test]
    fn a_file_that_has_changed_since_breaks_the_promise_also_where_connectors_ran() {
        let deployment = source(&[SOURCE]);
        let plan = planned(&deployment);
        for promise in both(&plan, deployment, |after| {
            after.plan.offsets.sha256 = Some("2".repeat(64));
        }) {
            assert_eq!(promise, broken(OFFSETS, CHANGED.to_owned()));
        }
    }
}
