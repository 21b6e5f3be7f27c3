//! Writing a batch: one transaction, a prepared statement for each part, row by row.
//!
//! Row by row is the fastest that SQLite has, and tells which row it was that did not fit.

use super::{failure, position};
use crate::model::UnixTime;
use crate::storage::{
    Commit, EventRow, HistoryDelta, PeerRow, RejectedRow, SessionKey, StorageError, Table,
    TorrentDelta, UserDelta,
};
use rusqlite::{Connection, ErrorCode, Statement, TransactionBehavior, params};

pub(super) fn commit(
    db: &mut Connection,
    writer: &str,
    batch: &Commit,
) -> Result<(), StorageError> {
    let failed = failure("cannot commit");
    // The write lock first: a read that wanted to become a write later could be turned away.
    let work = db
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&failed)?;
    if !step(&work, writer, batch).map_err(&failed)? {
        return Err(StorageError::Moved(
            position(&work, writer).map_err(&failed)?,
        ));
    }
    write(&work, batch)?;
    work.commit().map_err(&failed)
}

const NEW_WRITER: &str = "INSERT OR IGNORE INTO tracker_batches (writer, seq) VALUES (?1, 0)";
const STEP: &str = "UPDATE tracker_batches SET seq = ?3 WHERE writer = ?1 AND seq = ?2";

/// All that is said to the database.
pub(super) const STATEMENTS: [&str; 8] = [
    NEW_WRITER, STEP, USERS, HISTORY, TORRENTS, PEERS, FORGOTTEN, EVENTS,
];

/// Writes all rows, or tells which are refused.
pub(super) fn write(work: &Connection, batch: &Commit) -> Result<(), StorageError> {
    let mut parts = Parts::new(work);
    parts.write(Table::Users, USERS, &batch.users, user)?;
    parts.write(Table::History, HISTORY, &batch.history, history)?;
    parts.write(Table::Torrents, TORRENTS, &batch.torrents, torrent)?;
    parts.write(Table::Peers, PEERS, &batch.peers, peer)?;
    parts.write(Table::Forgotten, FORGOTTEN, &batch.forgotten, forgotten)?;
    parts.write(Table::Events, EVENTS, &batch.events, event)?;
    match parts.rejected.is_empty() {
        true => Ok(()),
        false => Err(StorageError::Rows(parts.rejected)),
    }
}

/// Moves the writer's position, if it is where the batch begins.
pub(super) fn step(work: &Connection, writer: &str, batch: &Commit) -> rusqlite::Result<bool> {
    work.execute(NEW_WRITER, [writer])?;
    let (from, to) = (batch.from.cast_signed(), batch.to.cast_signed());
    Ok(work.execute(STEP, params![writer, from, to])? == 1)
}

/// The parts of a batch, and what was refused of them.
struct Parts<'w> {
    work: &'w Connection,
    rejected: Vec<RejectedRow>,
}

