//! The dialects of existing web applications: what they have always sent to their trackers, in
//! their own paths and bodies, becomes the same edits and questions as the API's own requests.
//!
//! A secret in the path stands for the token. A dialect may be spoken at the listener for management
//! and at the tracker's own HTTP addresses; there, a worker only sees that a path [could
//! be](Spoken::find) of a dialect, and hands the connection over.

mod called;
mod groups;
pub mod ocelot;
mod paths;
pub mod unit3d;

pub use groups::{Fact, Group, Groups, Member};
pub use paths::Spoken;

use super::access::Secrets;
use super::answer::Answer;
use crate::config::{Entrance, Scope};
use crate::model::{InfoHash, TorrentId};
use crate::storage::{Edit, TorrentEdit, TorrentName, TorrentStatus};
use crate::tracker::registry::{Registry, Standing};
pub(super) use called::{Called, Change, Read};
use paths::{Found, Page};

/// Where a connection has come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Door {
    /// At the listener for management.
    #[default]
    Admin,
    /// At one of the tracker's own addresses: nothing is served there but dialects.
    Tracker,
}

/// What those who speak a dialect are known by, and where it is spoken.
#[derive(Clone, Debug)]
pub struct Known {
    /// Where.
    pub at: Entrance,
    /// The secrets. One that allows to look is for reports alone.
    pub secrets: Secrets,
}

/// The dialects that are spoken.
#[derive(Clone, Debug, Default)]
pub struct Dialects {
    /// That of Ocelot.
    pub ocelot: Option<Known>,
    /// That of UNIT3D.
    pub unit3d: Option<Known>,
}

/// What a request in a dialect asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// In Ocelot's: a change. `None`: one of which nothing can be made.
    Update(Option<ocelot::Update>),
    /// In Ocelot's: to be told something.
    Report(ocelot::Report),
    /// In UNIT3D's: a change.
    Push(unit3d::Push),
    /// In UNIT3D's: to be told something.
    Show(unit3d::Shown),
}

/// For whom a path is.
pub(super) enum Address<'b> {
    /// For no dialect that is spoken there.
    Nobody,
    /// For one, but the secret is wrong.
    Stranger,
    /// For one, and the secret is right.
    Called(Called<'b>),
}

impl Dialects {
    /// For whom a path is that was asked for at a door.
    pub(super) fn address<'b>(&self, path: &'b [u8], door: Door) -> Address<'b> {
        let at = |dialect: &Option<Known>| {
            let known = dialect.as_ref();
            known.is_some_and(|known| match door {
                Door::Admin => known.at.is_at_admin(),
                Door::Tracker => known.at.is_at_tracker(),
            })
        };
        let spoken = Spoken {
            ocelot: at(&self.ocelot),
            unit3d: at(&self.unit3d),
        };
        let Some(found) = spoken.find(path) else {
            return Address::Nobody;
        };
        let (dialect, secret, needed) = match found {
            Found::Ocelot(secret, Page::Update) => (&self.ocelot, secret, Scope::Write),
            Found::Ocelot(secret, Page::Report) => (&self.ocelot, secret, Scope::Read),
            Found::Unit3d { key, .. } => (&self.unit3d, key, Scope::Write),
        };
        let given = dialect
            .as_ref()
            .and_then(|known| known.secrets.scope(secret));
        match given {
            Some(scope) if scope >= needed => Address::Called(Called::of(found)),
            _ => Address::Stranger,
        }
    }
}

/// What a stranger is told at the tracker's own addresses: as if nobody spoke a dialect there.
pub(super) fn stranger() -> Answer {
    Answer::text(404, "d14:failure reason20:no such tracker pathe".to_owned())
}

/// The edits by which a torrent of this number is called so from now on. The web application gives
/// the info-hash of a torrent that is gone to a new one, with a number of its own; if it has told
/// of the first half only now, or never, the other one goes.
fn registered(id: TorrentId, info_hash: InfoHash, edit: TorrentEdit, now: &Registry) -> Vec<Edit> {
    let holder = now.torrent(&info_hash).filter(|holder| holder.id != id);
    let is_deleted = matches!(edit.status, Some(TorrentStatus::Deleted(_)));
    if is_deleted && holder.is_some_and(|holder| holder.standing != Standing::Deleted) {
        // Another one has taken its place already.
        return Vec::new();
    }
    let gone = holder.map(|holder| Edit::TorrentGone(TorrentName::Id(holder.id)));
    let edit = TorrentEdit {
        create: true,
        info_hash: Some(info_hash),
        ..edit
    };
    gone.into_iter().chain([Edit::Torrent(edit)]).collect()
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;
