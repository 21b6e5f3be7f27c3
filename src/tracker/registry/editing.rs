//! What is pushed, made in the registry: as a storage makes it, so that a load brings no surprise.

use super::map::Entry;
use super::records::{Reason, TorrentEntry, UserEntry};
use super::{Registry, Standing, TorrentRecord, UserRecord};
use crate::model::{InfoHash, Multipliers, TorrentId, UserId};
use crate::storage::{
    Change, Edit, EditError, OptionsEdit, Placed, TorrentEdit, TorrentName, TorrentStatus,
    UserEdit, UserName,
};

/// What an edit has come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edited {
    /// Number, and whether it is new.
    pub placed: Placed,
    /// Whether anything is otherwise than before.
    pub changed: bool,
    /// Whether a passkey, an info-hash or a number is another's now, or nobody's.
    pub moved: bool,
    /// Whose clients have nothing to announce any more.
    pub leaving: Option<Leaving>,
}

/// Whose sessions end by an edit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Leaving {
    /// All of a user.
    User(UserId),
    /// All with a torrent, which clients call so.
    Torrent(TorrentId, InfoHash),
}

/// Why nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unedited {
    /// It cannot be made.
    Refused(EditError),
    /// It adds what has no number yet: the storage must give one.
    NeedsNumber,
}

impl From<EditError> for Unedited {
    fn from(error: EditError) -> Unedited {
        Unedited::Refused(error)
    }
}

const NOT_FOUND: Unedited = Unedited::Refused(EditError::NotFound);

fn conflict<T>(text: &'static str) -> Result<T, Unedited> {
    Err(Unedited::Refused(EditError::Conflict(text)))
}

fn edited(id: Option<u64>, created: bool, changed: bool) -> Edited {
    Edited {
        placed: Placed { id, created },
        changed,
        moved: false,
        leaving: None,
    }
}

impl Registry {
    /// Makes an edit.
    pub fn edit(&mut self, edit: &Edit) -> Result<Edited, Unedited> {
        edit.check()?;
        match edit {
            Edit::User(user) => self.edit_user(user),
            Edit::UserGone(who) => {
                let user = self.user_named(who).ok_or(NOT_FOUND)?.record();
                self.apply(Change::UserGone(user.id));
                Ok(Edited {
                    moved: true,
                    leaving: Some(Leaving::User(user.id)),
                    ..edited(Some(user.id.0), false, true)
                })
            }
            Edit::Torrent(torrent) => self.edit_torrent(torrent),
            Edit::TorrentGone(which) => {
                let torrent = *self.torrent_named(which).ok_or(NOT_FOUND)?;
                self.apply(Change::TorrentGone(torrent.id()));
                Ok(Edited {
                    moved: true,
                    leaving: Some(Leaving::Torrent(torrent.id(), torrent.info_hash())),
                    ..edited(Some(torrent.id().0), false, true)
                })
            }
            Edit::Client(client) => {
                let created = self.client(&client.prefix).is_none();
                let changed = self.apply(Change::Client(client.clone()));
                Ok(edited(None, created, changed))
            }
            Edit::ClientGone(prefix) => match self.apply(Change::ClientGone(prefix.clone())) {
                true => Ok(edited(None, false, true)),
                false => Err(NOT_FOUND),
            },
            Edit::Token(token) => {
                let created = self.token(token.user, token.torrent).is_none();
                let changed = self.apply(Change::Token(token.clone()));
                Ok(edited(None, created, changed))
            }
            &Edit::TokenGone { user, torrent } => {
                match self.apply(Change::TokenGone { user, torrent }) {
                    true => Ok(edited(None, false, true)),
                    false => Err(NOT_FOUND),
                }
            }
            Edit::Options(options) => Ok(self.edit_options(options)),
        }
    }

