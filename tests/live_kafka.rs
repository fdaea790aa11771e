//! Our Kafka client against a real broker: topics, settings, groups, seeding and reading.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use connectctl::io::kafka::admin_configs::ConfigSource;
use connectctl::io::kafka::admin_topics::NewTopic;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::log::{Isolation, Record, read_to_end};
use connectctl::io::kafka::offsets::OffsetSpec;
use connectctl::io::kafka::seeder::{SeedRecord, seed};
use connectctl::io::kafka::settings::ClientSettings;
use connectctl::protocol::errors::{self, ErrorCode};
use connectctl::protocol::partitioner::partition_of;

use crate::support::{java, kafka, require_kafka};

/// Keys and values by partition.
type Pairs = BTreeMap<i32, Vec<(Vec<u8>, Vec<u8>)>>;

const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) fn settings(bootstrap: &str) -> ClientSettings {
    let bootstrap = bootstrap.split(',').map(str::to_owned).collect();
    ClientSettings::plaintext(bootstrap, TIMEOUT)
}

pub(crate) async fn connect(bootstrap: &str) -> Cluster {
    let connected = Cluster::connect(settings(bootstrap)).await;
    connected.unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn new_topic(
    name: &str,
    partitions: i32,
    replicas: i16,
    configs: &[(&str, &str)],
) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions,
        replication_factor: replicas,
        configs: configs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
    }
}

