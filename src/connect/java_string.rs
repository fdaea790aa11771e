//! What `toString()` of a value returns: what a file sink writes, and what `StringConverter` makes of anything.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::java_date::Moment;
use super::java_float;
use super::text::Text;
use super::value::{Struct, Value};

impl Value {
    /// Returns what `String.valueOf` returns; a string is not copied.
    ///
    /// The JVM prints a byte array as the place where it happened to be, `[B@` and eight digits; here the digits are zeros.
    /// A `java.util.Date` is printed in UTC.
    pub fn to_java(&self) -> Cow<'_, Text> {
        if let Self::String(text) = self {
            return Cow::Borrowed(text);
        }
        let mut printed = Vec::new();
        push(self, &mut printed);
        Cow::Owned(Text::from_wtf8(printed))
    }
}

fn push(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::String(text) => to.extend_from_slice(text.as_bytes()),
        Value::Array(elements) => {
            to.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                separate(index, b", ", to);
                push(element, to);
            }
            to.push(b']');
        }
        Value::Map(entries) => {
            to.push(b'{');
            for (index, (key, value)) in entries.iter().enumerate() {
                separate(index, b", ", to);
                push(key, to);
                to.push(b'=');
                push(value, to);
            }
            to.push(b'}');
        }
        Value::Struct(value) => push_struct(value, to),
        scalar => to.extend_from_slice(printed(scalar).as_bytes()),
    }
}

fn push_struct(value: &Struct, to: &mut Vec<u8>) {
    to.extend_from_slice(b"Struct{");
    let set = value.fields().filter(|(_, value)| !value.is_null());
    for (index, (field, value)) in set.enumerate() {
        separate(index, b",", to);
        to.extend_from_slice(field.name.as_bytes());
        to.push(b'=');
        push(value, to);
    }
    to.push(b'}');
}

fn separate(index: usize, separator: &[u8], to: &mut Vec<u8>) {
    if index > 0 {
        to.extend_from_slice(separator);
    }
}

/// Returns what `toString()` of a value without values inside returns.
pub(super) fn printed(scalar: &Value) -> String {
    let mut text = String::new();
    let done = match scalar {
        Value::Null => write!(text, "null"),
        Value::Boolean(value) => write!(text, "{value}"),
        Value::Int8(value) => write!(text, "{value}"),
        Value::Int16(value) => write!(text, "{value}"),
        Value::Int32(value) => write!(text, "{value}"),
        Value::Int64(value) => write!(text, "{value}"),
        Value::Float32(value) => return java_float::float(*value),
        Value::Float64(value) => return java_float::double(*value),
        Value::Decimal(value) => write!(text, "{value}"),
        Value::Date(millis) => return Moment::of(*millis).to_java(),
        Value::Bytes(_) => write!(text, "[B@00000000"),
        Value::String(_) | Value::Array(_) | Value::Map(_) | Value::Struct(_) => Ok(()),
    };
    debug_assert!(done.is_ok(), "a String takes everything");
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::decimal::Decimal;
    use super::super::schema::{Schema, SchemaBuilder, Type};
    use super::*;

    #[test]
    fn values_are_printed_as_java_prints_them() {
        let schema = SchemaBuilder::new(Type::Struct)
            .field("a".into(), Schema::optional(Type::Int8))
            .field("b".into(), Schema::optional(Type::String))
            .field("c".into(), Schema::optional(Type::Boolean))
            .build();
        let mut value = Struct::new(schema);
        value.put(0, Value::Int8(-1)).unwrap();
        value.put(2, Value::Boolean(true)).unwrap();
        let all = Value::Array(vec![
            Value::Null,
            Value::Map(vec![
                (Value::from("k"), Value::Float64(1.0)),
                (Value::Null, Value::Decimal(Box::new(Decimal::new(15, 1)))),
            ]),
            Value::Struct(Box::new(value)),
            Value::Date(0),
            Value::Bytes(Bytes::from_static(b"x")),
        ]);
        assert_eq!(
            all.to_java().to_str(),
            "[null, {k=1.0, null=1.5}, Struct{a=-1,c=true}, Thu Jan 01 00:00:00 UTC 1970, [B@00000000]"
        );
    }
}
