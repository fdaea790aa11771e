//! Edits of a [`Document`]: the least that makes the file say what it should.

use super::document::{Document, Entry, Piece};
use super::escape::{escaped_key, escaped_value};
use super::lexer::{self, Ending};

impl Document {
    /// Makes `value` the effective value of `key`: on the line that is effective now, otherwise at the end.
    pub fn set(&mut self, key: &str, value: &str) {
        let effective = self.entries_mut().filter(|entry| entry.key == key).last();
        match effective {
            Some(entry) => entry.set(value),
            None => self.append(key, value),
        }
    }

    /// Removes every line of `key`; returns whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.pieces.len();
        self.pieces.retain(|piece| !piece.is_entry_of(key));
        self.pieces.len() < before
    }

    /// Removes every line of `key` and adds settings where its effective line stood, otherwise at the end.
    ///
    /// A setting that the file has already is set where it is.
    pub fn replace_with(&mut self, key: &str, settings: &[(String, String)]) {
        let Some(place) = self.effective_place(key) else {
            for (key, value) in settings {
                self.set(key, value);
            }
            return;
        };
        let (last_end, between) = self.line_ends_at(place);
        let (present, added): (Vec<_>, Vec<_>) = settings
            .iter()
            .partition(|(other, _)| other != key && self.get(other).is_some());
        for (key, value) in present {
            self.set(key, value);
        }
        let lines = added.iter().enumerate().map(|(n, (key, value))| {
            let last = n + 1 == added.len();
            new_entry(key, value, if last { &last_end } else { &between })
        });
        self.pieces.splice(place..=place, lines);
        let mut index = 0;
        self.pieces.retain(|piece| {
            let overridden = index < place && piece.is_entry_of(key);
            index += 1;
            !overridden
        });
    }

    /// Adds a line at the end, where it overrides an earlier line of the same key.
    pub fn append(&mut self, key: &str, value: &str) {
        let line_end = self.line_end();
        self.close(&line_end);
        self.pieces.push(new_entry(key, value, &line_end));
    }

    fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.pieces.iter_mut().filter_map(|piece| match piece {
            Piece::Entry(entry) => Some(entry),
            Piece::Other(_) => None,
        })
    }

    fn effective_place(&self, key: &str) -> Option<usize> {
        self.pieces.iter().rposition(|piece| piece.is_entry_of(key))
    }

    /// Returns the line end of a piece, which may be none, and the one to use between new lines.
    fn line_ends_at(&self, place: usize) -> (Vec<u8>, Vec<u8>) {
        let raw = self.pieces[place].raw();
        let own = raw[raw.len() - lexer::line_end_length(raw)..].to_vec();
        let between = if own.is_empty() {
            self.line_end()
        } else {
            own.clone()
        };
        (own, between)
    }

    /// Returns the line end that the file uses first; LF in a file without any.
    fn line_end(&self) -> Vec<u8> {
        let bytes = self.to_bytes();
        let Some(first) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            return b"\n".to_vec();
        };
        match &bytes[first..] {
            [b'\r', b'\n', ..] => b"\r\n".to_vec(),
            rest => rest[..1].to_vec(),
        }
    }

    /// Ends the last line, so that an entry can follow.
    fn close(&mut self, line_end: &[u8]) {
        match self.pieces.last_mut() {
            Some(Piece::Entry(entry)) => entry.close(line_end),
            Some(Piece::Other(raw)) if lexer::line_end_length(raw) == 0 => raw.extend(line_end),
            _ => {}
        }
    }
}

impl Entry {
    fn set(&mut self, value: &str) {
        if self.value == value {
            return;
        }
        let parts = lexer::entry(&self.raw);
        let sign = if parts.separated { "" } else { "=" };
        let written = format!("{sign}{}", escaped_value(value));
        self.raw.splice(parts.value_at, written.into_bytes());
        value.clone_into(&mut self.value);
    }

    fn close(&mut self, line_end: &[u8]) {
        let parts = lexer::entry(&self.raw);
        // Continuation alone is an entry only where the input ends.
        if parts.key.is_empty() && !parts.separated {
            self.raw = [b"=", line_end].concat();
            return;
        }
        match parts.ending {
            Ending::Closed => {}
            Ending::Backslash => self.raw.extend([line_end, line_end].concat()),
            // CR and LF would be one line end.
            Ending::Continued if self.raw.ends_with(b"\r") => self.raw.push(b'\r'),
            Ending::Unterminated | Ending::Continued => self.raw.extend(line_end),
        }
    }
}

