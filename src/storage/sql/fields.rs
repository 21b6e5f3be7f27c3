//! The names that a write statement may use, and what each stands for. Names and their meaning are
//! the contract with whoever writes statements: see the README.

use super::literal::Datum;
use super::template::Field;
use crate::model::UnixTime;
use crate::storage::{EventRow, HistoryDelta, PeerRow, SessionKey, TorrentDelta, UserDelta};
use std::borrow::Cow;
use std::net::Ipv6Addr;

/// The step of a writer's position.
#[derive(Clone, Debug)]
pub struct Step {
    /// Whose.
    pub writer: String,
    /// Where it must be.
    pub from: u64,
    /// Where it will be.
    pub to: u64,
}

/// What became of the tokens of a user for a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenUse {
    /// Whose, and for what.
    pub key: SessionKey,
    /// Bytes downloaded under them, before multipliers.
    pub raw_down: u64,
    /// The download is finished.
    pub used: bool,
    /// When.
    pub time: UnixTime,
}

/// What a row of the directory is looked for by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Key {
    /// A number.
    Number(u64),
    /// A passkey, or a prefix of peer ids, in which any byte may be.
    Text(Box<[u8]>),
    /// An info-hash.
    Bytes([u8; 20]),
}

/// Position and new writer.
pub const STEP: &[Field<Step>] = &[
    ("writer", |row| Some(text(&row.writer))),
    ("from", |row| Datum::exact(row.from)),
    ("to", |row| Datum::exact(row.to)),
];

/// Sums of users.
pub const USERS: &[Field<UserDelta>] = &[
    ("user", |row| Datum::exact(row.user.0)),
    ("up", |row| Datum::exact(row.credited.uploaded)),
    ("down", |row| Datum::exact(row.credited.downloaded)),
    ("raw_up", |row| Datum::exact(row.raw.uploaded)),
    ("raw_down", |row| Datum::exact(row.raw.downloaded)),
];

/// How torrents stand.
pub const TORRENTS: &[Field<TorrentDelta>] = &[
    ("torrent", |row| Datum::exact(row.torrent.0)),
    ("seeders", |row| Some(Datum::Integer(row.seeders.into()))),
    ("leechers", |row| Some(Datum::Integer(row.leechers.into()))),
    ("snatches", |row| Datum::exact(row.snatches)),
    ("balance", |row| Some(Datum::Integer(row.balance))),
    ("last_seeded", |row| Some(Datum::time(row.last_seeded))),
];

/// Users with torrents.
pub const HISTORY: &[Field<HistoryDelta>] = &[
    ("user", |row| Datum::exact(row.user.0)),
    ("torrent", |row| Datum::exact(row.torrent.0)),
    ("up", |row| Datum::exact(row.credited.uploaded)),
    ("down", |row| Datum::exact(row.credited.downloaded)),
    ("raw_up", |row| Datum::exact(row.raw.uploaded)),
    ("raw_down", |row| Datum::exact(row.raw.downloaded)),
    ("seed_seconds", |row| Datum::exact(row.seed_seconds)),
    ("leech_seconds", |row| Datum::exact(row.leech_seconds)),
    ("active_seconds", |row| {
        Datum::exact(row.seed_seconds.saturating_add(row.leech_seconds))
    }),
    ("announces", |row| Datum::exact(row.announces)),
    ("snatches", |row| Datum::exact(row.snatches)),
    ("started", |row| Some(Datum::time(row.started))),
    ("time", |row| Some(Datum::time(row.last))),
    ("completed_at", |row| {
        Some(row.completed.map_or(Datum::Integer(0), Datum::time))
    }),
    ("seeder", |row| Some(Datum::flag(row.seeder))),
    ("active", |row| Some(Datum::flag(row.active))),
    ("left", |row| Some(Datum::capped(row.left))),
    ("uploaded", |row| Some(Datum::capped(row.client.uploaded))),
    ("downloaded", |row| {
        Some(Datum::capped(row.client.downloaded))
    }),
    ("agent", |row| Some(text(&row.agent))),
];

