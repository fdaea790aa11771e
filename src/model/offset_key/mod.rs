//! Raw offset keys: split, rename, unwrap an envelope, never re-serialise.
//!
//! A worker finds a stored offset by the bytes of its key, so a key keeps its bytes on every way through here. Only a
//! rename changes the JSON string of the connector's name, and only unwrapping cuts a substring.

use std::ops::Range;

use bytes::Bytes;

use super::offset_file::OffsetEntry;
use super::raw_json::{Cursor, JsonError, members, push_string, unescape};

mod canonical;
mod from_rest;

pub use canonical::{Deviation, DeviationKind};
pub use from_rest::{Unknowable, key_from_rest};

/// A key `["connector",{partition}]` as its bytes, and where its two parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetKey {
    raw: Bytes,
    connector: String,
    /// The name's JSON string, quotes included.
    name: Range<usize>,
    partition: Range<usize>,
    /// After the closing bracket.
    end: usize,
}

/// Why bytes are not an offset key, or not an envelope that can be unwrapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OffsetKeyError {
    #[error("not JSON: {reason}{}", hint(looks_like.as_deref()))]
    NotJson {
        reason: JsonError,
        /// Which converter may have written it.
        looks_like: Option<String>,
    },
    #[error("JSON, but not [connector, partition]: {0}")]
    Shape(&'static str),
    #[error("the key is in an envelope {{schema, payload}}, its value is not")]
    ValueWithoutEnvelope,
}

fn hint(looks_like: Option<&str>) -> String {
    looks_like
        .map(|format| format!(", it looks like {format}"))
        .unwrap_or_default()
}

impl OffsetKey {
    /// Splits a key, whose bytes it shares.
    ///
    /// As in the JVM, whitespace between tokens and text after the array are accepted; see [`Self::deviation`].
    ///
    /// # Errors
    /// Not JSON in UTF-8, or not an array of a name and a partition (an object or `null`).
    pub fn parse(raw: &Bytes) -> Result<Self, OffsetKeyError> {
        let text = text(raw)?;
        let mut cursor = Cursor::new(text);
        let split = split(&mut cursor).map_err(|reason| match reason {
            SplitError::NotJson(reason) => not_json(raw, reason),
            SplitError::Shape(what) => OffsetKeyError::Shape(what),
        })?;
        let connector = unescape(&text[split.0.clone()]).map_err(|reason| {
            let offset = split.0.start + reason.offset;
            not_json(raw, JsonError { offset, ..reason })
        })?;
        Ok(Self {
            raw: raw.clone(),
            connector,
            name: split.0,
            partition: split.1,
            end: cursor.at(),
        })
    }

    /// Returns the connector's name.
    pub fn connector(&self) -> &str {
        &self.connector
    }

    /// Returns the partition's JSON as it stands in the key: an object or `null`.
    pub fn partition(&self) -> &[u8] {
        &self.raw[self.partition.clone()]
    }

    /// Returns the key's bytes.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Returns the key of the same partition under another connector name.
    ///
    /// Only the JSON string of the name is replaced, escaped as Jackson does; all other bytes stay.
    pub fn renamed(&self, connector: &str) -> Bytes {
        let mut key = Vec::with_capacity(self.raw.len() + connector.len());
        key.extend_from_slice(&self.raw[..self.name.start]);
        push_string(connector, &mut key);
        key.extend_from_slice(&self.raw[self.name.end..]);
        key.into()
    }

    /// Returns why a worker would never find an offset under this key; `None`: it is as a worker writes it.
    ///
    /// The order of the partition's fields is the connector's own and cannot be judged.
    pub fn deviation(&self) -> Option<Deviation> {
        // The constructor has seen that the key is UTF-8.
        let text = std::str::from_utf8(&self.raw).unwrap_or_default();
        canonical::first_deviation(text, self.end)
    }
}

