//! Times and sizes as people write them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub(super) const MINUTE: u32 = 60;
pub(super) const HOUR: u32 = 60 * MINUTE;
pub(super) const DAY: u32 = 24 * HOUR;

/// A length of time, in seconds; written `"90s"`, `"30m"`, `"1h"`, `"7d"`, or as a number of
/// seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u32);

/// A size, in bytes; written `"64KiB"`, `"4MiB"`, or as a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u32);

const SPAN_UNITS: [(&str, u32); 4] = [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1)];
const BYTES_UNITS: [(&str, u32); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A number, or a string of a number and a unit.
fn with_unit(value: &Value, units: &[(&str, u32)]) -> Option<u32> {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).ok();
    }
    let text = value.as_str()?;
    units.iter().find_map(|(unit, factor)| {
        let number: u32 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(*factor)
    })
}

/// The same, written with the largest unit that divides it.
fn in_units(number: u32, units: &[(&str, u32)]) -> Value {
    let divides = |(_, factor): &&(&str, u32)| number != 0 && number.is_multiple_of(*factor);
    match units.iter().find(divides) {
        Some((unit, factor)) => format!("{}{unit}", number / factor).into(),
        None => number.into(),
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        in_units(self.0, &SPAN_UNITS).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let seconds = with_unit(&Value::deserialize(deserializer)?, &SPAN_UNITS);
        seconds.map(Span).ok_or_else(|| {
            D::Error::custom("must be a number of seconds or a time like \"90s\", \"30m\", \"1h\"")
        })
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        in_units(self.0, &BYTES_UNITS).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let bytes = with_unit(&Value::deserialize(deserializer)?, &BYTES_UNITS);
        bytes.map(Bytes).ok_or_else(|| {
            D::Error::custom("must be a number of bytes or a size like \"64KiB\", \"4MiB\"")
        })
    }
}
