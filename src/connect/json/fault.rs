//! What Jackson says of a text that is not JSON, and where.

use super::super::throwable::Throwable;
use super::read::Reader;

const SOURCE: &str = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)";
const TOKENS: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// What should have come after blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Value,
    Separator,
    Name,
    Colon,
    /// A blank after a number that no container surrounds.
    RootSpace,
}

impl Reader {
    /// Tells of the next byte, or of the end.
    pub(super) fn unexpected(&self, expected: Expected) -> Throwable {
        let Some(byte) = self.next_byte() else {
            return self.unexpected_end(expected);
        };
        let of_character = |comment: &str| {
            let shown = shown(byte);
            self.fault(
                self.at,
                &format!("Unexpected character ({shown}): {comment}"),
            )
        };
        match (expected, byte) {
            (Expected::RootSpace, _) => of_character("Expected space separating root-level values"),
            (_, b'/') => of_character(
                "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for \
                 parser)",
            ),
            (_, 0..0x20) => self.fault(
                self.at + 1,
                &format!(
                    "Illegal character ((CTRL-CHAR, code {byte})): only regular white space (\\r, \\n, \\t) is allowed \
                     between tokens"
                ),
            ),
            (Expected::Value, _) => self.unexpected_value(byte),
            (_, b']' | b'}') if self.is_at_end_of_other(expected) => self.wrong_end(byte),
            (Expected::Separator, _) => of_character(&format!(
                "was expecting comma to separate {} entries",
                self.container()
            )),
            (Expected::Name, _) => {
                let (character, length) = self.character();
                let shown = shown_character(character);
                let message = format!(
                    "Unexpected character ({shown}): was expecting double-quote to start field name"
                );
                self.fault(self.at + length - 1, &message)
            }
            (Expected::Colon, _) => {
                of_character("was expecting a colon to separate field name and value")
            }
        }
    }

    fn unexpected_value(&self, byte: u8) -> Throwable {
        let valid = format!("expected a valid value {TOKENS}");
        let in_array = self.container() == "Array";
        let comment = match byte {
            b']' | b'}' if self.begun.is_empty() || in_array && !self.after_comma => {
                return self.wrong_end(byte);
            }
            b']' if !in_array => &valid,
            b',' | b']' | b'}' => "expected a value",
            b'N' | b'I' => {
                return self.non_standard_token(if byte == b'N' { "NaN" } else { "Infinity" }, 0);
            }
            b'+' if self.at + 1 == self.text.len() => return self.end_in("a Number value"),
            b'+' => {
                return self.fault(
                    self.at + 1,
                    "Unexpected character ('+' (code 43)) in numeric value: JSON spec does not allow numbers to have plus \
                     signs: enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow",
                );
            }
            _ if is_identifier_start(char::from(byte)) => return self.unrecognized_token(),
            _ => &valid,
        };
        let message = format!("Unexpected character ({}): {comment}", shown(byte));
        self.fault(self.at, &message)
    }

    /// `before` are bytes that belong to the token and are not at the place any more.
    fn non_standard_token(&self, token: &str, before: usize) -> Throwable {
        if !self.text[self.at..].starts_with(token.as_bytes()) {
            return self.unrecognized_token_from(before);
        }
        let start = self.at - before;
        let end = self.at + token.len();
        let token = String::from_utf8_lossy(&self.text[start..end]);
        self.fault(
            end,
            &format!(
                "Non-standard token '{token}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
            ),
        )
    }

    fn unexpected_end(&self, expected: Expected) -> Throwable {
        let container = self.container();
        let may_end = match expected {
            Expected::Separator => true,
            Expected::Value => container == "Array" && !self.after_comma,
            Expected::Name => !self.after_comma,
            Expected::Colon | Expected::RootSpace => false,
        };
        if !may_end {
            let what = format!(" within/between {container} entries");
            // After a comma Jackson throws the general exception.
            return if self.after_comma {
                let end = self.text.len();
                self.fault(end, &format!("Unexpected end-of-input{what}"))
            } else {
                self.end(&what)
            };
        }
        self.end(&format!(
            ": expected close marker for {container} (start marker at {})",
            self.start_of_container()
        ))
    }

    /// Returns whether the end of another container may be told as such here.
    fn is_at_end_of_other(&self, expected: Expected) -> bool {
        match expected {
            Expected::Separator => true,
            Expected::Name => !self.after_comma,
            _ => false,
        }
    }

    fn wrong_end(&self, byte: u8) -> Throwable {
        let end = char::from(byte);
        let message = match self.container() {
            "root" if end == ']' => {
                "Unexpected close marker ']': no open Array to close".to_owned()
            }
            "root" => "Unexpected close marker '}': no open Object to close".to_owned(),
            container => {
                let other = if end == ']' { '}' } else { ']' };
                let start = self.start_of_container();
                format!(
                    "Unexpected close marker '{end}': expected '{other}' (for {container} starting at {start})"
                )
            }
        };
        self.fault(self.at, &message)
    }

    /// Tells of a word that JSON does not know, which ends where no Java identifier could go on.
    pub(super) fn unrecognized_token(&self) -> Throwable {
        self.unrecognized_token_from(0)
    }

