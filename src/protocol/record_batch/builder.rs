//! A batch under construction: records are encoded one behind the other, straight into the bytes that are sent.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Codec, Level};

/// Base offset to record count, which come before the records.
const HEADER: usize = 61;
/// What the batch's length counts begins after base offset and length.
const LOG_OVERHEAD: usize = 12;
/// The checksum covers what comes after it.
const CHECKED_FROM: usize = 21;

/// One header of a record, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewHeader<'a> {
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// A record, as it is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewRecord<'a> {
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    pub key: Option<&'a [u8]>,
    /// `None`: a tombstone.
    pub value: Option<&'a [u8]>,
    pub headers: &'a [NewHeader<'a>],
}

/// Who writes a batch: an idempotent producer and the place of the batch among its others for the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// Of the first record.
    pub base: i32,
}

impl Sequence {
    /// Not idempotent.
    pub const NONE: Self = Self {
        producer_id: -1,
        producer_epoch: -1,
        base: -1,
    };
}

/// Collects the records of one batch.
#[derive(Debug)]
pub struct BatchBuilder {
    /// The header, still empty, and the records.
    bytes: BytesMut,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// `capacity`: bytes that the batch is expected to take.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(capacity.max(HEADER));
        bytes.put_bytes(0, HEADER);
        Self {
            bytes,
            count: 0,
            base_timestamp: -1,
            max_timestamp: -1,
        }
    }

    /// Returns the number of records.
    pub fn count(&self) -> i32 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the bytes of the batch as it is, uncompressed.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of a batch without records.
    pub const HEADER: usize = HEADER;

    /// Returns the most bytes that this record adds to a batch.
    pub fn bytes_of(record: &NewRecord<'_>) -> usize {
        // Its length, and the rest of a timestamp far from the batch's: to the byte what Java's producer holds against
        // `batch.size` and `max.request.size`.
        5 + 9 + body_size(record, 0, i32::MAX)
    }

    /// Adds a record.
    pub fn push(&mut self, record: &NewRecord<'_>) {
        if self.count == 0 {
            self.base_timestamp = record.timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        let timestamp_delta = record.timestamp.wrapping_sub(self.base_timestamp);
        let size = body_size(record, timestamp_delta, self.count);
        self.bytes.reserve(size + 10);
        put_varlong(&mut self.bytes, number(size));
        self.bytes.put_i8(0);
        put_varlong(&mut self.bytes, timestamp_delta);
        put_varlong(&mut self.bytes, self.count.into());
        put_nullable(&mut self.bytes, record.key);
        put_nullable(&mut self.bytes, record.value);
        put_varlong(&mut self.bytes, number(record.headers.len()));
        for header in record.headers {
            put_nullable(&mut self.bytes, Some(header.key));
            put_nullable(&mut self.bytes, header.value);
        }
        self.count += 1;
    }

    /// Ends the batch: compresses the records; [`EncodedBatch::sign`] makes it complete.
    ///
    /// # Errors
    /// The codec failed.
    pub fn finish(mut self, codec: Codec, level: Level) -> std::io::Result<EncodedBatch> {
        if codec != Codec::None {
            let records = self.bytes.split_off(HEADER);
            codec.compress(level, &records, &mut self.bytes)?;
        }
        let length = i32::try_from(self.bytes.len() - LOG_OVERHEAD)
            .map_err(|_| std::io::Error::other("the batch is longer than 2 GiB"))?;
        let mut header = &mut self.bytes[..HEADER];
        header.put_i64(0);
        header.put_i32(length);
        // The leader's epoch, which the broker fills in.
        header.put_i32(-1);
        header.put_i8(2);
        header.put_u32(0);
        header.put_i16(codec.attributes());
        header.put_i32(self.count - 1);
        header.put_i64(self.base_timestamp);
        header.put_i64(self.max_timestamp);
        header.put_i64(-1);
        header.put_i16(-1);
        header.put_i32(-1);
        header.put_i32(self.count);
        Ok(EncodedBatch {
            bytes: self.bytes,
            count: self.count,
        })
    }
}

/// A batch whose records are encoded; who writes it can be said again.
#[derive(Debug)]
pub struct EncodedBatch {
    bytes: BytesMut,
    count: i32,
}

impl EncodedBatch {
    /// Returns the number of records.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Returns the number of bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Says who writes the batch, and returns the complete bytes.
    pub fn sign(mut self, sequence: Sequence) -> Bytes {
        let mut header = &mut self.bytes[PRODUCER..HEADER];
        header.put_i64(sequence.producer_id);
        header.put_i16(sequence.producer_epoch);
        header.put_i32(sequence.base);
        let crc = crc32c::crc32c(&self.bytes[CHECKED_FROM..]);
        self.bytes[CRC..CHECKED_FROM].copy_from_slice(&crc.to_be_bytes());
        self.bytes.freeze()
    }

