//! `connectctl doctor` as a principal that lacks something: each missing permission is named, and the command that is
//! printed for it, typed through Kafka's own AclCommand, mends it.

use std::time::Duration;

use crate::live_security::{SCRAM_PASSWORD, fixture};
use crate::live_topics_acl::{administrator, typed};
use crate::support::certificates::STORE_PASSWORD;
use crate::support::world::{Ran, World};
use crate::support::{java, require_kafka, wait};

/// How long brokers may take to learn of an ACL.
const SPREAD: Duration = Duration::from_secs(20);

/// How somebody logs in over SASL_SSL; the prefix is that of a client.
pub(crate) fn login(prefix: &str, user: &str, password: &str) -> String {
    let jaas = format!(
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"{user}\" password=\"{password}\";"
    );
    let store = fixture().certificates.path("ca.p12");
    [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", &jaas),
        ("ssl.truststore.type", "PKCS12"),
        ("ssl.truststore.location", &store),
        ("ssl.truststore.password", STORE_PASSWORD),
    ]
    .map(|(key, value)| format!("{prefix}{key}={value}\n"))
    .concat()
}

/// A worker file of frank, whom nobody has allowed anything.
fn worker(group: &str, password: &str) -> String {
    let topics = ["config", "offset", "status"].map(|role| {
        format!("{role}.storage.topic={group}-{role}\n{role}.storage.replication.factor=1\n")
    });
    let logins = ["", "producer.", "consumer."].map(|prefix| login(prefix, "frank", password));
    format!(
        "bootstrap.servers={}\ngroup.id={group}\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n{}{}",
        fixture().kafka.listener("LOGINTLS"),
        topics.concat(),
        logins.concat(),
    )
}

fn world(group: &str) -> World {
    let world = World::new();
    world.file("worker.properties", worker(group, "frank"));
    administrator(&world, &login("", "alice", SCRAM_PASSWORD));
    world
}

fn doctor(world: &World) -> Ran {
    world.run(["doctor", "--worker-config", "worker.properties"])
}

/// Runs the doctor until it says so: brokers learn of ACLs a moment after they are made.
#[track_caller]
fn comes_to(world: &World, code: i32, said: &str) -> Ran {
    let mut last = doctor(world);
    let _in_time = wait::until(SPREAD, || {
        last = doctor(world);
        last.code == code && last.stdout.contains(said)
    });
    assert!(
        last.stdout.contains(said),
        "no {said:?} in\n{}",
        last.stdout
    );
    last.code(code)
}

/// Types the commands that are printed last, for all that is lacking.
fn mend_everything(world: &World, ran: &Ran) {
    const HEAD: &str = "Everything that is lacking is granted by:\n";
    let (_, commands) = ran.stdout.split_once(HEAD).expect("commands");
    let commands: Vec<_> = commands.lines().map(str::trim).collect();
    typed(world, &commands.join(" && "));
}

/// Types what was printed for what is lacking, and waits until it is lacking no more.
#[track_caller]
fn mend(world: &World, ran: &Ran, lacking: &str) {
    let line = ran.stdout.lines().find(|line| line.contains(lacking));
    let line = line.unwrap_or_else(|| panic!("no {lacking:?} in\n{}", ran.stdout));
    let (_, command) = line
        .split_once("an administrator types: ")
        .expect("a command");
    typed(world, command);
    let mended = wait::until(SPREAD, || !doctor(world).stdout.contains(lacking));
    assert!(
        mended,
        "{command}\ndid not mend it:\n{}",
        doctor(world).stdout
    );
}

/// What an administrator does for, or to, frank: `add` or `remove`, then `OPERATION:RESOURCE:PATTERN:NAME` each.
pub(crate) fn acls(verb: &str, acls: &[String]) {
    const ADMIN: &str = r#"
import java.util.*;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.resource.*;

public class Acls {
    public static void main(String[] args) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            List<AclBinding> bindings = new ArrayList<>();
            for (String arg : Arrays.asList(args).subList(2, args.length)) {
                String[] parts = arg.split(":");
                bindings.add(new AclBinding(
                    new ResourcePattern(ResourceType.valueOf(parts[1]), parts[3], PatternType.valueOf(parts[2])),
                    new AccessControlEntry("User:frank", "*", AclOperation.valueOf(parts[0]), AclPermissionType.ALLOW)));
            }
            if (args[1].equals("add")) {
                admin.createAcls(bindings).all().get();
            } else if (admin.deleteAcls(bindings.stream().map(AclBinding::toFilter).toList()).all().get().size() != bindings.size()) {
                throw new IllegalStateException("not all were there");
            }
        }
    }
}
"#;
    let bootstrap = fixture().kafka.bootstrap();
    let mut words = vec![bootstrap.as_str(), verb];
    words.extend(acls.iter().map(String::as_str));
    _ = java::run(ADMIN, &words, b"").success();
}

