//! A member's metadata in JoinGroup.

use bytes::Bytes;

use super::wire::{Reader, Writer};
use super::{Assignment, ConnectGroupError};

/// What a worker says of itself when it joins (`ExtendedWorkerState`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// 0 to 2 from the workers of today. See [`super::ConnectProtocol::version`].
    pub version: i16,
    /// Base of the worker's REST API, `http://host:port/`.
    pub url: String,
    /// How far the worker has read the config topic: offset after the last record of data, -1 before any.
    pub config_offset: i64,
    /// What the worker runs now; `None` is nothing. Version 0 has no place for it.
    pub allocation: Option<Assignment>,
}

impl Subscription {
    /// Writes the metadata, with the allocation in the same version, for a worker offers all its versions at once.
    ///
    /// Fails with [`ConnectGroupError::TooLong`] alone.
    pub fn encode(&self) -> Result<Bytes, ConnectGroupError> {
        let mut writer = Writer::default();
        writer.int16(self.version);
        writer.text("url", &self.url)?;
        writer.int64(self.config_offset);
        if self.version > 0 {
            let allocation = match &self.allocation {
                Some(allocation) => Some(allocation.encode_in(self.version)?),
                None => None,
            };
            writer.nullable_bytes("allocation", allocation.as_deref())?;
        }
        Ok(writer.finish())
    }

    /// Reads metadata as `IncrementalCooperativeConnectProtocol.deserializeMetadata` does, whatever its version.
    pub fn decode(bytes: &[u8]) -> Result<Self, ConnectGroupError> {
        let mut reader = Reader::new(bytes);
        let version = reader.version()?;
        let url = reader.text("url")?;
        let config_offset = reader.int64("config offset")?;
        let allocation = if reader.is_at_end() {
            None
        } else {
            reader.nullable_bytes("allocation")?
        };
        Ok(Self {
            version,
            url,
            config_offset,
            allocation: allocation.map(Assignment::decode).transpose()?,
        })
    }
}
