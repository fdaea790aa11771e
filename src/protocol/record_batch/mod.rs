//! Record batches (message format v2): of fetched record data, decoded without copying; to be produced, encoded in place.
//!
//! Keys, values and headers of an uncompressed batch are slices of the fetched bytes; those of a compressed batch are
//! slices of its decompressed bytes. Formats v0 and v1, which brokers since 3.0 no longer store, are refused by name.
//! Learned from `org.apache.kafka.common.record.internal.DefaultRecordBatch` and `DefaultRecord`.

mod batch;
mod builder;
mod compression;
mod error;
mod record;

use std::collections::HashSet;

use bytes::Bytes;

pub use batch::{Batch, Batches, Control};
pub use builder::{BatchBuilder, EncodedBatch, NewHeader, NewRecord, Sequence};
pub use compression::{Codec, LARGEST_BATCH, Level};
pub use error::RecordBatchError;
pub use record::{Header, Record, Records};

/// A transaction that was rolled back, as a fetch response with isolation level `read_committed` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    /// Offset of the first record of the transaction.
    pub first_offset: i64,
}

/// What one call of [`decode`] went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// Where the next fetch begins: after the last complete batch, whatever became of its records.
    pub next_offset: i64,
    /// Records given to the callback.
    pub records: u64,
    /// Control batches passed over.
    pub control_batches: u64,
    /// Batches of aborted transactions passed over.
    pub aborted_batches: u64,
    /// Bytes of an incomplete batch at the end, which the broker cuts at the fetch size.
    pub truncated: usize,
}

/// Gives the data records at and after offset `from` to `on_record`, in order, and returns where to go on.
///
/// `data` is the `records` field of one partition of a fetch response. Control batches are passed over. With the list
/// that came with the data, so are the batches of aborted transactions; an empty list reads uncommitted.
///
/// # Errors
/// A batch that is damaged, of an old format, or too large when decompressed. Records before it have been given out.
pub fn decode(
    data: Bytes,
    from: i64,
    aborted: &[AbortedTransaction],
    mut on_record: impl FnMut(Record),
) -> Result<Decoded, RecordBatchError> {
    let wants_aborted = false;
    decode_all(data, from, aborted, wants_aborted, |record, _| {
        on_record(record);
    })
}

/// As [`decode`], and where they are wanted, gives out the records of aborted transactions too: with `true` in the place of
/// `false`.
pub fn decode_all(
    data: Bytes,
    from: i64,
    aborted: &[AbortedTransaction],
    wants_aborted: bool,
    mut on_record: impl FnMut(Record, bool),
) -> Result<Decoded, RecordBatchError> {
    let mut filter = AbortedFilter::new(aborted);
    let mut batches = Batches::new(data);
    let mut decoded = Decoded {
        next_offset: from,
        records: 0,
        control_batches: 0,
        aborted_batches: 0,
        truncated: 0,
    };
    for batch in batches.by_ref() {
        let batch = batch?;
        let is_aborted = filter.hides(&batch)?;
        decoded.next_offset = decoded.next_offset.max(batch.next_offset());
        if batch.is_control {
            decoded.control_batches += 1;
        } else if is_aborted && !wants_aborted {
            decoded.aborted_batches += 1;
        } else if batch.next_offset() > from {
            for record in batch.records()? {
                let record = record?;
                if record.offset >= from {
                    decoded.records += 1;
                    on_record(record, is_aborted);
                }
            }
        }
    }
    decoded.truncated = batches.rest();
    Ok(decoded)
}

/// Which producers are inside an aborted transaction at the current batch.
struct AbortedFilter {
    /// By first offset, latest first.
    ahead: Vec<AbortedTransaction>,
    inside: HashSet<i64>,
}

impl AbortedFilter {
    fn new(aborted: &[AbortedTransaction]) -> Self {
        let mut ahead = aborted.to_vec();
        ahead.sort_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self {
            ahead,
            inside: HashSet::new(),
        }
    }

    /// True when the batch belongs to an aborted transaction; moves on past its end marker.
    fn hides(&mut self, batch: &Batch) -> Result<bool, RecordBatchError> {
        let Some(producer_id) = batch.producer_id else {
            return Ok(false);
        };
        while let Some(transaction) = self
            .ahead
            .pop_if(|transaction| transaction.first_offset < batch.next_offset())
        {
            self.inside.insert(transaction.producer_id);
        }
        if batch.control()? == Some(Control::Abort) {
            self.inside.remove(&producer_id);
            return Ok(false);
        }
        Ok(batch.is_transactional && self.inside.contains(&producer_id))
    }
}

#[cfg(test)]
mod tests;
