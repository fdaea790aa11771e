//! What holds for every sequence of bytes that is taken for a properties file, and for every text that is written to one.

use connectctl::model::properties::{Document, Properties, escaped_key, escaped_value};

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    written(&text);
    let document = match Document::parse(data) {
        Ok(document) => document,
        Err(error) => {
            let length = data.len();
            assert!((1..=length).contains(&error.line) && (1..=length).contains(&error.column));
            return;
        }
    };
    assert_eq!(document.to_bytes(), data, "a byte was lost");
    let map = document.to_map();
    for (key, value) in map.iter().take(8) {
        assert_eq!(document.get(key), Some(value.as_str()));
        let lines = document.lines_of(key);
        assert!(lines.is_sorted() && lines.last() == document.line_of(key).as_ref());
        set(&document, key, value);
        set(&document, key, &text);
        removed(&document, key);
        replaced(&document, key, &text);
    }
    appended(&document, &text);
}

/// Reads what an edit left, which must be what the document says.
fn read(edited: &Document) -> Document {
    let bytes = edited.to_bytes();
    let read = Document::parse(&bytes).expect("what was edited can be read");
    assert_eq!(read.to_map(), edited.to_map(), "{bytes:?}");
    read
}

fn without(document: &Document, key: &str) -> Vec<u8> {
    let mut rest = document.clone();
    assert!(rest.remove(key));
    rest.to_bytes()
}

/// New text is read back as it is, whatever characters it has.
fn written(text: &str) {
    let file = format!("{}={}", escaped_key(text), escaped_value(text));
    assert!(file.is_ascii());
    let read = Document::parse(file.as_bytes()).expect("what was escaped can be read");
    let meant = Properties::from([(text.to_owned(), text.to_owned())]);
    assert_eq!(read.to_map(), meant);
}

/// Setting a value changes nothing outside the entry, and nothing at all when it is the value already.
fn set(document: &Document, key: &str, value: &str) {
    let mut edited = document.clone();
    edited.set(key, value);
    let after = read(&edited);
    assert_eq!(after.get(key), Some(value));
    assert_eq!(after.lines_of(key), document.lines_of(key));
    assert_eq!(without(&after, key), without(document, key));
    if document.get(key) == Some(value) {
        assert_eq!(edited.to_bytes(), document.to_bytes());
    }
}

fn removed(document: &Document, key: &str) {
    let mut edited = document.clone();
    assert!(edited.remove(key));
    let mut meant = document.to_map();
    meant.shift_remove(key);
    assert_eq!(read(&edited).to_map(), meant);
}

fn replaced(document: &Document, key: &str, value: &str) {
    let mut edited = document.clone();
    let settings = [("new", value), (key, value), ("other", "")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    edited.replace_with(key, &settings);
    let after = read(&edited);
    // A key may be one of the new ones: the last setting of a name counts.
    for (key, value) in Properties::from_iter(settings) {
        assert_eq!(after.get(&key), Some(value.as_str()));
    }
}

/// A line at the end overrides and leaves the others as they were.
fn appended(document: &Document, value: &str) {
    let mut edited = document.clone();
    edited.append("appended", value);
    let after = read(&edited);
    assert_eq!(after.get("appended"), Some(value));
    let mut meant = document.to_map();
    meant.insert("appended".to_owned(), value.to_owned());
    assert_eq!(after.to_map(), meant);
    assert!(after.to_bytes().len() > document.to_bytes().len());
}
