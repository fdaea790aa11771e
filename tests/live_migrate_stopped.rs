//! `standalone_stopped: proven | asserted | unknown`, with a real standalone worker in each of its states.

use std::time::Duration;

use crate::support::moving::Moving;
use crate::support::world::Ran;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn shows(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.stdout.contains(word), "{word:?} is not in: {ran:#?}");
    }
}

/// Plans to move the source alone: no consumer group tells of it.
fn source_alone(moving: &Moving, more: &[&str]) -> Ran {
    let mut words = moving.arguments(more);
    let sink = moving.deployment.connectors[1].display().to_string();
    words.retain(|word| *word != sink);
    words.push("--dry-run".to_owned());
    moving.world.run(words)
}

#[test]
fn a_standalone_worker_is_known_to_be_stopped_only_when_it_is() {
    require_kafka!();
    let mut moving = Moving::written("alive", &kafka::shared().bootstrap(), 1);
    let mut worker = moving.start_standalone();
    let url = worker.url.clone();
    let file = moving.deployment.offsets.display().to_string();
    let all: usize = (0..20).map(|n| format!("0 line {n}\n").len()).sum();
    wait::expect(
        "the position of the last line is in the file",
        PATIENCE,
        || {
            let shown = moving.world.run(["offsets", "show", &file]);
            shown.stdout.contains(&format!("{{\"position\":{all}}}"))
        },
    );

    // It runs: an assertion does not outweigh what is seen.
    let ran = moving.migrate(&["--source-stopped", "--yes"]).code(5);
    shows(
        &ran,
        &[
            "P20",
            "a worker answers on the standalone listener and runs alive-sink, alive-source",
            "consumer group connect-alive-sink has members",
        ],
    );
    assert!(!moving.out().exists());

    // It hangs: it accepts connections and does not answer, which is not gone.
    worker.signal("STOP");
    let hangs = source_alone(&moving, &[]).code(5);
    let asserted = source_alone(&moving, &["--source-stopped"]).code(3);
    worker.signal("CONT");
    shows(
        &hangs,
        &[
            "P8",
            "the standalone worker's REST listener was not found closed: GET",
        ],
    );
    shows(&asserted, &["standalone_stopped: asserted"]);

    // Another deployment is told to look at the same port: a worker that runs none of its connectors does not count.
    moving.world.file(
        "other.properties",
        "name=other-sink\nconnector.class=FileStreamSink\ntopics=alive-lines\nfile=/tmp/other\n",
    );
    let words = [
        "migrate",
        "standalone/worker.properties",
        "other.properties",
    ];
    let more = ["--accept", "P32", "--dry-run"];
    let other = moving.world.run(words.iter().chain(&more)).code(3);
    shows(&other, &["standalone_stopped: proven (REST is gone"]);

    // Its connectors are STOPPED over REST, and it says so itself.
    for connector in ["alive-source", "alive-sink"] {
        rest::put(&format!("{url}/connectors/{connector}/stop"), None).success();
        let status = format!("{url}/connectors/{connector}/status");
        wait::expect("the connector is STOPPED", PATIENCE, || {
            let status = rest::get(&status).json();
            status["connector"]["state"] == "STOPPED" && status["tasks"] == serde_json::json!([])
        });
    }
    let told = moving.migrate(&["--source-url", &url, "--dry-run"]).code(3);
    shows(
        &told,
        &["standalone_stopped: proven (every connector is STOPPED with no task, says http://"],
    );

    // The process is gone: the file must have been at rest for two flush intervals of a second.
    worker.stop();
    std::fs::File::options()
        .append(true)
        .open(&moving.deployment.offsets)
        .and_then(|file| file.set_modified(std::time::SystemTime::now()))
        .expect("the file's time can be set");
    let fresh = source_alone(&moving, &[]);
    if fresh.code == 5 {
        shows(&fresh, &["P8", "the offsets file changed"]);
    }
    let mut last = fresh;
    wait::expect("the file is at rest", PATIENCE, || {
        last = moving.migrate(&["--dry-run"]);
        last.code == 3
    });
    shows(
        &last,
        &[
            "standalone_stopped: proven (REST is gone, the sinks' groups are empty, the offsets file has not changed for",
        ],
    );

    // A copy was as old while the worker ran: it may be that of a pod, of which this host's port says nothing.
    let copy = moving.world.path("copy.offsets");
    std::fs::copy(&moving.deployment.offsets, &copy).expect("it can be copied");
    std::fs::File::options()
        .append(true)
        .open(&copy)
        .and_then(|file| file.set_modified(std::time::UNIX_EPOCH))
        .expect("the file's time can be set");
    let words = ["--dry-run", "--offsets", "copy.offsets"];
    let copied = moving.migrate(&words).code(5);
    shows(
        &copied,
        &["P8", "copy.offsets is another file than the worker's"],
    );
    _ = moving
        .migrate(&[&words[..], &["--source-stopped"]].concat())
        .code(3);
}
