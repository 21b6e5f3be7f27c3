//! The stupid twin of a directory: edits made in what one who loads it has seen.

use super::edit_rows::{other, placed};
use super::view::View;
use super::{torrent, user};
use crate::model::{InfoHash, Passkey, TorrentId, UserId};
use crate::storage::{Edit, EditError, Placed, TorrentEdit, TorrentName, UserEdit, UserName};

impl View {
    /// Makes an edit.
    pub(super) fn edit(&mut self, edit: &Edit) -> Result<Placed, EditError> {
        edit.check()?;
        match edit {
            Edit::User(edit) => self.edit_user(edit),
            Edit::UserGone(who) => {
                let id = self.user_id(who).ok_or(EditError::NotFound)?;
                self.users.remove(&id);
                placed(id.0, false)
            }
            Edit::Torrent(edit) => self.edit_torrent(edit),
            Edit::TorrentGone(which) => {
                let id = self.torrent_id(which).ok_or(EditError::NotFound)?;
                self.torrents.remove(&id);
                placed(id.0, false)
            }
            Edit::Client(client) => {
                let before = self.clients.insert(client.prefix.clone(), client.clone());
                other(before.is_none())
            }
            Edit::ClientGone(prefix) => {
                let gone = self.clients.remove(prefix);
                gone.map_or(Err(EditError::NotFound), |_| other(false))
            }
            Edit::Token(token) => {
                let before = self
                    .tokens
                    .insert((token.user, token.torrent), token.clone());
                other(before.is_none())
            }
            Edit::TokenGone { user, torrent } => {
                let gone = self.tokens.remove(&(*user, *torrent));
                gone.map_or(Err(EditError::NotFound), |_| other(false))
            }
            Edit::Options(edit) => {
                let global = &mut self.global;
                let multipliers = &mut global.multipliers;
                multipliers.up_percent = edit.up_percent.unwrap_or(multipliers.up_percent);
                multipliers.down_percent = edit.down_percent.unwrap_or(multipliers.down_percent);
                global.until = edit.until.unwrap_or(global.until);
                global.interval_secs = edit.interval_secs.unwrap_or(global.interval_secs);
                let least = edit.min_interval_secs;
                global.min_interval_secs = least.unwrap_or(global.min_interval_secs);
                global.jitter_secs = edit.jitter_secs.unwrap_or(global.jitter_secs);
                other(false)
            }
        }
    }

    fn holder(&self, passkey: &Passkey) -> Option<UserId> {
        let mut users = self.users.values();
        let holder = users.find(|user| user.passkey == *passkey);
        holder.map(|user| user.id)
    }

    fn user_id(&self, who: &UserName) -> Option<UserId> {
        match who {
            UserName::Id(id) => self.users.contains_key(id).then_some(*id),
            UserName::Passkey(passkey) => self.holder(passkey),
        }
    }

    fn edit_user(&mut self, edit: &UserEdit) -> Result<Placed, EditError> {
        let taken = Err(EditError::Conflict("another user has this passkey"));
        let there = self.user_id(&edit.who);
        if there.is_none() && !edit.create {
            return Err(EditError::NotFound);
        }
        let passkey = match there {
            Some(_) => edit.passkey,
            None => edit.said_passkey(),
        };
        let Some(id) = there.or(edit.said_id()) else {
            panic!("the suite knows no number of {edit:?}");
        };
        if there.is_none() && passkey.is_none() {
            return Err(EditError::Invalid("a new user needs a passkey"));
        }
        let holder = passkey.and_then(|passkey| self.holder(&passkey));
        if edit.said_id().is_some_and(|said| said != id) || holder.is_some_and(|it| it != id) {
            return taken;
        }
        if there.is_none() && self.users.contains_key(&id) {
            return Err(EditError::Conflict("another user has this number"));
        }
        let user = self.users.entry(id).or_insert(user(id.0));
        user.passkey = passkey.unwrap_or(user.passkey);
        user.enabled = edit.enabled.unwrap_or(user.enabled);
        user.can_leech = edit.can_leech.unwrap_or(user.can_leech);
        user.hide_ip = edit.hide_ip.unwrap_or(user.hide_ip);
        user.slots = edit.slots.unwrap_or(user.slots);
        let multipliers = &mut user.multipliers;
        multipliers.up_percent = edit.up_percent.unwrap_or(multipliers.up_percent);
        multipliers.down_percent = edit.down_percent.unwrap_or(multipliers.down_percent);
        placed(id.0, there.is_none())
    }

    fn called(&self, info_hash: &InfoHash) -> Option<TorrentId> {
        let mut torrents = self.torrents.values();
        let called = torrents.find(|torrent| torrent.info_hash == *info_hash);
        called.map(|torrent| torrent.id)
    }

    fn torrent_id(&self, which: &TorrentName) -> Option<TorrentId> {
        match which {
            TorrentName::Id(id) => self.torrents.contains_key(id).then_some(*id),
            TorrentName::InfoHash(info_hash) => self.called(info_hash),
        }
    }

    fn edit_torrent(&mut self, edit: &TorrentEdit) -> Result<Placed, EditError> {
        let there = self.torrent_id(&edit.which);
        if there.is_none() && !edit.create {
            return Err(EditError::NotFound);
        }
        let info_hash = match there {
            Some(_) => edit.info_hash,
            None => edit.said_info_hash(),
        };
        let Some(id) = there.or(edit.said_id()) else {
            panic!("the suite knows no number of {edit:?}");
        };
        if there.is_none() && info_hash.is_none() {
            return Err(EditError::Invalid("a new torrent needs an info-hash"));
        }
        let holder = info_hash.and_then(|info_hash| self.called(&info_hash));
        if edit.said_id().is_some_and(|said| said != id) || holder.is_some_and(|it| it != id) {
            return Err(EditError::Conflict("another torrent has this info-hash"));
        }
        if there.is_none() && self.torrents.contains_key(&id) {
            return Err(EditError::Conflict("another torrent has this number"));
        }
        let torrent = self.torrents.entry(id).or_insert(torrent(id.0));
        torrent.info_hash = info_hash.unwrap_or(torrent.info_hash);
        torrent.status = edit.status.clone().unwrap_or(torrent.status.clone());
        let multipliers = &mut torrent.multipliers;
        multipliers.up_percent = edit.up_percent.unwrap_or(multipliers.up_percent);
        multipliers.down_percent = edit.down_percent.unwrap_or(multipliers.down_percent);
        placed(id.0, there.is_none())
    }
}
