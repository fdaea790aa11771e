//! Base64 as Jackson reads it (`Base64Variant.decode`): padded groups of four, with blanks between them, and more after a
//! padded one.

use super::super::text::Text;

/// Decodes a text; `None` where Jackson refuses it.
pub(super) fn decode(text: &Text) -> Option<Vec<u8>> {
    let is_blank = |byte: &u8| *byte <= b' ';
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(rest.len() / 4 * 3);
    loop {
        rest = &rest[rest.iter().take_while(|byte| is_blank(byte)).count()..];
        if rest.is_empty() {
            return Some(decoded);
        }
        let (group, after) = rest.split_first_chunk::<4>()?;
        decode_group(*group, &mut decoded)?;
        rest = after;
    }
}

fn decode_group(group: [u8; 4], to: &mut Vec<u8>) -> Option<()> {
    let [first, second, third, fourth] = group.map(sextet);
    let bits = first? << 18 | second? << 12;
    let (bits, count) = match (third, fourth) {
        (Some(third), Some(fourth)) => (bits | third << 6 | fourth, 3),
        (Some(third), None) if group[3] == b'=' => (bits | third << 6, 2),
        (None, None) if group[2..] == *b"==" => (bits, 1),
        _ => return None,
    };
    to.extend_from_slice(&bits.to_be_bytes()[1..=count]);
    Some(())
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
        decode(&text.into())
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
