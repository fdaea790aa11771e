//! Durations as `java.time.Duration` reads them: `P1DT2H3.5S`.

use std::time::Duration;

use regex::Regex;

/// The parts of Java's own pattern, in its order.
const PARTS: &str = "(?i)^([-+]?)P(?:([-+]?[0-9]+)D)?(T(?:([-+]?[0-9]+)H)?(?:([-+]?[0-9]+)M)?(?:([-+]?[0-9]+)(?:[.,]([0-9]{0,9}))?S)?)?$";

const NANOS: i128 = 1_000_000_000;

/// Reads what `Duration.parse` reads; `None`: it does not, or what it reads is negative.
pub fn parse(text: &str) -> Option<Duration> {
    let found = Regex::new(PARTS).ok()?.captures(text)?;
    let part = |at: usize| found.get(at).map(|part| part.as_str());
    let has_time = [4, 5, 6].iter().any(|at| part(*at).is_some());
    let names_time = part(3).is_some() || part(2).is_none();
    if names_time && !has_time {
        return None;
    }
    let number = |at: usize, seconds: i128| match part(at) {
        None => Some(0),
        Some(digits) => Some(i128::from(digits.parse::<i64>().ok()?) * seconds),
    };
    let seconds = number(2, 86_400)? + number(4, 3_600)? + number(5, 60)? + number(6, 1)?;
    let fraction: i128 = format!("{:0<9}", part(7).unwrap_or_default())
        .parse()
        .ok()?;
    let is_below_zero = part(6).is_some_and(|seconds| seconds.starts_with('-'));
    let fraction = if is_below_zero { -fraction } else { fraction };
    let nanos = seconds * NANOS + fraction;
    let nanos = if part(1) == Some("-") { -nanos } else { nanos };
    let seconds = u64::try_from(nanos.checked_div(NANOS)?).ok()?;
    let rest = u32::try_from(nanos % NANOS).ok()?;
    Some(Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_java_reads_them() {
        for (text, millis) in [
            ("PT1S", 1000),
            ("P1D", 86_400_000),
            ("P1DT2H3M4.5S", 93_784_500),
            ("pt0.25s", 250),
            ("PT1,5S", 1500),
            ("PT1.S", 1000),
            ("-PT-5M", 300_000),
            ("PT1H-1M", 3_540_000),
            ("PT1S", 1000),
            ("P-1DT24H", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "1S",
            "PT5",
            "PT-1S",
            "P1Y",
            "PT1.1234567890S",
            "-PT0.5S",
            " PT1S",
            "P99999999999999999999D",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
