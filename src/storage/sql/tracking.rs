//! Changes of the tracker's own tables on a server: whether they are noted, up to where nothing can
//! come any more, and how long they are kept.

use super::connection::{Connection, Dialect, Fault, SqlError, Value};
use super::presets::{MYSQL_FIRST, MYSQL_OLD, TRACKING_PROBE};

/// Changes that are kept at least.
const KEPT: u64 = 100_000;

/// Whether triggers note changes, which can be read here, and the server can tell how far they go.
pub(super) fn is_there(connection: &mut dyn Connection) -> Result<bool, SqlError> {
    let list = match connection.dialect() {
        Dialect::Postgres => "SELECT tx FROM tracker_changes WHERE tx < 0".to_owned(),
        // Not in servers before MySQL 8 and MariaDB 10.3.
        Dialect::Mysql => locking(0, 0),
        Dialect::Sqlite => "SELECT seq FROM tracker_changes WHERE seq < 0".to_owned(),
    };
    for sql in [TRACKING_PROBE, &list] {
        match connection.query(sql, &mut |_| Ok(())) {
            Ok(()) => {}
            Err(err) if err.kind == Fault::Wrong => return Ok(false),
            Err(err) => return Err(err),
        }
    }
    Ok(true)
}

/// The number up to which no change can come any more, from one on for which that holds. MySQL
/// alone needs it: a statement of PostgreSQL knows it.
///
/// A change that has been written, and whose transaction has not ended, is locked. So where all
/// changes between two can be locked at once, none of them is under way; they are found by halving,
/// without waiting for anybody. One that has its number and is not written yet is not locked: the
/// last change is old enough that there is none before it, see [`MYSQL_OLD`].
pub(super) fn settled(connection: &mut dyn Connection, since: u64) -> Result<u64, SqlError> {
    let since = match since {
        0 => number(connection, MYSQL_FIRST)?.unwrap_or(0),
        since => since,
    };
    let old = MYSQL_OLD.replace(":cursor", &since.to_string());
    let Some(last) = number(connection, &old)? else {
        return Ok(since);
    };
    if is_free(connection, since, last)? {
        return Ok(last);
    }
    let (mut settled, mut unsettled) = (since, last);
    while unsettled.saturating_sub(settled) > 1 {
        let middle = settled + (unsettled - settled) / 2;
        match is_free(connection, settled, middle)? {
            true => settled = middle,
            false => unsettled = middle,
        }
    }
    Ok(settled)
}

fn locking(after: u64, to: u64) -> String {
    format!("SELECT seq FROM tracker_changes WHERE seq > {after} AND seq <= {to} FOR UPDATE NOWAIT")
}

/// Whether none of these changes is locked.
fn is_free(connection: &mut dyn Connection, after: u64, to: u64) -> Result<bool, SqlError> {
    // Then what is not there is not locked: nobody waits who writes.
    connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")?;
    match connection.query(&locking(after, to), &mut |_| Ok(())) {
        Ok(()) => Ok(true),
        Err(err) if err.kind == Fault::Busy => Ok(false),
        Err(err) => Err(err),
    }
}

fn number(connection: &mut dyn Connection, sql: &str) -> Result<Option<u64>, SqlError> {
    let mut found = None;
    connection.query(sql, &mut |row| {
        if let Value::Integer(number) = row.value(0) {
            found = u64::try_from(number).ok();
        }
        Ok(())
    })?;
    Ok(found)
}

/// Drops old changes, from the first on and without gaps; only those up to a cursor, before which
/// none can come any more. What cannot be done now is done the next time.
pub(super) fn trim(connection: &mut dyn Connection, cursor: u64) -> Result<(), SqlError> {
    let sql = match connection.dialect() {
        Dialect::Postgres => format!(
            "DELETE FROM tracker_changes WHERE tx < {cursor} AND tx < \
             (SELECT tx FROM tracker_changes ORDER BY tx DESC OFFSET {KEPT} LIMIT 1)"
        ),
        Dialect::Mysql => {
            let last = cursor.saturating_sub(KEPT);
            format!("DELETE FROM tracker_changes WHERE seq <= {last}")
        }
        Dialect::Sqlite => return Ok(()),
    };
    match connection.execute(&sql) {
        Err(err) if err.kind == Fault::Lost => Err(err),
        _ => Ok(()),
    }
}
