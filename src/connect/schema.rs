//! Schemas (`org.apache.kafka.connect.data.ConnectSchema`). Those of the primitive types are statics.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use indexmap::IndexMap;

use super::text::Text;
use super::value::Value;

/// The kinds of data that Connect knows (`Schema.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
    Bytes,
    Array,
    Map,
    Struct,
}

impl Type {
    /// Returns the name of the Java constant.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Array => "ARRAY",
            Self::Map => "MAP",
            Self::Struct => "STRUCT",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A schema, cheap to clone: a static for a bare primitive type, shared otherwise.
#[derive(Clone)]
pub enum Schema {
    Static(&'static ConnectSchema),
    Shared(Arc<ConnectSchema>),
}

impl Schema {
    /// Returns the bare schema of a type, whose values may not be null. An array or a map has no schemas inside.
    pub fn required(kind: Type) -> Self {
        Self::Static(&REQUIRED[kind as usize])
    }

    /// Returns the bare schema of a type, whose values may be null.
    pub fn optional(kind: Type) -> Self {
        Self::Static(&OPTIONAL[kind as usize])
    }
}

impl Deref for Schema {
    type Target = ConnectSchema;

    fn deref(&self) -> &ConnectSchema {
        match self {
            Self::Static(schema) => schema,
            Self::Shared(schema) => schema,
        }
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        let (left, right): (&ConnectSchema, &ConnectSchema) = (self, other);
        std::ptr::eq(left, right) || left == right
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// `Schema{name:TYPE}` or `Schema{TYPE}`.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Schema{{{name}:{}}}", self.kind()),
            None => write!(f, "Schema{{{}}}", self.kind()),
        }
    }
}

/// What a schema says.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectSchema {
    kind: Type,
    optional: bool,
    details: Option<Box<Details>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Details {
    name: Option<Text>,
    version: Option<i32>,
    doc: Option<Text>,
    parameters: IndexMap<Text, Text>,
    default: Value,
    fields: Vec<Field>,
    key_schema: Option<Schema>,
    value_schema: Option<Schema>,
}

/// A field of a struct.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: Text,
    pub schema: Schema,
}

impl ConnectSchema {
    const fn bare(kind: Type, optional: bool) -> Self {
        Self {
            kind,
            optional,
            details: None,
        }
    }

    pub fn kind(&self) -> Type {
        self.kind
    }

    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Returns the name, which makes it a logical type where it is one of Connect's own.
    pub fn name(&self) -> Option<&Text> {
        self.details()?.name.as_ref()
    }

    pub fn version(&self) -> Option<i32> {
        self.details()?.version
    }

    pub fn doc(&self) -> Option<&Text> {
        self.details()?.doc.as_ref()
    }

    /// Returns the parameters in order; `None` rather than none at all.
    pub fn parameters(&self) -> Option<&IndexMap<Text, Text>> {
        Some(&self.details()?.parameters).filter(|parameters| !parameters.is_empty())
    }

    /// Returns the value that stands in for null.
    pub fn default_value(&self) -> Option<&Value> {
        Some(&self.details()?.default).filter(|value| !value.is_null())
    }

    /// Returns the fields of a struct in order.
    pub fn fields(&self) -> &[Field] {
        self.details().map_or(&[], |details| &details.fields)
    }

    /// Returns the schema of a map's keys; `None` for a map that has none but null keys.
    pub fn key_schema(&self) -> Option<&Schema> {
        self.details()?.key_schema.as_ref()
    }

    /// Returns the schema of an array's elements or a map's values; `None` where all of them are null.
    pub fn value_schema(&self) -> Option<&Schema> {
        self.details()?.value_schema.as_ref()
    }

    /// Returns which of Connect's logical types it is. The name alone decides.
    pub fn logical(&self) -> Option<Logical> {
        let name = self.name()?.as_bytes();
        let name = name.strip_prefix(b"org.apache.kafka.connect.data.")?;
        match name {
            b"Decimal" => Some(Logical::Decimal),
            b"Date" => Some(Logical::Date),
            b"Time" => Some(Logical::Time),
            b"Timestamp" => Some(Logical::Timestamp),
            _ => None,
        }
    }

    fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }
}

/// Connect's own logical types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logical {
    /// A number of any length: [`Value::Decimal`], in bytes.
    Decimal,
    /// A day: [`Value::Date`], as days in an INT32.
    Date,
    /// A time of day: [`Value::Date`], as milliseconds in an INT32.
    Time,
    /// An instant: [`Value::Date`], as milliseconds in an INT64.
    Timestamp,
}

/// A schema in the making.
#[derive(Debug, Clone)]
pub struct SchemaBuilder {
    kind: Type,
    optional: bool,
    details: Details,
}

impl SchemaBuilder {
    /// Starts with a required schema of a type without anything else.
    pub fn new(kind: Type) -> Self {
        Self {
            kind,
            optional: false,
            details: Details::default(),
        }
    }