    /// `before` is the length of a sign that was passed.
    fn unrecognized_token_from(&self, before: usize) -> Throwable {
        let mut at = self.at;
        let mut token = "-".repeat(before);
        if let Some(byte) = self.next_byte().filter(|byte| !byte.is_ascii()) {
            token.push(char::from(byte));
            at += 1;
        }
        while let Some(byte) = self.text.get(at) {
            let Some((character, length)) = character_at(&self.text[at..]) else {
                let message = format!("Invalid UTF-8 start byte 0x{byte:x}");
                return self.fault(at + 1, &message);
            };
            if !is_identifier_part(character) {
                break;
            }
            token.push(character);
            at += length;
            if token.encode_utf16().count() >= 256 {
                token.push_str("...");
                break;
            }
        }
        self.fault(
            self.at - before,
            &format!("Unrecognized token '{token}': was expecting {TOKENS}"),
        )
    }

    /// Tells of a number that stops before a digit that it needs.
    pub(super) fn no_digit(&self, comment: &str) -> Throwable {
        match self.next_byte() {
            None => self.end_in(self.last),
            Some(b'I') => self.non_standard_token("Infinity", 1),
            Some(byte) => self.in_number(self.at, byte, comment),
        }
    }

    pub(super) fn no_fraction(&self) -> Throwable {
        let comment = "Decimal point not followed by a digit";
        match self.next_byte() {
            None => self.in_number(self.at - 1, b'.', comment),
            Some(byte) => self.in_number(self.at, byte, comment),
        }
    }

    fn in_number(&self, at: usize, byte: u8, comment: &str) -> Throwable {
        let message = format!(
            "Unexpected character ({}) in numeric value: {comment}",
            shown(byte)
        );
        self.fault(at, &message)
    }

    pub(super) fn unquoted_control(&self, byte: u8, part: &str) -> Throwable {
        self.fault(
            self.at,
            &format!(
                "Illegal unquoted character ((CTRL-CHAR, code {byte})): has to be escaped using backslash to be included in \
                 {part}"
            ),
        )
    }

    /// The place is at the backslash.
    pub(super) fn unrecognized_escape(&self) -> Throwable {
        match character_at(&self.text[self.at + 1..]) {
            None => self.end(" in character escape sequence"),
            Some((character, length)) => {
                let shown = shown_character(character);
                let message = format!("Unrecognized character escape {shown}");
                self.fault(self.at + length, &message)
            }
        }
    }

    /// The place is at the backslash.
    pub(super) fn no_hex_digit(&self) -> Throwable {
        let digits = self.text[self.at + 2..].iter().take(4);
        let good = digits.take_while(|byte| byte.is_ascii_hexdigit()).count();
        let at = self.at + 2 + good;
        match self.text.get(at) {
            None => self.end(" in character escape sequence"),
            Some(byte) => self.fault(
                at,
                &format!(
                    "Unexpected character ({}): expected a hex-digit for character escape sequence",
                    shown(*byte)
                ),
            ),
        }
    }

    pub(super) fn end_in(&self, token: &str) -> Throwable {
        if token == "field name" && self.text.last() == Some(&b'"') {
            return self.end(": was expecting closing '\"' for name");
        }
        self.end(&format!(" in {token}"))
    }

    fn end(&self, what: &str) -> Throwable {
        let location = self.location(self.text.len());
        Throwable::new(
            "com.fasterxml.jackson.core.io.JsonEOFException",
            format!("Unexpected end-of-input{what}\n at {location}"),
        )
    }

    pub(super) fn fault(&self, at: usize, message: &str) -> Throwable {
        let location = self.location(at);
        Throwable::new(
            "com.fasterxml.jackson.core.JsonParseException",
            format!("{message}\n at {location}"),
        )
    }

    /// Lines end with LF, CR or both; columns are bytes. Both count from 1.
    fn location(&self, at: usize) -> String {
        let before = &self.text[..at.min(self.text.len())];
        let (mut line, mut line_start) = (1, 0);
        for (index, byte) in before.iter().enumerate() {
            let ends = match byte {
                b'\n' => true,
                b'\r' => before.get(index + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends {
                line += 1;
                line_start = index + 1;
            }
        }
        format!("{SOURCE}; line: {line}, column: {}]", at - line_start + 1)
    }

    fn start_of_container(&self) -> String {
        self.location(self.begun.last().copied().unwrap_or_default())
    }

    /// Returns what Jackson calls the innermost open container.
    fn container(&self) -> &'static str {
        match self.begun.last().map(|at| self.text[*at]) {
            None => "root",
            Some(b'[') => "Array",
            Some(_) => "Object",
        }
    }

    fn character(&self) -> (char, usize) {
        character_at(&self.text[self.at..]).unwrap_or((char::REPLACEMENT_CHARACTER, 1))
    }
}

fn character_at(bytes: &[u8]) -> Option<(char, usize)> {
    let longest = bytes.len().min(4);
    let valid = (1..=longest).find_map(|length| std::str::from_utf8(&bytes[..length]).ok())?;
    Some((valid.chars().next()?, valid.len()))
}

/// Shows a byte as the character of its code.
fn shown(byte: u8) -> String {
    shown_character(char::from(byte))
}

fn shown_character(character: char) -> String {
    let code = u32::from(character);
    match character {
        _ if character.is_control() => format!("(CTRL-CHAR, code {code})"),
        '\u{100}'.. => format!("'{character}' (code {code} / 0x{code:x})"),
        _ => format!("'{character}' (code {code})"),
    }
}

fn is_identifier_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '$' | '_' | '¢'..='¥')
}

fn is_identifier_part(character: char) -> bool {
    let ignorable = matches!(character, '\0'..='\u{8}' | '\u{e}'..='\u{1b}' | '\u{7f}'..='\u{9f}');
    character.is_alphanumeric() || is_identifier_start(character) || ignorable
}
