//! What a web application pushes: a part of a user, torrent or option, where a [`Change`] is all
//! of it.
//!
//! [`Change`]: super::Change

use super::{Client, Token, TorrentStatus};
use crate::model::{InfoHash, Passkey, TorrentId, UnixTime, UserId};
use serde::{Deserialize, Serialize};

/// Bytes of a name at most: what tables have room for.
pub const NAME_MAX_BYTES: usize = 255;
/// Bytes of the reason for which a torrent was deleted at most: it must fit an answer.
pub const REASON_MAX_BYTES: usize = 512;
/// Bytes of a prefix of peer ids at most: as long as a peer id.
pub const PREFIX_MAX_BYTES: usize = 20;

/// Something is to be so from now on. Made twice, an edit changes nothing the second time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Edit {
    /// A user is added or changed.
    User(UserEdit),
    /// A user is removed.
    UserGone(UserName),
    /// A torrent is added or changed.
    Torrent(TorrentEdit),
    /// A torrent is removed, as if it had never been there; see [`TorrentStatus::Deleted`] for one
    /// of which clients are told why.
    TorrentGone(TorrentName),
    /// A prefix of peer ids is approved or banned.
    Client(Client),
    /// Nothing is said of a prefix any more.
    ClientGone(Box<[u8]>),
    /// A token is given.
    Token(Token),
    /// A token is taken back.
    TokenGone {
        /// As in [`Token::user`].
        user: Option<UserId>,
        /// As in [`Token::torrent`].
        torrent: Option<TorrentId>,
    },
    /// What holds for everybody is changed.
    Options(OptionsEdit),
}

/// Which user.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum UserName {
    /// The one with this number.
    Id(UserId),
    /// The one with this passkey.
    #[serde(with = "passkey")]
    Passkey(Passkey),
}

/// Which torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TorrentName {
    /// The one with this number.
    Id(TorrentId),
    /// The one that clients call so.
    InfoHash(InfoHash),
}

/// A user as far as anything is said; what is not said stays as it is. A new one is enabled, may
/// download, shows its address, has any number of slots, and all is credited as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UserEdit {
    /// Who it is.
    pub who: UserName,
    /// Whether the user is added where there is none.
    pub create: bool,
    /// The number; a new user without one gets it from the storage. It never changes.
    pub id: Option<UserId>,
    /// The passkey from now on; a new user named by one need not be told it again.
    #[serde(with = "passkey::optional")]
    pub passkey: Option<Passkey>,
    /// The name, for people.
    pub name: Option<Box<str>>,
    /// Whether announces are accepted at all.
    pub enabled: Option<bool>,
    /// Whether downloading is allowed.
    pub can_leech: Option<bool>,
    /// Whether the address is kept out of the storage.
    pub hide_ip: Option<bool>,
    /// Torrents that may be downloaded at the same time; `Some(None)`: any number.
    pub slots: Option<Option<u16>>,
    /// How upload is credited.
    pub up_percent: Option<u16>,
    /// How download is credited.
    pub down_percent: Option<u16>,
}

/// A torrent as far as anything is said; what is not said stays as it is. A new one is registered,
/// and all is credited as it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TorrentEdit {
    /// Which it is.
    pub which: TorrentName,
    /// Whether the torrent is added where there is none.
    pub create: bool,
    /// The number; a new torrent without one gets it from the storage. It never changes.
    pub id: Option<TorrentId>,
    /// What clients call it from now on; a new torrent named by it need not be told it again.
    pub info_hash: Option<InfoHash>,
    /// The name, for people.
    pub name: Option<Box<str>>,
    /// Whether it may be announced.
    pub status: Option<TorrentStatus>,
    /// How upload is credited.
    pub up_percent: Option<u16>,
    /// How download is credited.
    pub down_percent: Option<u16>,
}

/// What holds for everybody, as far as anything is said.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct OptionsEdit {
    /// How upload is credited.
    pub up_percent: Option<u16>,
    /// How download is credited.
    pub down_percent: Option<u16>,
    /// Until when these percentages hold; `Some(None)`: for good.
    pub until: Option<Option<UnixTime>>,
    /// Seconds between two announces; `Some(None)`: as configured.
    pub interval_secs: Option<Option<u32>>,
    /// Seconds before which a client must not announce again; `Some(None)`: as configured.
    pub min_interval_secs: Option<Option<u32>>,
    /// Seconds by which intervals are spread; `Some(None)`: as configured.
    pub jitter_secs: Option<Option<u32>>,
}

