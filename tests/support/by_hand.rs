//! The migration as it is done without connectctl: an editor, a Java program and the REST API.
//!
//! The control experiment of [`super::cutover`]: the judge has to be right about a move that owes nothing to us.

use std::fs;
use std::path::Path;

use super::connect::Deployment;
use super::java;

const SEED: &str = include_str!("java/SeedOffsets.java");

/// Writes what `connectctl migrate` would write under `distributed/`, and seeds the offset topic.
#[track_caller]
pub fn migrate(deployment: &Deployment, group: &str, partitions: u16, bootstrap: &str, out: &Path) {
    let connectors = out.join("connectors");
    fs::create_dir_all(&connectors).expect("the world is writable");
    let worker = fs::read_to_string(&deployment.worker).expect("the worker file is readable");
    fs::write(
        out.join("distributed.properties"),
        distributed(&worker, group, partitions),
    )
    .expect("the world is writable");
    for (number, config) in deployment.configs.iter().enumerate() {
        let body = serde_json::json!({ "name": config["name"], "config": config });
        fs::write(connectors.join(format!("{number}.json")), body.to_string())
            .expect("the world is writable");
    }
    let topic = format!("_{group}.offset");
    let file = deployment.offsets.to_string_lossy();
    java::run(
        SEED,
        &[bootstrap, &topic, &partitions.to_string(), &file],
        b"",
    )
    .success();
}

fn distributed(worker: &str, group: &str, partitions: u16) -> String {
    let mut lines: Vec<_> = worker
        .lines()
        .filter(|line| !line.starts_with("offset.storage.file.filename"))
        .map(str::to_owned)
        .collect();
    lines.push(format!("group.id={group}"));
    lines.push(format!("offset.storage.partitions={partitions}"));
    for role in ["config", "offset", "status"] {
        lines.push(format!("{role}.storage.topic=_{group}.{role}"));
        lines.push(format!("{role}.storage.replication.factor=1"));
    }
    lines.join("\n") + "\n"
}
