//! Schemas, values and JSON at random, the same at every run.

use connectctl::connect::schema::Logical;
use connectctl::connect::{
    Decimal, Schema, SchemaAndValue, SchemaBuilder, Struct, Text, Type, Value,
};

use crate::support::random::Random;

/// Whole and broken strings, of the kinds that converters treat differently.
const PIECES: &[&str] = &[
    "a",
    "Zürich",
    "日本",
    "\u{1f600}",
    "\"",
    "\\",
    "/",
    "\n",
    "\t",
    "\u{1}",
    "\u{7f}",
    "\u{2028}",
    " ",
    "",
    "null",
    "1",
    "true",
    "é",
    "0123456789",
    "{",
    "]",
    ":",
    ",",
    "\u{ffff}",
    "\u{0}",
    "'",
];

pub(super) fn text(random: &mut Random) -> Text {
    let mut units = Vec::new();
    for _ in 0..random.below(4) {
        units.extend(random.pick(PIECES).encode_utf16());
        if random.percent(3) {
            units.push(*random.pick(&[0xd83d, 0xde00, 0xd800, 0xdfff]));
        }
    }
    Text::from_utf16(units)
}

fn bytes(random: &mut Random) -> Vec<u8> {
    let count = random.index(12);
    (0..count).map(|_| random.next().to_be_bytes()[0]).collect()
}

/// Small numbers, limits, and anything.
pub(super) fn long(random: &mut Random) -> i64 {
    match random.below(4) {
        0 => i64::try_from(random.below(2000)).expect("small") - 1000,
        1 => *random.pick(&[
            0,
            -1,
            i64::MIN,
            i64::MAX,
            1 << 31,
            -(1 << 31) - 1,
            86_400_000,
        ]),
        2 => random.next().cast_signed() >> random.below(60),
        _ => random.next().cast_signed(),
    }
}

pub(super) fn double(random: &mut Random) -> f64 {
    match random.below(6) {
        0 => *random.pick(&[
            0.0,
            -0.0,
            1.0,
            1e7,
            1e-3,
            1e23,
            2e23,
            5e-324,
            f64::MAX,
            f64::MIN_POSITIVE,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            9_007_199_254_740_993.0,
            0.1,
        ]),
        1 => f64::from(i32::try_from(random.below(100_000)).expect("small")) / 100.0,
        2 => f64::from_bits(random.next() & 0xfff0_0000_0000_0000),
        3 => f64::from(u32::try_from(random.below(1 << 32)).expect("32 bits")) * 1e3,
        _ => f64::from_bits(random.next()),
    }
}

pub(super) fn float(random: &mut Random) -> f32 {
    let [.., a, b, c, d] = random.next().to_be_bytes();
    match random.below(4) {
        0 => *random.pick(&[
            0.0,
            -0.0,
            1.0,
            1e7,
            1e-3,
            1.4e-45,
            f32::MAX,
            f32::NAN,
            f32::INFINITY,
            3.355_443_2e7,
        ]),
        1 => f32::from(i16::from_be_bytes([c, d])) / 100.0,
        _ => f32::from_be_bytes([a, b, c, d]),
    }
}

pub(super) fn decimal(random: &mut Random) -> Decimal {
    let mut unscaled = bytes(random);
    unscaled.push(random.next().to_be_bytes()[0]);
    let scale = match random.below(3) {
        0 => 0,
        1 => i32::try_from(random.below(40)).expect("small") - 10,
        _ => 2,
    };
    Decimal::from_bytes(&unscaled, scale).expect("at least one byte")
}

const SCALARS: [Type; 9] = [
    Type::Int8,
    Type::Int16,
    Type::Int32,
    Type::Int64,
    Type::Float32,
    Type::Float64,
    Type::Boolean,
    Type::String,
    Type::Bytes,
];

