//! Topics read on from where reading stopped, followed while Java writes, and written to in a given order.

use std::time::Duration;

use bytes::Bytes;
use connectctl::io::kafka::error::KafkaErrorKind;
use connectctl::io::kafka::log::{Isolation, LogReader, Record};
use connectctl::io::kafka::seeder::SeedRecord;
use connectctl::io::kafka::writer::{WriteError, Writer};

use crate::live_kafka::{WRITTEN_BY_JAVA, connect, create, new_topic, read};
use crate::support::{java, kafka, require_kafka};

const PATIENCE: Duration = Duration::from_secs(60);

fn record(key: &str, value: Option<&str>) -> SeedRecord {
    SeedRecord {
        key: Bytes::from(key.to_owned()),
        value: value.map(|value| Bytes::from(value.to_owned())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_topic_gives_what_a_second_reading_gives_and_nothing_twice() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let cluster = connect(&bootstrap).await;
    let topic = "log-followed";
    create(&cluster, new_topic(topic, 1, 1, &[])).await;
    let writer = Writer::new(&cluster, topic, 0);
    let before = record("before", Some("reading began"));
    assert_eq!(writer.write(&[before]).await.unwrap(), 0);
    let mut log = LogReader::new(&cluster, topic, Isolation::ReadCommitted);
    let mut first = Vec::new();
    let summary = log.read_to_end(|_, record| first.push(record)).await;
    assert_eq!((summary.unwrap().records(), first.len()), (1, 1));
    let again = log.read_to_end(|_, record| first.push(record)).await;
    assert_eq!((again.unwrap().records(), first.len()), (0, 1));

    let mut follower = log.follow();
    let writing = tokio::task::spawn_blocking(move || {
        java::run(WRITTEN_BY_JAVA, &[&bootstrap, topic], b"").success();
    });
    let mut followed: Vec<Record> = Vec::new();
    let is_last = |record: &Record| record.value.as_deref() == Some(b"headers");
    while !followed.last().is_some_and(is_last) {
        let next = follower.next(|_, record| followed.push(record));
        let next = tokio::time::timeout(PATIENCE, next).await;
        next.expect("Java writes").unwrap();
    }
    writing.await.unwrap();
    let whole = read(&cluster, topic, Isolation::ReadCommitted).await;
    assert_eq!(whole[&0][..1], first);
    assert_eq!(whole[&0][1..], followed);
    assert!(
        followed
            .iter()
            .all(|r| r.value.as_deref() != Some(b"aborted"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_acknowledged_as_a_whole_and_kafka_s_consumer_reads_its_order() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let cluster = connect(&bootstrap).await;
    let topic = "log-written";
    create(
        &cluster,
        new_topic(topic, 1, 1, &[("max.message.bytes", "2000")]),
    )
    .await;
    let writer = Writer::new(&cluster, topic, 0);
    let pair = [
        record("target-state-é x", Some(r#"{"state":"PAUSED"}"#)),
        record("connector-é x", Some("{}")),
    ];
    assert_eq!(writer.write(&pair).await.unwrap(), 0);
    assert_eq!(writer.write(&[record("gone", None)]).await.unwrap(), 2);
    let large = record("large", Some(&"v".repeat(3000)));
    let refused = writer.write(&[large]).await.unwrap_err();
    assert!(matches!(refused, WriteError::Refused(_)), "{refused}");
    assert!(
        refused.to_string().contains("MESSAGE_TOO_LARGE"),
        "{refused}"
    );
    let absent = Writer::new(&cluster, "log-absent", 0).write(&pair).await;
    let absent = absent.unwrap_err();
    assert_eq!(absent.kafka().kind(), KafkaErrorKind::Broker, "{absent}");

    let read = java::read_topic(&bootstrap, topic);
    let keys: Vec<_> = read
        .iter()
        .map(|r| (r.offset, r.key.clone(), r.value.clone()))
        .collect();
    let expected: Vec<_> = (0..)
        .zip(pair.into_iter().chain([record("gone", None)]))
        .map(|(offset, r)| (offset, Some(r.key.to_vec()), r.value.map(|v| v.to_vec())))
        .collect();
    assert_eq!(keys, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_that_was_lost_is_read_again_from_its_start() {
    require_kafka!();
    let cluster = connect(&kafka::shared().bootstrap()).await;
    let topic = "log-lost";
    create(&cluster, new_topic(topic, 1, 1, &[])).await;
    let writer = Writer::new(&cluster, topic, 0);
    let written = writer
        .write(&["a", "b", "c"].map(|key| record(key, Some("{}"))))
        .await;
    written.expect("the broker takes it");
    let mut log = LogReader::new(&cluster, topic, Isolation::ReadCommitted);
    let read = log.read_to_end(|_, _| {}).await;
    assert_eq!(read.expect("the topic is there").records(), 3);
    let mut follower = log.follow();
    assert!(!follower.hears_all());
    // Nothing is new, and that is told.
    follower.next(|_, _| {}).await.expect("it can be read");
    assert!(follower.hears_all());

    let deleted = cluster.delete_topics(&[topic.to_owned()]).await;
    assert!(deleted.expect("the cluster answers")[topic].is_ok());
    create(&cluster, new_topic(topic, 1, 1, &[])).await;
    let writer = Writer::new(&cluster, topic, 0);
    let written = writer.write(&[record("again", Some("{}"))]).await;
    written.expect("the broker takes it");
    let mut keys = Vec::new();
    while keys.is_empty() {
        let next = follower.next(|_, record| keys.push(record.key));
        let next = tokio::time::timeout(PATIENCE, next).await;
        if next.expect("the topic is there").is_err() {
            follower.resume();
            assert!(!follower.hears_all());
        }
    }
    assert_eq!(keys[0].as_deref(), Some(&b"again"[..]));
    assert_eq!(follower.position(0), 1);
}
