//! Atomic replacement: a reader sees the old file or the new one, never a part of either, also after a power cut.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::error::{FileError, Kind};

/// What became of a file that was to have certain bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    Created,
    /// It had these bytes already and was left alone.
    Unchanged,
    /// It had other bytes, which are kept under this name.
    Replaced(PathBuf),
}

/// Gives `path` these bytes, keeping a different file as `NAME.bak-<timestamp>`.
///
/// A file with secrets gets mode 0600, and so does its backup; others get what the umask leaves of 0666.
pub fn replace(path: &Path, bytes: &[u8], secret: bool) -> Result<Written, FileError> {
    let written = Replacement::prepare(path, bytes, secret)?.take_place()?;
    if written != Written::Unchanged {
        sync_folder(folder_of(path))?;
    }
    Ok(written)
}

/// New bytes of a file that are safe on the disk and not under its name yet; dropped, they are deleted.
///
/// For many files at once: preparing waits for the disk, which serves many as fast as one, and their folder is synced
/// once, with [`sync_folder`], after all have taken their place.
#[derive(Debug)]
pub struct Replacement {
    path: PathBuf,
    secret: bool,
    /// `None`: the file has these bytes already.
    fresh: Option<tempfile::NamedTempFile>,
    is_new: bool,
}

impl Replacement {
    /// Writes and syncs the bytes beside the file, which is left as it is.
    pub fn prepare(path: &Path, bytes: &[u8], secret: bool) -> Result<Self, FileError> {
        let existing = match fs::read(path) {
            Ok(existing) => Some(existing),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(FileError::writing(path, error)),
        };
        let fresh = if existing.as_deref() == Some(bytes) {
            None
        } else {
            let folder = folder_of(path);
            make_folder(folder)?;
            Some(write_beside(path, folder, bytes, secret)?)
        };
        Ok(Self {
            path: path.to_owned(),
            secret,
            fresh,
            is_new: existing.is_none(),
        })
    }

    /// Gives the file its new bytes. The name survives a power cut once the folder has been synced.
    pub fn take_place(self) -> Result<Written, FileError> {
        let path = &self.path;
        let Some(fresh) = self.fresh else {
            if self.secret {
                keep_private(path)?;
            }
            return Ok(Written::Unchanged);
        };
        let written = if self.is_new {
            Written::Created
        } else {
            Written::Replaced(keep_as_backup(path, self.secret)?)
        };
        fresh
            .persist(path)
            .map_err(|e| FileError::writing(path, e.error))?;
        Ok(written)
    }
}

/// Renames a file to `NAME.bak-<timestamp>`, and returns that name.
pub fn set_aside(path: &Path, secret: bool) -> Result<PathBuf, FileError> {
    let kept = keep_as_backup(path, secret)?;
    fs::remove_file(path).map_err(|e| FileError::writing(path, e))?;
    sync_folder(folder_of(path))?;
    Ok(kept)
}

/// Makes a folder and its parents, or says what is in the way.
pub fn make_folder(folder: &Path) -> Result<(), FileError> {
    if folder.is_dir() {
        return Ok(());
    }
    match fs::create_dir_all(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(FileError::new(folder, Kind::NotAFolder))
        }
        Err(error) => Err(FileError::writing(folder, error)),
    }
}

/// Writes and syncs a temporary file in the same folder; dropped, it is deleted.
pub(super) fn write_beside(
    path: &Path,
    folder: &Path,
    bytes: &[u8],
    secret: bool,
) -> Result<tempfile::NamedTempFile, FileError> {
    let mode = if secret { 0o600 } else { 0o666 };
    let mut fresh = tempfile::Builder::new()
        .prefix(".connectctl-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(|e| FileError::writing(path, e))?;
    fresh
        .write_all(bytes)
        .and_then(|()| fresh.as_file().sync_all())
        .map_err(|e| FileError::writing(path, e))?;
    Ok(fresh)
}

/// Makes the names in a folder survive a power cut.
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| FileError::writing(folder, e))
}

pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Links the old file under its backup name, so that it never lacks its own name before the new one takes it.
fn keep_as_backup(path: &Path, secret: bool) -> Result<PathBuf, FileError> {
    let stamp = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for attempt in 0.. {
        let suffix = if attempt == 0 {
            stamp.clone()
        } else {
            format!("{stamp}-{attempt}")
        };
        let backup = path.with_file_name(format!("{name}.bak-{suffix}"));
        match fs::hard_link(path, &backup) {
            Ok(()) => {
                if secret {
                    keep_private(&backup)?;
                }
                return Ok(backup);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(FileError::writing(&backup, error)),
        }
    }
    Err(FileError::new(path, Kind::Unwritable))
}

/// Takes every permission of group and others away; the lowest six bits of a mode are theirs.
fn keep_private(path: &Path) -> Result<(), FileError> {
    let mode = fs::metadata(path)
        .map_err(|e| FileError::writing(path, e))?
        .permissions()
        .mode();
    if mode.trailing_zeros() >= 6 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))
        .map_err(|e| FileError::writing(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_is_created_with_its_folders_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/c.json");
        assert_eq!(replace(&path, b"one", false).unwrap(), Written::Created);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(names(&root.path().join("a/b")), ["c.json"]);
    }

    #[test]
    fn an_equal_file_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("c");
        replace(&path, b"one", false).unwrap();
        assert_eq!(replace(&path, b"one", false).unwrap(), Written::Unchanged);
        assert_eq!(names(root.path()), ["c"]);
    }

    #[test]
    fn a_different_file_is_kept_also_twice_in_one_second() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("c");
        let kept: Vec<_> = ["one", "two", "three"]
            .iter()
            .map(|text| replace(&path, text.as_bytes(), false).unwrap())
            .collect();
        let [
            Written::Created,
            Written::Replaced(first),
            Written::Replaced(second),
        ] = &kept[..]
        else {
            panic!("{kept:?}");
        };
        assert_eq!(fs::read(first).unwrap(), b"one");
        assert_eq!(fs::read(second).unwrap(), b"two");
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert!(
            first
                .file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("c.bak-20")
        );
    }

    #[test]
    fn secrets_and_their_backups_are_for_the_owner_alone() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("s");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let Written::Replaced(backup) = replace(&path, b"new", true).unwrap() else {
            panic!("it was replaced");
        };
        assert_eq!((mode(&path), mode(&backup)), (0o600, 0o600));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(replace(&path, b"new", true).unwrap(), Written::Unchanged);
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_file_where_a_folder_must_be_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("out"), "x").unwrap();
        let error = replace(&root.path().join("out/a"), b"x", false).unwrap_err();
        assert!(matches!(error.kind, Kind::NotAFolder), "{error}");
        assert_eq!(fs::read(root.path().join("out")).unwrap(), b"x");
    }
}
