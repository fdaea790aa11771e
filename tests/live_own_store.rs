//! Sources that keep their positions elsewhere than in the workers' topic (KIP-618), and references that decide where.

use std::time::Duration;

use connectctl::model::connector_config::TargetState;
use connectctl::model::offset_file::{self, OffsetEntry};
use connectctl::model::storage_records::{connector_record, target_state_record};
use serde_json::json;

use crate::live_topics;
use crate::support::connect::Distributed;
use crate::support::world::{Ran, World};
use crate::support::{java, kafka, require_kafka, rest, small, wait};

const FILE_PROVIDER: &str = "config.providers=file\nconfig.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider\n";
const ENV_PROVIDER: &str = "config.providers=env\nconfig.providers.env.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider\n";

/// A worker file, and the topics that it names, with one registered source and its position in `o.offsets`.
struct Registered {
    world: World,
    group: String,
}

impl Registered {
    fn new(group: &str, worker: &str, source: &[(&str, &str)]) -> Self {
        let mut world = World::new();
        let bootstrap = kafka::shared().bootstrap();
        world.env("KAFKA", &bootstrap);
        let file = format!(
            "group.id={group}\nconfig.storage.topic={group}-config\noffset.storage.topic={group}-offset\n\
             status.storage.topic={group}-status\nconfig.storage.replication.factor=1\n\
             offset.storage.replication.factor=1\nstatus.storage.replication.factor=1\n{worker}"
        );
        world.file("d.properties", file);
        let registered = Self {
            world,
            group: group.to_owned(),
        };
        let create = ["topics", "create", "--bootstrap-server", &bootstrap];
        let create = create.iter().chain(&["--worker-config", "d.properties"]);
        _ = registered.world.run(create).success();
        registered.register(source);
        registered.offsets();
        registered
    }

    fn register(&self, further: &[(&str, &str)]) {
        let plain = [
            ("name", "a"),
            ("connector.class", "FileStreamSource"),
            ("topic", "t"),
            ("file", "/tmp/in"),
        ];
        let all = plain.iter().chain(further);
        let config = all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let topic = format!("{}-config", self.group);
        for (key, value) in [
            target_state_record("a", TargetState::Stopped),
            connector_record("a", &config.collect()),
        ] {
            let bootstrap = kafka::shared().bootstrap();
            java::produce(&bootstrap, &topic, 0, &key, Some(&value));
        }
    }

