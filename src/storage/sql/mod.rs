//! Any database that speaks SQL: statements from a preset or the configuration, with values as
//! literals.

mod check;
mod connection;
mod directory;
mod edit;
mod edit_rows;
mod edit_wish;
mod fields;
mod lexer;
mod listing;
mod literal;
mod load;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
mod numbers;
mod one_by_one;
mod plan;
#[cfg(feature = "postgres")]
mod postgres;
mod presets;
mod schema;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stands;
mod storage;
mod template;
mod tracking;
#[cfg(test)]
mod words;
mod write;

pub use check::{check, prepare};
pub use connection::{Connection, Dialect, Fault, Row, RowByRow, Rows, SqlError, Value};
pub use literal::{Datum, write as write_literal};
#[cfg(feature = "mysql")]
pub use mysql::open as open_mysql;
pub use plan::{Given, Plan};
#[cfg(feature = "postgres")]
pub use postgres::open as open_postgres;
pub use presets::{ALL as PRESETS, Preset, find as find_preset, names as preset_names};
pub use schema::text as schema_text;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub use server::{Server, Tls};
#[cfg(feature = "sqlite")]
pub use sqlite::{look as look_into_sqlite, open as open_sqlite};
pub use storage::{Open, SqlStorage};
pub use template::{Field, STATEMENT_MAX_BYTES, STATEMENT_MAX_ROWS, Template, Unfit};
