//! A strict reader of bencoding (BEP 3): what it accepts every client accepts.

use std::collections::BTreeMap;

pub type Dictionary = BTreeMap<Vec<u8>, Value>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Integer(i128),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Dictionary(Dictionary),
}

impl Value {
    pub fn integer(&self) -> i128 {
        match self {
            Value::Integer(number) => *number,
            other => panic!("not an integer: {other:?}"),
        }
    }

    pub fn bytes(&self) -> &[u8] {
        match self {
            Value::Bytes(bytes) => bytes,
            other => panic!("not a string: {other:?}"),
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).expect("texts are UTF-8")
    }

    pub fn list(&self) -> &[Value] {
        match self {
            Value::List(list) => list,
            other => panic!("not a list: {other:?}"),
        }
    }

    pub fn dictionary(&self) -> &Dictionary {
        match self {
            Value::Dictionary(dictionary) => dictionary,
            other => panic!("not a dictionary: {other:?}"),
        }
    }

    /// The value of a key of a dictionary.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.dictionary().get(key.as_bytes())
    }

    /// The integer of a key that must be there.
    pub fn int(&self, key: &str) -> i128 {
        match self.get(key) {
            Some(value) => value.integer(),
            None => panic!("no {key} in {self:?}"),
        }
    }
}

/// Reads one value that takes all bytes.
pub fn parse(bytes: &[u8]) -> Value {
    let mut rest = bytes;
    let value =
        value(&mut rest).unwrap_or_else(|fault| panic!("{fault} in {}", bytes.escape_ascii()));
    assert!(
        rest.is_empty(),
        "more than one value: {}",
        bytes.escape_ascii()
    );
    value
}

fn value(rest: &mut &[u8]) -> Result<Value, &'static str> {
    match rest.first().ok_or("cut short")? {
        b'i' => {
            *rest = &rest[1..];
            number(rest, b'e').map(Value::Integer)
        }
        b'l' => {
            *rest = &rest[1..];
            let mut list = Vec::new();
            while !ends(rest)? {
                list.push(value(rest)?);
            }
            Ok(Value::List(list))
        }
        b'd' => {
            *rest = &rest[1..];
            dictionary(rest).map(Value::Dictionary)
        }
        _ => string(rest).map(Value::Bytes),
    }
}

fn dictionary(rest: &mut &[u8]) -> Result<Dictionary, &'static str> {
    let mut entries = Dictionary::new();
    while !ends(rest)? {
        let key = string(rest)?;
        // Several clients look for keys in order, or drop an answer that has none.
        if entries
            .last_key_value()
            .is_some_and(|(last, _)| *last >= key)
        {
            return Err("keys out of order");
        }
        entries.insert(key, value(rest)?);
    }
    Ok(entries)
}

/// Whether a list or dictionary ends here; its end is taken.
fn ends(rest: &mut &[u8]) -> Result<bool, &'static str> {
    let ends = *rest.first().ok_or("cut short")? == b'e';
    *rest = &rest[usize::from(ends)..];
    Ok(ends)
}

fn string(rest: &mut &[u8]) -> Result<Vec<u8>, &'static str> {
    let length = number(rest, b':')?;
    let length = usize::try_from(length).map_err(|_| "a length below zero")?;
    let (bytes, after) = rest.split_at_checked(length).ok_or("a string cut short")?;
    *rest = after;
    Ok(bytes.to_vec())
}

fn number(rest: &mut &[u8], end: u8) -> Result<i128, &'static str> {
    let length = rest
        .iter()
        .position(|byte| *byte == end)
        .ok_or("a number without end")?;
    let text = std::str::from_utf8(&rest[..length]).map_err(|_| "not a number")?;
    let number: i128 = text.parse().map_err(|_| "not a number")?;
    // Leading zeros, a plus sign and minus zero have no place in bencoding.
    if number.to_string() != text {
        return Err("a number written oddly");
    }
    *rest = &rest[length + 1..];
    Ok(number)
}
