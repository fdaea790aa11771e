//! `/health` of `connectctl run` on real Kafka: when a worker has started, what makes it unhealthy, and that this passes.

use std::time::Duration;

use kafka_protocol::messages::ApiKey;

use crate::support::connect::Distributed;
use crate::support::native_worker::NativeWorker;
use crate::support::proxy::{Hold, Proxy};
use crate::support::world::World;
use crate::support::{kafka, require_kafka, rest, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// Returns code and message of `/health`; `None` while nobody listens.
fn health(worker: &NativeWorker) -> Option<(u16, String)> {
    let answer = rest::request("GET", &format!("{}/health", worker.url), None).ok()?;
    let message = answer.json()["message"].as_str()?.to_owned();
    Some((answer.status, message))
}

#[test]
fn a_worker_is_healthy_while_it_has_its_place_in_the_group() {
    require_kafka!();
    let proxy = Proxy::start(&kafka::shared().bootstrap());
    let world = World::new();
    let file = Distributed::file(world.root(), &proxy.bootstrap(), "run-health", &[]);
    proxy.hold_at(ApiKey::JoinGroup, 1, Hold::Request);
    let worker = NativeWorker::spawn(&file, &[]);
    wait::expect("it joins", PATIENCE, || proxy.is_held());
    // The topics have been read, and what is stored is shown.
    assert_eq!(worker.get("connectors"), serde_json::json!([]));
    let starting = (503, "Worker is still starting up.".to_owned());
    assert_eq!(health(&worker), Some(starting));
    proxy.release();
    let is_healthy = || health(&worker).is_some_and(|(code, _)| code == 200);
    wait::expect("it has joined", PATIENCE, is_healthy);

    proxy.cut();
    let mut last = None;
    let is_unhealthy = wait::until(PATIENCE, || {
        last = health(&worker);
        last.as_ref().is_some_and(|(code, _)| *code == 500)
    });
    let message = last.map(|(_, message)| message).unwrap_or_default();
    assert!(is_unhealthy, "{}", worker.log());
    assert!(
        message.starts_with(
            "Worker was unable to handle this request and may be unable to handle other requests. "
        ) && message.contains("ensuring membership in the cluster"),
        "{message}"
    );
    proxy.release();
    wait::expect("it is back", PATIENCE, is_healthy);
    assert_eq!(worker.stop(), 0);
}
