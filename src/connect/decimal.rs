//! Decimal numbers of any length (`java.math.BigDecimal`).

use std::fmt;

use num_bigint::{BigInt, Sign};

/// `unscaled · 10^-scale`. Numbers of different scales are different, as `equals` says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    unscaled: BigInt,
    scale: i32,
}

impl Decimal {
    pub fn new(unscaled: impl Into<BigInt>, scale: i32) -> Self {
        Self {
            unscaled: unscaled.into(),
            scale,
        }
    }

    /// Returns the number whose unscaled value is given in two's complement; `None` for no bytes.
    pub fn from_bytes(bytes: &[u8], scale: i32) -> Option<Self> {
        (!bytes.is_empty()).then(|| Self::new(BigInt::from_signed_bytes_be(bytes), scale))
    }

    /// Reads what `new BigDecimal(String)` reads: `None` for a `NumberFormatException`. Digits are ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
        let all = [digits, fraction].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let scale = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
        let mut unscaled = BigInt::parse_bytes(all.as_bytes(), 10)?;
        if whole.starts_with('-') {
            unscaled = -unscaled;
        }
        Some(Self {
            unscaled,
            scale: i32::try_from(scale).ok()?,
        })
    }

    pub fn unscaled(&self) -> &BigInt {
        &self.unscaled
    }

    pub fn scale(&self) -> i32 {
        self.scale
    }

    /// Returns the unscaled value in as few bytes of two's complement as it takes (`BigInteger.toByteArray`).
    pub fn to_bytes(&self) -> Vec<u8> {
        self.unscaled.to_signed_bytes_be()
    }

    /// Returns the nearest double, infinite where it is too large (`doubleValue`).
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// Returns the nearest float, infinite where it is too large (`floatValue`).
    pub fn to_f32(&self) -> f32 {
        self.to_string().parse().unwrap_or(f32::NAN)
    }

    /// Returns the lowest 64 bits of the whole part (`longValue`).
    pub fn to_i64(&self) -> i64 {
        // Powers of ten from 10^64 on have only zeros there, and so has what is smaller than one.
        if self.scale <= -64 || self.is_fraction_only() {
            return 0;
        }
        low_bits(&self.whole())
    }

    /// Returns the whole part, which the caller knows to be of a reasonable length.
    pub(super) fn whole(&self) -> BigInt {
        let power = |exponent: i32| BigInt::from(10).pow(exponent.unsigned_abs());
        match self.scale {
            0 => self.unscaled.clone(),
            scale @ ..0 => &self.unscaled * power(scale),
            scale => &self.unscaled / power(scale),
        }
    }

    fn is_fraction_only(&self) -> bool {
        let digits = self.unscaled.magnitude().bits() / 3 + 1;
        i64::try_from(digits).is_ok_and(|digits| digits < i64::from(self.scale))
    }

    pub(super) fn is_zero(&self) -> bool {
        self.unscaled.sign() == Sign::NoSign
    }
}

/// Returns the lowest 64 bits of a number's two's complement (`BigInteger.longValue`).
pub(super) fn low_bits(number: &BigInt) -> i64 {
    let magnitude = number.iter_u64_digits().next().unwrap_or(0);
    let bits = match number.sign() {
        Sign::Minus => magnitude.wrapping_neg(),
        _ => magnitude,
    };
    bits.cast_signed()
}

fn parse_exponent(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let exponent: i64 = match significant {
        "" => 0,
        significant if significant.len() > 10 => return None,
        significant => significant.parse().ok()?,
    };
    i32::try_from(if negative { -exponent } else { exponent }).ok()
}

/// As `BigDecimal.toString` prints it: with an exponent where that of the first digit is below -6, or the scale negative.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        if self.unscaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        if self.scale == 0 {
            return f.write_str(&digits);
        }
        let after_first = i64::try_from(digits.len() - 1).unwrap_or(i64::MAX);
        let exponent = after_first - i64::from(self.scale);
        if self.scale > 0 && exponent >= -6 {
            return plain(f, &digits, self.scale.unsigned_abs() as usize);
        }
        let (first, rest) = digits.split_at(1);
        f.write_str(first)?;
        if !rest.is_empty() {
            write!(f, ".{rest}")?;
        }
        match exponent {
            0 => Ok(()),
            exponent => write!(f, "E{exponent:+}"),
        }
    }
}

fn plain(f: &mut fmt::Formatter<'_>, digits: &str, scale: usize) -> fmt::Result {
    match digits.len().checked_sub(scale) {
        None | Some(0) => write!(f, "0.{digits:0>scale$}"),
        Some(whole) => {
            let (whole, fraction) = digits.split_at(whole);
            write!(f, "{whole}.{fraction}")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(text: &str) -> String {
        Decimal::parse(text).unwrap().to_string()
    }

    #[test]
    fn numbers_are_printed_as_java_prints_them() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.0", "0.0"),
            ("1.10", "1.10"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("-12.3E-10", "-1.23E-9"),
            ("1E3", "1E+3"),
            ("12E+3", "1.2E+4"),
            ("0E-7", "0E-7"),
            ("+.5", "0.5"),
            ("5.", "5"),
            (
                "123456789012345678901234567890.5",
                "123456789012345678901234567890.5",
            ),
        ] {
            assert_eq!(printed(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "+",
            ".",
            "e5",
            "1e",
            "1e+",
            "1 ",
            "--1",
            "0x1",
            "1.2.3",
            "1e99999999999",
            "1e2147483648",
            "1e-2147483648",
            "NaN",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert!(Decimal::parse("1e2147483647").is_some());
        assert_eq!(Decimal::from_bytes(&[], 0), None);
    }

    #[test]
    fn the_whole_part_wraps_around() {
        let long = |text| Decimal::parse(text).unwrap().to_i64();
        assert_eq!(long("-1.9"), -1);
        assert_eq!(long("18446744073709551615"), -1);
        assert_eq!(long("1e999999999"), 0);
        assert_eq!(long("1e-999999999"), 0);
        assert_eq!(long("1e19"), -8_446_744_073_709_551_616);
    }

    proptest! {
        #[test]
        fn bytes_and_text_go_there_and_back(bytes in prop::collection::vec(any::<u8>(), 1..20), scale in -400..400i32) {
            let decimal = Decimal::from_bytes(&bytes, scale).unwrap();
            prop_assert_eq!(Decimal::from_bytes(&decimal.to_bytes(), scale), Some(decimal.clone()));
            prop_assert_eq!(Decimal::parse(&decimal.to_string()), Some(decimal));
        }
    }
}
