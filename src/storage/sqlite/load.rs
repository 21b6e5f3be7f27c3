//! Reading the directory: all of it, what has changed, or some of it by name.
//!
//! A cursor is the number of the last change that a load has seen. A load sees one state of the
//! database, cursor and rows alike.

use super::failure;
use super::row::{self, Fault};
use crate::model::{TorrentId, UserId};
use crate::storage::{Change, Cursor, Edit, Global, StorageError, TorrentName, UserName, Wanted};
use rusqlite::{Connection, OptionalExtension, Params, Row, Statement};

/// Rows told of one by one before they are only counted.
const SKIPPED_TOLD: u32 = 5;

pub(super) const OPTIONS: &str = "SELECT name, value FROM tracker_options";

pub(super) fn load(
    db: &mut Connection,
    since: Option<Cursor>,
    to: &mut dyn FnMut(Change),
) -> Result<Cursor, StorageError> {
    let failed = failure("cannot load the directory");
    let read = db.transaction().map_err(&failed)?;
    let last = last_change(&read).map_err(&failed)?;
    let mut reader = Reader::new(&read, to);
    match since {
        None => reader.all().map_err(&failed)?,
        Some(since) if since == last => {}
        Some(since) => {
            if !reaches(&read, since, last).map_err(&failed)? {
                return Err(StorageError::CursorGone);
            }
            reader.changed_since(since).map_err(&failed)?;
        }
    }
    reader.tell_skipped();
    Ok(last)
}

pub(super) fn find(
    db: &mut Connection,
    wanted: &Wanted,
    to: &mut dyn FnMut(Change),
) -> Result<(), StorageError> {
    let failed = failure("cannot look into the directory");
    let read = db.transaction().map_err(&failed)?;
    let mut reader = Reader::new(&read, to);
    reader.find(wanted).map_err(&failed)?;
    reader.tell_skipped();
    Ok(())
}

pub(super) fn stands(
    db: &mut Connection,
    edit: &Edit,
    to: &mut dyn FnMut(Change),
) -> Result<(), StorageError> {
    let failed = failure("cannot look into the directory");
    let read = db.transaction().map_err(&failed)?;
    let mut reader = Reader::new(&read, to);
    reader.stands(edit).map_err(&failed)?;
    reader.tell_skipped();
    Ok(())
}

/// The number of the last change, also where the list of them has been trimmed to nothing.
fn last_change(db: &Connection) -> rusqlite::Result<Cursor> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'tracker_changes'";
    let last: Option<i64> = db.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(Cursor(last.unwrap_or_default().cast_unsigned()))
}

/// Whether all changes after the cursor are still known. One from the future is of a database that
/// has been put back since.
fn reaches(db: &Connection, since: Cursor, last: Cursor) -> rusqlite::Result<bool> {
    let sql = "SELECT min(seq) FROM tracker_changes";
    let first: Option<i64> = db.query_row(sql, [], |row| row.get(0))?;
    let known = first.is_some_and(|first| first.cast_unsigned() <= since.0.saturating_add(1));
    Ok(known && since.0 < last.0)
}

/// Statements that look for one row of the directory.
struct ByKey<'d> {
    user: Statement<'d>,
    torrent: Statement<'d>,
    client: Statement<'d>,
    token: Statement<'d>,
}

impl<'d> ByKey<'d> {
    fn prepare(db: &'d Connection) -> rusqlite::Result<ByKey<'d>> {
        let find = |rows: &str, key: &str| db.prepare(&format!("{rows} WHERE {key}"));
        Ok(ByKey {
            user: find(row::USERS, "id = ?1")?,
            torrent: find(row::TORRENTS, "id = ?1")?,
            // The same prefix may be there as text and as a blob.
            client: find(row::CLIENTS, "CAST(prefix AS BLOB) = ?1")?,
            token: find(row::TOKENS, "user_id = ?1 AND torrent_id = ?2")?,
        })
    }
}

/// What names one row of the directory.
enum Key<'k> {
    User(i64),
    Torrent(i64),
    Client(&'k [u8]),
    /// 0 stands for all of them.
    Token(i64, i64),
}

impl Key<'_> {
    /// By its number where it has one; else it is wanted by its other name.
    fn of_user(said: Option<UserId>, who: UserName, wanted: &mut Wanted) -> Option<Self> {
        match (said, who) {
            (Some(id), _) | (None, UserName::Id(id)) => Some(Key::User(id.0.cast_signed())),
            (None, UserName::Passkey(passkey)) => {
                wanted.passkeys.push(passkey);
                None
            }
        }
    }

    fn of_torrent(
        said: Option<TorrentId>,
        which: TorrentName,
        wanted: &mut Wanted,
    ) -> Option<Self> {
        match (said, which) {
            (Some(id), _) | (None, TorrentName::Id(id)) => Some(Key::Torrent(id.0.cast_signed())),
            (None, TorrentName::InfoHash(info_hash)) => {
                wanted.info_hashes.push(info_hash);
                None
            }
        }
    }

