//! `connectctl offsets`: the positions of source connectors, wherever they are kept.

mod file;
mod listing;
mod show;

use clap::{Args, Subcommand};

use super::args::Global;
use super::error::{CliError, Outcome};
use super::output::Ui;

/// Show, move and compare the positions of source connectors
///
/// A standalone worker keeps them in one file, distributed workers in a compacted topic. Keys and values are bytes
/// here and there, and are never rewritten. Positions are opaque: none is called ahead of another.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Offsets {
    #[command(subcommand)]
    command: OffsetsCommand,
}

#[derive(Debug, Subcommand)]
enum OffsetsCommand {
    Show(show::Show),
}

pub(super) fn run(ui: &Ui, global: &Global, offsets: &Offsets) -> Result<Outcome, CliError> {
    match &offsets.command {
        OffsetsCommand::Show(args) => show::run(ui, global, args),
    }
}
