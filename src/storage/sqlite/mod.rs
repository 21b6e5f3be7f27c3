//! The data store in a file of SQLite: the default of a private tracker, with nothing to install.
//!
//! It makes tables of its own (`tracker_users`, `tracker_torrents`, …), which a web application may
//! write while the tracker runs: triggers note what was changed.
//!
//! This is what the driver `sqlite` is with the preset `own` as it stands: the directory can be
//! written here, by the command line and by pushes, and what it says to the database is fixed. With
//! another preset, or with any statement of the configuration, the driver is
//! [`SqlStorage`](super::sql::SqlStorage) on the same kind of file.

mod check;
mod commit;
#[cfg(test)]
mod commit_tests;
mod directory;
mod edit;
mod edit_rows;
#[cfg(test)]
mod edit_tests;
pub(super) mod file;
mod load;
#[cfg(test)]
mod load_tests;
mod row;
pub(super) mod schema;
#[cfg(test)]
mod site;
#[cfg(test)]
mod tests;

pub use check::{check, prepare};

use super::{Change, Commit, Cursor, Directory, Storage, StorageError, Wanted};
use rusqlite::{Connection, ErrorCode, OptionalExtension};
use std::path::Path;
use std::time::Duration;

/// How long to wait for a web application that is writing; then it is tried again later.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// A database file of SQLite.
#[derive(Debug)]
pub struct Sqlite {
    db: Connection,
    /// Batches since the log was copied into the database.
    untidy: u32,
}

impl Sqlite {
    /// Opens the file; makes it, and the tables in it, where they are missing.
    pub fn open(path: &Path) -> Result<Sqlite, StorageError> {
        let doing = format!("cannot open {}", path.display());
        let mut db = file::open(path, true, BUSY_TIMEOUT).map_err(failure(&doing))?;
        schema::prepare(&mut db)?;
        Ok(Sqlite { db, untidy: 0 })
    }
}

impl Storage for Sqlite {
    fn load(
        &mut self,
        since: Option<Cursor>,
        to: &mut dyn FnMut(Change),
    ) -> Result<Cursor, StorageError> {
        load::load(&mut self.db, since, to)
    }

    fn find(&mut self, wanted: &Wanted, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        load::find(&mut self.db, wanted, to)
    }

    fn position(&mut self, writer: &str) -> Result<u64, StorageError> {
        position(&self.db, writer).map_err(failure("cannot read a position"))
    }

    fn commit(&mut self, writer: &str, batch: &Commit) -> Result<(), StorageError> {
        if self.untidy >= file::UNTIDY_MOST {
            self.tidy();
        }
        self.untidy += 1;
        commit::commit(&mut self.db, writer, batch)
    }

    fn tidy(&mut self) {
        self.untidy = 0;
        file::tidy(&self.db);
    }

    fn directory(&mut self) -> Option<&mut dyn Directory> {
        Some(self)
    }
}

/// The statements that make the tables.
pub fn schema() -> String {
    schema::text()
}

/// Positions are kept in the bits of a signed number: they are only ever compared for equality.
fn position(db: &Connection, writer: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT seq FROM tracker_batches WHERE writer = ?1";
    let found = db.query_row(sql, [writer], |row| row.get::<_, i64>(0));
    Ok(found.optional()?.unwrap_or_default().cast_unsigned())
}

/// What an error of SQLite means for who asked; `doing` begins the message.
fn failure(doing: &str) -> impl Fn(rusqlite::Error) -> StorageError + '_ {
    move |err| {
        let message = format!("sqlite: {doing}: {err}");
        match err.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OperationAborted
                | ErrorCode::OperationInterrupted
                | ErrorCode::OutOfMemory
                | ErrorCode::SchemaChanged
                | ErrorCode::SystemIoFailure,
            ) => StorageError::Retry(message),
            _ => StorageError::Fatal(message),
        }
    }
}
