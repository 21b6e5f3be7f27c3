//! Parts of the directory that are listed, for those who look into it: by the command line, or over
//! the management API.

use super::{Client, Token, TorrentName, TorrentStatus, UserName};
use crate::model::{InfoHash, Multipliers, TorrentId, Transfer, UserId};

/// What is to be listed. What comes after something is listed in its order, so that the next part
/// can be asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Listing {
    /// Users with greater numbers than this, by number; `None`: from the first.
    Users(Option<UserId>),
    /// The same, of those of this name.
    UsersNamed(Box<str>, Option<UserId>),
    /// One user, if there is such a one.
    User(UserName),
    /// Torrents with greater numbers than this, by number; `None`: from the first.
    Torrents(Option<TorrentId>),
    /// The same, of those of this name.
    TorrentsNamed(Box<str>, Option<TorrentId>),
    /// One torrent, if there is such a one.
    Torrent(TorrentName),
    /// Prefixes of peer ids after this one, by their bytes; empty: from the first.
    Clients(Box<[u8]>),
    /// Tokens after that of these numbers, by the user's and the torrent's; `None`: from the first.
    Tokens(Option<TokenKey>),
}

/// Whom and what a token is for; `None` comes first of each.
pub type TokenKey = (Option<UserId>, Option<TorrentId>);

/// What is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A user.
    User(UserEntry),
    /// A torrent.
    Torrent(TorrentEntry),
    /// A prefix of peer ids.
    Client(Client),
    /// A token.
    Token(Token),
}

/// A user as people see one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserEntry {
    /// The number.
    pub id: UserId,
    /// The name; empty where the web application gave none.
    pub name: String,
    /// The passkey, as text.
    pub passkey: String,
    /// Whether announces are accepted.
    pub enabled: bool,
    /// Whether downloading is allowed.
    pub can_leech: bool,
    /// Whether the address is kept out of the storage.
    pub hide_ip: bool,
    /// Torrents that may be downloaded at the same time; `None`: any number.
    pub slots: Option<u16>,
    /// How all transfer is credited.
    pub multipliers: Multipliers,
    /// What is credited.
    pub credited: Transfer,
}

/// A torrent as people see one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TorrentEntry {
    /// The number.
    pub id: TorrentId,
    /// The name; empty where the web application gave none.
    pub name: String,
    /// The info-hash.
    pub info_hash: InfoHash,
    /// Whether it may be announced.
    pub status: TorrentStatus,
    /// How all its transfer is credited.
    pub multipliers: Multipliers,
    /// Sessions that have everything.
    pub seeders: u32,
    /// Sessions that do not.
    pub leechers: u32,
    /// Finished downloads.
    pub snatches: u64,
}
