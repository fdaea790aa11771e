//! What a worker shows of its positions over REST, against what an offsets file holds.

use std::collections::HashSet;

use crate::model::offset_file::OffsetEntry;
use crate::plan::RunningConnector;
use crate::plan::offset_diff::{Match, OffsetDifference, Side, diff};
use crate::plan::offset_rows::OffsetRow;

/// Returns the positions that the worker shows of these connectors and the file holds differently, or not at all.
///
/// What the file holds besides is no difference: REST does not see every key. Side A is REST, side B the file.
pub fn unlike_file<'a>(
    running: impl Iterator<Item = &'a RunningConnector> + Clone,
    entries: &[OffsetEntry],
) -> Vec<OffsetDifference> {
    let names: HashSet<&str> = running.clone().map(|c| c.name.as_str()).collect();
    let shown: Vec<_> = running
        .flat_map(|c| c.offsets.iter().flatten().map(move |pair| (c, pair)))
        .map(|(c, (partition, offset))| OffsetRow::of_rest(&c.name, partition, offset))
        .collect();
    let held: Vec<_> = entries
        .iter()
        .map(|entry| OffsetRow::of_entry(entry, None))
        .filter(|row| {
            row.connector
                .as_deref()
                .is_some_and(|name| names.contains(name))
        })
        .collect();
    let mut differences = diff(&shown, &held, Match::Json);
    differences.retain(|d| d.difference != Side::OnlyInB);
    differences
}

/// Says a difference for people.
pub fn said(difference: &OffsetDifference) -> String {
    let OffsetDifference {
        label,
        a_text,
        b_text,
        ..
    } = difference;
    match difference.difference {
        Side::OnlyInA => format!("{label} is at {a_text} there and not in the file"),
        _ => format!("{label} is at {a_text} there and at {b_text} in the file"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn running(name: &str, offsets: Vec<(Value, Value)>) -> RunningConnector {
        RunningConnector {
            name: name.to_owned(),
            config: indexmap::IndexMap::new(),
            kind: "source".to_owned(),
            state: "STOPPED".to_owned(),
            target: None,
            tasks: Vec::new(),
            offsets: Some(offsets),
        }
    }

    #[test]
    fn another_position_an_absent_one_and_a_reset_one_are_told_and_further_entries_are_not() {
        let entries = [
            (r#"["a",{"f":"1"}]"#, Some(r#"{"position":1}"#)),
            (r#"["a",{"f":"2"}]"#, None),
            (r#"["a",{"f":"9"}]"#, Some(r#"{"position":9}"#)),
            (r#"["b",{"f":"9"}]"#, Some(r#"{"position":9}"#)),
            (r#"["c",{"y":1,"x":"2"}]"#, Some(r#"{"q":1,"p":[1]}"#)),
            ("rubbish", None),
        ];
        let entries = entries.map(|(key, value)| OffsetEntry {
            key: Some(key.into()),
            value: value.map(Into::into),
        });
        let at = |f: &str, position: i32| (json!({"f": f}), json!({"position": position}));
        let worker = [
            running(
                "a",
                vec![
                    at("1", 2),
                    at("2", 3),
                    at("3", 4),
                    (json!({"f": "4"}), Value::Null),
                ],
            ),
            running(
                "c",
                vec![(json!({"x": "2", "y": 1}), json!({"p": [1], "q": 1}))],
            ),
        ];
        let told: Vec<_> = unlike_file(worker.iter(), &entries)
            .iter()
            .map(said)
            .collect();
        assert_eq!(
            told,
            [
                r#"{"f":"1"} is at {"position":2} there and at {"position":1} in the file"#,
                r#"{"f":"2"} is at {"position":3} there and not in the file"#,
                r#"{"f":"3"} is at {"position":4} there and not in the file"#,
            ]
        );
    }
}
