//! What is wrong with the bytes of a group member.

/// Why a subscription or an assignment can not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectGroupError {
    /// The bytes end inside a field without which the rest means nothing.
    #[error("the bytes end in the {field}: {needed} more are needed and {left} are left")]
    Truncated {
        field: &'static str,
        needed: usize,
        left: usize,
    },
    /// A version of the Connect protocol that can not exist.
    #[error("the version is {version}, and versions start at 0")]
    NegativeVersion { version: i16 },
    /// A length that only a nullable field may have.
    #[error("the length of the {field} is {length}, and it must be there")]
    NegativeLength { field: &'static str, length: i64 },
    /// More elements than there are bytes.
    #[error("the {field} claims {count} elements in {left} bytes")]
    TooMany {
        field: &'static str,
        count: i32,
        left: usize,
    },
    /// A text or a list that its length field can not express: text has at most 32767 bytes.
    #[error("the {field} has {length} bytes or elements, the protocol allows {most}")]
    TooLong {
        field: &'static str,
        length: usize,
        most: usize,
    },
}