impl<'w> Parts<'w> {
    fn new(work: &'w Connection) -> Parts<'w> {
        let rejected = Vec::new();
        Parts { work, rejected }
    }

    /// Writes the rows of a part. Goes on after a row that is refused, so that all such are told
    /// at once.
    fn write<R>(
        &mut self,
        table: Table,
        sql: &str,
        rows: &[R],
        write: impl Fn(&mut Statement<'_>, &R) -> Result<(), Fault>,
    ) -> Result<(), StorageError> {
        if rows.is_empty() {
            return Ok(());
        }
        let failed = failure("cannot commit");
        let mut statement = self.work.prepare(sql).map_err(&failed)?;
        for (place, row) in rows.iter().enumerate() {
            let message = match write(&mut statement, row) {
                Ok(()) => continue,
                Err(Fault::Row(message)) => message.to_owned(),
                Err(Fault::Sql(err)) if is_of_the_row(&err) => err.to_string(),
                Err(Fault::Sql(err)) => return Err(failed(err)),
            };
            self.rejected.push(RejectedRow {
                table,
                place,
                message,
            });
            // A trigger of the web application's may have rolled back the whole transaction; what
            // came after would be written without it.
            if self.work.is_autocommit() {
                return Err(StorageError::Rows(std::mem::take(&mut self.rejected)));
            }
        }
        Ok(())
    }
}

/// Why a row was not written.
enum Fault {
    Row(&'static str),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(err: rusqlite::Error) -> Fault {
        Fault::Sql(err)
    }
}

/// Whether other rows may be written all the same.
fn is_of_the_row(err: &rusqlite::Error) -> bool {
    let of_the_row = [
        ErrorCode::ConstraintViolation,
        ErrorCode::TooBig,
        ErrorCode::TypeMismatch,
    ];
    err.sqlite_error_code()
        .is_some_and(|code| of_the_row.contains(&code))
}

/// A number or a sum that must be kept as it is, or not at all.
fn exact(value: u64) -> Result<i64, Fault> {
    i64::try_from(value).map_err(|_| Fault::Row("a number is too large"))
}

/// What a client says of itself, held at the most that can be kept: it may say anything.
fn capped(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn seconds(time: UnixTime) -> i64 {
    i64::from(time.0)
}

/// `column + ?n`, held at the most a column can keep, where SQLite would go on in floating point.
/// The parameter must not be negative.
macro_rules! plus {
    ($column:literal, $added:literal) => {
        concat!(
            "CASE WHEN ",
            $column,
            " > 9223372036854775807 - ",
            $added,
            " THEN 9223372036854775807 ELSE ",
            $column,
            " + ",
            $added,
            " END"
        )
    };
}

/// An update, never an upsert: a user deleted meanwhile must not come back.
const USERS: &str = concat!(
    "UPDATE tracker_users SET uploaded = ",
    plus!("uploaded", "?2"),
    ", downloaded = ",
    plus!("downloaded", "?3"),
    ", raw_uploaded = ",
    plus!("raw_uploaded", "?4"),
    ", raw_downloaded = ",
    plus!("raw_downloaded", "?5"),
    " WHERE id = ?1"
);

fn user(statement: &mut Statement<'_>, row: &UserDelta) -> Result<(), Fault> {
    let written = statement.execute((
        exact(row.user.0)?,
        exact(row.credited.uploaded)?,
        exact(row.credited.downloaded)?,
        exact(row.raw.uploaded)?,
        exact(row.raw.downloaded)?,
    ))?;
    let changed = written == 1;
    changed.then_some(()).ok_or(Fault::Row("no such user"))
}

const TORRENTS: &str = concat!(
    "UPDATE tracker_torrents SET seeders = ?2, leechers = ?3, snatches = ",
    plus!("snatches", "?4"),
    ", balance = CASE WHEN ?5 >= 0 THEN ",
    plus!("balance", "?5"),
    " WHEN balance < -9223372036854775808 - ?5 THEN -9223372036854775808 \
     ELSE balance + ?5 END, last_seeded = MAX(last_seeded, ?6) WHERE id = ?1"
);

fn torrent(statement: &mut Statement<'_>, row: &TorrentDelta) -> Result<(), Fault> {
    let written = statement.execute((
        exact(row.torrent.0)?,
        row.seeders,
        row.leechers,
        exact(row.snatches)?,
        row.balance,
        seconds(row.last_seeded),
    ))?;
    // Who is there need not be told of a torrent that is not; sums that got lost must be.
    let adds = row.snatches != 0 || row.balance != 0;
    if written == 0 && adds {
        return Err(Fault::Row("no such torrent"));
    }
    Ok(())
}

const HISTORY: &str = concat!(
    "INSERT INTO tracker_history (user_id, torrent_id, uploaded, downloaded, raw_uploaded, \
     raw_downloaded, seed_seconds, leech_seconds, announces, snatches, started_at, last_at, \
     completed_at, seeder, active, remaining, client_uploaded, client_downloaded, agent) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) \
     ON CONFLICT (user_id, torrent_id) DO UPDATE SET uploaded = ",
    plus!("uploaded", "?3"),
    ", downloaded = ",
    plus!("downloaded", "?4"),
    ", raw_uploaded = ",
    plus!("raw_uploaded", "?5"),
    ", raw_downloaded = ",
    plus!("raw_downloaded", "?6"),
    ", seed_seconds = ",
    plus!("seed_seconds", "?7"),
    ", leech_seconds = ",
    plus!("leech_seconds", "?8"),
    ", announces = ",
    plus!("announces", "?9"),
    ", snatches = ",
    plus!("snatches", "?10"),
    ", last_at = MAX(last_at, ?12), completed_at = CASE WHEN completed_at = 0 THEN ?13 ELSE completed_at END, \
     seeder = ?14, active = ?15, remaining = ?16, client_uploaded = ?17, client_downloaded = ?18, \
     agent = ?19"
);

fn history(statement: &mut Statement<'_>, row: &HistoryDelta) -> Result<(), Fault> {
    statement.execute(params![
        exact(row.user.0)?,
        exact(row.torrent.0)?,
        exact(row.credited.uploaded)?,
        exact(row.credited.downloaded)?,
        exact(row.raw.uploaded)?,
        exact(row.raw.downloaded)?,
        exact(row.seed_seconds)?,
        exact(row.leech_seconds)?,
        exact(row.announces)?,
        exact(row.snatches)?,
        seconds(row.started),
        seconds(row.last),
        row.completed.map_or(0, seconds),
        row.seeder,
        row.active,
        capped(row.left),
        capped(row.client.uploaded),
        capped(row.client.downloaded),
        &*row.agent,
    ])?;
    Ok(())
}

const PEERS: &str = "INSERT INTO tracker_peers (user_id, torrent_id, peer_id, ip, port, \
    uploaded, downloaded, remaining, seeder, active, agent, started_at, last_at, announces, \
    up_rate, down_rate) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
    ON CONFLICT (user_id, torrent_id, peer_id) DO UPDATE SET ip = ?4, port = ?5, uploaded = ?6, \
    downloaded = ?7, remaining = ?8, seeder = ?9, active = ?10, agent = ?11, started_at = ?12, \
    last_at = ?13, announces = ?14, up_rate = ?15, down_rate = ?16";

fn peer(statement: &mut Statement<'_>, row: &PeerRow) -> Result<(), Fault> {
    statement.execute(params![
        exact(row.key.user.0)?,
        exact(row.key.torrent.0)?,
        &row.key.peer_id.0[..],
        &row.ip[..],
        row.port,
        capped(row.totals.uploaded),
        capped(row.totals.downloaded),
        capped(row.left),
        row.seeder,
        row.active,
        &*row.agent,
        seconds(row.started),
        seconds(row.last),
        capped(row.announces),
        capped(row.rates.uploaded),
        capped(row.rates.downloaded),
    ])?;
    Ok(())
}

const FORGOTTEN: &str =
    "DELETE FROM tracker_peers WHERE user_id = ?1 AND torrent_id = ?2 AND peer_id = ?3";

fn forgotten(statement: &mut Statement<'_>, row: &SessionKey) -> Result<(), Fault> {
    let (user, torrent) = (exact(row.user.0)?, exact(row.torrent.0)?);
    statement.execute((user, torrent, &row.peer_id.0[..]))?;
    Ok(())
}

const EVENTS: &str = "INSERT INTO tracker_events (at, kind, user_id, torrent_id, peer_id, ip, \
    amount) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

fn event(statement: &mut Statement<'_>, row: &EventRow) -> Result<(), Fault> {
    statement.execute((
        seconds(row.time),
        row.kind.name(),
        exact(row.key.user.0)?,
        exact(row.key.torrent.0)?,
        &row.key.peer_id.0[..],
        &row.ip[..],
        capped(row.amount),
    ))?;
    Ok(())
}
