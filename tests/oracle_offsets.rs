//! Offsets files: what the JVM writes we read, what we write the JVM reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use connectctl::model::offset_file::{self, OffsetEntry, OffsetFileError, OffsetMap};

use crate::support::world::World;
use crate::support::{java, require_kafka};

const OFFSET_FILES: &str = include_str!("support/java/OffsetFiles.java");
const READ_OFFSETS: &str = include_str!("support/java/ReadOffsets.java");
const GROWN_MAP: &str = include_str!("support/java/GrownMap.java");

fn read(path: &Path) -> Result<OffsetMap, OffsetFileError> {
    offset_file::read(fs::read(path).expect("the file is there").into())
}

fn text(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(
        || "-".to_owned(),
        |bytes| format!("~{}", STANDARD_NO_PAD.encode(bytes)),
    )
}

fn line(entry: &OffsetEntry) -> String {
    format!(
        "{}={}",
        text(entry.key.as_ref()),
        text(entry.value.as_ref())
    )
}

#[test]
fn every_file_the_jvm_writes_is_read_with_its_entries_or_refused_by_its_class() {
    require_kafka!();
    let world = World::new();
    let folder = world.root().to_string_lossy().into_owned();
    let output = java::run(OFFSET_FILES, &[&folder], b"").success().text();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for described in output.lines() {
        let fields: Vec<_> = described.split('\t').collect();
        *seen.entry(fields[1]).or_default() += 1;
        match (fields[1], fields[0].strip_prefix("unordered:")) {
            ("ok", None) => {
                let map = read(&world.path(fields[0])).expect(fields[0]);
                let lines: Vec<_> = map.entries.iter().map(line).collect();
                assert_eq!(lines, fields[2..], "{}", fields[0]);
                assert_eq!(map.trailing, 0, "{}", fields[0]);
            }
            ("ok", Some(name)) => {
                let map = read(&world.path(name)).expect(name);
                let mut lines: Vec<_> = map.entries.iter().map(line).collect();
                let mut expected = fields[2..].to_vec();
                lines.sort();
                expected.sort_unstable();
                assert_eq!(lines, expected, "{name}");
            }
            _ => {
                let error = read(&world.path(fields[0])).expect_err(fields[0]);
                let OffsetFileError::UnexpectedClass { class, .. } = &error else {
                    panic!("{}: {error}", fields[0]);
                };
                assert_eq!(class, fields[2], "{}: {error}", fields[0]);
            }
        }
    }
    assert!(seen["ok"] > 500 && seen["refused"] > 20, "{seen:?}");
    assert_eq!(read(&world.path("zero-bytes")), Err(OffsetFileError::Empty));
}

#[test]
fn every_cut_of_every_file_the_jvm_writes_is_refused() {
    require_kafka!();
    let world = World::new();
    let folder = world.root().to_string_lossy().into_owned();
    let output = java::run(OFFSET_FILES, &[&folder], b"").success().text();
    let mut cuts = 0;
    for name in output.lines().filter_map(|l| l.split_once("\tok")) {
        let name = name.0.trim_start_matches("unordered:");
        let file = Bytes::from(fs::read(world.path(name)).expect("the file is there"));
        // Of the long ones the beginning and the end.
        let lengths = (1..file.len()).filter(|n| *n < 400 || file.len() - n < 200);
        for length in lengths {
            let error = offset_file::read(file.slice(..length)).expect_err(name);
            assert!(
                matches!(error, OffsetFileError::Truncated { offset, .. } if offset == length as u64),
                "{name} cut at {length}: {error}"
            );
            cuts += 1;
        }
    }
    assert!(cuts > 100_000, "{cuts}");
}

