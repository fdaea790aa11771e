//! `migrate` on ground that moves: files, topics and Kafka itself change between the looks and under the steps.

use std::fs;
use std::time::Duration;

use connectctl::io::kafka::admin_topics::NewTopic;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::settings::ClientSettings;
use kafka_protocol::messages::ApiKey;

use crate::support::proxy::{Hold, Proxy};
use crate::support::run::Run;
use crate::support::small::{self, OFFSETS, SOURCE};
use crate::support::world::{Ran, Reply, World};
use crate::support::{java, kafka, require_kafka};

/// A source that nobody runs, on the suite's broker behind a proxy.
struct Ground {
    world: World,
    proxy: Proxy,
    group: &'static str,
}

impl Ground {
    fn new(group: &'static str) -> Self {
        let proxy = Proxy::start(&kafka::shared().bootstrap());
        let world = small::world_on(&proxy.bootstrap());
        Self {
            world,
            proxy,
            group,
        }
    }

    fn words(&self, more: &[&str]) -> Vec<String> {
        let mut words = vec!["migrate", "worker.properties", "source.properties"];
        words.extend(["--group-id", self.group, "--source-stopped"]);
        words.extend(["--accept", "P32", "--verify", "none"]);
        words.iter().chain(more).map(ToString::to_string).collect()
    }

    fn run(&self, more: &[&str]) -> Ran {
        self.world.run(self.words(more))
    }

    /// Runs with `--yes`, and does something while it is held at a request.
    #[track_caller]
    fn meanwhile(&self, api: ApiKey, nth: usize, act: impl FnOnce()) -> Ran {
        self.proxy.hold_at(api, nth, Hold::Request);
        let mut run = Run::start(&self.world, &self.words(&["--yes"]));
        run.until_held(&self.proxy);
        act();
        self.proxy.release();
        run.end()
    }

    fn wrote_files(&self) -> bool {
        self.world.path("distributed").exists()
    }

    fn offset_topic(&self) -> String {
        format!("_{}.offset", self.group.replace('-', "_"))
    }

    /// Returns how many positions Kafka's own consumer finds in the offset topic.
    fn positions(&self) -> usize {
        java::read_topic(&kafka::shared().bootstrap(), &self.offset_topic()).len()
    }

    /// Returns the storage topics that exist.
    fn topics(&self) -> Vec<String> {
        let prefix = self.offset_topic().replace("offset", "");
        let all = admin(async |cluster| cluster.topics(None).await.expect("the broker serves"));
        all.into_keys().filter(|t| t.starts_with(&prefix)).collect()
    }
}

/// Asks the broker itself, not through a proxy.
fn admin<T>(act: impl AsyncFnOnce(Cluster) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let addresses = vec![kafka::shared().bootstrap()];
        let settings = ClientSettings::plaintext(addresses, Duration::from_secs(30));
        act(Cluster::connect(settings).await.expect("the broker serves")).await
    })
}

/// Another entry for the same key: the worker went on.
fn later_offsets() -> Vec<u8> {
    let mut later = OFFSETS.to_vec();
    let at = later
        .windows(2)
        .rposition(|w| w == b"35")
        .expect("a position");
    later[at..at + 2].copy_from_slice(b"99");
    later
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(
            ran.stderr.contains(word) || ran.stdout.contains(word),
            "{word:?} is not in: {ran:#?}"
        );
    }
}

#[test]
fn yes_in_advance_does_not_stand_for_a_plan_that_changed() {
    require_kafka!();
    let ground = Ground::new("changed-plan");
    let edited = format!("{SOURCE}tasks.max=2\n");
    let ran = ground.meanwhile(ApiKey::ListGroups, 1, || {
        ground.world.file("source.properties", &edited);
    });
    says(
        &ran.code(5),
        &[
            "warning: a connector file changed",
            "--yes stands for the first one: nothing was written",
            "hint: is the standalone worker still running",
        ],
    );
    let ran = ground.meanwhile(ApiKey::ListGroups, 1, || {
        ground.world.file("connect.offsets", later_offsets());
    });
    says(
        &ran.code(5),
        &["the offsets file changed", "nothing was written"],
    );
    assert!(!ground.wrote_files() && ground.topics().is_empty());
}

