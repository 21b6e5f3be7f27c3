//! Tokens: how some user's transfer of some torrent is credited, on top of all else.

use super::map::{Entry, Map};
use super::secret::Secret;
use crate::model::{Multipliers, TorrentId, UnixTime, UserId};
use crate::storage::Token;
use serde::{Deserialize, Serialize};

/// Whom and what a token is for; `None`: all of them.
type Scope = (Option<UserId>, Option<TorrentId>);

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct TokenEntry {
    user: Option<UserId>,
    torrent: Option<TorrentId>,
    multipliers: Multipliers,
    until: Option<UnixTime>,
}

impl TokenEntry {
    pub(super) fn new(token: &Token) -> TokenEntry {
        TokenEntry {
            user: token.user,
            torrent: token.torrent,
            multipliers: token.multipliers,
            until: token.until,
        }
    }
}

impl From<&TokenEntry> for Token {
    fn from(token: &TokenEntry) -> Token {
        Token {
            user: token.user,
            torrent: token.torrent,
            multipliers: token.multipliers,
            until: token.until,
        }
    }
}

impl Entry for TokenEntry {
    type Key = Scope;

    fn key(&self) -> Scope {
        (self.user, self.torrent)
    }

    fn place((user, torrent): &Scope, secret: &Secret) -> u32 {
        let mut bytes = [0; 17];
        let (kind, numbers) = bytes.split_at_mut(1);
        kind.fill(kind_of(&(*user, *torrent)) as u8);
        let (of_user, of_torrent) = numbers.split_at_mut(8);
        of_user.copy_from_slice(&user.map_or(0, |user| user.0).to_le_bytes());
        of_torrent.copy_from_slice(&torrent.map_or(0, |torrent| torrent.0).to_le_bytes());
        secret.place(&bytes)
    }
}

/// Kinds of scopes: for one or all users, and for one or all torrents.
const KINDS: usize = 4;

fn kind_of((user, torrent): &Scope) -> usize {
    usize::from(user.is_some()) * 2 + usize::from(torrent.is_some())
}

#[derive(Clone, Default)]
pub(super) struct Tokens {
    map: Map<TokenEntry>,
    /// How many there are of each kind: a kind of which there is none is not looked for.
    of_kind: [usize; KINDS],
}

impl Tokens {
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn get(&self, scope: Scope, secret: &Secret) -> Option<&TokenEntry> {
        self.map.get(&scope, secret)
    }

    /// Whether anything has changed by it.
    pub(super) fn insert(&mut self, token: TokenEntry, secret: &Secret) -> bool {
        let scope = token.key();
        if self.map.get(&scope, secret) == Some(&token) {
            return false;
        }
        if self.map.insert(token, secret).is_none() {
            self.of_kind[kind_of(&scope)] += 1;
        }
        true
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, scope: Scope, secret: &Secret) -> bool {
        let removed = self.map.remove(&scope, secret).is_some();
        self.of_kind[kind_of(&scope)] -= usize::from(removed);
        removed
    }

    /// What all tokens say that hold for a user and a torrent, from the widest to the narrowest:
    /// products are rounded.
    pub(super) fn of(
        &self,
        user: UserId,
        torrent: TorrentId,
        now: UnixTime,
        secret: &Secret,
    ) -> impl Iterator<Item = Multipliers> {
        let (user, torrent) = (Some(user), Some(torrent));
        let scopes = [(None, None), (None, torrent), (user, None), (user, torrent)];
        let wanted = scopes
            .into_iter()
            .filter(|scope| self.of_kind[kind_of(scope)] > 0);
        let found = wanted.filter_map(|scope| self.map.get(&scope, secret));
        let valid = found.filter(move |token| holds(token.until, now));
        valid.map(|token| token.multipliers)
    }

    /// Shows every token until one fails.
    pub(super) fn try_each<E>(
        &self,
        show: &mut dyn FnMut(&TokenEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        self.map.try_each(show)
    }
}

/// Whether what holds until then still does; its last second counts.
pub(super) fn holds(until: Option<UnixTime>, now: UnixTime) -> bool {
    until.is_none_or(|until| now <= until)
}
