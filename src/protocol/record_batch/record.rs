//! The records of one batch.

use bytes::Bytes;

use super::{Batch, RecordBatchError};

/// One data record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub offset: i64,
    /// Milliseconds since the epoch: of creation, or of appending where the topic says so; -1 when the producer gave none.
    pub timestamp: i64,
    pub key: Option<Bytes>,
    /// `None`: a tombstone.
    pub value: Option<Bytes>,
    /// In order, duplicates kept.
    pub headers: Vec<Header>,
}

/// One header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// UTF-8 by convention; not checked.
    pub key: Bytes,
    pub value: Option<Bytes>,
}

/// The records of a batch, decoded one by one. Ends at the first error.
#[derive(Debug)]
pub struct Records {
    bytes: Bytes,
    at: usize,
    base_offset: i64,
    last_offset: i64,
    base_timestamp: i64,
    append_time: Option<i64>,
    count: u32,
    read: u32,
}

/// What is wrong with a record; the iterator adds where.
type Damage = &'static str;

impl Records {
    pub(super) fn new(batch: &Batch, bytes: Bytes) -> Self {
        Self {
            bytes,
            at: 0,
            base_offset: batch.base_offset,
            last_offset: batch.last_offset,
            base_timestamp: batch.base_timestamp,
            append_time: batch.append_time,
            count: batch.count,
            read: 0,
        }
    }

    fn record(&mut self) -> Result<Record, Damage> {
        let length = self.varint()?;
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length))
            .filter(|end| *end <= self.bytes.len())
            .ok_or("its length is beyond the batch")?;
        // Attributes: unused by every version so far.
        self.at += 1;
        let timestamp = self.varlong()?;
        let offset = self.varint()?;
        let offset = self.base_offset.saturating_add(offset.into());
        if offset < self.base_offset || offset > self.last_offset {
            return Err("its offset is outside the batch");
        }
        let record = Record {
            offset,
            timestamp: self
                .append_time
                .unwrap_or(self.base_timestamp.wrapping_add(timestamp)),
            key: self.nullable_bytes(end)?,
            value: self.nullable_bytes(end)?,
            headers: self.headers(end)?,
        };
        if self.at != end {
            return Err("its length is not that of its fields");
        }
        Ok(record)
    }

    fn headers(&mut self, end: usize) -> Result<Vec<Header>, Damage> {
        let count = self.varint()?;
        let count = usize::try_from(count).map_err(|_| "its header count is negative")?;
        // A header takes two bytes at least: a hostile count reserves nothing.
        if count > end.saturating_sub(self.at) / 2 {
            return Err("its header count is beyond its length");
        }
        let mut headers = Vec::with_capacity(count);
        for _ in 0..count {
            headers.push(Header {
                key: self.nullable_bytes(end)?.ok_or("a header has no key")?,
                value: self.nullable_bytes(end)?,
            });
        }
        Ok(headers)
    }

    /// Reads bytes with their length; `None` for a negative length, as Java reads it.
    fn nullable_bytes(&mut self, end: usize) -> Result<Option<Bytes>, Damage> {
        let Ok(length) = usize::try_from(self.varint()?) else {
            return Ok(None);
        };
        let from = self.at;
        self.at = from
            .checked_add(length)
            .filter(|to| *to <= end)
            .ok_or("a field is longer than the record")?;
        Ok(Some(self.bytes.slice(from..self.at)))
    }

    fn varint(&mut self) -> Result<i32, Damage> {
        let zigzag = self.unsigned(u32::MAX.into())?;
        let zigzag = u32::try_from(zigzag).map_err(|_| "a number is too large")?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    fn varlong(&mut self) -> Result<i64, Damage> {
        let zigzag = self.unsigned(u64::MAX)?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// Reads a base-128 number, lowest group first.
    fn unsigned(&mut self, largest: u64) -> Result<u64, Damage> {
        let mut value: u64 = 0;
        let mut shift = 0;
        loop {
            let byte = *self.bytes.get(self.at).ok_or("the batch ends in it")?;
            self.at += 1;
            let group = u64::from(byte & 0x7f);
            if shift > 63 || group > largest >> shift {
                return Err("a number is too large");
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    fn error(&self, what: Damage) -> RecordBatchError {
        RecordBatchError::Record {
            base_offset: self.base_offset,
            index: self.read,
            count: self.count,
            what,
        }
    }
}

impl Iterator for Records {
    type Item = Result<Record, RecordBatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.read == self.count {
            if self.at == self.bytes.len() {
                return None;
            }
            self.at = self.bytes.len();
            return Some(Err(self.error("bytes follow the last one")));
        }
        self.read += 1;
        let record = self.record().map_err(|what| self.error(what));
        if record.is_err() {
            self.read = self.count;
            self.at = self.bytes.len();
        }
        Some(record)
    }
}
