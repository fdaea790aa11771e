//! What a look after the run finds of the positions that a plan was to bring.

use crate::model::worker_config::StorageRole;
use crate::plan::stopped::some_of;
use crate::plan::{Deployment, Observed, Plan, SeedRecord};
use crate::protocol::partitioner;

/// The positions of an applied plan, by what the offset topic holds of them now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadBack {
    /// As the plan has them, each where a worker looks for it or, see below, where it was accepted.
    pub same: usize,
    /// Those of `same` that lie where no worker writes them, or there too, as was accepted.
    pub misplaced: usize,
    /// Those of `misplaced` of which a worker may find another value as well.
    pub undecided: usize,
    /// Other values of connectors that workers have been running since.
    pub moved_on: usize,
    /// Missing; or different or in another partition, though nothing can have written them since.
    pub wrong: usize,
}

impl ReadBack {
    /// Returns how many positions the plan was to bring.
    pub fn total(&self) -> usize {
        self.same + self.moved_on + self.wrong
    }
}

/// Counts what became of the positions of an applied plan.
pub fn read_back(applied: &Plan, after: &Observed) -> ReadBack {
    let topic = &applied.topic(StorageRole::Offset).wanted.name;
    let partitions = after.topics.get(topic).map(|topic| topic.partitions);
    let partitions = partitions.and_then(|p| i32::try_from(p).ok()).unwrap_or(0);
    let in_any_place = applied.in_any_place();
    let mut found = ReadBack::default();
    for position in applied.positions.iter() {
        let stored = after.stored_connectors.get(&position.connector);
        let accepted = in_any_place.contains(&position.connector);
        if is_held(position, after, Some(partitions)) {
            found.same += 1;
        } else if accepted && is_held(position, after, None) {
            found.same += 1;
            found.misplaced += 1;
            found.undecided += usize::from(has_another_value(position, after));
        } else if after.is_in_use()
            && stored.is_some_and(|stored| !stored.is_at_rest())
            && has_live_value(position, after)
        {
            found.moved_on += 1;
        } else {
            found.wrong += 1;
        }
    }
    found
}

/// `partitions: None`: any partition will do.
fn is_held(position: &SeedRecord, after: &Observed, partitions: Option<i32>) -> bool {
    let Some(held) = after.stored_offsets.get(&position.key) else {
        return position.value.is_none();
    };
    let in_place = partitions.is_none_or(|partitions| {
        held.elsewhere.is_empty()
            && partitions > 0
            && held.partition == partitioner::partition_of(&position.key, partitions)
    });
    held.value == position.value && (in_place || position.value.is_none())
}

/// A running connector goes on from a position to another: one that is gone is lost, whoever runs.
fn has_live_value(position: &SeedRecord, after: &Observed) -> bool {
    let held = after.stored_offsets.get(&position.key);
    held.is_some_and(|held| held.value.is_some())
}

fn has_another_value(position: &SeedRecord, after: &Observed) -> bool {
    let held = after.stored_offsets.get(&position.key);
    held.is_some_and(|held| {
        held.elsewhere
            .iter()
            .any(|other| other.value != position.value)
    })
}

/// Returns what shows that the standalone worker is at work although the connectors of an applied plan have moved.
///
/// A distributed worker on the standalone worker's host and port answers there too, and its sinks are in the same groups:
/// while the Connect group has members, neither shows anything. [`Observed`] has the Connect group from after both.
pub fn standalone_at_work(
    applied: &Plan,
    deployment: &Deployment,
    after: &Observed,
) -> Option<String> {
    if after.is_in_use() {
        return None;
    }
    let group = &applied.group_id;
    let is_ours = |name: &&str| applied.connectors.iter().any(|c| c.old_name == *name);
    let mut running = running_connectors(deployment, after);
    running.retain(is_ours);
    if !running.is_empty() {
        let names = some_of(&running);
        return Some(format!(
            "a worker answers on the standalone listener and runs {names}, and nobody is in the Connect group {group}"
        ));
    }
    // Of a sink that moved long ago, a member may be what is left of a distributed worker that was killed.
    let moving = applied.connectors.iter().filter(|c| !c.already_moved);
    let consumed = moving.filter_map(|connector| {
        let of_sink = connector.old_group.as_ref()?;
        let first = after.sink_groups.get(of_sink)?.members.first()?;
        Some(format!("consumer group {of_sink} has a member ({first})"))
    });
    let consumed: Vec<String> = consumed.collect();
    let consumed: Vec<&str> = consumed.iter().map(String::as_str).collect();
    (!consumed.is_empty()).then(|| {
        let groups = some_of(&consumed);
        format!("{groups}, and nobody is in the Connect group {group}")
    })
}

