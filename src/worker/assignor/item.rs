//! A connector or a task, and the order in which Java hands them out.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::protocol::connect_group::{CONNECTOR_TASK, Work};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Item<'a> {
    pub(super) connector: &'a str,
    /// [`CONNECTOR_TASK`] for the connector itself.
    pub(super) task: i32,
}

/// Connectors and tasks are dealt out apart: tasks are what costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connector,
    Task,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Connector, Self::Task];
}

impl<'a> Item<'a> {
    pub(super) const fn kind(self) -> Kind {
        if self.task == CONNECTOR_TASK {
            Kind::Connector
        } else {
            Kind::Task
        }
    }

    pub(super) fn all(work: &'a Work) -> impl Iterator<Item = Self> {
        work.iter()
            .map(|(connector, task)| Self { connector, task })
    }

    pub(super) fn set(work: &'a Work) -> HashSet<Self> {
        Self::all(work).collect()
    }
}

impl Ord for Item<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        java_order(self.connector, other.connector).then(self.task.cmp(&other.task))
    }
}

impl PartialOrd for Item<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares as Java's `String` does, by UTF-16 units: that is the order of UTF-8, but for U+E000 to U+FFFF, whose first
/// bytes are EE and EF, which come after everything beyond U+FFFF.
pub(super) fn java_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.cmp(b);
    }
    let unit = |byte| match byte {
        0xee | 0xef => byte + 0x10,
        _ => byte,
    };
    a.bytes().map(unit).cmp(b.bytes().map(unit))
}

pub(super) fn work<'a>(items: impl IntoIterator<Item = Item<'a>>) -> Work {
    items.into_iter().map(|i| (i.connector, i.task)).collect()
}

#[cfg(test)]
mod tests {
    use super::java_order;

    #[test]
    fn text_sorts_as_in_java() {
        let texts = [
            "",
            "a",
            "ab",
            "b",
            "\u{7f}",
            "é",
            "\u{7ff}",
            "\u{800}",
            "\u{d7ff}",
            "\u{e000}",
            "\u{efff}",
            "\u{f000}",
            "\u{ffff}",
            "😀",
            "\u{10000}",
            "\u{10ffff}",
            "a\u{e000}",
            "a😀",
        ];
        for a in texts {
            for b in texts {
                let java = a.encode_utf16().cmp(b.encode_utf16());
                assert_eq!(java_order(a, b), java, "{a:?} {b:?}");
            }
        }
    }
}
