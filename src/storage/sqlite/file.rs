//! A database file as the tracker opens it, whoever's tables are in it.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// Transactions after which the log is copied into the database all the same, where nobody calls
/// [`tidy`]: it must not grow for ever.
pub(in crate::storage) const UNTIDY_MOST: u32 = 8;

/// Opens the file, or makes it where it is missing and may be made. Who writes meanwhile is waited
/// for.
pub(in crate::storage) fn open(
    path: &Path,
    may_make: bool,
    busy_timeout: Duration,
) -> rusqlite::Result<Connection> {
    let db = connect(path, may_make, busy_timeout)?;
    // With a log of its own, a web application's reads never wait for the tracker's writes.
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        log::warn!("storage: {} stays in journal mode {mode}", path.display());
    }
    // What was told to be committed leaves the tracker's journal: it must survive a power cut.
    db.execute_batch("PRAGMA synchronous = FULL")?;
    // A commit holds the lock for which a web application waits. Copying its log into the
    // database takes as long again and needs no lock: that is done after it.
    db.execute_batch("PRAGMA wal_autocheckpoint = 0")?;
    Ok(db)
}

/// Opens a file that is there, and leaves it as it is.
pub(in crate::storage) fn look(
    path: &Path,
    busy_timeout: Duration,
) -> rusqlite::Result<Connection> {
    connect(path, false, busy_timeout)
}

fn connect(path: &Path, may_make: bool, busy_timeout: Duration) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, may_make);
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(busy_timeout)?;
    Ok(db)
}

/// Copies the log into the database, as far as nobody still reads an older state.
pub(in crate::storage) fn tidy(db: &Connection) {
    let sql = "PRAGMA wal_checkpoint(PASSIVE)";
    if let Err(err) = db.query_row(sql, [], |_| Ok(())) {
        log::debug!("storage: sqlite: cannot shorten its log: {err}");
    }
}
