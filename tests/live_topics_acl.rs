//! `connectctl topics` as principals that may not do everything: what is said names who, what and the command, and the
//! command works when it is typed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Duration;

use crate::live_security::{PLAIN_PASSWORD, fixture};
use crate::support::world::World;
use crate::support::{maven, require_kafka, small, wait};

const FLAGS: [&str; 2] = ["--worker-config", "worker.properties"];

fn login(user: &str, password: &str) -> String {
    format!(
        "bootstrap.servers={}\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
         sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"{user}\" password=\"{password}\";\n",
        fixture().kafka.listener("LOGIN")
    )
}

/// A world with the worker file of a user, topics named after the user, and `kafka-acls.sh` for the administrator alice.
fn world(user: &str, password: &str) -> World {
    let world = World::new();
    let topics = ["config", "offset", "status"].map(|role| {
        format!("{role}.storage.topic=acl-{user}-{role}\n{role}.storage.replication.factor=1\n")
    });
    let worker = login(user, password) + &topics.concat();
    world.file("worker.properties", worker);
    administrator(&world, &login("alice", PLAIN_PASSWORD));
    world
}

/// Gives the world what an administrator has: `ADMIN.properties` and `kafka-acls.sh`.
pub(crate) fn administrator(world: &World, login: &str) {
    world.file("ADMIN.properties", login);
    let script = world.file(
        "bin/kafka-acls.sh",
        format!(
            "#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -Xmx128m -cp '{}' org.apache.kafka.tools.AclCommand \"$@\"\n",
            maven::class_path(maven::KAFKA)
        ),
    );
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).expect("chmod");
}

/// Types a command as the administrator would.
#[track_caller]
pub(crate) fn typed(world: &World, command: &str) {
    let path = std::env::var("PATH").expect("a path");
    let ran = Command::new("sh")
        .args(["-c", command])
        .current_dir(world.root())
        .env("PATH", format!("{}:{path}", world.path("bin").display()))
        .output()
        .expect("sh starts");
    assert!(ran.status.success(), "{command}: {ran:?}");
}

fn allowed(world: &World, user: &str, operations: &[&str]) {
    let operations: Vec<String> = operations
        .iter()
        .map(|o| format!(" --operation {o}"))
        .collect();
    let topics = ["config", "offset", "status"].map(|role| format!(" --topic acl-{user}-{role}"));
    let command = format!(
        "kafka-acls.sh --bootstrap-server {} --command-config ADMIN.properties --add --allow-principal User:{user}{}{}",
        fixture().kafka.listener("LOGIN"),
        operations.concat(),
        topics.concat()
    );
    typed(world, &command);
}

/// Returns stderr once the run ends with `code`: brokers learn of ACLs a moment after they are made.
#[track_caller]
fn comes_to(world: &World, arguments: &[&str], code: i32) -> String {
    let run = || world.run(["topics"].iter().chain(arguments).chain(&FLAGS));
    let mut last = run();
    // When time is up, the code below says what came instead.
    let _in_time = wait::until(Duration::from_secs(20), || {
        last = run();
        last.code == code
    });
    without_port(&last.code(code).stderr)
}

fn without_port(text: &str) -> String {
    text.replace(&fixture().kafka.listener("LOGIN"), "HOST:PORT")
}

#[test]
fn the_command_that_is_printed_for_a_missing_permission_grants_it() {
    require_kafka!();
    let world = world("carol", "carol");
    let refused = world.run(["topics", "create"].iter().chain(&FLAGS)).code(1);
    let hidden = |role: &str| {
        format!(
            "{role} topic acl-carol-{role}: cannot be created: Metadata for topic acl-carol-{role} as User:carol was answered with TOPIC_AUTHORIZATION_FAILED (29)\n"
        )
    };
    let all = ["config", "offset", "status"].map(hidden).concat();
    assert_eq!(refused.stdout, all);
    assert_eq!(
        without_port(&refused.stderr),
        "error: the storage topics were not all created\n\
         hint: User:carol lacks Describe on topic acl-carol-config, Describe on topic acl-carol-offset, Describe on topic acl-carol-status; an administrator types: \
         kafka-acls.sh --bootstrap-server HOST:PORT --command-config ADMIN.properties --add --allow-principal User:carol \
         --operation Describe --operation Create --operation DescribeConfigs --operation Read --operation Write \
         --topic acl-carol-config --topic acl-carol-offset --topic acl-carol-status\n"
    );
    let check = comes_to(&world, &["check"], 1);
    assert!(
        check.contains("hint: User:carol lacks Describe on topic acl-carol-config")
            && check.contains("--operation Describe --operation DescribeConfigs --topic"),
        "{check}"
    );
    let (_, command) = refused
        .stderr
        .split_once("an administrator types: ")
        .expect("the command");
    typed(&world, command.trim());
    _ = comes_to(&world, &["create"], 0);
    _ = comes_to(&world, &["check"], 0);
    let again = world.run(["topics", "create", "-o", "json"].iter().chain(&FLAGS));
    assert_eq!(again.success().json()[2]["state"], "right");
}

