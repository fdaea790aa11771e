//! A string of Java: UTF-8 that may hold halves of surrogate pairs, as a slice of the bytes it came from.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

/// A string as Java holds it, cheap to clone.
///
/// The bytes are UTF-8, except that half of a surrogate pair without its other half, which only JSON escapes can bring in,
/// has the three bytes of its code (WTF-8). Two texts are equal when Java's strings are.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Text {
    bytes: Bytes,
    lone_surrogates: bool,
}

impl Text {
    /// Returns a text that costs nothing to make or clone.
    pub const fn from_static(text: &'static str) -> Self {
        Self {
            bytes: Bytes::from_static(text.as_bytes()),
            lone_surrogates: false,
        }
    }

    /// Returns valid UTF-8 as it is, without a copy.
    pub fn from_utf8(bytes: Bytes) -> Option<Self> {
        std::str::from_utf8(&bytes).is_ok().then_some(Self {
            bytes,
            lone_surrogates: false,
        })
    }

    /// Decodes UTF-8 as `new String(bytes, UTF_8)` does; valid UTF-8 is not copied.
    pub fn decode_utf8(bytes: &Bytes) -> Self {
        Self::from_utf8(bytes.clone()).unwrap_or_else(|| Self::from(with_replacements(bytes)))
    }

    /// Joins UTF-16 units, halves of pairs included.
    pub fn from_utf16(units: impl IntoIterator<Item = u16>) -> Self {
        let mut bytes = Vec::new();
        let mut lone_surrogates = false;
        for decoded in char::decode_utf16(units) {
            match decoded {
                Ok(character) => {
                    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Err(lone) => {
                    lone_surrogates = true;
                    bytes.extend(three_bytes(lone.unpaired_surrogate()));
                }
            }
        }
        Self {
            bytes: bytes.into(),
            lone_surrogates,
        }
    }

    /// Joins pieces of which none begins with the second half of a pair whose first half ends the one before it.
    pub(super) fn from_wtf8(bytes: Vec<u8>) -> Self {
        let lone_surrogates = std::str::from_utf8(&bytes).is_err();
        Self {
            bytes: bytes.into(),
            lone_surrogates,
        }
    }

    /// Returns the bytes, WTF-8 where [`Self::has_lone_surrogates`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns whether half of a surrogate pair stands alone, which no encoding can express.
    pub fn has_lone_surrogates(&self) -> bool {
        self.lone_surrogates
    }

    /// Encodes as `getBytes(UTF_8)` does: half of a pair becomes `?`.
    pub fn to_utf8(&self) -> Cow<'_, [u8]> {
        if !self.lone_surrogates {
            return Cow::Borrowed(&self.bytes);
        }
        let mut utf8 = Vec::with_capacity(self.bytes.len());
        for code in self.code_points() {
            let character = char::from_u32(code).unwrap_or('?');
            utf8.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Cow::Owned(utf8)
    }

    /// Returns the text as Rust can hold it: half of a pair becomes `?`.
    pub fn to_str(&self) -> Cow<'_, str> {
        match self.to_utf8() {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Returns the code points, halves of pairs as their own.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let mut rest: &[u8] = &self.bytes;
        std::iter::from_fn(move || {
            let (code, length) = first_code_point(rest)?;
            rest = &rest[length..];
            Some(code)
        })
    }

    /// Returns Java's characters.
    pub fn utf16(&self) -> impl Iterator<Item = u16> + '_ {
        self.code_points().flat_map(|code| {
            let [first, second] = units(code);
            first.into_iter().chain(second)
        })
    }
}

fn first_code_point(bytes: &[u8]) -> Option<(u32, usize)> {
    let lead = *bytes.first()?;
    let (bits, length) = match lead {
        0..0x80 => (lead, 1),
        0x80..0xe0 => (lead & 0x1f, 2),
        0xe0..0xf0 => (lead & 0x0f, 3),
        0xf0.. => (lead & 0x07, 4),
    };
    let code = bytes
        .get(1..length)?
        .iter()
        .fold(u32::from(bits), |code, byte| {
            code << 6 | u32::from(byte & 0x3f)
        });
    Some((code, length))
}

