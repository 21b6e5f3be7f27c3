//! JSON as its schemas have it, where serde is more generous, or less.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt::Formatter;
use std::marker::PhantomData;

/// What is read of an object alone: serde reads a list of values without their names, too.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Object<T>, D::Error> {
        from.deserialize_map(ObjectVisitor(PhantomData)).map(Object)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A field that is there: `null` is a value like others, or a fault.
pub(super) fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A whole number, however it is written: `5` and `5.0` are the same in JSON.
#[derive(Deserialize)]
#[serde(transparent, bound = "T: TryFrom<u64>")]
struct Whole<T>(#[serde(deserialize_with = "just_whole")] T);

/// A whole number.
pub(super) fn just_whole<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    from.deserialize_u64(WholeVisitor(PhantomData))
}

/// A whole number that is there.
pub(super) fn whole<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    just_whole(from).map(Some)
}

/// A whole number or `null`.
pub(super) fn just_whole_or_null<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let whole = Option::<Whole<T>>::deserialize(from)?;
    Ok(whole.map(|Whole(number)| number))
}

/// A whole number or `null` that is there.
pub(super) fn whole_or_null<'de, D, T>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    just_whole_or_null(from).map(Some)
}

struct WholeVisitor<T>(PhantomData<T>);

impl<T: TryFrom<u64>> Visitor<'_> for WholeVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let bits = 8 * size_of::<T>();
        write!(f, "a whole number of {bits} bits, not below 0")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let unexpected = Unexpected::Unsigned(number);
        T::try_from(number).map_err(|_| E::invalid_value(unexpected, &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        // Beyond this many, floating point has no room for all whole numbers.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match number.fract() == 0.0 && (0.0..=EXACT).contains(&number) {
            true => self.visit_u64(number as u64),
            false => Err(E::invalid_value(Unexpected::Float(number), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Numbers {
        #[serde(default, deserialize_with = "whole_or_null")]
        number: Option<Option<u16>>,
    }

    #[test]
    fn whole_numbers_however_they_are_written() {
        for (text, number) in [
            ("{}", Some(None)),
            (r#"{"number": null}"#, Some(Some(None))),
            (r#"{"number": 5}"#, Some(Some(Some(5)))),
            (r#"{"number": 5.0}"#, Some(Some(Some(5)))),
            (r#"{"number": 65535e0}"#, Some(Some(Some(65535)))),
            (r#"{"number": -0.0}"#, Some(Some(Some(0)))),
            (r#"{"number": 5.5}"#, None),
            (r#"{"number": -5}"#, None),
            (r#"{"number": -5.0}"#, None),
            (r#"{"number": 65536}"#, None),
            (r#"{"number": 1e300}"#, None),
            (r#"{"number": "5"}"#, None),
            (r#"{"number": [5]}"#, None),
        ] {
            let read = serde_json::from_str(text).ok();
            assert_eq!(read.map(|Numbers { number }| number), number, "{text}");
        }
    }

    #[test]
    fn an_object_is_no_list() {
        let read = serde_json::from_str::<Object<Numbers>>;
        assert!(read("{}").is_ok());
        for text in ["[]", "[5]", "5", "null", r#""""#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