/// Sessions as they stand.
pub const PEERS: &[Field<PeerRow>] = &[
    ("user", |row| Datum::exact(row.key.user.0)),
    ("torrent", |row| Datum::exact(row.key.torrent.0)),
    ("peer_id", |row| Some(Datum::Bytes(&row.key.peer_id.0))),
    ("ip", |row| Some(Datum::Bytes(address(&row.ip)))),
    ("ip_mapped", |row| Some(Datum::Bytes(&row.ip))),
    ("ip_text", |row| Some(address_text(&row.ip))),
    ("hide_ip", |row| Some(Datum::flag(row.ip == [0; 16]))),
    ("port", |row| Some(Datum::Integer(row.port.into()))),
    ("uploaded", |row| Some(Datum::capped(row.totals.uploaded))),
    ("downloaded", |row| {
        Some(Datum::capped(row.totals.downloaded))
    }),
    ("left", |row| Some(Datum::capped(row.left))),
    ("seeder", |row| Some(Datum::flag(row.seeder))),
    ("active", |row| Some(Datum::flag(row.active))),
    ("agent", |row| Some(text(&row.agent))),
    ("started", |row| Some(Datum::time(row.started))),
    ("time", |row| Some(Datum::time(row.last))),
    ("age", |row| {
        Some(Datum::Integer(row.last.since(row.started).into()))
    }),
    ("announces", |row| Some(Datum::capped(row.announces))),
    ("up_rate", |row| Some(Datum::capped(row.rates.uploaded))),
    ("down_rate", |row| Some(Datum::capped(row.rates.downloaded))),
];

/// Sessions whose rows may go.
pub const FORGOTTEN: &[Field<SessionKey>] = &[
    ("user", |row| Datum::exact(row.user.0)),
    ("torrent", |row| Datum::exact(row.torrent.0)),
    ("peer_id", |row| Some(Datum::Bytes(&row.peer_id.0))),
];

/// Finished downloads, and everything that may be awarded or investigated.
pub const EVENTS: &[Field<EventRow>] = &[
    ("kind", |row| Some(text(row.kind.name()))),
    ("user", |row| Datum::exact(row.key.user.0)),
    ("torrent", |row| Datum::exact(row.key.torrent.0)),
    ("peer_id", |row| Some(Datum::Bytes(&row.key.peer_id.0))),
    ("time", |row| Some(Datum::time(row.time))),
    ("ip", |row| Some(Datum::Bytes(address(&row.ip)))),
    ("ip_mapped", |row| Some(Datum::Bytes(&row.ip))),
    ("ip_text", |row| Some(address_text(&row.ip))),
    ("hide_ip", |row| Some(Datum::flag(row.ip == [0; 16]))),
    ("amount", |row| Some(Datum::capped(row.amount))),
];

/// Tokens that were used.
pub const TOKENS: &[Field<TokenUse>] = &[
    ("user", |row| Datum::exact(row.key.user.0)),
    ("torrent", |row| Datum::exact(row.key.torrent.0)),
    ("raw_down", |row| Datum::exact(row.raw_down)),
    ("used", |row| Some(Datum::flag(row.used))),
    ("time", |row| Some(Datum::time(row.time))),
];

/// What is looked for in the directory.
pub const KEY: &[Field<Key>] = &[("key", |row| match row {
    Key::Number(number) => Datum::exact(*number),
    Key::Text(bytes) => std::str::from_utf8(bytes).ok().map(text),
    Key::Bytes(bytes) => Some(Datum::Bytes(bytes)),
})];

fn text(text: &str) -> Datum<'_> {
    Datum::Text(Cow::Borrowed(text))
}

/// The 4 bytes of an IPv4 address, the 16 of another.
fn address(ip: &[u8; 16]) -> &[u8] {
    match Ipv6Addr::from(*ip).to_ipv4_mapped() {
        Some(_) => &ip[12..],
        None => ip,
    }
}

fn address_text(ip: &[u8; 16]) -> Datum<'static> {
    let ip = Ipv6Addr::from(*ip).to_canonical();
    Datum::Text(Cow::Owned(ip.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_as_their_family_has_them() {
        let mapped = Ipv6Addr::from([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201]).octets();
        assert_eq!(address(&mapped), [192, 0, 2, 1]);
        let text = |ip| match address_text(ip) {
            Datum::Text(text) => text.into_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(&mapped), "192.0.2.1");
        let v6 = Ipv6Addr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7]).octets();
        assert_eq!(address(&v6), v6);
        assert_eq!(text(&v6), "2001:db8::7");
        assert_eq!(text(&[0; 16]), "::");
    }
}
