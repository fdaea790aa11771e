//! Floating point numbers as `Double.toString` and `Float.toString` of Java 17 print them.
//!
//! Java 19 and later print the shortest text that reads back as the same number (JDK-4511638). Earlier ones look for it with
//! a test that is symmetric around the number and settle for what it finds, so that some numbers get more
//! digits than they need: 2e23 is `1.9999999999999998E23`. The texts read back equal either way.

use std::cmp::Ordering;

use num_bigint::BigUint;

/// Returns what `Double.toString` returns.
pub(super) fn double(value: f64) -> String {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = value.to_bits();
    let exponent = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    let binary = Binary::new(bits & FRACTION, exponent, 52);
    text(
        value.is_nan(),
        value.is_infinite(),
        value.is_sign_negative(),
        &binary,
    )
}

/// Returns what `Float.toString` returns.
pub(super) fn float(value: f32) -> String {
    const FRACTION: u32 = (1 << 23) - 1;
    let bits = value.to_bits();
    let exponent = i32::try_from(bits >> 23 & 0xff).unwrap_or(0);
    let binary = Binary::new(u64::from(bits & FRACTION), exponent, 23);
    text(
        value.is_nan(),
        value.is_infinite(),
        value.is_sign_negative(),
        &binary,
    )
}

fn text(nan: bool, infinite: bool, negative: bool, binary: &Binary) -> String {
    let sign = if negative { "-" } else { "" };
    match (nan, infinite) {
        (true, _) => "NaN".to_owned(),
        (_, true) => format!("{sign}Infinity"),
        _ if binary.fraction == 0 => format!("{sign}0.0"),
        _ => format!("{sign}{}", binary.digits().layout()),
    }
}

/// A positive number as `fraction · 2^(exponent - 52)`, bit 52 of the fraction being its highest.
struct Binary {
    fraction: u64,
    exponent: i32,
    /// Bits of the fraction that the type can tell apart.
    significant: i32,
}

/// `0.d1d2… · 10^point`
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

impl Binary {
    /// `stored` is the fraction as the type stores it, in `width` bits.
    fn new(stored: u64, exponent: i32, width: i32) -> Self {
        let bias = match width {
            52 => 1023,
            _ => 127,
        };
        let aligned = stored << (52 - width);
        if exponent > 0 {
            return Self {
                fraction: aligned | 1 << 52,
                exponent: exponent - bias,
                significant: width + 1,
            };
        }
        // Without the implied bit: moved up until bit 52 is set.
        let shift = i32::try_from(aligned.leading_zeros()).unwrap_or(0) - 11;
        Self {
            fraction: aligned.checked_shl(shift.unsigned_abs()).unwrap_or(0),
            exponent: 1 - shift - bias,
            significant: width + 1 - shift,
        }
    }

    fn digits(&self) -> Digits {
        let trailing = i32::try_from(self.fraction.trailing_zeros()).unwrap_or(0);
        let bits = 53 - trailing;
        let after_point = (bits - self.exponent - 1).max(0);
        if after_point == 0 && self.exponent <= 62 {
            return self.whole_number();
        }
        Search::new(self, trailing, bits, after_point).run()
    }

    /// A whole number below 2^63: all of its digits, except those that no neighbour needs to be told from.
    fn whole_number(&self) -> Digits {
        let spare = match self.exponent - self.significant - 1 {
            power @ 2.. => 1u64
                .checked_shl(power.unsigned_abs())
                .map_or(0, u64::ilog10),
            _ => 0,
        };
        let mut number = match self.exponent - 52 {
            shift @ 0.. => self.fraction << shift,
            shift => self.fraction >> shift.unsigned_abs(),
        };
        let dropped = 10u64.pow(spare);
        let round_up = spare > 0 && number % dropped >= dropped / 2;
        number = number / dropped + u64::from(round_up);
        let digits = number.to_string();
        let point = i32::try_from(digits.len()).unwrap_or(0) + i32::try_from(spare).unwrap_or(0);
        Digits {
            digits: digits.trim_end_matches('0').as_bytes().to_vec(),
            point,
        }
    }

    /// Returns the decimal exponent of the first digit, or one more.
    #[expect(clippy::approx_constant, reason = "Java's line has these constants")]
    fn estimated_exponent(&self) -> i32 {
        let mantissa = f64::from_bits(self.fraction & ((1 << 52) - 1) | 1023 << 52);
        // A line through log10, close enough that the first digit shows whether it was one too high.
        let estimate = (mantissa - 1.5) * 0.289_529_654
            + 0.176_091_259
            + f64::from(self.exponent) * 0.301_029_995_663_981;
        truncated(estimate.floor())
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a decimal exponent of a double has three digits"
)]
fn truncated(whole: f64) -> i32 {
    whole as i32
}

/// The search for digits: `number = rest / unit`, and a digit more as long as the rest is more than `margin` away from both
/// ends of the interval, all in whole numbers.
struct Search {
    rest: BigUint,
    unit: BigUint,
    margin: BigUint,
    exponent: i32,
    /// Java calculates in 64 or 32 bits where all numbers fit; it then counts the upper end as outside.
    fits: bool,
}

