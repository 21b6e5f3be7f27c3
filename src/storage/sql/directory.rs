//! Rows of the directory as the tracker knows them. A column that a statement does not have is as if
//! its row said nothing; one that nobody knows is a fault of the statement.

use super::connection::{Row, SqlError, Value};
use super::fields::Key;
use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, UnixTime, UserId};
use crate::storage::{Change, Client, Global, Token, Torrent, TorrentStatus, User};

/// Why a row cannot be used. Never holds what is in it: that may be a passkey.
pub(super) type Fault = &'static str;

/// Longest prefix: as long as a peer id.
const PREFIX_MAX_BYTES: usize = 20;

/// A part of the directory: its columns, those that must be there, and what a row of it means.
pub(super) struct Part {
    /// The name of its statement.
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
    /// How many of the first columns must be there.
    pub(super) needed: usize,
    pub(super) read: fn(&Cells<'_>) -> Result<Change, Fault>,
}

pub(super) const USERS: Part = Part {
    name: "users",
    columns: &[
        "id",
        "passkey",
        "enabled",
        "can_leech",
        "hide_ip",
        "slots",
        "up_percent",
        "down_percent",
    ],
    needed: 2,
    read: |cells| user(cells).map(Change::User),
};

pub(super) const TORRENTS: Part = Part {
    name: "torrents",
    columns: &[
        "id",
        "info_hash",
        "status",
        "reason",
        "up_percent",
        "down_percent",
        "snatches",
    ],
    needed: 2,
    read: |cells| torrent(cells).map(Change::Torrent),
};

pub(super) const CLIENTS: Part = Part {
    name: "clients",
    columns: &["prefix", "allow"],
    needed: 1,
    read: |cells| client(cells).map(Change::Client),
};

pub(super) const TOKENS: Part = Part {
    name: "tokens",
    columns: &["user", "torrent", "up_percent", "down_percent", "until"],
    needed: 2,
    read: |cells| token(cells).map(Change::Token),
};

/// Options are read together, see [`set_option`].
pub(super) const OPTIONS: [&str; 2] = ["name", "value"];
pub(super) const CHANGES: [&str; 3] = ["cursor", "kind", "key"];

/// Which columns of a result are which; found once a statement.
pub(super) struct Columns {
    names: &'static [&'static str],
    places: Vec<Option<usize>>,
}

/// How the columns of a result fit those that a statement may have.
pub(super) struct Fit {
    /// Those that must be there and are not.
    pub(super) missing: Vec<&'static str>,
    /// Those that nobody knows.
    pub(super) unknown: Vec<String>,
    /// Those that are left out, so that their rows are as if they said nothing.
    pub(super) left_out: Vec<&'static str>,
}

impl Fit {
    pub(super) fn of<'n>(
        names: &'static [&'static str],
        needed: usize,
        found: impl Iterator<Item = &'n str> + Clone,
    ) -> Fit {
        let is_left_out = |name: &&str| {
            let mut found = found.clone();
            !found.any(|column| column.eq_ignore_ascii_case(name))
        };
        let left_out = |names: &[&'static str]| names.iter().copied().filter(is_left_out).collect();
        let is_known = |column: &&str| {
            let mut names = names.iter();
            names.any(|name| column.eq_ignore_ascii_case(name))
        };
        let unknown = found.clone().filter(|column| !is_known(column));
        let (needed, others) = names.split_at(needed.min(names.len()));
        Fit {
            missing: left_out(needed),
            unknown: unknown.map(str::to_owned).collect(),
            left_out: left_out(others),
        }
    }

    /// What is wrong with a result that has these of the names; nothing, or the first of it.
    pub(super) fn fault(&self, names: &[&str]) -> Option<String> {
        if !self.missing.is_empty() {
            let missing = self.missing.join(", ");
            return Some(format!("its result lacks the column {missing}"));
        }
        let column = self.unknown.first()?;
        let names = names.join(", ");
        Some(format!(
            "its result has a column {column:?}; there may be {names}"
        ))
    }
}

impl Columns {
    /// Finds columns by their names, of which the first ones must be there.
    pub(super) fn find<'n>(
        names: &'static [&'static str],
        needed: usize,
        found: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<Columns, String> {
        if let Some(fault) = Fit::of(names, needed, found.clone()).fault(names) {
            return Err(fault);
        }
        let place = |name: &&str| {
            let mut found = found.clone();
            found.position(|column| column.eq_ignore_ascii_case(name))
        };
        let places = names.iter().map(place).collect();
        Ok(Columns { names, places })
    }

    pub(super) fn of<'r>(&'r self, row: &'r dyn Row) -> Cells<'r> {
        Cells { columns: self, row }
    }
}

