//! What is pushed, written into the directory: all that can be in one transaction.

use super::edit_rows::{edit_torrent, edit_user, torrent_of, user_of};
use super::failure;
use crate::model::{TorrentId, UserId};
use crate::storage::{Client, Edit, EditError, OptionsEdit, Placed, StorageError, Token};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Params, Statement, Transaction, TransactionBehavior,
    params,
};

pub(super) fn edit(
    db: &mut Connection,
    edits: &[Edit],
) -> Result<Vec<Result<Placed, EditError>>, StorageError> {
    let failed = failure("cannot edit the directory");
    let is_large = edits.len() >= LARGE;
    if is_large {
        db.execute_batch(LARGE_CACHE).map_err(&failed)?;
    }
    let made = edit_all(db, edits);
    if is_large {
        db.execute_batch(SMALL_CACHE).map_err(&failed)?;
    }
    made.map_err(&failed)
}

/// Edits of which a page of the index of info-hashes is seldom needed for one alone.
const LARGE: usize = 2048;
/// 32 MiB while they are made, and what SQLite has by default when they are.
const LARGE_CACHE: &str = "PRAGMA cache_size = -32768";
const SMALL_CACHE: &str = "PRAGMA cache_size = -2000";

fn edit_all(
    db: &mut Connection,
    edits: &[Edit],
) -> rusqlite::Result<Vec<Result<Placed, EditError>>> {
    let mut refused = vec![None; edits.len()];
    loop {
        let work = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(placed) = all(&work, edits, &mut refused)? {
            work.commit()?;
            return Ok(placed);
        }
        // A trigger of the web application's has rolled back all of it: once more without the edit
        // that it does not want.
    }
}

/// What the data store refuses for a reason of its own.
const UNWANTED: EditError = EditError::Conflict("the storage refuses it");

/// Makes the edits that are not refused; `None` when the transaction has been ended by one.
fn all(
    work: &Transaction<'_>,
    edits: &[Edit],
    refused: &mut [Option<EditError>],
) -> rusqlite::Result<Option<Vec<Result<Placed, EditError>>>> {
    let mut statements = Statements::new(work);
    let mut placed = Vec::with_capacity(edits.len());
    for (edit, refused) in edits.iter().zip(refused) {
        if let Some(error) = refused {
            placed.push(Err(*error));
            continue;
        }
        match one(&mut statements, edit) {
            Ok(done) => placed.push(done),
            Err(err) if is_violation(&err) => {
                *refused = Some(UNWANTED);
                if work.is_autocommit() {
                    return Ok(None);
                }
                placed.push(Err(UNWANTED));
            }
            Err(err) => return Err(err),
        }
    }
    Ok(Some(placed))
}

pub(super) fn is_violation(err: &rusqlite::Error) -> bool {
    err.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

pub(super) type Done = rusqlite::Result<Result<Placed, EditError>>;

fn one(db: &mut Statements<'_>, edit: &Edit) -> Done {
    if let Err(error) = edit.check() {
        return Ok(Err(error));
    }
    match edit {
        Edit::User(user) => edit_user(db, user),
        Edit::UserGone(name) => {
            let Some(id) = user_of(db, name)? else {
                return Ok(Err(EditError::NotFound));
            };
            db.run("DELETE FROM tracker_users WHERE id = ?1", [id])?;
            Ok(Ok(placed(id, false)))
        }
        Edit::Torrent(torrent) => edit_torrent(db, torrent),
        Edit::TorrentGone(name) => {
            let Some(id) = torrent_of(db, name)? else {
                return Ok(Err(EditError::NotFound));
            };
            db.run("DELETE FROM tracker_torrents WHERE id = ?1", [id])?;
            Ok(Ok(placed(id, false)))
        }
        Edit::Client(client) => edit_client(db, client),
        Edit::ClientGone(prefix) => {
            // The same prefix may be there as text and as a blob.
            let sql = "DELETE FROM tracker_clients WHERE CAST(prefix AS BLOB) = ?1";
            Ok(found(db.run(sql, [&**prefix])?))
        }
        Edit::Token(token) => edit_token(db, token),
        Edit::TokenGone { user, torrent } => {
            let sql = "DELETE FROM tracker_tokens WHERE user_id = ?1 AND torrent_id = ?2";
            Ok(found(db.run(sql, token_key(*user, *torrent))?))
        }
        Edit::Options(options) => edit_options(db, options),
    }
}

/// Each statement prepared once.
pub(super) struct Statements<'w> {
    pub(super) work: &'w Connection,
    prepared: Vec<(&'static str, Statement<'w>)>,
}

