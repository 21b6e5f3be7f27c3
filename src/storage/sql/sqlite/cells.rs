//! A row, with values as they are kept: SQLite has types for values, not for columns.

use crate::storage::sql::connection::{Row, Value};
use crate::storage::sql::numbers::real;
use rusqlite::types::ValueRef;

pub(super) struct Cells<'r>(pub(super) &'r rusqlite::Row<'r>);

impl Row for Cells<'_> {
    fn len(&self) -> usize {
        self.0.as_ref().column_count()
    }

    fn name(&self, column: usize) -> &str {
        self.0.as_ref().column_name(column).unwrap_or("")
    }

    fn value(&self, column: usize) -> Value<'_> {
        match self.0.get_ref(column).unwrap_or(ValueRef::Null) {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number.into()),
            ValueRef::Real(number) => real(number),
            ValueRef::Text(bytes) => match str::from_utf8(bytes) {
                Ok(text) => Value::Text(text),
                Err(_) => Value::Bytes(bytes),
            },
            ValueRef::Blob(bytes) => Value::Bytes(bytes),
        }
    }
}
