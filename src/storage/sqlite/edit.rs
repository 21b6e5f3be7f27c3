//! What is pushed, written into the directory: all that can be in one transaction.
//!
//! Statements name all columns; what an edit does not say stays as it is (`coalesce`), so a
//! statement is prepared once for all edits of its kind.

use super::failure;
use crate::model::{InfoHash, Passkey, TorrentId, UserId};
use crate::storage::{
    Client, Edit, EditError, OptionsEdit, Placed, StorageError, Token, TorrentEdit, TorrentName,
    TorrentStatus, UserEdit, UserName,
};
use rusqlite::{
    Connection, ErrorCode, OptionalExtension, Params, Statement, Transaction, TransactionBehavior,
    params,
};

pub(super) fn edit(
    db: &mut Connection,
    edits: &[Edit],
) -> Result<Vec<Result<Placed, EditError>>, StorageError> {
    let failed = failure("cannot edit the directory");
    let mut refused = vec![None; edits.len()];
    loop {
        let work = db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(&failed)?;
        if let Some(placed) = all(&work, edits, &mut refused).map_err(&failed)? {
            work.commit().map_err(&failed)?;
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
            Err(err) if err.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
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

type Done = rusqlite::Result<Result<Placed, EditError>>;

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
struct Statements<'w> {
    work: &'w Connection,
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

    fn run(&mut self, sql: &'static str, params: impl Params) -> rusqlite::Result<usize> {
        self.get(sql)?.execute(params)
    }

    fn number(&mut self, sql: &'static str, params: impl Params) -> rusqlite::Result<Option<i64>> {
        let found = self.get(sql)?.query_row(params, |row| row.get(0));
        found.optional()
    }
}

fn placed(id: i64, created: bool) -> Placed {
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

/// The number of the user that is there.
fn user_of(db: &mut Statements<'_>, name: &UserName) -> rusqlite::Result<Option<i64>> {
    match name {
        UserName::Id(UserId(id)) => {
            let sql = "SELECT id FROM tracker_users WHERE id = ?1";
            db.number(sql, [id.cast_signed()])
        }
        UserName::Passkey(passkey) => holder_of_passkey(db, passkey),
    }
}

fn holder_of_passkey(db: &mut Statements<'_>, passkey: &Passkey) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM tracker_users WHERE passkey = CAST(?1 AS TEXT)";
    db.number(sql, [passkey.as_bytes()])
}

fn edit_user(db: &mut Statements<'_>, edit: &UserEdit) -> Done {
    let said_id = edit.said_id().map(|id| id.0.cast_signed());
    let Some(id) = user_of(db, &edit.who)? else {
        return match edit.create {
            true => add_user(db, edit, said_id),
            false => Ok(Err(EditError::NotFound)),
        };
    };
    if said_id.is_some_and(|said| said != id) {
        return Ok(Err(EditError::Conflict("another user has this passkey")));
    }
    if let Some(passkey) = &edit.passkey
        && holder_of_passkey(db, passkey)?.is_some_and(|holder| holder != id)
    {
        return Ok(Err(EditError::Conflict("another user has this passkey")));
    }
    let sql = "UPDATE tracker_users SET passkey = coalesce(CAST(?2 AS TEXT), passkey), \
        name = coalesce(?3, name), enabled = coalesce(?4, enabled), \
        can_leech = coalesce(?5, can_leech), hide_ip = coalesce(?6, hide_ip), \
        slots = CASE WHEN ?7 THEN ?8 ELSE slots END, up_percent = coalesce(?9, up_percent), \
        down_percent = coalesce(?10, down_percent) WHERE id = ?1";
    db.run(
        sql,
        params![
            id,
            edit.passkey.as_ref().map(Passkey::as_bytes),
            edit.name,
            edit.enabled,
            edit.can_leech,
            edit.hide_ip,
            edit.slots.is_some(),
            edit.slots.flatten(),
            edit.up_percent,
            edit.down_percent,
        ],
    )?;
    Ok(Ok(placed(id, false)))
}

fn add_user(db: &mut Statements<'_>, edit: &UserEdit, id: Option<i64>) -> Done {
    let Some(passkey) = edit.said_passkey() else {
        return Ok(Err(EditError::Invalid("a new user needs a passkey")));
    };
    if holder_of_passkey(db, &passkey)?.is_some() {
        return Ok(Err(EditError::Conflict("another user has this passkey")));
    }
    let by_id = UserName::Id(UserId(id.unwrap_or_default().cast_unsigned()));
    if id.is_some() && user_of(db, &by_id)?.is_some() {
        return Ok(Err(EditError::Conflict("another user has this number")));
    }
    let sql = "INSERT INTO tracker_users (id, passkey, name, enabled, can_leech, hide_ip, slots, \
        up_percent, down_percent) VALUES (?1, CAST(?2 AS TEXT), ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    db.run(
        sql,
        params![
            id,
            passkey.as_bytes(),
            edit.name.as_deref().unwrap_or_default(),
            edit.enabled.unwrap_or(true),
            edit.can_leech.unwrap_or(true),
            edit.hide_ip.unwrap_or(false),
            edit.slots.flatten(),
            edit.up_percent.unwrap_or(100),
            edit.down_percent.unwrap_or(100),
        ],
    )?;
    Ok(Ok(placed(db.work.last_insert_rowid(), true)))
}

/// The number of the torrent that is there.
fn torrent_of(db: &mut Statements<'_>, name: &TorrentName) -> rusqlite::Result<Option<i64>> {
    match name {
        TorrentName::Id(TorrentId(id)) => {
            let sql = "SELECT id FROM tracker_torrents WHERE id = ?1";
            db.number(sql, [id.cast_signed()])
        }
        TorrentName::InfoHash(info_hash) => holder_of_hash(db, info_hash),
    }
}

fn holder_of_hash(db: &mut Statements<'_>, info_hash: &InfoHash) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM tracker_torrents WHERE info_hash = ?1";
    db.number(sql, [&info_hash.0[..]])
}

/// As the tables have it: the status, and the reason of a deleted torrent.
fn columns(status: &TorrentStatus) -> (i64, Option<&str>) {
    match status {
        TorrentStatus::Registered => (0, None),
        TorrentStatus::Unapproved => (1, None),
        TorrentStatus::Deleted(reason) => (2, Some(reason)),
    }
}

fn edit_torrent(db: &mut Statements<'_>, edit: &TorrentEdit) -> Done {
    let said_id = edit.said_id().map(|id| id.0.cast_signed());
    let Some(id) = torrent_of(db, &edit.which)? else {
        return match edit.create {
            true => add_torrent(db, edit, said_id),
            false => Ok(Err(EditError::NotFound)),
        };
    };
    if said_id.is_some_and(|said| said != id) {
        return Ok(Err(EditError::Conflict(
            "another torrent has this info-hash",
        )));
    }
    if let Some(info_hash) = &edit.info_hash
        && holder_of_hash(db, info_hash)?.is_some_and(|holder| holder != id)
    {
        return Ok(Err(EditError::Conflict(
            "another torrent has this info-hash",
        )));
    }
    let status = edit.status.as_ref().map(columns);
    let sql = "UPDATE tracker_torrents SET info_hash = coalesce(?2, info_hash), \
        name = coalesce(?3, name), status = coalesce(?4, status), \
        reason = CASE WHEN ?4 IS NULL THEN reason ELSE ?5 END, \
        up_percent = coalesce(?6, up_percent), down_percent = coalesce(?7, down_percent) \
        WHERE id = ?1";
    db.run(
        sql,
        params![
            id,
            edit.info_hash.as_ref().map(|info_hash| &info_hash.0[..]),
            edit.name,
            status.map(|(status, _)| status),
            status.and_then(|(_, reason)| reason),
            edit.up_percent,
            edit.down_percent,
        ],
    )?;
    Ok(Ok(placed(id, false)))
}

fn add_torrent(db: &mut Statements<'_>, edit: &TorrentEdit, id: Option<i64>) -> Done {
    let Some(info_hash) = edit.said_info_hash() else {
        return Ok(Err(EditError::Invalid("a new torrent needs an info-hash")));
    };
    if holder_of_hash(db, &info_hash)?.is_some() {
        return Ok(Err(EditError::Conflict(
            "another torrent has this info-hash",
        )));
    }
    let by_id = TorrentName::Id(TorrentId(id.unwrap_or_default().cast_unsigned()));
    if id.is_some() && torrent_of(db, &by_id)?.is_some() {
        return Ok(Err(EditError::Conflict("another torrent has this number")));
    }
    let status = edit.status.as_ref().map_or((0, None), columns);
    let sql = "INSERT INTO tracker_torrents (id, info_hash, name, status, reason, up_percent, \
        down_percent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    db.run(
        sql,
        params![
            id,
            &info_hash.0[..],
            edit.name.as_deref().unwrap_or_default(),
            status.0,
            status.1,
            edit.up_percent.unwrap_or(100),
            edit.down_percent.unwrap_or(100),
        ],
    )?;
    Ok(Ok(placed(db.work.last_insert_rowid(), true)))
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
    Ok(Ok(DONE))
}
