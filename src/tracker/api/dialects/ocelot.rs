//! The dialect of Ocelot, which Gazelle and its descendants speak: `GET /SECRET/update?action=…`,
//! `GET /SECRET/report?get=…`.
//!
//! Values are percent-encoded bytes: an info-hash is 20 of them. Ocelot says `success` to all that
//! it can read, and to all else; what says nothing of something leaves it as it is.

use super::registered;
use crate::model::{InfoHash, Multipliers, Passkey, TorrentId, UserId};
use crate::storage::{
    Client, Edit, OptionsEdit, PREFIX_MAX_BYTES, Token, TorrentEdit, TorrentName, TorrentStatus,
    UserEdit, UserName,
};
use crate::tracker::api::{bodies, names};
use crate::tracker::registry::Registry;
use crate::wire::query::pairs;

/// Bytes of a passkey where many stand in a row.
const PASSKEY_BYTES: usize = 32;

/// A change.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are Ocelot's")]
pub enum Update {
    ChangePasskey {
        old: Passkey,
        new: Passkey,
    },
    AddTorrent {
        info_hash: InfoHash,
        id: TorrentId,
        free: Option<Multipliers>,
    },
    UpdateTorrents {
        info_hashes: Vec<InfoHash>,
        free: Multipliers,
    },
    DeleteTorrent {
        info_hash: InfoHash,
        reason: &'static str,
    },
    AddUser {
        passkey: Passkey,
        id: UserId,
        visible: Option<bool>,
    },
    UpdateUser {
        passkey: Passkey,
        can_leech: Option<bool>,
        visible: Option<bool>,
    },
    RemoveUsers(Vec<Passkey>),
    AddToken {
        info_hash: InfoHash,
        user: UserId,
    },
    RemoveToken {
        info_hash: InfoHash,
        user: UserId,
    },
    AddWhitelist(Box<[u8]>),
    EditWhitelist {
        old: Box<[u8]>,
        new: Box<[u8]>,
    },
    RemoveWhitelist(Box<[u8]>),
    UpdateAnnounceInterval(u32),
    UpdateAnnounceJitter(u32),
    InfoTorrent(InfoHash),
}

/// What is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    /// What the tracker does and holds.
    Stats,
    /// The same for Prometheus.
    PromStats,
    /// What a user does.
    User(Option<Passkey>),
    /// Nothing that is known here.
    Unknown,
}

/// The parameters of a request; of those given twice the last one counts.
struct Parameters<'b>(&'b [u8]);

impl Parameters<'_> {
    fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let given = pairs(self.0).filter(|(key, _)| *key == name.as_bytes());
        let (_, value) = given.last()?;
        names::decode(value).map(|decoded| decoded.into_owned())
    }

    fn info_hashes(&self, name: &str) -> Option<Vec<InfoHash>> {
        let bytes = self.bytes(name)?;
        let (hashes, rest) = bytes.as_chunks::<20>();
        let is_whole = rest.is_empty() && !hashes.is_empty();
        is_whole.then(|| hashes.iter().map(|hash| InfoHash(*hash)).collect())
    }

    fn info_hash(&self) -> Option<InfoHash> {
        match self.info_hashes("info_hash")?[..] {
            [info_hash] => Some(info_hash),
            _ => None,
        }
    }

    fn passkey(&self, name: &str) -> Option<Passkey> {
        names::passkey(&self.bytes(name)?)
    }

    fn passkeys(&self, name: &str) -> Option<Vec<Passkey>> {
        let bytes = self.bytes(name)?;
        let passkeys = bytes.chunks(PASSKEY_BYTES).map(names::passkey);
        let all: Option<Vec<Passkey>> = passkeys.collect();
        all.filter(|all| !all.is_empty())
    }

    fn number(&self, name: &str) -> Option<u64> {
        names::number(&self.bytes(name)?)
    }

    /// Yes, unless it is 0; `None` where nothing is said.
    fn flag(&self, name: &str) -> Option<bool> {
        self.bytes(name).map(|value| value != b"0")
    }

    fn prefix(&self, name: &str) -> Option<Box<[u8]>> {
        let prefix = self.bytes(name)?;
        let is_prefix = (1..=PREFIX_MAX_BYTES).contains(&prefix.len());
        is_prefix.then(|| prefix.into())
    }

    fn secs(&self, name: &str, least: u32) -> Option<u32> {
        let value = self.bytes(name)?;
        let text = std::str::from_utf8(&value).ok()?;
        let secs = text.parse().ok()?;
        (least..=bodies::INTERVAL_SECS_MOST)
            .contains(&secs)
            .then_some(secs)
    }

    /// How transfer of a torrent is credited.
    fn free(&self) -> Option<Multipliers> {
        let (up_percent, down_percent) = match &self.bytes("freetorrent")?[..] {
            b"0" => (100, 100),
            b"1" => (100, 0),
            _ => (0, 0),
        };
        Some(Multipliers {
            up_percent,
            down_percent,
        })
    }
}

