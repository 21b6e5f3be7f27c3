//! What is pushed, written into the tracker's own tables on a server: all that can be in one
//! transaction.
//!
//! Users and torrents that follow one another go together, see [`edit_rows`](super::edit_rows).
//! Where the database refuses anything of that, all is begun anew, one by one, so that it is known
//! what it refused.

use super::connection::{Connection, Dialect, Fault, Row, SqlError, Value};
use super::edit_rows;
use super::literal::{self, Datum};
use super::write::{ATTEMPTS, begin};
use crate::model::{TorrentId, UserId};
use crate::storage::{
    Client, Edit, EditError, OptionsEdit, Placed, Token, TorrentName, TorrentStatus, UserName,
};
use std::borrow::Cow;

/// What an edit has come to.
pub(super) type Done = Result<Placed, EditError>;

/// What the database refuses for a reason of its own.
const UNWANTED: EditError = EditError::Conflict("the storage refuses it");
/// No text of PostgreSQL can hold one, and what is not told apart there is not anywhere.
const HAS_NUL: EditError = EditError::Invalid("a text must not hold a NUL");
const PREFIX_IS_NO_TEXT: EditError = EditError::Invalid("a prefix must be text");

/// Users or torrents that are looked for, and written, by one statement at most.
const TOGETHER_MOST: usize = 500;

