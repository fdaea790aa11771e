//! Bytes of a file → UTF-8, guessed as Jackson guesses (`ByteSourceJsonBootstrapper`).

use std::borrow::Cow;

/// Returns the text without byte order mark; bytes that are taken for UTF-8 are not checked.
///
/// # Errors
/// What Jackson's `CharConversionException` says: Connect gives up.
pub fn utf8(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    match *bytes {
        [0xef, 0xbb, 0xbf, _, ..] => Ok(Cow::Borrowed(&bytes[3..])),
        [0, 0, 0xfe, 0xff, ..] => utf32(bytes, 4, u32::from_be_bytes),
        [0xff, 0xfe, 0, 0, ..] => utf32(bytes, 4, u32::from_le_bytes),
        [0, 0, 0, _, ..] => utf32(bytes, 0, u32::from_be_bytes),
        [_, 0, 0, 0, ..] => utf32(bytes, 0, u32::from_le_bytes),
        [0, 0, 0xff, 0xfe, ..] | [0, 0, _, 0, ..] => Err(unusual("2143")),
        [0xfe, 0xff, 0, 0, ..] | [0, _, 0, 0, ..] => Err(unusual("3412")),
        [0xfe, 0xff, _, _, ..] => Ok(utf16(&bytes[2..], u16::from_be_bytes)),
        [0xff, 0xfe, _, _, ..] => Ok(utf16(&bytes[2..], u16::from_le_bytes)),
        [0, _, ..] => Ok(utf16(bytes, u16::from_be_bytes)),
        [_, 0, ..] => Ok(utf16(bytes, u16::from_le_bytes)),
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

fn unusual(order: &str) -> String {
    format!("Unsupported UCS-4 endianness ({order}) detected")
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'static, [u8]> {
    let (pairs, half) = bytes.as_chunks();
    let mut text: String = char::decode_utf16(pairs.iter().copied().map(unit))
        .map(|decoded| decoded.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    if !half.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    Cow::Owned(text.into_bytes())
}

/// `mark` is the length of the byte order mark.
fn utf32(
    bytes: &[u8],
    mark: usize,
    code: fn([u8; 4]) -> u32,
) -> Result<Cow<'static, [u8]>, String> {
    let (quads, rest) = bytes[mark..].as_chunks();
    let mut text = String::with_capacity(quads.len());
    for (index, quad) in quads.iter().enumerate() {
        let code = code(*quad);
        // A surrogate is a character to Jackson; it cannot be one here.
        let character = char::from_u32(code)
            .or((code <= 0x10_ffff).then_some(char::REPLACEMENT_CHARACTER))
            .ok_or_else(|| {
                // Jackson shows what it would split into a surrogate pair.
                let shown = code.wrapping_sub(0x1_0000);
                let byte = mark + 4 * index + 3;
                format!(
                    "Invalid UTF-32 character 0x{shown:x} (above 0x0010ffff) at char #{index}, byte #{byte})"
                )
            })?;
        text.push(character);
    }
    if rest.is_empty() {
        return Ok(Cow::Owned(text.into_bytes()));
    }
    Err(format!(
        "Unexpected EOF in the middle of a 4-byte UTF-32 char: got {}, needed 4, at char #{}, byte #{})",
        rest.len(),
        quads.len(),
        bytes.len()
    ))
}