/// Reads a change; `None` where nothing can be made of it.
pub(super) fn update(query: &[u8]) -> Option<Update> {
    let given = Parameters(query);
    let action = given.bytes("action")?;
    Some(match &action[..] {
        b"change_passkey" => Update::ChangePasskey {
            old: given.passkey("oldpasskey")?,
            new: given.passkey("newpasskey")?,
        },
        b"add_torrent" => Update::AddTorrent {
            info_hash: given.info_hash()?,
            id: TorrentId(given.number("id")?),
            free: given.free(),
        },
        b"update_torrent" => Update::UpdateTorrents {
            info_hashes: vec![given.info_hash()?],
            free: given.free()?,
        },
        b"update_torrents" => Update::UpdateTorrents {
            info_hashes: given.info_hashes("info_hashes")?,
            free: given.free()?,
        },
        b"delete_torrent" => Update::DeleteTorrent {
            info_hash: given.info_hash()?,
            reason: reason(given.bytes("reason").as_deref()),
        },
        b"add_user" => Update::AddUser {
            passkey: given.passkey("passkey")?,
            id: UserId(given.number("id")?),
            visible: given.flag("visible"),
        },
        b"update_user" => Update::UpdateUser {
            passkey: given.passkey("passkey")?,
            can_leech: given.flag("can_leech"),
            visible: given.flag("visible"),
        },
        b"remove_user" => Update::RemoveUsers(vec![given.passkey("passkey")?]),
        b"remove_users" => Update::RemoveUsers(given.passkeys("passkeys")?),
        b"add_token" => Update::AddToken {
            info_hash: given.info_hash()?,
            user: UserId(given.number("userid")?),
        },
        b"remove_token" => Update::RemoveToken {
            info_hash: given.info_hash()?,
            user: UserId(given.number("userid")?),
        },
        b"add_whitelist" => Update::AddWhitelist(given.prefix("peer_id")?),
        b"edit_whitelist" => Update::EditWhitelist {
            old: given.prefix("old_peer_id")?,
            new: given.prefix("new_peer_id")?,
        },
        b"remove_whitelist" => Update::RemoveWhitelist(given.prefix("peer_id")?),
        b"update_announce_interval" => {
            Update::UpdateAnnounceInterval(given.secs("new_announce_interval", 1)?)
        }
        b"update_announce_jitter" => {
            Update::UpdateAnnounceJitter(given.secs("new_announce_jitter", 0)?)
        }
        b"info_torrent" => Update::InfoTorrent(given.info_hash()?),
        _ => return None,
    })
}

/// Reads what is to be told.
pub(super) fn report(query: &[u8]) -> Report {
    let given = Parameters(query);
    match given.bytes("get").as_deref() {
        Some(b"stats") => Report::Stats,
        Some(b"prom_stats") => Report::PromStats,
        Some(b"user") => Report::User(given.passkey("key")),
        _ => Report::Unknown,
    }
}

/// What clients are told of a torrent that was deleted for the reason of this number.
fn reason(code: Option<&[u8]>) -> &'static str {
    const REASONS: [&str; 23] = [
        "Dupe",
        "Trump",
        "Bad File Names",
        "Bad Folder Names",
        "Bad Tags",
        "Disallowed Format",
        "Discs Missing",
        "Discography",
        "Edited Log",
        "Inaccurate Bitrate",
        "Low Bitrate",
        "Mutt Rip",
        "Disallowed Source",
        "Encode Errors",
        "Specifically Banned",
        "Tracks Missing",
        "Transcode",
        "Unapproved Cassette",
        "Unsplit Album",
        "User Compilation",
        "Wrong Format",
        "Wrong Media",
        "Audience Recording",
    ];
    let text = code.and_then(|code| std::str::from_utf8(code).ok());
    let code: Option<usize> = text.and_then(|text| text.parse().ok());
    code.and_then(|code| REASONS.get(code)).unwrap_or(&"")
}

