//! Value → bytes (`JsonConverter.convertToJson`, written by Jackson's `UTF8JsonGenerator`).

use std::io::Write as _;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

use super::super::schema::{Logical, Schema, Type};
use super::super::text::Text;
use super::super::throwable::Throwable;
use super::super::value::{Struct, Value};
use super::super::{java_float, java_string};
use super::{DecimalFormat, JsonConverter, schema};
use crate::model::raw_json;

const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1000;
/// `com.fasterxml.jackson.core.StreamWriteConstraints`.
const DEEPEST: usize = 1000;

impl JsonConverter {
    /// Appends a value that `depth` arrays and objects surround.
    pub(super) fn write_value(
        &self,
        schema: Option<&Schema>,
        value: &Value,
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), Throwable> {
        let Some(schema) = schema else {
            return self.write_by_class(value, depth, to);
        };
        if value.is_null() {
            return self.write_null(schema, depth, to);
        }
        match schema.logical() {
            Some(logical) => self.write_logical(schema, logical, value, to),
            None => self.write_by_schema(schema, value, depth, to),
        }
    }

    fn write_null(&self, schema: &Schema, depth: usize, to: &mut Vec<u8>) -> Result<(), Throwable> {
        match schema.default_value() {
            Some(default) if self.replace_null_with_default => {
                self.write_value(Some(schema), default, depth, to)
            }
            _ if schema.is_optional() => {
                to.extend_from_slice(b"null");
                Ok(())
            }
            _ => Err(Throwable::data(
                "Conversion error: null value for field that is required and has no default value",
            )),
        }
    }

    fn write_by_class(
        &self,
        value: &Value,
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), Throwable> {
        match value {
            Value::Array(elements) => self.write_array(None, elements, depth, to),
            Value::Map(entries) => {
                let by_name = entries
                    .iter()
                    .all(|(key, _)| matches!(key, Value::String(_)));
                self.write_map(by_name, (None, None), entries, depth, to)
            }
            Value::Struct(_) => Err(Throwable::data("Mismatching schema.")),
            Value::Decimal(_) | Value::Date(_) => Err(Throwable::data(format!(
                "Java class class {} does not have corresponding schema type.",
                value.class_name()
            ))),
            scalar => {
                write_scalar(scalar, to);
                Ok(())
            }
        }
    }

    fn write_by_schema(
        &self,
        schema: &Schema,
        value: &Value,
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), Throwable> {
        if value.kind() != Some(schema.kind()) {
            let kind = match schema.kind() {
                Type::Bytes => "bytes type",
                kind => kind.name(),
            };
            return Err(Throwable::data(format!(
                "Invalid type for {kind}: class {}",
                value.class_name()
            )));
        }
        match value {
            Value::Array(elements) => self.write_array(schema.value_schema(), elements, depth, to),
            Value::Map(entries) => {
                let Some(keys) = schema.key_schema() else {
                    return Err(no_key_schema());
                };
                let by_name = keys.kind() == Type::String;
                let schemas = (Some(keys), schema.value_schema());
                self.write_map(by_name, schemas, entries, depth, to)
            }
            Value::Struct(value) if value.schema() != schema => {
                Err(Throwable::data("Mismatching schema."))
            }
            Value::Struct(value) => self.write_struct(value, depth, to),
            scalar => {
                write_scalar(scalar, to);
                Ok(())
            }
        }
    }

    fn write_array(
        &self,
        schema: Option<&Schema>,
        elements: &[Value],
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), Throwable> {
        let depth = deeper(depth)?;
        to.push(b'[');
        for (index, element) in elements.iter().enumerate() {
            separate(index, to);
            self.write_value(schema, element, depth, to)?;
        }
        to.push(b']');
        Ok(())
    }

    /// An object where the keys are strings, an array of pairs otherwise.
    fn write_map(
        &self,
        by_name: bool,
        (keys, values): (Option<&Schema>, Option<&Schema>),
        entries: &[(Value, Value)],
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), Throwable> {
        let depth = deeper(depth)?;
        to.push(if by_name { b'{' } else { b'[' });
        for (index, (key, value)) in entries.iter().enumerate() {
            separate(index, to);
            if by_name {
                self.write_name(keys, key, depth, to)?;
                self.write_value(values, value, depth, to)?;
            } else {
                let depth = deeper(depth)?;
                to.push(b'[');
                self.write_value(keys, key, depth, to)?;
                to.push(b',');
                self.write_value(values, value, depth, to)?;
                to.push(b']');
            }
        }
        to.push(if by_name { b'}' } else { b']' });
        Ok(())
    }

    /// A key becomes a node first and its text then, so that a null one is called `null`.
    fn write_name(
        &self,
        schema: Option<&Schema>,
        key: &Value,
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), Throwable> {
        let start = to.len();
        self.write_value(schema, key, depth, to)?;
        if to.get(start) != Some(&b'"') {
            to.insert(start, b'"');
            to.push(b'"');
        }
        to.push(b':');
        Ok(())
    }

