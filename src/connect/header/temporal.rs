//! Days, times and timestamps in ISO 8601, as a lenient `SimpleDateFormat` reads them: fields of any length that overflow into
//! the next, blanks before a number, and whatever comes after the pattern. The time zone is UTC.

use super::super::java_date::{self, Moment};
use super::super::schema::SchemaBuilder;
use super::super::value::{SchemaAndValue, Value};

const DATE: &str = "y-M-d";
const TIME: &str = "H:m:s.SZ";
const TIMESTAMP: &str = "y-M-dTH:m:s.SZ";

/// Reads a text whose length is that of one of the forms.
pub(super) fn parse(token: &str) -> Option<SchemaAndValue> {
    let token = token.replace("\\:", ":");
    let (pattern, schema) = match token.encode_utf16().count() {
        10 => (DATE, SchemaBuilder::date()),
        13 => (TIME, SchemaBuilder::time()),
        24 => (TIMESTAMP, SchemaBuilder::timestamp()),
        _ => return None,
    };
    let millis = Fields::parse(pattern, &token)?.millis();
    Some(SchemaAndValue::new(schema.build(), Value::Date(millis)))
}

/// Prints an instant in the shortest form that says it. What is before 1970 is taken for a time of day.
pub(super) fn print(millis: i64) -> String {
    const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1000;
    let moment = Moment::of(millis);
    let date = format!(
        "{:04}-{:02}-{:02}",
        moment.year_of_era(),
        moment.month,
        moment.day
    );
    let time = format!(
        "{:02}:{:02}:{:02}.{:03}Z",
        moment.hour, moment.minute, moment.second, moment.millis
    );
    if millis < MILLIS_PER_DAY {
        time
    } else if millis % MILLIS_PER_DAY == 0 {
        date
    } else {
        format!("{date}T{time}")
    }
}

/// What a text says, as it says it.
#[derive(Debug)]
struct Fields {
    year: i32,
    /// From 1.
    month: i32,
    day: i32,
    hour: i32,
    minute: i32,
    second: i32,
    millis: i32,
}

impl Fields {
    /// Letters of the pattern are fields, except for `T` and `Z`, which stand for themselves.
    fn parse(pattern: &str, text: &str) -> Option<Self> {
        let mut fields = Self {
            year: 1970,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            millis: 0,
        };
        let mut rest = text;
        for letter in pattern.chars() {
            let field = match letter {
                'y' => &mut fields.year,
                'M' => &mut fields.month,
                'd' => &mut fields.day,
                'H' => &mut fields.hour,
                'm' => &mut fields.minute,
                's' => &mut fields.second,
                'S' => &mut fields.millis,
                literal => {
                    rest = rest.strip_prefix(literal)?;
                    continue;
                }
            };
            (*field, rest) = number(rest)?;
        }
        Some(fields)
    }

    fn millis(&self) -> i64 {
        let wide = i64::from;
        let days = java_date::days(wide(self.year), wide(self.month), wide(self.day));
        let minutes = wide(self.hour) * 60 + wide(self.minute);
        let millis = (minutes * 60 + wide(self.second)) * 1000 + wide(self.millis);
        days.wrapping_mul(24 * 60 * 60 * 1000).wrapping_add(millis)
    }
}

/// Passes blanks and a number, of which the lowest 32 bits count.
fn number(text: &str) -> Option<(i32, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(text.len() - digits.len() + count);
    let number: i64 = number.parse().ok()?;
    let [.., a, b, c, d] = number.to_be_bytes();
    Some((i32::from_be_bytes([a, b, c, d]), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(token: &str) -> Option<String> {
        match parse(token)?.value {
            Value::Date(millis) => Some(print(millis)),
            _ => None,
        }
    }

    #[test]
    fn texts_of_the_right_length_are_read_leniently() {
        assert_eq!(printed("2019-08-23").as_deref(), Some("2019-08-23"));
        assert_eq!(printed("2019-13-01").as_deref(), Some("2020-01-01"));
        assert_eq!(printed("2019-8-1 x").as_deref(), Some("2019-08-01"));
        assert_eq!(
            printed("2019-08-23T14:34:54.346Z").as_deref(),
            Some("2019-08-23T14:34:54.346Z")
        );
        assert_eq!(
            printed("14\\:34\\:54.346Z"),
            Some("14:34:54.346Z".to_owned())
        );
        assert_eq!(printed("2019/08/23"), None);
        assert_eq!(printed("2019-08-2"), None);
    }
}
