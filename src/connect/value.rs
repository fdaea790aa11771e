//! Values, as the Java objects that Connect's converters make and take.

use bytes::Bytes;

use super::decimal::Decimal;
use super::schema::{Field, Logical, Schema, Type};
use super::text::Text;
use super::throwable::Throwable;

/// A value of a record. Each variant is the Java class in its comment.
#[derive(Debug, Clone, Default)]
pub enum Value {
    #[default]
    Null,
    /// `java.lang.Boolean`
    Boolean(bool),
    /// `java.lang.Byte`
    Int8(i8),
    /// `java.lang.Short`
    Int16(i16),
    /// `java.lang.Integer`
    Int32(i32),
    /// `java.lang.Long`
    Int64(i64),
    /// `java.lang.Float`
    Float32(f32),
    /// `java.lang.Double`
    Float64(f64),
    /// `java.lang.String`
    String(Text),
    /// `byte[]`
    Bytes(Bytes),
    /// `java.util.ArrayList`
    Array(Vec<Value>),
    /// `java.util.HashMap`, in the order in which Java would iterate over it.
    Map(Vec<(Value, Value)>),
    /// `org.apache.kafka.connect.data.Struct`
    Struct(Box<Struct>),
    /// `java.math.BigDecimal`
    Decimal(Box<Decimal>),
    /// `java.util.Date`, in milliseconds since 1970
    Date(i64),
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the name of the Java class as `getClass().getName()` gives it.
    pub fn class_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "java.lang.Boolean",
            Self::Int8(_) => "java.lang.Byte",
            Self::Int16(_) => "java.lang.Short",
            Self::Int32(_) => "java.lang.Integer",
            Self::Int64(_) => "java.lang.Long",
            Self::Float32(_) => "java.lang.Float",
            Self::Float64(_) => "java.lang.Double",
            Self::String(_) => "java.lang.String",
            Self::Bytes(_) => "[B",
            Self::Array(_) => "java.util.ArrayList",
            Self::Map(_) => "java.util.HashMap",
            Self::Struct(_) => "org.apache.kafka.connect.data.Struct",
            Self::Decimal(_) => "java.math.BigDecimal",
            Self::Date(_) => "java.util.Date",
        }
    }

    /// Returns the type that a value without schema has; `None` for null and for what logical types alone have.
    pub fn kind(&self) -> Option<Type> {
        match self {
            Self::Null | Self::Decimal(_) | Self::Date(_) => None,
            Self::Boolean(_) => Some(Type::Boolean),
            Self::Int8(_) => Some(Type::Int8),
            Self::Int16(_) => Some(Type::Int16),
            Self::Int32(_) => Some(Type::Int32),
            Self::Int64(_) => Some(Type::Int64),
            Self::Float32(_) => Some(Type::Float32),
            Self::Float64(_) => Some(Type::Float64),
            Self::String(_) => Some(Type::String),
            Self::Bytes(_) => Some(Type::Bytes),
            Self::Array(_) => Some(Type::Array),
            Self::Map(_) => Some(Type::Map),
            Self::Struct(_) => Some(Type::Struct),
        }
    }
}

/// As Java's `equals`: numbers of different classes differ, NaN is itself, and the order of a map does not count.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(left), Self::Boolean(right)) => left == right,
            (Self::Int8(left), Self::Int8(right)) => left == right,
            (Self::Int16(left), Self::Int16(right)) => left == right,
            (Self::Int32(left), Self::Int32(right)) => left == right,
            (Self::Int64(left), Self::Int64(right)) | (Self::Date(left), Self::Date(right)) => {
                left == right
            }
            (Self::Float32(left), Self::Float32(right)) => {
                left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan()
            }
            (Self::Float64(left), Self::Float64(right)) => {
                left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan()
            }
            (Self::String(left), Self::String(right)) => left == right,
            (Self::Bytes(left), Self::Bytes(right)) => left == right,
            (Self::Array(left), Self::Array(right)) => left == right,
            (Self::Map(left), Self::Map(right)) => {
                left == right
                    || left.len() == right.len() && left.iter().all(|entry| right.contains(entry))
            }
            (Self::Struct(left), Self::Struct(right)) => left == right,
            (Self::Decimal(left), Self::Decimal(right)) => left == right,
            _ => false,
        }
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::String(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

/// A value and what is known about it; neither is anything for `SchemaAndValue.NULL`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SchemaAndValue {
    pub schema: Option<Schema>,
    pub value: Value,
}

impl SchemaAndValue {
    pub fn new(schema: Schema, value: Value) -> Self {
        Self {
            schema: Some(schema),
            value,
        }
    }
}

/// A struct: a value for each field of its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    schema: Schema,
    values: Vec<Value>,
}

impl Struct {
    /// Returns a struct of nulls; `schema` is that of a struct.
    pub fn new(schema: Schema) -> Self {
        let values = vec![Value::Null; schema.fields().len()];
        Self { schema, values }
    }