    fn offsets(&self) {
        let entry = OffsetEntry {
            key: Some(br#"["a",{"filename":"/tmp/in"}]"#[..].into()),
            value: Some(br#"{"position":35}"#[..].into()),
        };
        let mut bytes = Vec::new();
        offset_file::write(&[entry], &mut bytes).expect("a Vec takes it");
        self.world.file("o.offsets", bytes);
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let worker = ["--worker-config", "d.properties"];
        let words = ["offsets"].iter().chain(arguments).chain(&worker);
        self.world.run(words)
    }

    fn seed(&self, more: &[&str]) -> Ran {
        self.run(&[&["seed", "o.offsets", "--source-stopped"], more].concat())
    }
}

#[track_caller]
fn says(ran: &Ran, wanted: &[&str]) {
    for wanted in wanted {
        assert!(ran.stderr.contains(wanted), "{wanted}: {ran:#?}");
    }
}

#[test]
fn positions_in_another_kafka_are_not_taken_for_those_of_the_workers_topic() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let worker = format!("bootstrap.servers={bootstrap}\nexactly.once.source.support=enabled\n");
    let servers = "producer.override.bootstrap.servers";
    let away = Registered::new("own-elsewhere", &worker, &[(servers, "elsewhere:9092")]);
    let asked = away.run(&["where", "a"]).code(5);
    assert_eq!(asked.stdout, "");
    assert_eq!(
        asked.stderr,
        "error: a goes on from topic own-elsewhere-offset of another Kafka cluster, which is not read\n\
         hint: its workers read it: --url URL of one of them; the copies in the workers' topic may be older: connectctl offsets show\n"
    );
    says(
        &away.seed(&["--yes"]).code(5),
        &["P42", "with a worker file that names that cluster"],
    );
    assert_eq!(away.run(&["show", "-o", "name"]).success().stdout, "");
    // Another address of the workers' Kafka is no other Kafka: the one by which it was reached is one.
    let port = bootstrap.rsplit(':').next().expect("a port");
    let by_name = format!("localhost:{port}");
    away.register(&[(servers, &by_name)]);
    _ = away.seed(&["--dry-run"]).code(5);
    _ = away
        .seed(&["--dry-run", "--bootstrap-server", &by_name])
        .code(3);
}

#[test]
fn references_are_followed_in_the_worker_and_in_the_connector() {
    require_kafka!();
    let worker = format!(
        "{ENV_PROVIDER}bootstrap.servers=${{env:KAFKA}}\nexactly.once.source.support=enabled\n"
    );
    let bootstrap = kafka::shared().bootstrap();
    let servers = "consumer.override.bootstrap.servers";
    let here = Registered::new("own-references", &worker, &[(servers, &bootstrap)]);
    for written in ["${env:KAFKA}", &bootstrap] {
        here.register(&[(servers, written)]);
        let seeded = here.seed(&["--dry-run"]).code(3);
        assert!(!seeded.stderr.contains("P42"), "{seeded:#?}");
        assert!(!seeded.stdout.contains("P42"), "{seeded:#?}");
    }
    here.register(&[(servers, "${env:NOT_HERE}")]);
    let unclear = here.seed(&["--dry-run"]).code(3);
    assert!(unclear.stdout.contains("P42"), "{unclear:#?}");
    _ = here.seed(&["--yes"]).success();
    says(
        &here.run(&["where", "a"]).success(),
        &["up to a config provider, and not known here"],
    );
    says(
        &here.run(&["export", "--to", "x.offsets"]).success(),
        &["P42"],
    );
}

#[test]
fn a_topic_whose_name_cannot_be_followed_is_not_taken_for_the_workers() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let worker = format!("{ENV_PROVIDER}bootstrap.servers={bootstrap}\n");
    let mut source = Registered::new("own-unnamed", &worker, &[]);
    _ = source.seed(&["--yes"]).success();
    source.register(&[("offsets.storage.topic", "${env:OWN_TOPIC}")]);
    let asked = source.run(&["where", "a"]).code(5);
    assert_eq!(asked.stdout, "");
    assert_eq!(
        asked.stderr,
        "error: a goes on from the topic that ${env:OWN_TOPIC} stands for, which is up to a config provider, and not known here\n\
         hint: run this where the reference can be followed, or write the topic's name in its place in the connector's configuration; \
         its workers read it: --url URL of one of them; the copies in the workers' topic may be older: connectctl offsets show\n"
    );
    let by_name = "write the topic's name in its place";
    let of_where = ["P42", "the name of the topic is up to", by_name];
    says(
        &source.seed(&["--yes", "--overwrite-offsets"]).code(5),
        &of_where,
    );
    let export = ["export", "--to", "x.offsets"];
    let refused = source.run(&export).code(5);
    let named = "a has its positions in the topic that ${env:OWN_TOPIC} stands for";
    says(&refused, &["P42", named, by_name, "--accept P42:a"]);
    let accepted = [&export[..], &["--accept", "P42:a"]].concat();
    says(&source.run(&accepted).success(), &["P42", named]);
    // Where it can be followed, the topic is looked at, which is not there yet.
    source.world.env("OWN_TOPIC", "own-unnamed-topic");
    let found = source.run(&["where", "a"]).success();
    assert!(found.stdout.contains("own-unnamed-topic"), "{found:#?}");
    says(
        &source.seed(&["--yes", "--overwrite-offsets"]).code(5),
        &["P42", "1 position is missing or other"],
    );
}

#[test]
fn a_reference_to_a_provider_that_is_not_declared_decides_nothing() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let worker = format!("bootstrap.servers={bootstrap}\nexactly.once.source.support=enabled\n");
    let servers = "producer.override.bootstrap.servers";
    let literal = Registered::new("own-literal", &worker, &[(servers, "${env:KAFKA}")]);
    let asked = literal.run(&["where", "a"]).code(5);
    says(&asked, &["own-literal-offset of another Kafka cluster"]);
}

#[test]
fn a_group_of_a_sources_name_does_not_tell_where_the_source_goes_on() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let worker = format!("{ENV_PROVIDER}bootstrap.servers={bootstrap}\n");
    let own = [
        ("offsets.storage.topic", "${env:OWN_TOPIC}"),
        ("consumer.override.group.id", "own-group-of-a-sink"),
    ];
    let source = Registered::new("own-group", &worker, &own);
    let commit = include_str!("support/java/GroupOffsets.java");
    let of_group = [
        bootstrap.as_str(),
        "own-group-of-a-sink",
        "own-group-config",
        "0",
        "1",
    ];
    java::run(commit, &of_group, b"").success();
    let asked = source.run(&["where", "a"]).code(5);
    says(&asked, &["the topic that ${env:OWN_TOPIC} stands for"]);
}

