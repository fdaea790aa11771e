//! What `run` refuses before it connects: exit code, the message, and what to do.

use crate::support::world::World;

const WORKER: &str = "\
bootstrap.servers=127.0.0.1:1
group.id=g
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
config.storage.topic=c
offset.storage.topic=o
status.storage.topic=s
listeners=http://127.0.0.1:0
";

/// A worker file with this line too is refused with exactly this.
#[track_caller]
fn refuses(line: &str, expected: &str) {
    let world = World::new();
    world.file("worker.properties", format!("{WORKER}{line}\n"));
    let ran = world.run(["run", "worker.properties"]).code(1);
    assert_eq!(world.normal(&ran.stderr), expected);
}

#[test]
fn what_is_not_supported_is_refused_at_the_start() {
    refuses(
        "exactly.once.source.support=enabled",
        "error: $ROOT/worker.properties: exactly.once.source.support=enabled is not supported by the native engine, whose \
         sources write at least once\nhint: set it to disabled on every worker of the group, or run the group with the JVM\n",
    );
    refuses(
        "listeners=https://127.0.0.1:0",
        "error: $ROOT/worker.properties: listeners=https://127.0.0.1:0 names a listener for https, and the native engine \
         serves http only\nhint: listen on http, behind a proxy that ends TLS\n",
    );
    refuses(
        "inter.worker.key.generation.algorithm=HmacMD5",
        "error: $ROOT/worker.properties: inter.worker.key.generation.algorithm=HmacMD5 is no algorithm of the native \
         engine\nhint: HmacSHA1, HmacSHA256, HmacSHA384 and HmacSHA512 are\n",
    );
    refuses(
        "listeners=http://127.0.0.1:99999",
        "error: $ROOT/worker.properties: listeners=http://127.0.0.1:99999 has http://127.0.0.1:99999, where \
         http://HOST:PORT belongs with a port up to 65535\nhint: write http://:8083 for every address of this host\n",
    );
    refuses(
        "rest.advertised.port=99999",
        "error: $ROOT/worker.properties: rest.advertised.port=99999 is not a port up to 65535\n",
    );
    let world = World::new();
    let gssapi = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=GSSAPI\n";
    world.file("worker.properties", format!("{WORKER}{gssapi}"));
    let ran = world.run(["run", "worker.properties"]).code(1);
    assert!(ran.stderr.contains("GSSAPI"), "{}", ran.stderr);
}

#[test]
fn a_standalone_worker_s_file_is_told_what_it_is() {
    let world = World::new();
    world.file(
        "worker.properties",
        "bootstrap.servers=127.0.0.1:1\noffset.storage.file.filename=/tmp/offsets\n",
    );
    let ran = world.run(["run", "worker.properties"]).code(1);
    assert!(
        ran.stderr
            .contains("the file of a standalone worker; connectctl migrate"),
        "{}",
        ran.stderr
    );
}

#[test]
fn connector_files_are_checked_before_anything_is_registered() {
    let world = World::new();
    world.file("worker.properties", WORKER);
    let run = ["run", "worker.properties", "--connectors", "connectors"];
    let says = |code, message: &str| {
        let ran = world.run(run).code(code);
        assert!(
            world.normal(&ran.stderr).contains(message),
            "{}",
            ran.stderr
        );
    };
    says(
        1,
        "error: --connectors connectors: there is no such folder\nhint: give a folder of connector files\n",
    );
    world.file("connectors", "");
    says(
        1,
        "error: --connectors connectors: it is a file, not a folder",
    );
    std::fs::remove_file(world.path("connectors")).expect("it was written");
    world.file("connectors/readme.md", "not a connector");
    world.file(
        "connectors/a.properties",
        "name=a\nconnector.class=FileStreamSource\n",
    );
    says(1, "error: connector a: Connector configuration is invalid");
    world.file(
        "connectors/a.properties",
        "name=a\nconnector.class=FileStreamSource\ntopic=t\n",
    );
    world.file(
        "connectors/b.json",
        r#"{"name":"a","config":{"connector.class":"FileStreamSource","topic":"t"}}"#,
    );
    says(
        1,
        "connectors/b.json: connector a is also in connectors/a.properties",
    );
}

#[test]
fn a_port_that_is_taken_and_a_kafka_that_nobody_knows_are_named() {
    let world = World::new();
    let nowhere = "bootstrap.servers=no-such-host.invalid:9092\n";
    world.file("worker.properties", format!("{WORKER}{nowhere}"));
    let ran = world.run(["run", "worker.properties"]).code(1);
    assert!(
        ran.stderr
            .contains("the host of no-such-host.invalid:9092 is unknown"),
        "{}",
        ran.stderr
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address");
    world.file(
        "worker.properties",
        format!("{WORKER}listeners=http://{address}\n"),
    );
    let ran = world.run(["run", "worker.properties"]).code(1);
    assert!(
        ran.stderr.contains(&format!("cannot listen on {address}")),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_log_for_machines_ends_with_the_error_as_an_object() {
    let world = World::new();
    let nowhere = "bootstrap.servers=no-such-host.invalid:9092\n";
    world.file("worker.properties", format!("{WORKER}{nowhere}"));
    let json = ["--log-format", "json"];
    let ran = world.run(["run", "worker.properties"].iter().chain(&json));
    let ran = ran.code(1);
    let lines: Vec<serde_json::Value> = ran
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let last = lines.last().expect("the error");
    assert_eq!(last["level"], "ERROR", "{last}");
    let message = last["message"].as_str().expect("text");
    let unknown = "the host of no-such-host.invalid:9092 is unknown";
    assert!(message.starts_with(unknown), "{message}");
    assert_eq!(
        last["hint"],
        "check the host name in bootstrap.servers, and DNS"
    );
    let ran = world
        .run(["run", "none.properties"].iter().chain(&json))
        .code(1);
    let only: serde_json::Value = serde_json::from_str(&ran.stderr).expect("one object");
    assert_eq!(only["level"], "ERROR", "{only}");
}
