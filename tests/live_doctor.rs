//! `connectctl doctor` beside real workers: what it says of a cluster, and that no worker notices it.

use std::collections::BTreeSet;
use std::time::Duration;

use connectctl::protocol::errors::{COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE};
use serde_json::{Value, json};

use crate::cli_documents::doctor_as_documented;
use crate::live_kafka::connect;
use crate::support::connect::{Distributed, Worker};
use crate::support::proxy::{Hold, Proxy};
use crate::support::run::Run;
use crate::support::world::World;
use crate::support::{java, kafka, ports, require_kafka, rest, wait};

const PROBE: &str = "connectctl-doctor";

/// The entry of a check in the document of `-o json`.
#[track_caller]
fn check<'a>(document: &'a Value, name: &str) -> &'a Value {
    let checks = document["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {document:#}"))
}

/// The records of a topic as Kafka's own consumer reads them: keys, and whether they are tombstones.
fn records(topic: &str) -> Vec<(String, bool)> {
    java::read_topic(&kafka::shared().bootstrap(), topic)
        .into_iter()
        .map(|record| {
            let key = String::from_utf8(record.key.expect("a key")).expect("UTF-8");
            (key, record.value.is_none())
        })
        .collect()
}

/// Groups with members whose names start so.
fn groups_in_use(prefix: &str) -> Vec<String> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let listing = runtime.block_on(async {
        let cluster = connect(&kafka::shared().bootstrap()).await;
        cluster.list_groups().await.expect("the broker serves")
    });
    let groups = listing.groups.into_iter();
    groups
        .filter(|(id, group)| id.starts_with(prefix) && !matches!(&*group.state, "Empty" | "Dead"))
        .map(|(id, _)| id)
        .collect()
}

/// Rounds of the group that a worker has begun.
fn rounds(worker: &Worker) -> usize {
    worker.log().matches("Rebalance started").count()
}

