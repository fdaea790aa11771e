//! What holds for every sequence of bytes that is taken for fetched record data.

use bytes::Bytes;
use connectctl::protocol::record_batch::{AbortedTransaction, decode};

pub(super) fn check(data: &[u8]) {
    decoded(data);
    // Chance does not find a checksum: the same bytes as one batch with the right length, format and checksum.
    let mut batch = data.to_vec();
    if batch.len() < 61 {
        return;
    }
    let length = u32::try_from(batch.len() - 12).expect("short");
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    decoded(&batch);
}

fn decoded(data: &[u8]) {
    let aborted = [AbortedTransaction {
        producer_id: 0,
        first_offset: 0,
    }];
    let mut count = 0_u64;
    let mut last = -1;
    let outcome = decode(Bytes::copy_from_slice(data), 0, &aborted, |record| {
        assert!(record.offset >= 0);
        last = last.max(record.offset);
        count += 1;
    });
    if let Ok(decoded) = outcome {
        assert_eq!(decoded.records, count);
        assert!(decoded.next_offset > last);
        assert!(decoded.truncated <= data.len());
    }
}
