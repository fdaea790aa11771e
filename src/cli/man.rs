//! `connectctl man`: the manual, for `man` itself or as files for a package.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::error::{CliError, Kind, Outcome};
use super::output::Ui;
use crate::io::files;

/// Print the manual page of a command, or write all pages into a folder
///
/// `connectctl man topics create | man -l -` shows one page.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Man {
    /// The command whose page is wanted: `topics create`; without it the page of connectctl itself
    command: Vec<String>,
    /// Write every page into this folder, as `connectctl-topics-create.1`
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  Read one page, and install all of them:
    connectctl man topics create | man -l -
    connectctl man --out ~/.local/share/man/man1";

pub(super) fn run(ui: &Ui, man: &Man) -> Result<Outcome, CliError> {
    let mut root = super::Cli::command();
    // Fills in the global options and the full names of subcommands.
    root.build();
    match &man.out {
        Some(folder) => {
            files::make_folder(folder).map_err(super::connect::file_failed)?;
            clap_mangen::generate_to(root, folder)?;
            ui.note(&format!(
                "Wrote the manual pages into {}.",
                folder.display()
            ));
        }
        None => ui.data(&String::from_utf8_lossy(&page(&root, &man.command)?))?,
    }
    Ok(Outcome::Done)
}

/// Returns one page as roff.
fn page(root: &clap::Command, path: &[String]) -> Result<Vec<u8>, CliError> {
    let mut command = root;
    for name in path {
        command = command.find_subcommand(name).ok_or_else(|| {
            let error = anyhow::anyhow!("{} has no command {name}", command.get_name());
            CliError::new(Kind::Usage, error).hint("connectctl --help lists the commands")
        })?;
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name)
        .render(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_command_has_its_full_name_and_the_exit_codes_stand_in_the_first() {
        let mut root = super::super::Cli::command();
        root.build();
        let page = |path: &[String]| String::from_utf8(super::page(&root, path).unwrap()).unwrap();
        assert!(page(&["man".to_owned()]).contains(".TH connectctl-man 1"));
        assert!(page(&[]).contains("refused by a safety gate"));
        assert!(super::page(&root, &["nope".to_owned()]).is_err());
    }
}
