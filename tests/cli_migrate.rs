//! What `migrate` says to bad input: exit code, message, remedy, and that nothing was written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::small::{OFFSETS, SINK, SOURCE, WORKER, world};
use crate::support::world::{Ran, World};

/// Runs offline, where nothing but the files can be at fault.
fn offline(world: &World, arguments: &[&str]) -> Ran {
    let words = ["migrate"]
        .iter()
        .chain(arguments)
        .chain(&["--offline", "--yes"]);
    world.run(words)
}

/// Refuses with this code and these words, and writes nothing.
#[track_caller]
fn refused(world: &World, arguments: &[&str], code: i32, words: &[&str]) {
    let before = names(world.root());
    let ran = offline(world, arguments).code(code);
    let said = world.normal(&ran.stderr);
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert_eq!(names(world.root()), before, "nothing is written");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is readable");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_missing_file_is_named() {
    let world = world();
    refused(
        &world,
        &["worker.properties", "none.properties"],
        1,
        &[
            "error: $ROOT/none.properties: no such file",
            "hint: check the path",
        ],
    );
    refused(
        &world,
        &["none.properties", "sink.properties"],
        1,
        &["error: $ROOT/none.properties: no such file"],
    );
}

#[test]
fn a_directory_is_not_a_file() {
    let world = world();
    fs::create_dir(world.path("folder")).expect("a folder");
    for arguments in [
        ["folder", "sink.properties"],
        ["worker.properties", "folder"],
    ] {
        refused(
            &world,
            &arguments,
            1,
            &[
                "error: $ROOT/folder: is a directory, not a file",
                "hint: name the file itself",
            ],
        );
    }
    refused(
        &world,
        &[
            "worker.properties",
            "source.properties",
            "--offsets",
            "folder",
        ],
        1,
        &["error: $ROOT/folder: is a directory, not a file"],
    );
}

#[test]
fn an_empty_file_is_not_a_deployment() {
    let world = world();
    world.file("empty.properties", "");
    refused(
        &world,
        &["empty.properties", "sink.properties"],
        1,
        &[
            "error: $ROOT/empty.properties: the worker file is empty",
            "hint: give the file",
        ],
    );
    refused(
        &world,
        &["worker.properties", "empty.properties"],
        1,
        &["error: $ROOT/empty.properties: the connector file is empty"],
    );
}

#[test]
fn binary_rubbish_is_not_text() {
    let world = world();
    world.file("rubbish", [0x7f, b'E', b'L', b'F', 0, 1, 2]);
    for (arguments, role) in [
        (["rubbish", "sink.properties"], "worker"),
        (["worker.properties", "rubbish"], "connector"),
    ] {
        let words = format!("error: $ROOT/rubbish: is not a {role} file: byte 5 is NUL");
        refused(
            &world,
            &arguments,
            1,
            &[&words, "hint: the worker's file comes first"],
        );
    }
}

#[test]
fn a_malformed_escape_is_told_by_line_and_column() {
    let world = world();
    world.file("bad.properties", "a=b\nc=\\u00zz\n");
    refused(
        &world,
        &["bad.properties", "sink.properties"],
        1,
        &[
            "error: $ROOT/bad.properties:2:3: malformed \\uxxxx encoding",
            "hint:",
        ],
    );
}

#[test]
fn two_connectors_of_one_name_are_refused() {
    let world = world();
    world.file("again.properties", SINK);
    refused(
        &world,
        &["worker.properties", "sink.properties", "again.properties"],
        2,
        &[
            "two connectors are called \"a-sink\"",
            "$ROOT/sink.properties",
            "$ROOT/again.properties",
        ],
    );
}

#[test]
fn no_connector_is_nothing_to_move() {
    let world = world();
    refused(
        &world,
        &["worker.properties"],
        2,
        &[
            "there is no connector to move",
            "hint: name the connector files",
        ],
    );
}

#[test]
fn a_distributed_worker_file_is_refused() {
    let world = world();
    let worker = WORKER.replace("offset.storage.file.filename=connect.offsets\n", "");
    world.file("d.properties", format!("{worker}group.id=g\nconfig.storage.topic=c\noffset.storage.topic=o\nstatus.storage.topic=s\n"));
    refused(
        &world,
        &["d.properties", "sink.properties"],
        2,
        &["the worker file is already distributed", "hint:"],
    );
}

