//! `connectctl topics` on a real broker.

use std::collections::BTreeMap;
use std::time::Duration;

use connectctl::io::kafka::admin_topics::NewTopic;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::settings::ClientSettings;
use connectctl::model::properties::Properties;

use crate::support::world::World;
use crate::support::{kafka, require_kafka};

fn worker_file(name: &str, replication_factor: i32) -> String {
    let roles = ["config", "offset", "status"].map(|role| {
        format!(
            "{role}.storage.topic={name}-{role}\n{role}.storage.replication.factor={replication_factor}\n"
        )
    });
    format!(
        "bootstrap.servers={}\ngroup.id={name}\nkey.converter=k\nvalue.converter=v\n{}\
         offset.storage.segment.bytes=10485760\n",
        kafka::shared().bootstrap(),
        roles.concat()
    )
}

/// Makes a topic as somebody else would have made it.
pub(crate) fn make(name: &str, partitions: i32, policy: &str) {
    let mut properties = Properties::new();
    properties.insert("bootstrap.servers".into(), kafka::shared().bootstrap());
    let settings = ClientSettings::from_properties(&properties, Duration::from_secs(30))
        .expect("the broker is there");
    let topic = NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: 1,
        configs: BTreeMap::from([("cleanup.policy".to_owned(), policy.to_owned())]),
    };
    tokio::runtime::Runtime::new()
        .expect("the broker is there")
        .block_on(async {
            let cluster = Cluster::connect(settings)
                .await
                .expect("the broker is there");
            let made = cluster
                .create_topics(&[topic], false)
                .await
                .expect("the broker is there");
            assert!(made.values().all(Result::is_ok), "{made:?}");
        });
}

#[test]
fn storage_topics_are_created_once_and_found_right_after() {
    require_kafka!();
    let world = World::new();
    world.file("worker.properties", worker_file("topics-once", 1));
    let flags = ["--worker-config", "worker.properties"];
    let run = |verb: &'static str, more: &[&'static str]| {
        world.run(["topics", verb].iter().chain(&flags).chain(more))
    };

    let missing = run("check", &[]).code(3);
    assert!(missing.stdout.contains("missing"), "{}", missing.stdout);
    _ = run("create", &["--dry-run"]).code(3);
    _ = run("check", &[]).code(3);
    let created = run("create", &[]).success();
    assert_eq!(
        created.stdout,
        "config topic topics-once-config: created\n\
         offset topic topics-once-offset: created\n\
         status topic topics-once-status: created\n"
    );
    let again = run("create", &["-o", "json"]).success().json();
    assert_eq!(again[0]["state"], "right", "{again}");
    let described = run("describe", &["-o", "json"]).success().json();
    let offset = &described[1];
    assert_eq!(offset["partitions"], 25, "{described}");
    assert_eq!(offset["cleanup_policy"], "compact");
    assert_eq!(offset["settings"]["segment.bytes"], "10485760");
    assert_eq!(described[0]["partitions"], 1);
    assert_eq!(described[2]["partitions"], 5);
    _ = run("check", &[]).success();
}

