//! Settings of a converter, read as `org.apache.kafka.common.config.ConfigDef` reads them.

use indexmap::IndexMap;

/// The settings of one converter, without its prefix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings<'a>(pub(super) &'a IndexMap<String, String>);

impl<'a> Settings<'a> {
    /// Returns a string without blanks around it.
    pub(super) fn string(self, key: &str) -> Option<&'a str> {
        self.0.get(key).map(|value| trimmed(value))
    }
}

/// `String.trim`: everything up to the space, from both ends.
fn trimmed(value: &str) -> &str {
    value.trim_matches(|character| character <= ' ')
}
