//! Value → text (`Values.convertToString`): JSON to look at, with dates as they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::java_string;
use super::super::text::Text;
use super::super::value::Value;
use super::temporal;

/// Returns the text of a value that stands by itself.
pub(super) fn to_text(value: &Value) -> Text {
    let mut text = Vec::new();
    append(value, false, &mut text);
    Text::from_wtf8(text)
}

/// `embedded` values are inside of others, where strings have quotes.
fn append(value: &Value, embedded: bool, to: &mut Vec<u8>) {
    match value {
        Value::String(text) => quoted(&escaped(text.as_bytes(), embedded), embedded, to),
        Value::Bytes(bytes) => quoted(STANDARD.encode(bytes).as_bytes(), embedded, to),
        Value::Array(elements) => {
            to.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                separate(index, to);
                append(element, true, to);
            }
            to.push(b']');
        }
        Value::Map(entries) => {
            to.push(b'{');
            for (index, (key, value)) in entries.iter().enumerate() {
                separate(index, to);
                entry(key, value, to);
            }
            to.push(b'}');
        }
        Value::Struct(value) => {
            to.push(b'{');
            for (index, (field, value)) in value.fields().enumerate() {
                separate(index, to);
                let value = match (value, field.schema.default_value()) {
                    (Value::Null, Some(default)) => default,
                    (value, _) => value,
                };
                entry(&Value::String(field.name.clone()), value, to);
            }
            to.push(b'}');
        }
        Value::Date(millis) => to.extend_from_slice(temporal::print(*millis).as_bytes()),
        scalar => to.extend_from_slice(java_string::printed(scalar).as_bytes()),
    }
}

fn entry(key: &Value, value: &Value, to: &mut Vec<u8>) {
    append(key, true, to);
    to.push(b':');
    append(value, true, to);
}

fn separate(index: usize, to: &mut Vec<u8>) {
    if index > 0 {
        to.push(b',');
    }
}

fn quoted(text: &[u8], embedded: bool, to: &mut Vec<u8>) {
    let quote: &[u8] = if embedded { b"\"" } else { b"" };
    to.extend_from_slice(quote);
    to.extend_from_slice(text);
    to.extend_from_slice(quote);
}

fn escaped(text: &[u8], embedded: bool) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        if embedded && matches!(byte, b'\\' | b'"') {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
}