/// Returns what runs at `--source-url`, or else on the listener that the worker file names.
fn running_connectors<'a>(deployment: &'a Deployment, observed: &'a Observed) -> Vec<&'a str> {
    let Some(worker) = &deployment.running else {
        let answers = observed.source_answers.iter().flatten();
        return answers.map(String::as_str).collect();
    };
    let running = worker
        .connectors
        .iter()
        .filter(|c| c.state != "STOPPED" || !c.tasks.is_empty());
    running.map(|c| c.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;

    use super::*;
    use crate::model::connector_config::TargetState;
    use crate::plan::tests::builder::{SINK, SOURCE, WORKER, choices, cluster, deployment, make};
    use crate::plan::{
        Choices, ConnectGroup, ObservedTopic, SinkGroup, StoredConnector, StoredOffset,
    };

    const KEYS: [&str; 2] = [
        r#"["src",{"filename":"in.txt"}]"#,
        r#"["src",{"filename":"other.txt"}]"#,
    ];
    const VALUE: &str = r#"{"position":1}"#;

    fn source() -> Deployment {
        let entries = KEYS.map(|key| (key, Some(VALUE)));
        deployment(WORKER, &[SOURCE]).with_offsets(&entries)
    }

    fn applied() -> Plan {
        make(&source(), &choices(), Some(&cluster())).expect("a plan")
    }

    /// The cluster as the plan leaves it: seeded, registered, and nobody in the Connect group.
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
        let config = plan.connectors[0].config.clone();
        let stored = StoredConnector {
            config: config.into_iter().map(|(k, v)| (k, Some(v))).collect(),
            target: TargetState::Started,
            has_run: true,
            may_have_run: true,
            running_tasks: 0,
        };
        after.stored_connectors.insert("src".to_owned(), stored);
        after
    }

    fn joined(mut after: Observed) -> Observed {
        after.connect_group = Some(ConnectGroup {
            state: "Stable".to_owned(),
            protocol_type: "connect".to_owned(),
            members: vec!["worker".to_owned()],
            urls: Vec::new(),
        });
        after
    }

    #[test]
    fn a_position_that_is_lost_before_any_worker_runs_is_wrong_though_its_connector_counts_as_moved()
     {
        let plan = applied();
        let mut after = seeded(&plan);
        let all = ReadBack {
            same: 2,
            ..ReadBack::default()
        };
        assert_eq!(read_back(&plan, &after), all);
        let again = make(&source(), &choices(), Some(&after)).expect("a plan");
        assert!(again.connectors[0].already_moved && again.seed.is_empty());
        let key = Bytes::from_static(KEYS[0].as_bytes());
        let held = after.stored_offsets.get_mut(&key).expect("seeded");
        held.value = Some(Bytes::from_static(b"{\"position\":7}"));
        let found = read_back(&plan, &after);
        assert_eq!((found.same, found.wrong, found.total()), (1, 1, 2));
        // Workers that run the connector write positions of their own.
        let found = read_back(&plan, &joined(after.clone()));
        assert_eq!((found.moved_on, found.wrong), (1, 0));
        // They do not take one away.
        after.stored_offsets.get_mut(&key).expect("seeded").value = None;
        assert_eq!(read_back(&plan, &joined(after.clone())).wrong, 1);
        after.stored_offsets.swap_remove(&key);
        assert_eq!(read_back(&plan, &joined(after.clone())).wrong, 1);
        assert_eq!(read_back(&plan, &after).wrong, 1);
    }

    #[test]
    fn a_position_in_another_partition_is_wrong() {
        let plan = applied();
        let mut after = seeded(&plan);
        let held = after.stored_offsets.values_mut().next().expect("seeded");
        held.partition = (held.partition + 1) % 25;
        assert_eq!(read_back(&plan, &after).wrong, 1);
    }

    #[test]
    fn whoever_accepts_that_a_key_lies_elsewhere_is_not_told_again_that_it_does() {
        let mut after = seeded(&applied());
        let held = after.stored_offsets.values_mut().next().expect("seeded");
        held.partition = (held.partition + 1) % 25;
        after.stored_connectors.clear();
        let accepting = |id: &str| Choices {
            accept: [id.to_owned()].into(),
            ..choices()
        };
        let plan = make(&source(), &accepting("P13"), Some(&after)).expect("a plan");
        assert_eq!(plan.blocked().count(), 0);
        let found = read_back(&plan, &after);
        assert_eq!((found.same, found.wrong, found.misplaced), (2, 0, 1));
        let plan = make(&source(), &accepting("P13:another"), Some(&after)).expect("a plan");
        assert_eq!(plan.blocked().count(), 1);
        assert_eq!(read_back(&plan, &after).wrong, 1);
    }

    #[test]
    fn a_standalone_worker_is_seen_while_no_distributed_worker_can_be_meant() {
        let plan = applied();
        let mut after = seeded(&plan);
        let seen = |after: &Observed| standalone_at_work(&plan, &source(), after);
        assert_eq!(seen(&after), None);
        after.source_answers = Some(vec!["src".to_owned()]);
        assert!(seen(&after).is_some_and(|how| how.contains("runs src,")));
        assert_eq!(seen(&joined(after)), None);
    }

    #[test]
    fn all_that_a_standalone_worker_runs_is_named() {
        let both = deployment(WORKER, &[SOURCE, SINK]);
        let chosen = Choices {
            group_id: Some("g".to_owned()),
            ..choices()
        };
        let plan = make(&both, &chosen, Some(&cluster())).expect("a plan");
        let mut after = cluster();
        let names = ["another", "src", "local-file-sink"].map(str::to_owned);
        after.source_answers = Some(names.to_vec());
        let seen = standalone_at_work(&plan, &both, &after).expect("it runs");
        assert!(
            seen.contains("runs src, local-file-sink, and nobody"),
            "{seen}"
        );
    }

    #[test]
    fn a_member_of_a_moving_sinks_group_is_a_standalone_worker_while_nobody_is_in_the_connect_group()
     {
        let sink = deployment(WORKER, &[SINK]);
        let plan = make(&sink, &choices(), Some(&cluster())).expect("a plan");
        let mut after = cluster();
        let group = SinkGroup {
            state: "Stable".to_owned(),
            members: vec!["consumer-1 at /10.0.0.7".to_owned()],
            positions: BTreeMap::new(),
        };
        after
            .sink_groups
            .insert("connect-local-file-sink".to_owned(), group);
        let seen = |after: &Observed| standalone_at_work(&plan, &sink, after);
        assert!(seen(&after).is_some_and(|how| how.contains("consumer-1 at /10.0.0.7")));
        assert_eq!(seen(&joined(after)), None);
    }
}
