//! A worker of `connectctl run` from which a permission is taken while it runs.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::live_kafka::{connect, create, new_topic};
use crate::live_security::{PLAIN_PASSWORD, fixture};
use crate::live_topics_acl::{administrator, typed};
use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{java, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// A group whose worker logs in as carol, who may do everything with the group and with topics that begin with its name.
struct Group {
    world: World,
    name: String,
    worker: PathBuf,
}

impl Group {
    fn new(name: &str, settings: &[(&str, &str)]) -> Self {
        let world = World::new();
        let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
        let jaas = |user: &str, password: &str| {
            format!("{module} required username=\"{user}\" password=\"{password}\";")
        };
        let address = fixture().kafka.listener("LOGIN");
        administrator(
            &world,
            &format!(
                "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config={}\n",
                jaas("alice", PLAIN_PASSWORD)
            ),
        );
        let jaas = jaas("carol", "carol");
        let mut all = Vec::new();
        let keys = ["", "producer.", "consumer."].map(|prefix| {
            ["security.protocol", "sasl.mechanism", "sasl.jaas.config"]
                .map(|key| format!("{prefix}{key}"))
        });
        for [protocol, mechanism, login] in &keys {
            all.push((&**protocol, "SASL_PLAINTEXT"));
            all.push((&**mechanism, "PLAIN"));
            all.push((&**login, &*jaas));
        }
        all.extend_from_slice(settings);
        let worker = Distributed::file(world.root(), &address, name, &all);
        let group = Self {
            world,
            name: name.to_owned(),
            worker,
        };
        for topics in [name, &format!("_{name}")] {
            let everything = format!(
                "--add --allow-principal User:carol --operation All --topic {topics} --group {topics} \
                 --resource-pattern-type prefixed"
            );
            group.acl(&everything);
        }
        group
    }

    fn acl(&self, change: &str) {
        let address = fixture().kafka.listener("LOGIN");
        let command = format!(
            "kafka-acls.sh --bootstrap-server {address} --command-config ADMIN.properties {change}"
        );
        typed(&self.world, &command);
    }

    fn create_source(&self, worker: &NativeWorker) -> u16 {
        let config = json!({
            "connector.class": "FileStreamSource",
            "file": self.world.path("in.txt"),
            "topic": format!("{}-lines", self.name),
        });
        let url = format!("{}/connectors/source/config", worker.url);
        rest::put(&url, Some(&config)).status
    }

    fn append(&self, line: &str) {
        let opened = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.world.path("in.txt"));
        let mut opened = opened.expect("the folder is writable");
        writeln!(opened, "{line}").expect("the folder is writable");
    }

    fn lines(&self) -> Vec<String> {
        let topic = format!("{}-lines", self.name);
        let records = java::read_topic(&fixture().kafka.bootstrap(), &topic);
        let values = records.into_iter().filter_map(|record| record.value);
        values
            .map(|value| String::from_utf8(value).expect("text"))
            .collect()
    }
}

#[test]
fn a_topic_that_may_no_longer_be_read_is_told_once_and_the_worker_stays_unhealthy() {
    require_kafka!();
    let group = Group::new("run-unreadable", &[]);
    let worker = NativeWorker::start(&group.worker, &["-v"]);
    let denied = format!(
        "--deny-principal User:carol --operation Read --topic _{}.config",
        group.name
    );
    group.acl(&format!("--add {denied}"));
    let health = || rest::get(&format!("{}/health", worker.url));
    let mut told = String::new();
    wait::expect("it is unhealthy", PATIENCE, || {
        let answer = health();
        told = answer.text;
        answer.status == 500
    });
    assert!(
        told.contains("Topic _run-unreadable.config can not be read"),
        "{told}"
    );
    assert!(told.contains("TOPIC_AUTHORIZATION_FAILED"), "{told}");
    let mut steady = true;
    wait::expect("it is tried again and again", PATIENCE, || {
        steady &= health().status == 500;
        worker.log().matches("can still not be read").count() >= 4
    });
    assert!(steady, "{}", worker.log());
    let warnings = worker
        .log()
        .matches("config can not be read; it is tried until it can")
        .count();
    assert_eq!(warnings, 1, "{}", worker.log());
    group.acl(&format!("--remove --force {denied}"));
    wait::expect("it is healthy", PATIENCE, || health().status == 200);
    assert_eq!(group.create_source(&worker), 201, "{}", worker.log());
    assert_eq!(worker.stop(), 0);
}

#[test]
fn a_worker_that_loses_its_group_commits_before_it_ends() {
    require_kafka!();
    // Nothing is committed by the clock.
    let group = Group::new("run-lost-group", &[("offset.flush.interval.ms", "3600000")]);
    fixture().runtime.block_on(async {
        let cluster = connect(&fixture().kafka.bootstrap()).await;
        create(&cluster, new_topic("run-lost-group-lines", 1, 1, &[])).await;
    });
    let mut worker = NativeWorker::start(&group.worker, &[]);
    group.append("before");
    assert_eq!(group.create_source(&worker), 201, "{}", worker.log());
    worker.wait_state(&["source"], 1, "RUNNING");
    wait::expect("the line is there", PATIENCE, || {
        group.lines() == ["before"]
    });
    let denied = "--deny-principal User:carol --operation Read --group run-lost-group";
    group.acl(&format!("--add {denied}"));
    assert_eq!(worker.end(), 1, "{}", worker.log());
    let log = worker.log();
    assert!(log.contains("group run-lost-group: "), "{log}");
    assert!(log.contains("GROUP_AUTHORIZATION_FAILED"), "{log}");
    group.acl(&format!("--remove --force {denied}"));
    group.append("after");
    let mut worker = NativeWorker::spawn(&group.worker, &[]);
    wait::expect("the next line is there", PATIENCE, || {
        // A broker learns a moment later of what was allowed.
        if worker.has_ended() {
            worker = NativeWorker::spawn(&group.worker, &[]);
        }
        group.lines().len() > 1
    });
    assert_eq!(group.lines(), ["before", "after"], "{}", worker.log());
    assert_eq!(worker.stop(), 0);
}
