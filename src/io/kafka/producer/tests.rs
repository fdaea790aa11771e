use std::time::Duration;

use super::outbox::Outbox;
use super::*;
use crate::io::kafka::error::{BrokerError, TlsFault};
use crate::io::kafka::settings::ClientSettings;
use crate::model::properties::Properties;

fn producer(settings: ProducerSettings) -> (Producer, TopicHandle) {
    let servers = ("bootstrap.servers".to_owned(), "127.0.0.1:1".to_owned());
    let client =
        ClientSettings::from_properties(&Properties::from([servers]), Duration::from_secs(1));
    let cluster = Cluster::unconnected(client.expect("an address"));
    let mut producer = Producer::new(&cluster, settings);
    let topic = producer.topic("t");
    (producer, topic)
}

/// A producer with one record for a partition that nobody leads.
fn with_record(settings: ProducerSettings) -> Producer {
    let (mut producer, topic) = producer(settings);
    producer.topics[topic.0].partitions.push(Outbox::default());
    let pushed = producer.push(topic, None, 0, &NewRecord::default());
    pushed.expect("it is small");
    producer.metadata.wanted = false;
    producer
}

#[tokio::test]
async fn a_batch_that_is_ripe_a_moment_after_the_look_at_it_is_looked_at_again() {
    let looked = Instant::now();
    let producer = with_record(ProducerSettings {
        linger: Duration::from_nanos(1),
        ..ProducerSettings::default()
    });
    let due = producer.next_due(looked).expect("there is a batch");
    assert!(due > looked);
}

#[tokio::test]
async fn a_producer_wakes_when_a_record_without_a_leader_has_waited_too_long() {
    let mut producer = with_record(ProducerSettings {
        delivery_timeout: Some(Duration::from_millis(20)),
        is_idempotent: false,
        ..ProducerSettings::default()
    });
    // Nothing else would wake it.
    producer.metadata.asking = true;
    let delivery = producer.next().await;
    assert!(
        matches!(
            delivery,
            Some(Delivery::Lost {
                error: ProduceError::Expired { .. },
                ..
            })
        ),
        "{delivery:?}"
    );
}

#[tokio::test]
async fn a_topic_is_refused_only_by_what_does_not_pass() {
    let (mut producer, topic) = producer(ProducerSettings::default());
    let mut refused_with = |code| {
        let error = BrokerError::new("Metadata", "topic t", code);
        producer.topics[topic.0].trouble = Some(error.into());
        producer.refusal(topic).map(|refusal| refusal.to_string())
    };
    assert_eq!(refused_with(errors::UNKNOWN_TOPIC_OR_PARTITION), None);
    let refusal = refused_with(errors::TOPIC_AUTHORIZATION_FAILED).expect("it is refused");
    assert!(refusal.contains("TOPIC_AUTHORIZATION_FAILED"), "{refusal}");
}

fn unreachable(error: KafkaError) -> (Producer, Vec<ProduceError>) {
    let mut producer = with_record(ProducerSettings::default());
    producer.take(Event::Connected(1, Err(error)));
    let told = producer.deliveries.drain(..).filter_map(|told| match told {
        Delivery::Lost { error, .. } => Some(error),
        Delivery::Acknowledged { .. } => None,
    });
    let told = told.collect();
    (producer, told)
}

#[tokio::test]
async fn what_keeps_the_producer_itself_from_writing_is_no_record_s_failure() {
    let address = || "127.0.0.1:1".to_owned();
    let login = KafkaError::Authentication {
        address: address(),
        mechanism: "PLAIN".into(),
        message: "no".into(),
    };
    let tls = KafkaError::Tls {
        address: address(),
        fault: TlsFault::UntrustedCertificate,
        reason: "r".into(),
    };
    for error in [login, tls, KafkaError::TlsExpected { address: address() }] {
        let (producer, told) = unreachable(error);
        assert!(told.len() == 1 && told[0].is_fatal(), "{told:?}");
        assert!(producer.is_idle());
    }
    let (producer, told) = unreachable(KafkaError::Refused { address: address() });
    assert!(told.is_empty(), "it comes back");
    assert!(producer.metadata.wanted && !producer.is_idle());
}

#[test]
fn a_broker_s_answer_is_about_the_record_unless_it_is_about_the_producer() {
    let answered = |code| {
        let error = BrokerError::new("Produce", "topic t", code);
        ProduceError::of("t".to_owned(), error.into()).is_fatal()
    };
    assert!(!answered(errors::MESSAGE_TOO_LARGE));
    assert!(!answered(errors::TOPIC_AUTHORIZATION_FAILED));
    assert!(answered(errors::CLUSTER_AUTHORIZATION_FAILED));
}
