//! What can go wrong with a file, told apart by what the operator does next.

use std::io;
use std::path::{Path, PathBuf};

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", path.display())]
pub struct FileError {
    pub path: PathBuf,
    #[source]
    pub kind: Kind,
}

/// Why it could not.
#[derive(Debug, thiserror::Error)]
pub enum Kind {
    #[error("no such file")]
    Missing,
    #[error("is a directory, not a file")]
    Directory,
    #[error("is not a regular file")]
    Special,
    #[error("cannot be read: permission denied")]
    Unreadable,
    /// Sizes in bytes.
    #[error("has {length} bytes, more than the {limit} that are read")]
    TooBig { length: u64, limit: u64 },
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("cannot be written: permission denied")]
    Unwritable,
    #[error("cannot be written: the disk is full")]
    DiskFull,
    #[error("cannot be written: a file-size limit or quota is reached")]
    Limit,
    #[error("cannot be written: the file system is read-only")]
    ReadOnly,
    #[error("cannot be a folder: something that is not a folder is in the way")]
    NotAFolder,
    #[error("cannot be written: {0}")]
    Write(io::Error),
}

impl FileError {
    pub(super) fn new(path: &Path, kind: Kind) -> Self {
        Self {
            path: path.to_path_buf(),
            kind,
        }
    }

    pub(super) fn reading(path: &Path, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => Kind::Missing,
            io::ErrorKind::IsADirectory => Kind::Directory,
            io::ErrorKind::PermissionDenied => Kind::Unreadable,
            _ => Kind::Read(error),
        };
        Self::new(path, kind)
    }

    pub(super) fn writing(path: &Path, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied => Kind::Unwritable,
            io::ErrorKind::StorageFull => Kind::DiskFull,
            io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded => Kind::Limit,
            io::ErrorKind::ReadOnlyFilesystem => Kind::ReadOnly,
            io::ErrorKind::NotADirectory => Kind::NotAFolder,
            io::ErrorKind::IsADirectory => Kind::Directory,
            _ => Kind::Write(error),
        };
        Self::new(path, kind)
    }

    /// Returns whether the file was looked for and is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self.kind, Kind::Missing)
    }

    /// Returns what to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        Some(match &self.kind {
            Kind::Missing => "check the path and the folder that the command is run in".into(),
            Kind::Directory | Kind::Special => "name the file itself".into(),
            Kind::Unreadable => format!(
                "run as a user who may read it: ls -l {}",
                self.path.display()
            ),
            Kind::TooBig { .. } => "is this the right file?".into(),
            Kind::DiskFull | Kind::Limit => format!(
                "make room, or choose another folder with --out; nothing is half-written: df -h {}",
                folder.display()
            ),
            Kind::Unwritable | Kind::ReadOnly | Kind::NotAFolder => {
                "choose a folder that you may write with --out DIR".into()
            }
            Kind::Read(_) | Kind::Write(_) => return None,
        })
    }
}
