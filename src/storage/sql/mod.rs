//! Any database that speaks SQL: statements from a preset or the configuration, with values as
//! literals.

mod connection;
mod lexer;
mod literal;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod numbers;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod server;
mod template;
#[cfg(test)]
mod words;

pub use connection::{Connection, Dialect, Fault, Row, RowByRow, Rows, SqlError, Value};
pub use literal::{Datum, write as write_literal};
#[cfg(feature = "mysql")]
pub use mysql::open as open_mysql;
#[cfg(feature = "postgres")]
pub use postgres::open as open_postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use server::{Server, Tls};
pub use template::{Field, STATEMENT_MAX_BYTES, STATEMENT_MAX_ROWS, Template, Unfit};
