//! `migrate --verify run`: the connectors at work in the process of `migrate`, between a standalone and a distributed JVM.

use std::fs;
use std::time::Duration;

use connectctl::io::kafka::offsets::OffsetSpec;
use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::ConfigState;

use crate::live_control::promise;
use crate::live_control_interrupted::group;
use crate::live_doctor_acl::acls;
use crate::live_kafka::connect;
use crate::live_security::fixture;
use crate::support::moving::Moving;
use crate::support::native_worker::NativeWorker;
use crate::support::proxy::Proxy;
use crate::support::run::Run;
use crate::support::{java, kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

const RUN: [&str; 4] = ["--source-stopped", "--yes", "--verify", "run"];
const RAN: &str = "connectors ran in this process";

#[test]
fn lines_that_are_moved_while_it_verifies_are_moved_once_between_a_standalone_and_a_distributed_jvm()
 {
    require_kafka!();
    let mut moving = Moving::run("verify-run", &kafka::shared().bootstrap());
    moving.append(10);
    let mut unaccepted = moving.arguments(&RUN);
    let at = unaccepted.iter().position(|word| word == "--accept");
    unaccepted.drain(at.expect("it is accepted")..=at.expect("it is") + 1);
    let refused = moving.world.run(&unaccepted).code(5);
    assert!(
        refused
            .stderr
            .contains("--verify run would use what this host has"),
        "{}",
        refused.stderr
    );
    assert!(!moving.out().exists());

    let ran = moving.migrate(&RUN).success();
    assert!(
        ran.stdout.contains("RUNS them in this process"),
        "{}",
        ran.stdout
    );
    moving.expect_lines();
    assert_eq!(promise(&moving, RAN)["verdict"], "kept");
    let positions = promise(&moving, "offsets byte for byte in the topic");
    let detail = positions["detail"].as_str().expect("text");
    assert!(
        detail.contains("verify-run-source from {\"position\":"),
        "{positions}"
    );
    let groups = promise(&moving, "sink groups unchanged");
    let detail = groups["detail"].as_str().expect("text");
    assert!(
        detail.contains("verify-run-lines-0 from 20 to 30"),
        "{groups}"
    );

    moving.append(10);
    let jvm = moving.start_distributed();
    jvm.wait_running("verify-run-source");
    jvm.wait_running("verify-run-sink");
    moving.expect_lines();
    _ = moving.migrate(&RUN).success();
    assert_eq!(moving.report()["outcome"], "done");
}

#[test]
fn a_connector_that_fails_while_it_verifies_leaves_all_of_them_stopped() {
    require_kafka!();
    let mut moving = Moving::written("verify-fails", &kafka::shared().bootstrap(), 1);
    moving.append(10);
    let output = moving.world.path("out.txt");
    fs::create_dir(&output).expect("the world is writable");
    let again = [&RUN[..], &["--no-offsets"]].concat();
    let ran = moving.migrate(&again).code(4);
    let given_up = promise(&moving, "offsets byte for byte in the topic");
    assert_eq!(given_up["verdict"], "not-performed", "{given_up}");
    let broken = promise(&moving, RAN);
    assert_eq!(broken["verdict"], "broken");
    let detail = broken["detail"].as_str().expect("text");
    assert!(detail.contains("verify-fails-sink: "), "{detail}");
    assert!(detail.contains("could not find or create file"), "{detail}");
    assert!(ran.stderr.contains("/resume"), "{}", ran.stderr);
    assert_eq!(moving.report()["outcome"], "unverified");

    // Mended, and resumed on a worker, as the hint says.
    fs::remove_dir(&output).expect("it is empty");
    let worker = NativeWorker::start(&moving.out().join("distributed.properties"), &[]);
    let connectors = ["verify-fails-source", "verify-fails-sink"];
    worker.wait_state(&connectors, 0, "STOPPED");
    for connector in connectors {
        rest::put(
            &format!("{}/connectors/{connector}/resume", worker.url),
            None,
        )
        .success();
    }
    worker.wait_state(&connectors, 1, "RUNNING");
    moving.expect_lines();
    assert_eq!(worker.stop(), 0);
}

#[test]
fn ctrl_c_while_the_connectors_run_leaves_all_of_them_stopped() {
    require_kafka!();
    let mut moving = Moving::written("verify-ctrl-c", &kafka::shared().bootstrap(), 1);
    moving.append(10);
    // Nobody reads it: the sink is not RUNNING, and what is to be seen of the connectors is waited for.
    let output = moving.world.path("out.txt");
    let made = std::process::Command::new("mkfifo").arg(&output).status();
    assert!(made.expect("mkfifo starts").success());
    let again = [&RUN[..], &["--no-offsets", "--timeout", "60s"]].concat();
    let run = Run::start(&moving.world, &moving.arguments(&again));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    wait::expect("the source runs", PATIENCE, || {
        runtime.block_on(async {
            let cluster = connect(&kafka::shared().bootstrap()).await;
            let ends = cluster
                .offsets("verify-ctrl-c-lines", OffsetSpec::Latest)
                .await;
            ends.is_ok_and(|ends| ends.get(&0) == Some(&10))
        })
    });
    let ran = run.interrupt().code(130);
    let said = "the worker has ended; the connectors that it ran are STOPPED";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(moving.report()["outcome"], "interrupted");
    let of_run = promise(&moving, RAN);
    assert_eq!(of_run["verdict"], "not-performed");
    let detail = of_run["detail"].as_str().expect("text");
    let so_far = "verify-ctrl-c-sink: started, and not seen RUNNING";
    assert!(detail.contains(so_far), "{detail}");
    let group = group("verify-ctrl-c");
    assert_eq!((group.members.len(), &*group.state), (0, "Empty"));
    let worker = NativeWorker::start(&moving.out().join("distributed.properties"), &[]);
    let connectors = ["verify-ctrl-c-source", "verify-ctrl-c-sink"];
    worker.wait_state(&connectors, 0, "STOPPED");

    // They are moved: to run the same command again changes nothing, to resume them does, as the hint says.
    fs::remove_file(&output).expect("it is there");
    let again = moving.migrate(&again).success();
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    worker.wait_state(&connectors, 0, "STOPPED");
    resume_as_told(&ran.stderr, &worker, &connectors);
    worker.wait_state(&connectors, 1, "RUNNING");
    moving.expect_lines();
    assert_eq!(worker.stop(), 0);
}

#[test]
fn what_only_a_jvm_can_run_is_refused_before_anything_is_written() {
    require_kafka!();
    let mut moving = Moving::written("verify-jvm", &kafka::shared().bootstrap(), 1);
    let config = [
        ("name", "other"),
        (
            "connector.class",
            "org.apache.kafka.connect.tools.MockSinkConnector",
        ),
        ("topics", "t"),
    ];
    moving.deployment.connector("other.properties", &config);
    let refused = moving
        .migrate(&[&RUN[..], &["--no-offsets"]].concat())
        .code(5);
    assert!(
        refused.stderr.contains("connector other: "),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("leave --verify run away"),
        "{}",
        refused.stderr
    );
    assert!(!moving.out().exists());
}

/// Settings of a worker whose clients log in as frank, without TLS: a proxy reads along.
fn as_frank() -> Vec<(String, String)> {
    let jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"frank\" password=\"frank\";";
    let login = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", jaas),
    ];
    let of_client = |client: &str| login.map(|(k, v)| (format!("{client}{k}"), v.to_owned()));
    ["", "producer.", "consumer.", "admin."]
        .iter()
        .flat_map(|client| of_client(client))
        .collect()
}

