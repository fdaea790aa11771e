//! The proof for anyone: a real Kafka broker, a real standalone worker, a migration, a real
//! distributed worker, and numbered lines being appended all the while. Prints how many lines were
//! written, lost and duplicated; ends with 0 only when nothing was lost and nothing came twice.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

use support::cutover::Cutover;
use support::{binary, kafka, maven};

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the verdict is this program's output"
)]
fn main() -> ExitCode {
    if let Err(reason) = maven::available() {
        eprintln!("error: {reason}");
        return ExitCode::from(2);
    }
    binary::connectctl();
    eprintln!("          starting a Kafka {} broker", maven::KAFKA);
    let cutover = Cutover {
        narrate: true,
        ..Cutover::new("cutover", &kafka::shared().bootstrap())
    };
    let verdict = cutover.run();
    kafka::shared().stop();
    print!("\n{verdict}");
    if verdict.is_exact() {
        println!("\nNothing was lost and nothing came twice.");
        ExitCode::SUCCESS
    } else {
        println!("\nThe cutover was not exact.");
        ExitCode::FAILURE
    }
}
