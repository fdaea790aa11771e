//! What becomes of a sink task when its broker, its group or what it writes to does not do what it should.

use std::path::Path;

use indexmap::IndexMap;
use kafka_protocol::messages::ApiKey;

use crate::support::proxy::{Hold, Proxy};
use crate::support::sinks::{PATIENCE, expect_lines, expected, produce};
use crate::support::tasks::{TaskWorker, config, file_sink};
use crate::support::world::World;
use crate::support::{kafka, require_kafka, wait};

/// Returns a sink whose consumer speaks to its brokers at `bootstrap` and notices quickly.
fn sink_at(bootstrap: &str, topic: &str, file: &Path) -> IndexMap<String, String> {
    let mut sink = file_sink(topic, file);
    sink.extend(config(&[
        ("consumer.override.bootstrap.servers", bootstrap),
        ("consumer.override.heartbeat.interval.ms", "200"),
        ("consumer.override.session.timeout.ms", "6000"),
    ]));
    sink
}

#[test]
fn a_broker_that_lags_behind_fails_no_sink_of_a_new_topic() {
    require_kafka!();
    let bootstrap = kafka::shared().bootstrap();
    let world = World::new();
    let worker = TaskWorker::start(&bootstrap, "native-lags", &[]);
    for (name, after, known) in [
        // The group has assigned it, and whoever is asked where it begins has not heard of it, or not of all of it.
        ("native-lags-topic", ApiKey::SyncGroup, 0),
        ("native-lags-partition", ApiKey::SyncGroup, 1),
        // Nor has who is asked where its leaders are.
        ("native-lags-leader", ApiKey::ListOffsets, 0),
    ] {
        worker.topic(name, 2);
        for partition in 0..2 {
            produce(&worker, name, partition, 0..10);
        }
        let proxy = Proxy::start(&bootstrap);
        proxy.hold_at(after, 1, Hold::Response);
        let file = world.path(name);
        let task = worker.spawn(name, &sink_at(&proxy.bootstrap(), name, &file));
        let task = task.running();
        wait::expect("the answer is held", PATIENCE, || proxy.is_held());
        proxy.hide(name, known);
        proxy.release();
        wait::expect("it is asked again", PATIENCE, || proxy.hidden_answers() > 2);
        assert_eq!(task.said(), None, "{name}");
        proxy.show();
        expect_lines(&[&file], &expected(0..2, 0..10));
        worker.stop(task);
    }
}
