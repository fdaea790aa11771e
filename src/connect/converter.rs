//! The converters: found by class, told their settings, dispatched by `match`.

use std::borrow::Cow;

use bytes::Bytes;
use indexmap::IndexMap;
use thiserror::Error;

use super::json::JsonConverter;
use super::number_converter::NumberConverter;
use super::schema::{Schema, Type};
use super::settings::Settings;
use super::string_converter::StringConverter;
use super::throwable::Throwable;
use super::value::{SchemaAndValue, Value};
use super::{header, number_converter};

/// Why there is no such converter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConverterError {
    #[error(
        "class {class} is no converter that runs without a JVM; a JVM worker (connect-distributed.sh) runs it"
    )]
    Unknown {
        /// As it was given.
        class: String,
    },
    /// In the words of `ConfigException`.
    #[error("Invalid value {value} for configuration {key}: {why}")]
    Invalid {
        /// Without the prefix of the converter.
        key: &'static str,
        value: String,
        why: String,
    },
    /// `schema.content` is no schema.
    #[error(transparent)]
    Thrown(#[from] Throwable),
    #[error(
        "{key}: the native engine does not know the encoding {encoding}, only UTF-8, ISO-8859-1 and US-ASCII"
    )]
    Encoding {
        /// Without the prefix of the converter.
        key: &'static str,
        encoding: String,
    },
}

/// A converter of keys or values (`org.apache.kafka.connect.storage.Converter`), which is one of headers too.
#[derive(Debug)]
pub enum Converter {
    String(StringConverter),
    ByteArray,
    Boolean,
    Number(NumberConverter),
    Json(Box<JsonConverter>),
}

/// A converter of headers (`org.apache.kafka.connect.storage.HeaderConverter`).
#[derive(Debug)]
pub enum HeaderConverter {
    /// `SimpleHeaderConverter`.
    Simple,
    Converter(Converter),
}

/// The classes that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    String,
    ByteArray,
    Boolean,
    Number(NumberConverter),
    Json,
}

/// Returns the configured converter of keys or of values of a class, given by full name or by an alias.
///
/// `settings` are those of the converter, without their prefix `key.converter.` or `value.converter.`.
///
/// # Errors
/// The class is none that is known here, or a setting is one that the JVM refuses.
pub fn converter(
    class: &str,
    settings: &IndexMap<String, String>,
    is_key: bool,
) -> Result<Converter, ConverterError> {
    let settings = Settings(settings);
    match Class::named(class)? {
        Class::String => StringConverter::new(settings, is_key).map(Converter::String),
        Class::ByteArray => Ok(Converter::ByteArray),
        Class::Boolean => Ok(Converter::Boolean),
        Class::Number(number) => Ok(Converter::Number(number)),
        Class::Json => JsonConverter::new(settings).map(|json| Converter::Json(Box::new(json))),
    }
}

/// Returns the configured converter of headers of a class, given by full name or by an alias.
///
/// `settings` are those of the converter, without their prefix `header.converter.`.
///
/// # Errors
/// As [`converter`].
pub fn header_converter(
    class: &str,
    settings: &IndexMap<String, String>,
) -> Result<HeaderConverter, ConverterError> {
    const STORAGE: &str = "org.apache.kafka.connect.storage.";
    let simple = class.strip_prefix(STORAGE).unwrap_or(class);
    if simple == "SimpleHeaderConverter" || class == "Simple" {
        return Ok(HeaderConverter::Simple);
    }
    converter(class, settings, false).map(HeaderConverter::Converter)
}

impl Class {
    /// As a worker finds it: by full name, simple name, or simple name without `Converter`.
    fn named(name: &str) -> Result<Self, ConverterError> {
        const STORAGE: &str = "org.apache.kafka.connect.storage.";
        const CONVERTERS: &str = "org.apache.kafka.connect.converters.";
        const JSON: &str = "org.apache.kafka.connect.json.";
        const ALL: [(Class, &str, &str); 9] = [
            (Class::String, STORAGE, "StringConverter"),
            (Class::Json, JSON, "JsonConverter"),
            (Class::ByteArray, CONVERTERS, "ByteArrayConverter"),
            (Class::Boolean, CONVERTERS, "BooleanConverter"),
            (
                Class::Number(NumberConverter::Short),
                CONVERTERS,
                "ShortConverter",
            ),
            (
                Class::Number(NumberConverter::Integer),
                CONVERTERS,
                "IntegerConverter",
            ),
            (
                Class::Number(NumberConverter::Long),
                CONVERTERS,
                "LongConverter",
            ),
            (
                Class::Number(NumberConverter::Float),
                CONVERTERS,
                "FloatConverter",
            ),
            (
                Class::Number(NumberConverter::Double),
                CONVERTERS,
                "DoubleConverter",
            ),
        ];
        let trimmed = name.trim_matches(|character| character <= ' ');
        let is_named = |package: &str, simple: &str| {
            trimmed.strip_prefix(package) == Some(simple)
                || trimmed == simple
                || simple.strip_suffix("Converter") == Some(trimmed)
        };
        ALL.into_iter()
            .find(|(_, package, simple)| is_named(package, simple))
            .map(|(class, _, _)| class)
            .ok_or_else(|| ConverterError::Unknown {
                class: name.to_owned(),
            })
    }
}