#[test]
fn a_truncated_offsets_file_is_told_by_byte() {
    let world = world();
    for cut in [1, 20, 100] {
        let kept = OFFSETS.len() - cut;
        world.file("cut.offsets", &OFFSETS[..kept]);
        let words = format!("truncated at byte {kept}");
        refused(
            &world,
            &[
                "worker.properties",
                "source.properties",
                "--offsets",
                "cut.offsets",
            ],
            1,
            &[
                "$ROOT/cut.offsets: not a complete offsets file",
                &words,
                "hint: the worker itself would start without offsets",
            ],
        );
    }
}

#[test]
fn an_offsets_file_of_another_class_is_refused_by_name() {
    let world = world();
    let tree = OFFSETS.to_vec();
    let name = tree
        .windows(7)
        .position(|w| w == b"HashMap")
        .expect("the class");
    let mut tree = tree;
    tree[name..name + 7].copy_from_slice(b"TreeMap");
    world.file("tree.offsets", tree);
    refused(
        &world,
        &[
            "worker.properties",
            "source.properties",
            "--offsets",
            "tree.offsets",
        ],
        1,
        &["java.util.TreeMap"],
    );
}

#[test]
fn an_absent_offsets_file_stops_a_source_and_not_a_sink() {
    let world = world();
    fs::remove_file(world.path("connect.offsets")).expect("removed");
    refused(
        &world,
        &["worker.properties", "source.properties"],
        5,
        &["refused, nothing was written", "$ROOT/connect.offsets"],
    );
    refused(
        &world,
        &[
            "worker.properties",
            "source.properties",
            "--offsets",
            "named.offsets",
        ],
        1,
        &["error: $ROOT/named.offsets: no such file"],
    );
    _ = offline(&world, &["worker.properties", "sink.properties"]).success();
    assert!(world.path("distributed/connectors/a-sink.json").exists());
}

#[test]
fn an_unreadable_file_is_told_as_such() {
    let world = world();
    let path = world.file("secret.properties", SINK);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("chmod");
    if fs::read(&path).is_ok() {
        // Root reads everything.
        return;
    }
    refused(
        &world,
        &["worker.properties", "secret.properties"],
        1,
        &["error: $ROOT/secret.properties: cannot be read: permission denied"],
    );
}

#[test]
fn an_output_folder_that_cannot_be_is_told_and_nothing_is_half_written() {
    let world = world();
    world.file("taken", "a file");
    refused(
        &world,
        &["worker.properties", "sink.properties", "--out", "taken"],
        1,
        &[
            "taken",
            "something that is not a folder is in the way",
            "hint: choose a folder",
        ],
    );
    assert_eq!(world.read("taken"), "a file");
    let ran = offline(
        &world,
        &[
            "worker.properties",
            "sink.properties",
            "--out",
            "/proc/nowhere",
        ],
    )
    .code(1);
    assert!(ran.stderr.contains("/proc/nowhere"), "{}", ran.stderr);
}

