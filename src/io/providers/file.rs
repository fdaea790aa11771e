//! Values from files: a key of a properties file, or the whole of a small file.

use std::io::ErrorKind;
use std::path::Path;

use crate::model::properties::Document;

/// Returns a key of a properties file, as `FileConfigProvider` does, or why the file could not be read.
pub(super) fn property(path: &Path, key: &str) -> Result<Option<String>, String> {
    let text = utf8(path)?;
    let document = Document::parse(&latin1(&text)).map_err(|error| error.to_string())?;
    Ok(document.get(key).map(str::to_owned))
}

/// Returns the content of a regular file in a folder, as `DirectoryConfigProvider` does: nothing is trimmed.
pub(super) fn content(folder: &Path, name: &str) -> Result<Option<String>, String> {
    let path = folder.join(name);
    // The JVM compares `name` with the names of the files it lists, so it never leaves the folder.
    let inside = Path::new(name).file_name().is_some_and(|file| file == name);
    if inside && path.is_file() {
        utf8(&path).map(Some)
    } else {
        Ok(None)
    }
}

fn utf8(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    })?;
    String::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to() + 1))
}

/// Returns the same text in the encoding of a properties *stream*.
///
/// The provider reads characters (UTF-8), our lexer bytes (ISO-8859-1): a character beyond it becomes its `\uXXXX`. Where
/// a backslash already escapes the character, that backslash is the one of `\u`.
fn latin1(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut escaped = false;
    for character in text.chars() {
        if let Ok(byte) = u8::try_from(u32::from(character)) {
            bytes.push(byte);
            escaped = character == '\\' && !escaped;
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            if !escaped {
                bytes.push(b'\\');
            }
            bytes.extend_from_slice(format!("u{unit:04X}").as_bytes());
            escaped = false;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, key: &str) -> Option<String> {
        Document::parse(&latin1(text))
            .unwrap()
            .get(key)
            .map(str::to_owned)
    }

    #[test]
    fn characters_beyond_latin_1_are_read_as_characters() {
        assert_eq!(
            read("pässword=zażółć 😀\\ł\\\\ł\n", "pässword").as_deref(),
            Some("zażółć 😀ł\\ł")
        );
        assert_eq!(read("ключ = x\\\n  y\n", "ключ").as_deref(), Some("xy"));
    }
}