#[track_caller]
fn expect_no_word_of_the_doctor(worker: &Worker) {
    let log = worker.log();
    let bad: Vec<_> = log
        .lines()
        .filter(|line| {
            line.contains(" ERROR ") || line.contains(PROBE) || line.contains("Discarding")
        })
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn a_healthy_cluster_is_called_healthy_and_no_worker_notices_that_it_was_asked() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let file = Distributed::file(world.root(), &bootstrap, "doctor-plain", &[]);
    let doctor = ["doctor", "--worker-config", "distributed.properties"];
    let json = [&doctor[..], &["-o", "json"]].concat();

    // Nothing is there yet, and nothing is made.
    let fresh = world.run(doctor).success();
    assert!(
        fresh.stdout.contains(
            " (_doctor-plain.config is not there yet; a worker may create it when it starts)\n  \
             to make it now: connectctl topics create --worker-config distributed.properties\n"
        ),
        "{}",
        fresh.stdout
    );
    let topics = [
        "topics",
        "check",
        "--worker-config",
        "distributed.properties",
    ];
    _ = world.run(topics).code(3);

    _ = world
        .run([
            "topics",
            "create",
            "--worker-config",
            "distributed.properties",
        ])
        .success();
    let found = world.run(&json).success().json();
    doctor_as_documented(&found);
    assert_eq!(found["healthy"], true);
    assert_eq!(found["group"], "doctor-plain");
    assert_eq!(found["principal"], "User:ANONYMOUS");
    for (name, verdict, detail) in [
        ("worker settings", "kept", "a worker starts with them"),
        ("brokers", "kept", "1 reached at "),
        ("config topic", "kept", "_doctor-plain.config is right"),
        ("offset topic", "kept", "_doctor-plain.offset is right"),
        ("status topic", "kept", "_doctor-plain.status is right"),
        (
            "reading",
            "kept",
            "0 config records, 0 offset records, 0 status records read",
        ),
        ("writing", "kept", "3 probe records acknowledged"),
        (
            "group",
            "kept",
            "doctor-plain may be joined; nobody is in it",
        ),
        ("round", "kept", "joined, led and left"),
        ("producers", "kept", "the login of the worker itself"),
        ("consumers", "kept", "the login of the worker itself"),
        ("admin clients", "kept", "the login of the worker itself"),
        ("sink groups", "kept", "no sink is registered"),
        (
            "advertised address",
            "not-known",
            "is not reachable from here",
        ),
    ] {
        let check = check(&found, name);
        assert_eq!(check["verdict"], verdict, "{check}");
        assert!(
            check["detail"].as_str().is_some_and(|d| d.contains(detail)),
            "{check}"
        );
        assert!(check["ms"].is_u64() || name == "worker settings", "{check}");
    }
    _ = world.run(doctor).success();
    // Asking leaves tombstones of what never was, and only asking whether one may write leaves nothing more.
    let mut probes = Vec::new();
    for (role, key) in [
        ("config", "target-state-connectctl-doctor"),
        ("offset", "[\"connectctl-doctor\",{}]"),
        ("status", "status-connector-connectctl-doctor"),
    ] {
        probes.push(key.to_owned());
        let tombstone = (key.to_owned(), true);
        let topic = format!("_doctor-plain.{role}");
        assert_eq!(records(&topic), [tombstone.clone(), tombstone]);
    }
    let listing = ["offsets", "show", "-o", "json", "--worker-config"];
    let listing = [&listing[..], &["distributed.properties"]].concat();
    assert_eq!(world.run(&listing).success().json(), json!([]));
    let unwritten = world.run([&doctor[..], &["--no-write"]].concat()).success();
    assert!(
        unwritten
            .stdout
            .contains("it is allowed; nothing was written"),
        "{}",
        unwritten.stdout
    );
    assert_eq!(records("_doctor-plain.config").len(), 2);

    // A worker starts on what was left, and is asked again while it works.
    let worker = Distributed::start(&file);
    let sink = json!({"name": "doctor-plain-sink", "config": {
        "connector.class": "FileStreamSink", "topics": "doctor-plain-lines", "tasks.max": "1",
        "file": world.path("out.txt"),
    }});
    java::produce(&bootstrap, "doctor-plain-lines", 0, b"k", Some(b"line"));
    rest::post(&format!("{}/connectors", worker.url), Some(&sink)).success();
    worker.wait_running("doctor-plain-sink");
    let (before, written) = (rounds(&worker), records("_doctor-plain.config").len());
    let found = world.run(&json).success().json();
    for (name, detail) in [
        ("group", "doctor-plain may be joined; 1 worker is in it"),
        ("sink groups", "connect-doctor-plain-sink may be joined"),
        ("advertised address", "proven: a worker answers at "),
    ] {
        let check = check(&found, name);
        assert_eq!(check["verdict"], "kept", "{check}");
        assert!(
            check["detail"].as_str().is_some_and(|d| d.contains(detail)),
            "{check}"
        );
    }
    let after: BTreeSet<_> = records("_doctor-plain.config").into_iter().collect();
    assert!(after.contains(&(probes[0].clone(), true)));
    assert_eq!(records("_doctor-plain.config").len(), written + 1);
    worker.wait_running("doctor-plain-sink");
    assert_eq!(
        rounds(&worker),
        before,
        "the worker's group went through a round"
    );
    expect_no_word_of_the_doctor(&worker);
    assert_eq!(groups_in_use("doctor-plain-"), Vec::<String>::new());
}

#[test]
fn killed_in_the_scratch_group_it_leaves_nothing_that_a_worker_of_the_real_one_meets() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let world = World::new();
    let settings = [
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "1500"),
    ];
    let file = Distributed::file(world.root(), &proxy.bootstrap(), "doctor-killed", &settings);
    let doctor = ["doctor", "--worker-config", "distributed.properties"].map(str::to_owned);
    proxy.hold_at(
        kafka_protocol::messages::ApiKey::SyncGroup,
        1,
        Hold::Response,
    );
    let mut run = Run::start(&world, &doctor);
    run.until_held(&proxy);
    assert_eq!(groups_in_use("doctor-killed").len(), 1, "the scratch group");
    run.kill();
    proxy.forget();
    let again = world.run(&doctor).success();
    assert!(
        again
            .stdout
            .contains("doctor-killed may be joined; nobody is in it"),
        "{}",
        again.stdout
    );
    let gone = wait::until(Duration::from_secs(30), || {
        groups_in_use("doctor-killed").is_empty()
    });
    assert!(gone, "{:?}", groups_in_use("doctor-killed"));
    drop(file);
}

