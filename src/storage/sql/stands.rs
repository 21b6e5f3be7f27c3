//! How what an edit names stands.

use super::connection::SqlError;
use super::directory::Changed;
use super::load::Loading;
use crate::model::{TorrentId, UserId};
use crate::storage::{Edit, TorrentName, UserName, Wanted};

/// Shows how it stands, by number where it has one.
pub(super) fn stands(loading: &mut Loading<'_>, edit: &Edit) -> Result<(), SqlError> {
    let changed = match edit {
        Edit::User(user) => user_named(user.said_id(), user.who),
        Edit::UserGone(who) => user_named(None, *who),
        Edit::Torrent(torrent) => torrent_named(torrent.said_id(), torrent.which),
        Edit::TorrentGone(which) => torrent_named(None, *which),
        Edit::Client(client) => Ok(Changed::Client(client.prefix.clone())),
        Edit::ClientGone(prefix) => Ok(Changed::Client(prefix.clone())),
        Edit::Token(token) => Ok(token_of(token.user, token.torrent)),
        Edit::TokenGone { user, torrent } => Ok(token_of(*user, *torrent)),
        Edit::Options(_) => Ok(Changed::Options),
    };
    match changed {
        Ok(changed) => {
            loading.begin()?;
            loading.look_at(std::slice::from_ref(&changed))?;
            loading.end()
        }
        Err(wanted) => loading.find(&wanted),
    }
}

/// By its number where it has one; else it is wanted by its other name.
fn user_named(said: Option<UserId>, who: UserName) -> Result<Changed, Wanted> {
    match (said, who) {
        (Some(id), _) | (None, UserName::Id(id)) => Ok(Changed::User(id.0)),
        (None, UserName::Passkey(passkey)) => Err(Wanted {
            passkeys: vec![passkey],
            ..Wanted::default()
        }),
    }
}

fn torrent_named(said: Option<TorrentId>, which: TorrentName) -> Result<Changed, Wanted> {
    match (said, which) {
        (Some(id), _) | (None, TorrentName::Id(id)) => Ok(Changed::Torrent(id.0)),
        (None, TorrentName::InfoHash(info_hash)) => Err(Wanted {
            info_hashes: vec![info_hash],
            ..Wanted::default()
        }),
    }
}

fn token_of(user: Option<UserId>, torrent: Option<TorrentId>) -> Changed {
    Changed::Token {
        user: user.map_or(0, |user| user.0),
        torrent: torrent.map_or(0, |torrent| torrent.0),
    }
}