    /// Starts with an array of elements of a schema.
    pub fn array(elements: Schema) -> Self {
        let mut builder = Self::new(Type::Array);
        builder.details.value_schema = Some(elements);
        builder
    }

    /// Starts with a map.
    pub fn map(keys: Schema, values: Option<Schema>) -> Self {
        let mut builder = Self::new(Type::Map);
        builder.details.key_schema = Some(keys);
        builder.details.value_schema = values;
        builder
    }

    /// Starts with Connect's `Decimal` of a scale.
    pub fn decimal(scale: i32) -> Self {
        Self::new(Type::Bytes)
            .name(Text::from_static("org.apache.kafka.connect.data.Decimal"))
            .parameter(Text::from_static("scale"), Text::from(scale.to_string()))
            .version(1)
    }

    /// Starts with Connect's `Date`.
    pub fn date() -> Self {
        Self::new(Type::Int32)
            .name(Text::from_static("org.apache.kafka.connect.data.Date"))
            .version(1)
    }

    /// Starts with Connect's `Time`.
    pub fn time() -> Self {
        Self::new(Type::Int32)
            .name(Text::from_static("org.apache.kafka.connect.data.Time"))
            .version(1)
    }

    /// Starts with Connect's `Timestamp`.
    pub fn timestamp() -> Self {
        Self::new(Type::Int64)
            .name(Text::from_static("org.apache.kafka.connect.data.Timestamp"))
            .version(1)
    }

    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    #[must_use]
    pub fn name(mut self, name: Text) -> Self {
        self.details.name = Some(name);
        self
    }

    #[must_use]
    pub fn version(mut self, version: i32) -> Self {
        self.details.version = Some(version);
        self
    }

    #[must_use]
    pub fn doc(mut self, doc: Text) -> Self {
        self.details.doc = Some(doc);
        self
    }

    #[must_use]
    pub fn parameter(mut self, name: Text, value: Text) -> Self {
        self.details.parameters.insert(name, value);
        self
    }

    /// Sets the default without a look at whether the schema permits it.
    #[must_use]
    pub fn default_value(mut self, default: Value) -> Self {
        self.details.default = default;
        self
    }

    #[must_use]
    pub fn field(mut self, name: Text, schema: Schema) -> Self {
        self.details.fields.push(Field { name, schema });
        self
    }

    pub fn build(self) -> Schema {
        let details = (self.details != Details::default()).then(|| Box::new(self.details));
        let bare = if self.optional {
            Schema::optional(self.kind)
        } else {
            Schema::required(self.kind)
        };
        match details {
            None => bare,
            details => Schema::Shared(Arc::new(ConnectSchema {
                kind: self.kind,
                optional: self.optional,
                details,
            })),
        }
    }
}

static REQUIRED: [ConnectSchema; 12] = bare_schemas(false);
static OPTIONAL: [ConnectSchema; 12] = bare_schemas(true);

/// In the order of [`Type`].
const fn bare_schemas(optional: bool) -> [ConnectSchema; 12] {
    [
        ConnectSchema::bare(Type::Int8, optional),
        ConnectSchema::bare(Type::Int16, optional),
        ConnectSchema::bare(Type::Int32, optional),
        ConnectSchema::bare(Type::Int64, optional),
        ConnectSchema::bare(Type::Float32, optional),
        ConnectSchema::bare(Type::Float64, optional),
        ConnectSchema::bare(Type::Boolean, optional),
        ConnectSchema::bare(Type::String, optional),
        ConnectSchema::bare(Type::Bytes, optional),
        ConnectSchema::bare(Type::Array, optional),
        ConnectSchema::bare(Type::Map, optional),
        ConnectSchema::bare(Type::Struct, optional),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_schemas_are_in_the_order_of_the_types() {
        for (index, schema) in REQUIRED.iter().enumerate() {
            assert_eq!(schema.kind() as usize, index);
            assert_eq!(*Schema::required(schema.kind()), *schema);
            assert!(!schema.is_optional());
        }
        for schema in &OPTIONAL {
            assert!(Schema::optional(schema.kind()).is_optional());
        }
    }

    #[test]
    fn a_builder_without_details_gives_the_static() {
        let schema = SchemaBuilder::new(Type::String).optional().build();
        assert!(matches!(schema, Schema::Static(_)));
        assert_eq!(schema, Schema::optional(Type::String));
        assert_ne!(schema, Schema::required(Type::String));
    }

    #[test]
    fn a_name_makes_a_logical_type() {
        let decimal = SchemaBuilder::decimal(2).build();
        assert_eq!(decimal.logical(), Some(Logical::Decimal));
        assert_eq!(
            decimal.to_string(),
            "Schema{org.apache.kafka.connect.data.Decimal:BYTES}"
        );
        assert_eq!(Schema::required(Type::Int8).logical(), None);
    }
}