#[test]
fn a_coordinator_that_takes_nobody_yet_is_told_with_what_it_answers() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let world = World::new();
    let file = Distributed::file(world.root(), &proxy.bootstrap(), "doctor-joins", &[]);
    let doctor = ["doctor", "--worker-config"];
    let doctor = [&doctor[..], &["distributed.properties", "--timeout", "3s"]].concat();
    for (code, name) in [
        (COORDINATOR_LOAD_IN_PROGRESS, "LOAD_IN_PROGRESS (14)"),
        (COORDINATOR_NOT_AVAILABLE, "NOT_AVAILABLE (15)"),
    ] {
        proxy.refuse_joins(code);
        let ran = world.run(&doctor).code(4);
        let said = "no round within 3000 ms: JoinGroup for group doctor-joins-connectctl-doctor-";
        assert!(ran.stdout.contains(said), "{}", ran.stdout);
        let said = format!("was answered with COORDINATOR_{name}");
        assert!(ran.stdout.contains(&said), "{}", ran.stdout);
    }
    drop(file);
}

#[test]
fn what_no_worker_can_live_with_is_told_with_what_to_do() {
    require_kafka!();
    let world = World::new();
    let bootstrap = kafka::shared().bootstrap();
    let file = |name: &str, change: &dyn Fn(String) -> String| {
        let path = Distributed::file(world.root(), &bootstrap, "doctor-wrong", &[]);
        let text = std::fs::read_to_string(path).expect("it was written");
        world.file(name, change(text));
    };
    let doctor = |name: &'static str| ["doctor", "--timeout", "5s", "--worker-config", name];

    // Files that are none to begin with.
    file("standalone.properties", &|_| {
        "bootstrap.servers=b:1\noffset.storage.file.filename=/tmp/o\n".to_owned()
    });
    let ran = world.run(doctor("standalone.properties")).code(1);
    assert!(
        ran.stderr
            .contains("this is the file of a standalone worker; connectctl migrate"),
        "{}",
        ran.stderr
    );
    file("no-group.properties", &|text| {
        text.replace("group.id=", "not.group.id=")
    });
    let ran = world.run(doctor("no-group.properties")).code(1);
    assert!(ran.stderr.contains("group.id is not set"), "{}", ran.stderr);
    let ran = world.run(doctor("none.properties")).code(1);
    assert_eq!(ran.stdout, "");
    _ = world.run(["doctor"]).code(2);

    // A closed port: nothing else can be known.
    let closed = format!("127.0.0.1:{}", ports::free());
    file("closed.properties", &|text| {
        text.replace(&bootstrap, &closed)
    });
    let json = [&doctor("closed.properties")[..], &["-o", "json"]].concat();
    let told = world.run(json).code(4).json();
    doctor_as_documented(&told);
    let next = &check(&told, "cluster")["next"];
    assert!(
        next.as_array().is_some_and(|next| !next.is_empty()),
        "{told}"
    );
    let ran = world.run(doctor("closed.properties")).code(4);
    assert!(
        ran.stdout
            .contains(&format!("{closed} refused the connection")),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("  Check that Kafka is running and listens on this port.\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("round: not known (the cluster was not reached)\n"),
        "{}",
        ran.stdout
    );

    // Settings with which a worker does not start, and a session that the broker does not grant.
    file("settings.properties", &|text| {
        text.replace("key.converter=", "no.converter=")
            + "session.timeout.ms=3600000\nheartbeat.interval.ms=1000\n"
    });
    let ran = world.run(doctor("settings.properties")).code(4);
    assert!(
        ran.stdout.contains(
            "worker settings: BROKEN (key.converter is missing: no worker starts without)"
        ),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("the broker answers JoinGroup with INVALID_SESSION_TIMEOUT (26)"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("2 of 15 checks broken"),
        "{}",
        ran.stderr
    );

    // Consumers that do not speak the listener's language.
    file("consumers.properties", &|text| {
        text + "consumer.security.protocol=SSL\n"
    });
    let ran = world.run(doctor("consumers.properties")).code(4);
    assert!(
        ran.stdout.contains("consumers: BROKEN in "),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("with consumer.*: "), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("sink groups: not known "),
        "{}",
        ran.stdout
    );

    // Topics that exist and are wrong.
    file("right.properties", &|text| text);
    _ = world
        .run(["topics", "create", "--worker-config", "right.properties"])
        .success();
    file("wrong.properties", &|text| {
        // The offset topic has 25 partitions.
        text.replace(
            "config.storage.topic=_doctor-wrong.config",
            "config.storage.topic=_doctor-wrong.offset",
        )
        .replace(
            "offset.storage.topic=_doctor-wrong.offset\noffset",
            "offset.storage.topic=_doctor-wrong.config\noffset",
        )
    });
    let ran = world.run(doctor("wrong.properties")).code(4);
    assert!(
        ran.stdout
            .contains("the config topic has 25 partitions, a worker accepts only 1"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("name a new topic with config.storage.topic"),
        "{}",
        ran.stdout
    );
}