    /// Takes back a batch that was signed, to sign it anew.
    pub fn of_signed(bytes: Bytes, count: i32) -> Self {
        let bytes = bytes
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        Self { bytes, count }
    }
}

const CRC: usize = 17;
const PRODUCER: usize = 43;

fn body_size(record: &NewRecord<'_>, timestamp_delta: i64, offset_delta: i32) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|header| nullable_size(Some(header.key)) + nullable_size(header.value))
        .sum();
    1 + varlong_size(timestamp_delta)
        + varlong_size(offset_delta.into())
        + nullable_size(record.key)
        + nullable_size(record.value)
        + varlong_size(number(record.headers.len()))
        + headers
}

fn nullable_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varlong_size(number(bytes.len())) + bytes.len())
}

fn put_nullable(to: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varlong(to, -1),
        Some(bytes) => {
            put_varlong(to, number(bytes.len()));
            to.extend_from_slice(bytes);
        }
    }
}

/// A length as it is written; none comes near the end of the range.
fn number(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn varlong_size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// A varint of 32 bits has the same bytes.
fn put_varlong(to: &mut BytesMut, value: i64) {
    let mut rest = zigzag(value);
    let mut bytes = [0; 10];
    let mut length = 0;
    for byte in &mut bytes {
        length += 1;
        // The lowest seven bits.
        *byte = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            break;
        }
        *byte |= 0x80;
    }
    to.extend_from_slice(&bytes[..length]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::record_batch::{Batches, Record, decode};

    const WRITER: Sequence = Sequence {
        producer_id: 7,
        producer_epoch: 3,
        base: 41,
    };

    fn read(bytes: &Bytes) -> Vec<Record> {
        let mut records = Vec::new();
        let decoded = decode(bytes.clone(), 0, &[], |record| records.push(record)).unwrap();
        assert_eq!(decoded.truncated, 0);
        records
    }

    #[test]
    fn a_batch_says_who_wrote_it_and_can_be_signed_again() {
        let mut builder = BatchBuilder::with_capacity(100);
        for timestamp in [5, 3, 9] {
            let record = NewRecord {
                timestamp,
                value: Some(b"v"),
                ..NewRecord::default()
            };
            builder.push(&record);
        }
        let signed = builder.finish(Codec::None, None).unwrap().sign(WRITER);
        let batch = Batches::new(signed.clone()).next().unwrap().unwrap();
        assert_eq!((batch.producer_id, batch.producer_epoch), (Some(7), 3));
        assert_eq!((batch.base_sequence, batch.count), (41, 3));
        let again = EncodedBatch::of_signed(signed, 3).sign(Sequence { base: 0, ..WRITER });
        let batch = Batches::new(again.clone()).next().unwrap().unwrap();
        assert_eq!(batch.base_sequence, 0);
        let timestamps: Vec<i64> = read(&again).iter().map(|r| r.timestamp).collect();
        assert_eq!(timestamps, [5, 3, 9]);
    }

    #[test]
    fn numbers_take_the_bytes_that_they_are_said_to_take() {
        for value in [0, 1, -1, 63, 64, -64, -65, 8191, 8192, i64::MAX, i64::MIN] {
            let mut bytes = BytesMut::new();
            put_varlong(&mut bytes, value);
            assert_eq!(bytes.len(), varlong_size(value), "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back(
            records in proptest::collection::vec(
                (0..i64::from(u32::MAX), any::<Option<Vec<u8>>>(), any::<Option<Vec<u8>>>(), any::<Vec<(Vec<u8>, Option<Vec<u8>>)>>()),
                1..20,
            ),
            codec in 0..5_usize,
        ) {
            let codec = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd][codec];
            let mut builder = BatchBuilder::with_capacity(0);
            for (timestamp, key, value, headers) in &records {
                let headers: Vec<_> = headers
                    .iter()
                    .map(|(key, value)| NewHeader { key, value: value.as_deref() })
                    .collect();
                let record = NewRecord {
                    timestamp: *timestamp,
                    key: key.as_deref(),
                    value: value.as_deref(),
                    headers: &headers,
                };
                let before = builder.size();
                let most = BatchBuilder::bytes_of(&record);
                builder.push(&record);
                prop_assert!(builder.size() - before <= most);
            }
            let signed = builder.finish(codec, None).unwrap().sign(WRITER);
            let back = read(&signed);
            prop_assert_eq!(back.len(), records.len());
            for (back, (timestamp, key, value, headers)) in back.iter().zip(&records) {
                prop_assert_eq!(back.timestamp, *timestamp);
                prop_assert_eq!(back.key.as_deref(), key.as_deref());
                prop_assert_eq!(back.value.as_deref(), value.as_deref());
                let headers: Vec<_> = headers.iter().map(|(k, v)| (&**k, v.as_deref())).collect();
                let read: Vec<_> = back.headers.iter().map(|h| (&*h.key, h.value.as_deref())).collect();
                prop_assert_eq!(read, headers);
            }
        }
    }
}
