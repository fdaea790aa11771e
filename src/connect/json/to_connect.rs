//! Tree → value (`JsonConverter.convertToConnect`).

use indexmap::IndexMap;

use super::super::decimal::Decimal;
use super::super::java_map::JavaMap;
use super::super::schema::{Logical, Schema, Type};
use super::super::text::Text;
use super::super::throwable::Throwable;
use super::super::value::{Struct, Value};
use super::node::Node;
use super::{JsonConverter, base64, schema};

const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

impl JsonConverter {
    /// Returns the value of a node; `None` for a member that is not there.
    pub(super) fn to_connect(
        &self,
        schema: Option<&Schema>,
        node: Option<&Node>,
    ) -> Result<Value, Throwable> {
        let node = node.unwrap_or(&Node::Null);
        match schema {
            None => self.without_schema(node),
            Some(schema) if *node == Node::Null => self.null(schema),
            Some(schema) => match schema.logical() {
                Some(logical) => of_logical(schema, logical, node),
                None => self.with_schema(schema, node),
            },
        }
    }

    fn null(&self, schema: &Schema) -> Result<Value, Throwable> {
        match schema.default_value() {
            Some(default) if self.replace_null_with_default => Ok(default.clone()),
            _ if schema.is_optional() => Ok(Value::Null),
            _ => Err(Throwable::data(format!(
                "Invalid null value for required {} field",
                schema.kind()
            ))),
        }
    }

    fn without_schema(&self, node: &Node) -> Result<Value, Throwable> {
        match node {
            Node::Missing | Node::Null => Ok(Value::Null),
            Node::Boolean(value) => Ok(Value::Boolean(*value)),
            Node::Int(_) | Node::Long(_) | Node::BigInteger(_) => Ok(Value::Int64(node.to_i64())),
            Node::Decimal(number) => Ok(Value::Float64(number.to_f64())),
            Node::Text(text) => Ok(Value::String(text.clone())),
            Node::Array(elements) => self.array(None, elements.iter()),
            Node::Object(members) => self.string_map(None, members),
        }
    }

    /// A scalar of another kind than the schema's gives zero, false or null, as Jackson's getters do.
    fn with_schema(&self, schema: &Schema, node: &Node) -> Result<Value, Throwable> {
        Ok(match schema.kind() {
            Type::Boolean => Value::Boolean(*node == Node::Boolean(true)),
            Type::Int8 => Value::Int8(low_byte(node.to_i64())),
            Type::Int16 => Value::Int16(low_short(node.to_i64())),
            Type::Int32 => Value::Int32(low_int(node.to_i64())),
            Type::Int64 => Value::Int64(node.to_i64()),
            Type::Float32 => Value::Float32(node.to_f32()),
            Type::Float64 => Value::Float64(node.to_f64()),
            Type::String => node.text().cloned().map_or(Value::Null, Value::String),
            Type::Bytes => match node.text() {
                Some(text) => Value::Bytes(base64_of(text, "Invalid bytes field")?.into()),
                None => Value::Null,
            },
            Type::Array => match node {
                Node::Array(elements) => self.array(schema.value_schema(), elements.iter())?,
                Node::Object(members) => self.array(schema.value_schema(), members.values())?,
                _ => Value::Array(Vec::new()),
            },
            Type::Map => self.map(schema, node)?,
            Type::Struct => self.structure(schema, node)?,
        })
    }

    fn array<'n>(
        &self,
        schema: Option<&Schema>,
        elements: impl Iterator<Item = &'n Node>,
    ) -> Result<Value, Throwable> {
        let values = elements.map(|element| self.to_connect(schema, Some(element)));
        values.collect::<Result<_, _>>().map(Value::Array)
    }

    fn map(&self, schema: &Schema, node: &Node) -> Result<Value, Throwable> {
        let is_keyed_by_string = |keys: &&Schema| keys.kind() == Type::String;
        let Some(keys) = schema.key_schema().filter(|keys| !is_keyed_by_string(keys)) else {
            let Node::Object(members) = node else {
                return Err(Throwable::data(format!(
                    "Maps with string fields should be encoded as JSON objects, but found {}",
                    node.type_name()
                )));
            };
            return self.string_map(schema.value_schema(), members);
        };
        let Node::Array(pairs) = node else {
            return Err(Throwable::data(format!(
                "Maps with non-string fields should be encoded as JSON array of tuples, but found {}",
                node.type_name()
            )));
        };
        let mut map = JavaMap::default();
        for pair in pairs {
            let [key, value] = pair_of(pair)?;
            let key = self.to_connect(Some(keys), Some(key))?;
            map.put(key, self.to_connect(schema.value_schema(), Some(value))?);
        }
        Ok(map.into_value())
    }

    fn string_map(
        &self,
        values: Option<&Schema>,
        members: &IndexMap<Text, Node>,
    ) -> Result<Value, Throwable> {
        let mut map = JavaMap::default();
        for (name, member) in members {
            let value = self.to_connect(values, Some(member))?;
            map.put(Value::String(name.clone()), value);
        }
        Ok(map.into_value())
    }

    fn structure(&self, schema: &Schema, node: &Node) -> Result<Value, Throwable> {
        let Node::Object(members) = node else {
            return Err(Throwable::data(format!(
                "Structs should be encoded as JSON objects, but found {}",
                node.type_name()
            )));
        };
        let mut value = Struct::new(schema.clone());
        for (index, field) in schema.fields().iter().enumerate() {
            let member = members.get(&field.name);
            value.put(index, self.to_connect(Some(&field.schema), member)?)?;
        }
        Ok(Value::Struct(Box::new(value)))
    }
}