fn entries(count: usize) -> Vec<OffsetEntry> {
    (0..count)
        .map(|n| OffsetEntry {
            key: (n != 5).then(|| format!(r#"["c {}",{{"n":{n},"é":"😀"}}]"#, n % 7).into()),
            value: (n % 11 != 3).then(|| format!(r#"{{"position":{n}}}"#).into()),
        })
        .collect()
}

#[test]
fn what_is_written_is_loaded_by_the_workers_own_store() {
    require_kafka!();
    let world = World::new();
    let counts = [0, 1, 2, 6, 12, 13, 100, 5000];
    let mut expected = Vec::new();
    let mut files = Vec::new();
    for count in counts {
        let entries = entries(count);
        let mut file = Vec::new();
        offset_file::write(&entries, &mut file).expect("a Vec takes everything");
        let path = world.file(format!("{count}.offsets"), file);
        let mut lines: Vec<_> = entries.iter().map(line).collect();
        lines.sort();
        expected.push(format!("file {}", path.display()));
        expected.extend(lines);
        files.push(path.to_string_lossy().into_owned());
    }
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let output = java::run(READ_OFFSETS, &files, b"").success().text();
    // Java sorts by UTF-16 units, which for base64 is the order of bytes.
    assert_eq!(output.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_written_map_has_the_header_and_the_length_of_one_that_java_filled() {
    require_kafka!();
    let world = World::new();
    let folder = world.root().to_string_lossy().into_owned();
    let counts = ["0", "1", "12", "13", "24", "25", "3072", "3073", "70000"];
    java::run(GROWN_MAP, &[&[folder.as_str()], &counts[..]].concat(), b"").success();
    for count in counts {
        let entries: Vec<_> = (0..count.parse().expect("a number"))
            .map(|n: u32| OffsetEntry {
                key: Some(format!("{n:08}").into()),
                value: Some(Bytes::from_static(&[0; 3])),
            })
            .collect();
        let mut ours = Vec::new();
        offset_file::write(&entries, &mut ours).expect("a Vec takes everything");
        let theirs = fs::read(world.path(count)).expect("Java wrote it");
        assert_eq!(ours.len(), theirs.len(), "{count}");
        let header = theirs.len().min(81);
        assert_eq!(ours[..header], theirs[..header], "{count}");
        if entries.len() < 2 {
            assert_eq!(ours, theirs, "{count}");
        }
    }
}

/// Files that are kept in `fixtures/offsets`, for tests without Java.
const FIXTURES: &[&str] = &[
    "access-order-0-1.0-5",
    "chars-value",
    "enum-value",
    "equal-keys",
    "grown-0",
    "grown-13",
    "hash-map-3-0.5-5",
    "keys-that-were-values",
    "linked-17-0.75-5",
    "map-value",
    "nulls-first",
    "one-value-thrice",
    "proxy-value",
    "store",
    "store-envelope",
    "string-key",
    "string-value",
    "subclass",
    "tree-map",
    "value-is-its-key",
];

#[test]
fn the_fixtures_are_what_the_jvm_writes() {
    require_kafka!();
    let world = World::new();
    let folder = world.root().to_string_lossy().into_owned();
    let output = java::run(OFFSET_FILES, &[&folder], b"").success().text();
    let mut contents: Vec<_> = output
        .lines()
        .map(|line| line.trim_start_matches("unordered:"))
        .filter(|line| FIXTURES.contains(&line.split('\t').next().unwrap_or_default()))
        .collect();
    contents.sort_unstable();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/offsets");
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(&fixtures).expect("the clone is writable");
        for name in FIXTURES {
            fs::copy(world.path(name), fixtures.join(format!("{name}.offsets")))
                .expect("the clone is writable");
        }
        fs::write(fixtures.join("contents.txt"), contents.join("\n") + "\n")
            .expect("the clone is writable");
    }
    let kept =
        fs::read_to_string(fixtures.join("contents.txt")).expect("fixtures are in the clone");
    // Java's order of equal entries changes from run to run, their number and content do not.
    let in_order = |line: &str| {
        let mut fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
        fields[2..].sort();
        fields
    };
    let kept: Vec<_> = kept.lines().map(in_order).collect();
    let written: Vec<_> = contents.iter().map(|line| in_order(line)).collect();
    assert_eq!(kept, written);
    for name in FIXTURES {
        let kept = fs::read(fixtures.join(format!("{name}.offsets"))).expect("a fixture");
        let written = fs::read(world.path(name)).expect("Java wrote it");
        assert_eq!(kept.len(), written.len(), "{name}");
    }
}
