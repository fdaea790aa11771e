//! `connectctl offsets`: the positions of source connectors, wherever they are kept.

mod diff;
mod export;
mod listing;
mod seed;
mod show;
mod store;
mod whereabouts;

use clap::{Args, Subcommand};

use super::args::Global;
use super::error::{CliError, Kind, Outcome};
use super::output::Ui;
use crate::plan::offset_seed::SeedError;

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
    Seed(seed::Seed),
    Export(export::Export),
    Diff(diff::Diff),
    Where(whereabouts::Where),
}

pub(super) fn run(ui: &Ui, global: &Global, offsets: &Offsets) -> Result<Outcome, CliError> {
    match &offsets.command {
        OffsetsCommand::Show(args) => show::run(ui, global, args),
        OffsetsCommand::Seed(args) => seed::run(ui, global, args),
        OffsetsCommand::Export(args) => export::run(ui, global, args),
        OffsetsCommand::Diff(args) => diff::run(ui, global, args),
        OffsetsCommand::Where(args) => whereabouts::run(ui, global, args),
    }
}

/// Names that do not fit what was read are wrong usage.
fn plan_failed(error: SeedError) -> CliError {
    let hint = match &error {
        SeedError::UnknownConnector { .. } => {
            "names are case-sensitive: connectctl offsets show … -o name lists them"
        }
        SeedError::RenameRefused { .. } => "choose another new name",
    };
    CliError::new(Kind::Usage, error).hint(hint)
}