fn pair_of(node: &Node) -> Result<[&Node; 2], Throwable> {
    let Node::Array(elements) = node else {
        return Err(Throwable::data(format!(
            "Found invalid map entry instead of array tuple: {}",
            node.type_name()
        )));
    };
    match &elements[..] {
        [key, value] => Ok([key, value]),
        other => Err(Throwable::data(format!(
            "Found invalid map entry, expected length 2 but found :{}",
            other.len()
        ))),
    }
}

fn of_logical(schema: &Schema, logical: Logical, node: &Node) -> Result<Value, Throwable> {
    let wrong = |what: &str, expected: &str| {
        Throwable::data(format!(
            "Invalid type for {what}, underlying representation should be {expected} but was {}",
            node.type_name()
        ))
    };
    match (logical, node) {
        (Logical::Decimal, _) => {
            decimal(schema, node).unwrap_or_else(|| Err(wrong("Decimal", "numeric or bytes")))
        }
        (Logical::Date, Node::Int(days)) => Ok(Value::Date(i64::from(*days) * MILLIS_PER_DAY)),
        (Logical::Date, _) => Err(wrong("Date", "integer")),
        (Logical::Time, Node::Int(millis))
            if !(0..=MILLIS_PER_DAY).contains(&i64::from(*millis)) =>
        {
            Err(Throwable::data(
                "Time values must use number of milliseconds greater than 0 and less than 86400000",
            ))
        }
        (Logical::Time, Node::Int(millis)) => Ok(Value::Date(i64::from(*millis))),
        (Logical::Time, _) => Err(wrong("Time", "integer")),
        (Logical::Timestamp, node) if node.is_integral() => Ok(Value::Date(node.to_i64())),
        (Logical::Timestamp, _) => Err(wrong("Timestamp", "integral")),
    }
}

/// Numbers keep the scale they are written with; the bytes of a text have that of the schema.
fn decimal(schema: &Schema, node: &Node) -> Option<Result<Value, Throwable>> {
    let of = |decimal| Value::Decimal(Box::new(decimal));
    if let Some(number) = node.to_decimal() {
        return Some(Ok(of(number)));
    }
    let text = node.text()?;
    let invalid = "Invalid bytes for Decimal field";
    Some(base64_of(text, invalid).and_then(|bytes| {
        let scale =
            schema::scale(schema).map_err(|cause| Throwable::data(invalid).with_cause(cause))?;
        let decimal = Decimal::from_bytes(&bytes, scale).map(of);
        decimal.ok_or_else(|| {
            let cause = Throwable::new("java.lang.NumberFormatException", "Zero length BigInteger");
            Throwable::data(invalid).with_cause(cause)
        })
    }))
}

fn base64_of(text: &Text, refusal: &str) -> Result<Vec<u8>, Throwable> {
    base64::decode(text).map_err(|why| {
        let cause = Throwable::new(
            "com.fasterxml.jackson.databind.exc.InvalidFormatException",
            format!(
                "Cannot access contents of TextNode as binary due to broken Base64 encoding: {why}"
            ),
        );
        Throwable::data(refusal).with_cause(cause)
    })
}

/// Java's narrowing casts.
pub(super) fn low_int(number: i64) -> i32 {
    let [.., a, b, c, d] = number.to_be_bytes();
    i32::from_be_bytes([a, b, c, d])
}

fn low_short(number: i64) -> i16 {
    let [.., a, b] = number.to_be_bytes();
    i16::from_be_bytes([a, b])
}

fn low_byte(number: i64) -> i8 {
    let [.., low] = number.to_be_bytes();
    low.cast_signed()
}
