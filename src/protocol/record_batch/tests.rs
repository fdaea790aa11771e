use bytes::{Bytes, BytesMut};
use kafka_protocol::records::{
    Compression, Record as PeerRecord, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use proptest::prelude::*;

use super::{
    AbortedTransaction, Batches, Codec, Control, Decoded, Header, Record, RecordBatchError, decode,
};

const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// A batch built byte by byte, for what producers do not write.
struct Made {
    base_offset: i64,
    last_offset_delta: i32,
    attributes: i16,
    producer_id: i64,
    count: i32,
    payload: Vec<u8>,
}

impl Made {
    fn new(base_offset: i64, records: &[Vec<u8>]) -> Self {
        let count = i32::try_from(records.len()).unwrap();
        Self {
            base_offset,
            last_offset_delta: (count - 1).max(0),
            attributes: 0,
            producer_id: -1,
            count,
            payload: records.concat(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut checked = Vec::new();
        checked.extend(self.attributes.to_be_bytes());
        checked.extend(self.last_offset_delta.to_be_bytes());
        checked.extend(1_000_i64.to_be_bytes());
        checked.extend(9_000_i64.to_be_bytes());
        checked.extend(self.producer_id.to_be_bytes());
        checked.extend(0_i16.to_be_bytes());
        checked.extend((-1_i32).to_be_bytes());
        checked.extend(self.count.to_be_bytes());
        checked.extend(&self.payload);
        let mut batch = self.base_offset.to_be_bytes().to_vec();
        batch.extend(i32::try_from(checked.len() + 9).unwrap().to_be_bytes());
        batch.extend(7_i32.to_be_bytes());
        batch.push(2);
        batch.extend(crc32c::crc32c(&checked).to_be_bytes());
        batch.extend(checked);
        batch
    }
}

fn varint(value: i64) -> Vec<u8> {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    while rest > 0x7f {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

fn field(bytes: Option<&[u8]>) -> Vec<u8> {
    match bytes {
        None => varint(-1),
        Some(bytes) => [varint(i64::try_from(bytes.len()).unwrap()), bytes.to_vec()].concat(),
    }
}

fn record(delta: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[u8]) -> Vec<u8> {
    let body = [
        vec![0],
        varint(delta * 10),
        varint(delta),
        field(key),
        field(value),
        headers.to_vec(),
    ]
    .concat();
    [varint(i64::try_from(body.len()).unwrap()), body].concat()
}

fn plain(delta: i64, value: &str) -> Vec<u8> {
    record(delta, Some(b"k"), Some(value.as_bytes()), &[0])
}

fn marker(base_offset: i64, producer_id: i64, kind: u8) -> Vec<u8> {
    let mut made = Made::new(
        base_offset,
        &[record(0, Some(&[0, 0, 0, kind]), Some(&[0; 6]), &[0])],
    );
    made.attributes = TRANSACTIONAL | CONTROL;
    made.producer_id = producer_id;
    made.bytes()
}

fn transactional(base_offset: i64, producer_id: i64, values: &[&str]) -> Vec<u8> {
    let records: Vec<_> = (0..)
        .zip(values)
        .map(|(n, value)| plain(n, value))
        .collect();
    let mut made = Made::new(base_offset, &records);
    made.attributes = TRANSACTIONAL;
    made.producer_id = producer_id;
    made.bytes()
}

fn read(
    data: Vec<u8>,
    from: i64,
    aborted: &[AbortedTransaction],
) -> Result<(Vec<Record>, Decoded), RecordBatchError> {
    let mut records = Vec::new();
    let decoded = decode(data.into(), from, aborted, |record| records.push(record))?;
    Ok((records, decoded))
}

fn values(records: &[Record]) -> Vec<&str> {
    records
        .iter()
        .map(|r| std::str::from_utf8(r.value.as_deref().unwrap_or_default()).unwrap())
        .collect()
}

fn refusal(data: Vec<u8>) -> String {
    read(data, 0, &[]).unwrap_err().to_string()
}

#[test]
fn records_keep_nulls_and_every_header() {
    let headers = [
        varint(3),
        field(Some(b"h")),
        field(Some(b"1")),
        field(Some(b"h")),
        field(None),
        field(Some(b"")),
        field(Some(b"")),
    ]
    .concat();
    let data = Made::new(
        5,
        &[
            record(0, None, None, &headers),
            record(1, Some(b""), Some(b""), &[0]),
        ],
    );
    let header = |key: &'static [u8], value: Option<&'static [u8]>| Header {
        key: Bytes::from_static(key),
        value: value.map(Bytes::from_static),
    };
    let (records, decoded) = read(data.bytes(), 0, &[]).unwrap();
    assert_eq!(
        records,
        [
            Record {
                offset: 5,
                timestamp: 1000,
                key: None,
                value: None,
                headers: vec![
                    header(b"h", Some(b"1")),
                    header(b"h", None),
                    header(b"", Some(b""))
                ],
            },
            Record {
                offset: 6,
                timestamp: 1010,
                key: Some(Bytes::new()),
                value: Some(Bytes::new()),
                headers: vec![],
            },
        ]
    );
    assert_eq!(decoded.next_offset, 7);
}

#[test]
fn records_share_the_memory_of_the_fetched_data() {
    let data = Bytes::from(Made::new(0, &[plain(0, "value")]).bytes());
    let range = data.as_ptr_range();
    decode(data, 0, &[], |record| {
        assert!(range.contains(&record.value.unwrap().as_ptr()));
    })
    .unwrap();
}

#[test]
fn append_time_of_the_topic_replaces_the_creation_time() {
    let mut made = Made::new(0, &[plain(0, "a"), plain(1, "b")]);
    made.attributes = 0x08;
    let (records, _) = read(made.bytes(), 0, &[]).unwrap();
    assert_eq!([records[0].timestamp, records[1].timestamp], [9000, 9000]);
}

#[test]
fn the_next_offset_counts_what_compaction_removed() {
    let mut gaps = Made::new(10, &[plain(2, "c"), plain(5, "f")]);
    gaps.last_offset_delta = 9;
    let mut empty = Made::new(20, &[]);
    empty.last_offset_delta = 4;
    let data = [gaps.bytes(), empty.bytes()].concat();
    let (records, decoded) = read(data, 10, &[]).unwrap();
    assert_eq!([records[0].offset, records[1].offset], [12, 15]);
    assert_eq!(decoded.next_offset, 25);
}

#[test]
fn records_before_the_asked_offset_are_not_given() {
    let data = Made::new(10, &[plain(0, "a"), plain(1, "b"), plain(2, "c")]).bytes();
    let (records, decoded) = read(data.clone(), 11, &[]).unwrap();
    assert_eq!(
        (values(&records), decoded.next_offset),
        (vec!["b", "c"], 13)
    );
    let (records, decoded) = read(data, 99, &[]).unwrap();
    assert_eq!((records.len(), decoded.next_offset), (0, 99));
}

#[test]
fn markers_are_passed_over_and_count_as_offsets() {
    let data = [
        transactional(0, 7, &["a", "b"]),
        marker(2, 7, 1),
        Made::new(3, &[plain(0, "c")]).bytes(),
        marker(4, 7, 0),
    ]
    .concat();
    let (records, decoded) = read(data.clone(), 0, &[]).unwrap();
    assert_eq!(values(&records), ["a", "b", "c"]);
    assert_eq!(
        (
            decoded.next_offset,
            decoded.control_batches,
            decoded.records
        ),
        (5, 2, 3)
    );
    let controls: Vec<_> = Batches::new(data.into())
        .map(|batch| batch.unwrap().control().unwrap())
        .collect();
    assert_eq!(
        controls,
        [None, Some(Control::Commit), None, Some(Control::Abort)]
    );
}

#[test]
fn aborted_transactions_are_hidden_until_their_marker() {
    let data = [
        transactional(0, 7, &["7 rolled back"]),
        transactional(1, 8, &["8 kept"]),
        Made::new(2, &[plain(0, "outside")]).bytes(),
        marker(3, 7, 0),
        transactional(4, 7, &["7 kept"]),
        marker(5, 7, 1),
        marker(6, 8, 1),
        transactional(7, 7, &["7 rolled back again"]),
        marker(8, 7, 0),
    ]
    .concat();
    // As the broker may list them: in any order.
    let aborted = [(7, 7), (7, 0)].map(|(producer_id, first_offset)| AbortedTransaction {
        producer_id,
        first_offset,
    });
    let (records, decoded) = read(data.clone(), 0, &aborted).unwrap();
    assert_eq!(values(&records), ["8 kept", "outside", "7 kept"]);
    assert_eq!((decoded.aborted_batches, decoded.next_offset), (2, 9));
    let (records, _) = read(data, 0, &[]).unwrap();
    assert_eq!(records.len(), 5);
}

#[test]
fn a_cut_last_batch_is_left_for_the_next_fetch() {
    let first = Made::new(0, &[plain(0, "a")]).bytes();
    let second = Made::new(1, &[plain(0, "b")]).bytes();
    for cut in 0..second.len() {
        let data = [&first[..], &second[..cut]].concat();
        let (records, decoded) = read(data, 0, &[]).unwrap();
        assert_eq!(values(&records), ["a"]);
        assert_eq!((decoded.next_offset, decoded.truncated), (1, cut));
    }
}

#[test]
fn every_changed_bit_of_a_batch_is_noticed() {
    let good = Made::new(0, &[plain(0, "a")]).bytes();
    // The leader epoch is the one field that brokers change without a new checksum; it is not used.
    for at in (0..good.len()).filter(|at| !(12..16).contains(at)) {
        for bit in 0..8 {
            let mut data = good.clone();
            data[at] ^= 1 << bit;
            match read(data, 0, &[]) {
                Err(_) => {}
                Ok((records, decoded)) => {
                    let moved = at < 8 && records[0].offset != 0;
                    assert!(moved || decoded.truncated > 0, "byte {at} bit {bit}");
                }
            }
        }
    }
}

#[test]
fn old_formats_are_refused_by_name() {
    let mut data = Made::new(3, &[plain(0, "a")]).bytes();
    data[16] = 1;
    assert_eq!(
        refusal(data[..20].to_vec()),
        "batch at offset 3 has message format v1; only v2 is read, which Kafka writes since 0.11"
    );
}

#[test]
fn hostile_numbers_are_refused() {
    let made = || Made::new(3, &[plain(0, "a")]);
    let mut count = made();
    count.count = i32::MAX;
    assert_eq!(
        refusal(count.bytes()),
        "batch at offset 3 is corrupt: record 2 of 2147483647: the batch ends in it"
    );
    count.count = -1;
    assert_eq!(
        refusal(count.bytes()),
        "batch at offset 3 is corrupt: the record count is -1"
    );
    count.count = 0;
    assert_eq!(
        refusal(count.bytes()),
        "batch at offset 3 is corrupt: record 0 of 0: bytes follow the last one"
    );
    let mut last = made();
    last.last_offset_delta = -1;
    assert_eq!(
        refusal(last.bytes()),
        "batch at offset 3 is corrupt: the last offset delta is -1"
    );
    last.base_offset = i64::MAX;
    last.last_offset_delta = 1;
    assert!(refusal(last.bytes()).contains("the last offset delta is 1"));
    let outside = Made::new(3, &[plain(1, "a")]);
    assert!(refusal(outside.bytes()).ends_with("its offset is outside the batch"));
    let mut codec = made();
    codec.attributes = 6;
    assert!(refusal(codec.bytes()).contains("compressed with codec 6"));
    let mut length = made().bytes();
    length[8..12].copy_from_slice(&(-5_i32).to_be_bytes());
    assert_eq!(
        refusal(length),
        "batch at offset 3 is corrupt: the batch length is -5"
    );
}

#[test]
fn hostile_records_are_refused() {
    let body = |body: &[u8]| {
        let length = varint(i64::try_from(body.len()).unwrap());
        refusal(Made::new(0, &[[&length[..], body].concat()]).bytes())
    };
    assert!(
        body(&[0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f])
            .ends_with("its header count is beyond its length")
    );
    assert!(body(&[0, 0, 0, 1, 1, 1]).ends_with("its header count is negative"));
    assert!(body(&[0, 0, 0, 1, 1, 2, 1, 1]).ends_with("a header has no key"));
    assert!(body(&[0, 0, 0, 8, 1, 0]).ends_with("a field is longer than the record"));
    assert!(body(&[0, 0, 0, 1, 1, 0, 0]).ends_with("its length is not that of its fields"));
    assert!(body(&[0, 0, 0xff, 0xff, 0xff, 0xff, 0x1f]).ends_with("a number is too large"));
    let long = refusal(Made::new(0, &[varint(1000)]).bytes());
    assert!(long.ends_with("its length is beyond the batch"), "{long}");
}

#[test]
fn a_batch_that_inflates_beyond_the_limit_is_refused() {
    let zeros = vec![0_u8; 1 << 20];
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..=256 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
    }
    let mut made = Made::new(0, &[plain(0, "a")]);
    made.payload = encoder.finish().unwrap();
    made.attributes = 4;
    assert!(made.payload.len() < 64 * 1024);
    assert_eq!(
        refusal(made.bytes()),
        "batch at offset 0 is larger than 268435456 bytes when decompressed as zstd"
    );
}

#[test]
fn a_snappy_block_that_promises_too_much_is_refused_before_allocation() {
    let mut made = Made::new(0, &[plain(0, "a")]);
    made.attributes = 2;
    made.payload = vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    assert!(refusal(made.bytes()).ends_with("a block of 6 bytes promises 4294967295"));
}

type KeyValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

fn peer_batch(records: &[KeyValue<'_>], compression: Compression) -> Vec<u8> {
    let peers: Vec<_> = (0_i64..)
        .zip(records)
        .map(|(offset, (key, value))| PeerRecord {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: 0,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset,
            sequence: i32::try_from(offset).unwrap() - 1,
            timestamp: 5_000 + offset,
            key: key.map(Bytes::copy_from_slice),
            value: value.map(Bytes::copy_from_slice),
            headers: indexmap::IndexMap::new(),
        })
        .collect();
    let mut data = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression,
    };
    RecordBatchEncoder::encode(&mut data, &peers, &options).unwrap();
    data.to_vec()
}

const CODECS: [(Compression, Codec); 5] = [
    (Compression::None, Codec::None),
    (Compression::Gzip, Codec::Gzip),
    (Compression::Snappy, Codec::Snappy),
    (Compression::Lz4, Codec::Lz4),
    (Compression::Zstd, Codec::Zstd),
];

#[test]
fn a_damaged_compressed_batch_is_an_error_of_its_codec() {
    for (compression, codec) in CODECS.into_iter().skip(1) {
        let whole = peer_batch(&[(Some(b"key"), Some(&[b'v'; 100]))], compression);
        let count = i32::from_be_bytes(whole[57..61].try_into().unwrap());
        let attributes = i16::from_be_bytes(whole[21..23].try_into().unwrap());
        for cut in 61..whole.len() - 1 {
            let made = Made {
                base_offset: 0,
                last_offset_delta: 0,
                attributes,
                producer_id: -1,
                count,
                payload: whole[61..cut].to_vec(),
            };
            let outcome = read(made.bytes(), 0, &[]);
            assert!(
                outcome.is_err(),
                "{codec}, {cut} of {}: {outcome:?}",
                whole.len()
            );
        }
    }
}

proptest! {
    #[test]
    fn what_another_encoder_writes_is_read_alike(
        records in prop::collection::vec(
            (prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
             prop::option::of(prop::collection::vec(0_u8..4, 0..500))),
            1..40,
        ),
        codec in prop::sample::select(&CODECS[..]),
    ) {
        let borrowed: Vec<_> = records.iter().map(|(k, v)| (k.as_deref(), v.as_deref())).collect();
        let data = peer_batch(&borrowed, codec.0);
        let batches: Vec<_> = Batches::new(data.clone().into()).collect();
        for batch in batches {
            prop_assert_eq!(batch.unwrap().codec, codec.1);
        }
        let (read, _) = read(data, 0, &[]).unwrap();
        prop_assert_eq!(read.len(), records.len());
        for ((record, (key, value)), offset) in read.iter().zip(&borrowed).zip(0_i64..) {
            prop_assert_eq!(record.key.as_deref(), *key);
            prop_assert_eq!(record.value.as_deref(), *value);
            prop_assert_eq!((record.offset, record.timestamp), (offset, 5_000 + offset));
        }
    }

    #[test]
    fn no_bytes_panic(mut data in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
        if magic && data.len() > 16 {
            data[16] = 2;
        }
        let _ = read(data, 0, &[]);
    }

    #[test]
    fn no_payload_panics(payload in prop::collection::vec(any::<u8>(), 0..100), attributes in 0_i16..64, count in 0..5_i32) {
        let made = Made { base_offset: 0, last_offset_delta: 9, attributes, producer_id: 1, count, payload };
        let _ = read(made.bytes(), 0, &[AbortedTransaction { producer_id: 1, first_offset: 0 }]);
    }
}
