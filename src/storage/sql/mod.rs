//! Any database that speaks SQL: statements from a preset or the configuration, with values as
//! literals.

mod connection;
mod lexer;
mod literal;
mod template;
#[cfg(test)]
mod words;

pub use connection::{Connection, Dialect, Fault, Row, RowByRow, Rows, SqlError, Value};
pub use literal::{Datum, write as write_literal};
pub use template::{Field, STATEMENT_MAX_BYTES, STATEMENT_MAX_ROWS, Template, Unfit};
