//! Parts of the directory as they are told: what the storage holds of users, torrents and others,
//! with names and sums that the registry does not know. Passkeys are left out.

use super::answer::Answer;
use super::bodies::Status;
use super::names;
use super::show::{ShownClient, ShownToken};
use crate::model::{TorrentId, UserId};
use crate::storage::{Entry, Listing, PREFIX_MAX_BYTES, TorrentEntry, TorrentStatus, UserEntry};
use crate::wire::query::pairs;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Entries of one answer at most: a quarter of a megabyte.
pub const LISTED_MOST: usize = 1000;
/// Entries of one answer when the client does not say.
pub(super) const LISTED_DEFAULT: usize = 100;

/// A user as the storage has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in a user's entry")]
pub struct ListedUser {
    pub id: u64,
    pub name: String,
    pub enabled: bool,
    pub can_leech: bool,
    pub hide_ip: bool,
    pub slots: Option<u16>,
    pub up_percent: u16,
    pub down_percent: u16,
    pub uploaded: u64,
    pub downloaded: u64,
}

/// A torrent as the storage has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "as in a torrent's entry")]
pub struct ListedTorrent {
    pub id: u64,
    pub info_hash: String,
    pub name: String,
    pub status: Status,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub up_percent: u16,
    pub down_percent: u16,
    pub seeders: u32,
    pub leechers: u32,
    pub snatches: u64,
}

impl From<UserEntry> for ListedUser {
    fn from(user: UserEntry) -> ListedUser {
        ListedUser {
            id: user.id.0,
            name: user.name,
            enabled: user.enabled,
            can_leech: user.can_leech,
            hide_ip: user.hide_ip,
            slots: user.slots,
            up_percent: user.multipliers.up_percent,
            down_percent: user.multipliers.down_percent,
            uploaded: user.credited.uploaded,
            downloaded: user.credited.downloaded,
        }
    }
}

impl From<TorrentEntry> for ListedTorrent {
    fn from(torrent: TorrentEntry) -> ListedTorrent {
        let (status, reason) = match torrent.status {
            TorrentStatus::Registered => (Status::Registered, String::new()),
            TorrentStatus::Unapproved => (Status::Unapproved, String::new()),
            TorrentStatus::Deleted(reason) => (Status::Deleted, reason.into()),
        };
        ListedTorrent {
            id: torrent.id.0,
            info_hash: format!("{:?}", torrent.info_hash),
            name: torrent.name,
            status,
            reason,
            up_percent: torrent.multipliers.up_percent,
            down_percent: torrent.multipliers.down_percent,
            seeders: torrent.seeders,
            leechers: torrent.leechers,
            snatches: torrent.snatches,
        }
    }
}

/// An entry of a list, as it is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Listed {
    User(ListedUser),
    Torrent(ListedTorrent),
    Client(ShownClient),
    Token(ShownToken),
}

impl From<Entry> for Listed {
    fn from(entry: Entry) -> Listed {
        match entry {
            Entry::User(user) => Listed::User(user.into()),
            Entry::Torrent(torrent) => Listed::Torrent(torrent.into()),
            Entry::Client(client) => Listed::Client(client.into()),
            Entry::Token(token) => Listed::Token((&token).into()),
        }
    }
}

/// Under which name the entries stand in an answer.
pub fn list_name(listing: &Listing) -> &'static str {
    match listing {
        Listing::Users(_) | Listing::UsersNamed(..) | Listing::User(_) => "users",
        Listing::Torrents(_) | Listing::TorrentsNamed(..) | Listing::Torrent(_) => "torrents",
        Listing::Clients(_) => "clients",
        Listing::Tokens(_) => "tokens",
    }
}

/// The answer that lists a part of the directory, of which so many entries at most were asked for.
pub fn list(listing: &Listing, most: usize, entries: Vec<Entry>) -> Answer {
    let next = entries.last().map(after);
    let next = next.filter(|_| entries.len() >= most);
    let entries: Vec<Listed> = entries.into_iter().map(Listed::from).collect();
    let json = |written: serde_json::Result<String>| written.unwrap_or_default();
    let page = format!(
        "{{\"{}\":{},\"next\":{}}}\n",
        list_name(listing),
        json(serde_json::to_string(&entries)),
        json(serde_json::to_string(&next)),
    );
    Answer::of_bytes(200, page.into_bytes().into())
}

/// What stands behind `after=` when the entries after this one are asked for.
fn after(entry: &Entry) -> String {
    match entry {
        Entry::User(user) => user.id.0.to_string(),
        Entry::Torrent(torrent) => torrent.id.0.to_string(),
        Entry::Client(client) => names::encode(&client.prefix),
        Entry::Token(token) => {
            let user = token.user.map_or(0, |user| user.0);
            format!("{user}/{}", token.torrent.map_or(0, |torrent| torrent.0))
        }
    }
}

/// What a query asks for of a list: where it begins, its entries at most, and of which name.
#[derive(Default, Debug)]
pub(super) struct Asked<'q> {
    after: Option<Cow<'q, [u8]>>,
    limit: Option<usize>,
    name: Option<Box<str>>,
}

const UNKNOWN: &str = "a parameter that is not known here";
const BAD_AFTER: &str = "after is what was told as next";
const BAD_LIMIT: &str = "limit is a number of 1 to 1000";

