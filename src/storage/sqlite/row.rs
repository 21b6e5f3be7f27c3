//! Rows of the directory as the tracker knows them. SQLite keeps any value in any column, so
//! nothing here trusts a type or a range.

use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, UnixTime, UserId};
use crate::storage::{Client, PREFIX_MAX_BYTES, Token, Torrent, TorrentStatus, User};
use rusqlite::Row;
use rusqlite::types::ValueRef;

/// Why a row cannot be used. Never holds what is in it: that may be a passkey.
pub(super) type Fault = &'static str;

pub(super) const USERS: &str = "SELECT id, passkey, enabled, can_leech, hide_ip, slots, \
    up_percent, down_percent FROM tracker_users";

pub(super) fn user(row: &Row<'_>) -> Result<User, Fault> {
    Ok(User {
        id: UserId(number(row, 0)?),
        passkey: Passkey::new(bytes(row, 1)).ok_or("the passkey is empty or too long")?,
        enabled: flag(row, 2)?,
        can_leech: flag(row, 3)?,
        hide_ip: flag(row, 4)?,
        slots: match value(row, 5) {
            ValueRef::Null => None,
            // More than can be counted are as good as the most that can.
            _ => Some(u16::try_from(number(row, 5)?).unwrap_or(u16::MAX)),
        },
        multipliers: multipliers(row, 6)?,
    })
}

pub(super) const TORRENTS: &str = "SELECT id, info_hash, status, reason, up_percent, \
    down_percent, snatches FROM tracker_torrents";

pub(super) fn torrent(row: &Row<'_>) -> Result<Torrent, Fault> {
    let info_hash = match value(row, 1) {
        ValueRef::Blob(bytes) => <[u8; 20]>::try_from(bytes).ok(),
        _ => None,
    };
    Ok(Torrent {
        id: TorrentId(number(row, 0)?),
        info_hash: InfoHash(info_hash.ok_or("the info_hash is no blob of 20 bytes")?),
        status: match number(row, 2)? {
            0 => TorrentStatus::Registered,
            1 => TorrentStatus::Unapproved,
            2 => TorrentStatus::Deleted(String::from_utf8_lossy(bytes(row, 3)).into()),
            _ => return Err("the status is none of 0, 1, 2"),
        },
        multipliers: multipliers(row, 4)?,
        snatches: u32::try_from(integer(row, 6)?.max(0)).unwrap_or(u32::MAX),
    })
}

pub(super) const CLIENTS: &str = "SELECT prefix, allow FROM tracker_clients";

pub(super) fn client(row: &Row<'_>) -> Result<Client, Fault> {
    let prefix = bytes(row, 0);
    if prefix.is_empty() || prefix.len() > PREFIX_MAX_BYTES {
        return Err("the prefix is empty or longer than 20 bytes");
    }
    Ok(Client {
        prefix: prefix.into(),
        allow: flag(row, 1)?,
    })
}

pub(super) const TOKENS: &str =
    "SELECT user_id, torrent_id, up_percent, down_percent, until FROM tracker_tokens";

pub(super) fn token(row: &Row<'_>) -> Result<Token, Fault> {
    let (user, torrent) = (number(row, 0)?, number(row, 1)?);
    Ok(Token {
        user: (user != 0).then_some(UserId(user)),
        torrent: (torrent != 0).then_some(TorrentId(torrent)),
        multipliers: multipliers(row, 2)?,
        until: match value(row, 4) {
            ValueRef::Null => None,
            _ => until(integer(row, 4)?)?,
        },
    })
}

/// A moment at which something ends; 0: never.
pub(super) fn until(seconds: i64) -> Result<Option<UnixTime>, Fault> {
    let seconds = u64::try_from(seconds).map_err(|_| "until is negative")?;
    let time = UnixTime(u32::try_from(seconds).unwrap_or(u32::MAX));
    Ok((seconds != 0).then_some(time))
}

pub(super) fn seconds(value: i64) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|_| "a number of seconds is not in 0..=4294967295")
}

pub(super) fn percent(value: i64) -> Result<u16, Fault> {
    u16::try_from(value).map_err(|_| "a percentage is not in 0..=65535")
}

fn multipliers(row: &Row<'_>, column: usize) -> Result<Multipliers, Fault> {
    Ok(Multipliers {
        up_percent: percent(integer(row, column)?)?,
        down_percent: percent(integer(row, column + 1)?)?,
    })
}

fn flag(row: &Row<'_>, column: usize) -> Result<bool, Fault> {
    integer(row, column).map(|value| value != 0)
}

fn number(row: &Row<'_>, column: usize) -> Result<u64, Fault> {
    u64::try_from(integer(row, column)?).map_err(|_| "a number is negative")
}

fn integer(row: &Row<'_>, column: usize) -> Result<i64, Fault> {
    match value(row, column) {
        ValueRef::Integer(value) => Ok(value),
        _ => Err("a column holds no integer"),
    }
}

/// The bytes of a text or a blob; none of anything else.
fn bytes<'r>(row: &'r Row<'_>, column: usize) -> &'r [u8] {
    match value(row, column) {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

fn value<'r>(row: &'r Row<'_>, column: usize) -> ValueRef<'r> {
    row.get_ref(column).unwrap_or(ValueRef::Null)
}
