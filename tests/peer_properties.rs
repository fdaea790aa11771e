//! Properties beside a second reader, the `java-properties` crate, and what holds for any file that is read or edited.
//!
//! `tests/oracle_properties.rs` has the last word: it asks Java itself.

use std::collections::BTreeMap;

use connectctl::model::properties::Document;
use proptest::prelude::*;

use crate::fuzz_corpus::properties;
use crate::oracle_properties::{CALM, WORDS};
use crate::support::generated::{generated, of_words};

/// What `java-properties` reads; `None` for what it refuses or panics on.
fn peer(file: &[u8]) -> Option<BTreeMap<String, String>> {
    let read = std::panic::catch_unwind(|| java_properties::read(file)).ok()?;
    Some(read.ok()?.into_iter().collect())
}

fn ours(file: &[u8]) -> Option<BTreeMap<String, String>> {
    let document = Document::parse(file).ok()?;
    Some(document.to_map().into_iter().collect())
}

/// Words on which both agree, alone and together.
const COMMON: &[&[u8]] = &[
    b"a", b"key", b"=", b":", b" ", b"\t", b"\x0c", b"\n", b"\r", b"\r\n", b"x\\\n", b"x\\\r\n",
    b"\\\\", b"#", b"!", b"\\u0041", b"\\u00e9", b"\\t", b"\\n", b"\\q", b"\\=", b"\\:", b"\\ ",
    b"\\#", b"\xe9", b"\xfc", b"\0", b"=1\n", b"a=", b"\n\n",
];

#[test]
fn twenty_thousand_files_are_read_as_the_java_properties_crate_reads_them() {
    let files = generated(of_words(COMMON, 24), 20_000);
    let mut several = 0;
    for file in &files {
        let read = peer(file);
        assert_eq!(ours(file), read, "{:?}", String::from_utf8_lossy(file));
        several += usize::from(read.is_some_and(|map| map.len() > 1));
    }
    assert!(several > 10_000, "{several} files with several settings");
}

/// What the crate does, a file that shows it, and what Java and we read there; `None` for a refusal.
type Difference = (
    &'static str,
    &'static [u8],
    Option<(&'static str, &'static str)>,
);

/// Every known difference of the crate.
const DIFFERENCES: &[Difference] = &[
    (
        "a surrogate pair is refused",
        b"a=\\uD83D\\uDE00",
        Some(("a", "\u{1f600}")),
    ),
    (
        "0x80 to 0x9f are windows-1252",
        b"a=\x80",
        Some(("a", "\u{80}")),
    ),
    (
        "a byte order mark changes the encoding",
        b"\xef\xbb\xbfa=1",
        Some(("\u{ef}\u{bb}\u{bf}a", "1")),
    ),
    (
        "the first byte of one, alone, is a panic",
        b"\xff",
        Some(("\u{ff}", "")),
    ),
    ("a sign is a hexadecimal digit", b"a=\\u+041", None),
    (
        "escapes of comments are read",
        b"# C:\\users\na=1",
        Some(("a", "1")),
    ),
    (
        "a backslash that ends the input takes the entry with it",
        b"a=1\\",
        Some(("a", "1")),
    ),
    (
        "any blank of Unicode that begins a continuation line is dropped",
        b"a=1\\\n\xa02",
        Some(("a", "1\u{a0}2")),
    ),
    (
        "so is a vertical tab",
        b"a=1\\\n\x0b2",
        Some(("a", "1\x0b2")),
    ),
    (
        "a comment after an empty line that continues goes on itself",
        b"\\\n#c\\\na=1",
        Some(("a", "1")),
    ),
];

#[test]
fn the_differences_of_the_java_properties_crate_are_known() {
    for (difference, file, meant) in DIFFERENCES {
        let meant = meant.map(|(key, value)| [(key.to_owned(), value.to_owned())].into());
        assert_eq!(ours(file), meant, "{difference}");
        assert_ne!(peer(file), meant, "no more: {difference}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_file_survives_reading_and_edits_change_only_the_lines_they_must(
        file in prop_oneof![of_words(WORDS, 24), of_words(CALM, 24), prop::collection::vec(any::<u8>(), 0..60)],
    ) {
        properties::check(&file);
    }

    #[test]
    fn any_text_is_read_back_from_what_is_written(key in ".*", value in any::<String>()) {
        let mut document = Document::default();
        document.set(&key, &value);
        let read = Document::parse(&document.to_bytes()).expect("what was written can be read");
        prop_assert_eq!(read.get(&key), Some(value.as_str()));
        prop_assert_eq!(read.to_map().len(), 1);
    }
}
