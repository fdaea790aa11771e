//! What keeps the clients of a native task from Kafka at run time, on real brokers.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use connectctl::io::kafka::seeder::SeedRecord;
use connectctl::io::kafka::writer::Writer;
use indexmap::IndexMap;

use crate::live_security::fixture;
use crate::support::kafka::{Kafka, KafkaOptions};
use crate::support::proxy::Proxy;
use crate::support::tasks::{TaskWorker, config, file_sink, file_source};
use crate::support::world::World;
use crate::support::{java, require_kafka, wait};

const PATIENCE: Duration = Duration::from_secs(60);
const MODULES: &str = "org.apache.kafka.common.security";

/// Sets a SCRAM password and returns when the broker has it.
const SET_PASSWORD: &str = r#"
import java.util.*;
import org.apache.kafka.clients.admin.*;
public class SetPassword {
    public static void main(String[] a) throws Exception {
        try (Admin admin = Admin.create(Map.<String, Object>of("bootstrap.servers", a[0]))) {
            var info = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096);
            admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion(a[1], info, a[2]))).all().get();
        }
    }
}
"#;

fn append(file: &Path, text: &str) {
    let opened = fs::File::options().create(true).append(true).open(file);
    let mut opened = opened.expect("the folder is writable");
    opened.write_all(text.as_bytes()).expect("it is written");
}

fn login(prefix: &str, mechanism: &str, module: &str, user: &str) -> IndexMap<String, String> {
    let jaas = format!("{MODULES}.{module} required username=\"{user}\" password=\"{user}\";");
    let settings = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", mechanism),
        ("sasl.jaas.config", &jaas),
    ];
    let settings = settings.map(|(key, value)| (format!("{prefix}{key}"), value.to_owned()));
    settings.into_iter().collect()
}

fn values(bootstrap: &str, topic: &str) -> Vec<String> {
    let records = java::read_topic(bootstrap, topic).into_iter();
    let values = records.map(|record| record.value.expect("no tombstones"));
    values
        .map(|value| String::from_utf8(value).expect("text"))
        .collect()
}

#[test]
fn a_password_that_changes_costs_no_line_whatever_is_tolerated() {
    require_kafka!();
    let mut options = KafkaOptions::default()
        .listener("LOGIN", "SASL_PLAINTEXT")
        .property(
            "listener.name.login.sasl.enabled.mechanisms",
            "SCRAM-SHA-256",
        )
        .property(
            "listener.name.login.scram-sha-256.sasl.jaas.config",
            format!("{MODULES}.scram.ScramLoginModule required;"),
        );
    options
        .scram
        .push("SCRAM-SHA-256=[name=writer,password=writer]".to_owned());
    let kafka = Kafka::start(options);
    let proxy = Proxy::start(&kafka.listener("LOGIN"));
    let world = World::new();
    let file = world.path("in.txt");
    let worker = TaskWorker::start(&kafka.bootstrap(), "native-password", &[]);
    worker.topic("native-password", 1);
    let mut source = file_source(&file, "native-password");
    source.extend(config(&[
        ("errors.tolerance", "all"),
        ("producer.override.bootstrap.servers", &proxy.bootstrap()),
    ]));
    let scram = login(
        "producer.override.",
        "SCRAM-SHA-256",
        "scram.ScramLoginModule",
        "writer",
    );
    source.extend(scram);
    let task = worker.spawn("password", &source).running();
    append(&file, "first\n");
    let found = wait::until(PATIENCE, || worker.position("password", &file) == Some(6));
    assert!(found, "the password is right");

    let set = |password| {
        let arguments = [&*kafka.bootstrap(), "writer", password];
        java::run(SET_PASSWORD, &arguments, b"").success();
    };
    set("another");
    proxy.cut();
    let lines: Vec<_> = (0..5000).map(|n| format!("line {n:06}")).collect();
    append(&file, &(lines.join("\n") + "\n"));
    proxy.release();
    let trace = task.failure();
    assert!(trace.contains("refused the login"), "{trace}");
    assert_eq!(worker.position("password", &file), Some(6));

    set("writer");
    let task = worker.spawn("password", &source).running();
    let all = 6 + 5000 * 12;
    let found = wait::until(PATIENCE, || worker.position("password", &file) == Some(all));
    assert!(found, "{:?}", worker.position("password", &file));
    worker.stop(task);
    let mut wanted = vec!["first".to_owned()];
    wanted.extend(lines);
    assert!(values(&kafka.bootstrap(), "native-password") == wanted);
}