    /// The same edit by number, where what it names is there; so it goes on to mean the same,
    /// whoever gets the passkey or info-hash later.
    pub fn by_number(&self, mut edit: Edit) -> Edit {
        match &mut edit {
            Edit::User(user) => {
                if let UserName::Passkey(passkey) = user.who {
                    let there = self.user(&passkey).map(|user| user.id);
                    // A new one keeps its passkey by being told it.
                    if there.is_none() {
                        user.passkey = user.said_passkey();
                    }
                    if let Some(id) = there.or(user.id) {
                        user.who = UserName::Id(id);
                    }
                }
            }
            Edit::UserGone(who) => {
                if let Some(user) = self.user_named(who) {
                    *who = UserName::Id(user.record().id);
                }
            }
            Edit::Torrent(torrent) => {
                if let TorrentName::InfoHash(info_hash) = torrent.which {
                    let there = self.torrent(&info_hash).map(|torrent| torrent.id);
                    if there.is_none() {
                        torrent.info_hash = torrent.said_info_hash();
                    }
                    if let Some(id) = there.or(torrent.id) {
                        torrent.which = TorrentName::Id(id);
                    }
                }
            }
            Edit::TorrentGone(which) => {
                if let Some(torrent) = self.torrent_named(which) {
                    *which = TorrentName::Id(torrent.id());
                }
            }
            Edit::Client(_)
            | Edit::ClientGone(_)
            | Edit::Token(_)
            | Edit::TokenGone { .. }
            | Edit::Options(_) => {}
        }
        edit
    }

    fn user_named(&self, who: &UserName) -> Option<&UserEntry> {
        match who {
            UserName::Id(id) => self.users.get_by_number(id.0, &self.secret),
            UserName::Passkey(passkey) => {
                let digest = self.secret.digest(passkey.as_bytes());
                self.users.get(&digest, &self.secret)
            }
        }
    }

    fn torrent_named(&self, which: &TorrentName) -> Option<&TorrentEntry> {
        match which {
            TorrentName::Id(id) => self.torrents.get_by_number(id.0, &self.secret),
            TorrentName::InfoHash(info_hash) => self.torrents.get(info_hash, &self.secret),
        }
    }

    fn edit_user(&mut self, edit: &UserEdit) -> Result<Edited, Unedited> {
        let before = self.user_named(&edit.who).copied();
        if before.is_none() && !edit.create {
            return Err(NOT_FOUND);
        }
        let before_record = before.map(|user| user.record());
        let digest = match (edit.passkey, before) {
            (None, Some(user)) => user.key(),
            _ => {
                let passkey = edit.said_passkey();
                let passkey = passkey.ok_or(EditError::Invalid("a new user needs a passkey"))?;
                self.secret.digest(passkey.as_bytes())
            }
        };
        let there = before_record.map(|user| user.id);
        let holder = self.users.get(&digest, &self.secret);
        let holder = holder.map(|user| user.record().id);
        let said = edit.said_id();
        let id = there.or(said);
        if (said.is_some() && said != id) || holder.is_some_and(|holder| Some(holder) != id) {
            return conflict("another user has this passkey");
        }
        let id = id.ok_or(Unedited::NeedsNumber)?;
        if there.is_none() && self.user_by_id(id).is_some() {
            return conflict("another user has this number");
        }
        let after = amended_user(edit, &before_record.unwrap_or(new_user(id)));
        let entry = UserEntry::of(digest, &after);
        let changed = before != Some(entry);
        if changed {
            self.users.insert(entry, &self.secret);
        }
        let was_enabled = before_record.is_some_and(|user| user.enabled);
        Ok(Edited {
            moved: before.is_none_or(|before| before.key() != digest),
            leaving: (was_enabled && !after.enabled).then_some(Leaving::User(id)),
            ..edited(Some(id.0), before.is_none(), changed)
        })
    }

