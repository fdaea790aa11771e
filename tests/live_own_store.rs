//! Sources that keep their positions elsewhere than in the workers' topic (KIP-618), and references that decide where.

use connectctl::model::connector_config::TargetState;
use connectctl::model::offset_file::{self, OffsetEntry};
use connectctl::model::storage_records::{connector_record, target_state_record};

use crate::support::world::{Ran, World};
use crate::support::{java, kafka, require_kafka, small};

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
}
