//! A broker that listens on `[::1]` and advertises it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use connectctl::io::kafka::admin_topics::NewTopic;
use connectctl::io::kafka::cluster::Cluster;
use connectctl::io::kafka::log::{self, Isolation};
use connectctl::io::kafka::seeder::{self, SeedRecord, SeedSummary};
use connectctl::io::kafka::settings::ClientSettings;
use connectctl::model::properties::Properties;

use crate::support::certificates::Certificates;
use crate::support::kafka::{Kafka, KafkaOptions};
use crate::support::{ports, require_kafka};

fn settings(pairs: &[(&str, &str)]) -> ClientSettings {
    let properties: Properties = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    ClientSettings::from_properties(&properties, Duration::from_secs(10))
        .expect("the settings are right")
}

async fn seeded(settings: &ClientSettings, topic: &str) -> Result<SeedSummary, seeder::SeedError> {
    let cluster = Cluster::connect(settings.clone())
        .await
        .expect("our client takes IPv6");
    let new = NewTopic {
        name: topic.to_owned(),
        partitions: 3,
        replication_factor: 1,
        configs: BTreeMap::new(),
    };
    let created = cluster.create_topics(&[new], false).await;
    assert_eq!(created.expect("the broker serves")[topic], Ok(()));
    let record = SeedRecord {
        key: Bytes::from_static(b"key"),
        value: Some(Bytes::from_static(b"value")),
    };
    let outcome = seeder::seed(settings, topic, 3, &[record], |_| ()).await;
    let read = log::read_to_end(&cluster, topic, Isolation::ReadCommitted, |_, _| ()).await;
    let read = read.expect("our client takes IPv6").records();
    assert_eq!(read, u64::from(outcome.is_ok()));
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_addresses_work_and_what_does_not_is_said_before_anything_is_written() {
    require_kafka!();
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        // The machine has no IPv6.
        return;
    }
    let certificates = Certificates::make();
    let [v4, plain, tls, controller] = [0; 4].map(|_| ports::free());
    let options = KafkaOptions::default()
        .listener("V6", "PLAINTEXT")
        .listener("V6TLS", "SSL")
        .property(
            "listeners",
            format!("PLAINTEXT://127.0.0.1:{v4},V6://[::1]:{plain},V6TLS://[::1]:{tls},CONTROLLER://127.0.0.1:{controller}"),
        )
        .property("controller.quorum.voters", format!("1@127.0.0.1:{controller}"))
        .property("listener.name.v6tls.ssl.keystore.type", "PEM")
        .property("listener.name.v6tls.ssl.keystore.location", certificates.path("broker.pem"));
    let _kafka = Kafka::start(options);

    let plain = settings(&[("bootstrap.servers", &format!("[::1]:{plain}"))]);
    let written = seeded(&plain, "ipv6-plain").await;
    assert_eq!(written.expect("rskafka takes it").records(), 1);

    let address = format!("[::1]:{tls}");
    let tls = settings(&[
        ("bootstrap.servers", &address),
        ("security.protocol", "SSL"),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", &certificates.path("ca.pem")),
    ]);
    let refused = seeded(&tls, "ipv6-tls").await.expect_err("rskafka cannot");
    assert_eq!(
        refused.to_string(),
        format!(
            "records cannot be written over TLS to {address}: the library that writes them takes no IPv6 address there"
        )
    );
    assert!(
        refused
            .hint()
            .is_some_and(|hint| hint.contains("advertised.listeners"))
    );
}
