//! A parsed `.properties` file that can be written back byte for byte.

use super::Properties;
use super::lexer::{self, Stretch};
use super::unescape::{Misspelling, PropertiesError, unescaped};

/// A parsed `.properties` file that can be written back byte for byte.
///
/// Edits change only the lines they must: comments, order, line ends and every other byte stay as they were.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Document {
    pub(super) pieces: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Entry(Entry),
    /// Comments and blank lines.
    Other(Vec<u8>),
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// With blanks before the key, continuation lines and the line end.
    pub(super) raw: Vec<u8>,
    pub(super) key: String,
    pub(super) value: String,
}

impl Document {
    /// Reads a file as `java.util.Properties.load(InputStream)` does.
    pub fn parse(bytes: &[u8]) -> Result<Self, PropertiesError> {
        let pieces = lexer::stretches(bytes)
            .into_iter()
            .map(|stretch| Piece::parse(stretch, bytes))
            .collect::<Result<_, _>>()?;
        Ok(Self { pieces })
    }

    /// Returns the effective settings: keys in order of first appearance, the last value of each.
    pub fn to_map(&self) -> Properties {
        self.entries()
            .map(|entry| (entry.key.clone(), entry.value.clone()))
            .collect()
    }

    /// Returns the effective value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries()
            .filter(|entry| entry.key == key)
            .last()
            .map(|entry| entry.value.as_str())
    }

    /// Returns the line, from 1, on which the effective entry of a key begins.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        self.lines_of(key).pop()
    }

    /// Returns the lines, from 1, of all entries of a key. The last one is effective.
    pub fn lines_of(&self, key: &str) -> Vec<usize> {
        let bytes = self.to_bytes();
        let mut offset = 0;
        let mut lines = Vec::new();
        for piece in &self.pieces {
            if let Piece::Entry(entry) = piece
                && entry.key == key
            {
                lines.push(lexer::position(&bytes, offset + entry.key_offset()).0);
            }
            offset += piece.raw().len();
        }
        lines
    }

    /// Returns the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(Piece::raw).copied().collect()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Entry(entry) => Some(entry),
            Piece::Other(_) => None,
        })
    }
}

/// Values may be secrets: only keys are shown.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.entries().map(|entry| &entry.key))
            .finish()
    }
}

impl Piece {
    fn parse(stretch: Stretch<'_>, input: &[u8]) -> Result<Self, PropertiesError> {
        if !stretch.is_entry {
            return Ok(Self::Other(stretch.bytes.to_vec()));
        }
        let parts = lexer::entry(stretch.bytes);
        let located = |(offset, kind): Misspelling| {
            let (line, column) = lexer::position(input, stretch.start + offset);
            PropertiesError { line, column, kind }
        };
        Ok(Self::Entry(Entry {
            raw: stretch.bytes.to_vec(),
            key: unescaped(&parts.key).map_err(located)?,
            value: unescaped(&parts.value).map_err(located)?,
        }))
    }

    pub(super) fn is_entry_of(&self, key: &str) -> bool {
        matches!(self, Self::Entry(entry) if entry.key == key)
    }

    pub(super) fn raw(&self) -> &[u8] {
        match self {
            Self::Entry(entry) => &entry.raw,
            Self::Other(raw) => raw,
        }
    }
}

