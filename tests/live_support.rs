//! What the other live tests stand on: real Kafka and real Connect start, stop and die as asked.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::connect::{Deployment, Distributed, Standalone};
use crate::support::kafka::{Kafka, KafkaCluster, KafkaOptions};
use crate::support::world::World;
use crate::support::{java, kafka, ports, require_kafka, rest, wait, watchdog};

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
    last.stop();
    last.restart();
    // Last: a broker that was killed comes back only when its session of 9 s has run out.
    last.kill();
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

/// Set in the process that [`what_a_killed_test_process_started_is_cleaned_up`] starts.
const DIE: &str = "CONNECTCTL_TEST_DIES_AFTER_STARTING_A_CHILD";

/// Starts a process and a folder, names them on stdout, and dies without a destructor.
#[test]
fn a_test_process_can_be_made_to_die() {
    if std::env::var_os(DIE).is_none() {
        return;
    }
    let child = Command::new("sleep")
        .arg("600")
        .process_group(0)
        .spawn()
        .expect("sleep starts");
    watchdog::kill_at_end(child.id());
    let spared = Command::new("true").spawn().expect("true starts");
    watchdog::kill_at_end(spared.id());
    watchdog::spare(spared.id());
    let folder = watchdog::temporary_folder("connectctl watched ");
    fs::write(folder.join("file"), "").expect("writable");
    println!("\nstarted\t{}\t{}", child.id(), folder.display());
    std::process::abort();
}

#[test]
fn what_a_killed_test_process_started_is_cleaned_up() {
    let output = Command::new(std::env::current_exe().expect("known"))
        .args(["--exact", "--nocapture"])
        .arg("live_support::a_test_process_can_be_made_to_die")
        .env(DIE, "1")
        .output()
        .expect("the suite starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let started = stdout
        .lines()
        .find_map(|line| line.strip_prefix("started\t"))
        .unwrap_or_else(|| panic!("nothing was started: {output:?}"));
    let (pid, folder) = started.split_once('\t').expect("two fields");
    assert!(!output.status.success(), "it aborts");
    wait::expect(
        "the child and the folder are gone",
        Duration::from_secs(10),
        || !is_alive(pid) && !Path::new(folder).exists(),
    );
}

/// Whether the process runs: a zombie that nobody reaps does not.
fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"))
    })
}

#[test]
fn a_port_is_given_out_once() {
    let ports: std::collections::HashSet<_> = (0..50).map(|_| ports::free()).collect();
    assert_eq!(ports.len(), 50);
}
