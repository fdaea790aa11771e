//! The Java-serialised `HashMap<byte[], byte[]>` of the standalone worker's `offset.storage.file.filename`.
//!
//! The worker reads this file with `org.apache.kafka.connect.util.SafeObjectInputStream` and treats most damage as
//! "no offsets". The reader here is strict: a file that is not complete to the last byte is an error that says where.
//! Keys and values are slices of the input and are never re-serialised. `docs/formats.md` describes the bytes.

mod error;
mod grammar;
mod reader;
mod writer;

use std::collections::HashSet;

use bytes::Bytes;

pub use error::{OffsetFileError, Place};
pub use reader::read;
pub use writer::write;

/// One entry of the map, as raw bytes: a slice of the file, never re-serialised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetEntry {
    /// `["connector",{partition}]` as JSON bytes; `None` for Java's null key.
    pub key: Option<Bytes>,
    /// `{offset}` as JSON bytes; `None` for a reset offset.
    pub value: Option<Bytes>,
}

/// What an offsets file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetMap {
    /// In stream order, which has no meaning for a `HashMap`.
    pub entries: Vec<OffsetEntry>,
    /// Bytes after the serialised map, which the JVM ignores.
    pub trailing: u64,
    /// The class of the root object.
    pub class: RootClass,
    pub load_factor: f32,
    /// Entry count at which Java would grow the table; written for information, ignored by Java's reader.
    pub threshold: i32,
    /// Table size; written for information, ignored by Java's reader.
    pub buckets: i32,
}

impl OffsetMap {
    /// Returns the keys that occur more than once with equal bytes, each once, in stream order.
    ///
    /// Java's map is keyed by array identity and can hold such entries; the worker then keeps one of them by chance.
    pub fn repeated_keys(&self) -> Vec<Bytes> {
        let mut seen = HashSet::with_capacity(self.entries.len());
        let mut repeated = HashSet::new();
        self.entries
            .iter()
            .filter_map(|entry| entry.key.as_ref())
            .filter(|key| !seen.insert(&key[..]) && repeated.insert(&key[..]))
            .cloned()
            .collect()
    }
}

/// The map classes that a worker accepts and that occur in practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootClass {
    HashMap,
    LinkedHashMap,
}

#[cfg(test)]
mod tests;
