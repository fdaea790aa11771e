//! `connectctl offsets` without a cluster: its forms, and every message about what it cannot use.

use std::fs;
use std::path::Path;

use crate::support::world::World;

const WORKER: &str = "bootstrap.servers=127.0.0.1:1\ngroup.id=g\nconfig.storage.topic=c\noffset.storage.topic=o\n\
    status.storage.topic=s\n";

/// A file that a standalone worker of Kafka wrote.
fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/offsets");
    fs::read(path.join(name)).expect("fixtures are in the clone")
}

fn world() -> World {
    let world = World::new();
    world.file("o.offsets", fixture("store.offsets"));
    world.file("tree.offsets", fixture("tree-map.offsets"));
    world.file("cut.offsets", &fixture("store.offsets")[..100]);
    world.file("empty.offsets", "");
    world.file("text.offsets", "file=1\n");
    world.file("d.properties", WORKER);
    world.file(
        "standalone.properties",
        "bootstrap.servers=127.0.0.1:1\noffset.storage.file.filename=o.offsets\n",
    );
    world
}

/// Runs a command that must fail, and returns what it said with the exit code in front.
#[track_caller]
fn said(world: &World, arguments: &[&str]) -> String {
    let ran = world.run(["offsets"].iter().chain(arguments));
    assert_eq!(ran.stdout, "", "{arguments:?}");
    format!("{} {}", ran.code, world.normal(&ran.stderr))
}

#[test]
fn every_unusable_store_has_its_message() {
    let world = world();
    for (arguments, expected) in [
        (
            &["show", "none.offsets"][..],
            "1 error: $ROOT/none.offsets: no such file\nhint: ",
        ),
        (
            &["show", "tree.offsets"],
            "1 error: $ROOT/tree.offsets: not a complete offsets file: byte 6: the root object is a java.util.TreeMap, expected",
        ),
        (
            &["show", "cut.offsets"],
            "1 error: $ROOT/cut.offsets: not a complete offsets file: truncated at byte 100: expected",
        ),
        (
            &["show", "empty.offsets"],
            "1 error: $ROOT/empty.offsets: not a complete offsets file: the file is empty (0 bytes)",
        ),
        (
            &["show", "text.offsets"],
            "1 error: $ROOT/text.offsets: not a complete offsets file: not a Java serialisation stream",
        ),
        (
            &["show", "."],
            "1 error: $ROOT: is a directory, not a file\n",
        ),
        (
            &["show"],
            "2 error: no store of offsets is named\nhint: give FILE, --worker-config FILE or --url URL\n",
        ),
        (
            &["show", "o.offsets", "--worker-config", "d.properties"],
            "2 error: 2 stores of offsets are named: FILE, --worker-config\nhint: give one of them; connectctl offsets diff compares two\n",
        ),
        (
            &["show", "--bootstrap-server", "127.0.0.1:1"],
            "2 error: no worker file is named, so the offset topic is not known\nhint: give --worker-config FILE",
        ),
        (
            &["show", "--worker-config", "standalone.properties"],
            "1 error: $ROOT/standalone.properties: missing required configuration \"config.storage.topic\" which has no default value\nhint: this is the file of a standalone worker; connectctl migrate",
        ),
        (
            &["show", "--worker-config", "o.offsets"],
            "1 error: $ROOT/o.offsets is not a properties file: it holds NUL bytes\n",
        ),
        (
            &["show", "--url", "h:8083"],
            "2 error: URL h:8083: is not a URL of a Connect worker",
        ),
        (
            &["show", "--url", "http://127.0.0.1:1"],
            "1 error: GET http://127.0.0.1:1/: connection refused",
        ),
        (
            &["show", "o.offsets", "--connector", "nope"],
            "1 error: $ROOT/o.offsets has no position of connector nope\nhint: ",
        ),
        (
            &["diff", "o.offsets", "file:o.offsets"],
            "2 error: invalid value 'o.offsets' for '<A>': o.offsets is none of file:PATH, topic:WORKER.properties, http://HOST:PORT\n",
        ),
        (
            &["diff", "file:o.offsets", "u:canary@h"],
            "2 error: invalid value",
        ),
        (
            &["diff", "file:o.offsets"],
            "2 error: the following required arguments were not provided:\n  <B>",
        ),
        (
            &["where", "x"],
            "2 error: no store of offsets is named\nhint: give --offsets FILE",
        ),
        (
            &["where", "nope", "--worker-config", "standalone.properties"],
            "1 error: no store that was looked at knows connector nope (file $ROOT/o.offsets)\nhint: ",
        ),
        (
            &["export", "--to", "x"],
            "2 error: no worker file is named, so the offset topic is not known\n",
        ),
        (
            &["seed", "cut.offsets", "--worker-config", "d.properties"],
            "1 error: $ROOT/cut.offsets: not a complete offsets file",
        ),
        (
            &[
                "seed",
                "o.offsets",
                "--worker-config",
                "d.properties",
                "--rename",
                "a",
            ],
            "2 error: invalid value 'a' for '--rename <OLD=NEW>': it must be OLD=NEW\n",
        ),
    ] {
        let said = said(&world, arguments);
        assert!(said.starts_with(expected), "{arguments:?}\n{said}");
    }
}

