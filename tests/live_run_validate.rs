//! What `connectctl run` says of a wrong configuration, beside a JVM worker that is asked the same.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest};

fn worker(world: &World, folder: &str, settings: &[(&str, &str)]) -> PathBuf {
    let path = world.path(folder);
    std::fs::create_dir_all(&path).expect("the world is writable");
    let group = format!("run-validate-{folder}");
    Distributed::file(&path, &kafka::shared().bootstrap(), &group, settings)
}

/// Errors by option, as the worker tells them.
#[track_caller]
fn errors(worker: &str, class: &str, config: &Value) -> BTreeMap<String, Value> {
    let url = format!("{worker}/connector-plugins/{class}/config/validate");
    let answer = rest::put(&url, Some(config));
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = answer.json();
    let configs = said["configs"].as_array().expect("configs").iter();
    let wrong = configs.filter(|one| one["value"]["errors"] != json!([]));
    let name = |one: &Value| one["value"]["name"].as_str().expect("a name").to_owned();
    wrong
        .map(|one| (name(one), one["value"]["errors"].clone()))
        .collect()
}

#[test]
fn a_wrong_option_is_told_in_the_words_of_the_jvm() {
    require_kafka!();
    let world = World::new();
    let policy = [("connector.client.config.override.policy", "None")];
    let native = NativeWorker::start(&worker(&world, "native", &policy), &[]);
    let jvm = Distributed::start(&worker(&world, "jvm", &policy));
    let source = json!({ "name": "x", "connector.class": "FileStreamSource", "topic": "t",
        "offsets.storage.topic": "", "topic.creation.groups": "a, b,a", "exactly.once.support": "Required",
        "transaction.boundary": "connector", "transaction.boundary.interval.ms": "-1", "tasks.max": "0", "tasks.max.enforce": "maybe",
        "errors.tolerance": "ALL", "errors.retry.timeout": "1s", "errors.retry.delay.max.ms": "x",
        "errors.log.enable": "on", "errors.log.include.messages": "", "config.action.reload": "now",
        "producer.override.acks": "all", "consumer.override.max.poll.records": "1" });
    let sink = json!({ "name": "x", "connector.class": "FileStreamSink", "topics": "t",
        "errors.deadletterqueue.topic.name": "t", "errors.deadletterqueue.context.headers.enable": "2",
        "errors.deadletterqueue.topic.replication.factor": "99999",
        "consumer.override.auto.offset.reset": "latest", "producer.override.acks": "all" });
    let words = json!({ "name": "x", "connector.class": "FileStreamSource", "topic": "t", "file": "f",
        "exactly.once.support": "never", "transaction.boundary": "", "transaction.boundary.interval.ms": "1s" });
    for (class, config, count) in [
        ("FileStreamSource", words, 3),
        ("FileStreamSource", source, 14),
        ("FileStreamSink", sink, 5),
    ] {
        let said = errors(&native.url, class, &config);
        assert_eq!(said, errors(&jvm.url, class, &config), "{class}");
        assert_eq!(said.len(), count, "{said:?}");
    }
}

#[test]
fn a_sink_whose_consumers_would_join_the_workers_group_is_refused_in_the_words_of_the_jvm() {
    require_kafka!();
    let world = World::new();
    let said = |worker: &str, of: &str| {
        let named = json!({ "name": of, "connector.class": "FileStreamSink", "topics": "t" });
        let group = format!("connect-{of}");
        let given = json!({ "name": "x", "connector.class": "FileStreamSink", "topics": "t",
            "consumer.override.group.id": group });
        [named, given].map(|config| {
            let said = errors(worker, "FileStreamSink", &config);
            assert_eq!(said.len(), 1, "{said:?}");
            format!("{said:?}").replace(of, "NAME")
        })
    };
    let file = |of: &str| worker(&world, of, &[("group.id", &format!("connect-{of}"))]);
    let native = NativeWorker::start(&file("same-native"), &[]);
    let jvm = Distributed::start(&file("same-jvm"));
    assert_eq!(said(&native.url, "same-native"), said(&jvm.url, "same-jvm"));
}

#[test]
fn what_only_a_jvm_takes_is_refused_with_the_remedy() {
    require_kafka!();
    let world = World::new();
    let native = NativeWorker::start(&worker(&world, "alone", &[]), &[]);
    for (key, value) in [
        ("key.converter", "io.confluent.connect.avro.AvroConverter"),
        ("value.converter", "com.example.MyConverter"),
        ("header.converter", "com.example.MyHeaders"),
        ("transforms", "a"),
        ("predicates", "p"),
        ("producer.override.partitioner.class", "com.example.Mine"),
        ("producer.override.interceptor.classes", "com.example.Mine"),
    ] {
        let config =
            json!({ "name": "x", "connector.class": "FileStreamSource", "topic": "t", key: value });
        let said = errors(&native.url, "FileStreamSource", &config);
        assert_eq!(said.len(), 1, "{said:?}");
        let message = said[key].to_string();
        assert!(message.contains("connect-distributed"), "{message}");
    }
    for (key, value) in [
        ("acks", "2"),
        ("compression.type", "brotli"),
        ("linger.ms", "-"),
    ] {
        let key = format!("producer.override.{key}");
        let config = json!({ "name": "x", "connector.class": "FileStreamSource", "topic": "t", &key: value });
        let said = errors(&native.url, "FileStreamSource", &config);
        let message = said[&key].to_string();
        assert!(message.contains(&format!("{key}={value}")), "{said:?}");
        let created = json!({ "name": "x", "config": config });
        let answer = rest::post(&format!("{}/connectors", native.url), Some(&created));
        assert_eq!(answer.status, 400, "{answer:?}");
    }
}
