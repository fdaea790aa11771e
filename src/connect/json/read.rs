//! Bytes → tree, as the `ObjectMapper` of Connect's `JsonDeserializer` reads them.
//!
//! RFC 8259 plus leading zeros of numbers. What follows the first value is not looked at. The limits are those of
//! `com.fasterxml.jackson.core.StreamReadConstraints`.

use bytes::Bytes;
use indexmap::IndexMap;
use num_bigint::BigInt;

use super::super::decimal::Decimal;
use super::super::text::Text;
use super::super::throwable::Throwable;
use super::node::Node;
use crate::model::connector_config::jackson_utf8;

const DEEPEST: usize = 1000;
const LONGEST_NUMBER: usize = 1000;
/// In bytes.
const LONGEST_NAME: usize = 50_000;

/// Reads the first value of a text; bytes without one are [`Node::Missing`].
///
/// # Errors
/// Jackson's exception, its message in our words.
pub(super) fn read(bytes: &Bytes) -> Result<Node, Throwable> {
    let text = match jackson_utf8(bytes) {
        Ok(std::borrow::Cow::Borrowed(text)) => bytes.slice_ref(text),
        Ok(std::borrow::Cow::Owned(text)) => text.into(),
        Err(message) => {
            return Err(Throwable::new("java.io.CharConversionException", message));
        }
    };
    Reader { text, at: 0 }.document()
}

/// A place in a text.
struct Reader {
    text: Bytes,
    at: usize,
}

/// A container that is not complete.
enum Open {
    Array(Vec<Node>),
    /// With the name whose value comes next.
    Object(IndexMap<Text, Node>, Text),
}

impl Reader {
    /// A loop instead of recursion, so that depth costs no stack.
    fn document(mut self) -> Result<Node, Throwable> {
        if self.peek().is_none() {
            return Ok(Node::Missing);
        }
        let mut open = Vec::new();
        loop {
            let Some(mut node) = self.begin(&mut open)? else {
                continue;
            };
            loop {
                match open.pop() {
                    None => return Ok(node),
                    Some(container) => match self.add(container, node)? {
                        Ok(complete) => node = complete,
                        Err(more) => {
                            open.push(more);
                            break;
                        }
                    },
                }
            }
        }
    }

    /// Passes a scalar, an empty container, or the beginning of a container, which is then open.
    fn begin(&mut self, open: &mut Vec<Open>) -> Result<Option<Node>, Throwable> {
        let container = match self.peek() {
            Some(b'{') => {
                self.at += 1;
                Self::within_depth(open.len())?;
                if self.peek() == Some(b'}') {
                    self.at += 1;
                    return Ok(Some(Node::Object(IndexMap::new())));
                }
                Open::Object(IndexMap::new(), self.name()?)
            }
            Some(b'[') => {
                self.at += 1;
                Self::within_depth(open.len())?;
                if self.peek() == Some(b']') {
                    self.at += 1;
                    return Ok(Some(Node::Array(Vec::new())));
                }
                Open::Array(Vec::new())
            }
            _ => return self.scalar(open.is_empty()).map(Some),
        };
        open.push(container);
        Ok(None)
    }

    /// Adds a value; returns the container when that was its last, and the open one otherwise.
    fn add(&mut self, container: Open, node: Node) -> Result<Result<Node, Open>, Throwable> {
        match container {
            Open::Array(mut elements) => {
                elements.push(node);
                if self.next_of(b']', "a comma or the end of the array")? {
                    return Ok(Err(Open::Array(elements)));
                }
                Ok(Ok(Node::Array(elements)))
            }
            Open::Object(mut members, name) => {
                members.insert(name, node);
                if self.next_of(b'}', "a comma or the end of the object")? {
                    let name = self.name()?;
                    return Ok(Err(Open::Object(members, name)));
                }
                Ok(Ok(Node::Object(members)))
            }
        }
    }

    /// Passes a comma or the end of a container; returns whether it was a comma.
    fn next_of(&mut self, end: u8, expected: &'static str) -> Result<bool, Throwable> {
        let next = self.peek();
        if next != Some(b',') && next != Some(end) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        Ok(next == Some(b','))
    }

    fn within_depth(open: usize) -> Result<(), Throwable> {
        if open < DEEPEST {
            return Ok(());
        }
        Err(too_much(
            "Document nesting depth",
            open + 1,
            DEEPEST,
            "NestingDepth",
        ))
    }

    fn name(&mut self) -> Result<Text, Throwable> {
        if self.peek() != Some(b'"') {
            return Err(self.expected("a name in double quotes"));
        }
        let name = self.string()?;
        let length = name.as_bytes().len();
        if length > LONGEST_NAME {
            return Err(too_much("Name length", length, LONGEST_NAME, "NameLength"));
        }
        // Jackson decodes names by another way than values, which refuses it.
        if name.has_lone_surrogates() {
            return Err(self.expected("UTF-8"));
        }
        if self.peek() != Some(b':') {
            return Err(self.expected("a colon"));
        }
        self.at += 1;
        Ok(name)
    }

