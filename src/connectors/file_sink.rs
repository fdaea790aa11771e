//! The task of `FileStreamSinkConnector`: a line per record, appended to a file.
//!
//! The Java task swallows what goes wrong while it writes and commits the offsets all the same; here that fails the task.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

use super::config;

/// Bytes collected before they are handed to the file.
const BUFFER: usize = 256 << 10;

/// Appends to one file, or writes to standard output.
#[derive(Debug)]
pub struct FileStreamSink {
    target: Target,
    buffer: Vec<u8>,
    /// Something has been written since the file was opened.
    has_begun: bool,
}

#[derive(Debug)]
enum Target {
    Stdout,
    File(PathBuf, File),
}

/// Why a sink task cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("could not find or create file '{}': {source}", path.display())]
    Open {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("could not write to {}: {source}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("could not write to standard output: {0}")]
    Stdout(std::io::Error),
    #[error("{} was deleted while it was written to: what was put there since the last commit is put again", path.display())]
    Vanished { path: PathBuf },
}

impl FileStreamSink {
    /// Opens the file of the task's configuration, which is created where it is missing.
    pub fn open(task: &IndexMap<String, String>) -> Result<Self, SinkError> {
        let target = match config::file(task).filter(|file| !file.is_empty()) {
            None => Target::Stdout,
            Some(file) => {
                let path = PathBuf::from(file);
                match File::options().create(true).append(true).open(&path) {
                    Ok(file) => Target::File(path, file),
                    Err(source) => return Err(SinkError::Open { path, source }),
                }
            }
        };
        Ok(Self {
            target,
            buffer: Vec::new(),
            has_begun: false,
        })
    }

    /// Adds a line; [`Self::end_of_batch`] hands it to the file at the latest.
    pub fn put(&mut self, line: &[u8]) -> Result<(), SinkError> {
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER {
            self.end_of_batch()?;
        }
        Ok(())
    }

    /// True when nothing that was put waits for [`Self::end_of_batch`].
    pub fn is_handed_over(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Hands over what was put: whole lines, so that tasks that share a file do not tear each other's.
    pub fn end_of_batch(&mut self) -> Result<(), SinkError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Target::File(path, _) = &self.target
            && !self.has_begun
            && is_torn(path)
        {
            self.buffer.insert(0, b'\n');
        }
        self.has_begun = true;
        let written = match &mut self.target {
            Target::Stdout => {
                let mut stdout = std::io::stdout().lock();
                let written = stdout.write_all(&self.buffer);
                written
                    .and_then(|()| stdout.flush())
                    .map_err(SinkError::Stdout)
            }
            Target::File(path, file) => {
                file.write_all(&self.buffer)
                    .map_err(|source| SinkError::Write {
                        path: path.clone(),
                        source,
                    })
            }
        };
        self.buffer.clear();
        written
    }

    /// Makes sure that what was put is in the file, before its offsets are committed.
    pub fn flush(&mut self) -> Result<(), SinkError> {
        self.end_of_batch()?;
        match &self.target {
            Target::File(path, file) if is_deleted(file) => {
                Err(SinkError::Vanished { path: path.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// True when the file ends within a line: its last writer was killed, and will have to write that line again.
///
/// The first new line would be lost in it. The Java task appends to it all the same.
fn is_torn(path: &Path) -> bool {
    // A neighbour may be in the middle of a long write.
    ends_within_a_line(path) && {
        std::thread::sleep(Duration::from_millis(20));
        ends_within_a_line(path)
    }
}

fn ends_within_a_line(path: &Path) -> bool {
    let last = |file: &mut File| {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        Ok::<u8, std::io::Error>(last[0])
    };
    // What is no file, or may not be read, is taken as it is.
    let is_file = std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0);
    let last = is_file.then(|| File::open(path).and_then(|mut file| last(&mut file)));
    matches!(last, Some(Ok(byte)) if byte != b'\n')
}

#[cfg(unix)]
fn is_deleted(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

#[cfg(not(unix))]
fn is_deleted(_: &File) -> bool {
    // An open file cannot be deleted there.
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(path: &std::path::Path) -> IndexMap<String, String> {
        IndexMap::from([("file".to_owned(), path.display().to_string())])
    }

    #[test]
    fn lines_are_appended_at_the_end_of_each_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        std::fs::write(&path, "before\n").unwrap();
        let mut sink = FileStreamSink::open(&config(&path)).unwrap();
        sink.put(b"a").unwrap();
        sink.put(b"").unwrap();
        sink.end_of_batch().unwrap();
        let mut second = FileStreamSink::open(&config(&path)).unwrap();
        second.put(b"b").unwrap();
        second.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\na\n\nb\n");
    }

    #[test]
    fn a_line_that_was_torn_does_not_take_the_next_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        std::fs::write(&path, "whole\nto").unwrap();
        let mut sink = FileStreamSink::open(&config(&path)).unwrap();
        sink.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\nto");
        sink.put(b"torn").unwrap();
        sink.flush().unwrap();
        sink.put(b"next").unwrap();
        sink.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "whole\nto\ntorn\nnext\n");
    }

    #[test]
    fn a_path_that_cannot_be_written_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/folder");
        let error = FileStreamSink::open(&config(&path)).unwrap_err();
        assert!(error.to_string().contains("could not find or create file"));
        let mut full = FileStreamSink::open(&config("/dev/full".as_ref())).unwrap();
        full.put(b"a").unwrap();
        let error = full.flush().unwrap_err().to_string();
        assert!(error.starts_with("could not write to /dev/full"), "{error}");
    }

    #[test]
    fn a_deleted_file_is_noticed_before_offsets_are_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        let mut sink = FileStreamSink::open(&config(&path)).unwrap();
        sink.put(b"a").unwrap();
        sink.flush().unwrap();
        std::fs::remove_file(&path).unwrap();
        sink.put(b"b").unwrap();
        sink.end_of_batch().unwrap();
        assert!(matches!(sink.flush(), Err(SinkError::Vanished { .. })));
    }
}
