//! A row of text, as the types of its columns tell to read it.

use crate::storage::sql::connection::{Row, Value};
use crate::storage::sql::numbers::{decimal, real};
use ::mysql::consts::ColumnType::{
    self, MYSQL_TYPE_BIT, MYSQL_TYPE_BLOB, MYSQL_TYPE_DECIMAL, MYSQL_TYPE_DOUBLE, MYSQL_TYPE_FLOAT,
    MYSQL_TYPE_GEOMETRY, MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONG_BLOB,
    MYSQL_TYPE_LONGLONG, MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_NEWDECIMAL, MYSQL_TYPE_SHORT,
    MYSQL_TYPE_STRING, MYSQL_TYPE_TINY, MYSQL_TYPE_TINY_BLOB, MYSQL_TYPE_VAR_STRING,
    MYSQL_TYPE_VARCHAR, MYSQL_TYPE_YEAR,
};

/// The character set of what is no text.
const BINARY: u16 = 63;

pub(super) struct Cells(pub(super) ::mysql::Row);

impl Row for Cells {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn name(&self, column: usize) -> &str {
        let column = self.0.columns_ref().get(column);
        // The connection speaks UTF-8.
        column.map_or("", |column| str::from_utf8(column.name_ref()).unwrap_or(""))
    }

    fn value(&self, column: usize) -> Value<'_> {
        let told = self.0.columns_ref().get(column);
        match (told, self.0.as_ref(column)) {
            (Some(told), Some(::mysql::Value::Bytes(bytes))) => {
                read(told.column_type(), told.character_set(), bytes)
            }
            // Whole results come as text; numbers would be those of a prepared statement.
            _ => Value::Null,
        }
    }
}

fn read(kind: ColumnType, character_set: u16, bytes: &[u8]) -> Value<'_> {
    if kind == MYSQL_TYPE_BIT {
        return bit(bytes);
    }
    let Ok(text) = str::from_utf8(bytes) else {
        return Value::Bytes(bytes);
    };
    let number = match kind {
        MYSQL_TYPE_TINY | MYSQL_TYPE_SHORT | MYSQL_TYPE_INT24 | MYSQL_TYPE_LONG
        | MYSQL_TYPE_LONGLONG | MYSQL_TYPE_YEAR => text.parse().ok().map(Value::Integer),
        MYSQL_TYPE_DECIMAL | MYSQL_TYPE_NEWDECIMAL => decimal(text),
        MYSQL_TYPE_FLOAT | MYSQL_TYPE_DOUBLE => text.parse().ok().map(real),
        MYSQL_TYPE_GEOMETRY => Some(Value::Bytes(bytes)),
        MYSQL_TYPE_TINY_BLOB
        | MYSQL_TYPE_MEDIUM_BLOB
        | MYSQL_TYPE_LONG_BLOB
        | MYSQL_TYPE_BLOB
        | MYSQL_TYPE_VARCHAR
        | MYSQL_TYPE_VAR_STRING
        | MYSQL_TYPE_STRING
            if character_set == BINARY =>
        {
            Some(Value::Bytes(bytes))
        }
        _ => None,
    };
    number.unwrap_or(Value::Text(text))
}

/// A string of up to 64 bits.
fn bit(bytes: &[u8]) -> Value<'_> {
    let fold = |number, byte: &u8| number << 8 | i128::from(*byte);
    match bytes.len() {
        0..=8 => Value::Integer(bytes.iter().fold(0, fold)),
        _ => Value::Bytes(bytes),
    }
}
