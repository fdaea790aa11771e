//! `-v`: what is done, as log lines on stderr.

use tracing_subscriber::EnvFilter;

/// Starts logging: nothing without `-v`, our own steps with one, our own protocol with two, other crates with three.
pub(super) fn start(verbose: u8) {
    let filter = match verbose {
        0 => return,
        1 => "connectctl=info",
        2 => "connectctl=debug",
        _ => "debug",
    };
    let started = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
    // A second start in one process keeps the first one's settings.
    drop(started);
}
