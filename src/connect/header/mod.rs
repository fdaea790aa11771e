//! `org.apache.kafka.connect.storage.SimpleHeaderConverter`: the text of a header is taken for what it looks like.
//!
//! Learned from `org.apache.kafka.connect.data.Values`, whose quirks count: `1,2` is the number 1, `[1,null]` is a string, and
//! ten characters with two dashes are a day.
//!
//! * [`parse`]: text → value; [`tokens`], [`number`] and [`merge`] are its parts.
//! * [`print`]: value → text.
//! * [`temporal`]: days, times and timestamps as `SimpleDateFormat` reads and writes them, in UTC.

mod merge;
mod number;
mod parse;
mod print;
mod temporal;
mod tokens;

use std::borrow::Cow;

use bytes::Bytes;

use super::schema::{Schema, Type};
use super::text::Text;
use super::value::{SchemaAndValue, Value};

/// Returns the bytes of a header's value; the schema does not matter.
pub(super) fn serialize(value: &Value) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.to_utf8()),
        value => {
            let text = print::to_text(value);
            Some(Cow::Owned(text.to_utf8().into_owned()))
        }
    }
}

/// Returns what the text of a header looks like; the bytes themselves where `Values` gives up.
pub(super) fn deserialize(bytes: Option<&Bytes>) -> SchemaAndValue {
    let Some(bytes) = bytes else {
        return SchemaAndValue::default();
    };
    let text = Text::decode_utf8(bytes);
    match parse::parse(&text) {
        Some(parsed) => parsed,
        None => SchemaAndValue::new(Schema::required(Type::Bytes), Value::Bytes(bytes.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(text: &'static str) -> String {
        let read = deserialize(Some(&Bytes::from_static(text.as_bytes())));
        let written = serialize(&read.value).map(Cow::into_owned);
        written.map_or("null".to_owned(), |bytes| {
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }

    #[test]
    fn a_header_is_what_it_looks_like() {
        for (text, expected) in [
            ("plain text", "plain text"),
            ("1,2", "1"),
            ("[1, 2.5]", "[1.0,2.5]"),
            ("[1,null]", "[1,null]"),
            ("{\"a\": true}", "{\"a\":true}"),
            ("null", "null"),
            ("2019-13-1x", "2020-01-01"),
            ("12-34-5678", "00:00:00.000Z"),
            ("14:34:54.346Z", "14:34:54.346Z"),
        ] {
            assert_eq!(there_and_back(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_stays_bytes() {
        let bytes = Bytes::from("[".repeat(100_000));
        assert_eq!(deserialize(Some(&bytes)).value, Value::Bytes(bytes));
    }
}