    fn scalar(&mut self, is_root: bool) -> Result<Node, Throwable> {
        match self.peek() {
            Some(b'"') => self.string().map(Node::Text),
            Some(b't') => self.literal("true", Node::Boolean(true)),
            Some(b'f') => self.literal("false", Node::Boolean(false)),
            Some(b'n') => self.literal("null", Node::Null),
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                match self.next_byte() {
                    Some(b' ' | b'\t' | b'\r' | b'\n') | None => Ok(number),
                    Some(_) if is_root => Err(self.expected("a space after the value")),
                    Some(_) => Ok(number),
                }
            }
            _ => Err(self.expected("a value")),
        }
    }

    fn literal(&mut self, word: &'static str, node: Node) -> Result<Node, Throwable> {
        if !self.text[self.at..].starts_with(word.as_bytes()) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        // A longer word is none that JSON knows.
        match self.next_byte() {
            Some(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x7f..) => {
                Err(self.expected("the end of the value"))
            }
            _ => Ok(node),
        }
    }

    fn number(&mut self) -> Result<Node, Throwable> {
        let start = self.at;
        self.pass(b"-");
        let zeros = self.digits_of(b"0");
        let mut digits = self.digits_of(b"0123456789");
        if digits == 0 && zeros == 0 {
            return Err(self.expected("a digit"));
        }
        digits += usize::from(digits == 0);
        let whole = self.at;
        if self.pass(b".") {
            digits += self.some_digits()?;
        }
        if self.pass(b"eE") {
            self.pass(b"+-");
            digits += self.some_digits()?;
        }
        if digits > LONGEST_NUMBER {
            return Err(too_much(
                "Number value length",
                digits,
                LONGEST_NUMBER,
                "NumberLength",
            ));
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        if whole < self.at {
            let decimal = Decimal::parse(&text).map(Node::Decimal);
            return decimal.ok_or_else(|| exponent_out_of_range(&text));
        }
        if let Ok(long) = text.parse::<i64>() {
            return Ok(i32::try_from(long).map_or(Node::Long(long), Node::Int));
        }
        let number = BigInt::parse_bytes(text.as_bytes(), 10).map(Node::BigInteger);
        number.ok_or_else(|| self.expected("a number"))
    }

    fn some_digits(&mut self) -> Result<usize, Throwable> {
        match self.digits_of(b"0123456789") {
            0 => Err(self.expected("a digit")),
            count => Ok(count),
        }
    }

    fn digits_of(&mut self, any_of: &[u8]) -> usize {
        let rest = &self.text[self.at..];
        let count = rest.iter().take_while(|byte| any_of.contains(byte)).count();
        self.at += count;
        count
    }

    /// Passes a string; one without escapes is a slice of the text.
    fn string(&mut self) -> Result<Text, Throwable> {
        let start = self.at + 1;
        let rest = &self.text[start..];
        let plain = rest
            .iter()
            .take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20))
            .count();
        if rest.get(plain) == Some(&b'"')
            && let Some(text) = Text::from_utf8(self.text.slice(start..start + plain))
        {
            self.at = start + plain + 1;
            return Ok(text);
        }
        self.string_with_escapes()
    }

    fn string_with_escapes(&mut self) -> Result<Text, Throwable> {
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
        Ok(Text::from_utf16(units))
    }

    fn escape(&mut self) -> Result<u16, Throwable> {
        let unit = match self.text.get(self.at + 1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
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

    fn unicode_escape(&mut self) -> Result<u16, Throwable> {
        let digits = self.text.get(self.at + 2..self.at + 6).unwrap_or_default();
        let unit = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.len() == 4 && !digits.starts_with('+'))
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .ok_or_else(|| self.expected("four hexadecimal digits after \\u"))?;
        self.at += 6;
        Ok(unit)
    }

    /// Passes one character as `UTF8StreamJsonParser` decodes it, which takes overlong forms and more than U+10FFFF.
    fn beyond_ascii(&mut self, units: &mut Vec<u16>) -> Result<(), Throwable> {
        let lead = self.text[self.at];
        let (length, bits) = match lead {
            0xc0..=0xdf => (2, lead & 0x1f),
            0xe0..=0xef => (3, lead & 0x0f),
            0xf0..=0xf7 => (4, lead & 0x07),
            _ => return Err(self.expected("UTF-8")),
        };
        let mut code = u32::from(bits);
        for offset in 1..length {
            match self.text.get(self.at + offset) {
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
        self.text.get(self.at).copied()
    }

    fn expected(&self, expected: &str) -> Throwable {
        let before = &self.text[..self.at.min(self.text.len())];
        let line = before.split(|byte| *byte == b'\n').count();
        let line_start = before.iter().rposition(|byte| *byte == b'\n');
        let column = before.len() - line_start.map_or(0, |newline| newline + 1) + 1;
        Throwable::new(
            "com.fasterxml.jackson.core.JsonParseException",
            format!(
                "Expected {expected}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); \
                 line: {line}, column: {column}]"
            ),
        )
    }
}

/// What `BigDecimal` says of a number whose only fault is its exponent.
fn exponent_out_of_range(number: &str) -> Throwable {
    let digits = number
        .rsplit(['e', 'E', '-', '+'])
        .next()
        .unwrap_or_default();
    let digits = digits.trim_start_matches('0');
    let reason = match digits.parse::<i64>() {
        _ if digits.len() > 10 => "Too many nonzero exponent digits.",
        Ok(exponent) if i32::try_from(exponent).is_err() => "Exponent overflow.",
        _ => "Scale out of range.",
    };
    Throwable::new(
        "java.lang.NumberFormatException",
        format!(
            "Value \"{number}\" can not be deserialized as `java.math.BigDecimal`, reason:  {reason}"
        ),
    )
}

fn low_half(code: u32) -> u16 {
    let [_, _, high, low] = code.to_be_bytes();
    u16::from_be_bytes([high, low])
}

fn too_much(what: &str, is: usize, most: usize, limit: &str) -> Throwable {
    Throwable::new(
        "com.fasterxml.jackson.core.exc.StreamConstraintsException",
        format!(
            "{what} ({is}) exceeds the maximum allowed ({most}, from `StreamReadConstraints.getMax{limit}()`)"
        ),
    )
}
