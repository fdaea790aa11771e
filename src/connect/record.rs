//! Records on their way from a source into Kafka and from Kafka to a sink.

use std::sync::Arc;

use super::schema::Schema;
use super::text::Text;
use super::value::{SchemaAndValue, Value};

/// A header with its value as the header converter understands it.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    pub key: Text,
    pub value: SchemaAndValue,
}

/// What a source task has read (`org.apache.kafka.connect.source.SourceRecord`).
#[derive(Debug, Clone, PartialEq)]
pub struct SourceRecord {
    /// What was read from, shared by all records from there; null for a source that keeps no offsets.
    pub source_partition: Option<Arc<Value>>,
    pub source_offset: SourceOffset,
    pub topic: Arc<str>,
    /// `None` leaves the choice to the producer.
    pub partition: Option<i32>,
    pub key: SchemaAndValue,
    pub value: SchemaAndValue,
    /// In milliseconds since 1970; `None` leaves it to the producer.
    pub timestamp: Option<i64>,
    pub headers: Vec<Header>,
}

/// Where a source goes on after a record.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum SourceOffset {
    #[default]
    None,
    /// A map of one number, which costs nothing to make: `{"position": 42}`.
    Number { name: &'static str, value: i64 },
    /// Any other map.
    Map(Box<Value>),
}

impl SourceOffset {
    /// Returns the map that the offset writer stores.
    pub fn to_value(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Number { name, value } => Value::Map(vec![(
                Value::String(Text::from_static(name)),
                Value::Int64(*value),
            )]),
            Self::Map(map) => (**map).clone(),
        }
    }
}

/// What a sink task is given (`org.apache.kafka.connect.sink.SinkRecord`).
#[derive(Debug, Clone, PartialEq)]
pub struct SinkRecord {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    pub key: SchemaAndValue,
    pub value: SchemaAndValue,
    /// In milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub timestamp_type: TimestampType,
    pub headers: Vec<Header>,
}

/// Who set a record's timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    NoTimestampType,
    CreateTime,
    LogAppendTime,
}

impl Header {
    /// Returns the schema, that of a struct also where none is given.
    pub fn schema(&self) -> Option<&Schema> {
        match (&self.value.schema, &self.value.value) {
            (None, Value::Struct(value)) => Some(value.schema()),
            (schema, _) => schema.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_of_one_number_is_a_map() {
        let offset = SourceOffset::Number {
            name: "position",
            value: 42,
        };
        let entry = (Value::from("position"), Value::Int64(42));
        assert_eq!(offset.to_value(), Value::Map(vec![entry]));
        assert_eq!(SourceOffset::default().to_value(), Value::Null);
    }
}
