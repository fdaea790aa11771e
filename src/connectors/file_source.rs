//! The task of `FileStreamSourceConnector`: the lines of a file as they are written.
//!
//! Lines end with `\n`, `\r\n` or a lone `\r`; what has no end yet is held back. As with the Java task a truncated file gives
//! nothing until it has grown past where reading was, and a rename is not noticed.
//!
//! `position` counts bytes. The Java task counts UTF-16 units and skips so many *bytes* when it starts, so that after a line
//! with an umlaut it reads part of the file again. A position in bytes is where either task goes on rightly, and in ASCII
//! text both counts are one.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use indexmap::IndexMap;

use super::config::{ConfigError, SourceConfig};
use super::stdin;
use crate::model::raw_json::push_string;

/// Bytes asked for at a time.
const CHUNK: usize = 256 << 10;

/// A line is a record, and no record is longer than Java's arrays.
const LONGEST_LINE: usize = i32::MAX as usize;

/// Reads one file, or standard input.
#[derive(Debug)]
pub struct FileStreamSource {
    config: SourceConfig,
    stream: Stream,
    /// Read and not given out; begins where a line does.
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of a line.
    searched: usize,
    /// Where in the file the buffer begins.
    position: u64,
}

#[derive(Debug)]
enum Stream {
    Stdin,
    /// Not opened, or not there.
    Closed(PathBuf),
    Open(PathBuf, File),
}

impl Stream {
    /// Fails when what is held back without an end is too long to be a line, wherever it comes from.
    fn check_line(&self, held: usize) -> Result<(), SourceError> {
        if held <= LONGEST_LINE {
            return Ok(());
        }
        let of = match self {
            Self::Stdin => "standard input".to_owned(),
            Self::Closed(path) | Self::Open(path, _) => path.display().to_string(),
        };
        Err(SourceError::LineTooLong { of })
    }
}

/// What a poll brought.
#[derive(Debug)]
pub enum Polled {
    Lines(Lines),
    /// Nothing for now.
    Nothing,
    /// There is no such file yet.
    Missing,
}

/// Lines in the order of the file.
#[derive(Debug, Clone)]
pub struct Lines {
    data: Bytes,
    cuts: Vec<Line>,
    /// Where in the file `data` begins.
    base: u64,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    start: u32,
    end: u32,
    /// After the terminator.
    next: u32,
}

/// Why a source task cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("could not read standard input: {0}")]
    Stdin(std::io::Error),
    #[error("a line of {of} is longer than 2 GiB")]
    LineTooLong { of: String },
}

impl FileStreamSource {
    /// Takes the task's configuration; the file is opened by the first poll.
    pub fn new(config: &IndexMap<String, String>) -> Result<Self, SourceError> {
        let config = SourceConfig::read(config)?;
        let file = config.file.as_deref().filter(|file| !file.is_empty());
        let stream = file.map_or(Stream::Stdin, |file| Stream::Closed(file.into()));
        Ok(Self {
            config,
            stream,
            buffer: BytesMut::new(),
            searched: 0,
            position: 0,
        })
    }

    pub fn topic(&self) -> &str {
        &self.config.topic
    }

    /// False for standard input, which has no position to come back to.
    pub fn has_positions(&self) -> bool {
        !matches!(self.stream, Stream::Stdin)
    }

    /// Returns the source partition as the worker's JsonConverter writes it: `{"filename":"/in.txt"}`.
    pub fn partition_json(&self) -> Vec<u8> {
        let mut json = b"{\"filename\":".to_vec();
        match &self.config.file {
            Some(file) => push_string(file, &mut json),
            None => json.extend_from_slice(b"null"),
        }
        json.push(b'}');
        json
    }

    /// Says where the first poll begins: after so many bytes.
    pub fn seek(&mut self, position: u64) {
        if self.has_positions() {
            self.position = position;
        }
    }

    /// Reads what was written since, `batch.size` lines at most.
    pub fn poll(&mut self) -> Result<Polled, SourceError> {
        if self.open()?.is_none() {
            return Ok(Polled::Missing);
        }
        loop {
            if let Some(lines) = self.cut() {
                return Ok(Polled::Lines(lines));
            }
            if self.fill()? == 0 {
                return Ok(Polled::Nothing);
            }
        }
    }

