//! Bytes → logical lines, as `java.util.Properties` cuts them. Never fails and loses nothing.
//!
//! What is learned from the JDK's behaviour, beyond its documentation:
//!
//! * a backslash before a line end joins the next line, without its leading blanks; but while nothing else has been
//!   read of the logical line, the next line may still be blank or a comment;
//! * a backslash at the very end of the input, or before a single CR or LF that ends the input, is dropped, and what
//!   precedes it is an entry even if it is empty; before a CR LF that ends the input an empty one is not.

use std::ops::Range;

/// A stretch of the input: either an entry or everything that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch<'a> {
    pub(crate) bytes: &'a [u8],
    /// Offset of the first byte in the input.
    pub(crate) start: usize,
    pub(crate) is_entry: bool,
}

/// How the last line of an entry ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With a line end: another entry may follow.
    Closed,
    /// At the end of the input.
    Unterminated,
    /// With a backslash at the end of the input.
    Backslash,
    /// With a backslash and the line end that ends the input.
    Continued,
}

/// The parts of one entry, as offsets into its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The key, still escaped, with the offset of each byte.
    pub(crate) key: Vec<(usize, u8)>,
    /// The value, still escaped, with the offset of each byte.
    pub(crate) value: Vec<(usize, u8)>,
    /// What a new value replaces: from the first byte of the value to the last line end.
    pub(crate) value_at: Range<usize>,
    /// Whether anything, be it blanks, parts key and value.
    pub(crate) separated: bool,
    pub(crate) ending: Ending,
}

/// One line of the input as an editor counts them: ended by LF, CR or CR LF.
#[derive(Debug, Clone, Copy)]
struct NaturalLine<'a> {
    /// Without its line end.
    text: &'a [u8],
    start: usize,
    /// Offset of the next line.
    next: usize,
}

impl NaturalLine<'_> {
    fn line_end(&self) -> usize {
        self.next - self.start - self.text.len()
    }
}

fn natural_line(input: &[u8], start: usize) -> Option<NaturalLine<'_>> {
    let rest = input.get(start..).filter(|rest| !rest.is_empty())?;
    let length = rest
        .iter()
        .position(|byte| matches!(byte, b'\n' | b'\r'))
        .unwrap_or(rest.len());
    let line_end = match &rest[length..] {
        [] => 0,
        [b'\r', b'\n', ..] => 2,
        _ => 1,
    };
    Some(NaturalLine {
        text: &rest[..length],
        start,
        next: start + length + line_end,
    })
}

/// Returns the length of the line end that closes `bytes`: 0, 1 or 2.
pub(crate) fn line_end_length(bytes: &[u8]) -> usize {
    match bytes {
        [.., b'\r', b'\n'] => 2,
        [.., b'\r' | b'\n'] => 1,
        _ => 0,
    }
}

/// Cuts the input into entries and what lies between them, without a gap.
pub(crate) fn stretches(input: &[u8]) -> Vec<Stretch<'_>> {
    let mut found = Vec::new();
    let (mut other, mut at) = (0, 0);
    while let Some((start, end)) = next_entry(input, at) {
        if other < start {
            found.push(stretch(input, other..start, false));
        }
        found.push(stretch(input, start..end, true));
        (other, at) = (end, end);
    }
    if other < input.len() {
        found.push(stretch(input, other..input.len(), false));
    }
    found
}

fn stretch(input: &[u8], range: Range<usize>, is_entry: bool) -> Stretch<'_> {
    Stretch {
        start: range.start,
        bytes: &input[range],
        is_entry,
    }
}

/// Returns where the next entry starts and ends.
fn next_entry(input: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut start = at;
    let mut empty = true;
    let mut continued = false;
    while let Some(line) = natural_line(input, at) {
        let text = without_leading_blanks(line.text);
        at = line.next;
        if empty && matches!(text, [] | [b'#' | b'!', ..]) {
            (start, continued) = (at, false);
            continue;
        }
        if !continued {
            start = line.start;
        }
        continued = is_continued(text);
        empty &= continued && text.len() == 1;
        let input_ends = at == input.len() && line.line_end() < 2;
        if !continued || input_ends {
            return Some((start, at));
        }
    }
    (!empty).then_some((start, at))
}

/// Takes one entry apart. `bytes` are those of a [`Stretch`] that is one.
pub(crate) fn entry(bytes: &[u8]) -> Entry {
    let (content, ending) = content(bytes);
    let key_length = key_length(&content);
    let (value_start, separated) = value_start(&content, key_length);
    let content_end = content.last().map_or(0, |(offset, _)| offset + 1);
    let value_offset = content
        .get(value_start)
        .map_or(content_end, |(offset, _)| *offset);
    Entry {
        key: content[..key_length].to_vec(),
        value: content[value_start..].to_vec(),
        value_at: value_offset..bytes.len() - line_end_length(bytes),
        separated,
        ending,
    }
}

/// Joins the natural lines of an entry.
fn content(bytes: &[u8]) -> (Vec<(usize, u8)>, Ending) {
    let mut joined = Vec::with_capacity(bytes.len());
    let mut ending = Ending::Closed;
    let mut at = 0;
    while let Some(line) = natural_line(bytes, at) {
        let text = without_leading_blanks(line.text);
        let continued = is_continued(text);
        ending = match (continued, line.line_end()) {
            (false, 0) => Ending::Unterminated,
            (false, _) => Ending::Closed,
            (true, 0) => Ending::Backslash,
            (true, _) => Ending::Continued,
        };
        let first = line.start + line.text.len() - text.len();
        let kept = text.len() - usize::from(continued);
        joined.extend(
            text[..kept]
                .iter()
                .enumerate()
                .map(|(i, b)| (first + i, *b)),
        );
        at = line.next;
    }
    (joined, ending)
}

fn key_length(content: &[(usize, u8)]) -> usize {
    let mut escaped = false;
    for (index, (_, byte)) in content.iter().enumerate() {
        match byte {
            b'=' | b':' | b' ' | b'\t' | b'\x0c' if !escaped => return index,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    content.len()
}

fn value_start(content: &[(usize, u8)], key_length: usize) -> (usize, bool) {
    let mut seen_sign = false;
    for (index, (_, byte)) in content.iter().enumerate().skip(key_length) {
        match byte {
            b' ' | b'\t' | b'\x0c' => {}
            b'=' | b':' if !seen_sign => seen_sign = true,
            _ => return (index, true),
        }
    }
    (content.len(), content.len() > key_length)
}

fn without_leading_blanks(text: &[u8]) -> &[u8] {
    let blanks = text
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\x0c'))
        .count();
    &text[blanks..]
}

/// Returns whether an odd number of backslashes ends the line.
fn is_continued(text: &[u8]) -> bool {
    text.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Returns the line and column, both from 1, of an offset. A column is a byte, which in Latin-1 is a character.
pub(crate) fn position(input: &[u8], offset: usize) -> (usize, usize) {
    let (mut line_number, mut at) = (1, 0);
    while let Some(line) = natural_line(input, at) {
        if offset < line.next || line.line_end() == 0 {
            break;
        }
        line_number += 1;
        at = line.next;
    }
    (line_number, offset - at + 1)
}