impl Update {
    /// The edits that it comes to, in a directory as it is now.
    pub fn edits(&self, now: &Registry) -> Vec<Edit> {
        let token = |info_hash: &InfoHash| now.torrent(info_hash).map(|torrent| torrent.id);
        match self {
            Update::ChangePasskey { old, new } => vec![Edit::User(UserEdit {
                passkey: Some(*new),
                ..UserEdit::of(UserName::Passkey(*old))
            })],
            Update::AddTorrent {
                info_hash,
                id,
                free,
            } => {
                let edit = TorrentEdit {
                    status: Some(TorrentStatus::Registered),
                    ..TorrentEdit::of(TorrentName::Id(*id))
                };
                registered(*id, *info_hash, credited(edit, *free), now)
            }
            Update::UpdateTorrents { info_hashes, free } => info_hashes
                .iter()
                .map(|info_hash| {
                    let edit = TorrentEdit::of(TorrentName::InfoHash(*info_hash));
                    Edit::Torrent(credited(edit, Some(*free)))
                })
                .collect(),
            Update::DeleteTorrent { info_hash, reason } => vec![Edit::Torrent(TorrentEdit {
                status: Some(TorrentStatus::Deleted((*reason).into())),
                ..TorrentEdit::of(TorrentName::InfoHash(*info_hash))
            })],
            Update::AddUser {
                passkey,
                id,
                visible,
            } => vec![Edit::User(UserEdit {
                create: true,
                passkey: Some(*passkey),
                enabled: Some(true),
                hide_ip: visible.map(|visible| !visible),
                ..UserEdit::of(UserName::Id(*id))
            })],
            Update::UpdateUser {
                passkey,
                can_leech,
                visible,
            } => vec![Edit::User(UserEdit {
                can_leech: *can_leech,
                hide_ip: visible.map(|visible| !visible),
                ..UserEdit::of(UserName::Passkey(*passkey))
            })],
            Update::RemoveUsers(passkeys) => passkeys.iter().map(disabled).collect(),
            Update::AddToken { info_hash, user } => {
                let edit = token(info_hash).map(|torrent| Edit::Token(free_token(*user, torrent)));
                edit.into_iter().collect()
            }
            Update::RemoveToken { info_hash, user } => {
                let edit = token(info_hash).map(|torrent| Edit::TokenGone {
                    user: Some(*user),
                    torrent: Some(torrent),
                });
                edit.into_iter().collect()
            }
            Update::AddWhitelist(prefix) => vec![approved(prefix)],
            Update::EditWhitelist { old, new } => {
                vec![Edit::ClientGone(old.clone()), approved(new)]
            }
            Update::RemoveWhitelist(prefix) => vec![Edit::ClientGone(prefix.clone())],
            Update::UpdateAnnounceInterval(secs) => vec![Edit::Options(OptionsEdit {
                interval_secs: Some(Some(*secs)),
                ..OptionsEdit::default()
            })],
            Update::UpdateAnnounceJitter(secs) => vec![Edit::Options(OptionsEdit {
                jitter_secs: Some(Some(*secs)),
                ..OptionsEdit::default()
            })],
            Update::InfoTorrent(_) => Vec::new(),
        }
    }
}

fn credited(edit: TorrentEdit, free: Option<Multipliers>) -> TorrentEdit {
    TorrentEdit {
        up_percent: free.map(|free| free.up_percent),
        down_percent: free.map(|free| free.down_percent),
        ..edit
    }
}

/// A site removes whom it disables, and may enable again: what the user has moved stays.
fn disabled(passkey: &Passkey) -> Edit {
    Edit::User(UserEdit {
        enabled: Some(false),
        ..UserEdit::of(UserName::Passkey(*passkey))
    })
}

fn free_token(user: UserId, torrent: TorrentId) -> Token {
    Token {
        user: Some(user),
        torrent: Some(torrent),
        multipliers: Multipliers {
            up_percent: 100,
            down_percent: 0,
        },
        until: None,
    }
}

fn approved(prefix: &[u8]) -> Edit {
    Edit::Client(Client {
        prefix: prefix.into(),
        allow: true,
    })
}

#[cfg(test)]
#[path = "ocelot_tests.rs"]
mod tests;