/// Makes edits in their order; begins anew a few times where the database could not do it just
/// then.
pub(super) fn edit(connection: &mut dyn Connection, edits: &[Edit]) -> Result<Vec<Done>, SqlError> {
    let (mut attempt, mut way) = (1, Way::Together);
    loop {
        let dialect = connection.dialect();
        let mut editing = Editing {
            connection: &mut *connection,
            dialect,
        };
        match editing.all(edits, way) {
            Err(err) if err.kind == Fault::Busy && attempt < ATTEMPTS => attempt += 1,
            Err(err) if err.kind == Fault::Data && way == Way::Together => way = Way::Apart,
            other => return other,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Together,
    /// One by one, so that one that is refused takes nothing with it.
    Apart,
}

/// Edits on their way, in a transaction.
pub(super) struct Editing<'c> {
    connection: &'c mut dyn Connection,
    pub(super) dialect: Dialect,
}

impl Editing<'_> {
    fn all(&mut self, edits: &[Edit], way: Way) -> Result<Vec<Done>, SqlError> {
        begin(self.connection)?;
        let made = self.each(edits, way).and_then(|done| {
            self.connection.execute("COMMIT")?;
            Ok(done)
        });
        match &made {
            // A connection that is gone has rolled back by itself.
            Err(err) if err.kind != Fault::Lost => drop(self.connection.execute("ROLLBACK")?),
            _ => {}
        }
        made
    }

    fn each(&mut self, edits: &[Edit], way: Way) -> Result<Vec<Done>, SqlError> {
        let mut done = Vec::with_capacity(edits.len());
        for run in edits.chunk_by(edit_rows::are_alike) {
            match way {
                Way::Together => {
                    for part in run.chunks(TOGETHER_MOST) {
                        done.extend(self.part(part)?);
                    }
                }
                Way::Apart => {
                    for edit in run {
                        done.push(self.apart(edit)?);
                    }
                }
            }
        }
        Ok(done)
    }

    /// Makes edits of users, or of torrents, or one of another kind.
    fn part(&mut self, edits: &[Edit]) -> Result<Vec<Done>, SqlError> {
        match edits {
            [Edit::User(_) | Edit::Torrent(_), ..] => edit_rows::edit(self, edits),
            _ => edits.iter().map(|edit| self.one(edit)).collect(),
        }
    }

    fn apart(&mut self, edit: &Edit) -> Result<Done, SqlError> {
        self.run("SAVEPOINT one_edit")?;
        match self.part(std::slice::from_ref(edit)) {
            Err(err) if err.kind == Fault::Data => {
                self.run("ROLLBACK TO SAVEPOINT one_edit")?;
                Ok(Err(UNWANTED))
            }
            made => {
                let done = made?.pop().unwrap_or(Err(UNWANTED));
                self.run("RELEASE SAVEPOINT one_edit")?;
                Ok(done)
            }
        }
    }

    fn one(&mut self, edit: &Edit) -> Result<Done, SqlError> {
        if let Err(error) = check(edit) {
            return Ok(Err(error));
        }
        match edit {
            Edit::User(_) | Edit::Torrent(_) => Ok(Err(UNWANTED)),
            Edit::UserGone(UserName::Id(id)) => self.remove("tracker_users", id.0),
            Edit::UserGone(UserName::Passkey(passkey)) => {
                let passkey = std::str::from_utf8(passkey.as_bytes()).ok();
                let is_it = passkey.and_then(|passkey| self.is_text("passkey", passkey));
                self.remove_where("tracker_users", is_it)
            }
            Edit::TorrentGone(TorrentName::Id(id)) => self.remove("tracker_torrents", id.0),
            Edit::TorrentGone(TorrentName::InfoHash(hash)) => {
                let hash = self.literal(&Datum::Bytes(&hash.0));
                self.remove_where("tracker_torrents", Some(format!("info_hash = {hash}")))
            }
            Edit::Client(client) => self.client(client),
            Edit::ClientGone(prefix) => {
                let prefix = std::str::from_utf8(prefix).ok();
                let Some(is_it) = prefix.and_then(|prefix| self.is_text("prefix", prefix)) else {
                    return Ok(Err(EditError::NotFound));
                };
                self.found(&format!("DELETE FROM tracker_clients WHERE {is_it}"))
            }
            Edit::Token(token) => self.token(token),
            Edit::TokenGone { user, torrent } => {
                let [user, torrent] = token_key(*user, *torrent);
                self.found(&format!(
                    "DELETE FROM tracker_tokens WHERE user_id = {user} AND torrent_id = {torrent}"
                ))
            }
            Edit::Options(options) => self.options(options),
        }
    }

    fn remove(&mut self, table: &str, id: u64) -> Result<Done, SqlError> {
        let removed = match i64::try_from(id) {
            Ok(id) => self.run(&format!("DELETE FROM {table} WHERE id = {id}"))?,
            Err(_) => 0,
        };
        Ok(match removed {
            0 => Err(EditError::NotFound),
            _ => Ok(placed(id, false)),
        })
    }

    fn remove_where(&mut self, table: &str, is_it: Option<String>) -> Result<Done, SqlError> {
        let mut id = None;
        if let Some(is_it) = is_it {
            let sql = format!("SELECT id FROM {table} WHERE {is_it}");
            self.query(&sql, &mut |row| id = number(row.value(0)))?;
        }
        match id.and_then(|id| u64::try_from(id).ok()) {
            Some(id) => self.remove(table, id),
            None => Ok(Err(EditError::NotFound)),
        }
    }

    fn client(&mut self, client: &Client) -> Result<Done, SqlError> {
        let prefix = std::str::from_utf8(&client.prefix).ok();
        let Some((prefix, is_it)) =
            prefix.and_then(|prefix| Some((prefix, self.is_text("prefix", prefix)?)))
        else {
            return Ok(Err(PREFIX_IS_NO_TEXT));
        };
        let allow = u8::from(client.allow);
        let change = format!("UPDATE tracker_clients SET allow = {allow} WHERE {is_it}");
        let prefix = self.literal(&Datum::Text(Cow::Borrowed(prefix)));
        let add = format!("INSERT INTO tracker_clients (prefix, allow) VALUES ({prefix}, {allow})");
        self.change_or_add(&change, &add)
    }

    fn token(&mut self, token: &Token) -> Result<Done, SqlError> {
        let [user, torrent] = token_key(token.user, token.torrent);
        let (up, down) = (token.multipliers.up_percent, token.multipliers.down_percent);
        let until = token
            .until
            .map_or_else(|| "NULL".to_owned(), |until| until.0.to_string());
        let change = format!(
            "UPDATE tracker_tokens SET up_percent = {up}, down_percent = {down}, until = {until} \
             WHERE user_id = {user} AND torrent_id = {torrent}"
        );
        let add = format!(
            "INSERT INTO tracker_tokens (user_id, torrent_id, up_percent, down_percent, until) \
             VALUES ({user}, {torrent}, {up}, {down}, {until})"
        );
        self.change_or_add(&change, &add)
    }

    fn change_or_add(&mut self, change: &str, add: &str) -> Result<Done, SqlError> {
        let created = self.run(change)? == 0;
        if created {
            self.run(add)?;
        }
        Ok(Ok(Placed { id: None, created }))
    }

    /// What is as if nothing were said has no row.
    fn options(&mut self, options: &OptionsEdit) -> Result<Done, SqlError> {
        let percent = |percent: Option<u16>| percent.map(|percent| Some(u32::from(percent)));
        let until = options.until.map(|until| until.map(|until| until.0));
        for (name, said) in [
            ("up_percent", percent(options.up_percent)),
            ("down_percent", percent(options.down_percent)),
            ("until", until),
            ("interval", options.interval_secs),
            ("min_interval", options.min_interval_secs),
            ("jitter", options.jitter_secs),
        ] {
            match said {
                None => {}
                Some(None) => {
                    self.run(&format!(
                        "DELETE FROM tracker_options WHERE name = '{name}'"
                    ))?;
                }
                Some(Some(value)) => {
                    let conflict = match self.dialect {
                        Dialect::Mysql => "ON DUPLICATE KEY UPDATE value = VALUES(value)",
                        Dialect::Postgres | Dialect::Sqlite => {
                            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
                        }
                    };
                    self.run(&format!(
                        "INSERT INTO tracker_options (name, value) VALUES ('{name}', {value}) \
                         {conflict}"
                    ))?;
                }
            }
        }
        Ok(Ok(Placed::default()))
    }

    fn found(&mut self, sql: &str) -> Result<Done, SqlError> {
        Ok(match self.run(sql)? {
            0 => Err(EditError::NotFound),
            _ => Ok(Placed::default()),
        })
    }

    pub(super) fn run(&mut self, sql: &str) -> Result<u64, SqlError> {
        self.connection.execute(sql)
    }

    pub(super) fn query(
        &mut self,
        sql: &str,
        show: &mut dyn FnMut(&dyn Row),
    ) -> Result<(), SqlError> {
        self.connection.query(sql, &mut |row| {
            show(row);
            Ok(())
        })
    }

    pub(super) fn literal(&self, value: &Datum<'_>) -> String {
        let mut text = String::new();
        literal::write(&mut text, self.dialect, value);
        text
    }

    fn is_text(&self, column: &str, text: &str) -> Option<String> {
        is_text(self.dialect, column, text)
    }
}