#[test]
fn yes_in_advance_stands_for_less_when_someone_else_has_done_a_part() {
    require_kafka!();
    let ground = Ground::new("less-plan");
    let ran = ground.meanwhile(ApiKey::ListGroups, 1, || {
        let topic = NewTopic {
            name: "_less_plan.config".to_owned(),
            partitions: 1,
            replication_factor: 1,
            configs: [("cleanup.policy".to_owned(), "compact".to_owned())].into(),
        };
        let made = admin(async |cluster| cluster.create_topics(&[topic], false).await);
        made.expect("the broker serves")
            .into_values()
            .for_each(|made| made.expect("it is created"));
    });
    says(
        &ran.success(),
        &["what is to be done changed", "Result: done"],
    );
    assert_eq!(ground.positions(), 1);
}

#[test]
fn a_changed_plan_is_shown_and_asked_for_again_and_ctrl_c_leaves_nothing() {
    require_kafka!();
    let ground = Ground::new("asked-twice");
    let edited = format!("{SOURCE}tasks.max=2\n");
    let edit = || drop(ground.world.file("source.properties", &edited));
    let replies = vec![
        Reply::after("Apply this plan?", edit, "y\n"),
        Reply::new("This is the plan now", ""),
        Reply::new("Apply this plan?", "\x03"),
    ];
    let ran = ground.world.converse(ground.words(&[]), replies).code(130);
    says(
        &ran,
        &[
            "a connector file changed",
            "This is the plan now",
            "nothing was changed",
        ],
    );
    assert!(!ground.wrote_files() && ground.topics().is_empty());
}

#[test]
fn kafka_that_vanishes_between_the_question_and_the_yes_leaves_nothing() {
    require_kafka!();
    let ground = Ground::new("vanished");
    let vanish = || ground.proxy.cut();
    let replies = vec![Reply::after("Apply this plan?", vanish, "y\n")];
    let words = ground.words(&["--timeout", "2s"]);
    let ran = ground.world.converse(words, replies).code(1);
    says(&ran, &["error:", &ground.proxy.bootstrap()]);
    assert!(!ground.wrote_files() && ground.topics().is_empty());
}

#[test]
fn offsets_that_change_after_the_yes_are_not_written() {
    require_kafka!();
    let ground = Ground::new("stale-file");
    let ran = ground.meanwhile(ApiKey::CreateTopics, 1, || {
        ground.world.file("connect.offsets", later_offsets());
    });
    says(
        &ran.code(1),
        &[
            "changed before the first offset was written; the offset topic is untouched",
            "hint: the standalone worker is still running: stop it",
        ],
    );
    assert_eq!(ground.positions(), 0);
    // The same command takes the file as it is now.
    says(&ground.run(&["--yes"]).success(), &["Result: done"]);
    assert_eq!(ground.positions(), 1);
}

#[test]
fn offsets_that_change_while_they_are_copied_are_told_and_can_be_replaced() {
    require_kafka!();
    let ground = Ground::new("moving-file");
    let ran = ground.meanwhile(ApiKey::Produce, 1, || {
        ground.world.file("connect.offsets", later_offsets());
    });
    says(
        &ran.code(4),
        &[
            "changed while its offsets were copied",
            "--overwrite-offsets",
        ],
    );
    says(&ground.run(&["--yes"]).code(5), &["P57"]);
    says(
        &ground.run(&["--yes", "--overwrite-offsets"]).success(),
        &["Result: done"],
    );
    let kept: Vec<_> = fs::read_dir(ground.world.path("distributed/backup"))
        .expect("a backup")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.to_string_lossy().contains("offset-topic-"))
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let kept: serde_json::Value =
        serde_json::from_slice(&fs::read(&kept[0]).expect("readable")).expect("JSON");
    // {"position":35}
    assert_eq!(kept[0]["value"], "eyJwb3NpdGlvbiI6MzV9");
}