#[test]
fn a_certificate_that_is_not_trusted_fails_sources_and_sinks() {
    require_kafka!();
    let f = fixture();
    let world = World::new();
    let file = world.path("in.txt");
    append(&file, "a\n");
    let worker = TaskWorker::start(&f.kafka.bootstrap(), "native-untrusted", &[]);
    worker.topic("native-untrusted", 1);
    let untrusting = |client: &str| {
        let key = |name: &str| format!("{client}.override.{name}");
        IndexMap::from([
            (key("bootstrap.servers"), f.kafka.listener("TLS")),
            (key("security.protocol"), "SSL".to_owned()),
            (key("ssl.truststore.type"), "PEM".to_owned()),
            (
                key("ssl.truststore.location"),
                f.certificates.path("other-ca.pem"),
            ),
        ])
    };
    let mut source = file_source(&file, "native-untrusted");
    source.extend(untrusting("producer"));
    let mut sink = file_sink("native-untrusted", &world.path("out.txt"));
    sink.extend(untrusting("consumer"));
    for (connector, settings) in [("untrusted-source", source), ("untrusted-sink", sink)] {
        let trace = worker.spawn(connector, &settings).failure();
        assert!(trace.contains("not signed by an authority"), "{trace}");
    }
    assert_eq!(worker.position("untrusted-source", &file), None);
}

#[test]
fn a_dead_letter_queue_that_may_not_be_seen_holds_no_sink_up() {
    require_kafka!();
    let f = fixture();
    let world = World::new();
    let worker = TaskWorker::start(&f.kafka.bootstrap(), "native-unseen", &[]);
    worker.topic("native-unseen", 1);
    let record = |value: &'static [u8]| SeedRecord {
        key: bytes::Bytes::from_static(b"{}"),
        value: Some(bytes::Bytes::from_static(value)),
    };
    let records = [record(b"poison"), record(b"\"fine\"")];
    let writer = Writer::new(&worker.cluster, "native-unseen", 0);
    let written = worker.runtime.block_on(writer.write(&records));
    written.expect("the broker takes it");
    let file = world.path("out.txt");
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let mut sink = file_sink("native-unseen", &file);
    sink.extend(config(&[
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "native-unseen-dead"),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
        ("value.converter", json),
        ("value.converter.schemas.enable", "false"),
        (
            "producer.override.bootstrap.servers",
            &f.kafka.listener("LOGIN"),
        ),
    ]));
    // Nobody has allowed dave anything.
    sink.extend(login(
        "producer.override.",
        "PLAIN",
        "plain.PlainLoginModule",
        "dave",
    ));
    let task = worker.spawn("unseen", &sink).running();
    let group = "connect-unseen";
    let committed = || {
        let offsets = worker.cluster.committed_offsets(group);
        let offsets = worker
            .runtime
            .block_on(offsets)
            .expect("the broker answers");
        offsets.into_values().next()
    };
    wait::expect("the sink goes on", PATIENCE, || committed() == Some(2));
    // Nor is it held up by what comes later.
    let written = worker.runtime.block_on(writer.write(&records));
    written.expect("the broker takes it");
    wait::expect("the sink goes on", PATIENCE, || committed() == Some(4));
    worker.stop(task);
    assert_eq!(fs::read_to_string(&file).expect("lines"), "fine\nfine\n");
}
