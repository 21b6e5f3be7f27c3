//! What the errors of SQLite mean.

use crate::storage::sql::connection::{Fault, SqlError};
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_READONLY_DBMOVED;

/// What follows when a statement cannot be prepared, or a file not be opened.
pub(super) fn of_text(err: &rusqlite::Error) -> SqlError {
    error(err, Fault::Wrong)
}

/// What follows when a statement that can be run is not. What is no kind of error of its own is said
/// by functions of SQL, of the values they get: `integer overflow`, `malformed JSON`.
pub(super) fn of_run(err: &rusqlite::Error) -> SqlError {
    error(err, Fault::Data)
}

fn error(err: &rusqlite::Error, unnamed: Fault) -> SqlError {
    let kind = match err {
        // Another file has taken its place.
        rusqlite::Error::SqliteFailure(told, _)
            if told.extended_code == SQLITE_READONLY_DBMOVED =>
        {
            Fault::Lost
        }
        rusqlite::Error::SqliteFailure(told, _)
        | rusqlite::Error::SqlInputError { error: told, .. } => match told.code {
            ErrorCode::Unknown => unnamed,
            code => known(code),
        },
        _ => Fault::Wrong,
    };
    SqlError::new(kind, format!("sqlite: {}", message(err)))
}

fn known(code: ErrorCode) -> Fault {
    match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::OperationAborted
        | ErrorCode::OperationInterrupted
        | ErrorCode::OutOfMemory
        | ErrorCode::SchemaChanged => Fault::Busy,
        // What is known of the file may not be so any more: it is opened again.
        ErrorCode::SystemIoFailure => Fault::Lost,
        ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch => Fault::Data,
        _ => Fault::Wrong,
    }
}

/// What SQLite says. Never the statement: literals in it may be passkeys.
fn message(err: &rusqlite::Error) -> String {
    match err {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        err => err.to_string(),
    }
}
