//! What the documents say is there, is there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).expect("docs is readable");
    let pages = docs.map(|entry| entry.expect("docs is readable").path());
    let mut all: Vec<_> = pages
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    all.push(root().join("README.md"));
    all
}

/// The targets of `[text](target)` outside code blocks.
fn links(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            let rest = line.split("](").skip(1);
            found.extend(
                rest.filter_map(|rest| rest.split_once(')'))
                    .map(|(to, _)| to.to_owned()),
            );
        }
    }
    found
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut broken = Vec::new();
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).expect("documents are UTF-8");
        for link in links(&text) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || link.contains("://") {
                continue;
            }
            checked += 1;
            let folder = document.parent().expect("a document lies in a folder");
            if !folder.join(file).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(checked > 3, "the links were not found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_must_pass_before_a_change_lands_runs_the_commands_of_the_readme() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let run = fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
    for command in ["cargo run --release --example cutover", "cargo test"] {
        assert!(
            readme.contains(&format!("```sh\n{command}\n```")),
            "{command}"
        );
        assert!(run.contains(&format!("step {command}\n")), "{command}");
    }
}

#[test]
fn the_help_and_the_page_of_exit_codes_say_the_same() {
    let page = fs::read_to_string(root().join("docs/exit-codes.md")).expect("exit-codes.md");
    let help = crate::support::world::World::new()
        .run(["--help"])
        .success();
    let (_, codes) = help
        .stdout
        .split_once("Exit codes:\n")
        .expect("the help lists them");
    let rows: Vec<_> = codes
        .lines()
        .map_while(|line| line.trim().split_once("  "))
        .map(|(code, meaning)| format!("| {code} | {} |", meaning.trim()))
        .collect();
    assert!(rows.len() >= 7, "{codes}");
    for row in rows {
        assert!(page.contains(&row), "{row}");
    }
}
