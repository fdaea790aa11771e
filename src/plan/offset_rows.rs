//! Offsets in one form whatever the source: a standalone worker's file, an offset topic, Connect's REST API.
//!
//! Positions are opaque. Nothing here says that one is ahead of another.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::model::offset_file::OffsetEntry;
use crate::model::offset_key::{OffsetKey, is_no_offset, unwrap_envelope};
use crate::plan::StoredOffsets;
use crate::protocol::partitioner;

/// One source partition and its position.
#[derive(Debug, Clone)]
pub struct OffsetRow {
    /// `None` when the key does not say: a null key, or one that is not `["connector",{…}]`.
    pub connector: Option<String>,
    /// The partition as JSON text, byte for byte where the source has bytes.
    pub partition: Option<Box<RawValue>>,
    /// The offset as JSON text; `None`: no offset.
    pub offset: Option<Box<RawValue>>,
    /// Raw bytes; `None` for Java's null key and for a row of REST, which does not show them.
    pub key: Option<Bytes>,
    /// Raw bytes; `None` for a tombstone, a null value and a row of REST.
    pub value: Option<Bytes>,
    /// Where the record lies, or would lie, in an offset topic.
    pub topic_partition: Option<i32>,
}

impl OffsetRow {
    /// Returns the row of a file's entry; with `partitions`, where murmur2 puts its key.
    pub fn of_entry(entry: &OffsetEntry, partitions: Option<i32>) -> Self {
        let topic_partition = partitions
            .zip(plain(entry).key)
            .map(|(count, key)| partitioner::partition_of(&key, count));
        Self::of_bytes(entry, topic_partition)
    }

    /// Returns the rows of an offset topic, sorted by key: of each key the record that holds.
    pub fn of_topic(stored: &StoredOffsets) -> Vec<Self> {
        let held = stored.iter();
        held.map(|(key, record)| Self::of_record(key, record.value.as_ref(), record.partition))
            .collect()
    }

    /// Returns the rows of an offset topic, of a key in several partitions one for each.
    pub fn of_every_partition(stored: &StoredOffsets) -> Vec<Self> {
        let mut rows = Self::of_topic(stored);
        let others = stored.iter().flat_map(|(key, record)| {
            let elsewhere = record.elsewhere.iter();
            elsewhere.map(move |other| Self::of_record(key, other.value.as_ref(), other.partition))
        });
        rows.extend(others);
        rows
    }

    fn of_record(key: &Bytes, value: Option<&Bytes>, partition: i32) -> Self {
        let entry = OffsetEntry {
            key: Some(key.clone()),
            value: value.cloned(),
        };
        Self::of_bytes(&entry, Some(partition))
    }

    /// Returns a row of `GET /connectors/X/offsets`.
    pub fn of_rest(
        connector: &str,
        partition: &serde_json::Value,
        offset: &serde_json::Value,
    ) -> Self {
        Self {
            connector: Some(connector.to_owned()),
            partition: unless_null(partition),
            offset: unless_null(offset),
            key: None,
            value: None,
            topic_partition: None,
        }
    }

    fn of_bytes(entry: &OffsetEntry, topic_partition: Option<i32>) -> Self {
        let plain = plain(entry);
        let key = plain.key.as_ref().and_then(|k| OffsetKey::parse(k).ok());
        Self {
            connector: key.as_ref().map(|k| k.connector().to_owned()),
            partition: key.as_ref().and_then(|k| raw_json(k.partition())),
            offset: plain.value.as_deref().and_then(raw_json),
            key: entry.key.clone(),
            value: entry.value.clone(),
            topic_partition,
        }
    }

    /// Returns the partition as text for people; the raw key where it is not a connector's.
    pub fn partition_text(&self) -> String {
        match (&self.partition, &self.connector, &self.key) {
            (Some(partition), _, _) => partition.get().to_owned(),
            (None, Some(_), _) => "null".to_owned(),
            (None, None, Some(key)) => String::from_utf8_lossy(key).into_owned(),
            (None, None, None) => "(null key)".to_owned(),
        }
    }

    /// Returns the offset as text for people.
    pub fn offset_text(&self) -> String {
        if let Some(offset) = &self.offset {
            return offset.get().to_owned();
        }
        let plain = plain(&OffsetEntry {
            key: self.key.clone(),
            value: self.value.clone(),
        });
        match plain.value.filter(|value| !is_no_offset(value)) {
            Some(value) => String::from_utf8_lossy(&value).into_owned(),
            None => "null".to_owned(),
        }
    }
}

