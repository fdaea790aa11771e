//! `--rename` and `--delete-old`: positions follow a connector to its new name, and the old ones go last.

use kafka_protocol::messages::ApiKey;

use crate::support::moving::Moving;
use crate::support::proxy::{Hold, Proxy};
use crate::support::run::Run;
use crate::support::{java, kafka, require_kafka, small};

/// Returns the committed offsets of a consumer group, as Kafka's own admin client lists them.
fn committed(group: &str) -> String {
    const SOURCE: &str = include_str!("support/java/GroupOffsets.java");
    let ran = java::run(SOURCE, &[&kafka::shared().bootstrap(), group], b"");
    ran.success().text().trim().to_owned()
}

#[test]
fn a_renamed_source_and_a_renamed_sink_go_on_where_the_old_names_stopped() {
    require_kafka!();
    let mut moving = Moving::run("renamed", &kafka::shared().bootstrap());
    moving.append(10);
    let renames = [
        "--rename",
        "renamed-source=neue Quelle",
        "--rename",
        "renamed-sink=neue Senke",
        "--source-stopped",
        "--yes",
    ];
    let old = committed("connect-renamed-sink");
    assert!(old.contains("renamed-lines-0=20"), "{old}");
    _ = moving.migrate(&renames).success();
    assert_eq!(committed("connect-neue Senke"), old, "copied");
    assert_eq!(committed("connect-renamed-sink"), old, "and kept");

    let mut worker = moving.start_distributed();
    let url = worker.url.clone();
    let registering = [&renames[..], &["--url", &url]].concat();
    _ = moving.migrate(&registering).success();
    worker.wait_running("neue Quelle");
    moving.expect_lines();

    // Long after: what is left under the old name goes when it is asked for, and the new name is left alone.
    let ran = moving
        .migrate(&[&registering[..], &["--delete-old"]].concat())
        .success();
    assert!(
        ran.stdout.contains("delete group connect-renamed-sink"),
        "{}",
        ran.stdout
    );
    assert_eq!(committed("connect-renamed-sink"), "", "deleted");
    assert!(
        moving
            .backups()
            .iter()
            .any(|n| n.starts_with("sink-commits-"))
    );
    moving.append(10);
    moving.expect_lines();
    worker.stop();
    let again = moving
        .migrate(&[&renames[..], &["--delete-old"]].concat())
        .success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
}

#[test]
fn the_old_group_is_deleted_only_after_the_verification() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let moving = Moving::run("unverified", &proxy.bootstrap());
    let words = [
        "--rename",
        "unverified-sink=unverified-new",
        "--delete-old",
        "--source-stopped",
    ];
    let old = committed("connect-unverified-sink");
    assert!(!old.is_empty());
    // The standalone worker turns out to be alive: its file changes while the offsets are copied.
    proxy.hold_at(ApiKey::Produce, 1, Hold::Request);
    let arguments = moving.arguments(&[&words[..], &["--yes"]].concat());
    let mut run = Run::start(&moving.world, &arguments);
    run.until_held(&proxy);
    moving.world.file("standalone/connect.offsets", "changed");
    proxy.release();
    let ran = run.end().code(4);
    assert!(
        ran.stderr
            .contains("connect.offsets: changed while its offsets were copied"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--overwrite-offsets"), "{}", ran.stderr);
    assert_eq!(committed("connect-unverified-sink"), old, "still there");
    assert_eq!(moving.report()["outcome"], "failed");
}

#[test]
fn a_new_group_with_other_commits_is_replaced_only_when_asked_and_kept_in_a_backup() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    java::produce(&bootstrap, "regroup-t", 0, b"k", Some(b"v"));
    let commit = |group: &str, offset: &str| {
        const SOURCE: &str = include_str!("support/java/GroupOffsets.java");
        java::run(SOURCE, &[&bootstrap, group, "regroup-t", "0", offset], b"").success();
    };
    commit("connect-regroup-old", "1");
    commit("connect-regroup-new", "0");
    let world = small::world_on(&bootstrap);
    let sink =
        "name=regroup-old\nconnector.class=FileStreamSink\ntopics=regroup-t\nfile=/tmp/out\n";
    world.file("sink.properties", sink);
    let migrate = |more: &[&str]| {
        let words = ["migrate", "worker.properties", "sink.properties", "--yes"];
        let rename = [
            "--rename",
            "regroup-old=regroup-new",
            "--accept",
            "P32",
            "--verify",
            "none",
        ];
        let stopped = ["--source-stopped", "--group-id", "regroup"];
        world.run(words.iter().chain(&rename).chain(&stopped).chain(more))
    };
    let refused = migrate(&[]).code(5);
    assert!(
        refused
            .stdout
            .contains("already has positions that are not those of"),
        "{refused:#?}"
    );
    _ = migrate(&["--overwrite-offsets"]).success();
    assert_eq!(committed("connect-regroup-new"), "regroup-t-0=1");
    let kept = std::fs::read_dir(world.path("distributed/backup")).expect("a backup");
    let kept: Vec<_> = kept.map(|entry| entry.expect("a file").path()).collect();
    let [kept] = &kept[..] else {
        panic!("one backup: {kept:?}");
    };
    let kept = std::fs::read_to_string(kept).expect("readable");
    assert!(
        kept.contains("connect-regroup-new") && kept.contains("\"offset\": 0"),
        "{kept}"
    );
    // The same command has nothing left to do.
    let again = migrate(&["--overwrite-offsets"]).success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
}
