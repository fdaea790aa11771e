//! What `topics` says to bad input: exit code, the whole message and its remedy, for every verb that can meet it.

use crate::support::world::World;

const WORKER: &str = "\
bootstrap.servers=127.0.0.1:1
group.id=g
key.converter=k
value.converter=v
config.storage.topic=c
offset.storage.topic=o
status.storage.topic=s
";

const VERBS: &[&str] = &["create", "check", "describe", "repair"];

/// Every verb ends with this code, prints nothing on stdout and exactly this on stderr.
#[track_caller]
fn says(worker: &str, code: i32, expected: &str) {
    let world = World::new();
    world.file("worker.properties", worker);
    refuses(
        &world,
        &["--worker-config", "worker.properties"],
        code,
        expected,
    );
}

#[track_caller]
fn refuses(world: &World, arguments: &[&str], code: i32, expected: &str) {
    for verb in VERBS {
        let words = ["topics", verb]
            .into_iter()
            .chain(arguments.iter().copied());
        let ran = world.run(words.chain(["--timeout", "5s"])).code(code);
        assert_eq!(world.normal(&ran.stderr), expected, "topics {verb}");
        assert_eq!(ran.stdout, "", "topics {verb}");
    }
}

#[test]
fn a_missing_worker_file_is_named() {
    refuses(
        &World::new(),
        &["--worker-config", "none.properties"],
        1,
        "error: $ROOT/none.properties: no such file\nhint: check the path and the folder that the command is run in\n",
    );
}

#[test]
fn without_a_worker_file_the_topics_are_not_known() {
    refuses(
        &World::new(),
        &["--bootstrap-server", "127.0.0.1:1"],
        2,
        "error: no worker file is named, so the storage topics are not known\nhint: give --worker-config FILE; --bootstrap-server may stand in for its brokers\n",
    );
}

#[test]
fn a_folder_is_not_a_worker_file() {
    refuses(
        &World::new(),
        &["--worker-config", "."],
        1,
        "error: $ROOT: is a directory, not a file\nhint: name the file itself\n",
    );
}

#[test]
fn binary_rubbish_is_not_a_worker_file() {
    says(
        "a=\0\u{1}\n",
        1,
        "error: $ROOT/worker.properties is not a properties file: it holds NUL bytes\nhint: give the file that the worker is started with\n",
    );
}

#[test]
fn a_connectors_file_is_not_a_worker_file() {
    says(
        "name=a\nconnector.class=FileStreamSource\n",
        1,
        "error: $ROOT/worker.properties is a connector's file, not a worker's\nhint: give the file that the worker is started with\n",
    );
}

#[test]
fn a_malformed_escape_is_told_by_line_and_column() {
    says(
        "a=b\nc=\\u00zz\n",
        1,
        "error: $ROOT/worker.properties:2:3: malformed \\uxxxx encoding: four hexadecimal digits must follow \\u\nhint: a worker would not start with this file either\n",
    );
}

#[test]
fn the_file_of_a_standalone_worker_is_sent_to_migrate() {
    says(
        "bootstrap.servers=127.0.0.1:1\noffset.storage.file.filename=/o\n",
        1,
        "error: $ROOT/worker.properties: missing required configuration \"config.storage.topic\" which has no default value\nhint: this is the file of a standalone worker; connectctl migrate $ROOT/worker.properties CONNECTOR.properties… writes the distributed one\n",
    );
}

#[test]
fn a_storage_topic_without_a_name_is_named_by_its_key() {
    says(
        &WORKER.replace("offset.storage.topic=o\n", ""),
        1,
        "error: $ROOT/worker.properties: missing required configuration \"offset.storage.topic\" which has no default value\nhint: set offset.storage.topic in the worker file\n",
    );
    says(
        &WORKER.replace("status.storage.topic=s", "status.storage.topic= "),
        1,
        "error: $ROOT/worker.properties: the value of status.storage.topic is blank\nhint: set status.storage.topic in the worker file\n",
    );
}

#[test]
fn a_replication_factor_that_is_no_number_or_out_of_range_is_told() {
    says(
        &format!("{WORKER}offset.storage.replication.factor=two\n"),
        1,
        "error: $ROOT/worker.properties: invalid value two for configuration offset.storage.replication.factor: not a number of type SHORT\nhint: correct offset.storage.replication.factor in the worker file\n",
    );
    says(
        &format!("{WORKER}config.storage.replication.factor=0\n"),
        1,
        "error: $ROOT/worker.properties: invalid value 0 for configuration config.storage.replication.factor: must be positive, or -1 to use the broker's default\nhint: correct config.storage.replication.factor in the worker file\n",
    );
    says(
        &format!("{WORKER}status.storage.replication.factor=70000\n"),
        1,
        "error: $ROOT/worker.properties: invalid value 70000 for configuration status.storage.replication.factor: not a number of type SHORT\nhint: correct status.storage.replication.factor in the worker file\n",
    );
    says(
        &format!("{WORKER}offset.storage.partitions=-2\n"),
        1,
        "error: $ROOT/worker.properties: invalid value -2 for configuration offset.storage.partitions: must be positive, or -1 to use the broker's default\nhint: correct offset.storage.partitions in the worker file\n",
    );
}