    /// Sets a field by its index.
    ///
    /// # Errors
    /// The `DataException` of `Struct.put`: the value is none that the field's schema permits.
    pub fn put(&mut self, index: usize, value: Value) -> Result<(), Throwable> {
        let Some(Field { name, schema }) = self.schema.fields().get(index) else {
            return Err(Throwable::data("field cannot be null."));
        };
        validate_at(
            schema,
            &value,
            &format_args!("field: \"{name}\"").to_string(),
        )?;
        self.values[index] = value;
        Ok(())
    }

    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Returns the fields with their values, null where a default would stand in.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, &Value)> {
        self.schema.fields().iter().zip(&self.values)
    }
}

/// Checks a value as `ConnectSchema.validateValue` does.
///
/// # Errors
/// The `DataException` of a value that the schema does not permit.
pub fn validate(schema: &Schema, value: &Value) -> Result<(), Throwable> {
    validate_at(schema, value, "value")
}

fn validate_at(schema: &Schema, value: &Value, location: &str) -> Result<(), Throwable> {
    if value.is_null() {
        if schema.is_optional() {
            return Ok(());
        }
        return Err(Throwable::data(format!(
            "Invalid value: null used for required {location}, schema type: {}",
            schema.kind()
        )));
    }
    if !is_expected(schema, value) {
        let name = schema
            .name()
            .map(|name| format!(" \"{name}\""))
            .unwrap_or_default();
        return Err(Throwable::data(format!(
            "Invalid Java object for schema{name} with type {}: class {} for {location}",
            schema.kind(),
            value.class_name()
        )));
    }
    match (schema.kind(), value) {
        (Type::Struct, Value::Struct(value)) => validate_struct(schema, value),
        (Type::Array, Value::Array(elements)) => {
            let location = format!("element of array {location}");
            let schema = inner(schema.value_schema(), &location)?;
            elements
                .iter()
                .try_for_each(|element| validate_at(schema, element, &location))
        }
        (Type::Map, Value::Map(entries)) => {
            let of_key = format!("key of map {location}");
            let of_value = format!("value of map {location}");
            let key_schema = inner(schema.key_schema(), &of_key)?;
            let value_schema = inner(schema.value_schema(), &of_value)?;
            entries.iter().try_for_each(|(key, value)| {
                validate_at(key_schema, key, &of_key)?;
                validate_at(value_schema, value, &of_value)
            })
        }
        _ => Ok(()),
    }
}

fn is_expected(schema: &Schema, value: &Value) -> bool {
    match schema.logical() {
        Some(Logical::Decimal) => matches!(value, Value::Decimal(_)),
        Some(Logical::Date | Logical::Time | Logical::Timestamp) => matches!(value, Value::Date(_)),
        None => value.kind() == Some(schema.kind()),
    }
}

fn inner<'a>(schema: Option<&'a Schema>, location: &str) -> Result<&'a Schema, Throwable> {
    schema.ok_or_else(|| Throwable::data(format!("No schema defined for {location}")))
}

fn validate_struct(schema: &Schema, value: &Struct) -> Result<(), Throwable> {
    if value.schema() != schema {
        return Err(Throwable::data("Struct schemas do not match."));
    }
    for (field, value) in value.fields() {
        let may_be_null = field.schema.is_optional() || field.schema.default_value().is_some();
        if !(value.is_null() && may_be_null) {
            validate_at(&field.schema, value, &format!("field: \"{}\"", field.name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::schema::SchemaBuilder;
    use super::*;

    fn refusal(schema: &Schema, value: &Value) -> String {
        validate(schema, value).unwrap_err().to_string()
    }

    #[test]
    fn equality_is_that_of_java() {
        assert_eq!(Value::Float64(f64::NAN), Value::Float64(f64::NAN));
        assert_ne!(Value::Float64(0.0), Value::Float64(-0.0));
        assert_ne!(Value::Int32(1), Value::Int64(1));
        let entry = |number| (Value::Int8(number), Value::Null);
        assert_eq!(
            Value::Map(vec![entry(1), entry(2)]),
            Value::Map(vec![entry(2), entry(1)])
        );
    }

    #[test]
    fn values_are_checked_with_the_words_of_connect() {
        assert_eq!(
            refusal(&Schema::required(Type::Int32), &Value::Null),
            "Invalid value: null used for required value, schema type: INT32"
        );
        assert_eq!(
            refusal(&SchemaBuilder::decimal(1).build(), &Value::Int8(1)),
            "Invalid Java object for schema \"org.apache.kafka.connect.data.Decimal\" with type BYTES: class \
             java.lang.Byte for value"
        );
        let array = SchemaBuilder::array(Schema::required(Type::String)).build();
        assert_eq!(
            refusal(&array, &Value::Array(vec![Value::Bytes(Bytes::new())])),
            "Invalid Java object for schema with type STRING: class [B for element of array value"
        );
    }

    #[test]
    fn a_struct_takes_what_its_fields_permit() {
        let schema = SchemaBuilder::new(Type::Struct)
            .field("a".into(), Schema::required(Type::Int8))
            .field("b".into(), Schema::optional(Type::String))
            .build();
        let mut value = Struct::new(schema.clone());
        value.put(0, Value::Int8(1)).unwrap();
        validate(&schema, &Value::Struct(Box::new(value.clone()))).unwrap();
        assert_eq!(
            value.put(1, Value::Int8(1)).unwrap_err().message(),
            Some(
                "Invalid Java object for schema with type STRING: class java.lang.Byte for field: \"b\""
            )
        );
        assert!(value.put(2, Value::Null).is_err());
    }
}
