//! What is generated from the command line's definition equals what is committed; `BLESS=1` rewrites it.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use connectctl::cli::Cli;

use crate::support::world::World;

/// Compares a committed file with what the program says now.
fn compare(path: &str, now: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(file.parent().expect("in a folder")).expect("folder");
        std::fs::write(&file, now).expect("writable");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == now,
        "{path} is not what the program says; BLESS=1 cargo test --test suite cli_help rewrites it"
    );
}

#[test]
fn completions_are_those_of_the_program() {
    for (shell, file) in [
        (Shell::Bash, "connectctl.bash"),
        (Shell::Zsh, "_connectctl"),
        (Shell::Fish, "connectctl.fish"),
        (Shell::PowerShell, "_connectctl.ps1"),
        (Shell::Elvish, "connectctl.elv"),
    ] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "connectctl", &mut script);
        let script = String::from_utf8(script).expect("UTF-8");
        assert!(script.contains("connectctl"));
        compare(&format!("completions/{file}"), &script);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for words in [&["--help"][..], &["completions", "bash"], &["man"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let world = World::new();
        let mut command = world.command(words);
        let ended = command.stdout(writer).status().expect("it starts");
        assert_eq!(ended.code(), Some(0), "{words:?}");
    }
}

#[test]
fn the_cli_reference_is_the_help_of_every_command() {
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut text = String::from(
        "# Command line reference\n\nGenerated from the program: `BLESS=1 cargo test --test suite cli_help`.\n",
    );
    describe(&root, &mut text);
    compare("docs/cli-reference.md", &text);
}

fn describe(command: &Command, text: &mut String) {
    let mut shown = command.clone().term_width(100);
    let name = shown.get_bin_name().unwrap_or(shown.get_name()).to_owned();
    let help = shown.render_long_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    write!(
        text,
        "\n## {name}\n\n```text\n{}\n```\n",
        help.join("\n").trim_end()
    )
    .expect("a string");
    for sub in command
        .get_subcommands()
        .filter(|c| c.get_name() != "help" && !c.is_hide_set())
    {
        describe(sub, text);
    }
}

#[test]
fn every_option_and_command_says_what_it_is_for() {
    fn check(command: &Command) {
        assert!(
            command.get_about().is_some(),
            "{} says nothing",
            command.get_name()
        );
        for argument in command.get_arguments().filter(|a| !a.is_hide_set()) {
            let said = argument.get_help().or(argument.get_long_help());
            assert!(
                said.is_some(),
                "{} of {} says nothing",
                argument.get_id(),
                command.get_name()
            );
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}
