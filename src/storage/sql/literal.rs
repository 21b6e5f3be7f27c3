//! Values as literals that need no quoting: numbers in decimal, all else in hex digits, but for
//! letters and digits of ASCII in PostgreSQL. Whatever a stranger has put into a value, none of it is
//! ever read as SQL.

use super::connection::Dialect;
use crate::model::UnixTime;
use std::borrow::Cow;

/// A value on its way into a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Datum<'v> {
    /// A number.
    Integer(i64),
    /// Bytes.
    Bytes(&'v [u8]),
    /// A text.
    Text(Cow<'v, str>),
}

impl<'v> Datum<'v> {
    /// A number or a sum that must be kept as it is, or not at all: `None` where databases have no
    /// number as large.
    pub fn exact(value: u64) -> Option<Datum<'v>> {
        i64::try_from(value).ok().map(Datum::Integer)
    }

    /// What a client says of itself, held at the most that can be kept: it may say anything.
    pub fn capped(value: u64) -> Datum<'v> {
        Datum::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// A moment; seconds since 1970.
    pub fn time(time: UnixTime) -> Datum<'v> {
        Datum::Integer(time.0.into())
    }

    /// 1 or 0.
    pub fn flag(is: bool) -> Datum<'v> {
        Datum::Integer(is.into())
    }
}

/// Writes a value as a literal of the dialect. It begins with a digit, a letter, an underscore or a
/// parenthesis, so that nothing before it can give its quotes another meaning.
pub fn write(to: &mut String, dialect: Dialect, value: &Datum<'_>) {
    match value {
        Datum::Integer(value) => number(to, *value),
        Datum::Bytes(bytes) => blob(to, dialect, bytes),
        Datum::Text(text) => characters(to, dialect, text),
    }
}

fn number(to: &mut String, value: i64) {
    // A minus before a minus would begin a comment.
    let (open, close) = if value < 0 { ("(", ")") } else { ("", "") };
    to.push_str(open);
    to.push_str(itoa::Buffer::new().format(value));
    to.push_str(close);
}

fn blob(to: &mut String, dialect: Dialect, bytes: &[u8]) {
    to.push_str(match dialect {
        Dialect::Sqlite | Dialect::Mysql => "X'",
        Dialect::Postgres => "BYTEA '\\x",
    });
    hex(to, bytes);
    to.push('\'');
}

fn characters(to: &mut String, dialect: Dialect, text: &str) {
    match dialect {
        Dialect::Sqlite => {
            to.push_str("CAST(X'");
            hex(to, text.as_bytes());
            to.push_str("' AS TEXT)");
        }
        // Not CONVERT: its result could not be compared with a column of another collation.
        Dialect::Mysql => {
            to.push_str("_utf8mb4 X'");
            hex(to, text.as_bytes());
            to.push('\'');
        }
        Dialect::Postgres => {
            // Not convert_from: its result has a collation of its own, so that no index of a column
            // of text would be looked into.
            to.push_str("TEXT U&'");
            text.chars().for_each(|character| escaped(to, character));
            to.push('\'');
        }
    }
}

/// Letters and digits of ASCII as they are, all else by its number in hex digits.
fn escaped(to: &mut String, character: char) {
    match u32::from(character) {
        // No text of PostgreSQL can hold a NUL.
        0 => {}
        _ if character.is_ascii_alphanumeric() => to.push(character),
        number => {
            let [_, high, middle, low] = number.to_be_bytes();
            to.push('\\');
            if high > 0 {
                to.push('+');
                hex(to, &[high]);
            }
            hex(to, &[middle, low]);
        }
    }
}

fn hex(to: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    to.reserve(bytes.len() * 2);
    for byte in bytes {
        to.push(char::from(DIGITS[usize::from(byte >> 4)]));
        to.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}
