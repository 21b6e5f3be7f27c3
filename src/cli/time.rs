//! Moments and lengths of time as people write them. Moments are in UTC: a calendar of days is all
//! that takes, and no crate.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u32 = 24 * 60 * 60;
/// Below it, a number is more likely meant as a length of time: a moment in 2001.
const LEAST_UNIX_SECONDS: u32 = 1_000_000_000;
/// Days from the first of March of the year 0 to the first of January 1970. Years that begin in
/// March have the odd day at their end.
const EPOCH: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;

/// Unix seconds.
pub fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let secs = since.map_or(0, |since| since.as_secs());
    u32::try_from(secs).unwrap_or(u32::MAX)
}

/// A length of time.
pub fn span(text: &str) -> Option<u32> {
    let units = [("d", DAY), ("h", 60 * 60), ("m", 60), ("s", 1)];
    units.iter().find_map(|(unit, secs)| {
        let number = digits(text.strip_suffix(unit)?)?;
        number.checked_mul(*secs)
    })
}

/// A moment: a span from now, a date, a date and a time of day, or Unix seconds.
pub fn read(text: &str, now: u32) -> Result<u32, String> {
    if let Some(span) = span(text) {
        return Ok(now.saturating_add(span));
    }
    if let Some(secs) = digits(text).filter(|secs| *secs >= LEAST_UNIX_SECONDS) {
        return Ok(secs);
    }
    moment(text).ok_or_else(|| {
        "a time like 7d, 2026-10-01, 2026-10-01T12:00Z or in Unix seconds".to_owned()
    })
}

/// A moment as it is shown, and read.
pub fn show(at: u32) -> String {
    let (days, second) = (i64::from(at / DAY) + EPOCH, at % DAY);
    let (era, day) = (days / ERA, days % ERA);
    // Every 4 years one has a day more, every 100 none has, every 400 one has again.
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - first_day(year);
    // Months from March have 31, 30, 31, 30, 31 days, and again: 153 of five.
    let month = (5 * day + 2) / 153;
    let day = day - days_before(month) + 1;
    let year = 400 * era + year + i64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let second = second % 60;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Days of such an era before a year of it.
fn first_day(year: i64) -> i64 {
    365 * year + year / 4 - year / 100
}

/// Days of a year that begins in March before a month of it.
fn days_before(month: i64) -> i64 {
    (153 * month + 2) / 5
}

fn moment(text: &str) -> Option<u32> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00"));
    let [year, month, day] = numbers(date, '-')?;
    let with_seconds = numbers::<3>(time, ':');
    let [hour, minute, second] =
        with_seconds.or_else(|| numbers::<2>(time, ':').map(|[hour, minute]| [hour, minute, 0]))?;
    let (in_march, march) = match month {
        1..=2 => (year.checked_sub(1)?, month + 9),
        _ => (year, month.checked_sub(3)?),
    };
    let (year, march) = (i64::from(in_march), i64::from(march));
    let days = ERA * (year / 400) + first_day(year % 400) + days_before(march) + i64::from(day);
    let at = (days - 1 - EPOCH) * i64::from(DAY);
    let at = at + i64::from(hour * 3600 + minute * 60 + second);
    // What is not shown as it was written is no date: the 30th of February, say.
    let at = u32::try_from(at).ok()?;
    show(at).starts_with(text).then_some(at)
}

fn numbers<const N: usize>(text: &str, between: char) -> Option<[u32; N]> {
    let numbers: Option<Vec<u32>> = text.split(between).map(digits).collect();
    let numbers = <[u32; N]>::try_from(numbers?).ok()?;
    numbers
        .iter()
        .all(|number| *number < 10_000)
        .then_some(numbers)
}

fn digits(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (text, at) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:01", 1),
            ("1999-12-31T23:59:59Z", 946_684_799),
            ("2000-02-29", 951_782_400),
            ("2001-03-01T12:30", 983_449_800),
            ("2026-10-01T12:00Z", 1_790_856_000),
            ("2106-02-07T06:28:15Z", u32::MAX),
            ("1790856000", 1_790_856_000),
            ("7d", 1_000 + 7 * DAY),
            ("90s", 1_090),
            ("0m", 1_000),
            ("4294967295s", u32::MAX),
        ] {
            assert_eq!(read(text, 1_000), Ok(at), "{text}");
        }
        for bad in [
            "",
            "5",
            "-5",
            "soon",
            "d",
            "1.5h",
            "2026-02-30",
            "2026-2-3",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "1969-12-31",
            "2106-02-08",
            "20261-01-01",
            "2026-01-01T24:00",
            "2026-01-01T12",
            "2026-01-01T12:00+01:00",
            "99999999999",
            "4294967296s",
        ] {
            assert!(read(bad, 1_000).is_err(), "{bad}: {:?}", read(bad, 1_000));
        }
    }

    #[test]
    fn what_is_shown_is_read() {
        let mut dice = fastrand::Rng::with_seed(1);
        let all_days = (0..u32::MAX / DAY).map(|day| day * DAY);
        for at in all_days.chain((0..10_000).map(|_| dice.u32(..))) {
            assert_eq!(moment(&show(at)), Some(at), "{}", show(at));
        }
    }
}
