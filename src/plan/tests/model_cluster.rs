//! Applying a plan to a model cluster reaches what the plan wants: planning again finds nothing to do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;

use super::builder::{WORKER, choices, cluster, deployment, make};
use crate::model::connector_config::TargetState;
use crate::plan::{
    Choices, Deployment, Observed, ObservedTopic, PartitionPosition, Plan, Rename, SinkGroup, Step,
    StoredConnector, StoredOffset, TopicState,
};
use crate::protocol::partitioner;

/// What Kafka and Connect do with the steps of a plan.
fn apply(plan: &Plan, cluster: &mut Observed, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for file in &plan.files {
        files.insert(file.path.clone(), file.after.clone());
    }
    for topic in plan
        .topics
        .iter()
        .filter(|t| t.state == TopicState::Missing)
    {
        let created = ObservedTopic {
            partitions: usize::try_from(topic.wanted.partitions).expect("given"),
            replication_factor: 3,
            configs: topic.wanted.configs.clone(),
            ..ObservedTopic::default()
        };
        cluster.topics.insert(topic.wanted.name.clone(), created);
        cluster.topic_names.push(topic.wanted.name.clone());
    }
    for (offset, record) in (1_000..).zip(plan.seed.iter().chain(&plan.delete_offsets)) {
        let stored = StoredOffset {
            partition: record.partition.expect("the topic exists"),
            offset,
            value: record.value.clone(),
            elsewhere: Vec::new(),
            otherwise: None,
        };
        cluster.stored_offsets.insert(record.key.clone(), stored);
    }
    for copy in &plan.group_copies {
        let positions = copy.positions.iter().map(|(at, committed)| {
            let position = PartitionPosition {
                committed: *committed,
                end: 100,
            };
            (at.clone(), position)
        });
        let group = cluster
            .sink_groups
            .entry(copy.to.clone())
            .or_insert(SinkGroup {
                state: "Empty".to_owned(),
                members: Vec::new(),
                positions: BTreeMap::new(),
            });
        group.positions.extend(positions);
    }
    for step in plan.steps() {
        register(&step, plan, cluster);
    }
}

fn register(step: &Step, plan: &Plan, cluster: &mut Observed) {
    match step {
        Step::Register(name) | Step::Update(name) => {
            let connector = plan
                .connectors
                .iter()
                .find(|c| c.name == *name)
                .expect("planned");
            let config = connector.config.clone().into_iter();
            let stored = StoredConnector {
                config: config.map(|(key, value)| (key, Some(value))).collect(),
                target: TargetState::Stopped,
                has_run: false,
                may_have_run: false,
                running_tasks: 0,
            };
            cluster.stored_connectors.insert(name.clone(), stored);
        }
        Step::SetState(name, state) => {
            let stored = cluster
                .stored_connectors
                .get_mut(name)
                .expect("registered before");
            stored.target = *state;
            stored.has_run = true;
            stored.may_have_run = true;
        }
        Step::DeleteGroup(group) => drop(cluster.sink_groups.remove(group)),
        _ => {}
    }
}

#[derive(Debug, Clone)]
struct World {
    deployment: Deployment,
    choices: Choices,
    cluster: Observed,
}

