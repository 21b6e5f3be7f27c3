//! The registry of a private tracker: who may announce what, and how it is credited.
//!
//! A [`Registry`] is an immutable snapshot for those who read it. Its clone costs nothing and
//! shares everything; [`Registry::apply`] changes the clone and copies the few kilobytes around
//! what has changed (see `map.rs`). [`Published`] hands the newest one to the workers.
//!
//! No passkey is in it: users are found by a keyed hash of theirs, of 128 bits. So nothing that is
//! logged or written can hold one, and how long a search takes says nothing about any.

mod clients;
mod editing;
mod indexed;
mod loading;
mod map;
#[cfg(test)]
mod model_tests;
mod published;
mod records;
mod secret;
mod snapshot;
mod tokens;

pub use editing::{Edited, Leaving, Unedited};
pub use loading::Loading;
pub use map::LOOKUPS;
pub use published::{Published, Reader};
pub use records::{Standing, TorrentRecord, UserRecord};

use crate::config::Combination;
use crate::model::{InfoHash, Multipliers, Passkey, PeerId, TorrentId, UnixTime, UserId};
use crate::storage::{Change, Global, Token, Torrent, TorrentStatus, User};
use clients::{ClientEntry, Clients};
use indexed::Indexed;
use map::{Entry, Map};
use records::{Reason, TorrentEntry, UserEntry};
pub use secret::Digest;
use secret::Secret;
use tokens::{TokenEntry, Tokens, holds};

/// Users, torrents, clients, tokens and options as they were at one moment.
#[derive(Clone)]
pub struct Registry {
    secret: Secret,
    users: Indexed<UserEntry>,
    torrents: Indexed<TorrentEntry>,
    reasons: Map<Reason>,
    clients: Clients,
    tokens: Tokens,
    global: Global,
    loaded: bool,
}

/// How much a registry knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Users.
    pub users: usize,
    /// Torrents, deleted ones included where they are told.
    pub torrents: usize,
    /// Prefixes of peer ids.
    pub clients: usize,
    /// Tokens.
    pub tokens: usize,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let totals = self.totals();
        write!(f, "Registry {{ loaded: {}, {totals:?} }}", self.loaded)
    }
}

impl Registry {
    /// An empty one. Nobody must know the key: 16 random bytes.
    pub fn new(key: [u8; 16]) -> Registry {
        Registry {
            secret: Secret(key),
            users: Indexed::default(),
            torrents: Indexed::default(),
            reasons: Map::default(),
            clients: Clients::default(),
            tokens: Tokens::default(),
            global: Global::default(),
            loaded: false,
        }
    }

    /// One that knows nobody, under the same key: to load everything anew.
    pub fn emptied(&self) -> Registry {
        Registry::new(self.secret.0)
    }

    /// Whether it has all that the storage knew at some time. One that has not must not be taken
    /// for the word of a web application without users.
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Says that it has.
    pub fn set_loaded(&mut self) {
        self.loaded = true;
    }

    /// How much it knows.
    pub fn totals(&self) -> Totals {
        Totals {
            users: self.users.len(),
            torrents: self.torrents.len(),
            clients: self.clients.len(),
            tokens: self.tokens.len(),
        }
    }

    /// The user with this passkey.
    pub fn user(&self, passkey: &Passkey) -> Option<UserRecord> {
        let digest = self.secret.digest(passkey.as_bytes());
        let entry = self.users.get(&digest, &self.secret);
        entry.map(UserEntry::record)
    }

    /// What a passkey has become in this registry, for [`Registry::users`].
    pub fn digest(&self, passkey: &[u8]) -> Digest {
        self.secret.digest(passkey)
    }

    /// Finds the users with these digests, [`LOOKUPS`] at most; their waits for memory are one.
    pub fn users(
        &self,
        digests: impl Iterator<Item = Digest> + Clone,
        found: &mut Vec<Option<UserRecord>>,
    ) {
        found.clear();
        let show = |entry: Option<&UserEntry>| found.push(entry.map(UserEntry::record));
        self.users.get_all(digests, &self.secret, show);
    }

    /// Finds the torrents with these info-hashes in the same way.
    pub fn torrents(
        &self,
        info_hashes: impl Iterator<Item = InfoHash> + Clone,
        found: &mut Vec<Option<TorrentRecord>>,
    ) {
        found.clear();
        let show = |entry: Option<&TorrentEntry>| found.push(entry.map(TorrentEntry::record));
        self.torrents.get_all(info_hashes, &self.secret, show);
    }

    /// The user with this number.
    pub fn user_by_id(&self, id: UserId) -> Option<UserRecord> {
        let entry = self.users.get_by_number(id.0, &self.secret);
        entry.map(UserEntry::record)
    }

