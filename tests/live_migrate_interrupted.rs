//! `migrate` that is killed, interrupted or left without Kafka anywhere: the same command finishes what is missing.

use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::settings::ClientSettings;
use kafka_protocol::messages::ApiKey;

use crate::support::moving::Moving;
use crate::support::proxy::{Hold, Proxy};
use crate::support::run::Run;
use crate::support::{java, kafka, require_kafka, small};

/// Returns the topics of the cluster whose names start so.
fn topics(prefix: &str) -> Vec<String> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let all = runtime.block_on(async {
        let timeout = std::time::Duration::from_secs(30);
        let settings = ClientSettings::plaintext(vec![kafka::shared().bootstrap()], timeout);
        let cluster = Cluster::connect(settings).await?;
        cluster.topics(None).await
    });
    let all = all.expect("the broker serves");
    all.into_keys().filter(|t| t.starts_with(prefix)).collect()
}

/// Returns how many positions Kafka's own consumer finds in an offset topic.
fn positions(topic: &str) -> usize {
    java::read_topic(&kafka::shared().bootstrap(), topic).len()
}

#[test]
fn a_migration_that_is_killed_anywhere_is_finished_by_the_same_command() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let mut moving = Moving::written("killed", &proxy.bootstrap(), 3);
    moving.start_standalone().stop();
    moving.append(10);
    let killed_at = |api, nth, hold| {
        proxy.hold_at(api, nth, hold);
        let mut run = Run::start(
            &moving.world,
            &moving.arguments(&["--source-stopped", "--yes"]),
        );
        run.until_held(&proxy);
        run.kill();
        proxy.forget();
    };

    killed_at(ApiKey::CreateTopics, 1, Hold::Request);
    assert!(moving.out().join("distributed.properties").exists());
    assert!(topics("_killed.").is_empty(), "after the files");
    killed_at(ApiKey::CreateTopics, 2, Hold::Request);
    assert_eq!(
        topics("_killed."),
        ["_killed.config"],
        "after the first topic"
    );
    killed_at(ApiKey::Produce, 2, Hold::Request);
    let seeded = positions("_killed.offset");
    assert!(
        (1..3).contains(&seeded),
        "in the middle of seeding: {seeded}"
    );
    killed_at(ApiKey::Produce, 1, Hold::Response);
    assert!(!moving.out().join("report.json").exists());
    _ = moving.migrate(&["--source-stopped", "--yes"]).success();
    assert!(moving.out().join("report.json").exists());
    assert_eq!(positions("_killed.offset"), 3, "each once");

    let mut worker = moving.start_distributed();
    let rest = Proxy::of_worker(&worker.url);
    let registering = ["--source-stopped", "--yes", "--url", &rest.url()];
    let killed_at_line = |line: &str, hold| {
        rest.hold_at_line(line, hold);
        let mut run = Run::start(&moving.world, &moving.arguments(&registering));
        run.until_held(&rest);
        run.kill();
        rest.forget();
    };
    killed_at_line("POST /connectors", Hold::Response);
    killed_at_line("PUT /connectors/killed-source-0/resume", Hold::Request);
    killed_at_line("PUT /connectors/killed-source-1/resume", Hold::Response);
    _ = moving.migrate(&registering).success();
    for connector in ["source-0", "source-1", "source-2", "sink"] {
        worker.wait_running(&format!("killed-{connector}"));
    }
    moving.expect_lines();
    moving.append(10);
    moving.expect_lines();
    worker.stop();
}

#[test]
fn an_embedded_worker_that_is_killed_between_two_records_of_a_registration_is_followed_by_another()
{
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let world = small::world_on(&proxy.bootstrap());
    let words: Vec<String> = [
        "migrate",
        "worker.properties",
        "source.properties",
        "--source-stopped",
        "--yes",
        "--group-id",
        "half-registered",
        "--accept",
        "P32",
        "--verify",
        "control",
    ]
    .map(str::to_owned)
    .into();
    // One offset, then the target state, then the connector.
    proxy.hold_at(ApiKey::Produce, 3, Hold::Request);
    let mut run = Run::start(&world, &words);
    run.until_held(&proxy);
    run.kill();
    proxy.forget();
    let bootstrap = kafka::shared().bootstrap();
    let keys = |topic: &str| -> Vec<String> {
        java::read_topic(&bootstrap, topic)
            .into_iter()
            .map(|record| String::from_utf8_lossy(&record.key.unwrap_or_default()).into_owned())
            .collect()
    };
    assert_eq!(keys("_half_registered.config"), ["target-state-a-source"]);
    // Kafka still takes the killed worker for a member: the run waits until it is forgotten.
    let ran = world.run(&words).success();
    assert!(ran.stdout.contains("Result: done"), "{ran:#?}");
    let waits = "waiting until another run of connectctl, perhaps a killed one, is out of group half-registered: connectctl-control at ";
    let told = ran.stderr.lines().find(|line| line.starts_with(waits));
    assert!(
        told.is_some_and(|line| line.ends_with("; at most 40 s")),
        "{ran:#?}"
    );
    let keys = keys("_half_registered.config");
    assert!(keys.contains(&"connector-a-source".to_owned()), "{keys:?}");
}
