//! Differences as a reader sees them: unified, with secrets hidden on both sides.

use similar::{ChangeTag, TextDiff};

use crate::model::secrets;
use crate::plan::FileChange;

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// One line of a unified diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// `@@ -1,3 +1,4 @@`
    Hunk(String),
    Same(String),
    Removed(String),
    Added(String),
}

impl Line {
    /// Returns the line with its sign.
    pub fn text(&self) -> String {
        match self {
            Self::Hunk(text) => text.clone(),
            Self::Same(text) => format!(" {text}"),
            Self::Removed(text) => format!("-{text}"),
            Self::Added(text) => format!("+{text}"),
        }
    }
}

/// Returns the unified diff of a properties file; empty when nothing changes.
///
/// Secret values are hidden in changed and context lines; a changed secret still differs.
pub fn properties(before: &[u8], after: &[u8]) -> Vec<Line> {
    let (before, after) = secrets::redacted_pair(before, after);
    unified(&before, &after)
}

/// Returns the diff of a file of the plan against the standalone file; nothing for a new file.
pub fn of(file: &FileChange) -> Vec<Line> {
    match &file.before {
        Some(before) => properties(before, &file.after),
        None => Vec::new(),
    }
}

/// Returns the unified diff of two texts, which must not hold secrets.
pub fn unified(before: &str, after: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        lines.push(Line::Hunk(hunk.header().to_string()));
        lines.extend(hunk.iter_changes().map(|change| {
            let text = change.value().trim_end_matches(['\r', '\n']).to_owned();
            match change.tag() {
                ChangeTag::Equal => Line::Same(text),
                ChangeTag::Delete => Line::Removed(text),
                ChangeTag::Insert => Line::Added(text),
            }
        }));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn changed(before: &str, after: &str) -> Vec<String> {
        properties(before.as_bytes(), after.as_bytes())
            .iter()
            .filter(|line| matches!(line, Line::Removed(_) | Line::Added(_)))
            .map(Line::text)
            .collect()
    }

    #[test]
    fn a_changed_secret_is_hidden_and_still_differs() {
        let lines = changed("ssl.key.password=one\na=1\n", "ssl.key.password=two\na=1\n");
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(!lines.concat().contains("one") && !lines.concat().contains("two"));
        assert_ne!(lines[0][1..], lines[1][1..]);
    }

    #[test]
    fn secrets_of_context_lines_are_hidden() {
        let lines = properties(
            b"a=1\nssl.key.password=canary\n",
            b"a=2\nssl.key.password=canary\n",
        );
        assert!(!format!("{lines:?}").contains("canary"));
        assert!(format!("{lines:?}").contains("ssl.key.password"));
    }

    #[test]
    fn new_settings_hold_no_visible_secret() {
        let lines = changed(
            "a=1\n",
            "a=1\nsasl.jaas.config=X required password=\"canary\";\n",
        );
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].contains("canary"), "{lines:?}");
    }

    proptest! {
        #[test]
        fn the_diff_of_equal_files_is_empty(text in "([a-z.]{1,8}=[a-z ]{0,8}\n){0,8}") {
            prop_assert!(properties(text.as_bytes(), text.as_bytes()).is_empty());
        }
    }
}
