//! Why fetched record data cannot be decoded.

use super::Codec;

/// Why fetched record data cannot be decoded. `base_offset` is that of the batch, as its header says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordBatchError {
    #[error(
        "batch at offset {base_offset} has message format v{magic}; only v2 is read, which Kafka writes since 0.11"
    )]
    Magic { base_offset: i64, magic: i8 },
    #[error("batch at offset {base_offset} is corrupt: {what} is {value}")]
    Header {
        base_offset: i64,
        what: &'static str,
        value: i64,
    },
    #[error(
        "batch at offset {base_offset} is corrupt: its CRC-32C is {computed:08x}, its header says {stored:08x}"
    )]
    Crc {
        base_offset: i64,
        stored: u32,
        computed: u32,
    },
    #[error(
        "batch at offset {base_offset} is compressed with codec {codec}, which Kafka does not know"
    )]
    UnknownCodec { base_offset: i64, codec: i16 },
    #[error("batch at offset {base_offset} cannot be decompressed as {codec}: {reason}")]
    Decompression {
        base_offset: i64,
        codec: Codec,
        reason: String,
    },
    #[error(
        "batch at offset {base_offset} is larger than {limit} bytes when decompressed as {codec}"
    )]
    TooLarge {
        base_offset: i64,
        codec: Codec,
        limit: usize,
    },
    #[error("batch at offset {base_offset} is corrupt: record {index} of {count}: {what}")]
    Record {
        base_offset: i64,
        /// 1-based.
        index: u32,
        count: u32,
        what: &'static str,
    },
}
