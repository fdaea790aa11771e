//! JSON as bytes: where a value begins and ends, and how Jackson writes a string. Nothing is re-serialised.
//!
//! Accepts what Connect's `JsonDeserializer` accepts: RFC 8259 plus leading zeros of numbers, 1000 levels deep.

use std::ops::Range;

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: expected {expected}")]
pub struct JsonError {
    /// In bytes from the start of the text.
    pub offset: usize,
    pub expected: &'static str,
}

/// Jackson's `StreamReadConstraints.DEFAULT_MAX_DEPTH`.
const DEEPEST: usize = 1000;

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Returns the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Returns the offset of the next byte.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Passes whitespace and returns the byte after it, without passing it.
    pub fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
            .count();
        self.next_byte()
    }

    /// Passes whitespace and one punctuation byte.
    ///
    /// # Errors
    /// Another byte, or none, comes next; `expected` names it.
    pub fn punctuation(&mut self, byte: u8, expected: &'static str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.expected(expected))
    }

    /// Passes one string and returns where it is, quotes included.
    ///
    /// # Errors
    /// No string, or one that RFC 8259 refuses.
    pub fn string(&mut self) -> Result<Range<usize>, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a string"));
        }
        let from = self.at;
        self.at += 1;
        loop {
            match self.next_byte() {
                None => return Err(self.expected("the end of a string")),
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return Err(self.expected("an escape of a control character")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(from..self.at)
    }

    /// Passes one value of any kind and returns where it is.
    ///
    /// # Errors
    /// No value, a malformed one, or one that is nested deeper than 1000 levels.
    pub fn value(&mut self) -> Result<Range<usize>, JsonError> {
        self.peek();
        let from = self.at;
        // The closing bytes still owed: a loop instead of recursion, so that depth costs no stack.
        let mut open: Vec<u8> = Vec::new();
        loop {
            if let Some(close) = self.begin_value()? {
                open.push(close);
                if open.len() > DEEPEST {
                    return Err(self.expected("at most 1000 levels"));
                }
                continue;
            }
            loop {
                let Some(close) = open.last().copied() else {
                    return Ok(from..self.at);
                };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.member_name(close)?;
                        break;
                    }
                    Some(byte) if byte == close => {
                        self.at += 1;
                        open.pop();
                    }
                    _ => return Err(self.expected("a comma or the end of the array or object")),
                }
            }
        }
    }

    /// Passes a scalar or an empty container, or the beginning of a container: then its closing byte is returned.
    fn begin_value(&mut self) -> Result<Option<u8>, JsonError> {
        let close = match self.peek() {
            Some(b'{') => b'}',
            Some(b'[') => b']',
            Some(b'"') => return self.string().map(|_| None),
            Some(b'-' | b'0'..=b'9') => return self.number().map(|()| None),
            Some(b't') => return self.literal("true").map(|()| None),
            Some(b'f') => return self.literal("false").map(|()| None),
            Some(b'n') => return self.literal("null").map(|()| None),
            _ => return Err(self.expected("a JSON value")),
        };
        self.at += 1;
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(None);
        }
        self.member_name(close)?;
        Ok(Some(close))
    }

    /// Passes a name and its colon when the open container is an object.
    fn member_name(&mut self, close: u8) -> Result<(), JsonError> {
        if close == b'}' {
            self.string()?;
            self.punctuation(b':', "a colon")?;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        self.pass(|b| b == b'-', 1);
        self.digits()?;
        if self.pass(|b| b == b'.', 1) {
            self.digits()?;
        }
        if self.pass(|b| matches!(b, b'e' | b'E'), 1) {
            self.pass(|b| matches!(b, b'+' | b'-'), 1);
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if self.pass(|b| b.is_ascii_digit(), usize::MAX) {
            return Ok(());
        }
        Err(self.expected("a digit"))
    }

    fn literal(&mut self, word: &'static str) -> Result<(), JsonError> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.expected(word))
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        match self.next_byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.pass(|b| b.is_ascii_hexdigit(), 1) {
                        return Err(self.expected("four hexadecimal digits"));
                    }
                }
            }
            _ => return Err(self.expected("an escape that JSON knows")),
        }
        Ok(())
    }

    /// Passes up to `most` bytes of a kind and says whether there was one.
    fn pass(&mut self, kind: impl Fn(u8) -> bool, most: usize) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take(most).take_while(|b| kind(**b)).count();
        self.at += count;
        count > 0
    }

    fn next_byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, expected: &'static str) -> JsonError {
        JsonError {
            offset: self.at,
            expected,
        }
    }
}

/// One JSON value of a text, as a slice of it.
pub type RawValue<'a> = &'a str;

/// Returns the first value of a text, without whitespace around it; `None` when there is only whitespace.
///
/// What follows the value is not looked at, as in Connect's `JsonDeserializer`.
///
/// # Errors
/// The text begins with something else than a JSON value in UTF-8.
pub fn first_value(bytes: &[u8]) -> Result<Option<RawValue<'_>>, JsonError> {
    let (text, not_utf8) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (valid, _) = bytes.split_at(error.valid_up_to());
            (
                std::str::from_utf8(valid).unwrap_or_default(),
                Some(JsonError {
                    offset: error.valid_up_to(),
                    expected: "UTF-8",
                }),
            )
        }
    };
    let mut cursor = Cursor::new(text);
    if cursor.peek().is_none() {
        return not_utf8.map_or(Ok(None), Err);
    }
    let value = cursor.value().map_err(|error| match not_utf8 {
        Some(not_utf8) if error.offset == text.len() => not_utf8,
        _ => error,
    })?;
    Ok(Some(&text[value]))
}

