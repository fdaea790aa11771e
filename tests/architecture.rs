//! Who may use whom, which words the pure half may not say, and how long a file may be.

use std::path::{Path, PathBuf};

/// Modules and what each may use of the crate.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &["model"]),
    ("protocol", &["protocol"]),
    ("plan", &["plan", "model", "protocol::partitioner"]),
    ("worker", &["worker", "model", "protocol"]),
    ("connect", &["connect", "model"]),
    ("connectors", &["connectors", "connect", "model"]),
    (
        "io",
        &[
            "io",
            "connectors",
            "connect",
            "worker",
            "plan",
            "model",
            "protocol",
        ],
    ),
    (
        "cli",
        &[
            "cli",
            "io",
            "connectors",
            "connect",
            "worker",
            "plan",
            "model",
            "protocol",
        ],
    ),
];

/// Modules without a socket, a file, a clock, a thread, `async` or printing.
const PURE: &[&str] = &["model", "protocol", "plan", "worker", "connect"];

/// Tasks of connectors touch files, and nothing else outside.
const CONNECTORS_MAY_NOT: &[&str] = &["tokio", "async ", "std::net", "std::process", "println!"];

const IMPURE: &[&str] = &[
    "tokio",
    "async ",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "println!",
    "eprintln!",
    "anyhow",
];

/// Lines, tests included.
const LONGEST_FILE: usize = 600;

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("src is readable") {
            let path = entry.expect("src is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
                found.push((
                    path.strip_prefix(&root).expect("under src").to_path_buf(),
                    text,
                ));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the sources were not found");
    found
}

fn module_of(path: &Path) -> String {
    path.components()
        .next()
        .map(|c| c.as_os_str().to_string_lossy().replace(".rs", ""))
        .unwrap_or_default()
}

/// The source without comments: prose may name what code may not.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(n, line)| (n + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module_of(&path)) else {
            continue;
        };
        for (line, used) in
            code(&text).flat_map(|(n, l)| l.split("crate::").skip(1).map(move |u| (n, u)))
        {
            let is_in = |module: &str| {
                used.strip_prefix(module)
                    .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            };
            if !allowed.iter().any(|module| is_in(module)) {
                broken.push(format!("src/{}:{line} uses crate::{used}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Returns where sources of the modules say one of the words.
fn said(modules: &[&str], words: &[&str]) -> String {
    let mut broken = Vec::new();
    for (path, text) in sources()
        .into_iter()
        .filter(|(p, _)| modules.contains(&module_of(p).as_str()))
    {
        for (line, text) in code(&text) {
            for word in words.iter().filter(|word| text.contains(**word)) {
                broken.push(format!("src/{}:{line} says {word}", path.display()));
            }
        }
    }
    broken.join("\n")
}

#[test]
fn the_pure_half_is_pure() {
    assert_eq!(said(PURE, IMPURE), "");
}

#[test]
fn connectors_touch_only_files() {
    assert_eq!(said(&["connectors"], CONNECTORS_MAY_NOT), "");
}

#[test]
fn files_are_short_enough_to_read() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (text.lines().count(), path))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "split by noun: {long:?}");
}

#[test]
fn nothing_is_left_unfinished() {
    let marks = ["TODO", "FIXME", "todo!", "unimplemented!", "dbg!"];
    let mut found = Vec::new();
    for (path, text) in sources() {
        for (n, line) in text.lines().enumerate() {
            if marks.iter().any(|m| line.contains(m)) {
                found.push(format!("src/{}:{}", path.display(), n + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_test_file_is_declared() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = std::fs::read_to_string(tests.join("main.rs")).expect("tests/main.rs");
    for entry in std::fs::read_dir(&tests).expect("tests is readable") {
        let path = entry.expect("tests is readable").path();
        let name = path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        if path.is_dir() || name == "main" || path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        assert!(
            main.contains(&format!("mod {name};")),
            "tests/{name}.rs is not declared in tests/main.rs"
        );
    }
}

/// What a reader of the repository sees first, next to the dot files and the build's `target`.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "completions",
    "docs",
    "examples",
    "fixtures",
    "fuzz",
    "src",
    "target",
    "tests",
];

/// Ten thousand generated connector files were once committed beside `src`.
#[test]
fn nothing_else_lies_at_the_top() {
    let mut strange = Vec::new();
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("the repository is readable")
    {
        let name = entry.expect("the repository is readable").file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !TOP_LEVEL.contains(&&*name) {
            strange.push(name.into_owned());
        }
    }
    assert!(
        strange.is_empty(),
        "move it, or name it in TOP_LEVEL: {strange:?}"
    );
}