#[test]
fn from_no_permission_at_all_the_printed_commands_lead_to_a_worker() {
    require_kafka!();
    let world = world("frank-none");
    let ran = doctor(&world).code(4);
    for said in [
        "cluster: kept in ",
        " as User:frank)\n",
        "config topic: BROKEN in ",
        "(Metadata for topic frank-none-config as User:frank was answered with TOPIC_AUTHORIZATION_FAILED (29))\n  \
         User:frank lacks Describe on topic frank-none-config; an administrator types: kafka-acls.sh ",
        "(Read on topic frank-none-config, Read on topic frank-none-offset, Read on topic frank-none-status is not allowed)",
        "group: BROKEN in ",
        "(Read on group frank-none is not allowed)\n  User:frank lacks Read on group frank-none; an administrator types: ",
        "round: not known in ",
        "; a prefixed ACL on frank-none allows it)",
        "producers: kept in 0 ms (the login of the worker itself)\n",
    ] {
        assert!(ran.stdout.contains(said), "no {said:?} in\n{}", ran.stdout);
    }
    assert!(
        ran.stderr.starts_with(
            "error: no Connect worker can do its work as this principal, from here: 6 of"
        ),
        "{}",
        ran.stderr
    );
    mend_everything(&world, &ran);
    let healthy = comes_to(&world, 0, "a worker may create it when it starts");
    assert!(
        !healthy.stdout.contains("kafka-acls.sh"),
        "{}",
        healthy.stdout
    );
    // With a prefixed ACL the round is tried.
    acls("add", &["READ:GROUP:PREFIXED:frank-none".to_owned()]);
    _ = comes_to(&world, 0, "round: kept in ");
}

#[test]
fn every_permission_that_is_taken_away_is_named_and_given_back_by_the_printed_command() {
    require_kafka!();
    let group = "frank-all";
    let world = world(group);
    let on_topic =
        |operation: &str, role: &str| format!("{operation}:TOPIC:LITERAL:{group}-{role}");
    let mut all = vec![format!("READ:GROUP:LITERAL:{group}")];
    for role in ["config", "offset", "status"] {
        all.extend(["DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE"].map(|o| on_topic(o, role)));
    }
    acls("add", &all);

    // Topics that are missing and may not be made.
    let ran = comes_to(&world, 4, &format!("lacks Create on topic {group}-config;"));
    assert!(
        ran.stdout.contains("config topic: BROKEN in ")
            && ran.stdout.contains("is not there and cannot be created"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("to make it now: connectctl topics create --worker-config worker.properties"),
        "{}",
        ran.stdout
    );
    mend_everything(&world, &ran);
    _ = comes_to(&world, 0, "a worker may create it when it starts");
    _ = world
        .run(["topics", "create", "--worker-config", "worker.properties"])
        .success();
    _ = comes_to(&world, 0, "writing: kept");

    acls(
        "remove",
        &[
            on_topic("READ", "offset"),
            on_topic("WRITE", "status"),
            on_topic("DESCRIBE_CONFIGS", "config"),
            format!("READ:GROUP:LITERAL:{group}"),
        ],
    );
    let lacking = [
        (
            "reading: BROKEN",
            format!("lacks Read on topic {group}-offset;"),
        ),
        (
            "writing: BROKEN",
            format!("lacks Write on topic {group}-status;"),
        ),
        ("group: BROKEN", format!("lacks Read on group {group};")),
        // It stops no worker.
        (
            "config topic: not known",
            format!("lacks DescribeConfigs on topic {group}-config;"),
        ),
    ];
    let mut ran = doctor(&world);
    let in_time = wait::until(SPREAD, || {
        ran = doctor(&world);
        let told = |(check, lacking): &(&str, String)| {
            ran.stdout.contains(check) && ran.stdout.contains(lacking)
        };
        lacking.iter().all(told)
    });
    assert!(in_time, "{}", ran.stdout);
    mend_everything(&world, &ran);
    _ = comes_to(&world, 0, "config topic: kept");

    // Exactly-once support needs transactional ids; a sink that is registered, its group.
    let file = worker(group, "frank") + "exactly.once.source.support=enabled\n";
    world.file("worker.properties", file);
    let plain = fixture().kafka.bootstrap();
    let register = |name: &str, class: &str| {
        let key = format!("connector-{name}");
        let value = format!(
            r#"{{"properties":{{"name":"{name}","connector.class":"{class}","topics":"t"}}}}"#
        );
        java::produce(
            &plain,
            &format!("{group}-config"),
            0,
            key.as_bytes(),
            Some(value.as_bytes()),
        );
    };
    register("a sink", "FileStreamSink");
    register("a-source", "FileStreamSource");
    let ran = comes_to(&world, 4, "transactional ids: BROKEN");
    let ids = format!(
        "lacks Write on transactional id connect-cluster-{group}, Write on transactional id {group}-a-source-0;"
    );
    mend(&world, &ran, &ids);
    mend(&world, &ran, "lacks Read on group connect-a sink;");
    let healthy = comes_to(&world, 0, "sink groups: kept");
    assert!(
        healthy.stdout.contains(&format!(
            "connect-cluster-{group}, {group}-a-source-0 may be written"
        )),
        "{}",
        healthy.stdout
    );
}

#[test]
fn a_wrong_password_and_a_client_without_a_login_are_told_and_not_shown() {
    require_kafka!();
    let world = world("frank-wrong");
    world.file("worker.properties", worker("frank-wrong", "canary-wrong"));
    let ran = doctor(&world).code(4);
    assert!(
        ran.stdout.contains("refused the login with SCRAM-SHA-512"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("  Check the user name, the password and sasl.mechanism"),
        "{}",
        ran.stdout
    );
    assert!(
        !format!("{}{}", ran.stdout, ran.stderr).contains("canary"),
        "{}",
        ran.stdout
    );

    let own = login("consumer.", "frank", "frank");
    world.file(
        "worker.properties",
        worker("frank-wrong", "frank").replace(&own, ""),
    );
    let ran = doctor(&world).code(4);
    assert!(
        ran.stdout.contains(
            "  Only settings that begin with consumer. reach these clients: repeat security.protocol and the login with it.\n"
        ),
        "{}",
        ran.stdout
    );
}
