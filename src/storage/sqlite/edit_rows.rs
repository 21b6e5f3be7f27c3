//! Users and torrents as they are pushed.
//!
//! Statements name all columns; what an edit does not say stays as it is (`coalesce`), so a
//! statement is prepared once for all edits of its kind.

use super::edit::{Done, Statements, is_violation, placed};
use crate::model::{InfoHash, Passkey, TorrentId, UserId};
use crate::storage::{EditError, TorrentEdit, TorrentName, TorrentStatus, UserEdit, UserName};
use rusqlite::params;

/// The number of the user that is there.
pub(super) fn user_of(db: &mut Statements<'_>, name: &UserName) -> rusqlite::Result<Option<i64>> {
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

pub(super) fn edit_user(db: &mut Statements<'_>, edit: &UserEdit) -> Done {
    let said_id = edit.said_id().map(|id| id.0.cast_signed());
    let Some(id) = user_of(db, &edit.who)? else {
        return match edit.create {
            true => add_user(db, edit, said_id),
            false => Ok(Err(EditError::NotFound)),
        };
    };
    if said_id.is_some_and(|said| said != id) {
        return Ok(Err(PASSKEY_TAKEN));
    }
    let sql = "UPDATE tracker_users SET passkey = coalesce(CAST(?2 AS TEXT), passkey), \
        name = coalesce(?3, name), enabled = coalesce(?4, enabled), \
        can_leech = coalesce(?5, can_leech), hide_ip = coalesce(?6, hide_ip), \
        slots = CASE WHEN ?7 THEN ?8 ELSE slots END, up_percent = coalesce(?9, up_percent), \
        down_percent = coalesce(?10, down_percent) WHERE id = ?1";
    let changed = db.run(
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
    );
    match changed {
        Ok(_) => Ok(Ok(placed(id, false))),
        Err(err) => user_refused(db, err, edit.passkey, Some(id)),
    }
}

const PASSKEY_TAKEN: EditError = EditError::Conflict("another user has this passkey");

/// Why the data store refuses a user: looked for when it does, as most are taken.
fn user_refused(
    db: &mut Statements<'_>,
    err: rusqlite::Error,
    passkey: Option<Passkey>,
    there: Option<i64>,
) -> Done {
    if !is_violation(&err) || db.work.is_autocommit() {
        return Err(err);
    }
    if let Some(passkey) = passkey
        && holder_of_passkey(db, &passkey)?.is_some_and(|holder| Some(holder) != there)
    {
        return Ok(Err(PASSKEY_TAKEN));
    }
    Err(err)
}

fn add_user(db: &mut Statements<'_>, edit: &UserEdit, id: Option<i64>) -> Done {
    let Some(passkey) = edit.said_passkey() else {
        return Ok(Err(EditError::Invalid("a new user needs a passkey")));
    };
    let sql = "INSERT INTO tracker_users (id, passkey, name, enabled, can_leech, hide_ip, slots, \
        up_percent, down_percent) VALUES (?1, CAST(?2 AS TEXT), ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let added = db.run(
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
    );
    let Err(err) = added else {
        return Ok(Ok(placed(db.work.last_insert_rowid(), true)));
    };
    let refused = user_refused(db, err, Some(passkey), None);
    let by_id = UserName::Id(UserId(id.unwrap_or_default().cast_unsigned()));
    match refused {
        Err(_) if id.is_some() && !db.work.is_autocommit() && user_of(db, &by_id)?.is_some() => {
            Ok(Err(EditError::Conflict("another user has this number")))
        }
        refused => refused,
    }
}

/// The number of the torrent that is there.
pub(super) fn torrent_of(
    db: &mut Statements<'_>,
    name: &TorrentName,
) -> rusqlite::Result<Option<i64>> {
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

pub(super) fn edit_torrent(db: &mut Statements<'_>, edit: &TorrentEdit) -> Done {
    let said_id = edit.said_id().map(|id| id.0.cast_signed());
    let Some(id) = torrent_of(db, &edit.which)? else {
        return match edit.create {
            true => add_torrent(db, edit, said_id),
            false => Ok(Err(EditError::NotFound)),
        };
    };
    if said_id.is_some_and(|said| said != id) {
        return Ok(Err(HASH_TAKEN));
    }
    let status = edit.status.as_ref().map(columns);
    let sql = "UPDATE tracker_torrents SET info_hash = coalesce(?2, info_hash), \
        name = coalesce(?3, name), status = coalesce(?4, status), \
        reason = CASE WHEN ?4 IS NULL THEN reason ELSE ?5 END, \
        up_percent = coalesce(?6, up_percent), down_percent = coalesce(?7, down_percent) \
        WHERE id = ?1";
    let changed = db.run(
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
    );
    match changed {
        Ok(_) => Ok(Ok(placed(id, false))),
        Err(err) => torrent_refused(db, err, edit.info_hash, Some(id)),
    }
}

const HASH_TAKEN: EditError = EditError::Conflict("another torrent has this info-hash");

/// Why the data store refuses a torrent.
fn torrent_refused(
    db: &mut Statements<'_>,
    err: rusqlite::Error,
    info_hash: Option<InfoHash>,
    there: Option<i64>,
) -> Done {
    if !is_violation(&err) || db.work.is_autocommit() {
        return Err(err);
    }
    if let Some(info_hash) = info_hash
        && holder_of_hash(db, &info_hash)?.is_some_and(|holder| Some(holder) != there)
    {
        return Ok(Err(HASH_TAKEN));
    }
    Err(err)
}

fn add_torrent(db: &mut Statements<'_>, edit: &TorrentEdit, id: Option<i64>) -> Done {
    let Some(info_hash) = edit.said_info_hash() else {
        return Ok(Err(EditError::Invalid("a new torrent needs an info-hash")));
    };
    let status = edit.status.as_ref().map_or((0, None), columns);
    let sql = "INSERT INTO tracker_torrents (id, info_hash, name, status, reason, up_percent, \
        down_percent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let added = db.run(
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
    );
    let Err(err) = added else {
        return Ok(Ok(placed(db.work.last_insert_rowid(), true)));
    };
    let refused = torrent_refused(db, err, Some(info_hash), None);
    let by_id = TorrentName::Id(TorrentId(id.unwrap_or_default().cast_unsigned()));
    match refused {
        Err(_) if id.is_some() && !db.work.is_autocommit() && torrent_of(db, &by_id)?.is_some() => {
            Ok(Err(EditError::Conflict("another torrent has this number")))
        }
        refused => refused,
    }
}
