//! Every file in `fixtures/offsets`, without Java: its entries, and each of its cuts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use connectctl::model::offset_file::{self, OffsetEntry, OffsetFileError};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/offsets")
}

fn fixture(name: &str) -> Bytes {
    let path = folder().join(format!("{name}.offsets"));
    fs::read(&path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .into()
}

/// Name, "ok" or "refused", and the entries or the class, as Java described them.
fn contents() -> Vec<Vec<String>> {
    let text =
        fs::read_to_string(folder().join("contents.txt")).expect("fixtures are in the clone");
    let contents: Vec<Vec<_>> = text
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect();
    assert!(contents.len() >= 20, "the fixtures were not found");
    contents
}

fn line(entry: &OffsetEntry) -> String {
    let text = |bytes: Option<&Bytes>| {
        bytes.map_or_else(
            || "-".to_owned(),
            |bytes| format!("~{}", STANDARD_NO_PAD.encode(bytes)),
        )
    };
    format!(
        "{}={}",
        text(entry.key.as_ref()),
        text(entry.value.as_ref())
    )
}

#[test]
fn each_fixture_has_the_entries_that_java_put_in_or_is_refused_by_class() {
    for described in contents() {
        let (name, rest) = (&described[0], &described[2..]);
        match offset_file::read(fixture(name)) {
            Ok(map) => {
                assert_eq!(described[1], "ok", "{name}");
                let ours: BTreeSet<_> = map.entries.iter().map(line).collect();
                assert_eq!(map.entries.len(), rest.len(), "{name}");
                assert_eq!(ours, rest.iter().cloned().collect(), "{name}");
            }
            Err(OffsetFileError::UnexpectedClass { class, .. }) => {
                assert_eq!(
                    (described[1].as_str(), &class),
                    ("refused", &rest[0]),
                    "{name}"
                );
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn each_cut_of_each_fixture_is_an_error_at_its_end() {
    for described in contents().iter().filter(|described| described[1] == "ok") {
        let file = fixture(&described[0]);
        for length in 1..file.len() {
            let error = offset_file::read(file.slice(..length)).expect_err(&described[0]);
            assert!(
                matches!(error, OffsetFileError::Truncated { offset, .. } if offset == length as u64),
                "{} cut at {length}: {error}",
                described[0]
            );
        }
    }
}

#[test]
fn each_fixture_is_declared() {
    let declared: BTreeSet<_> = contents()
        .iter()
        .map(|c| format!("{}.offsets", c[0]))
        .collect();
    let found: BTreeSet<_> = fs::read_dir(folder())
        .expect("fixtures are in the clone")
        .map(|file| {
            file.expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name != "contents.txt")
        .collect();
    assert_eq!(declared, found);
}