/// A schema at most `depth` levels deep, with all that schemas can have.
pub(super) fn schema(random: &mut Random, depth: u32) -> Schema {
    let mut builder = match random.below(if depth == 0 { 6 } else { 9 }) {
        0 => SchemaBuilder::decimal(i32::try_from(random.below(5)).expect("small")),
        1 => SchemaBuilder::date(),
        2 => random
            .pick(&[SchemaBuilder::time(), SchemaBuilder::timestamp()])
            .clone(),
        6 => SchemaBuilder::array(schema(random, depth - 1)),
        7 => SchemaBuilder::map(key_schema(random), Some(schema(random, depth - 1))),
        8 => (0..random.below(4)).fold(SchemaBuilder::new(Type::Struct), |builder, index| {
            let name = format!("f{index}{}", text(random).to_str());
            builder.field(name.as_str().into(), schema(random, depth - 1))
        }),
        _ => SchemaBuilder::new(*random.pick(&SCALARS)),
    };
    if random.percent(40) {
        builder = builder.optional();
    }
    if random.percent(10) {
        builder = builder.version(3).doc(text(random));
    }
    if random.percent(5) && builder.clone().build().name().is_none() {
        builder = builder.name("com.example.Name".into());
        builder = builder.parameter("p".into(), text(random));
    }
    let built = builder.clone().build();
    let is_scalar = SCALARS[..8].contains(&built.kind());
    if random.percent(15) && is_scalar {
        builder = builder.default_value(value(random, &built));
    }
    builder.build()
}

/// A schema of values that Java's maps can find again: it knows byte arrays and structs by where they are.
fn key_schema(random: &mut Random) -> Schema {
    let scalar = SchemaBuilder::new(*random.pick(&SCALARS[..8]));
    match random.below(10) {
        0 => SchemaBuilder::timestamp().build(),
        1 => SchemaBuilder::array(scalar.build()).build(),
        2 => scalar.optional().build(),
        3..6 => scalar.build(),
        _ => Schema::required(Type::String),
    }
}

/// A value of a schema, sometimes null where that is allowed.
pub(super) fn value(random: &mut Random, schema: &Schema) -> Value {
    if schema.is_optional() && random.percent(25) {
        return Value::Null;
    }
    let days = |random: &mut Random| long(random) % 100_000 * 86_400_000;
    match schema.logical() {
        Some(Logical::Decimal) => {
            let decimal = decimal(random);
            let scale = schema
                .parameters()
                .and_then(|all| all[0].to_str().parse().ok());
            let scale = scale
                .filter(|_| random.percent(90))
                .unwrap_or(decimal.scale());
            return Value::Decimal(Box::new(Decimal::new(decimal.unscaled().clone(), scale)));
        }
        Some(Logical::Date) if random.percent(90) => return Value::Date(days(random)),
        Some(Logical::Time) if random.percent(90) => {
            return Value::Date(long(random).rem_euclid(86_400_001));
        }
        Some(_) => return Value::Date(long(random)),
        None => {}
    }
    match schema.kind() {
        Type::Array => {
            let elements = schema.value_schema().expect("an array of something");
            Value::Array(
                (0..random.below(4))
                    .map(|_| value(random, elements))
                    .collect(),
            )
        }
        Type::Map => {
            let keys = schema.key_schema().expect("a map by something");
            let values = schema.value_schema().expect("a map to something");
            let mut entries: Vec<(Value, Value)> = Vec::new();
            for _ in 0..random.below(4) {
                let key = value(random, keys);
                if entries.iter().all(|(known, _)| *known != key) {
                    entries.push((key, value(random, values)));
                }
            }
            Value::Map(entries)
        }
        Type::Struct => {
            let mut built = Struct::new(schema.clone());
            for (index, field) in schema.fields().iter().enumerate() {
                let value = value(random, &field.schema);
                let has_default = field.schema.default_value().is_some();
                let stays_null = has_default && random.percent(30);
                if !(stays_null || value.is_null()) {
                    built.put(index, value).expect("a value of its schema");
                }
            }
            Value::Struct(Box::new(built))
        }
        kind => scalar(random, kind),
    }
}

