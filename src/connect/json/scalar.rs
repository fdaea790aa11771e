//! Scalars of JSON: words, numbers and strings.

use num_bigint::BigInt;

use super::super::decimal::Decimal;
use super::super::text::Text;
use super::super::throwable::Throwable;
use super::fault::Expected;
use super::node::Node;
use super::read::{Reader, too_much};

const LONGEST_NUMBER: usize = 1000;

impl Reader {
    pub(super) fn scalar(&mut self) -> Result<Node, Throwable> {
        let node = match self.peek() {
            Some(b'"') => Node::Text(self.string("VALUE_STRING", "string value")?),
            Some(b't') => self.literal("true", Node::Boolean(true))?,
            Some(b'f') => self.literal("false", Node::Boolean(false))?,
            Some(b'n') => self.literal("null", Node::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.unexpected(Expected::Value)),
        };
        self.last = match node {
            Node::Text(_) => "VALUE_STRING",
            Node::Boolean(true) => "VALUE_TRUE",
            Node::Boolean(false) => "VALUE_FALSE",
            Node::Null => "VALUE_NULL",
            Node::Decimal(_) => "VALUE_NUMBER_FLOAT",
            _ => "VALUE_NUMBER_INT",
        };
        Ok(node)
    }

    fn literal(&mut self, word: &'static str, node: Node) -> Result<Node, Throwable> {
        let rest = &self.text[self.at..];
        // A longer word is none that JSON knows.
        let is_longer = matches!(
            rest.get(word.len()),
            Some(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x7f..)
        );
        if !rest.starts_with(word.as_bytes()) || is_longer {
            return Err(self.unrecognized_token());
        }
        self.at += word.len();
        Ok(node)
    }

    fn number(&mut self) -> Result<Node, Throwable> {
        let start = self.at;
        self.pass(b"-");
        let zeros = self.digits_of(b"0");
        let mut digits = self.digits_of(b"0123456789");
        if digits == 0 && zeros == 0 {
            return Err(
                self.no_digit("expected digit (0-9) to follow minus sign, for valid numeric value")
            );
        }
        digits += usize::from(digits == 0);
        let whole = self.at;
        if self.pass(b".") {
            let after_point = self.digits_of(b"0123456789");
            if after_point == 0 {
                return Err(self.no_fraction());
            }
            digits += after_point;
        }
        if self.pass(b"eE") {
            self.pass(b"+-");
            let of_exponent = self.digits_of(b"0123456789");
            if of_exponent == 0 {
                return Err(self.no_digit("Exponent indicator not followed by a digit"));
            }
            digits += of_exponent;
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
        let is_separate = matches!(self.next_byte(), Some(b' ' | b'\t' | b'\r' | b'\n') | None);
        if self.begun.is_empty() && !is_separate {
            return Err(self.unexpected(Expected::RootSpace));
        }
        if whole < self.at {
            let decimal = Decimal::parse(&text).map(Node::Decimal);
            return decimal.ok_or_else(|| exponent_out_of_range(&text));
        }
        if let Ok(long) = text.parse::<i64>() {
            return Ok(i32::try_from(long).map_or(Node::Long(long), Node::Int));
        }
        let number = BigInt::parse_bytes(text.as_bytes(), 10).map(Node::BigInteger);
        number.ok_or_else(|| self.no_digit("not a number"))
    }

    fn digits_of(&mut self, any_of: &[u8]) -> usize {
        let rest = &self.text[self.at..];
        let count = rest.iter().take_while(|byte| any_of.contains(byte)).count();
        self.at += count;
        count
    }

    /// Passes a string; one without escapes is a slice of the text.
    ///
    /// `token` and `part` are what Jackson calls it.
    pub(super) fn string(
        &mut self,
        token: &'static str,
        part: &'static str,
    ) -> Result<Text, Throwable> {
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
        self.string_with_escapes(token, part)
    }

    fn string_with_escapes(
        &mut self,
        token: &'static str,
        part: &'static str,
    ) -> Result<Text, Throwable> {
        self.at += 1;
        let mut units = Vec::new();
        loop {
            match self.next_byte() {
                None => return Err(self.end_in(token)),
                Some(b'"') => break,
                Some(b'\\') => units.push(self.escape()?),
                Some(byte @ 0..0x20) => return Err(self.unquoted_control(byte, part)),
                Some(byte @ 0x20..0x80) => {
                    units.push(u16::from(byte));
                    self.at += 1;
                }
                Some(_) => self.beyond_ascii(token, &mut units)?,
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
            _ => return Err(self.unrecognized_escape()),
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
            .ok_or_else(|| self.no_hex_digit())?;
        self.at += 6;
        Ok(unit)
    }

    /// Passes one character as `UTF8StreamJsonParser` decodes it, which takes overlong forms and more than U+10FFFF.
    fn beyond_ascii(&mut self, token: &'static str, units: &mut Vec<u16>) -> Result<(), Throwable> {
        let lead = self.text[self.at];
        let (length, bits) = match lead {
            0xc0..=0xdf => (2, lead & 0x1f),
            0xe0..=0xef => (3, lead & 0x0f),
            0xf0..=0xf7 => (4, lead & 0x07),
            _ => {
                let message = format!("Invalid UTF-8 start byte 0x{lead:x}");
                return Err(self.fault(self.at + 1, &message));
            }
        };
        let mut code = u32::from(bits);
        for offset in 1..length {
            match self.text.get(self.at + offset) {
                Some(byte @ 0x80..=0xbf) => code = code << 6 | u32::from(byte & 0x3f),
                None => return Err(self.end_in(token)),
                Some(byte) => {
                    let message = format!("Invalid UTF-8 middle byte 0x{byte:x}");
                    return Err(self.fault(self.at + offset + 1, &message));
                }
            }
        }
        if length == 3 && (0xd800..0xe000).contains(&code) {
            let message = format!("Invalid UTF-8: Illegal surrogate character 0x{code:x}");
            return Err(self.fault(self.at + 3, &message));
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
