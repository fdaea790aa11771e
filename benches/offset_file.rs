//! A million offsets: the file parsed and written, and their records decoded.
#![expect(
    missing_docs,
    reason = "criterion's macros make public functions without documentation"
)]

use std::hint::black_box;
use std::io;

use bytes::{Bytes, BytesMut};
use connectctl::model::offset_file::{self, OffsetEntry};
use connectctl::model::offset_key::OffsetKey;
use connectctl::protocol::record_batch::{self, Batches};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

const COUNT: u32 = 1_000_000;

fn entries() -> Vec<OffsetEntry> {
    (0..COUNT)
        .map(|n| OffsetEntry {
            key: Some(
                format!(
                    r#"["file-source-{:04}",{{"filename":"/var/lib/connect/in-{n:07}.txt"}}]"#,
                    n % 1000
                )
                .into(),
            ),
            value: Some(format!(r#"{{"position":{}}}"#, u64::from(n) * 1000).into()),
        })
        .collect()
}

fn offset_files(criterion: &mut Criterion) {
    let entries = entries();
    let mut file = Vec::new();
    offset_file::write(&entries, &mut file).expect("a Vec takes everything");
    let file = Bytes::from(file);
    let mut group = criterion.benchmark_group("offset_file");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("read 1 M entries", |bencher| {
        bencher.iter(|| offset_file::read(file.clone()).expect("it was written here"));
    });
    group.bench_function("write 1 M entries", |bencher| {
        bencher.iter(|| offset_file::write(&entries, &mut io::sink()).expect("a sink"));
    });
    group.throughput(Throughput::Elements(u64::from(COUNT)));
    group.bench_function("split 1 M keys", |bencher| {
        bencher.iter(|| {
            for key in entries.iter().filter_map(|entry| entry.key.as_ref()) {
                black_box(OffsetKey::parse(key).expect("it was written here"));
            }
        });
    });
    group.finish();
}

/// Batches of 500 records, as a producer with default settings sends them.
fn fetched(entries: &[OffsetEntry], compression: Compression) -> Bytes {
    let mut data = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    for (batch, entries) in entries.chunks(500).enumerate() {
        let record = |(n, entry): (usize, &OffsetEntry)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 0,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset: i64::try_from(batch * 500 + n).expect("a million"),
            // The encoder begins a new batch where sequence numbers leave a gap.
            sequence: i32::try_from(n).expect("500") - 1,
            timestamp: 1_700_000_000_000,
            key: entry.key.clone(),
            value: entry.value.clone(),
            headers: IndexMap::new(),
        };
        let records: Vec<_> = entries.iter().enumerate().map(record).collect();
        RecordBatchEncoder::encode(&mut data, &records, &options).expect("valid records");
    }
    data.freeze()
}

fn record_batches(criterion: &mut Criterion) {
    let entries = entries();
    let mut group = criterion.benchmark_group("record_batch");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(COUNT)));
    for (name, compression) in [
        ("none", Compression::None),
        ("gzip", Compression::Gzip),
        ("snappy", Compression::Snappy),
        ("lz4", Compression::Lz4),
        ("zstd", Compression::Zstd),
    ] {
        let data = fetched(&entries, compression);
        assert_eq!(Batches::new(data.clone()).count(), 2000);
        group.bench_function(format!("decode 1 M records, {name}"), |bencher| {
            bencher.iter(|| {
                let mut count = 0_u32;
                record_batch::decode(data.clone(), 0, &[], |record| {
                    black_box(record);
                    count += 1;
                })
                .expect("it was encoded here");
                assert_eq!(count, COUNT);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, offset_files, record_batches);
criterion_main!(benches);