/// Lets frank, as whom the deployment's workers log in, do what a worker does; returns what lets him join its group.
fn allowed(name: &str) -> String {
    let join = format!("READ:GROUP:LITERAL:{name}");
    acls(
        "add",
        &[
            "ALL:CLUSTER:LITERAL:kafka-cluster".to_owned(),
            format!("ALL:TOPIC:PREFIXED:{name}"),
            format!("ALL:TOPIC:PREFIXED:_{}", name.replace('-', "_")),
            format!("ALL:GROUP:PREFIXED:connect-{name}"),
            format!("DESCRIBE:GROUP:LITERAL:{name}"),
            join.clone(),
        ],
    );
    join
}

/// Expects that no connector would start with the next worker.
#[track_caller]
fn expect_all_stopped(name: &str) {
    let topic = format!("_{}.config", name.replace('-', "_"));
    let mut state = ConfigState::new();
    for (offset, record) in (0..).zip(java::read_topic(&fixture().kafka.bootstrap(), &topic)) {
        // A session key is no news.
        let _ignored = state.apply(offset, record.key.as_deref(), record.value.as_deref());
    }
    assert_eq!(state.connectors.len(), 2);
    for (connector, stored) in &state.connectors {
        assert_eq!(stored.target, TargetState::Stopped, "{connector}");
    }
}

/// Types what a hint says to type, for each connector.
#[track_caller]
fn resume_as_told(stderr: &str, worker: &NativeWorker, connectors: &[&str]) {
    let (_, told) = stderr.split_once("PUT ").expect("something to type");
    let path = told.split([' ', ',', '\n']).next().expect("a path");
    for connector in connectors {
        let url = format!("{}{}", worker.url, path.replace("NAME", connector));
        rest::put(&url, None).success();
    }
}

