//! `org.apache.kafka.connect.json.JsonConverter`, as a converter of keys, values and headers.
//!
//! * [`read`], [`scalar`], [`fault`]: bytes → [`node`]. [`to_connect`]: tree → value.
//! * [`schema`]: schemas as JSON, both ways.
//! * [`write`]: value → bytes.

mod base64;
mod fault;
mod node;
mod read;
mod scalar;
mod schema;
mod to_connect;
mod write;

use std::borrow::Cow;

use bytes::Bytes;

use super::converter::ConverterError;
use super::schema::Schema;
use super::settings::Settings;
use super::throwable::Throwable;
use super::value::{SchemaAndValue, Value};
use node::Node;

/// JSON with or without its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonConverter {
    schemas_enable: bool,
    decimal_format: DecimalFormat,
    replace_null_with_default: bool,
    /// The schema of everything that is read, from `schema.content`.
    schema: Option<Schema>,
}

/// How a `Decimal` is written. Read are both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DecimalFormat {
    Base64,
    Numeric,
}

impl JsonConverter {
    pub(super) fn new(settings: Settings<'_>) -> Result<Self, ConverterError> {
        let schemas_enable = settings.boolean("schemas.enable", true)?;
        settings.int("schemas.cache.size", 1000)?;
        let decimal_format = settings.choice("decimal.format", &["NUMERIC", "BASE64"])?;
        let mut converter = Self {
            schemas_enable,
            decimal_format: match decimal_format {
                Some("NUMERIC") => DecimalFormat::Numeric,
                _ => DecimalFormat::Base64,
            },
            replace_null_with_default: settings.boolean("replace.null.with.default", true)?,
            schema: None,
        };
        if let Some(content) = settings
            .string("schema.content")
            .filter(|text| !text.is_empty())
        {
            let node = read::read(&Bytes::from(content.to_owned())).map_err(|cause| {
                Throwable::data(
                    "Failed to parse schema in converter config due to serialization error: ",
                )
                .with_cause(Throwable::serialization(cause.to_java()).with_cause(cause))
            })?;
            converter.schema = converter.read_schema(&node)?;
        }
        Ok(converter)
    }

    pub(super) fn serialize(
        &self,
        schema: Option<&Schema>,
        value: &Value,
    ) -> Result<Option<Cow<'static, [u8]>>, Throwable> {
        if schema.is_none() && value.is_null() {
            return Ok(None);
        }
        let mut json = Vec::new();
        if self.schemas_enable {
            json.extend_from_slice(b"{\"schema\":");
            self.write_schema(schema, None, &mut json)?;
            json.extend_from_slice(b",\"payload\":");
            self.write_value(schema, value, 1, &mut json)?;
            json.push(b'}');
        } else {
            self.write_value(schema, value, 0, &mut json)?;
        }
        Ok(Some(Cow::Owned(json)))
    }

    pub(super) fn deserialize(&self, bytes: Option<&Bytes>) -> Result<SchemaAndValue, Throwable> {
        let Some(bytes) = bytes else {
            return Ok(SchemaAndValue::default());
        };
        let node = read::read(bytes).map_err(|cause| {
            Throwable::data(
                "Converting byte[] to Kafka Connect data failed due to serialization error: ",
            )
            .with_cause(Throwable::serialization(cause.to_java()).with_cause(cause))
        })?;
        let (schema, payload) = match &self.schema {
            _ if !self.schemas_enable => (None, &node),
            Some(schema) => (Some(schema.clone()), &node),
            None => {
                let (schema, payload) = envelope(&node)?;
                (self.read_schema(schema)?, payload)
            }
        };
        let value = self.to_connect(schema.as_ref(), Some(payload))?;
        Ok(SchemaAndValue { schema, value })
    }
}

/// Returns the schema and the payload of an object that has these two members alone.
fn envelope(node: &Node) -> Result<(&Node, &Node), Throwable> {
    if let Node::Object(members) = node
        && members.len() == 2
        && let Some(schema) = node.get("schema")
        && let Some(payload) = node.get("payload")
    {
        return Ok((schema, payload));
    }
    Err(Throwable::data(
        "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not contain additional fields. \
         If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration.",
    ))
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use proptest::prelude::*;

    use super::super::java_map::JavaMap;
    use super::super::schema::{SchemaBuilder, Type};
    use super::super::value::Struct;
    use super::*;

    fn json(settings: &[(&str, &str)]) -> JsonConverter {
        let settings: IndexMap<_, _> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        JsonConverter::new(Settings(&settings)).unwrap()
    }

    fn written(converter: &JsonConverter, schema: Option<&Schema>, value: &Value) -> String {
        let bytes = converter.serialize(schema, value).unwrap().unwrap();
        String::from_utf8(bytes.into_owned()).unwrap()
    }

    #[test]
    fn a_struct_is_written_with_its_schema_in_the_order_of_its_fields() {
        let schema = SchemaBuilder::new(Type::Struct)
            .field("b".into(), Schema::required(Type::Int8))
            .field("a".into(), SchemaBuilder::decimal(1).optional().build())
            .build();
        let mut value = Struct::new(schema.clone());
        value.put(0, Value::Int8(1)).unwrap();
        assert_eq!(
            written(&json(&[]), Some(&schema), &Value::Struct(Box::new(value))),
            r#"{"schema":{"type":"struct","fields":[{"type":"int8","optional":false,"field":"b"},{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"1"},"field":"a"}],"optional":false},"payload":{"b":1,"a":null}}"#
        );
    }

    #[test]
    fn null_is_no_bytes_only_without_a_schema() {
        let converter = json(&[("schemas.enable", "false")]);
        assert_eq!(converter.serialize(None, &Value::Null), Ok(None));
        let optional = Schema::optional(Type::Int8);
        assert_eq!(written(&converter, Some(&optional), &Value::Null), "null");
        assert_eq!(converter.deserialize(None), Ok(SchemaAndValue::default()));
    }

    #[test]
    fn an_envelope_is_asked_for() {
        let refused = json(&[]).deserialize(Some(&Bytes::from_static(b"{\"a\":1}")));
        let message = refused.unwrap_err().to_string();
        assert!(message.ends_with("set schemas.enable=false in your converter configuration."));
    }

    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Boolean),
            any::<i64>().prop_map(Value::Int64),
            any::<f64>()
                .prop_filter("JSON has finite numbers", |number| number.is_finite())
                .prop_map(|number| Value::Float64(number + 0.0)),
            any::<String>().prop_map(|text| Value::from(text.as_str())),
        ];
        scalar.prop_recursive(4, 40, 6, |inner| {
            let map = |entries: Vec<(String, Value)>| {
                let mut map = JavaMap::default();
                for (name, value) in entries {
                    map.put(Value::from(name.as_str()), value);
                }
                map.into_value()
            };
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((any::<String>(), inner), 0..20).prop_map(map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in values()) {
            let converter = json(&[("schemas.enable", "false")]);
            let value = Value::Array(vec![value]);
            let bytes = written(&converter, None, &value);
            let read = converter.deserialize(Some(&bytes.into())).unwrap();
            prop_assert_eq!(read, SchemaAndValue { schema: None, value });
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, text in r#"[\[\]{}",:0-9.eE+\-nulltrfasi \\]{0,20}"#) {
            let plain = json(&[("schemas.enable", "false")]);
            for bytes in [bytes, text.into_bytes()] {
                let bytes = Bytes::from(bytes);
                let _ = plain.deserialize(Some(&bytes));
                let _ = json(&[]).deserialize(Some(&bytes));
                let _ = super::super::header::deserialize(Some(&bytes));
            }
        }
    }
}