#[test]
fn a_full_disk_leaves_the_old_file_whole() {
    let world = world();
    _ = offline(&world, &["worker.properties", "sink.properties"]).success();
    let before = world.read("distributed/distributed.properties");
    let mut worker = WORKER.to_owned();
    worker += "# ";
    worker += &"x".repeat(4096);
    worker += "\n";
    world.file("worker.properties", worker);
    // A file-size limit of 1 KiB stands for a full disk: the write fails half-way.
    let binary = crate::support::binary::connectctl();
    let script = format!(
        "ulimit -f 1; trap '' XFSZ; exec '{}' migrate worker.properties sink.properties --offline --yes",
        binary.display()
    );
    let ran = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(world.root())
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(
        said.contains("a file-size limit or quota is reached"),
        "{said}"
    );
    assert!(said.contains("hint: make room"), "{said}");
    assert_eq!(world.read("distributed/distributed.properties"), before);
    let left = names(&world.path("distributed"));
    assert!(
        !left.iter().any(|name| name.starts_with(".connectctl-")),
        "{left:?}"
    );
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_written() {
    let world = world();
    let ran = world
        .run([
            "migrate",
            "worker.properties",
            "sink.properties",
            "--offline",
        ])
        .code(5);
    assert!(
        ran.stderr
            .contains("there is no terminal to ask on: nothing was written"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hint: add --yes"), "{}", ran.stderr);
    assert!(!world.path("distributed").exists());
}

#[test]
fn kafka_that_is_down_is_told_within_the_deadline() {
    let world = world();
    let started = std::time::Instant::now();
    let ran = world
        .run([
            "migrate",
            "worker.properties",
            "sink.properties",
            "--source-stopped",
            "--yes",
            "--timeout",
            "5s",
        ])
        .code(1);
    assert!(started.elapsed().as_secs() < 15);
    assert!(ran.stderr.contains("127.0.0.1:1"), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("hint: --offline --dry-run shows without Kafka what becomes of the files\n"),
        "{}",
        ran.stderr
    );
    assert!(!world.path("distributed").exists());
}

#[test]
fn files_in_the_wrong_order_are_told_what_they_are() {
    let world = world();
    let order = "hint: the worker's file comes first, then the connectors': WORKER CONNECTOR...\n";
    let swapped = ["sink.properties", "worker.properties"];
    let what = "sink.properties: is a connector's file, not a worker's";
    refused(&world, &swapped, 1, &[what, order]);
    let twice = ["worker.properties", "worker.properties"];
    let what = "worker.properties: is a worker's file, not a connector's";
    refused(&world, &twice, 1, &[what, order]);
    world.file("sink.json", r#"{"name": "s", "config": {}}"#);
    let what = "sink.json: is a connector's file, not a worker's";
    refused(
        &world,
        &["sink.json", "worker.properties"],
        1,
        &[what, order],
    );
}

#[test]
fn an_id_that_no_finding_has_is_wrong_usage_and_a_name_that_none_has_is_told() {
    let world = world();
    let files = ["worker.properties", "source.properties", "--no-offsets"];
    let accepting = |what| [files.as_slice(), &["--accept", what]].concat();
    refused(
        &world,
        &accepting("P600"),
        2,
        &["no finding has the id P600"],
    );
    let source = [
        "worker.properties",
        "source.properties",
        "--accept",
        "p15,no-position:nobody",
    ];
    let other = SOURCE.replace("a-source", "b-source");
    world.file("source.properties", other);
    let ran = offline(&world, &source).code(5);
    assert!(
        ran.stderr.contains(
            "hint: --accept no-position:nobody accepts none of these: no-position is about b-source"
        ),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_dry_run_shows_and_a_second_run_has_nothing_to_do() {
    let world = world();
    let arguments = ["worker.properties", "source.properties"];
    let dry = world
        .run([
            "migrate",
            "worker.properties",
            "source.properties",
            "--offline",
            "--dry-run",
        ])
        .code(3);
    assert!(dry.stdout.contains("+group.id=a-source"), "{}", dry.stdout);
    assert!(!world.path("distributed").exists());
    _ = offline(&world, &arguments).success();
    let report = world.read("distributed/report.json");
    let again = offline(&world, &arguments).success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    assert_eq!(
        world.read("distributed/report.json"),
        report,
        "a no-op leaves the report alone"
    );
}

#[test]
fn ctrl_c_at_the_question_changes_nothing() {
    let world = world();
    let words = [
        "migrate",
        "worker.properties",
        "sink.properties",
        "--offline",
    ];
    let ran = world.run_pty(words, &[("Apply this plan?", "\x03")]);
    assert_eq!(ran.code, 130, "{}", ran.stdout);
    let said = ran
        .stdout
        .lines()
        .any(|line| line.contains("error:") && !line.contains("Apply"));
    assert!(said, "on a line of its own: {}", ran.stdout);
    assert!(ran.stdout.contains("nothing was changed"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("\x1b[?25l"), "the cursor is hidden");
    assert!(!world.path("distributed").exists());
}

#[test]
fn only_a_line_that_says_yes_is_a_yes_and_what_was_typed_before_the_question_is_none() {
    let world = world();
    let words = [
        "migrate",
        "worker.properties",
        "sink.properties",
        "--offline",
    ];
    let question = "Apply this plan?";
    let ran = world.run_pty(words, &[(question, "maybe\ny\n"), (question, "\n")]);
    assert_eq!(ran.code, 5, "{}", ran.stdout);
    assert!(ran.stdout.contains("y or n, please"), "{}", ran.stdout);
    let ran = world.run_pty(words, &[(question, "\x04")]);
    assert_eq!(ran.code, 5, "the input ends: {}", ran.stdout);
    assert!(!world.path("distributed").exists());
    let ran = world.run_pty(words, &[(question, "not yet\n"), (question, "Yes\n")]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
}

#[test]
fn the_answer_no_changes_nothing_and_yes_applies() {
    let world = world();
    let words = [
        "migrate",
        "worker.properties",
        "sink.properties",
        "--offline",
    ];
    let ran = world.run_pty(words, &[("Apply this plan?", "n\n")]);
    assert_eq!(ran.code, 5, "{}", ran.stdout);
    assert!(!world.path("distributed").exists());
    let ran = world.run_pty(words, &[("Apply this plan?", "y\n")]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(world.path("distributed/report.json").exists());
}

#[test]
fn an_edited_output_file_is_kept_beside_the_new_one() {
    let world = world();
    let arguments = ["worker.properties", "sink.properties"];
    _ = offline(&world, &arguments).success();
    world.file("distributed/distributed.properties", "edited=by hand\n");
    let ran = offline(&world, &arguments).success();
    assert!(ran.stderr.contains("the old one is"), "{}", ran.stderr);
    let kept: Vec<_> = names(&world.path("distributed"))
        .into_iter()
        .filter(|name| name.starts_with("distributed.properties.bak-"))
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(
        world.read(format!("distributed/{}", kept[0])),
        "edited=by hand\n"
    );
}

/// Every key that holds a credential, with a value that must not be seen anywhere but in the written files.
#[test]
fn secrets_are_seen_nowhere_but_in_files_of_the_owner() {
    const CANARY: &str = "canary-7f3a";
    let world = world();
    let mut worker = WORKER.to_owned();
    for key in [
        "ssl.keystore.password",
        "ssl.key.password",
        "ssl.truststore.password",
        "sasl.jaas.config",
        "producer.sasl.jaas.config",
        "consumer.ssl.keystore.key",
        "admin.ssl.key.password",
        "sasl.oauthbearer.client.credentials.client.secret",
        "my.api.token",
    ] {
        worker += &[key, "=", CANARY, "\n"].concat();
    }
    worker += &["# old.password=", CANARY, "\n"].concat();
    world.file("worker.properties", worker);
    world.file(
        "sink.properties",
        format!("{SINK}connection.password={CANARY}\nconnection.url=jdbc:x://user:{CANARY}@host/db\ncredential.secret.key={CANARY}\n"),
    );
    let set = format!("producer.ssl.key.password={CANARY}");
    let user = format!("me:{CANARY}");
    let mut seen = String::new();
    for more in [
        &["--dry-run"][..],
        &["--dry-run", "-o", "json"],
        &["--yes"],
        &["--yes", "-o", "json"],
    ] {
        let words = [
            "migrate",
            "worker.properties",
            "sink.properties",
            "--offline",
            "-vv",
            "--set",
            &set,
            "--user",
            &user,
        ];
        let ran = world.run(words.iter().chain(more));
        assert!(matches!(ran.code, 0 | 3), "{}", ran.stderr);
        seen += &ran.stdout;
        seen += &ran.stderr;
    }
    seen += &world.read("distributed/report.json");
    seen += &names(&world.path("distributed")).join(" ");
    let shown: Vec<_> = seen.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(shown.is_empty(), "{shown:#?}");
    for file in [
        "distributed/distributed.properties",
        "distributed/connectors/a-sink.json",
    ] {
        assert!(world.read(file).contains(CANARY), "{file} is usable");
        let mode = fs::metadata(world.path(file))
            .expect("written")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}
