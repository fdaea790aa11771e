//! Record batches as Kafka's own classes write them.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use connectctl::protocol::record_batch::{AbortedTransaction, Record, RecordBatchError, decode};

use crate::support::world::World;
use crate::support::{java, require_kafka};

const RECORD_BATCHES: &str = include_str!("support/java/RecordBatches.java");

fn text(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(
        || "-".to_owned(),
        |bytes| format!("~{}", STANDARD.encode(bytes)),
    )
}

fn line(record: &Record) -> String {
    let mut fields = vec![
        record.offset.to_string(),
        record.timestamp.to_string(),
        text(record.key.as_ref()),
        text(record.value.as_ref()),
    ];
    for header in &record.headers {
        let value = text(header.value.as_ref());
        fields.push(format!("{}={value}", text(Some(&header.key))));
    }
    fields.join("\t")
}

#[test]
fn what_kafkas_own_classes_write_is_decoded_record_by_record() {
    require_kafka!();
    let world = World::new();
    let folder = world.root().to_string_lossy().into_owned();
    let output = java::run(RECORD_BATCHES, &[&folder], b"").success().text();
    let mut files = 0;
    let mut records = 0;
    for part in output.split("file ").skip(1) {
        let part = part.split("refused ").next().unwrap_or_default();
        let (name, expected) = part.split_once('\n').expect("a line per file");
        let (name, next_offset) = name.split_once(' ').expect("name and offset");
        let data = Bytes::from(fs::read(world.path(name)).expect("Java wrote it"));
        let mut lines = Vec::new();
        let decoded = decode(data.clone(), 0, &[], |record| lines.push(line(&record)));
        let decoded = decoded.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(lines, expected.lines().collect::<Vec<_>>(), "{name}");
        assert_eq!(decoded.next_offset.to_string(), next_offset, "{name}");
        assert_eq!(decoded.truncated, 0, "{name}");
        if name.ends_with("-transactions") {
            without_the_aborted(name, data);
        }
        files += 1;
        records += lines.len();
    }
    assert!(
        files == 50 && records > 30_000,
        "{files} files, {records} records"
    );
}

/// The third transaction, of producer 0 at offset 20, was rolled back.
fn without_the_aborted(name: &str, data: Bytes) {
    let aborted = AbortedTransaction {
        producer_id: 0,
        first_offset: 20,
    };
    let mut offsets = Vec::new();
    let decoded = decode(data, 0, &[aborted], |record| offsets.push(record.offset));
    let expected = [0, 1, 2, 10, 11, 12, 30, 31, 32, 40, 41, 42, 50, 51, 52];
    assert_eq!(offsets, expected, "{name}");
    let decoded = decoded.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!((decoded.control_batches, decoded.aborted_batches), (6, 1));
}

#[test]
fn formats_before_two_are_refused_by_their_number() {
    require_kafka!();
    let world = World::new();
    let folder = world.root().to_string_lossy().into_owned();
    let output = java::run(RECORD_BATCHES, &[&folder], b"").success().text();
    let refused: Vec<_> = output
        .lines()
        .filter_map(|l| l.strip_prefix("refused "))
        .collect();
    assert_eq!(refused, ["magic-0 0", "magic-1 1"]);
    for (name, expected) in [("magic-0", 0), ("magic-1", 1)] {
        let data = fs::read(world.path(name)).expect("Java wrote it").into();
        let error = decode(data, 0, &[], |_| ()).expect_err(name);
        assert!(
            matches!(error, RecordBatchError::Magic { magic, .. } if magic == expected),
            "{error}"
        );
    }
}
