//! The common schema of the elements of a list (`Values.SchemaMerger`), and elements made to fit it.

use super::super::schema::{Logical, Schema, Type};
use super::super::value::{SchemaAndValue, Value};
use super::print;

const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

/// What the schemas that were seen have in common.
#[derive(Debug, Default)]
pub(super) struct SchemaMerger {
    common: Option<Schema>,
    incompatible: bool,
}

impl SchemaMerger {
    /// Takes one more into account; null says nothing.
    pub(super) fn merge(&mut self, latest: Option<&SchemaAndValue>) {
        let Some(latest) = latest.and_then(|latest| latest.schema.as_ref()) else {
            return;
        };
        if self.incompatible {
            return;
        }
        match &self.common {
            None => self.common = Some(latest.clone()),
            Some(common) => {
                self.common = merged(common, latest);
                self.incompatible = self.common.is_none();
            }
        }
    }

    /// Returns `None` where nothing was seen, or nothing in common.
    pub(super) fn into_common(self) -> Option<Schema> {
        self.common
    }
}

/// The wider of two numbers; of schemas of one type the latest.
fn merged(previous: &Schema, latest: &Schema) -> Option<Schema> {
    if previous.kind() == latest.kind() {
        return Some(latest.clone());
    }
    let (before, after) = (rank(previous.kind())?, rank(latest.kind())?);
    Some(if before > after { previous } else { latest }.clone())
}

fn rank(kind: Type) -> Option<usize> {
    const NUMBERS: [Type; 6] = [
        Type::Int8,
        Type::Int16,
        Type::Int32,
        Type::Int64,
        Type::Float32,
        Type::Float64,
    ];
    NUMBERS.iter().position(|number| *number == kind)
}

/// Converts an element to the common schema (`Values.convertTo` without a schema to come from).
///
/// `None` is a `DataException`: a null, or a date among plain numbers.
pub(super) fn converted(schema: &Schema, value: Value) -> Option<Value> {
    if value.is_null() {
        return schema.is_optional().then_some(value);
    }
    match schema.kind() {
        Type::String => Some(match value {
            Value::String(_) => value,
            other => Value::String(print::to_text(&other)),
        }),
        Type::Int8 | Type::Int16 => whole(&value).map(|_| value),
        Type::Int32 => int(schema, value),
        Type::Int64 => long(schema, value),
        Type::Float32 => match value {
            Value::Float32(_) => Some(value),
            other => whole(&other).map(|number| Value::Float32(to_f32(number))),
        },
        Type::Float64 => match value {
            Value::Float64(_) => Some(value),
            Value::Float32(number) => Some(Value::Float64(f64::from(number))),
            other => whole(&other).map(|number| Value::Float64(to_f64(number))),
        },
        Type::Boolean | Type::Bytes | Type::Array | Type::Map | Type::Struct => Some(value),
    }
    .map(|value| narrowed(schema.kind(), value))
}

/// Widens a smaller whole number to the type.
fn narrowed(kind: Type, value: Value) -> Value {
    match (kind, whole(&value)) {
        (Type::Int16, Some(number)) => i16::try_from(number).map_or(value, Value::Int16),
        (Type::Int32, Some(number)) => i32::try_from(number).map_or(value, Value::Int32),
        (Type::Int64, Some(number)) => Value::Int64(number),
        _ => value,
    }
}

fn int(schema: &Schema, value: Value) -> Option<Value> {
    match (schema.logical(), value) {
        (Some(Logical::Date | Logical::Time), date @ Value::Date(_)) => Some(date),
        (Some(Logical::Date), number) => {
            Some(Value::Date(whole(&number)?.wrapping_mul(MILLIS_PER_DAY)))
        }
        (Some(Logical::Time), number) => whole(&number)
            .filter(|millis| (0..=MILLIS_PER_DAY).contains(millis))
            .map(Value::Date),
        (_, number) => whole(&number).map(|_| number),
    }
}

fn long(schema: &Schema, value: Value) -> Option<Value> {
    match (schema.logical(), value) {
        (Some(Logical::Timestamp), date @ Value::Date(_)) => Some(date),
        (Some(Logical::Timestamp), number) => whole(&number).map(Value::Date),
        (_, number) => whole(&number).map(|_| number),
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int8(number) => Some(i64::from(*number)),
        Value::Int16(number) => Some(i64::from(*number)),
        Value::Int32(number) => Some(i64::from(*number)),
        Value::Int64(number) => Some(*number),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "as Java's `doubleValue`")]
fn to_f64(number: i64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "as Java, by way of a double"
)]
fn to_f32(number: i64) -> f32 {
    to_f64(number) as f32
}
