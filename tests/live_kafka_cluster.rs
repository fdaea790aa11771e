//! Our Kafka client against clusters that are not one quiet broker of today: three brokers of which one dies, Kafka 3.9,
//! compacted logs, brokers that advertise an address nobody can reach.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectctl::io::kafka::admin_topics::NewTopic;
use connectctl::io::kafka::error::{KafkaError, KafkaErrorKind};
use connectctl::io::kafka::log::{Isolation, read_to_end};
use connectctl::io::kafka::offsets::OffsetSpec;
use connectctl::io::kafka::seeder::{SeedRecord, seed};
use connectctl::protocol::partitioner::partition_of;

use crate::live_kafka::{connect, create, new_topic, offset_records, read, settings};
use crate::support::kafka::{Kafka, KafkaCluster, KafkaOptions, shared};
use crate::support::{java, maven, require_kafka};

/// Records large enough that a reader cannot have fetched all of them before it sees the first.
fn large_records(count: usize) -> Vec<SeedRecord> {
    let value = "v".repeat(600);
    let record = |n| SeedRecord {
        key: Bytes::from(format!("key {n}")),
        value: Some(Bytes::from(format!("{n} {value}"))),
    };
    (0..count).map(record).collect()
}

/// Partition, key and value of every record; what a retry wrote twice counts once.
type Placed = BTreeSet<(i32, Bytes, Bytes)>;