impl Converter {
    /// Returns the bytes of a value, borrowed from it where they are the same; `None` is a null key or value.
    ///
    /// # Errors
    /// What the JVM's converter throws.
    pub fn from_connect_data<'v>(
        &self,
        _topic: &str,
        schema: Option<&Schema>,
        value: &'v Value,
    ) -> Result<Option<Cow<'v, [u8]>>, Throwable> {
        match self {
            Self::String(converter) => Ok(converter.serialize(value)),
            Self::ByteArray => bytes_of(schema, value),
            Self::Boolean => number_converter::serialize_boolean(schema, value),
            Self::Number(converter) => converter.serialize(value),
            Self::Json(converter) => converter.serialize(schema, value),
        }
    }

    /// Returns the value of bytes; `None` is a null key or value.
    ///
    /// # Errors
    /// What the JVM's converter throws.
    pub fn to_connect_data(
        &self,
        _topic: &str,
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue, Throwable> {
        match self {
            Self::String(converter) => Ok(converter.deserialize(bytes)),
            Self::ByteArray => Ok(SchemaAndValue::new(
                Schema::optional(Type::Bytes),
                bytes.map_or(Value::Null, |bytes| Value::Bytes(bytes.clone())),
            )),
            Self::Boolean => number_converter::deserialize_boolean(bytes),
            Self::Number(converter) => converter.deserialize(bytes),
            Self::Json(converter) => converter.deserialize(bytes),
        }
    }
}

impl HeaderConverter {
    /// Returns the bytes of a header's value.
    ///
    /// # Errors
    /// What the JVM's converter throws.
    pub fn from_connect_header<'v>(
        &self,
        topic: &str,
        _key: &str,
        schema: Option<&Schema>,
        value: &'v Value,
    ) -> Result<Option<Cow<'v, [u8]>>, Throwable> {
        match self {
            Self::Simple => Ok(header::serialize(value)),
            Self::Converter(converter) => converter.from_connect_data(topic, schema, value),
        }
    }

    /// Returns the value of a header's bytes.
    ///
    /// # Errors
    /// What the JVM's converter throws.
    pub fn to_connect_header(
        &self,
        topic: &str,
        _key: &str,
        bytes: Option<&Bytes>,
    ) -> Result<SchemaAndValue, Throwable> {
        match self {
            Self::Simple => Ok(header::deserialize(bytes)),
            Self::Converter(converter) => converter.to_connect_data(topic, bytes),
        }
    }
}

/// `ByteArrayConverter`.
fn bytes_of<'v>(
    schema: Option<&Schema>,
    value: &'v Value,
) -> Result<Option<Cow<'v, [u8]>>, Throwable> {
    if let Some(schema) = schema.filter(|schema| schema.kind() != Type::Bytes) {
        let kind = schema.kind();
        return Err(Throwable::data(format!(
            "Invalid schema type for ByteArrayConverter: {kind}"
        )));
    }
    match value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(Cow::Borrowed(bytes))),
        other => Err(Throwable::data(format!(
            "ByteArrayConverter is not compatible with objects of type class {}",
            other.class_name()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(class: &str) -> Result<Converter, ConverterError> {
        converter(class, &IndexMap::new(), false)
    }

    #[test]
    fn a_class_is_found_by_its_names() {
        for name in [
            "org.apache.kafka.connect.storage.StringConverter",
            "StringConverter",
            " String ",
        ] {
            assert!(matches!(found(name), Ok(Converter::String(_))), "{name}");
        }
        assert!(matches!(found("ByteArray"), Ok(Converter::ByteArray)));
    }

    #[test]
    fn an_unknown_class_is_told_where_it_runs() {
        for class in ["io.confluent.connect.avro.AvroConverter", "string", ""] {
            let error = found(class).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "class {class} is no converter that runs without a JVM; a JVM worker (connect-distributed.sh) runs it"
                )
            );
        }
    }

    #[test]
    fn byte_arrays_pass_through() {
        let bytes = Bytes::from_static(b"\x00\xff");
        let read = Converter::ByteArray
            .to_connect_data("t", Some(&bytes))
            .unwrap();
        assert_eq!(
            read,
            SchemaAndValue::new(Schema::optional(Type::Bytes), Value::Bytes(bytes.clone()))
        );
        let written =
            Converter::ByteArray.from_connect_data("t", read.schema.as_ref(), &read.value);
        assert_eq!(written.unwrap().as_deref(), Some(&*bytes));
        let refused = Converter::ByteArray.from_connect_data("t", None, &Value::Int8(1));
        assert_eq!(
            refused.unwrap_err().message(),
            Some("ByteArrayConverter is not compatible with objects of type class java.lang.Byte")
        );
    }
}