    /// Opens the file at the position; `None`: there is none.
    fn open(&mut self) -> Result<Option<()>, SourceError> {
        let Stream::Closed(path) = &self.stream else {
            return Ok(Some(()));
        };
        let failed = |action, source| SourceError::Io {
            action,
            path: path.clone(),
            source,
        };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", error)),
        };
        if self.position > 0 {
            file.seek(SeekFrom::Start(self.position))
                .map_err(|error| failed("go to the stored position of", error))?;
        }
        self.stream = Stream::Open(path.clone(), file);
        Ok(Some(()))
    }

    /// Reads a chunk into the buffer and returns its length, 0 when there is nothing more for now.
    fn fill(&mut self) -> Result<usize, SourceError> {
        self.stream.check_line(self.buffer.len())?;
        let (path, file) = match &mut self.stream {
            Stream::Open(path, file) => (path, file),
            Stream::Stdin => {
                let Some(chunk) = stdin::take() else {
                    return Ok(0);
                };
                let chunk = chunk.map_err(SourceError::Stdin)?;
                self.buffer.extend_from_slice(&chunk);
                return Ok(chunk.len());
            }
            Stream::Closed(_) => return Ok(0),
        };
        let before = self.buffer.len();
        let ahead = ahead(file, self.position + before as u64);
        if ahead == 0 {
            if before == 0 {
                // Hundreds of idle tasks hold no memory for what they have read.
                self.buffer = BytesMut::new();
            }
            return Ok(0);
        }
        self.buffer.resize(before + ahead, 0);
        let read = loop {
            match file.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer
            .truncate(before + read.as_ref().map_or(0, |read| *read));
        read.map_err(|source| SourceError::Io {
            action: "read",
            path: path.clone(),
            source,
        })
    }

    /// Takes complete lines off the buffer.
    fn cut(&mut self) -> Option<Lines> {
        let mut lines = Vec::new();
        let mut start = 0;
        while lines.len() < self.config.batch_size {
            let from = start.max(self.searched);
            let Some((end, next)) = line_end(&self.buffer, from) else {
                break;
            };
            let offset = |at: usize| u32::try_from(at).ok();
            let (Some(first), Some(last), Some(after)) = (offset(start), offset(end), offset(next))
            else {
                break;
            };
            lines.push(Line {
                start: first,
                end: last,
                next: after,
            });
            start = next;
        }
        if lines.is_empty() {
            // A `\r` at the end is looked at again.
            let held = usize::from(self.buffer.last() == Some(&b'\r'));
            self.searched = self.buffer.len() - held;
            return None;
        }
        self.searched = 0;
        let data = self.buffer.split_to(start).freeze();
        let base = self.position;
        self.position += start as u64;
        Some(Lines {
            data,
            cuts: lines,
            base,
        })
    }
}

/// Returns how many bytes are worth reading from here, [`CHUNK`] at most; 0 when the file has nothing new.
fn ahead(file: &File, position: u64) -> usize {
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => {
            let left = metadata.len().saturating_sub(position);
            usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK))
        }
        // A pipe or a device does not say.
        _ => CHUNK,
    }
}

/// Returns where the first line end at or after `from` begins and ends; a `\r` that comes last may be half of one.
fn line_end(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let at = from + memchr::memchr2(b'\n', b'\r', bytes.get(from..)?)?;
    if bytes[at] == b'\n' {
        return Some((at, at + 1));
    }
    match bytes.get(at + 1)? {
        b'\n' => Some((at, at + 2)),
        _ => Some((at, at + 1)),
    }
}

impl Lines {
    pub fn len(&self) -> usize {
        self.cuts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.cuts.is_empty()
    }

    /// Returns the bytes of a line, whatever they are, without copying them.
    pub fn slice(&self, at: usize) -> Option<Bytes> {
        let line = self.cuts.get(at)?;
        Some(self.data.slice(line.start as usize..line.end as usize))
    }

    /// Returns the same lines with their positions only.
    pub fn without_text(&self) -> Self {
        Self {
            data: Bytes::new(),
            cuts: self.cuts.clone(),
            base: self.base,
        }
    }

