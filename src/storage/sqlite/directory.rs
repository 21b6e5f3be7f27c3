//! The directory by the command line and by pushes.

use super::{Sqlite, edit, failure, load, row};
use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, Transfer, UserId};
use crate::storage::{
    Change, Directory, Edit, EditError, Entry, Listing, Placed, StorageError, TokenKey,
    TorrentEntry, TorrentName, TorrentStatus, UserEntry, UserName,
};
use rusqlite::types::ValueRef;
use rusqlite::{Params, Row, params};

impl Directory for Sqlite {
    fn edit(&mut self, edits: &[Edit]) -> Result<Vec<Result<Placed, EditError>>, StorageError> {
        edit::edit(&mut self.db, edits)
    }

    fn stands(&mut self, edit: &Edit, to: &mut dyn FnMut(Change)) -> Result<(), StorageError> {
        load::stands(&mut self.db, edit, to)
    }

    fn list(
        &mut self,
        listing: &Listing,
        most: usize,
        to: &mut dyn FnMut(Entry),
    ) -> Result<(), StorageError> {
        let listed = match listing {
            Listing::Users(after) => self.users(AFTER, [after_id(after.map(|id| id.0))], most, to),
            Listing::UsersNamed(name, after) => {
                let after = after_id(after.map(|id| id.0));
                self.users(NAMED, params![after, name], most, to)
            }
            Listing::User(UserName::Id(id)) => self.users(NUMBERED, [id.0.cast_signed()], most, to),
            Listing::User(UserName::Passkey(passkey)) => {
                self.users(WITH_PASSKEY, [Passkey::as_bytes(passkey)], most, to)
            }
            Listing::Torrents(after) => {
                self.torrents(AFTER, [after_id(after.map(|id| id.0))], most, to)
            }
            Listing::TorrentsNamed(name, after) => {
                let after = after_id(after.map(|id| id.0));
                self.torrents(NAMED, params![after, name], most, to)
            }
            Listing::Torrent(TorrentName::Id(id)) => {
                self.torrents(NUMBERED, [id.0.cast_signed()], most, to)
            }
            Listing::Torrent(TorrentName::InfoHash(hash)) => {
                self.torrents(WITH_HASH, [&hash.0[..]], most, to)
            }
            Listing::Clients(after) => self.clients(after, most, to),
            Listing::Tokens(after) => self.tokens(*after, most, to),
        };
        listed.map_err(failure("cannot list the directory"))
    }
}

const AFTER: &str = "id > ?1";
const NUMBERED: &str = "id = ?1";
/// No index helps: a scan of a million users takes some tenths of a second.
const NAMED: &str = "id > ?1 AND name = ?2";
const WITH_PASSKEY: &str = "passkey = CAST(?1 AS TEXT)";
const WITH_HASH: &str = "info_hash = ?1";

/// Numbers begin at 0.
fn after_id(after: Option<u64>) -> i64 {
    after.map_or(-1, u64::cast_signed)
}

impl Sqlite {
    fn users(
        &self,
        which: &str,
        params: impl Params,
        most: usize,
        to: &mut dyn FnMut(Entry),
    ) -> rusqlite::Result<()> {
        let sql = format!(
            "SELECT id, name, passkey, enabled, can_leech, hide_ip, slots, up_percent, \
             down_percent, uploaded, downloaded FROM tracker_users \
             WHERE {which} AND id >= 0 ORDER BY id"
        );
        self.first(&sql, params, most, &mut |row| {
            to(Entry::User(UserEntry {
                id: UserId(sum(row, 0)),
                name: text(row, 1),
                passkey: text(row, 2),
                enabled: sum(row, 3) != 0,
                can_leech: sum(row, 4) != 0,
                hide_ip: sum(row, 5) != 0,
                slots: match row.get_ref(6) {
                    Ok(ValueRef::Null) => None,
                    _ => Some(small(row, 6)),
                },
                multipliers: multipliers(row, 7),
                credited: Transfer {
                    uploaded: sum(row, 9),
                    downloaded: sum(row, 10),
                },
            }));
            true
        })
    }

    fn torrents(
        &self,
        which: &str,
        params: impl Params,
        most: usize,
        to: &mut dyn FnMut(Entry),
    ) -> rusqlite::Result<()> {
        let sql = format!(
            "SELECT id, name, info_hash, status, reason, up_percent, down_percent, seeders, \
             leechers, snatches FROM tracker_torrents WHERE {which} AND id >= 0 \
             AND typeof(info_hash) = 'blob' AND length(info_hash) = 20 ORDER BY id"
        );
        let count = |row: &Row<'_>, column| u32::try_from(sum(row, column)).unwrap_or(u32::MAX);
        self.first(&sql, params, most, &mut |row| {
            to(Entry::Torrent(TorrentEntry {
                id: TorrentId(sum(row, 0)),
                name: text(row, 1),
                info_hash: InfoHash(row.get(2).unwrap_or_default()),
                status: match sum(row, 3) {
                    0 => TorrentStatus::Registered,
                    2 => TorrentStatus::Deleted(text(row, 4).into()),
                    // One that is none keeps it from being announced, too.
                    _ => TorrentStatus::Unapproved,
                },
                multipliers: multipliers(row, 5),
                seeders: count(row, 7),
                leechers: count(row, 8),
                snatches: sum(row, 9),
            }));
            true
        })
    }

    fn clients(
        &self,
        after: &[u8],
        most: usize,
        to: &mut dyn FnMut(Entry),
    ) -> rusqlite::Result<()> {
        let sql = format!(
            "{} WHERE CAST(prefix AS BLOB) > ?1 ORDER BY CAST(prefix AS BLOB)",
            row::CLIENTS
        );
        self.first(&sql, [after], most, &mut |row| {
            let client = row::client(row).map(Entry::Client);
            client.map(&mut *to).is_ok()
        })
    }

    fn tokens(
        &self,
        after: Option<TokenKey>,
        most: usize,
        to: &mut dyn FnMut(Entry),
    ) -> rusqlite::Result<()> {
        let sql = format!(
            "{} WHERE (user_id, torrent_id) > (?1, ?2) ORDER BY user_id, torrent_id",
            row::TOKENS
        );
        let key = after.map_or([-1, -1], |(user, torrent)| {
            let user = user.map_or(0, |user| user.0.cast_signed());
            [user, torrent.map_or(0, |torrent| torrent.0.cast_signed())]
        });
        self.first(&sql, key, most, &mut |row| {
            let token = row::token(row).map(Entry::Token);
            token.map(&mut *to).is_ok()
        })
    }

    /// Shows rows until so many of them were good.
    fn first(
        &self,
        sql: &str,
        params: impl Params,
        most: usize,
        show: &mut dyn FnMut(&Row<'_>) -> bool,
    ) -> rusqlite::Result<()> {
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query(params)?;
        let mut left = most;
        while left > 0
            && let Some(row) = rows.next()?
        {
            left -= usize::from(show(row));
        }
        Ok(())
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

fn small(row: &Row<'_>, column: usize) -> u16 {
    u16::try_from(sum(row, column)).unwrap_or(u16::MAX)
}

fn multipliers(row: &Row<'_>, column: usize) -> Multipliers {
    Multipliers {
        up_percent: small(row, column),
        down_percent: small(row, column + 1),
    }
}

fn text(row: &Row<'_>, column: usize) -> String {
    let value = row.get_ref(column).ok();
    let bytes = value.as_ref().and_then(|value| value.as_bytes().ok());
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}