    fn edit_torrent(&mut self, edit: &TorrentEdit) -> Result<Edited, Unedited> {
        let before = self.torrent_named(&edit.which).copied();
        if before.is_none() && !edit.create {
            return Err(NOT_FOUND);
        }
        let info_hash = match (edit.info_hash, before) {
            (None, Some(torrent)) => torrent.info_hash(),
            _ => {
                let said = edit.said_info_hash();
                said.ok_or(EditError::Invalid("a new torrent needs an info-hash"))?
            }
        };
        let there = before.map(|torrent| torrent.id());
        let holder = self.torrent(&info_hash).map(|torrent| torrent.id);
        let said = edit.said_id();
        let id = there.or(said);
        if (said.is_some() && said != id) || holder.is_some_and(|holder| Some(holder) != id) {
            return conflict("another torrent has this info-hash");
        }
        let id = id.ok_or(Unedited::NeedsNumber)?;
        if there.is_none() && self.torrent_by_id(id).is_some() {
            return conflict("another torrent has this number");
        }
        let after = amended_torrent(
            edit,
            &before.map_or(new_torrent(id), |torrent| torrent.record()),
        );
        let entry = TorrentEntry::of(info_hash, &after);
        let changed = before != Some(entry);
        if changed {
            self.torrents.insert(entry, &self.secret);
        }
        let changed = self.edit_reason(id, edit.status.as_ref()) || changed;
        let leaving = before.filter(|torrent| {
            torrent.record().standing == Standing::Registered
                && (after.standing != Standing::Registered || torrent.info_hash() != info_hash)
        });
        Ok(Edited {
            moved: before.is_none_or(|before| before.info_hash() != info_hash),
            leaving: leaving.map(|torrent| Leaving::Torrent(id, torrent.info_hash())),
            ..edited(Some(id.0), before.is_none(), changed)
        })
    }

    fn edit_reason(&mut self, id: TorrentId, status: Option<&TorrentStatus>) -> bool {
        let before = self.reasons.get(&id, &self.secret);
        let reason = match status {
            None => return false,
            Some(TorrentStatus::Deleted(reason)) => Reason::new(id, reason),
            Some(TorrentStatus::Registered | TorrentStatus::Unapproved) => None,
        };
        if before == reason.as_ref() {
            return false;
        }
        match reason {
            Some(reason) => self.reasons.insert(reason, &self.secret),
            None => self.reasons.remove(&id, &self.secret),
        };
        true
    }

    fn edit_options(&mut self, edit: &OptionsEdit) -> Edited {
        let mut global = self.global.clone();
        let multipliers = &mut global.multipliers;
        *multipliers = amended(edit.up_percent, edit.down_percent, *multipliers);
        global.until = edit.until.unwrap_or(global.until);
        global.interval_secs = edit.interval_secs.unwrap_or(global.interval_secs);
        global.min_interval_secs = edit.min_interval_secs.unwrap_or(global.min_interval_secs);
        global.jitter_secs = edit.jitter_secs.unwrap_or(global.jitter_secs);
        let changed = self.apply(Change::Global(global));
        edited(None, false, changed)
    }
}

fn amended(up: Option<u16>, down: Option<u16>, before: Multipliers) -> Multipliers {
    Multipliers {
        up_percent: up.unwrap_or(before.up_percent),
        down_percent: down.unwrap_or(before.down_percent),
    }
}

fn new_user(id: UserId) -> UserRecord {
    UserRecord {
        id,
        enabled: true,
        can_leech: true,
        hide_ip: false,
        slots: None,
        multipliers: Multipliers::EVEN,
    }
}

fn amended_user(edit: &UserEdit, before: &UserRecord) -> UserRecord {
    UserRecord {
        id: before.id,
        enabled: edit.enabled.unwrap_or(before.enabled),
        can_leech: edit.can_leech.unwrap_or(before.can_leech),
        hide_ip: edit.hide_ip.unwrap_or(before.hide_ip),
        slots: edit.slots.unwrap_or(before.slots),
        multipliers: amended(edit.up_percent, edit.down_percent, before.multipliers),
    }
}

fn new_torrent(id: TorrentId) -> TorrentRecord {
    TorrentRecord {
        id,
        standing: Standing::Registered,
        multipliers: Multipliers::EVEN,
        snatches: 0,
    }
}

fn amended_torrent(edit: &TorrentEdit, before: &TorrentRecord) -> TorrentRecord {
    TorrentRecord {
        id: before.id,
        standing: match &edit.status {
            None => before.standing,
            Some(TorrentStatus::Registered) => Standing::Registered,
            Some(TorrentStatus::Unapproved) => Standing::Unapproved,
            Some(TorrentStatus::Deleted(_)) => Standing::Deleted,
        },
        multipliers: amended(edit.up_percent, edit.down_percent, before.multipliers),
        snatches: before.snatches,
    }
}

#[cfg(all(test, feature = "sqlite"))]
#[path = "editing_tests.rs"]
mod tests;