/// What an edit of a storage's directory has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Placed {
    /// The number of the user or torrent; `None` of all else.
    pub id: Option<u64>,
    /// Whether it was not there before.
    pub created: bool,
}

/// Why an edit cannot be made. The texts are fixed, so that nothing secret is in them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EditError {
    /// There is no such user, torrent, prefix or token.
    NotFound,
    /// It would take what belongs to another.
    Conflict(&'static str),
    /// It says something that cannot be.
    Invalid(&'static str),
}

impl UserEdit {
    /// Nothing is said of a user.
    pub fn of(who: UserName) -> UserEdit {
        UserEdit {
            who,
            create: false,
            id: None,
            passkey: None,
            name: None,
            enabled: None,
            can_leech: None,
            hide_ip: None,
            slots: None,
            up_percent: None,
            down_percent: None,
        }
    }

    /// The number that it says.
    pub fn said_id(&self) -> Option<UserId> {
        match self.who {
            UserName::Id(id) => Some(id),
            UserName::Passkey(_) => self.id,
        }
    }

    /// The passkey that a new user gets.
    pub fn said_passkey(&self) -> Option<Passkey> {
        match self.who {
            UserName::Passkey(passkey) => self.passkey.or(Some(passkey)),
            UserName::Id(_) => self.passkey,
        }
    }

    /// All that is not said is as of a new user.
    pub fn or_defaults(&mut self) {
        self.create = true;
        self.name.get_or_insert_default();
        self.enabled.get_or_insert(true);
        self.can_leech.get_or_insert(true);
        self.hide_ip.get_or_insert(false);
        self.slots.get_or_insert(None);
        self.up_percent.get_or_insert(100);
        self.down_percent.get_or_insert(100);
    }

    /// Both edits at once, the later one having the last word.
    pub fn then(&mut self, later: UserEdit) {
        self.create |= later.create;
        replace(&mut self.passkey, later.passkey);
        replace(&mut self.name, later.name);
        replace(&mut self.enabled, later.enabled);
        replace(&mut self.can_leech, later.can_leech);
        replace(&mut self.hide_ip, later.hide_ip);
        replace(&mut self.slots, later.slots);
        replace(&mut self.up_percent, later.up_percent);
        replace(&mut self.down_percent, later.down_percent);
    }
}

impl TorrentEdit {
    /// Nothing is said of a torrent.
    pub fn of(which: TorrentName) -> TorrentEdit {
        TorrentEdit {
            which,
            create: false,
            id: None,
            info_hash: None,
            name: None,
            status: None,
            up_percent: None,
            down_percent: None,
        }
    }

    /// The number that it says.
    pub fn said_id(&self) -> Option<TorrentId> {
        match self.which {
            TorrentName::Id(id) => Some(id),
            TorrentName::InfoHash(_) => self.id,
        }
    }

    /// What clients call a new torrent.
    pub fn said_info_hash(&self) -> Option<InfoHash> {
        match self.which {
            TorrentName::InfoHash(info_hash) => self.info_hash.or(Some(info_hash)),
            TorrentName::Id(_) => self.info_hash,
        }
    }

    /// All that is not said is as of a new torrent.
    pub fn or_defaults(&mut self) {
        self.create = true;
        self.name.get_or_insert_default();
        self.status.get_or_insert(TorrentStatus::Registered);
        self.up_percent.get_or_insert(100);
        self.down_percent.get_or_insert(100);
    }

    /// Both edits at once, the later one having the last word.
    pub fn then(&mut self, later: TorrentEdit) {
        self.create |= later.create;
        replace(&mut self.info_hash, later.info_hash);
        replace(&mut self.name, later.name);
        replace(&mut self.status, later.status);
        replace(&mut self.up_percent, later.up_percent);
        replace(&mut self.down_percent, later.down_percent);
    }
}

impl OptionsEdit {
    /// Both edits at once, the later one having the last word.
    pub fn then(&mut self, later: &OptionsEdit) {
        replace(&mut self.up_percent, later.up_percent);
        replace(&mut self.down_percent, later.down_percent);
        replace(&mut self.until, later.until);
        replace(&mut self.interval_secs, later.interval_secs);
        replace(&mut self.min_interval_secs, later.min_interval_secs);
        replace(&mut self.jitter_secs, later.jitter_secs);
    }
}

fn replace<T>(said: &mut Option<T>, later: Option<T>) {
    if later.is_some() {
        *said = later;
    }
}

impl Edit {
    /// Whether something is not to be there.
    pub fn is_removal(&self) -> bool {
        matches!(
            self,
            Edit::UserGone(_) | Edit::TorrentGone(_) | Edit::ClientGone(_) | Edit::TokenGone { .. }
        )
    }

    /// What is wrong with it, whatever is there: numbers of 0, which mean everybody in tokens, and
    /// texts that are too long.
    pub fn check(&self) -> Result<(), EditError> {
        let number = |id: Option<u64>| match id {
            Some(0) => Err(EditError::Invalid("a number must not be 0")),
            Some(id) if id > i64::MAX.unsigned_abs() => {
                Err(EditError::Invalid("a number is too large"))
            }
            _ => Ok(()),
        };
        let name = |name: &Option<Box<str>>| match name {
            Some(name) if name.len() > NAME_MAX_BYTES => {
                Err(EditError::Invalid("a name has at most 255 bytes"))
            }
            _ => Ok(()),
        };
        let prefix = |prefix: &[u8]| match prefix.len() {
            1..=PREFIX_MAX_BYTES => Ok(()),
            _ => Err(EditError::Invalid("a prefix has 1 to 20 bytes")),
        };
        match self {
            Edit::User(user) => {
                number(user.said_id().map(|id| id.0))?;
                name(&user.name)?;
                let is_text = |passkey: Passkey| std::str::from_utf8(passkey.as_bytes()).is_ok();
                if !user.said_passkey().is_none_or(is_text) {
                    return Err(EditError::Invalid("a passkey must be text"));
                }
                match (user.who, user.id) {
                    (UserName::Id(id), Some(said)) if id != said => Err(RENUMBERED),
                    _ => Ok(()),
                }
            }
            Edit::Torrent(torrent) => {
                number(torrent.said_id().map(|id| id.0))?;
                name(&torrent.name)?;
                if let Some(TorrentStatus::Deleted(reason)) = &torrent.status
                    && reason.len() > REASON_MAX_BYTES
                {
                    return Err(EditError::Invalid("a reason has at most 512 bytes"));
                }
                match (torrent.which, torrent.id) {
                    (TorrentName::Id(id), Some(said)) if id != said => Err(RENUMBERED),
                    _ => Ok(()),
                }
            }
            Edit::Client(client) => prefix(&client.prefix),
            Edit::ClientGone(gone) => prefix(gone),
            Edit::Token(token) => {
                number(token.user.map(|id| id.0))?;
                number(token.torrent.map(|id| id.0))
            }
            Edit::UserGone(_)
            | Edit::TorrentGone(_)
            | Edit::TokenGone { .. }
            | Edit::Options(_) => Ok(()),
        }
    }
}

/// Records, history and sessions go by the number.
const RENUMBERED: EditError = EditError::Invalid("a number cannot be changed");

/// Passkeys have no other way into a file: a log must not be one.
mod passkey {
    use crate::model::Passkey;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(passkey: &Passkey, to: S) -> Result<S::Ok, S::Error> {
        passkey.as_bytes().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Passkey, D::Error> {
        let bytes = Vec::<u8>::deserialize(from)?;
        Passkey::new(&bytes).ok_or_else(|| D::Error::custom("no passkey"))
    }

    pub(super) mod optional {
        use super::Passkey;
        use serde::de::Error;
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        pub(in super::super) fn serialize<S: Serializer>(
            passkey: &Option<Passkey>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            passkey.as_ref().map(Passkey::as_bytes).serialize(to)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Passkey>, D::Error> {
            let bytes = Option::<Vec<u8>>::deserialize(from)?;
            let passkey = bytes.map(|bytes| Passkey::new(&bytes).ok_or("no passkey"));
            passkey.transpose().map_err(D::Error::custom)
        }
    }
}