#[test]
fn a_topic_that_is_deleted_under_the_steps_is_told_as_gone() {
    require_kafka!();
    let ground = Ground::new("gone-topic");
    let topic = [ground.offset_topic()];
    let delete = || {
        let deleted = admin(async |cluster| cluster.delete_topics(&topic).await);
        let outcomes = deleted.expect("the broker serves").into_values();
        outcomes.for_each(|deleted| deleted.expect("it is deleted"));
    };
    let ran = ground.meanwhile(ApiKey::Produce, 1, delete);
    says(
        &ran.code(1),
        &[
            "topic _gone_topic.offset is gone: it was deleted while this ran",
            "hint: find out who deletes topics",
        ],
    );
    if ground.topics().contains(&topic[0]) {
        // The broker has made it again, not as a worker wants it, and that is seen.
        says(&ground.run(&["--yes"]).code(5), &["P4"]);
        delete();
    }
    says(&ground.run(&["--yes"]).success(), &["Result: done"]);
    assert_eq!(ground.positions(), 1);
}

#[test]
fn kafka_that_dies_in_any_phase_is_told_and_the_same_command_finishes() {
    require_kafka!();
    let ground = Ground::new("dying-kafka");
    let dies_at = |api, nth| {
        ground.proxy.cut_at(api, nth);
        let ran = ground.run(&["--yes", "--timeout", "2s"]);
        ground.proxy.release();
        says(&ran, &["error:", &ground.proxy.bootstrap()]);
        ran
    };
    _ = dies_at(ApiKey::ListGroups, 1).code(1);
    _ = dies_at(ApiKey::ListGroups, 2).code(1);
    assert!(
        !ground.wrote_files(),
        "after the yes nothing was written yet"
    );
    _ = dies_at(ApiKey::CreateTopics, 1).code(1);
    assert!(ground.wrote_files() && ground.topics().is_empty());
    _ = dies_at(ApiKey::Produce, 1).code(1);
    assert_eq!(ground.topics().len(), 3);
    _ = dies_at(ApiKey::Fetch, 1).code(1);
    assert_eq!(ground.positions(), 1, "written and not read back");
    fs::remove_file(ground.world.path("distributed/distributed.properties")).expect("written");
    let ran = dies_at(ApiKey::ListGroups, 3).code(4);
    says(&ran, &["applied, but what came of it was not seen"]);
    says(&ground.run(&["--yes"]).success(), &["nothing to do"]);
    says(&ground.run(&["--yes"]).success(), &["nothing to do"]);
}

#[test]
fn ctrl_c_in_a_look_changes_nothing_and_in_a_step_is_reported() {
    require_kafka!();
    let ground = Ground::new("ctrl-c");
    let interrupted_at = |api, nth| {
        ground.proxy.hold_at(api, nth, Hold::Request);
        let mut run = Run::start(&ground.world, &ground.words(&["--yes"]));
        run.until_held(&ground.proxy);
        let ran = run.interrupt().code(130);
        ground.proxy.forget();
        ran
    };
    let ran = interrupted_at(ApiKey::ListGroups, 2);
    says(&ran, &["interrupted: nothing was changed"]);
    assert!(!ground.wrote_files());
    let ran = interrupted_at(ApiKey::Produce, 1);
    says(
        &ran,
        &[
            "seed 1 offset and read it back: begun, not finished",
            "a part of \"seed 1 offset and read it back\" may be done; what is done stays",
            "hint: run the same command",
        ],
    );
    let report = ground.world.read("distributed/report.json");
    assert!(report.contains("\"outcome\": \"interrupted\""), "{report}");
    says(&ground.run(&["--yes"]).success(), &["Result: done"]);
}

#[test]
fn what_cannot_be_is_refused_before_the_cluster_is_touched() {
    require_kafka!();
    let ground = Ground::new("refused");
    let ran = ground.run(&["--yes", "--replication-factor", "3"]).code(5);
    says(
        &ran,
        &[
            "P3",
            "3 replicas and the cluster has 1 broker(s)",
            "--replication-factor auto",
        ],
    );
    assert!(!ground.wrote_files() && ground.topics().is_empty());
    ground.world.file("taken", "a file");
    let ran = ground.run(&["--yes", "--out", "taken"]).code(1);
    says(&ran, &["something that is not a folder is in the way"]);
    assert!(ground.topics().is_empty(), "files come first");
    ground.world.file("distributed/backup", "a file");
    let ran = ground.run(&["--yes"]).code(1);
    says(&ran, &["something that is not a folder is in the way"]);
    assert!(ground.topics().is_empty(), "so do backups");
}
