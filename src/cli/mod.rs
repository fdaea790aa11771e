//! What was typed and what is said: one subcommand, one file.

mod args;
mod error;
mod output;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use args::{Connection, Format, Global};
pub use error::{CliError, Kind, Outcome};
pub use output::Ui;

/// Moves a Kafka Connect standalone deployment to distributed mode and administers it afterwards
#[derive(Debug, Parser)]
#[command(
    name = "connectctl",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a shell completion script
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
}

/// Runs the program and returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refused) => {
            // clap prints help and version to stdout with 0, wrong usage to stderr with 2.
            let code = u8::try_from(refused.exit_code()).unwrap_or(2);
            return if refused.print().is_ok() {
                ExitCode::from(code)
            } else {
                ExitCode::FAILURE
            };
        }
    };
    let ui = Ui::new(&cli.global);
    let outcome = match cli.command {
        Command::Completions { shell } => completions(&ui, shell),
    };
    match outcome {
        Ok(outcome) => outcome.code(),
        Err(error) => {
            ui.error(&error);
            error.kind.code()
        }
    }
}

fn completions(ui: &Ui, shell: clap_complete::Shell) -> Result<Outcome, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "connectctl", &mut script);
    ui.data(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}
