//! The plan of whole deployments.

use super::builder::{SINK, SOURCE, WORKER, choices, cluster, deployment, ids, make};
use crate::plan::{Ownership, Stopped, TopicState};

#[test]
fn the_seeds_worker_file_changes_by_five_lines() {
    let plan = make(&deployment(WORKER, &[SINK]), &choices(), Some(&cluster())).unwrap();
    let before = WORKER.lines().collect::<Vec<_>>();
    let after = String::from_utf8(plan.files[0].after.clone()).unwrap();
    assert_eq!(
        after.lines().collect::<Vec<_>>(),
        [
            before[0],
            before[1],
            before[2],
            "group.id=local-file-sink",
            "config.storage.topic=_local_file_sink.config",
            "offset.storage.topic=_local_file_sink.offset",
            "status.storage.topic=_local_file_sink.status",
            before[4],
        ]
    );
    assert_eq!(plan.blocked().count(), 0, "{:?}", plan.findings);
    assert_eq!(plan.ownership, Ownership::Fresh);
    assert!(
        matches!(plan.stopped, Stopped::Proven(_)),
        "{:?}",
        plan.stopped
    );
    assert!(plan.topics.iter().all(|t| t.state == TopicState::Missing));
}

#[test]
fn a_source_and_a_sink_need_a_group_id_and_seed_only_the_source() {
    let key = r#"["src",{"filename":"in.txt"}]"#;
    let deployment = deployment(WORKER, &[SOURCE, SINK]).with_offsets(&[
        (key, Some(r#"{"position":1}"#)),
        (r#"["other",{}]"#, Some("{}")),
    ]);
    assert!(make(&deployment, &choices(), None).is_err());
    let choices = crate::plan::Choices {
        group_id: Some("g".to_owned()),
        ..choices()
    };
    let plan = make(&deployment, &choices, Some(&cluster())).unwrap();
    assert_eq!(plan.seed.len(), 1);
    assert_eq!(&plan.seed[0].key[..], key.as_bytes());
    assert!(plan.seed[0].partition.is_some());
    assert_eq!(plan.offsets.others["other"], 1);
    assert_eq!(plan.blocked().count(), 0, "{:?}", plan.findings);
    assert!(ids(&plan).contains(&"p29 warn".to_owned()));
}

#[test]
fn a_plan_of_ten_thousand_connectors_is_still_one_page() {
    let texts: Vec<String> = (0..10_000)
        .map(|n| format!("name=c{n}\nconnector.class=FileStreamSink\ntopics=t\nfile=/out/{n}\npassword=canary\n"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let choices = crate::plan::Choices {
        group_id: Some("g".to_owned()),
        ..choices()
    };
    let plan = make(&deployment(WORKER, &texts), &choices, Some(&cluster())).unwrap();
    let page = crate::plan::render::text(&plan, None);
    assert!(page.lines().count() < 120, "{page}");
    assert!(page.contains("10000 sinks"), "{page}");
    assert!(!page.contains("canary"));
    assert!(
        !crate::plan::render::json(&plan)
            .to_string()
            .contains("canary")
    );
}