impl<'w> Statements<'w> {
    fn new(work: &'w Connection) -> Statements<'w> {
        let prepared = Vec::new();
        Statements { work, prepared }
    }

    fn get(&mut self, sql: &'static str) -> rusqlite::Result<&mut Statement<'w>> {
        // A few of them, told apart by where they stand.
        let is = |(known, _): &(&'static str, _)| std::ptr::eq(*known, sql);
        let place = match self.prepared.iter().position(is) {
            Some(place) => place,
            None => {
                self.prepared.push((sql, self.work.prepare(sql)?));
                self.prepared.len() - 1
            }
        };
        Ok(&mut self.prepared[place].1)
    }

    pub(super) fn run(
        &mut self,
        sql: &'static str,
        params: impl Params,
    ) -> rusqlite::Result<usize> {
        self.get(sql)?.execute(params)
    }

    pub(super) fn number(
        &mut self,
        sql: &'static str,
        params: impl Params,
    ) -> rusqlite::Result<Option<i64>> {
        let found = self.get(sql)?.query_row(params, |row| row.get(0));
        found.optional()
    }
}

pub(super) fn placed(id: i64, created: bool) -> Placed {
    Placed {
        id: u64::try_from(id).ok(),
        created,
    }
}

const DONE: Placed = Placed {
    id: None,
    created: false,
};

fn found(rows: usize) -> Result<Placed, EditError> {
    match rows {
        0 => Err(EditError::NotFound),
        _ => Ok(DONE),
    }
}

/// Prefixes are kept as text, as web applications write them; one that is there as a blob stays
/// one.
fn edit_client(db: &mut Statements<'_>, client: &Client) -> Done {
    let change = "UPDATE tracker_clients SET allow = ?2 WHERE CAST(prefix AS BLOB) = ?1";
    if db.run(change, params![&*client.prefix, client.allow])? > 0 {
        return Ok(Ok(DONE));
    }
    let add = "INSERT INTO tracker_clients (prefix, allow) VALUES (CAST(?1 AS TEXT), ?2)";
    db.run(add, params![&*client.prefix, client.allow])?;
    Ok(Ok(Placed {
        created: true,
        ..DONE
    }))
}

fn token_key(user: Option<UserId>, torrent: Option<TorrentId>) -> [i64; 2] {
    let user = user.map_or(0, |user| user.0.cast_signed());
    [user, torrent.map_or(0, |torrent| torrent.0.cast_signed())]
}

fn edit_token(db: &mut Statements<'_>, token: &Token) -> Done {
    let [user, torrent] = token_key(token.user, token.torrent);
    let values = params![
        user,
        torrent,
        token.multipliers.up_percent,
        token.multipliers.down_percent,
        token.until.map(|until| until.0),
    ];
    let change = "UPDATE tracker_tokens SET up_percent = ?3, down_percent = ?4, until = ?5 \
        WHERE user_id = ?1 AND torrent_id = ?2";
    if db.run(change, values)? > 0 {
        return Ok(Ok(DONE));
    }
    let add = "INSERT INTO tracker_tokens (user_id, torrent_id, up_percent, down_percent, until) \
        VALUES (?1, ?2, ?3, ?4, ?5)";
    db.run(add, values)?;
    Ok(Ok(Placed {
        created: true,
        ..DONE
    }))
}

/// What is as if nothing were said has no row.
fn edit_options(db: &mut Statements<'_>, options: &OptionsEdit) -> Done {
    let mut set = |name: &str, value: Option<Option<u32>>| match value {
        None => Ok(0),
        Some(None) => db.run("DELETE FROM tracker_options WHERE name = ?1", [name]),
        Some(Some(value)) => {
            let sql = "INSERT INTO tracker_options (name, value) VALUES (?1, ?2) \
                ON CONFLICT (name) DO UPDATE SET value = ?2 WHERE value IS NOT ?2";
            db.run(sql, params![name, value])
        }
    };
    let percent = |percent: Option<u16>| percent.map(|percent| Some(u32::from(percent)));
    set("up_percent", percent(options.up_percent))?;
    set("down_percent", percent(options.down_percent))?;
    set(
        "until",
        options.until.map(|until| until.map(|until| until.0)),
    )?;
    set("interval", options.interval_secs)?;
    set("min_interval", options.min_interval_secs)?;
    set("jitter", options.jitter_secs)?;
    Ok(Ok(DONE))
}
