//! A row of text, as the types of its columns tell to read it.

use crate::storage::sql::connection::{Row, Value};
use crate::storage::sql::numbers::{decimal, real};
use tokio_postgres::SimpleQueryRow;
use tokio_postgres::types::Type;

/// A column of a result.
pub(super) struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Bool,
    Integer,
    Decimal,
    Real,
    Bytes,
    Text,
}

impl Column {
    pub(super) fn of(column: &tokio_postgres::Column) -> Column {
        Column {
            name: column.name().to_owned(),
            kind: match *column.type_() {
                Type::BOOL => Kind::Bool,
                Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Kind::Integer,
                Type::NUMERIC => Kind::Decimal,
                Type::FLOAT4 | Type::FLOAT8 => Kind::Real,
                Type::BYTEA => Kind::Bytes,
                _ => Kind::Text,
            },
        }
    }
}

/// One row after the other, in the same memory.
pub(super) struct Cells {
    columns: Vec<Column>,
    cells: Vec<Cell>,
    /// Texts and bytes of the row.
    scratch: Vec<u8>,
}

enum Cell {
    Null,
    Integer(i128),
    Real(f64),
    /// Up to which place of the scratch they go.
    Text(usize),
    Bytes(usize),
}

impl Cells {
    pub(super) fn new(columns: Vec<Column>) -> Cells {
        Cells {
            columns,
            cells: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Takes a row in place of the last.
    pub(super) fn read(&mut self, row: &SimpleQueryRow) {
        self.cells.clear();
        self.scratch.clear();
        for (place, column) in self.columns.iter().enumerate() {
            let text = row.try_get(place).ok().flatten();
            let cell = text.map_or(Cell::Null, |text| {
                cell(column.kind, text, &mut self.scratch)
            });
            self.cells.push(cell);
        }
    }

    /// Where the text or the bytes of a column begin.
    fn start(&self, column: usize) -> usize {
        let before = self.cells.iter().take(column).rev();
        let mut ends = before.filter_map(|cell| match cell {
            Cell::Text(end) | Cell::Bytes(end) => Some(*end),
            _ => None,
        });
        ends.next().unwrap_or(0)
    }

    fn bytes(&self, column: usize, end: usize) -> &[u8] {
        self.scratch
            .get(self.start(column)..end)
            .unwrap_or_default()
    }
}

fn cell(kind: Kind, text: &str, scratch: &mut Vec<u8>) -> Cell {
    let number = match kind {
        Kind::Bool => Some(Cell::Integer(i128::from(text == "t"))),
        Kind::Integer => text.parse().ok().map(Cell::Integer),
        Kind::Decimal => decimal(text).map(number),
        Kind::Real => text.parse().ok().map(|value| number(real(value))),
        Kind::Bytes => {
            return unhex(text, scratch).map_or(Cell::Null, |()| Cell::Bytes(scratch.len()));
        }
        Kind::Text => None,
    };
    number.unwrap_or_else(|| {
        scratch.extend_from_slice(text.as_bytes());
        Cell::Text(scratch.len())
    })
}

fn number(value: Value<'_>) -> Cell {
    match value {
        Value::Integer(value) => Cell::Integer(value),
        Value::Real(value) => Cell::Real(value),
        _ => Cell::Null,
    }
}

/// `\x0aff…`
fn unhex(text: &str, to: &mut Vec<u8>) -> Option<()> {
    let (pairs, rest) = text.strip_prefix("\\x")?.as_bytes().as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    for [high, low] in pairs {
        to.push(u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?);
    }
    rest.is_empty().then_some(())
}

impl Row for Cells {
    fn len(&self) -> usize {
        self.columns.len()
    }

    fn name(&self, column: usize) -> &str {
        self.columns.get(column).map_or("", |column| &column.name)
    }

    fn value(&self, column: usize) -> Value<'_> {
        match self.cells.get(column) {
            None | Some(Cell::Null) => Value::Null,
            Some(Cell::Integer(value)) => Value::Integer(*value),
            Some(Cell::Real(value)) => Value::Real(*value),
            Some(Cell::Text(end)) => match str::from_utf8(self.bytes(column, *end)) {
                Ok(text) => Value::Text(text),
                Err(_) => Value::Null,
            },
            Some(Cell::Bytes(end)) => Value::Bytes(self.bytes(column, *end)),
        }
    }
}
