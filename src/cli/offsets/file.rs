//! The offsets file of a standalone worker, strictly read.

use std::path::Path;

use crate::cli::connect::file_failed;
use crate::cli::error::{CliError, Kind};
use crate::cli::output::Ui;
use crate::io::files::{self, InputFile, LARGEST_OFFSETS};
use crate::model::offset_file::{self, OffsetFileError, OffsetMap};
use crate::plan::{Finding, offset_seed};

/// How many findings are said one by one.
const SHOWN_FINDINGS: usize = 10;

/// Reads a file of offsets; damage that a worker would silently take for "no offsets" is an error.
pub(super) fn read(path: &Path) -> Result<(InputFile, OffsetMap), CliError> {
    let file = files::read(path, LARGEST_OFFSETS).map_err(file_failed)?;
    let map = offset_file::read(file.bytes.clone()).map_err(|error| {
        let hint = hint(&error);
        let error = anyhow::Error::new(error).context(file.path.display().to_string());
        CliError::new(Kind::Failed, error).hint(hint)
    })?;
    Ok((file, map))
}

/// Says what is odd about the entries of a file, on stderr.
pub(super) fn warn(ui: &Ui, file: &InputFile, map: &OffsetMap) {
    if map.trailing > 0 {
        ui.warning(&format!(
            "{}: {} bytes after the serialised map, which a worker ignores",
            file.path.display(),
            map.trailing
        ));
    }
    warn_findings(ui, &offset_seed::findings_of(&map.entries));
}

/// Says findings on stderr, the first of many.
pub(super) fn warn_findings(ui: &Ui, findings: &[Finding]) {
    for finding in findings.iter().take(SHOWN_FINDINGS) {
        let Finding {
            id,
            subject,
            message,
            remedy,
            ..
        } = finding;
        let remedy = if remedy.is_empty() {
            String::new()
        } else {
            format!(" ({remedy})")
        };
        ui.warning(&crate::cli::table::printable(&format!(
            "{id} {subject}: {message}{remedy}"
        )));
    }
    if findings.len() > SHOWN_FINDINGS {
        ui.warning(&format!(
            "{} more like these",
            findings.len() - SHOWN_FINDINGS
        ));
    }
}

fn hint(error: &OffsetFileError) -> String {
    match error {
        OffsetFileError::Empty => {
            "a worker that was killed while it saved leaves an empty file; take a copy from before, or ask a running \
             worker: connectctl offsets show --url URL"
        }
        OffsetFileError::Truncated { .. } => {
            "a worker would silently start without any offsets from this file; take a complete copy, made after the \
             worker had stopped"
        }
        OffsetFileError::NotJavaSerialisation { .. } => {
            "the file of offset.storage.file.filename is meant, which a standalone worker writes"
        }
        _ => "a standalone worker wrote no such file; check that it is the file of offset.storage.file.filename",
    }
    .to_owned()
}
