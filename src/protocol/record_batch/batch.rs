//! The 61 bytes before the records of a batch.

use bytes::Bytes;

use super::{Codec, RecordBatchError, Records};

/// Base offset and batch length, which come before what the length counts.
const LOG_OVERHEAD: usize = 12;
const MAGIC_AT: usize = 16;
/// Where the checksummed part begins: after the checksum.
const ATTRIBUTES_AT: usize = 21;
const HEADER: usize = 61;

/// The batches of one partition's fetched data, checked by their checksums.
///
/// Ends at the first error, and silently at an incomplete last batch: see [`Self::rest`].
#[derive(Debug)]
pub struct Batches {
    data: Bytes,
    failed: bool,
}

impl Batches {
    /// Returns the batches of `data`, the `records` field of one partition of a fetch response.
    pub fn new(data: Bytes) -> Self {
        Self {
            data,
            failed: false,
        }
    }

    /// Returns the number of bytes that have not been read; at the end, those of an incomplete batch.
    pub fn rest(&self) -> usize {
        self.data.len()
    }

    /// Cuts the next batch; `None` when what is left is not a complete one.
    fn cut(&mut self) -> Result<Option<Batch>, RecordBatchError> {
        let Some(begin) = self.data.first_chunk::<{ MAGIC_AT + 1 }>() else {
            return Ok(None);
        };
        let base_offset = i64::from_be_bytes(field(begin, 0));
        let magic = i8::from_be_bytes([begin[MAGIC_AT]]);
        if magic != 2 {
            return Err(RecordBatchError::Magic { base_offset, magic });
        }
        let length = i32::from_be_bytes(field(begin, 8));
        let size = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_add(LOG_OVERHEAD))
            .filter(|size| *size >= HEADER)
            .ok_or(RecordBatchError::Header {
                base_offset,
                what: "the batch length",
                value: length.into(),
            })?;
        if size > self.data.len() {
            return Ok(None);
        }
        Batch::parse(self.data.split_to(size)).map(Some)
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, RecordBatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let batch = self.cut().transpose();
        self.failed = matches!(batch, Some(Err(_)));
        batch
    }
}

/// One batch, its records still encoded.
#[derive(Debug, Clone)]
pub struct Batch {
    pub base_offset: i64,
    /// Of the last record the producer wrote; compaction keeps it when that record is gone.
    pub last_offset: i64,
    /// Milliseconds since the epoch that the records' timestamps are relative to.
    pub base_timestamp: i64,
    /// Set when the broker gave all records the time of appending, in milliseconds since the epoch.
    pub append_time: Option<i64>,
    /// `None` for a producer that is neither idempotent nor transactional.
    pub producer_id: Option<i64>,
    pub producer_epoch: i16,
    /// -1 without an idempotent producer.
    pub base_sequence: i32,
    pub partition_leader_epoch: i32,
    pub is_transactional: bool,
    /// Holds a marker of a transaction's end instead of data.
    pub is_control: bool,
    pub codec: Codec,
    /// Records in the batch; 0 when compaction removed all.
    pub count: u32,
    /// The records as they are stored.
    pub payload: Bytes,
}

/// What the record of a control batch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Abort,
    Commit,
    /// Leader changes, snapshots and what later versions add.
    Other(i16),
}

impl Batch {
    fn parse(mut bytes: Bytes) -> Result<Self, RecordBatchError> {
        let payload = bytes.split_off(HEADER);
        let header = &bytes[..];
        let base_offset = i64::from_be_bytes(field(header, 0));
        check_crc(base_offset, header, &payload)?;
        let attributes = i16::from_be_bytes(field(header, 21));
        let last_offset_delta = i32::from_be_bytes(field(header, 23));
        let max_timestamp = i64::from_be_bytes(field(header, 35));
        let producer_id = i64::from_be_bytes(field(header, 43));
        let count = i32::from_be_bytes(field(header, 57));
        let bad = |what, value| RecordBatchError::Header {
            base_offset,
            what,
            value,
        };
        if base_offset < 0 {
            return Err(bad("the base offset", base_offset));
        }
        let last_offset = Some(i64::from(last_offset_delta))
            .filter(|delta| *delta >= 0)
            .and_then(|delta| base_offset.checked_add(delta))
            .filter(|last| *last < i64::MAX)
            .ok_or_else(|| bad("the last offset delta", last_offset_delta.into()))?;
        Ok(Self {
            base_offset,
            last_offset,
            base_timestamp: i64::from_be_bytes(field(header, 27)),
            append_time: (attributes & 0x08 != 0).then_some(max_timestamp),
            producer_id: (producer_id >= 0).then_some(producer_id),
            producer_epoch: i16::from_be_bytes(field(header, 51)),
            base_sequence: i32::from_be_bytes(field(header, 53)),
            partition_leader_epoch: i32::from_be_bytes(field(header, 12)),
            is_transactional: attributes & 0x10 != 0,
            is_control: attributes & 0x20 != 0,
            codec: Codec::from_attributes(attributes).ok_or(RecordBatchError::UnknownCodec {
                base_offset,
                codec: attributes & 0x07,
            })?,
            count: u32::try_from(count).map_err(|_| bad("the record count", count.into()))?,
            payload,
        })
    }

    /// Returns the offset after the batch, also when compaction removed its last records.
    pub fn next_offset(&self) -> i64 {
        self.last_offset + 1
    }

    /// Returns the records, decompressed.
    ///
    /// # Errors
    /// The payload is not what the codec writes, or larger than [`super::LARGEST_BATCH`].
    pub fn records(&self) -> Result<Records, RecordBatchError> {
        let bytes = self.codec.decompress(self.base_offset, &self.payload)?;
        Ok(Records::new(self, bytes))
    }

    /// Returns the marker of a control batch; `None` for a data batch and a control batch without its record.
    ///
    /// # Errors
    /// The control record is damaged.
    pub fn control(&self) -> Result<Option<Control>, RecordBatchError> {
        if !self.is_control {
            return Ok(None);
        }
        let Some(record) = self.records()?.next().transpose()? else {
            return Ok(None);
        };
        // ControlRecordType: version and type, 16 bits each.
        let kind = record.key.as_deref().and_then(|key| key.first_chunk::<4>());
        Ok(kind.map(
            |[_, _, high, low]| match i16::from_be_bytes([*high, *low]) {
                0 => Control::Abort,
                1 => Control::Commit,
                other => Control::Other(other),
            },
        ))
    }
}

fn check_crc(base_offset: i64, header: &[u8], payload: &[u8]) -> Result<(), RecordBatchError> {
    let stored = u32::from_be_bytes(field(header, 17));
    let computed = crc32c::crc32c_append(crc32c::crc32c(&header[ATTRIBUTES_AT..]), payload);
    if stored == computed {
        return Ok(());
    }
    Err(RecordBatchError::Crc {
        base_offset,
        stored,
        computed,
    })
}

/// Copies a field out of the header, whose length the caller has checked.
fn field<const N: usize>(header: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&header[at..at + N]);
    field
}