#[test]
fn a_seed_goes_where_the_connector_looks() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let worker = format!("bootstrap.servers={bootstrap}\n");
    let own = [("offsets.storage.topic", "own-seeded-topic")];
    let named = Registered::new("own-seeded", &worker, &own);
    let refused = named.seed(&["--yes"]).code(5);
    let remedy = "with a worker file that has offset.storage.topic=own-seeded-topic";
    says(&refused, &["P42", "1 position is missing or other", remedy]);
    let file = named.world.read("d.properties");
    let other = file.replace("own-seeded-offset", "own-seeded-topic");
    named.world.file("d.properties", other);
    let create = ["topics", "create", "--worker-config", "d.properties"];
    _ = named.world.run(create).success();
    _ = named.seed(&["--yes"]).success();
    named.world.file("d.properties", file);
    let now = named.run(&["where", "a"]).success();
    assert!(now.stdout.contains("own-seeded-topic"), "{now:#?}");
    _ = named.seed(&["--yes"]).success();
}

#[test]
fn a_reference_that_only_the_pod_can_follow_stops_nothing_that_does_not_need_it() {
    require_kafka!();
    let world = small::world_on(&kafka::shared().bootstrap());
    let prefixed = "producer.bootstrap.servers=${file:/only/in/the/pod:servers}\n";
    let worker = world.read("worker.properties") + FILE_PROVIDER + prefixed;
    world.file("worker.properties", worker);
    let migrate = |connector: &str, group: &str, more: &[&str]| {
        let words = [
            "migrate",
            "worker.properties",
            connector,
            "--group-id",
            group,
            "--source-stopped",
        ];
        world.run(words.iter().chain(more))
    };
    _ = migrate("sink.properties", "own-pod", &["--yes"]).success();
    let once = ["--dry-run", "--set", "exactly.once.source.support=enabled"];
    let source = migrate("source.properties", "own-pod-source", &once).code(3);
    assert!(source.stdout.contains("P42"), "{source:#?}");
    // Which topic a source looks in is another matter: that decides whether it finds anything.
    let source = world.read("source.properties");
    let unnamed = "offsets.storage.topic=${file:/only/in/the/pod:topic}\n";
    world.file("source.properties", source + unnamed);
    let refused = migrate("source.properties", "own-pod-topic", &["--yes"]).code(5);
    says(&refused, &["P42"]);
    let accepted = ["--yes", "--accept", "P42:a-source"];
    let moved = migrate("source.properties", "own-pod-topic", &accepted).success();
    let unseen = "a-source in the topic that ${file:/only/in/the/pod:topic} stands for";
    for promise in [
        "offsets byte for byte in the topic: not known",
        "offsets found as a worker finds them: not known",
    ] {
        let mut lines = moved.stdout.lines();
        let line = lines.find(|line| line.contains(promise));
        assert!(line.is_some_and(|line| line.contains(unseen)), "{moved:#?}");
    }
}

#[test]
fn blanks_in_a_workers_list_of_providers_hide_none_from_its_connectors() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let names = world.file("names", "topic=own-blanks-topic\n");
    let input = world.file("in.txt", "a line\n");
    let class = FILE_PROVIDER.trim().rsplit('=').next().expect("a class");
    let providers = [
        ("config.providers", "env, file"),
        ("config.providers.file.class", class),
    ];
    let file = Distributed::file(world.root(), &bootstrap, "own-blanks", &providers);
    live_topics::make("own-blanks-records", 1, "delete");
    let mut worker = Distributed::start(&file);
    let config = json!({
        "connector.class": "FileStreamSource",
        "topic": "own-blanks-records",
        "file": input,
        "offsets.storage.topic": format!("${{file:{}:topic}}", names.display()),
    });
    let url = format!("{}/connectors/own-blanks-source/config", worker.url);
    _ = rest::put(&url, Some(&config)).success();
    worker.wait_running("own-blanks-source");
    wait::expect("the line", Duration::from_secs(60), || {
        !java::read_topic(&bootstrap, "own-blanks-records").is_empty()
    });
    worker.stop();
    let held = java::read_topic(&bootstrap, "own-blanks-topic");
    assert!(!held.is_empty(), "the worker follows it");
    let words = ["offsets", "where", "own-blanks-source", "--worker-config"];
    let asked = [&words[..], &["distributed.properties"]].concat();
    let found = world.run(asked).success();
    let named = "goes on from topic of the connector own-blanks-topic";
    assert!(found.stdout.contains(named), "{found:#?}");
}