fn new_entry(key: &str, value: &str, line_end: &[u8]) -> Piece {
    let mut raw = format!("{}={}", escaped_key(key), escaped_value(value)).into_bytes();
    raw.extend(line_end);
    Piece::Entry(Entry {
        raw,
        key: key.to_owned(),
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the file after an edit, which must say what the document says.
    fn edited(before: &str, edit: impl FnOnce(&mut Document)) -> String {
        let mut document = Document::parse(before.as_bytes()).expect("readable");
        edit(&mut document);
        let after = document.to_bytes();
        let read = Document::parse(&after).expect("still readable");
        assert_eq!(read.to_map(), document.to_map(), "{after:?}");
        String::from_utf8(after).expect("ASCII")
    }

    fn settings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn setting_a_value_touches_only_the_value() {
        let set = |before, value| edited(before, |document| document.set("a", value));
        assert_eq!(
            set("# c\r\n  a :  1\r\nb=2", "x y"),
            "# c\r\n  a :  x y\r\nb=2"
        );
        assert_eq!(set("a 1", "=2"), "a \\=2");
        assert_eq!(set("a\n", "2"), "a=2\n");
        assert_eq!(set("a=1,\\\n  2\nb=3\n", "4"), "a=4\nb=3\n");
        assert_eq!(set("a=\\\n  1\n", ""), "a=\\\n  \n");
        assert_eq!(set("a=1\\", "2"), "a=2");
        assert_eq!(set("a=1\\\n", "2"), "a=2\n");
        assert_eq!(set("a\\\n", "2"), "a=2\n");
        assert_eq!(set("a=1\na=2\n", "3"), "a=1\na=3\n");
    }

    #[test]
    fn setting_the_same_value_changes_nothing() {
        let before = "a = x\\u0041\\\n  b\n";
        assert_eq!(edited(before, |d| d.set("a", "xAb")), before);
    }

    #[test]
    fn a_new_setting_stands_at_the_end() {
        let set = |before| edited(before, |document| document.set("z", "9"));
        assert_eq!(set(""), "z=9\n");
        assert_eq!(set("a=1"), "a=1\nz=9\n");
        assert_eq!(set("a=1\r\n# end"), "a=1\r\n# end\r\nz=9\r\n");
        assert_eq!(set("a=1\r"), "a=1\rz=9\r");
        assert_eq!(set("a=1\\"), "a=1\\\n\nz=9\n");
        assert_eq!(set("a=1\\\n"), "a=1\\\n\nz=9\n");
        assert_eq!(set("b=2\na=1\\\r"), "b=2\na=1\\\r\rz=9\n");
        assert_eq!(set("\\"), "=\nz=9\n");
    }

    #[test]
    fn removing_takes_every_line_of_the_key_and_no_other() {
        assert_eq!(
            edited("# k\n a=1\\\n  2\nb=1\na=3", |d| assert!(d.remove("a"))),
            "# k\nb=1\n"
        );
        assert_eq!(edited("b=1\n", |d| assert!(!d.remove("a"))), "b=1\n");
    }

    #[test]
    fn additions_stand_where_the_removed_line_stood() {
        let new = settings(&[("group.id", "g"), ("config.storage.topic", "_g.config")]);
        let replace = |before| edited(before, |d| d.replace_with("file", &new));
        assert_eq!(
            replace("a=1\r\nfile=/tmp/x\r\n# b\r\n"),
            "a=1\r\ngroup.id=g\r\nconfig.storage.topic=_g.config\r\n# b\r\n"
        );
        assert_eq!(
            replace("a=1\nfile=/tmp/x"),
            "a=1\ngroup.id=g\nconfig.storage.topic=_g.config"
        );
        assert_eq!(
            replace("file=1\ngroup.id=old\nfile=2\n"),
            "group.id=g\nconfig.storage.topic=_g.config\n"
        );
        assert_eq!(
            replace("a=1\n"),
            "a=1\ngroup.id=g\nconfig.storage.topic=_g.config\n"
        );
    }

    #[test]
    fn a_line_may_be_replaced_by_none() {
        assert_eq!(edited("a=1\nb=2\n", |d| d.replace_with("a", &[])), "b=2\n");
    }

    #[test]
    fn new_text_is_escaped() {
        let value = " a b \\ c\u{1}\u{e9}\u{80}\u{20ac}\u{1f600}\t\n ";
        assert_eq!(
            edited("", |d| d.set("k =:#\u{e9}", value)),
            "k\\ \\=\\:\\#\\u00e9=\\ a b \\\\ c\\u0001\\u00e9\\u0080\\u20ac\\ud83d\\ude00\\t\\n\\ \n"
        );
        assert_eq!(
            edited("", |d| d
                .set("listeners", "http://:8083,https://[::1]:8443")),
            "listeners=http://:8083,https://[::1]:8443\n"
        );
    }
}
