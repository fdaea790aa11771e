//! What was typed and what is said: one subcommand, one file.

mod accept;
mod args;
mod capture;
mod config;
pub mod connect;
mod consent;
mod doctor;
mod error;
pub mod listing;
mod logging;
mod man;
mod migrate;
mod offsets;
mod output;
mod progress;
mod question;
pub mod rest;
mod run;
pub mod runtime;
pub mod table;
mod topics;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use args::{Connection, Format, Global, ReportFormat};
pub use error::{CliError, Kind, Outcome};
pub use output::Ui;
pub use rest::RestFlags;
use run::LogFormat;

/// The contract of `docs/exit-codes.md`, for the help and the manual.
const EXIT_CODES: &str = "\
Exit codes:
  0    done, or nothing to do
  1    failed
  2    wrong usage
  3    changes pending (--dry-run, diff, check)
  4    applied but verification failed, or unhealthy
  5    refused by a safety gate, nothing changed
  130  Ctrl-C";

/// Moves a Kafka Connect standalone deployment to distributed mode and administers it afterwards
#[derive(Debug, Parser)]
#[command(
    name = "connectctl",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_long_help = EXIT_CODES
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
    #[command(after_long_help = COMPLETIONS)]
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
    Config(config::Config),
    Man(man::Man),
    Capture(capture::Capture),
    Doctor(doctor::Doctor),
    Migrate(Box<migrate::Migrate>),
    Offsets(offsets::Offsets),
    Run(run::Run),
    Topics(topics::Topics),
}

const COMPLETIONS: &str = "\
Examples:
  For this shell, and for all to come:
    source <(connectctl completions bash)
    mkdir -p ~/.local/share/bash-completion/completions
    connectctl completions bash > ~/.local/share/bash-completion/completions/connectctl";

/// Runs the program and returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refused) => {
            // clap prints help and version to stdout with 0, wrong usage to stderr with 2.
            let code = u8::try_from(refused.exit_code()).unwrap_or(2);
            return match refused.print() {
                // `connectctl --help | head` is not a failure.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
                _ => ExitCode::from(code),
            };
        }
    };
    match &cli.command {
        Command::Run(run) => logging::start_worker(cli.global.verbose, run.log_format),
        _ => logging::start(cli.global.verbose),
    }
    let logs_json = matches!(&cli.command, Command::Run(run) if run.log_format == LogFormat::Json);
    let ui = Ui::new(&cli.global);
    let outcome = match cli.command {
        Command::Completions { shell } => completions(&ui, shell),
        Command::Config(args) => config::run(&ui, &args),
        Command::Man(args) => man::run(&ui, &args),
        Command::Doctor(args) => doctor::run(&ui, &cli.global, &args),
        Command::Capture(args) => capture::run(&ui, &cli.global, &args),
        Command::Migrate(args) => migrate::run(&ui, &cli.global, &args),
        Command::Offsets(args) => offsets::run(&ui, &cli.global, &args),
        Command::Run(args) => run::run(&ui, &args),
        Command::Topics(args) => topics::run(&ui, &cli.global, &args),
    };
    match outcome {
        Ok(outcome) => outcome.code(),
        Err(error) => {
            if logs_json {
                logging::ended(&error);
            } else {
                ui.error(&error);
            }
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