/// What is wrong with an edit, whatever is there.
pub(super) fn check(edit: &Edit) -> Result<(), EditError> {
    edit.check()?;
    let has_nul = |text: &[u8]| text.contains(&0);
    let is_unfit = match edit {
        Edit::User(user) => {
            let passkey = user.said_passkey();
            let name = user.name.as_deref().unwrap_or_default();
            passkey.is_some_and(|passkey| has_nul(passkey.as_bytes())) || has_nul(name.as_bytes())
        }
        Edit::Torrent(torrent) => {
            let name = torrent.name.as_deref().unwrap_or_default();
            let reason = match &torrent.status {
                Some(TorrentStatus::Deleted(reason)) => reason,
                _ => "",
            };
            has_nul(name.as_bytes()) || has_nul(reason.as_bytes())
        }
        Edit::Client(client) => has_nul(&client.prefix),
        _ => false,
    };
    match is_unfit {
        true => Err(HAS_NUL),
        false => Ok(()),
    }
}

/// The condition that a column holds exactly this text, which an index helps to find; `None` of a
/// text that no column can hold. To MySQL, spaces at the end, and often the case of letters, make no
/// difference.
pub(super) fn is_text(dialect: Dialect, column: &str, text: &str) -> Option<String> {
    let mut condition = format!("{column} = ");
    literal::write(&mut condition, dialect, &Datum::Text(Cow::Borrowed(text)));
    if dialect == Dialect::Mysql {
        condition.push_str(&format!(" AND CAST({column} AS BINARY) = "));
        literal::write(&mut condition, dialect, &Datum::Bytes(text.as_bytes()));
    }
    (!text.contains('\0')).then_some(condition)
}

pub(super) fn number(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Integer(number) => i64::try_from(number).ok(),
        _ => None,
    }
}

pub(super) fn placed(id: u64, created: bool) -> Placed {
    let id = Some(id);
    Placed { id, created }
}

/// 0 stands for all of them.
pub(super) fn token_key(user: Option<UserId>, torrent: Option<TorrentId>) -> [u64; 2] {
    let torrent = torrent.map_or(0, |torrent| torrent.0);
    [user.map_or(0, |user| user.0), torrent]
}
