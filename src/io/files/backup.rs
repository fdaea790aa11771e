//! Content-addressed backups: one name per content, so that none is ever overwritten.

use std::io;
use std::path::{Path, PathBuf};

use super::error::FileError;
use super::read::sha256_hex;
use super::replace::{folder_of, make_folder, sync_folder, write_beside};

/// Saves bytes as `FOLDER/STEM-<16 hex digits of their SHA-256>.EXT` with mode 0600 and returns the path.
///
/// A backup that is already there is left alone: the same name means the same bytes.
pub fn back_up(
    folder: &Path,
    stem: &str,
    extension: &str,
    bytes: &[u8],
) -> Result<PathBuf, FileError> {
    let hash = sha256_hex(bytes);
    let path = folder.join(format!("{stem}-{}.{extension}", &hash[..16]));
    if path.exists() {
        return Ok(path);
    }
    make_folder(folder)?;
    let fresh = write_beside(&path, folder, bytes, true)?;
    match fresh.persist_noclobber(&path) {
        Ok(_) => {}
        Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => return Ok(path),
        Err(failed) => return Err(FileError::writing(&path, failed.error)),
    }
    sync_folder(folder_of(&path))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_kept_once_and_other_bytes_beside_them() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("backup");
        let first = back_up(&folder, "offsets", "json", b"one").unwrap();
        assert_eq!(back_up(&folder, "offsets", "json", b"one").unwrap(), first);
        let second = back_up(&folder, "offsets", "json", b"two").unwrap();
        assert_ne!(first, second);
        assert_eq!(std::fs::read(&first).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
    }
}