    fn of_token(user: Option<UserId>, torrent: Option<TorrentId>) -> Self {
        let user = user.map_or(0, |user| user.0.cast_signed());
        Key::Token(user, torrent.map_or(0, |torrent| torrent.0.cast_signed()))
    }
}

/// Reads rows, shows those that are good, and counts those that are not.
struct Reader<'a> {
    db: &'a Connection,
    to: &'a mut dyn FnMut(Change),
    skipped: u32,
}

impl<'a> Reader<'a> {
    fn new(db: &'a Connection, to: &'a mut dyn FnMut(Change)) -> Reader<'a> {
        let skipped = 0;
        Reader { db, to, skipped }
    }

    fn all(&mut self) -> rusqlite::Result<()> {
        self.every(row::USERS, (), |row| row::user(row).map(Change::User))?;
        let torrent = |row: &Row<'_>| row::torrent(row).map(Change::Torrent);
        self.every(row::TORRENTS, (), torrent)?;
        self.every(row::CLIENTS, (), |row| row::client(row).map(Change::Client))?;
        self.every(row::TOKENS, (), |row| row::token(row).map(Change::Token))?;
        self.global()
    }

    /// Shows what the changed rows hold now, each once, in the order of their last changes.
    fn changed_since(&mut self, since: Cursor) -> rusqlite::Result<()> {
        let mut rows = ByKey::prepare(self.db)?;
        let mut changes = self.db.prepare(
            "SELECT kind, user_id, torrent_id, prefix FROM tracker_changes WHERE seq > ?1 \
             GROUP BY kind, user_id, torrent_id, prefix ORDER BY max(seq)",
        )?;
        let mut changes = changes.query([since.0.cast_signed()])?;
        while let Some(change) = changes.next()? {
            self.changed(&mut rows, change)?;
        }
        Ok(())
    }

    fn changed(&mut self, rows: &mut ByKey<'_>, change: &Row<'_>) -> rusqlite::Result<()> {
        let (user, torrent) = (id(change, 1), id(change, 2));
        let prefix = change.get_ref(3)?.as_bytes_or_null().ok().flatten();
        let key = match change.get_ref(0)?.as_str().unwrap_or_default() {
            "user" => Key::User(user),
            "torrent" => Key::Torrent(torrent),
            "client" => Key::Client(prefix.unwrap_or_default()),
            "token" => Key::Token(user, torrent),
            // The options are read together.
            _ => return self.global(),
        };
        self.now(rows, &key)
    }

    /// Shows how a row of the directory is now, or that it is gone.
    fn now(&mut self, rows: &mut ByKey<'_>, key: &Key<'_>) -> rusqlite::Result<()> {
        let (now, gone) = match *key {
            Key::User(user) => {
                let now = self.one(&mut rows.user, [user], row::user)?;
                (now.map(Change::User), user_gone(user))
            }
            Key::Torrent(torrent) => {
                let now = self.one(&mut rows.torrent, [torrent], row::torrent)?;
                (now.map(Change::Torrent), torrent_gone(torrent))
            }
            Key::Client(prefix) => {
                let now = self.one(&mut rows.client, [prefix], row::client)?;
                let gone = Change::ClientGone(prefix.into());
                (now.map(Change::Client), Some(gone))
            }
            Key::Token(user, torrent) => {
                let now = self.one(&mut rows.token, [user, torrent], row::token)?;
                (now.map(Change::Token), token_gone(user, torrent))
            }
        };
        now.or(gone).into_iter().for_each(&mut *self.to);
        Ok(())
    }

    /// Shows how what an edit names is now.
    fn stands(&mut self, edit: &Edit) -> rusqlite::Result<()> {
        let mut wanted = Wanted::default();
        let key = match edit {
            Edit::User(user) => Key::of_user(user.said_id(), user.who, &mut wanted),
            Edit::UserGone(who) => Key::of_user(None, *who, &mut wanted),
            Edit::Torrent(torrent) => {
                Key::of_torrent(torrent.said_id(), torrent.which, &mut wanted)
            }
            Edit::TorrentGone(which) => Key::of_torrent(None, *which, &mut wanted),
            Edit::Client(client) => Some(Key::Client(&client.prefix)),
            Edit::ClientGone(prefix) => Some(Key::Client(prefix)),
            Edit::Token(token) => Some(Key::of_token(token.user, token.torrent)),
            Edit::TokenGone { user, torrent } => Some(Key::of_token(*user, *torrent)),
            Edit::Options(_) => return self.global(),
        };
        match key {
            Some(key) => self.now(&mut ByKey::prepare(self.db)?, &key),
            None => self.find(&wanted),
        }
    }

    fn find(&mut self, wanted: &Wanted) -> rusqlite::Result<()> {
        let find = |rows: &str, key: &str| self.db.prepare(&format!("{rows} WHERE {key}"));
        // A passkey is text in the table, but any bytes may come from a client.
        let mut user = find(row::USERS, "passkey = CAST(?1 AS TEXT)")?;
        let mut torrent = find(row::TORRENTS, "info_hash = ?1")?;
        for passkey in &wanted.passkeys {
            if let Some(found) = self.one(&mut user, [passkey.as_bytes()], row::user)? {
                let id = found.id.0.cast_signed();
                (self.to)(Change::User(found));
                self.tokens("user_id", id)?;
            }
        }
        for info_hash in &wanted.info_hashes {
            if let Some(found) = self.one(&mut torrent, [&info_hash.0[..]], row::torrent)? {
                let id = found.id.0.cast_signed();
                (self.to)(Change::Torrent(found));
                self.tokens("torrent_id", id)?;
            }
        }
        Ok(())
    }

    fn tokens(&mut self, column: &str, id: i64) -> rusqlite::Result<()> {
        let sql = format!("{} WHERE {column} = ?1", row::TOKENS);
        self.every(&sql, [id], |row| row::token(row).map(Change::Token))
    }

    /// Shows what holds for everybody; what the options leave out is as if nothing were said.
    fn global(&mut self) -> rusqlite::Result<()> {
        let mut global = Global::default();
        let mut options = self.db.prepare(OPTIONS)?;
        let mut options = options.query(())?;
        while let Some(option) = options.next()? {
            if let Err(fault) = set_option(&mut global, option) {
                self.skip("tracker_options", option, fault);
            }
        }
        (self.to)(Change::Global(global));
        Ok(())
    }

    /// Shows every row of a statement.
    fn every(
        &mut self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<Change, Fault>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            match read(row) {
                Ok(change) => (self.to)(change),
                Err(fault) => self.skip(table(sql), row, fault),
            }
        }
        Ok(())
    }

    /// The one row of a statement; none also where it is not good: then nobody may get in by it.
    fn one<T>(
        &mut self,
        statement: &mut Statement<'_>,
        params: impl Params,
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> rusqlite::Result<Option<T>> {
        let mut rows = statement.query(params)?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        match read(row) {
            Ok(found) => Ok(Some(found)),
            Err(fault) => {
                self.skip("the directory", row, fault);
                Ok(None)
            }
        }
    }

    fn skip(&mut self, table: &str, row: &Row<'_>, fault: Fault) {
        self.skipped += 1;
        if self.skipped <= SKIPPED_TOLD {
            let key = row.get_ref(0).ok().and_then(|key| key.as_i64().ok());
            let key = key.map_or_else(String::new, |key| format!(" {key}"));
            log::warn!("storage: {table}: row{key} is skipped: {fault}");
        }
    }

    fn tell_skipped(&self) {
        if self.skipped > SKIPPED_TOLD {
            log::warn!("storage: {} rows are skipped in all", self.skipped);
        }
    }
}

