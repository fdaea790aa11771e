//! What the documents say is there, is there.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};
use connectctl::cli::Cli;

fn root_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root_folder().join("docs")).expect("docs is readable");
    let pages = docs.map(|entry| entry.expect("docs is readable").path());
    let mut all: Vec<_> = pages
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    all.push(root_folder().join("README.md"));
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
    let readme = fs::read_to_string(root_folder().join("README.md")).expect("README.md");
    let run = fs::read_to_string(root_folder().join(".ci/run")).expect(".ci/run");
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
    let page = fs::read_to_string(root_folder().join("docs/exit-codes.md")).expect("exit-codes.md");
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

/// Commands of connectctl in a text: lines of shell blocks, with continuations joined and what follows a pipe cut off.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_shell = false;
    let joined = text.replace("\\\n", " ");
    for line in joined.lines() {
        let line = line.trim();
        if let Some(language) = line.strip_prefix("```") {
            in_shell = language == "sh";
        } else if in_shell && line.starts_with("connectctl ") {
            let end = line.find(['|', '>', '#']).unwrap_or(line.len());
            found.push(line[..end].trim_end().to_owned());
        }
    }
    found
}

#[test]
fn every_command_in_the_documents_is_one_that_the_program_takes() {
    let mut found = 0;
    let mut refused = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).expect("documents are UTF-8");
        for command in commands(&text) {
            found += 1;
            // --version is an "error" that ends with 0.
            let parsed = Cli::try_parse_from(command.split_whitespace());
            if let Some(error) = parsed.err().filter(|error| error.exit_code() != 0) {
                refused.push(format!("{}: {command}: {error}", document.display()));
            }
        }
    }
    assert!(found > 20, "the commands were not found");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn every_example_in_a_help_text_is_one_that_the_program_takes() {
    let mut root = Cli::command();
    root.build();
    let mut found = 0;
    let mut without = Vec::new();
    let mut left = vec![&root];
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().filter(|c| c.get_name() != "help"));
        let name = command.get_bin_name().unwrap_or(command.get_name());
        let help = command.get_after_long_help();
        let text = help.map(ToString::to_string).unwrap_or_default();
        let examples = commands(&format!("```sh\n{text}\n```\n"));
        if examples.is_empty() && !command.has_subcommands() {
            without.push(name.to_owned());
        }
        for example in examples {
            found += 1;
            let parsed = Cli::try_parse_from(example.split_whitespace());
            assert!(parsed.is_ok(), "{name}: {example}: {parsed:?}");
        }
    }
    assert!(found > 10, "the examples were not found");
    assert!(without.is_empty(), "no example: {}", without.join(", "));
}

/// `--flags` in code spans of a text, outside blocks.
fn flags(text: &str) -> Vec<String> {
    let mut in_block = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let spans = line.split('`').skip(1).step_by(2);
            let words = spans.flat_map(|span| span.split([' ', '=', '/']));
            found.extend(words.filter(|w| w.starts_with("--")).map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_flag_that_the_guide_speaks_of_exists() {
    let mut root = Cli::command();
    root.build();
    let mut known = std::collections::BTreeSet::new();
    let mut left = vec![&root];
    while let Some(command) = left.pop() {
        known.extend(command.get_arguments().filter_map(|a| a.get_long()));
        left.extend(command.get_subcommands());
    }
    let guide = fs::read_to_string(root_folder().join("docs/guide.md")).expect("guide.md");
    let spoken_of = flags(&guide);
    assert!(spoken_of.len() > 10, "the flags were not found");
    let unknown: Vec<_> = spoken_of
        .iter()
        .filter(|flag| !known.contains(flag.trim_start_matches('-')))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// Every file that git tracks.
fn tracked() -> Vec<PathBuf> {
    let listed = std::process::Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root_folder())
        .output()
        .expect("git runs");
    let names = String::from_utf8(listed.stdout).expect("names of tracked files are UTF-8");
    let names = names.split('\0').filter(|name| !name.is_empty());
    names.map(|name| root_folder().join(name)).collect()
}

#[test]
fn no_tracked_file_holds_the_markers_of_a_merge() {
    let files = tracked();
    assert!(files.len() > 100, "git lists {} files", files.len());
    // Put together here, so that this file does not hold them.
    let markers = ["<", ">"].map(|sign| sign.repeat(7) + " ");
    let mut marked = Vec::new();
    // What is no UTF-8 is no text; a file may have been deleted and not committed yet.
    let texts = files
        .iter()
        .filter_map(|path| Some((path, fs::read_to_string(path).ok()?)));
    for (path, text) in texts {
        let is_marker = |line: &str| markers.iter().any(|marker| line.starts_with(marker));
        let lines = text.lines().enumerate();
        marked.extend(
            lines
                .filter(|(_, line)| is_marker(line))
                .map(|(n, _)| format!("{}:{}", path.display(), n + 1)),
        );
    }
    assert!(marked.is_empty(), "{}", marked.join("\n"));
}
