//! Dates as JavaScript's `toJSON` writes them.

use std::io::Write as _;

/// Milliseconds to either side of 1970 that a JavaScript date can stand for.
const MOST: i64 = 8_640_000_000_000_000;
const DAY: i64 = 86_400_000;

/// Appends a date as a JSON string, or `null` past JavaScript's range.
pub(super) fn push(milliseconds: i64, out: &mut Vec<u8>) {
    if !(-MOST..=MOST).contains(&milliseconds) {
        out.extend_from_slice(b"null");
        return;
    }
    let (year, month, day) = civil(milliseconds.div_euclid(DAY));
    let time = milliseconds.rem_euclid(DAY);
    let (hours, minutes) = (time / 3_600_000, time / 60_000 % 60);
    let (seconds, rest) = (time / 1000 % 60, time % 1000);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    // Writing to a `Vec` does not fail.
    let _ = write!(
        out,
        "\"{year}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{rest:03}Z\""
    );
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Counts in eras of 400 years that begin with March, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let era = days.div_euclid(ERA);
    let day_of_era = days.rem_euclid(ERA);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / (ERA - 1);
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_dates_as_javascript_does() {
        let cases = [
            (0, "\"1970-01-01T00:00:00.000Z\""),
            (-1, "\"1969-12-31T23:59:59.999Z\""),
            (951_782_400_000, "\"2000-02-29T00:00:00.000Z\""),
            (951_868_799_999, "\"2000-02-29T23:59:59.999Z\""),
            (951_868_800_000, "\"2000-03-01T00:00:00.000Z\""),
            (1_767_225_599_001, "\"2025-12-31T23:59:59.001Z\""),
            (-62_167_219_200_000, "\"0000-01-01T00:00:00.000Z\""),
            (-62_167_219_200_001, "\"-000001-12-31T23:59:59.999Z\""),
            (253_402_300_800_000, "\"+010000-01-01T00:00:00.000Z\""),
            (MOST, "\"+275760-09-13T00:00:00.000Z\""),
            (-MOST, "\"-271821-04-20T00:00:00.000Z\""),
            (MOST + 1, "null"),
            (i64::MIN, "null"),
            (i64::MAX, "null"),
        ];
        for (milliseconds, json) in cases {
            let mut out = Vec::new();
            push(milliseconds, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), json);
        }
    }
}