/// A row, with its columns by name.
pub(super) struct Cells<'r> {
    columns: &'r Columns,
    row: &'r dyn Row,
}

impl Cells<'_> {
    pub(super) fn get(&self, name: &str) -> Value<'_> {
        let column = self.columns.names.iter().position(|known| *known == name);
        let place = column.and_then(|column| *self.columns.places.get(column)?);
        place.map_or(Value::Null, |place| self.row.value(place))
    }

    /// The bytes of a text or a blob; none of anything else.
    pub(super) fn bytes(&self, name: &str) -> &[u8] {
        match self.get(name) {
            Value::Text(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    fn integer(&self, name: &str, default: i128) -> Result<i128, Fault> {
        match self.get(name) {
            Value::Null => Ok(default),
            Value::Integer(value) => Ok(value),
            // A column of text, as of settings.
            Value::Text(text) => text.trim().parse().map_err(|_| "a column holds no integer"),
            _ => Err("a column holds no integer"),
        }
    }

    fn number(&self, name: &str) -> Result<u64, Fault> {
        match self.get(name) {
            Value::Null => Err("a number is missing"),
            _ => u64::try_from(self.integer(name, 0)?).map_err(|_| "a number is not in 0..2^64"),
        }
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, Fault> {
        Ok(self.integer(name, default.into())? != 0)
    }

    fn multipliers(&self) -> Result<Multipliers, Fault> {
        let percent = |name| self.integer(name, 100).and_then(percent);
        Ok(Multipliers {
            up_percent: percent("up_percent")?,
            down_percent: percent("down_percent")?,
        })
    }

    /// A number that stands for one of them, or for all: 0 and nothing.
    fn one_or_all(&self, name: &str) -> Result<Option<u64>, Fault> {
        let number = self.integer(name, 0)?;
        let number = u64::try_from(number).map_err(|_| "a number is not in 0..2^64")?;
        Ok((number != 0).then_some(number))
    }
}

fn percent(value: i128) -> Result<u16, Fault> {
    u16::try_from(value).map_err(|_| "a percentage is not in 0..=65535")
}

fn seconds(value: i128) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|_| "a number of seconds is not in 0..=4294967295")
}

/// A moment at which something ends; 0: never.
fn until(seconds: i128) -> Result<Option<UnixTime>, Fault> {
    let seconds = u128::try_from(seconds).map_err(|_| "until is negative")?;
    let time = UnixTime(u32::try_from(seconds).unwrap_or(u32::MAX));
    Ok((seconds != 0).then_some(time))
}

fn user(cells: &Cells<'_>) -> Result<User, Fault> {
    let passkey = Passkey::new(cells.bytes("passkey"));
    Ok(User {
        id: UserId(cells.number("id")?),
        passkey: passkey.ok_or("the passkey is empty or too long")?,
        enabled: cells.flag("enabled", true)?,
        can_leech: cells.flag("can_leech", true)?,
        hide_ip: cells.flag("hide_ip", false)?,
        slots: match cells.get("slots") {
            Value::Null => None,
            // More than can be counted are as good as the most that can.
            _ => Some(u16::try_from(cells.number("slots")?).unwrap_or(u16::MAX)),
        },
        multipliers: cells.multipliers()?,
    })
}

fn torrent(cells: &Cells<'_>) -> Result<Torrent, Fault> {
    let info_hash = info_hash(cells.bytes("info_hash"));
    Ok(Torrent {
        id: TorrentId(cells.number("id")?),
        info_hash: info_hash.ok_or("the info_hash is neither 20 bytes nor 40 hex digits")?,
        status: match cells.integer("status", 0)? {
            0 => TorrentStatus::Registered,
            1 => TorrentStatus::Unapproved,
            2 => TorrentStatus::Deleted(String::from_utf8_lossy(cells.bytes("reason")).into()),
            _ => return Err("the status is none of 0, 1, 2"),
        },
        multipliers: cells.multipliers()?,
        snatches: u32::try_from(cells.integer("snatches", 0)?.max(0)).unwrap_or(u32::MAX),
    })
}

fn info_hash(bytes: &[u8]) -> Option<InfoHash> {
    if let Ok(bytes) = bytes.try_into() {
        return Some(InfoHash(bytes));
    }
    let digits: &[u8; 40] = bytes.try_into().ok()?;
    let mut hash = [0; 20];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
    }
    Some(InfoHash(hash))
}

fn client(cells: &Cells<'_>) -> Result<Client, Fault> {
    let prefix = cells.bytes("prefix");
    if prefix.is_empty() || prefix.len() > PREFIX_MAX_BYTES {
        return Err("the prefix is empty or longer than 20 bytes");
    }
    Ok(Client {
        prefix: prefix.into(),
        allow: cells.flag("allow", true)?,
    })
}