/// Returns the plain form of an entry that an old internal converter with `schemas.enable=true` wrote.
///
/// `None` when the key is no object of exactly `schema` and `payload`. Payloads are cut out of the bytes; a payload
/// `null` becomes a null key or value. What is cut out is not looked into.
///
/// # Errors
/// The key is malformed, or it is an envelope and its value is not.
pub fn unwrap_envelope(entry: &OffsetEntry) -> Result<Option<OffsetEntry>, OffsetKeyError> {
    let Some(key) = entry.key.as_ref().map(payload).transpose()?.flatten() else {
        return Ok(None);
    };
    let value = match &entry.value {
        Some(value) if !is_no_offset(value) => {
            Some(payload(value)?.ok_or(OffsetKeyError::ValueWithoutEnvelope)?)
        }
        _ => None,
    };
    Ok(Some(OffsetEntry {
        key: unless_null(key),
        value: value.and_then(unless_null),
    }))
}

/// True for a value that a worker takes for "no offset": no bytes, or the JSON literal `null`.
pub fn is_no_offset(value: &[u8]) -> bool {
    let text = value.trim_ascii();
    text.is_empty() || text == b"null"
}

/// Returns the bytes of the payload when `raw` is an object of exactly `schema` and `payload`, in either order.
fn payload(raw: &Bytes) -> Result<Option<Bytes>, OffsetKeyError> {
    let begins_object = |b: &[u8]| b.trim_ascii_start().first() == Some(&b'{');
    if !begins_object(raw) {
        return Ok(None);
    }
    let text = text(raw)?;
    let members = members(text).map_err(|reason| not_json(raw, reason))?;
    let named = |wanted: &str| {
        members
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value.clone())
    };
    Ok(match (members.len(), named("schema"), named("payload")) {
        (2, Some(_), Some(payload)) => Some(raw.slice(payload)),
        _ => None,
    })
}

fn unless_null(payload: Bytes) -> Option<Bytes> {
    (!is_no_offset(&payload)).then_some(payload)
}

enum SplitError {
    NotJson(JsonError),
    Shape(&'static str),
}

impl From<JsonError> for SplitError {
    fn from(error: JsonError) -> Self {
        Self::NotJson(error)
    }
}

/// Returns where the name's string and the partition are.
fn split(cursor: &mut Cursor<'_>) -> Result<(Range<usize>, Range<usize>), SplitError> {
    if cursor.peek() != Some(b'[') {
        // Malformed JSON is reported as such, whatever it begins with.
        cursor.value()?;
        return Err(SplitError::Shape("the key is not an array"));
    }
    let whole = cursor.clone().value()?;
    cursor.punctuation(b'[', "an array")?;
    match cursor.peek() {
        Some(b'"') => {}
        Some(b']') => return Err(SplitError::Shape("the array is empty")),
        _ => return Err(SplitError::Shape("the first element is not a string")),
    }
    let name = cursor.string()?;
    if cursor.peek() != Some(b',') {
        return Err(SplitError::Shape("the array has one element"));
    }
    cursor.punctuation(b',', "a comma")?;
    match cursor.peek() {
        Some(b'{' | b'n') => {}
        _ => return Err(SplitError::Shape("the partition is not an object")),
    }
    let partition = cursor.value()?;
    cursor.peek();
    if cursor.at() + 1 != whole.end {
        return Err(SplitError::Shape("the array has more than two elements"));
    }
    cursor.punctuation(b']', "the end of the array")?;
    Ok((name, partition))
}

fn text(raw: &Bytes) -> Result<&str, OffsetKeyError> {
    std::str::from_utf8(raw).map_err(|error| {
        let reason = JsonError {
            offset: error.valid_up_to(),
            expected: "UTF-8",
        };
        not_json(raw, reason)
    })
}

fn not_json(raw: &[u8], reason: JsonError) -> OffsetKeyError {
    OffsetKeyError::NotJson {
        reason,
        looks_like: looks_like(raw).map(str::to_owned),
    }
}

/// Guesses which converter wrote bytes that are not JSON.
fn looks_like(raw: &[u8]) -> Option<&'static str> {
    match raw {
        [0, _, _, _, _, ..] => {
            Some("a schema registry converter's format (Avro, Protobuf or JSON Schema)")
        }
        [0xac, 0xed, ..] => Some("Java serialisation"),
        [b'[', second, .., b']'] if *second != b'"' => {
            Some("StringConverter's text of a Java list")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