/// Creates the topic and panics unless the broker did.
pub(crate) async fn create(cluster: &Cluster, topic: NewTopic) {
    let name = topic.name.clone();
    let outcome = cluster.create_topics(&[topic], false).await;
    outcome.expect("the cluster answers")[&name]
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Reads a topic: records by partition, in the order they came.
pub(crate) async fn read(
    cluster: &Cluster,
    topic: &str,
    isolation: Isolation,
) -> BTreeMap<i32, Vec<Record>> {
    let mut found: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
    let summary = read_to_end(cluster, topic, isolation, |partition, record| {
        found.entry(partition).or_default().push(record);
    });
    let summary = summary.await.unwrap_or_else(|error| panic!("{error}"));
    let given: usize = found.values().map(Vec::len).sum();
    assert_eq!(summary.records(), given as u64);
    found
}

pub(crate) fn offset_records(count: usize) -> Vec<SeedRecord> {
    let record = |n| SeedRecord {
        key: Bytes::from(format!(
            "[\"source-{}\",{{\"filename\":\"/var/lib/connect/in-{n}.txt\"}}]",
            n % 100
        )),
        value: Some(Bytes::from(format!("{{\"position\":{}}}", n * 7))),
    };
    (0..count).map(record).collect()
}

const ERROR_TABLE: &str = "
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

class ErrorTable {
    public static void main(String[] arguments) {
        for (Errors error : Errors.values())
            System.out.println(error.code() + \" \" + error.name() + \" \" + (error.exception() instanceof RetriableException));
    }
}";

#[tokio::test(flavor = "multi_thread")]
async fn the_error_table_is_kafka_s_own() {
    require_kafka!();
    let theirs = java::run(ERROR_TABLE, &[], b"").success().text();
    let ours: Vec<String> = ErrorCode::all()
        .map(|row| format!("{} {} {}", row.code, row.name, row.retriable))
        .collect();
    let theirs: Vec<&str> = theirs.lines().collect();
    assert_eq!(theirs, ours);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_created_described_altered_and_deleted_each_with_its_own_outcome() {
    require_kafka!();
    let cluster = connect(&kafka::shared().bootstrap()).await;
    let (good, wide) = ("kafka-admin-good", "kafka-admin-wide");
    let topics = [
        new_topic(good, 7, 1, &[("cleanup.policy", "compact")]),
        new_topic(wide, 1, 3, &[]),
        new_topic("kafka admin bad name", 1, 1, &[]),
        new_topic("kafka-admin-config", 1, 1, &[("no.such.setting", "1")]),
    ];
    let dry = cluster.create_topics(&topics, true).await.unwrap();
    assert!(dry[good].is_ok());
    assert!(!cluster.topics(None).await.unwrap().contains_key(good));

    let outcomes = cluster.create_topics(&topics, false).await.unwrap();
    let code = |name: &str| outcomes[name].as_ref().unwrap_err().code.code;
    assert!(outcomes[good].is_ok());
    assert_eq!(code(wide), errors::INVALID_REPLICATION_FACTOR);
    assert_eq!(
        code("kafka admin bad name"),
        errors::INVALID_TOPIC_EXCEPTION
    );
    assert_eq!(code("kafka-admin-config"), errors::INVALID_CONFIG);
    let again = cluster.create_topics(&topics[..1], false).await.unwrap();
    assert!(
        again[good]
            .as_ref()
            .unwrap_err()
            .is(errors::TOPIC_ALREADY_EXISTS)
    );

    let found = &cluster.topics(Some(&[good.to_owned()])).await.unwrap()[good];
    assert_eq!(found.partitions.len(), 7);
    assert_eq!(found.replication_factor(), 1);
    assert!(found.partitions.values().all(|p| p.leader == Some(1)));

    let set = BTreeMap::from([("retention.ms".to_owned(), "1234567".to_owned())]);
    cluster.alter_topic_configs(good, &set).await.unwrap();
    let names = [good.to_owned(), "kafka-admin-absent".to_owned()];
    let configs = cluster.topic_configs(&names).await.unwrap();
    let of_good = configs[good].as_ref().unwrap();
    assert_eq!(of_good["cleanup.policy"].value.as_deref(), Some("compact"));
    assert_eq!(of_good["cleanup.policy"].source, ConfigSource::Topic);
    assert_eq!(of_good["retention.ms"].value.as_deref(), Some("1234567"));
    assert_eq!(of_good["segment.ms"].source, ConfigSource::Default);
    let absent = configs["kafka-admin-absent"].as_ref().unwrap_err();
    assert!(absent.is(errors::UNKNOWN_TOPIC_OR_PARTITION), "{absent}");
    let wrong = BTreeMap::from([("retention.ms".to_owned(), "soon".to_owned())]);
    let refused = cluster.alter_topic_configs(good, &wrong).await.unwrap_err();
    assert!(refused.to_string().contains("retention.ms"), "{refused}");

    let broker = cluster.broker_configs(1).await.unwrap();
    assert_eq!(
        broker["offsets.topic.num.partitions"].value.as_deref(),
        Some("5")
    );

    let deleted = cluster.delete_topics(&names).await.unwrap();
    assert!(deleted[good].is_ok());
    assert!(deleted["kafka-admin-absent"].is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn seeded_records_are_read_back_byte_for_byte_by_us_and_by_java() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let cluster = connect(&bootstrap).await;
    let topic = "kafka-seeded";
    let partitions = 25;
    create(
        &cluster,
        new_topic(topic, partitions, 1, &[("cleanup.policy", "compact")]),
    )
    .await;
    let records = offset_records(100_000);
    let progress = std::cell::Cell::new(0);
    let told = |total| {
        assert!(total > progress.get());
        progress.set(total);
    };
    let summary = seed(&settings(&bootstrap), topic, partitions, &records, told)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(summary.records(), records.len());
    assert_eq!(progress.get(), records.len());

    let mut expected: Pairs = BTreeMap::new();
    for record in &records {
        let partition = partition_of(&record.key, partitions);
        let value = record.value.as_ref().expect("no tombstones here");
        expected
            .entry(partition)
            .or_default()
            .push((record.key.to_vec(), value.to_vec()));
    }
    let ours: Pairs = read(&cluster, topic, Isolation::ReadUncommitted)
        .await
        .into_iter()
        .map(|(partition, records)| {
            let pairs = records
                .into_iter()
                .map(|record| (record.key.unwrap().to_vec(), record.value.unwrap().to_vec()));
            (partition, pairs.collect())
        })
        .collect();
    assert!(ours == expected, "our reader found other records");
    let mut java: Pairs = BTreeMap::new();
    for record in java::read_topic(&bootstrap, topic) {
        let pair = (record.key.unwrap(), record.value.unwrap());
        java.entry(record.partition).or_default().push(pair);
    }
    assert!(java == expected, "Java's consumer found other records");
}

/// Aborted and committed transactions, tombstones, duplicate and null headers, a null key, every compression.
pub(crate) const WRITTEN_BY_JAVA: &str = r#"
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

class WriteAll {
    static KafkaProducer<byte[], byte[]> producer(String bootstrap, String compression, String transaction) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("compression.type", compression);
        if (transaction != null) settings.put("transactional.id", transaction);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    static ProducerRecord<byte[], byte[]> record(String topic, String key, String value) {
        return new ProducerRecord<>(topic, 0, bytes(key), bytes(value));
    }

    public static void main(String[] arguments) throws Exception {
        String bootstrap = arguments[0], topic = arguments[1];
        for (String compression : new String[] {"none", "gzip", "snappy", "lz4", "zstd"})
            try (var producer = producer(bootstrap, compression, null)) {
                for (int n = 0; n < 100; n++) producer.send(record(topic, compression, compression + n));
            }
        try (var producer = producer(bootstrap, "none", topic + "-transaction")) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(record(topic, "k", "committed"));
            producer.commitTransaction();
            producer.beginTransaction();
            producer.send(record(topic, "k", "aborted"));
            producer.flush();
            producer.abortTransaction();
            producer.beginTransaction();
            producer.send(record(topic, "k", "committed too"));
            producer.commitTransaction();
        }
        try (var producer = producer(bootstrap, "none", null)) {
            producer.send(record(topic, "k", null));
            var headed = record(topic, null, "headers");
            headed.headers().add("twice", bytes("1")).add("none", null).add("twice", bytes("2"));
            producer.send(headed);
        }
        var open = producer(bootstrap, "none", topic + "-open");
        open.initTransactions();
        open.beginTransaction();
        open.send(record(topic, "k", "undecided")).get();
        Runtime.getRuntime().halt(0);
    }
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn transactions_tombstones_headers_and_compressions_of_java_are_read_rightly() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let cluster = connect(&bootstrap).await;
    let topic = "kafka-written-by-java";
    create(&cluster, new_topic(topic, 1, 1, &[])).await;
    java::run(WRITTEN_BY_JAVA, &[&bootstrap, topic], b"").success();

    let shown = |records: &[Record]| -> Vec<Option<String>> {
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let tail = records[500..].iter();
        tail.map(|record| record.value.as_ref().map(text)).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    let all = read(&cluster, topic, Isolation::ReadUncommitted)
        .await
        .remove(&0)
        .unwrap();
    for (n, record) in all[..500].iter().enumerate() {
        let compression = ["none", "gzip", "snappy", "lz4", "zstd"][n / 100];
        assert_eq!(record.key.as_deref(), Some(compression.as_bytes()));
        assert_eq!(
            record.value.as_deref(),
            Some(format!("{compression}{}", n % 100).as_bytes())
        );
    }
    let committed = read(&cluster, topic, Isolation::ReadCommitted)
        .await
        .remove(&0)
        .unwrap();
    let expected = [
        some("committed"),
        some("committed too"),
        None,
        some("headers"),
    ];
    assert_eq!(shown(&committed), expected);
    let expected = [
        some("committed"),
        some("aborted"),
        some("committed too"),
        None,
        some("headers"),
        some("undecided"),
    ];
    assert_eq!(shown(&all), expected);
    // Each marker took an offset.
    let offsets: Vec<i64> = all[500..].iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [500, 502, 504, 506, 507, 508]);
    let headed = &committed[503];
    assert_eq!(headed.key, None);
    let headers: Vec<(&[u8], Option<&[u8]>)> = headed
        .headers
        .iter()
        .map(|h| (&*h.key, h.value.as_deref()))
        .collect();
    let twice = |value| (&b"twice"[..], Some(value));
    assert_eq!(
        headers,
        [twice(&b"1"[..]), (&b"none"[..], None), twice(&b"2"[..])]
    );
    let latest = cluster.offsets(topic, OffsetSpec::Latest).await.unwrap()[&0];
    let stable = cluster
        .offsets(topic, OffsetSpec::LatestStable)
        .await
        .unwrap()[&0];
    assert_eq!((latest, stable), (509, 508));
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_an_empty_group_are_committed_read_and_deleted() {
    require_kafka!();
    let cluster = connect(&kafka::shared().bootstrap()).await;
    let (topic, group) = ("kafka-group-topic", "connect-kafka grüppe");
    create(&cluster, new_topic(topic, 2, 1, &[])).await;
    assert!(cluster.committed_offsets(group).await.unwrap().is_empty());
    let offsets = BTreeMap::from([((topic.to_owned(), 0), 0), ((topic.to_owned(), 1), 42)]);
    let outcomes = cluster.commit_offsets(group, &offsets).await.unwrap();
    assert!(
        outcomes.len() == 2 && outcomes.values().all(Result::is_ok),
        "{outcomes:?}"
    );
    assert_eq!(cluster.committed_offsets(group).await.unwrap(), offsets);
    let both = [group.to_owned(), "kafka-no-such-group".to_owned()];
    let found = cluster.committed_offsets_of(&both).await.unwrap();
    assert_eq!(found[group].as_ref().unwrap(), &offsets);
    assert!(found["kafka-no-such-group"].as_ref().unwrap().is_empty());

    let listing = cluster.list_groups().await.unwrap();
    assert!(listing.unanswered.is_empty());
    assert_eq!(listing.groups[group].state, "Empty");
    let ids = [group.to_owned(), "kafka-no-such-group".to_owned()];
    let described = cluster.describe_groups(&ids).await.unwrap();
    assert_eq!(described[group].as_ref().unwrap().state, "Empty");
    assert_eq!(described[&ids[1]].as_ref().unwrap().state, "Dead");
    let deleted = cluster.delete_groups(&ids).await.unwrap();
    assert!(deleted[group].is_ok());
    assert!(
        deleted[&ids[1]]
            .as_ref()
            .unwrap_err()
            .is(errors::GROUP_ID_NOT_FOUND)
    );
    assert!(cluster.committed_offsets(group).await.unwrap().is_empty());
}
