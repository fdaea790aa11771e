//! `connectctl run --connectors DIR`: what the folder has is registered, whoever leads the group.

use std::time::Duration;

use serde_json::json;

use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_worker_that_does_not_lead_has_the_leader_register_its_folder() {
    require_kafka!();
    let world = World::new();
    let file = |number: u32| {
        let folder = world.path(format!("worker-{number}"));
        std::fs::create_dir_all(&folder).expect("the world is writable");
        let settings = [("scheduled.rebalance.max.delay.ms", "0")];
        Distributed::file(
            &folder,
            &kafka::shared().bootstrap(),
            "run-folder",
            &settings,
        )
    };
    let sink = |output: &str| {
        json!({"connector.class": "FileStreamSink", "topics": "run-folder-lines",
            "file": world.path(output), "tasks.max": "1"})
    };
    for (name, state) in [
        ("new", "RUNNING"),
        ("still", "STOPPED"),
        ("same", "RUNNING"),
        ("other", "RUNNING"),
    ] {
        let connector = json!({"name": name, "config": sink("out.txt"), "initial_state": state});
        world.file(format!("connectors/{name}.json"), connector.to_string());
    }
    let leader = Distributed::start(&file(1));
    for (name, output) in [("same", "out.txt"), ("other", "elsewhere.txt")] {
        let body = json!({"name": name, "config": sink(output)});
        let made = rest::post(&format!("{}/connectors", leader.url), Some(&body));
        assert_eq!(made.status, 201, "{made:?}");
    }
    let folder = world.path("connectors").display().to_string();
    let worker = NativeWorker::start(&file(2), &["--connectors", &folder]);
    let all = || rest::get(&format!("{}/connectors", leader.url)).json();
    wait::expect("the leader has all", PATIENCE, || {
        all().as_array().is_some_and(|all| all.len() == 4)
    });
    worker.wait_state(&["new", "same", "other"], 1, "RUNNING");
    worker.wait_state(&["still"], 0, "STOPPED");
    let kept = worker.get("connectors/other");
    assert_eq!(kept["config"]["file"], json!(world.path("elsewhere.txt")));
    let says = |name: &str, what: &str| {
        let log = worker.log();
        let said =
            |line: &str| line.contains(&format!("connector=\"{name}\"")) && line.contains(what);
        assert!(log.lines().any(said), "{name}: {what}\n{log}");
    };
    says("same", "registered already");
    says("other", "registered already, with another configuration");
    wait::expect("it is told", PATIENCE, || {
        let told = "the connector of the folder is registered connector=\"new\"";
        worker.log().contains(told)
    });
    assert_eq!(worker.stop(), 0);
}