fn worlds() -> impl Strategy<Value = World> {
    let connectors = proptest::collection::vec((any::<bool>(), "[a-z é]{0,3}"), 1..5);
    let entries =
        proptest::collection::vec((0..5_usize, 0..4_u8, proptest::option::of(0..9_u8)), 0..12);
    let stored =
        proptest::collection::vec((0..5_usize, 0..4_u8, proptest::option::of(0..9_u8)), 0..6);
    (connectors, entries, stored, any::<[bool; 3]>()).prop_map(
        |(connectors, entries, stored, [renames, delete_old, registers])| {
            let name = |n: usize, suffix: &str| format!("c{n}{suffix}x");
            let names: Vec<String> = connectors
                .iter()
                .enumerate()
                .map(|(n, (_, s))| name(n, s))
                .collect();
            let texts: Vec<String> = connectors
                .iter()
                .zip(&names)
                .map(|((is_sink, _), name)| {
                    let class = if *is_sink {
                        "FileStreamSink"
                    } else {
                        "FileStreamSource"
                    };
                    format!(
                        "name={}\nconnector.class={class}\ntopics=t\n",
                        escaped(name)
                    )
                })
                .collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let key = |n: usize, partition: u8| {
                let name = names.get(n).map_or("stranger", String::as_str);
                format!(r#"["{name}",{{"p":{partition}}}]"#)
            };
            let in_file: BTreeMap<String, Option<String>> = entries
                .into_iter()
                .map(|(n, p, v)| (key(n, p), v.map(|v| format!("{{\"o\":{v}}}"))))
                .collect();
            let in_file: Vec<(&str, Option<&str>)> = in_file
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_deref()))
                .collect();
            let mut cluster = cluster();
            for (n, p, v) in stored.into_iter().filter(|(n, ..)| *n < names.len()) {
                let key = Bytes::from(key(n, p));
                let held = StoredOffset {
                    partition: partitioner::partition_of(&key, 25),
                    offset: 0,
                    value: v.map(|v| Bytes::from(format!("{{\"o\":{v}}}"))),
                    elsewhere: Vec::new(),
                    otherwise: None,
                };
                cluster.stored_offsets.insert(key, held);
            }
            for name in &names {
                let position = PartitionPosition {
                    committed: 5,
                    end: 9,
                };
                let group = SinkGroup {
                    state: "Empty".to_owned(),
                    members: Vec::new(),
                    positions: BTreeMap::from([(("t".to_owned(), 0), position)]),
                };
                cluster.sink_groups.insert(format!("connect-{name}"), group);
            }
            let choices = Choices {
                group_id: Some("g".to_owned()),
                renames: if renames {
                    vec![Rename {
                        old: names[0].clone(),
                        new: "renamed".to_owned(),
                    }]
                } else {
                    Vec::new()
                },
                delete_old,
                overwrite_offsets: true,
                register_on: if registers {
                    vec!["http://c:8083".to_owned()]
                } else {
                    Vec::new()
                },
                ..choices()
            };
            World {
                deployment: deployment(WORKER, &texts).with_offsets(&in_file),
                choices,
                cluster,
            }
        },
    )
}

/// Properties are Latin-1; anything else needs an escape.
fn escaped(name: &str) -> String {
    name.replace('é', "\\u00e9")
}

proptest! {
    #[test]
    fn a_plan_that_was_applied_leaves_nothing_to_do(world in worlds()) {
        let World { deployment, choices, mut cluster } = world;
        let mut files = BTreeMap::new();
        let plan = make(&deployment, &choices, Some(&cluster)).unwrap();
        apply(&plan, &mut cluster, &mut files);
        let mut again = make(&deployment, &choices, Some(&cluster)).unwrap();
        again.compare_files(|path| files.get(path).cloned());
        prop_assert_eq!(again.steps(), Vec::new(), "{:?}", plan.steps());
        prop_assert!(again.seed.is_empty() && again.group_copies.is_empty());
        if !choices.register_on.is_empty() {
            prop_assert_eq!(again.ownership, crate::plan::Ownership::Ours);
        }
    }

    #[test]
    fn every_live_entry_of_a_source_ends_in_the_topic_byte_for_byte(world in worlds()) {
        let World { deployment, choices, mut cluster } = world;
        let plan = make(&deployment, &choices, Some(&cluster)).unwrap();
        apply(&plan, &mut cluster, &mut BTreeMap::new());
        let crate::plan::OffsetsInput::File(file) = &deployment.offsets else {
            unreachable!("worlds have a file");
        };
        for entry in &file.entries {
            let key = entry.key.clone().unwrap();
            let parsed = crate::model::offset_key::OffsetKey::parse(&key).unwrap();
            let Some(connector) = plan.connectors.iter().find(|c| c.old_name == parsed.connector()) else {
                continue;
            };
            let key = if connector.name == connector.old_name { key } else { parsed.renamed(&connector.name) };
            let held = cluster.stored_offsets.get(&key).and_then(|s| s.value.as_ref());
            prop_assert_eq!(held, entry.value.as_ref());
        }
    }
}
