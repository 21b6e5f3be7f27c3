//! What the web application decides: who may announce what, and how it is credited.

use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, UnixTime, UserId};
use serde::{Deserialize, Serialize};

/// How far a load has come; its meaning is the driver's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor(pub u64);

/// Something is so from now on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A user is there, or has changed.
    User(User),
    /// A user is no longer there.
    UserGone(UserId),
    /// A torrent is there, or has changed.
    Torrent(Torrent),
    /// A torrent is no longer there.
    TorrentGone(TorrentId),
    /// A prefix of peer ids is approved, or is not.
    Client(Client),
    /// Nothing is said of a prefix any more.
    ClientGone(Box<[u8]>),
    /// Some user's transfer of some torrent is credited otherwise.
    Token(Token),
    /// A token is no longer there.
    TokenGone {
        /// As in [`Token::user`].
        user: Option<UserId>,
        /// As in [`Token::torrent`].
        torrent: Option<TorrentId>,
    },
    /// What holds for everybody.
    Global(Global),
}

/// Who may announce.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// The web application's number.
    pub id: UserId,
    /// The secret in the announce URL.
    pub passkey: Passkey,
    /// Whether announces are accepted at all.
    pub enabled: bool,
    /// Whether downloading is allowed.
    pub can_leech: bool,
    /// Whether the address is kept out of the storage.
    pub hide_ip: bool,
    /// Torrents that may be downloaded at the same time; `None`: any number.
    pub slots: Option<u16>,
    /// How all transfer is credited.
    pub multipliers: Multipliers,
}

/// What may be announced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Torrent {
    /// The web application's number.
    pub id: TorrentId,
    /// What clients call it.
    pub info_hash: InfoHash,
    /// Whether it may be announced.
    pub status: TorrentStatus,
    /// How all its transfer is credited.
    pub multipliers: Multipliers,
    /// Finished downloads that the data store knows of; scrapes tell them.
    pub snatches: u32,
}

/// Whether a torrent may be announced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TorrentStatus {
    /// It may.
    Registered,
    /// Not yet.
    Unapproved,
    /// No longer; clients are told why. The reason may be empty.
    Deleted(Box<str>),
}

/// A prefix of peer ids (BEP 20). Where any is approved, all others are not; the longest prefix
/// decides.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Client {
    /// 1 to 20 bytes.
    pub prefix: Box<[u8]>,
    /// Approved, or banned.
    pub allow: bool,
}

/// How some user's transfer of some torrent is credited, on top of all else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Token {
    /// The user; `None`: everybody.
    pub user: Option<UserId>,
    /// The torrent; `None`: every torrent.
    pub torrent: Option<TorrentId>,
    /// How.
    pub multipliers: Multipliers,
    /// Until when; `None`: for good.
    pub until: Option<UnixTime>,
}

/// What holds for everybody.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Global {
    /// How all transfer is credited.
    pub multipliers: Multipliers,
    /// Until when; then as if nothing were said of it. `None`: for good.
    pub until: Option<UnixTime>,
    /// Seconds between two announces; `None`: as configured.
    pub interval_secs: Option<u32>,
    /// Seconds before which a client must not announce again; `None`: as configured.
    pub min_interval_secs: Option<u32>,
    /// Seconds by which intervals are spread, so that clients do not come together; `None`: as
    /// configured.
    pub jitter_secs: Option<u32>,
}

/// What a client has announced that nobody here knows of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Unknown passkeys.
    pub passkeys: Vec<Passkey>,
    /// Unknown torrents.
    pub info_hashes: Vec<InfoHash>,
}

impl Wanted {
    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.passkeys.is_empty() && self.info_hashes.is_empty()
    }
}