#[test]
fn a_worker_file_without_brokers_says_which_setting_is_missing() {
    says(
        &WORKER.replace("bootstrap.servers=127.0.0.1:1\n", ""),
        1,
        "error: $ROOT/worker.properties: bootstrap.servers is not set\nhint: set bootstrap.servers=HOST:PORT, or give --bootstrap-server\n",
    );
}

#[test]
fn an_address_that_is_none_is_shown() {
    says(
        &WORKER.replace("127.0.0.1:1", "kafka"),
        1,
        "error: $ROOT/worker.properties: bootstrap.servers=kafka has the invalid URL kafka\nhint: write HOST:PORT, several separated by commas\n",
    );
}

#[test]
fn an_address_on_the_command_line_that_is_none_is_wrong_usage() {
    let world = World::new();
    for (servers, shown) in [
        ("localhost", "localhost"),
        ("a:1,b", "b"),
        ("u:canary@kafka:9092", "kafka:9092"),
        (",", "a list of nothing"),
    ] {
        let ran = world.run(["topics", "check", "--bootstrap-server", servers]);
        let ran = ran.code(2);
        let wanted = format!("{shown} is not HOST:PORT; several are separated by commas");
        assert!(ran.stderr.contains(&wanted), "{}", ran.stderr);
    }
}

#[test]
fn kafka_that_is_down_is_named_by_its_address() {
    says(
        WORKER,
        1,
        "error: 127.0.0.1:1 refused the connection\nhint: check that Kafka is running and listens on this port\n",
    );
    says(
        &WORKER.replace("127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2"),
        1,
        "error: none of the bootstrap servers could be used: 127.0.0.1:1 refused the connection; 127.0.0.1:2 refused the connection\nhint: check that Kafka is running and listens on this port\n",
    );
}

#[test]
fn a_secured_file_that_cannot_be_used_says_what_is_wrong_and_no_secret() {
    says(
        &format!("{WORKER}security.protocol=SASL\n"),
        1,
        "error: $ROOT/worker.properties: security.protocol=SASL is none of PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL\nhint: set security.protocol to what the broker's listener speaks\n",
    );
    says(
        &format!(
            "{WORKER}security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nssl.truststore.location=/none\n"
        ),
        1,
        "error: $ROOT/worker.properties: ssl.truststore.location=/none: no such file\nhint: point ssl.truststore.location to a file that can be read here\n",
    );
    says(
        &format!(
            "{WORKER}security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=canary\n"
        ),
        1,
        "error: $ROOT/worker.properties: sasl.jaas.config has no control flag (required, requisite, sufficient or optional) after the login module\nhint: write it as `LOGIN.MODULE.CLASS required username=\"...\" password=\"...\";`\n",
    );
    says(
        &format!("{WORKER}security.protocol=SASL_PLAINTEXT\nsasl.mechanism=GSSAPI\n"),
        1,
        "error: $ROOT/worker.properties: sasl.mechanism=GSSAPI is not supported: connectctl has no Kerberos\nhint: use a listener with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER, or a TLS client certificate (security.protocol=SSL)\n",
    );
}

#[test]
fn a_reference_that_nobody_resolves_is_told() {
    says(
        &WORKER.replace(
            "offset.storage.topic=o",
            "offset.storage.topic=${env:TOPIC}",
        ),
        1,
        "error: $ROOT/worker.properties: \"${env:TOPIC}\" is not a legal topic name for the offset topic: it may hold only letters, digits, '.', '_' and '-'\nhint: correct offset.storage.topic in the worker file\n",
    );
}

#[test]
fn names_that_kafka_refuses_are_told_before_it_is_asked() {
    says(
        &WORKER.replace("offset.storage.topic=o", "offset.storage.topic=my offsets"),
        1,
        "error: $ROOT/worker.properties: \"my offsets\" is not a legal topic name for the offset topic: it may hold only letters, digits, '.', '_' and '-'\nhint: correct offset.storage.topic in the worker file\n",
    );
    says(
        &WORKER.replace("offset.storage.topic=o", "offset.storage.topic=c"),
        1,
        "error: $ROOT/worker.properties: the config topic \"c\" and the offset topic \"c\" are the same name to Kafka, where '.' and '_' collide\nhint: correct offset.storage.topic in the worker file\n",
    );
    says(
        &WORKER.replace("=c\n", "=a.b\n").replace("=s\n", "=a_b\n"),
        1,
        "error: $ROOT/worker.properties: the config topic \"a.b\" and the status topic \"a_b\" are the same name to Kafka, where '.' and '_' collide\nhint: correct status.storage.topic in the worker file\n",
    );
}