    /// The torrent with this info-hash.
    pub fn torrent(&self, info_hash: &InfoHash) -> Option<TorrentRecord> {
        let entry = self.torrents.get(info_hash, &self.secret);
        entry.map(TorrentEntry::record)
    }

    /// The torrent with this number, and its info-hash.
    pub fn torrent_by_id(&self, id: TorrentId) -> Option<(InfoHash, TorrentRecord)> {
        let entry = self.torrents.get_by_number(id.0, &self.secret);
        entry.map(|entry| (entry.info_hash(), entry.record()))
    }

    /// Why a torrent has been deleted; empty where nothing was said.
    pub fn reason(&self, id: TorrentId) -> &str {
        let reason = self.reasons.get(&id, &self.secret);
        reason.map_or("", |reason| &*reason.text)
    }

    /// Whether a client with this peer id may announce.
    pub fn allows_client(&self, peer_id: &PeerId) -> bool {
        self.clients.allow(peer_id)
    }

    /// Whether clients with this prefix are approved or banned; `None` where nothing is said of it.
    pub fn client(&self, prefix: &[u8]) -> Option<bool> {
        self.clients.said_of(prefix)
    }

    /// The token for just these.
    pub fn token(&self, user: Option<UserId>, torrent: Option<TorrentId>) -> Option<Token> {
        let entry = self.tokens.get((user, torrent), &self.secret);
        entry.map(Token::from)
    }

    /// What holds for everybody.
    pub fn global(&self) -> &Global {
        &self.global
    }

    /// How a user's transfer of a torrent is credited now, and whether a token had a part in it.
    ///
    /// They are combined from the widest to the narrowest: everybody's, the user's, the torrent's,
    /// the tokens'. What has a time holds up to that second, which is included.
    pub fn multipliers(
        &self,
        combination: Combination,
        user: &UserRecord,
        torrent: &TorrentRecord,
        now: UnixTime,
    ) -> (Multipliers, bool) {
        let global = match holds(self.global.until, now) {
            true => self.global.multipliers,
            false => Multipliers::default(),
        };
        let both = match combination {
            Combination::Product => Multipliers::and,
            Combination::Best => Multipliers::or,
        };
        let all = both(both(global, user.multipliers), torrent.multipliers);
        let mut has_token = false;
        let tokens = self.tokens.of(user.id, torrent.id, now, &self.secret);
        let credited = tokens.fold(all, |all, token| {
            has_token = true;
            both(all, token)
        });
        (credited, has_token)
    }

    /// Makes something so. Returns whether it was not so before; if it was, nothing is copied.
    ///
    /// A passkey, an info-hash and a number belong to one each, and the last word counts: a user
    /// or torrent that loses its passkey or info-hash to another one is no longer there.
    pub fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::User(user) => self.put_user(&user),
            Change::UserGone(id) => self.users.remove(id.0, &self.secret).is_some(),
            Change::Torrent(torrent) => self.put_torrent(&torrent),
            Change::TorrentGone(id) => self.remove_torrent(id),
            Change::Client(client) => ClientEntry::new(&client.prefix, client.allow)
                .is_some_and(|entry| self.clients.insert(entry)),
            Change::ClientGone(prefix) => self.clients.remove(&prefix),
            Change::Token(token) => self.tokens.insert(TokenEntry::new(&token), &self.secret),
            Change::TokenGone { user, torrent } => {
                self.tokens.remove((user, torrent), &self.secret)
            }
            Change::Global(global) => {
                let changed = self.global != global;
                self.global = global;
                changed
            }
        }
    }

    fn put_user(&mut self, user: &User) -> bool {
        let entry = UserEntry::new(user, &self.secret);
        if self.users.get(&entry.key(), &self.secret) == Some(&entry) {
            return false;
        }
        self.users.insert(entry, &self.secret);
        true
    }

    fn put_torrent(&mut self, torrent: &Torrent) -> bool {
        let reason = match &torrent.status {
            TorrentStatus::Deleted(reason) => Reason::new(torrent.id, reason),
            TorrentStatus::Registered | TorrentStatus::Unapproved => None,
        };
        let entry = TorrentEntry::new(torrent);
        let same = self.torrents.get(&torrent.info_hash, &self.secret) == Some(&entry)
            && self.reasons.get(&torrent.id, &self.secret) == reason.as_ref();
        if same {
            return false;
        }
        if let Some(displaced) = self.torrents.insert(entry, &self.secret) {
            self.reasons.remove(&displaced.id(), &self.secret);
        }
        match reason {
            Some(reason) => self.reasons.insert(reason, &self.secret),
            None => self.reasons.remove(&torrent.id, &self.secret),
        };
        true
    }

    fn remove_torrent(&mut self, id: TorrentId) -> bool {
        self.reasons.remove(&id, &self.secret);
        self.torrents.remove(id.0, &self.secret).is_some()
    }
}
