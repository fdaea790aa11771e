//! Reading a whole file together with the facts that tell later whether it changed.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::error::{FileError, Kind};

/// Bytes of the largest worker or connector file that is read. Real ones have kilobytes.
pub const LARGEST_CONFIG: u64 = 16 << 20;

/// Bytes of the largest offsets file that is read: about twenty million entries.
pub const LARGEST_OFFSETS: u64 = 2 << 30;

/// A file as it was at one moment.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// Absolute.
    pub path: PathBuf,
    pub bytes: Bytes,
    /// Lower-case hex.
    pub sha256: String,
    pub modified: Option<SystemTime>,
}

impl InputFile {
    /// Returns the length in bytes.
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Returns the milliseconds between the last modification and `now`; `None` where the clock or the file system does not say.
    pub fn age_ms(&self, now: SystemTime) -> Option<u64> {
        let age = now.duration_since(self.modified?).ok()?;
        u64::try_from(age.as_millis()).ok()
    }
}

/// Reads a regular file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<InputFile, FileError> {
    let absolute = std::path::absolute(path).map_err(|e| FileError::reading(path, e))?;
    let found = std::fs::metadata(&absolute).map_err(|e| FileError::reading(&absolute, e))?;
    if found.is_dir() {
        return Err(FileError::new(&absolute, Kind::Directory));
    }
    // A pipe or a terminal cannot be read a second time, after the yes.
    if !found.is_file() {
        return Err(FileError::new(&absolute, Kind::Special));
    }
    let too_big = |length| FileError::new(&absolute, Kind::TooBig { length, limit });
    if found.len() > limit {
        return Err(too_big(found.len()));
    }
    let file = File::open(&absolute).map_err(|e| FileError::reading(&absolute, e))?;
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0));
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| FileError::reading(&absolute, e))?;
    if bytes.len() as u64 > limit {
        return Err(too_big(bytes.len() as u64));
    }
    Ok(InputFile {
        sha256: sha256_hex(&bytes),
        bytes: bytes.into(),
        modified: found.modified().ok(),
        path: absolute,
    })
}

/// Returns the SHA-256 of some bytes in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _infallible = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &Path, limit: u64) -> String {
        read(path, limit).map_or_else(|e| e.kind.to_string(), |f| f.sha256)
    }

    #[test]
    fn a_file_is_read_with_its_hash_and_absolute_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.properties");
        std::fs::write(&path, "abc").unwrap();
        let file = read(&path, 10).unwrap();
        assert_eq!(file.bytes, "abc");
        assert_eq!(file.length(), 3);
        assert!(file.path.is_absolute());
        assert_eq!(
            file.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn missing_folders_pipes_and_big_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        std::fs::write(&path, "abcd").unwrap();
        assert_eq!(kind(&folder.path().join("none"), 9), "no such file");
        assert_eq!(kind(folder.path(), 9), "is a directory, not a file");
        assert_eq!(kind(Path::new("/dev/null"), 9), "is not a regular file");
        assert_eq!(kind(&path, 3), "has 4 bytes, more than the 3 that are read");
    }

    #[test]
    fn the_age_counts_from_the_last_modification() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("o");
        std::fs::write(&path, "").unwrap();
        let file = read(&path, 9).unwrap();
        let later = file.modified.unwrap() + std::time::Duration::from_secs(5);
        assert_eq!(file.age_ms(later), Some(5000));
    }
}