/// The table that a statement reads, for messages.
fn table(sql: &str) -> &str {
    let behind = sql.split(" FROM ").nth(1).unwrap_or_default();
    behind.split(' ').next().unwrap_or_default()
}

fn id(row: &Row<'_>, column: usize) -> i64 {
    row.get_ref(column)
        .ok()
        .and_then(|id| id.as_i64().ok())
        .unwrap_or(-1)
}

fn user_gone(id: i64) -> Option<Change> {
    Some(Change::UserGone(UserId(u64::try_from(id).ok()?)))
}

fn torrent_gone(id: i64) -> Option<Change> {
    Some(Change::TorrentGone(TorrentId(u64::try_from(id).ok()?)))
}

fn token_gone(user: i64, torrent: i64) -> Option<Change> {
    let (user, torrent) = (u64::try_from(user).ok()?, u64::try_from(torrent).ok()?);
    Some(Change::TokenGone {
        user: (user != 0).then_some(UserId(user)),
        torrent: (torrent != 0).then_some(TorrentId(torrent)),
    })
}

pub(super) fn set_option(global: &mut Global, row: &Row<'_>) -> Result<(), Fault> {
    let value = row.get_ref(1).ok().and_then(|value| value.as_i64().ok());
    let value = value.ok_or("the value is no integer")?;
    let name = row.get_ref(0).ok();
    match name.as_ref().and_then(|name| name.as_str().ok()) {
        Some("up_percent") => global.multipliers.up_percent = row::percent(value)?,
        Some("down_percent") => global.multipliers.down_percent = row::percent(value)?,
        Some("until") => global.until = row::until(value)?,
        Some("interval") => global.interval_secs = Some(row::seconds(value)?),
        Some("min_interval") => global.min_interval_secs = Some(row::seconds(value)?),
        Some("jitter") => global.jitter_secs = Some(row::seconds(value)?),
        _ => {
            return Err(
                "the name is none of up_percent, down_percent, until, interval, min_interval, \
                 jitter",
            );
        }
    }
    Ok(())
}