#[test]
fn who_may_look_and_not_create_lacks_create() {
    require_kafka!();
    let world = world("dave", "dave");
    allowed(&world, "dave", &["Describe"]);
    _ = comes_to(&world, &["check"], 3);
    let dry = world
        .run(["topics", "create", "--dry-run"].iter().chain(&FLAGS))
        .code(1);
    assert!(
        dry.stdout.starts_with(
            "config topic acl-dave-config: cannot be created: CreateTopics for topic acl-dave-config as User:dave was answered with TOPIC_AUTHORIZATION_FAILED (29)"
        ),
        "{}",
        dry.stdout
    );
    assert!(
        dry.stderr
            .contains("hint: User:dave lacks Create on topic acl-dave-config, Create on"),
        "{}",
        dry.stderr
    );
}

#[test]
fn settings_that_may_not_be_read_or_changed_are_not_called_right() {
    require_kafka!();
    let world = world("erin", "erin");
    let mut admin = world.read("worker.properties");
    admin = admin.replace(&login("erin", "erin"), &login("alice", PLAIN_PASSWORD));
    world.file("alice.properties", admin);
    _ = world
        .run(["topics", "create", "--worker-config", "alice.properties"])
        .success();
    allowed(&world, "erin", &["Describe"]);
    // "May not be read" is 1, as "may not be looked at" is: wait for the first by its words.
    let mut said = String::new();
    let in_time = wait::until(Duration::from_secs(20), || {
        said = comes_to(&world, &["check"], 1);
        said.contains("User:erin lacks DescribeConfigs on topic acl-erin-config")
    });
    assert!(in_time, "{said}");
    let created = world.run(["topics", "create", "-o", "json"].iter().chain(&FLAGS));
    assert_eq!(created.success().json()[0]["state"], "unknown");
    migrated_unread(&world);
    allowed(&world, "erin", &["DescribeConfigs"]);
    _ = comes_to(&world, &["check"], 0);
    // `repair` needs one more permission.
    typed(
        &world,
        &format!(
            "exec java -XX:TieredStopAtLevel=1 -Xmx128m -cp '{}' kafka.admin.ConfigCommand \
             --bootstrap-server {} --command-config ADMIN.properties --alter --topic acl-erin-config --add-config cleanup.policy=delete",
            maven::class_path(maven::KAFKA),
            fixture().kafka.listener("LOGIN")
        ),
    );
    _ = comes_to(&world, &["check"], 3);
    let repair = comes_to(&world, &["repair", "--yes"], 1);
    assert!(
        repair.contains("error: IncrementalAlterConfigs for topic acl-erin-config as User:erin was answered with TOPIC_AUTHORIZATION_FAILED (29)")
            && repair.contains("hint: User:erin lacks AlterConfigs on topic acl-erin-config; an administrator types: kafka-acls.sh"),
        "{repair}"
    );
}

/// `migrate` onto these topics says neither that they are right nor that they are wrong.
fn migrated_unread(world: &World) {
    allowed(world, "erin", &["Read"]);
    typed(
        world,
        &format!(
            "kafka-acls.sh --bootstrap-server {} --command-config ADMIN.properties --add --allow-principal User:erin --operation Describe --group '*'",
            fixture().kafka.listener("LOGIN")
        ),
    );
    let standalone = "key.converter=K\nvalue.converter=V\noffset.storage.file.filename=none\nlisteners=http://127.0.0.1:1\n";
    world.file("standalone.properties", login("erin", "erin") + standalone);
    world.file("sink.properties", small::SINK);
    let topics = ["config", "offset", "status"]
        .map(|role| [format!("--{role}-topic"), format!("acl-erin-{role}")])
        .concat();
    let words = [
        "migrate",
        "standalone.properties",
        "sink.properties",
        "--group-id",
        "acl-erin",
        "--verify",
        "none",
        "--source-stopped",
        "--yes",
        "--accept",
        "P32",
    ];
    let words: Vec<&str> = words
        .into_iter()
        .chain(topics.iter().map(String::as_str))
        .collect();
    let mut ran = world.run(&words);
    let _in_time = wait::until(Duration::from_secs(20), || {
        ran = world.run(&words);
        ran.code == 0
    });
    let ran = ran.success();
    for said in [
        "exists, its settings may not be read",
        "topic-settings-hidden",
        "storage topics right: not known (the settings of acl-erin-config may not be read; ",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {ran:#?}");
    }
}

#[test]
fn a_wrong_password_is_told_by_every_verb_and_not_shown() {
    require_kafka!();
    let world = world("bob", "canary-wrong");
    for verb in ["create", "check", "describe", "repair"] {
        let ran = world.run(["topics", verb].iter().chain(&FLAGS)).code(1);
        assert_eq!(ran.stdout, "", "{verb}");
        assert_eq!(
            without_port(&ran.stderr),
            "error: HOST:PORT refused the login with PLAIN: Authentication failed: Invalid username or password\n\
             hint: check the user name, the password and sasl.mechanism in the client properties\n",
            "{verb}"
        );
    }
}
