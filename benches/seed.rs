//! A million offset records: seeded beside Java's producer on the same broker, read back and compared.
//!
//! Every run seeds with each producer in turn, so that a change of the machine's mood falls on all of them; the medians
//! stand in the last lines. Java's time begins with the first `send` in a JVM that has its records ready, ours with the
//! call that connects.
#![expect(
    clippy::print_stdout,
    reason = "a bench that needs a broker prints its own table"
)]

use std::fs;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectctl::io::kafka::admin_topics::NewTopic;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::log::{Isolation, read_to_end};
use connectctl::io::kafka::seeder::{SeedRecord, seed};
use connectctl::io::kafka::settings::ClientSettings;
use connectctl::io::offset_store;
use connectctl::plan;
use connectctl::plan::offset_check::OffsetCheck;
use connectctl::protocol::partitioner::partition_of;

#[path = "../tests/support/mod.rs"]
mod support;

use support::kafka::{Kafka, KafkaOptions};

const COUNT: u32 = 1_000_000;
/// As `offset.storage.partitions` is by default.
const PARTITIONS: i32 = 25;
const RUNS: usize = 5;

const JAVA_PRODUCER: &str = include_str!("../tests/support/java/SeedMillion.java");

/// The collector and compilers that `kafka-server-start` gives a JVM, instead of the tests' quick start.
const JVM: &[&str] = &[
    "-XX:TieredStopAtLevel=4",
    "-XX:-UseSerialGC",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
];

/// Label and settings of Java's producer, besides acks=all.
const JAVA: &[(&str, &[&str])] = &[
    ("Java's producer, defaults", &[]),
    (
        "Java's producer, tuned",
        &[
            "linger.ms=20",
            "batch.size=524288",
            "buffer.memory=134217728",
        ],
    ),
];
const SEEDED: &str = "connectctl, seed";
const READ: &str = "connectctl, read";
const COMPARED: &str = "connectctl, read back and compare";

#[tokio::main]
async fn main() {
    let mut options = KafkaOptions {
        heap: 1024,
        ..KafkaOptions::default()
    };
    options.jvm.extend(JVM.iter().map(ToString::to_string));
    let kafka = Kafka::start(options);
    let settings = ClientSettings::plaintext(vec![kafka.bootstrap()], Duration::from_secs(60));
    let cluster = Cluster::connect(settings).await;
    let cluster = cluster.expect("the broker serves");
    let records = records();
    let expected: Vec<_> = records.iter().map(expected).collect();
    let mut table = Table::default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average before: {load}");
    // What no one measures: the broker's first million, which its JVM compiles its code with.
    java(&cluster, "warm-up", &[]).await;
    for run in 1..=RUNS {
        for (number, (label, settings)) in JAVA.iter().enumerate() {
            let took = java(&cluster, &format!("java-{number}-{run}"), settings).await;
            table.row(label, took);
        }
        ours(
            &cluster,
            &format!("ours-{run}"),
            &records,
            &expected,
            &mut table,
        )
        .await;
    }
    table.medians();
}

fn records() -> Vec<SeedRecord> {
    let record = |n: u32| SeedRecord {
        key: Bytes::from(format!(
            r#"["file-source-{:04}",{{"filename":"/var/lib/connect/in-{n:07}.txt"}}]"#,
            n % 1000
        )),
        value: Some(Bytes::from(format!(
            r#"{{"position":{}}}"#,
            u64::from(n) * 1000
        ))),
    };
    (0..COUNT).map(record).collect()
}

fn expected(record: &SeedRecord) -> plan::SeedRecord {
    plan::SeedRecord {
        connector: "file-source".to_owned(),
        key: record.key.clone(),
        value: record.value.clone(),
        partition: Some(partition_of(&record.key, PARTITIONS)),
    }
}

/// Seeds with Java's producer, which tells the time itself, and leaves no topic.
async fn java(cluster: &Cluster, topic: &str, settings: &[&str]) -> Duration {
    create(cluster, topic).await;
    let bootstrap = cluster.settings().bootstrap.join(",");
    let count = COUNT.to_string();
    let arguments = [&[&*bootstrap, topic, &count], settings].concat();
    let version = support::maven::KAFKA;
    let nanos = support::java::run_with(JVM, version, JAVA_PRODUCER, &arguments, b"");
    let nanos = nanos.success().text();
    delete(cluster, topic).await;
    Duration::from_nanos(nanos.trim().parse().expect("nanoseconds"))
}

/// Seeds, reads, reads back and compares as `migrate` does, and leaves no topic.
async fn ours(
    cluster: &Cluster,
    topic: &str,
    records: &[SeedRecord],
    expected: &[plan::SeedRecord],
    table: &mut Table,
) {
    create(cluster, topic).await;
    let started = Instant::now();
    let seeded = seed(cluster.settings(), topic, PARTITIONS, records, |_| {}).await;
    table.row(SEEDED, started.elapsed());
    let seeded = seeded.expect("all is acknowledged");
    assert_eq!(seeded.records(), records.len());
    let started = Instant::now();
    let read = read_to_end(cluster, topic, Isolation::ReadCommitted, |_, record| {
        black_box(record);
    });
    let read = read.await.expect("the topic is readable");
    table.row(READ, started.elapsed());
    assert_eq!(read.records(), u64::from(COUNT));
    let started = Instant::now();
    let check = OffsetCheck::new(expected);
    let compared = offset_store::compare(cluster, topic, Isolation::ReadCommitted, check).await;
    table.row(COMPARED, started.elapsed());
    compared.expect("the topic has what was seeded");
    delete(cluster, topic).await;
}

async fn create(cluster: &Cluster, name: &str) {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: PARTITIONS,
        replication_factor: 1,
        configs: [("cleanup.policy".to_owned(), "compact".to_owned())].into(),
    };
    let created = cluster.create_topics(&[topic], false).await;
    created.expect("the broker answers")[name]
        .as_ref()
        .expect("the topic is new");
}

async fn delete(cluster: &Cluster, name: &str) {
    let deleted = cluster.delete_topics(&[name.to_owned()]).await;
    deleted.expect("the broker answers")[name]
        .as_ref()
        .expect("the topic is there");
}

/// What was measured, by label, in the order of the first rows.
#[derive(Default)]
struct Table(Vec<(&'static str, Vec<Duration>)>);

impl Table {
    fn row(&mut self, label: &'static str, took: Duration) {
        println!("{}", line(label, took));
        match self.0.iter_mut().find(|(known, _)| *known == label) {
            Some((_, all)) => all.push(took),
            None => self.0.push((label, vec![took])),
        }
    }

    fn median(&self, label: &str) -> Duration {
        let (_, all) = self
            .0
            .iter()
            .find(|(known, _)| *known == label)
            .expect("every label has rows");
        let mut all = all.clone();
        all.sort_unstable();
        all[all.len() / 2]
    }

    fn medians(&self) {
        println!("\nmedians of {RUNS} runs");
        for (label, _) in &self.0 {
            println!("{}", line(label, self.median(label)));
        }
        let ours = self.median(SEEDED).as_secs_f64();
        for (label, _) in JAVA {
            let ratio = self.median(label).as_secs_f64() / ours;
            println!("{SEEDED} is {ratio:.2} times as fast as {label}");
        }
    }
}

fn line(label: &str, took: Duration) -> String {
    let rate = f64::from(COUNT) / took.as_secs_f64();
    format!(
        "{label:<34} {:>5} ms {rate:>9.0} records/s",
        took.as_millis()
    )
}
