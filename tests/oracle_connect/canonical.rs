//! Schemas and values as text that both sides print: a letter for the kind, then what it is.
//!
//! Strings are UTF-16 units in hex, so that nothing is escaped and half of a surrogate pair is seen.

use std::fmt::Write as _;

use connectctl::connect::{Schema, SchemaAndValue, Struct, Text, Value};

/// Prints a schema and a value.
pub(super) fn both(both: &SchemaAndValue) -> String {
    let mut to = String::new();
    schema(both.schema.as_ref(), &mut to);
    value(&both.value, &mut to);
    to
}

macro_rules! put {
    ($to:expr, $($arguments:tt)*) => {
        write!($to, $($arguments)*).expect("a String takes everything")
    };
}

fn text(text: &Text, to: &mut String) {
    for unit in text.utf16() {
        put!(to, "{unit:04x}");
    }
}

fn schema(schema_or_none: Option<&Schema>, to: &mut String) {
    let Some(of) = schema_or_none else {
        to.push('-');
        return;
    };
    put!(to, "{{{};{}", of.kind(), u8::from(of.is_optional()));
    if let Some(name) = of.name() {
        to.push('n');
        text(name, to);
        to.push(';');
    }
    if let Some(version) = of.version() {
        put!(to, "v{version};");
    }
    if let Some(doc) = of.doc() {
        to.push('d');
        text(doc, to);
        to.push(';');
    }
    for (name, parameter) in of.parameters().into_iter().flatten() {
        to.push('p');
        text(name, to);
        to.push('=');
        text(parameter, to);
        to.push(';');
    }
    if let Some(default) = of.default_value() {
        to.push('x');
        value(default, to);
    }
    for field in of.fields() {
        to.push('f');
        text(&field.name, to);
        to.push(';');
        schema(Some(&field.schema), to);
    }
    for (letter, inner) in [('k', of.key_schema()), ('u', of.value_schema())] {
        if inner.is_some() {
            to.push(letter);
            schema(inner, to);
        }
    }
    to.push('}');
}

fn value(of: &Value, to: &mut String) {
    match of {
        Value::Null => to.push('N'),
        Value::Boolean(boolean) => put!(to, "{}", u8::from(*boolean)),
        Value::Int8(number) => put!(to, "B{number};"),
        Value::Int16(number) => put!(to, "H{number};"),
        Value::Int32(number) => put!(to, "I{number};"),
        Value::Int64(number) => put!(to, "L{number};"),
        Value::Float32(number) => put!(to, "F{:x};", number.to_bits()),
        Value::Float64(number) => put!(to, "D{:x};", number.to_bits()),
        Value::String(string) => {
            to.push('S');
            text(string, to);
            to.push(';');
        }
        Value::Bytes(bytes) => put!(to, "Y{};", super::hex(bytes)),
        Value::Date(millis) => put!(to, "T{millis};"),
        Value::Decimal(decimal) => put!(to, "E{}/{};", decimal.scale(), decimal.unscaled()),
        Value::Array(elements) => {
            to.push('[');
            for element in elements {
                value(element, to);
            }
            to.push(']');
        }
        Value::Map(entries) => {
            to.push('<');
            for (key, element) in entries {
                value(key, to);
                value(element, to);
            }
            to.push('>');
        }
        Value::Struct(of) => structure(of, to),
    }
}

fn structure(of: &Struct, to: &mut String) {
    to.push('R');
    schema(Some(of.schema()), to);
    for (_, element) in of.fields() {
        value(element, to);
    }
}
