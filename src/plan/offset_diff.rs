//! What differs between two sets of offsets. Pure and symmetric: `diff(b, a)` is `diff(a, b)` flipped.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::model::offset_file::OffsetEntry;
use crate::model::offset_key::is_no_offset;
use crate::plan::offset_rows::{OffsetRow, plain};

/// How rows of the two sides are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Both sides have bytes: keys and values are compared byte for byte, as a worker's store does.
    Bytes,
    /// One side is REST: connector, partition and offset are compared as JSON, field order aside.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    OnlyInA,
    OnlyInB,
    Different,
}

/// One source partition on which the two sides disagree. No offset (null, tombstone, absent) is one state.
#[derive(Debug, Clone, Serialize)]
pub struct OffsetDifference {
    pub connector: Option<String>,
    pub partition: Option<Box<RawValue>>,
    pub difference: Side,
    pub a: Option<Box<RawValue>>,
    pub b: Option<Box<RawValue>>,
    /// For people: the partition, or the raw key.
    #[serde(skip)]
    pub label: String,
    #[serde(skip)]
    pub a_text: String,
    #[serde(skip)]
    pub b_text: String,
}

/// Returns the differences, sorted by connector and partition.
pub fn diff(a: &[OffsetRow], b: &[OffsetRow], matching: Match) -> Vec<OffsetDifference> {
    let a = index(a, matching);
    let b = index(b, matching);
    let mut keys: Vec<&Identity> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut differences: Vec<_> = keys
        .into_iter()
        .filter_map(|key| difference(a.get(key).copied(), b.get(key).copied(), matching))
        .collect();
    differences.sort_by(|x, y| (&x.connector, &x.label).cmp(&(&y.connector, &y.label)));
    differences
}

/// What makes two rows the same source partition.
type Identity = (Option<String>, Vec<u8>);

fn index(rows: &[OffsetRow], matching: Match) -> BTreeMap<Identity, &OffsetRow> {
    // What is nobody's is not shown over REST, and no worker uses it.
    let compared = rows
        .iter()
        .filter(|row| matching == Match::Bytes || row.connector.is_some());
    compared.map(|row| (identity(row, matching), row)).collect()
}

fn identity(row: &OffsetRow, matching: Match) -> Identity {
    match matching {
        Match::Bytes => (None, plain_bytes(row).key.unwrap_or_default().to_vec()),
        Match::Json => {
            let partition = row.partition.as_deref().map_or_else(
                || row.partition_text().into_bytes(),
                |raw| canonical(raw).into_bytes(),
            );
            (row.connector.clone(), partition)
        }
    }
}

fn difference(
    a: Option<&OffsetRow>,
    b: Option<&OffsetRow>,
    matching: Match,
) -> Option<OffsetDifference> {
    let (value_a, value_b) = (
        a.and_then(|r| value(r, matching)),
        b.and_then(|r| value(r, matching)),
    );
    let side = match (&value_a, &value_b) {
        (None, None) => return None,
        (Some(x), Some(y)) if x == y => return None,
        (Some(_), None) => Side::OnlyInA,
        (None, Some(_)) => Side::OnlyInB,
        (Some(_), Some(_)) => Side::Different,
    };
    let row = a.or(b)?;
    Some(OffsetDifference {
        connector: row.connector.clone(),
        partition: row.partition.clone(),
        difference: side,
        a: a.and_then(|r| r.offset.clone()),
        b: b.and_then(|r| r.offset.clone()),
        label: row.partition_text(),
        a_text: a.map_or_else(|| "-".to_owned(), OffsetRow::offset_text),
        b_text: b.map_or_else(|| "-".to_owned(), OffsetRow::offset_text),
    })
}

fn value(row: &OffsetRow, matching: Match) -> Option<Vec<u8>> {
    match matching {
        Match::Bytes => plain_bytes(row).value.map(|v| v.to_vec()),
        Match::Json => row.offset.as_deref().map(|o| canonical(o).into_bytes()),
    }
}

