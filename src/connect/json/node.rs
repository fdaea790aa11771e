//! JSON as a tree (`com.fasterxml.jackson.databind.JsonNode`).

use indexmap::IndexMap;
use num_bigint::BigInt;

use super::super::decimal::{Decimal, low_bits};
use super::super::text::Text;

/// A JSON value. Whole numbers are of the smallest class that holds them, others are exact.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// The document without a value.
    Missing,
    Null,
    Boolean(bool),
    Int(i32),
    Long(i64),
    BigInteger(BigInt),
    Decimal(Decimal),
    Text(Text),
    Array(Vec<Node>),
    /// Of a repeated name the last value, in the first one's place.
    Object(IndexMap<Text, Node>),
}

impl Node {
    /// Returns the name of the constant of `JsonNodeType`.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
            Self::Null => "NULL",
            Self::Boolean(_) => "BOOLEAN",
            Self::Int(_) | Self::Long(_) | Self::BigInteger(_) | Self::Decimal(_) => "NUMBER",
            Self::Text(_) => "STRING",
            Self::Array(_) => "ARRAY",
            Self::Object(_) => "OBJECT",
        }
    }

    pub(super) fn get(&self, name: &'static str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(&Text::from_static(name)),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&Text> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_integral(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Long(_) | Self::BigInteger(_))
    }

    /// Returns the lowest 64 bits of a number's whole part, 0 for everything else (`longValue`).
    pub(super) fn to_i64(&self) -> i64 {
        match self {
            Self::Int(number) => i64::from(*number),
            Self::Long(number) => *number,
            Self::BigInteger(number) => low_bits(number),
            Self::Decimal(number) => number.to_i64(),
            _ => 0,
        }
    }

    /// Returns the nearest double of a number, 0 for everything else (`doubleValue`).
    #[expect(
        clippy::cast_precision_loss,
        reason = "Java's conversion, which rounds to nearest as Rust's does"
    )]
    pub(super) fn to_f64(&self) -> f64 {
        match self {
            Self::Int(number) => f64::from(*number),
            Self::Long(number) => *number as f64,
            Self::BigInteger(number) => Decimal::new(number.clone(), 0).to_f64(),
            Self::Decimal(number) => number.to_f64(),
            _ => 0.0,
        }
    }

    /// Returns the nearest float of a number, 0 for everything else (`floatValue`).
    #[expect(
        clippy::cast_precision_loss,
        reason = "Java's conversion, which rounds to nearest as Rust's does"
    )]
    pub(super) fn to_f32(&self) -> f32 {
        match self {
            Self::Int(number) => *number as f32,
            Self::Long(number) => *number as f32,
            Self::BigInteger(number) => Decimal::new(number.clone(), 0).to_f32(),
            Self::Decimal(number) => number.to_f32(),
            _ => 0.0,
        }
    }

    /// Returns a number as it is written; `None` for everything else.
    pub(super) fn to_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Int(number) => Some(Decimal::new(*number, 0)),
            Self::Long(number) => Some(Decimal::new(*number, 0)),
            Self::BigInteger(number) => Some(Decimal::new(number.clone(), 0)),
            Self::Decimal(number) => Some(number.clone()),
            _ => None,
        }
    }
}
