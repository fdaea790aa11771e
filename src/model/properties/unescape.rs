//! Escaped bytes of a key or a value → text.

use thiserror::Error;

/// Why a `.properties` file cannot be read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{line}:{column}: {kind}")]
pub struct PropertiesError {
    /// From 1; a line ends with LF, CR or CR LF.
    pub line: usize,
    /// From 1, in bytes, which in Latin-1 are characters.
    pub column: usize,
    pub kind: PropertiesErrorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PropertiesErrorKind {
    /// Java: `IllegalArgumentException: Malformed \uxxxx encoding.`
    #[error("malformed \\uxxxx encoding: four hexadecimal digits must follow \\u")]
    MalformedUnicodeEscape,
    /// Java keeps half a character, which no other program can; the one known difference to `java.util.Properties`.
    #[error("\\u{0:04x} is half of a surrogate pair, and the other half is not beside it")]
    LoneSurrogate(u16),
}

/// What is wrong and at which offset of the entry.
pub(crate) type Misspelling = (usize, PropertiesErrorKind);

/// Returns the text of escaped bytes, each given with its offset.
pub(crate) fn unescaped(escaped: &[(usize, u8)]) -> Result<String, Misspelling> {
    if escaped.iter().all(|(_, byte)| *byte != b'\\') {
        return Ok(escaped.iter().map(|(_, byte)| char::from(*byte)).collect());
    }
    let (units, offsets) = units(escaped)?;
    let mut text = String::with_capacity(units.len());
    let mut index = 0;
    for decoded in char::decode_utf16(units.iter().copied()) {
        let character = decoded.map_err(|lone| {
            let unit = lone.unpaired_surrogate();
            (offsets[index], PropertiesErrorKind::LoneSurrogate(unit))
        })?;
        text.push(character);
        index += character.len_utf16();
    }
    Ok(text)
}

/// Returns the UTF-16 units that Java's string has, and the offset that each comes from.
fn units(escaped: &[(usize, u8)]) -> Result<(Vec<u16>, Vec<usize>), Misspelling> {
    let mut units = Vec::with_capacity(escaped.len());
    let mut offsets = Vec::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some(((offset, byte), after)) = rest.split_first() {
        let (unit, length) = match (byte, after.first()) {
            (b'\\', Some((_, b'u'))) => {
                let unit = hexadecimal(&after[1..])
                    .ok_or((*offset, PropertiesErrorKind::MalformedUnicodeEscape))?;
                (unit, 6)
            }
            (b'\\', Some((_, letter))) => (u16::from(control(*letter)), 2),
            _ => (u16::from(*byte), 1),
        };
        units.push(unit);
        offsets.push(*offset);
        rest = &rest[length..];
    }
    Ok((units, offsets))
}

fn hexadecimal(digits: &[(usize, u8)]) -> Option<u16> {
    digits.get(..4)?.iter().try_fold(0, |value, (_, digit)| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u16::try_from(digit).ok()?)
    })
}

/// Returns what a backslash and this letter stand for. Java knows four; any other stands for itself.
fn control(letter: u8) -> u8 {
    match letter {
        b't' => b'\t',
        b'r' => b'\r',
        b'n' => b'\n',
        b'f' => b'\x0c',
        other => other,
    }
}
