//! The config topic folded as a worker reads it, so many records at once: the time per record must not grow with their number.
#![expect(
    missing_docs,
    reason = "criterion's macros make public functions without documentation"
)]

use std::hint::black_box;

use bytes::Bytes;
use connectctl::model::connector_config::TargetState;
use connectctl::model::storage_records::{connector_record, target_state_record};
use connectctl::worker::config_log::ConfigLog;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use indexmap::IndexMap;

/// What was written so far for one of so many connectors: its state, its configuration, its task and the commit, in turns.
fn records(number: u32) -> Vec<(Bytes, Bytes)> {
    const OF_EACH: u32 = 4;
    let mut records = Vec::with_capacity(usize::try_from(number).expect("it fits"));
    for n in 0..number / OF_EACH {
        let name = format!("jdbc-source-orders-eu-{n:06}");
        let config: IndexMap<String, String> = [
            ("connector.class", "io.example.JdbcSourceConnector"),
            ("tasks.max", "1"),
            ("connection.url", "jdbc:postgresql://db.example:5432/orders"),
            ("table.whitelist", "public.orders"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let task =
            r#"{"properties":{"task.class":"io.example.JdbcSourceTask","table":"public.orders"}}"#;
        records.push(target_state_record(&name, TargetState::Stopped));
        records.push(connector_record(&name, &config));
        records.push((
            format!("task-{name}-0").into(),
            Bytes::from_static(task.as_bytes()),
        ));
        records.push((
            format!("commit-{name}").into(),
            Bytes::from_static(br#"{"tasks":1}"#),
        ));
    }
    records
}

fn folded(records: &[(Bytes, Bytes)]) -> ConfigLog {
    let mut log = ConfigLog::new("configs");
    for (offset, (key, value)) in (0..).zip(records) {
        let read = log.read(offset, Some(key), Some(value));
        read.expect("a worker reads each of them");
    }
    log
}

fn fold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("config log");
    group.sample_size(10);
    for number in [10_000, 100_000, 1_000_000] {
        let records = records(number);
        let connectors = folded(&records).state().connectors.len();
        assert_eq!(connectors, records.len() / 4, "all of it was read");
        group.throughput(Throughput::Elements(u64::from(number)));
        group.bench_function(BenchmarkId::from_parameter(number), |bencher| {
            bencher.iter_with_large_drop(|| folded(black_box(&records)));
        });
    }
    group.finish();
}

criterion_group!(benches, fold);
criterion_main!(benches);