fn token(cells: &Cells<'_>) -> Result<Token, Fault> {
    Ok(Token {
        user: cells.one_or_all("user")?.map(UserId),
        torrent: cells.one_or_all("torrent")?.map(TorrentId),
        multipliers: cells.multipliers()?,
        until: until(cells.integer("until", 0)?)?,
    })
}

/// Takes an option into what holds for everybody.
pub(super) fn set_option(global: &mut Global, cells: &Cells<'_>) -> Result<(), Fault> {
    let value = || cells.integer("value", 0);
    match cells.bytes("name") {
        b"up_percent" => global.multipliers.up_percent = percent(value()?)?,
        b"down_percent" => global.multipliers.down_percent = percent(value()?)?,
        b"until" => global.until = until(value()?)?,
        b"interval" => global.interval_secs = Some(seconds(value()?)?),
        b"min_interval" => global.min_interval_secs = Some(seconds(value()?)?),
        b"jitter" => global.jitter_secs = Some(seconds(value()?)?),
        _ => {
            return Err(
                "the name is none of up_percent, down_percent, until, interval, min_interval, \
                 jitter",
            );
        }
    }
    Ok(())
}

/// What a row of changes says has changed.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Changed {
    User(u64),
    Torrent(u64),
    Client(Box<[u8]>),
    Token {
        user: u64,
        torrent: u64,
    },
    Options,
    /// More than is known row by row.
    All,
}

/// Reads a row of changes: its cursor, and what has changed.
pub(super) fn changed(cells: &Cells<'_>) -> Result<(u64, Changed), Fault> {
    let cursor = cells.number("cursor")?;
    let changed = match cells.bytes("kind") {
        b"user" => Changed::User(cells.number("key")?),
        b"torrent" => Changed::Torrent(cells.number("key")?),
        b"client" => match std::str::from_utf8(cells.bytes("key")) {
            Ok(prefix) => Changed::Client(prefix.as_bytes().into()),
            // It cannot be looked for as a text.
            Err(_) => Changed::All,
        },
        b"token" => {
            let key = std::str::from_utf8(cells.bytes("key")).unwrap_or_default();
            let numbers = key.split_once(':');
            let read = |(user, torrent): (&str, &str)| {
                Some(Changed::Token {
                    user: user.parse().ok()?,
                    torrent: torrent.parse().ok()?,
                })
            };
            numbers
                .and_then(read)
                .ok_or("the key of a token is not USER:TORRENT")?
        }
        b"options" => Changed::Options,
        b"all" => Changed::All,
        _ => return Err("the kind is none of user, torrent, client, token, options, all"),
    };
    Ok((cursor, changed))
}

/// What stands in a change's row of keys, or that nothing does any more.
pub(super) fn gone(changed: &Changed) -> Option<Change> {
    Some(match changed {
        Changed::User(id) => Change::UserGone(UserId(*id)),
        Changed::Torrent(id) => Change::TorrentGone(TorrentId(*id)),
        Changed::Client(prefix) => Change::ClientGone(prefix.clone()),
        Changed::Token { user, torrent } => Change::TokenGone {
            user: (*user != 0).then_some(UserId(*user)),
            torrent: (*torrent != 0).then_some(TorrentId(*torrent)),
        },
        Changed::Options | Changed::All => return None,
    })
}

/// What has changed where a row says this.
pub(super) fn whose(change: &Change) -> Option<Changed> {
    Some(match change {
        Change::User(user) => Changed::User(user.id.0),
        Change::Torrent(torrent) => Changed::Torrent(torrent.id.0),
        Change::Client(client) => Changed::Client(client.prefix.clone()),
        Change::Token(token) => Changed::Token {
            user: token.user.map_or(0, |user| user.0),
            torrent: token.torrent.map_or(0, |torrent| torrent.0),
        },
        _ => return None,
    })
}

/// The key under which a changed row is looked for.
pub(super) fn key(changed: &Changed) -> Option<Key> {
    Some(match changed {
        Changed::User(id) | Changed::Torrent(id) | Changed::Token { user: id, .. } => {
            Key::Number(*id)
        }
        Changed::Client(prefix) => Key::Text(prefix.clone()),
        Changed::Options | Changed::All => return None,
    })
}

/// An error of a statement, told as such.
pub(super) fn wrong(statement: &str, message: &str) -> SqlError {
    let message = format!("storage.statements.load.{statement}: {message}");
    SqlError::new(super::connection::Fault::Wrong, message)
}
