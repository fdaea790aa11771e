//! Fields of the old Kafka types: big-endian numbers, texts and lists after their length.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::ConnectGroupError;

/// Reads fields from the front of what is left.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.left.is_empty()
    }

    pub(super) fn version(&mut self) -> Result<i16, ConnectGroupError> {
        let version = self.int16("version")?;
        if version < 0 {
            return Err(ConnectGroupError::NegativeVersion { version });
        }
        Ok(version)
    }

    pub(super) fn int16(&mut self, field: &'static str) -> Result<i16, ConnectGroupError> {
        self.array(field).map(i16::from_be_bytes)
    }

    pub(super) fn int32(&mut self, field: &'static str) -> Result<i32, ConnectGroupError> {
        self.array(field).map(i32::from_be_bytes)
    }

    pub(super) fn int64(&mut self, field: &'static str) -> Result<i64, ConnectGroupError> {
        self.array(field).map(i64::from_be_bytes)
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<String, ConnectGroupError> {
        let length = self.int16(field)?;
        let length = usize::try_from(length).map_err(|_| ConnectGroupError::NegativeLength {
            field,
            length: length.into(),
        })?;
        let bytes = self.bytes(field, length)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Any negative length is null, as in the JVM.
    pub(super) fn nullable_bytes(
        &mut self,
        field: &'static str,
    ) -> Result<Option<&'a [u8]>, ConnectGroupError> {
        let length = self.int32(field)?;
        usize::try_from(length)
            .ok()
            .map(|length| self.bytes(field, length))
            .transpose()
    }

    /// Returns the number of elements; `None` for a null list. An element has at least one byte.
    pub(super) fn nullable_count(
        &mut self,
        field: &'static str,
    ) -> Result<Option<usize>, ConnectGroupError> {
        let count = self.int32(field)?;
        let left = self.left.len();
        match usize::try_from(count) {
            Ok(n) if n > left => Err(ConnectGroupError::TooMany { field, count, left }),
            Ok(n) => Ok(Some(n)),
            Err(_) => Ok(None),
        }
    }

    pub(super) fn count(&mut self, field: &'static str) -> Result<usize, ConnectGroupError> {
        let null = ConnectGroupError::NegativeLength { field, length: -1 };
        self.nullable_count(field)?.ok_or(null)
    }

    fn bytes(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], ConnectGroupError> {
        let left = self.left.len();
        let (bytes, rest) =
            self.left
                .split_at_checked(length)
                .ok_or(ConnectGroupError::Truncated {
                    field,
                    needed: length,
                    left,
                })?;
        self.left = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ConnectGroupError> {
        let left = self.left.len();
        let (bytes, rest) = self
            .left
            .split_first_chunk()
            .ok_or(ConnectGroupError::Truncated {
                field,
                needed: N,
                left,
            })?;
        self.left = rest;
        Ok(*bytes)
    }
}

/// Appends fields.
#[derive(Debug, Default)]
pub(super) struct Writer {
    written: BytesMut,
}

impl Writer {
    pub(super) fn int16(&mut self, value: i16) {
        self.written.put_i16(value);
    }

    pub(super) fn int32(&mut self, value: i32) {
        self.written.put_i32(value);
    }

    pub(super) fn int64(&mut self, value: i64) {
        self.written.put_i64(value);
    }

    pub(super) fn text(
        &mut self,
        field: &'static str,
        value: &str,
    ) -> Result<(), ConnectGroupError> {
        const MOST: usize = 0x7fff;
        let length = i16::try_from(value.len()).map_err(|_| ConnectGroupError::TooLong {
            field,
            length: value.len(),
            most: MOST,
        })?;
        self.int16(length);
        self.written.put_slice(value.as_bytes());
        Ok(())
    }

    pub(super) fn nullable_bytes(
        &mut self,
        field: &'static str,
        value: Option<&[u8]>,
    ) -> Result<(), ConnectGroupError> {
        let Some(value) = value else {
            self.int32(-1);
            return Ok(());
        };
        self.count(field, value.len())?;
        self.written.put_slice(value);
        Ok(())
    }

    pub(super) fn count(
        &mut self,
        field: &'static str,
        count: usize,
    ) -> Result<(), ConnectGroupError> {
        const MOST: usize = 0x7fff_ffff;
        let count = i32::try_from(count).map_err(|_| ConnectGroupError::TooLong {
            field,
            length: count,
            most: MOST,
        })?;
        self.int32(count);
        Ok(())
    }

    pub(super) fn finish(self) -> Bytes {
        self.written.freeze()
    }
}
