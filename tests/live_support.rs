//! What the other live tests stand on: real Kafka and real Connect start, stop and die as asked.

use std::fs;
use std::time::Duration;

use crate::support::connect::{Deployment, Distributed, Standalone};
use crate::support::kafka::{Kafka, KafkaCluster, KafkaOptions};
use crate::support::world::World;
use crate::support::{java, kafka, require_kafka, rest, wait};

const ECHO: &str = r#"
class Echo {
    public static void main(String[] args) throws Exception {
        System.out.print(args[0] + new String(System.in.readAllBytes(), "UTF-8"));
        System.exit(Integer.parseInt(args[1]));
    }
}
"#;

#[test]
fn a_java_program_gets_arguments_and_input_and_gives_output_and_code() {
    require_kafka!();
    let output = java::run(ECHO, &["á ", "7"], "😀".as_bytes());
    assert_eq!((output.code, output.text().as_str()), (Some(7), "á 😀"));
}

#[test]
fn a_standalone_deployment_moves_lines_from_file_to_topic_to_file() {
    require_kafka!();
    let world = World::new();
    let bootstrap = kafka::shared().bootstrap();
    let input = world.file("in.txt", "one\ntwo\n");
    let output = world.path("out.txt");
    let mut deployment = Deployment::new(world.root(), &bootstrap);
    deployment
        .file_source("support source", &input, "support-lines")
        .file_sink("support-sínk", "support-lines", &output);
    let mut worker = Standalone::start(&deployment);
    worker.wait_running("support source");
    worker.wait_running("support-sínk");
    wait::expect(
        "both lines reach the sink's file",
        Duration::from_secs(30),
        || fs::read_to_string(&output).is_ok_and(|text| text == "one\ntwo\n"),
    );
    worker.stop();
    assert!(!worker.is_running());
    assert!(
        fs::metadata(&deployment.offsets).is_ok_and(|file| file.len() > 0),
        "a graceful stop flushes offsets:\n{}",
        worker.log_tail(30)
    );
    let values: Vec<_> = java::read_topic(&bootstrap, "support-lines")
        .into_iter()
        .map(|record| record.value.expect("a line"))
        .collect();
    assert_eq!(values, [b"one", b"two"]);
}

#[test]
fn a_distributed_worker_serves_rest_and_dies_when_killed() {
    require_kafka!();
    let world = World::new();
    let bootstrap = kafka::shared().bootstrap();
    let file = Distributed::file(world.root(), &bootstrap, "support-distributed", &[]);
    let mut worker = Distributed::start(&file);
    let connectors = rest::get(&format!("{}/connectors", worker.url)).success();
    assert_eq!(connectors.json(), serde_json::json!([]));
    let missing = rest::get(&format!("{}/connectors/none/status", worker.url));
    assert_eq!(missing.status, 404);
    worker.kill();
    assert!(rest::request("GET", &worker.url, None).is_err());
}

#[test]
fn three_brokers_form_a_cluster_and_one_can_be_stopped_and_restarted() {
    require_kafka!();
    let cluster = KafkaCluster::start(3);
    assert_eq!(cluster.bootstrap().split(',').count(), 3);
    let last = &cluster.brokers[2];
    last.kill();
    last.restart();
    last.stop();
}

#[test]
fn a_broker_of_an_older_version_starts() {
    require_kafka!();
    let broker = Kafka::start(KafkaOptions::default().version(crate::support::maven::KAFKA_3));
    broker.stop();
}

#[test]
fn the_binary_runs_in_a_clean_world() {
    let world = World::new();
    let ran = world.run(["--version"]).success();
    assert!(ran.stdout.starts_with("connectctl "), "{ran:?}");
    assert_eq!(ran.stderr, "");
    let refused = world.run(["no-such-command"]).code(2);
    assert!(refused.stderr.contains("no-such-command"), "{refused:?}");
}

#[test]
fn the_binary_runs_on_a_terminal() {
    let world = World::new();
    let ran = world.run_pty(["--help"], &[]).success();
    assert!(
        ran.stdout.contains("\u{1b}["),
        "help is styled on a terminal: {ran:?}"
    );
}
