//! New text → bytes that `java.util.Properties` reads back as that text.
//!
//! The `java-properties` crate escapes what is special in ASCII. It is not asked for the rest, because what it writes
//! there is not read back: control characters become `\u1` (Java wants four digits), characters beyond the BMP
//! `\u1f600`, and U+20AC the byte 0x80, which it takes for windows-1252 and Java for Latin-1.

use std::fmt::Write;

/// Returns the key as it is written before a separator.
pub fn escaped_key(key: &str) -> String {
    key.chars().fold(String::new(), |mut written, character| {
        push_escaped(&mut written, character);
        written
    })
}

/// Returns the value as it is written after `key=`.
///
/// Signs that are only special elsewhere (`:` in a URL, inner blanks) are written plainly, as a person would.
pub fn escaped_value(value: &str) -> String {
    let blanks = |text: &str| text.len() - text.trim_start_matches(' ').len();
    let leading = blanks(value);
    let trailing = value.trim_end_matches(' ').len();
    let mut written = String::with_capacity(value.len());
    for (at, character) in value.char_indices() {
        let first = at == 0;
        let plain = match character {
            ' ' => at >= leading && at < trailing,
            '=' | ':' => !first,
            '\\' => false,
            _ => character.is_ascii_graphic(),
        };
        if plain {
            written.push(character);
        } else {
            push_escaped(&mut written, character);
        }
    }
    written
}

fn push_escaped(written: &mut String, character: char) {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => written.push(character),
        '\t' | '\n' | '\r' | '\x0c' | ' '..='~' => written.push_str(&escaped_by_crate(character)),
        _ => {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(written, "\\u{unit:04x}").expect("a String takes any text");
            }
        }
    }
}

/// Returns what `java-properties` writes for one ASCII character.
fn escaped_by_crate(character: char) -> String {
    let mut line = Vec::new();
    let mut writer = java_properties::PropertiesWriter::new(&mut line);
    writer
        .write("", character.encode_utf8(&mut [0; 4]))
        .and_then(|()| writer.finish())
        .expect("a Vec takes any bytes, and ASCII is in every encoding");
    let line = String::from_utf8_lossy(&line);
    // The crate writes key, `=`, value and LF; the key is empty.
    line.trim_start_matches('=')
        .trim_end_matches('\n')
        .to_owned()
}
