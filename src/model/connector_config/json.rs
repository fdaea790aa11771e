//! JSON as the Jackson of Kafka 4.3.1 reads it with its defaults.
//!
//! Not `serde_json`, for the differences decide which form a file has: Jackson stops at the end of the first value,
//! keeps halves of surrogate pairs and overlong UTF-8, and has limits of its own
//! (`com.fasterxml.jackson.core.StreamReadConstraints`).

use indexmap::IndexMap;

use super::error::ConnectorConfigError;

/// Scalars by name; `None` for `null`. Of a repeated name the last value.
pub(super) type Members = IndexMap<String, Option<String>>;

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// `StreamReadException` or `DatabindException`: Connect tries the next form.
    Problem { at: usize, expected: &'static str },
    /// `StreamConstraintsException`, with its message: Connect gives up.
    Constraint(String),
}

const DEEPEST: usize = 1000;
const LONGEST_NUMBER: usize = 1000;
const LONGEST_NAME: usize = 50_000;

/// A place in a JSON text.
pub(super) struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    lone_surrogate: Option<(usize, u16)>,
}

impl<'a> Json<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
            lone_surrogate: None,
        }
    }

    /// Returns what was read, unless a string that counts has half of a surrogate pair without its other half.
    pub(super) fn whole<T>(&self, read: T) -> Result<T, ConnectorConfigError> {
        let Some((at, unit)) = self.lone_surrogate else {
            return Ok(read);
        };
        let (line, column) = position(self.bytes, at);
        Err(ConnectorConfigError::LoneSurrogate { line, column, unit })
    }

    pub(super) fn expected(&self, expected: &'static str) -> Stop {
        Stop::Problem {
            at: self.at,
            expected,
        }
    }

    /// Passes `null`; returns whether it was there.
    pub(super) fn null(&mut self) -> Result<bool, Stop> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.literal("null")?;
        Ok(true)
    }

    pub(super) fn is_at_string(&mut self) -> bool {
        self.peek() == Some(b'"')
    }

    /// Passes an object and lets `member` read every value.
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.punctuation(b'{', "an object")?;
        self.enter()?;
        if self.peek() == Some(b'}') {
            self.leave();
            return Ok(());
        }
        loop {
            let key = self.name()?;
            member(self, &key)?;
            if self.peek() == Some(b'}') {
                self.leave();
                return Ok(());
            }
            self.punctuation(b',', "a comma or the end of the object")?;
        }
    }

    /// Passes an object whose values are all scalars.
    pub(super) fn scalars(&mut self) -> Result<Members, Stop> {
        let mut found = Members::new();
        self.members(|json, key| {
            let value = json.scalar()?;
            found.insert(key.to_owned(), value);
            Ok(())
        })?;
        Ok(found)
    }

    /// Passes a scalar and returns its text: that of a number or boolean as it is written, `None` for `null`.
    pub(super) fn scalar(&mut self) -> Result<Option<String>, Stop> {
        match self.peek() {
            Some(b'"') => self.string().map(Some),
            Some(b't') => self.literal("true").map(Some),
            Some(b'f') => self.literal("false").map(Some),
            Some(b'n') => self.literal("null").map(|_| None),
            Some(b'-' | b'0'..=b'9') => self.number().map(Some),
            Some(b'{' | b'[') => Err(self.expected("a string, a number, a boolean or null")),
            _ => Err(self.expected("a value")),
        }
    }

    /// Passes any value.
    pub(super) fn skip(&mut self) -> Result<(), Stop> {
        let lone_surrogate = self.lone_surrogate;
        let mut open = Vec::new();
        loop {
            if let Some(close) = self.opened()? {
                open.push(close);
                if self.peek() != Some(close) {
                    self.name_in(&open)?;
                    continue;
                }
            } else {
                self.scalar()?;
            }
            while let Some(close) = open.last()
                && self.peek() == Some(*close)
            {
                self.leave();
                open.pop();
            }
            if open.is_empty() {
                self.lone_surrogate = lone_surrogate;
                return Ok(());
            }
            self.punctuation(b',', "a comma or the end of the object or array")?;
            self.name_in(&open)?;
        }
    }

    /// Passes the start of an object or array and returns the byte that ends it.
    fn opened(&mut self) -> Result<Option<u8>, Stop> {
        let close = match self.peek() {
            Some(b'{') => b'}',
            Some(b'[') => b']',
            _ => return Ok(None),
        };
        self.at += 1;
        self.enter()?;
        Ok(Some(close))
    }

    /// Passes a name and its colon if the innermost open value is an object.
    fn name_in(&mut self, open: &[u8]) -> Result<(), Stop> {
        if open.last() == Some(&b'}') {
            self.name()?;
        }
        Ok(())
    }

    fn name(&mut self) -> Result<String, Stop> {
        if !self.is_at_string() {
            return Err(self.expected("a name in double quotes"));
        }
        let name = self.string()?;
        let length = name.encode_utf16().count();
        if length > LONGEST_NAME {
            return Err(too_much("Name length", length, LONGEST_NAME, "NameLength"));
        }
        self.punctuation(b':', "a colon")?;
        Ok(name)
    }

    fn enter(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(too_much(
                "Document nesting depth",
                self.depth,
                DEEPEST,
                "NestingDepth",
            ));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    fn punctuation(&mut self, byte: u8, expected: &'static str) -> Result<(), Stop> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, word: &'static str) -> Result<String, Stop> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        // A longer word is none that JSON knows.
        match self.next_byte() {
            Some(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x7f..) => {
                Err(self.expected("the end of the value"))
            }
            _ => Ok(word.to_owned()),
        }
    }

    fn number(&mut self) -> Result<String, Stop> {
        let start = self.at;
        self.pass(b"-");
        let mut digits = match self.next_byte() {
            Some(b'0') => {
                self.at += 1;
                if matches!(self.next_byte(), Some(b'0'..=b'9')) {
                    return Err(self.expected("a number without leading zeros"));
                }
                1
            }
            _ => self.digits()?,
        };
        if self.pass(b".") {
            digits += self.digits()?;
        }
        if self.pass(b"eE") {
            self.pass(b"+-");
            digits += self.digits()?;
        }
        if digits > LONGEST_NUMBER {
            return Err(too_much(
                "Number value length",
                digits,
                LONGEST_NUMBER,
                "NumberLength",
            ));
        }
        let text = self.bytes[start..self.at].iter().copied();
        Ok(text.map(char::from).collect())
    }

    fn digits(&mut self) -> Result<usize, Stop> {
        let count = self.bytes[self.at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.at += count;
        if count == 0 {
            return Err(self.expected("a digit"));
        }
        Ok(count)
    }

    /// Passes a string and returns its text.
    pub(super) fn string(&mut self) -> Result<String, Stop> {
        let start = self.at;
        self.at += 1;
        let mut units = Vec::new();
        loop {
            match self.next_byte() {
                None => return Err(self.expected("the end of the string")),
                Some(b'"') => break,
                Some(b'\\') => units.push(self.escape()?),
                Some(0..0x20) => return Err(self.expected("an escape of the control character")),
                Some(byte @ 0x20..0x80) => {
                    units.push(u16::from(byte));
                    self.at += 1;
                }
                Some(_) => self.beyond_ascii(&mut units)?,
            }
        }
        self.at += 1;
        Ok(self.text(start, &units))
    }

    fn text(&mut self, start: usize, units: &[u16]) -> String {
        char::decode_utf16(units.iter().copied())
            .map(|decoded| match decoded {
                Ok(character) => character,
                Err(lone) => {
                    let found = (start, lone.unpaired_surrogate());
                    self.lone_surrogate.get_or_insert(found);
                    char::REPLACEMENT_CHARACTER
                }
            })
            .collect()
    }

    fn escape(&mut self) -> Result<u16, Stop> {
        let escaped = self.bytes.get(self.at + 1).copied();
        let unit = match escaped {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.expected("an escape that JSON knows")),
        };
        self.at += 2;
        Ok(u16::from(unit))
    }

    fn unicode_escape(&mut self) -> Result<u16, Stop> {
        let unit = self
            .bytes
            .get(self.at + 2..self.at + 6)
            .and_then(|digits| {
                digits.iter().try_fold(0, |unit, digit| {
                    let digit = char::from(*digit).to_digit(16)?;
                    Some(unit << 4 | u16::try_from(digit).ok()?)
                })
            })
            .ok_or_else(|| self.expected("four hexadecimal digits after \\u"))?;
        self.at += 6;
        Ok(unit)
    }

    /// Passes one character of UTF-8 as `UTF8StreamJsonParser` decodes it, which takes overlong forms and more than
    /// U+10FFFF without complaint.
    fn beyond_ascii(&mut self, units: &mut Vec<u16>) -> Result<(), Stop> {
        let lead = self.bytes[self.at];
        let (length, bits) = match lead {
            0xc0..=0xdf => (2, lead & 0x1f),
            0xe0..=0xef => (3, lead & 0x0f),
            0xf0..=0xf7 => (4, lead & 0x07),
            _ => return Err(self.expected("UTF-8")),
        };
        let mut code = u32::from(bits);
        for offset in 1..length {
            match self.bytes.get(self.at + offset) {
                Some(byte @ 0x80..=0xbf) => code = code << 6 | u32::from(byte & 0x3f),
                _ => return Err(self.expected("UTF-8")),
            }
        }
        if length == 3 && (0xd800..0xe000).contains(&code) {
            return Err(self.expected("UTF-8"));
        }
        if length == 4 {
            let code = code.wrapping_sub(0x1_0000);
            units.push(0xd800 | low_half(code >> 10));
            units.push(0xdc00 | low_half(code & 0x3ff));
        } else {
            units.push(low_half(code));
        }
        self.at += length;
        Ok(())
    }

    fn pass(&mut self, any_of: &[u8]) -> bool {
        let found = self.next_byte().is_some_and(|byte| any_of.contains(&byte));
        self.at += usize::from(found);
        found
    }

    /// Passes whitespace and returns the byte after it, without passing it.
    fn peek(&mut self) -> Option<u8> {
        while self.pass(b" \t\n\r") {}
        self.next_byte()
    }

    fn next_byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

fn low_half(code: u32) -> u16 {
    let [_, _, high, low] = code.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn too_much(what: &str, is: usize, most: usize, limit: &str) -> Stop {
    Stop::Constraint(format!(
        "{what} ({is}) exceeds the maximum allowed ({most}, from `StreamReadConstraints.getMax{limit}()`)"
    ))
}

/// Returns the line and column of a byte, both from 1; columns are characters.
pub(super) fn position(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let line = before.split(|byte| *byte == b'\n').count();
    let characters = before[line_start..]
        .iter()
        .filter(|byte| **byte & 0xc0 != 0x80)
        .count();
    (line, characters + 1)
}
