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
    /// Foreign keys are checked, as by default.
    checks_keys: bool,
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
        None => Ok(Box::new(Sqlite {
            db,
            untidy: 0,
            checks_keys: true,
        })),
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

    fn committed(&mut self) -> Result<(), SqlError> {
        self.untidy += 1;
        if self.untidy >= file::UNTIDY_MOST {
            self.tidy();
        }
        self.check_keys(true)
    }

    /// A foreign key that is checked at the end, as Django makes them, does not tell which row is
    /// wrong. The transaction is begun anew without such checks: a row of a user who is gone stays
    /// in the application's table, and the others' rows do not wait for ever.
    fn dangling(&mut self, err: &SqlError) -> SqlError {
        log::warn!("storage: {err}; what is written is not held to foreign keys this time");
        let again = self
            .db
            .execute_batch("ROLLBACK")
            .map_err(|err| of_run(&err));
        match again.and_then(|()| self.check_keys(false)) {
            Ok(()) => SqlError::new(Fault::Busy, err.message.clone()),
            Err(err) => err,
        }
    }

    /// A connection of which it is not known is given up.
    fn check_keys(&mut self, are_checked: bool) -> Result<(), SqlError> {
        if self.checks_keys != are_checked {
            let set = self.db.pragma_update(None, "foreign_keys", are_checked);
            set.map_err(|err| SqlError::new(Fault::Lost, of_run(&err).message))?;
            self.checks_keys = are_checked;
        }
        Ok(())
    }
}

impl Connection for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn execute(&mut self, sql: &str) -> Result<u64, SqlError> {
        let rows = self.run(&mut self.prepared(sql)?);
        match (sql, rows) {
            ("COMMIT", Ok(_)) => self.committed().map(|()| 0),
            ("COMMIT", Err(err)) if err.kind == Fault::Data => Err(self.dangling(&err)),
            (_, rows) => rows,
        }
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
