//! From flags to a cluster: worker files and client settings, and errors with their kind and hint.

use super::error::{CliError, Kind};
use crate::io::files::FileError;

/// Returns a failure to read or write a file, with what to do about it.
pub fn file_failed(error: FileError) -> CliError {
    let hint = error.hint();
    with_hint(CliError::new(Kind::Failed, error), hint)
}

/// Adds a hint where there is one.
pub fn with_hint(error: CliError, hint: Option<String>) -> CliError {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