pub(super) fn scalar(random: &mut Random, kind: Type) -> Value {
    let long = long(random);
    let [.., a, b, c, d] = long.to_be_bytes();
    match kind {
        Type::Int8 => Value::Int8(d.cast_signed()),
        Type::Int16 => Value::Int16(i16::from_be_bytes([c, d])),
        Type::Int32 => Value::Int32(i32::from_be_bytes([a, b, c, d])),
        Type::Int64 => Value::Int64(long),
        Type::Float32 => Value::Float32(float(random)),
        Type::Float64 => Value::Float64(double(random)),
        Type::Boolean => Value::Boolean(long % 2 == 0),
        Type::Bytes => Value::Bytes(bytes(random).into()),
        _ => Value::String(text(random)),
    }
}

/// A value without schema, now and then of a class that needs one.
pub(super) fn free(random: &mut Random, depth: u32) -> Value {
    match random.below(if depth == 0 { 8 } else { 14 }) {
        0 => Value::Null,
        1 if random.percent(10) => Value::Date(long(random)),
        2 if random.percent(10) => Value::Decimal(Box::new(decimal(random))),
        8..=10 => Value::Array(
            (0..random.below(4))
                .map(|_| free(random, depth - 1))
                .collect(),
        ),
        11..=13 => {
            let mut entries: Vec<(Value, Value)> = Vec::new();
            for _ in 0..random.below(5) {
                let kind = *random.pick(&SCALARS[..8]);
                let key = if random.percent(80) {
                    Value::String(text(random))
                } else {
                    scalar(random, kind)
                };
                if entries.iter().all(|(known, _)| *known != key) {
                    entries.push((key, free(random, depth - 1)));
                }
            }
            Value::Map(entries)
        }
        _ => {
            let kind = *random.pick(&SCALARS);
            scalar(random, kind)
        }
    }
}

/// Any value with its schema, without one, or with the wrong one.
pub(super) fn pair(random: &mut Random) -> SchemaAndValue {
    let schema = schema(random, 3);
    match random.below(10) {
        0..=5 => {
            let value = value(random, &schema);
            SchemaAndValue::new(schema, value)
        }
        6 | 7 => SchemaAndValue {
            schema: None,
            value: free(random, 3),
        },
        8 => SchemaAndValue::new(schema, free(random, 1)),
        _ => {
            let kind = *random.pick(&SCALARS);
            SchemaAndValue::new(Schema::optional(kind), scalar(random, kind))
        }
    }
}

/// JSON that is mostly right: numbers in all forms, repeated names, escapes, blanks.
pub(super) fn json(random: &mut Random, depth: u32) -> String {
    const SCALARS: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "-0",
        "007",
        "1",
        "-1",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "-123456789012345678901234567890",
        "1.0",
        "1.50",
        "-0.0",
        "1e5",
        "1E-5",
        "1e400",
        "0.1",
        "123456789.123456789123456789",
        "1e-400",
        "\"\"",
        "\"a\"",
        "\"AQID\"",
        "\"AQI\"",
        "\"\\u00e9\\n\\/\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"日本\"",
        "\"NaN\"",
        "86400000",
        "86400001",
        "128",
        "40000",
        "1e30",
        "4.9e-324",
    ];
    let blank = if random.percent(10) { " \n" } else { "" };
    match random.below(if depth == 0 { 4 } else { 8 }) {
        4 | 5 => {
            let elements: Vec<_> = (0..random.below(4))
                .map(|_| json(random, depth - 1))
                .collect();
            format!("{blank}[{}{blank}]", elements.join(","))
        }
        6 | 7 => {
            let count = if random.percent(10) { 30 } else { 5 };
            let members: Vec<_> = (0..random.below(count))
                .map(|index| {
                    let name = *random.pick(&[
                        "a", "b", "field", "type", "\\u0061", "Zürich", "schema", "key",
                    ]);
                    let index = if random.percent(80) {
                        index.to_string()
                    } else {
                        String::new()
                    };
                    format!("{blank}\"{name}{index}\":{}", json(random, depth - 1))
                })
                .collect();
            format!("{{{}{blank}}}", members.join(","))
        }
        _ => random.pick(SCALARS).to_string() + blank,
    }
}
