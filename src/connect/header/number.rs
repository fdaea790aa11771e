//! Numbers in a header's text: the smallest whole type that holds one, otherwise a float if it is finite.

use num_bigint::BigInt;

use super::super::decimal::Decimal;
use super::super::schema::{Schema, SchemaBuilder, Type};
use super::super::value::{SchemaAndValue, Value};

/// Reads a number; `None` for what `BigDecimal` does not read.
pub(super) fn parse(token: &str) -> Option<SchemaAndValue> {
    let digits: String = token.chars().map(to_ascii).collect();
    let decimal = Decimal::parse(&digits)?;
    if let Some(whole) = whole(&decimal) {
        return Some(smallest(whole));
    }
    let (float, double) = (decimal.to_f32(), decimal.to_f64());
    let of = |kind, value| SchemaAndValue::new(Schema::required(kind), value);
    Some(match decimal.scale() {
        0 => of_decimal(decimal),
        _ if float.is_finite() => of(Type::Float32, Value::Float32(float)),
        _ if double.is_finite() => of(Type::Float64, Value::Float64(double)),
        _ => of_decimal(decimal),
    })
}

fn of_decimal(decimal: Decimal) -> SchemaAndValue {
    let schema = SchemaBuilder::decimal(decimal.scale()).build();
    SchemaAndValue::new(schema, Value::Decimal(Box::new(decimal)))
}

/// Returns a number without fraction that a long holds.
fn whole(decimal: &Decimal) -> Option<i64> {
    if decimal.is_zero() {
        return Some(0);
    }
    let digits = i64::try_from(decimal.unscaled().magnitude().to_string().len()).ok()?;
    let before_point = digits - i64::from(decimal.scale());
    if !(1..=20).contains(&before_point) {
        return None;
    }
    let whole = decimal.whole();
    let scale = decimal.scale();
    let is_exact =
        scale <= 0 || &whole * BigInt::from(10).pow(scale.unsigned_abs()) == *decimal.unscaled();
    is_exact.then(|| i64::try_from(whole).ok()).flatten()
}

fn smallest(whole: i64) -> SchemaAndValue {
    let (kind, value) = if let Ok(number) = i8::try_from(whole) {
        (Type::Int8, Value::Int8(number))
    } else if let Ok(number) = i16::try_from(whole) {
        (Type::Int16, Value::Int16(number))
    } else if let Ok(number) = i32::try_from(whole) {
        (Type::Int32, Value::Int32(number))
    } else {
        (Type::Int64, Value::Int64(whole))
    };
    SchemaAndValue::new(Schema::required(kind), value)
}

/// Returns whether `Character.isDigit` is true of a UTF-16 unit.
pub(super) fn is_digit(character: char) -> bool {
    to_ascii(character).is_ascii_digit()
}

/// Returns the ASCII digit of the same value, and other characters as they are.
fn to_ascii(character: char) -> char {
    let code = u32::from(character);
    let of = |zero: &u32| code.checked_sub(*zero).filter(|digit| *digit < 10);
    match ZEROS.iter().find_map(of) {
        Some(digit) => char::from_digit(digit, 10).unwrap_or(character),
        None => character,
    }
}

/// The zeros of the scripts of the Basic Multilingual Plane; their other digits follow.
const ZEROS: [u32; 36] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(token: &str) -> Value {
        parse(token).unwrap().value
    }

    #[test]
    fn a_whole_number_takes_the_smallest_type() {
        assert_eq!(parsed("127"), Value::Int8(127));
        assert_eq!(parsed("-129"), Value::Int16(-129));
        assert_eq!(parsed("1e3"), Value::Int16(1000));
        assert_eq!(parsed("2.50e1"), Value::Int8(25));
        assert_eq!(parsed("9223372036854775807"), Value::Int64(i64::MAX));
        assert_eq!(parsed("0e999999999"), Value::Int8(0));
        assert_eq!(parsed("٣"), Value::Int8(3));
    }

    #[test]
    fn other_numbers_are_floats_while_they_are_finite() {
        assert_eq!(parsed("1.5"), Value::Float32(1.5));
        assert_eq!(parsed("1e-999999999"), Value::Float32(0.0));
        assert_eq!(parsed("1e50"), Value::Float64(1e50));
        let huge = Decimal::parse("1e400").unwrap();
        assert_eq!(parsed("1e400"), Value::Decimal(Box::new(huge)));
        let long = Decimal::parse("9223372036854775808").unwrap();
        assert_eq!(
            parsed("9223372036854775808"),
            Value::Decimal(Box::new(long))
        );
        assert!(parse("1x").is_none());
    }
}
