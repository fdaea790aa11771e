//! The encodings by name, by version and by configuration.

use std::fmt;

/// An encoding of the group's messages, and as a value of `connect.protocol` the best one that a worker offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectProtocol {
    /// Version 0: every rebalance stops and reassigns everything.
    Eager,
    /// Version 1: incremental cooperative rebalancing (KIP-415).
    Compatible,
    /// Version 2: version 1 with signed internal requests (KIP-507). A worker's default.
    Sessioned,
}

impl ConnectProtocol {
    /// Parses a value of `connect.protocol`, upper and lower case alike; `None` for a value that a worker refuses.
    pub fn from_config(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "eager" => Some(Self::Eager),
            "compatible" => Some(Self::Compatible),
            "sessioned" => Some(Self::Sessioned),
            _ => None,
        }
    }

    /// Finds the encoding that a broker selected by its name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::Sessioned
            .offered()
            .iter()
            .copied()
            .find(|p| p.name() == name)
    }

    /// Returns what a worker with this `connect.protocol` offers in JoinGroup, best first.
    pub const fn offered(self) -> &'static [Self] {
        match self {
            Self::Eager => &[Self::Eager],
            Self::Compatible => &[Self::Compatible, Self::Eager],
            Self::Sessioned => &[Self::Sessioned, Self::Compatible, Self::Eager],
        }
    }

    /// Returns the name on the wire. That of [`Self::Eager`] is `default`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eager => "default",
            Self::Compatible => "compatible",
            Self::Sessioned => "sessioned",
        }
    }

    /// Returns the version that messages of this encoding start with.
    pub const fn version(self) -> i16 {
        match self {
            Self::Eager => 0,
            Self::Compatible => 1,
            Self::Sessioned => 2,
        }
    }
}

impl fmt::Display for ConnectProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
