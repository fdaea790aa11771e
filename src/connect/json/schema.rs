//! Schemas as JSON (`org.apache.kafka.connect.json.JsonSchema`).

use super::super::schema::{Field, Logical, Schema, SchemaBuilder, Type};
use super::super::text::Text;
use super::super::throwable::Throwable;
use super::super::value::{Value, validate};
use super::JsonConverter;
use super::node::Node;
use super::write::push_text;

const TYPES: [(&str, Type); 12] = [
    ("int8", Type::Int8),
    ("int16", Type::Int16),
    ("int32", Type::Int32),
    ("int64", Type::Int64),
    ("float", Type::Float32),
    ("double", Type::Float64),
    ("boolean", Type::Boolean),
    ("string", Type::String),
    ("bytes", Type::Bytes),
    ("array", Type::Array),
    ("map", Type::Map),
    ("struct", Type::Struct),
];

impl JsonConverter {
    /// Appends a schema; `field` is the name of the field that has it.
    pub(super) fn write_schema(
        &self,
        schema: Option<&Schema>,
        field: Option<&Text>,
        to: &mut Vec<u8>,
    ) -> Result<(), Throwable> {
        let Some(schema) = schema else {
            to.extend_from_slice(b"null");
            return Ok(());
        };
        let (name, _) = TYPES[schema.kind() as usize];
        to.extend_from_slice(b"{\"type\":\"");
        to.extend_from_slice(name.as_bytes());
        to.push(b'"');
        self.write_inner_schemas(schema, to)?;
        to.extend_from_slice(if schema.is_optional() {
            b",\"optional\":true"
        } else {
            b",\"optional\":false"
        });
        write_details(schema, to);
        if let Some(default) = schema.default_value() {
            to.extend_from_slice(b",\"default\":");
            self.write_value(Some(schema), default, 1, to)?;
        }
        if let Some(field) = field {
            member("field", field, to);
        }
        to.push(b'}');
        Ok(())
    }

