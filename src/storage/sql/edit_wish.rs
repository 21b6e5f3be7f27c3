//! Edits of users and torrents as their tables have them.

use super::connection::Value;
use super::edit::{Editing, check, number};
use super::literal::Datum;
use crate::model::{InfoHash, Passkey};
use crate::storage::{
    Edit, EditError, TorrentEdit, TorrentName, TorrentStatus, UserEdit, UserName,
};
use std::borrow::Cow;

/// What a column holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    pub(super) fn of(value: Value<'_>) -> Cell {
        match value {
            Value::Text(text) => Cell::Text(text.to_owned()),
            Value::Bytes(bytes) => Cell::Bytes(bytes.to_owned()),
            other => number(other).map_or(Cell::Null, Cell::Number),
        }
    }

    pub(super) fn put(&self, editing: &Editing<'_>, to: &mut String) {
        to.push_str(&match self {
            Cell::Null => "NULL".to_owned(),
            Cell::Number(number) => editing.literal(&Datum::Integer(*number)),
            Cell::Text(text) => editing.literal(&Datum::Text(Cow::Borrowed(text))),
            Cell::Bytes(bytes) => editing.literal(&Datum::Bytes(bytes)),
        });
    }
}

/// Users, or torrents: their table, and what is said where one cannot be.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The first is what clients say.
    pub(super) columns: &'static [&'static str],
    pub(super) no_key: EditError,
    pub(super) key_is_taken: EditError,
    pub(super) id_is_taken: EditError,
}

impl Table {
    pub(super) fn key(&self) -> &'static str {
        self.columns.first().copied().unwrap_or_default()
    }
}

pub(super) static USERS: Table = Table {
    name: "tracker_users",
    columns: &[
        "passkey",
        "name",
        "enabled",
        "can_leech",
        "hide_ip",
        "slots",
        "up_percent",
        "down_percent",
    ],
    no_key: EditError::Invalid("a new user needs a passkey"),
    key_is_taken: EditError::Conflict("another user has this passkey"),
    id_is_taken: EditError::Conflict("another user has this number"),
};

pub(super) static TORRENTS: Table = Table {
    name: "tracker_torrents",
    columns: &[
        "info_hash",
        "name",
        "status",
        "reason",
        "up_percent",
        "down_percent",
    ],
    no_key: EditError::Invalid("a new torrent needs an info-hash"),
    key_is_taken: EditError::Conflict("another torrent has this info-hash"),
    id_is_taken: EditError::Conflict("another torrent has this number"),
};

/// An edit as the table has it.
pub(super) struct Wish {
    pub(super) who: Who,
    pub(super) create: bool,
    /// The number that is said.
    pub(super) id: Option<i64>,
    /// What clients say of a new one.
    pub(super) key: Option<Cell>,
    /// What is said of each column; nothing of one that stays as it is.
    pub(super) said: Vec<Option<Cell>>,
    /// What a new one has where nothing is said.
    pub(super) defaults: Vec<Cell>,
}

/// How it is named.
pub(super) enum Who {
    Id(Option<i64>),
    Key(Cell),
}

pub(super) fn wish(edit: &Edit) -> Result<Wish, EditError> {
    check(edit)?;
    match edit {
        Edit::User(user) => Ok(wished_user(user)),
        Edit::Torrent(torrent) => Ok(wished_torrent(torrent)),
        _ => Err(EditError::NotFound),
    }
}

fn id_of(number: u64) -> Option<i64> {
    i64::try_from(number).ok()
}

fn wished_user(user: &UserEdit) -> Wish {
    // One that is no text is nobody's.
    let key = |passkey: Passkey| match std::str::from_utf8(passkey.as_bytes()) {
        Ok(passkey) => Cell::Text(passkey.to_owned()),
        Err(_) => Cell::Bytes(passkey.as_bytes().to_vec()),
    };
    let flag = |flag: bool| Cell::Number(flag.into());
    let percent = |percent: u16| Cell::Number(percent.into());
    let slots = |slots: Option<u16>| slots.map_or(Cell::Null, |slots| Cell::Number(slots.into()));
    Wish {
        who: match user.who {
            UserName::Id(id) => Who::Id(id_of(id.0)),
            UserName::Passkey(passkey) => Who::Key(key(passkey)),
        },
        create: user.create,
        id: user.said_id().and_then(|id| id_of(id.0)),
        key: user.said_passkey().map(key),
        said: vec![
            user.passkey.map(key),
            user.name.as_deref().map(|name| Cell::Text(name.to_owned())),
            user.enabled.map(flag),
            user.can_leech.map(flag),
            user.hide_ip.map(flag),
            user.slots.map(slots),
            user.up_percent.map(percent),
            user.down_percent.map(percent),
        ],
        defaults: vec![
            Cell::Null,
            Cell::Text(String::new()),
            flag(true),
            flag(true),
            flag(false),
            Cell::Null,
            percent(100),
            percent(100),
        ],
    }
}

fn wished_torrent(torrent: &TorrentEdit) -> Wish {
    let key = |hash: InfoHash| Cell::Bytes(hash.0.to_vec());
    let percent = |percent: u16| Cell::Number(percent.into());
    let name = torrent.name.as_deref();
    let (status, reason) = match &torrent.status {
        None => (None, None),
        Some(TorrentStatus::Registered) => (Some(0), Some(Cell::Null)),
        Some(TorrentStatus::Unapproved) => (Some(1), Some(Cell::Null)),
        Some(TorrentStatus::Deleted(reason)) => (Some(2), Some(Cell::Text(reason.to_string()))),
    };
    Wish {
        who: match torrent.which {
            TorrentName::Id(id) => Who::Id(id_of(id.0)),
            TorrentName::InfoHash(hash) => Who::Key(key(hash)),
        },
        create: torrent.create,
        id: torrent.said_id().and_then(|id| id_of(id.0)),
        key: torrent.said_info_hash().map(key),
        said: vec![
            torrent.info_hash.map(key),
            name.map(|name| Cell::Text(name.to_owned())),
            status.map(Cell::Number),
            reason,
            torrent.up_percent.map(percent),
            torrent.down_percent.map(percent),
        ],
        defaults: vec![
            Cell::Null,
            Cell::Text(String::new()),
            Cell::Number(0),
            Cell::Null,
            percent(100),
            percent(100),
        ],
    }
}

impl Wish {
    /// What clients say, of whoever is meant and from now on.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Cell> {
        let named = match &self.who {
            Who::Key(key) => Some(key),
            Who::Id(_) => None,
        };
        named.into_iter().chain(&self.key)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = i64> {
        let named = match self.who {
            Who::Id(id) => id,
            Who::Key(_) => None,
        };
        named.into_iter().chain(self.id)
    }
}
