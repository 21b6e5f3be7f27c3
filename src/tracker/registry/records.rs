//! Users and torrents: as they are kept, and as they are shown.

use super::indexed::Numbered;
use super::map::Entry;
use super::secret::{Digest, Secret};
use crate::model::{InfoHash, Multipliers, TorrentId, UserId};
use crate::storage::{REASON_MAX_BYTES, Torrent, TorrentStatus, User};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What an announce must know of a user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserRecord {
    /// The web application's number.
    pub id: UserId,
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

/// What an announce must know of a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TorrentRecord {
    /// The web application's number.
    pub id: TorrentId,
    /// Whether it may be announced.
    pub standing: Standing,
    /// How all its transfer is credited.
    pub multipliers: Multipliers,
    /// Finished downloads that the data store knows of; scrapes tell them.
    pub snatches: u32,
}

/// Whether a torrent may be announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Standing {
    /// It may.
    Registered,
    /// Not yet.
    Unapproved,
    /// No longer; [`super::Registry::reason`] says why.
    Deleted,
}

const ENABLED: u8 = 1;
const CAN_LEECH: u8 = 2;
const HIDE_IP: u8 = 4;
const HAS_SLOTS: u8 = 8;

/// A user in 32 bytes.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct UserEntry {
    digest: Digest,
    id: UserId,
    multipliers: Multipliers,
    slots: u16,
    flags: u8,
}

const _: () = assert!(size_of::<UserEntry>() == 32);

impl UserEntry {
    pub(super) fn new(user: &User, secret: &Secret) -> UserEntry {
        let record = UserRecord {
            id: user.id,
            enabled: user.enabled,
            can_leech: user.can_leech,
            hide_ip: user.hide_ip,
            slots: user.slots,
            multipliers: user.multipliers,
        };
        UserEntry::of(secret.digest(user.passkey.as_bytes()), &record)
    }

    pub(super) fn of(digest: Digest, user: &UserRecord) -> UserEntry {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        UserEntry {
            digest,
            id: user.id,
            multipliers: user.multipliers,
            slots: user.slots.unwrap_or(0),
            flags: flag(user.enabled, ENABLED)
                | flag(user.can_leech, CAN_LEECH)
                | flag(user.hide_ip, HIDE_IP)
                | flag(user.slots.is_some(), HAS_SLOTS),
        }
    }

    pub(super) fn record(&self) -> UserRecord {
        UserRecord {
            id: self.id,
            enabled: self.flags & ENABLED != 0,
            can_leech: self.flags & CAN_LEECH != 0,
            hide_ip: self.flags & HIDE_IP != 0,
            slots: (self.flags & HAS_SLOTS != 0).then_some(self.slots),
            multipliers: self.multipliers,
        }
    }
}

impl Entry for UserEntry {
    type Key = Digest;

    fn key(&self) -> Digest {
        self.digest
    }

    fn place(key: &Digest, _: &Secret) -> u32 {
        key.place()
    }
}

impl Numbered for UserEntry {
    fn number(&self) -> u64 {
        self.id.0
    }
}

/// A torrent in 40 bytes.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct TorrentEntry {
    info_hash: InfoHash,
    id: TorrentId,
    multipliers: Multipliers,
    snatches: u32,
    standing: Standing,
}

const _: () = assert!(size_of::<TorrentEntry>() == 40);

impl TorrentEntry {
    pub(super) fn new(torrent: &Torrent) -> TorrentEntry {
        TorrentEntry {
            info_hash: torrent.info_hash,
            id: torrent.id,
            multipliers: torrent.multipliers,
            snatches: torrent.snatches,
            standing: match torrent.status {
                TorrentStatus::Registered => Standing::Registered,
                TorrentStatus::Unapproved => Standing::Unapproved,
                TorrentStatus::Deleted(_) => Standing::Deleted,
            },
        }
    }

    pub(super) fn of(info_hash: InfoHash, torrent: &TorrentRecord) -> TorrentEntry {
        TorrentEntry {
            info_hash,
            id: torrent.id,
            multipliers: torrent.multipliers,
            snatches: torrent.snatches,
            standing: torrent.standing,
        }
    }

    pub(super) fn id(&self) -> TorrentId {
        self.id
    }

    pub(super) fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    pub(super) fn record(&self) -> TorrentRecord {
        TorrentRecord {
            id: self.id,
            standing: self.standing,
            multipliers: self.multipliers,
            snatches: self.snatches,
        }
    }
}

impl Entry for TorrentEntry {
    type Key = InfoHash;

    fn key(&self) -> InfoHash {
        self.info_hash
    }

    fn place(key: &InfoHash, secret: &Secret) -> u32 {
        secret.place(&key.0)
    }
}

impl Numbered for TorrentEntry {
    fn number(&self) -> u64 {
        self.id.0
    }
}

/// Why a torrent is no longer there. Few have one, so it stands apart from them.
#[derive(Clone, PartialEq)]
pub(super) struct Reason {
    pub(super) torrent: TorrentId,
    pub(super) text: Arc<str>,
}

impl Reason {
    /// The reason, cut where it is too long; `None` where there is nothing to say.
    pub(super) fn new(torrent: TorrentId, text: &str) -> Option<Reason> {
        let end = (0..=REASON_MAX_BYTES)
            .rev()
            .find(|end| text.is_char_boundary(*end))?;
        let text = Arc::from(text.get(..end)?);
        Some(Reason { torrent, text }).filter(|reason| !reason.text.is_empty())
    }
}

impl Entry for Reason {
    type Key = TorrentId;

    fn key(&self) -> TorrentId {
        self.torrent
    }

    fn place(key: &TorrentId, secret: &Secret) -> u32 {
        secret.place(&key.0.to_le_bytes())
    }
}
