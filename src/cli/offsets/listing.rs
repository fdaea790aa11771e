//! One table of offsets, whatever the source.

use serde::Serialize;

use crate::cli::listing::Listing;
use crate::cli::table::table;
use crate::plan::offset_rows::OffsetRow;

/// Rows of one source, sorted.
#[derive(Debug)]
pub(super) struct OffsetListing {
    pub(super) rows: Vec<OffsetRow>,
}

impl Listing for OffsetListing {
    fn document(&self) -> impl Serialize {
        &self.rows
    }

    fn table(&self, wide: bool) -> String {
        let placed = self.rows.iter().any(|row| row.topic_partition.is_some());
        let rows = self.rows.iter().map(|row| {
            [
                row.connector.clone().unwrap_or_else(|| "-".to_owned()),
                row.partition_text(),
                row.offset_text(),
                topic_partition(row),
                bytes(row.key.as_deref()),
                bytes(row.value.as_deref()),
            ]
        });
        let headings = [
            "connector",
            "partition",
            "offset",
            "topic partition",
            "key",
            "value",
        ];
        let [a, b, c, d, _, _] = headings;
        match (wide, placed) {
            (true, _) => table(headings, rows),
            (false, true) => table([a, b, c, d], rows.map(|[a, b, c, d, _, _]| [a, b, c, d])),
            (false, false) => table([a, b, c], rows.map(|[a, b, c, _, _, _]| [a, b, c])),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .rows
            .iter()
            .filter_map(|row| row.connector.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

fn topic_partition(row: &OffsetRow) -> String {
    row.topic_partition
        .map_or_else(|| "-".to_owned(), |partition| partition.to_string())
}

/// Raw bytes for the eye: text where they are text, the rest escaped.
fn bytes(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(
        || "-".to_owned(),
        |b| std::str::from_utf8(b).map_or_else(|_| b.escape_ascii().to_string(), str::to_owned),
    )
}