/// Returns the one or two UTF-16 units of a code point, which may be half of a pair.
fn units(code: u32) -> [Option<u16>; 2] {
    let Some(character) = char::from_u32(code) else {
        return [u16::try_from(code).ok(), None];
    };
    match character.encode_utf16(&mut [0; 2]) {
        [first, second] => [Some(*first), Some(*second)],
        units => [units.first().copied(), None],
    }
}

fn three_bytes(unit: u16) -> [u8; 3] {
    let [high, low] = unit.to_be_bytes();
    [
        0xe0 | high >> 4,
        0x80 | (high & 0x0f) << 2 | low >> 6,
        0x80 | low & 0x3f,
    ]
}

/// Replaces what is not UTF-8, one U+FFFD for each longest piece that could have begun a character. To Java the three
/// bytes of a surrogate are one such piece; to the rest of the world they are three.
fn with_replacements(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    while !bytes.is_empty() {
        let valid = std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len);
        let (good, rest) = bytes.split_at(valid);
        text.push_str(&String::from_utf8_lossy(good));
        if rest.is_empty() {
            break;
        }
        text.push(char::REPLACEMENT_CHARACTER);
        bytes = &rest[malformed_length(rest)..];
    }
    text
}

fn malformed_length(bytes: &[u8]) -> usize {
    let continues = |at: usize, range: std::ops::RangeInclusive<u8>| {
        bytes.get(at).is_some_and(|byte| range.contains(byte))
    };
    let (second, length) = match bytes[0] {
        0xc2..=0xdf => (0x80..=0xbf, 2),
        0xe0 => (0xa0..=0xbf, 3),
        0xe1..=0xef => (0x80..=0xbf, 3),
        0xf0 => (0x90..=0xbf, 4),
        0xf1..=0xf3 => (0x80..=0xbf, 4),
        0xf4 => (0x80..=0x8f, 4),
        _ => return 1,
    };
    if !continues(1, second) {
        return 1;
    }
    (2..length)
        .find(|at| !continues(*at, 0x80..=0xbf))
        .unwrap_or(length)
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self {
            bytes: text.into_bytes().into(),
            lone_surrogates: false,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.to_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(bytes: &'static [u8]) -> String {
        Text::decode_utf8(&Bytes::from_static(bytes)).to_string()
    }

    #[test]
    fn malformed_utf8_is_replaced_as_java_replaces_it() {
        assert_eq!(decoded(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(decoded(b"\xed\xa0\x80"), "\u{fffd}");
        assert_eq!(decoded(b"\xed\xa0a"), "\u{fffd}a");
        assert_eq!(decoded(b"\xed\xa0"), "\u{fffd}");
        assert_eq!(decoded(b"\xc0\x80"), "\u{fffd}\u{fffd}");
        assert_eq!(decoded(b"\xf0\x9f\x98"), "\u{fffd}");
        assert_eq!(
            decoded(b"\xf4\x90\x80\x80"),
            "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn half_of_a_pair_is_kept_and_has_no_encoding() {
        let text = Text::from_utf16([0x61, 0xd83d, 0x62, 0xd83d, 0xde00]);
        assert!(text.has_lone_surrogates());
        assert_eq!(&*text.to_utf8(), "a?b\u{1f600}".as_bytes());
        assert_eq!(
            text.utf16().collect::<Vec<_>>(),
            [0x61, 0xd83d, 0x62, 0xd83d, 0xde00]
        );
        assert_ne!(text, Text::from("a?b\u{1f600}"));
    }

    proptest! {
        #[test]
        fn units_go_there_and_back(units: Vec<u16>) {
            let text = Text::from_utf16(units.iter().copied());
            prop_assert_eq!(text.utf16().collect::<Vec<_>>(), units);
        }

        #[test]
        fn a_string_is_its_own_utf8(text: String) {
            prop_assert_eq!(Text::from(text.as_str()).to_string(), text.as_str());
            let decoded = Text::decode_utf8(&Bytes::from(text.clone()));
            prop_assert_eq!(decoded, Text::from(text));
        }
    }
}