#[test]
fn a_worker_that_loses_its_group_while_it_verifies_leaves_all_to_be_resumed_as_it_says() {
    require_kafka!();
    let proxy = Proxy::start(&fixture().kafka.listener("LOGIN"));
    let settings = as_frank();
    let settings: Vec<_> = settings.iter().map(|(k, v)| (&**k, &**v)).collect();
    let name = "frank-verify";
    let mut moving = Moving::written_with(name, &proxy.bootstrap(), 1, &settings);
    moving.append(10);
    let join = allowed(name);
    proxy.hold_written("STARTED");
    let words = [
        &RUN[..],
        &["--no-offsets", "--set", "heartbeat.interval.ms=500"],
    ]
    .concat();
    let mut run = Run::start(&moving.world, &moving.arguments(&words));
    run.until_held(&proxy);
    acls("remove", std::slice::from_ref(&join));
    proxy.release();
    let ran = run.end().code(1);
    for said in [
        "the worker that ran the connectors has ended by itself",
        "GROUP_AUTHORIZATION_FAILED (30)",
        "lacks Read on group frank-verify",
        "every connector is STOPPED now",
    ] {
        assert!(ran.stderr.contains(said), "no {said:?} in\n{}", ran.stderr);
    }
    let again = "run the same command again";
    assert!(!ran.stderr.contains(again), "{}", ran.stderr);
    assert_eq!(moving.report()["outcome"], "failed");
    let of_run = promise(&moving, RAN);
    assert_eq!(of_run["verdict"], "broken");
    let detail = of_run["detail"].as_str().expect("text");
    for said in [
        "GROUP_AUTHORIZATION_FAILED",
        "frank-verify-source: ",
        "frank-verify-sink: ",
    ] {
        assert!(detail.contains(said), "no {said:?} in {detail}");
    }
    expect_all_stopped(name);

    // Mended, and resumed on a worker, as the hint says; the command itself finds nothing to do.
    acls("add", &[join]);
    let worker = NativeWorker::start(&moving.out().join("distributed.properties"), &[]);
    let connectors = ["frank-verify-source", "frank-verify-sink"];
    worker.wait_state(&connectors, 0, "STOPPED");
    resume_as_told(&ran.stderr, &worker, &connectors);
    worker.wait_state(&connectors, 1, "RUNNING");
    moving.expect_lines();
    assert_eq!(worker.stop(), 0);
}

#[test]
fn ctrl_c_in_a_run_whose_worker_then_loses_its_group_is_still_an_interrupted_run() {
    require_kafka!();
    let proxy = Proxy::start(&fixture().kafka.listener("LOGIN"));
    let settings = as_frank();
    let settings: Vec<_> = settings.iter().map(|(k, v)| (&**k, &**v)).collect();
    let name = "frank-ctrl-c";
    let mut moving = Moving::written_with(name, &proxy.bootstrap(), 1, &settings);
    moving.append(10);
    let join = allowed(name);
    proxy.hold_written("STARTED");
    let words = [&RUN[..], &["--no-offsets", "-v"]].concat();
    let mut run = Run::start(&moving.world, &moving.arguments(&words));
    run.until_held(&proxy);
    acls("remove", &[join]);
    run.press_ctrl_c();
    run.until_said("the connectors that run here are being stopped");
    // To stop them the worker has to be in its group.
    proxy.release();
    let ran = run.end().code(130);
    for said in [
        "interrupted after",
        "the worker that ran the connectors has ended by itself",
        "every connector is STOPPED now",
        "/resume",
    ] {
        assert!(ran.stderr.contains(said), "no {said:?} in\n{}", ran.stderr);
    }
    assert_eq!(moving.report()["outcome"], "interrupted");
    assert_eq!(moving.report()["embedded_worker"], "performed");
    let of_run = promise(&moving, RAN);
    assert_eq!(of_run["verdict"], "broken", "{of_run}");
    let detail = of_run["detail"].as_str().expect("text");
    // The worker may end before it is asked to stop the source, or while it is.
    let so_far = [
        "frank-ctrl-c-source: started, and not seen RUNNING",
        "frank-ctrl-c-source: the worker did not stop it",
    ];
    assert!(so_far.iter().any(|so| detail.contains(so)), "{detail}");
    assert!(
        detail.contains("frank-ctrl-c-sink: not started"),
        "{detail}"
    );
    expect_all_stopped(name);
}
