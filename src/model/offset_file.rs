//! The Java-serialised `HashMap<byte[], byte[]>` of the standalone worker's `offset.storage.file.filename`.

use bytes::Bytes;

/// One entry of the map, as raw bytes: a slice of the file, never re-serialised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetEntry {
    /// `["connector",{partition}]` as JSON bytes; `None` for Java's null key.
    pub key: Option<Bytes>,
    /// `{offset}` as JSON bytes; `None` for a reset offset.
    pub value: Option<Bytes>,
}