#[test]
fn two_programs_create_at_the_same_time_and_both_succeed() {
    require_kafka!();
    let world = World::new();
    world.file("worker.properties", worker_file("topics-both", 1));
    let start = || {
        world
            .command(["topics", "create", "--worker-config", "worker.properties"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("the broker is there")
    };
    let both =
        [start(), start()].map(|child| child.wait_with_output().expect("the broker is there"));
    let mut created = 0;
    for output in &both {
        assert!(output.status.success());
        created += String::from_utf8_lossy(&output.stdout)
            .matches("created")
            .count();
    }
    assert_eq!(
        created, 3,
        "each topic is created by one of the two: {both:?}"
    );
}

#[test]
fn a_wrong_policy_is_repaired_only_when_told_to_and_partitions_never_are() {
    require_kafka!();
    let world = World::new();
    world.file("worker.properties", worker_file("topics-wrong", 1));
    make("topics-wrong-config", 3, "compact");
    make("topics-wrong-offset", 25, "delete");
    make("topics-wrong-status", 5, "compact,delete");
    let flags = ["--worker-config", "worker.properties"];
    let run = |verb: &'static str, more: &[&'static str]| {
        world.run(["topics", verb].iter().chain(&flags).chain(more))
    };

    let check = run("check", &["-o", "json"]).code(3).json();
    assert!(
        (0..3).all(|n| check[n]["state"] == "wrong"),
        "all three are wrong: {check}"
    );
    _ = run("create", &[]).code(1);
    _ = run("repair", &["--dry-run"]).code(3);
    let refused = run("repair", &[]).code(5);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    let typed = ["topics", "repair"].iter().chain(&flags);
    let said = world.run_pty(typed, &[("Change these settings?", "n\n")]);
    let said = said.code(5);
    assert!(
        said.stdout.contains("nothing was changed"),
        "{}",
        said.stdout
    );
    let repaired = run("repair", &["--yes"]).code(1);
    assert!(
        repaired.stderr.contains("records may already be gone"),
        "{}",
        repaired.stderr
    );
    let after = run("describe", &["-o", "json"]).success().json();
    assert_eq!(after[0]["state"], "wrong", "3 partitions stay: {after}");
    assert_eq!(after[0]["partitions"], 3);
    assert_eq!(after[1]["state"], "right");
    assert_eq!(after[2]["state"], "right");
}

#[test]
fn too_few_brokers_are_said_at_once_and_nothing_is_created() {
    require_kafka!();
    let world = World::new();
    world.file("worker.properties", worker_file("topics-three", 3));
    let flags = ["--worker-config", "worker.properties"];
    let refused = world.run(["topics", "create"].iter().chain(&flags)).code(1);
    assert!(
        refused
            .stdout
            .contains("replication factor 3 needs 3 brokers, the cluster has 1"),
        "{}",
        refused.stdout
    );
    assert!(refused.stderr.contains("replication.factor to 1"));
    let check = world
        .run(["topics", "check", "-o", "json"].iter().chain(&flags))
        .code(3)
        .json();
    assert!((0..3).all(|n| check[n]["state"] == "missing"), "{check}");
}

#[test]
fn a_standalone_file_and_a_closed_port_are_told_apart() {
    require_kafka!();
    let world = World::new();
    world.file(
        "standalone.properties",
        "bootstrap.servers=127.0.0.1:1\noffset.storage.file.filename=/tmp/o\n",
    );
    let standalone = world
        .run([
            "topics",
            "create",
            "--worker-config",
            "standalone.properties",
        ])
        .code(1);
    assert!(
        standalone.stderr.contains("connectctl migrate"),
        "{}",
        standalone.stderr
    );
    let down = worker_file("topics-down", 1).replace(&kafka::shared().bootstrap(), "127.0.0.1:1");
    world.file("down.properties", down);
    let down = world
        .run(["topics", "check", "--worker-config", "down.properties"])
        .code(1);
    assert!(down.stderr.contains("127.0.0.1:1"), "{}", down.stderr);
    _ = world
        .run(["topics", "check", "--bootstrap-server", "127.0.0.1:1"])
        .code(2);
}

#[test]
fn a_name_that_collides_with_an_existing_topic_is_told_and_nothing_is_created() {
    require_kafka!();
    let world = World::new();
    make("topics.collide-offset", 1, "compact");
    world.file("worker.properties", worker_file("topics_collide", 1));
    let run = |verb: &str| world.run(["topics", verb, "--worker-config", "worker.properties"]);
    let refused = run("create").code(1);
    assert!(
        refused.stdout.contains(
            "offset topic topics_collide-offset: cannot be created: CreateTopics for topic topics_collide-offset was answered with INVALID_TOPIC_EXCEPTION (17): Topic 'topics_collide-offset' collides with existing topic: topics.collide-offset"
        ),
        "{}",
        refused.stdout
    );
    assert!(
        refused.stderr.contains(
            "hint: to Kafka '.' and '_' are the same in a topic name: name another topic"
        ),
        "{}",
        refused.stderr
    );
    let check = world
        .run([
            "topics",
            "check",
            "--worker-config",
            "worker.properties",
            "-o",
            "json",
        ])
        .code(3)
        .json();
    assert!((0..3).all(|n| check[n]["state"] == "missing"), "{check}");
}

#[test]
fn a_file_with_the_offsets_file_of_a_standalone_worker_makes_topics_without_it() {
    require_kafka!();
    let world = World::new();
    let both = worker_file("topics-both-modes", 1) + "offset.storage.file.filename=/tmp/o\n";
    world.file("worker.properties", both);
    let flags = ["--worker-config", "worker.properties"];
    let created = world
        .run(["topics", "create"].iter().chain(&flags))
        .success();
    assert!(
        created.stderr.contains(
            "warning: offset.storage.file.filename=/tmp/o is for standalone workers and is left out"
        ),
        "{}",
        created.stderr
    );
    _ = world
        .run(["topics", "check"].iter().chain(&flags))
        .success();
}
