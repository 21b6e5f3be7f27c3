//! The directory by the command line and by pushes.

use super::{Sqlite, edit, failure, load};
use crate::model::{InfoHash, Passkey, TorrentId, Transfer, UserId};
use crate::storage::{
    Change, Directory, Edit, EditError, Placed, StorageError, TorrentEntry, UserEntry,
};
use rusqlite::{ErrorCode, OptionalExtension, Row, TransactionBehavior};

impl Directory for Sqlite {
    fn edit(&mut self, edits: &[Edit]) -> Result<Vec<Result<Placed, EditError>>, StorageError> {
        edit::edit(&mut self.db, edits)
    }

    fn stands(&mut self, edit: &Edit, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        load::stands(&mut self.db, edit, to)
    }

    fn add_user(&mut self, name: &str, passkey: &Passkey) -> Result<UserId, StorageError> {
        let failed = failure("cannot add a user");
        let text = std::str::from_utf8(passkey.as_bytes())
            .map_err(|_| StorageError::Refused("a passkey must be text".to_owned()))?;
        let work = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&failed)?;
        // Not a rule of the table: a web application may have reasons for equal names.
        let same = "SELECT 1 FROM tracker_users WHERE name = ?1 AND name <> ''";
        let same = work.query_row(same, [name], |_| Ok(())).optional();
        if same.map_err(&failed)?.is_some() {
            let message = format!("there is a user {name:?} already");
            return Err(StorageError::Refused(message));
        }
        let add = "INSERT INTO tracker_users (name, passkey) VALUES (?1, ?2)";
        work.execute(add, [name, text])
            .map_err(|err| refusal(err, "another user has this passkey", &failed))?;
        let id = work.last_insert_rowid().cast_unsigned();
        work.commit().map_err(&failed)?;
        Ok(UserId(id))
    }

    fn add_torrent(&mut self, name: &str, info_hash: InfoHash) -> Result<TorrentId, StorageError> {
        let failed = failure("cannot add a torrent");
        let add = "INSERT INTO tracker_torrents (name, info_hash) VALUES (?1, ?2)";
        self.db
            .execute(add, (name, &info_hash.0[..]))
            .map_err(|err| refusal(err, "the torrent is there already", &failed))?;
        Ok(TorrentId(self.db.last_insert_rowid().cast_unsigned()))
    }

    fn users(&mut self, show: &mut dyn FnMut(&UserEntry)) -> Result<(), StorageError> {
        let sql = "SELECT id, name, passkey, enabled, uploaded, downloaded FROM tracker_users \
            WHERE id >= 0 ORDER BY id";
        let mut each = |row: &Row<'_>| {
            show(&UserEntry {
                id: UserId(sum(row, 0)),
                name: text(row, 1),
                passkey: text(row, 2),
                enabled: sum(row, 3) != 0,
                credited: Transfer {
                    uploaded: sum(row, 4),
                    downloaded: sum(row, 5),
                },
            });
        };
        self.every(sql, &mut each)
            .map_err(failure("cannot list the users"))
    }

    fn torrents(&mut self, show: &mut dyn FnMut(&TorrentEntry)) -> Result<(), StorageError> {
        let sql = "SELECT id, name, info_hash, seeders, leechers, snatches FROM tracker_torrents \
            WHERE id >= 0 AND typeof(info_hash) = 'blob' AND length(info_hash) = 20 ORDER BY id";
        let mut each = |row: &Row<'_>| {
            show(&TorrentEntry {
                id: TorrentId(sum(row, 0)),
                name: text(row, 1),
                info_hash: InfoHash(row.get(2).unwrap_or_default()),
                seeders: u32::try_from(sum(row, 3)).unwrap_or(u32::MAX),
                leechers: u32::try_from(sum(row, 4)).unwrap_or(u32::MAX),
                snatches: sum(row, 5),
            });
        };
        self.every(sql, &mut each)
            .map_err(failure("cannot list the torrents"))
    }
}

impl Sqlite {
    fn every(&self, sql: &str, each: &mut dyn FnMut(&Row<'_>)) -> rusqlite::Result<()> {
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            each(row);
        }
        Ok(())
    }
}

/// The error of an insert: what is unique and there already is refused.
fn refusal(
    err: rusqlite::Error,
    taken: &str,
    failed: impl Fn(rusqlite::Error) -> StorageError,
) -> StorageError {
    match err.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => StorageError::Refused(taken.to_owned()),
        _ => failed(err),
    }
}

/// A number that is shown; a web application may have written anything.
fn sum(row: &Row<'_>, column: usize) -> u64 {
    let value = row
        .get_ref(column)
        .ok()
        .and_then(|value| value.as_i64().ok());
    u64::try_from(value.unwrap_or_default()).unwrap_or_default()
}

fn text(row: &Row<'_>, column: usize) -> String {
    let value = row.get_ref(column).ok();
    let bytes = value.as_ref().and_then(|value| value.as_bytes().ok());
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}