    /// Returns the position in the file after a line and its end.
    pub fn position_after(&self, at: usize) -> Option<u64> {
        let line = self.cuts.get(at)?;
        Some(self.base + u64::from(line.next))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    struct Fixture {
        folder: tempfile::TempDir,
        source: FileStreamSource,
    }

    impl Fixture {
        fn new(options: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("in.txt").display().to_string();
            let mut config: IndexMap<String, String> = options
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            config.insert("topic".to_owned(), "t".to_owned());
            config.insert("file".to_owned(), file);
            Self {
                source: FileStreamSource::new(&config).unwrap(),
                folder,
            }
        }

        fn append(&self, bytes: &[u8]) {
            let path = self.folder.path().join("in.txt");
            let mut options = File::options();
            let mut file = options.create(true).append(true).open(path).unwrap();
            file.write_all(bytes).unwrap();
        }

        /// Polls until there is nothing more.
        fn lines(&mut self) -> Vec<(String, u64)> {
            let mut all = Vec::new();
            while let Polled::Lines(lines) = self.source.poll().unwrap() {
                assert!(!lines.is_empty());
                for at in 0..lines.len() {
                    let line = lines.slice(at).unwrap();
                    let line = String::from_utf8_lossy(&line).into_owned();
                    all.push((line, lines.position_after(at).unwrap()));
                }
            }
            all
        }
    }

    fn pairs(lines: &[(String, u64)]) -> Vec<(&str, u64)> {
        lines.iter().map(|(line, at)| (&**line, *at)).collect()
    }

    #[test]
    fn lines_end_in_three_ways_and_what_has_no_end_is_held_back() {
        let mut fixture = Fixture::new(&[]);
        assert!(matches!(fixture.source.poll(), Ok(Polled::Missing)));
        fixture.append(b"a\n\nb\r\nc\rd\r");
        let lines = fixture.lines();
        assert_eq!(pairs(&lines), [("a", 2), ("", 3), ("b", 6), ("c", 8)]);
        fixture.append(b"\n");
        assert_eq!(pairs(&fixture.lines()), [("d", 11)]);
        fixture.append(b"par");
        assert_eq!(pairs(&fixture.lines()), []);
        fixture.append(b"t\rx");
        assert_eq!(pairs(&fixture.lines()), [("part", 16)]);
    }

    #[test]
    fn a_poll_gives_batch_size_lines_and_the_rest_without_new_bytes() {
        let mut fixture = Fixture::new(&[("batch.size", "2")]);
        fixture.append(b"a\nb\nc\n");
        let Ok(Polled::Lines(first)) = fixture.source.poll() else {
            panic!("there are lines");
        };
        assert_eq!(first.len(), 2);
        assert_eq!(pairs(&fixture.lines()), [("c", 6)]);
    }

    #[test]
    fn positions_count_bytes_and_reading_goes_on_at_one() {
        let mut fixture = Fixture::new(&[]);
        fixture.append("héllo\nwörld\n".as_bytes());
        let lines = fixture.lines();
        assert_eq!(pairs(&lines), [("héllo", 7), ("wörld", 14)]);
        let mut again = Fixture::new(&[]);
        again.append("héllo\nwörld\n".as_bytes());
        again.source.seek(7);
        assert_eq!(pairs(&again.lines()), [("wörld", 14)]);
    }

    #[test]
    fn a_file_shorter_than_the_position_is_waited_for() {
        let mut fixture = Fixture::new(&[]);
        fixture.append(b"a\n");
        fixture.source.seek(4);
        assert_eq!(pairs(&fixture.lines()), []);
        fixture.append(b"b\nc\n");
        assert_eq!(pairs(&fixture.lines()), [("c", 6)]);
    }

    #[test]
    fn bytes_that_are_no_text_are_part_of_a_line() {
        let mut fixture = Fixture::new(&[]);
        fixture.append(b"a\xffb\nc\n");
        assert_eq!(pairs(&fixture.lines()), [("a\u{fffd}b", 4), ("c", 6)]);
    }

    #[test]
    fn a_line_longer_than_a_chunk_is_one_line() {
        let mut fixture = Fixture::new(&[]);
        let long = "x".repeat(3 * CHUNK);
        fixture.append(long.as_bytes());
        assert_eq!(pairs(&fixture.lines()), []);
        fixture.append(b"\ny\n");
        let at = long.len() as u64 + 1;
        assert_eq!(pairs(&fixture.lines()), [(&*long, at), ("y", at + 2)]);
    }

    #[test]
    fn a_line_without_an_end_is_too_long_at_2_gib_on_standard_input_too() {
        for (stream, name) in [
            (Stream::Stdin, "standard input"),
            (Stream::Closed("/in.txt".into()), "/in.txt"),
        ] {
            assert!(stream.check_line(LONGEST_LINE).is_ok());
            let error = stream.check_line(LONGEST_LINE + 1).unwrap_err();
            let said = format!("a line of {name} is longer than 2 GiB");
            assert_eq!(error.to_string(), said);
        }
    }

    #[test]
    fn a_folder_is_no_file() {
        let mut fixture = Fixture::new(&[]);
        std::fs::create_dir(fixture.folder.path().join("in.txt")).unwrap();
        let error = fixture.source.poll().unwrap_err().to_string();
        assert!(error.starts_with("could not read "), "{error}");
    }

    #[test]
    fn the_partition_is_written_as_the_jvm_writes_it() {
        let of = |file: Option<&str>| {
            let mut config = IndexMap::from([("topic".to_owned(), "t".to_owned())]);
            config.extend(file.map(|file| ("file".to_owned(), file.to_owned())));
            String::from_utf8(FileStreamSource::new(&config).unwrap().partition_json()).unwrap()
        };
        assert_eq!(of(Some("/a \"b\"")), r#"{"filename":"/a \"b\""}"#);
        assert_eq!(of(Some("")), r#"{"filename":""}"#);
        assert_eq!(of(None), r#"{"filename":null}"#);
    }
}