/// Returns how many rows have their bytes in the envelope of an old internal converter.
pub fn enveloped(rows: &[OffsetRow]) -> usize {
    let bytes = |row: &OffsetRow| OffsetEntry {
        key: row.key.clone(),
        value: row.value.clone(),
    };
    let is_enveloped = |row: &&OffsetRow| matches!(unwrap_envelope(&bytes(row)), Ok(Some(_)));
    rows.iter().filter(is_enveloped).count()
}

/// Sorts by connector, then partition, so that the same offsets give the same listing whatever the source.
pub fn sort(rows: &mut [OffsetRow]) {
    rows.sort_by_cached_key(|row| {
        (
            row.connector.clone(),
            row.partition_text(),
            row.topic_partition,
        )
    });
}

/// Returns the entry as a plain internal converter would have written it: the payloads of an envelope, otherwise itself.
pub fn plain(entry: &OffsetEntry) -> OffsetEntry {
    match unwrap_envelope(entry) {
        Ok(Some(unwrapped)) => unwrapped,
        Ok(None) | Err(_) => entry.clone(),
    }
}

fn unless_null(value: &serde_json::Value) -> Option<Box<RawValue>> {
    let raw = serde_json::value::to_raw_value(value).ok();
    raw.filter(|_| !value.is_null())
}

fn raw_json(bytes: &[u8]) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let raw = RawValue::from_string(text.to_owned()).ok()?;
    (raw.get() != "null").then_some(raw)
}

/// The documented JSON object of one row.
#[derive(Serialize)]
struct Document<'a> {
    connector: Option<&'a str>,
    partition: Option<&'a RawValue>,
    offset: Option<&'a RawValue>,
    key: Option<String>,
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_partition: Option<i32>,
}

impl Serialize for OffsetRow {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document {
            connector: self.connector.as_deref(),
            partition: self.partition.as_deref(),
            offset: self.offset.as_deref(),
            key: self.key.as_ref().map(base64),
            value: self.value.as_ref().map(base64),
            topic_partition: self.topic_partition,
        }
        .serialize(serializer)
    }
}

fn base64(bytes: &Bytes) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: Option<&'static str>, value: Option<&'static str>) -> OffsetEntry {
        OffsetEntry {
            key: key.map(|k| Bytes::from_static(k.as_bytes())),
            value: value.map(|v| Bytes::from_static(v.as_bytes())),
        }
    }

    #[test]
    fn the_documented_json_of_a_file_entry_and_of_a_topic_record() {
        let entry = entry(Some(r#"["a b",{"f":"x"}]"#), Some(r#"{"position":35}"#));
        let json = |row: &OffsetRow| serde_json::to_string(row).unwrap();
        let file = r#"{"connector":"a b","partition":{"f":"x"},"offset":{"position":35},"key":"WyJhIGIiLHsiZiI6IngifV0=","value":"eyJwb3NpdGlvbiI6MzV9"}"#;
        assert_eq!(json(&OffsetRow::of_entry(&entry, None)), file);
        let placed = OffsetRow::of_entry(&entry, Some(1));
        assert_eq!(
            json(&placed),
            file.trim_end_matches('}').to_owned() + r#","topic_partition":0}"#
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        let entry = entry(
            Some(r#"["a",{"n":1.0}]"#),
            Some(r#"{"p":123456789012345678901234567890}"#),
        );
        let row = OffsetRow::of_entry(&entry, None);
        assert_eq!(row.partition_text(), r#"{"n":1.0}"#);
        assert_eq!(row.offset_text(), r#"{"p":123456789012345678901234567890}"#);
        assert!(
            serde_json::to_string(&row)
                .unwrap()
                .contains("123456789012345678901234567890")
        );
    }

    #[test]
    fn what_is_not_a_connector_key_is_shown_raw() {
        let row = OffsetRow::of_entry(&entry(Some("rubbish"), None), Some(5));
        assert_eq!(
            (
                row.connector.as_deref(),
                &*row.partition_text(),
                &*row.offset_text()
            ),
            (None, "rubbish", "null")
        );
        let row = OffsetRow::of_entry(&entry(None, Some("{}")), Some(5));
        assert_eq!(
            (row.topic_partition, &*row.partition_text()),
            (None, "(null key)")
        );
    }

    #[test]
    fn an_envelope_is_shown_by_its_payload_and_keeps_its_bytes() {
        let row = OffsetRow::of_entry(
            &entry(
                Some(r#"{"schema":null,"payload":["a",{}]}"#),
                Some(r#"{"schema":null,"payload":null}"#),
            ),
            Some(1),
        );
        assert_eq!(
            (row.connector.as_deref(), &*row.offset_text()),
            (Some("a"), "null")
        );
        assert_eq!(row.offset.as_ref().map(|o| o.get()), None);
    }
}
