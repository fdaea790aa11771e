//! Log lines on stderr: what an operator must see, and with `-v` what is done.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{DefaultFields, Format};

use super::error::CliError;
use super::output::chain;
use super::run::LogFormat;

/// Starts logging: warnings without `-v`, our own steps with one, our own protocol with two, other crates with three.
pub(super) fn start(verbose: u8) {
    let filter = match verbose {
        0 => "connectctl=warn",
        1 => "connectctl=info",
        2 => "connectctl=debug",
        _ => "debug",
    };
    let lines = builder(filter);
    let started = if verbose == 0 {
        lines.without_time().with_target(false).try_init()
    } else {
        lines.try_init()
    };
    // A second start in one process keeps the first one's settings.
    drop(started);
}

/// Starts the log of a worker: what it does, and what goes wrong in the libraries; with `-v` more.
pub(super) fn start_worker(verbose: u8, format: LogFormat) {
    let filter = match verbose {
        0 => "warn,connectctl=info",
        1 => "warn,connectctl=debug",
        _ => "debug",
    };
    let started = match format {
        LogFormat::Text => builder(filter).try_init(),
        LogFormat::Json => builder(filter).json().flatten_event(true).try_init(),
    };
    drop(started);
}

/// Says as the log's last line why the worker ended.
pub(super) fn ended(error: &CliError) {
    tracing::error!(hint = error.hints.join("; "), "{}", chain(&error.error));
}

fn builder(
    filter: &str,
) -> SubscriberBuilder<DefaultFields, Format, EnvFilter, fn() -> std::io::Stderr> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr as fn() -> std::io::Stderr)
        .with_ansi(false)
}
