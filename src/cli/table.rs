//! Tables in one house style: upper-case headings, two spaces between columns, no lines, no wrapping.
//!
//! The style is `kubectl`'s, so that `awk '{print $1}'` and `grep` work on it.

use comfy_table::{Cell, ContentArrangement, Table, presets};

/// Renders rows under headings; every line ends with a line feed and has no trailing spaces.
///
/// Control characters in a cell are shown as `\u{…}`: a connector's name must not steer the terminal.
pub fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings.iter().map(|h| Cell::new(h.to_uppercase())));
    for row in rows {
        table.add_row(row.iter().map(|cell| Cell::new(printable(cell))));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns the text with control characters made visible.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_unicode());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_have_no_trailing_spaces() {
        let rows = [
            ["a".to_owned(), "x".to_owned()],
            ["longer name".to_owned(), String::new()],
        ];
        assert_eq!(
            table(["name", "state"], rows),
            "NAME         STATE\na            x\nlonger name\n"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\u{a}");
        assert_eq!(printable("naïve 文"), "naïve 文");
    }
}
