//! A connection to a database file of SQLite, in this process.

mod cells;
mod fault;

use super::connection::{Connection, Dialect, Fault, Row, RowByRow, Rows, SqlError};
use super::literal::Datum;
use crate::storage::sqlite::{file, schema};
use cells::Cells;
use fault::{of_run, of_text};
use rusqlite::Statement;
use std::path::Path;
use std::time::Duration;

struct Sqlite {
    db: rusqlite::Connection,
    /// Transactions since the log was copied into the database.
    untidy: u32,
}

/// Opens a database file, or makes it where it is missing and may be made. A statement that finds
/// it locked waits for so long.
pub fn open(
    path: &Path,
    may_make: bool,
    statement_timeout: Duration,
) -> Result<Box<dyn Connection>, SqlError> {
    connection(path, file::open(path, may_make, statement_timeout))
}

/// The same with a file that is there, which is left as it is.
pub fn look(path: &Path, statement_timeout: Duration) -> Result<Box<dyn Connection>, SqlError> {
    connection(path, file::look(path, statement_timeout))
}

fn connection(
    path: &Path,
    opened: rusqlite::Result<rusqlite::Connection>,
) -> Result<Box<dyn Connection>, SqlError> {
    let told = |err: rusqlite::Error| {
        let SqlError { kind, message } = of_text(&err);
        SqlError::new(kind, format!("{}: {message}", path.display()))
    };
    let db = opened.map_err(told)?;
    let version = schema::version(&db).map_err(told)?;
    match version.and_then(schema::unknown) {
        Some(fault) => Err(SqlError::new(Fault::Wrong, fault)),
        None => Ok(Box::new(Sqlite { db, untidy: 0 })),
    }
}

impl Sqlite {
    fn prepared(&self, sql: &str) -> Result<Statement<'_>, SqlError> {
        self.db.prepare(sql).map_err(|err| of_text(&err))
    }

    /// Runs a statement to its end; the number of rows it matched or inserted.
    fn run(&self, statement: &mut Statement<'_>) -> Result<u64, SqlError> {
        let before = self.db.total_changes();
        let mut rows = statement.raw_query();
        while rows.next().map_err(|err| of_run(&err))?.is_some() {}
        drop(rows);
        // What is no write leaves the number of the last one.
        Ok(match self.db.total_changes() == before {
            true => 0,
            false => self.db.changes(),
        })
    }
}

impl Connection for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, sql: &str) -> Result<u64, SqlError> {
        let was_idle = self.db.is_autocommit();
        let rows = self.run(&mut self.prepared(sql)?)?;
        if !was_idle && self.db.is_autocommit() {
            self.untidy += 1;
            if self.untidy >= file::UNTIDY_MOST {
                self.tidy();
            }
        }
        Ok(rows)
    }

    fn query(
        &mut self,
        sql: &str,
        each: &mut dyn FnMut(&dyn Row) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        let mut statement = self.prepared(sql)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|err| of_run(&err))? {
            each(&Cells(row))?;
        }
        Ok(())
    }

    fn prepare(&mut self, sql: &str) -> Result<Vec<String>, SqlError> {
        let statement = self.prepared(sql)?;
        match statement.parameter_count() {
            0 => Ok(statement.column_names().map(str::to_owned).collect()),
            _ => Err(SqlError::new(
                Fault::Wrong,
                "sqlite: the statement has parameters",
            )),
        }
    }

    fn is_idle(&self) -> bool {
        self.db.is_autocommit()
    }

    fn tidy(&mut self) {
        self.untidy = 0;
        file::tidy(&self.db);
    }

    fn row_by_row(&mut self) -> Option<&mut dyn RowByRow> {
        Some(self)
    }
}

impl RowByRow for Sqlite {
    fn execute_each(&mut self, sql: &str, rows: &mut dyn Rows) -> Result<(), SqlError> {
        let mut statement = self.prepared(sql)?;
        loop {
            let mut place = 0;
            let mut bound = Ok(());
            let shown = rows.next(&mut |value| {
                place += 1;
                if bound.is_ok() {
                    bound = bind(&mut statement, place, &value);
                }
            });
            match shown {
                None => return Ok(()),
                Some(false) => continue,
                Some(true) => bound.map_err(|err| of_text(&err))?,
            }
            let written = self.run(&mut statement);
            let refused = written.as_ref().err().cloned();
            rows.written(written)?;
            // A trigger may have rolled back the whole transaction; what came after would be
            // written without it.
            if let Some(err) = refused.filter(|_| self.is_idle()) {
                return Err(err);
            }
        }
    }
}

fn bind(statement: &mut Statement<'_>, place: usize, value: &Datum<'_>) -> rusqlite::Result<()> {
    match value {
        Datum::Integer(number) => statement.raw_bind_parameter(place, number),
        Datum::Bytes(bytes) => statement.raw_bind_parameter(place, bytes),
        Datum::Text(text) => statement.raw_bind_parameter(place, &**text),
    }
}
