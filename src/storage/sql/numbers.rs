//! Numbers as databases return them for expressions.

use super::connection::Value;

/// Above it, not every whole number has a floating-point one of its own.
const EXACT_MOST: f64 = 9_007_199_254_740_992.0;

/// A decimal number: whole where there is nothing but zeros behind the point.
#[cfg(any(test, feature = "mysql", feature = "postgres"))]
pub(super) fn decimal(text: &str) -> Option<Value<'static>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.bytes().all(|digit| digit == b'0')
        && let Ok(whole) = whole.parse()
    {
        return Some(Value::Integer(whole));
    }
    text.parse().ok().map(real)
}

/// A floating-point number: whole where it is exactly that.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is whole, and not large"
)]
pub(super) fn real(value: f64) -> Value<'static> {
    match value.fract() == 0.0 && value.abs() <= EXACT_MOST {
        true => Value::Integer(value as i128),
        false => Value::Real(value),
    }
}

#[cfg(test)]
mod tests {
    use super::{decimal, real};
    use crate::storage::sql::connection::Value::{Integer, Real};

    #[test]
    fn whole_numbers_are_integers() {
        for (text, expected) in [
            ("150", Some(Integer(150))),
            ("150.0000", Some(Integer(150))),
            ("-0.00", Some(Integer(0))),
            ("18446744073709551616.0", Some(Integer(1 << 64))),
            ("1.5", Some(Real(1.5))),
            ("-.5", Some(Real(-0.5))),
            ("x", None),
        ] {
            assert_eq!(decimal(text), expected, "{text}");
        }
        for (value, expected) in [
            (150.0, Integer(150)),
            (-3.0, Integer(-3)),
            (0.1, Real(0.1)),
            (1e20, Real(1e20)),
            (f64::INFINITY, Real(f64::INFINITY)),
        ] {
            assert_eq!(real(value), expected, "{value}");
        }
    }
}
