//! `connectctl topics` on a cluster of three brokers, of which some are stopped.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::support::kafka::{KafkaCluster, KafkaOptions};
use crate::support::world::{Ran, World};
use crate::support::{require_kafka, small, wait};

fn worker_file(kafka: &KafkaCluster, name: &str, replication_factor: i32, more: &str) -> String {
    let roles = ["config", "offset", "status"].map(|role| {
        format!(
            "{role}.storage.topic={name}-{role}\n{role}.storage.replication.factor={replication_factor}\n"
        )
    });
    format!(
        "bootstrap.servers={}\n{}{more}",
        kafka.bootstrap(),
        roles.concat()
    )
}

struct Operator<'a> {
    world: &'a World,
    file: &'a str,
}

impl Operator<'_> {
    fn run(&self, words: &[&str]) -> Ran {
        let flags = ["--worker-config", self.file];
        self.world.run(["topics"].iter().chain(words).chain(&flags))
    }

    fn rows(&self) -> Value {
        self.run(&["describe", "-o", "json"]).success().json()
    }

    /// Waits until every topic is seen in this state.
    #[track_caller]
    fn sees(&self, states: [&str; 3], note: &str) {
        let mut rows = Value::Null;
        let in_time = wait::until(Duration::from_secs(60), || {
            rows = self.rows();
            (0..3).all(|at| rows[at]["state"] == states[at]) && rows.to_string().contains(note)
        });
        assert!(in_time, "{rows:#}");
    }
}

#[test]
fn every_verb_says_what_stopped_brokers_mean() {
    require_kafka!();
    let options = KafkaOptions::default().property("broker.session.timeout.ms", "3000");
    let kafka = KafkaCluster::start_with(3, &options);
    let world = World::new();
    let in_sync = ["config", "offset", "status"]
        .map(|role| format!("{role}.storage.min.insync.replicas=2\n"))
        .concat();
    world.file("safe", worker_file(&kafka, "safe", 3, &in_sync));
    world.file("single", worker_file(&kafka, "single", 1, ""));
    world.file("later", worker_file(&kafka, "later", 3, ""));
    let [safe, single, later] = ["safe", "single", "later"].map(|file| Operator {
        world: &world,
        file,
    });

    created_once_by_three_at_the_same_time(&kafka, &world);
    let rows = safe.rows();
    assert_eq!(rows[1]["replication_factor"], 3, "{rows:#}");
    assert_eq!(rows[1]["settings"]["min.insync.replicas"], "2", "{rows:#}");
    _ = safe.run(&["check"]).success();
    _ = single.run(&["create"]).success();
    killed_at_any_moment_it_is_finished_by_the_next_run(&kafka, &world);

    // One of three is stopped: three replicas are still right, one replica is offline.
    kafka.brokers[2].stop();
    safe.sees(["right"; 3], "with a replica that is not in sync");
    _ = safe.run(&["check"]).success();
    _ = safe.run(&["create"]).success();
    _ = safe.run(&["repair"]).success();
    let mut single_rows = Value::Null;
    let in_time = wait::until(Duration::from_secs(60), || {
        single_rows = single.rows();
        single_rows[1]["state"] == "unavailable"
    });
    assert!(in_time, "{single_rows:#}");
    let check = single.run(&["check"]).code(4);
    assert!(
        check.stdout.contains("without a leader")
            && check.stderr.contains("error: a storage topic cannot be used now\nhint: start the brokers that are missing"),
        "{check:?}"
    );
    // Kafka counts a broker that is registered and away: a rolling restart is no reason to refuse.
    _ = later.run(&["create"]).success();
    later.sees(["right"; 3], "with a replica that is not in sync");

    // Two of three: fewer in sync than min.insync.replicas, and no quorum of controllers.
    kafka.brokers[1].stop();
    safe.sees(
        ["unavailable"; 3],
        "with fewer replicas in sync than min.insync.replicas=2: nothing can be written",
    );
    _ = safe.run(&["check"]).code(4);
    world.file("never", worker_file(&kafka, "never", 1, ""));
    let never = Operator {
        world: &world,
        file: "never",
    };
    let refused = never.run(&["create", "--timeout", "5s"]).code(1);
    assert!(
        refused.stderr.starts_with("error: ") && refused.stderr.contains("\nhint: "),
        "{refused:?}"
    );

    kafka.brokers[1].restart();
    kafka.brokers[2].restart();
    safe.sees(["right"; 3], "\"differences\":[]");
    single.sees(["right"; 3], "");
    fewer_in_sync_than_asked_for_is_a_warning_everywhere(&kafka, &world);
}

/// The plan warns, the verdict keeps its promise with that warning, and the exit code says the same, also the second time.
fn fewer_in_sync_than_asked_for_is_a_warning_everywhere(kafka: &KafkaCluster, world: &World) {
    world.file(
        "standalone.properties",
        format!(
            "bootstrap.servers={}\nkey.converter=K\nvalue.converter=V\noffset.storage.file.filename=none\nlisteners=http://127.0.0.1:1\nconfig.storage.min.insync.replicas=2\n",
            kafka.bootstrap()
        ),
    );
    world.file("sink.properties", small::SINK);
    let words = [
        "migrate",
        "standalone.properties",
        "sink.properties",
        "--group-id",
        "later",
        "--config-topic",
        "later-config",
        "--offset-topic",
        "later-offset",
        "--status-topic",
        "later-status",
        "--verify",
        "none",
        "--source-stopped",
        "--yes",
        "--accept",
        "P32",
    ];
    for outcome in ["Result: done", "Result: nothing to do"] {
        let ran = world.run(words).success();
        for said in [
            outcome,
            "topic-min-insync",
            "storage topics right: kept (later-config with a warning: min.insync.replicas",
        ] {
            assert!(ran.stdout.contains(said), "{said}: {ran:#?}");
        }
    }
}

fn created_once_by_three_at_the_same_time(kafka: &KafkaCluster, world: &World) {
    let programs = kafka.brokers.iter().map(|broker| {
        let brokers = broker.bootstrap();
        world
            .command([
                "topics",
                "create",
                "--worker-config",
                "safe",
                "--bootstrap-server",
                &brokers,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("connectctl starts")
    });
    let programs: Vec<_> = programs.collect();
    let mut said = String::new();
    for program in programs {
        let output = program.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        said += &String::from_utf8_lossy(&output.stdout);
    }
    assert_eq!(said.matches(": created").count(), 3, "{said}");
    assert_eq!(said.matches(": already right").count(), 6, "{said}");
}

fn killed_at_any_moment_it_is_finished_by_the_next_run(kafka: &KafkaCluster, world: &World) {
    for at in 0..6u64 {
        let name = format!("killed-{at}");
        world.file(&name, worker_file(kafka, &name, 3, ""));
        let mut program = world
            .command(["topics", "create", "--worker-config", &name])
            .stdout(Stdio::null())
            .spawn()
            .expect("connectctl starts");
        // Not a synchronisation: any moment is as good as another.
        std::thread::sleep(Duration::from_millis(at * 25));
        program.kill().expect("it can be killed");
        program.wait().expect("it ends");
        let operator = Operator { world, file: &name };
        _ = operator.run(&["create"]).success();
        _ = operator.run(&["check"]).success();
    }
}
