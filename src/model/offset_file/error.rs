//! Why a file is not a complete offsets file.

use std::fmt;

/// Why a file is not a complete offsets file. Offsets are in bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OffsetFileError {
    /// 0 bytes: what a crash between truncation and writing leaves. A worker would start without offsets.
    #[error("the file is empty (0 bytes): no serialised map was written")]
    Empty,
    #[error("not a Java serialisation stream: the file begins with {found}, expected ac ed 00 05")]
    NotJavaSerialisation {
        /// The first bytes in hex, at most four.
        found: String,
    },
    #[error(
        "truncated at byte {offset}: expected {expected} ({wanted} bytes from byte {from}) in the {place}"
    )]
    Truncated {
        /// The length of the file.
        offset: u64,
        /// What should have begun at `from`.
        expected: &'static str,
        from: u64,
        wanted: u64,
        place: Place,
    },
    #[error("byte {offset}: expected {expected} in the {place}, found 0x{found:02x}")]
    UnexpectedByte {
        offset: u64,
        expected: &'static str,
        found: u8,
        place: Place,
    },
    #[error("byte {offset}: the {place} is a {class}, expected {expected}")]
    UnexpectedClass {
        offset: u64,
        place: Place,
        /// Java's name of the class.
        class: String,
        expected: &'static str,
    },
    #[error("byte {offset}: the description of class {class} differs from Java's")]
    ForeignDescriptor { offset: u64, class: &'static str },
    #[error("byte {offset}: reference to handle {handle:#x}, which is not a byte array before it")]
    BadReference { offset: u64, handle: u32 },
    #[error("byte {offset}: {what} is {value}, which Java refuses")]
    BadNumber {
        offset: u64,
        what: &'static str,
        value: String,
    },
    #[error(
        "byte {offset}: the {place} is the same object as an earlier key, which no map can hold"
    )]
    RepeatedKey { offset: u64, place: Place },
}

/// Which part of the file a byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Header,
    Root,
    /// 1-based entry number and the number of entries that the file announces.
    Key(u32, u32),
    Value(u32, u32),
    End,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("stream header"),
            Self::Root => f.write_str("root object"),
            Self::Key(entry, of) => write!(f, "key of entry {entry} of {of}"),
            Self::Value(entry, of) => write!(f, "value of entry {entry} of {of}"),
            Self::End => f.write_str("end of the map"),
        }
    }
}
