//! What PostgreSQL's errors mean.

use crate::storage::sql::connection::{Fault, SqlError};
use std::error::Error as _;
use std::io;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity};

pub(super) fn lost(what: &str) -> SqlError {
    SqlError::new(Fault::Lost, format!("postgres: {what}"))
}

/// Never tells more of a row than the server does in its message: its details may hold a passkey.
pub(super) fn fault(err: &Error) -> SqlError {
    if let Some(told) = err.as_db_error() {
        let (message, code) = (told.message(), told.code().code());
        return SqlError {
            kind: told_by_server(told),
            message: format!("postgres: {message} ({code})"),
        };
    }
    let cause = err.source().map(|cause| format!(": {cause}"));
    SqlError {
        kind: not_told(err),
        message: format!("postgres: {err}{}", cause.unwrap_or_default()),
    }
}

fn told_by_server(told: &DbError) -> Fault {
    let code = told.code().code();
    let (class, _) = code.split_at_checked(2).unwrap_or((code, ""));
    match (class, code) {
        // Who we are, and what is not there: neither gets better by coming back.
        ("28" | "3D", _) => Fault::Wrong,
        // A server that only follows another one may not be the one it was.
        (_, "25006" | "53300") => Fault::Lost,
        ("08" | "57", _) if code != "57014" => Fault::Lost,
        _ if ends_session(told) => Fault::Lost,
        // Locks, conflicts, time-outs; no room, no memory; trouble of its own.
        ("40" | "53" | "55" | "57" | "58" | "XX", _) => Fault::Busy,
        // Values, constraints, what a trigger raises, and what is too large.
        ("22" | "23" | "44" | "54" | "P0", _) => Fault::Data,
        _ => Fault::Wrong,
    }
}

fn ends_session(told: &DbError) -> bool {
    let severity = told.parsed_severity();
    matches!(severity, Some(Severity::Fatal | Severity::Panic))
        || matches!(told.severity(), "FATAL" | "PANIC")
}

/// The server cannot be reached, or is gone; unless it cannot be understood.
fn not_told(err: &Error) -> Fault {
    let io = err
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    match io.map(io::Error::kind) {
        // A certificate that is not believed.
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => Fault::Wrong,
        Some(_) => Fault::Lost,
        None if err.is_closed() => Fault::Lost,
        None => Fault::Wrong,
    }
}