    fn write_inner_schemas(&self, schema: &Schema, to: &mut Vec<u8>) -> Result<(), Throwable> {
        match schema.kind() {
            Type::Array => {
                to.extend_from_slice(b",\"items\":");
                self.write_schema(schema.value_schema(), None, to)
            }
            Type::Map => {
                to.extend_from_slice(b",\"keys\":");
                self.write_schema(schema.key_schema(), None, to)?;
                to.extend_from_slice(b",\"values\":");
                self.write_schema(schema.value_schema(), None, to)
            }
            Type::Struct => {
                to.extend_from_slice(b",\"fields\":[");
                for (index, Field { name, schema }) in schema.fields().iter().enumerate() {
                    if index > 0 {
                        to.push(b',');
                    }
                    self.write_schema(Some(schema), Some(name), to)?;
                }
                to.push(b']');
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Reads a schema; `null` is none.
    pub(super) fn read_schema(&self, node: &Node) -> Result<Option<Schema>, Throwable> {
        if *node == Node::Null {
            return Ok(None);
        }
        let Some(type_name) = node.get("type").and_then(Node::text) else {
            return Err(Throwable::data("Schema must contain 'type' field"));
        };
        let known = TYPES.iter().find(|(name, _)| type_name == *name);
        let mut builder = match known.map(|(_, kind)| *kind) {
            Some(Type::Array) => self.read_array(node)?,
            Some(Type::Map) => self.read_map(node)?,
            Some(Type::Struct) => self.read_struct(node)?,
            Some(kind) => SchemaBuilder::new(kind),
            None => {
                return Err(Throwable::data(format!("Unknown schema type: {type_name}")));
            }
        };
        builder = read_details(builder, node)?;
        if let Some(default) = node.get("default") {
            let value = self.read_default(&builder.clone().build(), default)?;
            builder = builder.default_value(value);
        }
        Ok(Some(builder.build()))
    }

    fn read_array(&self, node: &Node) -> Result<SchemaBuilder, Throwable> {
        let elements = node.get("items").map(|items| self.read_schema(items));
        match elements.transpose()?.flatten() {
            Some(elements) => Ok(SchemaBuilder::array(elements)),
            None => Err(Throwable::data(
                "Array schema did not specify the element type",
            )),
        }
    }

    fn read_map(&self, node: &Node) -> Result<SchemaBuilder, Throwable> {
        let Some(keys) = node.get("keys") else {
            return Err(Throwable::data("Map schema did not specify the key type"));
        };
        let Some(values) = node.get("values") else {
            return Err(Throwable::data("Map schema did not specify the value type"));
        };
        match (self.read_schema(keys)?, self.read_schema(values)?) {
            (None, _) => Err(Throwable::schema_builder("keySchema cannot be null.")),
            (_, None) => Err(Throwable::schema_builder("valueSchema cannot be null.")),
            (Some(keys), values) => Ok(SchemaBuilder::map(keys, values)),
        }
    }

    fn read_struct(&self, node: &Node) -> Result<SchemaBuilder, Throwable> {
        let Some(Node::Array(fields)) = node.get("fields") else {
            return Err(Throwable::data(
                "Struct schema's \"fields\" argument is not an array.",
            ));
        };
        let mut builder = SchemaBuilder::new(Type::Struct);
        let mut names = std::collections::HashSet::new();
        for field in fields {
            let Some(name) = field.get("field").and_then(Node::text) else {
                return Err(Throwable::data(
                    "Struct schema's field name not specified properly",
                ));
            };
            // A field has a member, so it is not null.
            let Some(schema) = self.read_schema(field)? else {
                continue;
            };
            if name.is_empty() {
                return Err(Throwable::schema_builder("fieldName cannot be null."));
            }
            if !names.insert(name) {
                return Err(Throwable::schema_builder(format!(
                    "Cannot create field because of field name duplication {name}"
                )));
            }
            builder = builder.field(name.clone(), schema);
        }
        Ok(builder)
    }

    fn read_default(&self, schema: &Schema, node: &Node) -> Result<Value, Throwable> {
        let value = self.to_connect(Some(schema), Some(node))?;
        let invalid = match &value {
            // Java compares the schema with its builder, which is never equal.
            Value::Struct(_) if schema.logical().is_none() => {
                Err(Throwable::data("Struct schemas do not match."))
            }
            value => validate(schema, value),
        };
        match invalid {
            Ok(()) => Ok(value),
            Err(cause) => Err(Throwable::schema_builder("Invalid default value").with_cause(cause)),
        }
    }
}

fn write_details(schema: &Schema, to: &mut Vec<u8>) {
    if let Some(name) = schema.name() {
        member("name", name, to);
    }
    if let Some(version) = schema.version() {
        to.extend_from_slice(format!(",\"version\":{version}").as_bytes());
    }
    if let Some(doc) = schema.doc() {
        member("doc", doc, to);
    }
    if let Some(parameters) = schema.parameters() {
        to.extend_from_slice(b",\"parameters\":{");
        for (index, (name, value)) in parameters.iter().enumerate() {
            if index > 0 {
                to.push(b',');
            }
            push_text(name, to);
            to.push(b':');
            push_text(value, to);
        }
        to.push(b'}');
    }
}

fn member(name: &str, value: &Text, to: &mut Vec<u8>) {
    to.extend_from_slice(format!(",\"{name}\":").as_bytes());
    push_text(value, to);
}

/// Members of another type than they should be count as absent, except for parameters.
fn read_details(mut builder: SchemaBuilder, node: &Node) -> Result<SchemaBuilder, Throwable> {
    if node.get("optional") == Some(&Node::Boolean(true)) {
        builder = builder.optional();
    }
    if let Some(name) = node.get("name").and_then(Node::text) {
        builder = builder.name(name.clone());
    }
    if let Some(version) = node.get("version").filter(|version| version.is_integral()) {
        builder = builder.version(super::to_connect::low_int(version.to_i64()));
    }
    if let Some(doc) = node.get("doc").and_then(Node::text) {
        builder = builder.doc(doc.clone());
    }
    if let Some(Node::Object(parameters)) = node.get("parameters") {
        for (name, value) in parameters {
            let Some(value) = value.text() else {
                return Err(Throwable::data(
                    "Schema parameters must have string values.",
                ));
            };
            builder = builder.parameter(name.clone(), value.clone());
        }
    }
    Ok(builder)
}

/// Returns the scale of a `Decimal`.
pub(super) fn scale(schema: &Schema) -> Result<i32, Throwable> {
    debug_assert_eq!(schema.logical(), Some(Logical::Decimal));
    let Some(parameters) = schema.parameters() else {
        return Err(Throwable::new(
            "java.lang.NullPointerException",
            "Cannot invoke \"java.util.Map.get(Object)\" because the return value of \
             \"org.apache.kafka.connect.data.Schema.parameters()\" is null",
        ));
    };
    let Some(scale) = parameters.get(&Text::from_static("scale")) else {
        return Err(Throwable::data(
            "Invalid Decimal schema: scale parameter not found.",
        ));
    };
    scale.to_str().parse().map_err(|_| {
        let cause = Throwable::new(
            "java.lang.NumberFormatException",
            format!("For input string: \"{scale}\""),
        );
        Throwable::data("Invalid scale parameter found in Decimal schema: ").with_cause(cause)
    })
}
