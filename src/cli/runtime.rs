//! The asynchronous part of a command: a runtime that exists only while it is needed, and Ctrl-C.

use std::future::Future;

use super::error::{CliError, Kind};
use crate::io::interrupt::Interrupt;

/// Runs asynchronous work to its end, or until Ctrl-C (130).
///
/// Every step of a command is idempotent, so the work is dropped where it stands; the same command finishes it.
pub fn run<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    run_told(&Interrupt::default(), work)
}

/// Runs asynchronous work as [`run`] does; work that holds the interrupt is told of the first Ctrl-C and ends by itself.
pub fn run_told<T>(
    interrupt: &Interrupt,
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                signal = tokio::signal::ctrl_c() => {
                    signal?;
                    if !interrupt.raise() {
                        return Err(interrupted());
                    }
                }
            }
        }
    });
    // A thread that still waits for an answer on the terminal must not hold the program up.
    runtime.shutdown_background();
    outcome
}

/// Returns the error of Ctrl-C.
pub fn interrupted() -> CliError {
    CliError::new(Kind::Interrupted, anyhow::anyhow!("interrupted"))
        .hint("run the same command again: it does only what is missing")
}
