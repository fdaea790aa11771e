//! Sinks whose consumer groups are named by references, or are in another Kafka cluster than the workers'.

use std::collections::BTreeMap;

use super::builder::{SINK, WORKER, choices, cluster, deployment, ids, make};
use crate::model::worker_config::Followed;
use crate::plan::{
    Choices, Deployment, Observed, PartitionPosition, Plan, PlanError, Rename, SinkGroup, Stopped,
};

const NAME: &str = "local-file-sink";
const GROUP: &str = "connect-local-file-sink";
const REFERENCE: &str = "${file:/etc/c:value}";

/// Worker and connector settings, one of the two empty, that put the group out of sight.
const OUT_OF_SIGHT: [(&str, &str); 6] = [
    ("", "consumer.override.group.id=${file:/etc/c:value}\n"),
    ("consumer.group.id=${file:/etc/c:value}\n", ""),
    ("", "consumer.override.bootstrap.servers=other:9092\n"),
    ("consumer.bootstrap.servers=other:9092\n", ""),
    (
        "",
        "consumer.override.bootstrap.servers=${file:/etc/c:value}\n",
    ),
    ("consumer.bootstrap.servers=${file:/etc/c:value}\n", ""),
];

fn of(worker: &str, sink: &str) -> Deployment {
    deployment(&format!("{WORKER}{worker}"), &[&format!("{SINK}{sink}")])
}

fn stands_for(mut deployment: Deployment, value: &str) -> Deployment {
    let followed = BTreeMap::from([(REFERENCE.to_owned(), value.to_owned())]);
    deployment.followed = Followed {
        worker: followed.clone(),
        connectors: followed,
    };
    deployment
}

fn accepting() -> Choices {
    Choices {
        accept: ["sink-group-unseen".to_owned()].into(),
        source_stopped: true,
        ..choices()
    }
}

fn renamed(new: &str) -> Choices {
    Choices {
        renames: vec![Rename {
            old: NAME.to_owned(),
            new: new.to_owned(),
        }],
        ..accepting()
    }
}

fn holding(group: &str, members: &[&str], committed: Option<i64>) -> Observed {
    let position = |committed| PartitionPosition { committed, end: 9 };
    let group_of_sink = SinkGroup {
        state: String::new(),
        members: members.iter().map(ToString::to_string).collect(),
        positions: committed
            .map(|at| (("t".to_owned(), 0), position(at)))
            .into_iter()
            .collect(),
    };
    Observed {
        sink_groups: [(group.to_owned(), group_of_sink)].into(),
        ..cluster()
    }
}

fn plan(deployment: &Deployment, choices: &Choices, observed: &Observed) -> Plan {
    make(deployment, choices, Some(observed)).expect("a plan")
}

#[test]
fn a_group_that_cannot_be_looked_at_stops_the_plan_and_proves_nothing() {
    for (worker, sink) in OUT_OF_SIGHT {
        let deployment = of(worker, sink);
        let refused = plan(&deployment, &choices(), &cluster());
        let blocked: Vec<_> = refused.blocked().map(|f| f.id.as_str()).collect();
        assert_eq!(blocked, ["P8", "sink-group-unseen"], "{worker}{sink}");
        let Stopped::Unknown(why) = &refused.stopped else {
            panic!("{:?}", refused.stopped);
        };
        assert!(why.contains("cannot be looked at"), "{why}");
        assert!(refused.sink_groups().is_empty(), "nobody else's is");

        let accepted = plan(&deployment, &accepting(), &cluster());
        assert_eq!(accepted.blocked().count(), 0, "{:#?}", accepted.findings);
        assert_eq!(accepted.stopped, Stopped::Asserted);
        assert_eq!(accepted.connectors[0].group, None);
        let told = accepted.unseen_groups();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains(NAME), "{told:?}");
        // Without a cluster it is the same.
        let offline = make(&deployment, &choices(), None).expect("a plan");
        assert!(ids(&offline).contains(&"sink-group-unseen block".to_owned()));
    }
}

