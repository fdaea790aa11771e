//! Compression of a batch's records, and decompression, bounded.

use std::fmt;
use std::io::{self, Read, Write};

use bytes::{BufMut as _, Bytes, BytesMut};

use super::RecordBatchError;

/// Most bytes that the records of one batch may have when decompressed: 256 MiB.
///
/// A batch is at most `message.max.bytes` (1 MiB by default) when compressed; what inflates beyond this is an attack or damage.
pub const LARGEST_BATCH: usize = 256 << 20;

/// `SnappyCodec` of snappy-java: magic, then two versions of 32 bits.
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
const XERIAL_HEADER: usize = 16;

/// A snappy copy of three bytes stands for 64 bytes: a larger promised ratio is a lie.
const SNAPPY_RATIO: usize = 32;

/// How the records of a batch are compressed (`org.apache.kafka.common.record.CompressionType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

/// How hard a codec tries, in its own scale; `None` for its default.
pub type Level = Option<i32>;

/// Bytes of one block that `SnappyOutputStream` compresses at a time.
const SNAPPY_BLOCK: usize = 32 << 10;

impl Codec {
    /// Returns the codec that a producer's `compression.type` names.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::None,
            "gzip" => Self::Gzip,
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    pub(super) fn attributes(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Appends the compressed form of `records`.
    pub(super) fn compress(
        self,
        level: Level,
        records: &[u8],
        to: &mut BytesMut,
    ) -> io::Result<()> {
        match self {
            Self::None => to.extend_from_slice(records),
            Self::Gzip => {
                let level = level.and_then(|level| u32::try_from(level).ok());
                let level =
                    level.map_or_else(flate2::Compression::default, flate2::Compression::new);
                let mut encoder = flate2::write::GzEncoder::new(to.writer(), level);
                encoder.write_all(records)?;
                encoder.finish()?;
            }
            Self::Snappy => compress_snappy(records, to)?,
            Self::Lz4 => {
                let mut builder = lz4::EncoderBuilder::new();
                builder
                    .level(
                        level
                            .and_then(|level| u32::try_from(level).ok())
                            .unwrap_or(0),
                    )
                    .block_mode(lz4::BlockMode::Independent)
                    .block_size(lz4::BlockSize::Max64KB)
                    .checksum(lz4::ContentChecksum::NoChecksum);
                let mut encoder = builder.build(to.writer())?;
                encoder.write_all(records)?;
                encoder.finish().1?;
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(to.writer(), level.unwrap_or(3))?;
                encoder.write_all(records)?;
                encoder.finish()?;
            }
        }
        Ok(())
    }

    pub(super) fn from_attributes(attributes: i16) -> Option<Self> {
        match attributes & 0x07 {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    pub(super) fn decompress(
        self,
        base_offset: i64,
        payload: &Bytes,
    ) -> Result<Bytes, RecordBatchError> {
        let failed = |failure| match failure {
            Failure::TooLarge => RecordBatchError::TooLarge {
                base_offset,
                codec: self,
                limit: LARGEST_BATCH,
            },
            Failure::Malformed(reason) => RecordBatchError::Decompression {
                base_offset,
                codec: self,
                reason,
            },
        };
        match self {
            // A compacted batch without records has no compressed stream either.
            _ if payload.is_empty() => return Ok(Bytes::new()),
            Self::None => return Ok(payload.clone()),
            Self::Gzip => read_bounded(flate2::bufread::MultiGzDecoder::new(&payload[..]), payload),
            Self::Snappy => snappy(payload),
            Self::Lz4 => lz4(payload),
            Self::Zstd => zstd::Decoder::with_buffer(&payload[..])
                .map_err(Failure::from)
                .and_then(|decoder| read_bounded(decoder, payload)),
        }
        .map(Bytes::from)
        .map_err(failed)
    }
}

/// Writes snappy-java's framing.
fn compress_snappy(records: &[u8], to: &mut BytesMut) -> io::Result<()> {
    to.extend_from_slice(XERIAL_MAGIC);
    // Version, and the oldest version that can read it.
    to.put_u32(1);
    to.put_u32(1);
    let mut encoder = snap::raw::Encoder::new();
    for block in records.chunks(SNAPPY_BLOCK) {
        let compressed = encoder.compress_vec(block)?;
        to.put_u32(u32::try_from(compressed.len()).unwrap_or(u32::MAX));
        to.extend_from_slice(&compressed);
    }
    Ok(())
}

enum Failure {
    TooLarge,
    Malformed(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<snap::Error> for Failure {
    fn from(error: snap::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

fn read_bounded(decoder: impl Read, payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(payload.len().saturating_mul(4).min(LARGEST_BATCH));
    let beyond = LARGEST_BATCH as u64 + 1;
    decoder.take(beyond).read_to_end(&mut bytes)?;
    if bytes.len() > LARGEST_BATCH {
        return Err(Failure::TooLarge);
    }
    Ok(bytes)
}

fn lz4(payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut decoder = lz4::Decoder::new(payload)?;
    let bytes = read_bounded(&mut decoder, payload)?;
    // Says whether the frame was complete.
    decoder.finish().1?;
    Ok(bytes)
}

/// Reads snappy-java's framing, or one raw block where its magic is missing, as `SnappyInputStream` does.
fn snappy(payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    if !payload.starts_with(XERIAL_MAGIC) {
        snappy_block(payload, &mut bytes)?;
        return Ok(bytes);
    }
    let truncated = || Failure::Malformed("a block is truncated".to_owned());
    let mut rest = payload.get(XERIAL_HEADER..).ok_or_else(truncated)?;
    while !rest.is_empty() {
        // Concatenated streams repeat the header.
        if rest.starts_with(XERIAL_MAGIC) {
            rest = rest.get(XERIAL_HEADER..).ok_or_else(truncated)?;
            continue;
        }
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
        let length = u32::from_be_bytes(*length) as usize;
        let block = after.get(..length).ok_or_else(truncated)?;
        snappy_block(block, &mut bytes)?;
        rest = &after[length..];
    }
    Ok(bytes)
}

fn snappy_block(block: &[u8], bytes: &mut Vec<u8>) -> Result<(), Failure> {
    let length = snap::raw::decompress_len(block)?;
    if length > block.len().saturating_mul(SNAPPY_RATIO) {
        return Err(Failure::Malformed(format!(
            "a block of {} bytes promises {length}",
            block.len()
        )));
    }
    let from = bytes.len();
    if from + length > LARGEST_BATCH {
        return Err(Failure::TooLarge);
    }
    bytes.resize(from + length, 0);
    snap::raw::Decoder::new().decompress(block, &mut bytes[from..])?;
    Ok(())
}
