//! Base64 as Jackson reads it (`Base64Variant.decode`): padded groups of four, with blanks between them, and more after a
//! padded one.

use super::super::text::Text;

/// Decodes a text.
///
/// # Errors
/// What Jackson says of it.
pub(super) fn decode(text: &Text) -> Result<Vec<u8>, String> {
    let is_blank = |byte: &u8| *byte <= b' ';
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len() / 4 * 3);
    loop {
        rest = &rest[rest.iter().take_while(|byte| is_blank(byte)).count()..];
        if rest.is_empty() {
            return Ok(decoded);
        }
        rest = decode_group(rest, &mut decoded)?;
    }
}

/// Decodes the first four characters, and returns what comes after them.
fn decode_group<'a>(bytes: &'a [u8], to: &mut Vec<u8>) -> Result<&'a [u8], String> {
    let mut bits = 0;
    for index in 0..4 {
        let Some(byte) = bytes.get(index) else {
            return Err(too_short());
        };
        if let Some(sextet) = sextet(*byte) {
            bits |= sextet << (18 - 6 * index);
            continue;
        }
        if *byte != b'=' {
            return Err(illegal(&bytes[index..], ""));
        }
        if index < 2 {
            return Err(format!(
                "Unexpected padding character ('=') as character #{} of 4-char base64 unit: padding only legal as 3rd or 4th \
                 character",
                index + 1
            ));
        }
        match bytes.get(3) {
            None => return Err(too_short()),
            Some(b'=') => {}
            Some(_) => {
                return Err(illegal(&bytes[3..], ": expected padding character '='"));
            }
        }
        to.extend_from_slice(&bits.to_be_bytes()[1..index]);
        return Ok(&bytes[4..]);
    }
    to.extend_from_slice(&bits.to_be_bytes()[1..]);
    Ok(&bytes[4..])
}

fn too_short() -> String {
    "Unexpected end of base64-encoded String: base64 variant 'MIME-NO-LINEFEEDS' expects padding (one or more '=' characters) at \
     the end. This Base64Variant might have been incorrectly configured"
        .to_owned()
}

fn illegal(bytes: &[u8], suffix: &str) -> String {
    let text = String::from_utf8_lossy(bytes);
    let character = text.chars().next().unwrap_or_default();
    let code = u32::from(character);
    if character <= ' ' {
        return format!(
            "Illegal white space character (code 0x{code:x}) as character #1 of 4-char base64 unit: can only used between units"
        );
    }
    format!("Illegal character '{character}' (code 0x{code:x}) in base64 content{suffix}")
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<Vec<u8>> {
        decode(&text.into()).ok()
    }

    #[test]
    fn groups_are_complete_and_may_follow_padding() {
        assert_eq!(decoded(" AQID\n"), Some(vec![1, 2, 3]));
        assert_eq!(decoded("AQ==AQI="), Some(vec![1, 1, 2]));
        assert_eq!(decoded(""), Some(vec![]));
        for refused in ["AQ", "AQ=", "A===", "AQ=A", "A QID", "AQI-", "é==="] {
            assert_eq!(decoded(refused), None, "{refused}");
        }
    }
}
