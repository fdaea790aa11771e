//! The doorstep: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    connectctl::cli::main(std::env::args_os())
}
