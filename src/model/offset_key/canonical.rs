//! Whether a key's bytes are those a worker would write for its content.

use std::fmt;

use crate::model::raw_json::{Cursor, push_string, unescape};

/// The first place where a key is not as a worker writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deviation {
    /// In bytes from the start of the key.
    pub offset: usize,
    pub kind: DeviationKind,
}

/// What a worker would have written differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviationKind {
    Whitespace,
    /// A character that Jackson escapes in another way, or not at all.
    Escape,
    /// A number in another notation than Java's.
    Number,
    /// A partition holds primitive values only.
    Nested,
    /// A field occurs twice.
    RepeatedField,
    /// Text after the array, which a worker ignores when it reads.
    TrailingText,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DeviationKind::Whitespace => "whitespace",
            DeviationKind::Escape => "a character escaped in another way than Java's",
            DeviationKind::Number => "a number in another notation than Java's",
            DeviationKind::Nested => "a nested value",
            DeviationKind::RepeatedField => "a repeated field",
            DeviationKind::TrailingText => "text after the array",
        };
        write!(f, "{what} at byte {}", self.offset)
    }
}

/// Returns the first deviation of a key whose array ends at `end`.
pub(super) fn first_deviation(key: &str, end: usize) -> Option<Deviation> {
    in_array(key, end).err().or_else(|| {
        (end < key.len()).then_some(Deviation {
            offset: end,
            kind: DeviationKind::TrailingText,
        })
    })
}

fn in_array(key: &str, end: usize) -> Result<(), Deviation> {
    let bytes = key.as_bytes();
    let mut fields: Vec<&str> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while at < end {
        let deviates = |kind| Err(Deviation { offset: at, kind });
        let length = match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' => return deviates(DeviationKind::Whitespace),
            b'{' | b'[' if depth == 2 => return deviates(DeviationKind::Nested),
            b'{' | b'[' => {
                depth += 1;
                1
            }
            b'"' => {
                let string = string_at(key, at);
                if !is_jacksons(string) {
                    return deviates(DeviationKind::Escape);
                }
                if depth == 2 && bytes.get(at + string.len()) == Some(&b':') {
                    if fields.contains(&string) {
                        return deviates(DeviationKind::RepeatedField);
                    }
                    fields.push(string);
                }
                string.len()
            }
            b'-' | b'0'..=b'9' => {
                let number = number_at(key, at);
                if !is_javas(number) {
                    return deviates(DeviationKind::Number);
                }
                number.len()
            }
            _ => 1,
        };
        at += length;
    }
    Ok(())
}

/// Returns the string that begins at `at`, quotes included.
fn string_at(key: &str, at: usize) -> &str {
    let mut cursor = Cursor::new(&key[at..]);
    // The key has been parsed: its strings are well-formed.
    let end = cursor.string().map_or(1, |range| range.end);
    &key[at..at + end]
}

fn is_jacksons(string: &str) -> bool {
    let Ok(text) = unescape(string) else {
        return false;
    };
    let mut written = Vec::with_capacity(string.len());
    push_string(&text, &mut written);
    written == string.as_bytes()
}

fn number_at(key: &str, at: usize) -> &str {
    let rest = &key[at..];
    let part_of_number = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    &rest[..rest.find(|c| !part_of_number(c)).unwrap_or(rest.len())]
}

/// Digits that tell every double from its neighbours.
const LONGEST_DOUBLE: usize = 17;

/// True for the text of a Java `long`, or one that `Double.toString` or `Float.toString` may give.
fn is_javas(number: &str) -> bool {
    let Some((whole, rest)) = number.split_once('.') else {
        return number.parse::<i64>().is_ok_and(|n| n.to_string() == number);
    };
    let (fraction, exponent) = match rest.split_once('E') {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_normal = (fraction == "0" || !fraction.ends_with('0'))
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'))
        && significant_digits(digits, fraction) <= LONGEST_DOUBLE;
    is_normal && exponent_is_javas(number, digits, exponent)
}

/// Java writes an exponent for magnitudes from 10⁷ on and below 10⁻³, after one digit.
fn exponent_is_javas(number: &str, digits: &str, exponent: Option<&str>) -> bool {
    let magnitude = number.parse::<f64>().map_or(f64::NAN, f64::abs);
    let is_plain = magnitude == 0.0 || (1e-3..1e7).contains(&magnitude);
    match exponent {
        None => is_plain,
        Some(exponent) => {
            !is_plain
                && digits.len() == 1
                && digits != "0"
                && exponent
                    .parse::<i16>()
                    .is_ok_and(|n| n.to_string() == exponent)
        }
    }
}

fn significant_digits(digits: &str, fraction: &str) -> usize {
    let zeros = |text: &str| text.bytes().take_while(|b| *b == b'0').count();
    match zeros(digits) {
        all if all == digits.len() => fraction.len() - zeros(fraction),
        some => digits.len() - some + fraction.len(),
    }
}