fn plain_bytes(row: &OffsetRow) -> OffsetEntry {
    plain(&OffsetEntry {
        key: row.key.clone(),
        value: row.value.clone().filter(|v| !is_no_offset(v)),
    })
}

/// JSON with sorted fields and without white space; text that is no JSON stays itself.
fn canonical(raw: &RawValue) -> String {
    match serde_json::from_str::<serde_json::Value>(raw.get()) {
        Ok(mut value) => {
            value.sort_all_objects();
            value.to_string()
        }
        Err(_) => raw.get().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn row(key: &str, value: Option<&str>) -> OffsetRow {
        let entry = OffsetEntry {
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            value: value.map(|v| Bytes::copy_from_slice(v.as_bytes())),
        };
        OffsetRow::of_entry(&entry, None)
    }

    fn rest(partition: &str, offset: &str) -> OffsetRow {
        let json = |text: &str| serde_json::from_str(text).unwrap();
        OffsetRow::of_rest("a", &json(partition), &json(offset))
    }

    #[test]
    fn equal_sides_have_no_difference_and_sides_can_be_exchanged() {
        let a = [
            row(r#"["a",{"f":1}]"#, Some("{}")),
            row(r#"["b",{}]"#, Some(r#"{"p":1}"#)),
            row(r#"["c",{}]"#, Some("{}")),
        ];
        let b = [
            row(r#"["b",{}]"#, Some(r#"{"p":2}"#)),
            row(r#"["c",{}]"#, Some("{}")),
            row(r#"["d",{}]"#, Some("{}")),
        ];
        assert!(diff(&a, &a, Match::Bytes).is_empty());
        let there: Vec<_> = diff(&a, &b, Match::Bytes)
            .iter()
            .map(|d| d.difference)
            .collect();
        assert_eq!(there, [Side::OnlyInA, Side::Different, Side::OnlyInB]);
        let back: Vec<_> = diff(&b, &a, Match::Bytes)
            .iter()
            .map(|d| d.difference)
            .collect();
        assert_eq!(back, [Side::OnlyInB, Side::Different, Side::OnlyInA]);
    }

    #[test]
    fn a_reset_offset_a_tombstone_and_no_entry_are_the_same() {
        assert!(diff(&[row(r#"["a",{}]"#, None)], &[], Match::Bytes).is_empty());
        assert!(diff(&[], &[row(r#"["a",{}]"#, Some("null"))], Match::Bytes).is_empty());
    }

    #[test]
    fn bytes_tell_white_space_apart_and_json_does_not() {
        let a = [row(r#"["a",{"x":1,"y":2}]"#, Some(r#"{"p":1}"#))];
        let b = [row(r#"["a", {"x":1,"y":2}]"#, Some(r#"{"p": 1}"#))];
        assert_eq!(diff(&a, &b, Match::Bytes).len(), 2);
        let b = [rest(r#"{"y":2,"x":1}"#, r#"{"p":1}"#)];
        assert!(diff(&a, &b, Match::Json).is_empty());
        let b = [rest(r#"{"y":2,"x":1}"#, r#"{"p":2}"#)];
        assert_eq!(diff(&a, &b, Match::Json)[0].difference, Side::Different);
    }

    #[test]
    fn a_connector_without_partitions_is_the_same_in_bytes_and_over_rest() {
        let a = [row(r#"["a",null]"#, Some(r#"{"p":1}"#))];
        assert!(diff(&a, &[rest("null", r#"{"p":1}"#)], Match::Json).is_empty());
    }

    #[test]
    fn an_envelope_is_compared_by_its_payload() {
        let a = [row(
            r#"{"schema":null,"payload":["a",{}]}"#,
            Some(r#"{"schema":null,"payload":{"p":1}}"#),
        )];
        let b = [row(r#"["a",{}]"#, Some(r#"{"p":1}"#))];
        assert!(diff(&a, &b, Match::Bytes).is_empty());
    }
}