impl<'q> Asked<'q> {
    /// Reads a query.
    pub(super) fn of(query: &'q [u8]) -> Result<Asked<'q>, &'static str> {
        let mut asked = Asked::default();
        for (key, value) in pairs(query).filter(|(key, _)| !key.is_empty()) {
            let is_new = match key {
                b"after" => {
                    let after = names::decode(value).ok_or(BAD_AFTER)?;
                    asked.after.replace(after).is_none()
                }
                b"limit" => {
                    let value = names::decode(value).ok_or(BAD_LIMIT)?;
                    asked.limit.replace(limit(&value)?).is_none()
                }
                b"name" => asked.name.replace(name(value)?).is_none(),
                _ => return Err(UNKNOWN),
            };
            if !is_new {
                return Err("a parameter is given twice");
            }
        }
        Ok(asked)
    }

    /// Entries at most.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(LISTED_DEFAULT)
    }

    /// A list of users.
    pub(super) fn users(self) -> Result<Listing, &'static str> {
        let after = self.number()?.map(UserId);
        Ok(match self.name {
            Some(name) => Listing::UsersNamed(name, after),
            None => Listing::Users(after),
        })
    }

    /// A list of torrents.
    pub(super) fn torrents(self) -> Result<Listing, &'static str> {
        let after = self.number()?.map(TorrentId);
        Ok(match self.name {
            Some(name) => Listing::TorrentsNamed(name, after),
            None => Listing::Torrents(after),
        })
    }

    fn number(&self) -> Result<Option<u64>, &'static str> {
        let number = |text: &Cow<'_, [u8]>| names::number_or_0(text).ok_or(BAD_AFTER);
        self.after.as_ref().map(number).transpose()
    }

    /// A list of prefixes of peer ids.
    pub(super) fn clients(self) -> Result<Listing, &'static str> {
        match self.nameless()? {
            None => Ok(Listing::Clients([].into())),
            Some(after) if (1..=PREFIX_MAX_BYTES).contains(&after.len()) => {
                Ok(Listing::Clients(after.into()))
            }
            Some(_) => Err(BAD_AFTER),
        }
    }

    /// A list of tokens.
    pub(super) fn tokens(self) -> Result<Listing, &'static str> {
        let Some(text) = self.nameless()? else {
            return Ok(Listing::Tokens(None));
        };
        let slash = text.iter().position(|byte| *byte == b'/');
        let (user, torrent) = text.split_at(slash.ok_or(BAD_AFTER)?);
        let key = names::token(user, &torrent[1..]).map_err(|_| BAD_AFTER)?;
        Ok(Listing::Tokens(Some(key)))
    }

    fn nameless(self) -> Result<Option<Cow<'q, [u8]>>, &'static str> {
        match self.name {
            Some(_) => Err(UNKNOWN),
            None => Ok(self.after),
        }
    }
}

fn limit(text: &[u8]) -> Result<usize, &'static str> {
    let limit = names::number(text).and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| (1..=LISTED_MOST).contains(limit));
    limit.ok_or(BAD_LIMIT)
}

fn name(text: &[u8]) -> Result<Box<str>, &'static str> {
    let text = names::decode_form(text);
    text.map(Into::into).ok_or("the name is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Multipliers;
    use crate::storage::{Client, Token};

    fn asked(query: &str) -> Asked<'_> {
        Asked::of(query.as_bytes()).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    #[test]
    fn what_is_told_as_next_is_read_as_after() {
        let token = |user: Option<u64>, torrent: Option<u64>| Token {
            user: user.map(UserId),
            torrent: torrent.map(TorrentId),
            multipliers: Multipliers::EVEN,
            until: None,
        };
        let prefix: Box<[u8]> = (*b"-\xff&+= ").into();
        let client = Client {
            prefix: prefix.clone(),
            allow: true,
        };
        let query = format!("after={}", after(&Entry::Client(client)));
        assert_eq!(asked(&query).clients(), Ok(Listing::Clients(prefix)));
        for (user, torrent) in [(None, None), (Some(7), None), (None, Some(8))] {
            let token = token(user, torrent);
            let key = (token.user, token.torrent);
            let query = format!("limit=3&after={}", after(&Entry::Token(token)));
            assert_eq!(asked(&query).limit(), 3);
            assert_eq!(asked(&query).tokens(), Ok(Listing::Tokens(Some(key))));
        }
    }

    #[test]
    fn queries() {
        let users = |query: &str| Asked::of(query.as_bytes())?.users();
        assert_eq!(users(""), Ok(Listing::Users(None)));
        assert_eq!(users("&after=0"), Ok(Listing::Users(Some(UserId(0)))));
        assert_eq!(
            users("name=a+b%c3%a9"),
            Ok(Listing::UsersNamed("a bé".into(), None))
        );
        for bad in [
            "after=",
            "after=-1",
            "after=a",
            "after=9223372036854775808",
            "after=1&after=1",
            "limit=0",
            "limit=1001",
            "limit=a",
            "name=%ff",
            "name=%",
            "first=1",
        ] {
            assert!(users(bad).is_err(), "{bad}");
        }
        assert_eq!(users("after=%37&limit=%39"), users("after=7"));
        let all = asked("after=all%2F0").tokens();
        assert_eq!(all, Ok(Listing::Tokens(Some((None, None)))));
        assert!(Asked::of(b"after=%").is_err());
        for bad in ["after=", "name=a", "after=123456789012345678901"] {
            assert!(asked(bad).clients().is_err(), "{bad}");
        }
        for bad in ["after=", "after=1", "after=1/2/3", "after=/", "name=a"] {
            assert!(asked(bad).tokens().is_err(), "{bad}");
        }
    }
}
