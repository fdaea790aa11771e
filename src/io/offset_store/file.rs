//! The offsets file of a standalone worker, strictly read.

use std::path::Path;
use std::time::SystemTime;

use super::OffsetStoreError;
use crate::io::files::{self, InputFile, LARGEST_OFFSETS};
use crate::model::offset_file;
use crate::plan::OffsetsFile;

/// Reads an offsets file; what a worker would silently take for "no offsets" is an error.
pub fn read_file(path: &Path) -> Result<OffsetsFile, OffsetStoreError> {
    parse(&files::read(path, LARGEST_OFFSETS)?)
}

/// Parses an offsets file that was read.
pub fn parse(file: &InputFile) -> Result<OffsetsFile, OffsetStoreError> {
    let map =
        offset_file::read(file.bytes.clone()).map_err(|source| OffsetStoreError::Damaged {
            path: file.path.clone(),
            source,
        })?;
    Ok(OffsetsFile {
        path: file.path.clone(),
        sha256: file.sha256.clone(),
        length: file.length(),
        age_ms: file.age_ms(SystemTime::now()),
        trailing: map.trailing,
        entries: map.entries,
    })
}
