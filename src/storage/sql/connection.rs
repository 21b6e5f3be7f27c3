//! The seam between statements and databases.

use super::literal::Datum;

/// A connection to a database that speaks SQL. Statements are text; there are no parameters.
pub trait Connection: Send {
    /// What it speaks.
    fn dialect(&self) -> Dialect;

    /// Runs one statement that returns no rows; the number of rows it matched or inserted.
    fn execute(&mut self, sql: &str) -> Result<u64, SqlError>;

    /// Runs one statement and shows its rows, one at a time in bounded memory. `each` may end it
    /// early with an error.
    fn query(
        &mut self,
        sql: &str,
        each: &mut dyn FnMut(&dyn Row) -> Result<(), SqlError>,
    ) -> Result<(), SqlError>;

    /// Prepares a statement without running it. Returns the names of its result columns; none where
    /// it returns no rows.
    fn prepare(&mut self, sql: &str) -> Result<Vec<String>, SqlError>;

    /// Whether the transaction that was begun is over without having been ended: where an error, or
    /// a trigger, can do that.
    fn is_idle(&self) -> bool {
        false
    }

    /// Does what can be put off until nobody waits.
    fn tidy(&mut self) {}

    /// The way to write rows one by one, where that is faster than many in one statement: in a
    /// database that is no more than a function call away.
    fn row_by_row(&mut self) -> Option<&mut dyn RowByRow> {
        None
    }
}

/// Writes rows one by one, with a statement that is prepared once.
pub trait RowByRow {
    /// Runs the statement for each of the rows, in their order. Ends with an error where a row has
    /// ended the transaction, after [`Rows::written`] has heard of it.
    fn execute_each(&mut self, sql: &str, rows: &mut dyn Rows) -> Result<(), SqlError>;
}

/// Rows that are written one by one.
pub trait Rows {
    /// Shows the values of the next row, for the parameters `?1`, `?2`, …; `None` at the end. False
    /// where a value cannot be kept: then the row is left out, and nothing is told of it.
    fn next(&mut self, show: &mut dyn FnMut(Datum<'_>)) -> Option<bool>;

    /// Hears how many rows of the database it matched or made, or why none; goes on, or ends with
    /// the error.
    fn written(&mut self, result: Result<u64, SqlError>) -> Result<(), SqlError>;
}

/// A row of a result.
pub trait Row {
    /// Columns.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of a column.
    fn name(&self, column: usize) -> &str;

    /// What is in it.
    fn value(&self, column: usize) -> Value<'_>;
}

/// What a database says. Decimals and truth values that it returns for expressions are integers
/// where they are whole.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i128),
    /// Another number.
    Real(f64),
    /// A text.
    Text(&'a str),
    /// Bytes, or a text that is no UTF-8.
    Bytes(&'a [u8]),
}

/// The SQL that a database speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
}

/// Why a statement did not work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SqlError {
    /// What follows from it.
    pub kind: Fault,
    /// What the database says; for the operator.
    pub message: String,
}

impl SqlError {
    /// An error of this kind.
    pub fn new(kind: Fault, message: impl Into<String>) -> SqlError {
        let message = message.into();
        SqlError { kind, message }
    }
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SqlError {}

/// What follows from an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The connection is lost or cannot be had: reconnect, and nothing is known of what was under
    /// way.
    Lost,
    /// Locked, deadlock, serialization failure, time-out: the transaction is rolled back, try again.
    Busy,
    /// A value or row the database refuses (out of range, foreign key, constraint, bad encoding):
    /// halving finds it.
    Data,
    /// A statement that can never work here (syntax, missing table or column, no permission, wrong
    /// password).
    Wrong,
}
