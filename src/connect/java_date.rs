//! Instants as `GregorianCalendar` counts days in UTC: by the Julian calendar before 15 October 1582.

const DAY: i64 = 24 * 60 * 60 * 1000;
/// 15 October 1582, in days since 1970.
const CUTOVER: i64 = -141_427;

/// An instant taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Year 0 is the first before year 1.
    pub(super) year: i64,
    /// From 1.
    pub(super) month: i64,
    /// From 1.
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) millis: i64,
    /// From Sunday, 0.
    weekday: usize,
}

impl Moment {
    /// Takes milliseconds since 1970 apart.
    pub(super) fn of(millis: i64) -> Self {
        let (days, time) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
        let (year, month, day) = if days < CUTOVER {
            julian_date(days)
        } else {
            gregorian_date(days)
        };
        Self {
            year,
            month,
            day,
            hour: time / 3_600_000,
            minute: time / 60_000 % 60,
            second: time / 1000 % 60,
            millis: time % 1000,
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0),
        }
    }

    /// Returns the year that `yyyy` prints, which does not tell what came before year 1 from what came after.
    pub(super) fn year_of_era(&self) -> i64 {
        match self.year {
            year @ 1.. => year,
            year => 1 - year,
        }
    }

    /// Returns what `java.util.Date.toString()` returns in UTC.
    pub(super) fn to_java(self) -> String {
        const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let month = usize::try_from(self.month - 1).unwrap_or(0);
        format!(
            "{} {} {:02} {:02}:{:02}:{:02} UTC {}",
            WEEKDAYS[self.weekday],
            MONTHS[month],
            self.day,
            self.hour,
            self.minute,
            self.second,
            self.year_of_era()
        )
    }
}

/// Returns the days from 1970 to a date, whose month and day may lie outside of the year and the month.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let (gregorian, julian) = (
        gregorian_days(year, month, day),
        julian_days(year, month, day),
    );
    // Dates that the change left out count on from the Julian calendar.
    if year >= 1582 && gregorian >= CUTOVER {
        gregorian
    } else {
        julian
    }
}

/// Days before a month of a year that begins in March.
fn days_before_month(month_from_march: i64) -> i64 {
    (153 * month_from_march + 2) / 5
}

fn from_march(year: i64, month: i64) -> (i64, i64) {
    match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    }
}

fn gregorian_days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = from_march(year, month);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + days_before_month(month) + day - 1;
    era * 146_097 + day_of_era - 719_468
}

fn julian_days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = from_march(year, month);
    let (era, of_era) = (year.div_euclid(4), year.rem_euclid(4));
    era * 1461 + of_era * 365 + days_before_month(month) + day - 1 - 719_470
}

fn gregorian_date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
    to_january(era * 400 + of_era, day_of_year)
}

fn julian_date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_470;
    let (era, day_of_era) = (days.div_euclid(1461), days.rem_euclid(1461));
    let of_era = (day_of_era - day_of_era / 1460) / 365;
    to_january(era * 4 + of_era, day_of_era - 365 * of_era)
}

/// Returns the date of a day of a year that begins in March.
fn to_january(year: i64, day_of_year: i64) -> (i64, i64, i64) {
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - days_before_month(month) + 1;
    match month {
        0..10 => (year, month + 3, day),
        _ => (year + 1, month - 9, day),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_calendar_changes_in_1582() {
        assert_eq!(days(1582, 10, 15), CUTOVER);
        assert_eq!(days(1582, 10, 4), CUTOVER - 1);
        assert_eq!(days(1582, 10, 5), CUTOVER);
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2019, 14, 1), days(2020, 2, 1));
        assert_eq!(days(1, 1, 1), -719_164);
    }

    #[test]
    fn instants_are_printed_as_java_prints_them() {
        assert_eq!(Moment::of(0).to_java(), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(Moment::of(-1).to_java(), "Wed Dec 31 23:59:59 UTC 1969");
        assert_eq!(
            Moment::of(1_700_000_000_123).to_java(),
            "Tue Nov 14 22:13:20 UTC 2023"
        );
    }

    proptest! {
        #[test]
        fn days_go_there_and_back(day in -1_000_000..10_000_000i64) {
            let moment = Moment::of(day * DAY);
            prop_assert_eq!(days(moment.year, moment.month, moment.day), day);
        }
    }
}
