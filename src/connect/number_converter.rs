//! `BooleanConverter` and the converters of numbers (`org.apache.kafka.connect.converters`): fixed bytes, big-endian.

use std::borrow::Cow;

use bytes::Bytes;

use super::schema::{Schema, Type};
use super::throwable::Throwable;
use super::value::{SchemaAndValue, Value};

/// The converters of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberConverter {
    Short,
    Integer,
    Long,
    Float,
    Double,
}

impl NumberConverter {
    /// The schema is not looked at, as in Java.
    pub(super) fn serialize(self, value: &Value) -> Result<Option<Cow<'_, [u8]>>, Throwable> {
        let bytes = match (self, value) {
            (_, Value::Null) => return Ok(None),
            (Self::Short, Value::Int16(number)) => number.to_be_bytes().to_vec(),
            (Self::Integer, Value::Int32(number)) => number.to_be_bytes().to_vec(),
            (Self::Long, Value::Int64(number)) => number.to_be_bytes().to_vec(),
            (Self::Float, Value::Float32(number)) => number.to_be_bytes().to_vec(),
            // `doubleToLongBits` knows one NaN, `floatToRawIntBits` all of them.
            (Self::Double, Value::Float64(number)) if number.is_nan() => {
                0x7ff8_0000_0000_0000_u64.to_be_bytes().to_vec()
            }
            (Self::Double, Value::Float64(number)) => number.to_be_bytes().to_vec(),
            (_, other) => return Err(self.refused(other)),
        };
        Ok(Some(Cow::Owned(bytes)))
    }

    pub(super) fn deserialize(self, bytes: Option<&Bytes>) -> Result<SchemaAndValue, Throwable> {
        let read = bytes.map(|bytes| self.read(bytes).ok_or_else(|| self.wrong_size()));
        let value = read.transpose()?.unwrap_or_default();
        Ok(SchemaAndValue::new(Schema::optional(self.kind()), value))
    }

    fn read(self, bytes: &[u8]) -> Option<Value> {
        Some(match self {
            Self::Short => Value::Int16(i16::from_be_bytes(bytes.try_into().ok()?)),
            Self::Integer => Value::Int32(i32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Long => Value::Int64(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Float => Value::Float32(f32::from_be_bytes(bytes.try_into().ok()?)),
            Self::Double => Value::Float64(f64::from_be_bytes(bytes.try_into().ok()?)),
        })
    }

    fn kind(self) -> Type {
        match self {
            Self::Short => Type::Int16,
            Self::Integer => Type::Int32,
            Self::Long => Type::Int64,
            Self::Float => Type::Float32,
            Self::Double => Type::Float64,
        }
    }

    fn type_name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Integer => "integer",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
        }
    }

    fn java_class(self) -> &'static str {
        match self {
            Self::Short => "java.lang.Short",
            Self::Integer => "java.lang.Integer",
            Self::Long => "java.lang.Long",
            Self::Float => "java.lang.Float",
            Self::Double => "java.lang.Double",
        }
    }

    fn refused(self, value: &Value) -> Throwable {
        let class = value.class_name();
        // Java casts to the bound of a type parameter first.
        let expected = if is_number(value) {
            self.java_class()
        } else {
            "java.lang.Number"
        };
        Throwable::data(format!(
            "Failed to serialize to {} (was class {class}): ",
            self.type_name()
        ))
        .with_cause(class_cast(class, expected))
    }

    fn wrong_size(self) -> Throwable {
        let cause = match self {
            Self::Short => "Size of data received by ShortDeserializer is not 2",
            Self::Integer => "Size of data received by IntegerDeserializer is not 4",
            Self::Long => "Size of data received by LongDeserializer is not 8",
            Self::Float => "Size of data received by Deserializer is not 4",
            Self::Double => "Size of data received by Deserializer is not 8",
        };
        Throwable::data(format!("Failed to deserialize {}: ", self.type_name()))
            .with_cause(Throwable::serialization(cause))
    }
}

fn is_number(value: &Value) -> bool {
    matches!(
        value,
        Value::Int8(_)
            | Value::Int16(_)
            | Value::Int32(_)
            | Value::Int64(_)
            | Value::Float32(_)
            | Value::Float64(_)
            | Value::Decimal(_)
    )
}

/// What the JVM says when it cannot cast to one of its own classes.
fn class_cast(from: &str, to: &str) -> Throwable {
    let modules = if from.starts_with("org.apache.kafka.") {
        format!(
            "{from} is in unnamed module of loader 'app'; {to} is in module java.base of loader 'bootstrap'"
        )
    } else {
        format!("{from} and {to} are in module java.base of loader 'bootstrap'")
    };
    Throwable::new(
        "java.lang.ClassCastException",
        format!("class {from} cannot be cast to class {to} ({modules})"),
    )
}

/// `BooleanConverter.fromConnectData`.
pub(super) fn serialize_boolean<'v>(
    schema: Option<&Schema>,
    value: &'v Value,
) -> Result<Option<Cow<'v, [u8]>>, Throwable> {
    if let Some(schema) = schema.filter(|schema| schema.kind() != Type::Boolean) {
        let kind = schema.kind();
        return Err(Throwable::data(format!(
            "Invalid schema type for BooleanConverter: {kind}"
        )));
    }
    match value {
        Value::Null => Ok(None),
        Value::Boolean(true) => Ok(Some(Cow::Borrowed(&[1]))),
        Value::Boolean(false) => Ok(Some(Cow::Borrowed(&[0]))),
        other => Err(Throwable::data(format!(
            "BooleanConverter is not compatible with objects of type class {}",
            other.class_name()
        ))),
    }
}

/// `BooleanConverter.toConnectData`.
pub(super) fn deserialize_boolean(bytes: Option<&Bytes>) -> Result<SchemaAndValue, Throwable> {
    let value = match bytes.map(|bytes| &bytes[..]) {
        None => Value::Null,
        Some([0]) => Value::Boolean(false),
        Some([1]) => Value::Boolean(true),
        Some(other) => {
            let cause = match other {
                [byte] => format!(
                    "Unexpected byte received by BooleanDeserializer: {}",
                    byte.cast_signed()
                ),
                _ => "Size of data received by BooleanDeserializer is not 1".to_owned(),
            };
            return Err(Throwable::data("Failed to deserialize boolean: ")
                .with_cause(Throwable::serialization(cause)));
        }
    };
    Ok(SchemaAndValue::new(Schema::optional(Type::Boolean), value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_of_another_class_is_refused() {
        let refused = NumberConverter::Integer
            .serialize(&Value::from("1"))
            .unwrap_err();
        assert_eq!(
            refused.stack_trace(),
            "org.apache.kafka.connect.errors.DataException: Failed to serialize to integer (was class java.lang.String): \n\
             Caused by: java.lang.ClassCastException: class java.lang.String cannot be cast to class java.lang.Number \
             (java.lang.String and java.lang.Number are in module java.base of loader 'bootstrap')"
        );
    }

    proptest! {
        #[test]
        fn numbers_go_there_and_back(long: i64, double: f64, short: i16) {
            let cases = [
                (NumberConverter::Long, Value::Int64(long)),
                (NumberConverter::Double, Value::Float64(double)),
                (NumberConverter::Short, Value::Int16(short)),
            ];
            for (converter, value) in cases {
                let bytes = converter.serialize(&value).unwrap().unwrap().into_owned();
                let read = converter.deserialize(Some(&bytes.into())).unwrap();
                prop_assert_eq!(read.value, value);
            }
        }
    }
}