/// Returns the members of an object in order, repeated names included: name unescaped, and where the value is.
///
/// # Errors
/// `text` does not begin with an object, or a name holds half of a surrogate pair.
pub fn members(text: &str) -> Result<Vec<(String, Range<usize>)>, JsonError> {
    let mut cursor = Cursor::new(text);
    let mut members = Vec::new();
    cursor.punctuation(b'{', "an object")?;
    if cursor.peek() == Some(b'}') {
        return Ok(members);
    }
    loop {
        let name = cursor.string()?;
        cursor.punctuation(b':', "a colon")?;
        members.push((unescape(&text[name])?, cursor.value()?));
        if cursor.peek() == Some(b'}') {
            return Ok(members);
        }
        cursor.punctuation(b',', "a comma or the end of the object")?;
    }
}

/// Returns what a JSON string, given with its quotes, says.
///
/// # Errors
/// The text is not one JSON string, or an escape is half of a surrogate pair: Java can hold that, Kafka's names cannot.
pub fn unescape(quoted: &str) -> Result<String, JsonError> {
    serde_json::from_str(quoted).map_err(|error| JsonError {
        offset: error.column().saturating_sub(1),
        expected: "a string of complete characters",
    })
}

/// Appends `text` as a JSON string, byte for byte as Jackson's UTF-8 generator writes it.
///
/// Jackson escapes only what it must, in upper-case hex, and writes characters outside the BMP as escaped surrogates.
pub fn push_string(text: &str, to: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let push_unit = |unit: u16, to: &mut Vec<u8>| {
        to.extend_from_slice(b"\\u");
        to.extend([12, 8, 4, 0].map(|shift| HEX[usize::from(unit >> shift & 0xf)]));
    };
    to.push(b'"');
    for character in text.chars() {
        match character {
            '"' => to.extend_from_slice(b"\\\""),
            '\\' => to.extend_from_slice(b"\\\\"),
            '\u{8}' => to.extend_from_slice(b"\\b"),
            '\t' => to.extend_from_slice(b"\\t"),
            '\n' => to.extend_from_slice(b"\\n"),
            '\u{c}' => to.extend_from_slice(b"\\f"),
            '\r' => to.extend_from_slice(b"\\r"),
            '\0'..='\u{1f}' | '\u{10000}'.. => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    push_unit(*unit, to);
                }
            }
            _ => to.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cursor, first_value, members, push_string, unescape};

    fn error(bytes: &[u8]) -> String {
        first_value(bytes).unwrap_err().to_string()
    }

    #[test]
    fn the_first_value_is_a_slice_without_whitespace_around_it() {
        assert_eq!(
            first_value(b" \n{\"a\" : [1, 02]} rest"),
            Ok(Some("{\"a\" : [1, 02]}"))
        );
        assert_eq!(first_value(b"-1.50e+3,"), Ok(Some("-1.50e+3")));
        assert_eq!(first_value(b""), Ok(None));
        assert_eq!(first_value(b" \t\r\n"), Ok(None));
    }

    #[test]
    fn text_after_the_value_need_not_be_utf_8() {
        assert_eq!(first_value(b"{} \xff"), Ok(Some("{}")));
        assert_eq!(error(b"\xff"), "byte 0: expected UTF-8");
        assert_eq!(error(b"{\"a\":\"\xc3\"}"), "byte 6: expected UTF-8");
    }

    #[test]
    fn what_is_not_json_is_told_by_place() {
        assert_eq!(error(b"{\"a\" 1}"), "byte 5: expected a colon");
        assert_eq!(
            error(b"[1 2]"),
            "byte 3: expected a comma or the end of the array or object"
        );
        assert_eq!(error(b"[1,]"), "byte 3: expected a JSON value");
        assert_eq!(error(b"[1."), "byte 3: expected a digit");
        assert_eq!(error(b"nul"), "byte 0: expected null");
        assert_eq!(
            error(b"\"\x01\""),
            "byte 1: expected an escape of a control character"
        );
        assert_eq!(
            error(b"\"\\x\""),
            "byte 2: expected an escape that JSON knows"
        );
        assert_eq!(
            error(b"\"\\u12g4\""),
            "byte 5: expected four hexadecimal digits"
        );
        assert_eq!(error(b"\"a"), "byte 2: expected the end of a string");
        assert_eq!(error(b"{1:2}"), "byte 1: expected a string");
    }

    #[test]
    fn members_come_in_order_with_their_places() {
        let text = r#"{"a\n":1 , "b":{"c":2},"b":null}"#;
        let members: Vec<_> = members(text)
            .unwrap()
            .into_iter()
            .map(|(name, at)| (name, &text[at]))
            .collect();
        let expected = [("a\n", "1"), ("b", r#"{"c":2}"#), ("b", "null")];
        assert_eq!(
            members,
            expected.map(|(name, value)| (name.to_owned(), value))
        );
        assert!(super::members("[]").is_err());
    }

    proptest! {
        #[test]
        fn a_pushed_string_says_what_was_pushed(text in any::<String>()) {
            let mut written = Vec::new();
            push_string(&text, &mut written);
            let written = String::from_utf8(written).unwrap();
            prop_assert_eq!(Cursor::new(&written).string(), Ok(0..written.len()));
            prop_assert_eq!(unescape(&written), Ok(text));
        }

        #[test]
        fn what_serde_reads_is_read_as_one_value(text in r#"[\[\]{}",:0-9.eE+\-nulltrfasi \\]{0,12}"#) {
            let whole = serde_json::from_str::<&serde_json::value::RawValue>(&text);
            if let Ok(value) = whole {
                prop_assert_eq!(first_value(text.as_bytes()), Ok(Some(value.get())));
            }
        }
    }
}