#[test]
fn a_cluster_that_is_down_is_told_by_every_command_within_the_deadline() {
    let world = world();
    for arguments in [
        &["show", "--worker-config", "d.properties"][..],
        &[
            "seed",
            "o.offsets",
            "--worker-config",
            "d.properties",
            "--yes",
        ],
        &[
            "export",
            "--worker-config",
            "d.properties",
            "--to",
            "x.offsets",
        ],
        &["diff", "file:o.offsets", "topic:d.properties"],
        &["where", "x", "--worker-config", "d.properties"],
    ] {
        let timeout = [arguments, &["--timeout", "2s"]].concat();
        let said = said(&world, &timeout);
        assert!(said.starts_with("1 error: "), "{said}");
        assert!(said.contains("127.0.0.1:1"), "{said}");
    }
    assert!(!world.path("x.offsets").exists());
}

#[test]
fn a_file_is_equal_to_itself_and_what_differs_is_listed_with_exit_code_3() {
    let world = world();
    let same = world
        .run(["offsets", "diff", "file:o.offsets", "file:o.offsets"])
        .success();
    assert_eq!(same.stdout, "");
    assert!(
        same.stderr
            .contains("hold the same positions, byte for byte")
    );
    world.file("grown.offsets", fixture("nulls-first.offsets"));
    let json = [
        "offsets",
        "diff",
        "file:o.offsets",
        "file:grown.offsets",
        "-o",
        "json",
    ];
    let different = world.run(json).code(3).json();
    let there = different.as_array().expect("a list");
    assert!(!there.is_empty());
    let flipped = [
        "offsets",
        "diff",
        "file:grown.offsets",
        "file:o.offsets",
        "-o",
        "json",
    ];
    assert_eq!(
        world.run(flipped).code(3).json().as_array().map(Vec::len),
        Some(there.len())
    );
    let none = [
        "offsets",
        "diff",
        "file:o.offsets",
        "file:o.offsets",
        "-o",
        "json",
    ];
    assert_eq!(world.run(none).success().stdout, "[]\n");
}

#[test]
fn positions_that_are_compared_without_their_envelope_are_said_to_be() {
    let world = world();
    world.file("old.offsets", fixture("store-envelope.offsets"));
    let same = world
        .run(["offsets", "diff", "file:old.offsets", "file:old.offsets"])
        .success();
    let told = "positions are in the envelope of an old internal converter and are compared by its payload";
    assert_eq!(same.stderr.matches(told).count(), 2, "{}", same.stderr);
    assert!(
        same.stderr
            .ends_with("hold the same positions, byte for byte once the envelopes are taken off\n"),
        "{}",
        same.stderr
    );
}

#[test]
fn where_says_that_a_standalone_file_holds_when_nothing_else_is_named() {
    let world = world();
    let names = world
        .run(["offsets", "show", "o.offsets", "-o", "name"])
        .success();
    let name = names.stdout.lines().next().expect("a connector").to_owned();
    let ran = world
        .run([
            "offsets",
            "where",
            &name,
            "--worker-config",
            "standalone.properties",
        ])
        .success();
    let text = world.normal(&ran.stdout);
    assert!(
        text.starts_with(&format!("{name} goes on from file $ROOT/o.offsets: ")),
        "{text}"
    );
    let json = [
        "offsets",
        "where",
        &name,
        "--offsets",
        "o.offsets",
        "-o",
        "json",
    ];
    let json = world.run(json).success().json();
    assert_eq!(json["store"], "file");
    assert_eq!(json["stores"][0]["standing"], "truth");
    assert!(json["positions"][0]["key"].is_string());
}