    fn write_struct(
        &self,
        value: &Struct,
        depth: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), Throwable> {
        let depth = deeper(depth)?;
        to.push(b'{');
        for (index, (field, value)) in value.fields().enumerate() {
            separate(index, to);
            push_text(&field.name, to);
            to.push(b':');
            self.write_value(Some(&field.schema), value, depth, to)?;
        }
        to.push(b'}');
        Ok(())
    }

    fn write_logical(
        &self,
        schema: &Schema,
        logical: Logical,
        value: &Value,
        to: &mut Vec<u8>,
    ) -> Result<(), Throwable> {
        match (logical, value) {
            (Logical::Decimal, Value::Decimal(decimal)) => match self.decimal_format {
                DecimalFormat::Numeric => push(format_args!("{decimal}"), to),
                DecimalFormat::Base64 => {
                    let scale = schema::scale(schema)?;
                    if decimal.scale() != scale {
                        return Err(Throwable::data(format!(
                            "Decimal value has mismatching scale for given Decimal schema. Schema has scale {scale}, value \
                             has scale {}.",
                            decimal.scale()
                        )));
                    }
                    push_base64(&decimal.to_bytes(), to);
                }
            },
            (Logical::Date, Value::Date(millis)) => push(format_args!("{}", days(*millis)?), to),
            (Logical::Time, Value::Date(millis)) => {
                if !(0..=MILLIS_PER_DAY).contains(millis) {
                    return Err(Throwable::data(
                        "Kafka Connect Time type should not have any date fields set to non-zero values.",
                    ));
                }
                push(format_args!("{millis}"), to);
            }
            (Logical::Timestamp, Value::Date(millis)) => push(format_args!("{millis}"), to),
            (logical, other) => {
                let expected = match logical {
                    Logical::Decimal => "BigDecimal",
                    _ => "Date",
                };
                return Err(Throwable::data(format!(
                    "Invalid type for {logical:?}, expected {expected} but was class {}",
                    other.class_name()
                )));
            }
        }
        Ok(())
    }
}

fn days(millis: i64) -> Result<i32, Throwable> {
    if millis % MILLIS_PER_DAY != 0 {
        return Err(Throwable::data(
            "Kafka Connect Date type should not have any time fields set to non-zero values.",
        ));
    }
    Ok(super::to_connect::low_int(millis / MILLIS_PER_DAY))
}

fn deeper(depth: usize) -> Result<usize, Throwable> {
    if depth < DEEPEST {
        return Ok(depth + 1);
    }
    let cause = Throwable::new(
        "com.fasterxml.jackson.core.exc.StreamConstraintsException",
        format!(
            "Document nesting depth ({}) exceeds the maximum allowed ({DEEPEST}, from \
             `StreamWriteConstraints.getMaxNestingDepth()`)",
            depth + 1
        ),
    );
    let cause = Throwable::serialization("Error serializing JSON message").with_cause(cause);
    Err(Throwable::data(
        "Converting Kafka Connect data to byte[] failed due to serialization error: ",
    )
    .with_cause(cause))
}

/// The map of a schema that header values alone have: all of its keys are null.
fn no_key_schema() -> Throwable {
    Throwable::new(
        "java.lang.NullPointerException",
        "Cannot invoke \"org.apache.kafka.connect.data.Schema.type()\" because the return value of \
         \"org.apache.kafka.connect.data.Schema.keySchema()\" is null",
    )
}

fn separate(index: usize, to: &mut Vec<u8>) {
    if index > 0 {
        to.push(b',');
    }
}

fn write_scalar(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::String(text) => push_text(text, to),
        Value::Bytes(bytes) => push_base64(bytes, to),
        Value::Float32(number) if !number.is_finite() => {
            push_quoted(&java_float::float(*number), to);
        }
        Value::Float64(number) if !number.is_finite() => {
            push_quoted(&java_float::double(*number), to);
        }
        other => to.extend_from_slice(java_string::printed(other).as_bytes()),
    }
}

fn push(text: std::fmt::Arguments<'_>, to: &mut Vec<u8>) {
    let written = to.write_fmt(text);
    debug_assert!(written.is_ok(), "a Vec takes everything");
}

fn push_quoted(text: &str, to: &mut Vec<u8>) {
    push(format_args!("\"{text}\""), to);
}

fn push_base64(bytes: &[u8], to: &mut Vec<u8>) {
    push_quoted(&STANDARD.encode(bytes), to);
}

/// Appends a string; half of a surrogate pair is escaped like a pair.
pub(super) fn push_text(text: &Text, to: &mut Vec<u8>) {
    if !text.has_lone_surrogates() {
        raw_json::push_string(&text.to_str(), to);
        return;
    }
    to.push(b'"');
    for code in text.code_points() {
        if let Some(character) = char::from_u32(code) {
            let mut quoted = Vec::new();
            raw_json::push_string(character.encode_utf8(&mut [0; 4]), &mut quoted);
            to.extend_from_slice(&quoted[1..quoted.len() - 1]);
        } else {
            push(format_args!("\\u{code:04X}"), to);
        }
    }
    to.push(b'"');
}
