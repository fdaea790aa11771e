//! `java.util.HashMap`: the order in which it is iterated over, which is the order in which a map is printed and written.

use super::decimal::Decimal;
use super::text::Text;
use super::value::Value;

/// Entries put into a `HashMap` one by one, as it would iterate over them.
///
/// Of equal keys the last value stays, in the first one's place. Chains of more than eight keys in a table of 64 or more are
/// trees in Java, which put some of the keys elsewhere; here they stay chains.
#[derive(Debug, Default)]
pub(super) struct JavaMap {
    entries: Vec<(u32, Value, Value)>,
    /// Indexes of entries by bucket, a power of two of them.
    buckets: Vec<Vec<usize>>,
}

impl JavaMap {
    pub(super) fn put(&mut self, key: Value, value: Value) {
        if self.buckets.is_empty() {
            self.buckets = vec![Vec::new(); 16];
        }
        let hash = hash(&key).cast_unsigned();
        let hash = hash ^ hash >> 16;
        let bucket = self.bucket(hash);
        let same = self.buckets[bucket]
            .iter()
            .copied()
            .find(|at| self.entries[*at].0 == hash && self.entries[*at].1 == key);
        if let Some(at) = same {
            self.entries[at].2 = value;
            return;
        }
        let long_chain = self.buckets[bucket].len() >= 8;
        self.buckets[bucket].push(self.entries.len());
        self.entries.push((hash, key, value));
        if long_chain && self.buckets.len() < 64 {
            self.double();
        }
        if self.entries.len() > self.buckets.len() / 4 * 3 {
            self.double();
        }
    }

    fn bucket(&self, hash: u32) -> usize {
        hash as usize & (self.buckets.len() - 1)
    }

    fn double(&mut self) {
        self.buckets = vec![Vec::new(); self.buckets.len() * 2];
        for at in 0..self.entries.len() {
            let bucket = self.bucket(self.entries[at].0);
            self.buckets[bucket].push(at);
        }
    }

    /// Returns the entries in the order of iteration.
    pub(super) fn into_value(self) -> Value {
        let mut entries: Vec<_> = self
            .entries
            .into_iter()
            .map(|(_, key, value)| Some((key, value)))
            .collect();
        let in_order = self.buckets.into_iter().flatten();
        Value::Map(in_order.filter_map(|at| entries[at].take()).collect())
    }
}

/// Returns `hashCode()`, 0 for null. Byte arrays and structs have one that differs from run to run; here it is 0.
fn hash(value: &Value) -> i32 {
    match value {
        Value::Null | Value::Bytes(_) | Value::Struct(_) => 0,
        Value::Boolean(true) => 1231,
        Value::Boolean(false) => 1237,
        Value::Int8(number) => i32::from(*number),
        Value::Int16(number) => i32::from(*number),
        Value::Int32(number) => *number,
        Value::Int64(number) | Value::Date(number) => folded(number.cast_unsigned()),
        Value::Float32(number) if number.is_nan() => 0x7fc0_0000,
        Value::Float32(number) => number.to_bits().cast_signed(),
        Value::Float64(number) if number.is_nan() => folded(0x7ff8_0000_0000_0000),
        Value::Float64(number) => folded(number.to_bits()),
        Value::String(text) => hash_of_text(text),
        Value::Decimal(number) => hash_of_decimal(number),
        Value::Array(elements) => elements.iter().fold(1, |hash_so_far, element| {
            times_31_plus(hash_so_far, hash(element))
        }),
        Value::Map(entries) => entries.iter().fold(0, |sum: i32, (key, value)| {
            sum.wrapping_add(hash(key) ^ hash(value))
        }),
    }
}

fn folded(bits: u64) -> i32 {
    let [.., a, b, c, d] = (bits ^ bits >> 32).to_be_bytes();
    i32::from_be_bytes([a, b, c, d])
}

fn times_31_plus(hash: i32, next: i32) -> i32 {
    hash.wrapping_mul(31).wrapping_add(next)
}

fn hash_of_text(text: &Text) -> i32 {
    text.utf16()
        .fold(0, |hash, unit| times_31_plus(hash, i32::from(unit)))
}

fn hash_of_decimal(number: &Decimal) -> i32 {
    let magnitude = number.unscaled().iter_u32_digits().rev();
    let of_magnitude = magnitude.fold(0, |hash, digit| times_31_plus(hash, digit.cast_signed()));
    let of_unscaled = match number.unscaled().sign() {
        num_bigint::Sign::Minus => of_magnitude.wrapping_neg(),
        _ => of_magnitude,
    };
    times_31_plus(of_unscaled, number.scale())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_hash_as_in_java() {
        assert_eq!(hash(&Value::from("hello")), 99_162_322);
        assert_eq!(hash(&Value::Int64(-1)), 0);
        assert_eq!(hash(&Value::Float64(1.0)), 1_072_693_248);
    }

    #[test]
    fn entries_come_by_bucket_and_the_last_value_stays() {
        let mut map = JavaMap::default();
        for (key, value) in [("b", 1), ("aaa", 2), ("a", 3), ("b", 4)] {
            map.put(Value::from(key), Value::Int8(value));
        }
        let printed = map.into_value().to_java().to_string();
        assert_eq!(printed, "{aaa=2, a=3, b=4}");
    }
}
