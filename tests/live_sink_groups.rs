//! Sinks whose consumer groups are named by references, or are in another Kafka cluster than the workers'.

use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::{connector_record, target_state_record};

use crate::support::moving::Moving;
use crate::support::world::{Ran, World};
use crate::support::{java, kafka, ports, require_kafka};

const PROVIDER: (&str, &str) = (
    "config.providers.file.class",
    "org.apache.kafka.common.config.provider.FileConfigProvider",
);

#[track_caller]
fn shows(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.stdout.contains(word), "{word:?} is not in: {ran:#?}");
    }
}

/// Moves the sink alone, seen from where nothing listens at the worker's address, as of a pod from outside.
fn from_outside(moving: &Moving, more: &[&str]) -> Ran {
    let worker = std::fs::read_to_string(&moving.deployment.worker).expect("the worker file");
    let nowhere = format!("http://127.0.0.1:{}", ports::free());
    let outside = worker.replace(&moving.deployment.url, &nowhere);
    let outside = moving.world.file("outside.properties", outside);
    let mut words = moving.arguments(more);
    let source = moving.deployment.connectors[0].display().to_string();
    words.retain(|word| *word != source);
    words[1] = outside.display().to_string();
    moving.world.run(words)
}

#[test]
fn a_standalone_worker_is_seen_in_the_group_that_a_config_provider_names_and_otherwise_not_proven_gone()
 {
    require_kafka!();
    let secrets = World::new();
    let names = secrets.file("names", "group=named-sink-real\n");
    let reference = format!("${{file:{}:group}}", names.display());
    let settings = [
        ("config.providers", "file"),
        PROVIDER,
        ("consumer.group.id", &*reference),
    ];
    let bootstrap = kafka::shared().bootstrap();
    let mut moving = Moving::written_with("named-sink", &bootstrap, 1, &settings);
    let mut worker = moving.start_standalone();
    let seen = from_outside(&moving, &["--source-stopped", "--dry-run"]).code(5);
    shows(
        &seen,
        &["P20", "consumer group named-sink-real has members"],
    );

    // From a host without the file nothing shows that it runs, and nothing that it does not.
    secrets.file("names", "");
    let unseen = from_outside(&moving, &["--dry-run"]).code(5);
    shows(&unseen, &["P8", "sink-group-unseen", &reference]);
    assert!(!unseen.stdout.contains("proven ("), "{unseen:#?}");

    secrets.file("names", "group=named-sink-real\n");
    worker.stop();
    let gone = from_outside(&moving, &["--dry-run"]).code(3);
    shows(&gone, &["proven (REST is gone", "group named-sink-real,"]);

    secrets.file("names", "");
    let accepting = [
        "--accept",
        "sink-group-unseen:named-sink-sink",
        "--source-stopped",
        "--verify",
        "control",
        "--yes",
    ];
    _ = from_outside(&moving, &accepting).success();
    let report = moving.report();
    let verdict = |name: &str| {
        let promises = report["promises"].as_array().expect("a list");
        let found = promises.iter().find(|promise| promise["promise"] == name);
        found.expect(name)["verdict"].clone()
    };
    assert_eq!(verdict("standalone worker stopped"), "not-performed");
    assert_eq!(verdict("sink groups unchanged"), "not-known");
    assert_eq!(verdict("sink groups where they stood"), "not-known");
}

#[test]
fn offsets_where_looks_at_the_group_that_a_config_provider_names_and_at_no_other() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let names = world.file("names", "group=where-sink-real\n");
    let (key, class) = PROVIDER;
    world.file(
        "d.properties",
        format!(
            "bootstrap.servers={bootstrap}\ngroup.id=where-sink\nconfig.providers=file\n{key}={class}\n\
             config.storage.topic=where-sink-config\noffset.storage.topic=where-sink-offset\n\
             status.storage.topic=where-sink-status\nconfig.storage.replication.factor=1\n\
             offset.storage.replication.factor=1\nstatus.storage.replication.factor=1\n"
        ),
    );
    let create = ["topics", "create", "--worker-config", "d.properties"];
    _ = world.run(create).success();
    let asked = |key: &str, value: &str| {
        let sink = [
            ("name", "a"),
            ("connector.class", "FileStreamSink"),
            ("topics", "t"),
            (key, value),
        ];
        let config = sink.map(|(key, value)| (key.to_owned(), value.to_owned()));
        for (key, value) in [
            target_state_record("a", TargetState::Stopped),
            connector_record("a", &config.into()),
        ] {
            java::produce(&bootstrap, "where-sink-config", 0, &key, Some(&value));
        }
        world.run(["offsets", "where", "a", "--worker-config", "d.properties"])
    };
    let reference = format!("${{file:{}:group}}", names.display());
    let real = asked("consumer.override.group.id", &reference).success();
    shows(&real, &["where-sink-real"]);
    for (key, value, why) in [
        (
            "consumer.override.group.id",
            "${file:/not/here:group}",
            "up to a config provider",
        ),
        (
            "consumer.override.bootstrap.servers",
            "elsewhere:9092",
            "in another Kafka cluster",
        ),
    ] {
        let refused = asked(key, value).code(5);
        assert!(refused.stderr.contains(why), "{refused:#?}");
    }
}
