//! Parts of the tracker's own tables, for those who look into the directory.

use super::connection::{Connection, Dialect, Row, SqlError, Value};
use super::edit::{is_text, token_key};
use super::literal::{self, Datum};
use crate::model::{InfoHash, Multipliers, TorrentId, Transfer, UnixTime, UserId};
use crate::storage::{
    Client, Entry, Listing, Token, TokenKey, TorrentEntry, TorrentName, TorrentStatus, UserEntry,
    UserName,
};

/// Shows a part of the directory, so many entries at most. Rows that cannot be told from others, or
/// that nobody can use, are left out by the statements themselves.
pub(super) fn list(
    connection: &mut dyn Connection,
    listing: &Listing,
    most: usize,
    to: &mut dyn FnMut(Entry),
) -> Result<(), SqlError> {
    let dialect = connection.dialect();
    let Some((sql, entry)) = statement(dialect, listing) else {
        return Ok(());
    };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    connection.query(&format!("{sql} LIMIT {most}"), &mut |row| {
        to(entry(row));
        Ok(())
    })
}

/// What a row is.
type Read = fn(&dyn Row) -> Entry;

/// The statement, and what its rows are; `None` of what no row can have.
fn statement(dialect: Dialect, listing: &Listing) -> Option<(String, Read)> {
    let users = |which: String| (users(&which), user as Read);
    let torrents = |which: String| (torrents(&which), torrent as Read);
    Some(match listing {
        Listing::Users(after) => users(after_id(after.map(|id| id.0))?),
        // No index helps: a scan of a million users takes some tenths of a second.
        Listing::UsersNamed(name, after) => {
            let named = is_text(dialect, "name", name)?;
            users(format!("{} AND {named}", after_id(after.map(|id| id.0))?))
        }
        Listing::User(UserName::Id(id)) => users(is_id(id.0)?),
        Listing::User(UserName::Passkey(passkey)) => {
            let passkey = std::str::from_utf8(passkey.as_bytes()).ok()?;
            users(is_text(dialect, "passkey", passkey)?)
        }
        Listing::Torrents(after) => torrents(after_id(after.map(|id| id.0))?),
        Listing::TorrentsNamed(name, after) => {
            let named = is_text(dialect, "name", name)?;
            torrents(format!("{} AND {named}", after_id(after.map(|id| id.0))?))
        }
        Listing::Torrent(TorrentName::Id(id)) => torrents(is_id(id.0)?),
        Listing::Torrent(TorrentName::InfoHash(hash)) => {
            let mut which = "info_hash = ".to_owned();
            literal::write(&mut which, dialect, &Datum::Bytes(&hash.0));
            torrents(which)
        }
        Listing::Clients(after) => (clients(dialect, after), client as Read),
        Listing::Tokens(after) => (tokens(*after)?, token as Read),
    })
}

fn is_id(id: u64) -> Option<String> {
    i64::try_from(id).ok().map(|id| format!("id = {id}"))
}

/// Numbers begin at 0.
fn after_id(after: Option<u64>) -> Option<String> {
    match after {
        Some(after) => i64::try_from(after).ok().map(|id| format!("id > {id}")),
        None => Some("id >= 0".to_owned()),
    }
}

fn users(which: &str) -> String {
    format!(
        "SELECT id, name, passkey, enabled, can_leech, hide_ip, slots, up_percent, down_percent, \
         uploaded, downloaded FROM tracker_users WHERE {which} AND id >= 0 ORDER BY id"
    )
}

fn user(row: &dyn Row) -> Entry {
    Entry::User(UserEntry {
        id: UserId(sum(row, 0)),
        name: text(row, 1),
        passkey: text(row, 2),
        enabled: is_set(row, 3),
        can_leech: is_set(row, 4),
        hide_ip: is_set(row, 5),
        slots: match row.value(6) {
            Value::Null => None,
            _ => Some(small(row, 6)),
        },
        multipliers: multipliers(row, 7),
        credited: Transfer {
            uploaded: sum(row, 9),
            downloaded: sum(row, 10),
        },
    })
}

fn torrents(which: &str) -> String {
    format!(
        "SELECT id, name, info_hash, status, reason, up_percent, down_percent, seeders, leechers, \
         snatches FROM tracker_torrents WHERE {which} AND id >= 0 \
         AND OCTET_LENGTH(info_hash) = 20 ORDER BY id"
    )
}