fn placed(records: &[SeedRecord], partitions: i32) -> Placed {
    let place = |record: &SeedRecord| {
        let partition = partition_of(&record.key, partitions);
        let value = record.value.clone().expect("no tombstones here");
        (partition, record.key.clone(), value)
    };
    records.iter().map(place).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stops_while_we_write_or_dies_while_we_read_loses_nothing() {
    require_kafka!();
    let options = KafkaOptions::default().property("broker.session.timeout.ms", "3000");
    let kafka = KafkaCluster::start_with(3, &options);
    let cluster = connect(&kafka.bootstrap()).await;
    assert_eq!(cluster.describe().await.unwrap().brokers.len(), 3);
    let (topic, partitions) = ("kafka-three-brokers", 6);
    create(&cluster, new_topic(topic, partitions, 3, &[])).await;
    let found = cluster.topics(Some(&[topic.to_owned()])).await.unwrap();
    let leaders: BTreeSet<_> = found[topic].partitions.values().map(|p| p.leader).collect();
    assert_eq!(leaders.len(), 3, "every broker leads something");
    assert_eq!(found[topic].replication_factor(), 3);

    let records = large_records(100_000);
    let stopped = AtomicBool::new(false);
    let stop_one = |_| {
        if !stopped.swap(true, Ordering::Relaxed) {
            kafka.brokers[0].stop();
        }
    };
    let seeded = seed(
        &settings(&kafka.bootstrap()),
        topic,
        partitions,
        &records,
        stop_one,
    )
    .await;
    assert_eq!(
        seeded.unwrap_or_else(|error| panic!("{error}")).records(),
        records.len()
    );
    assert!(stopped.load(Ordering::Relaxed));
    kafka.brokers[0].restart();

    let mut found = Placed::new();
    let mut killed = false;
    let summary = read_to_end(
        &cluster,
        topic,
        Isolation::ReadCommitted,
        |partition, record| {
            if !killed {
                killed = true;
                kafka.brokers[1].kill();
            }
            found.insert((partition, record.key.unwrap(), record.value.unwrap()));
        },
    );
    let summary = summary.await.unwrap_or_else(|error| panic!("{error}"));
    assert!(killed);
    assert!(summary.records() >= records.len() as u64);
    assert!(
        found == placed(&records, partitions),
        "records are missing or wrong"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_3_9_is_spoken_to_by_negotiation() {
    require_kafka!();
    let kafka = Kafka::start(KafkaOptions::default().version(maven::KAFKA_3));
    let cluster = connect(&kafka.bootstrap()).await;
    let (topic, partitions) = ("kafka-of-yesterday", 5);
    create(
        &cluster,
        new_topic(topic, partitions, 1, &[("cleanup.policy", "compact")]),
    )
    .await;
    let records = offset_records(1000);
    seed(
        &settings(&kafka.bootstrap()),
        topic,
        partitions,
        &records,
        |_| {},
    )
    .await
    .unwrap_or_else(|error| panic!("{error}"));
    let found = read(&cluster, topic, Isolation::ReadCommitted).await;
    let found: Placed = found
        .into_iter()
        .flat_map(|(partition, records)| {
            let pair = move |r: connectctl::io::kafka::log::Record| {
                (partition, r.key.unwrap(), r.value.unwrap())
            };
            records.into_iter().map(pair)
        })
        .collect();
    assert_eq!(found, placed(&records, partitions));
    let offsets = BTreeMap::from([((topic.to_owned(), 0), 3)]);
    cluster
        .commit_offsets("connect-old", &offsets)
        .await
        .unwrap();
    assert_eq!(
        cluster.committed_offsets("connect-old").await.unwrap(),
        offsets
    );
    let ids = ["connect-old".to_owned()];
    let described = cluster.describe_groups(&ids).await.unwrap();
    assert_eq!(described["connect-old"].as_ref().unwrap().state, "Empty");
    let configs = cluster.topic_configs(&[topic.to_owned()]).await.unwrap();
    let policy = &configs[topic].as_ref().unwrap()["cleanup.policy"];
    assert_eq!(policy.value.as_deref(), Some("compact"));
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_of_compaction_and_deleted_records_are_passed_over() {
    require_kafka!();
    let bootstrap = shared().bootstrap();
    let cluster = connect(&bootstrap).await;
    let topic = "kafka-compacted";
    let eager = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("max.compaction.lag.ms", "100"),
    ];
    create(&cluster, new_topic(topic, 1, 1, &eager)).await;
    let write = |key: &str, value: &str| SeedRecord {
        key: Bytes::from(key.to_owned()),
        value: Some(Bytes::from(value.to_owned())),
    };
    let first: Vec<SeedRecord> = (0..1000).map(|n| write("k", &n.to_string())).collect();
    let settings = settings(&bootstrap);
    seed(&settings, topic, 1, &first, |_| {}).await.unwrap();
    // Every further record rolls the segment, so that the earlier ones can be compacted.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        seed(&settings, topic, 1, &[write("k", "last")], |_| {})
            .await
            .unwrap();
        let end = cluster.offsets(topic, OffsetSpec::Latest).await.unwrap()[&0];
        let found = read(&cluster, topic, Isolation::ReadCommitted).await;
        let last = found[&0].last().expect("the last record stays");
        assert_eq!(last.value.as_deref(), Some(&b"last"[..]));
        if found[&0].len() < 1000 && end > 1000 {
            assert!(
                found[&0]
                    .windows(2)
                    .all(|pair| pair[0].offset < pair[1].offset)
            );
            let java: Vec<i64> = java::read_topic(&bootstrap, topic)
                .iter()
                .map(|r| r.offset)
                .collect();
            assert!(
                java.len() <= found[&0].len() + 1,
                "Java sees more than we do"
            );
            return;
        }
        assert!(Instant::now() < deadline, "the cleaner did not run");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_does_not_exist_is_an_error_at_once() {
    require_kafka!();
    let cluster = connect(&shared().bootstrap()).await;
    let started = Instant::now();
    let missing = read_to_end(
        &cluster,
        "kafka-absent",
        Isolation::ReadCommitted,
        |_, _| {},
    )
    .await;
    let error = missing.expect_err("there is no such topic");
    assert!(error.to_string().contains("topic kafka-absent"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(
        !cluster
            .topics(None)
            .await
            .unwrap()
            .contains_key("kafka-absent")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertised_address_that_cannot_be_reached_is_named() {
    require_kafka!();
    let options = KafkaOptions::default().property(
        "advertised.listeners",
        "PLAINTEXT://no-such-host.invalid:9092",
    );
    let kafka = Kafka::start(options);
    let mut settings = settings(&kafka.bootstrap());
    settings.timeout = Duration::from_secs(3);
    let cluster = connectctl::io::kafka::cluster::Cluster::connect(settings)
        .await
        .unwrap();
    let topic = NewTopic {
        name: "kafka-advertised".to_owned(),
        partitions: 1,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    // Any broker may create a topic; its records are with the leader alone.
    let created = cluster.create_topics(&[topic], false).await.unwrap();
    assert!(created["kafka-advertised"].is_ok());
    let error: KafkaError = cluster
        .offsets("kafka-advertised", OffsetSpec::Latest)
        .await
        .expect_err("the leader cannot be reached");
    assert_eq!(error.kind(), KafkaErrorKind::UnknownHost, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("advertises no-such-host.invalid:9092 for broker 1"),
        "{text}"
    );
    assert!(error.hint().unwrap().contains("advertised.listeners"));
}