impl Search {
    fn new(number: &Binary, trailing: i32, bits: i32, after_point: i32) -> Self {
        let exponent = number.estimated_exponent();
        let rest_5 = (-exponent).max(0);
        let unit_5 = exponent.max(0);
        let mut rest_2 = rest_5 + after_point + number.exponent;
        let mut unit_2 = unit_5 + after_point;
        let mut margin_2 = rest_2 - number.significant;
        rest_2 -= bits - 1;
        let common = rest_2.min(unit_2);
        rest_2 -= common;
        unit_2 -= common;
        margin_2 -= common;
        // Below a power of two the next number is half as far away; the margin of the nearer side holds for both.
        if bits == 1 {
            margin_2 -= 1;
        }
        if margin_2 < 0 {
            rest_2 -= margin_2;
            unit_2 -= margin_2;
            margin_2 = 0;
        }
        let rest_bits = bits + rest_2 + bits_of_power_of_five(rest_5);
        let ten_bits = unit_2 + 1 + bits_of_power_of_five(unit_5 + 1);
        Self {
            rest: BigUint::from(number.fraction >> trailing) * product(rest_5, rest_2),
            unit: product(unit_5, unit_2),
            margin: product(rest_5, margin_2),
            exponent,
            fits: rest_bits < 64 && ten_bits < 64,
        }
    }

    fn run(mut self) -> Digits {
        let tens = &self.unit * 10u32;
        let mut digits = Vec::new();
        let (digit, mut low, mut high) = self.step(&tens);
        if digit == 0 && !high {
            // The estimate was one too high.
            self.exponent -= 1;
        } else {
            digits.push(b'0' + digit);
        }
        // The form with an exponent needs a digit after the point.
        if self.exponent < -3 || self.exponent >= 8 {
            low = false;
            high = false;
        }
        while !low && !high {
            let (digit, is_low, is_high) = self.step(&tens);
            (low, high) = (is_low, is_high);
            digits.push(b'0' + digit);
        }
        let mut found = Digits {
            digits,
            point: self.exponent + 1,
        };
        if high && (!low || self.rounds_up(&tens, &found)) {
            found.round_up();
        }
        found
    }

    /// Takes one digit off; returns it, and whether what is left is within the margin of the digits below and above.
    fn step(&mut self, tens: &BigUint) -> (u8, bool, bool) {
        let digit = &self.rest / &self.unit;
        self.rest = (&self.rest % &self.unit) * 10u32;
        self.margin *= 10u32;
        let low = self.rest < self.margin;
        let high = match (&self.rest + &self.margin).cmp(tens) {
            Ordering::Greater => true,
            Ordering::Equal => !self.fits,
            Ordering::Less => false,
        };
        (u8::try_from(digit).unwrap_or(9), low, high)
    }

    fn rounds_up(&self, tens: &BigUint, found: &Digits) -> bool {
        match (&self.rest * 2u32).cmp(tens) {
            Ordering::Greater => true,
            Ordering::Equal => found.digits.last().is_some_and(|digit| digit % 2 == 1),
            Ordering::Less => false,
        }
    }
}

fn product(fives: i32, twos: i32) -> BigUint {
    BigUint::from(5u32).pow(fives.unsigned_abs()) << twos.unsigned_abs()
}

/// As Java counts them: exact up to 5^26, three a power beyond.
fn bits_of_power_of_five(power: i32) -> i32 {
    match power {
        0 => 0,
        1..=26 => i32::try_from(5u64.pow(power.unsigned_abs()).ilog2() + 1).unwrap_or(0),
        _ => power * 3,
    }
}

impl Digits {
    fn round_up(&mut self) {
        let nines = self.digits.iter().rev().take_while(|digit| **digit == b'9');
        let kept = self.digits.len() - nines.count();
        self.digits[kept..].fill(b'0');
        if let Some(last) = kept.checked_sub(1) {
            self.digits[last] += 1;
        } else {
            self.digits[0] = b'1';
            self.point += 1;
        }
    }

    fn layout(&self) -> String {
        let digits = String::from_utf8_lossy(&self.digits);
        let after = |at: usize| {
            digits
                .get(at..)
                .filter(|rest| !rest.is_empty())
                .unwrap_or("0")
        };
        match self.point {
            point @ 1..8 => {
                let point = point.unsigned_abs() as usize;
                let whole = digits.get(..point).unwrap_or(&digits);
                format!("{whole:0<point$}.{}", after(point))
            }
            point @ -2..1 => {
                let zeros = point.unsigned_abs() as usize;
                format!("0.{}{digits}", "0".repeat(zeros))
            }
            point => format!("{}.{}E{}", &digits[..1], after(1), point - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles_are_printed_as_java_prints_them() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.002, "0.002"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (123_456_789.0, "1.23456789E8"),
            (1e23, "9.999999999999999E22"),
            (2e23, "1.9999999999999998E23"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (f64::MAX, "1.7976931348623157E308"),
            (5e-324, "4.9E-324"),
            (-1.5, "-1.5"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double(value), expected);
        }
        assert_eq!(float(0.1), "0.1");
        assert_eq!(float(f32::MAX), "3.4028235E38");
        assert_eq!(float(1.4e-45), "1.4E-45");
        assert_eq!(float(16_777_216.0), "1.6777216E7");
    }

    proptest! {
        #[test]
        fn a_double_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(double(value).parse(), Ok(value));
        }

        #[test]
        fn a_float_reads_back(bits: u32) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(float(value).parse(), Ok(value));
        }
    }
}
