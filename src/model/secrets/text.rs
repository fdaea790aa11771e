//! Whole `.properties` files as they may be shown, for diffs.

use super::{HIDDEN, is_secret, shown};
use crate::model::properties::lexer::{self, Stretch};
use crate::model::properties::{Document, Properties, escaped_value};

/// Returns the text of a file with secret values hidden; every other byte is kept, as Latin-1.
///
/// Settings in comments count too: a commented-out password is a password. The file need not be readable.
pub fn redact_properties(bytes: &[u8]) -> String {
    redacted(bytes, &|_| String::new())
}

/// Returns both sides of a diff with secret values hidden, such that a changed secret still differs.
pub fn redacted_pair(old: &[u8], new: &[u8]) -> (String, String) {
    let map = |bytes| Document::parse(bytes).map_or_else(|_| Properties::new(), |d| d.to_map());
    let (before, after) = (map(old), map(new));
    let mark = |key: &str| match (before.get(key), after.get(key)) {
        (Some(old), Some(new)) if old != new => " (changed)".to_owned(),
        _ => String::new(),
    };
    (redact_properties(old), redacted(new, &mark))
}

/// `mark` says what to add to the hidden value of a key.
fn redacted(bytes: &[u8], mark: &dyn Fn(&str) -> String) -> String {
    lexer::stretches(bytes)
        .into_iter()
        .map(|stretch| match stretch {
            Stretch {
                is_entry: true,
                bytes,
                ..
            } => redacted_entry(bytes, mark),
            Stretch { bytes, .. } => redacted_comments(bytes),
        })
        .collect()
}

fn redacted_entry(bytes: &[u8], mark: &dyn Fn(&str) -> String) -> String {
    let parts = lexer::entry(bytes);
    let read = Document::parse(bytes)
        .ok()
        .map(|document| document.to_map());
    let (key, value) = read
        .and_then(|map| map.into_iter().next())
        .unwrap_or_else(|| (latin1(parts.key.iter()), latin1(parts.value.iter())));
    let visible = shown(&key, &value);
    if visible == value {
        return latin1_bytes(bytes);
    }
    let visible = escaped_value(&visible) + &mark(&key);
    let after = &bytes[parts.value_at.end..];
    latin1_bytes(&bytes[..parts.value_at.start]) + &visible + &latin1_bytes(after)
}

/// Hides the values of settings that are commented out.
fn redacted_comments(bytes: &[u8]) -> String {
    bytes
        .split_inclusive(|byte| matches!(byte, b'\n' | b'\r'))
        .map(|line| {
            let sign = line
                .iter()
                .position(|byte| !matches!(byte, b' ' | b'\t' | b'\x0c' | b'#' | b'!'))
                .unwrap_or(line.len());
            let (sign, rest) = line.split_at(sign);
            let line_end = rest.len() - lexer::line_end_length(rest);
            latin1_bytes(sign)
                + &redacted_prose(&latin1_bytes(&rest[..line_end]))
                + &latin1_bytes(&rest[line_end..])
        })
        .collect()
}

fn redacted_prose(text: &str) -> String {
    let name = text
        .find(['=', ':'])
        .map(|sign| (text[..sign].trim_end(), sign + 1));
    match name {
        Some((key, value))
            if !key.contains(' ') && is_secret(key) && !text[value..].trim().is_empty() =>
        {
            format!("{}{HIDDEN}", &text[..value])
        }
        _ => shown("", text).into_owned(),
    }
}

fn latin1<'a>(bytes: impl Iterator<Item = &'a (usize, u8)>) -> String {
    bytes.map(|(_, byte)| char::from(*byte)).collect()
}

fn latin1_bytes(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_values_are_hidden_and_the_rest_stays() {
        let text = b"# c\r\nname = \xe9\r\nssl.key.password = hunter2\\\r\n  hunter3\r\n\
            connection.url=jdbc:x://h?password=p\r\n#sasl.jaas.config=hunter4\r\n! password : hunter5\n\
            ssl.keystore.password=${env:P}\npassword=hunter\\u00";
        assert_eq!(
            redact_properties(text),
            "# c\r\nname = \u{e9}\r\nssl.key.password = ********\r\n\
            connection.url=jdbc:x://h?password=********\r\n#sasl.jaas.config=********\r\n! password :********\n\
            ssl.keystore.password=${env:P}\npassword=********"
        );
    }

    #[test]
    fn an_escaped_key_does_not_betray_its_secret() {
        assert_eq!(
            redact_properties(b"ssl.key.pass\\u0077ord=hunter2\n"),
            "ssl.key.pass\\u0077ord=********\n"
        );
    }

    #[test]
    fn a_changed_secret_still_differs() {
        let (old, new) = redacted_pair(
            b"a.password=1\nb.password=1\nu=http://x:1@h\n",
            b"a.password=2\nb.password=1\nu=http://x:2@h\nc.password=3\n",
        );
        assert_eq!(
            old,
            "a.password=********\nb.password=********\nu=http://********@h\n"
        );
        assert_eq!(
            new,
            "a.password=******** (changed)\nb.password=********\nu=http://********@h (changed)\nc.password=********\n"
        );
    }
}