fn torrent(row: &dyn Row) -> Entry {
    let count = |column| u32::try_from(sum(row, column)).unwrap_or(u32::MAX);
    Entry::Torrent(TorrentEntry {
        id: TorrentId(sum(row, 0)),
        name: text(row, 1),
        info_hash: InfoHash(bytes(&row.value(2)).try_into().unwrap_or_default()),
        status: match row.value(3) {
            Value::Integer(0) => TorrentStatus::Registered,
            Value::Integer(2) => TorrentStatus::Deleted(text(row, 4).into()),
            // One that is none keeps it from being announced, too.
            _ => TorrentStatus::Unapproved,
        },
        multipliers: multipliers(row, 5),
        seeders: count(7),
        leechers: count(8),
        snatches: sum(row, 9),
    })
}

/// In the order of their bytes, whatever the collation.
fn clients(dialect: Dialect, after: &[u8]) -> String {
    let prefix = match dialect {
        Dialect::Postgres => "convert_to(prefix, 'UTF8')",
        Dialect::Mysql => "CAST(prefix AS BINARY)",
        Dialect::Sqlite => "CAST(prefix AS BLOB)",
    };
    let mut last = String::new();
    literal::write(&mut last, dialect, &Datum::Bytes(after));
    format!(
        "SELECT prefix, allow FROM tracker_clients WHERE {prefix} > {last} \
         AND OCTET_LENGTH(prefix) BETWEEN 1 AND 20 ORDER BY {prefix}"
    )
}

fn client(row: &dyn Row) -> Entry {
    Entry::Client(Client {
        prefix: bytes(&row.value(0)).into(),
        allow: is_set(row, 1),
    })
}

/// The comparison of users stands alone, so that the index is read from there on.
fn tokens(after: Option<TokenKey>) -> Option<String> {
    let after = match after {
        Some((user, torrent)) => {
            let [user, torrent] = token_key(user, torrent);
            let (user, torrent) = (i64::try_from(user).ok()?, i64::try_from(torrent).ok()?);
            format!("user_id >= {user} AND (user_id > {user} OR torrent_id > {torrent})")
        }
        None => "user_id >= 0".to_owned(),
    };
    Some(format!(
        "SELECT user_id, torrent_id, up_percent, down_percent, until FROM tracker_tokens \
         WHERE {after} AND torrent_id >= 0 AND up_percent BETWEEN 0 AND 65535 \
         AND down_percent BETWEEN 0 AND 65535 AND (until IS NULL OR until >= 0) \
         ORDER BY user_id, torrent_id"
    ))
}

fn token(row: &dyn Row) -> Entry {
    let (user, torrent, until) = (sum(row, 0), sum(row, 1), sum(row, 4));
    Entry::Token(Token {
        user: (user != 0).then_some(UserId(user)),
        torrent: (torrent != 0).then_some(TorrentId(torrent)),
        multipliers: multipliers(row, 2),
        until: (until != 0).then_some(UnixTime(u32::try_from(until).unwrap_or(u32::MAX))),
    })
}

/// A number that is shown; a web application may have written anything.
fn sum(row: &dyn Row, column: usize) -> u64 {
    match row.value(column) {
        Value::Integer(number) => u64::try_from(number).unwrap_or_default(),
        _ => 0,
    }
}

fn small(row: &dyn Row, column: usize) -> u16 {
    u16::try_from(sum(row, column)).unwrap_or(u16::MAX)
}

fn is_set(row: &dyn Row, column: usize) -> bool {
    !matches!(row.value(column), Value::Integer(0) | Value::Null)
}

fn multipliers(row: &dyn Row, column: usize) -> Multipliers {
    Multipliers {
        up_percent: small(row, column),
        down_percent: small(row, column + 1),
    }
}

fn bytes<'v>(value: &Value<'v>) -> &'v [u8] {
    match value {
        Value::Text(text) => text.as_bytes(),
        Value::Bytes(bytes) => bytes,
        _ => &[],
    }
}

fn text(row: &dyn Row, column: usize) -> String {
    String::from_utf8_lossy(bytes(&row.value(column))).into_owned()
}