impl Entry {
    fn key_offset(&self) -> usize {
        lexer::entry(&self.raw)
            .key
            .first()
            .map_or(0, |(offset, _)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::properties::PropertiesErrorKind;

    fn map(text: &[u8]) -> Vec<(String, String)> {
        let document = Document::parse(text).expect("readable");
        assert_eq!(document.to_bytes(), text, "nothing is lost");
        document.to_map().into_iter().collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn every_separator_parts_key_and_value() {
        let text = b"a=1\nb:2\nc 3\nd\t4\ne\x0c5\nf = 6\ng : 7\nh == 8\ni   \nj\n=k\n";
        let expected = [
            ("a", "1"),
            ("b", "2"),
            ("c", "3"),
            ("d", "4"),
            ("e", "5"),
            ("f", "6"),
            ("g", "7"),
            ("h", "= 8"),
            ("i", ""),
            ("j", ""),
            ("", "k"),
        ];
        assert_eq!(map(text), pairs(&expected));
    }

    #[test]
    fn comments_and_blank_lines_are_no_entries() {
        assert_eq!(
            map(b"# a=1\\\n ! b=2\r\n\n \t\x0c\rc=3#d\n"),
            pairs(&[("c", "3#d")])
        );
    }

    #[test]
    fn lines_continue_without_their_leading_blanks() {
        assert_eq!(
            map(b"a=1,\\\n   2,\\\r\n\t3\\\r\x0c4\nb=5\\\\\nc=6\\\\\\\n7\nd=8\\\n\n9\n"),
            pairs(&[
                ("a", "1,2,34"),
                ("b", "5\\"),
                ("c", "6\\7"),
                ("d", "8"),
                ("9", "")
            ])
        );
    }

    #[test]
    fn a_backslash_may_end_the_input() {
        assert_eq!(map(b"a=1\\"), pairs(&[("a", "1")]));
        assert_eq!(map(b"a=1\\\n"), pairs(&[("a", "1")]));
        assert_eq!(map(b"\\"), pairs(&[("", "")]));
        assert_eq!(map(b"\\\n"), pairs(&[("", "")]));
        assert_eq!(map(b"\\\r\n"), pairs(&[]));
        assert_eq!(map(b"\\\n "), pairs(&[]));
        assert_eq!(map(b"\\\n# comment\na=1"), pairs(&[("a", "1")]));
    }

    #[test]
    fn escapes_are_those_of_java() {
        assert_eq!(
            map(br"\ta\=\:\ =\u0041\u00e9\uD83D\uDE00\q\n\r\f\b"),
            pairs(&[("\ta=: ", "A\u{e9}\u{1f600}q\n\r\x0cb")])
        );
        assert_eq!(
            map(b"name=\xc3\xa9\x80"),
            pairs(&[("name", "\u{c3}\u{a9}\u{80}")])
        );
    }

    #[test]
    fn a_surrogate_pair_may_span_lines() {
        assert_eq!(map(b"a=\\uD83D\\\n  \\uDE00"), pairs(&[("a", "\u{1f600}")]));
    }

    #[test]
    fn the_last_of_several_entries_wins() {
        let document = Document::parse(b"a=1\nb=2\n\n a=3\n").expect("readable");
        assert_eq!(
            document.to_map().into_iter().collect::<Vec<_>>(),
            pairs(&[("a", "3"), ("b", "2")])
        );
        assert_eq!(document.get("a"), Some("3"));
        assert_eq!(document.line_of("a"), Some(4));
        assert_eq!(document.lines_of("a"), [1, 4]);
        assert_eq!(document.line_of("c"), None);
    }

    fn error(text: &[u8]) -> String {
        Document::parse(text).expect_err("unreadable").to_string()
    }

    #[test]
    fn a_malformed_escape_is_an_error_with_its_place() {
        assert_eq!(
            error(b"a=1\r\n# c\rb=x\\u12g4"),
            "3:4: malformed \\uxxxx encoding: four hexadecimal digits must follow \\u"
        );
        assert_eq!(
            error(b"a=\\\n  1\\u00\n"),
            "2:4: malformed \\uxxxx encoding: four hexadecimal digits must follow \\u"
        );
    }

    #[test]
    fn half_a_surrogate_pair_is_an_error_with_its_place() {
        assert_eq!(
            error(b"a=1\nb=\\u0041\\uD83Dx"),
            "2:9: \\ud83d is half of a surrogate pair, and the other half is not beside it"
        );
        assert_eq!(
            Document::parse(b"\\uDE00").expect_err("unreadable").kind,
            PropertiesErrorKind::LoneSurrogate(0xde00)
        );
    }

    #[test]
    fn debug_output_shows_no_values() {
        let document = Document::parse(b"ssl.key.password=hunter2").expect("readable");
        assert_eq!(format!("{document:?}"), r#"["ssl.key.password"]"#);
    }
}