#[test]
fn the_group_that_a_reference_stands_for_is_the_one_that_is_looked_at() {
    for (worker, sink) in &OUT_OF_SIGHT[..2] {
        let deployment = stands_for(of(worker, sink), "real");
        let draft = make(&deployment, &choices(), None).expect("a plan");
        assert_eq!(draft.sink_groups(), ["real"].into());
        let idle = plan(&deployment, &choices(), &holding("real", &[], Some(5)));
        assert_eq!(idle.blocked().count(), 0, "{:#?}", idle.findings);
        assert!(matches!(idle.stopped, Stopped::Proven(_)));
        // The connector keeps its reference.
        let written = idle.connectors[0].config.get("consumer.override.group.id");
        assert!(written.is_none_or(|value| value == REFERENCE));
        let members = ["connector-consumer at /10.0.0.7"];
        let busy = plan(
            &deployment,
            &accepting(),
            &holding("real", &members, Some(5)),
        );
        let Stopped::Unknown(why) = &busy.stopped else {
            panic!("{:?}", busy.stopped);
        };
        assert!(why.contains("consumer group real has members"), "{why}");
    }
    for (worker, sink) in &OUT_OF_SIGHT[4..] {
        let deployment = stands_for(of(worker, sink), "kafka:9092");
        let draft = make(&deployment, &choices(), None).expect("a plan");
        assert_eq!(draft.sink_groups(), [GROUP].into());
        let elsewhere = stands_for(of(worker, sink), "other:9092");
        let blocked = plan(&elsewhere, &choices(), &cluster());
        let said = blocked
            .findings
            .iter()
            .find(|f| f.id == "sink-group-unseen");
        let said = said.expect("it is elsewhere");
        assert!(
            said.message.contains("in another Kafka cluster"),
            "{said:?}"
        );
    }
}

#[test]
fn a_sink_is_not_renamed_away_from_offsets_that_cannot_follow() {
    for (worker, sink) in &OUT_OF_SIGHT[2..] {
        let deployment = of(worker, sink);
        for observed in [None, Some(&cluster())] {
            let refused = make(&deployment, &renamed("new"), observed).expect_err("refused");
            let PlanError::RenameOfUnseenGroup { group, .. } = &refused else {
                panic!("{refused}");
            };
            assert_eq!(group, GROUP);
            let hint = refused.hint().expect("what to do");
            assert!(hint.contains(&format!("consumer.override.group.id={GROUP}")));
        }
        // Under a name of its own the group stays where it is.
        let kept = of(
            worker,
            &format!("{sink}consumer.override.group.id={GROUP}\n"),
        );
        let plan = plan(&kept, &renamed("new"), &cluster());
        assert_eq!(plan.blocked().count(), 0, "{:#?}", plan.findings);
        assert!(!ids(&plan).iter().any(|id| id.starts_with("p17")));
    }
}

#[test]
fn offsets_are_said_to_be_copied_only_where_there_are_some() {
    let deployment = of("", "");
    let said = |observed: Option<&Observed>| {
        let plan = make(&deployment, &renamed("new"), observed).expect("a plan");
        let said = plan.findings.iter().find(|f| f.id == "P17");
        (
            said.expect("its group changes").remedy.clone(),
            plan.group_copies.len(),
        )
    };
    let (remedy, copies) = said(Some(&holding(GROUP, &[], Some(5))));
    assert_eq!(
        (remedy.as_str(), copies),
        ("the committed offsets are copied to the new group", 1)
    );
    for none in [cluster(), holding(GROUP, &[], None)] {
        let (remedy, copies) = said(Some(&none));
        assert_eq!(
            (remedy.as_str(), copies),
            ("the old group has no committed offsets to copy", 0)
        );
    }
    let (remedy, copies) = said(None);
    assert!(remedy.starts_with("with a cluster to look at"), "{remedy}");
    assert_eq!(copies, 0);
}

#[test]
fn another_group_or_another_kafka_is_a_change_whether_or_not_it_can_be_looked_at() {
    let with = |key: &str, value: &str| {
        let mut choices = accepting();
        choices.set.insert(key.to_owned(), value.to_owned());
        let (worker, sink) = OUT_OF_SIGHT[3];
        let plan = plan(&of(worker, sink), &choices, &cluster());
        let blocked: Vec<_> = plan.blocked().map(|f| f.id.clone()).collect();
        blocked
    };
    assert_eq!(with("consumer.group.id", "everybody"), ["P17"]);
    assert_eq!(with("consumer.bootstrap.servers", "third:9092"), ["P17"]);
    assert_eq!(with("consumer.client.rack", "r"), [""; 0]);
    // Connect refuses a sink in a group of the workers' name on whatever Kafka.
    let choices = Choices {
        group_id: Some(GROUP.to_owned()),
        ..accepting()
    };
    let (worker, sink) = OUT_OF_SIGHT[2];
    let plan = plan(&of(worker, sink), &choices, &cluster());
    let blocked: Vec<_> = plan.blocked().map(|f| f.id.as_str()).collect();
    assert_eq!(blocked, ["P18"]);
}
