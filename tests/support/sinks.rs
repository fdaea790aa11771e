//! What goes into sinks of the native engine, and what has come out of them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use connectctl::io::kafka::groups::GroupDescription;
use connectctl::io::kafka::seeder::SeedRecord;
use connectctl::io::kafka::writer::{WriteError, Writer};

use super::tasks::TaskWorker;
use super::wait;

/// What a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Writes numbered lines to a partition.
#[track_caller]
pub fn produce(worker: &TaskWorker, topic: &str, partition: i32, numbers: Range<u32>) {
    let records: Vec<_> = numbers
        .map(|number| SeedRecord {
            key: Bytes::from_static(b"key"),
            value: Some(Bytes::from(format!("{partition}-{number:06}"))),
        })
        .collect();
    write(worker, topic, partition, &records);
}

/// Writes records to a partition, once its leader has heard of it.
#[track_caller]
pub fn write(worker: &TaskWorker, topic: &str, partition: i32, records: &[SeedRecord]) {
    let writer = Writer::new(&worker.cluster, topic, partition);
    wait::expect("the broker takes it", PATIENCE, || {
        match worker.runtime.block_on(writer.write(records)) {
            Ok(_) => true,
            Err(WriteError::Refused(error)) if error.passes() => false,
            Err(error) => panic!("{error:?}"),
        }
    });
}

/// Lines of files, sorted.
pub fn lines(files: &[&Path]) -> Vec<String> {
    let texts = files.iter().map(fs::read_to_string);
    let texts: Vec<String> = texts.map(Result::unwrap_or_default).collect();
    let mut lines: Vec<String> = texts
        .iter()
        .flat_map(|text| text.lines().map(str::to_owned))
        .collect();
    lines.sort();
    lines
}

/// Returns the lines of records that [`produce`] writes, sorted.
pub fn expected(partitions: Range<i32>, numbers: Range<u32>) -> Vec<String> {
    let mut lines: Vec<String> = partitions
        .flat_map(|partition| {
            numbers
                .clone()
                .map(move |number| format!("{partition}-{number:06}"))
        })
        .collect();
    lines.sort();
    lines
}

/// Waits until the files have as many lines, and compares them.
#[track_caller]
pub fn expect_lines(files: &[&Path], wanted: &[String]) {
    let enough = wait::until(PATIENCE, || lines(files).len() >= wanted.len());
    let seen = lines(files);
    assert!(enough, "{} of {} lines", seen.len(), wanted.len());
    assert!(
        seen == wanted,
        "{} lines are not the {}",
        seen.len(),
        wanted.len()
    );
}

/// Returns what a sink's group has committed.
pub fn committed(worker: &TaskWorker, connector: &str) -> BTreeMap<(String, i32), i64> {
    let group = format!("connect-{connector}");
    let offsets = worker.cluster.committed_offsets(&group);
    worker
        .runtime
        .block_on(offsets)
        .expect("the broker answers")
}

/// Waits until a sink's group has committed just this.
#[track_caller]
pub fn expect_committed(worker: &TaskWorker, connector: &str, wanted: &[(&str, i32, i64)]) {
    let wanted: BTreeMap<_, _> = wanted
        .iter()
        .map(|(topic, partition, offset)| (((*topic).to_owned(), *partition), *offset))
        .collect();
    let mut seen = BTreeMap::new();
    let found = wait::until(PATIENCE, || {
        seen = committed(worker, connector);
        seen == wanted
    });
    assert!(found, "{seen:?} instead of {wanted:?}");
}

/// Waits until the group of a sink is as it is to be.
#[track_caller]
pub fn expect_group(
    worker: &TaskWorker,
    connector: &str,
    is_it: impl Fn(&GroupDescription) -> bool,
) -> GroupDescription {
    let group = [format!("connect-{connector}")];
    let mut seen = None;
    let found = wait::until(PATIENCE, || {
        let described = worker
            .runtime
            .block_on(worker.cluster.describe_groups(&group));
        let described = described.expect("the broker answers")[&group[0]].clone();
        let described = described.expect("it may be described");
        let is_it = is_it(&described);
        seen = Some(described);
        is_it
    });
    assert!(found, "{seen:?}");
    seen.expect("it was described")
}
