//! What becomes of an edit in the registry.

use super::{PushError, State};
use crate::model::{TorrentId, UserId};
use crate::storage::{Edit, EditError, OptionsEdit, TorrentName, UserName};
use crate::tracker::registry::{Edited, Unedited};

/// What has become of the next edit of a push.
pub(super) enum Made {
    Done(Edited),
    Refused(PushError),
    /// It adds what the storage must give a number.
    Born,
    /// It may be about something that has no number yet.
    Later,
}

impl State {
    /// Whether clients can announce at the pace that is wanted.
    fn check_pace(&self, edit: &OptionsEdit) -> Result<(), PushError> {
        let checked = self.pace.check(self.truth.registry.global(), edit);
        checked.map_err(PushError::Invalid)
    }

    /// Makes an edit in the registry.
    pub(super) fn make(&mut self, edit: &Edit, is_behind_birth: bool) -> Made {
        if self.truth.held.is_full() {
            return Made::Refused(PushError::Busy);
        }
        if let Edit::Options(options) = edit
            && let Err(error) = self.check_pace(options)
        {
            return Made::Refused(error);
        }
        let registry = &mut self.truth.registry;
        let made = match is_behind_birth {
            false => registry.edit(edit),
            true => match registry.clone().edit(edit) {
                Err(Unedited::NeedsNumber) => Err(Unedited::NeedsNumber),
                _ => return Made::Later,
            },
        };
        let error = match made {
            Ok(edited) => return Made::Done(edited),
            Err(Unedited::NeedsNumber) if self.storage.is_expected() => return Made::Born,
            Err(Unedited::NeedsNumber) if self.storage.writable == Some(false) => {
                PushError::Invalid("it needs a number: the storage gives none")
            }
            Err(Unedited::NeedsNumber) => PushError::Busy,
            // Who knows, before anything is loaded?
            Err(Unedited::Refused(EditError::NotFound)) if !registry.is_loaded() => PushError::Busy,
            Err(Unedited::Refused(error)) => error.into(),
        };
        Made::Refused(error)
    }
}

/// A new user or torrent with the number that the storage has given it.
pub(super) fn with_number(mut edit: Edit, number: Option<u64>) -> Edit {
    match (&mut edit, number) {
        (Edit::User(user), Some(number)) => {
            user.passkey = user.said_passkey();
            user.who = UserName::Id(UserId(number));
        }
        (Edit::Torrent(torrent), Some(number)) => {
            torrent.info_hash = torrent.said_info_hash();
            torrent.which = TorrentName::Id(TorrentId(number));
        }
        _ => {}
    }
    edit
}
