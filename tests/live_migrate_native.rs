//! `migrate` beside native workers: registering with one over REST, and a cutover that is done again without any.

use connectctl::model::offset_file;
use std::fs;

use crate::support::moving::Moving;
use crate::support::native_worker::NativeWorker;
use crate::support::world::Ran;
use crate::support::{kafka, require_kafka, rest};

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.stderr.contains(word), "{word}: {ran:#?}");
    }
}

fn native(moving: &Moving) -> NativeWorker {
    NativeWorker::start(&moving.out().join("distributed.properties"), &[])
}

/// Where the source stands in its offsets file.
fn file(moving: &Moving) -> Vec<u8> {
    fs::read(&moving.deployment.offsets).expect("an offsets file")
}

/// The file of a worker that was used again, up to another line.
fn used_again(moving: &Moving, position: usize) {
    let mut entries = offset_file::read(file(moving).into())
        .expect("readable")
        .entries;
    for entry in &mut entries {
        entry.value = Some(format!("{{\"position\":{position}}}").into());
    }
    let mut bytes = Vec::new();
    offset_file::write(&entries, &mut bytes).expect("written");
    fs::write(&moving.deployment.offsets, bytes).expect("the file is writable");
}

#[test]
fn a_native_worker_registers_over_rest_and_every_line_comes_once() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let mut moving = Moving::run("native-url", &bootstrap);
    let base = ["--source-stopped", "--yes"];
    _ = moving.migrate(&base).success();
    // As the report says next: start a worker, then register with it.
    let worker = native(&moving);
    let refused = moving.migrate(&["--source-stopped", "--yes", "--verify", "control"]);
    says(
        &refused.code(5),
        &["active member", &format!("--url {}", worker.url)],
    );
    let registering = [&base[..], &["--url", &worker.url]].concat();
    _ = moving.migrate(&registering).success();
    let (source, sink) = ("native-url-source", "native-url-sink");
    worker.wait_state(&[source, sink], 1, "RUNNING");
    moving.append(20);
    moving.expect_lines();

    // Stopped and resumed, over the same REST, it goes on where it was.
    let url = format!("{}/connectors/{source}", worker.url);
    assert_eq!(rest::put(&format!("{url}/stop"), None).status, 204);
    worker.wait_state(&[source], 0, "STOPPED");
    assert_eq!(rest::put(&format!("{url}/resume"), None).status, 202);
    moving.append(10);
    moving.expect_lines();
    let ran = moving.migrate(&registering).success();
    assert!(ran.stdout.contains("nothing to do"), "{ran:#?}");

    // It is no standalone worker, and a capture does not stop the connectors of its group.
    let capture = ["capture", "--source-url", &worker.url, "--out", "captured"];
    let ran = moving.world.run(capture.iter().chain(&["--stop", "--yes"]));
    says(
        &ran.code(5),
        &["is a distributed one (it is one of connectctl run)"],
    );
    worker.wait_state(&[source, sink], 1, "RUNNING");
    assert_eq!(worker.stop(), 0);

    // A worker of another group sees nothing of this plan, and is found out before anything is written.
    let elsewhere = moving.world.path("elsewhere");
    fs::create_dir_all(&elsewhere).expect("the world is writable");
    let other =
        crate::support::connect::Distributed::file(&elsewhere, &bootstrap, "native-url-other", &[]);
    let other = NativeWorker::start(&other, &[]);
    let ran = moving.migrate(&[&base[..], &["--url", &other.url]].concat());
    says(
        &ran.code(5),
        &[
            "nobody is in the Connect group native-url",
            "of another group",
        ],
    );
    assert_eq!(other.stop(), 0);
}

#[test]
fn a_standalone_worker_that_was_used_again_is_told_and_the_cutover_done_again_without_a_worker() {
    require_kafka!();
    let mut moving = Moving::run("used-again", &kafka::shared().bootstrap());
    let words = ["--source-stopped", "--yes", "--verify", "control"];
    _ = moving.migrate(&words).success();
    let worker = native(&moving);
    moving.append(20);
    moving.expect_lines();
    assert_eq!(worker.stop(), 0);
    let ran = moving.migrate(&words).success();
    assert!(ran.stdout.contains("nothing to do"), "{ran:#?}");

    // Standalone went on by itself: its file is another one, and the topic does not know.
    let length = fs::metadata(moving.world.path("in-0.txt")).expect("it is there");
    moving.append(5);
    let position = fs::metadata(moving.world.path("in-0.txt")).expect("it is there");
    assert!(position.len() > length.len());
    used_again(&moving, usize::try_from(position.len()).expect("small"));
    let refused = moving.migrate(&words).code(5);
    says(
        &refused,
        &[
            "standalone-used-again",
            "is not as it was at the cutover",
            "--overwrite-offsets",
        ],
    );

    // No worker runs, so nothing starts from the old position.
    let overwriting = [&words[..], &["--overwrite-offsets"]].concat();
    let ran = moving.migrate(&overwriting).success();
    assert!(ran.stdout.contains("Result: done"), "{ran:#?}");
    let ran = moving.migrate(&overwriting).success();
    assert!(ran.stdout.contains("nothing to do"), "{ran:#?}");
    let worker = native(&moving);
    worker.wait_state(&["used-again-source", "used-again-sink"], 1, "RUNNING");
    let held = worker.get("connectors/used-again-source/offsets");
    assert_eq!(held["offsets"][0]["offset"]["position"], position.len());
    assert_eq!(worker.stop(), 0);
}
